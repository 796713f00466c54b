//! How many requests are answered: a bucket that holds `burst` of them and gains one each
//! `interval`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A rate of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time after which one more request is answered.
    pub interval: Duration,
    /// Requests that are answered at once.
    pub burst: u32,
}

/// Requests counted against a rate. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Limiter {
    rate: Rate,
    /// When the bucket will be full again.
    full_at: Arc<Mutex<Instant>>,
}

impl Limiter {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full_at: Arc::new(Mutex::new(Instant::now())) }
    }

    pub(super) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether one more request is answered now.
    pub(super) fn admits(&self) -> bool {
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let later = (*full_at).max(now) + self.rate.interval;
        let fits = later.duration_since(now) <= self.rate.interval * self.rate.burst;
        if fits {
            *full_at = later;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_one_each_interval() {
        let limiter = Limiter::new(Rate { interval: Duration::from_secs(2), burst: 3 });
        let admitted = || (0..10).filter(|_| limiter.admits()).count();
        assert_eq!(admitted(), 3);
        advance(Duration::from_secs(2)).await;
        assert_eq!(admitted(), 1);
        advance(Duration::from_secs(100)).await;
        assert_eq!(admitted(), 3);
    }
}
