//! Time that runs fast where nothing happens and slowly where something does.
//!
//! All waiting and measuring of exporter and simulator goes through `tokio::time`, and so do both
//! their clocks. That time is paused here and moved in steps, each after everything in this process
//! has had its turn: sockets of the loopback are ready at once, so that a thread on which nothing
//! happens for a few turns has nothing under way, and the other threads, the store's first, are
//! waited for while they work. While requests are answered, a step is short; in the hours between,
//! it is a minute. The clocks
//! never stand still and never skip a timer.

use std::{fs, pin::pin, sync::mpsc, thread, time::Duration};

use feishu_simulator::Handle;
use jiff::Timestamp;
use tokio::{task::yield_now, time::Instant};

/// So often nothing must have happened before time moves on: a request passes through fewer hands.
const TURNS: u32 = 10;
/// How long another thread is waited for at a time.
const GLANCE: Duration = Duration::from_micros(50);
/// How long a step is after so long without a request.
const STEPS: [(Duration, Duration); 4] = [
    (Duration::from_millis(200), Duration::from_millis(20)),
    (Duration::from_secs(2), Duration::from_millis(200)),
    (Duration::from_secs(30), Duration::from_secs(2)),
    (Duration::MAX, Duration::from_secs(60)),
];

pub(crate) struct Time {
    simulator: Handle,
    /// How many were answered, and how many were not yet.
    requests: (u64, usize),
    active: Instant,
    /// While a blocking task runs, tokio moves a paused time only where it is told to.
    _hold: mpsc::Sender<()>,
}

impl Time {
    pub(crate) fn take_over(simulator: Handle) -> Self {
        tokio::time::pause();
        let (hold, held) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv());
        Self { simulator, requests: (0, 0), active: Instant::now(), _hold: hold }
    }

    /// Something is about to happen: the next steps are short.
    pub(crate) fn slow_down(&mut self) {
        self.active = Instant::now();
    }

    /// Lets time run until then.
    pub(crate) async fn until(&mut self, at: Timestamp) {
        loop {
            let left = self.simulator.now().duration_until(at);
            if !left.is_positive() {
                return;
            }
            self.step(left.unsigned_abs()).await;
        }
    }

    /// Lets time run until this is done, slowly: it may be other threads that are waited for.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            self.slow_down();
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.step(Duration::MAX) => {}
            }
        }
    }

    /// Lets time run slowly until something is so: it may be other threads that are waited for.
    pub(crate) async fn slowly(&mut self, until: impl Fn() -> bool) {
        while !until() {
            self.slow_down();
            self.step(Duration::MAX).await;
        }
    }

    async fn step(&mut self, at_most: Duration) {
        let mut quiet = 0;
        let mut open = self.simulator.concurrent();
        while quiet < TURNS {
            yield_now().await;
            let before = std::mem::replace(&mut open, self.simulator.concurrent());
            quiet = if before == open { quiet + 1 } else { 0 };
            if quiet == TURNS && others_work() {
                thread::sleep(GLANCE);
                quiet = 0;
            }
        }
        let requests = self.simulator.answered_in_all();
        if (requests, open) != self.requests {
            (self.requests, self.active) = ((requests, open), Instant::now());
        }
        let idle = self.active.elapsed();
        let (_, step) = STEPS.iter().find(|(until, _)| idle < *until).expect("the last has no end");
        tokio::time::advance((*step).min(at_most)).await;
    }
}

/// Whether another thread of this process runs, is about to, or waits for a disk (proc(5), `stat`).
fn others_work() -> bool {
    let own = fs::read_link("/proc/thread-self").expect("Linux has it");
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has it").flatten();
    let others = tasks.filter(|task| Some(task.file_name().as_os_str()) != own.file_name());
    let state = |stat: String| stat.rsplit(") ").next()?.chars().next();
    // A thread that has just ended does nothing.
    let mut states =
        others.filter_map(|task| state(fs::read_to_string(task.path().join("stat")).ok()?));
    states.any(|state| matches!(state, 'R' | 'D'))
}
