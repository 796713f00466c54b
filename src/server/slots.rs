//! Who is connected: how many at once, how many from one address, and who has to go when there is
//! no room.
//!
//! When all slots are taken, the connection goes that has waited the longest for its client; where
//! none waits, the one that has been reading its answer the longest. Where nobody can be sent
//! away, a newcomer gets one of a few slots in reserve, in which only the probes are answered.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use tracing::warn;

use super::measure::{Ended, Measure};

/// A crowd is told once; after so long without one it would be another.
const CROWD_OVER_AFTER: Duration = Duration::from_secs(600);

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Connections at once, over all listeners.
    pub(super) connections: usize,
    /// Of these, from one address.
    pub(super) from_one_peer: usize,
    /// More, for probes alone.
    pub(super) reserve: usize,
    /// For how long a connection that is being answered cannot be sent away.
    pub(super) answering: Duration,
}

/// Whose connection it is: an address, or a network of IPv6 that is given to one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

/// The table of connections.
#[derive(Debug)]
pub(super) struct Slots {
    room: Room,
    table: Mutex<Table>,
    measure: Arc<Measure>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Arc<Connection>>,
    peers: HashMap<Peer, usize>,
    crowd: Occasion,
    descriptors: Occasion,
}

/// Something that is told when it begins, and not again while it goes on.
#[derive(Debug, Default)]
struct Occasion(Option<Instant>);

#[derive(Debug)]
struct Connection {
    peer: Peer,
    in_reserve: bool,
    state: Mutex<State>,
    sent_away: AtomicBool,
    go: Notify,
}

#[derive(Debug)]
struct State {
    /// Requests that are being answered.
    answering: usize,
    /// When that last became none, or one.
    since: Instant,
}

/// A connection's place in the table, free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    id: u64,
    connection: Arc<Connection>,
    slots: Arc<Slots>,
    ended: Ended,
}

/// A request that is being answered, until its answer is handed over.
#[derive(Debug)]
pub(super) struct Answering(Arc<Connection>);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            v4 => Self(v4),
        }
    }
}

impl Peer {
    pub(super) const fn address(self) -> IpAddr {
        self.0
    }
}

impl Slots {
    pub(super) fn new(room: Room, measure: Arc<Measure>) -> Self {
        Self { room, table: Mutex::default(), measure }
    }

    /// A slot for a newcomer; none if there is no room even in the reserve.
    pub(super) fn admit(self: &Arc<Self>, peer: Peer) -> Option<Slot> {
        let mut table = self.table();
        let now = Instant::now();
        let mut in_reserve = false;
        if table.of_peer(peer) >= self.room.from_one_peer {
            table.tell_of_crowd(now, &self.room, Some(peer));
            in_reserve |= !self.send_away(&mut table, now, |c| c.peer == peer && !c.in_reserve);
        }
        if !in_reserve && table.regular() >= self.room.connections {
            table.tell_of_crowd(now, &self.room, None);
            in_reserve |= !self.send_away(&mut table, now, |c| !c.in_reserve);
        }
        let reserved = table.open.len() - table.regular();
        if in_reserve
            && reserved >= self.room.reserve
            && !self.send_away(&mut table, now, |c| c.in_reserve)
        {
            drop(table);
            self.measure.refused();
            return None;
        }
        let connection = Arc::new(Connection {
            peer,
            in_reserve,
            state: Mutex::new(State { answering: 0, since: now }),
            sent_away: AtomicBool::new(false),
            go: Notify::new(),
        });
        let id = table.next;
        table.next += 1;
        table.open.insert(id, Arc::clone(&connection));
        *table.peers.entry(peer).or_default() += usize::from(!in_reserve);
        self.measure.open(table.open.len());
        let slots = Arc::clone(self);
        Some(Slot { id, connection, slots, ended: Ended::Error })
    }

    /// Makes room where the system has no descriptor left for a newcomer.
    pub(super) fn without_descriptor(&self, error: &std::io::Error) {
        let mut table = self.table();
        let now = Instant::now();
        if table.descriptors.begins(now) {
            let open = table.open.len();
            warn!(
                %error, open,
                "Cannot accept connections ({error}); the longest idle are closed. Raise the limit \
                 of open files (ulimit -n, LimitNOFILE)"
            );
        }
        self.send_away(&mut table, now, |_| true);
        drop(table);
        self.measure.refused();
    }

    /// Ends the connection whose answer has been read for the longest time.
    pub(super) fn send_slowest_away(&self) {
        let mut table = self.table();
        self.send_away(&mut table, Instant::now(), |c| c.state().answering > 0);
    }

