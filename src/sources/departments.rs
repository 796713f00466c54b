//! The source `departments`: `admin_dept_stats` folded into department days.

mod fold;
mod total_name;
mod versions;

use std::{collections::BTreeSet, sync::Arc};

use self::fold::Fold;
pub use self::versions::{KnownVersions, VersionOptions, Versions};
use crate::{
    day::Day,
    feishu::{Class, Client, DeptStat, DeptStatsQuery, Error, Purpose},
    sources::{RejectedValues, directory::ROOT},
    usage::{DepartmentDay, Geo, Target, Version},
};

/// "Request to exceed authority", or "param validate error".
const AMBIGUOUS_REFUSAL: i64 = 1_051_002;

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
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Each department's days, in the order of department and day.
    pub days: Vec<FoundDay>,
    /// Rows that were not believed.
    pub rejected_rows: u64,
    /// The first of them, in words.
    pub rejected_example: Option<String>,
    /// Values that were no numbers, by API field.
    pub rejected_values: RejectedValues,
    /// Whether the totals took a query of their own.
    pub totals_apart: bool,
    /// The id under which the rows of the one department came, where it is not the one asked for.
    pub other_id: Option<Arc<str>>,
}

/// One department's day.
#[derive(Clone, Debug)]
pub struct FoundDay {
    /// The rows.
    pub day: Arc<DepartmentDay>,
    /// Whether rows of it contradicted each other, so that some are missing.
    pub contradicted: bool,
    /// Whether values of it could not be read, so that some are missing.
    pub malformed: bool,
}

impl Found {
    /// Counts rows that are not believed; the first is told in words.
    fn reject(&mut self, rows: u64, example: impl FnOnce() -> String) {
        self.rejected_rows += rows;
        if rows > 0 {
            self.rejected_example.get_or_insert_with(example);
        }
    }

    /// Rejects the rows of departments that are not known to exist at or below the target, and
    /// returns these. A day that lost some is asked for again: either the list or the tree is
    /// wrong.
    ///
    /// The root's own rows may come under another id than the one asked for.
    pub fn reject_unknown(
        &mut self,
        target: &str,
        exists: impl Fn(&str) -> bool,
    ) -> BTreeSet<Arc<str>> {
        let ids: BTreeSet<Arc<str>> =
            self.days.iter().map(|found| Arc::clone(&found.day.department_id)).collect();
        let mut unknown: BTreeSet<Arc<str>> =
            ids.iter().filter(|id| !exists(id)).cloned().collect();
        if target == ROOT && unknown.len() == 1 && !ids.contains(ROOT) {
            unknown.clear();
        }
        let is_unknown = |found: &FoundDay| unknown.contains(&found.day.department_id);
        let (rejected, days): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.days).into_iter().partition(is_unknown);
        self.days = days;
        let mut damaged = BTreeSet::new();
        for FoundDay { day, .. } in rejected {
            damaged.insert(day.day);
            self.reject(day.rows.len() as u64, || {
                format!("a row of department {}, which the directory lacks", day.department_id)
            });
        }
        for found in self.days.iter_mut().filter(|found| damaged.contains(&found.day.day)) {
            found.contradicted = true;
        }
        unknown
    }

    /// Rejects all rows, where they came under the id of another department that is asked for by
    /// itself: then they are that one's.
    pub fn reject_anothers(&mut self, is_asked_for: impl Fn(&str) -> bool) {
        let Some(id) = self.other_id.take_if(|id| is_asked_for(id)) else { return };
        let rows: usize = self.days.drain(..).map(|found| found.day.rows.len()).sum();
        self.reject(rows as u64, || format!("a row of department {id}, which was not asked for"));
    }

    /// The failure of an answer whose rows were all rejected.
    #[must_use]
    pub fn unusable(&self, target: &Target) -> Option<Error> {
        let is_empty = self.days.iter().all(|found| found.day.rows.is_empty());
        (is_empty && self.rejected_rows > 0).then(|| self.rejected(target))
    }

    /// The failure of an answer of which no row, or no total, can be used, with an example of the
    /// rows that were rejected.
    #[must_use]
    pub fn rejected(&self, target: &Target) -> Error {
        let example = self.rejected_example.as_ref();
        let example = example.map_or_else(String::new, |row| format!(", for example {row}"));
        let what = match self.days.iter().any(|found| !found.day.rows.is_empty()) {
            true => "no total can be used, though rows of product versions can",
            false => "no row can be used",
        };
        let check = match self.days.iter().any(|found| found.contradicted) {
            true => "if it stays so, ask Feishu's support",
            false => {
                "check that department_id_type is the kind of the id, and statistics_time_zone; if \
                 they are right, ask Feishu's support"
            }
        };
        Error {
            remedy: format!("{check}; the department is asked for again by itself"),
            ..Error::local(
                Class::Malformed,
                &format!("reading statistics of department {}", target.department_id),
                format!(
                    "{what}: {} rows contradict each other or belong to other departments or \
                     days{example}",
                    self.rejected_rows
                ),
            )
        }
    }

    /// Whether rows or values were not believed, besides those that can be used.
    #[must_use]
    pub fn is_partly_rejected(&self) -> bool {
        self.rejected_rows > 0 || !self.rejected_values.is_empty()
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
    /// Whether nothing of it is known to be missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.has_total() && !self.contradicted && !self.malformed
    }

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

