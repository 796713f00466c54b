//! The wiring: what a running exporter is made of, readable top to bottom.

mod collecting;

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use prometheus::{Registry, proto::MetricFamily};
use tokio::{
    sync::mpsc,
    task,
    time::{Instant, sleep},
};

use self::collecting::{Collecting, Kept};
use crate::{
    clock::Clock,
    collect::{self, Collected, Collector, Fetched, PastDays, Progress, Storage},
    day::Day,
    server::{self, ReloadRequest, Server},
    shutdown::{self, Shutdown},
    snapshot::Published,
    store::{Role, Store, Unusable},
    telemetry::{self, process::Process, table},
};

/// What an exporter must be told.
#[derive(Debug)]
pub struct Options {
    /// What it collects.
    pub collect: collect::Options,
    /// Where it serves.
    pub server: server::Options,
    /// Where it keeps fetched days.
    pub history: History,
    /// How its configuration is read again; none: it is not.
    pub reload: Option<Reload>,
    /// The source revision that it was built from.
    pub revision: &'static str,
}

/// Reads the configuration; else the error holds every mistake in it.
pub type Reader = Arc<dyn Fn() -> Result<collect::Options, String> + Send + Sync>;

/// How a configuration is read again while the exporter runs.
pub struct Reload {
    /// Reads it.
    pub read: Reader,
    /// Who wishes that, one after the other.
    pub requests: mpsc::Receiver<ReloadRequest>,
    /// Who is told of it.
    pub manager: Manager,
}

/// The service manager that started the exporter.
#[derive(Clone, Copy, Debug)]
pub struct Manager {
    /// Tells it of a moment.
    pub tell: fn(Moment),
    /// How often it wants to hear that the exporter is alive; none: never.
    pub alive_every: Option<Duration>,
}

/// What a service manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A first snapshot is served, or a reload is over, whatever came of it.
    Ready,
    /// The configuration is being read again.
    Reloading,
    /// It stops.
    Stopping,
    /// Collecting goes on, and the threads that serve do their work.
    Alive,
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reload")
    }
}

/// How long a store in use is waited for at the start: a process that is replaced by this one
/// stops within five seconds.
const STORE_PATIENCE: Duration = Duration::from_secs(6);
const STORE_TRY_EVERY: Duration = Duration::from_millis(200);

/// Where fetched days are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// Nowhere: there are no baselines, and a restart fetches again.
    Nowhere,
    /// In memory, for as long as the process lives.
    Memory,
    /// In a directory, which is made if it is not there.
    Directory(PathBuf),
}

/// An exporter that listens, and has opened and asked for nothing yet.
pub struct App {
    collect: collect::Options,
    history: History,
    server: Server,
    registry: Registry,
    reload: Option<Reload>,
    published: Published,
    clock: Clock,
}

impl App {
    /// Takes over the sockets. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If a socket cannot be waited for.
    pub fn bind(options: Options, clock: Clock) -> io::Result<Self> {
        let registry = registry(options.revision);
        let published = Published::nothing();
        let Options { collect, history, server, reload, revision } = options;
        let server = server::Options { revision, ..server };
        let server = Server::bind(server, published.clone(), registry.clone(), clock.clone())?;
        Ok(Self { collect, history, server, registry, reload, published, clock })
    }

