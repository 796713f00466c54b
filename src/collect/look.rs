//! One look at the departments of a tenant and geo: who is asked, in which order, and when the
//! rest is left in peace.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

use super::{
    grouping::{self, Bundle, Meaning},
    latest_day, schedule,
    standing::Standing,
    strikes::{Strikes, concerns_every_endpoint, is_missing_scope},
    tenant::{Group, Tenant},
};
use crate::{
    day::{Day, after},
    feishu::{Class, Client, Error},
    sources::departments::{self, Ask, Found, FoundDay, Versions},
    store::{Extent, Lists},
    usage::Target,
};

/// How long a look goes on before what it has found so far is published.
const PROGRESS_AFTER: Duration = Duration::from_secs(5);
/// The share of time that publishing may take while a look goes on is one in this many.
const PROGRESS_COST: u32 = 20;

/// How a look ended.
pub(super) struct Looked {
    /// Departments asked.
    pub(super) asked: usize,
    /// Departments whose request failed.
    pub(super) failed: usize,
    /// The failure that ended the look early, because it concerns the whole tenant.
    pub(super) ended_by: Option<Error>,
    /// The first failure of a department that did not fail in that way before.
    pub(super) news: Option<Error>,
}

/// What to ask one department for.
#[derive(Clone)]
struct Question {
    first: Ask,
    /// Asked if the first has no rows: the look-back, as one range.
    then: Option<Ask>,
}

/// Looks at all departments of the group that are due.
pub(super) async fn look(tenant: &mut Tenant, group: usize) -> Looked {
    let mut looked = Looked { asked: 0, failed: 0, ended_by: None, news: None };
    let mut strikes = Strikes::default();
    let mut asked = HashSet::new();
    // First one alone, until one has answered with rows: it tells whether the new day is out.
    while let Some(lead) = tenant.plan(group).lead.filter(|lead| asked.insert(*lead)) {
        let question = tenant.question(group, lead);
        let answer = ask(&tenant.client, &tenant.versions, question).await;
        let answered = answer.is_ok();
        tenant.take(group, lead, answer, &mut looked, &mut strikes);
        if looked.ended_by.is_some() {
            return looked;
        }
        if answered && tenant.groups[group].newest().is_some() {
            break;
        }
    }
    let due: Vec<usize> =
        tenant.plan(group).look.into_iter().filter(|index| !asked.contains(index)).collect();
    ask_all(tenant, group, due, &mut looked, &mut strikes).await;
    looked
}

/// A request to be made: for one department, or for several under an ancestor.
#[derive(Clone)]
enum Errand {
    Alone(usize),
    Together(Bundle),
}

/// Asks many departments, as many at once as the limits allow.
async fn ask_all(
    tenant: &mut Tenant,
    group: usize,
    due: Vec<usize>,
    looked: &mut Looked,
    strikes: &mut Strikes,
) {
    let mut errands = tenant.errands(group, due);
    let mut tasks = JoinSet::new();
    let mut running: HashMap<Id, Errand> = HashMap::new();
    let mut published = Instant::now();
    let mut progress_after = PROGRESS_AFTER;
    loop {
        while looked.ended_by.is_none() && tasks.len() < tenant.options.api.limits.concurrency {
            let Some(errand) = errands.pop_front() else { break };
            let question = tenant.question_of(group, &errand);
            let (client, versions) = (Arc::clone(&tenant.client), Arc::clone(&tenant.versions));
            let task = tasks.spawn(async move { ask(&client, &versions, question).await });
            running.insert(task.id(), errand);
        }
        let Some(joined) = tasks.join_next_with_id().await else { return };
        let (id, answer) = match joined {
            Ok(done) => done,
            Err(failed) => (failed.id(), Err(defect(tenant, &failed))),
        };
        match running.remove(&id) {
            Some(Errand::Alone(index)) => tenant.take(group, index, answer, looked, strikes),
            Some(Errand::Together(bundle)) => {
                tenant.take_together(group, bundle, answer, &mut errands, looked, strikes);
            }
            None => {}
        }
        if published.elapsed() >= progress_after {
            let cost = tenant.publish().await;
            progress_after = PROGRESS_AFTER.max(cost * PROGRESS_COST);
            published = Instant::now();
        }
    }
}

