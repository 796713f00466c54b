//! The wiring: what a running exporter is made of, readable top to bottom.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use prometheus::{Registry, process_collector::ProcessCollector};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    clock::Clock,
    collect::{self, Collected, Collector, Fetched, PastDays, Progress, Storage},
    day::Day,
    server::{self, Server},
    shutdown::Shutdown,
    snapshot::Published,
    store::{Role, Store, Unusable},
    telemetry::{self, table},
};

/// What an exporter must be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it collects.
    pub collect: collect::Options,
    /// Where it serves.
    pub server: server::Options,
    /// Where it keeps fetched days.
    pub history: History,
    /// The source revision that it was built from.
    pub revision: &'static str,
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

/// An exporter that listens and is ready, but has asked for nothing yet.
pub struct App {
    collector: Collector,
    server: Server,
}

impl App {
    /// Opens the sockets and the store, and publishes what that holds. A store that cannot be used
    /// costs history and nothing else; the log tells. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A sentence, if an address cannot be listened on or an option cannot be used here.
    pub async fn bind(options: Options, clock: Clock) -> Result<Self, String> {
        let registry = registry(options.revision, &clock);
        let published = Published::nothing();
        let server = server::Options { revision: options.revision, ..options.server };
        let server = Server::bind(server, published.clone(), registry.clone(), clock.clone())
            .map_err(|error| error.to_string())?;
        let store = open(&options.history, &clock).await;
        let storage = match &store {
            _ if options.history == History::Nowhere => Storage::Nowhere,
            Some(store) => Storage::Store(store),
            None => Storage::Unusable,
        };
        let collector = Collector::new(options.collect, &registry, clock, published, storage)?;
        collector.publish_start().await;
        Ok(Self { collector, server })
    }

    /// Where it listens, with the ports that were taken.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.server.local_addrs()
    }

    /// Collects and serves until the stop signal; returns when everything has stopped.
    pub async fn run(self, shutdown: Shutdown) {
        let mut parts = JoinSet::new();
        parts.spawn(self.collector.run(shutdown.clone()));
        parts.spawn(self.server.run(shutdown));
        parts.join_all().await;
    }
}

/// Opens the store of an exporter, if there is to be one and it can be used.
///
/// The process that is replaced by this one may still hold it, so it is tried for a while.
async fn open(history: &History, clock: &Clock) -> Option<Store> {
    let try_once = || match history {
        History::Nowhere => None,
        History::Memory => Some(Store::in_memory(clock.clone())),
        History::Directory(directory) => {
            Some(Store::open(directory, Role::Exporter, clock.clone()))
        }
    };
    let mut store = try_once()?;
    let started = Instant::now();
    while store.as_ref().is_err_and(Unusable::is_in_use) && started.elapsed() < STORE_PATIENCE {
        sleep(STORE_TRY_EVERY).await;
        store = try_once()?;
    }
    match store {
        Ok(store) => Some(store),
        Err(unusable) => {
            tracing::error!(
                %unusable,
                "No history is kept, so there are no baselines, and a restart fetches again"
            );
            None
        }
    }
}

/// Collects once, the latest day or the one given, without serving.
///
/// # Errors
/// A sentence, if an option cannot be used here.
pub async fn collect_once(
    options: collect::Options,
    clock: Clock,
    day: Option<Day>,
) -> Result<Vec<Collected>, String> {
    let collector =
        Collector::new(options, &Registry::new(), clock, Published::nothing(), Storage::Nowhere)?;
    Ok(collector.once(day).await)
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
fn registry(revision: &str, clock: &Clock) -> Registry {
    let registry = Registry::new();
    let build_info = telemetry::gauges(&registry, &table::BUILD_INFO);
    build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), revision]).set(1.0);
    // The configuration was valid, or there would be no registry.
    telemetry::gauge(&registry, &table::CONFIG_LOADED).set(1.0);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit")]
    telemetry::gauge(&registry, &table::CONFIG_LOADED_AT)
        .set(clock.now().as_millisecond() as f64 / 1000.0);
    registry
        .register(Box::new(ProcessCollector::for_self()))
        .expect("nothing else is called process_*");
    registry
}
