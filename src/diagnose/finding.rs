//! One thing that was looked at, and what was found.

use crate::{
    feishu::{Class, Endpoint, Error, Strikes},
    usage::Geo,
};

/// What was looked at: a closed list with names for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An endpoint of the API: whether it answers the app, for those departments that were tried.
    Endpoint(Endpoint),
    /// Whether the data permission of the statistics includes the departments.
    DataPermission,
    /// Whether the newest day is there.
    LatestDay,
    /// Rows and values that are not believed; only looked at where there are some.
    Values,
    /// Whether rows per product version may be asked for.
    ProductVersions,
    /// The scale of rates.
    Rates,
    /// This machine's clock against Feishu's; only looked at where they differ.
    Clock,
}

impl Subject {
    /// The name for scripts; of an endpoint, the label `endpoint`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint(endpoint) => endpoint.as_label(),
            Self::DataPermission => "data_permission",
            Self::LatestDay => "latest_day",
            Self::Values => "values",
            Self::ProductVersions => "product_versions",
            Self::Rates => "rates",
            Self::Clock => "clock",
        }
    }
}

/// What a look at something came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Works,
    /// Something is missing that somebody has to grant or mend.
    Fails,
    /// The exporter copes with it, but it is worth knowing.
    Note,
    /// The configuration does not use it.
    NotUsed,
    /// Nothing was asked, because something before it failed.
    NotTried,
}

impl Verdict {
    /// The name for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Fails => "fails",
            Self::Note => "note",
            Self::NotUsed => "not_used",
            Self::NotTried => "not_tried",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: Subject,
    /// Where, if figures are counted in several places.
    pub geo: Option<Geo>,
    /// What the look at it came to.
    pub verdict: Verdict,
    /// The same in a few words, without the details of `problems`.
    pub summary: String,
    /// What is wrong, each kind once.
    pub problems: Vec<Problem>,
}

impl Finding {
    pub(super) fn new(subject: Subject, verdict: Verdict, summary: impl Into<String>) -> Self {
        Self { subject, geo: None, verdict, summary: summary.into(), problems: Vec::new() }
    }

    pub(super) fn of(self, geo: Geo) -> Self {
        Self { geo: Some(geo), ..self }
    }

    pub(super) fn with(self, problems: Vec<Problem>) -> Self {
        Self { problems, ..self }
    }
}

/// What is wrong, and what can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What happened: Feishu's code, what it means, and its message. Text of Feishu's is in it.
    pub what: String,
    /// What to do about it, and where.
    pub remedy: String,
    /// The class of the failure; none where no request failed.
    pub class: Option<Class>,
    /// Feishu's code, if it answered with one.
    pub code: Option<i64>,
    /// The scopes that are missing; the remedy tells whether all are needed or one is enough.
    pub missing_scopes: Vec<String>,
    /// Feishu's log id of the first such failure.
    pub log_id: Option<String>,
    /// The departments that it concerns; none if it is not about single departments.
    pub departments: Vec<String>,
}

impl Problem {
    /// What no request failed with.
    pub(super) fn plain(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            class: None,
            code: None,
            missing_scopes: Vec::new(),
            log_id: None,
            departments: Vec::new(),
        }
    }

    pub(super) fn new(error: Error) -> Self {
        Self {
            what: error.what,
            remedy: error.remedy,
            class: Some(error.class),
            code: error.code,
            missing_scopes: error.missing_scopes,
            log_id: error.log_id,
            departments: Vec::new(),
        }
    }
}

/// Asking one department after the other.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// Departments that answered with data.
    worked: usize,
    /// Departments that were refused while the app was recognised.
    pub(super) denied: usize,
    /// Failures of single departments, each kind once.
    pub(super) problems: Vec<Problem>,
    /// The failure that ended it, because no other department would fare better.
    pub(super) ended_by: Option<Error>,
    strikes: Strikes,
}

impl Trial {
    /// Takes in an answer.
    pub(super) fn worked(&mut self) {
        self.worked += 1;
        self.strikes.succeeded();
    }

    /// Departments that answered with data.
    pub(super) fn answered(&self) -> usize {
        self.worked
    }

    /// Takes in a failure; tells whether there is no use in going on.
    pub(super) fn failed(&mut self, department_id: &str, error: Error) -> bool {
        let is_over = self.strikes.are_out(&error);
        let same = |known: &Problem| known.class == Some(error.class) && known.code == error.code;
        if is_over {
            // It is told as the endpoint's, and not again as some departments'.
            self.problems.retain(|known| !same(known));
            self.ended_by = Some(error);
            return true;
        }
        self.denied += usize::from(error.app_was_accepted());
        match self.problems.iter_mut().find(|known| same(known)) {
            Some(known) => known.departments.push(department_id.to_owned()),
            None => {
                let departments = vec![department_id.to_owned()];
                self.problems.push(Problem { departments, ..Problem::new(error) });
            }
        }
        false
    }

    pub(super) fn refused(&self) -> usize {
        self.problems.iter().map(|problem| problem.departments.len()).sum()
    }
}
