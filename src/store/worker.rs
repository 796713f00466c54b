//! The thread that owns the connection.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{
    Identity,
    error::{Error, Unusable},
    file,
    locks::Lock,
};
use crate::clock::Clock;

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// A handle on the thread, which ends with the last one.
#[derive(Clone)]
pub(super) struct Worker {
    thread: Arc<Thread>,
    file: Arc<Option<PathBuf>>,
}

/// The thread and the only way to it.
struct Thread {
    jobs: Option<mpsc::Sender<Job>>,
    running: Option<thread::JoinHandle<()>>,
}

/// Waits until all jobs are done and the file is closed.
impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(running) = self.running.take()
            && running.thread().id() != thread::current().id()
        {
            // A thread that panicked has nothing left to close.
            let _ = running.join();
        }
    }
}

/// The connection, and how to replace it.
struct Database {
    connection: Connection,
    file: Arc<Option<PathBuf>>,
    clock: Clock,
}

impl Worker {
    pub(super) fn start(
        connection: Connection,
        file: Option<PathBuf>,
        lock: Option<Lock>,
        clock: Clock,
    ) -> Result<Self, Unusable> {
        let file = Arc::new(file);
        let (jobs, todo) = mpsc::channel::<Job>();
        let mut database = Database { connection, file: Arc::clone(&file), clock };
        let running = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                todo.into_iter().for_each(|job| job(&mut database));
                drop(database);
                // Held until the file is closed.
                drop(lock);
            })
            .map_err(|e| Unusable::new(format!("no thread can be started for the store: {e}")))?;
        let thread = Thread { jobs: Some(jobs), running: Some(running) };
        Ok(Self { thread: Arc::new(thread), file })
    }

    pub(super) fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref().as_ref()
    }

    /// Does a job in one transaction and waits for it. What it wrote is kept if it succeeded, and
    /// nothing of it if not. The transaction writes from the start: a job that reads first must not
    /// find the file changed by another process when it writes then.
    pub(super) async fn call<T, F>(&self, attempt: &'static str, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(attempt, |database| database.run(TransactionBehavior::Immediate, job)).await
    }

    /// Reads in one transaction, which sees one state and holds up no writer of another process.
    pub(super) async fn read<T, F>(&self, attempt: &'static str, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ask(attempt, |database| database.run(TransactionBehavior::Deferred, job)).await
    }

    /// As [`Self::call`] without anybody who waits: `then` gets the result on the store's thread.
    pub(super) fn do_later<T, F>(
        &self,
        job: F,
        then: impl FnOnce(rusqlite::Result<T>) + Send + 'static,
    ) where
        T: 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.send(move |database| then(database.run(TransactionBehavior::Immediate, job)));
    }

    async fn ask<T: Send + 'static>(
        &self,
        attempt: &'static str,
        job: impl FnOnce(&mut Database) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.send(move |database| {
            // Whoever asked may have gone.
            let _ = answer.send(job(database));
        });
        match answered.await {
            Ok(result) => result.map_err(|cause| Error::new(attempt, &cause)),
            Err(_) => Err(Error::stopped(attempt)),
        }
    }

    fn send(&self, job: impl FnOnce(&mut Database) + Send + 'static) {
        if let Some(jobs) = &self.thread.jobs {
            // A thread that is gone is found out by who waits.
            let _ = jobs.send(Box::new(job));
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.file)
    }
}

impl Database {
    fn run<T>(
        &mut self,
        behavior: TransactionBehavior,
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let result = self.transact(behavior, job);
        if let Err(error) = &result
            && file::is_damage(error)
        {
            self.begin_anew(&error.to_string());
        }
        result
    }

    fn transact<T>(
        &mut self,
        behavior: TransactionBehavior,
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let value = job(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Damage that shows only in use: the file is moved aside and another is begun.
    fn begin_anew(&mut self, what: &str) {
        let Some(path) = self.file.as_ref().as_ref() else { return };
        let now = self.clock.now();
        // Closed first, so that it is not written to any more.
        match Connection::open_in_memory() {
            Ok(nothing) => drop(std::mem::replace(&mut self.connection, nothing)),
            Err(_) => return,
        }
        let reopened = file::set_aside(path, &format!("it is damaged ({what})"), now)
            .and_then(|_| file::open(path, now));
        match reopened {
            Ok(connection) => self.connection = connection,
            Err(unusable) => tracing::error!(%unusable, "No history is kept from now on"),
        }
    }
}

impl Identity {
    /// The tenant's number, as far as there is one.
    pub(super) fn find(&self, transaction: &Transaction<'_>) -> rusqlite::Result<Option<i64>> {
        let mut statement =
            transaction.prepare_cached("SELECT id FROM tenants WHERE name = ?1 AND app_id = ?2")?;
        let mut rows = statement.query((&self.name, &self.app_id))?;
        rows.next()?.map(|row| row.get(0)).transpose()
    }

    /// The tenant's number, made if there is none.
    pub(super) fn number(&self, transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
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
