//! The answer before the details: how many are well, and what is wrong. Pure.

use super::texts::Verdict;
use crate::snapshot::{DepartmentState, DepartmentStatus, TenantStatus};

/// How a tenant fares as a whole, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::server) enum Health {
    /// Somebody has to do something.
    Trouble,
    /// Not everything is there, but it comes by itself.
    Waiting,
    /// The newest day is served, whole, by every department.
    Well,
}

impl Health {
    /// The word of the JSON document.
    pub(in crate::server) const fn as_str(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Waiting => "waiting",
            Self::Well => "well",
        }
    }
}

/// How the tenant fares.
pub(in crate::server) fn health(tenant: &TenantStatus) -> Health {
    use DepartmentState::{Failed, Latest, NoData};
    let any = |of: fn(DepartmentState) -> bool| tenant.departments.iter().any(|d| of(d.state));
    let source_fails = tenant.sources.iter().any(|source| source.problem.is_some());
    if tenant.problem.is_some()
        || tenant.up == Some(false)
        || source_fails
        || any(|state| matches!(state, Failed | NoData))
    {
        Health::Trouble
    } else if tenant.up.is_none() || any(|state| state != Latest) {
        Health::Waiting
    } else {
        Health::Well
    }
}

/// Departments in numbers.
pub(super) fn verdict<'a>(departments: impl Iterator<Item = &'a DepartmentStatus>) -> Verdict {
    let (mut verdict, mut newest) = (Verdict::default(), None);
    for department in departments {
        verdict.departments += 1;
        let place = DepartmentState::ALL.iter().position(|state| *state == department.state);
        verdict.by_state[place.expect("every state is among all")] += 1;
        newest = newest.max(department.day);
    }
    Verdict { day: newest.map(|day| day.to_string()), ..verdict }
}
