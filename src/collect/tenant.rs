//! One tenant's loop: look at what is due, publish, wait.

mod restoring;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use humantime::format_duration;
use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    board::Board,
    budget::Budget,
    grouping::Meaning,
    job::Source,
    keeping::Keeper,
    look::{Looked, look},
    metrics::Metrics,
    optional::{Discovered, Known},
    options,
    pause::Pause,
    rates::Evidence,
    report,
    schedule::{self, JITTER_MAX, Plan, failure_wait, is_feishu_quota, later},
    standing::{Standing, is_news, problem},
    strikes::{concerns_every_endpoint, is_missing_scope},
};
use crate::{
    clock::Clock,
    day::{Day, Zone},
    feishu::{Class, Client, Error},
    snapshot::Problem,
    sources::{
        departments::{Found, Versions},
        directory::Tree,
    },
    store::Lists,
    usage::{Geo, RateScale, Target},
};

/// How long the loop sleeps at a time: a step of the wall clock is noticed within it.
pub(super) const CLOCK_CHECK: Duration = Duration::from_secs(15);

/// One tenant and all that is known of it.
pub(super) struct Tenant {
    pub(super) options: options::Tenant,
    pub(super) client: Arc<Client>,
    pub(super) versions: Arc<Versions>,
    pub(super) budget: Arc<Budget>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) groups: Vec<Group>,
    pub(super) rates: Rates,
    /// A failure that concerns the whole tenant and is not over.
    pub(super) problem: Option<Problem>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) accepted: Option<bool>,
    /// Asked for instead of the latest day, where one collection of an older day was ordered.
    pub(super) only_day: Option<Day>,
    /// Whether departments may be asked for together.
    pub(super) meaning: Meaning,
    /// When to look next; none while looking.
    pub(super) next_look: Option<Timestamp>,
    /// Lists that were read and are not kept yet.
    pub(super) to_keep: Vec<Lists>,
    keeper: Keeper,
    pause: Pause,
    jitter: Duration,
    board: Arc<Board>,
    index: usize,
    links: Links,
}

/// How the statistics and the optional sources of a tenant tell each other what they know.
pub(super) struct Links {
    /// What the walk through the directory found.
    pub(super) discovered: watch::Receiver<Discovered>,
    pub(super) known: watch::Sender<Known>,
    pub(super) keeper: Keeper,
    pub(super) versions: Arc<Versions>,
}

/// The departments of one geo.
pub(super) struct Group {
    pub(super) geo: Geo,
    pub(super) zone: Zone,
    pub(super) standings: Vec<Standing>,
    /// A failure that concerns all of them, but not the other geos.
    pub(super) problem: Option<Problem>,
    pause: Pause,
    /// The day with which asking for departments together was last tried.
    pub(super) tried_grouping_for: Option<Day>,
}

/// How the tenant's rates are read.
pub(super) struct Rates {
    evidence: Evidence,
    pub(super) scale: Option<RateScale>,
    /// The scale that the store knows of.
    kept: Option<RateScale>,
}

impl Rates {
    /// Looks at rows until the scale is decided.
    pub(super) fn see(&mut self, found: &Found) {
        if self.scale.is_none() {
            let rows = found.days.iter().flat_map(|found| &found.day.rows);
            rows.for_each(|(_, figures)| self.evidence.see(figures));
        }
    }

    /// Decides, after a whole look: the first department alone might be the odd one. Once decided,
    /// the scale stays.
    pub(super) fn decide(&mut self) {
        self.scale = self.scale.or_else(|| self.evidence.decide());
    }
}

/// What a tenant shares with the others.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) board: Arc<Board>,
}

impl Tenant {
    /// A tenant of which nothing is known yet.
    pub(super) fn new(
        options: options::Tenant,
        client: Arc<Client>,
        budget: Arc<Budget>,
        shared: &Shared,
        index: usize,
        links: Links,
    ) -> Self {
        let groups = options.geos.iter().map(|geo| Group {
            geo: geo.geo,
            zone: geo.zone.clone(),
            standings: Vec::new(),
            problem: None,
            pause: Pause::default(),
            tried_grouping_for: None,
        });
        let mut tenant = Self {
            groups: groups.collect(),
            versions: Arc::clone(&links.versions),
            rates: Rates { evidence: Evidence::default(), scale: options.rates, kept: None },
            client,
            budget,
            clock: shared.clock.clone(),
            metrics: shared.metrics.clone(),
            board: Arc::clone(&shared.board),
            problem: None,
            last_success: None,
            accepted: None,
            only_day: None,
            meaning: Meaning::default(),
            next_look: None,
            to_keep: Vec::new(),
            keeper: links.keeper.clone(),
            pause: Pause::default(),
            jitter: JITTER_MAX.mul_f64(fastrand::f64()),
            index,
            links,
            options,
        };
        tenant.retarget();
        // Before anything is asked, the live statistics are known to take this much.
        tenant.reserve();
        tenant
    }

