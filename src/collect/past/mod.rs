//! One tenant's past: the days of the weeks before are fetched once, and what departments usually
//! do is told from them. A loop beside those of the statistics and the optional sources, which
//! yields to the statistics.

mod backfill;
mod fill;
mod plan;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

pub use self::backfill::{Fetched, PastDays, Plan, Progress};
use self::fill::Manner;
pub(crate) use self::plan::OFFERED_DAYS;
use super::{
    asking::Asked,
    board::Board,
    job::{Job, Source},
    keeping::Keeper,
    latest_day,
    metrics::Metrics,
    optional::{Known, Served},
    options,
    report::is_large_enough,
    tenant::CLOCK_CHECK,
};
use crate::{
    baseline::{Baseline, compared_with},
    clock::Clock,
    day::{Day, after},
    feishu::{Client, Error},
    snapshot::SourceStatus,
    sources::departments::{Ask, Versions},
    store::Extent,
    usage::{Figures, Geo, TOTAL_USERS, Target},
};

/// How long past days are fetched before the baselines found so far are published.
const PROGRESS_AFTER: Duration = Duration::from_secs(20);
/// A list counts however soon it was read: what was late then comes with the live statistics.
const ANY_TIME: i32 = -1;
/// How often days older than `retention` are looked for.
const FORGET_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// The baselines of one tenant, by department and day.
type Baselines = BTreeMap<(Geo, Arc<str>), Vec<(Day, Arc<Baseline>)>>;

/// What the past contributes to the snapshot.
#[derive(Clone, Default)]
pub(super) struct PastReport {
    pub(super) baselines: Baselines,
    pub(super) source: Option<SourceStatus>,
}

/// The loop.
pub(super) struct Past {
    options: options::Tenant,
    clock: Clock,
    metrics: Metrics,
    board: Arc<Board>,
    index: usize,
    known: watch::Receiver<Known>,
    keeper: Keeper,
    manner: Manner,
    job: Job<Ask>,
    baselines: Baselines,
    forgotten: Option<Timestamp>,
    /// Whether the store could not tell what is lacking.
    is_untold: bool,
}

/// What the loop is made of, beside the tenant's options.
pub(super) struct Links {
    pub(super) client: Arc<Client>,
    pub(super) versions: Arc<Versions>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) board: Arc<Board>,
    pub(super) index: usize,
    pub(super) known: watch::Receiver<Known>,
    pub(super) keeper: Keeper,
}

/// Whether a tenant has baselines, given whether it has a store.
pub(super) fn is_on(options: &options::Tenant, has_store: bool) -> bool {
    has_store && options.schedule.baseline_weeks > 0
}

impl Past {
    /// A loop that knows nothing yet.
    pub(super) fn new(options: options::Tenant, links: Links) -> Self {
        let retry = options.schedule.interval;
        Self {
            clock: links.clock,
            metrics: links.metrics,
            board: links.board,
            index: links.index,
            known: links.known,
            keeper: links.keeper,
            manner: Manner {
                client: links.client,
                versions: links.versions,
                with_versions: false,
                // Half of what is allowed, so that the statistics never wait for all.
                at_once: (options.api.limits.concurrency / 2).max(1),
            },
            job: Job::new(Source::Baselines, None, retry),
            baselines: Baselines::new(),
            forgotten: None,
            is_untold: false,
            options,
        }
    }

    /// Fetches for ever; stopped by being dropped.
    pub(super) async fn run(mut self) {
        if !self.keeper.is_there() {
            return;
        }
        // What the store alone tells is there from the start.
        let served = self.known.borrow().served.clone();
        self.compare(&served).await;
        self.publish().await;
        let mut is_news = true;
        loop {
            // Looking for what is lacking asks the store for every department.
            if (is_news || self.has_something_to_do()) && self.run_once().await {
                self.publish().await;
            }
            self.forget().await;
            let now = self.clock.now();
            let next = self.job.due(now).filter(|due| *due > now);
            let left = next.map_or(CLOCK_CHECK, |next| now.duration_until(next).unsigned_abs());
            is_news = tokio::select! {
                () = sleep(left.clamp(Duration::from_millis(1), CLOCK_CHECK)) => false,
                changed = self.known.changed() => match changed {
                    Ok(()) => true,
                    Err(_) => return,
                },
            };
        }
    }

