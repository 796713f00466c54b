//! What all optional sources have in common: when something is asked for, what a failure does, what
//! survives a restart, what the status page says.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Debug,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::former;
use crate::{
    collect::{
        board::Progress,
        context::Context,
        contribution::{Contribution, OfSource},
        current::Current,
        due::{self, Due},
        many::Many,
        messages::Known,
        sources::Source,
    },
    feishu::{Class, Client, Error},
    learned::Kept,
    sources::RejectedValues,
};

/// How long a source is collected before what it has found so far is published.
const PROGRESS_AFTER: Duration = Duration::from_secs(20);

/// An answer that holds nothing yet, although there should be something, is asked for again this
/// often at most, each time after the interval: by default half a day.
const EMPTY_ANSWERS_MAX: u32 = 12;

/// What one optional source asks for, and what it knows.
pub(super) trait OptionalSource: Send + Sync + 'static {
    /// Its row.
    const SOURCE: Source;
    /// Things that are asked for with one request.
    const BATCH: usize = 1;
    /// Whether it is asked before the statistics have looked.
    const COMES_FIRST: bool = false;

    /// One thing that is asked for: a department, or a day of one.
    type Key: Ord + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What one request brings.
    type Answer: Send + 'static;
    /// What is remembered beyond the process.
    type Memory: Serialize + DeserializeOwned + Send + Sync;

    /// After which everything is asked for again; none where an answer is final.
    fn refresh_interval(&self) -> Option<Duration>;

    /// Whether something happened that makes what is known too old before its time.
    fn is_outdated(&self, _: &Known) -> bool {
        false
    }

    /// Everything that there is to ask for, whether it is known or not.
    fn wanted(&self, known: &Known) -> BTreeSet<Self::Key>;

    /// Asks for a batch; `at_once` bounds the requests where one batch takes several.
    fn ask(
        &self,
        client: Arc<Client>,
        batch: Vec<Self::Key>,
        at_once: usize,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send + 'static;

    /// Takes an answer in.
    fn take(&mut self, asked: &Asked<'_, Self::Key>, answer: Self::Answer) -> Taken<Self::Key>;

    /// Ends a run, and tells what its answers lack although Feishu calls them a success.
    fn ran(&mut self) -> Option<Error> {
        None
    }

    /// Forgets departments that are not collected any more.
    fn retain(&mut self, departments: &BTreeSet<Arc<str>>);

    /// Adds what is known and current of these departments to the snapshot.
    fn contribute(&self, departments: &BTreeSet<Arc<str>>, current: Current, to: &mut OfSource);

    /// How many of the facts with a time of their own are current.
    fn count(&self, _: Current) -> usize {
        0
    }

    /// What is to be remembered; none while there is nothing.
    fn memory(&self) -> Option<Self::Memory>;

    /// The options under which what is remembered stays true.
    fn depends_on(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes up what was remembered under the same options.
    fn recall(&mut self, memory: Self::Memory);
}

/// What was asked for with one request, and when it was answered.
pub(super) struct Asked<'a, K> {
    pub(super) batch: &'a [K],
    pub(super) known: &'a Known,
    pub(super) now: Timestamp,
}

/// What came of an answer.
pub(super) struct Taken<K> {
    /// Rows that were not believed.
    pub(super) rejected_rows: u64,
    /// Values that could not be used, by API field.
    pub(super) rejected_values: RejectedValues,
    /// Things that were refused beside others that were answered.
    pub(super) refused: BTreeMap<K, Error>,
    /// Whether that is all.
    pub(super) outcome: Outcome,
}

impl<K> Default for Taken<K> {
    fn default() -> Self {
        Self {
            rejected_rows: 0,
            rejected_values: RejectedValues::default(),
            refused: BTreeMap::new(),
            outcome: Outcome::default(),
        }
    }
}

/// Whether an answer is all that there is to ask for.
#[derive(Default)]
pub(super) enum Outcome {
    /// It is, until the next refresh.
    #[default]
    Complete,
    /// There is nothing in it although there should be.
    Empty,
    /// Part of it failed and may work soon.
    Partial(Error),
}

/// What a source brought, and how far it got.
#[derive(Serialize, Deserialize)]
struct Remembered<M, K: Ord> {
    facts: M,
    progress: due::Progress<K>,
    #[serde(default)]
    refused: Option<Refused>,
}

/// As it is kept, with the options on which it depends.
type KeptBy<S> =
    Kept<Remembered<<S as OptionalSource>::Memory, <S as OptionalSource>::Key>, serde_json::Value>;

/// How everything was refused the last time, and how often in a row since then.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Refused {
    code: i64,
    times: u32,
}

