//! How many requests a minute one endpoint takes: as configured or documented, else as learned
//! from its refusals. Pure: the caller tells the time.
//!
//! Feishu limits each endpoint by minute or by second, publishes neither for the statistics, and
//! may refuse without saying how long to wait. So a refusal bounds the rate to a little less than
//! what was taken before it, and each minute without one raises the bound again. To wait as told
//! and go on as before would have every burst refused anew.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// A wait that tells of a limit by second: the header rounds up.
const SECOND_AT_MOST: Duration = Duration::from_secs(2);
/// A wait ends within the minute, and the next one must have been used up: refusals that lie
/// further apart have nothing to do with each other.
const SOON_AFTER: Duration = Duration::from_secs(150);
/// The lowest limit by minute that Feishu has: fewer requests were refused for another reason,
/// such as a limit by second.
const LOWEST_LIMIT: usize = 10;
/// The rate never falls below this many a minute, so that it can recover.
const LEARNED_MIN: usize = 5;
/// Each minute without a refusal raises the bound by at least this many.
const RAISE_MIN: usize = 2;

/// One endpoint's requests of the last minute, and how many may lie in one.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many a minute are allowed where nothing was learned; none: no bound is known.
    limit: Option<usize>,
    /// The bound that refusals taught, and since when it holds.
    learned: Option<(usize, Instant)>,
    /// The last refusal that told a wait of more than a moment.
    told_to_wait: Option<Instant>,
    /// When the requests of the last minute were let through, the oldest first.
    passed: VecDeque<Instant>,
}

impl Pace {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self { limit, learned: None, told_to_wait: None, passed: VecDeque::new() }
    }

    /// When the next request may be let through; none if now. `share` processes divide the rate.
    pub(super) fn free_at(&mut self, now: Instant, share: u32) -> Option<Instant> {
        self.forget(now);
        self.recover(now);
        let allowed = match (self.learned, self.limit) {
            (Some((learned, _)), Some(limit)) => learned.min(limit),
            (Some((learned, _)), None) => learned,
            (None, Some(limit)) => limit,
            (None, None) => return None,
        };
        let allowed = (allowed / share as usize).max(1);
        // The one that must leave the last minute before another may enter it.
        let leaving =
            self.passed.len().checked_sub(allowed).map(|index| self.passed[index] + MINUTE);
        // A bound that was learned is spread over the minute: it may be one by second.
        let spread = self.learned.and_then(|_| {
            let gap = MINUTE / u32::try_from(allowed).unwrap_or(u32::MAX);
            self.passed.back().map(|last| *last + gap)
        });
        leaving.max(spread).filter(|at| *at > now)
    }

    /// Takes in a request that is let through now.
    pub(super) fn pass(&mut self, now: Instant) {
        self.passed.push_back(now);
    }

    /// Takes in that a request, let through at `sent`, was refused, and how long to wait if the
    /// answer told.
    pub(super) fn refused(&mut self, now: Instant, sent: Instant, told: Option<Duration>) {
        // Those under way when the bound fell say nothing of the new one.
        if self.learned.is_some_and(|(_, since)| sent <= since) {
            return;
        }
        self.forget(now);
        if told.is_some_and(|wait| wait > SECOND_AT_MOST) {
            let last = self.told_to_wait.replace(now);
            // To wait as told is enough for one; a second one soon after tells of the rate.
            if last.is_none_or(|last| now > last + SOON_AFTER) {
                return;
            }
        }
        let before = self.passed.iter().filter(|at| **at < sent).count();
        let taken = match (before, told) {
            // A limit by second has room again soon. What was taken in a second is allowed, and one
            // request after each wait.
            (_, Some(wait)) if wait <= SECOND_AT_MOST => {
                let is_of_second = |at: &&Instant| **at < sent && **at + SECOND > sent;
                let in_a_second = self.passed.iter().filter(is_of_second).count() * 60;
                let by_wait = 60_000 / usize::try_from(wait.as_millis().max(1)).unwrap_or(1);
                before.max(in_a_second).max(by_wait.min(60)) * 9 / 10
            }
            // Others use up what is allowed to all together.
            (0..LOWEST_LIMIT, Some(_)) => return,
            // Too few for any limit by minute: what came in this time is the rate, and too much.
            (0..LOWEST_LIMIT, None) => {
                let span = self.passed.front().map_or(Duration::ZERO, |first| sent - *first);
                before * 60 / usize::try_from(span.as_secs().max(1)).unwrap_or(60) / 2
            }
            _ => before * 9 / 10,
        };
        let known = self.learned.map_or(taken, |(learned, _)| taken.min(learned * 9 / 10));
        self.learned = Some((known.max(LEARNED_MIN), now));
    }

    /// Raises the bound for each minute that it was kept to without a refusal.
    fn recover(&mut self, now: Instant) {
        while let Some((learned, since)) = self.learned
            && now >= since + MINUTE
        {
            let raised = learned + (learned / 10).max(RAISE_MIN);
            self.learned = Some((raised, since + MINUTE));
            // Where it bounds nothing any more, it is forgotten.
            if raised >= self.limit.unwrap_or(UNBOUNDED) {
                self.learned = None;
            }
        }
    }

    fn forget(&mut self, now: Instant) {
        while self.passed.front().is_some_and(|first| *first + MINUTE <= now) {
            self.passed.pop_front();
        }
    }
}

