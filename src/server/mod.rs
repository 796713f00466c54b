//! The exporter's own pages.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics`, or where configured | the published series and the exporter's own metrics |
//! | `/` | the status page for people |
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
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus::Registry;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinSet,
};

pub use self::control::{ConfigText, ReloadRequest, Reloads, reloads};
use self::{pages::Page, paths::Paths, places::Places, unsent::Unsent};
use crate::{clock::Clock, shutdown::Shutdown, snapshot::Published};

/// Connections that the kernel holds ready while the server is busy.
const BACKLOG: u32 = 1024;

/// What the server must be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens, for each address the alternatives, of which the first that can be had is
    /// taken; port 0 takes any free port.
    pub listen: Vec<Vec<SocketAddr>>,
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
}

impl Options {
    /// The usual options, at these addresses.
    #[must_use]
    pub fn at(listen: Vec<Vec<SocketAddr>>) -> Self {
        Self {
            listen,
            telemetry_path: "/metrics".to_owned(),
            max_requests: 40,
            route_prefix: String::new(),
            external_path: String::new(),
            reloads: None,
            config: ConfigText::new("# not known yet\n".to_owned()),
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
    /// Listens on every address of the options. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If an address cannot be listened on; the error names it.
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
        let listeners = options
            .listen
            .iter()
            .map(|alternatives| listen_on_first(alternatives))
            .collect::<io::Result<_>>()?;
        let Options { telemetry_path, max_requests, .. } = options;
        let html = pages::Kind::Html { telemetry_path: telemetry_path.clone() };
        let site = routes::Site {
            measure: measure::Measure::register(&registry),
            published,
            registry,
            clock,
            paths: Paths::new(&options.route_prefix, &telemetry_path, &options.external_path),
            max_requests,
            scrapes: Places::new(max_requests, limits.places),
            views: Places::new(max_requests, limits.places),
            status_page: Page::new(html),
            status_json: Page::new(pages::Kind::Json),
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

/// Takes the first of the alternatives that can be listened on; the error is that of the first.
fn listen_on_first(alternatives: &[SocketAddr]) -> io::Result<(TcpListener, SocketAddr)> {
    let mut first_error = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
    for (tried, &address) in alternatives.iter().enumerate() {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) if tried == 0 => {
                let text = format!("cannot listen on {address}: {error}");
                first_error = io::Error::new(error.kind(), text);
            }
            Err(_) => {}
        }
    }
    Err(first_error)
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the connections of the process before it to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

#[cfg(test)]
mod tests;
