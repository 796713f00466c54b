//! What the thread writes: lists that were read, requests, and what was learned.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params_from_iter, types::Value as Sql};

use super::rows::{department, target, version};
use crate::{
    catalogue::{FIGURE_COUNT, FIGURES},
    day::Day,
    usage::{DepartmentDay, RateScale, Target},
};

/// How much of a day a list was asked for and held. A lesser one never replaces a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// The total of a department that had one the day before is missing: the day is asked for once
    /// more when it is needed.
    Short,
    /// Only the totals were asked for.
    Total,
    /// Versions were asked for as configured, and some of it is missing.
    Part,
    /// Versions were asked for as configured, and nothing is missing.
    Whole,
}

impl Extent {
    pub(super) const ALL: [Self; 4] = [Self::Short, Self::Total, Self::Part, Self::Whole];

    /// The word in the column `extent`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Total => "total",
            Self::Part => "part",
            Self::Whole => "whole",
        }
    }
}

/// What was read of one target, to be kept together.
#[derive(Clone, Debug)]
pub struct Lists {
    /// What was asked for.
    pub target: Target,
    /// The days whose list was read; one without rows had none.
    pub days: Vec<(Day, Extent)>,
    /// The departments' days of these lists.
    pub rows: Vec<Arc<DepartmentDay>>,
    /// How the live collection stands with the target now; none from a look at the past.
    pub standing: Option<Standing>,
    /// When they were read.
    pub fetched_at: Timestamp,
}

/// How the live collection stands with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The newest day that its list was read for.
    pub held: Day,
    /// Whether that list is whole.
    pub complete: bool,
    /// How often it was asked for again.
    pub reasks: u8,
}

/// The columns of the figures, in catalogue order, with the mark of percent signs.
pub(super) static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let fields: Vec<&str> = FIGURES.iter().map(|figure| figure.api_field).collect();
    format!("{}, percent_signs", fields.join(", "))
});

static INSERT_FIGURES: LazyLock<String> = LazyLock::new(|| {
    let marks = vec!["?"; FIGURE_COUNT + 4].join(", ");
    format!(
        "INSERT OR REPLACE INTO figures (department, version, day, {}) VALUES ({marks})",
        *COLUMNS
    )
});

/// Keeps lists, but nothing of a day of which more is kept.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    tenant: i64,
    lists: &Lists,
) -> rusqlite::Result<()> {
    let target = target(transaction, tenant, &lists.target)?;
    let mut accepted = BTreeMap::new();
    for (day, extent) in &lists.days {
        if known_extent(transaction, target, *day)?.is_none_or(|known| known <= *extent) {
            note_list(transaction, target, *day, *extent, lists.fetched_at)?;
            accepted.insert(*day, *extent);
        }
    }
    for row in &lists.rows {
        if let Some(extent) = accepted.get(&row.day) {
            let totals_only = *extent == Extent::Total;
            keep_row(transaction, tenant, target, lists, row, totals_only)?;
        }
    }
    if let Some(standing) = lists.standing {
        transaction
            .prepare_cached(
                "UPDATE targets SET held = ?2, complete = ?3, reasks = ?4 WHERE id = ?1",
            )?
            .execute((target, standing.held.to_string(), standing.complete, standing.reasks))?;
    }
    Ok(())
}

/// Keeps lists in place of what is kept. Rows of a day that is not among those read are part of a
/// list that is not read to its end yet: others of the same department may stand in another part.
pub(super) fn replace(
    transaction: &Transaction<'_>,
    tenant: i64,
    lists: &Lists,
) -> rusqlite::Result<()> {
    let target = target(transaction, tenant, &lists.target)?;
    for (day, extent) in &lists.days {
        let extent = known_extent(transaction, target, *day)?.map_or(*extent, |k| k.max(*extent));
        note_list(transaction, target, *day, extent, lists.fetched_at)?;
    }
    for row in &lists.rows {
        let extent = lists.days.iter().find(|(day, _)| *day == row.day).map(|(_, extent)| *extent);
        let others_stay = extent.is_none_or(|extent| extent == Extent::Total);
        keep_row(transaction, tenant, target, lists, row, others_stay)?;
    }
    Ok(())
}