    /// Where it listens, with the ports that were taken.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.server.local_addrs()
    }

    /// What it serves.
    #[must_use]
    pub fn published(&self) -> Published {
        self.published.clone()
    }

    /// Serves from the first moment on; opens the store, publishes what that holds, and collects,
    /// until the stop signal. Returns when everything has stopped.
    ///
    /// A store that cannot be used costs history and nothing else; the log tells.
    ///
    /// # Errors
    /// A sentence, if an option cannot be used here.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), String> {
        let Self { collect, history, server, registry, reload, published, clock } = self;
        let manager = reload.as_ref().map(|reload| reload.manager);
        let (stop, stopping) = shutdown::channel();
        let serving = tokio::spawn(server.run(stopping));
        let collecting = async {
            let kept = open(&history, &clock).await;
            let collecting = Collecting::new(kept, &registry, published, clock);
            collecting.run(collect, reload, shutdown.clone()).await
        };
        let collected = tokio::select! {
            collected = collecting => collected,
            () = shutdown.clone().wait() => Ok(()),
        };
        if let Some(manager) = manager {
            (manager.tell)(Moment::Stopping);
        }
        stop.stop();
        serving.await.map_err(|defect| format!("serving ended by a defect: {defect}"))?;
        collected
    }
}

/// Opens the store of an exporter, or takes memory in its place.
///
/// The process that is replaced by this one may still hold it, so it is tried for a while.
async fn open(history: &History, clock: &Clock) -> Kept {
    let in_memory = || Store::in_memory(clock.clone());
    let opened = match history {
        History::Nowhere => {
            let in_memory = |store| Kept::InMemory { store, was_wanted: false };
            return Store::in_memory(clock.clone()).map_or(Kept::Nothing, in_memory);
        }
        History::Memory => in_memory(),
        History::Directory(directory) => open_patiently(directory, clock).await,
    };
    opened.map(Kept::Lasting).unwrap_or_else(|unusable| {
        tracing::error!(
            %unusable,
            "No history is kept, so there are no baselines, and a restart fetches again"
        );
        in_memory().map_or(Kept::Nothing, |store| Kept::InMemory { store, was_wanted: true })
    })
}

async fn open_patiently(directory: &Path, clock: &Clock) -> Result<Store, Unusable> {
    let started = Instant::now();
    loop {
        let (directory, clock) = (directory.to_owned(), clock.clone());
        // A slow disk must not hold up those who ask whether the process is healthy.
        let opened =
            task::spawn_blocking(move || Store::open(&directory, Role::Exporter, clock)).await;
        match opened.expect("opening the store does not panic") {
            Err(unusable) if unusable.is_in_use() && started.elapsed() < STORE_PATIENCE => {
                sleep(STORE_TRY_EVERY).await;
            }
            opened => return opened,
        }
    }
}

/// Collects once, the latest day or the one given, without serving. What is counted on the way is
/// registered.
///
/// # Errors
/// A sentence, if an option cannot be used here.
pub async fn collect_once(
    options: collect::Options,
    clock: Clock,
    day: Option<Day>,
    registry: &Registry,
) -> Result<Vec<Collected>, String> {
    let collector =
        Collector::new(options, registry, clock, Published::nothing(), Storage::Nowhere)?;
    Ok(collector.once(day).await)
}

/// The requests to Feishu that were counted in a registry.
#[must_use]
pub fn requests_in(registry: &Registry) -> u64 {
    let families = registry.gather();
    let of_requests = families.iter().filter(|f| f.name() == table::API_REQUESTS.name);
    let counts =
        of_requests.flat_map(MetricFamily::get_metric).map(|m| m.get_counter().get_value());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let requests = counts.sum::<f64>() as u64;
    requests
}

/// Fetches past days that a store lacks, and keeps them there.
///
/// # Errors
/// A sentence, if an option cannot be used here.
pub async fn fetch_past(
    options: collect::Options,
    clock: Clock,
    store: &Store,
    wanted: PastDays,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<Fetched>, String> {
    let nothing = Published::nothing();
    let collector =
        Collector::new(options, &Registry::new(), clock, nothing, Storage::Store(store))?;
    Ok(collector.fetch_past(wanted, progress).await)
}

/// The registry of own metrics, with those that belong to no room.
fn registry(revision: &str) -> Registry {
    let registry = Registry::new();
    let build_info = telemetry::gauges(&registry, &table::BUILD_INFO);
    build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), revision]).set(1.0);
    registry.register(Box::new(Process::this())).expect("nothing else is called process_*");
    registry
}
