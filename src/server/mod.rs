//! The exporter's own pages.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics`, or where configured | the published series and the exporter's own metrics; 503 until something is published |
//! | `/` | the status page for people |
//! | `/departments/…` | one department for people |
//! | `/-/healthy` | 200 while the process works |
//! | `/-/ready` | 503 until something is published, then 200 |
//! | `/-/reload` | has the configuration read again, where that is enabled |
//! | `/config` | the running configuration, without secrets |
//! | `/api/v1/status` | what the status page shows, as JSON |
//!
//! Every answer but that to a reload is made from memory: nothing else waits for the collector or
//! calls Feishu.
//! Everything that a client can hold on to has a limit.

mod body;
mod connections;
mod control;
mod document;
mod measure;
mod page;
mod pages;
mod paths;
mod places;
mod routes;
mod shared;
mod slots;
mod unsent;
mod write_limit;

use std::{
    io,
    net::{self, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use prometheus::Registry;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time::sleep};

pub use self::control::{ConfigText, ReloadRequest, Reloads, reloads};
use self::{
    pages::Pages, paths::Paths, places::Places, shared::Shared, slots::Slots, unsent::Unsent,
};
use crate::{
    clock::Clock,
    shutdown::Shutdown,
    snapshot::Published,
    web::{Access, LOOK_EVERY, Look},
};

/// What the server must be told.
#[derive(Debug)]
pub struct Options {
    /// The sockets that it answers on; they listen already.
    pub sockets: Vec<net::TcpListener>,
    /// Where the metrics are; begins with a slash.
    pub telemetry_path: String,
    /// Scrapes at once, and pages for people; more get 503. 0: no limit.
    pub max_requests: usize,
    /// The path below which all pages are, such as `/feishu`; empty: none.
    pub route_prefix: String,
    /// The path under which a browser reaches the pages; the same, unless a proxy changes it.
    pub external_path: String,
    /// Where reloads are asked for; none: they are refused over HTTP.
    pub reloads: Option<Reloads>,
    /// What `/config` shows.
    pub config: ConfigText,
    /// Who may read, and over what.
    pub access: Arc<Access>,
    /// The revision that the pages name.
    pub revision: &'static str,
}

impl Options {
    /// The usual options, on these sockets.
    #[must_use]
    pub fn on(sockets: Vec<net::TcpListener>) -> Self {
        Self {
            sockets,
            telemetry_path: "/metrics".to_owned(),
            max_requests: 40,
            route_prefix: String::new(),
            external_path: String::new(),
            reloads: None,
            config: ConfigText::new("# not known yet\n".to_owned(), None, Timestamp::UNIX_EPOCH),
            access: Arc::new(Access::open()),
            revision: "unknown",
        }
    }
}

/// How long and how often a client may make the server wait.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// For a whole request head, and for the next one on an idle connection.
    header_read: Duration,
    /// For the client to take what was written to it.
    write: Duration,
    /// For requests that are being answered when the server stops.
    drain: Duration,
    /// For a client and the server to agree on TLS, and for a probe in the reserve.
    handshake: Duration,
    /// For a connection; after it the client has to come again.
    life: Duration,
    /// How many connections there may be.
    room: slots::Room,
    /// Bytes that clients may leave unread together, or three times the newest snapshot.
    unsent: usize,
    /// For a place among those who are answered.
    places: places::Terms,
    /// For the first snapshot.
    first: Duration,
}

impl Limits {
    const DEFAULT: Self = Self {
        // Scrapers that ask less often than this reconnect, which costs them a millisecond.
        header_read: Duration::from_secs(30),
        // Longer than any sensible scrape timeout; after it the client has given up.
        write: Duration::from_secs(120),
        // Less than a service manager waits before it kills (systemd 90 s, Kubernetes 30 s).
        drain: Duration::from_secs(5),
        // Three round trips around the world take less than a second.
        handshake: Duration::from_secs(10),
        // Certificates and users that were taken away are gone soon, and memory is tidied up.
        life: Duration::from_secs(600),
        room: slots::Room {
            // Hundreds of scrapers and browsers, within the usual 1024 open files.
            connections: 512,
            // A proxy brings many; and yet somebody else still gets in.
            from_one_peer: 256,
            reserve: 16,
            // Answers to readers that read take milliseconds.
            answering: Duration::from_millis(100),
        },
        unsent: 64 * 1024 * 1024,
        places: places::Terms {
            wait: Duration::from_secs(1),
            grace: Duration::from_millis(500),
            // A scrape's ten seconds are then enough for 80 MB.
            pace: 8_000_000,
        },
        // Reading a store takes milliseconds; scrapes give up after 10 s, or 5 s where that is set.
        first: Duration::from_secs(4),
    };
}

