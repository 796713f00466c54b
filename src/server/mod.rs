//! The exporter's own pages.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics`, or where configured | the published series and the exporter's own metrics |
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
mod measure;
mod page;
mod pages;
mod paths;
mod places;
mod routes;
mod unsent;
mod write_limit;

use std::{
    io,
    net::{self, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus::Registry;
use tokio::{net::TcpListener, task::JoinSet};

pub use self::control::{ConfigText, ReloadRequest, Reloads, reloads};
use self::{pages::Pages, paths::Paths, places::Places, unsent::Unsent};
use crate::{clock::Clock, shutdown::Shutdown, snapshot::Published};

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
            config: ConfigText::new("# not known yet\n".to_owned()),
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
    /// Connections of one listener at once; more wait in the kernel.
    connections: usize,
    /// For a place among those who are answered.
    places: places::Terms,
}

impl Limits {
    const DEFAULT: Self = Self {
        // Scrapers that ask less often than this reconnect, which costs them a millisecond.
        header_read: Duration::from_secs(30),
        // Longer than any sensible scrape timeout; after it the client has given up.
        write: Duration::from_secs(120),
        // Less than a service manager waits before it kills (systemd 90 s, Kubernetes 30 s).
        drain: Duration::from_secs(5),
        // Hundreds of scrapers and browsers, within the usual 1024 open files.
        connections: 512,
        places: places::Terms {
            wait: Duration::from_secs(1),
            grace: Duration::from_millis(500),
            // A scrape's ten seconds are then enough for 80 MB.
            pace: 8_000_000,
        },
    };
}

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(TcpListener, SocketAddr)>,
    site: Arc<routes::Site>,
    limits: Limits,
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
        Self::bind_with(options, published, registry, clock, Limits::DEFAULT)
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
        let site = routes::Site {
            measure: measure::Measure::register(&registry),
            published,
            registry,
            clock,
            paths: Paths::new(&options.route_prefix, &telemetry_path, &options.external_path),
            max_requests,
            scrapes: Places::new(max_requests, limits.places),
            views: Places::new(max_requests, limits.places),
            html: Pages::new(about.clone(), telemetry_path.clone()),
            json: Pages::new(about, telemetry_path),
            config: options.config,
            reloads: options.reloads,
            unsent: Arc::new(Unsent::default()),
            scraped: Mutex::default(),
        };
        Ok(Self { listeners, site: Arc::new(site), limits })
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
            let site = Arc::clone(&self.site);
            loops.spawn(connections::serve(listener, site, self.limits, shutdown.clone()));
        }
        loops.join_all().await;
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
