//! The collector: two loops a tenant, one for the statistics and one for the optional sources, all
//! meeting at one board that publishes.
//!
//! What to look at and when is decided by pure functions (`latest_day`, `schedule`, `standing`,
//! `rates`); `look` asks, `report` turns a tenant's state into what is published.

mod asking;
mod board;
mod budget;
mod facts;
mod grouping;
mod job;
mod keeping;
mod latest_day;
mod look;
mod metrics;
mod optional;
mod options;
mod past;
mod pause;
mod rates;
mod report;
mod schedule;
mod standing;
mod strikes;
mod tenant;
#[cfg(test)]
pub(crate) mod tests;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use humantime::format_duration;
use prometheus::Registry;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
};

pub use past::{Fetched, PastDays, Progress};

pub use options::{
    Contact, Discovery, GeoZone, Language, ListedDepartment, Options, Schedule, Tenant,
    UserStatistics,
};

use self::{
    board::{Board, Parts},
    budget::Budget,
    keeping::Keeper,
    metrics::{Counted, Metrics},
    optional::{Discovered, Known, Optional},
    past::{Past, PastReport},
    tenant::Shared,
};
pub(crate) use self::{
    facts::discovered, latest_day::expected as expected_day, past::OFFERED_DAYS,
    rates::Evidence as RateEvidence,
};
use crate::{
    clock::Clock,
    day::Day,
    exposition::TenantView,
    feishu::{self, Client},
    shutdown::Shutdown,
    snapshot::{Published, TenantStatus},
    sources::departments::Versions,
    store::{self, Store},
};

/// After a loop ended by a defect it starts anew after this pause, which doubles with each time.
const RESTART_AFTER: Duration = Duration::from_secs(60);
/// How soon a backfill that begins or ends beside this process is noticed; it waits for longer
/// than this before it asks for anything.
pub(crate) const SHARE_CHECK: Duration = Duration::from_secs(1);
/// The longest such pause.
const RESTART_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Collects for all tenants and publishes.
pub struct Collector {
    parts: Vec<Part>,
    shared: Shared,
    /// Where the store is, unless it is in memory.
    directory: Option<PathBuf>,
}

/// Where fetched days are kept.
#[derive(Clone, Copy, Debug)]
pub enum Storage<'a> {
    /// Nowhere, as was wished.
    Nowhere,
    /// Nowhere, since the store cannot be used.
    Unusable,
    /// There.
    Store(&'a Store),
}

/// What a tenant's loop is started with.
#[derive(Clone)]
struct Part {
    options: Tenant,
    client: Arc<Client>,
    budget: Arc<Budget>,
    keeper: Keeper,
    versions: Arc<Versions>,
    channels: Channels,
}

/// How the two loops of a tenant tell each other what they know.
#[derive(Clone)]
struct Channels {
    known: watch::Sender<Known>,
    discovered: watch::Sender<Discovered>,
}

/// One tenant after a single collection.
pub struct Collected {
    /// What would be published.
    pub view: TenantView,
    /// The facts, among them what failed.
    pub status: TenantStatus,
}

