//! The loop of one tenant's department statistics: look at what is due, publish, wait.

pub(crate) mod grouping;
pub(crate) mod latest_day;
mod look;
mod publish;
pub(crate) mod rates;
pub(crate) mod report;
pub(crate) mod restoring;
pub(crate) mod schedule;
pub(crate) mod standing;
pub(crate) mod state;
mod together;

use std::time::Duration;

use humantime::format_duration;
use jiff::Timestamp;
use tokio::{sync::watch, time::Instant};

use self::{
    look::{Looked, Rejected},
    report::NewestServed,
    schedule::JITTER_MAX,
    state::State,
};
use super::{context::Context, messages::Discovered, sources::Source};
use crate::{
    feishu::Error,
    learned::Change,
    usage::{Geo, RateScale},
};

/// The loop, and all that it knows.
pub(crate) struct Statistics {
    pub(crate) context: Context,
    pub(crate) state: State,
    discovered: watch::Receiver<Discovered>,
    counted: Instant,
    /// What was said to be served.
    served: Vec<NewestServed>,
    /// The month's requests as they were published last while waiting.
    shown_requests: u64,
    /// Whether it has taken up what the store holds.
    is_restored: bool,
}

/// How often the requests of other processes on the same store, such as a backfill, are counted.
const COUNT_EVERY: Duration = Duration::from_secs(60);

impl Statistics {
    /// A loop that knows nothing yet but the listed departments.
    pub(crate) fn new(context: Context) -> Self {
        let state = State::new(&context.options, JITTER_MAX.mul_f64(fastrand::f64()));
        let discovered = context.messages.discovered.subscribe();
        let counted = Instant::now();
        let (served, shown_requests, is_restored) = (Vec::new(), 0, false);
        let mut statistics =
            Self { context, state, discovered, counted, served, shown_requests, is_restored };
        statistics.retarget();
        // Before anything is asked, the live statistics are known to take this much.
        publish::reserve(&statistics.context, &statistics.state);
        statistics
    }

    /// Looks and publishes for ever; stopped by being dropped.
    pub(crate) async fn run(mut self) {
        if !self.is_restored {
            self.restore().await;
        }
        loop {
            self.retarget();
            self.look_once().await;
            self.state.recount_current(self.context.current());
            let next = self.next(self.context.now());
            self.state.next_look = Some(next);
            self.context.metrics.next(Source::Departments, next);
            self.publish().await;
            self.tell();
            self.try_grouping().await;
            self.state.next_look = None;
            self.wait_until(next).await;
        }
    }

    /// Takes in which departments there are now.
    pub(crate) fn retarget(&mut self) {
        let Discovered { departments, tree } = self.discovered.borrow_and_update().clone();
        self.state.retarget(&self.context.options.departments, &departments);
        if let Some(tree) = tree {
            self.state.compare_with(&tree);
        }
    }

    /// Takes up where the process before this one ended.
    pub(crate) async fn restore(&mut self) {
        self.is_restored = true;
        restoring::restore(&self.context, &mut self.state).await;
        publish::reserve(&self.context, &self.state);
    }

    /// Looks at everything that is due now.
    pub(crate) async fn look_once(&mut self) {
        let Self { context, state, .. } = self;
        restoring::recount(context).await;
        let started = Instant::now();
        let mut asked = 0;
        let mut is_whole = true;
        for group in 0..state.groups.len() {
            if !state.is_due(group, context.now(), &context.options.schedule) {
                continue;
            }
            let looked = look::look(context, state, group).await;
            asked += looked.asked;
            is_whole &= looked.failed == 0 && looked.ended_by.is_none();
            conclude(context, state, group, &looked);
        }
        tell_of_rates(context, state.rates.decide().as_ref());
        state.days_mut().for_each(|day| context.versions.drop_repeated_total(day));
        let unsaved = state.unsaved.iter_mut().flat_map(|lists| &mut lists.rows);
        unsaved.for_each(|day| context.versions.drop_repeated_total(day));
        restoring::keep(context, state).await;
        if asked > 0 {
            let now = context.now();
            if is_whole {
                state.last_success = Some(now);
            }
            context.metrics.collected(Source::Departments, now, started.elapsed(), is_whole);
        }
        let served = report::newest_served(context, state);
        say_what_is_served(context, &self.served, &served);
        self.served = served;
    }

    /// Finds out, once there is a day to compare, whether departments may be asked for together.
    pub(crate) async fn try_grouping(&mut self) {
        if self.state.problem.is_none() {
            for group in 0..self.state.groups.len() {
                together::try_grouping(&self.context, &mut self.state, group).await;
            }
            restoring::keep(&self.context, &mut self.state).await;
        }
    }

    /// Publishes what is known now.
    pub(crate) async fn publish(&mut self) -> Duration {
        publish::publish(&self.context, &mut self.state).await
    }

    /// Tells the other loops what there is to ask for.
    pub(crate) fn tell(&self) {
        publish::reserve(&self.context, &self.state);
        publish::tell(&self.context, &self.state, true);
    }

