//! A tenant's state as it is published: what is served, and the facts about it. Pure.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    latest_day,
    metrics::DepartmentCounts,
    optional::Served,
    standing::Standing,
    tenant::{Group, Tenant},
};
use crate::{
    day::Day,
    exposition::{GeoView, Place, TenantView},
    feishu::DepartmentIdType,
    snapshot::{DepartmentState, DepartmentStatus, TenantStatus},
    usage::DepartmentDay,
};

/// What one tenant contributes to the snapshot.
#[derive(Clone)]
pub(super) struct Report {
    pub(super) view: TenantView,
    pub(super) status: TenantStatus,
}

/// Everything about the tenant as it stands now.
pub(super) fn report(tenant: &Tenant) -> Report {
    let served: Vec<_> = tenant.groups.iter().map(|group| served(tenant, group)).collect();
    let geos = tenant.groups.iter().zip(&served).map(|(group, served)| GeoView {
        geo: group.geo,
        zone: group.zone.clone(),
        workday: served
            .values()
            .map(|served| served.day.day)
            .max()
            .map(|newest| tenant.options.calendar.is_workday(newest)),
    });
    let ups = tenant.groups.iter().flat_map(|group| {
        let asked = group.standings.iter().filter(|s| s.last_look.is_some());
        asked.map(|s| (group.geo, Arc::clone(&s.target.department_id), !s.is_failed()))
    });
    let view = TenantView {
        name: tenant.options.name.as_str().into(),
        figures: tenant.options.figures,
        scale: tenant.rates.scale,
        geos: geos.collect(),
        department_up: ups.collect(),
        places: places(tenant),
        samples: Vec::new(),
        departments: served
            .into_iter()
            .flat_map(BTreeMap::into_values)
            .map(|served| served.day)
            .collect(),
        baselines: BTreeMap::new(),
    };
    Report { view, status: status(tenant) }
}

/// What the ids themselves tell, until the contact API tells more.
fn places(tenant: &Tenant) -> BTreeMap<Arc<str>, Place> {
    if tenant.options.api.department_id_type == DepartmentIdType::OpenDepartmentId {
        return BTreeMap::new();
    }
    let served =
        tenant.groups.iter().flat_map(|group| &group.standings).flat_map(|s| s.days.keys());
    let place =
        |id: &Arc<str>| Place { custom_department_id: Some(id.to_string()), ..Place::default() };
    served.map(|id| (Arc::clone(id), place(id))).collect()
}

/// Every department that is served, of all geos.
pub(super) fn all_served(tenant: &Tenant) -> Vec<Served> {
    tenant.groups.iter().flat_map(|group| served(tenant, group).into_values()).collect()
}

/// The counts of the metric `departments`, each department once a geo.
pub(super) fn counts(tenant: &Tenant) -> DepartmentCounts {
    let mut counts = DepartmentCounts::default();
    for group in &tenant.groups {
        let expected = expected(tenant, group);
        for standing in &group.standings {
            counts.configured += 1;
            counts.with_data += u32::from(!standing.days.is_empty());
            let newest = standing.served().last().copied();
            counts.latest += u32::from(newest.is_some_and(|day| day >= expected));
            counts.failed += u32::from(standing.is_failed());
        }
    }
    counts
}

/// The departments of a group that are served, each once.
///
/// One that was listed wins over the same one found through a parent; among parents, the newer
/// day, then the one listed first.
fn served(tenant: &Tenant, group: &Group) -> BTreeMap<Arc<str>, Served> {
    let of = |standing: &Standing, day: &Arc<DepartmentDay>| Served {
        day: Arc::clone(day),
        include_children: standing.target.include_children,
    };
    let mut served: BTreeMap<Arc<str>, Served> = BTreeMap::new();
    for standing in &group.standings {
        if let Some((id, day)) = standing.days.get_key_value(&standing.target.department_id) {
            served.insert(Arc::clone(id), of(standing, day));
        }
    }
    let mut found: BTreeMap<&Arc<str>, Served> = BTreeMap::new();
    for standing in &group.standings {
        for (id, day) in &standing.days {
            if found.get(id).is_none_or(|known| known.day.day < day.day) {
                found.insert(id, of(standing, day));
            }
        }
    }
    for (id, day) in found {
        served.entry(Arc::clone(id)).or_insert(day);
    }
    let users_min = tenant.options.min_department_users;
    served.retain(|_, served| is_large_enough(served.day.users(), users_min));
    served
}

