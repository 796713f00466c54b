//! `doctor`: a tenant that is examined, and what was found out about it.

use std::collections::HashSet;

use super::{
    Session, Watch,
    finding::{Finding, Problem, Subject, Trial, Verdict},
    sample::Sample,
};
use crate::{
    clock::Clock,
    collect::{ListedDepartment, Tenant},
    day::Day,
    feishu::{Endpoint, Error, Reach},
    usage::Geo,
};

/// What was found out about a tenant.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What was looked at, in the order in which it was tried.
    pub findings: Vec<Finding>,
    /// Departments that the configuration asks for, as far as known.
    pub departments: usize,
    /// How many of them were tried.
    pub tried: usize,
    /// What was measured on the way.
    pub size: Size,
    /// Requests that were made.
    pub requests: u64,
}

impl Diagnosis {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Fails)
    }
}

/// Numbers for an estimate of costs; whatever is none could not be measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Departments that discovery finds beside the listed ones.
    pub found: Option<u64>,
    /// Sub-departments that come with listed departments, scaled up from those that were tried.
    pub children: Option<u64>,
    /// Departments whose children a walk of the directory asks for, the root among them.
    pub parents: Option<u64>,
    /// Rows of a department's day at most: the total and the product versions.
    pub rows: Option<u64>,
    /// People of each department that was tried.
    pub people: Option<Vec<u64>>,
}

/// A tenant that is being examined.
pub(super) struct Examination<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) session: Session,
    pub(super) sample: Sample,
    pub(super) clock: Clock,
    /// The departments that the configuration asks for: listed ones first, then those discovered.
    pub(super) departments: Vec<ListedDepartment>,
    /// Whether `departments` is only the root, because none is known: it tells whether an endpoint
    /// answers, and nothing of data permission.
    pub(super) is_stand_in: bool,
    /// The newest day with rows, by geo.
    pub(super) served: Vec<(Geo, Day)>,
    /// Whether a failure was found that every endpoint would answer with.
    pub(super) over: bool,
    pub(super) diagnosis: Diagnosis,
    pub(super) watch: Watch,
}

impl Examination<'_> {
    /// A clock that is wrong makes wrong days: told once with its size.
    pub(super) fn check_clock(&mut self) {
        let Some(difference) = self.session.client.clock_difference() else { return };
        let text = format!("this machine's clock is {difference} Feishu's");
        self.find(Finding::new(Subject::Clock, Verdict::Fails, text).with(vec![Problem::plain(
            "days are asked for too early or too late, and refused or empty",
            "set the clock of this machine (NTP)",
        )]));
    }

    /// Adds to refusals of departments that contact calls them deleted.
    pub(super) fn note_deleted(&mut self, deleted: &HashSet<String>) {
        /// A parameter is not valid.
        const INVALID: i64 = 1_051_001;
        for finding in &mut self.diagnosis.findings {
            let mut is_news = false;
            for problem in finding.problems.iter_mut().filter(|p| p.code == Some(INVALID)) {
                let gone: Vec<&str> = problem
                    .departments
                    .iter()
                    .map(String::as_str)
                    .filter(|id| deleted.contains(*id))
                    .collect();
                if !gone.is_empty() {
                    let ids = listed(&gone);
                    problem.what.push_str(&format!("; the contact API calls {ids} deleted"));
                    problem.remedy = format!(
                        "take {ids} out of the configuration; of others, {}",
                        problem.remedy
                    );
                    is_news = true;
                }
            }
            if is_news {
                self.watch.tell(finding);
            }
        }
    }

    pub(super) fn find(&mut self, finding: Finding) {
        self.watch.tell(&finding);
        self.diagnosis.findings.push(finding);
    }

    /// Takes in departments that discovery found.
    pub(super) fn add_discovered(&mut self, discovered: Vec<ListedDepartment>) {
        let listed: HashSet<String> = self.departments.iter().map(|d| d.id.clone()).collect();
        let before = self.departments.len();
        self.departments.extend(discovered.into_iter().filter(|d| !listed.contains(&d.id)));
        self.diagnosis.size.found = Some((self.departments.len() - before) as u64);
    }

    /// The ids of the departments that are tried.
    pub(super) fn ids(&self) -> Vec<String> {
        self.departments.iter().map(|department| department.id.clone()).collect()
    }

    /// An endpoint that failed as a whole.
    pub(super) fn endpoint_fails(&mut self, endpoint: Endpoint, error: Error) -> Finding {
        self.over |= error.reach == Reach::App;
        let text = match error.reach {
            Reach::App | Reach::Endpoint | Reach::Department => "it does not answer the app",
            Reach::Unknown => "it failed again and again, so nothing more was asked of it",
        };
        let subject = Subject::Endpoint(endpoint);
        Finding::new(subject, Verdict::Fails, text).with(vec![Problem::new(error)])
    }

    /// The finding on an endpoint that was asked for one department after the other.
    pub(super) fn concluded(&mut self, endpoint: Endpoint, trial: Trial) -> Finding {
        let subject = Subject::Endpoint(endpoint);
        let (worked, refused) = (trial.answered(), trial.refused());
        if let Some(error) = trial.ended_by {
            let mut finding = self.endpoint_fails(endpoint, error);
            finding.problems.extend(trial.problems);
            return finding;
        }
        match (worked, refused) {
            (_, 0) => Finding::new(subject, Verdict::Works, works_for(worked)),
            (0, _) if self.is_stand_in && trial.denied > 0 => self.answers_the_app(endpoint),
            _ => {
                let text = fails_for(refused, worked + refused);
                Finding::new(subject, Verdict::Fails, text).with(trial.problems)
            }
        }
    }

    /// An endpoint that refused the root, which nobody asked for: all that it tells is that the
    /// app has the scope.
    pub(super) fn answers_the_app(&self, endpoint: Endpoint) -> Finding {
        let text =
            "it answers the app; as no department is known, its data permission is not tried";
        Finding::new(Subject::Endpoint(endpoint), Verdict::Note, text)
    }

    pub(super) fn not_tried(&self, subject: Subject) -> Finding {
        Finding::new(subject, Verdict::NotTried, NOT_TRIED)
    }
}

/// Ids in a sentence; many would drown it.
pub(super) fn listed(ids: &[impl AsRef<str>]) -> String {
    const LISTED_MAX: usize = 10;
    let more = if ids.len() > LISTED_MAX { ", …" } else { "" };
    let shown: Vec<&str> = ids.iter().take(LISTED_MAX).map(AsRef::as_ref).collect();
    format!("{}{more}", shown.join(", "))
}

pub(super) const NOT_TRIED: &str = "not tried, as something before it failed";

/// How many departments work, in a sentence.
pub(super) fn works_for(departments: usize) -> String {
    match departments {
        1 => "it answers for the 1 department tried".to_owned(),
        _ => format!("it answers for all {departments} departments tried"),
    }
}

/// How many departments fail, in a sentence.
pub(super) fn fails_for(departments: usize, tried: usize) -> String {
    format!("it fails for {departments} of the {tried} departments tried")
}
