//! The rows that others refer to by number, and reading columns.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, Transaction};

use crate::{
    catalogue::{FIGURE_COUNT, TOTAL_VERSION},
    day::Day,
    usage::{DepartmentDay, Figures, Geo, Target, Version},
};

/// The number of a target.
pub(super) fn find_target(
    transaction: &Transaction<'_>,
    tenant: i64,
    target: &Target,
) -> rusqlite::Result<Option<i64>> {
    find(transaction, "targets", tenant, target)
}

/// The number of a department, as it is counted alone or with those below it.
pub(super) fn find_department(
    transaction: &Transaction<'_>,
    tenant: i64,
    place: &Target,
) -> rusqlite::Result<Option<i64>> {
    find(transaction, "departments", tenant, place)
}

fn find(
    transaction: &Transaction<'_>,
    table: &str,
    tenant: i64,
    place: &Target,
) -> rusqlite::Result<Option<i64>> {
    let place = (tenant, place.geo.as_label(), &*place.department_id, place.include_children);
    let sql = format!(
        "SELECT id FROM {table} WHERE tenant = ?1 AND geo = ?2 AND department_id = ?3
         AND include_children = ?4"
    );
    transaction.prepare_cached(&sql)?.query_row(place, |row| row.get(0)).optional()
}

pub(super) fn target(
    transaction: &Transaction<'_>,
    tenant: i64,
    target: &Target,
) -> rusqlite::Result<i64> {
    if let Some(number) = find_target(transaction, tenant, target)? {
        return Ok(number);
    }
    transaction
        .prepare_cached(
            "INSERT INTO targets (tenant, geo, department_id, include_children)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .insert((tenant, target.geo.as_label(), &*target.department_id, target.include_children))
}

/// A department's number; its name is that of the newest day seen.
pub(super) fn department(
    transaction: &Transaction<'_>,
    tenant: i64,
    row: &DepartmentDay,
    include_children: bool,
) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached(
            "INSERT INTO departments
                 (tenant, geo, department_id, include_children, name, path, named_on)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET
                 name = iif(excluded.named_on >= named_on, excluded.name, name),
                 path = iif(excluded.named_on >= named_on, excluded.path, path),
                 named_on = max(named_on, excluded.named_on)
             RETURNING id",
        )?
        .query_row(
            (
                tenant,
                row.geo.as_label(),
                &*row.department_id,
                include_children,
                &*row.department,
                &*row.path,
                row.day.to_string(),
            ),
            |row| row.get(0),
        )
}

pub(super) fn version(transaction: &Transaction<'_>, version: &Version) -> rusqlite::Result<i64> {
    let name: &str = match version {
        Version::Total => TOTAL_VERSION,
        Version::Named(name) => name,
    };
    let known = transaction
        .prepare_cached("SELECT id FROM versions WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    match known {
        Some(number) => Ok(number),
        None => {
            transaction.prepare_cached("INSERT INTO versions (name) VALUES (?1)")?.insert([name])
        }
    }
}

/// The figures in the columns from `first` on, in catalogue order.
pub(super) fn figures_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Figures> {
    let mut values = [None; FIGURE_COUNT];
    for (index, value) in values.iter_mut().enumerate() {
        *value = row.get(first + index)?;
    }
    let signs: i64 = row.get(first + FIGURE_COUNT)?;
    Ok(Figures::from_parts(values, signs.unsigned_abs()))
}

/// A target of three columns; none if a newer release knows a geo that this one does not.
pub(super) fn target_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Target>> {
    let geo: String = row.get(first)?;
    let department_id: String = row.get(first + 1)?;
    let include_children = row.get(first + 2)?;
    Ok(Geo::from_label(&geo).map(|geo| Target {
        geo,
        department_id: department_id.into(),
        include_children,
    }))
}

/// A day of a column; none where there is none, or what stands there is no day.
pub(super) fn day_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Day>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Names of versions by number.
pub(super) fn version_names(
    transaction: &Transaction<'_>,
) -> rusqlite::Result<BTreeMap<i64, Version>> {
    let mut statement = transaction.prepare_cached("SELECT id, name FROM versions")?;
    let rows = statement.query_map([], |row| {
        let (number, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let version =
            if number == 0 { Version::Total } else { Version::Named(name.as_str().into()) };
        Ok((number, version))
    })?;
    rows.collect()
}
