//! When to look at which department, and for which days. Pure functions of `now`.

use std::time::Duration;

use jiff::Timestamp;

use super::{latest_day, standing::Standing};
use crate::{
    clock::later,
    collect::options::Schedule,
    day::{Day, Zone, after},
};

/// `ready_at` plus up to this is when the new day is looked for, so that the world's exporters do
/// not ask in the same second.
pub(crate) const JITTER_MAX: Duration = Duration::from_secs(300);

/// What all departments of one tenant and geo have in common.
pub(crate) struct Timing<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) schedule: &'a Schedule,
    /// This tenant's share of [`JITTER_MAX`].
    pub(crate) jitter: Duration,
}

/// What to do about a group now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The newest day that should be there.
    pub(crate) expected: Day,
    /// The departments to look at now, by index.
    pub(crate) look: Vec<usize>,
    /// The one among them to look at first and alone, while nobody has the expected day: if it
    /// has no news, those that lack only that day are not asked.
    pub(crate) lead: Option<usize>,
    /// When to plan again; `now` if there is something to do.
    pub(crate) next: Timestamp,
}

/// Plans for the departments of one group.
pub(crate) fn plan(now: Timestamp, group: &Timing<'_>, standings: &[Standing]) -> Plan {
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

/// When each department is asked for next; what is due has passed.
pub(crate) fn next_of_each(
    now: Timestamp,
    group: &Timing<'_>,
    standings: &[Standing],
) -> Vec<Timestamp> {
    let expected = latest_day::expected(now, group.zone, group.schedule.ready_at);
    let newest = standings.iter().filter_map(|s| s.held).max();
    let dues = standings.iter().map(|standing| due(now, group, standing, expected, newest));
    let dues: Vec<Due> = dues.collect();
    let waiting = dues.iter().zip(standings).filter(|(due, _)| matches!(due, Due::WithLead));
    let with_lead = lead_due(now, group, expected, waiting.map(|(_, standing)| standing));
    let with_the_next_day = jittered(group, after(expected, 1));
    let next = dues.into_iter().map(|due| match due {
        Due::At(at) => at,
        Due::WithLead => with_lead,
        Due::WithTheNextDay => with_the_next_day,
    });
    next.collect()
}

/// The days to ask a department for, the last one included.
///
/// `newest` is the newest day that any department of the group has: if that is not the expected
/// one, the expected one is late and a department without any row is asked for the whole look-back
/// at once.
pub(crate) fn days(
    standing: &Standing,
    expected: Day,
    newest: Option<Day>,
    lookback_days: i32,
) -> (Day, Day) {
    let oldest = after(expected, -lookback_days);
    let start = match standing.held {
        Some(held) if held >= expected => expected,
        Some(held) => after(held, 1).max(oldest),
        None if standing.backoff.is_lasting() && !standing.is_failed() => oldest,
        None if newest.is_none_or(|newest| newest >= expected) => expected,
        None => oldest,
    };
    (start, expected)
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
    group: &Timing<'_>,
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
    if let Some(over) = standing.backoff.over(schedule.interval) {
        return Due::At(over);
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
        _ => Due::At(later(last_look, standing.pause(schedule.interval))),
    }
}

/// When one of those that lack only the newest day is asked whether it is out.
fn lead_due<'a>(
    now: Timestamp,
    group: &Timing<'_>,
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

/// When a day is looked for.
pub(crate) fn jittered(group: &Timing<'_>, day: Day) -> Timestamp {
    later(latest_day::ready(day, group.zone, group.schedule.ready_at), group.jitter)
}

#[cfg(test)]
mod tests;