    /// Whether something is due although nothing is new.
    fn has_something_to_do(&self) -> bool {
        let now = self.clock.now();
        self.is_untold || self.keeper.owes() || self.job.due(now).is_some_and(|due| due <= now)
    }

    /// Fetches what baselines lack, and tells whether there is anything new to publish.
    pub(super) async fn run_once(&mut self) -> bool {
        if !is_on(&self.options, self.keeper.is_there()) {
            return false;
        }
        let known = self.known.borrow_and_update().clone();
        if self.keeper.keep_the_rest().await {
            self.baselines.clear();
        }
        let mut any = self.compare(&known.served).await;
        if !known.has_looked || !known.is_reachable {
            return any;
        }
        let lacking = self.lacking(&known).await;
        self.is_untold = lacking.is_none();
        let Some(asks) = lacking else { return any };
        let now = self.clock.now();
        if asks.is_empty() && self.job.last_success.is_none() && !known.targets.is_empty() {
            // There is all that is needed, from before this process.
            self.job.ran(now, None, None);
            self.metrics.succeeded_before(&self.options.name, Source::Baselines, now);
            any = true;
        }
        self.job.wants(now, asks);
        let ready = self.job.ready(now);
        if !ready.is_empty() {
            self.fetch(ready, &known).await;
            any = true;
        }
        any
    }

    /// The baselines of what is served, from the store alone.
    pub(super) async fn compare(&mut self, served: &[Served]) -> bool {
        let schedule = &self.options.schedule;
        let calendar = &self.options.calendar;
        let places: BTreeSet<_> = served.iter().map(Served::place).collect();
        let before = self.baselines.len();
        self.baselines.retain(|place, _| places.contains(place));
        let mut any = self.baselines.len() != before;
        // The next day's as well, so that they are there when it is.
        let days = |served: &Served| [served.day.day, after(served.day.day, 1)];
        let is_known = |served: &Served| {
            self.baselines.get(&served.place()).is_some_and(|known| {
                days(served).iter().all(|day| known.iter().any(|(of, _)| of == day))
            })
        };
        let with_compared = |served: &Served| {
            let compared = |day| compared_with(day, schedule.baseline_weeks, calendar);
            days(served).map(|day| (day, compared(day)))
        };
        let new: Vec<_> = served
            .iter()
            .filter(|served| !is_known(served))
            .map(|served| (served, with_compared(served)))
            .collect();
        let asked = new.iter().map(|(served, days)| {
            let (geo, department_id) = served.place();
            let target = Target { geo, department_id, include_children: served.include_children };
            (target, days.iter().flat_map(|(_, compared)| compared).copied().collect())
        });
        let totals = self.keeper.totals(asked.collect()).await;
        for ((served, days), totals) in new.into_iter().zip(totals) {
            let baselines = days.map(|(day, compared)| {
                let is_compared = |(of, figures): &&(Day, Figures)| {
                    let users = figures.raw(TOTAL_USERS);
                    compared.contains(of)
                        && is_large_enough(users, self.options.min_department_users)
                };
                let totals: Vec<Figures> =
                    totals.iter().filter(is_compared).map(|(_, f)| f.clone()).collect();
                (day, Arc::new(Baseline::over(&totals)))
            });
            self.baselines.insert(served.place(), baselines.into());
            any = true;
        }
        any
    }

    /// What to ask for so that all baselines are known; none if the store cannot tell.
    async fn lacking(&self, known: &Known) -> Option<BTreeSet<Ask>> {
        let schedule = &self.options.schedule;
        let weeks = schedule.baseline_weeks;
        let ranges = known
            .targets
            .iter()
            .map(|(target, held, _)| (target.clone(), after(*held, -7 * i32::from(weeks)), *held));
        let covered = self.keeper.covered(ranges.collect(), Extent::Total, ANY_TIME).await?;
        let mut asks = BTreeSet::new();
        for ((target, held, members), covered) in known.targets.iter().zip(&covered) {
            let oldest = self.oldest(target.geo);
            let compared = [*held, after(*held, 1)]
                .map(|day| compared_with(day, weeks, &self.options.calendar));
            let needed: BTreeSet<Day> =
                compared.concat().into_iter().filter(|day| *day >= oldest).collect();
            let last = after(*held, -1);
            asks.extend(plan::asks(target, &needed, last, covered, *members, plan::PAGES_MAX));
        }
        Some(asks)
    }