async fn ask(client: &Client, versions: &Versions, question: Question) -> Result<Found, Error> {
    let found = departments::fetch(client, &question.first, versions).await?;
    match question.then {
        Some(then) if found.days.iter().all(|found| found.day.rows.is_empty()) => {
            let mut older = departments::fetch(client, &then, versions).await?;
            older.add_rejected(&found);
            Ok(older)
        }
        _ => Ok(found),
    }
}

fn defect(tenant: &Tenant, failed: &JoinError) -> Error {
    tenant.metrics.panics.inc();
    Error::local(
        Class::Malformed,
        "reading statistics",
        format!("a defect in the exporter: {failed}"),
    )
}

impl Tenant {
    fn question(&self, group: usize, index: usize) -> Question {
        let group = &self.groups[group];
        let standing = &group.standings[index];
        let ask = |start, end| Ask { target: standing.target.clone(), start, end };
        if let Some(day) = self.only_day {
            return Question { first: ask(day, day), then: None };
        }
        let schedule = &self.options.schedule;
        let expected = latest_day::expected(self.clock.now(), &group.zone, schedule.ready_at);
        let newest = group.newest();
        let (start, end) = schedule::days(standing, expected, newest, schedule.lookback_days);
        let then = (standing.held.is_none() && start == expected)
            .then(|| ask(after(expected, -schedule.lookback_days), after(expected, -1)));
        Question { first: ask(start, end), then }
    }

    /// What there is to ask for: departments together where that is proven to give the same.
    fn errands(&self, group: usize, due: Vec<usize>) -> VecDeque<Errand> {
        let standings = &self.groups[group].standings;
        let tree = self.tree().filter(|_| self.meaning == Meaning::Same && self.only_day.is_none());
        let Some(tree) = tree else { return due.into_iter().map(Errand::Alone).collect() };
        let is_plain = |index: &usize| {
            let question = self.question(group, *index);
            question.first.start == question.first.end && question.then.is_none()
        };
        let (plain, other): (Vec<usize>, Vec<usize>) = due.into_iter().partition(is_plain);
        let (bundles, alone) = grouping::bundles(&plain, standings, &tree);
        let together = bundles.into_iter().map(Errand::Together);
        together.chain(alone.into_iter().chain(other).map(Errand::Alone)).collect()
    }

    fn question_of(&self, group: usize, errand: &Errand) -> Question {
        match errand {
            Errand::Alone(index) => self.question(group, *index),
            Errand::Together(bundle) => {
                // All members miss the same day; the head may have it already.
                let head = &self.groups[group].standings[bundle.head].target;
                let mut question = self.question(group, bundle.members[0]);
                question.first.target = Target { include_children: true, ..head.clone() };
                question
            }
        }
    }

    /// Asks once for a parent with its sub-departments, to find out whether that gives the same
    /// figures as asking for each alone.
    pub(super) async fn try_grouping(&mut self, group: usize) {
        let wanted = self.options.request_grouping && self.meaning == Meaning::Unknown;
        let Some(tree) = self.tree().filter(|_| wanted) else { return };
        let standings = &self.groups[group].standings;
        let Some(trial) = grouping::trial(standings, &tree) else { return };
        let target = standings[trial.parent].target.clone();
        if self.groups[group].tried_grouping_for.replace(trial.day) == Some(trial.day) {
            return;
        }
        let together = Ask {
            target: Target { include_children: true, ..target },
            start: trial.day,
            end: trial.day,
        };
        // A failure leaves it open; the next day tries again.
        if let Ok(found) = departments::fetch(&self.client, &together, &self.versions).await {
            self.meaning = grouping::verdict(trial, &self.groups[group].standings, &found);
            tracing::info!(
                tenant = self.options.name, meaning = ?self.meaning,
                "Asking for departments together was compared with asking for each alone"
            );
        }
    }

