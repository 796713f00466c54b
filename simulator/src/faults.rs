//! What goes wrong, as data: a kind of fault and the requests that it strikes.

use std::{
    error, fmt,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{http::Answer, lock::lock, organisation::Organisation, settings::Endpoint};

/// A fault. In JSON: `{"on": {"endpoint": "admin_dept_stats", "times": 1}, "kind": "cut_off"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests it strikes; absent: all.
    #[serde(default)]
    pub on: Filter,
    /// What happens.
    pub kind: Kind,
}

/// Which requests a fault strikes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Only those to this endpoint.
    pub endpoint: Option<Endpoint>,
    /// Only those for this department, in the directory for its children. A fault of rows strikes its rows, also where they stand
    /// beside those of other departments.
    pub department: Option<String>,
    /// Not the first so many that would be struck.
    pub skip: u64,
    /// After those, only so many; absent: all.
    pub times: Option<u64>,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Answers 99991400, too many requests.
    Throttle {
        /// HTTP status; absent: the one of the options.
        #[serde(default)]
        status: Option<u16>,
        /// The header `x-ogw-ratelimit-reset`, whatever it may say; absent: no such header.
        #[serde(default)]
        reset: Option<String>,
    },
    /// Answers with this code.
    Error {
        /// HTTP status.
        status: u16,
        /// Feishu's code.
        code: i64,
        /// Feishu's message.
        msg: String,
    },
    /// Answers 99991663 to every token, however new.
    RejectToken,
    /// Every token issued so far is invalid from now on; then the request is answered as usual.
    RevokeTokens,
    /// Answers with something that is not JSON.
    Text {
        /// HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// Answers 302.
    Redirect {
        /// Where to.
        location: String,
    },
    /// Answers with a message that repeats the request's token and the app's secret.
    EchoSecrets {
        /// HTTP status.
        status: u16,
        /// Feishu's code.
        code: i64,
    },
    /// Answers 1051001 to a request with `with_product_version`.
    RefuseVersions,
    /// Answers later.
    Slow {
        /// By so many milliseconds.
        millis: u64,
    },
    /// Closes the connection in the middle of the body.
    CutOff,
    /// Sends blanks before the body: valid JSON, but large.
    Huge {
        /// So many.
        bytes: u64,
    },
    /// Where there is a next page, the request's own page token is given for it again.
    RepeatPageToken,
    /// There is always a next page, at last an empty one.
    EndlessPages,
    /// The directory hides a department, although it is in the app's range.
    HideDepartment,
    /// The newest day has no rows yet.
    LateDay {
        /// The day appears at this instant; absent: never.
        #[serde(default)]
        until: Option<Timestamp>,
    },
    /// The newest day lacks some product versions.
    PartialDay {
        /// Their names; the total's is one as well.
        without: Vec<String>,
    },
    /// A list by product version has no row for the total.
    OmitTotal,
    /// People do less in these days: what they did is scaled, how many they are is not.
    Slump {
        /// The first day.
        from: Date,
        /// The last day.
        to: Date,
        /// So much of a hundred is left.
        percent: u32,
        /// Only this figure, such as `vc_dau`; absent: all.
        #[serde(default)]
        field: Option<String>,
    },
    /// A field has another value.
    SetField {
        /// Its name, such as `im_dau` or `status.is_frozen`; `*` for every figure.
        field: String,
        /// The value, of any type.
        value: Value,
    },
    /// A field is left out.
    DropField {
        /// Its name, such as `im_dau` or `status.is_frozen`; `*` for every figure.
        field: String,
    },
    /// Numbers come as strings.
    NumbersAsStrings,
    /// A product version, or the total, has another name.
    RenameVersion {
        /// Its name.
        from: String,
        /// The other name.
        to: String,
    },
    /// The page holds its first row twice.
    RepeatRow {
        /// The second time one figure is another.
        #[serde(default)]
        different: bool,
    },
    /// The page holds its first row once more, as that of somebody or somewhen else.
    ForeignRow {
        /// With this `department_id`.
        #[serde(default)]
        department: Option<String>,
        /// With this `date`.
        #[serde(default)]
        date: Option<String>,
    },
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Self {
        Self { on: Filter::default(), kind }
    }
}