/// A hundred a second, the highest rate that can be configured.
const UNBOUNDED: usize = 6_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// A server with a limit for each minute, or second, of the clock.
    struct Server {
        start: Instant,
        window: Duration,
        allowed: usize,
        current: u128,
        admitted: usize,
    }

    impl Server {
        fn admits(&mut self, now: Instant) -> bool {
            let window = (now - self.start).as_millis() / self.window.as_millis();
            if window != self.current {
                (self.current, self.admitted) = (window, 0);
            }
            self.admitted += 1;
            self.admitted <= self.allowed
        }

        /// How long it takes until the next window, in whole seconds.
        fn reset(&self, now: Instant) -> Duration {
            let elapsed = (now - self.start).as_millis() % self.window.as_millis();
            let rest = u64::try_from(self.window.as_millis() - elapsed).unwrap();
            Duration::from_secs(rest.div_ceil(1000))
        }
    }

    /// How a server tells how long to wait.
    #[derive(Clone, Copy, Debug)]
    enum Header {
        Absent,
        UntilTheNextWindow,
        OneSecond,
    }

    /// Sends requests one after the other, so many milliseconds apart at least, each until it is
    /// admitted; returns how many were refused and how long it took.
    fn send(
        requests: usize,
        apart: u64,
        (allowed, window): (usize, Duration),
        header: Header,
    ) -> (usize, Duration) {
        let start = Instant::now();
        let mut server = Server { start, window, allowed, current: 0, admitted: 0 };
        let mut pace = Pace::new(None);
        let (mut now, mut refused) = (start, 0);
        for _ in 0..requests {
            loop {
                while let Some(at) = pace.free_at(now, 1) {
                    now = at;
                }
                let sent = now;
                pace.pass(sent);
                now += Duration::from_millis(apart);
                if server.admits(sent) {
                    break;
                }
                refused += 1;
                let told = match header {
                    Header::Absent => None,
                    Header::UntilTheNextWindow => Some(server.reset(sent)),
                    Header::OneSecond => Some(SECOND),
                };
                pace.refused(now, sent, told);
                now += told.unwrap_or_default();
            }
        }
        (refused, now - start)
    }

    #[test]
    fn one_refusal_that_tells_a_wait_slows_nothing_down() {
        let start = Instant::now();
        let mut pace = Pace::new(None);
        (0..20).for_each(|n| pace.pass(start + SECOND / 5 * n));
        let sent = start + SECOND * 4;
        pace.pass(sent);
        pace.refused(sent, sent, Some(Duration::from_secs(6)));
        assert_eq!(pace.learned, None);
        // Another one soon after does.
        let again = sent + Duration::from_secs(10);
        (0..20).for_each(|_| pace.pass(sent + Duration::from_secs(7)));
        pace.pass(again);
        pace.refused(again, again, Some(Duration::from_secs(6)));
        assert!(pace.learned.is_some());
    }

    /// A refusal among a hundred requests, and in no case more than a few.
    #[test]
    fn with_a_word_on_waiting_the_rate_falls_as_well() {
        for (allowed, window, header) in [
            (5, SECOND, Header::OneSecond),
            (1, SECOND, Header::OneSecond),
            (3, SECOND, Header::UntilTheNextWindow),
            (100, MINUTE, Header::UntilTheNextWindow),
            (20, MINUTE, Header::UntilTheNextWindow),
            (10, MINUTE, Header::UntilTheNextWindow),
            (100, MINUTE, Header::OneSecond),
        ] {
            let (refused, took) = send(155, 100, (allowed, window), header);
            let least = window * u32::try_from(155 / allowed).unwrap();
            let told = format!("{allowed} in {window:?} {header:?}: {refused} refused in {took:?}");
            assert!(refused <= 12, "{told}");
            assert!(took < least * 3 / 2 + MINUTE * 2, "{told}, where {least:?} are the least");
        }
    }

    #[test]
    fn a_wait_that_others_have_caused_slows_nothing_down() {
        let start = Instant::now();
        let mut pace = Pace::new(None);
        (0..5).for_each(|n| pace.pass(start + SECOND * n));
        let sent = start + SECOND * 5;
        pace.refused(sent, sent, Some(Duration::from_secs(40)));
        assert_eq!(pace.learned, None);
    }

    #[test]
    fn without_a_word_on_waiting_the_rate_falls_to_what_is_allowed() {
        for per_minute in [10, 20, 100, 250] {
            let requests = per_minute * 3 - 10;
            let (refused, took) = send(requests, 200, (per_minute, MINUTE), Header::Absent);
            assert!(refused <= 5, "{per_minute}: {refused} of {requests} refused");
            assert!(took < Duration::from_secs(300), "{per_minute}: {took:?}");
        }
        assert_eq!(
            send(290, 200, (300, MINUTE), Header::Absent).0,
            0,
            "what is allowed is not slowed down"
        );
    }

    #[test]
    fn a_bound_is_raised_each_minute_and_forgotten_in_the_end() {
        let start = Instant::now();
        let mut pace = Pace::new(None);
        (0..100).for_each(|n| pace.pass(start + Duration::from_millis(n)));
        let sent = start + Duration::from_secs(1);
        pace.refused(sent, sent, None);
        assert_eq!(pace.learned.map(|(learned, _)| learned), Some(90));
        pace.refused(sent + Duration::from_secs(1), sent, None);
        assert_eq!(pace.learned.map(|(learned, _)| learned), Some(90), "sent before it fell");
        let at = |minutes: u32| sent + MINUTE * minutes;
        assert_eq!(pace.free_at(at(1), 1), None);
        assert_eq!(pace.learned.map(|(learned, _)| learned), Some(99));
        assert_eq!(pace.free_at(at(100), 1), None);
        assert_eq!(pace.learned, None);
    }

    #[test]
    fn a_known_limit_is_kept_to_without_being_refused_first() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(100));
        (0..100).for_each(|n| pace.pass(start + Duration::from_millis(n)));
        let later = start + Duration::from_secs(30);
        assert_eq!(pace.free_at(later, 1), Some(start + MINUTE));
        assert_eq!(pace.free_at(start + MINUTE, 1), None);
        assert!(pace.free_at(start + MINUTE, 2).is_some(), "another process takes half");
    }
}
