//! The collector.

pub mod calendar;
mod options;

pub use options::{GeoZone, ListedDepartment, Options, Schedule, Tenant};
