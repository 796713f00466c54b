//! `/api/v1/status`: what the status page shows, for scripts.
//!
//! `docs/status-api.md` has each key, `docs/status.schema.json` the schema; within a major version
//! keys are added, and none is taken away or changes what it means.
//!
//! The types are the document, in the order of its keys. They borrow what they tell and are written
//! as they are made, one department after the other: a large tenant has thousands.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::page::{self, About, Configuration};
use crate::{
    day::Day,
    snapshot::{
        self, DepartmentState, DepartmentStatus, Next, SourceStatus, Status, StoreStatus,
        TenantStatus,
    },
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
    let departments = status.tenants.iter().flat_map(|tenant| &tenant.departments);
    let document = Document {
        version,
        revision,
        started,
        now,
        configuration: origin.as_ref().map(|origin| Running {
            origin,
            read_at: *read_at,
            refused_at: *refused_at,
        }),
        store: Store::of(&status.store),
        counts: Counts::of(departments),
        tenants: List(&status.tenants, |of| Tenant::of(of, now)),
    };
    let mut json = serde_json::to_vec(&document).expect("text and numbers are always valid JSON");
    json.push(b'\n');
    json
}

#[derive(Serialize)]
struct Document<'a, T: Serialize> {
    version: &'a str,
    revision: &'a str,
    started: Timestamp,
    now: Timestamp,
    configuration: Option<Running<'a>>,
    store: Store<'a>,
    counts: Counts,
    tenants: T,
}

#[derive(Serialize)]
struct Running<'a> {
    origin: &'a str,
    read_at: Timestamp,
    refused_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct Store<'a> {
    state: &'static str,
    file: Option<Cow<'a, str>>,
    bytes: Option<u64>,
    first_day: Option<Day>,
    last_day: Option<Day>,
}

impl<'a> Store<'a> {
    fn of(store: &'a StoreStatus) -> Self {
        Self {
            state: store.state.as_str(),
            file: store.file.as_ref().map(|file| file.to_string_lossy()),
            bytes: store.bytes,
            first_day: store.days.map(|(first, _)| first),
            last_day: store.days.map(|(_, last)| last),
        }
    }
}

/// A list whose entries are made as they are written.
struct List<'a, S, F>(&'a [S], F);

impl<'a, S, T: Serialize, F: Fn(&'a S) -> T> Serialize for List<'a, S, F> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

/// How many departments there are, and how many in each state.
struct Counts {
    all: u64,
    by_state: [(DepartmentState, u64); DepartmentState::ALL.len()],
}

impl Counts {
    fn of<'a>(departments: impl Iterator<Item = &'a DepartmentStatus>) -> Self {
        let mut counts = Self { all: 0, by_state: DepartmentState::ALL.map(|state| (state, 0)) };
        for department in departments {
            counts.all += 1;
            let of_state = counts.by_state.iter_mut().find(|(state, _)| *state == department.state);
            if let Some((_, count)) = of_state {
                *count += 1;
            }
        }
        counts
    }
}

impl Serialize for Counts {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.by_state.len()))?;
        map.serialize_entry("departments", &self.all)?;
        for (state, count) in &self.by_state {
            map.serialize_entry(state.as_str(), count)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Tenant<'a, S: Serialize, D: Serialize> {
    name: &'a str,
    base_url: &'a str,
    time_zone: &'a str,
    health: &'static str,
    up: Option<bool>,
    requests_this_month: u64,
    requests_per_month_limit: Option<u64>,
    last_success: Option<Timestamp>,
    running: bool,
    next_attempt: Option<Timestamp>,
    problem: Option<Problem<'a>>,
    notices: &'a [String],
    counts: Counts,
    sources: S,
    departments: D,
}

impl<'a> Tenant<'a, (), ()> {
    fn of(tenant: &'a TenantStatus, now: Timestamp) -> impl Serialize + 'a {
        let (running, next_attempt) = next(tenant.next_attempt, now);
        Tenant {
            name: &tenant.name,
            base_url: &tenant.base_url,
            time_zone: tenant.time_zone.name(),
            health: page::health(tenant).as_str(),
            up: tenant.up,
            requests_this_month: tenant.requests_this_month,
            requests_per_month_limit: Some(tenant.requests_per_month_limit)
                .filter(|limit| *limit > 0),
            last_success: tenant.last_success,
            running,
            next_attempt,
            problem: tenant.problem.as_ref().map(Problem::of),
            notices: &tenant.notices,
            counts: Counts::of(tenant.departments.iter()),
            sources: List(&tenant.sources, move |of| Source::of(of, now)),
            departments: List(&tenant.departments, move |of| Department::of(of, now)),
        }
    }
}

#[derive(Serialize)]
struct Source<'a> {
    source: &'static str,
    configuration_key: &'static str,
    last_success: Option<Timestamp>,
    running: bool,
    next_attempt: Option<Timestamp>,
    problem: Option<Problem<'a>>,
}

impl<'a> Source<'a> {
    fn of(source: &'a SourceStatus, now: Timestamp) -> Self {
        let (running, next_attempt) = next(source.next_attempt, now);
        Self {
            source: source.source,
            configuration_key: source.configuration_key,
            last_success: source.last_success,
            running,
            next_attempt,
            problem: source.problem.as_ref().map(Problem::of),
        }
    }
}

#[derive(Serialize)]
struct Department<'a> {
    geo: &'a str,
    department_id: &'a str,
    department: Option<&'a str>,
    path: Option<&'a str>,
    state: &'static str,
    day: Option<Day>,
    day_end: Option<Timestamp>,
    expected_day: Option<Day>,
    last_success: Option<Timestamp>,
    running: bool,
    next_attempt: Option<Timestamp>,
    problem: Option<Problem<'a>>,
}

impl<'a> Department<'a> {
    fn of(department: &'a DepartmentStatus, now: Timestamp) -> Self {
        let (running, next_attempt) = next(department.next_attempt, now);
        Self {
            geo: department.geo.as_label(),
            department_id: &department.department_id,
            department: department.department.as_deref(),
            path: department.path.as_deref(),
            state: department.state.as_str(),
            day: department.day,
            day_end: department.day_end,
            expected_day: department.expected_day,
            last_success: department.last_success,
            running,
            next_attempt,
            problem: department.problem.as_deref().map(Problem::of),
        }
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    at: Timestamp,
    class: &'static str,
    code: Option<i64>,
    message: &'a str,
    remedy: &'a str,
    log_id: Option<&'a str>,
}

impl<'a> Problem<'a> {
    fn of(problem: &'a snapshot::Problem) -> Self {
        Self {
            at: problem.at,
            class: problem.class,
            code: problem.code,
            message: &problem.message,
            remedy: &problem.remedy,
            log_id: problem.log_id.as_deref(),
        }
    }
}

/// Whether it is asked for now, else when, as far as that is known.
fn next(next: Next, now: Timestamp) -> (bool, Option<Timestamp>) {
    match next.seen_at(now) {
        Next::Running => (true, None),
        Next::At(at) => (false, Some(at)),
        Next::AfterStatistics => (false, None),
    }
}
