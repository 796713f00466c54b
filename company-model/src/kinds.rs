//! The kinds of company.

use crate::calendar::Country;

/// A kind of company.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What it is called in the tables.
    pub name: &'static str,
    /// How many departments.
    pub departments: usize,
    /// Whose calendar.
    pub country: Country,
    /// Whether somebody keeps the calendar of the exporter.
    pub has_calendar: bool,
    /// Whether departments include others.
    pub includes: bool,
}

/// Every kind.
pub const KINDS: [Kind; 8] = [
    kind("China, 148 departments", 148, Country::China),
    kind("China, 72 departments", 72, Country::China),
    kind("China, 208 departments", 208, Country::China),
    kind("UTC, 158 departments", 158, Country::Europe),
    Kind { has_calendar: false, ..kind("China, no calendar", 108, Country::China) },
    Kind { includes: true, ..kind("China, with children", 120, Country::China) },
    kind("a geo of 24 departments", 24, Country::China),
    kind("a tenant of 4 departments", 4, Country::Europe),
];

const fn kind(name: &'static str, departments: usize, country: Country) -> Kind {
    Kind { name, departments, country, has_calendar: true, includes: false }
}
