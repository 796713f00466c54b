//! The sources of figures, a row each: their label, their endpoint, which of their values can be rejected, and
//! whether a tenant has them switched on.

use std::time::Duration;

use super::options;
use crate::{
    feishu::Endpoint,
    sources::{contact, directory, users},
};

/// A source of figures: the closed list behind the label `source`, in the order of the status page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// `admin_dept_stats`.
    Departments,
    /// `admin_dept_stats` of the weeks before, once.
    Baselines,
    /// `directory/v1/departments/filter`.
    Directory,
    /// `contact/v3/departments/batch`.
    Contact,
    /// `contact/v3/users/find_by_department`.
    Members,
    /// `admin_user_stats`.
    Users,
}

struct Row {
    source: Source,
    label: &'static str,
    /// The key of the configuration that switches it on.
    key: &'static str,
    endpoint: Endpoint,
    /// The fields beside the 38 figures whose values can be rejected.
    number_fields: &'static [&'static str],
    /// Whether its section has nothing but a switch and an interval.
    has_only_an_interval: bool,
    /// Whether a tenant has it, given whether there is a store.
    is_on: fn(&options::Tenant, bool) -> bool,
}

const ROWS: [Row; 6] = [
    Row {
        source: Source::Departments,
        label: "departments",
        key: "departments",
        endpoint: Endpoint::AdminDeptStats,
        number_fields: &[],
        has_only_an_interval: false,
        is_on: |_, _| true,
    },
    Row {
        source: Source::Baselines,
        label: "baselines",
        key: "collection.baseline_weeks",
        endpoint: Endpoint::AdminDeptStats,
        number_fields: &[],
        has_only_an_interval: false,
        is_on: |tenant, has_store| has_store && tenant.schedule.baseline_weeks > 0,
    },
    Row {
        source: Source::Directory,
        label: "directory",
        key: "directory",
        endpoint: Endpoint::DepartmentsFilter,
        number_fields: &directory::NUMBER_FIELDS,
        has_only_an_interval: true,
        is_on: |tenant, _| {
            tenant.discovery.is_some() || Source::Directory.refresh_interval(tenant).is_some()
        },
    },
    Row {
        source: Source::Contact,
        label: "contact",
        key: "contact",
        endpoint: Endpoint::DepartmentsBatch,
        number_fields: &contact::NUMBER_FIELDS,
        has_only_an_interval: false,
        is_on: |tenant, _| tenant.contact.is_some(),
    },
    Row {
        source: Source::Members,
        label: "members",
        key: "members",
        endpoint: Endpoint::UsersFindByDepartment,
        number_fields: &[],
        has_only_an_interval: true,
        is_on: |tenant, _| Source::Members.refresh_interval(tenant).is_some(),
    },
    Row {
        source: Source::Users,
        label: "users",
        key: "user_statistics",
        endpoint: Endpoint::AdminUserStats,
        number_fields: &users::NUMBER_FIELDS,
        has_only_an_interval: false,
        is_on: |tenant, _| tenant.user_statistics.is_some(),
    },
];

impl Source {
    /// Every source.
    pub(crate) fn all() -> impl Iterator<Item = Self> + Clone {
        ROWS.iter().map(|row| row.source)
    }

    /// The value of the label `source`; what the source brought is remembered under it as well.
    pub(crate) fn as_label(self) -> &'static str {
        self.row().label
    }

    /// The key of the configuration that switches it on.
    pub(crate) fn configuration_key(self) -> &'static str {
        self.row().key
    }

    /// The endpoint that it asks.
    pub(crate) fn endpoint(self) -> Endpoint {
        self.row().endpoint
    }

    /// The fields beside the 38 figures whose values can be rejected.
    pub(crate) fn number_fields(self) -> &'static [&'static str] {
        self.row().number_fields
    }

    /// The sources whose sections have nothing but a switch and an interval.
    pub(crate) fn with_only_an_interval() -> impl Iterator<Item = Self> {
        ROWS.iter().filter(|row| row.has_only_an_interval).map(|row| row.source)
    }

    /// How often a tenant has it asked, if it is one of those, and switched on.
    pub(crate) fn refresh_interval(self, tenant: &options::Tenant) -> Option<Duration> {
        tenant.refresh_intervals.get(self.configuration_key()).copied()
    }

    /// Whether a tenant has it, given whether there is a store.
    pub(crate) fn is_on(self, tenant: &options::Tenant, has_store: bool) -> bool {
        (self.row().is_on)(tenant, has_store)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_finds_its_own_row() {
        assert!(Source::all().enumerate().all(|(index, source)| source as usize == index));
    }
}
