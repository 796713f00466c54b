//! The pages for people and scripts: rendered once for each snapshot, away from the threads that
//! answer, and kept as they are sent.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use tokio::{sync::Mutex, task::spawn_blocking};

use super::{
    document,
    page::{self, About, Configuration, Query},
    unsent::Unsent,
};
use crate::snapshot::{Snapshot, Status};

/// Pages tell times relative to now; older ones are rendered anew although nothing changed.
const AGE_MAX: Duration = Duration::from_secs(10);
/// So many are kept: what a few people look at.
const KEPT_MAX: usize = 16;

/// A page that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The status page, as the query says.
    Overview(Query),
    /// The page of the department that the path names.
    Department(String, Query),
    /// What the status page shows, for scripts.
    Json,
}

/// A page as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    pub(super) plain: Bytes,
    pub(super) gzip: Bytes,
}

/// The pages asked for last, kept until there is something new to show.
#[derive(Debug)]
pub(super) struct Pages {
    about: About,
    telemetry_path: String,
    kept: Arc<Mutex<VecDeque<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    wanted: Wanted,
    /// What it shows, without keeping that alive.
    of: Weak<Snapshot>,
    at: Timestamp,
    /// None where there is no such page.
    rendered: Option<Rendered>,
}

impl Pages {
    pub(super) fn new(about: About, telemetry_path: String) -> Self {
        Self { about, telemetry_path, kept: Arc::default() }
    }

    /// The page of a snapshot; none where there is no such page. Whoever else asks meanwhile waits,
    /// so that one page at a time is rendered.
    pub(super) async fn of(
        &self,
        wanted: Wanted,
        snapshot: Option<Arc<Snapshot>>,
        configuration: Arc<Configuration>,
        now: Timestamp,
        unsent: &Arc<Unsent>,
    ) -> Result<Option<Rendered>, Defect> {
        let of = snapshot.as_ref().map_or_else(Weak::new, Arc::downgrade);
        let mut kept = Arc::clone(&self.kept).lock_owned().await;
        kept.retain(|kept| {
            kept.of.ptr_eq(&of) && now.duration_since(kept.at).unsigned_abs() < AGE_MAX
        });
        if let Some(kept) = kept.iter().find(|kept| kept.wanted == wanted) {
            return Ok(kept.rendered.clone());
        }
        let (about, telemetry_path) = (self.about.clone(), self.telemetry_path.clone());
        let unsent = Arc::clone(unsent);
        // The lock goes along: a client that leaves early must not make room for a second
        // rendering beside the first.
        let rendering = spawn_blocking(move || {
            let status = snapshot.as_ref().map(|snapshot| &snapshot.status);
            let text = wanted.render(&about, &telemetry_path, status, &configuration, now);
            let rendered = text.map(|plain| {
                let gzip = gzip(&plain);
                Rendered { plain: unsent.count(plain.into()), gzip: unsent.count(gzip.into()) }
            });
            if kept.len() == KEPT_MAX {
                kept.pop_front();
            }
            kept.push_back(Kept { wanted, of, at: now, rendered: rendered.clone() });
            rendered
        });
        rendering.await.map_err(|_| Defect)
    }
}

impl Wanted {
    fn render(
        &self,
        about: &About,
        telemetry_path: &str,
        status: Option<&Status>,
        configuration: &Configuration,
        now: Timestamp,
    ) -> Option<Vec<u8>> {
        let view = |query| page::View { about, now, telemetry_path, status, query, configuration };
        match self {
            Self::Overview(query) => Some(page::overview(&view(query)).into_bytes()),
            Self::Department(path, query) => {
                page::of_department(&view(query), path).map(String::into_bytes)
            }
            Self::Json => {
                let nothing = Status::default();
                let status = status.unwrap_or(&nothing);
                Some(document::json(about, configuration, status, now))
            }
        }
    }
}

/// Something that must not happen did; it has been reported where it happened.
#[derive(Debug)]
pub(super) struct Defect;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("a vector takes every byte")
}
