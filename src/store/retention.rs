//! Days that are older than the store keeps them.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::{Transaction, params};

use super::{Error, TenantStore};
use crate::day::{Day, after};

/// Days that were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// How many.
    pub days: usize,
    /// Those before this day.
    pub before: Day,
}

impl TenantStore {
    /// Removes days that lie more than `retention_days` before the newest one that Feishu gave,
    /// whatever the clock says, and what nothing refers to any more; the file shrinks. The newest
    /// day of a department stays while it may be served: for `served_days` before the newest of all.
    ///
    /// # Errors
    /// If that fails; the next time tries again.
    pub async fn remove_old_days(
        &self,
        retention_days: i32,
        served_days: i32,
    ) -> Result<Option<Removed>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| match tenant.find(transaction)? {
            Some(number) => forget(transaction, number, retention_days, served_days),
            None => Ok(None),
        };
        self.worker.call("removing days older than retention", job).await
    }
}

fn forget(
    transaction: &Transaction<'_>,
    tenant: i64,
    retention_days: i32,
    served_days: i32,
) -> rusqlite::Result<Option<Removed>> {
    let newest = newest_days(transaction, tenant)?;
    let Some(newest_of_all) = newest.iter().map(|(_, day)| *day).max() else { return Ok(None) };
    let before = after(newest_of_all, -retention_days);
    let may_be_served = after(newest_of_all, -served_days);
    let mut removed = BTreeSet::new();
    for (department, newest) in newest {
        let first = if newest >= may_be_served { before.min(newest) } else { before };
        remove_of_department(transaction, department, first, &mut removed)?;
    }
    remove_lists(transaction, tenant, before, &mut removed)?;
    remove_unused(transaction, tenant)?;
    transaction.execute_batch("PRAGMA incremental_vacuum")?;
    Ok((!removed.is_empty()).then_some(Removed { days: removed.len(), before }))
}

/// The newest day of each department that has any.
fn newest_days(transaction: &Transaction<'_>, tenant: i64) -> rusqlite::Result<Vec<(i64, Day)>> {
    let mut statement = transaction.prepare_cached(
        "SELECT d.id, (SELECT max(f.day) FROM figures AS f
             WHERE f.department = d.id AND f.version IN (SELECT id FROM versions))
         FROM departments AS d WHERE d.tenant = ?1",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut newest = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(day) = super::rows::day_of(row, 1)? {
            newest.push((row.get(0)?, day));
        }
    }
    Ok(newest)
}

fn remove_of_department(
    transaction: &Transaction<'_>,
    department: i64,
    first: Day,
    removed: &mut BTreeSet<Day>,
) -> rusqlite::Result<()> {
    let of_department =
        "FROM figures WHERE department = ?1 AND version IN (SELECT id FROM versions) AND day < ?2";
    let first = first.to_string();
    let sql = format!("SELECT DISTINCT day {of_department}");
    let mut statement = transaction.prepare_cached(&sql)?;
    let mut rows = statement.query((department, &first))?;
    while let Some(row) = rows.next()? {
        removed.extend(super::rows::day_of(row, 0)?);
    }
    transaction
        .prepare_cached(&format!("DELETE {of_department}"))?
        .execute((department, &first))?;
    transaction
        .prepare_cached("DELETE FROM pushes WHERE department = ?1 AND day < ?2")?
        .execute((department, &first))?;
    Ok(())
}

/// Removes the lists of days of which nothing is left to be served.
fn remove_lists(
    transaction: &Transaction<'_>,
    tenant: i64,
    before: Day,
    removed: &mut BTreeSet<Day>,
) -> rusqlite::Result<()> {
    let old = "FROM lists WHERE day < ?2 AND target IN (SELECT id FROM targets WHERE tenant = ?1)
         AND NOT EXISTS (SELECT 1 FROM members AS m JOIN figures AS f ON f.department = m.department
             WHERE m.target = lists.target AND f.version IN (SELECT id FROM versions)
             AND f.day = lists.day)";
    let before = before.to_string();
    let mut statement = transaction.prepare_cached(&format!("SELECT DISTINCT day {old}"))?;
    let mut rows = statement.query(params![tenant, before])?;
    while let Some(row) = rows.next()? {
        removed.extend(super::rows::day_of(row, 0)?);
    }
    transaction.prepare_cached(&format!("DELETE {old}"))?.execute(params![tenant, before])?;
    Ok(())
}

/// Removes targets without lists, and departments without days.
fn remove_unused(transaction: &Transaction<'_>, tenant: i64) -> rusqlite::Result<()> {
    let targets = "FROM targets WHERE tenant = ?1
         AND NOT EXISTS (SELECT 1 FROM lists WHERE lists.target = targets.id)";
    let departments = "FROM departments WHERE tenant = ?1 AND NOT EXISTS (
         SELECT 1 FROM figures WHERE figures.department = departments.id
         AND figures.version IN (SELECT id FROM versions))";
    for sql in [
        format!("DELETE FROM members WHERE target IN (SELECT id {targets})"),
        format!("DELETE {targets}"),
        format!("DELETE FROM members WHERE department IN (SELECT id {departments})"),
        format!("DELETE FROM pushes WHERE department IN (SELECT id {departments})"),
        format!("DELETE {departments}"),
    ] {
        transaction.prepare_cached(&sql)?.execute([tenant])?;
    }
    Ok(())
}
