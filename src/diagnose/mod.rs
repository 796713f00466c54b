//! What `doctor` and `discover` find out with the configured credentials, as values; printing is
//! the commands'.
//!
//! The questions are those of the collector, asked through the same sources and limits, but of a
//! sample of departments and, where people are listed, of a first page only.

mod discover;
mod examination;
mod examine;
mod finding;
mod optional;
mod sample;
mod statistics;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus::Registry;

pub use self::{
    discover::{Below, Listed, discover},
    examination::{Diagnosis, Size},
    examine::examine,
    finding::{Finding, Problem, Subject, Verdict},
    sample::Sample,
};
pub use crate::sources::directory::{Node, ROOT, STATISTICS_DEPTH_MAX};
use crate::{
    clock::Clock,
    collect::Tenant,
    feishu::{self, Class, Client, Endpoint, Error, Ledger, Purpose},
};

/// Is told of a finding.
pub type TellFinding = Arc<dyn Fn(&Finding) + Send + Sync>;

/// Somebody who watches what is found out while it goes on.
#[derive(Clone, Default)]
pub struct Watch {
    /// Requests made so far.
    pub requests: Arc<AtomicU64>,
    /// Told of each finding as soon as it is known; once more, should more be found out about it.
    pub found: Option<TellFinding>,
}

impl Watch {
    fn tell(&self, finding: &Finding) {
        if let Some(found) = &self.found {
            found(finding);
        }
    }
}

/// A tenant's client and the number of requests that it has made.
struct Session {
    client: Arc<Client>,
    spent: Arc<Spent>,
}

impl Session {
    /// # Errors
    /// If the tenant's options cannot be used on this machine.
    fn new(tenant: &Tenant, clock: Clock, watch: &Watch) -> Result<Self, Error> {
        let limit = tenant.api.limits.requests_per_month;
        let spent = Arc::new(Spent { limit, requests: Arc::clone(&watch.requests) });
        // Nobody scrapes this process.
        let metrics = feishu::Metrics::register(&Registry::new());
        let ledger: Arc<dyn Ledger> = Arc::clone(&spent) as _;
        let client =
            Client::new(tenant.api.clone(), metrics, ledger, clock).map_err(|why| Error {
                remedy: "check ca_file and the certificates of this machine".to_owned(),
                ..Error::local(Class::Network, "preparing the client", why)
            })?;
        Ok(Self { client: Arc::new(client), spent })
    }

    fn requests(&self) -> u64 {
        self.spent.requests.load(Ordering::Relaxed)
    }
}

/// Counts requests. What a running exporter has spent this month is not known here, so that the
/// month's budget bounds only what this process asks for.
struct Spent {
    /// 0: none.
    limit: u64,
    requests: Arc<AtomicU64>,
}

impl Ledger for Spent {
    fn spend(&self, _: Endpoint, _: Purpose) -> bool {
        let spent = self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| {
            (self.limit == 0 || spent < self.limit).then_some(spent + 1)
        });
        spent.is_ok()
    }
}
