//! One tenant's limits: requests per second, requests at once, and holding still when told to.
//!
//! Slots lie on a grid, so that a late wake-up does not slow everything down; a window over the
//! last requests keeps the rate from being exceeded all the same, whatever the timers do.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

use super::endpoint::Endpoint;

/// Lets requests through within the limits. Shared by all requests of a tenant.
#[derive(Debug)]
pub(super) struct Limiter {
    at_once: Semaphore,
    rate: Mutex<Rate>,
}

#[derive(Debug)]
struct Rate {
    /// The distance between two slots.
    spacing: Duration,
    /// How many requests may lie in one window.
    window_requests: usize,
    /// The window: `window_requests` slots long, at least a second.
    window: Duration,
    /// The next free slot.
    next: Option<Instant>,
    /// When the last `window_requests` requests were let through, the oldest first.
    passed: VecDeque<Instant>,
    /// Among how many processes the rate is divided.
    share: u32,
    /// Until when an endpoint was told to wait.
    held: HashMap<Endpoint, Instant>,
}

impl Limiter {
    /// A limiter of a positive rate and at least one request at once.
    pub(super) fn new(requests_per_second: f64, concurrency: usize) -> Self {
        let spacing = Duration::from_secs_f64(requests_per_second.recip());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive rate of at most some hundreds a second"
        )]
        let window_requests = requests_per_second.ceil().max(1.0) as usize;
        Self {
            at_once: Semaphore::new(concurrency),
            rate: Mutex::new(Rate {
                spacing,
                window_requests,
                window: Duration::from_secs_f64(window_requests as f64 / requests_per_second),
                next: None,
                passed: VecDeque::with_capacity(window_requests),
                share: 1,
                held: HashMap::new(),
            }),
        }
    }

    /// Waits until a request may be sent; hold the permit until its answer was read.
    pub(super) async fn acquire(&self, endpoint: Endpoint) -> SemaphorePermit<'_> {
        loop {
            // Who waits for one endpoint must not take a place that another could use.
            let held = self.lock().held_until(endpoint);
            if let Some(held) = held {
                sleep_until(held).await;
            }
            let permit = self.at_once.acquire().await.expect("the semaphore is never closed");
            loop {
                let until = match self.lock().pass(Instant::now()) {
                    Ok(()) => return permit,
                    Err(until) => until,
                };
                sleep_until(until).await;
                if self.lock().held_until(endpoint).is_some() {
                    break;
                }
            }
        }
    }

    /// Lets no request to the endpoint through for a while, because it asked for that.
    pub(super) fn hold(&self, endpoint: Endpoint, wait: Duration) {
        let until = Instant::now() + wait;
        let mut rate = self.lock();
        let held = rate.held.entry(endpoint).or_insert(until);
        *held = until.max(*held);
    }

    /// Lets through half as many from now on, or all again.
    pub(super) fn share(&self, is_shared: bool) {
        self.lock().share = if is_shared { 2 } else { 1 };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rate> {
        // The state is valid at every point at which a panic could happen.
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rate {
    /// Until when the endpoint must be left alone; none if it need not.
    fn held_until(&self, endpoint: Endpoint) -> Option<Instant> {
        self.held.get(&endpoint).copied().filter(|held| *held > Instant::now())
    }

    /// Takes a slot now, or tells when to ask again.
    fn pass(&mut self, now: Instant) -> Result<(), Instant> {
        let mut earliest = self.next.unwrap_or(now);
        if self.passed.len() == self.window_requests {
            earliest = earliest.max(self.passed[0] + self.window * self.share);
        }
        if earliest > now {
            return Err(earliest);
        }
        if self.passed.len() == self.window_requests {
            self.passed.pop_front();
        }
        self.passed.push_back(now);
        // After a pause the grid starts anew: unused slots are not saved up for a burst.
        let spacing = self.spacing * self.share;
        let on_grid = self.next.map(|next| next + spacing).filter(|next| *next > now);
        self.next = Some(on_grid.unwrap_or(now + spacing));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: Endpoint = Endpoint::AdminDeptStats;

    /// Sends as fast as the limiter lets through; returns the offsets in milliseconds.
    async fn offsets(limiter: &Limiter, requests: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut offsets = Vec::new();
        for _ in 0..requests {
            let _permit = limiter.acquire(ENDPOINT).await;
            offsets.push(start.elapsed().as_millis());
        }
        offsets
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_spaced_evenly() {
        assert_eq!(offsets(&Limiter::new(5.0, 1), 4).await, [0, 200, 400, 600]);
        assert_eq!(offsets(&Limiter::new(0.1, 1), 3).await, [0, 10_000, 20_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_nothing_up_for_a_burst() {
        let limiter = Limiter::new(5.0, 1);
        offsets(&limiter, 2).await;
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(offsets(&limiter, 3).await, [0, 200, 400]);
    }

    #[test]
    fn no_window_of_a_second_holds_more_than_the_rate_however_late_timers_are() {
        let mut rate = Limiter::new(10.0, 1).rate.into_inner().unwrap();
        let start = Instant::now();
        let mut now = start;
        let mut passed = Vec::new();
        let mut random = fastrand::Rng::with_seed(7);
        while passed.len() < 200 {
            match rate.pass(now) {
                Ok(()) => passed.push(now),
                // A timer is never early and up to 90 ms late.
                Err(until) => now = until + Duration::from_millis(random.u64(0..90)),
            }
        }
        for window in passed.windows(11) {
            assert!(window[10] - window[0] >= Duration::from_secs(1), "11 requests in a second");
        }
        let average = (*passed.last().unwrap() - start).as_secs_f64() / 199.0;
        assert!(average < 0.125, "late timers halve the rate: {average} s apart");
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_on_hold_waits_and_the_others_do_not() {
        let limiter = Limiter::new(100.0, 2);
        limiter.hold(ENDPOINT, Duration::from_secs(30));
        limiter.hold(ENDPOINT, Duration::from_secs(3));
        let start = Instant::now();
        // As many wait for it as there are places.
        let waiting = async { tokio::join!(limiter.acquire(ENDPOINT), limiter.acquire(ENDPOINT)) };
        let other = async {
            tokio::task::yield_now().await;
            drop(limiter.acquire(Endpoint::TenantAccessToken).await);
            start.elapsed().as_secs()
        };
        let (permits, other) = tokio::join!(waiting, other);
        drop(permits);
        assert_eq!((other, start.elapsed().as_secs()), (0, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_than_allowed_are_under_way() {
        let limiter = Limiter::new(100.0, 2);
        let first = limiter.acquire(ENDPOINT).await;
        let _second = limiter.acquire(ENDPOINT).await;
        let third = limiter.acquire(ENDPOINT);
        tokio::pin!(third);
        assert!(tokio::time::timeout(Duration::from_secs(9), &mut third).await.is_err());
        drop(first);
        drop(third.await);
    }
}
