//! What the API client must be told.

use std::{path::PathBuf, time::Duration};

use crate::secret::SecretSource;

/// One tenant's access to the open API.
#[derive(Clone, Debug)]
pub struct Options {
    /// Label `tenant` of the client's metrics.
    pub tenant: String,
    /// Scheme, host and port, and a path where a private deployment has one; no slash at the end.
    pub base_url: String,
    /// A file with more certificate authorities in PEM, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The app's id, `cli_…`.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: SecretSource,
    /// Which kind of department id is sent and answered.
    pub department_id_type: DepartmentIdType,
    /// How much may be asked.
    pub limits: Limits,
}

/// The API parameter `department_id_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DepartmentIdType {
    /// Made by the system, begins with `od-`.
    #[default]
    OpenDepartmentId,
    /// Chosen by the organisation.
    DepartmentId,
}

impl DepartmentIdType {
    /// The value of the API parameter and of the configuration key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenDepartmentId => "open_department_id",
            Self::DepartmentId => "department_id",
        }
    }
}

/// Bounds on what is asked of one tenant's API; they are never exceeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Requests per second, over all endpoints.
    pub requests_per_second: f64,
    /// Requests per minute, for each endpoint; none: as Feishu documents it, and as its refusals
    /// teach.
    pub requests_per_minute: Option<u32>,
    /// Requests under way at once.
    pub concurrency: usize,
    /// For one request, from the first byte sent to the last received.
    pub timeout: Duration,
    /// Requests per calendar month; 0: no budget.
    pub requests_per_month: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Feishu publishes no limit for the statistics ("special rate limit"); this is the
            // lowest of its usual levels that lets a hundred departments finish in half a minute.
            requests_per_second: 5.0,
            requests_per_minute: None,
            concurrency: 4,
            timeout: Duration::from_secs(30),
            requests_per_month: 0,
        }
    }
}