    /// Ends one of these connections; false if each was being answered only just now.
    fn send_away(
        &self,
        table: &mut Table,
        now: Instant,
        among: impl Fn(&Connection) -> bool,
    ) -> bool {
        let mut chosen: Option<(bool, Instant, u64)> = None;
        for (&id, connection) in table.open.iter().filter(|(_, c)| among(c)) {
            let State { answering, since } = *connection.state();
            let busy = answering > 0;
            if busy && now.duration_since(since) < self.room.answering {
                continue;
            }
            chosen = Some(chosen.map_or((busy, since, id), |best| best.min((busy, since, id))));
        }
        let Some((_, _, id)) = chosen else { return false };
        if let Some(connection) = table.forget(id) {
            connection.sent_away.store(true, Ordering::Relaxed);
            connection.go.notify_one();
        }
        true
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn regular(&self) -> usize {
        self.peers.values().sum()
    }

    fn of_peer(&self, peer: Peer) -> usize {
        self.peers.get(&peer).copied().unwrap_or_default()
    }

    fn forget(&mut self, id: u64) -> Option<Arc<Connection>> {
        let connection = self.open.remove(&id)?;
        if !connection.in_reserve
            && let Some(count) = self.peers.get_mut(&connection.peer)
        {
            *count -= 1;
            if *count == 0 {
                self.peers.remove(&connection.peer);
            }
        }
        Some(connection)
    }

    fn tell_of_crowd(&mut self, now: Instant, room: &Room, one: Option<Peer>) {
        if self.crowd.begins(now) {
            let open = self.open.len();
            match one {
                Some(peer) => {
                    let (peer, share) = (peer.address(), room.from_one_peer);
                    warn!(%peer, open, "{peer} holds its share of {share} connections; its longest idle are closed");
                }
                None => {
                    warn!(open, "All {open} connections are taken; the longest idle are closed");
                }
            }
        }
    }
}

impl Occasion {
    fn begins(&mut self, now: Instant) -> bool {
        let begins = self.0.is_none_or(|last| now.duration_since(last) > CROWD_OVER_AFTER);
        self.0 = Some(now);
        begins
    }
}

impl Connection {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Returns when the connection has to make room.
    pub(super) async fn sent_away(&self) {
        self.connection.go.notified().await;
    }

    /// Whether only probes are answered here.
    pub(super) fn in_reserve(&self) -> bool {
        self.connection.in_reserve
    }

    pub(super) fn peer(&self) -> Peer {
        self.connection.peer
    }

    /// How to say that requests of this connection are being answered.
    pub(super) fn answers(&self) -> impl Fn() -> Answering + Clone + use<> {
        let connection = Arc::clone(&self.connection);
        move || {
            let mut state = connection.state();
            state.answering += 1;
            if state.answering == 1 {
                state.since = Instant::now();
            }
            drop(state);
            Answering(Arc::clone(&connection))
        }
    }

    /// For how long nothing has been answered; none while something is.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let state = self.connection.state();
        (state.answering == 0).then(|| state.since.elapsed())
    }

    /// For how long something has been answered without a pause.
    pub(super) fn answering_for(&self) -> Option<Duration> {
        let state = self.connection.state();
        (state.answering > 0).then(|| state.since.elapsed())
    }

    /// Says why it ends, which is counted when it is dropped.
    pub(super) fn ends(&mut self, why: Ended) {
        self.ended = why;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.slots.table();
        table.forget(self.id);
        self.slots.measure.open(table.open.len());
        drop(table);
        let evicted = self.connection.sent_away.load(Ordering::Relaxed);
        self.slots.measure.closed(if evicted { Ended::Evicted } else { self.ended });
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.answering -= 1;
        if state.answering == 0 {
            state.since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn slots() -> Arc<Slots> {
        let room = Room { connections: 4, from_one_peer: 3, reserve: 1, answering: SECOND };
        Arc::new(Slots::new(room, Arc::new(Measure::register(&Registry::new()))))
    }

    fn peer(last: u8) -> Peer {
        IpAddr::from([10, 0, 0, last]).into()
    }

    async fn is_sent_away(slot: &Slot) -> bool {
        tokio::time::timeout(Duration::from_millis(1), slot.sent_away()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_goes_and_not_the_one_that_is_answered() {
        let slots = slots();
        let answered = slots.admit(peer(1)).unwrap();
        let answering = answered.answers()();
        let mut others = Vec::new();
        for last in 2..5 {
            advance(SECOND).await;
            others.push(slots.admit(peer(last)).unwrap());
        }
        let newcomer = slots.admit(peer(5)).unwrap();
        assert!(!newcomer.in_reserve());
        assert!(is_sent_away(&others[0]).await);
        assert!(!is_sent_away(&others[1]).await && !is_sent_away(&answered).await);
        drop(answering);
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_pushes_away_its_own_connections_alone() {
        let slots = slots();
        let other = slots.admit(peer(9)).unwrap();
        advance(SECOND).await;
        let mut own = Vec::new();
        for _ in 0..4 {
            own.push(slots.admit(peer(1)).unwrap());
            advance(SECOND).await;
        }
        assert!(is_sent_away(&own[0]).await && !is_sent_away(&other).await);
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_are_answered_a_probe_still_gets_in_and_the_slow_go_later() {
        let slots = slots();
        let held: Vec<_> = (0..4).map(|last| slots.admit(peer(last)).unwrap()).collect();
        let answering: Vec<_> = held.iter().map(|slot| slot.answers()()).collect();
        let reserved = slots.admit(peer(5)).unwrap();
        assert!(reserved.in_reserve());
        let next = slots.admit(peer(6)).unwrap();
        assert!(next.in_reserve() && is_sent_away(&reserved).await);
        let busy = next.answers()();
        assert!(slots.admit(peer(7)).is_none(), "the reserve is answered just now");
        advance(SECOND).await;
        assert!(!slots.admit(peer(8)).unwrap().in_reserve());
        drop((busy, answering));
    }

    #[test]
    fn an_occasion_is_told_once() {
        let (mut occasion, now) = (Occasion::default(), Instant::now());
        assert!(occasion.begins(now));
        assert!(!occasion.begins(now + CROWD_OVER_AFTER));
        assert!(!occasion.begins(now + CROWD_OVER_AFTER * 2));
        assert!(occasion.begins(now + CROWD_OVER_AFTER * 4));
    }

    #[test]
    fn a_peer_is_an_address_or_a_network_of_one_customer() {
        let peer = |text: &str| Peer::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::2"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
    }
}
