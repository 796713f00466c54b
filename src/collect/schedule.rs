//! When to look at which department, and for which days. Pure functions of `now`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{latest_day, options::Schedule, standing::Standing};
use crate::{
    day::{Day, Zone, after},
    feishu::{Class, Error},
};

/// After a first, second and every further look in vain at a department: nothing there changes by
/// the hour, and each look costs a request.
const FRUITLESS_WAITS: [Duration; 3] =
    [Duration::from_secs(3600), Duration::from_secs(6 * 3600), Duration::from_secs(24 * 3600)];
/// After a first failure; it doubles with each, up to the interval.
const FAILURE_WAIT_FIRST: Duration = Duration::from_secs(30);
/// After Feishu said that the month's quota is used up: one probe a day.
const QUOTA_WAIT: Duration = Duration::from_secs(24 * 3600);
/// `ready_at` plus up to this is when the new day is looked for, so that the world's exporters do
/// not ask in the same second.
pub(super) const JITTER_MAX: Duration = Duration::from_secs(300);

/// What all departments of one tenant and geo have in common.
pub(super) struct Group<'a> {
    pub(super) zone: &'a Zone,
    pub(super) schedule: &'a Schedule,
    /// This tenant's share of [`JITTER_MAX`].
    pub(super) jitter: Duration,
}

/// What to do about a group now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The newest day that should be there.
    pub(super) expected: Day,
    /// The departments to look at now, by index.
    pub(super) look: Vec<usize>,
    /// The one among them to look at first and alone, while nobody has the expected day: if it
    /// has no news, those that lack only that day are left in peace.
    pub(super) lead: Option<usize>,
    /// When to plan again; `now` if there is something to do.
    pub(super) next: Timestamp,
}

/// Plans for the departments of one group.
pub(super) fn plan(now: Timestamp, group: &Group<'_>, standings: &[Standing]) -> Plan {
    let schedule = group.schedule;
    let expected = latest_day::expected(now, group.zone, schedule.ready_at);
    let newest = standings.iter().filter_map(|s| s.held).max();
    let nobody_has_it = newest.is_none_or(|newest| newest < expected);
    let mut look = Vec::new();
    let mut waiting = Vec::new();
    // The next day is looked for even if everything is well.
    let mut next = jittered(group, after(expected, 1));
    for (index, standing) in standings.iter().enumerate() {
        let at = match due(now, group, standing, expected, newest) {
            Due::At(at) => at,
            Due::WithLead => {
                waiting.push(index);
                continue;
            }
            Due::WithTheNextDay => continue,
        };
        if at <= now { look.push(index) } else { next = next.min(at) }
    }
    let mut lead = None;
    if let Some(first) = waiting.iter().copied().min_by_key(|i| (standings[*i].last_look, *i)) {
        let at = lead_due(now, group, expected, waiting.iter().map(|i| &standings[*i]));
        if at <= now {
            lead = Some(first);
            look.push(first);
        } else {
            next = next.min(at);
        }
    }
    if nobody_has_it && lead.is_none() {
        // Those that never failed are likelier to have news.
        lead = look.iter().copied().min_by_key(|i| (standings[*i].is_failed(), *i));
    }
    if !look.is_empty() {
        next = now;
    }
    Plan { expected, look, lead, next }
}

/// The days to ask a department for, the last one included.
///
/// `newest` is the newest day that any department of the group has: if that is not the expected
/// one, the expected one is late and a department without any row is asked for the whole look-back
/// at once.
pub(super) fn days(
    standing: &Standing,
    expected: Day,
    newest: Option<Day>,
    lookback_days: i32,
) -> (Day, Day) {
    let oldest = after(expected, -lookback_days);
    let start = match standing.held {
        Some(held) if held >= expected => expected,
        Some(held) => after(held, 1).max(oldest),
        None if standing.fruitless > 0 && !standing.is_failed() => oldest,
        None if newest.is_none_or(|newest| newest >= expected) => expected,
        None => oldest,
    };
    (start, expected)
}

/// How long the tenant is left alone after a failure that concerns all its departments, or one
/// department after a failure of its own, the `failures`-th in a row.
pub(super) fn failure_wait(interval: Duration, failures: u32, quota: bool) -> Duration {
    if quota {
        return QUOTA_WAIT;
    }
    FAILURE_WAIT_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(interval)
}

/// How long something is left alone after the `times`-th look in vain in a row, from 1.
pub(super) fn fruitless_wait(times: u32) -> Duration {
    FRUITLESS_WAITS[(times.max(1) as usize).min(FRUITLESS_WAITS.len()) - 1]
}

/// Whether Feishu, and not our own budget, said that the month's quota is used up.
pub(super) fn is_feishu_quota(error: &Error) -> bool {
    error.class == Class::Quota && error.code.is_some()
}

enum Due {
    /// At that time, which may lie in the past.
    At(Timestamp),
    /// When it is this one's turn to be asked for the day that nobody has yet.
    WithLead,
    /// It has all there is.
    WithTheNextDay,
}

fn due(
    now: Timestamp,
    group: &Group<'_>,
    standing: &Standing,
    expected: Day,
    newest: Option<Day>,
) -> Due {
    let schedule = group.schedule;
    if standing.held.is_some_and(|held| held >= expected) && standing.is_settled() {
        return Due::WithTheNextDay;
    }
    let lacks_only_the_newest =
        standing.held.is_some_and(|held| held < expected) && standing.held == newest;
    // A look that lies ahead was before the clock went back.
    let Some(last_look) = standing.last_look.filter(|at| *at <= now) else {
        // One that a process before this one has asked waits for its turn like the others.
        return if lacks_only_the_newest { Due::WithLead } else { Due::At(now) };
    };
    if standing.fruitless > 0 {
        return Due::At(later(last_look, fruitless_wait(standing.fruitless)));
    }
    if standing.failures > 0 {
        let wait = failure_wait(schedule.interval, standing.failures, false);
        return Due::At(later(last_look, wait));
    }
    match standing.held {
        Some(_) if lacks_only_the_newest => Due::WithLead,
        // Another department has the day, which was not due yet when this one was asked last.
        Some(held)
            if held < expected
                && last_look < latest_day::ready(expected, group.zone, schedule.ready_at) =>
        {
            Due::At(now)
        }
        // It lacks part of the day, or a day that another department has.
        _ => Due::At(later(last_look, schedule.interval)),
    }
}

/// When one of those that lack only the newest day is asked whether it is out.
fn lead_due<'a>(
    now: Timestamp,
    group: &Group<'_>,
    expected: Day,
    waiting: impl Iterator<Item = &'a Standing>,
) -> Timestamp {
    let ready = latest_day::ready(expected, group.zone, group.schedule.ready_at);
    let asked = waiting.filter_map(|s| s.last_look).filter(|at| *at >= ready && *at <= now).max();
    match asked {
        Some(asked) => later(asked, group.schedule.interval),
        None => jittered(group, expected),
    }
}

fn jittered(group: &Group<'_>, day: Day) -> Timestamp {
    later(latest_day::ready(day, group.zone, group.schedule.ready_at), group.jitter)
}

/// `at` moved by a duration, held within the range of timestamps.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
