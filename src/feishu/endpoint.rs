//! The endpoints of the open API that this exporter calls.

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The live statistics need it.
    Live,
    /// Everything else, which yields to them.
    Optional,
}

/// One endpoint. Its label is the closed list of the contract's label `endpoint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Exchanges the app's credentials for a tenant access token.
    TenantAccessToken,
    /// A department's activity statistics.
    AdminDeptStats,
    /// The activity of a department's people.
    AdminUserStats,
    /// The people of a department.
    UsersFindByDepartment,
    /// The departments below a department, with counts.
    DepartmentsFilter,
    /// Names and places of departments by id.
    DepartmentsBatch,
}

impl Endpoint {
    /// Every endpoint, for metrics that are present from the start.
    pub const ALL: [Self; 6] = [
        Self::TenantAccessToken,
        Self::AdminDeptStats,
        Self::AdminUserStats,
        Self::UsersFindByDepartment,
        Self::DepartmentsFilter,
        Self::DepartmentsBatch,
    ];

    /// The path below the base URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::TenantAccessToken => "/open-apis/auth/v3/tenant_access_token/internal",
            Self::AdminDeptStats => "/open-apis/admin/v1/admin_dept_stats",
            Self::AdminUserStats => "/open-apis/admin/v1/admin_user_stats",
            Self::UsersFindByDepartment => "/open-apis/contact/v3/users/find_by_department",
            Self::DepartmentsFilter => "/open-apis/directory/v1/departments/filter",
            Self::DepartmentsBatch => "/open-apis/contact/v3/departments/batch",
        }
    }

    /// The value of the label `endpoint`.
    #[must_use]
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::TenantAccessToken => "tenant_access_token",
            Self::AdminDeptStats => "admin_dept_stats",
            Self::AdminUserStats => "admin_user_stats",
            Self::UsersFindByDepartment => "users_find_by_department",
            Self::DepartmentsFilter => "departments_filter",
            Self::DepartmentsBatch => "departments_batch",
        }
    }

    /// What it is asked for unless the request says otherwise.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::TenantAccessToken | Self::AdminDeptStats => Purpose::Live,
            _ => Purpose::Optional,
        }
    }

    /// Requests per minute that Feishu documents for it; none where it publishes no limit.
    #[must_use]
    pub const fn requests_per_minute(self) -> Option<u32> {
        match self {
            Self::UsersFindByDepartment | Self::DepartmentsFilter | Self::DepartmentsBatch => {
                Some(1_000)
            }
            Self::TenantAccessToken | Self::AdminDeptStats | Self::AdminUserStats => None,
        }
    }

    /// Whether its answers hold people, so that nothing of them may be repeated.
    #[must_use]
    pub const fn is_about_people(self) -> bool {
        matches!(self, Self::AdminUserStats | Self::UsersFindByDepartment)
    }

    /// The scope that the app needs, by the API document; none where credentials are enough.
    #[must_use]
    pub const fn scope(self) -> Option<&'static str> {
        match self {
            Self::TenantAccessToken => None,
            Self::AdminDeptStats => Some("admin:admin_dept_stat:readonly"),
            Self::AdminUserStats => Some("admin:admin_user_stat:readonly"),
            Self::UsersFindByDepartment => Some("contact:contact:readonly_as_app"),
            Self::DepartmentsFilter => Some("directory:department:list"),
            Self::DepartmentsBatch => Some("contact:contact.base:readonly"),
        }
    }
}
