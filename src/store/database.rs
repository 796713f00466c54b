//! The connection and what waits for it: what the store's thread works with.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::time::Instant;

use super::{
    Identity,
    error::Cause,
    file::{self, Opened, Opening},
    rows::day_of,
    unsaved::Unsaved,
};
use crate::{clock::Clock, day::Day, usage::RateScale};

/// What others may know of the thread's work without waiting for it.
#[derive(Default)]
pub(super) struct State {
    /// None in memory.
    pub(super) file: Option<PathBuf>,
    /// Whether something waits to be written.
    pub(super) has_unsaved: AtomicBool,
    /// Since when the thread does what it does now; none while it has nothing to do.
    pub(super) busy_since: Mutex<Option<Instant>>,
    /// How many files were begun in place of damaged ones.
    pub(super) generation: AtomicU64,
    /// What was in it when that was last looked at.
    pub(super) contents: Mutex<Contents>,
}

/// How large the store is, and which days are in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Bytes of the file and of its journal; none in memory.
    pub bytes: Option<u64>,
    /// The oldest and the newest day that a list was read for.
    pub days: Option<(Day, Day)>,
}

/// How long a write waits for a lock that was held the last time already: those who publish wait
/// behind it.
const STILL_HELD_WAIT: Duration = Duration::from_millis(50);
/// Requests are counted often: after a failure they wait together for so long.
const COUNT_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How often the store's size and days are looked at: two seeks for each department.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The same while there is no day in it.
const LOOK_FIRST_EVERY: Duration = Duration::from_secs(2);
/// How often a file that could not be opened, or not for writing, is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(30);
/// The endpoint under which the requests of a month are counted that a damaged file knew of.
const BEFORE_THE_DAMAGE: &str = "before_the_damage";

fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the store's thread owns.
pub(super) struct Database {
    state: Arc<State>,
    clock: Clock,
    opening: Opening,
    /// None: the file cannot be opened.
    opened: Option<Opened>,
    pub(super) unsaved: Unsaved,
    /// What the file knows of each tenant, for a new file after damage.
    known: BTreeMap<Arc<Identity>, Known>,
    /// Whether another program held the file locked when it was last written to.
    is_held: bool,
    /// When the last attempt to write failed.
    failed_at: Option<Instant>,
    reopened_at: Option<Instant>,
    looked_at: Option<Instant>,
}

/// What a new file must know.
#[derive(Default)]
pub(super) struct Known {
    pub(super) learned: BTreeMap<String, Arc<str>>,
    pub(super) rate_scale: Option<RateScale>,
    /// Requests by month.
    pub(super) requests: BTreeMap<String, u64>,
}

impl Database {
    pub(super) fn new(opened: Opened, opening: Opening, state: Arc<State>, clock: Clock) -> Self {
        Self {
            state,
            clock,
            opening,
            opened: Some(opened),
            unsaved: Unsaved::default(),
            known: BTreeMap::new(),
            is_held: false,
            failed_at: None,
            reopened_at: None,
            looked_at: None,
        }
    }

