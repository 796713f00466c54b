//! The store: every fetched day in one SQLite file, and what was learned on the way.
//!
//! A thread of its own owns the connection and does one job after another, so that nobody else
//! waits for a disk. All SQL of the crate is in this room. `docs/store.md` documents the tables
//! for people, who may read them with `sqlite3` at any time.
//!
//! One exporter writes; a `backfill` may write beside it. Every write is one transaction: after a
//! crash a day is there as a whole or not at all, and what was acknowledged is there.

mod database;
mod days;
mod error;
mod file;
mod ledger;
mod locks;
mod past;
mod pushes;
mod retention;
mod rows;
mod schema;
mod series;
#[cfg(test)]
mod tests;
mod unsaved;
mod worker;
mod writing;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, atomic::Ordering},
};

use rusqlite::Transaction;

pub use self::{
    database::Contents,
    days::{Held, Named},
    error::{Error, Unusable},
    ledger::Spent,
    locks::{Role, is_backfill_running, is_exporter_running},
    past::{Department, DepartmentKey, Past, Value},
    pushes::{Accepted, ReceiverKey},
    retention::Removed,
    series::Series,
    writing::{Extent, Lists, Standing},
};
use self::{file::Opening, locks::Lock, worker::Worker};
use crate::clock::Clock;

/// The file in the directory of `--storage.path`.
pub const FILE_NAME: &str = "history.db";

/// A handle on the store. Cheap to clone; the file is closed with the last one.
#[derive(Clone, Debug)]
pub struct Store {
    worker: Worker,
}

/// The part of the store that belongs to one tenant.
#[derive(Clone, Debug)]
pub struct TenantStore {
    worker: Worker,
    tenant: Arc<Identity>,
}

/// What a tenant's history is known by. The app is part of it: an app belongs to one company, so
/// that another company's days never stand under the same name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    name: String,
    app_id: String,
}

impl Store {
    /// Opens the store of a directory, or makes both; an older schema is migrated.
    ///
    /// A damaged or foreign file is moved aside, of which the log tells, and a new one begun. One
    /// that cannot be written here is read, of which the log tells as well.
    ///
    /// # Errors
    /// With the reason why there is no store to be had: it is in use, of a newer release, or the
    /// directory cannot be written.
    pub fn open(directory: &Path, role: Role, clock: Clock) -> Result<Self, Unusable> {
        std::fs::create_dir_all(directory).map_err(|e| Unusable::directory(directory, &e))?;
        let lock = Lock::take(directory, role)?;
        let mut opening = Opening::of(role);
        let file = directory.join(FILE_NAME);
        let opened = file::open(&file, &mut opening, clock.now())?;
        for made in [&file, &directory.join(role.lock_file())] {
            file::give_to_owner_of(directory, made);
        }
        Ok(Self { worker: Worker::start(opened, opening, Some(file), Some(lock), clock)? })
    }

    /// A store that ends with the process.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn in_memory(clock: Clock) -> Result<Self, Unusable> {
        let opening = Opening::of(Role::Exporter);
        Ok(Self { worker: Worker::start(file::in_memory()?, opening, None, None, clock)? })
    }

    /// The part of a tenant, which is made when something is kept in it.
    #[must_use]
    pub fn tenant(&self, name: &str, app_id: &str) -> TenantStore {
        let tenant = Identity { name: name.to_owned(), app_id: app_id.to_owned() };
        TenantStore { worker: self.worker.clone(), tenant: Arc::new(tenant) }
    }

    /// How large it is and which days are in it, as of a minute ago.
    #[must_use]
    pub fn contents(&self) -> Contents {
        *self.worker.state().contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is; none in memory.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        self.worker.state().file.as_ref()
    }
}

impl TenantStore {
    /// Whether something that was to be kept still waits to be written.
    #[must_use]
    pub fn has_unsaved(&self) -> bool {
        self.worker.state().has_unsaved.load(Ordering::Relaxed)
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// If it still cannot be written.
    pub async fn flush(&self) -> Result<(), Error> {
        self.worker.save("keeping what could not be kept before", |_| ()).await
    }

    /// How often a new file was begun in place of a damaged one. What was learned is in it; the
    /// days are not.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.worker.state().generation.load(Ordering::Relaxed)
    }
}

impl Identity {
    /// The tenant's number, as far as there is one.
    fn find(&self, transaction: &Transaction<'_>) -> rusqlite::Result<Option<i64>> {
        let mut statement =
            transaction.prepare_cached("SELECT id FROM tenants WHERE name = ?1 AND app_id = ?2")?;
        let mut rows = statement.query((&self.name, &self.app_id))?;
        rows.next()?.map(|row| row.get(0)).transpose()
    }

    /// The tenant's number, made if there is none.
    fn number(&self, transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
        if let Some(number) = self.find(transaction)? {
            return Ok(number);
        }
        transaction.execute(
            "INSERT INTO tenants (name, app_id) VALUES (?1, ?2)",
            (&self.name, &self.app_id),
        )?;
        Ok(transaction.last_insert_rowid())
    }
}
