//! The pages for people and scripts: rendered once for each snapshot, away from the threads that
//! answer, and kept as they are sent.

use std::{
    io::Write,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use serde::Serialize;
use tokio::{sync::Mutex, task::spawn_blocking};

use super::{page, unsent::Unsent};
use crate::snapshot::{Snapshot, Status};

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Pages tell times relative to now; older ones are rendered anew although nothing changed.
const AGE_MAX: Duration = Duration::from_secs(10);

/// What is rendered.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// The status page, with the path of the metrics that it links to.
    Html {
        telemetry_path: String,
    },
    Json,
}

/// A page as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    pub(super) plain: Bytes,
    pub(super) gzip: Bytes,
}

/// One page, kept until there is something new to show.
#[derive(Debug)]
pub(super) struct Page {
    kind: Kind,
    kept: Arc<Mutex<Option<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    /// What it shows, without keeping that alive.
    of: Weak<Snapshot>,
    at: Timestamp,
    rendered: Rendered,
}

impl Page {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, kept: Arc::default() }
    }

    /// The page of a snapshot. Whoever else asks meanwhile waits for the same rendering.
    ///
    /// None if rendering failed by a defect.
    pub(super) async fn of(
        &self,
        snapshot: Option<Arc<Snapshot>>,
        now: Timestamp,
        unsent: &Arc<Unsent>,
    ) -> Option<Rendered> {
        let of = snapshot.as_ref().map_or_else(Weak::new, Arc::downgrade);
        let mut kept = Arc::clone(&self.kept).lock_owned().await;
        if let Some(kept) = &*kept
            && kept.of.ptr_eq(&of)
            && now.duration_since(kept.at).unsigned_abs() < AGE_MAX
        {
            return Some(kept.rendered.clone());
        }
        let (kind, unsent) = (self.kind.clone(), Arc::clone(unsent));
        // The lock goes along: a client that leaves early must not make room for a second
        // rendering beside the first.
        let rendering = spawn_blocking(move || {
            let plain = kind.render(snapshot.as_deref(), now);
            let gzip = gzip(&plain);
            let rendered =
                Rendered { plain: unsent.count(plain.into()), gzip: unsent.count(gzip.into()) };
            *kept = Some(Kept { of, at: now, rendered: rendered.clone() });
            rendered
        });
        rendering.await.ok()
    }
}

impl Kind {
    fn render(&self, snapshot: Option<&Snapshot>, now: Timestamp) -> Vec<u8> {
        match self {
            Self::Html { telemetry_path } => {
                let status = snapshot.map(|snapshot| &snapshot.status);
                page::render(&page::View { version: VERSION, now, telemetry_path, status })
                    .into_bytes()
            }
            Self::Json => {
                let nothing = Status::default();
                json(snapshot.map_or(&nothing, |snapshot| &snapshot.status), now)
            }
        }
    }
}

fn json(status: &Status, now: Timestamp) -> Vec<u8> {
    #[derive(Serialize)]
    struct Document<'a> {
        version: &'a str,
        now: Timestamp,
        #[serde(flatten)]
        status: &'a Status,
    }
    let document = Document { version: VERSION, now, status };
    let mut json = serde_json::to_vec(&document)
        .expect("the document has no map with keys that are not strings");
    json.push(b'\n');
    json
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("a vector takes every byte")
}
