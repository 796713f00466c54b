//! One look at the departments of a tenant and geo: who is asked, in which order, and when the
//! rest is not asked any more.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::timeout;

use super::{
    grouping::{self, Bundle, Grouping},
    publish::publish,
    schedule,
    standing::{Circumstances, Standing},
    state::{Group, State},
};
use crate::{
    collect::{board::Progress, context::Context, many::Many},
    day::{Day, after},
    feishu::{Class, Client, Error},
    sources::{
        RejectedValues,
        departments::{self, Ask, Found, FoundDay, Versions},
        directory::Tree,
    },
    store::{Extent, Lists},
    usage::Target,
};

/// How long a look goes on before what it has found so far is published.
const PROGRESS_AFTER: Duration = Duration::from_secs(5);

/// How a look ended.
#[derive(Default)]
pub(super) struct Looked {
    /// Departments asked.
    pub(super) asked: usize,
    /// Departments whose request failed.
    pub(super) failed: usize,
    /// The failure that ended the look early, because it concerns all departments.
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

/// A request to be made: for one department, or for several under an ancestor.
#[derive(Clone)]
enum Request {
    Alone(usize),
    Together(Bundle),
}

/// Looks at all departments of the group that are due.
pub(super) async fn look(context: &Context, state: &mut State, group: usize) -> Looked {
    let at_once = context.options.api.limits.concurrency;
    let requests = Many::new(at_once, context.metrics.panics());
    let looked = Looked::default();
    let mut look = Look { context, state, group, requests, looked, some_are_sound: false };
    look.run().await;
    Looked { ended_by: look.requests.ended_by, ..look.looked }
}

/// A look that goes on.
struct Look<'a> {
    context: &'a Context,
    state: &'a mut State,
    /// Which of the state's groups is looked at.
    group: usize,
    requests: Many<Request, Found>,
    looked: Looked,
    /// Whether departments are asked that did not fail before.
    some_are_sound: bool,
}

