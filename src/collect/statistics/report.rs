//! A tenant's state as it is published: what is served, and the facts about it. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    grouping::Grouping,
    standing::Standing,
    state::{Group, State},
};
use crate::{
    collect::{
        context::Context,
        contribution::Statistics,
        current::Current,
        messages::{Known, Served},
        metrics::DepartmentCounts,
        problem::shorten,
    },
    day::Day,
    exposition::{Failure, GeoView, Place, TenantView},
    feishu::DepartmentIdType,
    snapshot::{DepartmentState, DepartmentStatus, Next, TenantStatus},
    sources::directory::{Node, Tree},
    store::Named,
    usage::{DepartmentDay, Geo, Target},
};

/// Everything about the tenant as it stands now.
pub(crate) fn report(context: &Context, state: &State) -> Statistics {
    let options = &context.options;
    let served: Vec<_> =
        state.groups.iter().map(|group| served(context, current(context, state), group)).collect();
    let geos = state.groups.iter().zip(&served).map(|(group, served)| GeoView {
        geo: group.geo,
        zone: group.zone.clone(),
        workday: served
            .values()
            .map(|served| served.day.day)
            .max()
            .map(|newest| options.calendar.is_workday(newest)),
    });
    let ups = state.groups.iter().flat_map(|group| {
        group.standings.iter().map(|s| (group.geo, Arc::clone(&s.target.department_id), s.is_up()))
    });
    let view = TenantView {
        name: context.name().into(),
        figures: options.figures,
        scale: state.rates.scale(),
        geos: geos.collect(),
        department_up: ups.collect(),
        department_failures: failures(state),
        places: places(context, state),
        labels: Arc::clone(&options.labels),
        samples: Vec::new(),
        judged: Vec::new(),
        departments: served
            .into_iter()
            .flat_map(BTreeMap::into_values)
            .map(|served| served.day)
            .collect(),
        baselines: BTreeMap::new(),
    };
    Statistics { view, status: status(context, state) }
}

/// What the other loops are told; `has_looked` after anything was asked.
pub(super) fn known(context: &Context, state: &State, has_looked: bool) -> Known {
    Known {
        has_looked,
        is_reachable: state.is_reachable,
        next_look: state.next_look,
        may_group: context.options.request_grouping
            && state.grouping.conclusion() == Some(&Grouping::Same),
        wants_walk_since: state.standings().filter_map(|s| s.wants_walk_since).max(),
        ids: state.standings().map(|s| Arc::clone(&s.target.department_id)).collect(),
        served: all_served(context, state),
        targets: state
            .standings()
            .filter_map(|s| Some((s.target.clone(), s.held?, s.days.len())))
            .collect(),
    }
}

/// Why the last request for a department failed.
fn failures(state: &State) -> BTreeMap<(Geo, Arc<str>), Failure> {
    let failed = |geo: Geo, standing: &Standing| {
        let problem = standing.problem.as_ref()?;
        let failure = Failure { class: problem.class, code: problem.code };
        Some(((geo, Arc::clone(&standing.target.department_id)), failure))
    };
    let groups = state.groups.iter();
    groups.flat_map(|g| g.standings.iter().filter_map(move |s| failed(g.geo, s))).collect()
}

/// What the ids themselves tell, until the contact API tells more.
fn places(context: &Context, state: &State) -> BTreeMap<Arc<str>, Arc<Place>> {
    if context.options.api.department_id_type == DepartmentIdType::OpenDepartmentId {
        return BTreeMap::new();
    }
    let served = state.standings().flat_map(|standing| standing.days.iter());
    let place =
        |id: &Arc<str>| Place { custom_department_id: Some(Arc::clone(id)), ..Place::default() };
    let ids = served.map(|day| &day.department_id);
    ids.map(|id| (Arc::clone(id), Arc::new(place(id)))).collect()
}

/// Every department that is served, of all geos.
pub(crate) fn all_served(context: &Context, state: &State) -> Vec<Served> {
    state
        .groups
        .iter()
        .flat_map(|group| served(context, current(context, state), group).into_values())
        .collect()
}

