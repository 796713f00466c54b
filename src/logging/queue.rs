//! Lines on their way to the log: nobody who logs waits for whoever reads it.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::time::Instant;

/// Lines that wait while the log is not read; more are dropped and counted. A start with thousands
/// of departments logs a few dozen.
const LINES_MAX: usize = 4096;

/// How long the end of the process waits for the lines before it.
const FLUSH_PATIENCE: Duration = Duration::from_millis(500);

/// The way to the log; each write is a line. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    lines: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// Everything before it was written; whoever waits is told.
    Flush(SyncSender<()>),
}

impl Queue {
    /// Starts the thread that writes. `tell_dropped` logs how many lines were dropped.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(super) fn start(
        log: impl Write + Send + 'static,
        tell_dropped: fn(u64),
    ) -> io::Result<Self> {
        let (lines, waiting) = sync_channel(LINES_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        let write = move || write_all(log, &waiting, &counted, tell_dropped);
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(Self { lines, dropped })
    }

    /// Waits until all lines so far are written, but not for long.
    pub(super) fn flush(&self) {
        let deadline = Instant::now() + FLUSH_PATIENCE;
        let (done, written) = sync_channel(1);
        while let Err(TrySendError::Full(_)) = self.lines.try_send(Entry::Flush(done.clone())) {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // In vain if nobody reads the log.
        let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

fn write_all(
    mut log: impl Write,
    waiting: &Receiver<Entry>,
    dropped: &AtomicU64,
    tell_dropped: fn(u64),
) {
    for entry in waiting {
        match entry {
            // A log that is gone is no reason to stop.
            Entry::Line(line) => drop(log.write_all(&line)),
            Entry::Flush(done) => {
                let _ = done.try_send(());
            }
        }
        match dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            count => tell_dropped(count),
        }
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Entry::Line(line.to_vec())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A log that is read only when the test holds no lock on it.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    static TOLD: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn nobody_waits_for_a_log_that_is_not_read_and_what_is_lost_is_counted() {
        let log = Log::default();
        let tell = |count| {
            TOLD.fetch_add(count, Ordering::Relaxed);
        };
        let mut queue = Queue::start(log.clone(), tell).unwrap();
        let lines = LINES_MAX + 100;
        let not_read = log.0.lock().unwrap();
        for _ in 0..lines {
            queue.write_all(b"line\n").unwrap();
        }
        // It waits its time and goes on.
        Queue::flush(&queue);
        drop(not_read);
        // Once more for what was dropped, which is told after the next line.
        Queue::flush(&queue);
        Queue::flush(&queue);
        let written = log.0.lock().unwrap().len() / b"line\n".len();
        let told = usize::try_from(TOLD.load(Ordering::Relaxed)).unwrap();
        assert_eq!(written + told, lines);
        // The one that is being written has left the queue.
        assert!((99..=100).contains(&told), "{told}");
    }

    #[test]
    fn a_log_that_is_gone_stops_nobody() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut queue = Queue::start(Gone, |_| ()).unwrap();
        queue.write_all(b"line\n").unwrap();
        Queue::flush(&queue);
        queue.write_all(b"line\n").unwrap();
    }
}
