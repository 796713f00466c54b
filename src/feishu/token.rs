//! The tenant access token: fetched once for all who wait, renewed early, renewed once when
//! refused.
//!
//! Feishu returns the same token while it has half an hour left, and a new one after that; both
//! stay valid (API document of `tenant_access_token/internal`). `expire` is the remaining life,
//! not always 7200.

use std::{
    sync::{
        Mutex as StdMutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::error::Error;
use crate::{clock::Clock, secret::Secret};

/// How long before its end a token is renewed, if it lives long enough for that.
const RENEW_BEFORE: Duration = Duration::from_secs(600);
/// Secrets that are remembered so that no answer can repeat them: the app's, and the last tokens.
const REMEMBERED_MAX: usize = 8;

/// A token and when it was fetched, as a number that grows with each renewal.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) value: Secret,
    pub(super) generation: u64,
}

/// A token just fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) value: Secret,
    /// The life it has left.
    pub(super) life: Duration,
}

/// The token of one tenant and the secrets that were seen with it.
///
/// Lives are counted by the wall clock, which goes on while a machine sleeps.
#[derive(Debug)]
pub(super) struct Tokens {
    clock: Clock,
    state: Mutex<State>,
    /// Counts fetches that ended, so that a waiter knows whether one ended while it waited.
    fetches: AtomicU64,
    seen: StdMutex<Vec<Secret>>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<(Token, Timestamp)>,
    generation: u64,
    last_failure: Option<(u64, Error)>,
}

impl Tokens {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            fetches: AtomicU64::new(0),
            seen: StdMutex::default(),
        }
    }

    /// The current token, or a new one from `fetch`. All who ask meanwhile wait for that one
    /// fetch and share its result, be it a token or an error.
    ///
    /// `refused` is the generation of a token that Feishu did not accept: it is not used again.
    pub(super) async fn get<F>(&self, refused: Option<u64>, fetch: F) -> Result<Token, Error>
    where
        F: AsyncFnOnce() -> Result<Fetched, Error>,
    {
        let fetches = self.fetches.load(Ordering::SeqCst);
        let mut state = self.state.lock().await;
        if let Some((token, renew_at)) = &state.current
            && refused != Some(token.generation)
            && self.clock.now() < *renew_at
        {
            return Ok(token.clone());
        }
        if let Some((fetch, error)) = &state.last_failure
            && *fetch > fetches
        {
            return Err(error.clone());
        }
        let fetched = fetch().await;
        let fetch = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        match fetched {
            Ok(fetched) => {
                self.remember(&fetched.value);
                state.generation += 1;
                let token = Token { value: fetched.value, generation: state.generation };
                let useful = SignedDuration::try_from(useful(fetched.life));
                let renew_at =
                    self.clock.now().saturating_add(useful.unwrap_or(SignedDuration::ZERO));
                state.current = Some((token.clone(), renew_at.unwrap_or(Timestamp::MAX)));
                Ok(token)
            }
            Err(error) => {
                state.last_failure = Some((fetch, error.clone()));
                Err(error)
            }
        }
    }

    /// Whether there is a token that need not be renewed yet.
    pub(super) async fn is_current(&self) -> bool {
        let state = self.state.lock().await;
        state.current.as_ref().is_some_and(|(_, renew_at)| self.clock.now() < *renew_at)
    }

    /// Remembers a secret, so that [`Tokens::redact`] finds it.
    pub(super) fn remember(&self, secret: &Secret) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // What is used again is new again: the app's own secret must outlive any token.
        seen.retain(|known| known.expose() != secret.expose());
        if seen.len() == REMEMBERED_MAX {
            seen.remove(0);
        }
        seen.push(secret.clone());
    }

    /// `text` without any secret that was remembered.
    pub(super) fn redact(&self, text: String) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().fold(text, |text, secret| secret.redact(text))
    }
}

/// How long a token of that life is used: until ten minutes before its end, or for three quarters
/// of a short life.
fn useful(life: Duration) -> Duration {
    life - RENEW_BEFORE.min(life / 4)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::{clock::Hand, feishu::Class};

    fn tokens() -> (Tokens, Hand) {
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        (Tokens::new(clock), hand)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn fetched(value: &str, life_s: u64) -> Result<Fetched, Error> {
        Ok(Fetched { value: Secret::new(value.to_owned()), life: Duration::from_secs(life_s) })
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_share_one_fetch() {
        let ((tokens, _hand), fetches) = (tokens(), AtomicU32::new(0));
        let get = || {
            tokens.get(None, async || {
                fetches.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                fetched("t-1", 7200)
            })
        };
        let (a, b, c) = tokio::join!(get(), get(), get());
        assert!([a, b, c].iter().all(|t| t.as_ref().unwrap().value.expose() == "t-1"));
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_share_one_failure_and_the_next_asks_again() {
        let ((tokens, _hand), fetches) = (tokens(), AtomicU32::new(0));
        let get = || {
            tokens.get(None, async || {
                fetches.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err(Error::local(Class::Network, "fetching a token", "refused"))
            })
        };
        let (a, b) = tokio::join!(get(), get());
        assert!(a.is_err() && b.is_err());
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        assert!(get().await.is_err());
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_its_end() {
        let (tokens, hand) = tokens();
        let get = |value| tokens.get(None, async move || fetched(value, 7200));
        assert_eq!(get("t-1").await.unwrap().generation, 1);
        hand.set(at(6599));
        assert_eq!(get("t-2").await.unwrap().generation, 1);
        hand.set(at(6601));
        assert_eq!(get("t-2").await.unwrap().generation, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_of_short_life_is_used_for_three_quarters_of_it() {
        let (tokens, hand) = tokens();
        let get = |value| tokens.get(None, async move || fetched(value, 20));
        get("t-1").await.unwrap();
        hand.set(at(14));
        assert_eq!(get("t-2").await.unwrap().generation, 1);
        hand.set(at(16));
        assert_eq!(get("t-2").await.unwrap().generation, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_renewed_once_for_all() {
        let ((tokens, _hand), fetches) = (tokens(), AtomicU32::new(0));
        let get = |refused| {
            tokens.get(refused, async || {
                let n = fetches.fetch_add(1, Ordering::SeqCst);
                fetched(&format!("t-{n}"), 7200)
            })
        };
        let first = get(None).await.unwrap();
        let (a, b) = tokio::join!(get(Some(first.generation)), get(Some(first.generation)));
        assert_eq!(a.unwrap().generation, 2);
        assert_eq!(b.unwrap().generation, 2);
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn remembered_secrets_are_removed_from_text() {
        let (tokens, _hand) = tokens();
        let app_secret = Secret::new("the-apps-own".to_owned());
        for n in 0..20 {
            tokens.remember(&app_secret);
            tokens.remember(&Secret::new(format!("t-secret-{n:02}")));
            assert_eq!(tokens.redact("the-apps-own".to_owned()), "<redacted>", "{n}");
        }
        assert_eq!(tokens.redact("at t-secret-19".to_owned()), "at <redacted>");
    }
}
