//! The loop of one tenant's past: the days of the weeks before are fetched once, and what
//! departments usually do is worked out from them. It yields to the statistics.

pub(crate) mod fill;
mod judging;
pub(crate) mod plan;
mod together;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{sync::watch, time::Instant};

use self::{
    fill::Fill,
    judging::Judgements,
    plan::OFFERED_DAYS,
    together::{Lack, Planned, planned},
};
use super::{
    board::Progress,
    context::Context,
    contribution::{Baselines, Contribution, OfSource},
    due::Due,
    many::Many,
    messages::{Known, Served},
    sources::Source,
    statistics::{latest_day, standing::REASKS_MAX},
};
use crate::{
    baseline::{Baseline, compared_with},
    clock::later,
    day::{Day, after},
    snapshot::Next,
    sources::departments::{Ask, Found, FoundDay},
    store::{Extent, Lists},
    usage::{Figures, Geo, TOTAL_USERS, Target},
};

/// How long past days are fetched before the baselines found so far are published.
const PROGRESS_AFTER: Duration = Duration::from_secs(20);
/// A list counts however soon it was read: what was late then comes with the live statistics.
const ANY_TIME: i32 = -1;
/// How often days older than `retention` are looked for.
const FORGET_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// The loop.
pub(crate) struct Past {
    context: Context,
    known: watch::Receiver<Known>,
    fill: Fill,
    due: Due<Ask>,
    baselines: Baselines,
    judgements: Judgements,
    /// Whether days came that the judgements do not know.
    has_new_past: bool,
    forgotten: Option<Timestamp>,
    /// Whether the store could not say what is lacking.
    is_unclear: bool,
    /// How often days were asked for whose answer could not be read in full.
    damaged: BTreeMap<(Target, Day), u8>,
    /// When such days are asked for again.
    again: Option<Timestamp>,
    /// Which requests are made for several targets.
    together: BTreeMap<Ask, Vec<Target>>,
    /// Heads of branches that cannot be asked for at once.
    apart: BTreeSet<Arc<str>>,
}

impl Past {
    /// A loop that knows nothing yet.
    pub(crate) fn new(context: Context) -> Self {
        Self {
            known: context.messages.known.subscribe(),
            fill: Fill::new(&context, false),
            due: Due::new(None, context.options.schedule.interval),
            baselines: BTreeMap::new(),
            judgements: Judgements::default(),
            has_new_past: true,
            forgotten: None,
            is_unclear: false,
            damaged: BTreeMap::new(),
            again: None,
            together: BTreeMap::new(),
            apart: BTreeSet::new(),
            context,
        }
    }

    /// Fetches for ever; stopped by being dropped.
    pub(crate) async fn run(mut self) {
        if !self.context.keeper.is_there() {
            return;
        }
        // What the store alone tells is there from the start.
        self.work_out().await;
        self.publish().await;
        let mut is_news = true;
        loop {
            // Looking for what is lacking asks the store for every department.
            if (is_news || self.has_something_to_do()) && self.run_once().await {
                self.publish().await;
            }
            self.forget().await;
            let now = self.context.now();
            let next = self.due.next(now).filter(|next| *next > now);
            is_news = tokio::select! {
                () = self.context.sleep_towards(next) => false,
                Ok(()) = self.known.changed() => true,
            };
        }
    }

    /// What follows from the store alone, for what is served now.
    async fn work_out(&mut self) {
        let served = self.known.borrow().served.clone();
        self.compare(&served).await;
        self.judge(&served).await;
    }

    /// Whether something is due although nothing is new.
    fn has_something_to_do(&self) -> bool {
        let now = self.context.now();
        self.is_unclear
            || self.again.is_some_and(|at| at <= now)
            || self.context.keeper.has_unsaved()
            || self.due.next(now).is_some_and(|next| next <= now)
    }

    /// Fetches what baselines lack, and tells whether there is anything new to publish.
    pub(crate) async fn run_once(&mut self) -> bool {
        if !self.context.has(Source::Baselines) {
            return false;
        }
        let known = self.known.borrow_and_update().clone();
        if self.context.keeper.keep_unsaved().await {
            self.baselines.clear();
            self.has_new_past = true;
        }
        let mut any = self.compare(&known.served).await;
        any |= self.judge(&known.served).await;
        if !known.may_ask() {
            return any;
        }
        let lacking = self.lacking(&known).await;
        self.is_unclear = lacking.is_none();
        let Some(Planned { asks, together }) = lacking else { return any };
        self.together = together;
        let now = self.context.now();
        if asks.is_empty() && self.due.last_success.is_none() && !known.targets.is_empty() {
            // There is all that is needed, from before this process.
            self.due.ended(now, None, None);
            self.context.metrics.succeeded_before(Source::Baselines, now);
            any = true;
        }
        self.due.want(now, asks);
        self.again = self.again.filter(|at| now < *at);
        let ready = self.due.ready(now);
        if !ready.is_empty() {
            self.fetch(ready, &known).await;
            any = true;
        }
        any
    }

