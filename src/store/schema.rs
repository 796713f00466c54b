//! The versions of the schema, and the way from each to the next.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours: "FSEX" in SQLite's header (`PRAGMA application_id`).
pub(super) const APPLICATION_ID: i32 = 0x4653_4558;

/// The statements that lead from one version to the next, beginning with an empty file. Only ever
/// added to.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// The version that this release writes (`PRAGMA user_version`).
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Brings a database of an older version, or an empty one, to [`VERSION`], or leaves it as it was.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    migrate_by(connection, MIGRATIONS)
}

pub(super) fn migrate_by(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    // Immediate, so that of two processes that open an old file only one migrates it.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (to, statements) in (1_u32..).zip(migrations) {
        if to > version {
            transaction.execute_batch(statements)?;
            transaction.pragma_update(None, "user_version", to)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}