/// So many pages of a list, from a page token on or from the beginning.
#[derive(Clone, Debug)]
pub struct Part {
    /// The page token.
    pub from: Option<String>,
    /// The number of pages.
    pub pages: u32,
    /// Whether it is a list of versions. From its beginning, it is one of totals all the same where
    /// Feishu refuses versions.
    pub with_versions: bool,
}

/// What was read of a list.
#[derive(Debug)]
pub struct Read {
    /// What it holds.
    pub found: Found,
    /// The token of the next page; none at the end of the list.
    pub next: Option<String>,
    /// Whether versions were answered.
    pub with_versions: bool,
}

/// As [`fetch_past`] or [`fetch_past_totals`] for a part of a list. Totals that a list of versions
/// lacks are not asked for apart: the rows of a department may be spread over several parts.
///
/// # Errors
/// As [`fetch`].
pub async fn fetch_past_part(
    client: &Client,
    ask: &Ask,
    versions: &Versions,
    part: &Part,
) -> Result<Read, Error> {
    let is_first = part.from.is_none();
    let with_versions = part.with_versions && (!is_first || versions.wanted(ask.end));
    match read_part(client, ask, versions, part, with_versions).await {
        Ok(read) => {
            if with_versions && is_first {
                versions.accepted(ask.end);
            }
            Ok(read)
        }
        Err(error)
            if with_versions
                && is_first
                && may_be_the_version_parameter(&error, versions, ask.end) =>
        {
            match read_part(client, ask, versions, part, false).await {
                Ok(read) => {
                    versions.refused(&ask.target.department_id, ask.end);
                    Ok(read)
                }
                // If this is refused as well, the parameter was not the reason.
                Err(second) if second.app_was_accepted() => Err(error),
                Err(second) => Err(second),
            }
        }
        Err(error) => Err(error),
    }
}

async fn read_part(
    client: &Client,
    ask: &Ask,
    versions: &Versions,
    part: &Part,
    with_versions: bool,
) -> Result<Read, Error> {
    let mut fold = Fold::new(ask, versions, with_versions);
    let query = query_for(Purpose::Optional, ask, with_versions);
    let each = &mut |row: Option<DeptStat<'_>>| fold.row(row.as_ref());
    let next = client.admin_dept_stats_part(&query, part.from.clone(), part.pages, each).await?;
    fold.end_of_list();
    if with_versions {
        fold.tell_of_totals();
        fold.use_learned_total();
    }
    Ok(Read { found: fold.finish(), next, with_versions })
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
        Ok(()) if with_versions => versions.accepted(ask.end),
        Ok(()) => {}
        Err(error) if with_versions && may_be_the_version_parameter(&error, versions, ask.end) => {
            fold = Fold::new(ask, versions, false);
            // If this is refused as well, the parameter was not the reason.
            if let Err(second) = read(purpose, client, ask, false, &mut fold).await {
                return Err(if second.app_was_accepted() { error } else { second });
            }
            versions.refused(&ask.target.department_id, ask.end);
        }
        Err(error) => return Err(error),
    }
    fold.tell_of_totals();
    fold.use_learned_total();
    if fold.lacks_a_total() {
        let mut totals = Fold::new(ask, versions, false);
        read(purpose, client, ask, false, &mut totals).await?;
        fold.add_totals(totals);
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
    let query = query_for(purpose, ask, with_versions);
    client.admin_dept_stats(&query, &mut |row| fold.row(row.as_ref())).await?;
    fold.end_of_list();
    Ok(())
}

fn query_for(purpose: Purpose, ask: &Ask, with_versions: bool) -> DeptStatsQuery {
    DeptStatsQuery {
        department_id: ask.target.department_id.to_string(),
        contains_child_dept: ask.target.include_children,
        start: ask.start,
        end: ask.end,
        with_product_version: with_versions,
        target_geo: Some(ask.target.geo).filter(|geo| *geo != Geo::Local).map(Geo::as_label),
        purpose,
    }
}

/// Whether the same query without versions is worth a try.
fn may_be_the_version_parameter(error: &Error, versions: &Versions, newest: Day) -> bool {
    match error.class {
        Class::InvalidRequest => true,
        // The documents give 1051002 for both: no access, and a parameter that is not valid. Where
        // another department was answered, it is the former.
        Class::Permission => {
            error.code == Some(AMBIGUOUS_REFUSAL) && !versions.were_accepted_for(newest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feishu::{Endpoint, Refusal};

    #[test]
    fn whatever_code_the_version_parameter_is_refused_with_it_is_left_out_once() {
        let day: Day = "2026-11-20".parse().unwrap();
        for (code, at_first, after_it_worked) in [
            (1_051_001, true, true),
            (99_992_402, true, true),
            (9_499, true, true),
            // The document's one code for two reasons.
            (1_051_002, true, false),
            (1_051_003, false, false),
            (99_991_672, false, false),
        ] {
            let refusal = Refusal { status: 400, code: Some(code), ..Refusal::default() };
            let error = Error::refused(Endpoint::AdminDeptStats, "asking", refusal);
            let versions = Versions::new(VersionOptions {
                wanted: true,
                total_names: Vec::new(),
                department_id_type: "open_department_id".to_owned(),
            });
            let may_be = |versions| may_be_the_version_parameter(&error, versions, day);
            assert_eq!(may_be(&versions), at_first, "{code}");
            versions.accepted(day);
            assert_eq!(may_be(&versions), after_it_worked, "{code}");
        }
    }
}
