//! Frequency limits in real time, and the monthly quota by the simulator's clock.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    calendar,
    lock::lock,
    settings::{Endpoint, Limit},
};

/// A window that begins with its first request.
struct Window {
    began: Instant,
    requests: u32,
}

impl Window {
    /// Counts a request, or says how long this window still lasts.
    fn count(&mut self, now: Instant, length: Duration, limit: u32) -> Result<(), Duration> {
        if now.duration_since(self.began) >= length {
            *self = Self { began: now, requests: 0 };
        }
        if self.requests >= limit {
            return Err(length.saturating_sub(now.duration_since(self.began)));
        }
        self.requests += 1;
        Ok(())
    }
}

/// A request too many.
#[derive(Debug, PartialEq)]
pub(super) struct Throttled {
    /// The limit of the window that is full.
    pub(super) limit: u32,
    /// Whole seconds until it is over, at least 1.
    pub(super) reset: u64,
}

#[derive(Default)]
pub(super) struct Limits {
    windows: Mutex<HashMap<Endpoint, [Window; 2]>>,
    month: Mutex<((i16, i8), u64)>,
    beyond: AtomicU64,
}

impl Limits {
    pub(super) fn admit(&self, endpoint: Endpoint, limit: Limit) -> Result<(), Throttled> {
        let now = Instant::now();
        let mut windows = lock(&self.windows);
        let [second, minute] = windows
            .entry(endpoint)
            .or_insert_with(|| [(); 2].map(|()| Window { began: now, requests: 0 }));
        for (window, length, limit) in
            [(second, 1, limit.per_second), (minute, 60, limit.per_minute)]
        {
            window.count(now, Duration::from_secs(length), limit).map_err(|left| {
                self.beyond.fetch_add(1, Ordering::Relaxed);
                let reset = left.as_millis().div_ceil(1000).max(1).try_into();
                Throttled { limit, reset: reset.unwrap_or(u64::MAX) }
            })?;
        }
        Ok(())
    }

    /// How many requests were too many for these limits.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond.load(Ordering::Relaxed)
    }

    /// How many requests of the month of `now` were allowed.
    pub(super) fn spent(&self, now: Timestamp) -> u64 {
        let (month, requests) = *lock(&self.month);
        if month == month_of(now) { requests } else { 0 }
    }

    /// Whether the quota of the month of `now` allows one more request.
    pub(super) fn spend(&self, now: Timestamp, requests_per_month: Option<u64>) -> bool {
        let mut month = lock(&self.month);
        if month.0 != month_of(now) {
            *month = (month_of(now), 0);
        }
        let allowed = requests_per_month.is_none_or(|quota| month.1 < quota);
        month.1 += u64::from(allowed);
        allowed
    }
}

/// The year and month of an instant in the tenant's own zone.
fn month_of(now: Timestamp) -> (i16, i8) {
    let date = calendar::date(calendar::today(now));
    (date.year(), date.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_fuller_window_decides_and_its_rest_is_told() {
        let limits = Limits::default();
        let limit = Limit { per_second: 2, per_minute: 3 };
        let admit = || limits.admit(Endpoint::AdminDeptStats, limit);
        assert_eq!((admit(), admit()), (Ok(()), Ok(())));
        assert_eq!(admit(), Err(Throttled { limit: 2, reset: 1 }));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(admit(), Ok(()));
        assert_eq!(admit(), Err(Throttled { limit: 3, reset: 59 }));
        assert_eq!(limits.admit(Endpoint::TenantAccessToken, limit), Ok(()));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(admit(), Ok(()));
    }

    #[test]
    fn a_quota_is_spent_per_month() {
        let limits = Limits::default();
        let spend = |now: &str| limits.spend(now.parse().unwrap(), Some(2));
        assert!(spend("2026-11-01T00:00:00+08:00") && spend("2026-11-30T23:59:59+08:00"));
        assert!(!spend("2026-11-30T23:59:59+08:00"));
        assert!(spend("2026-12-01T00:00:00+08:00"));
        assert!(limits.spend("2026-12-01T00:00:00+08:00".parse().unwrap(), None));
    }
}
