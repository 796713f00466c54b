//! The process around a command: stop signals are heard from the first moment on, and whatever the
//! command waits for, the process ends in bounded time.

use std::{io, thread, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{
        mpsc,
        oneshot::{self, error::RecvError},
    },
    time::sleep,
};

use super::Failure;
use crate::shutdown::{self, HANG_UP, Shutdown, Signals};

/// How long a command may take to stop: the server drains for five seconds, then the store closes.
/// Service managers wait longer before they kill (Docker 10 s, Kubernetes 30 s, systemd 90 s).
const STOP_PATIENCE: Duration = Duration::from_secs(8);

/// The stack of the command's thread, that of an ordinary main thread.
const STACK_BYTES: usize = 8 << 20;

/// How a command answers a stop signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It runs until it is told to stop: being stopped is how it ends well.
    Service,
    /// It has something to leave in order, and is not done.
    InOrder,
    /// It holds nothing: it ends at once, and is not done.
    AtOnce,
}

/// A process that hears stop signals and has not begun its work.
pub(super) struct Process {
    /// Of the main thread alone, so that nothing that the command does can hold up a signal.
    runtime: Runtime,
    signals: Signals,
}

impl Process {
    /// Begins to hear signals.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let within = runtime.enter();
        let signals = Signals::listen()?;
        drop(within);
        Ok(Self { runtime, signals })
    }

    /// Runs a command on a thread of its own, to its end or until a signal ends it. A second signal
    /// ends it at once.
    pub(super) fn run(
        self,
        stop: Stop,
        command: impl FnOnce(Shutdown, HangUps) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let Self { runtime, mut signals } = self;
        let (trigger, shutdown) = shutdown::channel();
        let (hung_up, hang_ups) = mpsc::channel(1);
        let (done, mut result) = oneshot::channel();
        thread::Builder::new().name("command".to_owned()).stack_size(STACK_BYTES).spawn(
            move || {
                // The main thread may have given up on it.
                let _ = done.send(command(shutdown, hang_ups));
            },
        )?;
        runtime.block_on(async {
            let signal = loop {
                let signal = tokio::select! {
                    biased;
                    result = &mut result => return ended(result),
                    signal = signals.next() => signal,
                };
                if signal != HANG_UP || stop != Stop::Service {
                    break signal;
                }
                // One that waits already reads whatever has changed by then.
                let _ = hung_up.try_send(());
            };
            tracing::info!(signal, "Stopping, as {signal} asks");
            trigger.stop();
            let unfinished = || match stop {
                Stop::Service => Ok(()),
                Stop::InOrder | Stop::AtOnce => Err(Failure::Interrupted),
            };
            if stop == Stop::AtOnce {
                return unfinished();
            }
            tokio::select! {
                biased;
                result = &mut result => ended(result),
                () = another_stop(&mut signals) => unfinished(),
                () = sleep(STOP_PATIENCE) => {
                    tracing::warn!("Ending without what did not stop within {STOP_PATIENCE:?}");
                    unfinished()
                }
            }
        })
    }
}

async fn another_stop(signals: &mut Signals) {
    while signals.next().await == HANG_UP {}
}

/// Each is a wish to read the configuration again.
pub(super) type HangUps = mpsc::Receiver<()>;

/// What became of a command whose thread has ended.
fn ended(result: Result<Result<(), Failure>, RecvError>) -> Result<(), Failure> {
    // Without a result it panicked, which was told then.
    result.unwrap_or_else(|_| Err(Failure::failed("ended by a defect in the exporter, see above")))
}
