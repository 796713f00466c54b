//! The collector: three loops a tenant, for the department statistics, the optional sources and the
//! past, all meeting at one board that publishes.
//!
//! A loop asks, changes what it knows, and hands a contribution to the board. What to ask and when
//! is decided by pure functions; see `docs/ARCHITECTURE.md`.

mod backfill;
mod backoff;
mod board;
mod branches;
mod budget;
mod context;
mod contribution;
mod current;
mod due;
mod keeping;
mod many;
mod messages;
mod metrics;
mod optional;
mod options;
mod past;
mod problem;
mod sharing;
mod sources;
mod statistics;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use humantime::format_duration;
use prometheus::Registry;
use tokio::{
    sync::Notify,
    task::{Id, JoinSet},
    time::Instant,
};

pub use backfill::{Fetched, PastDays, Plan, Progress};

pub use options::{
    Contact, Discovery, GeoZone, Language, ListedDepartment, Options, Schedule, Tenant,
    UserStatistics,
};

use self::{
    board::{Board, Stored},
    budget::Budget,
    context::Context,
    contribution::Contributions,
    keeping::Keeper,
    messages::Messages,
    metrics::{Counted, Metrics},
    optional::Optional,
    past::Past,
    sharing::Sharing,
    statistics::{Statistics, report},
};
pub(crate) use self::{
    optional::directory::discovered,
    past::plan::OFFERED_DAYS,
    sources::Source,
    statistics::{latest_day::expected as expected_day, rates::Rows as RateRows},
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
    telemetry::{self, table},
};

/// After a loop ended by a defect it starts anew after this pause, which doubles with each time.
const RESTART_AFTER: Duration = Duration::from_secs(60);
/// The longest such pause.
const RESTART_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Collects for all tenants and publishes.
pub struct Collector {
    tenants: Vec<Context>,
    board: Arc<Board>,
    metrics: Metrics,
    /// Where the store is, unless it is in memory.
    directory: Option<PathBuf>,
    /// Told of each request of any tenant.
    requests: Arc<Notify>,
    /// The loops that published the first snapshot, by tenant: they go on with what they know.
    prepared: Mutex<BTreeMap<usize, Loops>>,
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
    /// Nowhere beyond the process: in memory, so that the next configuration takes up what this one
    /// knows.
    HandOver {
        /// That memory.
        store: &'a Store,
        /// Whether there was to be a store that lasts.
        was_wanted: bool,
    },
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
    #[expect(clippy::needless_pass_by_value, reason = "every tenant's loops hold the clock")]
    pub fn new(
        options: Options,
        registry: &Registry,
        clock: Clock,
        published: Published,
        storage: Storage<'_>,
    ) -> Result<Self, String> {
        let store = match storage {
            Storage::Store(store) | Storage::HandOver { store, .. } => Some(store),
            Storage::Nowhere | Storage::Unusable => None,
        };
        // Where nobody wants a store, none is down.
        let is_wanted =
            !matches!(storage, Storage::Nowhere | Storage::HandOver { was_wanted: false, .. });
        let metrics = Metrics::register(registry, is_wanted);
        metrics.store_up.set(f64::from(u8::from(matches!(storage, Storage::Store(_)))));
        // How the memory of a hand-over fares says nothing of a store that could not be opened.
        let store_up = match storage {
            Storage::HandOver { .. } => telemetry::gauge(&Registry::new(), &table::STORE_UP),
            _ => metrics.store_up.clone(),
        };
        let api_metrics = feishu::Metrics::register(registry);
        let budget = |tenant: &Tenant| {
            // Feishu's quota is counted by month, in the zone in which it counts days.
            let (limit, zone) = (tenant.api.limits.requests_per_month, tenant.geos[0].zone.clone());
            Arc::new(Budget::new(limit, zone, clock.clone()))
        };
        let budgets: Vec<Arc<Budget>> = options.tenants.iter().map(budget).collect();
        let keep = |tenant: &Tenant| {
            let kept = store.map(|store| store.tenant(&tenant.name, &tenant.api.app_id));
            Keeper::new(kept, &tenant.name, store_up.clone())
        };
        let keepers: Vec<Keeper> = options.tenants.iter().map(keep).collect();
        let stored = match storage {
            Storage::Store(store) => Stored::In(store.clone(), keepers.clone()),
            _ => Stored::Nowhere { was_wanted: is_wanted },
        };
        let (limit, counts) = (options.series_limit, metrics.clone());
        let board = Arc::new(Board::new(published, limit, counts, budgets.clone(), stored));
        let requests = Arc::new(Notify::new());
        let started = Instant::now();
        let prepare = |(index, ((options, budget), keeper)): (usize, ((Tenant, _), Keeper))| {
            let (name, budget): (_, Arc<Budget>) = (&options.name, budget);
            let metrics = metrics.of(name);
            metrics.start(Source::all().filter(|source| source.is_on(&options, keeper.is_there())));
            metrics.budget(&budget);
            let ledger = Counted {
                budget: Arc::clone(&budget),
                metrics: metrics.clone(),
                keeper: keeper.clone(),
                requests: Arc::clone(&requests),
            };
            let (api, ledger) = (options.api.clone(), Arc::new(ledger));
            let client = Client::new(api, api_metrics.clone(), ledger, clock.clone())
                .map_err(|why| format!("tenant {name}: {why}"))?;
            Ok(Context {
                client: Arc::new(client),
                versions: Arc::new(Versions::new(options.versions())),
                options: Arc::new(options),
                budget,
                keeper,
                clock: clock.clone(),
                metrics,
                messages: Messages::default(),
                board: Arc::clone(&board),
                started,
                index,
            })
        };
        let tenants = options.tenants.into_iter().zip(budgets).zip(keepers).enumerate();
        let tenants = tenants.map(prepare).collect::<Result<_, String>>()?;
        let directory = store.and_then(|store| Some(store.file()?.parent()?.to_owned()));
        Ok(Self { tenants, board, metrics, directory, requests, prepared: Mutex::default() })
    }

