//! Where the contributions of all loops come together and become one snapshot: the only caller of
//! [`Published::publish`].

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, task, time::Instant};

use super::{
    budget::Budget,
    contribution::{Contribution, Contributions},
    keeping::Keeper,
    metrics::Metrics,
    sources::Source,
};
use crate::{
    exposition::{self, LeftOut, Rendered},
    snapshot::{Published, Snapshot, SourceStatus, Status, StoreState, StoreStatus, TenantStatus},
    store::{Contents, Store},
};

/// The share of time that publishing what was found so far may take is one in this many.
const PROGRESS_COST: u32 = 20;

/// The newest contributions to every tenant.
pub(crate) struct Board {
    state: Mutex<State>,
    published: Published,
    series_limit: u64,
    metrics: Metrics,
    /// In the order of the tenants. All loops of a tenant spend from one.
    budgets: Vec<Arc<Budget>>,
    storage: Stored,
}

/// Where fetched days are kept, as the facts tell it.
pub(crate) enum Stored {
    /// Nowhere; whether there was to be a store.
    Nowhere { was_wanted: bool },
    /// There, each tenant through a keeper.
    In(Store, Vec<Keeper>),
}

impl Stored {
    fn status(&self) -> StoreStatus {
        match self {
            Self::Nowhere { was_wanted: false } => StoreStatus::default(),
            Self::Nowhere { was_wanted: true } => {
                StoreStatus { state: StoreState::Unusable, ..StoreStatus::default() }
            }
            Self::In(store, keepers) => {
                let is_failing = keepers.iter().any(Keeper::is_failing);
                let state = if is_failing { StoreState::Failing } else { StoreState::Working };
                let Contents { bytes, days } = store.contents();
                StoreStatus { state, file: store.file().cloned(), bytes, days }
            }
        }
    }
}

#[derive(Default)]
struct State {
    by_tenant: Vec<Contributions>,
    left_out: LeftOut,
}

impl Board {
    #[expect(clippy::cast_precision_loss, reason = "a limit beyond 2^53 series is none")]
    pub(crate) fn new(
        published: Published,
        series_limit: u64,
        metrics: Metrics,
        budgets: Vec<Arc<Budget>>,
        storage: Stored,
    ) -> Self {
        metrics.series_limit.set(series_limit as f64);
        let by_tenant = budgets.iter().map(|_| Contributions::default()).collect();
        let state = Mutex::new(State { by_tenant, left_out: LeftOut::default() });
        Self { state, published, series_limit, metrics, budgets, storage }
    }

    /// Replaces how a source of a tenant stands, and publishes the facts beside the series as they
    /// are: what costs nothing to tell is told at once.
    pub(crate) async fn publish_status(&self, tenant: usize, source: Source, status: SourceStatus) {
        let mut state = self.state.lock().await;
        if let Some(contributions) = state.by_tenant.get_mut(tenant) {
            contributions.put_status(source, status);
        }
        self.publish_facts_of(&state);
    }

    /// Publishes the facts beside the series as they are.
    pub(crate) async fn publish_facts(&self) {
        self.publish_facts_of(&*self.state.lock().await);
    }

    fn publish_facts_of(&self, state: &State) {
        let Some(before) = self.published.current() else { return };
        let tenants = state.by_tenant.iter().map(Contributions::facts);
        let status = self.status(tenants);
        self.published.publish(Snapshot { body: before.body.clone(), status });
    }

    /// The facts of all tenants that there are any of.
    fn status(&self, tenants: impl Iterator<Item = Option<TenantStatus>>) -> Status {
        let counted = tenants.zip(&self.budgets).filter_map(|(status, budget)| {
            let mut status = status?;
            status.requests_this_month = budget.spent();
            Some(status)
        });
        Status { tenants: counted.collect(), store: self.storage.status() }
    }

    /// Replaces contributions to tenants and publishes everything; returns how long that took.
    pub(crate) async fn publish(
        &self,
        contributions: impl IntoIterator<Item = (usize, Contribution)>,
    ) -> Duration {
        let started = Instant::now();
        // Held while rendering, so that snapshots are published in the order of what they hold.
        let mut state = self.state.lock().await;
        for (tenant, contribution) in contributions {
            if let Some(contributions) = state.by_tenant.get_mut(tenant) {
                contributions.put(contribution);
            }
        }
        self.render(&mut state).await;
        started.elapsed()
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 series fit into no memory")]
    async fn render(&self, state: &mut State) {
        let (mut views, mut tenants) = (Vec::new(), Vec::new());
        for contributions in &state.by_tenant {
            let (view, status) = contributions.merged().unzip();
            views.extend(view);
            tenants.push(status);
        }
        let limit = self.series_limit;
        let before = self.published.current().unwrap_or_default();
        // Rendering and compressing millions of series takes seconds of CPU.
        let rendered =
            task::spawn_blocking(move || exposition::render(&views, limit, &before.body)).await;
        let Rendered { body, left_out } = match rendered {
            Ok(rendered) => rendered,
            Err(panicked) => {
                self.metrics.panics.inc();
                tracing::error!(%panicked, "Rendering failed by a defect; the last snapshot stays");
                return;
            }
        };
        let series = body.series;
        if left_out > state.left_out {
            let what = match left_out {
                LeftOut::Nothing => "nothing is",
                LeftOut::Baselines => "baselines and what is judged are",
                LeftOut::Versions => "baselines, what is judged and product versions are",
            };
            tracing::warn!(
                series_limit = limit,
                "More than series_limit ({limit}) series: {what} left out, totals stay"
            );
        }
        state.left_out = left_out;
        let status = self.status(tenants.into_iter());
        self.published.publish(Snapshot { body, status });
        // After the snapshot that they tell of.
        self.metrics.series.set(series as f64);
        let limit_reached = left_out > LeftOut::Nothing;
        self.metrics.series_limit_reached.set(f64::from(u8::from(limit_reached)));
    }
}

/// When what was found so far is published while a long collection goes on: each time after it has
/// gone on for twice as long, so that all that is published meanwhile costs little more than its end.
pub(crate) struct Progress {
    started: Instant,
    wait: Duration,
    published: Instant,
}

impl Progress {
    /// Publishes not before `shortest` has passed.
    pub(crate) fn every(shortest: Duration) -> Self {
        let now = Instant::now();
        Self { started: now, wait: shortest, published: now }
    }

    /// Whether it is time to publish.
    pub(crate) fn is_due(&self) -> bool {
        self.published.elapsed() >= self.wait
    }

    /// How long until then.
    pub(crate) fn left(&self) -> Duration {
        self.wait.saturating_sub(self.published.elapsed())
    }

    /// Notes that publishing took so long.
    pub(crate) fn published(&mut self, took: Duration) {
        self.published = Instant::now();
        self.wait = self.started.elapsed().max(took * PROGRESS_COST);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_collection_is_published_a_few_times() {
        const SECOND: Duration = Duration::from_secs(1);
        let mut progress = Progress::every(5 * SECOND);
        let mut published = Vec::new();
        for second in 1..=600 {
            advance(SECOND).await;
            if progress.is_due() {
                progress.published(Duration::ZERO);
                published.push(second);
            }
        }
        assert_eq!(published, [5, 10, 20, 40, 80, 160, 320]);
        assert_eq!(progress.left(), 40 * SECOND);
        progress.published(30 * SECOND);
        assert_eq!(progress.left(), 600 * SECOND, "a twentieth of the time at most");
    }
}
