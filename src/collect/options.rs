//! What the collector must be told about a tenant.

use std::time::Duration;

use jiff::civil::Time;

use crate::{
    collect::calendar::Calendar,
    day::Zone,
    feishu,
    usage::{FigureSet, Geo, RateScale},
};

/// Everything that is collected and published, over all tenants.
#[derive(Clone, Debug)]
pub struct Options {
    /// At least one; names are unique.
    pub tenants: Vec<Tenant>,
    /// Past this number of series about departments, product versions are left out.
    pub series_limit: u64,
}

/// One tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Label `tenant`.
    pub name: String,
    /// Access to its API.
    pub api: feishu::Options,
    /// Where its figures are counted, each with the zone of its days; at least one, unique.
    pub geos: Vec<GeoZone>,
    /// Whether one row per product version is asked for beside the total.
    pub product_versions: bool,
    /// Names that mean the total over all versions, beside `全部产品版本`.
    pub total_version_names: Vec<String>,
    /// How rate strings are read; none: found out from the rows.
    pub rates: Option<RateScale>,
    /// Which figures are published.
    pub figures: FigureSet,
    /// The departments asked for; ids are unique.
    pub departments: Vec<ListedDepartment>,
    /// Departments with fewer members than this publish no statistics.
    pub min_department_users: u64,
    /// Days off on weekdays and working days on weekends.
    pub calendar: Calendar,
    /// When to look and how far.
    pub schedule: Schedule,
}

/// A geo and the zone in which its days are counted.
#[derive(Clone, Debug)]
pub struct GeoZone {
    /// Where.
    pub geo: Geo,
    /// The zone of its days.
    pub zone: Zone,
}

/// A department that the operator listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDepartment {
    /// In the tenant's id type.
    pub id: String,
    /// Whether its sub-departments are asked for with it.
    pub include_children: bool,
}

/// When to look and how far.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// How often to look while something is missing.
    pub interval: Duration,
    /// Local time at which Feishu has produced the day before.
    pub ready_at: Time,
    /// How many days back to look for the newest day that has rows.
    pub lookback_days: i32,
    /// Values of a day whose end is longer ago than this are no longer served.
    pub max_age: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(3600),
            // The API documents: "the day's data is produced at half past nine the next morning".
            ready_at: Time::constant(9, 30, 0, 0),
            lookback_days: 7,
            max_age: Duration::from_secs(14 * 86_400),
        }
    }
}