    /// The baselines of what is served, from the store alone.
    pub(crate) async fn compare(&mut self, served: &[Served]) -> bool {
        let schedule = &self.context.options.schedule;
        let calendar = &self.context.options.calendar;
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
        any |= !new.is_empty();
        for new in new.chunks(judging::READ_AT_ONCE) {
            let asked = new.iter().map(|(served, days)| {
                let (geo, department_id) = served.place();
                let include_children = served.include_children;
                let compared = days.iter().flat_map(|(_, compared)| compared).copied();
                (Target { geo, department_id, include_children }, compared.collect())
            });
            let totals = self.context.keeper.totals(asked.collect()).await;
            for ((served, days), totals) in new.iter().zip(totals) {
                let baselines = days.each_ref().map(|(day, compared)| {
                    let is_compared = |(of, figures): &&(Day, Figures)| {
                        let users = figures.raw(TOTAL_USERS);
                        compared.contains(of) && self.context.options.publishes(users)
                    };
                    let totals: Vec<Figures> =
                        totals.iter().filter(is_compared).map(|(_, f)| f.clone()).collect();
                    (*day, Arc::new(Baseline::over(&totals)))
                });
                self.baselines.insert(served.place(), baselines.into());
            }
        }
        any
    }

    /// What to ask for so that all baselines are known; none if the store cannot tell.
    async fn lacking(&self, known: &Known) -> Option<Planned> {
        let schedule = &self.context.options.schedule;
        let weeks = schedule.baseline_weeks;
        let ranges = known
            .targets
            .iter()
            .map(|(target, held, _)| (target.clone(), self.first_day(*held), *held));
        let mut covered =
            self.context.keeper.covered(ranges.collect(), Extent::Total, ANY_TIME).await?;
        // Days that came damaged wait for their time.
        let now = self.context.now();
        if self.again.is_some_and(|at| now < at) {
            for ((target, _, _), covered) in known.targets.iter().zip(&mut covered) {
                let waiting = self.damaged.keys().filter(|(of, _)| of == target);
                covered.extend(waiting.map(|(_, day)| *day));
            }
        }
        let mut lacks = Vec::with_capacity(covered.len());
        for ((target, held, members), covered) in known.targets.iter().zip(covered) {
            let oldest = self.oldest(target.geo);
            let compared = [*held, after(*held, 1)]
                .map(|day| compared_with(day, weeks, &self.context.options.calendar));
            let mut needed: BTreeSet<Day> =
                compared.concat().into_iter().filter(|day| *day >= oldest).collect();
            if schedule.judgement {
                // With it, all days since then.
                needed.insert(self.first_day(*held).max(oldest));
            }
            let (target, last, members) = (target.clone(), after(*held, -1), *members);
            lacks.push(Lack { target, needed, last, covered, members });
        }
        let tree = self.context.messages.discovered.borrow().tree.clone();
        Some(planned(&lacks, tree.as_deref().filter(|_| known.may_group), &self.apart))
    }

    /// The first day that is needed, where that is the newest day held.
    fn first_day(&self, held: Day) -> Day {
        let schedule = &self.context.options.schedule;
        let weeks = 7 * i32::from(schedule.baseline_weeks);
        after(held, -if schedule.judgement { weeks.max(OFFERED_DAYS) } else { weeks })
    }

    /// The oldest day that is worth asking for: what is older is not kept, or not offered.
    fn oldest(&self, geo: Geo) -> Day {
        let schedule = &self.context.options.schedule;
        let zone = self.context.options.geos.iter().find(|g| g.geo == geo).map(|geo| &geo.zone);
        let expected = zone
            .map(|zone| latest_day::expected(self.context.now(), zone, schedule.ready_at))
            .unwrap_or_default();
        after(expected, 1 - OFFERED_DAYS.min(schedule.retention_days))
    }

    async fn fetch(&mut self, asks: Vec<Ask>, known: &Known) {
        let started = Instant::now();
        self.context.started(Source::Baselines, &mut self.due).await;
        let mut progress = Progress::every(PROGRESS_AFTER);
        let mut requests = Many::new(self.context.at_once(), self.context.metrics.panics());
        requests.extend(asks);
        let mut is_kept = true;
        while let Some((ask, answer)) = requests.next(|ask| self.fill.ask(ask)).await {
            let now = self.context.now();
            match answer {
                Ok(found) => {
                    self.context.metrics.rejected(found.rejected_rows, &found.rejected_values);
                    // If not, it is kept as soon as that is possible, and not asked for again.
                    let (lists, missing) = self.answered(&ask, found, known, now);
                    is_kept &= self.context.keeper.keep(lists).await;
                    self.due.answered(&ask);
                    requests.extend(missing);
                }
                Err(error)
                    if self.together.contains_key(&ask) && !error.reach.concerns_endpoint() =>
                {
                    tracing::debug!(%error, "Asking together failed; asking for each alone");
                    self.apart.insert(Arc::clone(&ask.target.department_id));
                    self.due.answered(&ask);
                    requests.extend(self.alone(&ask));
                }
                Err(error) => {
                    if !requests.concerns_all(&error, self.due.is_failing(&ask)) {
                        self.due.failed(&ask, now, &error);
                    }
                }
            }
            if progress.is_due() {
                self.compare(&known.served).await;
                progress.published(self.publish().await);
            }
        }
        self.compare(&known.served).await;
        self.judge(&known.served).await;
        // Where it is not kept, the keeper has said what is wrong.
        let is_complete = is_kept && requests.failure.is_none();
        let Many { failure, ended_by, .. } = requests;
        self.context.ended(Source::Baselines, &mut self.due, started, failure, ended_by);
        if is_complete {
            tracing::info!(tenant = self.context.name(), "The past days for baselines are there");
        }
    }

