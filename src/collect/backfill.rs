//! Fetching a whole range of the past once, for the command `backfill`: first a plan, then range
//! by range, each kept as it comes.

mod unfinished;
mod want;

use std::{collections::BTreeSet, time::Duration};

use self::{
    unfinished::{ListOf, Mark, Unfinished},
    want::{Want, days_of, size_of},
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
        state::{Group, State},
    },
};
use crate::{
    day::{Day, after, days_between},
    feishu::{Class, Error},
    sources::departments::{Ask, Found, Part, Read},
    store::{Extent, Lists},
    usage::{Geo, Target},
};

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
            let unfinished = Unfinished::recall(context);
            let refresh = wanted.refresh;
            let mut fetching = Fetching { context, state, fill, refresh, wants, unfinished };
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
    unfinished: Unfinished,
}

/// One request, or several pages of a list.
#[derive(Clone)]
struct Piece {
    /// Which of the wants it belongs to.
    want: usize,
    ask: Ask,
    of: ListOf,
    /// Where it goes on; none: at the beginning.
    mark: Option<Mark>,
    /// Whether the mark is one of a process before this one.
    is_resumed: bool,
    /// Pages that it reads; none: all.
    pages: Option<u32>,
}

impl Fetching<'_> {
    /// `count` is told how many days of targets were answered or given up.
    async fn run(&mut self, fetched: &mut Fetched, count: &mut dyn FnMut(usize)) {
        let at_once = self.context.options.api.limits.concurrency;
        let mut requests = Many::new(at_once, self.context.metrics.panics());
        for want in 0..self.wants.len() {
            requests.extend(self.pieces(want));
        }
        let fill = self.fill.clone();
        let ask = |piece: Piece| {
            let fill = fill.clone();
            async move {
                let Piece { ask, of, mark, pages, .. } = piece;
                let with_versions = of == ListOf::Versions;
                match pages {
                    Some(pages) => {
                        let from = mark.map(|mark| mark.page_token).filter(|t| !t.is_empty());
                        fill.ask_part(ask, Part { from, pages, with_versions }).await
                    }
                    None => {
                        let found = fill.ask(ask).await?;
                        Ok(Read { found, next: None, with_versions })
                    }
                }
            }
        };
        while let Some((piece, answer)) = requests.next(ask).await {
            let (want, days) = (piece.want, days_of(&piece.ask));
            match answer {
                Ok(read) => match self.take(piece, read).await {
                    Some(rest) => {
                        count(if rest.is_some() { 0 } else { days });
                        requests.extend(rest);
                    }
                    None => {
                        fetched.ended_by =
                            Some("what was fetched cannot be kept; see the log".to_owned());
                        return;
                    }
                },
                Err(error) if requests.concerns_all(&error, false) => count(days),
                Err(error) if piece.is_resumed => {
                    tracing::debug!(%error, "A list cannot be gone on with, and is read anew");
                    self.unfinished.note(self.context, &piece.ask, None).await;
                    requests.extend([Piece { mark: None, is_resumed: false, ..piece }]);
                    continue;
                }
                Err(error) => {
                    self.failed(&piece.ask, &error, fetched);
                    // What was not asked for yet would fail as well.
                    count(days + std::mem::take(&mut self.wants[want].days).len());
                }
            }
            requests.extend(self.pieces(want));
        }
        fetched.ended_by = requests.ended_by.map(|error| error.to_string());
    }

    /// What is to be asked for now of a want. A day whose list may take more pages than a failure
    /// may cost is read in parts, each kept as it comes.
    fn pieces(&mut self, want: usize) -> Vec<Piece> {
        let asks = self.wants[want].take_asks();
        let Want { target, with_versions, first, rows_a_day, pages_max, .. } = &self.wants[want];
        let is_long = first.is_some() || plan::pages(*rows_a_day) > *pages_max as u64;
        let in_parts = target.include_children && is_long;
        let of = if *with_versions { ListOf::Versions } else { ListOf::Totals };
        let pages = u32::try_from(*pages_max).ok().filter(|_| in_parts);
        let piece = |ask: Ask| {
            let pages = pages.filter(|_| ask.start == ask.end);
            let mark = pages.and_then(|_| self.unfinished.of(&ask, *with_versions));
            let of = mark.as_ref().map_or(of, |mark| mark.of);
            Piece { want, is_resumed: mark.is_some(), mark, pages, ask, of }
        };
        asks.into_iter().map(piece).collect()
    }

    /// Takes in an answer and keeps it; returns what is still to be asked for, if anything is, and
    /// none if it cannot be kept.
    async fn take(&mut self, piece: Piece, read: Read) -> Option<Option<Piece>> {
        let Read { found, next, with_versions } = read;
        self.state.rates.see(&found);
        let (context, ask) = (self.context, piece.ask.clone());
        let of = match piece.of {
            ListOf::Versions if !with_versions => ListOf::Totals,
            of => of,
        };
        let before = piece.mark.as_ref().map_or((0, false), |mark| (mark.rows, mark.is_flawed));
        let (rows_before, was_flawed) = before;
        let is_flawed = was_flawed || found.days.iter().any(|f| f.contradicted || f.malformed);
        let goes_on =
            |mark: Mark| Piece { of, mark: Some(mark), is_resumed: false, ..piece.clone() };
        if let Some(page_token) = next {
            let rows = found.days.iter().map(|found| found.day.rows.len()).sum::<usize>();
            if !self.keep_rows(&ask, found).await {
                return None;
            }
            let mark = Mark { page_token, rows: rows_before + rows, of, is_flawed };
            self.unfinished.note(context, &ask, Some(mark.clone())).await;
            return Some(Some(goes_on(mark)));
        }
        if of != ListOf::MissingTotals {
            let same = self.wants.iter_mut().filter(|want| want.target == ask.target);
            same.for_each(|want| want.learn(&ask, &found, rows_before));
        }
        let is_whole = piece.mark.is_none();
        let is_kept = match is_whole {
            true => self.keep(self.lists(&ask, found)).await,
            false => self.keep_rows(&ask, found).await,
        };
        if !is_kept {
            return None;
        }
        if piece.pages.is_some() && of == ListOf::Versions {
            let target = ask.target.clone();
            if context.keeper.lacks_totals(target, ask.start).await? {
                let of = ListOf::MissingTotals;
                let mark = Mark { page_token: String::new(), rows: 0, of, is_flawed };
                self.unfinished.note(context, &ask, Some(mark.clone())).await;
                return Some(Some(Piece { of, ..goes_on(mark) }));
            }
        }
        if !is_whole {
            let extent = if is_flawed { Extent::Part } else { self.fill.extent() };
            let lists = self.lists(&ask, Found::default());
            let days =
                lists.days.into_iter().map(|(day, whole)| (day, whole.min(extent))).collect();
            if !self.keep(Lists { days, ..lists }).await {
                return None;
            }
        }
        self.unfinished.note(context, &ask, None).await;
        Some(None)
    }

    fn lists(&self, ask: &Ask, found: Found) -> Lists {
        self.fill.lists(ask, found, &BTreeSet::new(), self.context.now())
    }

    async fn keep(&self, lists: Lists) -> bool {
        let keeper = &self.context.keeper;
        match self.refresh {
            true => keeper.replace(vec![lists]).await,
            false => keeper.keep(vec![lists]).await,
        }
    }

    /// Keeps rows of a list that is not read to its end, beside those that are kept.
    async fn keep_rows(&self, ask: &Ask, found: Found) -> bool {
        let lists = Lists { days: Vec::new(), ..self.lists(ask, found) };
        self.context.keeper.replace(vec![lists]).await
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
