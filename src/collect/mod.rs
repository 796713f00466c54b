//! The collector: two loops a tenant, one for the statistics and one for the optional sources, all
//! meeting at one board that publishes.
//!
//! What to look at and when is decided by pure functions (`latest_day`, `schedule`, `standing`,
//! `rates`); `look` asks, `report` turns a tenant's state into what is published.

mod asking;
mod board;
mod budget;
pub mod calendar;
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
mod tenant;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use prometheus::Registry;
use tokio::{sync::watch, task::JoinSet};

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
    facts::discovered,
    latest_day::expected as expected_day,
    rates::{Evidence as RateEvidence, USERS as TOTAL_USERS},
};
use crate::{
    clock::Clock,
    day::Day,
    exposition::TenantView,
    feishu::{self, Client},
    shutdown::Shutdown,
    snapshot::{Published, TenantStatus},
};

/// After a tenant's loop ended by a defect, it starts anew after this pause, so that a defect
/// that comes back does not spend requests without end.
const RESTART_AFTER: Duration = Duration::from_secs(60);

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
            Ok(Part { options, client: Arc::new(client), budget })
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
        let mut tenants = HashMap::new();
        for index in 0..self.parts.len() {
            let (statistics, optional) = self.loops(index);
            let both = running.spawn(async move { run_both(statistics, optional).await });
            tenants.insert(both.id(), index);
        }
        loop {
            let ended = tokio::select! {
                () = shutdown.requested() => return,
                Some(ended) = running.join_next() => ended,
            };
            let Err(defect) = ended else { continue };
            let Some(index) = tenants.remove(&defect.id()) else { continue };
            let name = &self.parts[index].options.name;
            self.shared.metrics.panics.inc();
            tracing::error!(
                tenant = name, %defect,
                "The loop of tenant {name} ended by a defect and starts again in {RESTART_AFTER:?}"
            );
            let (statistics, optional) = self.loops(index);
            let again = running.spawn(async move {
                tokio::time::sleep(RESTART_AFTER).await;
                run_both(statistics, optional).await;
            });
            tenants.insert(again.id(), index);
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

    /// A tenant's two loops, which know nothing yet.
    fn loops(&self, index: usize) -> (tenant::Tenant, Optional) {
        let Part { options, client, budget } = self.parts[index].clone();
        let (known_to, known) = watch::channel(Known::default());
        let (discovered_to, discovered) = watch::channel(Discovered::default());
        let links = optional::Links {
            client: Arc::clone(&client),
            clock: self.shared.clock.clone(),
            metrics: self.shared.metrics.clone(),
            board: Arc::clone(&self.shared.board),
            index,
            known,
            discovered: discovered_to,
        };
        let optional = Optional::new(options.clone(), links);
        let links = tenant::Links { discovered, known: known_to };
        (tenant::Tenant::new(options, client, budget, &self.shared, index, links), optional)
    }
}

/// Runs both loops of a tenant; a defect in one ends both.
async fn run_both(statistics: tenant::Tenant, optional: Optional) {
    tokio::join!(statistics.run(), optional.run());
}
