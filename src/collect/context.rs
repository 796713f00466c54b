//! What every loop of a tenant shares.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::{
    board::Board, budget::Budget, contribution::Contribution, current::Current, due::Due,
    keeping::Keeper, messages::Messages, metrics::TenantMetrics, options, sources::Source,
};
use crate::{
    clock::Clock,
    feishu::{Client, Error},
    snapshot::{Next, SourceStatus},
    sources::departments::Versions,
};

/// How long a loop sleeps at a time: a step of the wall clock is noticed within it. All loops wake
/// at the same times, so that a process at rest wakes once for all of them.
const CLOCK_CHECK: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 15_000 });

/// One tenant's options, and what its loops ask, keep, publish and speak through.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) options: Arc<options::Tenant>,
    pub(crate) client: Arc<Client>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) keeper: Keeper,
    pub(crate) clock: Clock,
    pub(crate) metrics: TenantMetrics,
    pub(crate) messages: Messages,
    pub(crate) board: Arc<Board>,
    /// From when on the times are counted at which sleeping loops look at the clock.
    pub(crate) started: Instant,
    /// Which of the board's tenants this is.
    pub(crate) index: usize,
}

impl Context {
    /// The label `tenant`.
    pub(crate) fn name(&self) -> &str {
        &self.options.name
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is current now.
    pub(crate) fn current(&self) -> Current {
        Current::at(self.now(), self.options.schedule.max_age)
    }

    /// Whether a source is switched on.
    pub(crate) fn has(&self, source: Source) -> bool {
        source.is_on(&self.options, self.keeper.is_there())
    }

    /// Requests at once beside the statistics: half of what is allowed, so that these never wait
    /// for all.
    pub(crate) fn at_once(&self) -> usize {
        (self.options.api.limits.concurrency / 2).max(1)
    }

    /// Publishes contributions to this tenant; returns how long that took.
    pub(crate) async fn publish(
        &self,
        contributions: impl IntoIterator<Item = Contribution>,
    ) -> Duration {
        self.board.publish(contributions.into_iter().map(|part| (self.index, part))).await
    }

    /// Sleeps until then, but not so long that a step of the clock goes unnoticed.
    pub(crate) async fn sleep_towards(&self, until: Option<Timestamp>) {
        let now = Instant::now();
        let check = next_check(self.started, now);
        let end = until.map_or(check, |at| {
            let left = self.now().duration_until(at).unsigned_abs();
            // Beyond the next check its length does not matter, and it may not fit an instant.
            now + left.clamp(Duration::from_millis(1), CLOCK_CHECK)
        });
        sleep_until(end.min(check)).await;
    }

    /// How a source stands. What has nothing to ask for is asked next when there are new days.
    pub(crate) fn status<K: Ord + Clone>(&self, source: Source, due: &Due<K>) -> SourceStatus {
        let (may_ask, look) = {
            let known = self.messages.known.borrow();
            (known.may_ask(), known.next_look)
        };
        let next_attempt = match (due.next(self.now()), look) {
            _ if due.is_running => Next::Running,
            (Some(next), _) if may_ask => Next::At(next),
            (next, Some(look)) => Next::At(next.map_or(look, |next| next.max(look))),
            (_, None) => Next::AfterStatistics,
        };
        SourceStatus {
            source: source.as_label(),
            configuration_key: source.configuration_key(),
            last_success: due.last_success,
            next_attempt,
            problem: due.problem.clone(),
        }
    }

    /// Tells that a source is being asked for from now on.
    pub(crate) async fn started<K: Ord + Clone>(&self, source: Source, due: &mut Due<K>) {
        due.is_running = true;
        let status = self.status(source, due);
        self.board.publish_status(self.index, source, status).await;
    }

    /// Ends a source's run: counts it, and says what is new about it once.
    pub(crate) fn ended<K: Ord + Clone>(
        &self,
        source: Source,
        due: &mut Due<K>,
        started: Instant,
        failure: Option<Error>,
        ended_by: Option<Error>,
    ) {
        let now = self.now();
        self.metrics.collected(source, now, started.elapsed(), failure.is_none());
        let was_failing = due.problem.is_some();
        let is_news = due.ended(now, failure.as_ref(), ended_by.as_ref());
        if let Next::At(next) = self.status(source, due).next_attempt {
            self.metrics.next(source, next);
        }
        let (tenant, source) = (self.name(), source.as_label());
        match ended_by.or(failure) {
            Some(error) if is_news => tracing::warn!(
                tenant, source, class = error.class.as_label(), %error,
                "Source {source} is incomplete; the department statistics are not affected"
            ),
            Some(error) => tracing::debug!(tenant, source, %error, "Still failing"),
            None if was_failing => {
                tracing::info!(tenant, source, "Source {source} is complete again");
            }
            None => tracing::debug!(tenant, source, "Collected"),
        }
    }
}

/// The next of the times at which all sleeping loops look at the clock.
fn next_check(started: Instant, now: Instant) -> Instant {
    let past = now.saturating_duration_since(started).as_nanos() % CLOCK_CHECK.as_nanos();
    // Less than a check, so it always fits.
    now + CLOCK_CHECK - Duration::from_nanos(u64::try_from(past).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_loops_look_at_the_clock_at_the_same_times() {
        let started = Instant::now();
        let check = |checks: f64| started + CLOCK_CHECK.mul_f64(checks);
        for (now, next) in [(0.0, 1.0), (0.25, 1.0), (0.75, 1.0), (1.0, 2.0), (7.5, 8.0)] {
            assert_eq!(next_check(started, check(now)), check(next), "{now}");
        }
    }
}
