//! The collector.

mod budget;
pub mod calendar;
mod latest_day;
mod options;
mod rates;
mod schedule;
mod standing;

pub use options::{GeoZone, ListedDepartment, Options, Schedule, Tenant};
