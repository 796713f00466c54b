//! One file per endpoint of the API.

pub(super) mod admin_dept_stats;
pub(super) mod tenant_access_token;