/// The counts of the metric `departments`, each department once a geo.
pub(crate) fn counts(context: &Context, state: &State) -> DepartmentCounts {
    let mut counts = DepartmentCounts::default();
    for group in &state.groups {
        let expected = expected(context, group);
        for standing in &group.standings {
            counts.configured += 1;
            counts.failed += u32::from(standing.is_failed());
        }
        let newest = newest_by_target(current(context, state), group);
        counts.with_data += u32::try_from(newest.len()).unwrap_or(u32::MAX);
        let latest = newest.into_values().filter(|day| *day >= expected).count();
        counts.latest += u32::try_from(latest).unwrap_or(u32::MAX);
    }
    counts
}

/// The newest day that departments of a geo serve.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NewestServed {
    pub(super) geo: Geo,
    pub(super) day: Day,
    /// How many departments serve it.
    pub(super) serving: usize,
    /// Of so many that are asked for.
    pub(super) departments: usize,
}

/// For each geo with any day, the newest.
pub(super) fn newest_served(context: &Context, state: &State) -> Vec<NewestServed> {
    let of_group = |group: &Group| {
        let newest = newest_by_target(current(context, state), group);
        let day = *newest.values().max()?;
        let serving = newest.values().filter(|of| **of == day).count();
        Some(NewestServed { geo: group.geo, day, serving, departments: group.standings.len() })
    };
    state.groups.iter().filter_map(of_group).collect()
}

/// What is current: everything, where a day was ordered.
fn current(context: &Context, state: &State) -> Current {
    match state.only_day {
        Some(_) => Current::at(context.now(), Duration::MAX),
        None => context.current(),
    }
}

/// The newest day that each target serves.
fn newest_by_target(current: Current, group: &Group) -> BTreeMap<&Target, Day> {
    let mut newest: BTreeMap<&Target, Day> = BTreeMap::new();
    for (standing, day) in group.current(current) {
        let newest = newest.entry(&standing.target).or_insert(day.day);
        *newest = day.day.max(*newest);
    }
    newest
}

/// The departments of a group that are served, each once.
///
/// One that was listed wins over the same one found through a parent; among parents, the newer
/// day, then the one listed first.
fn served(context: &Context, current: Current, group: &Group) -> BTreeMap<Arc<str>, Served> {
    let of = |standing: &Standing, day: &Arc<DepartmentDay>| Served {
        day: Arc::clone(day),
        include_children: standing.target.include_children,
    };
    let mut served: BTreeMap<Arc<str>, Served> = BTreeMap::new();
    let mut found: BTreeMap<&Arc<str>, Served> = BTreeMap::new();
    for (standing, day) in group.current(current) {
        let id = &day.department_id;
        if *id == standing.target.department_id {
            served.insert(Arc::clone(id), of(standing, day));
        }
        if found.get(id).is_none_or(|known| known.day.day < day.day) {
            found.insert(id, of(standing, day));
        }
    }
    for (id, day) in found {
        served.entry(Arc::clone(id)).or_insert(day);
    }
    served.retain(|_, served| context.options.publishes(served.day.users()));
    served
}

fn expected(context: &Context, group: &Group) -> Day {
    group.expected(context.now(), context.options.schedule.ready_at)
}

fn status(context: &Context, state: &State) -> TenantStatus {
    let schedule = &context.options.schedule;
    let tree = context.messages.discovered.borrow().tree.clone();
    let places = Places::new(tree.as_deref(), &state.names);
    let departments = state.groups.iter().enumerate().flat_map(|(index, group)| {
        let expected = expected(context, group);
        let next = state.next_of_each(index, context.now(), schedule);
        let newest = newest_by_target(current(context, state), group);
        let places = &places;
        group.standings.iter().zip(next).map(move |(standing, next)| {
            let day = newest.get(&standing.target).copied();
            let mut department = department(context, group, standing, day, expected);
            department.next_attempt = Next::At(next);
            places.complete(&mut department);
            department
        })
    });
    let mut departments: Vec<DepartmentStatus> = departments.collect();
    shorten(departments.iter_mut().filter_map(|department| department.problem.as_mut()));
    let of_group = || state.groups.iter().find_map(|group| group.problem.clone());
    TenantStatus {
        name: context.name().to_owned(),
        base_url: context.options.api.base_url.clone(),
        time_zone: state.groups[0].zone.clone(),
        figures: context.options.figures,
        scale: state.rates.scale(),
        calendar: context.options.calendar.clone(),
        up: state.accepted,
        requests_this_month: context.budget.spent(),
        requests_per_month_limit: context.budget.limit(),
        last_success: state.last_success,
        next_attempt: state.next_look.map_or(Next::Running, Next::At),
        problem: state.problem.clone().or_else(of_group),
        notices: notices(context, state),
        sources: Vec::new(),
        departments,
    }
}

