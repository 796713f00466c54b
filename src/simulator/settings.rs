//! What can be chosen about the tenant, its app and the manners of the API.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{admin_dept_stats, calendar::Geo};

/// What can be chosen. Everything but `seed`, `departments` and `now` can be changed while the
/// simulator runs, see [`super::Handle::change`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides every name and figure.
    pub seed: u64,
    /// Departments below the root, 1..=5000.
    pub departments: usize,
    /// What the simulator's clock shows at first; absent: the system's time.
    pub now: Option<Timestamp>,
    /// The app that may ask.
    pub app_id: String,
    /// Its secret.
    pub app_secret: String,
    /// API scopes granted to the app.
    pub scopes: BTreeSet<String>,
    /// Ids of departments outside of the app's data permission, with all that is below them.
    pub forbidden_departments: BTreeSet<String>,
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

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            departments: 20,
            now: None,
            app_id: "cli_demo".to_owned(),
            app_secret: "demo-secret".to_owned(),
            scopes: BTreeSet::from([admin_dept_stats::SCOPE.to_owned()]),
            forbidden_departments: BTreeSet::new(),
            geos: Geo::ALL.into(),
            product_versions: ["标准版", "商业版", "旗舰版"].map(str::to_owned).into(),
            total_version: "全部产品版本".to_owned(),
            rates: Rates::default(),
            parent_figures: ParentFigures::default(),
            empty: Empty::default(),
            history_days: 400,
            limits: BTreeMap::new(),
            throttle_status: 429,
            requests_per_month: None,
            latency: Duration::ZERO,
        }
    }
}

/// The endpoints that the simulator has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /open-apis/auth/v3/tenant_access_token/internal`.
    TenantAccessToken,
    /// `GET /open-apis/admin/v1/admin_dept_stats`.
    AdminDeptStats,
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
