//! The store: every fetched day in one SQLite file, and what was learned on the way.
//!
//! A thread of its own owns the connection and does one job after another, so that nobody else
//! waits for a disk. All SQL of the crate is in this room. `docs/store.md` documents the tables
//! for people, who may read them with `sqlite3` at any time.
//!
//! One exporter writes; a `backfill` may write beside it. Every write is one transaction: after a
//! crash a day is there as a whole or not at all, and what was acknowledged is there.

mod days;
mod error;
mod file;
mod ledger;
mod locks;
mod past;
mod retention;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use self::{
    days::{Extent, Held, Lists, Standing},
    error::{Error, Unusable},
    ledger::Spent,
    locks::{Role, is_backfill_running, is_exporter_running},
    past::{Department, DepartmentKey, Past, Value},
};
use self::{locks::Lock, worker::Worker};
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
#[derive(Debug)]
struct Identity {
    name: String,
    app_id: String,
}

impl Store {
    /// Opens the store of a directory, or makes both; an older schema is migrated.
    ///
    /// A damaged or foreign file is moved aside, of which the log tells, and a new one begun.
    ///
    /// # Errors
    /// With the reason why there is no store to be had: it is in use, of a newer release, or the
    /// directory cannot be written.
    pub fn open(directory: &Path, role: Role, clock: Clock) -> Result<Self, Unusable> {
        std::fs::create_dir_all(directory).map_err(|e| Unusable::directory(directory, &e))?;
        let lock = Lock::take(directory, role)?;
        let file = directory.join(FILE_NAME);
        let connection = file::open(&file, clock.now())?;
        Ok(Self { worker: Worker::start(connection, Some(file), lock, clock)? })
    }

    /// A store that ends with the process.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn in_memory(clock: Clock) -> Result<Self, Unusable> {
        Ok(Self { worker: Worker::start(file::in_memory()?, None, None, clock)? })
    }

    /// The part of a tenant, which is made when something is kept in it.
    #[must_use]
    pub fn tenant(&self, name: &str, app_id: &str) -> TenantStore {
        let tenant = Identity { name: name.to_owned(), app_id: app_id.to_owned() };
        TenantStore { worker: self.worker.clone(), tenant: Arc::new(tenant) }
    }

    /// Where it is; none in memory.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        self.worker.file()
    }
}