impl Fault {
    /// Strikes only this endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.on.endpoint = Some(endpoint);
        self
    }

    /// Strikes only this department, given by an id of either type.
    #[must_use]
    pub fn department(mut self, id: &str) -> Self {
        self.on.department = Some(id.to_owned());
        self
    }

    /// Spares the first so many requests that it would strike.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Self {
        self.on.skip = requests;
        self
    }

    /// Strikes so many requests, then no more.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.on.times = Some(requests);
        self
    }
}

impl Kind {
    /// Whether this fault is one of single rows rather than of the whole answer.
    fn is_of_rows(&self) -> bool {
        matches!(
            self,
            Self::HideDepartment
                | Self::LateDay { .. }
                | Self::PartialDay { .. }
                | Self::OmitTotal
                | Self::Slump { .. }
                | Self::SetField { .. }
                | Self::DropField { .. }
                | Self::NumbersAsStrings
                | Self::RenameVersion { .. }
                | Self::RepeatRow { .. }
                | Self::ForeignRow { .. }
        )
    }
}

/// A fault names a department that the tenant does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDepartment(pub String);

impl fmt::Display for UnknownDepartment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no department has the id {:?}", self.0)
    }
}

impl error::Error for UnknownDepartment {}

/// What a request is about, as far as faults care.
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) departments: Vec<usize>,
    /// Whether its rows may be those of departments below.
    pub(super) with_children: bool,
}

/// A fault that strikes the request at hand.
pub(super) struct Active {
    pub(super) kind: Kind,
    department: Option<usize>,
}

impl Active {
    /// Whether a row of this department is struck.
    pub(super) fn strikes(&self, department: usize) -> bool {
        self.department.is_none_or(|only| only == department)
    }
}

struct Entry {
    fault: Fault,
    department: Option<usize>,
    seen: u64,
}

impl Entry {
    fn concerns(&self, target: &Target, organisation: &Organisation) -> bool {
        let below = target.with_children && self.fault.kind.is_of_rows();
        let department = self.department.is_none_or(|only| {
            target
                .departments
                .iter()
                .any(|asked| *asked == only || (below && organisation.is_within(only, *asked)))
        });
        department && self.fault.on.endpoint.is_none_or(|only| only == target.endpoint)
    }
}

#[derive(Default)]
pub(super) struct Faults {
    entries: Mutex<Vec<Entry>>,
    strikes: AtomicU64,
}

impl Faults {
    pub(super) fn add(
        &self,
        fault: Fault,
        organisation: &Organisation,
    ) -> Result<(), UnknownDepartment> {
        let department = match &fault.on.department {
            None => None,
            Some(id) => Some(organisation.find(id).ok_or_else(|| UnknownDepartment(id.clone()))?),
        };
        lock(&self.entries).push(Entry { fault, department, seen: 0 });
        Ok(())
    }

    pub(super) fn clear(&self) {
        lock(&self.entries).clear();
    }

    pub(super) fn list(&self) -> Vec<Fault> {
        lock(&self.entries).iter().map(|entry| entry.fault.clone()).collect()
    }

    /// The faults that strike this request, which counts for each that it concerns.
    pub(super) fn strike(&self, target: &Target, organisation: &Organisation) -> Vec<Active> {
        let mut active = Vec::new();
        for entry in lock(&self.entries).iter_mut().filter(|e| e.concerns(target, organisation)) {
            let Filter { skip, times, .. } = entry.fault.on;
            let struck = entry.seen.checked_sub(skip);
            entry.seen += 1;
            if struck.is_some_and(|struck| times.is_none_or(|times| struck < times)) {
                active
                    .push(Active { kind: entry.fault.kind.clone(), department: entry.department });
            }
        }
        self.strikes.fetch_add(active.len() as u64, Ordering::Relaxed);
        active
    }

    /// How often a fault struck a request.
    pub(super) fn strikes(&self) -> u64 {
        self.strikes.load(Ordering::Relaxed)
    }
}

/// What the faults do to an answer on its way out.
pub(super) fn spoil(mut answer: Answer, active: &[Active]) -> Answer {
    for fault in active {
        match fault.kind {
            Kind::CutOff => answer.cut_off = true,
            Kind::Huge { bytes } => answer.padding = bytes,
            _ => {}
        }
    }
    answer
}
