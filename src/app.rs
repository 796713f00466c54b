//! The wiring: what a running exporter is made of, readable top to bottom.

use std::net::SocketAddr;

use prometheus::{Registry, process_collector::ProcessCollector};
use tokio::task::JoinSet;

use crate::{
    clock::Clock,
    collect::{self, Collected, Collector},
    day::Day,
    server::{self, Server},
    shutdown::Shutdown,
    snapshot::Published,
    telemetry::{self, table},
};

/// What an exporter must be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it collects.
    pub collect: collect::Options,
    /// Where it serves.
    pub server: server::Options,
    /// The source revision that it was built from.
    pub revision: &'static str,
}

/// An exporter that listens and is ready, but has asked for nothing yet.
pub struct App {
    collector: Collector,
    server: Server,
}

impl App {
    /// Opens the sockets and publishes an empty snapshot. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A sentence, if an address cannot be listened on or an option cannot be used here.
    pub async fn bind(options: Options, clock: Clock) -> Result<Self, String> {
        let registry = registry(options.revision, &clock);
        let published = Published::nothing();
        let server =
            Server::bind(options.server, published.clone(), registry.clone(), clock.clone())
                .map_err(|error| error.to_string())?;
        let collector = Collector::new(options.collect, &registry, clock, published)?;
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

/// Collects once, the latest day or the one given, without serving.
///
/// # Errors
/// A sentence, if an option cannot be used here.
pub async fn collect_once(
    options: collect::Options,
    clock: Clock,
    day: Option<Day>,
) -> Result<Vec<Collected>, String> {
    let collector = Collector::new(options, &Registry::new(), clock, Published::nothing())?;
    Ok(collector.once(day).await)
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
