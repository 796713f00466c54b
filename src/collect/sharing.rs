//! An exporter and a backfill on the same store share the rate of requests.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::sleep};

use crate::feishu::Client;

/// How soon another process on the same store that begins or ends is noticed.
const CHECK: Duration = Duration::from_secs(1);

/// The clients of this process, and what tells whether another process asks beside it.
pub(crate) struct Sharing {
    pub(crate) directory: PathBuf,
    /// Whether the other process runs on the store in that directory.
    pub(crate) is_other_running: fn(&std::path::Path) -> bool,
    pub(crate) clients: Vec<Arc<Client>>,
    /// Told of each request: while nothing is asked, there is nothing to share.
    pub(crate) requests: Arc<Notify>,
}

impl Sharing {
    /// Halves the rate if the other process runs, and waits until it has noticed this one.
    pub(crate) async fn begin(&self) {
        if self.check() {
            sleep(CHECK * 2).await;
        }
    }

    /// Halves the rate while the other process runs; goes on until it is dropped. It sleeps while
    /// nothing is asked.
    pub(crate) async fn watch(self) {
        loop {
            self.requests.notified().await;
            self.check();
            sleep(CHECK).await;
        }
    }

    fn check(&self) -> bool {
        let is_shared = (self.is_other_running)(&self.directory);
        self.clients.iter().for_each(|client| client.share_rate(is_shared));
        is_shared
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    static CHECKS: AtomicU32 = AtomicU32::new(0);

    fn count_checks(_: &std::path::Path) -> bool {
        CHECKS.fetch_add(1, Ordering::Relaxed);
        false
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_looks_for_another_process_while_nothing_is_asked() {
        let requests = Arc::new(Notify::new());
        let sharing = Sharing {
            directory: PathBuf::new(),
            is_other_running: count_checks,
            clients: Vec::new(),
            requests: Arc::clone(&requests),
        };
        tokio::spawn(sharing.watch());
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(CHECKS.load(Ordering::Relaxed), 0);
        for _ in 0..10 {
            requests.notify_one();
            sleep(CHECK * 2).await;
        }
        assert_eq!(CHECKS.load(Ordering::Relaxed), 10, "and while it is, each second");
    }
}