    /// Publishes the first snapshot: what the store holds, before anything is asked.
    pub async fn publish_start(&self) {
        let mut all = Vec::new();
        for context in &self.tenants {
            let Loops { mut statistics, mut optional, mut past } = Loops::new(context);
            // First, since it knows which departments there are beside the listed ones.
            optional.restore().await;
            statistics.retarget();
            statistics.restore().await;
            let served = report::all_served(context, &statistics.state);
            past.compare(&served).await;
            past.judge(&served).await;
            context.metrics.departments(report::counts(context, &statistics.state));
            for source in Source::all().filter(|source| context.has(*source)) {
                context.metrics.next(source, context.now());
            }
            statistics.tell_what_is_served();
            let first = report::report(context, &statistics.state).into();
            let others = optional.contributions().into_iter().chain(past.contributions());
            all.extend([first].into_iter().chain(others).map(|part| (context.index, part)));
            self.prepared().insert(context.index, Loops { statistics, optional, past });
        }
        self.board.publish(all).await;
    }

    /// Collects until the stop is requested.
    pub async fn run(self, mut shutdown: Shutdown) {
        let mut running = JoinSet::new();
        if let Some(sharing) = self.sharing(store::is_backfill_running) {
            tokio::select! {
                () = shutdown.requested() => return,
                () = sharing.begin() => {}
            }
            running.spawn(sharing.watch());
        }
        let mut loops: HashMap<Id, Loop> = HashMap::new();
        for (index, context) in self.tenants.iter().enumerate() {
            let prepared = self.prepared().remove(&index);
            let Loops { statistics, optional, past } =
                prepared.unwrap_or_else(|| Loops::new(context));
            for (kind, started) in [
                (LoopKind::Statistics, running.spawn(statistics.run())),
                (LoopKind::Optional, running.spawn(optional.run())),
                (LoopKind::Past, running.spawn(past.run())),
            ] {
                loops.insert(started.id(), Loop { index, kind, pause: Duration::ZERO });
            }
        }
        loop {
            let ended = tokio::select! {
                // Nothing of it goes on, so that another collector may follow.
                () = shutdown.requested() => return running.shutdown().await,
                Some(ended) = running.join_next() => ended,
            };
            let Err(defect) = ended else { continue };
            let Some(ended) = loops.remove(&defect.id()) else { continue };
            let again = ended.again();
            let (name, pause) = (self.tenants[again.index].name(), again.pause);
            self.metrics.panics.inc();
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
        let mut collected = Vec::with_capacity(self.tenants.len());
        for context in &self.tenants {
            let Loops { mut statistics, mut optional, .. } = Loops::new(context);
            if context.options.discovery.is_some() {
                optional.run_once().await;
                statistics.retarget();
            }
            statistics.state.only_day = day;
            statistics.look_once().await;
            statistics.tell();
            optional.run_once().await;
            let mut all = Contributions::default();
            all.put(report::report(context, &statistics.state).into());
            optional.contributions().into_iter().for_each(|part| all.put(part));
            collected.extend(all.merged().map(|(view, status)| Collected { view, status }));
        }
        collected
    }

    /// Fetches what the store lacks of a range of past days, baselines' days included, and keeps
    /// it as it comes: an interrupted fetch goes on where it stopped.
    pub async fn fetch_past(
        self,
        wanted: PastDays,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Vec<Fetched> {
        let mut watching = JoinSet::new();
        if let Some(sharing) =
            self.sharing(store::is_exporter_running).filter(|_| !wanted.plan_only)
        {
            sharing.begin().await;
            watching.spawn(sharing.watch());
        }
        let mut all = Vec::with_capacity(self.tenants.len());
        for context in &self.tenants {
            let Loops { mut statistics, mut optional, .. } = Loops::new(context);
            // What is fresh of the departments found is taken, what is not is looked for.
            optional.restore().await;
            if !wanted.plan_only {
                optional.find_departments().await;
            }
            statistics.retarget();
            statistics.restore().await;
            all.push(backfill::fetch(context, &mut statistics.state, wanted, progress).await);
        }
        all
    }

    fn prepared(&self) -> MutexGuard<'_, BTreeMap<usize, Loops>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shares the rate of all tenants with another process on the same store.
    fn sharing(&self, is_other_running: fn(&Path) -> bool) -> Option<Sharing> {
        let clients = self.tenants.iter().map(|context| Arc::clone(&context.client)).collect();
        let directory = self.directory.clone()?;
        let requests = Arc::clone(&self.requests);
        Some(Sharing { directory, is_other_running, clients, requests })
    }

    /// One of a tenant's loops, which knows nothing yet, after a pause.
    fn one_loop(
        &self,
        index: usize,
        kind: LoopKind,
        pause: Duration,
    ) -> impl Future<Output = ()> + Send + use<> {
        let Loops { statistics, optional, past } = Loops::new(&self.tenants[index]);
        async move {
            tokio::time::sleep(pause).await;
            match kind {
                LoopKind::Statistics => statistics.run().await,
                LoopKind::Optional => optional.run().await,
                LoopKind::Past => past.run().await,
            }
        }
    }
}

/// The loops of one tenant, which know nothing yet; they find each other through the tenant's
/// messages, so that one can start again without the others.
struct Loops {
    statistics: Statistics,
    optional: Optional,
    past: Past,
}

impl Loops {
    fn new(context: &Context) -> Self {
        Self {
            statistics: Statistics::new(context.clone()),
            optional: Optional::new(context.clone()),
            past: Past::new(context.clone()),
        }
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

impl Loop {
    /// The same with a longer pause: a defect that comes back must not spend requests without end.
    fn again(self) -> Self {
        Self { pause: (self.pause * 2).clamp(RESTART_AFTER, RESTART_AFTER_MAX), ..self }
    }
}
