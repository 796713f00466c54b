//! What the statistics keep beyond the process, and take up again when it starts.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{grouping::Grouping, state::State};
use crate::{
    collect::{context::Context, options, sources::Source},
    day::{Day, after},
    sources::departments::VersionOptions,
    usage::{DepartmentDay, Geo, RateScale, Version},
};

/// The names under which things are remembered.
const RATES: &str = "rates";
const LOOKS: &str = "looks";
const VERSIONS: &str = "product_versions";
const GROUPING: &str = "request_grouping";
const BASIS: &str = "statistics_options";

/// The options on which the days held depend.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Basis {
    versions: VersionOptions,
    /// By geo, the zone in which days begin and are ready.
    zones: Vec<(Geo, String)>,
}

impl Basis {
    fn of(options: &options::Tenant) -> Self {
        let zones = options.geos.iter().map(|geo| (geo.geo, geo.zone.name().to_owned()));
        Self { versions: options.versions(), zones: zones.collect() }
    }
}

/// What the first release learned of product versions: names that it took for the total after one
/// list, so that the days of its time may hold a part as the total.
#[derive(Deserialize)]
struct FormerVersions {
    totals: BTreeSet<String>,
}

/// How the last looks went.
#[derive(Default, Serialize, Deserialize)]
struct Looks {
    /// Whether the last attempt was accepted.
    accepted: Option<bool>,
    last_success: Option<Timestamp>,
}

/// What is known of asking for departments together.
#[derive(Serialize, Deserialize)]
struct KnownGrouping {
    #[serde(rename = "meaning")]
    grouping: Grouping,
    /// By geo, the day with which it was last tried.
    tried_for: Vec<(Geo, Day)>,
}

/// Takes up where the process before this one ended: what it served is served, what was whole is
/// not asked for again, and what it found out stays known.
pub(super) async fn restore(context: &Context, state: &mut State) {
    let Context { keeper, options, .. } = context;
    if !keeper.is_there() {
        return;
    }
    keeper.load_memory().await;
    let now = context.now();
    let max_age = i32::try_from(options.schedule.max_age.as_secs() / 86_400);
    let oldest = state.groups.iter().map(|group| group.zone.local(now).date()).min();
    let since = after(oldest.unwrap_or_default(), -max_age.unwrap_or(0) - 2);
    let mut held: HashMap<_, _> =
        keeper.held(since).await.into_iter().map(|h| (h.target.clone(), h)).collect();
    let (before, now_used) = (keeper.recall::<Basis>(BASIS), Basis::of(options));
    let is_doubtful =
        doubt_former_totals(context) || before.as_ref().is_some_and(|before| *before != now_used);
    let id_type = |basis: &Basis| basis.versions.department_id_type.clone();
    if before.as_ref().is_some_and(|before| id_type(before) != id_type(&now_used)) {
        // The same ids would mean others.
        held.clear();
    }
    for standing in state.groups.iter_mut().flat_map(|group| &mut group.standings) {
        if let Some(mut held) = held.remove(&standing.target) {
            if !options.product_versions {
                held.days.iter_mut().for_each(drop_versions);
            }
            standing.restore(held);
            if is_doubtful {
                standing.doubt();
            }
        }
    }
    state.names = keeper.names().await;
    state.recount_current(context.current());
    recall(context, state);
    recount(context).await;
}

/// Whether days that are held may have a part as the total; says so.
fn doubt_former_totals(context: &Context) -> bool {
    let former = context.keeper.recall::<FormerVersions>(VERSIONS);
    let Some(totals) = former.map(|former| former.totals).filter(|totals| !totals.is_empty())
    else {
        return false;
    };
    let names: Vec<&str> = totals.iter().map(String::as_str).collect();
    tracing::warn!(
        tenant = context.name(),
        "An earlier release took {} for the total over all product versions. That is forgotten, and \
         the newest day is asked for again; where it was wrong, `backfill --refresh` mends the past",
        names.join(" and ")
    );
    true
}

/// Leaves the total of a day that was fetched while versions were wanted.
fn drop_versions(day: &mut Arc<DepartmentDay>) {
    Arc::make_mut(day).rows.retain(|(version, _)| *version == Version::Total);
}

/// What was remembered under a name each.
fn recall(context: &Context, state: &mut State) {
    let keeper = &context.keeper;
    let found = keeper.recall::<String>(RATES);
    let found = found.as_deref().and_then(RateScale::named);
    state.rates.scale = state.rates.scale.or(found);
    if let Some(known) = keeper.recall(VERSIONS) {
        context.versions.recall(known);
    }
    if let Some(KnownGrouping { grouping, tried_for }) = keeper.recall(GROUPING) {
        state.grouping = grouping;
        for (geo, day) in tried_for {
            let group = state.groups.iter_mut().find(|group| group.geo == geo);
            if let Some(group) = group {
                group.tried_grouping_for = Some(day);
            }
        }
    }
    let Looks { accepted, last_success } = keeper.recall(LOOKS).unwrap_or_default();
    state.last_success = state.last_success.or(last_success);
    if let Some(accepted) = accepted.filter(|_| state.accepted.is_none()) {
        state.accepted = Some(accepted);
        context.client.was_accepted(accepted);
    }
    let is_up_to_date = state.is_up_to_date(context.now(), context.options.schedule.ready_at);
    if let Some(at) = last_success.filter(|_| is_up_to_date) {
        context.metrics.succeeded_before(Source::Departments, at);
    }
}

/// Keeps what was read and learned since the last time.
pub(crate) async fn keep(context: &Context, state: &mut State) {
    let keeper = &context.keeper;
    if !keeper.is_there() {
        state.unsaved.clear();
        return;
    }
    if keeper.was_begun_anew() {
        let held: Vec<_> = state.standings().filter_map(|s| s.as_held(context.now())).collect();
        state.unsaved.splice(0..0, held);
    }
    keeper.keep(std::mem::take(&mut state.unsaved)).await;
    if let Some(scale) = state.rates.scale {
        if context.options.rates.is_none() {
            keeper.remember(RATES, &scale.as_str()).await;
        }
        if state.rates.saved != Some(scale) {
            keeper.set_rate_scale(scale).await;
            state.rates.saved = Some(scale);
        }
    }
    keeper.remember(VERSIONS, &context.versions.known()).await;
    let tried_for =
        state.groups.iter().filter_map(|group| Some((group.geo, group.tried_grouping_for?)));
    let grouping = KnownGrouping { grouping: state.grouping, tried_for: tried_for.collect() };
    keeper.remember(GROUPING, &grouping).await;
    keeper.remember(BASIS, &Basis::of(&context.options)).await;
    let looks = Looks { accepted: state.accepted, last_success: state.last_success };
    keeper.remember(LOOKS, &looks).await;
}

/// Takes in what this month's requests are by now, those of other processes among them.
pub(super) async fn recount(context: &Context) {
    let month = context.budget.month();
    if let Some(spent) = context.keeper.spent(month.clone()).await {
        context.budget.settle(&month, Some(spent.total), 0);
        context.metrics.budget(&context.budget);
    }
}
