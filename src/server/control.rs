//! What the pages `/-/reload` and `/config` need of whoever runs the exporter.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Duration, timeout},
};

use super::page::Configuration;

/// Reloads that may wait for one another; more are told to come again.
const WAITING_MAX: usize = 4;

/// A client gives up no later than this; the reload itself goes on.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A request to read the configuration again.
#[derive(Debug)]
pub struct ReloadRequest(oneshot::Sender<Result<String, String>>);

/// Where `/-/reload` sends its requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloads(mpsc::Sender<ReloadRequest>);

/// The running configuration as text, defaults filled in and secrets redacted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ConfigText {
    shown: Arc<ArcSwap<String>>,
    /// What was read for a reload that is under way.
    proposed: Arc<ArcSwapOption<String>>,
    state: Arc<ArcSwap<Configuration>>,
}

/// The two ends of the line between `/-/reload` and whoever reloads.
#[must_use]
pub fn reloads() -> (Reloads, mpsc::Receiver<ReloadRequest>) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Reloads(sender), receiver)
}

impl ReloadRequest {
    /// Tells the client what came of it: a sentence, or the problems.
    pub fn answer(self, outcome: Result<String, String>) {
        // A client that has gone away needs no answer.
        let _ = self.0.send(outcome);
    }
}

impl Reloads {
    /// Asks for a reload and waits for what comes of it.
    ///
    /// # Errors
    /// The problems, or why nothing was reloaded.
    pub async fn ask(&self) -> Result<String, String> {
        let (sender, answer) = oneshot::channel();
        self.0.try_send(ReloadRequest(sender)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                "other reloads are under way; try again when they are done".to_owned()
            }
            mpsc::error::TrySendError::Closed(_) => "the exporter is stopping".to_owned(),
        })?;
        match timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("the exporter is stopping".to_owned()),
            Err(_) => Err(format!(
                "the reload takes longer than {ANSWER_WITHIN:?} and goes on; its end is in the log"
            )),
        }
    }
}

impl ConfigText {
    /// What `/config` shows from now on, where it comes from, if from anywhere, and when it was
    /// read.
    #[must_use]
    pub fn new(text: String, origin: Option<String>, read_at: Timestamp) -> Self {
        let state = Configuration { origin, read_at, refused_at: None };
        Self {
            shown: Arc::new(ArcSwap::from_pointee(text)),
            proposed: Arc::default(),
            state: Arc::new(ArcSwap::from_pointee(state)),
        }
    }

    /// What is to be shown once the reload under way has succeeded.
    pub fn propose(&self, text: String) {
        self.proposed.store(Some(Arc::new(text)));
    }

    /// Shows what was proposed: the reload has succeeded.
    pub fn accept(&self, now: Timestamp) {
        if let Some(text) = self.proposed.swap(None) {
            self.shown.store(text);
        }
        let state = self.state.load();
        let origin = state.origin.clone();
        self.state.store(Arc::new(Configuration { origin, read_at: now, refused_at: None }));
    }

    /// Notes that a reload has failed: what was shown stays.
    pub fn refuse(&self, now: Timestamp) {
        let state = Configuration::clone(&self.state.load());
        self.state.store(Arc::new(Configuration { refused_at: Some(now), ..state }));
    }

    /// Where it comes from, and when it was read.
    pub(super) fn state(&self) -> Arc<Configuration> {
        self.state.load_full()
    }

    /// What is shown now.
    #[must_use]
    pub fn current(&self) -> Arc<String> {
        self.shown.load_full()
    }
}