impl Collector {
    /// Prepares the tenants' clients; asks for nothing yet.
    ///
    /// # Errors
    /// A sentence that names the tenant, if its options cannot be used on this machine.
    pub fn new(
        options: Options,
        registry: &Registry,
        clock: Clock,
        published: Published,
        storage: Storage<'_>,
    ) -> Result<Self, String> {
        let store = match storage {
            Storage::Store(store) => Some(store),
            Storage::Nowhere | Storage::Unusable => None,
        };
        // Where nobody wants a store, none is down.
        let metrics = Metrics::register(registry, !matches!(storage, Storage::Nowhere));
        metrics.store_up.set(f64::from(u8::from(store.is_some())));
        let api_metrics = feishu::Metrics::register(registry);
        let prepare = |options: Tenant| {
            let name = &options.name;
            let kept = store.map(|store| store.tenant(name, &options.api.app_id));
            let keeper = Keeper::new(kept, name, metrics.store_up.clone());
            metrics.start(name, &optional::sources(&options, keeper.is_there()));
            // Feishu's quota is counted by month, in the zone in which it counts days.
            let zone = options.geos[0].zone.clone();
            let limit = options.api.limits.requests_per_month;
            let budget = Arc::new(Budget::new(limit, zone, clock.clone()));
            let ledger = Counted {
                tenant: name.clone(),
                budget: Arc::clone(&budget),
                metrics: metrics.clone(),
                keeper: keeper.clone(),
            };
            let client = Client::new(
                options.api.clone(),
                api_metrics.clone(),
                Arc::new(ledger),
                clock.clone(),
            )
            .map_err(|why| format!("tenant {name}: {why}"))?;
            metrics.budget(name, &budget);
            let channels = Channels {
                known: watch::channel(Known::default()).0,
                discovered: watch::channel(Discovered::default()).0,
            };
            let versions = Arc::new(Versions::new(options.versions()));
            let client = Arc::new(client);
            Ok(Part { options, client, budget, keeper, versions, channels })
        };
        let parts: Vec<Part> =
            options.tenants.into_iter().map(prepare).collect::<Result<_, String>>()?;
        let budgets = parts.iter().map(|part| Arc::clone(&part.budget)).collect();
        let board = Board::new(published, options.series_limit, metrics.clone(), budgets);
        let board = Arc::new(board);
        let directory = store.and_then(|store| Some(store.file()?.parent()?.to_owned()));
        Ok(Self { parts, shared: Shared { clock, metrics, board }, directory })
    }

    /// Publishes the first snapshot: what the store holds, before anything is asked.
    pub async fn publish_start(&self) {
        let mut parts = Vec::with_capacity(self.parts.len());
        for index in 0..self.parts.len() {
            let Loops { mut tenant, mut optional, mut past } = self.loops(index);
            // First, since it knows which departments there are beside the listed ones.
            optional.restore().await;
            tenant.retarget();
            tenant.restore().await;
            past.compare(&report::all_served(&tenant)).await;
            let name = &tenant.options.name;
            self.shared.metrics.departments(name, report::counts(&tenant));
            for source in optional::sources(&tenant.options, self.parts[index].keeper.is_there()) {
                self.shared.metrics.next(name, source, self.shared.clock.now());
            }
            tenant.tell_what_is_served();
            parts.push(Parts {
                statistics: report::report(&tenant),
                optional: optional.report(),
                past: past.report(),
            });
        }
        self.shared.board.start(parts).await;
    }

