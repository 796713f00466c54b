//! One file per endpoint of the API, and what they have in common.

pub(super) mod admin_dept_stats;
pub(super) mod admin_user_stats;
pub(super) mod departments_batch;
pub(super) mod departments_filter;
pub(super) mod tenant_access_token;
pub(super) mod users_find_by_department;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    Tenant,
    calendar::{self, DayNumber},
    distort,
    faults::{Active, Target},
    http::{Answer, Call},
    identity::IdType,
    organisation::{Department, Organisation},
    settings::{Endpoint, Options},
};

/// Scopes of the contact API that stand for all others of a department; they are historic.
const CONTACT_ALL: [&str; 3] = [
    "contact:contact:access_as_app",
    "contact:contact:readonly",
    "contact:contact:readonly_as_app",
];
const USER_ID: &str = "contact:user.employee_id:readonly";
const CONTACT_INVALID: (i64, &str) = (40_001, "param is invalid");
const NO_DEPARTMENT_AUTHORITY: (i64, &str) = (40_004, "no dept authority error");
const NO_SUCH_OPEN_DEPARTMENT_ID: (i64, &str) = (99_992_357, "open_department_id not exist");

/// What a request is answered from.
pub(super) struct Context<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) organisation: &'a Organisation,
    pub(super) options: &'a Options,
    pub(super) call: &'a Call,
    pub(super) active: &'a [Active],
}

/// A row before it becomes JSON, with its department.
pub(super) type Row = (usize, Map<String, Value>);

impl Endpoint {
    /// Every endpoint that the simulator has.
    pub const ALL: [Self; 6] = [
        Self::TenantAccessToken,
        Self::AdminDeptStats,
        Self::AdminUserStats,
        Self::UsersFindByDepartment,
        Self::DepartmentsFilter,
        Self::DepartmentsBatch,
    ];

    /// Method and path.
    pub(super) const fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::TenantAccessToken => ("POST", "/open-apis/auth/v3/tenant_access_token/internal"),
            Self::AdminDeptStats => ("GET", "/open-apis/admin/v1/admin_dept_stats"),
            Self::AdminUserStats => ("GET", "/open-apis/admin/v1/admin_user_stats"),
            Self::UsersFindByDepartment => {
                ("GET", "/open-apis/contact/v3/users/find_by_department")
            }
            Self::DepartmentsFilter => ("POST", "/open-apis/directory/v1/departments/filter"),
            Self::DepartmentsBatch => ("GET", "/open-apis/contact/v3/departments/batch"),
        }
    }

    /// The scopes one of which an app needs; none for the token, which no token is needed for
    /// either.
    pub(super) const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::TenantAccessToken => &[],
            Self::AdminDeptStats => &[admin_dept_stats::SCOPE],
            Self::AdminUserStats => &[admin_user_stats::SCOPE],
            Self::UsersFindByDepartment => users_find_by_department::SCOPES,
            Self::DepartmentsFilter => &[departments_filter::SCOPE],
            Self::DepartmentsBatch => &[departments_batch::SCOPE],
        }
    }

    /// Whether its own errors are a code and a message, and no more.
    pub(super) const fn has_bare_errors(self) -> bool {
        matches!(
            self,
            Self::TenantAccessToken | Self::UsersFindByDepartment | Self::DepartmentsBatch
        )
    }
}

/// Every scope that an endpoint or a field needs, without the historic ones.
pub(super) fn all_scopes() -> BTreeSet<String> {
    [admin_dept_stats::SCOPE, admin_user_stats::SCOPE, USER_ID]
        .into_iter()
        .chain(departments_batch::scopes())
        .chain(users_find_by_department::scopes())
        .chain(departments_filter::scopes())
        .map(str::to_owned)
        .collect()
}