    /// Tells the other loops what is served before anything was asked.
    pub(crate) fn tell_what_is_served(&self) {
        publish::tell(&self.context, &self.state, false);
    }

    /// When there is something to do again.
    fn next(&self, now: Timestamp) -> Timestamp {
        self.state.next(now, &self.context.options.schedule)
    }

    /// Has the month's requests counted from time to time, and shows them, and how the store
    /// stands.
    async fn count_requests(&mut self) {
        let is_time = self.counted.elapsed() >= COUNT_EVERY;
        if is_time {
            self.counted = Instant::now();
            // A disk that hangs must not hold up the next look.
            let context = self.context.clone();
            tokio::spawn(async move { restoring::recount(&context).await });
        }
        let spent = self.context.budget.spent();
        if is_time || spent != self.shown_requests {
            self.shown_requests = spent;
            self.context.board.publish_facts().await;
        }
    }

    /// Sleeps until then by the wall clock; publishes when something became too old, or is current
    /// again since the clock went back, and returns early when a new secret may end a failure.
    async fn wait_until(&mut self, next: Timestamp) {
        loop {
            let now = self.context.now();
            // The plan is made anew each time, by the same reading of the clock, which runs and may
            // have been set.
            if now >= next || self.next(now) <= now {
                return;
            }
            if self.state.recount_current(self.context.current()) {
                self.state.next_look = Some(next);
                self.publish().await;
                self.tell();
            }
            self.count_requests().await;
            if self.state.problem.is_some() && self.context.client.has_new_secret() {
                self.state.try_new_secret();
                return;
            }
            tokio::select! {
                () = self.context.sleep_towards(Some(next)) => {}
                // Discovery found other departments than before.
                Ok(()) = self.discovered.changed() => return,
            }
        }
    }
}

/// Says how many departments serve which day, where that has changed.
fn say_what_is_served(context: &Context, before: &[NewestServed], now: &[NewestServed]) {
    for newest in now.iter().filter(|newest| !before.contains(newest)) {
        let NewestServed { geo, day, serving, departments } = newest;
        let tenant = context.name();
        tracing::info!(
            tenant, %geo, %day, serving, departments,
            "{serving} of {departments} departments serve {day}"
        );
    }
}

/// Draws conclusions from a look, and says each change once.
fn conclude(context: &Context, state: &mut State, group: usize, looked: &Looked) {
    let (tenant, geo) = (context.name(), state.groups[group].geo);
    if let Some(error) = &looked.ended_by {
        back_off(context, state, group, error);
        return;
    }
    if state.went_through(group) {
        tracing::info!(tenant, %geo, "Tenant {tenant} is collected again");
    }
    if let Some(error) = &looked.news {
        tracing::warn!(
            tenant, %geo, asked = looked.asked, failed = looked.failed,
            class = error.class.as_label(), %error,
            "{} of {} departments could not be collected; their last values stay",
            looked.failed, looked.asked,
        );
    }
    if looked.rejected.is_new {
        tell_of_rejected(tenant, geo, looked);
    }
    tracing::debug!(tenant, %geo, asked = looked.asked, failed = looked.failed, "Looked");
}

/// Says what was not believed of answers that are used all the same.
fn tell_of_rejected(tenant: &str, geo: Geo, looked: &Looked) {
    let Rejected { departments, rows, example, fields, .. } = &looked.rejected;
    let asked = looked.asked;
    let example = example.as_ref().map(|row| format!(", for example {row}")).unwrap_or_default();
    let fields: Vec<&str> = fields.iter().copied().collect();
    let fields = match fields.is_empty() {
        true => String::new(),
        false => format!("; values of {} are no numbers", fields.join(", ")),
    };
    tracing::warn!(
        tenant, %geo, departments, rows,
        "Part of the statistics of {departments} of {asked} departments is not believed: {rows} rows{example}\
         {fields}. The rest is served, and what is incomplete is asked for again"
    );
}

/// Says that rates are read in another way than before.
fn tell_of_rates(context: &Context, change: Option<&Change<RateScale>>) {
    let tenant = context.name();
    match change {
        Some(Change { before: Some(_), after: Some(_) }) => tracing::warn!(
            tenant,
            "Feishu's rates come in another scale than before, and are read so from now on"
        ),
        Some(Change { before: Some(_), after: None }) => tracing::warn!(
            tenant,
            "Feishu's rates do not agree with the counts in the scale known so far; they have no \
             samples until it is known again, or set by rates: ratio or rates: percent"
        ),
        _ => {}
    }
}

fn back_off(context: &Context, state: &mut State, group: usize, error: &Error) {
    let now = context.now();
    // Whole seconds read better, one more than is left.
    let held = context.budget.is_exhausted().then(|| {
        let left = now.duration_until(context.budget.next_month()).unsigned_abs();
        Duration::from_secs(left.as_secs() + 1)
    });
    let interval = context.options.schedule.interval;
    let (is_new, wait) = state.broke_off(group, now, error, interval, held);
    let (tenant, geo) = (context.name(), state.groups[group].geo);
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