    /// Notes how large the store is and which days are in it, and gives its cache back, unless that
    /// was done lately.
    pub(super) fn look_around(&mut self) {
        let knows_days = lock(&self.state.contents).days.is_some();
        let wait = if knows_days { LOOK_EVERY } else { LOOK_FIRST_EVERY };
        if self.looked_at.is_some_and(|at| at.elapsed() < wait) || self.failed_at.is_some() {
            return;
        }
        self.looked_at = Some(Instant::now());
        let size = |file: &Path| fs::metadata(file).map_or(0, |file| file.len());
        let bytes = self.state.file.as_ref().map(|file| {
            let mut journal = file.clone().into_os_string();
            journal.push("-wal");
            size(file) + size(Path::new(&journal))
        });
        let days = self.read(|transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT min((SELECT min(day) FROM lists WHERE target = t.id)),
                        max((SELECT max(day) FROM lists WHERE target = t.id)) FROM targets AS t",
            )?;
            statement.query_row([], |row| Ok(day_of(row, 0)?.zip(day_of(row, 1)?)))
        });
        *lock(&self.state.contents) = Contents { bytes, days: days.ok().flatten() };
        // What was read for one work is rarely read for the next, and the system has its pages.
        if let Ok(connection) = self.connection(false) {
            let _ = connection.execute_batch("PRAGMA shrink_memory");
        }
    }

    /// Notes that the thread begins something, or has nothing more to do.
    pub(super) fn set_busy(&self, is_busy: bool) {
        let mut since = self.state.busy_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = is_busy.then(Instant::now);
    }

    /// What is known of a tenant.
    pub(super) fn known(&mut self, tenant: &Arc<Identity>) -> &mut Known {
        self.known.entry(Arc::clone(tenant)).or_default()
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) -> Result<(), Cause> {
        if self.unsaved.is_empty() {
            self.state.has_unsaved.store(false, Ordering::Relaxed);
            return Ok(());
        }
        let unsaved = std::mem::take(&mut self.unsaved);
        let result = self.write(|transaction| unsaved.write(transaction));
        // After damage there may be something in it already: what the new file must know.
        let known = std::mem::replace(&mut self.unsaved, unsaved);
        self.unsaved.absorb(known);
        if result.is_ok() {
            self.unsaved.clear();
        }
        self.state.has_unsaved.store(!self.unsaved.is_empty(), Ordering::Relaxed);
        result
    }

    /// As [`Self::flush`], but not soon after a failure.
    pub(super) fn flush_unless_failing(&mut self) -> Result<(), Cause> {
        match self.failed_at {
            Some(at) if at.elapsed() < COUNT_AGAIN_AFTER => {
                Err(Cause::new(ErrorCode::DatabaseBusy, "it failed a moment ago"))
            }
            _ => self.flush(),
        }
    }

    /// Does a job in one transaction. It writes from the start: a job that reads first must not
    /// find the file changed by another process when it writes then.
    pub(super) fn write<T>(
        &mut self,
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Cause> {
        let wait = if self.is_held { STILL_HELD_WAIT } else { self.opening.patience };
        let result = self.run(TransactionBehavior::Immediate, wait, job);
        self.is_held = result.as_ref().is_err_and(Cause::is_busy);
        self.failed_at = result.is_err().then(Instant::now);
        result
    }

    /// Reads in one transaction, which sees one state and holds up no writer of another process.
    pub(super) fn read<T>(
        &mut self,
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Cause> {
        self.run(TransactionBehavior::Deferred, self.opening.patience, job)
    }

    fn run<T>(
        &mut self,
        behavior: TransactionBehavior,
        wait: Duration,
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Cause> {
        let writes = matches!(behavior, TransactionBehavior::Immediate);
        let result = self
            .connection(writes)
            .and_then(|connection| transact(connection, behavior, wait, job).map_err(Cause::from));
        if let Err(cause) = &result
            && cause.is_damage()
        {
            self.begin_anew(cause);
        }
        result
    }

    fn connection(&mut self, writes: bool) -> Result<&mut Connection, Cause> {
        let is_usable =
            |opened: &Option<Opened>| opened.as_ref().is_some_and(|o| !writes || !o.is_read_only);
        if !is_usable(&self.opened) && self.reopened_at.is_none_or(|at| at.elapsed() > REOPEN_EVERY)
        {
            self.reopened_at = Some(Instant::now());
            let file = self.state.file.clone();
            if let Some(opened) = file.and_then(|file| file::reopen(&file, &self.opening)) {
                self.opened = Some(opened);
                tracing::info!("The store can be written again");
            }
        }
        match &mut self.opened {
            Some(opened) if writes && opened.is_read_only => {
                Err(Cause::new(ErrorCode::ReadOnly, "the store can only be read here"))
            }
            Some(opened) => Ok(&mut opened.connection),
            None => Err(Cause::new(ErrorCode::CannotOpen, "the file cannot be opened")),
        }
    }

    /// Damage that shows only in use: the file is moved aside and another is begun, with what is
    /// known from the damaged one. Those who hold days in memory are told by the generation.
    fn begin_anew(&mut self, cause: &Cause) {
        let Some(file) = self.state.file.clone() else { return };
        // Closed first, so that it is not written to any more.
        self.opened = None;
        self.reopened_at = Some(Instant::now());
        match self.replaced(&file, cause) {
            Ok(opened) => self.opened = Some(opened),
            Err(unusable) => tracing::error!(
                %unusable,
                "No history is kept until the file can be opened; it is tried again"
            ),
        }
        for (tenant, known) in &self.known {
            for (name, value) in &known.learned {
                self.unsaved.add_learned(tenant, name.clone(), Some(Arc::clone(value)));
            }
            self.unsaved.add_rate_scale(tenant, known.rate_scale);
            for (month, requests) in &known.requests {
                self.unsaved.add_request(tenant, month.clone(), BEFORE_THE_DAMAGE, *requests);
            }
        }
        self.state.generation.fetch_add(1, Ordering::Relaxed);
    }

    fn replaced(&mut self, file: &Path, cause: &Cause) -> Result<Opened, super::Unusable> {
        let now = self.clock.now();
        file::set_aside(file, &format!("it is damaged ({cause})"), now)?;
        file::open(file, &mut self.opening, now)
    }
}

/// What still waits gets a last chance.
impl Drop for Database {
    fn drop(&mut self) {
        if let Err(cause) = self.flush() {
            tracing::error!(%cause, "What the store could not take is lost with this process");
        }
    }
}

fn transact<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    wait: Duration,
    job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.busy_timeout(wait)?;
    let transaction = connection.transaction_with_behavior(behavior)?;
    let value = job(&transaction)?;
    transaction.commit()?;
    Ok(value)
}
