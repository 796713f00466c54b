//! Fetching a whole range of the past once, for the command `backfill`: first a plan, then range
//! by range, each kept as it comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    context::Context,
    many::Many,
    options::Schedule,
    past::{
        fill::Fill,
        plan::{self, OFFERED_DAYS, PAGES_MAX},
    },
    statistics::{
        restoring,
        standing::Standing,
        state::{Group, State},
    },
};
use crate::{
    day::{Day, after, days_between},
    feishu::{Class, Error},
    sources::departments::{Ask, Found},
    store::Extent,
    usage::{Geo, Target},
};

/// Rows of a department's day that are assumed where product versions are asked for.
const VERSIONS_ASSUMED: usize = 5;
/// Days that are asked for first where nobody knows how many versions there are.
const FIRST_DAYS_OF_VERSIONS: usize = 7;
/// Every day may be one that was asked for before it was produced, or read in part.
const AT_ANY_TIME: i32 = -1;

/// What of the past is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct PastDays {
    /// The first day; none: the oldest that the API still offers.
    pub from: Option<Day>,
    /// The last day; none: the newest that should be there.
    pub to: Option<Day>,
    /// Whether days that are known are asked for again.
    pub refresh: bool,
    /// Whether each product version's row is asked for beside the total, on the days wanted.
    pub with_versions: bool,
    /// Whether only the plan is made, for which nothing is asked.
    pub plan_only: bool,
}

/// What a fetch tells while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// What is going to be asked for, told before it is.
    Planned(&'a Plan),
    /// So many days of targets were answered or given up, of so many.
    Fetched(usize, usize),
}

/// What is going to be asked of a tenant.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The label `tenant`.
    pub tenant: String,
    /// Targets, listed and discovered.
    pub targets: usize,
    /// Days of targets that are lacking, those for baselines among them.
    pub days: usize,
    /// Requests that they take, as far as that is known.
    pub requests: u64,
    /// Whether they may take more: nobody knows how many departments some targets hold.
    pub is_lower_bound: bool,
    /// Whether departments that discovery finds are not known yet.
    pub lacks_discovered: bool,
    /// The least time that the limit of requests a second allows.
    pub takes: Duration,
    /// The budget of the month, and how much of it is spent; none without one.
    pub budget: Option<(u64, u64)>,
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
    let Some(wants) = lacking(context, state, wanted, &fetched.days).await else {
        fetched.ended_by = Some("the store cannot be read; see the log".to_owned());
        return fetched;
    };
    progress(Progress::Planned(&plan_of(context, state, &wants)));
    if wanted.plan_only {
        return fetched;
    }
    let of = wants.iter().map(|want| want.days.len()).sum();
    progress(Progress::Fetched(0, of));
    let (totals, versions) = wants.into_iter().partition(|want: &Want| !want.with_versions);
    let mut done = 0;
    for (wants, with_versions) in [(totals, false), (versions, true)] {
        if fetched.ended_by.is_none() {
            let fill = Fill::new(context, with_versions);
            let mut fetching = Fetching { context, state, fill, refresh: wanted.refresh, wants };
            let mut count = |days| {
                done += days;
                progress(Progress::Fetched(done, of));
            };
            fetching.run(&mut fetched, &mut count).await;
        }
    }
    // How rates are read is told by the rows, also where no exporter has run yet.
    state.rates.decide();
    restoring::keep(context, state).await;
    fetched.requests = context.budget.spent().saturating_sub(spent);
    fetched
}

/// Fetches days in one manner, with versions or without.
struct Fetching<'a> {
    context: &'a Context,
    state: &'a mut State,
    fill: Fill,
    refresh: bool,
    wants: Vec<Want>,
}