impl Look<'_> {
    async fn run(&mut self) {
        let mut asked = HashSet::new();
        // First one alone, until one has answered with rows: it tells whether the new day is out.
        while let Some(lead) = self.plan().lead.filter(|lead| asked.insert(*lead)) {
            self.requests.extend([Request::Alone(lead)]);
            let answered = self.step().await == Some(true);
            if self.requests.ended_by.is_some() {
                return;
            }
            if answered && self.group().newest().is_some() {
                break;
            }
        }
        let mut due: Vec<usize> =
            self.plan().look.into_iter().filter(|index| !asked.contains(index)).collect();
        // Those that failed before come last, and say nothing of the others.
        due.sort_by_key(|index| self.group().standings[*index].is_failed());
        let first = due.first().map(|index| self.group().standings[*index].is_failed());
        self.some_are_sound = first == Some(false);
        self.requests.extend(self.requests_for(due));
        let mut progress = Progress::every(PROGRESS_AFTER);
        let mut is_unpublished = false;
        loop {
            // What was answered is published although the rest waits for a limit or is slow.
            let stepped = match is_unpublished {
                true => timeout(progress.left(), self.step()).await,
                false => Ok(self.step().await),
            };
            match stepped {
                Ok(None) => return,
                Ok(Some(_)) => is_unpublished = true,
                Err(_) => {}
            }
            if is_unpublished && progress.is_due() {
                progress.published(publish(self.context, self.state).await);
                is_unpublished = false;
            }
        }
    }

    /// Waits for the next answer and takes it in; tells whether it was one, or a failure.
    async fn step(&mut self) -> Option<bool> {
        let Self { context, state, group, requests, .. } = self;
        let ask = |request| {
            let question = question_of(context, state, *group, &request);
            let (client, versions) = (Arc::clone(&context.client), Arc::clone(&context.versions));
            async move { ask(&client, &versions, question).await }
        };
        let (request, answer) = requests.next(ask).await?;
        let answered = answer.is_ok();
        match (request, answer) {
            (Request::Alone(index), Ok(found)) => {
                self.context.metrics.rejected(found.rejected_rows, &found.rejected_values);
                self.answered(index, found);
            }
            (Request::Together(bundle), Ok(found)) => {
                self.context.metrics.rejected(found.rejected_rows, &found.rejected_values);
                for index in bundle.members {
                    self.answered(index, grouping::share(&found, &self.group().standings[index]));
                }
            }
            (Request::Alone(index), Err(error)) => self.failed(index, error),
            (Request::Together(bundle), Err(error)) if error.reach.concerns_endpoint() => {
                self.failed(bundle.members[0], error);
            }
            (Request::Together(bundle), Err(error)) => {
                tracing::debug!(%error, "Asking together failed; asking for each alone");
                self.requests.extend(bundle.members.into_iter().map(Request::Alone));
            }
        }
        Some(answered)
    }

    /// Takes in what one department answered.
    fn answered(&mut self, index: usize, found: Found) {
        let now = self.context.now();
        let schedule = &self.context.options.schedule;
        let mut found = found;
        let Target { department_id, include_children, .. } =
            self.group().standings[index].target.clone();
        let tree = tree(self.context).filter(|_| include_children);
        let below = tree.as_ref().and_then(|tree| tree.below(&department_id));
        let before = found.rejected_rows;
        let standings = &self.group().standings;
        found.reject_anothers(|id| standings.iter().any(|s| *s.target.department_id == *id));
        if let Some(below) = &below {
            found.reject_unknown(&department_id, below);
        }
        self.context.metrics.rejected(found.rejected_rows - before, &RejectedValues::new());
        self.looked.asked += 1;
        self.state.rates.see(&found);
        let read = found.days.clone();
        let group = &mut self.state.groups[self.group];
        let expected = group.expected(now, schedule.ready_at);
        let ready = found.days.iter().all(|found| found.day.day <= expected);
        let too_old = after(expected, -schedule.lookback_days - 1);
        let standing = &mut group.standings[index];
        let is_gone = |id: &str| below.as_ref().is_some_and(|below| !below.contains(id));
        let circumstances = Circumstances { now, is_ready: ready, too_old, is_gone: &is_gone };
        let unusable = standing.answered(found, &circumstances);
        self.looked.failed += usize::from(standing.is_failed());
        self.state.unsaved.extend(lists(standing, read, now));
        if let Some(error) = unusable {
            self.looked.news.get_or_insert(error);
        }
    }

    /// Takes in that asking for one department failed.
    fn failed(&mut self, index: usize, error: Error) {
        let was_failing = self.group().standings[index].is_failed();
        let concerns_all = self.requests.concerns_all(&error, was_failing && self.some_are_sound);
        if error.class == Class::Quota && error.code.is_none() {
            // Our own budget says nothing of the department, which was not asked.
            return;
        }
        self.looked.asked += 1;
        self.looked.failed += 1;
        let now = self.context.now();
        let is_new = self.state.groups[self.group].standings[index].failed(now, &error);
        if is_new && !concerns_all {
            self.looked.news.get_or_insert(error);
        }
    }

    fn plan(&self) -> schedule::Plan {
        self.state.plan(self.group, self.context.now(), &self.context.options.schedule)
    }

    fn group(&self) -> &Group {
        &self.state.groups[self.group]
    }

    /// The requests for departments: several together where that is proven to give the same.
    fn requests_for(&self, due: Vec<usize>) -> Vec<Request> {
        let may_group = self.state.grouping == Grouping::Same && self.state.only_day.is_none();
        let Some(tree) = tree(self.context).filter(|_| may_group) else {
            return due.into_iter().map(Request::Alone).collect();
        };
        let is_plain = |index: &usize| {
            let question = question(self.context, self.state, self.group, *index);
            question.first.start == question.first.end && question.then.is_none()
        };
        let (plain, other): (Vec<usize>, Vec<usize>) = due.into_iter().partition(is_plain);
        let (bundles, alone) = grouping::bundles(&plain, &self.group().standings, &tree);
        let together = bundles.into_iter().map(Request::Together);
        together.chain(alone.into_iter().chain(other).map(Request::Alone)).collect()
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

fn question(context: &Context, state: &State, group: usize, index: usize) -> Question {
    let group = &state.groups[group];
    let standing = &group.standings[index];
    let ask = |start, end| Ask { target: standing.target.clone(), start, end };
    if let Some(day) = state.only_day {
        return Question { first: ask(day, day), then: None };
    }
    let schedule = &context.options.schedule;
    let expected = group.expected(context.now(), schedule.ready_at);
    let newest = group.newest();
    let (start, end) = schedule::days(standing, expected, newest, schedule.lookback_days);
    let then = (standing.held.is_none() && start == expected)
        .then(|| ask(after(expected, -schedule.lookback_days), after(expected, -1)));
    Question { first: ask(start, end), then }
}

fn question_of(context: &Context, state: &State, group: usize, request: &Request) -> Question {
    match request {
        Request::Alone(index) => question(context, state, group, *index),
        Request::Together(bundle) => {
            // All members miss the same day; the head may have it already.
            let head = &state.groups[group].standings[bundle.head].target;
            let mut question = question(context, state, group, bundle.members[0]);
            question.first.target = Target { include_children: true, ..head.clone() };
            question
        }
    }
}

/// The tree of departments, once a walk has found it.
fn tree(context: &Context) -> Option<Arc<Tree>> {
    context.messages.discovered.borrow().tree.clone()
}

/// Asks once for a parent with its sub-departments, to find out whether that gives the same
/// figures as asking for each alone.
pub(super) async fn try_grouping(context: &Context, state: &mut State, group: usize) {
    let wanted = context.options.request_grouping && state.grouping == Grouping::Unknown;
    let Some(tree) = tree(context).filter(|_| wanted) else { return };
    let Group { standings, tried_grouping_for, .. } = &mut state.groups[group];
    let Some(trial) = grouping::trial(standings, &tree) else { return };
    if tried_grouping_for.replace(trial.day) == Some(trial.day) {
        return;
    }
    let target = standings[trial.parent].target.clone();
    let together = Ask {
        target: Target { include_children: true, ..target },
        start: trial.day,
        end: trial.day,
    };
    // A failure leaves it open; the next day tries again.
    if let Ok(found) = departments::fetch(&context.client, &together, &context.versions).await {
        state.grouping = grouping::verdict(trial, standings, &found);
        tracing::info!(
            tenant = context.name(), result = ?state.grouping,
            "Asking for departments together was compared with asking for each alone"
        );
    }
}

/// What of an answer is to be kept: what is served of it, and the days before that.
fn lists(standing: &Standing, read: Vec<FoundDay>, now: Timestamp) -> Option<Lists> {
    let held = standing.held?;
    let mut days: BTreeMap<Day, Extent> = BTreeMap::new();
    let mut rows = Vec::with_capacity(read.len());
    for found in read {
        let (is_sound, day) = (found.is_whole(), found.day);
        let is_served =
            standing.days.get(&day.department_id).is_some_and(|served| Arc::ptr_eq(served, &day));
        if day.rows.is_empty() || day.day > held || (day.day == held && !is_served) {
            continue;
        }
        let is_whole = match day.day == held {
            true => standing.complete,
            false => is_sound,
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
