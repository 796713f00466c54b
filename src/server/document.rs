//! `/api/v1/status`: what the status page shows, for scripts.
//!
//! `docs/status-api.md` has each key, `docs/status.schema.json` the schema; within a major version
//! keys are added, and none is taken away or changes what it means.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::page::{self, About, Configuration};
use crate::snapshot::{
    DepartmentState, DepartmentStatus, Next, Problem, SourceStatus, Status, StoreStatus,
    TenantStatus,
};

/// The document as it is sent.
pub(super) fn json(
    about: &About,
    configuration: &Configuration,
    status: &Status,
    now: Timestamp,
) -> Vec<u8> {
    let About { version, revision, started } = *about;
    let Configuration { origin, read_at, refused_at } = configuration;
    let document = json!({
        "version": version,
        "revision": revision,
        "started": started,
        "now": now,
        "configuration": origin.as_ref().map(|origin| json!({
            "origin": origin,
            "read_at": read_at,
            "refused_at": refused_at,
        })),
        "store": store(&status.store),
        "counts": counts(status.tenants.iter().flat_map(|tenant| &tenant.departments)),
        "tenants": status.tenants.iter().map(|of| tenant(of, now)).collect::<Vec<_>>(),
    });
    let mut json = serde_json::to_vec(&document).expect("a value is always valid JSON");
    json.push(b'\n');
    json
}

fn store(store: &StoreStatus) -> Value {
    json!({
        "state": store.state.as_str(),
        "file": store.file.as_ref().map(|file| file.display().to_string()),
        "bytes": store.bytes,
        "first_day": store.days.map(|(first, _)| first),
        "last_day": store.days.map(|(_, last)| last),
    })
}

/// How many departments there are, and how many in each state.
fn counts<'a>(departments: impl Iterator<Item = &'a DepartmentStatus>) -> Value {
    let mut by_state = DepartmentState::ALL.map(|state| (state, 0_u64));
    let mut all = 0_u64;
    for department in departments {
        all += 1;
        let of_state = by_state.iter_mut().find(|(state, _)| *state == department.state);
        if let Some((_, count)) = of_state {
            *count += 1;
        }
    }
    let mut counts = serde_json::Map::new();
    counts.insert("departments".to_owned(), all.into());
    counts.extend(by_state.map(|(state, count)| (state.as_str().to_owned(), count.into())));
    counts.into()
}

fn tenant(tenant: &TenantStatus, now: Timestamp) -> Value {
    let budget = Some(tenant.requests_per_month_limit).filter(|limit| *limit > 0);
    let (running, next_attempt) = next(tenant.next_attempt, now);
    json!({
        "name": tenant.name,
        "base_url": tenant.base_url,
        "time_zone": tenant.time_zone.name(),
        "health": page::health(tenant).as_str(),
        "up": tenant.up,
        "requests_this_month": tenant.requests_this_month,
        "requests_per_month_limit": budget,
        "last_success": tenant.last_success,
        "running": running,
        "next_attempt": next_attempt,
        "problem": tenant.problem.as_ref().map(problem),
        "notices": tenant.notices,
        "counts": counts(tenant.departments.iter()),
        "sources": tenant.sources.iter().map(|of| source(of, now)).collect::<Vec<_>>(),
        "departments": tenant.departments.iter().map(|d| department(d, now)).collect::<Vec<_>>(),
    })
}

fn source(source: &SourceStatus, now: Timestamp) -> Value {
    let (running, next_attempt) = next(source.next_attempt, now);
    json!({
        "source": source.source,
        "configuration_key": source.configuration_key,
        "last_success": source.last_success,
        "running": running,
        "next_attempt": next_attempt,
        "problem": source.problem.as_ref().map(problem),
    })
}

fn department(department: &DepartmentStatus, now: Timestamp) -> Value {
    let (running, next_attempt) = next(department.next_attempt, now);
    json!({
        "geo": department.geo.as_label(),
        "department_id": department.department_id,
        "department": department.department,
        "path": department.path,
        "state": department.state.as_str(),
        "day": department.day,
        "day_end": department.day_end,
        "expected_day": department.expected_day,
        "last_success": department.last_success,
        "running": running,
        "next_attempt": next_attempt,
        "problem": department.problem.as_ref().map(problem),
    })
}

/// Whether it is asked for now, else when, as far as that is known.
fn next(next: Next, now: Timestamp) -> (bool, Option<Timestamp>) {
    match next.seen_at(now) {
        Next::Running => (true, None),
        Next::At(at) => (false, Some(at)),
        Next::AfterStatistics => (false, None),
    }
}

fn problem(problem: &Problem) -> Value {
    json!({
        "at": problem.at,
        "class": problem.class,
        "code": problem.code,
        "message": problem.message,
        "remedy": problem.remedy,
        "log_id": problem.log_id,
    })
}
