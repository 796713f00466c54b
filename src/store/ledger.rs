//! Requests by month, what was learned of a tenant, and how far a remote write got.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::Transaction;

use super::{DepartmentKey, Error, TenantStore};
use crate::{day::Day, usage::RateScale};

/// The state of a month's count after requests were added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// All requests of the month, those of other processes among them.
    pub total: u64,
}

impl TenantStore {
    /// Counts a request in a month, `2026-11`, without waiting; `then` gets the month's new state
    /// on the store's thread, or nothing if the store failed.
    pub fn spend(
        &self,
        month: String,
        endpoint: &'static str,
        then: impl FnOnce(Option<Spent>) + Send + 'static,
    ) {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let number = tenant.number(transaction)?;
            transaction
                .prepare_cached(
                    "INSERT INTO requests (tenant, month, endpoint, requests) VALUES (?1, ?2, ?3, 1)
                     ON CONFLICT DO UPDATE SET requests = requests + 1",
                )?
                .execute((number, &month, endpoint))?;
            spent(transaction, number, &month)
        };
        self.worker.do_later(job, move |result| then(result.ok()));
    }

    /// The requests of a month so far.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn spent(&self, month: String) -> Result<Spent, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| match tenant.find(transaction)? {
            Some(number) => spent(transaction, number, &month),
            None => Ok(Spent { total: 0 }),
        };
        self.worker.read("reading the requests of the month", job).await
    }

    /// Remembers things by name; what was known under a name is replaced.
    ///
    /// # Errors
    /// If they cannot be kept.
    pub async fn remember(&self, things: Vec<(String, String)>) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let number = tenant.number(transaction)?;
            things.iter().try_for_each(|(name, value)| {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO memory (tenant, name, value) VALUES (?1, ?2, ?3)",
                    )?
                    .execute((number, name, value))
                    .map(drop)
            })
        };
        self.worker.call("keeping what was learned", job).await
    }

    /// Everything that was remembered, by name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn memory(&self) -> Result<BTreeMap<String, String>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let Some(number) = tenant.find(transaction)? else { return Ok(BTreeMap::new()) };
            let mut statement =
                transaction.prepare_cached("SELECT name, value FROM memory WHERE tenant = ?1")?;
            let rows = statement.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        self.worker.read("reading what was learned", job).await
    }

    /// Notes how the tenant's rates are read.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub async fn set_rate_scale(&self, scale: RateScale) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let number = tenant.number(transaction)?;
            transaction
                .prepare_cached("UPDATE tenants SET rate_scale = ?2 WHERE id = ?1")?
                .execute((number, scale.as_str()))
                .map(drop)
        };
        self.worker.call("keeping the scale of rates", job).await
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

    /// Notes that a receiver accepted a day of these departments.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub async fn pushed(
        &self,
        receiver: String,
        days: Vec<(DepartmentKey, Day)>,
    ) -> Result<(), Error> {
        let job = move |transaction: &Transaction<'_>| {
            days.iter().try_for_each(|(department, day)| {
                transaction
                    .prepare_cached(
                        "INSERT OR IGNORE INTO pushes (receiver, department, day)
                         VALUES (?1, ?2, ?3)",
                    )?
                    .execute((&receiver, department.0, day.to_string()))
                    .map(drop)
            })
        };
        self.worker.call("keeping what the receiver accepted", job).await
    }
}

fn spent(transaction: &Transaction<'_>, tenant: i64, month: &str) -> rusqlite::Result<Spent> {
    transaction
        .prepare_cached(
            "SELECT coalesce(sum(requests), 0) FROM requests WHERE tenant = ?1 AND month = ?2",
        )?
        .query_row((tenant, month), |row| Ok(Spent { total: row.get::<_, i64>(0)?.unsigned_abs() }))
}