    /// Collects until the stop is requested.
    pub async fn run(self, mut shutdown: Shutdown) {
        let clients: Vec<_> = self.parts.iter().map(|part| Arc::clone(&part.client)).collect();
        if self.directory.as_ref().is_some_and(|directory| store::is_backfill_running(directory)) {
            clients.iter().for_each(|client| client.share_rate(true));
            // Until the backfill has noticed.
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(SHARE_CHECK * 2) => {}
            }
        }
        let mut running = JoinSet::new();
        let mut loops: HashMap<Id, Loop> = HashMap::new();
        for index in 0..self.parts.len() {
            for kind in LoopKind::ALL {
                let started = running.spawn(self.one_loop(index, kind, Duration::ZERO));
                loops.insert(started.id(), Loop { index, kind, pause: Duration::ZERO });
            }
        }
        if let Some(directory) = self.directory.clone() {
            running.spawn(share_rate(directory, clients));
        }
        loop {
            let ended = tokio::select! {
                () = shutdown.requested() => return,
                Some(ended) = running.join_next() => ended,
            };
            let Err(defect) = ended else { continue };
            let Some(ended) = loops.remove(&defect.id()) else { continue };
            let again = ended.again();
            let (name, pause) = (&self.parts[again.index].options.name, again.pause);
            self.shared.metrics.panics.inc();
            tracing::error!(
                tenant = name, %defect, pause = %format_duration(pause),
                "A loop of tenant {name} ended by a defect and starts again in {}",
                format_duration(pause)
            );
            let restarted = running.spawn(self.one_loop(again.index, again.kind, pause));
            loops.insert(restarted.id(), again);
        }
    }

    /// Collects once from every source, the latest day or the one given, and publishes nothing.
    pub async fn once(self, day: Option<Day>) -> Vec<Collected> {
        let mut collected = Vec::with_capacity(self.parts.len());
        for index in 0..self.parts.len() {
            let Loops { mut tenant, mut optional, .. } = self.loops(index);
            if tenant.options.discovery.is_some() {
                optional.run_once().await;
                tenant.retarget();
            }
            tenant.only_day = day;
            tenant.look_once().await;
            tenant.tell();
            optional.run_once().await;
            let statistics = report::report(&tenant);
            let past = PastReport::default();
            let (view, status) =
                board::merge(&Parts { statistics, optional: optional.report(), past });
            collected.push(Collected { view, status });
        }
        collected
    }

    /// One of a tenant's loops, after a pause.
    fn one_loop(
        &self,
        index: usize,
        kind: LoopKind,
        pause: Duration,
    ) -> impl Future<Output = ()> + Send + use<> {
        let Loops { tenant, optional, past } = self.loops(index);
        async move {
            tokio::time::sleep(pause).await;
            match kind {
                LoopKind::Statistics => tenant.run().await,
                LoopKind::Optional => optional.run().await,
                LoopKind::Past => past.run().await,
            }
        }
    }

    /// A tenant's loops, which know nothing yet; they find each other through the tenant's
    /// channels, so that one can start again without the others.
    fn loops(&self, index: usize) -> Loops {
        let Part { options, client, budget, keeper, versions, channels } =
            self.parts[index].clone();
        let links = past::Links {
            client: Arc::clone(&client),
            versions: Arc::clone(&versions),
            clock: self.shared.clock.clone(),
            metrics: self.shared.metrics.clone(),
            board: Arc::clone(&self.shared.board),
            index,
            known: channels.known.subscribe(),
            keeper: keeper.clone(),
        };
        let past = Past::new(options.clone(), links);
        let links = optional::Links {
            client: Arc::clone(&client),
            clock: self.shared.clock.clone(),
            metrics: self.shared.metrics.clone(),
            board: Arc::clone(&self.shared.board),
            index,
            known: channels.known.subscribe(),
            discovered: channels.discovered.clone(),
            keeper: keeper.clone(),
        };
        let optional = Optional::new(options.clone(), links);
        let links = tenant::Links {
            discovered: channels.discovered.subscribe(),
            known: channels.known,
            keeper,
            versions,
        };
        let tenant = tenant::Tenant::new(options, client, budget, &self.shared, index, links);
        Loops { tenant, optional, past }
    }
}

/// The loops of one tenant.
struct Loops {
    tenant: tenant::Tenant,
    optional: Optional,
    past: Past,
}

/// Halves the rate of all tenants while a backfill asks beside this process.
async fn share_rate(directory: PathBuf, clients: Vec<Arc<Client>>) {
    let mut was_shared = false;
    loop {
        let is_shared = store::is_backfill_running(&directory);
        if is_shared != was_shared {
            clients.iter().for_each(|client| client.share_rate(is_shared));
            was_shared = is_shared;
        }
        tokio::time::sleep(SHARE_CHECK).await;
    }
}

/// A loop that runs, and how long it pauses should it end by a defect.
#[derive(Clone, Copy)]
struct Loop {
    index: usize,
    kind: LoopKind,
    pause: Duration,
}

/// Which of a tenant's loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoopKind {
    Statistics,
    Optional,
    Past,
}

impl LoopKind {
    const ALL: [Self; 3] = [Self::Statistics, Self::Optional, Self::Past];
}

impl Loop {
    /// The same with a longer pause: a defect that comes back must not spend requests without end.
    fn again(self) -> Self {
        Self { pause: (self.pause * 2).clamp(RESTART_AFTER, RESTART_AFTER_MAX), ..self }
    }
}
