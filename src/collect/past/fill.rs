//! Asking for ranges of past days and keeping them: for baselines and for `backfill`.

use std::{pin::Pin, sync::Arc};

use jiff::Timestamp;
use prometheus::IntCounter;

use crate::{
    collect::asking::Asking,
    day::{after, days_between},
    feishu::{Client, Error},
    sources::departments::{self, Ask, Found, Versions},
    store::{Extent, Lists},
};

/// An answer to be.
type Answer = Pin<Box<dyn Future<Output = Result<Found, Error>> + Send>>;

/// How past days are asked for.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) client: Arc<Client>,
    pub(super) versions: Arc<Versions>,
    /// Whether each product version's row is asked for beside the total.
    pub(super) with_versions: bool,
    /// Requests at once.
    pub(super) at_once: usize,
}

impl Manner {
    /// To which extent a day is known after it was asked for in this manner.
    pub(super) const fn extent(&self) -> Extent {
        if self.with_versions { Extent::Whole } else { Extent::Total }
    }

    /// Asks for ranges, several at once.
    pub(super) fn asking(
        &self,
        asks: Vec<Ask>,
        panics: IntCounter,
    ) -> Asking<Ask, Found, impl Fn(Ask) -> Answer + use<>> {
        let manner = self.clone();
        Asking::new(asks, self.at_once, panics, move |ask: Ask| {
            let Manner { client, versions, with_versions, .. } = manner.clone();
            Box::pin(async move {
                match with_versions {
                    true => departments::fetch_past(&client, &ask, &versions).await,
                    false => departments::fetch_past_totals(&client, &ask, &versions).await,
                }
            }) as _
        })
    }

    /// What is to be kept of an answer: every day of the range is known now.
    pub(super) fn lists(&self, ask: &Ask, found: Found, now: Timestamp) -> Lists {
        let days = (0..=days_between(ask.start, ask.end)).map(|days| after(ask.start, days));
        let is_part = |day| {
            self.with_versions
                && found.days.iter().any(|f| f.day.day == day && (f.contradicted || !f.has_total()))
        };
        let days = days
            .map(|day| (day, if is_part(day) { Extent::Part } else { self.extent() }))
            .collect();
        let rows = found.days.into_iter().map(|found| found.day);
        Lists {
            target: ask.target.clone(),
            days,
            rows: rows.filter(|day| !day.rows.is_empty()).collect(),
            standing: None,
            fetched_at: now,
        }
    }
}
