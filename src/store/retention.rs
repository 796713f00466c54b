//! Days that are older than the store keeps them.

use std::sync::Arc;

use rusqlite::Transaction;

use super::{Error, TenantStore};
use crate::day::Day;

impl TenantStore {
    /// Removes days before `first` and what nothing refers to any more; the file shrinks.
    ///
    /// # Errors
    /// If that fails; the next time tries again.
    pub async fn forget_before(&self, first: Day) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| match tenant.find(transaction)? {
            Some(number) => forget_before(transaction, number, first),
            None => Ok(()),
        };
        self.worker.call("removing days older than retention", job).await
    }
}

fn forget_before(transaction: &Transaction<'_>, tenant: i64, first: Day) -> rusqlite::Result<()> {
    let first = first.to_string();
    let numbers = |sql: &str| -> rusqlite::Result<Vec<i64>> {
        transaction.prepare_cached(sql)?.query_map([tenant], |row| row.get(0))?.collect()
    };
    for department in numbers("SELECT id FROM departments WHERE tenant = ?1")? {
        for table in [
            "DELETE FROM figures WHERE department = ?1
             AND version IN (SELECT id FROM versions) AND day < ?2",
            "DELETE FROM pushes WHERE department = ?1 AND day < ?2
             AND receiver IN (SELECT DISTINCT receiver FROM pushes)",
        ] {
            transaction.prepare_cached(table)?.execute((department, &first))?;
        }
    }
    for target in numbers("SELECT id FROM targets WHERE tenant = ?1")? {
        transaction
            .prepare_cached("DELETE FROM lists WHERE target = ?1 AND day < ?2")?
            .execute((target, &first))?;
    }
    let empty = "tenant = ?1 AND NOT EXISTS";
    for sql in [
        format!(
            "DELETE FROM members WHERE target IN (SELECT id FROM targets AS t WHERE {empty} \
             (SELECT 1 FROM lists AS l WHERE l.target = t.id))"
        ),
        format!(
            "DELETE FROM targets AS t WHERE {empty} (SELECT 1 FROM lists AS l WHERE l.target = t.id)"
        ),
        format!(
            "DELETE FROM members WHERE department IN (SELECT id FROM departments AS d WHERE {empty} \
             (SELECT 1 FROM figures AS f WHERE f.department = d.id))"
        ),
        format!(
            "DELETE FROM departments AS d WHERE {empty} \
             (SELECT 1 FROM figures AS f WHERE f.department = d.id)"
        ),
    ] {
        transaction.prepare_cached(&sql)?.execute([tenant])?;
    }
    transaction.execute_batch("PRAGMA incremental_vacuum")
}
