//! The month's requests: counted, and stopped at the configured budget.
//!
//! The store keeps the count beyond the process and over all processes; without one it begins
//! anew with each. Feishu's own quota counts calendar months.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use jiff::{Timestamp, civil::Date};

use crate::{
    clock::Clock,
    day::Zone,
    feishu::{Endpoint, Ledger, Purpose},
};

/// Counts one tenant's requests by calendar month.
#[derive(Debug)]
pub(super) struct Budget {
    /// 0: no limit.
    limit: u64,
    zone: Zone,
    clock: Clock,
    month: Mutex<Month>,
    /// Requests that the live statistics take a day: kept back for the rest of the month.
    live_per_day: AtomicU64,
    /// Those that they still need today.
    live_today: AtomicU64,
}

#[derive(Debug, Default)]
struct Month {
    first_day: Date,
    /// All requests that are known of, [`Self::unsettled`] among them.
    spent: u64,
    /// Own requests that the store has not counted yet.
    unsettled: u64,
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
        Self {
            limit,
            zone,
            clock,
            month: Mutex::default(),
            live_per_day: AtomicU64::new(0),
            live_today: AtomicU64::new(0),
        }
    }

    /// Requests in this calendar month.
    pub(super) fn spent(&self) -> u64 {
        self.with_month(|month, _| month.spent)
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
        self.with_month(|month, _| month.name())
    }

    /// Takes over the store's count of a month, in which that many of the unsettled requests were
    /// counted. A count of another month says nothing of this one.
    pub(super) fn settle(&self, of: &str, total: Option<u64>, counted: u64) {
        self.with_month(|month, _| {
            if month.name() == of {
                month.unsettled = month.unsettled.saturating_sub(counted);
                month.spent = total.map_or(month.spent, |total| total + month.unsettled);
            }
        });
    }

    /// When the next month begins.
    pub(super) fn next_month(&self) -> Timestamp {
        let today = self.zone.local(self.clock.now()).date();
        self.zone.end_of(today.last_of_month())
    }

    /// Tells how many requests the live statistics take a day, and how many they still need now.
    pub(super) fn reserve(&self, live_per_day: u64, live_today: u64) {
        self.live_per_day.store(live_per_day, Ordering::Relaxed);
        self.live_today.store(live_today, Ordering::Relaxed);
    }

    fn with_month<T>(&self, read: impl FnOnce(&mut Month, u64) -> T) -> T {
        let today = self.zone.local(self.clock.now()).date();
        let first_day = today.first_of_month();
        let mut month = self.month.lock().unwrap_or_else(PoisonError::into_inner);
        if month.first_day != first_day {
            *month = Month { first_day, ..Month::default() };
        }
        let days_left = today.days_in_month() - today.day();
        let reserved = self.live_per_day.load(Ordering::Relaxed)
            * u64::from(days_left.unsigned_abs())
            + self.live_today.load(Ordering::Relaxed);
        read(&mut month, reserved)
    }
}

impl Ledger for Budget {
    fn spend(&self, _: Endpoint, purpose: Purpose) -> bool {
        self.with_month(|month, reserved| {
            let kept = if purpose == Purpose::Live { 0 } else { reserved };
            let allowed = self.limit == 0 || month.spent + kept < self.limit;
            month.spent += u64::from(allowed);
            month.unsettled += u64::from(allowed);
            allowed
        })
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
        budget.reserve(4, 0);
        assert!(
            budget.spend(OPTIONAL, Purpose::Optional) && budget.spend(OPTIONAL, Purpose::Optional)
        );
        assert!(!budget.spend(OPTIONAL, Purpose::Optional), "eight are reserved");
        assert!((0..8).all(|_| budget.spend(LIVE, Purpose::Live)));
        assert!(!budget.spend(LIVE, Purpose::Live) && budget.is_exhausted());
    }
}
