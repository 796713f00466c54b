//! What is published: the bytes that a scrape copies and the facts of the status page, swapped
//! whole.
//!
//! The collector and the server meet only here: one publishes, the other reads, neither waits.

mod recent;

use std::{fmt, path::PathBuf, sync::Arc};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::SetOnce;

pub use self::recent::{RECENT_DAYS, RECENT_FIGURES, RECENT_INDEXES, Recent, RecentDays};
use crate::{
    baseline::{Baseline, calendar::Calendar},
    day::{Day, Zone},
    usage::{DepartmentDay, FigureSet, Geo, RateScale},
};

/// One published state.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The series about departments.
    pub body: Body,
    /// What the status page shows.
    pub status: Status,
}

/// Exposition text that is valid in both formats, compressed: whole lines, without OpenMetrics' end
/// mark.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The text as deflate blocks that end on a byte boundary and are not final, so that another
    /// run of blocks can follow in one gzip member (RFC 1951, RFC 1952).
    pub deflated: Bytes,
    /// The parts of `deflated` that can be read by themselves, in their order.
    pub parts: Arc<[BodyPart]>,
    /// The checksum of the text, to be combined with that of what follows.
    pub crc32: u32,
    /// The length of the text in bytes.
    pub plain_len: u64,
    /// How many series it holds.
    pub series: u64,
}

/// A run of deflate blocks that refers to nothing before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyPart {
    /// Its length in bytes, compressed.
    pub deflated_len: u32,
    /// Its text.
    pub text: TextPart,
}

/// By what a part of the text is recognised in the next snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextPart {
    /// Its length in bytes.
    pub len: u32,
    /// Its checksum as gzip has it.
    pub crc32: u32,
    /// A hash that is independent of the checksum: two texts that agree in all three are the same
    /// but for one in 2^96.
    pub hash: u64,
}

/// The facts behind the figures, for people and scripts.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Where fetched days are kept.
    pub store: StoreStatus,
    /// One entry per configured tenant, in the order of the configuration.
    pub tenants: Vec<TenantStatus>,
}

/// The store's facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// How it stands.
    pub state: StoreState,
    /// Its file; none in memory.
    pub file: Option<PathBuf>,
    /// The bytes of the file and of its journal, when that was last looked at.
    pub bytes: Option<u64>,
    /// The oldest and the newest day in it.
    pub days: Option<(Day, Day)>,
}

/// How the store stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreState {
    /// What is fetched is kept.
    Working,
    /// What is fetched waits in memory until it can be kept.
    Failing,
    /// It could not be opened; nothing is kept beyond the process.
    Unusable,
    /// There is to be none.
    #[default]
    Nowhere,
}

impl StoreState {
    /// The word of the JSON document.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Failing => "failing",
            Self::Unusable => "unusable",
            Self::Nowhere => "none",
        }
    }
}

/// When something is asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is being asked for.
    Running,
    /// Not before then.
    At(Timestamp),
    /// When the department statistics, which are being asked for, have brought something new.
    AfterStatistics,
}

impl Next {
    /// The same as it is seen at a later time: what was to come and is due is under way.
    #[must_use]
    pub fn seen_at(self, now: Timestamp) -> Self {
        match self {
            Self::At(at) if at <= now => Self::Running,
            other => other,
        }
    }
}

/// A tenant's facts.
#[derive(Clone, Debug)]
pub struct TenantStatus {
    /// The label `tenant`.
    pub name: String,
    /// Where its API is.
    pub base_url: String,
    /// The zone in which its days are counted; of several geos, that of the first.
    pub time_zone: Zone,
    /// Which of the figures of `served` are published.
    pub figures: FigureSet,
    /// How rates are read; while it is unknown, they are not told.
    pub scale: Option<RateScale>,
    /// Which days are days off.
    pub calendar: Calendar,
    /// Whether the last request was accepted; absent until there was one.
    pub up: Option<bool>,
    /// Requests sent this calendar month, by this process and others on the same store.
    pub requests_this_month: u64,
    /// The configured budget; 0: none.
    pub requests_per_month_limit: u64,
    /// The last time everything that was asked succeeded.
    pub last_success: Option<Timestamp>,
    /// When the statistics are asked for next.
    pub next_attempt: Next,
    /// A failure that concerns the whole tenant and is not over.
    pub problem: Option<Problem>,
    /// Things that work but that the operator should know, as sentences.
    pub notices: Vec<String>,
    /// Its optional sources that are switched on.
    pub sources: Vec<SourceStatus>,
    /// Its departments, by geo.
    pub departments: Vec<DepartmentStatus>,
}

