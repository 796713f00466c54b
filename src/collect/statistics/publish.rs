//! Hands what is known to the board, to the other loops and to the month's budget.

use std::time::Duration;

use super::{report, restoring, state::State};
use crate::collect::context::Context;

/// Publishes what is known now; returns how long that took.
pub(super) async fn publish(context: &Context, state: &mut State) -> Duration {
    // Kept before anybody sees it.
    restoring::keep(context, state).await;
    let took = context.publish([report::report(context, state).into()]).await;
    // After the snapshot, so that they never tell of departments that are not served yet.
    context.metrics.departments(report::counts(context, state));
    context.metrics.budget(&context.budget);
    took
}

/// Keeps back what the live statistics will need of the month's budget.
pub(super) fn reserve(context: &Context, state: &State) {
    let (now, ready_at) = (context.now(), context.options.schedule.ready_at);
    context.budget.reserve(|end| state.requests_until(end, now, ready_at));
}

/// Tells the other loops what there is; `has_looked` after anything was asked.
pub(super) fn tell(context: &Context, state: &State, has_looked: bool) {
    context.messages.known.send_replace(report::known(context, state, has_looked));
}
