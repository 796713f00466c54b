//! The thread that owns the connection.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering, mpsc},
    thread,
    time::Duration,
};

use rusqlite::Transaction;
use tokio::{sync::oneshot, time::timeout};

use super::{
    database::{Database, State},
    error::{Cause, Error, Unusable},
    file::{Opened, Opening},
    locks::{Lock, Role},
};
use crate::clock::Clock;

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// A collector publishes without the store's word that a write is done after this time: a file
/// system may hang for hours.
const WRITE_WAIT: Duration = Duration::from_secs(2);
/// A thread that has been at one job for so long hangs; before that it works, and others wait their
/// turn. The longest job is to read what a store of 5,000 departments holds, which takes seconds.
const JOB_MAX: Duration = Duration::from_secs(15);
/// How long the end of a process waits for the store: systems kill after ten seconds or more.
const END_WAIT: Duration = Duration::from_secs(5);
/// What cannot be read within this time was never there: serving nothing of a store is better than
/// serving nothing at all. Reading a store of 5,000 departments takes about a second.
const READ_WAIT: Duration = Duration::from_secs(30);

/// A handle on the thread, which ends with the last one.
#[derive(Clone)]
pub(super) struct Worker {
    thread: Arc<Thread>,
    state: Arc<State>,
    role: Role,
}

/// The thread and the only way to it.
struct Thread {
    jobs: Option<mpsc::Sender<Job>>,
    /// Closed when the thread has ended; `Sync` only behind a lock.
    ended: Mutex<mpsc::Receiver<()>>,
    id: thread::ThreadId,
}

/// Waits until all jobs are done and the file is closed, but not for a file system that hangs.
impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if self.id != thread::current().id()
            && let Ok(ended) = self.ended.get_mut()
        {
            // The end of the thread closes the channel, in whatever way it ends.
            let _ = ended.recv_timeout(END_WAIT);
        }
    }
}

impl Worker {
    pub(super) fn start(
        opened: Opened,
        opening: Opening,
        file: Option<PathBuf>,
        lock: Option<Lock>,
        clock: Clock,
    ) -> Result<Self, Unusable> {
        let state = Arc::new(State { file, ..State::default() });
        let (jobs, todo) = mpsc::channel::<Job>();
        let (ending, ended) = mpsc::channel();
        let role = opening.role;
        let mut database = Database::new(opened, opening, Arc::clone(&state), clock);
        let running = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                let _ending = ending;
                for job in todo {
                    database.set_busy(true);
                    job(&mut database);
                    database.look_around();
                    database.set_busy(false);
                }
                drop(database);
                // Held until the file is closed.
                drop(lock);
            })
            .map_err(|e| Unusable::new(format!("no thread can be started for the store: {e}")))?;
        let (jobs, id) = (Some(jobs), running.thread().id());
        let thread = Thread { jobs, ended: Mutex::new(ended), id };
        Ok(Self { thread: Arc::new(thread), state, role })
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// How long an answer is waited for; none: as long as it takes.
    fn at_most(&self, wait: Duration) -> Option<Duration> {
        (self.role == Role::Exporter).then_some(wait)
    }

    /// Does a job in one transaction and waits for it. What it wrote is kept if it succeeded, and
    /// nothing of it if not.
    pub(super) async fn call<T, F>(&self, attempt: &'static str, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(attempt, self.at_most(WRITE_WAIT), |database| database.write(job)).await
    }

    /// Has something wait to be written, and tries to write it with all that waits. If that fails
    /// or takes long it is not lost: every later write tries again.
    pub(super) async fn save(
        &self,
        attempt: &'static str,
        add: impl FnOnce(&mut Database) + Send + 'static,
    ) -> Result<(), Error> {
        let job = |database: &mut Database| {
            add(database);
            database.flush()
        };
        let saved = self.ask(attempt, self.at_most(WRITE_WAIT), job).await;
        if saved.as_ref().is_err_and(|error| !error.is_under_way()) {
            // A thread that hangs does not come to it.
            self.state.has_unsaved.store(true, Ordering::Relaxed);
        }
        saved
    }

    /// Reads in one transaction, which sees one state and holds up no writer of another process.
    pub(super) async fn read<T, F>(&self, attempt: &'static str, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.read_all(attempt, |database| database.read(job)).await
    }

    /// Reads what is in the file and what waits for it.
    pub(super) async fn read_all<T: Send + 'static>(
        &self,
        attempt: &'static str,
        job: impl FnOnce(&mut Database) -> Result<T, Cause> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(attempt, self.at_most(READ_WAIT), job).await
    }

    /// Reads for as long as it takes, as what is written while it is read needs.
    pub(super) async fn read_at_length<T, F>(
        &self,
        attempt: &'static str,
        job: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(attempt, None, |database| database.read(job)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        attempt: &'static str,
        wait: Option<Duration>,
        job: impl FnOnce(&mut Database) -> Result<T, Cause> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.send(move |database| {
            // Whoever asked may have gone.
            let _ = answer.send(job(database));
        });
        let answered = match wait {
            Some(wait) => timeout(wait, answered).await.map_err(|_| self.late(attempt, wait))?,
            None => answered.await,
        };
        match answered {
            Ok(result) => result.map_err(|cause| Error::new(attempt, &cause)),
            Err(_) => Err(Error::stopped(attempt)),
        }
    }

    /// Why there is no answer after so long.
    fn late(&self, attempt: &'static str, waited: Duration) -> Error {
        let since = *self.state.busy_since.lock().unwrap_or_else(PoisonError::into_inner);
        match since.is_some_and(|since| since.elapsed() >= JOB_MAX) {
            true => Error::slow(attempt, waited),
            false => Error::under_way(attempt, waited),
        }
    }

    /// Does a job for which nobody waits.
    pub(super) fn send(&self, job: impl FnOnce(&mut Database) + Send + 'static) {
        if let Some(jobs) = &self.thread.jobs {
            // A thread that is gone is found out by who waits.
            let _ = jobs.send(Box::new(job));
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.state.file)
    }
}