    /// Takes in what several departments answered together. If that failed, each is asked alone.
    fn take_together(
        &mut self,
        group: usize,
        bundle: Bundle,
        answer: Result<Found, Error>,
        errands: &mut VecDeque<Errand>,
        looked: &mut Looked,
        strikes: &mut Strikes,
    ) {
        match answer {
            Ok(found) => {
                let tenant = &self.options.name;
                self.metrics.rejected(tenant, found.rejected_rows, &found.rejected_values);
                for index in bundle.members {
                    let share = grouping::share(&found, &self.groups[group].standings[index]);
                    self.take(group, index, Ok(share), looked, strikes);
                }
            }
            Err(error) if concerns_every_endpoint(&error) || is_missing_scope(&error) => {
                self.take(group, bundle.members[0], Err(error), looked, strikes);
            }
            Err(error) => {
                tracing::debug!(%error, "Asking together failed; asking for each alone");
                errands.extend(bundle.members.into_iter().map(Errand::Alone));
            }
        }
    }

    /// Takes in what one department answered.
    fn take(
        &mut self,
        group: usize,
        index: usize,
        answer: Result<Found, Error>,
        looked: &mut Looked,
        strikes: &mut Strikes,
    ) {
        let now = self.clock.now();
        match answer {
            Ok(found) => {
                looked.asked += 1;
                strikes.succeeded();
                self.rates.see(&found);
                let read = found.days.clone();
                self.metrics.rejected(
                    &self.options.name,
                    found.rejected_rows,
                    &found.rejected_values,
                );
                let schedule = &self.options.schedule;
                let Group { zone, standings, .. } = &mut self.groups[group];
                let expected = latest_day::expected(now, zone, schedule.ready_at);
                let ready = found.days.iter().all(|found| found.day.day <= expected);
                let too_old = after(expected, -schedule.lookback_days - 1);
                standings[index].answered(now, found, ready, too_old);
                looked.failed += usize::from(standings[index].is_failed());
                self.to_keep.extend(lists(&standings[index], read, now));
            }
            // Our own budget says nothing of the department, which was not asked.
            Err(error) if error.class == Class::Quota && error.code.is_none() => {
                looked.ended_by.get_or_insert(error);
            }
            Err(error) => {
                looked.asked += 1;
                looked.failed += 1;
                let is_new = self.groups[group].standings[index].failed(now, &error);
                if strikes.are_out(&error) {
                    looked.ended_by.get_or_insert(error);
                } else if is_new {
                    looked.news.get_or_insert(error);
                }
            }
        }
    }
}

/// What of an answer is to be kept: what is served of it, and the days before that.
fn lists(standing: &Standing, read: Vec<FoundDay>, now: Timestamp) -> Option<Lists> {
    let held = standing.held?;
    let mut days: BTreeMap<Day, Extent> = BTreeMap::new();
    let mut rows = Vec::with_capacity(read.len());
    for FoundDay { day, contradicted } in read {
        let is_served =
            standing.days.get(&day.department_id).is_some_and(|served| Arc::ptr_eq(served, &day));
        if day.rows.is_empty() || day.day > held || (day.day == held && !is_served) {
            continue;
        }
        let is_whole = match day.day == held {
            true => standing.complete,
            false => day.total().is_some() && !contradicted,
        };
        let extent = if is_whole { Extent::Whole } else { Extent::Part };
        days.entry(day.day).and_modify(|known| *known = extent.min(*known)).or_insert(extent);
        rows.push(day);
    }
    // The list of the day held was read again, also where it brought nothing better.
    let of_held = if standing.complete { Extent::Whole } else { Extent::Part };
    days.entry(held).or_insert(of_held);
    Some(Lists {
        target: standing.target.clone(),
        days: days.into_iter().collect(),
        rows,
        standing: Some(standing.to_keep(held)),
        fetched_at: now,
    })
}

impl Group {
    /// The newest day that any department of it holds.
    pub(super) fn newest(&self) -> Option<Day> {
        self.standings.iter().filter_map(|s: &Standing| s.held).max()
    }
}