/// An optional source that is switched on, and how it stands.
pub(super) struct Slot<S: OptionalSource> {
    source: S,
    due: Due<S::Key>,
    /// Set while batches are all refused.
    refused: Option<Refused>,
    /// How often something was asked for.
    attempts: u32,
}

/// A future of whatever source.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A slot, whatever is in it.
pub(super) trait AnySlot: Send + Sync {
    /// Which source is in it.
    fn source(&self) -> Source;

    /// Takes up what a process before this one remembered, if it had the same options.
    fn restore<'a>(&'a mut self, context: &'a Context) -> Boxed<'a, ()>;

    /// Asks for what is due; tells whether anything was.
    fn run<'a>(&'a mut self, context: &'a Context, known: &'a Known) -> Boxed<'a, bool>;

    /// When something is due next, which may have passed.
    fn next(&self, now: Timestamp) -> Option<Timestamp>;

    /// What it knows now.
    fn contribution(&self, context: &Context) -> Contribution;

    /// How many of its facts are current.
    fn count(&self, current: Current) -> usize;
}

impl<S: OptionalSource> Slot<S> {
    /// A source that has asked for nothing yet.
    pub(super) fn boxed(source: S, context: &Context) -> Box<dyn AnySlot> {
        let schedule = &context.options.schedule;
        // What is refreshed more rarely than it ages would be missing in between.
        let refresh = source.refresh_interval().map(|r| r.min(schedule.max_age / 4 * 3));
        let due = Due::new(refresh, schedule.interval);
        Box::new(Self { source, due, refused: None, attempts: 0 })
    }

    async fn ask(&mut self, context: &Context, known: &Known, ready: Vec<S::Key>) {
        let started = Instant::now();
        context.started(S::SOURCE, &mut self.due).await;
        let mut progress = Progress::every(PROGRESS_AFTER);
        let mut requests = Many::new(context.at_once(), context.metrics.panics());
        // Those that failed before come last, and say nothing of the others.
        let (mut sound, mut failing): (Vec<_>, Vec<_>) =
            ready.into_iter().partition(|key| !self.due.is_failing(key));
        let none_is_known = sound.is_empty() && !self.due.any_answered();
        // A batch is judged by its ends: each time others.
        self.attempts = self.attempts.wrapping_add(1);
        if !failing.is_empty() {
            let middle = far_apart(self.attempts, failing.len());
            failing.rotate_left(middle);
        }
        // What concerns all is told by the first request; the others wait for it. Where batches were
        // refused the last time, a single thing tells whether that has changed: each time another,
        // since one may be refused for itself. Where single things are asked for, a few others of
        // them are tried each time: one may be granted by now.
        let refused = self.refused.take();
        let mut batches = VecDeque::new();
        if let Some(Refused { code, times }) = refused {
            requests.expect_refusals(Some(code));
            let keys = if sound.is_empty() { &mut failing } else { &mut sound };
            batches.push_back(vec![keys.remove(far_apart(times, keys.len()))]);
        }
        let rest = sound.chunks(S::BATCH).chain(failing.chunks(S::BATCH));
        batches.extend(rest.map(<[_]>::to_vec));
        requests.extend(batches.pop_front());
        loop {
            let ask =
                |batch| self.source.ask(Arc::clone(&context.client), batch, context.at_once());
            let Some((batch, answer)) = requests.next(ask).await else { break };
            requests.extend(batches.drain(..));
            let now = context.now();
            match answer {
                Ok(answer) => {
                    let asked = Asked { batch: &batch, known, now };
                    let taken = self.source.take(&asked, answer);
                    context.metrics.rejected(taken.rejected_rows, &taken.rejected_values);
                    for key in &batch {
                        match taken.refused.get(key) {
                            Some(error) => self.due.failed(key, now, error),
                            None => self.note(key, now, &taken.outcome),
                        }
                    }
                    requests.note(taken.refused.values().next());
                }
                Err(error) => {
                    let is_old = !none_is_known && batch.iter().all(|k| self.due.is_failing(k));
                    if !requests.ends(&error, batch.len(), is_old) {
                        batch.iter().for_each(|key| self.due.failed(key, now, &error));
                    }
                }
            }
            if progress.is_due() {
                progress.published(context.publish([self.contribution(context)]).await);
            }
        }
        let gap = self.source.ran();
        let is_refusal =
            |error: &&Error| matches!(error.class, Class::Permission | Class::InvalidRequest);
        let code = requests.ended_by.as_ref().filter(is_refusal).and_then(|error| error.code);
        let times = refused.map_or(0, |refused| refused.times).wrapping_add(1);
        self.refused = code.filter(|_| S::BATCH > 1).map(|code| Refused { code, times });
        let failure = requests.failure.or(gap);
        context.ended(S::SOURCE, &mut self.due, started, failure, requests.ended_by);
        self.remember(context).await;
    }

