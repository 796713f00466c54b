//! One look at the departments of a tenant and geo: who is asked, in which order, and when the
//! rest is not asked any more.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::timeout;

use super::{
    grouping::Bundle,
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
    /// What was not believed of answers that are used all the same.
    pub(super) rejected: Rejected,
}

/// What was not believed of answers of which the rest is used.
#[derive(Default)]
pub(super) struct Rejected {
    /// Whether there are departments of which all was believed the last time.
    pub(super) is_new: bool,
    pub(super) departments: usize,
    pub(super) rows: u64,
    pub(super) example: Option<String>,
    /// API fields whose values are no numbers.
    pub(super) fields: BTreeSet<&'static str>,
}

impl Rejected {
    fn of(found: &Found) -> Self {
        Self {
            departments: 1,
            rows: found.rejected_rows,
            example: found.rejected_example.clone(),
            fields: found.rejected_values.keys().copied().collect(),
            ..Self::default()
        }
    }

    fn add(&mut self, other: Self, is_new: bool) {
        self.is_new |= is_new;
        self.departments += other.departments;
        self.rows += other.rows;
        self.example = self.example.take().or(other.example);
        self.fields.extend(other.fields);
    }
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
pub(super) enum Request {
    Alone(usize),
    Together(Bundle),
    /// For one of those that an answer for several lacks: whether it has the day when it is asked
    /// alone tells whether the others may.
    Missing(usize, Vec<usize>),
}

/// What a look has found so far about asking for several at once.
#[derive(Default)]
pub(super) struct Together {
    /// Those that were asked alone and answered.
    pub(super) alone: BTreeSet<usize>,
    /// The one whose answers are compared.
    pub(super) proof: Option<usize>,
    /// Whether they agreed.
    pub(super) is_proven: bool,
    /// Those whose answer came together with others.
    pub(super) taken: Vec<usize>,
}

/// Looks at all departments of the group that are due.
pub(super) async fn look(context: &Context, state: &mut State, group: usize) -> Looked {
    let at_once = context.options.api.limits.concurrency;
    let requests = Many::new(at_once, context.metrics.panics());
    let looked = Looked::default();
    let mut look = Look {
        context,
        state,
        group,
        requests,
        looked,
        some_are_sound: false,
        together: Together::default(),
    };
    look.run().await;
    Looked { ended_by: look.requests.ended_by, ..look.looked }
}

/// A look that goes on.
pub(super) struct Look<'a> {
    pub(super) context: &'a Context,
    pub(super) state: &'a mut State,
    /// Which of the state's groups is looked at.
    pub(super) group: usize,
    pub(super) requests: Many<Request, Found>,
    looked: Looked,
    /// Whether departments are asked that did not fail before.
    some_are_sound: bool,
    pub(super) together: Together,
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
        self.ask_for(due).await;
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
    pub(super) async fn step(&mut self) -> Option<bool> {
        let Self { context, state, group, requests, .. } = self;
        let ask = |request| {
            let question = question_of(context, state, *group, &request);
            let (client, versions) = (Arc::clone(&context.client), Arc::clone(&context.versions));
            async move { ask(&client, &versions, question).await }
        };
        let (request, answer) = requests.next(ask).await?;
        let answered = answer.is_ok();
        if let Ok(found) = &answer {
            self.context.metrics.rejected(found.rejected_rows, &found.rejected_values);
        }
        match (request, answer) {
            (Request::Alone(index), Ok(found)) => self.answered_alone(index, found),
            (Request::Together(bundle), Ok(found)) => self.answered_together(bundle, &found),
            (Request::Missing(index, others), Ok(found)) => {
                self.answered_missing(index, others, found);
            }
            (Request::Alone(index), Err(error)) => self.failed(index, error),
            (Request::Together(bundle), Err(error)) if error.reach.concerns_endpoint() => {
                self.failed(bundle.members[0], error);
            }
            (Request::Together(bundle), Err(error)) => {
                tracing::debug!(%error, "Asking together failed; asking for each alone");
                self.requests.extend(bundle.members.into_iter().map(Request::Alone));
            }
            (Request::Missing(index, others), Err(error)) => {
                self.failed(index, error);
                self.requests.extend(others.into_iter().map(Request::Alone));
            }
        }
        Some(answered)
    }