    /// Takes in which departments there are now: the listed ones, and those that discovery found
    /// beside them. What is known of those that stay is kept.
    pub(super) fn retarget(&mut self) {
        let discovered = self.links.discovered.borrow_and_update().departments.clone();
        let listed = &self.options.departments;
        let ids: HashSet<&str> = listed.iter().map(|department| department.id.as_str()).collect();
        let found = discovered.iter().filter(|found| !ids.contains(found.id.as_str()));
        let departments: Vec<&options::ListedDepartment> = listed.iter().chain(found).collect();
        for group in &mut self.groups {
            let mut kept: HashMap<Target, Standing> =
                group.standings.drain(..).map(|s| (s.target.clone(), s)).collect();
            group.standings = departments
                .iter()
                .map(|department| Target {
                    geo: group.geo,
                    department_id: department.id.as_str().into(),
                    include_children: department.include_children,
                })
                .map(|target| kept.remove(&target).unwrap_or_else(|| Standing::new(target)))
                .collect();
        }
    }

    /// Looks and publishes for ever; stopped by being dropped.
    pub(super) async fn run(mut self) {
        self.restore().await;
        loop {
            self.retarget();
            self.look_once().await;
            self.expire();
            let next = self.next();
            self.next_look = Some(next);
            self.metrics.next(&self.options.name, Source::Departments, next);
            self.publish().await;
            self.tell();
            self.try_grouping_all().await;
            self.next_look = None;
            self.wait_until(next).await;
        }
    }

    /// Looks at everything that is due now.
    pub(super) async fn look_once(&mut self) {
        self.recount().await;
        let started = Instant::now();
        let mut asked = 0;
        let mut is_whole = true;
        for group in 0..self.groups.len() {
            let now = self.clock.now();
            if self.pause.until(now).is_some() {
                break;
            }
            if self.groups[group].pause.until(now).is_some() || self.plan(group).look.is_empty() {
                continue;
            }
            let looked = look(self, group).await;
            asked += looked.asked;
            is_whole &= looked.failed == 0 && looked.ended_by.is_none();
            self.conclude(group, looked);
        }
        self.rates.decide();
        for day in
            self.groups.iter_mut().flat_map(|g| &mut g.standings).flat_map(|s| s.days.values_mut())
        {
            self.versions.drop_repeated_total(day);
        }
        self.keep().await;
        if asked > 0 {
            let now = self.clock.now();
            if is_whole {
                self.last_success = Some(now);
            }
            let source = Source::Departments;
            self.metrics.collected(&self.options.name, source, now, started.elapsed(), is_whole);
        }
    }

    /// The tree of departments, once a walk has found it.
    pub(super) fn tree(&self) -> Option<Arc<Tree>> {
        self.links.discovered.borrow().tree.clone()
    }

    /// Finds out, once there is a day to compare, whether departments may be asked for together.
    async fn try_grouping_all(&mut self) {
        if self.problem.is_none() {
            for group in 0..self.groups.len() {
                self.try_grouping(group).await;
            }
            self.keep().await;
        }
    }

    pub(super) fn plan(&self, group: usize) -> Plan {
        let Group { zone, standings, .. } = &self.groups[group];
        let schedule = &self.options.schedule;
        let group = schedule::Group { zone, schedule, jitter: self.jitter };
        schedule::plan(self.clock.now(), &group, standings)
    }

    /// Publishes what is known now; returns how long that took.
    pub(super) async fn publish(&mut self) -> Duration {
        // Kept before anybody sees it.
        self.keep().await;
        let took = self.board.publish(self.index, report::report(self)).await;
        // After the snapshot, so that they never tell of departments that are not served yet.
        self.metrics.departments(&self.options.name, report::counts(self));
        self.metrics.budget(&self.options.name, &self.budget);
        took
    }

    /// Keeps back what the live statistics will need of the month's budget.
    fn reserve(&self) {
        let standings = || self.groups.iter().flat_map(|group| &group.standings);
        let unsettled = standings().filter(|standing| !standing.is_settled());
        let today = unsettled.map(Standing::requests).sum();
        self.budget.reserve(standings().map(Standing::requests).sum(), today);
    }

    /// Tells the other loops what there is to ask for.
    pub(super) fn tell(&self) {
        self.reserve();
        self.tell_known(true);
    }

    /// Tells the other loops what is served before anything was asked.
    pub(super) fn tell_what_is_served(&self) {
        self.tell_known(false);
    }