/// Whether a department may be published at all. One whose size is unknown may not, once a size
/// is asked for.
#[expect(clippy::cast_precision_loss, reason = "no department has 2^53 members")]
pub(super) fn is_large_enough(users: Option<f64>, users_min: u64) -> bool {
    users_min == 0 || users.is_some_and(|users| users >= users_min as f64)
}

fn expected(tenant: &Tenant, group: &Group) -> Day {
    latest_day::expected(tenant.clock.now(), &group.zone, tenant.options.schedule.ready_at)
}

fn status(tenant: &Tenant) -> TenantStatus {
    let departments = tenant.groups.iter().enumerate().flat_map(|(index, group)| {
        let expected = expected(tenant, group);
        let next = tenant.next_look.map(|next| next.max(tenant.plan(index).next));
        let users_min = tenant.options.min_department_users;
        group
            .standings
            .iter()
            .map(move |standing| department(group, standing, expected, next, users_min))
    });
    TenantStatus {
        name: tenant.options.name.clone(),
        base_url: tenant.options.api.base_url.clone(),
        time_zone: tenant.groups[0].zone.clone(),
        figures: tenant.options.figures,
        scale: tenant.rates.scale,
        up: tenant.accepted,
        requests_this_month: tenant.budget.spent(),
        requests_per_month_limit: tenant.budget.limit(),
        last_success: tenant.last_success,
        next_attempt: tenant.next_look,
        problem: tenant
            .problem
            .clone()
            .or_else(|| tenant.groups.iter().find_map(|group| group.problem.clone())),
        notices: notices(tenant),
        sources: Vec::new(),
        departments: departments.collect(),
    }
}

fn department(
    group: &Group,
    standing: &Standing,
    expected: Day,
    next_attempt: Option<jiff::Timestamp>,
    users_min: u64,
) -> DepartmentStatus {
    let own = standing.days.get(&standing.target.department_id);
    let served = own.or_else(|| standing.days.values().max_by_key(|day| day.day));
    let day = served.map(|served| served.day);
    DepartmentStatus {
        geo: group.geo,
        department_id: standing.target.department_id.to_string(),
        department: own.map(|own| own.department.to_string()).filter(|name| !name.is_empty()),
        path: own.map(|own| own.path.to_string()).filter(|path| !path.is_empty()),
        served: own.filter(|day| is_large_enough(day.users(), users_min)).cloned(),
        baseline: None,
        state: state(standing, day, expected),
        day,
        day_end: day.map(|day| group.zone.end_of(day)),
        expected_day: Some(expected),
        last_success: standing.last_success,
        next_attempt,
        problem: standing.problem.clone(),
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
fn notices(tenant: &Tenant) -> Vec<String> {
    let mut notices = Vec::new();
    if tenant.versions.are_refused() {
        notices.push(
            "Feishu does not accept the parameter with_product_version, so only totals are \
             collected; ask Feishu to enable product versions, or set product_versions: false."
                .to_owned(),
        );
    }
    let has_data = tenant.groups.iter().any(|g| g.standings.iter().any(|s| !s.days.is_empty()));
    if has_data && tenant.rates.scale.is_none() {
        notices.push(
            "The scale of Feishu's rates is not known yet, so rates have no samples; it is learned \
             from a department with at least 20 members, or set by rates: ratio or rates: percent."
                .to_owned(),
        );
    }
    notices
}
