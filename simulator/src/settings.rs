//! What can be chosen about the tenant, its app and the manners of the API.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::calendar::Geo;

/// What can be chosen. Everything but the first four can be changed while the simulator runs, see [`super::Handle::change`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides every name and figure.
    pub seed: u64,
    /// Departments below the root, 1..=5000.
    pub departments: usize,
    /// One department with so many people, who neither come nor go, all in China. It is given by
    /// its position among the departments, 0 for the root; 1..=1,000,000 people.
    pub huge_department: Option<(usize, u32)>,
    /// What the simulator's clock shows at first; absent: the system's time.
    pub now: Option<Timestamp>,
    /// The app that may ask.
    pub app_id: String,
    /// Its secret.
    pub app_secret: String,
    /// API scopes granted to the app.
    pub scopes: BTreeSet<String>,
    /// Ids of departments outside of the data permission for statistics, with all that is below
    /// them.
    pub forbidden_departments: BTreeSet<String>,
    /// Ids of departments outside of the app's contact range, with all that is below them.
    pub outside_contact_range: BTreeSet<String>,
    /// Whether the contact range is set to the whole staff, without which the root is outside of
    /// it. With departments outside it is not, whatever this says.
    pub all_staff_range: bool,
    /// Places whose data may be asked for.
    pub geos: BTreeSet<Geo>,
    /// Product versions beside the total.
    pub product_versions: Vec<String>,
    /// What the total over all product versions is called.
    pub total_version: String,
    /// How rates are written.
    pub rates: Rates,
    /// Whom the row of a department counts when its child departments are asked for.
    pub parent_figures: ParentFigures,
    /// How an answer without rows looks.
    pub empty: Empty,
    /// Of whom `admin_user_stats` has rows.
    pub user_rows: UserRows,
    /// How it writes that somebody never activated the account, or never used the client.
    pub unknown_times: UnknownTimes,
    /// As of when it says when somebody last used the client.
    pub last_active: LastActive,
    /// What becomes of ids that no department has, where the documents leave it open.
    pub unknown_departments: Unavailable,
    /// What becomes of departments outside of the contact range in a batch.
    pub unreachable_departments: Unavailable,
    /// Whether a batch still shows removed departments, as deleted.
    pub shows_deleted: bool,
    /// Whether the directory takes the operator `in` for `parent_department_id`: its two documents
    /// contradict each other.
    pub accepts_in: bool,
    /// Whether the directory knows `enabled_status` by its name, not only as a part of `*`.
    pub knows_enabled_status: bool,
    /// So many days are kept.
    pub history_days: u16,
    /// Limits of single endpoints; without an entry, [`Limit::default`].
    pub limits: BTreeMap<Endpoint, Limit>,
    /// HTTP status of an answer to too many requests: 429, of older endpoints 400.
    pub throttle_status: u16,
    /// Requests that the tenant may make in a month of the simulator's clock; absent: any number.
    pub requests_per_month: Option<u64>,
    /// How long every answer takes at least.
    pub latency: Duration,
}

/// The endpoints that the simulator has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /open-apis/auth/v3/tenant_access_token/internal`.
    TenantAccessToken,
    /// `GET /open-apis/admin/v1/admin_dept_stats`.
    AdminDeptStats,
    /// `GET /open-apis/admin/v1/admin_user_stats`.
    AdminUserStats,
    /// `GET /open-apis/contact/v3/users/find_by_department`.
    UsersFindByDepartment,
    /// `POST /open-apis/directory/v1/departments/filter`.
    DepartmentsFilter,
    /// `GET /open-apis/contact/v3/departments/batch`.
    DepartmentsBatch,
}

/// How many requests an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// In a second.
    pub per_second: u32,
    /// In a minute.
    pub per_minute: u32,
}

impl Limit {
    /// No limit that a client could reach.
    pub const NONE: Self = Self { per_second: u32::MAX, per_minute: u32::MAX };
}

/// Level 4 of the documented frequency limits. Nobody knows the limits of the statistics.
impl Default for Limit {
    fn default() -> Self {
        Self { per_second: 50, per_minute: 1000 }
    }
}

/// How rates are written; the document does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rates {
    /// `"0.97"`.
    #[default]
    Ratio,
    /// `"97.00"`.
    Percent,
}

/// Whom the row of a department counts when its child departments are asked for; the document does
/// not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParentFigures {
    /// Its own people.
    #[default]
    Direct,
    /// Its own people and those of all departments below.
    Recursive,
}

/// How `items` looks when there are no rows; the document does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// `[]`.
    #[default]
    List,
    /// Left out.
    Absent,
    /// `null`.
    Null,
}

/// Of whom `admin_user_stats` has rows; the document does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserRows {
    /// Of everybody employed on the day.
    #[default]
    Everybody,
    /// Of those who had activated their account by then.
    Activated,
    /// Of those who were active on the day.
    Active,
}

/// How a time that never came is written; the document does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownTimes {
    /// `""`.
    #[default]
    Blank,
    /// The field is left out.
    Absent,
}

/// As of when `last_active_time` is told; in the documented sample it lies after the row's day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastActive {
    /// As of the day of the row.
    #[default]
    OfDay,
    /// As of the newest day that there is.
    Newest,
}

/// What becomes of departments that can't be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unavailable {
    /// They are left out.
    #[default]
    Omitted,
    /// The whole request is refused.
    Refused,
}
