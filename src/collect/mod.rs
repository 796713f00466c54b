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
mod latest_day;
mod look;
mod metrics;
mod optional;
mod options;
mod rates;
mod report;
mod schedule;
mod standing;
mod strikes;
mod tenant;
#[cfg(test)]
pub(crate) mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use humantime::format_duration;
use prometheus::Registry;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
};

pub use options::{
    Contact, Discovery, GeoZone, Language, ListedDepartment, Options, Schedule, Tenant,
    UserStatistics,
};

use self::{
    board::Board,
    budget::Budget,
    metrics::{Counted, Metrics},
    optional::{Discovered, Known, Optional},
    tenant::Shared,
};
pub(crate) use self::{
    facts::discovered, latest_day::expected as expected_day, rates::Evidence as RateEvidence,
};
use crate::{
    clock::Clock,
    day::Day,
    exposition::TenantView,
    feishu::{self, Client},
    shutdown::Shutdown,
    snapshot::{Published, TenantStatus},
};

/// After a loop ended by a defect it starts anew after this pause, which doubles with each time.
const RESTART_AFTER: Duration = Duration::from_secs(60);
/// The longest such pause.
const RESTART_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Collects for all tenants and publishes.
pub struct Collector {
    parts: Vec<Part>,
    shared: Shared,
}

/// What a tenant's loop is started with.
#[derive(Clone)]
struct Part {
    options: Tenant,
    client: Arc<Client>,
    budget: Arc<Budget>,
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
    ) -> Result<Self, String> {
        let metrics = Metrics::register(registry);
        let api_metrics = feishu::Metrics::register(registry);
        let prepare = |options: Tenant| {
            let name = &options.name;
            metrics.start(name, &optional::sources(&options));
            // Feishu's quota is counted by month, in the zone in which it counts days.
            let zone = options.geos[0].zone.clone();
            let limit = options.api.limits.requests_per_month;
            let budget = Arc::new(Budget::new(limit, zone, clock.clone()));
            let ledger = Counted {
                tenant: name.clone(),
                budget: Arc::clone(&budget),
                metrics: metrics.clone(),
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
            Ok(Part { options, client: Arc::new(client), budget, channels })
        };
        let parts: Vec<Part> =
            options.tenants.into_iter().map(prepare).collect::<Result<_, String>>()?;
        let budgets = parts.iter().map(|part| Arc::clone(&part.budget)).collect();
        let board = Board::new(published, options.series_limit, metrics.clone(), budgets);
        let board = Arc::new(board);
        Ok(Self { parts, shared: Shared { clock, metrics, board } })
    }

    /// Publishes the first snapshot, in which no department has a day yet.
    pub async fn publish_start(&self) {
        let mut reports = Vec::with_capacity(self.parts.len());
        for index in 0..self.parts.len() {
            let (tenant, _) = self.loops(index);
            let name = &tenant.options.name;
            self.shared.metrics.departments(name, report::counts(&tenant));
            for source in optional::sources(&tenant.options) {
                self.shared.metrics.next(name, source, self.shared.clock.now());
            }
            reports.push(report::report(&tenant));
        }
        self.shared.board.start(reports).await;
    }

    /// Collects until the stop is requested.
    pub async fn run(self, mut shutdown: Shutdown) {
        let mut running = JoinSet::new();
        let mut loops: HashMap<Id, Loop> = HashMap::new();
        for index in 0..self.parts.len() {
            let (statistics, optional) = self.loops(index);
            loops.insert(running.spawn(statistics.run()).id(), Loop::statistics(index));
            loops.insert(running.spawn(optional.run()).id(), Loop::optional(index));
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
            let (statistics, optional) = self.loops(again.index);
            let restarted = if again.is_statistics {
                running.spawn(async move {
                    tokio::time::sleep(pause).await;
                    statistics.run().await;
                })
            } else {
                running.spawn(async move {
                    tokio::time::sleep(pause).await;
                    optional.run().await;
                })
            };
            loops.insert(restarted.id(), again);
        }
    }

    /// Collects once from every source, the latest day or the one given, and publishes nothing.
    pub async fn once(self, day: Option<Day>) -> Vec<Collected> {
        let mut collected = Vec::with_capacity(self.parts.len());
        for index in 0..self.parts.len() {
            let (mut tenant, mut optional) = self.loops(index);
            if tenant.options.discovery.is_some() {
                optional.run_once().await;
                tenant.retarget();
            }
            tenant.only_day = day;
            tenant.look_once().await;
            tenant.tell();
            optional.run_once().await;
            let (view, status) = board::merge(&report::report(&tenant), &optional.report());
            collected.push(Collected { view, status });
        }
        collected
    }

    /// A tenant's two loops, which know nothing yet; they find each other through the tenant's
    /// channels, so that one can start again without the other.
    fn loops(&self, index: usize) -> (tenant::Tenant, Optional) {
        let Part { options, client, budget, channels } = self.parts[index].clone();
        let links = optional::Links {
            client: Arc::clone(&client),
            clock: self.shared.clock.clone(),
            metrics: self.shared.metrics.clone(),
            board: Arc::clone(&self.shared.board),
            index,
            known: channels.known.subscribe(),
            discovered: channels.discovered.clone(),
        };
        let optional = Optional::new(options.clone(), links);
        let links =
            tenant::Links { discovered: channels.discovered.subscribe(), known: channels.known };
        (tenant::Tenant::new(options, client, budget, &self.shared, index, links), optional)
    }
}

/// A loop that runs, and how long it pauses should it end by a defect.
#[derive(Clone, Copy)]
struct Loop {
    index: usize,
    is_statistics: bool,
    pause: Duration,
}

impl Loop {
    fn statistics(index: usize) -> Self {
        Self { index, is_statistics: true, pause: Duration::ZERO }
    }

    fn optional(index: usize) -> Self {
        Self { is_statistics: false, ..Self::statistics(index) }
    }

    /// The same with a longer pause: a defect that comes back must not spend requests without end.
    fn again(self) -> Self {
        Self { pause: (self.pause * 2).clamp(RESTART_AFTER, RESTART_AFTER_MAX), ..self }
    }
}