/// Which departments a request is about.
pub(super) fn target(endpoint: Endpoint, organisation: &Organisation, call: &Call) -> Target {
    let by_parameter = |name: &str| {
        let values = call.query.iter().filter(|(key, _)| key == name);
        values.filter_map(|(_, id)| organisation.find(id)).collect::<Vec<_>>()
    };
    let (departments, with_children) = match endpoint {
        Endpoint::TenantAccessToken => (Vec::new(), false),
        Endpoint::AdminDeptStats => {
            let children = call.parameter("contains_child_dept").and_then(boolean);
            (by_parameter("department_id"), children.unwrap_or(false))
        }
        Endpoint::AdminUserStats if call.parameter("department_id").is_none_or(str::is_empty) => {
            (vec![0], true)
        }
        Endpoint::AdminUserStats | Endpoint::UsersFindByDepartment => {
            (by_parameter("department_id"), false)
        }
        Endpoint::DepartmentsFilter => (departments_filter::parents(organisation, call), true),
        Endpoint::DepartmentsBatch => (by_parameter("department_ids"), false),
    };
    Target { endpoint, departments, with_children }
}

/// The endpoint's own answer.
pub(super) fn answer(endpoint: Endpoint, context: &Context) -> Answer {
    let answer = match endpoint {
        Endpoint::TenantAccessToken => return tenant_access_token::answer(context),
        Endpoint::AdminDeptStats => admin_dept_stats::answer(context),
        Endpoint::AdminUserStats => admin_user_stats::answer(context),
        Endpoint::UsersFindByDepartment => users_find_by_department::answer(context),
        Endpoint::DepartmentsFilter => departments_filter::answer(context),
        Endpoint::DepartmentsBatch => departments_batch::answer(context),
    };
    answer.unwrap_or_else(|refused| refused)
}

impl Context<'_> {
    fn has_any_scope(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.options.scopes.contains(*scope))
    }

    /// The day in the tenant's own zone.
    fn today(&self) -> DayNumber {
        calendar::today(self.tenant.clock.now())
    }

    /// The department with this id of the type asked for.
    fn find(&self, id: &str, by_open_id: bool) -> Option<usize> {
        let index = self.organisation.find(id)?;
        (id == id_of(&self.organisation.departments[index], by_open_id)).then_some(index)
    }

    /// Whether the statistics of a department are outside of the app's data permission.
    fn is_forbidden(&self, department: usize) -> bool {
        self.is_below_any(department, &self.options.forbidden_departments)
    }

    /// Whether a department is in the app's contact range; the root only is if everything is.
    fn is_in_contact_range(&self, department: usize) -> bool {
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
    fn read<T>(&self, name: &str, default: T, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match self.call.parameter(name).filter(|value| !value.is_empty()) {
            None => Some(default),
            Some(value) => read(value),
        }
    }

    /// Whether departments have their open id; none for a type that does not exist.
    fn by_open_id(&self) -> Option<bool> {
        self.read("department_id_type", true, |id_type| match id_type {
            "open_department_id" => Some(true),
            "department_id" => Some(false),
            _ => None,
        })
    }

    fn user_id_type(&self) -> Option<IdType> {
        self.read("user_id_type", IdType::Open, IdType::parse)
    }

    /// The rows as the faults want them.
    fn distorted(&self, mut rows: Vec<Row>) -> Vec<Value> {
        distort::rows(&mut rows, self.active);
        rows.into_iter().map(|(_, row)| Value::from(row)).collect()
    }
}

fn id_of(department: &Department, by_open_id: bool) -> &str {
    if by_open_id { &department.open_department_id } else { &department.department_id }
}

fn success(data: Value) -> Answer {
    let mut body = json!({ "code": 0, "msg": "success" });
    body["data"] = data;
    Answer::json(200, body)
}

/// An error of the documents' tables.
fn refusal(status: u16, (code, msg): (i64, &str)) -> Answer {
    Answer::error(status, code, msg)
}

/// A boolean as Go's `strconv.ParseBool` reads it, since official SDKs send `True` as well.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
