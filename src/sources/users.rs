//! The source `users`: how the people of a department used the suite on a day, from
//! `admin_user_stats`.
//!
//! Rows are folded as they arrive and then gone: what is kept of a person is a hash of the id,
//! while the list is read, so that each counts once. No name and no id leaves this module.

mod fold;
mod spread;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use self::fold::Fold;
use crate::{
    day::Day,
    feishu::{Class, Client, Error, ListPart, UserStatsQuery},
    sources::RejectedValues,
    usage::Geo,
};

/// One department's day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ask {
    /// Where it is counted.
    pub geo: Geo,
    /// In the tenant's id type.
    pub department_id: Arc<str>,
    /// The day in the department's day gauge.
    pub day: Day,
}

/// The fields that are read as numbers, flags or times.
pub const NUMBER_FIELDS: [&str; 11] = [
    "user_active_flag",
    "suite_active_flag",
    "im_active_flag",
    "docs_active_flag",
    "cal_active_flag",
    "vc_active_flag",
    "search_active_flag",
    "last_active_time",
    "send_messenger_num",
    "vc_num",
    "vc_duration",
];

/// The days without activity after which people count as inactive.
pub const INACTIVE_DAYS: [i32; 3] = [7, 30, 90];

/// How a department's people used the suite on a day; nothing here tells of a single person once
/// there are enough people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Use {
    /// People in the statistics.
    pub people: u64,
    /// People active in each product, where Feishu tells.
    pub active: BTreeMap<String, u64>,
    /// People by operating system; small cells are folded into `other`.
    pub by_os: BTreeMap<String, u64>,
    /// People by client; small cells are folded into `other`.
    pub by_client: BTreeMap<String, u64>,
    /// Activated people who were not active for more than so many days, in the order of
    /// [`INACTIVE_DAYS`]; absent where no row tells whether a person is activated.
    pub inactive: Option<[u64; INACTIVE_DAYS.len()]>,
    /// Activated people who were never active.
    pub never_active: Option<u64>,
    /// Meetings, summed over people.
    pub meetings: Option<f64>,
    /// Seconds in meetings, summed over people.
    pub vc_duration_s: Option<f64>,
    /// Messages sent, by percentile of people.
    pub messages_sent: BTreeMap<u8, f64>,
    /// Seconds in meetings, by percentile of people.
    pub meeting_duration_s: BTreeMap<u8, f64>,
}

/// What one list held.
#[derive(Debug, Default)]
pub struct Found {
    /// The aggregates; none of a group smaller than the smallest allowed.
    pub usage: Option<Use>,
    /// People in the list.
    pub people: u64,
    /// Rows that were not believed.
    pub rejected_rows: u64,
    /// The first of them, in words that name nobody.
    pub rejected_example: Option<String>,
    /// Values that could not be used, by API field.
    pub rejected_values: RejectedValues,
}

impl Found {
    /// The failure of an answer whose rows were all rejected.
    #[must_use]
    pub fn unusable(&self, ask: &Ask) -> Option<Error> {
        let example = self.rejected_example.as_deref().unwrap_or("none is told");
        (self.people == 0 && self.rejected_rows > 0).then(|| Error {
            remedy: "check statistics_time_zone; if it is right, ask Feishu's support".to_owned(),
            ..Error::local(
                Class::Malformed,
                &format!("reading the use of department {}'s people", ask.department_id),
                format!("no row of {} can be used, for example {example}", self.rejected_rows),
            )
        })
    }
}

/// Reads a department's day, as far as wanted, and aggregates it.
///
/// # Errors
/// If any page fails; nothing is aggregated then.
pub async fn fetch(
    client: &Client,
    ask: &Ask,
    min_group_size: u64,
    part: ListPart,
) -> Result<Found, Error> {
    let query = UserStatsQuery {
        department_id: ask.department_id.to_string(),
        day: ask.day,
        target_geo: (ask.geo != Geo::Local).then(|| ask.geo.as_label()),
    };
    let mut fold = Fold::new(ask.day);
    client.admin_user_stats(&query, part, &mut |row| fold.row(row.as_ref())).await?;
    Ok(fold.finish(min_group_size))
}
