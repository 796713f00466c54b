//! The stop signal: triggered once, seen by every task, remembered.

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Stops everything that holds a [`Shutdown`] of the same pair.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// A task's view of the stop signal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// A new signal, not yet triggered.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

/// The signals that a process is told something by, heard from now on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// SIGHUP: to read the configuration again, or that the terminal has gone.
pub const HANG_UP: &str = "SIGHUP";

impl Signals {
    /// Begins to hear them. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the signals cannot be waited for.
    pub fn listen() -> io::Result<Self> {
        // Heard once, it ends the process no more: a file that grows beyond the limit (ulimit -f)
        // is then an error of the write.
        let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hang_up.recv() => HANG_UP,
        }
    }
}

impl Trigger {
    /// Asks every task to stop. Dropping the trigger does the same.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Returns when the signal was triggered, at once if that has happened already.
    pub async fn requested(&mut self) {
        // An error means that the trigger is gone, which is a stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// The same for who keeps nothing else of it.
    pub async fn wait(mut self) {
        self.requested().await;
    }

    /// Whether the signal was triggered.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_seen_by_all_and_remembered() {
        let (trigger, shutdown) = channel();
        let mut early = shutdown.clone();
        assert!(!early.is_requested());
        let waiting = tokio::spawn(async move { early.requested().await });
        trigger.stop();
        waiting.await.unwrap();
        let mut late = shutdown;
        late.requested().await;
        assert!(late.is_requested());
    }

    #[tokio::test]
    async fn dropping_the_trigger_is_a_stop() {
        let (trigger, mut shutdown) = channel();
        drop(trigger);
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
