//! What could not be written yet: it waits here in memory, merged, until the file takes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::Transaction;

use super::{
    Identity,
    writing::{self, Extent, Lists},
};
use crate::{
    day::Day,
    usage::{RateScale, Target},
};

/// Rows of figures that wait at most: some 70 MB. A tenant of 5,000 departments with four product
/// versions has 25,000 a day, and 140,000 in the four weeks that its baselines need.
const ROWS_MAX: usize = 200_000;

/// What waits, by tenant.
#[derive(Default)]
pub(super) struct Unsaved(BTreeMap<Arc<Identity>, OfTenant>);

#[derive(Default)]
struct OfTenant {
    lists: BTreeMap<Target, Vec<Lists>>,
    /// Rows of figures in [`Self::lists`].
    rows: usize,
    /// Requests by month and endpoint.
    requests: BTreeMap<(String, &'static str), u64>,
    /// What was learned, by name; none: it is to be forgotten.
    learned: BTreeMap<String, Option<Arc<str>>>,
    /// The scale of rates; within, none: nobody knows it any more.
    rate_scale: Option<Option<RateScale>>,
}

impl Unsaved {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds lists that were read. Of two lists of a day the later one stays, unless less of the
    /// day was asked for.
    pub(super) fn add_lists(&mut self, tenant: &Arc<Identity>, lists: Vec<Lists>) {
        let waiting = self.of(tenant);
        for lists in lists {
            waiting.add(lists);
        }
        let given_up = waiting.make_room();
        if given_up > 0 {
            tracing::error!(
                tenant = tenant.name,
                days = given_up,
                "The store has failed for so long that {given_up} fetched days no longer fit into \
                 memory and are given up; they are fetched again as far as they are needed"
            );
        }
    }

    /// Adds a request to the count of a month.
    pub(super) fn add_request(
        &mut self,
        tenant: &Arc<Identity>,
        month: String,
        endpoint: &'static str,
        requests: u64,
    ) {
        *self.of(tenant).requests.entry((month, endpoint)).or_default() += requests;
    }

    /// Adds something that was learned, or that is to be forgotten.
    pub(super) fn add_learned(
        &mut self,
        tenant: &Arc<Identity>,
        name: String,
        value: Option<Arc<str>>,
    ) {
        self.of(tenant).learned.insert(name, value);
    }

    /// Adds how rates are read.
    pub(super) fn add_rate_scale(&mut self, tenant: &Arc<Identity>, scale: Option<RateScale>) {
        self.of(tenant).rate_scale = Some(scale);
    }

    /// Requests of a month that wait to be counted.
    pub(super) fn requests(&self, tenant: &Identity, month: &str) -> u64 {
        let Some(waiting) = self.0.get(tenant) else { return 0 };
        let of_month = waiting.requests.iter().filter(|((of, _), _)| of == month);
        of_month.map(|(_, requests)| requests).sum()
    }

    /// The days of a range whose list waits, read to that extent at least.
    pub(super) fn covered(
        &self,
        tenant: &Identity,
        target: &Target,
        (from, to): (Day, Day),
        least: Extent,
    ) -> BTreeSet<Day> {
        let lists = self.0.get(tenant).and_then(|waiting| waiting.lists.get(target));
        let days = lists.into_iter().flatten().flat_map(|lists| &lists.days);
        days.filter(|(day, extent)| (from..=to).contains(day) && *extent >= least)
            .map(|(day, _)| *day)
            .collect()
    }

    /// Writes everything, in one transaction; what waits is forgotten by [`Self::clear`].
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        for (tenant, waiting) in &self.0 {
            let number = tenant.number(transaction)?;
            for lists in waiting.lists.values().flatten() {
                writing::keep(transaction, number, lists)?;
            }
            for ((month, endpoint), requests) in &waiting.requests {
                writing::count(transaction, number, month, endpoint, *requests)?;
            }
            for (name, value) in &waiting.learned {
                writing::set_learned(transaction, number, name, value.as_deref())?;
            }
            if let Some(scale) = waiting.rate_scale {
                writing::set_rate_scale(transaction, number, scale)?;
            }
        }
        Ok(())
    }

    /// Adds what waits elsewhere, which holds no lists.
    pub(super) fn absorb(&mut self, other: Self) {
        for (tenant, other) in other.0 {
            let waiting = self.of(&tenant);
            waiting.learned.extend(other.learned);
            waiting.rate_scale = other.rate_scale.or(waiting.rate_scale);
            for (of, requests) in other.requests {
                *waiting.requests.entry(of).or_default() += requests;
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn of(&mut self, tenant: &Arc<Identity>) -> &mut OfTenant {
        self.0.entry(Arc::clone(tenant)).or_default()
    }
}

impl OfTenant {
    fn add(&mut self, mut lists: Lists) {
        let waiting = self.lists.entry(lists.target.clone()).or_default();
        for earlier in waiting.iter_mut() {
            let extent_of = |lists: &Lists, day: Day| {
                lists.days.iter().find(|(of, _)| *of == day).map(|(_, extent)| *extent)
            };
            let before = rows_of(earlier);
            let is_superseded =
                |day: Day, extent| extent_of(&lists, day).is_some_and(|later| later >= extent);
            let superseded: BTreeSet<Day> = earlier
                .days
                .iter()
                .filter(|(day, extent)| is_superseded(*day, *extent))
                .map(|(day, _)| *day)
                .collect();
            remove_days(earlier, &superseded);
            let lesser: BTreeSet<Day> = earlier.days.iter().map(|(day, _)| *day).collect();
            remove_days(&mut lists, &lesser);
            if lists.standing.is_some() {
                earlier.standing = None;
            }
            self.rows -= before - rows_of(earlier);
        }
        waiting.retain(|lists| !lists.days.is_empty() || lists.standing.is_some());
        self.rows += rows_of(&lists);
        waiting.push(lists);
    }

    /// Gives days up until the rest fits; returns how many. Days of the past go first, since only
    /// they are asked for again by themselves.
    fn make_room(&mut self) -> usize {
        let mut given_up = 0;
        for is_past in [true, false] {
            for waiting in self.lists.values_mut() {
                waiting.retain(|lists| {
                    let stays = self.rows <= ROWS_MAX || lists.standing.is_none() != is_past;
                    if !stays {
                        self.rows -= rows_of(lists);
                        given_up += lists.days.len();
                    }
                    stays
                });
            }
        }
        given_up
    }
}

fn remove_days(lists: &mut Lists, days: &BTreeSet<Day>) {
    if !days.is_empty() {
        lists.days.retain(|(day, _)| !days.contains(day));
        lists.rows.retain(|row| !days.contains(&row.day));
    }
}

fn rows_of(lists: &Lists) -> usize {
    lists.rows.iter().map(|row| row.rows.len()).sum()
}
