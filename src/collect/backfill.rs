//! Fetching a whole range of the past once, for the command `backfill`.

use std::collections::BTreeSet;

use super::{
    context::Context,
    many::Many,
    options::Schedule,
    past::{
        fill::Fill,
        plan::{self, OFFERED_DAYS},
    },
    statistics::{
        restoring,
        state::{Group, State},
    },
};
use crate::{
    day::{Day, after, days_between},
    feishu::{Class, Error},
    sources::departments::Ask,
    store::Extent,
    usage::{Geo, Target},
};

/// Departments that a list with sub-departments is assumed to hold before one was read.
const MEMBERS_ASSUMED: usize = 20;
/// Rows of a department's day that are assumed where product versions are asked for.
const VERSIONS_ASSUMED: usize = 5;

/// What of the past is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct PastDays {
    /// The first day; none: the oldest that the API still offers.
    pub from: Option<Day>,
    /// The last day; none: the newest that should be there.
    pub to: Option<Day>,
    /// Whether days that are known are asked for again.
    pub refresh: bool,
    /// Whether each product version's row is asked for beside the total.
    pub with_versions: bool,
}

/// How far a fetch got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Of which tenant.
    pub tenant: &'a str,
    /// Ranges that were answered or given up.
    pub done: usize,
    /// Ranges in all.
    pub of: usize,
}

/// What of a tenant was wanted and whether it is there.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The label `tenant`.
    pub tenant: String,
    /// Everything that is asked for, by listed and discovered departments.
    pub targets: Vec<Target>,
    /// The range that was fetched for each geo: the days wanted, those for their baselines not.
    pub days: Vec<(Geo, Day, Day)>,
    /// Requests that it took.
    pub requests: u64,
    /// What failed by itself, one sentence each; the others are there.
    pub failures: Vec<String>,
    /// The failure that ended it early: the rest was not asked for.
    pub ended_by: Option<String>,
}

/// Fetches what the store lacks of a range of past days, and keeps it as it comes.
pub(super) async fn fetch(
    context: &Context,
    state: &mut State,
    wanted: PastDays,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Fetched {
    let spent = context.budget.spent();
    let fill = Fill::new(context, wanted.with_versions && context.options.product_versions);
    let days: Vec<(Geo, Day, Day)> = state
        .groups
        .iter()
        .map(|group| {
            let expected = expected(context, group);
            let from = wanted.from.unwrap_or_else(|| after(expected, 1 - OFFERED_DAYS));
            (group.geo, from, wanted.to.unwrap_or(expected).min(expected))
        })
        .collect();
    let mut fetched = Fetched {
        tenant: context.name().to_owned(),
        targets: state.standings().map(|standing| standing.target.clone()).collect(),
        days,
        requests: 0,
        failures: Vec::new(),
        ended_by: None,
    };
    let Some(asks) = lacking(context, state, &fill, wanted, &fetched.days).await else {
        fetched.ended_by = Some("the store cannot be read; see the log".to_owned());
        return fetched;
    };
    let (tenant, of) = (context.name(), asks.len());
    progress(Progress { tenant, done: 0, of });
    let mut done = 0;
    let at_once = context.options.api.limits.concurrency;
    let mut requests = Many::new(at_once, context.metrics.panics());
    requests.extend(asks);
    while let Some((ask, answer)) = requests.next(|ask| fill.ask(ask)).await {
        match answer {
            Ok(found) => {
                state.rates.see(&found);
                let lists = fill.lists(&ask, found, &BTreeSet::new(), context.now());
                if !context.keeper.keep(vec![lists]).await {
                    fetched.ended_by =
                        Some("what was fetched cannot be kept; see the log".to_owned());
                    break;
                }
            }
            Err(error) if requests.concerns_all(&error, false) => {}
            Err(error) if is_not_offered(context, state, &ask, &error) => {
                tracing::info!(
                    tenant, from = %ask.start, to = %ask.end, %error,
                    "Feishu does not offer these days any more"
                );
            }
            Err(error) => fetched.failures.push(error.to_string()),
        }
        done += 1;
        progress(Progress { tenant, done, of });
    }
    // How rates are read is told by the rows, also where no exporter has run yet.
    state.rates.decide();
    restoring::keep(context, state).await;
    fetched.ended_by = fetched.ended_by.or_else(|| requests.ended_by.map(|e| e.to_string()));
    fetched.requests = context.budget.spent().saturating_sub(spent);
    fetched
}

/// The ranges that the store lacks; none if it cannot tell.
async fn lacking(
    context: &Context,
    state: &State,
    fill: &Fill,
    wanted: PastDays,
    days: &[(Geo, Day, Day)],
) -> Option<Vec<Ask>> {
    let Schedule { baseline_weeks, lookback_days, .. } = context.options.schedule;
    let mut ranges = Vec::new();
    for (group, (_, from, to)) in state.groups.iter().zip(days) {
        // Baselines of the first days need older ones, as far as the API has them.
        let oldest = oldest(context, state, group.geo);
        let first = after(*from, -7 * i32::from(baseline_weeks)).max(oldest).min(*from);
        ranges.extend(group.standings.iter().map(|s| (s, first, *to)));
    }
    let asked = ranges.iter().map(|(s, first, to)| (s.target.clone(), *first, *to));
    let covered = match wanted.refresh {
        true => vec![BTreeSet::new(); ranges.len()],
        false => context.keeper.covered(asked.collect(), fill.extent(), lookback_days).await?,
    };
    let mut asks = Vec::new();
    for ((standing, first, to), covered) in ranges.into_iter().zip(covered) {
        let target = &standing.target;
        let assumed = if target.include_children { MEMBERS_ASSUMED } else { 1 };
        let versions = if fill.extent() == Extent::Whole { VERSIONS_ASSUMED } else { 1 };
        let rows = standing.days.len().max(assumed) * versions;
        // Days that may not be offered any more are asked for apart from those that are.
        let oldest = oldest(context, state, target.geo);
        for (first, last) in [(first, to.min(after(oldest, -1))), (first.max(oldest), to)] {
            let needed: BTreeSet<Day> =
                (0..=days_between(first, last)).map(|days| after(first, days)).collect();
            asks.extend(plan::asks(target, &needed, last, &covered, rows));
        }
    }
    Some(asks)
}

/// The oldest day that the API surely offers.
fn oldest(context: &Context, state: &State, geo: Geo) -> Day {
    let group = state.groups.iter().find(|group| group.geo == geo);
    group.map_or(Day::MAX, |group| after(expected(context, group), 1 - OFFERED_DAYS))
}

/// The newest day that should be there.
fn expected(context: &Context, group: &Group) -> Day {
    group.expected(context.now(), context.options.schedule.ready_at)
}

/// Whether a range failed for being older than what the API offers.
fn is_not_offered(context: &Context, state: &State, ask: &Ask, error: &Error) -> bool {
    error.class == Class::InvalidRequest && ask.end < oldest(context, state, ask.target.geo)
}
