//! The month's requests: counted, and stopped at the configured budget.
//!
//! The store keeps the count beyond the process and over all processes; without one it begins
//! anew with each. Feishu's own quota counts calendar months.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{Timestamp, civil::Date};

use crate::{
    clock::Clock,
    day::Zone,
    feishu::{Endpoint, Ledger, Purpose},
};

/// Months that are remembered: a clock that is ahead for a while must not make one forgotten.
const MONTHS_MAX: usize = 4;

/// Counts one tenant's requests by calendar month.
#[derive(Debug)]
pub(super) struct Budget {
    /// 0: no limit.
    limit: u64,
    zone: Zone,
    clock: Clock,
    /// By the first day.
    months: Mutex<BTreeMap<Date, Month>>,
}

#[derive(Debug, Default)]
struct Month {
    first_day: Date,
    /// All requests that are known of, [`Self::unsettled`] among them.
    spent: u64,
    /// Own requests that the store has not counted yet.
    unsettled: u64,
    /// Requests that the live statistics need until it ends; none before that was told.
    reserved: Option<u64>,
}

impl Month {
    /// As the store names it: `2026-11`.
    fn name(&self) -> String {
        self.first_day.strftime("%Y-%m").to_string()
    }
}

impl Budget {
    /// A budget of `limit` requests in each calendar month of `zone`; 0 counts without limit.
    pub(super) fn new(limit: u64, zone: Zone, clock: Clock) -> Self {
        Self { limit, zone, clock, months: Mutex::default() }
    }

    /// Requests in this calendar month.
    pub(super) fn spent(&self) -> u64 {
        self.with_month(|month| month.spent)
    }

    /// The limit; 0: none.
    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether nothing more may be sent this month.
    pub(super) fn is_exhausted(&self) -> bool {
        self.limit > 0 && self.spent() >= self.limit
    }

    /// The month that is counted, as the store names it: `2026-11`.
    pub(super) fn month(&self) -> String {
        self.with_month(|month| month.name())
    }

    /// Takes over the store's count of a month, in which that many of the unsettled requests were
    /// counted. A count of another month says nothing of this one.
    pub(super) fn settle(&self, of: &str, total: Option<u64>, counted: u64) {
        // The month of the clock is there from now on.
        self.with_month(|_| ());
        let mut months = self.months();
        let Some(month) = months.values_mut().find(|month| month.name() == of) else { return };
        month.unsettled = month.unsettled.saturating_sub(counted);
        month.spent = total.map_or(month.spent, |total| total + month.unsettled);
    }

    /// When the next month begins.
    pub(super) fn next_month(&self) -> Timestamp {
        let today = self.zone.local(self.clock.now()).date();
        self.zone.end_of(today.last_of_month())
    }

    /// Keeps back what the live statistics need: `until` tells how many requests they need until
    /// an instant. That of the next month is kept back from its first moment on.
    pub(super) fn reserve(&self, until: impl Fn(Timestamp) -> u64) {
        let first_day = self.this_month();
        let next = self.zone.end_of(first_day.last_of_month());
        let after = self.zone.end_of(self.zone.local(next).date().last_of_month());
        let this_month = until(next);
        self.with(first_day, |month| month.reserved = Some(this_month));
        let next_month = until(after).saturating_sub(this_month);
        self.with(self.zone.local(next).date(), |month| month.reserved = Some(next_month));
    }

    fn this_month(&self) -> Date {
        self.zone.local(self.clock.now()).date().first_of_month()
    }

    fn with_month<T>(&self, read: impl FnOnce(&mut Month) -> T) -> T {
        self.with(self.this_month(), read)
    }

    fn with<T>(&self, first_day: Date, read: impl FnOnce(&mut Month) -> T) -> T {
        let mut months = self.months();
        let result = read(
            months.entry(first_day).or_insert_with(|| Month { first_day, ..Month::default() }),
        );
        // The farthest is forgotten: it was counted by a clock that was wrong, or is long over.
        while months.len() > MONTHS_MAX {
            let distance = |month: &Date| (first_day - *month).get_days().abs();
            let farthest = months.keys().copied().max_by_key(distance);
            months.remove(&farthest.unwrap_or(first_day));
        }
        result
    }

    fn months(&self) -> MutexGuard<'_, BTreeMap<Date, Month>> {
        self.months.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a month has so many requests left for a purpose. A month of which nobody told yet
    /// what it needs has nothing reserved.
    fn has_left(&self, month: &Month, requests: u64, purpose: Purpose) -> bool {
        let kept = if purpose == Purpose::Live { 0 } else { month.reserved.unwrap_or(0) };
        self.limit == 0 || month.spent.saturating_add(kept).saturating_add(requests) <= self.limit
    }
}

impl Ledger for Budget {
    fn spend(&self, _: Endpoint, purpose: Purpose) -> bool {
        self.with_month(|month| {
            let allowed = self.has_left(month, 1, purpose);
            month.spent += u64::from(allowed);
            month.unsettled += u64::from(allowed);
            allowed
        })
    }

