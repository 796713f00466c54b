//! The month's requests: counted, and stopped at the configured budget.
//!
//! Counted since this process started; Feishu's own quota counts calendar months.

use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;

use crate::{clock::Clock, day::Zone, feishu::Ledger};

/// Counts one tenant's requests by calendar month.
#[derive(Debug)]
pub(super) struct Budget {
    /// 0: no limit.
    limit: u64,
    zone: Zone,
    clock: Clock,
    month: Mutex<Month>,
}

#[derive(Debug, Default)]
struct Month {
    first_day: Date,
    spent: u64,
}

impl Budget {
    /// A budget of `limit` requests in each calendar month of `zone`; 0 counts without limit.
    pub(super) fn new(limit: u64, zone: Zone, clock: Clock) -> Self {
        Self { limit, zone, clock, month: Mutex::default() }
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

    fn with_month<T>(&self, read: impl FnOnce(&mut Month) -> T) -> T {
        let first_day = self.zone.local(self.clock.now()).date().first_of_month();
        let mut month = self.month.lock().unwrap_or_else(PoisonError::into_inner);
        if month.first_day != first_day {
            *month = Month { first_day, spent: 0 };
        }
        read(&mut month)
    }
}

impl Ledger for Budget {
    fn spend(&self) -> bool {
        self.with_month(|month| {
            let allowed = self.limit == 0 || month.spent < self.limit;
            month.spent += u64::from(allowed);
            allowed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_stops_at_its_limit_and_starts_anew_with_the_month() {
        let (clock, hand) = Clock::manual("2026-11-30T15:00:00Z".parse().unwrap());
        let budget = Budget::new(2, Zone::shanghai(), clock);
        assert!(budget.spend() && !budget.is_exhausted());
        assert!(budget.spend() && budget.is_exhausted());
        assert!(!budget.spend());
        assert_eq!(budget.spent(), 2);
        // December begins at 16:00 UTC in UTC+8.
        hand.set("2026-11-30T16:00:00Z".parse().unwrap());
        assert!(!budget.is_exhausted() && budget.spent() == 0 && budget.spend());
    }

    #[test]
    fn without_a_limit_requests_are_only_counted() {
        let (clock, _hand) = Clock::manual("2026-11-30T15:00:00Z".parse().unwrap());
        let budget = Budget::new(0, Zone::utc(), clock);
        assert!((0..100).all(|_| budget.spend()));
        assert!(budget.spent() == 100 && !budget.is_exhausted());
    }
}