fn keep_row(
    transaction: &Transaction<'_>,
    tenant: i64,
    target: i64,
    lists: &Lists,
    row: &DepartmentDay,
    other_versions_stay: bool,
) -> rusqlite::Result<()> {
    let department = department(transaction, tenant, row, lists.target.include_children)?;
    transaction
        .prepare_cached("INSERT OR IGNORE INTO members (target, department) VALUES (?1, ?2)")?
        .execute((target, department))?;
    if !other_versions_stay {
        transaction
            .prepare_cached(
                "DELETE FROM figures WHERE department = ?1
                 AND version IN (SELECT id FROM versions) AND day = ?2",
            )?
            .execute((department, row.day.to_string()))?;
    }
    keep_figures(transaction, department, row)
}

/// To which extent a day is kept, if it is.
fn known_extent(
    transaction: &Transaction<'_>,
    target: i64,
    day: Day,
) -> rusqlite::Result<Option<Extent>> {
    let known: Option<String> = transaction
        .prepare_cached("SELECT extent FROM lists WHERE target = ?1 AND day = ?2")?
        .query_row((target, day.to_string()), |row| row.get(0))
        .optional()?;
    Ok(known.and_then(|word| Extent::ALL.into_iter().find(|e| e.as_str() == word)))
}

/// Notes that a list was read.
fn note_list(
    transaction: &Transaction<'_>,
    target: i64,
    day: Day,
    extent: Extent,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO lists (target, day, extent, fetched_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((target, day.to_string(), extent.as_str(), at))
        .map(drop)
}

fn keep_figures(
    transaction: &Transaction<'_>,
    department: i64,
    row: &DepartmentDay,
) -> rusqlite::Result<()> {
    let day = row.day.to_string();
    for (name, figures) in &row.rows {
        let version = version(transaction, name)?;
        let head = [Sql::Integer(department), Sql::Integer(version), Sql::Text(day.clone())];
        let values = (0..FIGURE_COUNT).map(|index| figures.raw(index).map_or(Sql::Null, Sql::Real));
        // The bits of 38 figures.
        let signs = i64::try_from(figures.percent_signs()).unwrap_or(0);
        transaction.prepare_cached(&INSERT_FIGURES)?.execute(params_from_iter(
            head.into_iter().chain(values).chain([Sql::Integer(signs)]),
        ))?;
    }
    Ok(())
}

/// Adds requests to those of a month.
pub(super) fn count(
    transaction: &Transaction<'_>,
    tenant: i64,
    month: &str,
    endpoint: &str,
    requests: u64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO requests (tenant, month, endpoint, requests) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET requests = requests + excluded.requests",
        )?
        .execute((tenant, month, endpoint, i64::try_from(requests).unwrap_or(i64::MAX)))
        .map(drop)
}

/// Notes something that was learned, or that nothing is known under that name any more.
pub(super) fn set_learned(
    transaction: &Transaction<'_>,
    tenant: i64,
    name: &str,
    value: Option<&str>,
) -> rusqlite::Result<()> {
    let changed = match value {
        Some(value) => transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO memory (tenant, name, value) VALUES (?1, ?2, ?3)",
            )?
            .execute((tenant, name, value)),
        None => transaction
            .prepare_cached("DELETE FROM memory WHERE tenant = ?1 AND name = ?2")?
            .execute((tenant, name)),
    };
    changed.map(drop)
}

/// Notes how rates are read.
pub(super) fn set_rate_scale(
    transaction: &Transaction<'_>,
    tenant: i64,
    scale: Option<RateScale>,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE tenants SET rate_scale = ?2 WHERE id = ?1")?
        .execute((tenant, scale.map(RateScale::as_str)))
        .map(drop)
}