    fn allows(&self, requests: u64, purpose: Purpose) -> bool {
        self.with_month(|month| self.has_left(month, requests, purpose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: Endpoint = Endpoint::AdminDeptStats;
    const OPTIONAL: Endpoint = Endpoint::AdminUserStats;

    #[test]
    fn a_budget_stops_at_its_limit_and_starts_anew_with_the_month() {
        let (clock, hand) = Clock::manual("2026-11-30T15:00:00Z".parse().unwrap());
        let budget = Budget::new(2, Zone::shanghai(), clock);
        assert!(budget.spend(LIVE, Purpose::Live) && !budget.is_exhausted());
        assert!(budget.spend(LIVE, Purpose::Live) && budget.is_exhausted());
        assert!(!budget.spend(LIVE, Purpose::Live));
        assert_eq!(budget.spent(), 2);
        // December begins at 16:00 UTC in UTC+8.
        hand.set("2026-11-30T16:00:00Z".parse().unwrap());
        assert!(!budget.is_exhausted() && budget.spent() == 0 && budget.spend(LIVE, Purpose::Live));
    }

    #[test]
    fn without_a_limit_requests_are_only_counted() {
        let (clock, _hand) = Clock::manual("2026-11-30T15:00:00Z".parse().unwrap());
        let budget = Budget::new(0, Zone::utc(), clock);
        assert!((0..100).all(|_| budget.spend(LIVE, Purpose::Live)));
        assert!(budget.spent() == 100 && !budget.is_exhausted());
    }

    #[test]
    fn the_stores_count_adds_what_others_spent_and_loses_nothing_of_ones_own() {
        let (clock, hand) = Clock::manual("2026-11-30T12:00:00Z".parse().unwrap());
        let budget = Budget::new(0, Zone::utc(), clock);
        budget.settle("2026-11", Some(70), 0);
        assert_eq!(budget.spent(), 70);
        assert!(budget.spend(LIVE, Purpose::Live) && budget.spend(LIVE, Purpose::Live));
        assert_eq!(budget.spent(), 72);
        // The first is counted, and another process spent five.
        budget.settle("2026-11", Some(76), 1);
        assert_eq!(budget.spent(), 77);
        // A store that fails takes nothing away.
        budget.settle("2026-11", None, 1);
        assert_eq!(budget.spent(), 77);
        hand.set("2026-12-01T00:00:00Z".parse().unwrap());
        budget.settle("2026-11", Some(80), 1);
        assert_eq!((budget.spent(), budget.month()), (0, "2026-12".to_owned()));
    }

    #[test]
    fn optional_work_spends_what_the_rest_of_the_month_does_not_need() {
        // Two days are left after this one.
        let (clock, _hand) = Clock::manual("2026-11-28T12:00:00Z".parse().unwrap());
        let budget = Budget::new(10, Zone::utc(), clock);
        let months_end: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        budget.reserve(|until| if until == months_end { 8 } else { 80 });
        assert!(
            budget.spend(OPTIONAL, Purpose::Optional) && budget.spend(OPTIONAL, Purpose::Optional)
        );
        assert!(!budget.spend(OPTIONAL, Purpose::Optional), "eight are reserved");
        assert!((0..8).all(|_| budget.spend(LIVE, Purpose::Live)));
        assert!(!budget.spend(LIVE, Purpose::Live) && budget.is_exhausted());
    }

    #[test]
    fn the_next_months_need_is_kept_back_from_its_first_moment_on() {
        let (clock, hand) = Clock::manual("2026-11-30T12:00:00Z".parse().unwrap());
        let budget = Budget::new(10, Zone::utc(), clock);
        let months_end: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        budget.reserve(|until| if until == months_end { 0 } else { 9 });
        assert!((0..10).all(|_| budget.spend(OPTIONAL, Purpose::Optional)));
        hand.set(months_end);
        assert!(budget.allows(1, Purpose::Optional) && !budget.allows(2, Purpose::Optional));
        assert!(budget.spend(OPTIONAL, Purpose::Optional));
        assert!(!budget.spend(OPTIONAL, Purpose::Optional), "nine are reserved");
    }

    #[test]
    fn a_clock_that_is_ahead_for_a_while_makes_no_month_forgotten() {
        let (clock, hand) = Clock::manual("2026-11-28T12:00:00Z".parse().unwrap());
        let budget = Budget::new(2, Zone::utc(), clock);
        assert!(budget.spend(LIVE, Purpose::Live) && budget.spend(LIVE, Purpose::Live));
        for ahead in ["2026-12-18T12:00:00Z", "2028-11-28T12:00:00Z", "2030-01-01T00:00:00Z"] {
            hand.set(ahead.parse().unwrap());
            assert!(budget.spend(LIVE, Purpose::Live), "{ahead}");
            hand.set("2026-11-28T12:01:00Z".parse().unwrap());
            assert!(budget.is_exhausted() && !budget.spend(LIVE, Purpose::Live), "{ahead}");
        }
    }
}
