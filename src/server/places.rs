//! How many requests are answered at once, how many of them to one address, and how long one may
//! hold its place.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

/// Addresses that are remembered though nobody of them asks any more.
const PEERS_KEPT: usize = 1024;

/// Places of which a request needs one while it is answered.
#[derive(Clone, Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// Of these, for one address: a quarter is left for others, who so never wait behind a crowd.
    share: usize,
    peers: Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>,
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
    of_share: OwnedSemaphorePermit,
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
        let share = permits - permits / 4;
        Self { free: Arc::new(Semaphore::new(permits)), share, peers: Arc::default(), terms }
    }

    /// A place for a request from this address, unless none becomes free in time.
    pub(super) async fn take(&self, peer: IpAddr) -> Option<Place> {
        let share = self.share_of(peer);
        let both = async {
            let of_share = share.acquire_owned().await.ok()?;
            let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
            Some(Place { permit, of_share, terms: self.terms })
        };
        timeout(self.terms.wait, both).await.ok()?
    }

    fn share_of(&self, peer: IpAddr) -> Arc<Semaphore> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS_KEPT {
            // Whoever waits or holds a place holds the semaphore too.
            peers.retain(|_, share| Arc::strong_count(share) > 1);
        }
        Arc::clone(peers.entry(peer).or_insert_with(|| Arc::new(Semaphore::new(self.share))))
    }
}

impl Place {
    /// Holds the place until the answer is handed over, or should have been.
    pub(super) fn hold(self, answer_bytes: u64) -> Held {
        let Self { permit, of_share, terms } = self;
        let (held, dropped) = oneshot::channel();
        let due = terms.grace + Duration::from_secs_f64(answer_bytes as f64 / terms.pace as f64);
        tokio::spawn(async move {
            let _ = timeout(due, dropped).await;
            drop((permit, of_share));
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

    fn peer(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_from_one_address_leaves_places_for_others() {
        let places = Places::new(4, TERMS);
        let mut crowd = Vec::new();
        while let Some(place) = places.take(peer(1)).await {
            crowd.push(place);
        }
        assert_eq!(crowd.len(), 3);
        assert!(places.take(peer(2)).await.is_some());
        for number in 0..=255 {
            (0..8).for_each(|high| drop(places.share_of([10, 0, high, number].into())));
        }
        assert!(places.peers.lock().unwrap().len() <= PEERS_KEPT);
        assert!(places.take(peer(1)).await.is_none(), "its share is not forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_once_the_answer_is_read() {
        let places = Places::new(1, TERMS);
        let held = places.take(peer(1)).await.unwrap().hold(u64::from(u32::MAX));
        assert!(places.take(peer(1)).await.is_none());
        drop(held);
        assert!(places.take(peer(1)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_loses_its_place_but_not_its_answer() {
        let places = Places::new(1, TERMS);
        let _held = places.take(peer(1)).await.unwrap().hold(2000);
        assert!(places.take(peer(1)).await.is_none(), "a second has passed");
        sleep(Duration::from_millis(1000)).await;
        assert!(places.take(peer(1)).await.is_some(), "2.5 seconds are over");
    }
}
