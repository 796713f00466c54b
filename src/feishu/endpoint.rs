//! The endpoints of the open API that this exporter calls.

/// One endpoint. Its label is the closed list of the contract's label `endpoint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Exchanges the app's credentials for a tenant access token.
    TenantAccessToken,
    /// A department's activity statistics.
    AdminDeptStats,
}

impl Endpoint {
    /// Every endpoint, for metrics that are present from the start.
    pub const ALL: [Self; 2] = [Self::TenantAccessToken, Self::AdminDeptStats];

    /// The path below the base URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::TenantAccessToken => "/open-apis/auth/v3/tenant_access_token/internal",
            Self::AdminDeptStats => "/open-apis/admin/v1/admin_dept_stats",
        }
    }

    /// The value of the label `endpoint`.
    #[must_use]
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::TenantAccessToken => "tenant_access_token",
            Self::AdminDeptStats => "admin_dept_stats",
        }
    }

    /// The scope that the app needs, by the API document; none where credentials are enough.
    #[must_use]
    pub const fn scope(self) -> Option<&'static str> {
        match self {
            Self::TenantAccessToken => None,
            Self::AdminDeptStats => Some("admin:admin_dept_stat:readonly"),
        }
    }
}
