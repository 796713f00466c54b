//! One tenant's limits: requests per second and per minute, requests at once, and holding still
//! when told to.
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

use super::{endpoint::Endpoint, options::Limits, pace::Pace};

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
    /// How many requests a minute each endpoint takes.
    paces: HashMap<Endpoint, Pace>,
    requests_per_minute: Option<u32>,
}

/// Why a request is not let through now.
enum NotYet {
    /// No request is, until then.
    Any(Instant),
    /// None to this endpoint is for a while.
    Endpoint,
}

/// A request that was let through; kept until its answer was read.
pub(super) struct Permit<'a> {
    _place: SemaphorePermit<'a>,
    /// When it was let through.
    pub(super) sent: Instant,
}

impl Limiter {
    /// A limiter of a positive rate and at least one request at once.
    pub(super) fn new(limits: &Limits) -> Self {
        let requests_per_second = limits.requests_per_second;
        let spacing = Duration::from_secs_f64(requests_per_second.recip());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive rate of at most some hundreds a second"
        )]
        let window_requests = requests_per_second.ceil().max(1.0) as usize;
        Self {
            at_once: Semaphore::new(limits.concurrency),
            rate: Mutex::new(Rate {
                spacing,
                window_requests,
                window: Duration::from_secs_f64(window_requests as f64 / requests_per_second),
                next: None,
                passed: VecDeque::with_capacity(window_requests),
                share: 1,
                held: HashMap::new(),
                paces: HashMap::new(),
                requests_per_minute: limits.requests_per_minute,
            }),
        }
    }

    /// Waits until a request may be sent; hold the permit until its answer was read.
    pub(super) async fn acquire(&self, endpoint: Endpoint) -> Permit<'_> {
        loop {
            // Who waits for one endpoint must not take a place that another could use.
            let free_at = self.lock().endpoint_free_at(endpoint, Instant::now());
            if let Some(free_at) = free_at {
                sleep_until(free_at).await;
                continue;
            }
            let place = self.at_once.acquire().await.expect("the semaphore is never closed");
            loop {
                let now = Instant::now();
                // The endpoint may have asked to wait while this one waited for its place.
                let passed = self.lock().pass(endpoint, now);
                match passed {
                    Ok(()) => return Permit { _place: place, sent: now },
                    Err(NotYet::Any(until)) => sleep_until(until).await,
                    Err(NotYet::Endpoint) => break,
                }
            }
        }
    }

    /// Takes in that a request was refused: none to the endpoint is let through for a while, which
    /// the answer told or not (`is_told`), and the endpoint's rate falls.
    pub(super) fn refused(&self, endpoint: Endpoint, wait: Duration, sent: Instant, is_told: bool) {
        let now = Instant::now();
        let until = now + wait;
        let mut rate = self.lock();
        let held = rate.held.entry(endpoint).or_insert(until);
        *held = until.max(*held);
        rate.pace(endpoint).refused(now, sent, is_told.then_some(wait));
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
    /// When the endpoint takes a request again; none if now.
    fn endpoint_free_at(&mut self, endpoint: Endpoint, now: Instant) -> Option<Instant> {
        let held = self.held.get(&endpoint).copied().filter(|held| *held > now);
        let share = self.share;
        held.max(self.pace(endpoint).free_at(now, share))
    }

    fn pace(&mut self, endpoint: Endpoint) -> &mut Pace {
        let limit = self.requests_per_minute.or(endpoint.requests_per_minute());
        self.paces.entry(endpoint).or_insert_with(|| Pace::new(limit.map(|limit| limit as usize)))
    }

    /// Takes a slot now, or tells when to ask again.
    fn pass(&mut self, endpoint: Endpoint, now: Instant) -> Result<(), NotYet> {
        if self.endpoint_free_at(endpoint, now).is_some() {
            return Err(NotYet::Endpoint);
        }
        self.take_slot(now).map_err(NotYet::Any)?;
        self.pace(endpoint).pass(now);
        Ok(())
    }

    /// Takes a slot of the grid that all endpoints share, or tells when there is one.
    fn take_slot(&mut self, now: Instant) -> Result<(), Instant> {
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

    fn limiter(requests_per_second: f64, concurrency: usize) -> Limiter {
        Limiter::new(&Limits { requests_per_second, concurrency, ..Limits::default() })
    }

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
        assert_eq!(offsets(&limiter(5.0, 1), 4).await, [0, 200, 400, 600]);
        assert_eq!(offsets(&limiter(0.1, 1), 3).await, [0, 10_000, 20_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_nothing_up_for_a_burst() {
        let limiter = limiter(5.0, 1);
        offsets(&limiter, 2).await;
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(offsets(&limiter, 3).await, [0, 200, 400]);
    }

    #[test]
    fn no_window_of_a_second_holds_more_than_the_rate_however_late_timers_are() {
        let mut rate = limiter(10.0, 1).rate.into_inner().unwrap();
        let start = Instant::now();
        let mut now = start;
        let mut passed = Vec::new();
        let mut random = fastrand::Rng::with_seed(7);
        while passed.len() < 200 {
            match rate.take_slot(now) {
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
        let limiter = limiter(100.0, 2);
        let start = Instant::now();
        limiter.refused(ENDPOINT, Duration::from_secs(30), start, true);
        limiter.refused(ENDPOINT, Duration::from_secs(3), start, true);
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

    /// Eight wait for one of two places; while both are taken, the endpoint asks to wait.
    #[tokio::test(start_paused = true)]
    async fn those_who_wait_for_a_place_are_held_as_well() {
        let limiter = limiter(100.0, 2);
        let start = Instant::now();
        let taken = [limiter.acquire(ENDPOINT).await, limiter.acquire(ENDPOINT).await];
        let waiting = async {
            let acquire = async || {
                drop(limiter.acquire(ENDPOINT).await);
                start.elapsed().as_secs()
            };
            tokio::join!(acquire(), acquire(), acquire(), acquire())
        };
        let refuse = async {
            tokio::task::yield_now().await;
            limiter.refused(ENDPOINT, Duration::from_secs(30), start, true);
            drop(taken);
        };
        let ((a, b, c, d), ()) = tokio::join!(waiting, refuse);
        assert!([a, b, c, d].iter().all(|waited| *waited >= 30), "{:?}", [a, b, c, d]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_without_a_time_slows_its_endpoint_alone() {
        let limiter = limiter(10.0, 4);
        offsets(&limiter, 100).await;
        let permit = limiter.acquire(ENDPOINT).await;
        let sent = permit.sent;
        drop(permit);
        limiter.refused(ENDPOINT, Duration::from_millis(500), sent, false);
        let start = Instant::now();
        drop(limiter.acquire(Endpoint::DepartmentsFilter).await);
        assert!(start.elapsed() < Duration::from_secs(1));
        drop(limiter.acquire(ENDPOINT).await);
        assert!(start.elapsed() > Duration::from_secs(45), "{:?}", start.elapsed());
    }

    /// Whether the answer says how long to wait or not, the next ones are spaced wider.
    #[tokio::test(start_paused = true)]
    async fn a_refusal_with_a_time_slows_its_endpoint_as_well() {
        let limiter = limiter(10.0, 4);
        let permit = limiter.acquire(ENDPOINT).await;
        offsets(&limiter, 5).await;
        let sent = permit.sent + Duration::from_millis(501);
        drop(permit);
        limiter.refused(ENDPOINT, Duration::from_secs(1), sent, true);
        let spaced = offsets(&limiter, 3).await;
        assert!(spaced[2] - spaced[1] > 150, "{spaced:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_configured_rate_by_minute_holds_for_every_endpoint() {
        let limits = Limits {
            requests_per_second: 100.0,
            requests_per_minute: Some(60),
            ..Limits::default()
        };
        let limiter = Limiter::new(&limits);
        let start = Instant::now();
        for _ in 0..61 {
            drop(limiter.acquire(ENDPOINT).await);
        }
        assert_eq!(start.elapsed().as_secs(), 60);
        drop(limiter.acquire(Endpoint::DepartmentsFilter).await);
        assert_eq!(start.elapsed().as_secs(), 60, "each endpoint has its own minute");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_requests_than_allowed_are_under_way() {
        let limiter = limiter(100.0, 2);
        let first = limiter.acquire(ENDPOINT).await;
        let _second = limiter.acquire(ENDPOINT).await;
        let third = limiter.acquire(ENDPOINT);
        tokio::pin!(third);
        assert!(tokio::time::timeout(Duration::from_secs(9), &mut third).await.is_err());
        drop(first);
        drop(third.await);
    }
}
