//! What is known of a tenant's department statistics: data, and what follows from it. Pure.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, civil::Time};

use super::{
    grouping::Comparisons,
    latest_day,
    rates::Rates,
    schedule::{self, Plan, Timing},
    standing::Standing,
};
use crate::{
    collect::{
        backoff::{Backoff, Cause},
        current::Current,
        options::{self, ListedDepartment, Schedule},
        problem::{is_news, problem},
    },
    day::{Day, Zone, after, days_between},
    feishu::{Error, Reach},
    learned::Learned,
    snapshot::Problem,
    sources::{departments::VersionOptions, directory::Tree},
    store::{Lists, Named},
    usage::{DepartmentDay, Geo, Target},
};

/// All that is known.
pub(crate) struct State {
    pub(crate) groups: Vec<Group>,
    pub(crate) rates: Rates,
    /// Whether departments may be asked for together.
    pub(crate) grouping: Learned<Comparisons, VersionOptions>,
    /// A failure that concerns the whole tenant and is not over.
    pub(crate) problem: Option<Problem>,
    /// Whether other endpoints may work: not while Feishu cannot be reached.
    pub(crate) is_reachable: bool,
    pub(crate) last_success: Option<Timestamp>,
    /// Whether the last request was accepted; none before the first.
    pub(crate) accepted: Option<bool>,
    /// Asked for instead of the latest day, where one collection of an older day was ordered.
    pub(crate) only_day: Option<Day>,
    /// When to look next; none while looking.
    pub(crate) next_look: Option<Timestamp>,
    /// Names and paths by geo and id, as the store had them at the start, of departments that serve
    /// nothing which tells them.
    pub(crate) names: HashMap<(Geo, Arc<str>), Named>,
    /// Lists that were read and are not saved yet.
    pub(crate) unsaved: Vec<Lists>,
    backoff: Backoff,
    /// How many days of departments were current when that was counted last.
    shown: usize,
    /// This tenant's share of [`schedule::JITTER_MAX`].
    jitter: Duration,
}

/// The departments of one geo.
pub(crate) struct Group {
    pub(crate) geo: Geo,
    pub(crate) zone: Zone,
    pub(crate) standings: Vec<Standing>,
    /// A failure that concerns all of them, but not the other geos.
    pub(crate) problem: Option<Problem>,
    backoff: Backoff,
}

impl Group {
    /// The newest day that any department of it holds.
    pub(crate) fn newest(&self) -> Option<Day> {
        self.standings.iter().filter_map(|standing| standing.held).max()
    }

    /// The newest day that should be there.
    pub(crate) fn expected(&self, now: Timestamp, ready_at: Time) -> Day {
        latest_day::expected(now, &self.zone, ready_at)
    }
}

impl Group {
    /// The days of departments that are current, each with the target that it belongs to.
    pub(crate) fn current(
        &self,
        current: Current,
    ) -> impl Iterator<Item = (&Standing, &Arc<DepartmentDay>)> {
        let days = self.standings.iter().flat_map(|s| s.days.iter()).map(|day| day.day);
        // Days end in their order, so that the oldest that is current tells for all.
        let days: BTreeSet<Day> = days.collect();
        let oldest = days.into_iter().find(|day| current.holds(self.zone.end_of(*day)));
        self.standings
            .iter()
            .flat_map(|standing| standing.days.iter().map(move |day| (standing, day)))
            .filter(move |(_, day)| oldest.is_some_and(|oldest| day.day >= oldest))
    }
}

impl State {
    /// A tenant of which nothing is known yet but the listed departments.
    pub(crate) fn new(options: &options::Tenant, jitter: Duration) -> Self {
        let groups = options.geos.iter().map(|geo| Group {
            geo: geo.geo,
            zone: geo.zone.clone(),
            standings: Vec::new(),
            problem: None,
            backoff: Backoff::default(),
        });
        let mut state = Self {
            groups: groups.collect(),
            rates: Rates::new(options.rates, options.geos.iter().map(|geo| geo.geo).collect()),
            grouping: Learned::new(options.versions()),
            problem: None,
            is_reachable: true,
            last_success: None,
            accepted: None,
            only_day: None,
            next_look: None,
            names: HashMap::new(),
            unsaved: Vec::new(),
            backoff: Backoff::default(),
            shown: 0,
            jitter,
        };
        state.retarget(&options.departments, &[]);
        state
    }

