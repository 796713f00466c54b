//! What the statistics keep beyond the process, and take up again when it starts.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{standing::Standing, state::State};
use crate::{
    collect::{context::Context, options, sources::Source},
    day::Day,
    sources::departments::VersionOptions,
    usage::{DepartmentDay, Geo, RateScale, Target, Version},
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
    /// The departments whose last request failed.
    #[serde(default)]
    failing: BTreeSet<(Geo, String, bool)>,
}

/// Takes up where the process before this one ended: what it served is served, what was whole is
/// not asked for again, and what it found out stays known.
pub(super) async fn restore(context: &Context, state: &mut State) {
    let Context { keeper, options, .. } = context;
    if !keeper.is_there() {
        return;
    }
    keeper.load_memory().await;
    // However old: a clock that is ahead now may be set right, and what is too old is hidden.
    let mut held: HashMap<_, _> =
        keeper.held(Day::MIN).await.into_iter().map(|h| (h.target.clone(), h)).collect();
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
    state.forget_known_names();
    state.recount_current(context.current());
    recall(context, state);
    // What was kept before a name was learned holds the total twice.
    state.days_mut().for_each(|day| context.versions.drop_repeated_total(day));
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
    if let Some(kept) = keeper.recall(RATES) {
        state.rates.recall(kept);
    } else if let Some(scale) = keeper.recall::<String>(RATES).as_deref().and_then(RateScale::named)
    {
        state.rates.recall_scale(scale);
    }
    if let Some(known) = keeper.recall(VERSIONS) {
        context.versions.recall(known);
    }
    if let Some(kept) = keeper.recall(GROUPING) {
        state.grouping.recall(kept);
    }
    let Looks { accepted, last_success, failing } = keeper.recall(LOOKS).unwrap_or_default();
    for standing in state.groups.iter_mut().flat_map(|group| &mut group.standings) {
        if failing.contains(&key_of(standing)) {
            standing.restore_failure();
        }
    }
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
    if let Some(learned) = state.rates.keep() {
        keeper.remember(RATES, &learned).await;
    }
    if !std::mem::replace(&mut state.rates.is_saved, true) {
        keeper.set_rate_scale(state.rates.scale()).await;
    }
    keeper.remember(VERSIONS, &context.versions.known()).await;
    keeper.remember(GROUPING, &state.grouping.keep()).await;
    keeper.remember(BASIS, &Basis::of(&context.options)).await;
    let failing = state.standings().filter(|standing| !standing.is_up()).map(key_of).collect();
    let looks = Looks { accepted: state.accepted, last_success: state.last_success, failing };
    keeper.remember(LOOKS, &looks).await;
}

fn key_of(standing: &Standing) -> (Geo, String, bool) {
    let Target { geo, department_id, include_children } = &standing.target;
    (*geo, department_id.to_string(), *include_children)
}

/// Takes in what this month's requests are by now, those of other processes among them.
pub(crate) async fn recount(context: &Context) {
    let month = context.budget.month();
    if let Some(spent) = context.keeper.spent(month.clone()).await {
        context.budget.settle(&month, Some(spent.total), 0);
        context.metrics.budget(&context.budget);
    }
}
