//! A request that is answered: what the endpoints have in common.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    calendar::{self, DayNumber},
    company::Company,
    distort::{self, Row},
    faults::Active,
    http::{Answer, Call},
    identity::IdType,
    organisation::Department,
    settings::Options,
    tenant::Tenant,
};

/// Scopes of the contact API that stand for all others of a department; they are historic.
pub(crate) const CONTACT_ALL: [&str; 3] = [
    "contact:contact:access_as_app",
    "contact:contact:readonly",
    "contact:contact:readonly_as_app",
];
pub(crate) const USER_ID: &str = "contact:user.employee_id:readonly";
pub(crate) const CONTACT_INVALID: (i64, &str) = (40_001, "param is invalid");
pub(crate) const NO_DEPARTMENT_AUTHORITY: (i64, &str) = (40_004, "no dept authority error");
pub(crate) const NO_SUCH_OPEN_DEPARTMENT_ID: (i64, &str) =
    (99_992_357, "open_department_id not exist");

/// What a request is answered from.
pub(crate) struct Context<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) organisation: &'a Company,
    pub(crate) options: &'a Options,
    pub(crate) call: &'a Call,
    pub(crate) active: &'a [Active],
}

impl Context<'_> {
    pub(crate) fn has_any_scope(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.options.scopes.contains(*scope))
    }

    /// The day in the tenant's own zone.
    pub(crate) fn today(&self) -> DayNumber {
        calendar::today(self.tenant.clock.now())
    }

    /// The department with this id of the type asked for.
    pub(crate) fn find(&self, id: &str, by_open_id: bool) -> Option<usize> {
        let index = self.organisation.find(id)?;
        (id == id_of(&self.organisation.departments[index], by_open_id)).then_some(index)
    }

    /// Whether the statistics of a department are outside of the app's data permission.
    pub(crate) fn is_forbidden(&self, department: usize) -> bool {
        self.is_below_any(department, &self.options.forbidden_departments)
    }

    /// Whether a department is in the app's contact range; the root only is if everything is.
    pub(crate) fn is_in_contact_range(&self, department: usize) -> bool {
        let outside = &self.options.outside_contact_range;
        match department {
            0 => self.options.all_staff_range && outside.is_empty(),
            _ => !self.is_below_any(department, outside),
        }
    }

    fn is_below_any(&self, department: usize, ids: &BTreeSet<String>) -> bool {
        ids.iter()
            .filter_map(|id| self.organisation.find(id))
            .any(|above| self.organisation.is_within(department, above))
    }

    /// The value of a query parameter, read; its default where it is left out or empty.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        default: T,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        match self.call.parameter(name).filter(|value| !value.is_empty()) {
            None => Some(default),
            Some(value) => read(value),
        }
    }

    /// Whether departments have their open id; none for a type that does not exist.
    pub(crate) fn by_open_id(&self) -> Option<bool> {
        self.read("department_id_type", true, |id_type| match id_type {
            "open_department_id" => Some(true),
            "department_id" => Some(false),
            _ => None,
        })
    }

    pub(crate) fn user_id_type(&self) -> Option<IdType> {
        self.read("user_id_type", IdType::Open, IdType::parse)
    }

    /// The rows as the faults want them.
    pub(crate) fn distorted(&self, mut rows: Vec<Row>) -> Vec<Value> {
        distort::rows(&mut rows, self.active);
        rows.into_iter().map(|(_, row)| Value::from(row)).collect()
    }
}

pub(crate) fn id_of(department: &Department, by_open_id: bool) -> &str {
    if by_open_id { &department.open_department_id } else { &department.department_id }
}

pub(crate) fn success(data: Value) -> Answer {
    let mut body = json!({ "code": 0, "msg": "success" });
    body["data"] = data;
    Answer::json(200, body)
}

/// An error of the documents' tables.
pub(crate) fn refusal(status: u16, (code, msg): (i64, &str)) -> Answer {
    Answer::error(status, code, msg)
}

/// A boolean as Go's `strconv.ParseBool` reads it, since official SDKs send `True` as well.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