    fn note(&mut self, key: &S::Key, now: Timestamp, outcome: &Outcome) {
        match outcome {
            Outcome::Partial(error) => self.due.failed(key, now, error),
            Outcome::Empty if self.due.was_empty(key, now) <= EMPTY_ANSWERS_MAX => {}
            Outcome::Empty | Outcome::Complete => self.due.answered(key),
        }
    }

    async fn remember(&self, context: &Context) {
        if let Some(facts) = self.source.memory().filter(|_| context.keeper.is_there()) {
            let (progress, refused) = (self.due.progress(), self.refused);
            let remembered = Remembered { facts, progress, refused };
            let remembered = Kept::new(self.source.depends_on(), remembered);
            context.keeper.remember(S::SOURCE.as_label(), &remembered).await;
        }
    }
}

/// The n-th of places among so many: neither end soon, and each far from those before it.
fn far_apart(n: u32, places: usize) -> usize {
    /// The golden ratio, in parts of 2^32.
    const STEP: u32 = 0x9E37_79B9;
    let from_the_end = (u64::from(n.wrapping_mul(STEP)) * places as u64) >> 32;
    places - 1 - usize::try_from(from_the_end).unwrap_or(0)
}

impl<S: OptionalSource> AnySlot for Slot<S> {
    fn source(&self) -> Source {
        S::SOURCE
    }

    fn restore<'a>(&'a mut self, context: &'a Context) -> Boxed<'a, ()> {
        Box::pin(async move {
            let name = S::SOURCE.as_label();
            let options = self.source.depends_on();
            let kept = context.keeper.recall::<KeptBy<S>>(name);
            let former = || {
                let former = context.keeper.recall(name)?;
                let id_type = context.options.api.department_id_type;
                let kept = former::in_todays_form(S::SOURCE, former, id_type)?;
                serde_json::from_value::<KeptBy<S>>(kept).ok()?.under(&options)
            };
            // What was allowed for other options may not be published now.
            let Some(known) = kept.and_then(|kept| kept.under(&options)).or_else(former) else {
                context.keeper.forget(name).await;
                return;
            };
            if let Some(at) = known.progress.last_success {
                context.metrics.succeeded_before(S::SOURCE, at);
            }
            self.refused = known.refused;
            self.due.resume(known.progress);
            self.source.recall(known.facts);
        })
    }

    fn run<'a>(&'a mut self, context: &'a Context, known: &'a Known) -> Boxed<'a, bool> {
        Box::pin(async move {
            let may_ask = known.may_ask() || (S::COMES_FIRST && !known.has_looked);
            if !may_ask {
                return false;
            }
            self.source.retain(&known.collected());
            let now = context.now();
            if self.source.is_outdated(known) {
                self.due.refresh();
            }
            self.due.want(now, self.source.wanted(known));
            let ready = self.due.ready(now);
            let any = !ready.is_empty();
            if any {
                self.ask(context, known, ready).await;
            }
            any
        })
    }

    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.due.next(now)
    }

    fn contribution(&self, context: &Context) -> Contribution {
        let mut part = OfSource::new(context.status(S::SOURCE, &self.due));
        let departments = context.messages.known.borrow().collected();
        self.source.contribute(&departments, context.current(), &mut part);
        (S::SOURCE, part).into()
    }

    fn count(&self, current: Current) -> usize {
        self.source.count(current)
    }
}