    /// Forgets the stored names of departments whose own days tell them.
    pub(crate) fn forget_known_names(&mut self) {
        for group in &self.groups {
            for standing in &group.standings {
                let id = &standing.target.department_id;
                let is_told = standing
                    .days
                    .get(id)
                    .is_some_and(|day| !day.department.is_empty() && !day.path.is_empty());
                if is_told {
                    self.names.remove(&(group.geo, Arc::clone(id)));
                }
            }
        }
        self.names.shrink_to_fit();
    }

    /// All departments, of every geo.
    pub(crate) fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.groups.iter().flat_map(|group| &group.standings)
    }

    /// Every day that is served.
    pub(crate) fn days_mut(&mut self) -> impl Iterator<Item = &mut Arc<DepartmentDay>> {
        let standings = self.groups.iter_mut().flat_map(|group| &mut group.standings);
        standings.flat_map(|standing| standing.days.iter_mut())
    }

    /// Takes in which departments there are now: the listed ones, and those discovered beside
    /// them. What is known of those that stay is kept.
    pub(crate) fn retarget(
        &mut self,
        listed: &[ListedDepartment],
        discovered: &[ListedDepartment],
    ) {
        let ids: HashSet<&str> = listed.iter().map(|department| department.id.as_str()).collect();
        let discovered = discovered.iter().filter(|found| !ids.contains(found.id.as_str()));
        let departments: Vec<&ListedDepartment> = listed.iter().chain(discovered).collect();
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

    /// Compares what is known of departments with a walk through the directory.
    pub(crate) fn compare_with(&mut self, tree: &Tree) {
        let standings = self.groups.iter_mut().flat_map(|group| &mut group.standings);
        for standing in standings.filter(|standing| standing.target.include_children) {
            let id = Arc::clone(&standing.target.department_id);
            if let Some((below, walked_at)) = tree.below(&id).zip(tree.walked_at) {
                standing.compare_with(&below, walked_at);
            }
        }
    }

    /// What to do about a group now.
    pub(crate) fn plan(&self, group: usize, now: Timestamp, schedule: &Schedule) -> Plan {
        let Group { zone, standings, .. } = &self.groups[group];
        schedule::plan(now, &Timing { zone, schedule, jitter: self.jitter }, standings)
    }

    /// Whether a group is to be looked at now.
    pub(crate) fn is_due(&self, group: usize, now: Timestamp, schedule: &Schedule) -> bool {
        self.held_up(group, now, schedule).is_none()
            && !self.plan(group, now, schedule).look.is_empty()
    }

    /// When there is something to do again.
    pub(crate) fn next(&self, now: Timestamp, schedule: &Schedule) -> Timestamp {
        let plans = (0..self.groups.len()).map(|group| {
            let next = self.plan(group, now, schedule).next;
            self.held_up(group, now, schedule).map_or(next, |until| next.max(until))
        });
        plans.min().unwrap_or(Timestamp::MAX)
    }

    /// When each department of a group is asked for next; what is due has passed.
    pub(crate) fn next_of_each(
        &self,
        group: usize,
        now: Timestamp,
        schedule: &Schedule,
    ) -> Vec<Timestamp> {
        let Group { zone, standings, .. } = &self.groups[group];
        let timing = Timing { zone, schedule, jitter: self.jitter };
        let next = schedule::next_of_each(now, &timing, standings).into_iter();
        let until = self.held_up(group, now, schedule);
        next.map(|next| until.map_or(next, |until| next.max(until))).collect()
    }

    /// Until when a group is left alone after failures.
    fn held_up(&self, group: usize, now: Timestamp, schedule: &Schedule) -> Option<Timestamp> {
        let Group { zone, backoff, .. } = &self.groups[group];
        let timing = Timing { zone, schedule, jitter: self.jitter };
        let expected = latest_day::expected(now, zone, schedule.ready_at);
        // A day that has become due since the last failure is a reason to try.
        let due = schedule::jittered(&timing, expected);
        let until = |backoff: &Backoff| {
            let is_over = due <= now && backoff.ends_with(due);
            backoff.until(now, schedule.interval).filter(|_| !is_over)
        };
        until(backoff).max(until(&self.backoff))
    }

    /// Takes in that a look at a group went through, and tells whether that is new.
    pub(crate) fn went_through(&mut self, group: usize) -> bool {
        let group = &mut self.groups[group];
        self.accepted = Some(true);
        self.is_reachable = true;
        self.backoff.end();
        group.backoff.end();
        let was_failing = self.problem.take().is_some();
        group.problem.take().is_some() || was_failing
    }

    /// Takes in the failure that ended a look: the tenant is left alone for a while, or only the
    /// group, where the others may fare better. Tells whether the failure is new, and the wait;
    /// `held` is how long the month's budget allows nothing.
    pub(crate) fn broke_off(
        &mut self,
        group: usize,
        now: Timestamp,
        error: &Error,
        interval: Duration,
        held: Option<Duration>,
    ) -> (bool, Duration) {
        let concerns_all = error.reach.concerns_endpoint();
        if concerns_all {
            self.is_reachable = error.reach != Reach::App;
            // A budget that is used up says nothing of Feishu.
            self.accepted = if held.is_none() { Some(false) } else { self.accepted };
        }
        let group = &mut self.groups[group];
        let (backoff, known) = match concerns_all {
            true => (&mut self.backoff, &mut self.problem),
            false => (&mut group.backoff, &mut group.problem),
        };
        match held {
            Some(wait) => backoff.hold(now, wait),
            None => backoff.failed(now, Cause::of_everything(error)),
        }
        let is_new = is_news(known.as_ref(), error);
        *known = Some(problem(now, error));
        (is_new, backoff.wait(interval))
    }

    /// Makes everything due at once that failed while another secret was used.
    pub(crate) fn try_new_secret(&mut self) {
        self.backoff.end();
        for group in &mut self.groups {
            group.backoff.end();
            group.standings.iter_mut().for_each(Standing::forget_failures);
        }
    }

    /// Counts the days of departments that are current; tells whether they are more or fewer than
    /// before.
    pub(crate) fn recount_current(&mut self, current: Current) -> bool {
        let shown = self.groups.iter().map(|group| group.current(current).count()).sum();
        std::mem::replace(&mut self.shown, shown) != shown
    }

    /// Requests that new days take until then, a token for each look among them.
    pub(crate) fn requests_until(&self, end: Timestamp, now: Timestamp, ready_at: Time) -> u64 {
        let (mut requests, mut looks) = (0, 0);
        for group in &self.groups {
            let expected = group.expected(now, ready_at);
            let last = group.expected(end, ready_at);
            for standing in &group.standings {
                // A department that lags is asked for all its days at once.
                let first = after(expected, -1);
                let held = standing.held.map_or(first, |held| held.max(first));
                let again = held >= expected && !standing.is_settled();
                let days = u64::try_from(days_between(held, last)).unwrap_or(0) + u64::from(again);
                requests += standing.requests() * days;
                looks = looks.max(days);
            }
        }
        requests + looks
    }

    /// Whether there is nothing to look for now.
    pub(crate) fn is_up_to_date(&self, now: Timestamp, ready_at: Time) -> bool {
        self.groups.iter().all(|group| {
            let expected = group.expected(now, ready_at);
            let has_it =
                |s: &Standing| s.held.is_some_and(|held| held >= expected) && s.is_settled();
            group.standings.iter().all(has_it)
        })
    }
}
