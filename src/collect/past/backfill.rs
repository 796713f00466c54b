//! Fetching a whole range of the past once, for the command `backfill`: first a plan, then range
//! by range, each kept as it comes.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    fill::Manner,
    plan::{self, OFFERED_DAYS},
};
use crate::{
    collect::{
        Collector, Loops, SHARE_CHECK, asking::Asked, keeping::Keeper, latest_day, options,
        standing::Standing, tenant::Tenant,
    },
    day::{Day, after, days_between},
    feishu::{Class, Client, Error},
    sources::departments::{Ask, Found},
    store::{self, Extent},
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

impl Collector {
    /// Fetches what the store lacks of a range of past days, baselines' days included, and keeps
    /// it as it comes: an interrupted fetch goes on where it stopped.
    pub async fn fetch_past(
        self,
        wanted: PastDays,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Vec<Fetched> {
        let mut all = Vec::with_capacity(self.parts.len());
        for index in 0..self.parts.len() {
            let Loops { mut tenant, mut optional, .. } = self.loops(index);
            // What is fresh of the departments found is taken, what is not is looked for.
            optional.restore().await;
            if !wanted.plan_only {
                optional.find_departments().await;
            }
            tenant.retarget();
            tenant.restore().await;
            let sharing =
                self.directory.clone().map(|directory| Sharing::begin(directory, &tenant.client));
            if !wanted.plan_only && sharing.as_ref().is_some_and(|sharing| sharing.is_shared) {
                // Until the exporter has noticed.
                sleep(SHARE_CHECK * 2).await;
            }
            let keeper = self.parts[index].keeper.clone();
            let panics = self.shared.metrics.panics.clone();
            all.push(fetch(&mut tenant, &keeper, panics, wanted, progress).await);
        }
        all
    }
}

/// Sees to it that an exporter on the same store and this process share the rate.
struct Sharing {
    is_shared: bool,
    watching: tokio::task::JoinHandle<()>,
}

impl Sharing {
    fn begin(directory: PathBuf, client: &Arc<Client>) -> Self {
        let is_shared = store::is_exporter_running(&directory);
        client.share_rate(is_shared);
        let client = Arc::clone(client);
        let watching = tokio::spawn(async move {
            loop {
                sleep(SHARE_CHECK).await;
                client.share_rate(store::is_exporter_running(&directory));
            }
        });
        Self { is_shared, watching }
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn fetch(
    tenant: &mut Tenant,
    keeper: &Keeper,
    panics: prometheus::IntCounter,
    wanted: PastDays,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Fetched {
    let spent = tenant.budget.spent();
    let days: Vec<(Geo, Day, Day)> = tenant
        .groups
        .iter()
        .map(|group| {
            let expected = tenant.expected(group);
            let from = wanted.from.unwrap_or_else(|| after(expected, 1 - OFFERED_DAYS));
            (group.geo, from, wanted.to.unwrap_or(expected).min(expected))
        })
        .collect();
    let standings = || tenant.groups.iter().flat_map(|group| &group.standings);
    let mut fetched = Fetched {
        tenant: tenant.options.name.clone(),
        targets: standings().map(|standing| standing.target.clone()).collect(),
        days,
        requests: 0,
        failures: Vec::new(),
        ended_by: None,
    };
    let Some(mut wants) = lacking(tenant, keeper, wanted, &fetched.days).await else {
        fetched.ended_by = Some("the store cannot be read; see the log".to_owned());
        return fetched;
    };
    progress(Progress::Planned(&plan_of(tenant, &wants)));
    if wanted.plan_only {
        return fetched;
    }
    let mut count = Count { done: 0, of: wants.iter().map(|want| want.days.len()).sum() };
    progress(Progress::Fetched(0, count.of));
    for with_versions in [false, true] {
        let manner = Manner {
            client: Arc::clone(&tenant.client),
            versions: Arc::clone(&tenant.versions),
            with_versions,
            at_once: tenant.options.api.limits.concurrency,
        };
        let mut wants: Vec<&mut Want> =
            wants.iter_mut().filter(|want| want.with_versions == with_versions).collect();
        while fetched.ended_by.is_none() && wants.iter().any(|want| !want.days.is_empty()) {
            let mut round = Round { tenant, keeper, manner: &manner, refresh: wanted.refresh };
            round.run(&mut wants, panics.clone(), &mut fetched, &mut count, progress).await;
        }
    }
    // How rates are read is told by the rows, also where no exporter has run yet.
    tenant.rates.decide();
    tenant.keep().await;
    fetched.requests = tenant.budget.spent().saturating_sub(spent);
    fetched
}

/// Days of targets that are done, and all.
struct Count {
    done: usize,
    of: usize,
}

/// Every want is asked for once: for its first days while its size is unknown, for the rest after.
struct Round<'a> {
    tenant: &'a mut Tenant,
    keeper: &'a Keeper,
    manner: &'a Manner,
    refresh: bool,
}

impl Round<'_> {
    async fn run(
        &mut self,
        wants: &mut [&mut Want],
        panics: prometheus::IntCounter,
        fetched: &mut Fetched,
        count: &mut Count,
        progress: &mut dyn FnMut(Progress<'_>),
    ) {
        let asks: Vec<Ask> = wants.iter_mut().flat_map(|want| want.take_asks()).collect();
        let mut asking = self.manner.asking(asks, panics);
        while let Some(asked) = asking.next().await {
            let (Asked::Answered(ask, _) | Asked::Failed(ask, _)) = &asked else { continue };
            let ask = ask.clone();
            count.done += usize::try_from(days_between(ask.start, ask.end) + 1).unwrap_or(0);
            match asked {
                Asked::Answered(_, found) => {
                    self.tenant.rates.see(&found);
                    let same = wants.iter_mut().filter(|want| want.target == ask.target);
                    same.for_each(|want| want.learn(&ask, &found));
                    if !self.keep(&ask, found).await {
                        fetched.ended_by =
                            Some("what was fetched cannot be kept; see the log".to_owned());
                        return;
                    }
                }
                Asked::Failed(_, error) if is_not_offered(self.tenant, &ask, &error) => {
                    tracing::info!(
                        tenant = fetched.tenant, from = %ask.start, to = %ask.end, %error,
                        "Feishu does not offer these days any more"
                    );
                }
                Asked::Failed(_, error) => fetched.failures.push(error.to_string()),
                Asked::Ended => {}
            }
            progress(Progress::Fetched(count.done.min(count.of), count.of));
        }
        fetched.ended_by = asking.ended_by.map(|error| error.to_string());
    }

    async fn keep(&self, ask: &Ask, found: Found) -> bool {
        let lists = vec![self.manner.lists(ask, found, self.tenant.clock.now())];
        if self.refresh { self.keeper.replace(lists).await } else { self.keeper.keep(lists).await }
    }
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
    /// [`plan::PAGES_MAX`] in all.
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
        let mut rows = std::collections::BTreeMap::<Day, usize>::new();
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
                let asked = usize::try_from(days_between(ask.start, ask.end) + 1).unwrap_or(1);
                self.first = Some(first.max(asked * 2));
            }
            (rows, None) => self.rows_a_day = self.rows_a_day.max(rows.unwrap_or(0)),
        }
    }
}

/// The days that the store lacks; none if it cannot tell.
async fn lacking(
    tenant: &Tenant,
    keeper: &Keeper,
    wanted: PastDays,
    days: &[(Geo, Day, Day)],
) -> Option<Vec<Want>> {
    let options::Schedule { baseline_weeks, lookback_days, .. } = tenant.options.schedule;
    let mut ranges = Vec::new();
    for (group, (_, from, to)) in tenant.groups.iter().zip(days) {
        // Baselines of the first days need older ones, as far as the API has them.
        let oldest = oldest(tenant, group.geo);
        let first = after(*from, -7 * i32::from(baseline_weeks)).max(oldest).min(*from);
        ranges.extend(group.standings.iter().map(|s| (s, first, *from, *to)));
    }
    let asked = || {
        ranges.iter().map(|(s, first, _, to)| (s.target.clone(), *first, *to)).collect::<Vec<_>>()
    };
    let totals = keeper.covered(asked(), Extent::Total, lookback_days).await?;
    let versions = keeper.covered(asked(), Extent::Whole, lookback_days).await?;
    let with_versions = keeper.covered(asked(), Extent::Part, AT_ANY_TIME).await?;
    let mut wants = Vec::new();
    for (at, (standing, first, from, to)) in ranges.iter().enumerate() {
        // Versions only of the days wanted: baselines need totals. What is fetched again is
        // fetched as it is there.
        let needs_versions = |day: &Day| {
            tenant.options.product_versions
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
        let oldest = oldest(tenant, standing.target.geo);
        for (offered, versions) in [(false, false), (false, true), (true, false), (true, true)] {
            let is_of = |d: &Day| (*d >= oldest) == offered && needs_versions(d) == versions;
            let days: BTreeSet<Day> = lacking.iter().copied().filter(is_of).collect();
            if !days.is_empty() {
                let at_once = tenant.options.api.limits.concurrency;
                let (rows_a_day, first) = size_of(standing, versions);
                wants.push(Want {
                    target: standing.target.clone(),
                    days,
                    with_versions: versions,
                    rows_a_day,
                    first,
                    pages_max: (plan::PAGES_MAX / at_once).max(1),
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
fn plan_of(tenant: &Tenant, wants: &[Want]) -> Plan {
    let pages = |want: &Want| {
        let rows = |ask: &Ask| {
            usize::try_from(days_between(ask.start, ask.end) + 1).unwrap_or(0) * want.rows_a_day
        };
        want.asks(&want.days).iter().map(|ask| plan::pages(rows(ask))).sum::<u64>()
    };
    let requests = wants.iter().map(pages).sum::<u64>() + u64::from(!wants.is_empty());
    let limits = &tenant.options.api.limits;
    #[expect(clippy::cast_precision_loss, reason = "no plan has 2^53 requests")]
    let takes = Duration::from_secs_f64(requests as f64 / limits.requests_per_second);
    Plan {
        tenant: tenant.options.name.clone(),
        targets: tenant.groups.iter().map(|group| group.standings.len()).sum(),
        days: wants.iter().map(|want| want.days.len()).sum(),
        requests,
        is_lower_bound: wants.iter().any(|want| want.first.is_some()),
        lacks_discovered: tenant.options.discovery.is_some() && tenant.tree().is_none(),
        takes,
        budget: (tenant.budget.limit() > 0).then(|| (tenant.budget.limit(), tenant.budget.spent())),
    }
}

/// The oldest day that the API surely offers.
fn oldest(tenant: &Tenant, geo: Geo) -> Day {
    let group = tenant.groups.iter().find(|group| group.geo == geo);
    group.map_or(Day::MAX, |group| after(tenant.expected(group), 1 - OFFERED_DAYS))
}

/// Whether a range failed for being older than what the API offers.
fn is_not_offered(tenant: &Tenant, ask: &Ask, error: &Error) -> bool {
    error.class == Class::InvalidRequest && ask.end < oldest(tenant, ask.target.geo)
}

impl Tenant {
    fn expected(&self, group: &crate::collect::tenant::Group) -> Day {
        latest_day::expected(self.clock.now(), &group.zone, self.options.schedule.ready_at)
    }
}
