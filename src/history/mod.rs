//! The past as samples with timestamps: a file, or a push to a receiver of remote write.
//!
//! Names, labels and values are those of `/metrics`, and each day is stamped at the moment from
//! which a live exporter would have shown it, so that old and new samples make one series. Reads
//! the store only; memory does not grow with what is written.

mod day_set;
mod encoder;
mod error;
mod file;
mod labels;
mod moment;
mod outline;
mod remote;
#[cfg(test)]
mod tests;
mod walk;

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Time};

pub use self::{
    encoder::Written,
    error::Error,
    file::{Destination, File, measure, try_to_create, write},
    labels::{Labels, WrongLabel},
    remote::{Credentials, Pushed, Receiver, ReceiverOptions, push},
};
use crate::{
    baseline::calendar::Calendar,
    day::{Day, Zone},
    store::TenantStore,
    usage::{FigureSet, Geo, RateScale, Target},
};

/// A tenant whose past is written.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Label `tenant`.
    pub tenant: String,
    /// Where its days are kept.
    pub store: TenantStore,
    /// Where its figures are counted, and which days are written of each.
    pub geos: Vec<GeoDays>,
    /// What its departments were found through.
    pub targets: Vec<Target>,
    /// Which figures are written.
    pub figures: FigureSet,
    /// How rates are read; while it is unknown, rates have no samples.
    pub scale: Option<RateScale>,
    /// Days off on weekdays and working days on weekends.
    pub calendar: Calendar,
    /// Over how many weeks a baseline goes; 0: there are none.
    pub baseline_weeks: u8,
    /// Days on which a department has fewer members are left out.
    pub min_department_users: u64,
    /// Local time at which Feishu has produced the day before.
    pub ready_at: Time,
    /// A live exporter shows no day whose end is longer ago than this.
    pub max_age: Duration,
}

/// The days that are written of a geo.
#[derive(Clone, Debug)]
pub struct GeoDays {
    /// The geo.
    pub geo: Geo,
    /// The zone in which its days are counted.
    pub zone: Zone,
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
}

/// What is written of all tenants.
#[derive(Clone, Debug)]
pub struct History {
    /// The tenants, in the order in which they are written; their labels are unique.
    pub subjects: Vec<Arc<Subject>>,
    /// Labels that every sample gets beside its own.
    pub labels: Labels,
    /// How often a value is repeated while it is shown; none: it stands once.
    pub step: Option<Duration>,
    /// Nothing is stamped later than this.
    pub now: Timestamp,
}

/// Told how far it is: so many of so many parts.
pub type Watch = Box<dyn FnMut(u64, u64) + Send>;
