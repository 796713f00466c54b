//! What the collector must be told about a tenant.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::civil::Time;
use regex::Regex;

use crate::{
    baseline::calendar::Calendar,
    day::Zone,
    feishu,
    labels::OwnLabels,
    sources::departments::VersionOptions,
    usage::{FigureSet, Geo, RateScale},
};

/// Everything that is collected and published, over all tenants.
#[derive(Clone, Debug)]
pub struct Options {
    /// At least one; names are unique.
    pub tenants: Vec<Tenant>,
    /// Past this number of series about departments, baselines and what is judged are left out,
    /// then product versions.
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
    /// The operator's own labels of departments.
    pub labels: Arc<OwnLabels>,
    /// Departments with fewer members than this publish no statistics.
    pub min_department_users: u64,
    /// Days off on weekdays and working days on weekends.
    pub calendar: Calendar,
    /// When to look and how far.
    pub schedule: Schedule,
    /// Departments found beside the listed ones.
    pub discovery: Option<Discovery>,
    /// Whether departments may be asked for together under an ancestor, once that is proven to
    /// give the same figures.
    pub request_grouping: bool,
    /// Names and counts from the contact API.
    pub contact: Option<Contact>,
    /// How often each source is asked that has nothing else to be set, by its key in the
    /// configuration; without those that are switched off.
    pub refresh_intervals: BTreeMap<&'static str, Duration>,
    /// Whether the use of people is aggregated, and of how many at least.
    pub user_statistics: Option<UserStatistics>,
}

impl Tenant {
    /// What is configured about product versions.
    pub(crate) fn versions(&self) -> VersionOptions {
        VersionOptions {
            wanted: self.product_versions,
            total_names: self.total_version_names.clone(),
            department_id_type: self.api.department_id_type.as_str().to_owned(),
        }
    }

    /// Whether a department with so many members is published at all. One whose size is unknown is
    /// not, once a size is asked for.
    #[expect(clippy::cast_precision_loss, reason = "no department has 2^53 members")]
    pub(super) fn publishes(&self, users: Option<f64>) -> bool {
        let min = self.min_department_users;
        min == 0 || users.is_some_and(|users| users >= min as f64)
    }

    /// The language of names.
    pub(super) fn language(&self) -> &'static str {
        self.contact.map_or(Language::default(), |contact| contact.language).as_str()
    }
}

/// A walk through the directory that finds departments.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The departments below which others are found, at least one; `0` is the tenant's root.
    pub roots: Vec<String>,
    /// Levels below the tenant's root, at most 4: the statistics reach no deeper.
    pub max_depth: u8,
    /// Expressions over the path `a/b/c`, of which one must match; empty: all do.
    pub include: Vec<Regex>,
    /// Expressions over the path, of which none may match.
    pub exclude: Vec<Regex>,
    /// Departments with fewer direct members are left out.
    pub min_members: u64,
    /// How often the walk is made.
    pub refresh_interval: Duration,
}

/// What is taken from the contact API.
#[derive(Clone, Copy, Debug)]
pub struct Contact {
    /// The language of names, where a department has a name in it.
    pub language: Language,
    /// How often it is asked.
    pub refresh_interval: Duration,
}

/// The languages in which Feishu keeps names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    #[default]
    Chinese,
    /// English.
    English,
    /// Japanese.
    Japanese,
}

impl Language {
    /// The key in Feishu's `i18n_name`, and the value of the configuration key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chinese => "zh_cn",
            Self::English => "en_us",
            Self::Japanese => "ja_jp",
        }
    }
}

/// How the use of people is aggregated.
#[derive(Clone, Copy, Debug)]
pub struct UserStatistics {
    /// No aggregate is published of fewer people.
    pub min_group_size: u64,
}

/// A geo and the zone in which its days are counted.
#[derive(Clone, Debug)]
pub struct GeoZone {
    /// The geo.
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
    /// Over how many weeks baselines reach; 0: there are none.
    pub baseline_weeks: u8,
    /// Whether the days are judged against what could be expected.
    pub judgement: bool,
    /// How many days are kept in the store.
    pub retention_days: i32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(3600),
            // The API documents: "the day's data is produced at half past nine the next morning".
            ready_at: Time::constant(9, 30, 0, 0),
            lookback_days: 7,
            max_age: Duration::from_secs(14 * 86_400),
            baseline_weeks: 4,
            judgement: true,
            // A year and a month, so that a month can be held against that of the year before.
            retention_days: 400,
        }
    }
}
