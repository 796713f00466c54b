//! The stop signal: triggered once, seen by every task, remembered.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
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

/// A stop signal that SIGTERM and SIGINT trigger. Must be called within a tokio runtime.
///
/// # Errors
/// If the signals cannot be waited for.
pub fn by_signal() -> io::Result<Shutdown> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (trigger, shutdown) = channel();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "Stopping, as {name} asks");
        trigger.stop();
    });
    Ok(shutdown)
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