/// An optional source's facts.
#[derive(Clone, Debug)]
pub struct SourceStatus {
    /// The label `source`.
    pub source: &'static str,
    /// The key of the configuration that switches it on.
    pub configuration_key: &'static str,
    /// When it last brought all that it was asked for.
    pub last_success: Option<Timestamp>,
    /// When it is asked next.
    pub next_attempt: Next,
    /// What its last collection failed with.
    pub problem: Option<Problem>,
}

/// A department's facts, for each geo.
#[derive(Clone, Debug)]
pub struct DepartmentStatus {
    /// Where it is counted.
    pub geo: Geo,
    /// The id in the tenant's id type.
    pub department_id: Arc<str>,
    /// The name in the statistics row served, else what another source tells.
    pub department: Option<Arc<str>>,
    /// Where it stands, such as `parent/child`, from the same sources.
    pub path: Option<Arc<str>>,
    /// How it stands.
    pub state: DepartmentState,
    /// The day served.
    pub day: Option<Day>,
    /// When that day ended: its age counts from here.
    pub day_end: Option<Timestamp>,
    /// The newest day that should be there by now.
    pub expected_day: Option<Day>,
    /// The figures of the day served.
    pub served: Option<Arc<DepartmentDay>>,
    /// What is usual on the weekday of that day.
    pub baseline: Option<Arc<Baseline>>,
    /// The last days, as far as the store has them.
    pub recent: Option<Arc<Recent>>,
    /// When it was last asked for with success.
    pub last_success: Option<Timestamp>,
    /// When it is asked for next.
    pub next_attempt: Next,
    /// What its last request failed with.
    pub problem: Option<Arc<Problem>>,
}

/// How a department stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DepartmentState {
    /// Not asked for yet.
    Pending,
    /// Serves the newest day due, whole.
    Latest,
    /// Serves the newest day due, but part of it is missing.
    Incomplete,
    /// Serves an older day; the newest has no rows yet.
    Late,
    /// Was asked for and has no rows within the look-back.
    NoData,
    /// Its last request failed; an older day may still be served.
    Failed,
}

impl DepartmentState {
    /// Every state, the most troubled first.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::NoData, Self::Incomplete, Self::Late, Self::Pending, Self::Latest];

    /// The word of the JSON document and the status page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Latest => "latest",
            Self::Incomplete => "incomplete",
            Self::Late => "late",
            Self::NoData => "no_data",
            Self::Failed => "failed",
        }
    }
}

/// A failure and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// When it was last seen.
    pub at: Timestamp,
    /// The class of the failure, as in the label `class`.
    pub class: &'static str,
    /// Feishu's code, if Feishu answered with one.
    pub code: Option<i64>,
    /// What was attempted and what happened.
    pub message: String,
    /// What the operator can do.
    pub remedy: String,
    /// Feishu's `X-Tt-Logid`, which its support asks for.
    pub log_id: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.remedy)?;
        match &self.log_id {
            Some(log_id) => write!(f, " (log id {log_id})"),
            None => Ok(()),
        }
    }
}

/// Where the current snapshot stands.
#[derive(Clone, Debug, Default)]
pub struct Published(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    current: ArcSwapOption<Snapshot>,
    /// Set with the first snapshot.
    anything: SetOnce<()>,
}

impl Published {
    /// A place where nothing was published yet.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Replaces the snapshot. Readers see the old one whole or the new one whole.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.current.store(Some(Arc::new(snapshot)));
        // Every snapshot after the first finds it set.
        let _ = self.0.anything.set(());
    }

    /// The snapshot as it is now; none until the first was published.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.0.current.load_full()
    }

    /// Waits for the first snapshot.
    pub async fn first(&self) {
        self.0.anything.wait().await;
    }
}
