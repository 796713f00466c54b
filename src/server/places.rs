//! How many requests are answered at once, and how long one may hold its place.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

/// Places of which a request needs one while it is answered.
#[derive(Clone, Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    terms: Terms,
}

/// How places are given and taken away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How long a request waits for a place before it is refused: other answers take less.
    pub(super) wait: Duration,
    /// How long a reader of an answer of any size keeps its place.
    pub(super) grace: Duration,
    /// Bytes a second that a reader must take to keep its place for longer.
    pub(super) pace: u64,
}

/// A place that is free again when this is dropped, or when the reader turns out to be slow.
#[derive(Debug)]
pub(super) struct Place {
    permit: OwnedSemaphorePermit,
    terms: Terms,
}

/// A place that is held while an answer of known length is read.
#[derive(Debug)]
pub(super) struct Held {
    /// Its drop is the message.
    _sender: oneshot::Sender<()>,
}

impl Places {
    /// `max` places; 0: as many as anybody wants.
    pub(super) fn new(max: usize, terms: Terms) -> Self {
        let permits = match max {
            0 => Semaphore::MAX_PERMITS,
            max => max.min(Semaphore::MAX_PERMITS),
        };
        Self { free: Arc::new(Semaphore::new(permits)), terms }
    }

    /// A place, unless none becomes free in time.
    pub(super) async fn take(&self) -> Option<Place> {
        let permit = timeout(self.terms.wait, Arc::clone(&self.free).acquire_owned()).await.ok()?;
        Some(Place { permit: permit.ok()?, terms: self.terms })
    }
}

impl Place {
    /// Holds the place until the answer is handed over, or should have been.
    pub(super) fn hold(self, answer_bytes: u64) -> Held {
        let Self { permit, terms } = self;
        let (held, dropped) = oneshot::channel();
        let due = terms.grace + Duration::from_secs_f64(answer_bytes as f64 / terms.pace as f64);
        tokio::spawn(async move {
            let _ = timeout(due, dropped).await;
            drop(permit);
        });
        Held { _sender: held }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const TERMS: Terms =
        Terms { wait: Duration::from_secs(1), grace: Duration::from_millis(500), pace: 1000 };

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_once_the_answer_is_read() {
        let places = Places::new(1, TERMS);
        let held = places.take().await.unwrap().hold(u64::from(u32::MAX));
        assert!(places.take().await.is_none());
        drop(held);
        assert!(places.take().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_loses_its_place_but_not_its_answer() {
        let places = Places::new(1, TERMS);
        let _held = places.take().await.unwrap().hold(2000);
        assert!(places.take().await.is_none(), "a second has passed");
        sleep(Duration::from_millis(1000)).await;
        assert!(places.take().await.is_some(), "2.5 seconds are over");
    }
}