fn department(
    context: &Context,
    group: &Group,
    standing: &Standing,
    newest: Option<Day>,
    expected: Day,
) -> DepartmentStatus {
    let own = standing.days.get(&standing.target.department_id);
    // That of the department itself, where it is served.
    let day = newest.map(|newest| own.map_or(newest, |own| own.day));
    DepartmentStatus {
        geo: group.geo,
        department_id: Arc::clone(&standing.target.department_id),
        department: own.map(|own| Arc::clone(&own.department)).filter(|name| !name.is_empty()),
        path: own.map(|own| Arc::clone(&own.path)).filter(|path| !path.is_empty()),
        served: own.filter(|day| context.options.publishes(day.users())).cloned(),
        baseline: None,
        recent: None,
        state: state(standing, day, expected),
        day,
        day_end: day.map(|day| group.zone.end_of(day)),
        expected_day: Some(expected),
        last_success: standing.last_success,
        next_attempt: Next::Running,
        problem: standing.problem.clone(),
    }
}

/// What is known of departments from elsewhere than the rows that they serve.
struct Places<'a> {
    tree: HashMap<&'a str, &'a Node>,
    stored: &'a HashMap<(Geo, Arc<str>), Named>,
}

impl<'a> Places<'a> {
    fn new(tree: Option<&'a Tree>, stored: &'a HashMap<(Geo, Arc<str>), Named>) -> Self {
        let nodes = tree.iter().flat_map(|tree| &tree.nodes);
        Self { tree: nodes.map(|node| (&*node.department_id, node)).collect(), stored }
    }

    /// Fills in a name and a path where the rows served tell none.
    fn complete(&self, department: &mut DepartmentStatus) {
        let key = (department.geo, Arc::clone(&department.department_id));
        let node = self.tree.get(&*department.department_id);
        let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Arc::from);
        if department.department.is_none() {
            let found = node.and_then(|node| some(node.path.last()?));
            let stored = || self.stored.get(&key).and_then(|named| some(&named.name));
            department.department = found.or_else(stored);
        }
        if department.path.is_none() {
            let found = node.and_then(|node| some(&node.path.join("/")));
            let stored = || self.stored.get(&key).and_then(|named| some(&named.path));
            department.path = found.or_else(stored);
        }
    }
}

fn state(standing: &Standing, day: Option<Day>, expected: Day) -> DepartmentState {
    match day {
        _ if standing.is_failed() => DepartmentState::Failed,
        None if standing.last_look.is_none() => DepartmentState::Pending,
        None => DepartmentState::NoData,
        Some(day) if day < expected => DepartmentState::Late,
        Some(_) if !standing.complete => DepartmentState::Incomplete,
        Some(_) => DepartmentState::Latest,
    }
}

/// Things that work, but that the operator should know.
fn notices(context: &Context, state: &State) -> Vec<String> {
    let clock = context.client.clock_difference().map(|difference| {
        format!(
            "The clock of this machine is {difference} Feishu's. Days are decided by it: set it, \
             and keep it right by NTP; what was missed is collected then."
        )
    });
    let mut notices: Vec<String> = clock.into_iter().collect();
    if context.versions.are_refused() {
        notices.push(
            "Feishu does not accept the parameter with_product_version, so only totals are \
             collected; ask Feishu to enable product versions, or set product_versions: false."
                .to_owned(),
        );
    }
    let in_part = state.standings().filter(|standing| standing.is_partly_rejected).count();
    if in_part > 0 {
        let all = state.standings().count();
        notices.push(format!(
            "Part of the newest statistics of {in_part} of {all} departments is not believed (see the log, \
             feishu_exporter_rejected_rows_total and feishu_exporter_rejected_values_total); the \
             rest is served, and what is incomplete is asked for again."
        ));
    }
    let has_data = state.standings().any(|standing| !standing.days.is_empty());
    if has_data && state.rates.scale().is_none() {
        notices.push(
            "The scale of Feishu's rates is not known yet, so rates have no samples; it is learned \
             from a department with at least 20 members, or set by rates: ratio or rates: percent."
                .to_owned(),
        );
    }
    notices
}
