//! Requests by month, and what was learned of a tenant.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::Transaction;

use super::{Error, Identity, TenantStore, database::Database, error::Cause};
use crate::usage::RateScale;

/// The state of a month's count after requests were added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// All requests of the month, those of other processes among them.
    pub total: u64,
}

impl TenantStore {
    /// Counts a request in a month, `2026-11`, without waiting; `then` gets the month's new state
    /// on the store's thread, or nothing if the store failed. It is counted later then.
    pub fn spend(
        &self,
        month: String,
        endpoint: &'static str,
        then: impl FnOnce(Option<Spent>) + Send + 'static,
    ) {
        let tenant = Arc::clone(&self.tenant);
        self.worker.send(move |database| {
            database.unsaved.add_request(&tenant, month.clone(), endpoint, 1);
            let counted = database.flush_unless_failing();
            let total = counted.and_then(|()| total(database, &tenant, &month));
            then(total.ok());
        });
    }

    /// The requests of a month so far, those that wait to be counted among them.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn spent(&self, month: String) -> Result<Spent, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |database: &mut Database| total(database, &tenant, &month);
        self.worker.read_all("reading the requests of the month", job).await
    }

    /// Remembers things by name; what was known under a name is replaced.
    ///
    /// # Errors
    /// If they cannot be written now; they are written later.
    pub async fn remember(&self, things: Vec<(String, Arc<str>)>) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        let add = move |database: &mut Database| {
            for (name, value) in things {
                let known = &mut database.known(&tenant).learned;
                known.insert(name.clone(), Arc::clone(&value));
                database.unsaved.add_learned(&tenant, name, Some(value));
            }
        };
        self.worker.save("keeping what was learned", add).await
    }

    /// Forgets what was remembered under a name.
    ///
    /// # Errors
    /// If it cannot be removed now; it is removed later.
    pub async fn forget(&self, name: String) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        let add = move |database: &mut Database| {
            database.known(&tenant).learned.remove(&name);
            database.unsaved.add_learned(&tenant, name, None);
        };
        self.worker.save("forgetting what was learned", add).await
    }

    /// Everything that was remembered, by name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn memory(&self) -> Result<BTreeMap<String, Arc<str>>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |database: &mut Database| {
            let learned = database.read(|transaction| match tenant.find(transaction)? {
                Some(number) => learned(transaction, number),
                None => Ok(BTreeMap::new()),
            })?;
            database.known(&tenant).learned.clone_from(&learned);
            Ok(learned)
        };
        self.worker.read_all("reading what was learned", job).await
    }

    /// Notes how the tenant's rates are read; none: nobody knows any more.
    ///
    /// # Errors
    /// If it cannot be written now; it is written later.
    pub async fn set_rate_scale(&self, scale: Option<RateScale>) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        let add = move |database: &mut Database| {
            database.known(&tenant).rate_scale = scale;
            database.unsaved.add_rate_scale(&tenant, scale);
        };
        self.worker.save("keeping the scale of rates", add).await
    }

    /// How the tenant's rates are read, as far as that was noted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn rate_scale(&self) -> Result<Option<RateScale>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let Some(number) = tenant.find(transaction)? else { return Ok(None) };
            let name: Option<String> = transaction
                .prepare_cached("SELECT rate_scale FROM tenants WHERE id = ?1")?
                .query_row([number], |row| row.get(0))?;
            Ok(name.as_deref().and_then(RateScale::named))
        };
        self.worker.read("reading the scale of rates", job).await
    }
}

/// The requests of a month, in the file and waiting for it.
fn total(database: &mut Database, tenant: &Arc<Identity>, month: &str) -> Result<Spent, Cause> {
    let kept = database.read(|transaction| match tenant.find(transaction)? {
        Some(number) => spent(transaction, number, month),
        None => Ok(0),
    })?;
    database.known(tenant).requests.insert(month.to_owned(), kept);
    Ok(Spent { total: kept + database.unsaved.requests(tenant, month) })
}

fn spent(transaction: &Transaction<'_>, tenant: i64, month: &str) -> rusqlite::Result<u64> {
    transaction
        .prepare_cached(
            "SELECT coalesce(sum(requests), 0) FROM requests WHERE tenant = ?1 AND month = ?2",
        )?
        .query_row((tenant, month), |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
}

fn learned(
    transaction: &Transaction<'_>,
    tenant: i64,
) -> rusqlite::Result<BTreeMap<String, Arc<str>>> {
    let mut statement =
        transaction.prepare_cached("SELECT name, value FROM memory WHERE tenant = ?1")?;
    let rows = statement.query_map([tenant], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