    /// The oldest day that is worth asking for: what is older is not kept, or not offered.
    fn oldest(&self, geo: Geo) -> Day {
        let schedule = &self.options.schedule;
        let zone = self.options.geos.iter().find(|g| g.geo == geo).map(|geo| &geo.zone);
        let expected = zone
            .map(|zone| latest_day::expected(self.clock.now(), zone, schedule.ready_at))
            .unwrap_or_default();
        after(expected, 1 - OFFERED_DAYS.min(schedule.retention_days))
    }

    async fn fetch(&mut self, asks: Vec<Ask>, known: &Known) {
        let started = Instant::now();
        let mut progress = Instant::now();
        let mut asking = self.manner.asking(asks, self.metrics.panics.clone());
        let mut is_kept = true;
        while let Some(asked) = asking.next().await {
            let now = self.clock.now();
            match asked {
                Asked::Answered(ask, found) => {
                    let tenant = &self.options.name;
                    self.metrics.rejected(tenant, found.rejected_rows, &found.rejected_values);
                    // If not, it is kept as soon as that is possible, and not asked for again.
                    is_kept &= self.keeper.keep(vec![self.manner.lists(&ask, found, now)]).await;
                    self.job.done(&ask);
                    self.is_old(&ask.target, known);
                }
                Asked::Failed(ask, error) => self.job.failed(&ask, now, &error),
                Asked::Ended => {}
            }
            if progress.elapsed() >= PROGRESS_AFTER {
                self.compare(&known.served).await;
                self.publish().await;
                progress = Instant::now();
            }
        }
        self.compare(&known.served).await;
        self.ended(started, is_kept, asking.failure, asking.ended_by);
    }

    /// Forgets the baselines that a target's new days may change.
    fn is_old(&mut self, target: &Target, known: &Known) {
        if target.include_children {
            for served in known.served.iter().filter(|served| served.include_children) {
                self.baselines.remove(&served.place());
            }
        } else {
            self.baselines.remove(&(target.geo, Arc::clone(&target.department_id)));
        }
    }

    fn ended(
        &mut self,
        started: Instant,
        is_kept: bool,
        failure: Option<Error>,
        ended_by: Option<Error>,
    ) {
        let now = self.clock.now();
        let tenant = self.options.name.as_str();
        let succeeded = failure.is_none();
        self.metrics.collected(tenant, Source::Baselines, now, started.elapsed(), succeeded);
        let is_news = self.job.ran(now, failure.as_ref(), ended_by.as_ref());
        match ended_by.or(failure) {
            Some(error) if is_news => tracing::warn!(
                tenant, class = error.class.as_label(), %error,
                "Past days are incomplete, so some baselines are missing; live values are not \
                 concerned"
            ),
            Some(error) => tracing::debug!(tenant, %error, "Past days are still incomplete"),
            None if is_kept => {
                tracing::info!(tenant, "The past days that baselines need are there");
            }
            // The keeper has told what is wrong.
            None => {}
        }
    }

    /// Removes days that are kept long enough, once a day.
    pub(super) async fn forget(&mut self) {
        let now = self.clock.now();
        let is_due =
            self.forgotten.is_none_or(|at| at > now || now.duration_since(at) >= FORGET_EVERY);
        if !is_due || !self.known.borrow().has_looked {
            return;
        }
        self.forgotten = Some(now);
        let schedule = &self.options.schedule;
        let served_days =
            i32::try_from(schedule.max_age.as_secs() / 86_400 + 1).unwrap_or(i32::MAX);
        self.keeper.forget_old_days(schedule.retention_days, served_days).await;
    }

    pub(super) async fn publish(&self) {
        self.board.publish_past(self.index, self.report()).await;
    }

    /// What is known now.
    pub(super) fn report(&self) -> PastReport {
        let status = SourceStatus {
            source: Source::Baselines.as_label(),
            last_success: self.job.last_success,
            next_attempt: self.job.due(self.clock.now()).or_else(|| self.known.borrow().next_look),
            problem: self.job.problem.clone(),
        };
        let is_on = is_on(&self.options, self.keeper.is_there());
        if let Some(next) = status.next_attempt.filter(|_| is_on) {
            self.metrics.next(&self.options.name, Source::Baselines, next);
        }
        PastReport { baselines: self.baselines.clone(), source: is_on.then_some(status) }
    }
}
