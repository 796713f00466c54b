//! The source `departments`: `admin_dept_stats` folded into department days.

mod fold;
mod versions;

use std::sync::Arc;

use self::fold::Fold;
pub use self::versions::Versions;
use crate::{
    day::Day,
    feishu::{Class, Client, DeptStatsQuery, Error, Purpose},
    sources::RejectedValues,
    usage::{DepartmentDay, Geo, Target, Version},
};

/// One department, alone or with its sub-departments, and the days to ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// Whom to ask for.
    pub target: Target,
    /// The first day.
    pub start: Day,
    /// The last day, itself included.
    pub end: Day,
}

/// What a whole list held.
#[derive(Debug, Default)]
pub struct Found {
    /// Each department's days, in the order of department and day.
    pub days: Vec<FoundDay>,
    /// Rows that were not believed.
    pub rejected_rows: u64,
    /// The first of them, in words.
    pub rejected_example: Option<String>,
    /// Values that were no numbers, by API field.
    pub rejected_values: RejectedValues,
}

/// One department's day.
#[derive(Clone, Debug)]
pub struct FoundDay {
    /// The rows.
    pub day: Arc<DepartmentDay>,
    /// Whether rows of it contradicted each other, so that some are missing.
    pub contradicted: bool,
}

impl Found {
    /// The failure of an answer whose rows were all rejected.
    #[must_use]
    pub fn unusable(&self, target: &Target) -> Option<Error> {
        let is_empty = self.days.iter().all(|found| found.day.rows.is_empty());
        let example = self.rejected_example.as_deref().unwrap_or("none is told");
        (is_empty && self.rejected_rows > 0).then(|| Error {
            remedy: "check that department_id_type is the kind of the id, and \
                     statistics_time_zone; if they are right, ask Feishu's support; the department \
                     is asked for again by itself"
                .to_owned(),
            ..Error::local(
                Class::Malformed,
                &format!("reading statistics of department {}", target.department_id),
                format!(
                    "none of the {} rows can be used, for example {example}",
                    self.rejected_rows
                ),
            )
        })
    }

    /// Counts what another list of the same look rejected as well.
    pub fn add_rejected(&mut self, other: &Self) {
        self.rejected_rows += other.rejected_rows;
        if self.rejected_example.is_none() {
            self.rejected_example.clone_from(&other.rejected_example);
        }
        for (field, count) in &other.rejected_values {
            *self.rejected_values.entry(field).or_default() += count;
        }
    }
}

impl FoundDay {
    /// Whether the total over all versions is there.
    #[must_use]
    pub fn has_total(&self) -> bool {
        self.day.rows.iter().any(|(version, _)| *version == Version::Total)
    }
}

/// Asks for the days and reads the whole list, with one more query for the totals where the rows
/// hold versions but no known total.
///
/// # Errors
/// If any page of it fails; nothing of the list is used then.
pub async fn fetch(client: &Client, ask: &Ask, versions: &Versions) -> Result<Found, Error> {
    fetch_for(Purpose::Live, client, ask, versions).await
}

/// As [`fetch`] for days that are not served as current: it yields to those.
///
/// # Errors
/// As [`fetch`].
pub async fn fetch_past(client: &Client, ask: &Ask, versions: &Versions) -> Result<Found, Error> {
    fetch_for(Purpose::Optional, client, ask, versions).await
}

/// As [`fetch_past`] with one row a day, that of the total.
///
/// # Errors
/// As [`fetch`].
pub async fn fetch_past_totals(
    client: &Client,
    ask: &Ask,
    versions: &Versions,
) -> Result<Found, Error> {
    let mut fold = Fold::new(ask, versions, false);
    read(Purpose::Optional, client, ask, false, &mut fold).await?;
    Ok(fold.finish())
}

async fn fetch_for(
    purpose: Purpose,
    client: &Client,
    ask: &Ask,
    versions: &Versions,
) -> Result<Found, Error> {
    let with_versions = versions.wanted(ask.end);
    let mut fold = Fold::new(ask, versions, with_versions);
    match read(purpose, client, ask, with_versions, &mut fold).await {
        Ok(()) if with_versions => versions.accepted(),
        Ok(()) => {}
        Err(error) if with_versions && may_be_the_version_parameter(&error, versions) => {
            fold = Fold::new(ask, versions, false);
            // If this is refused as well, the parameter was not the reason.
            if let Err(second) = read(purpose, client, ask, false, &mut fold).await {
                return Err(if second.app_was_accepted() { error } else { second });
            }
            versions.refused(ask.end);
        }
        Err(error) => return Err(error),
    }
    if fold.lacks_a_total() {
        let mut totals = Fold::new(ask, versions, false);
        read(purpose, client, ask, false, &mut totals).await?;
        fold.add_totals(totals, versions);
    }
    Ok(fold.finish())
}

async fn read(
    purpose: Purpose,
    client: &Client,
    ask: &Ask,
    with_versions: bool,
    fold: &mut Fold<'_>,
) -> Result<(), Error> {
    let query = DeptStatsQuery {
        department_id: ask.target.department_id.to_string(),
        contains_child_dept: ask.target.include_children,
        start: ask.start,
        end: ask.end,
        with_product_version: with_versions,
        target_geo: Some(ask.target.geo).filter(|geo| *geo != Geo::Local).map(Geo::as_label),
        purpose,
    };
    client.admin_dept_stats(&query, &mut |row| fold.row(row.as_ref())).await
}

fn may_be_the_version_parameter(error: &Error, versions: &Versions) -> bool {
    error.class == Class::InvalidRequest && !versions.were_accepted()
}