    /// Takes in what one department answered.
    pub(super) fn answered(&mut self, index: usize, found: Found) {
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
        let strangers = below.as_ref().map(|below| {
            // What was served is no stranger, though it may be deleted by now.
            let served = &standings[index].days;
            found.reject_unknown(&department_id, |id| below.contains(id) || served.contains(id))
        });
        self.context.metrics.rejected(found.rejected_rows - before, &RejectedValues::new());
        self.looked.asked += 1;
        self.state.rates.see(&found);
        let read = found.days.clone();
        let group = &mut self.state.groups[self.group];
        let expected = group.expected(now, schedule.ready_at);
        let ready = found.days.iter().all(|found| found.day.day <= expected);
        let too_old = after(expected, -schedule.lookback_days - 1);
        let standing = &mut group.standings[index];
        standing.has_strangers(now, expected, strangers.unwrap_or_default());
        let rejected = Rejected::of(&found);
        let was_partly_rejected = standing.is_partly_rejected;
        let is_gone = |id: &str| below.as_ref().is_some_and(|below| !below.contains(id));
        let circumstances = Circumstances { now, is_ready: ready, too_old, is_gone: &is_gone };
        let unusable = standing.answered(found, &circumstances);
        if standing.is_partly_rejected {
            self.looked.rejected.add(rejected, !was_partly_rejected);
        }
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

    pub(super) fn group(&self) -> &Group {
        &self.state.groups[self.group]
    }

    /// Whether a department is asked for one day first, as one may be together with others.
    pub(super) fn asks_one_day(&self, index: usize) -> bool {
        let question = question(self.context, self.state, self.group, index);
        question.first.start == question.first.end
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
        Request::Alone(index) | Request::Missing(index, _) => {
            question(context, state, group, *index)
        }
        Request::Together(bundle) => {
            // All members miss the same day; the head may have it already.
            let head = &state.groups[group].standings[bundle.head].target;
            let mut question = question(context, state, group, bundle.members[0]);
            question.first.target = Target { include_children: true, ..head.clone() };
            // Those that have no row then are asked alone.
            Question { then: None, ..question }
        }
    }
}

/// The tree of departments, once a walk has found it.
pub(super) fn tree(context: &Context) -> Option<Arc<Tree>> {
    context.messages.discovered.borrow().tree.clone()
}

/// What of an answer is to be kept: what is served of it, and the days before that.
fn lists(standing: &Standing, read: Vec<FoundDay>, now: Timestamp) -> Option<Lists> {
    let held = standing.held?;
    let mut days: BTreeMap<Day, Extent> = BTreeMap::new();
    let mut rows = Vec::with_capacity(read.len());
    for found in read {
        let (has_total, is_sound, day) = (found.has_total(), found.is_whole(), found.day);
        let is_served =
            standing.days.get(&day.department_id).is_some_and(|served| Arc::ptr_eq(served, &day));
        if day.rows.is_empty() || day.day > held || (day.day == held && !is_served) {
            continue;
        }
        let extent = match is_sound {
            _ if day.day == held => standing.extent(),
            true => Extent::Whole,
            false if has_total => Extent::Part,
            false => Extent::Short,
        };
        days.entry(day.day).and_modify(|known| *known = extent.min(*known)).or_insert(extent);
        rows.push(day);
    }
    // The list of the day held was read again, also where it brought nothing better.
    days.entry(held).or_insert(standing.extent());
    Some(Lists {
        target: standing.target.clone(),
        days: days.into_iter().collect(),
        rows,
        standing: Some(standing.to_keep(held)),
        fetched_at: now,
    })
}
