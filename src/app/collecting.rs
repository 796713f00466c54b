//! Collecting by one configuration after another.
//!
//! A reload prepares the next collector beside the one that runs, so that a configuration that
//! cannot be used changes nothing. Then the loops stop, and the new ones take up from the store
//! what these have kept: what is whole is not asked for again, and what was served stays until the
//! new ones publish. Everything that is due is looked at at once.

use std::{convert::Infallible, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use prometheus::{
    Gauge, Registry,
    core::{Collector as Source, Desc},
    proto::MetricFamily,
};
use tokio::{
    task,
    time::{sleep, timeout},
};

use super::{Manager, Moment, Reader, Reload};
use crate::{
    clock::Clock,
    collect::{self, Collector, Storage},
    server::ReloadRequest,
    shutdown::{self, Shutdown},
    snapshot::Published,
    store::Store,
    telemetry::{self, table},
};

/// How long reading a configuration may take: files may lie on a server that does not answer.
const READ_PATIENCE: Duration = Duration::from_secs(20);

/// How many days are kept of an exporter without a store, from one configuration to the next. An
/// older day that is served still is asked for again.
const HANDED_OVER_DAYS: i32 = 3;

/// Where fetched days are.
pub(super) enum Kept {
    /// In a store of their own.
    Lasting(Store),
    /// In memory, from one configuration to the next.
    InMemory { store: Store, was_wanted: bool },
    /// Not even there.
    Nothing,
}

/// What stays while configurations change.
pub(super) struct Collecting {
    kept: Kept,
    published: Published,
    clock: Clock,
    /// The metrics of the running collector: those of a tenant that is gone go with it.
    metrics: Arc<ArcSwap<Registry>>,
    is_valid: Gauge,
    valid_at: Gauge,
}

impl Collecting {
    pub(super) fn new(kept: Kept, registry: &Registry, published: Published, clock: Clock) -> Self {
        let metrics = Arc::new(ArcSwap::from_pointee(Registry::new()));
        registry
            .register(Box::new(OfCollector { current: Arc::clone(&metrics), descriptions: vec![] }))
            .expect("the rooms' metrics have names of their own");
        let is_valid = telemetry::gauge(registry, &table::CONFIG_LOADED);
        let valid_at = telemetry::gauge(registry, &table::CONFIG_LOADED_AT);
        Self { kept, published, clock, metrics, is_valid, valid_at }
    }

    /// Collects until the stop signal.
    ///
    /// # Errors
    /// A sentence, if an option of the first configuration cannot be used here.
    pub(super) async fn run(
        self,
        first: collect::Options,
        reload: Option<Reload>,
        shutdown: Shutdown,
    ) -> Result<(), String> {
        let (mut next, mut waiting) = (self.prepare(first)?, None);
        let mut reload = reload;
        let manager = reload.as_ref().map(|reload| reload.manager);
        let tell = |moment| {
            if let Some(manager) = manager {
                (manager.tell)(moment);
            }
        };
        loop {
            let (collector, metrics) = next;
            collector.publish_start().await;
            self.metrics.store(Arc::new(metrics));
            self.took_effect(waiting.take());
            tell(Moment::Ready);
            let (stop, stopping) = shutdown::channel();
            let mut running = task::spawn(collector.run(stopping));
            let following = tokio::select! {
                () = shutdown.clone().wait() => None,
                following = self.next(reload.as_mut()) => Some(following),
                never = stay_alive(manager) => match never {},
            };
            if following.is_some() {
                tell(Moment::Reloading);
            }
            stop.stop();
            // Its requests under way are given up; whatever it kept is in the store.
            if let Err(defect) = (&mut running).await {
                tracing::error!(%defect, "The collector ended by a defect");
            }
            match following {
                None => return Ok(()),
                Some((prepared, request)) => (next, waiting) = (prepared, Some(request)),
            }
        }
    }

    /// Waits for a configuration that can be used.
    async fn next(&self, reload: Option<&mut Reload>) -> ((Collector, Registry), ReloadRequest) {
        let Some(Reload { read, requests, .. }) = reload else {
            return std::future::pending().await;
        };
        loop {
            let Some(request) = requests.recv().await else { return std::future::pending().await };
            match read_again(read).await.and_then(|options| self.prepare(options)) {
                Ok(prepared) => return (prepared, request),
                Err(why) => {
                    self.is_valid.set(0.0);
                    tracing::error!(
                        problems = why,
                        "The configuration was not reloaded, and the one before stays in force: {why}"
                    );
                    request.answer(Err(why));
                }
            }
        }
    }

    /// A collector for a configuration, with metrics of its own.
    fn prepare(&self, mut options: collect::Options) -> Result<(Collector, Registry), String> {
        let storage = match &self.kept {
            Kept::Lasting(store) => Storage::Store(store),
            Kept::InMemory { store, was_wanted } => {
                for tenant in &mut options.tenants {
                    tenant.schedule.baseline_weeks = 0;
                    tenant.schedule.retention_days = HANDED_OVER_DAYS;
                }
                Storage::HandOver { store, was_wanted: *was_wanted }
            }
            Kept::Nothing => Storage::Unusable,
        };
        let registry = Registry::new();
        let (clock, published) = (self.clock.clone(), self.published.clone());
        let collector = Collector::new(options, &registry, clock, published, storage)?;
        Ok((collector, registry))
    }

    fn took_effect(&self, request: Option<ReloadRequest>) {
        self.is_valid.set(1.0);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit")]
        self.valid_at.set(self.clock.now().as_millisecond() as f64 / 1000.0);
        if let Some(request) = request {
            tracing::info!(
                "The configuration was reloaded; everything that is due is looked at now"
            );
            request.answer(Ok("the configuration was reloaded\n".to_owned()));
        }
    }
}

/// Tells the service manager, as often as it wants, for as long as the runtime's threads still take
/// up new work.
async fn stay_alive(manager: Option<Manager>) -> Infallible {
    let Some((manager, every)) = manager.and_then(|m| Some((m, m.alive_every?))) else {
        return std::future::pending().await;
    };
    loop {
        if task::spawn(task::yield_now()).await.is_ok() {
            (manager.tell)(Moment::Alive);
        }
        sleep(every).await;
    }
}

/// Reads a configuration without holding up anything else.
async fn read_again(read: &Reader) -> Result<collect::Options, String> {
    let read = Arc::clone(read);
    match timeout(READ_PATIENCE, task::spawn_blocking(move || read())).await {
        Ok(Ok(options)) => options,
        Ok(Err(defect)) => Err(format!("reading it ended by a defect: {defect}")),
        Err(_) => Err(format!("it could not be read within {READ_PATIENCE:?}")),
    }
}

/// The metrics of the collector that runs now, within the registry of all.
struct OfCollector {
    current: Arc<ArcSwap<Registry>>,
    descriptions: Vec<Desc>,
}

impl Source for OfCollector {
    /// None beforehand: what is registered depends on the configuration.
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.current.load().gather()
    }
}
