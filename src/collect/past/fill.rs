//! Asking for ranges of past days and keeping them: for baselines and for `backfill`.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use crate::{
    collect::context::Context,
    day::{Day, after, days_between},
    feishu::{Client, Error},
    sources::departments::{self, Ask, Found, Part, Read, Versions},
    store::{Extent, Lists},
};

/// How past days are asked for.
#[derive(Clone)]
pub(crate) struct Fill {
    client: Arc<Client>,
    versions: Arc<Versions>,
    /// Whether each product version's row is asked for beside the total.
    with_versions: bool,
}

impl Fill {
    /// With or without the rows of product versions.
    pub(crate) fn new(context: &Context, with_versions: bool) -> Self {
        let (client, versions) = (Arc::clone(&context.client), Arc::clone(&context.versions));
        Self { client, versions, with_versions }
    }

    /// To which extent a day is known after it was asked for.
    pub(crate) const fn extent(&self) -> Extent {
        if self.with_versions { Extent::Whole } else { Extent::Total }
    }

    /// Asks for a range.
    pub(crate) fn ask(
        &self,
        ask: Ask,
    ) -> impl Future<Output = Result<Found, Error>> + Send + use<> {
        let Self { client, versions, with_versions } = self.clone();
        async move {
            match with_versions {
                true => departments::fetch_past(&client, &ask, &versions).await,
                false => departments::fetch_past_totals(&client, &ask, &versions).await,
            }
        }
    }

    /// Asks for a part of the list of a range.
    pub(crate) fn ask_part(
        &self,
        ask: Ask,
        part: Part,
    ) -> impl Future<Output = Result<Read, Error>> + Send + use<> {
        let (client, versions) = (Arc::clone(&self.client), Arc::clone(&self.versions));
        async move { departments::fetch_past_part(&client, &ask, &versions, &part).await }
    }

    /// What is to be kept of an answer: every day of the range is known now, but for those that
    /// are to be asked for again.
    pub(crate) fn lists(
        &self,
        ask: &Ask,
        found: Found,
        again: &BTreeSet<Day>,
        now: Timestamp,
    ) -> Lists {
        let days = (0..=days_between(ask.start, ask.end)).map(|days| after(ask.start, days));
        let days = days.filter(|day| !again.contains(day));
        let is_part = |day| {
            self.with_versions && found.days.iter().any(|f| f.day.day == day && !f.is_whole())
        };
        let days = days
            .map(|day| (day, if is_part(day) { Extent::Part } else { self.extent() }))
            .collect();
        let rows = found.days.into_iter().map(|found| found.day);
        Lists {
            target: ask.target.clone(),
            days,
            rows: rows.filter(|day| !day.rows.is_empty() && !again.contains(&day.day)).collect(),
            standing: None,
            fetched_at: now,
        }
    }
}