    /// What is to be kept of an answer, and what is to be asked for instead of what it lacks.
    fn answered(
        &mut self,
        ask: &Ask,
        mut found: Found,
        known: &Known,
        now: Timestamp,
    ) -> (Vec<Lists>, Vec<Ask>) {
        if !self.together.contains_key(ask) {
            let again = self.damaged(ask, &found, now);
            self.is_old(&ask.target, known);
            return (vec![self.fill.lists(ask, found, &again, now)], Vec::new());
        }
        let mut by_department: BTreeMap<Arc<str>, Vec<FoundDay>> = BTreeMap::new();
        for day in std::mem::take(&mut found.days) {
            by_department.entry(Arc::clone(&day.day.department_id)).or_default().push(day);
        }
        let (mut lists, mut missing) = (Vec::new(), Vec::new());
        for ask in self.alone(ask) {
            // Only its own answer tells of one that has no row.
            let Some(days) = by_department.remove(&ask.target.department_id) else {
                missing.push(ask);
                continue;
            };
            let own = Found { days, ..Found::default() };
            let again = self.damaged(&ask, &own, now);
            lists.push(self.fill.lists(&ask, own, &again, now));
            self.is_old(&ask.target, known);
        }
        (lists, missing)
    }

    /// The requests for each of those for whom one is made.
    fn alone(&self, ask: &Ask) -> Vec<Ask> {
        let targets = self.together.get(ask).into_iter().flatten();
        targets.map(|target| Ask { target: target.clone(), ..ask.clone() }).collect()
    }

    /// The days of an answer that hold values which could not be read, or contradict each other:
    /// they are asked for again as live days are.
    fn damaged(&mut self, ask: &Ask, found: &Found, now: Timestamp) -> BTreeSet<Day> {
        let is_damaged = |found: &&FoundDay| found.malformed || found.contradicted;
        let days: BTreeSet<Day> =
            found.days.iter().filter(is_damaged).map(|found| found.day.day).collect();
        let again = days.into_iter().filter(|day| {
            let asked = self.damaged.entry((ask.target.clone(), *day)).or_insert(0);
            *asked += 1;
            *asked <= REASKS_MAX
        });
        let again: BTreeSet<Day> = again.collect();
        if !again.is_empty() {
            self.again = Some(later(now, self.context.options.schedule.interval));
        }
        again
    }

    /// Forgets the baselines that a target's new days may change.
    fn is_old(&mut self, target: &Target, known: &Known) {
        self.has_new_past = true;
        if target.include_children {
            for served in known.served.iter().filter(|served| served.include_children) {
                self.baselines.remove(&served.place());
            }
        } else {
            self.baselines.remove(&(target.geo, Arc::clone(&target.department_id)));
        }
    }

    /// Removes days that are kept long enough, once a day.
    pub(crate) async fn forget(&mut self) {
        let now = self.context.now();
        let is_due =
            self.forgotten.is_none_or(|at| at > now || now.duration_since(at) >= FORGET_EVERY);
        if !is_due || !self.known.borrow().has_looked {
            return;
        }
        self.forgotten = Some(now);
        let schedule = &self.context.options.schedule;
        let served_days =
            i32::try_from(schedule.max_age.as_secs() / 86_400 + 1).unwrap_or(i32::MAX);
        self.context.keeper.forget_old_days(schedule.retention_days, served_days).await;
    }

    /// Publishes what is known now; returns how long that took.
    pub(crate) async fn publish(&self) -> Duration {
        self.context.publish(self.contributions()).await
    }

    /// What is known now.
    pub(crate) fn contributions(&self) -> Vec<Contribution> {
        if !self.context.has(Source::Baselines) {
            return Vec::new();
        }
        let mut of_source = OfSource::new(self.context.status(Source::Baselines, &self.due));
        of_source.samples.clone_from(&self.judgements.samples);
        of_source.judged.clone_from(&self.judgements.judged);
        if let Next::At(next) = of_source.status.next_attempt {
            self.context.metrics.next(Source::Baselines, next);
        }
        vec![
            Contribution::Baselines(self.baselines.clone()),
            Contribution::Recents(self.judgements.recents.clone()),
            (Source::Baselines, of_source).into(),
        ]
    }
}
