//! A scrape is made once for all who wait for it.
//!
//! Rendering and compressing the exporter's own metrics is what a scrape costs. Whoever waits for a
//! turn is given what another began to make after they had asked: it is as new as one of their own
//! would be, so that a thousand scrapers cost as much as a few.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::pages::Defect;
use crate::exposition::{Format, Piece};

/// In which form a scrape wants its answer: the format, and whether compressed.
pub(super) type Form = (Format, bool);

/// The answers that are being made.
#[derive(Debug)]
pub(super) struct Shared {
    /// One at a time, so that a thread is left for everybody else.
    turn: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many were begun.
    begun: u64,
    /// Requests that want one.
    waiting: usize,
    /// The newest of each form with its number, as long as somebody waits.
    made: Vec<(Form, u64, Vec<Piece>)>,
}

/// A request that wants an answer.
struct Waiting<'a> {
    shared: &'a Shared,
    /// How many had been begun when it came.
    before: u64,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { turn: Semaphore::new(1), state: Mutex::default() }
    }

    /// An answer that was begun after this was called, by `make` or for another request.
    ///
    /// # Errors
    /// If `make` fails; then the next request makes its own.
    pub(super) async fn of(
        &self,
        form: Form,
        make: impl FnOnce() -> Result<Vec<Piece>, Defect>,
    ) -> Result<Vec<Piece>, Defect> {
        let waiting = self.wait();
        let _turn = self.turn.acquire().await;
        let number = {
            let mut state = self.state();
            let made = state.made.iter().find(|(of, ..)| *of == form);
            if let Some((.., pieces)) = made.filter(|(_, number, _)| *number > waiting.before) {
                return Ok(pieces.clone());
            }
            state.begun += 1;
            state.begun
        };
        let pieces = make()?;
        let mut state = self.state();
        if state.waiting > 1 {
            state.made.retain(|(of, ..)| *of != form);
            state.made.push((form, number, pieces.clone()));
        }
        Ok(pieces)
    }

    fn wait(&self) -> Waiting<'_> {
        let mut state = self.state();
        state.waiting += 1;
        Waiting { shared: self, before: state.begun }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.waiting -= 1;
        if state.waiting == 0 {
            // What nobody waits for is not kept: it holds a snapshot.
            state.made.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    };

    use tokio::{task::JoinSet, time::sleep};

    use super::*;

    fn form() -> Form {
        (Format::negotiate(None), true)
    }

    fn text(pieces: Vec<Piece>) -> u8 {
        pieces.into_iter().flat_map(Piece::into_bytes).next().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_given_what_was_begun_later_and_nothing_older() {
        let shared = Arc::new(Shared::new());
        let made = Arc::new(AtomicU8::new(0));
        let ask = || {
            let (shared, made) = (Arc::clone(&shared), Arc::clone(&made));
            async move {
                let make = || {
                    let number = made.fetch_add(1, Ordering::SeqCst) + 1;
                    Ok(vec![Piece::Ready(vec![number].into())])
                };
                text(shared.of(form(), make).await.unwrap_or_default())
            }
        };
        // While the turn is taken, a hundred come; the first of them makes it for all.
        let turn = shared.turn.acquire().await.unwrap();
        let mut crowd = JoinSet::new();
        (0..100).for_each(|_| drop(crowd.spawn(ask())));
        sleep(std::time::Duration::from_secs(1)).await;
        drop(turn);
        assert!(crowd.join_all().await.iter().all(|number| *number == 1));
        // Whoever comes later is given a newer one.
        assert_eq!((ask().await, ask().await), (2, 3));
        assert!(shared.state().made.is_empty());
    }

    #[tokio::test]
    async fn a_defect_is_not_shared() {
        let shared = Shared::new();
        assert!(shared.of(form(), || Err(Defect)).await.is_err());
        assert!(shared.of(form(), || Ok(Vec::new())).await.is_ok());
    }
}
