//! What scripts may do over HTTP, see the page of the [simulator](super).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    faults::{Fault, UnknownDepartment},
    http::{Answer, Call},
    tenant::Tenant,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    now: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    department: String,
    name: String,
}

/// What may be asked below `/_simulator/`, and what that does; `docs/simulator.md` has it at length.
const CONTROL: [(&str, &str); 8] = [
    ("GET /_simulator/", "the clock, versions, departments, and this list"),
    ("POST /_simulator/clock", "sets the clock: {\"now\": \"2026-11-23T09:31:00+08:00\"}"),
    (
        "POST /_simulator/departments",
        "renames a department: {\"department\": \"od-…\", \"name\": \"New name\"}",
    ),
    ("GET /_simulator/requests", "the last requests with their outcome"),
    ("DELETE /_simulator/requests", "forgets them"),
    ("GET /_simulator/faults", "all faults"),
    (
        "POST /_simulator/faults",
        "adds a fault: {\"on\": {\"department\": \"od-…\"}, \"kind\": {\"late_day\": {}}}",
    ),
    ("DELETE /_simulator/faults", "removes all faults"),
];

pub(super) fn answer(tenant: &Tenant, call: &Call, path: &str) -> Answer {
    match (call.method.as_str(), path) {
        ("GET", "") => Answer::json(200, overview(tenant)),
        ("GET", "requests") => Answer::json(200, json!(tenant.journal.recent())),
        ("DELETE", "requests") => {
            tenant.journal.clear();
            done()
        }
        ("POST", "clock") => match serde_json::from_slice::<SetClock>(&call.body) {
            Ok(clock) => {
                tenant.clock.set(clock.now);
                done()
            }
            Err(error) => wrong(400, &error.to_string()),
        },
        ("POST", "departments") => match serde_json::from_slice::<Rename>(&call.body) {
            Ok(Rename { department, name }) => match tenant.company().find(&department) {
                Some(index) => {
                    tenant.reorganise(|organisation| organisation.rename(index, &name));
                    done()
                }
                None => wrong(400, &UnknownDepartment(department).to_string()),
            },
            Err(error) => wrong(400, &error.to_string()),
        },
        ("GET", "faults") => Answer::json(200, json!(tenant.faults.list())),
        ("POST", "faults") => match serde_json::from_slice::<Fault>(&call.body) {
            Ok(fault) => match tenant.faults.add(fault, &tenant.company()) {
                Ok(()) => done(),
                Err(error) => wrong(400, &error.to_string()),
            },
            Err(error) => wrong(400, &error.to_string()),
        },
        ("DELETE", "faults") => {
            tenant.faults.clear();
            done()
        }
        (_, "" | "requests" | "clock" | "departments" | "faults") => {
            wrong(405, "no such method here")
        }
        _ => wrong(404, "see /_simulator/"),
    }
}

fn done() -> Answer {
    Answer::json(200, json!({}))
}

fn wrong(status: u16, error: &str) -> Answer {
    Answer::json(status, json!({ "error": error }))
}

fn overview(tenant: &Tenant) -> Value {
    let options = tenant.options();
    let organisation = tenant.company();
    let all = &organisation.departments;
    let departments: Vec<Value> = all
        .iter()
        .filter(|department| !department.deleted)
        .map(|department| {
            json!({
                "open_department_id": department.open_department_id,
                "department_id": department.department_id,
                "parent_open_department_id": department.parent.map(|at| &all[at].open_department_id),
                "depth": department.depth,
                "names": department.names,
                "path": department.path,
            })
        })
        .collect();
    let control = CONTROL.map(|(request, does)| json!({ "request": request, "does": does }));
    json!({
        "control": control,
        "now": tenant.clock.now(),
        "app_id": options.app_id,
        "geos": options.geos,
        "total_version": options.total_version,
        "product_versions": options.product_versions,
        "departments": departments,
    })
}
