//! An exporter and a backfill on the same store share the rate of requests.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::feishu::Client;

/// How soon another process on the same store that begins or ends is noticed.
const CHECK: Duration = Duration::from_secs(1);

/// The clients of this process, and what tells whether another process asks beside it.
pub(crate) struct Sharing {
    pub(crate) directory: PathBuf,
    /// Whether the other process runs on the store in that directory.
    pub(crate) is_other_running: fn(&std::path::Path) -> bool,
    pub(crate) clients: Vec<Arc<Client>>,
}

impl Sharing {
    /// Halves the rate if the other process runs, and waits until it has noticed this one.
    pub(crate) async fn begin(&self) {
        if self.check() {
            sleep(CHECK * 2).await;
        }
    }

    /// Halves the rate while the other process runs; goes on until it is dropped.
    pub(crate) async fn watch(self) {
        loop {
            sleep(CHECK).await;
            self.check();
        }
    }

    fn check(&self) -> bool {
        let is_shared = (self.is_other_running)(&self.directory);
        self.clients.iter().for_each(|client| client.share_rate(is_shared));
        is_shared
    }
}