impl Fetching<'_> {
    /// `count` is told how many days of targets were answered or given up.
    async fn run(&mut self, fetched: &mut Fetched, count: &mut dyn FnMut(usize)) {
        let at_once = self.context.options.api.limits.concurrency;
        let mut requests = Many::new(at_once, self.context.metrics.panics());
        for (at, want) in self.wants.iter_mut().enumerate() {
            requests.extend(want.take_asks().into_iter().map(|ask| (at, ask)));
        }
        let fill = self.fill.clone();
        while let Some(((at, ask), answer)) = requests.next(|(_, ask)| fill.ask(ask)).await {
            count(days_of(&ask));
            match answer {
                Ok(found) => {
                    self.learn(&ask, &found);
                    if !self.keep(&ask, found).await {
                        fetched.ended_by =
                            Some("what was fetched cannot be kept; see the log".to_owned());
                        return;
                    }
                }
                Err(error) if requests.concerns_all(&error, false) => {}
                Err(error) => {
                    self.failed(&ask, &error, fetched);
                    // What was not asked for yet would fail as well.
                    count(std::mem::take(&mut self.wants[at].days).len());
                }
            }
            requests.extend(self.wants[at].take_asks().into_iter().map(|ask| (at, ask)));
        }
        fetched.ended_by = requests.ended_by.map(|error| error.to_string());
    }

    fn learn(&mut self, ask: &Ask, found: &Found) {
        self.state.rates.see(found);
        let same = self.wants.iter_mut().filter(|want| want.target == ask.target);
        same.for_each(|want| want.learn(ask, found));
    }

    async fn keep(&self, ask: &Ask, found: Found) -> bool {
        let lists = vec![self.fill.lists(ask, found, &BTreeSet::new(), self.context.now())];
        let keeper = &self.context.keeper;
        if self.refresh { keeper.replace(lists).await } else { keeper.keep(lists).await }
    }

    fn failed(&self, ask: &Ask, error: &Error, fetched: &mut Fetched) {
        if is_not_offered(self.context, self.state, ask, error) {
            tracing::info!(
                tenant = fetched.tenant, from = %ask.start, to = %ask.end, %error,
                "Feishu does not offer these days any more"
            );
        } else {
            fetched.failures.push(error.to_string());
        }
    }
}

fn days_of(ask: &Ask) -> usize {
    usize::try_from(days_between(ask.start, ask.end) + 1).unwrap_or(0)
}

/// Days that are lacking of a target, and how many rows a day's list holds.
#[derive(Debug)]
struct Want {
    target: Target,
    days: BTreeSet<Day>,
    with_versions: bool,
    rows_a_day: usize,
    /// Days that are asked for at first, while the size of a day's list is a guess.
    first: Option<usize>,
    /// Pages of a range at most, so that those which are read at once have no more than
    /// [`PAGES_MAX`] in all.
    pages_max: usize,
}

impl Want {
    /// The ranges to ask for now; their days are wanted no longer.
    fn take_asks(&mut self) -> Vec<Ask> {
        let now = match self.first {
            // The newest ones: a department that is younger than the rest has rows there.
            Some(first) => self.days.iter().rev().take(first).copied().collect(),
            None => std::mem::take(&mut self.days),
        };
        self.days.retain(|day| !now.contains(day));
        self.asks(&now)
    }

    fn asks(&self, days: &BTreeSet<Day>) -> Vec<Ask> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Vec::new() };
        let covered = (0..days_between(*first, *last))
            .map(|n| after(*first, n))
            .filter(|day| !days.contains(day))
            .collect();
        plan::asks(&self.target, days, *last, &covered, self.rows_a_day, self.pages_max).collect()
    }

    /// Learns from an answer how large a day's list is.
    fn learn(&mut self, ask: &Ask, found: &Found) {
        let mut rows = BTreeMap::<Day, usize>::new();
        for found in &found.days {
            *rows.entry(found.day.day).or_default() += found.day.rows.len();
        }
        match (rows.into_values().max(), self.first) {
            (Some(rows), Some(_)) => {
                self.rows_a_day = rows;
                self.first = None;
            }
            // A list without rows tells nothing; more days are tried.
            (None, Some(first)) => {
                self.first = Some(first.max(days_of(ask) * 2));
            }
            (rows, None) => self.rows_a_day = self.rows_a_day.max(rows.unwrap_or(0)),
        }
    }
}