    fn tell_known(&self, has_looked: bool) {
        let standings = || self.groups.iter().flat_map(|group| &group.standings);
        self.links.known.send_replace(Known {
            has_looked,
            // A scope that the statistics lack does not hold up the others.
            is_reachable: self.problem.as_ref().is_none_or(|problem| {
                problem.class == Class::Permission.as_label()
                    || problem.class == Class::InvalidRequest.as_label()
            }),
            next_look: self.next_look,
            ids: standings().map(|s| s.target.department_id.to_string()).collect(),
            served: report::all_served(self),
            targets: standings()
                .filter_map(|s| Some((s.target.clone(), s.held?, s.days.len())))
                .collect(),
        });
    }

    /// Draws conclusions from a look, and says each change once.
    fn conclude(&mut self, group: usize, looked: Looked) {
        let geo = self.groups[group].geo;
        let tenant = self.options.name.clone();
        if let Some(error) = looked.ended_by {
            self.rest(group, &error);
            return;
        }
        self.accepted = Some(true);
        self.pause.end();
        self.groups[group].pause.end();
        let was_failing = self.problem.take().is_some();
        if self.groups[group].problem.take().is_some() || was_failing {
            tracing::info!(tenant, %geo, "Tenant {tenant} is collected again");
        }
        if let Some(error) = looked.news {
            tracing::warn!(
                tenant, %geo, asked = looked.asked, failed = looked.failed,
                class = error.class.as_label(), %error,
                "{} of {} departments could not be collected; their last values stay",
                looked.failed, looked.asked,
            );
        }
        tracing::debug!(tenant, %geo, asked = looked.asked, failed = looked.failed, "Looked");
    }

    /// Leaves the tenant alone for a while, or only the geo where the others may fare better.
    fn rest(&mut self, group: usize, error: &Error) {
        let now = self.clock.now();
        let is_tenants = concerns_every_endpoint(error) || is_missing_scope(error);
        let group = &mut self.groups[group];
        let (pause, known) = match is_tenants {
            true => (&mut self.pause, &mut self.problem),
            false => (&mut group.pause, &mut group.problem),
        };
        pause.failures = pause.failures.saturating_add(1);
        let interval = self.options.schedule.interval;
        let wait = match self.budget.is_exhausted() {
            // Whole seconds read better, one more than is left.
            true => Duration::from_secs(
                now.duration_until(self.budget.next_month()).unsigned_abs().as_secs() + 1,
            ),
            false => failure_wait(interval, pause.failures, is_feishu_quota(error)),
        };
        pause.since = Some((now, wait));
        let is_new = is_news(known.as_ref(), error);
        *known = Some(problem(now, error));
        // A budget that is used up says nothing of Feishu.
        if is_tenants && !self.budget.is_exhausted() {
            self.accepted = Some(false);
        }
        let (tenant, geo) = (self.options.name.as_str(), group.geo);
        if is_new {
            tracing::warn!(
                tenant, %geo, class = error.class.as_label(), %error, wait = %format_duration(wait),
                "Tenant {tenant} cannot be collected; last values stay, next try in {}",
                format_duration(wait),
            );
        } else {
            tracing::debug!(tenant, %geo, %error, wait = %format_duration(wait), "Still failing");
        }
    }

    /// Makes everything due at once that failed while another secret was used.
    pub(super) fn try_new_secret(&mut self) {
        self.pause.end();
        for group in &mut self.groups {
            group.pause.end();
            for standing in &mut group.standings {
                standing.forget_failures();
            }
        }
    }

    /// When there is something to do again.
    fn next(&self) -> Timestamp {
        let now = self.clock.now();
        let plans = (0..self.groups.len()).map(|group| {
            let next = self.plan(group).next;
            self.groups[group].pause.until(now).map_or(next, |until| next.max(until))
        });
        let next = plans.min().unwrap_or(Timestamp::MAX);
        self.pause.until(now).map_or(next, |until| next.max(until))
    }

    /// Drops what is too old to be served as current; tells whether there was anything.
    pub(super) fn expire(&mut self) -> bool {
        let now = self.clock.now();
        let max_age = self.options.schedule.max_age;
        let mut any = false;
        for Group { zone, standings, .. } in &mut self.groups {
            for standing in standings {
                any |= standing.expire(|day| now < later(zone.end_of(day), max_age));
            }
        }
        any
    }

    /// Sleeps until then by the wall clock; publishes when something became too old, and returns
    /// early when a new secret may end a failure.
    async fn wait_until(&mut self, next: Timestamp) {
        loop {
            let now = self.clock.now();
            // The plan is made anew each time: the clock may have been set.
            if now >= next || self.next() <= now {
                return;
            }
            if self.expire() {
                self.next_look = Some(next);
                self.publish().await;
            }
            if self.problem.is_some() && self.client.has_new_secret() {
                self.try_new_secret();
                return;
            }
            let left = now.duration_until(next).unsigned_abs();
            tokio::select! {
                () = sleep(left.clamp(Duration::from_millis(1), CLOCK_CHECK)) => {}
                // Discovery found other departments than before.
                Ok(()) = self.links.discovered.changed() => return,
            }
        }
    }
}
