//! What receivers of remote write accepted.

use rusqlite::Transaction;

use super::{DepartmentKey, Error, Past, TenantStore, rows::version};
use crate::{day::Day, usage::Version};

/// A receiver with an account, as this store knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverKey(i64);

/// What was accepted of a version of a department's day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The department that the day is of.
    pub department: DepartmentKey,
    /// Of which day.
    pub day: Day,
    /// The total or a product version.
    pub version: Version,
    /// Bit `i` is the figure of catalogue index `i`; the bit after the last is the day gauge.
    pub figures: u64,
    /// The same of the baselines.
    pub baselines: u64,
}

impl TenantStore {
    /// The key of a receiver, which is made if there is none. `digest` stands for everything that
    /// makes its series others; `host` is for people who read the file.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn receiver(&self, digest: [u8; 32], host: String) -> Result<ReceiverKey, Error> {
        let job = move |transaction: &Transaction<'_>| {
            transaction.execute(
                "INSERT OR IGNORE INTO receivers (digest, host) VALUES (?1, ?2)",
                (&digest[..], &host),
            )?;
            transaction
                .query_row("SELECT id FROM receivers WHERE digest = ?1", [&digest[..]], |row| {
                    row.get(0)
                })
                .map(ReceiverKey)
        };
        self.worker.call("looking a receiver up", job).await
    }

    /// Notes what a receiver accepted, beside what it had accepted before.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub async fn pushed(
        &self,
        receiver: ReceiverKey,
        accepted: Vec<Accepted>,
    ) -> Result<(), Error> {
        let job = move |transaction: &Transaction<'_>| {
            accepted.iter().try_for_each(|accepted| note(transaction, receiver, accepted))
        };
        self.worker.call("keeping what the receiver accepted", job).await
    }
}

fn note(
    transaction: &Transaction<'_>,
    receiver: ReceiverKey,
    accepted: &Accepted,
) -> rusqlite::Result<()> {
    let version = version(transaction, &accepted.version)?;
    transaction
        .prepare_cached(
            "INSERT INTO pushes (receiver, department, day, version, figures, baselines)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET
                 figures = figures | excluded.figures, baselines = baselines | excluded.baselines",
        )?
        .execute((
            receiver.0,
            accepted.department.0,
            accepted.day.to_string(),
            version,
            accepted.figures.cast_signed(),
            accepted.baselines.cast_signed(),
        ))
        .map(drop)
}

impl Past<'_> {
    /// What a receiver accepted of a department's day.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn pushed(
        &self,
        receiver: ReceiverKey,
        department: DepartmentKey,
        day: Day,
    ) -> Result<Vec<Accepted>, Error> {
        self.read(|_| {
            let mut statement = self.transaction.prepare_cached(
                "SELECT v.name, v.id, p.figures, p.baselines FROM pushes AS p
                 JOIN versions AS v ON v.id = p.version
                 WHERE p.receiver = ?1 AND p.department = ?2 AND p.day = ?3",
            )?;
            let rows = statement.query_map((receiver.0, department.0, day.to_string()), |row| {
                let name: String = row.get(0)?;
                let version = match row.get::<_, i64>(1)? {
                    0 => Version::Total,
                    _ => Version::Named(name.as_str().into()),
                };
                let bits = |column| row.get(column).map(i64::cast_unsigned);
                Ok(Accepted { department, day, version, figures: bits(2)?, baselines: bits(3)? })
            })?;
            rows.collect()
        })
    }
}