impl Limits {
    /// The same with as many connections as open files allow: half of them, the others are for the
    /// store, the log and the API.
    fn within(self, open_files: Option<u64>) -> Self {
        let half = open_files.and_then(|files| usize::try_from(files / 2).ok());
        let connections = half.unwrap_or(usize::MAX).clamp(8, self.room.connections);
        let room = slots::Room {
            connections,
            from_one_peer: self.room.from_one_peer.min(connections / 2),
            reserve: self.room.reserve.min(connections / 4),
            ..self.room
        };
        Self { room, ..self }
    }
}

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(TcpListener, SocketAddr)>,
    gate: Arc<connections::Gate>,
    measure: Arc<measure::Measure>,
}

impl Server {
    /// Takes over the sockets of the options. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If a socket cannot be waited for.
    pub fn bind(
        options: Options,
        published: Published,
        registry: Registry,
        clock: Clock,
    ) -> io::Result<Self> {
        let open_files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let limits = Limits::DEFAULT.within(open_files);
        Self::bind_with(options, published, registry, clock, limits)
    }

    fn bind_with(
        options: Options,
        published: Published,
        registry: Registry,
        clock: Clock,
        limits: Limits,
    ) -> io::Result<Self> {
        let listeners = options.sockets.into_iter().map(take_over).collect::<io::Result<_>>()?;
        let Options { telemetry_path, max_requests, .. } = options;
        let about = page::About {
            version: env!("CARGO_PKG_VERSION"),
            revision: options.revision,
            started: clock.now(),
        };
        let measure = Arc::new(measure::Measure::register(&registry));
        measure.limit(limits.room.connections);
        let site = routes::Site {
            measure: Arc::clone(&measure),
            published,
            registry,
            clock,
            paths: Paths::new(&options.route_prefix, &telemetry_path, &options.external_path),
            max_requests,
            scrapes: Places::new(max_requests, limits.places),
            first: limits.first,
            shared: Shared::new(),
            views: Places::new(max_requests, limits.places),
            html: Pages::new(about.clone(), telemetry_path.clone()),
            json: Pages::new(about, telemetry_path),
            config: options.config,
            reloads: options.reloads,
            unsent: Arc::new(Unsent::default()),
            unsent_max: limits.unsent,
            scraped: Mutex::default(),
        };
        let gate = connections::Gate {
            site,
            access: options.access,
            slots: Arc::new(Slots::new(limits.room, Arc::clone(&measure))),
            limits,
            handshakes: Semaphore::new(1),
        };
        Ok(Self { listeners, gate: Arc::new(gate), measure })
    }

    /// Where it listens, with the ports that were taken.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|&(_, address)| address).collect()
    }

    /// Answers until the stop signal, then finishes what is being answered, within a deadline.
    pub async fn run(self, shutdown: Shutdown) {
        let mut loops = JoinSet::new();
        for (listener, _) in self.listeners {
            loops.spawn(connections::serve(listener, Arc::clone(&self.gate), shutdown.clone()));
        }
        if self.gate.access.has_files() {
            loops.spawn(watch(Arc::clone(&self.gate.access), self.measure, shutdown));
        }
        loops.join_all().await;
    }
}

/// Has the files of the web configuration looked at until the stop signal.
async fn watch(access: Arc<Access>, measure: Arc<measure::Measure>, mut shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            () = sleep(LOOK_EVERY) => {}
        }
        match access.look().await {
            Look::Same => {}
            Look::Renewed => measure.web_config_read(true),
            Look::Kept => measure.web_config_read(false),
        }
    }
}

/// A socket as the runtime waits for it, with its address.
fn take_over(socket: net::TcpListener) -> io::Result<(TcpListener, SocketAddr)> {
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests;
