//! Fetching a whole range of the past once, for the command `backfill`.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use tokio::time::sleep;

use super::{
    fill::Manner,
    plan::{self, OFFERED_DAYS},
};
use crate::{
    collect::{
        Collector, Loops, SHARE_CHECK, asking::Asked, keeping::Keeper, latest_day, options,
        tenant::Tenant,
    },
    day::{Day, after, days_between},
    feishu::{Class, Client, Error},
    sources::departments::Ask,
    store::{self, Extent},
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
            optional.find_departments().await;
            tenant.retarget();
            tenant.restore().await;
            let sharing =
                self.directory.clone().map(|directory| Sharing::begin(directory, &tenant.client));
            if sharing.as_ref().is_some_and(|sharing| sharing.is_shared) {
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
    let name = tenant.options.name.clone();
    let spent = tenant.budget.spent();
    let manner = Manner {
        client: Arc::clone(&tenant.client),
        versions: Arc::clone(&tenant.versions),
        with_versions: wanted.with_versions && tenant.options.product_versions,
        at_once: tenant.options.api.limits.concurrency,
    };
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
        tenant: name.clone(),
        targets: standings().map(|standing| standing.target.clone()).collect(),
        days,
        requests: 0,
        failures: Vec::new(),
        ended_by: None,
    };
    let Some(asks) = lacking(tenant, keeper, &manner, wanted, &fetched.days).await else {
        fetched.ended_by = Some("the store cannot be read; see the log".to_owned());
        return fetched;
    };
    let of = asks.len();
    progress(Progress { tenant: &name, done: 0, of });
    let mut done = 0;
    let mut asking = manner.asking(asks, panics);
    while let Some(asked) = asking.next().await {
        match asked {
            Asked::Answered(ask, found) => {
                tenant.rates.see(&found);
                let lists = manner.lists(&ask, found, tenant.clock.now());
                if !keeper.keep(vec![lists]).await {
                    fetched.ended_by =
                        Some("what was fetched cannot be kept; see the log".to_owned());
                    break;
                }
            }
            Asked::Failed(ask, error) if is_not_offered(tenant, &ask, &error) => {
                tracing::info!(
                    tenant = name, from = %ask.start, to = %ask.end, %error,
                    "Feishu does not offer these days any more"
                );
            }
            Asked::Failed(_, error) => fetched.failures.push(error.to_string()),
            Asked::Ended => {}
        }
        done += 1;
        progress(Progress { tenant: &name, done, of });
    }
    // How rates are read is told by the rows, also where no exporter has run yet.
    tenant.rates.decide();
    tenant.keep().await;
    fetched.ended_by = fetched.ended_by.or_else(|| asking.ended_by.map(|e| e.to_string()));
    fetched.requests = tenant.budget.spent().saturating_sub(spent);
    fetched
}

/// The ranges that the store lacks; none if it cannot tell.
async fn lacking(
    tenant: &Tenant,
    keeper: &Keeper,
    manner: &Manner,
    wanted: PastDays,
    days: &[(Geo, Day, Day)],
) -> Option<Vec<Ask>> {
    let options::Schedule { baseline_weeks, lookback_days, .. } = tenant.options.schedule;
    let mut ranges = Vec::new();
    for (group, (_, from, to)) in tenant.groups.iter().zip(days) {
        // Baselines of the first days need older ones, as far as the API has them.
        let oldest = oldest(tenant, group.geo);
        let first = after(*from, -7 * i32::from(baseline_weeks)).max(oldest).min(*from);
        ranges.extend(group.standings.iter().map(|s| (s, first, *to)));
    }
    let asked = ranges.iter().map(|(s, first, to)| (s.target.clone(), *first, *to));
    let covered = match wanted.refresh {
        true => vec![BTreeSet::new(); ranges.len()],
        false => keeper.covered(asked.collect(), manner.extent(), lookback_days).await?,
    };
    let mut asks = Vec::new();
    for ((standing, first, to), covered) in ranges.into_iter().zip(covered) {
        let target = &standing.target;
        let assumed = if target.include_children { MEMBERS_ASSUMED } else { 1 };
        let versions = if manner.extent() == Extent::Whole { VERSIONS_ASSUMED } else { 1 };
        let rows = standing.days.len().max(assumed) * versions;
        // Days that may not be offered any more are asked for apart from those that are.
        let oldest = oldest(tenant, target.geo);
        for (first, last) in [(first, to.min(after(oldest, -1))), (first.max(oldest), to)] {
            let needed: BTreeSet<Day> =
                (0..=days_between(first, last)).map(|days| after(first, days)).collect();
            asks.extend(plan::asks(target, &needed, last, &covered, rows));
        }
    }
    Some(asks)
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