/// The days that the store lacks; none if it cannot tell.
async fn lacking(
    context: &Context,
    state: &State,
    wanted: PastDays,
    days: &[(Geo, Day, Day)],
) -> Option<Vec<Want>> {
    let Schedule { baseline_weeks, lookback_days, .. } = context.options.schedule;
    let mut ranges = Vec::new();
    for (group, (_, from, to)) in state.groups.iter().zip(days) {
        // Baselines of the first days need older ones, as far as the API has them.
        let oldest = oldest(context, state, group.geo);
        let first = after(*from, -7 * i32::from(baseline_weeks)).max(oldest).min(*from);
        ranges.extend(group.standings.iter().map(|s| (s, first, *from, *to)));
    }
    let asked = || {
        ranges.iter().map(|(s, first, _, to)| (s.target.clone(), *first, *to)).collect::<Vec<_>>()
    };
    let totals = context.keeper.covered(asked(), Extent::Total, lookback_days).await?;
    let versions = context.keeper.covered(asked(), Extent::Whole, lookback_days).await?;
    let with_versions = context.keeper.covered(asked(), Extent::Part, AT_ANY_TIME).await?;
    let mut wants = Vec::new();
    for (at, (standing, first, from, to)) in ranges.iter().enumerate() {
        // Versions only of the days wanted: baselines need totals. What is fetched again is
        // fetched as it is there.
        let needs_versions = |day: &Day| {
            context.options.product_versions
                && (wanted.with_versions && day >= from
                    || wanted.refresh && with_versions[at].contains(day))
        };
        let is_lacking = |day: &Day| {
            let covered = if needs_versions(day) { &versions[at] } else { &totals[at] };
            wanted.refresh || !covered.contains(day)
        };
        let lacking = (0..=days_between(*first, *to)).map(|days| after(*first, days));
        let lacking: Vec<Day> = lacking.filter(is_lacking).collect();
        // Days that may not be offered any more are asked for apart from those that are.
        let oldest = oldest(context, state, standing.target.geo);
        for (offered, versions) in [(false, false), (false, true), (true, false), (true, true)] {
            let is_of = |d: &Day| (*d >= oldest) == offered && needs_versions(d) == versions;
            let days: BTreeSet<Day> = lacking.iter().copied().filter(is_of).collect();
            if !days.is_empty() {
                let at_once = context.options.api.limits.concurrency;
                let (rows_a_day, first) = size_of(standing, versions);
                wants.push(Want {
                    target: standing.target.clone(),
                    days,
                    with_versions: versions,
                    rows_a_day,
                    first,
                    pages_max: (PAGES_MAX / at_once).max(1),
                });
            }
        }
    }
    Some(wants)
}

/// How many rows a day's list of a target holds, and how many days are asked for at first to find
/// that out; none where it is known.
fn size_of(standing: &Standing, with_versions: bool) -> (usize, Option<usize>) {
    let known: usize = match with_versions {
        true => standing.days.values().map(|day| day.rows.len()).sum(),
        false => standing.days.len(),
    };
    let first = match (standing.target.include_children, with_versions) {
        _ if known > 0 => None,
        (true, _) => Some(1),
        (false, true) => Some(FIRST_DAYS_OF_VERSIONS),
        (false, false) => None,
    };
    (known.max(if with_versions { VERSIONS_ASSUMED } else { 1 }), first)
}

/// What is going to be asked.
fn plan_of(context: &Context, state: &State, wants: &[Want]) -> Plan {
    let pages = |want: &Want| {
        let asks = want.asks(&want.days);
        asks.iter().map(|ask| plan::pages(days_of(ask) * want.rows_a_day)).sum::<u64>()
    };
    let requests = wants.iter().map(pages).sum::<u64>() + u64::from(!wants.is_empty());
    let limits = &context.options.api.limits;
    #[expect(clippy::cast_precision_loss, reason = "no plan has 2^53 requests")]
    let takes = Duration::from_secs_f64(requests as f64 / limits.requests_per_second);
    Plan {
        tenant: context.name().to_owned(),
        targets: state.standings().count(),
        days: wants.iter().map(|want| want.days.len()).sum(),
        requests,
        is_lower_bound: wants.iter().any(|want| want.first.is_some()),
        lacks_discovered: context.options.discovery.is_some()
            && context.messages.discovered.borrow().tree.is_none(),
        takes,
        budget: (context.budget.limit() > 0)
            .then(|| (context.budget.limit(), context.budget.spent())),
    }
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
