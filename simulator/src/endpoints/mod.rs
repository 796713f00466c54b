//! One file per endpoint of the API.

pub(super) mod admin_dept_stats;
pub(super) mod admin_user_stats;
pub(super) mod departments_batch;
pub(super) mod departments_filter;
pub(super) mod tenant_access_token;
pub(super) mod users_find_by_department;

use std::collections::BTreeSet;

use super::{
    context::{Context, USER_ID, boolean},
    faults::Target,
    http::{Answer, Call},
    organisation::Organisation,
    settings::Endpoint,
};

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
