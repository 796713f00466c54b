//! What is known of a tenant's product versions: whether they can be asked for, and which name
//! means the total over all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::total_name::{Comparison, TotalNames};
use crate::{
    catalogue::TOTAL_VERSION,
    day::Day,
    learned::{Evidence, Kept, Learned},
    usage::{DepartmentDay, Version},
};

/// The documented name of the total: "all product versions".
const TOTAL_NAME: &str = "全部产品版本";

/// What is configured about product versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionOptions {
    /// Whether they are asked for at all.
    pub wanted: bool,
    /// Names that mean the total, beside the documented one.
    pub total_names: Vec<String>,
    /// The kind of ids by which departments are told apart.
    pub department_id_type: String,
}

/// A tenant's knowledge of product versions, shared by all its requests.
#[derive(Debug)]
pub struct Versions {
    options: VersionOptions,
    learned: Mutex<State>,
}

#[derive(Debug)]
struct State {
    refusals: Learned<Refusals, VersionOptions>,
    totals: Learned<TotalNames, VersionOptions>,
}

/// What was learned of a tenant's product versions, in the form to be kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KnownVersions {
    refusals: Kept<Refusals, VersionOptions>,
    totals: Kept<TotalNames, VersionOptions>,
}

/// For which days the version parameter was accepted and refused, the newest of each. The feature
/// is switched on and off tenant by tenant, so that a later day is a reason to try again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Refusals {
    accepted: Option<Day>,
    refused: Option<Day>,
    /// Refusals for the newest day or a later one since it was accepted last.
    #[serde(default)]
    in_a_row: u32,
}

/// For a day for which one department was answered by version, another that is refused says nothing
/// of the tenant; so many in a row do.
const IN_A_ROW_MAX: u32 = 3;

impl Refusals {
    fn accept(&mut self, newest: Day) {
        if self.refused.is_none_or(|refused| newest >= refused) {
            self.in_a_row = 0;
        }
        self.accepted = self.accepted.max(Some(newest));
    }

    fn refuse(&mut self, newest: Day) {
        if self.accepted.is_none_or(|accepted| newest >= accepted) {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        self.refused = self.refused.max(Some(newest));
    }
}

impl Evidence for Refusals {
    /// The newest day that is not asked for by version.
    type Conclusion = Day;

    fn conclusion(&self) -> Option<Day> {
        let refused = self.refused?;
        let is_refused = match self.accepted {
            Some(accepted) if accepted == refused => self.in_a_row >= IN_A_ROW_MAX,
            accepted => accepted < Some(refused),
        };
        is_refused.then_some(refused)
    }
}

impl Versions {
    /// Starts without experience.
    #[must_use]
    pub fn new(options: VersionOptions) -> Self {
        let state = State {
            refusals: Learned::new(options.clone()),
            totals: Learned::new(options.clone()),
        };
        Self { options, learned: Mutex::new(state) }
    }

    /// What was learned so far.
    #[must_use]
    pub fn known(&self) -> KnownVersions {
        let learned = self.learned();
        KnownVersions { refusals: learned.refusals.keep(), totals: learned.totals.keep() }
    }

    /// Takes up what was learned before, as far as it was under the same options.
    pub fn recall(&self, known: KnownVersions) {
        let mut learned = self.learned();
        learned.refusals.recall(known.refusals);
        learned.totals.recall(known.totals);
    }

    /// Whether to ask for versions when the newest day asked for is `newest`.
    pub(super) fn wanted(&self, newest: Day) -> bool {
        let learned = self.learned();
        self.options.wanted && learned.refusals.conclusion().is_none_or(|refused| newest > *refused)
    }

    /// Whether Feishu refused the parameter and has not accepted it since.
    #[must_use]
    pub fn are_refused(&self) -> bool {
        self.learned().refusals.conclusion().is_some()
    }

    /// Whether Feishu accepted the parameter at least once.
    #[must_use]
    pub fn were_accepted(&self) -> bool {
        self.learned().refusals.evidence().accepted.is_some()
    }

    /// Whether Feishu accepted the parameter for this day or a later one.
    pub(super) fn were_accepted_for(&self, newest: Day) -> bool {
        self.learned().refusals.evidence().accepted.is_some_and(|accepted| accepted >= newest)
    }

    /// Notes that the parameter was accepted.
    pub(super) fn accepted(&self, newest: Day) {
        let change = self.learned().refusals.see(|seen| seen.accept(newest));
        if change.is_some() {
            tracing::info!("Feishu accepts with_product_version again");
        }
    }

    /// Notes that the parameter was refused for a department where the same query without it was
    /// answered.
    pub(super) fn refused(&self, department_id: &str, newest: Day) {
        let mut learned = self.learned();
        let before = learned.refusals.evidence().in_a_row;
        let change = learned.refusals.see(|seen| seen.refuse(newest));
        let is_first = (before, learned.refusals.evidence().in_a_row) == (0, 1);
        // Each new day tries again; only the first refusal is news.
        if change.is_some_and(|change| change.before.is_none()) {
            tracing::warn!(
                "Feishu does not accept with_product_version; only totals are collected, and the \
                 parameter is tried again with the next day"
            );
        } else if is_first && learned.refusals.conclusion().is_none() {
            tracing::warn!(
                department_id,
                "Feishu does not accept with_product_version for department {department_id} on a \
                 day for which it did before; of that department only the total is collected now"
            );
        }
    }

    /// Whether a row of that version is the total by document or configuration; a row without a
    /// version is.
    pub(super) fn is_total(&self, version: Option<&str>) -> bool {
        version.is_none_or(|name| {
            // A version of that name would collide with our own label for the total.
            name == TOTAL_NAME
                || name == TOTAL_VERSION
                || self.options.total_names.iter().any(|total| total == name)
        })
    }

    /// The name that was found to mean the total, where no documented or configured one is used.
    pub(super) fn learned_total(&self) -> Option<Arc<str>> {
        self.learned().totals.conclusion().cloned()
    }

    /// Notes that a list held the total under a documented or configured name, or under none.
    pub(super) fn saw_total(&self, day: Day) {
        self.see_totals(|names| names.saw_total(day));
    }

    /// Notes how the versions of a department compare with its total, which was asked for apart.
    pub(super) fn compared(&self, department_id: &Arc<str>, day: Day, comparison: &Comparison) {
        self.see_totals(|names| names.compared(department_id, day, comparison));
    }

    /// Leaves out the row of the learned name where it says what the total says.
    pub fn drop_repeated_total(&self, day: &mut Arc<DepartmentDay>) {
        let Some(name) = self.learned_total() else { return };
        let repeats = |(version, figures): &(Version, _)| {
            matches!(version, Version::Named(named) if *named == name)
                && day.total() == Some(figures)
        };
        if day.rows.iter().any(repeats) {
            let total = day.total().cloned();
            Arc::make_mut(day).rows.retain(|(version, figures)| {
                !matches!(version, Version::Named(named) if *named == name)
                    || total.as_ref() != Some(figures)
            });
        }
    }

    fn see_totals(&self, add: impl FnOnce(&mut TotalNames)) {
        let Some(change) = self.learned().totals.see(add) else { return };
        if let Some(name) = &change.before {
            tracing::warn!(
                product_version = &**name,
                "Product version {name:?} is no longer taken for the total over all versions: it \
                 differed from it, or the total came under a known name"
            );
        }
        if let Some(name) = &change.after {
            tracing::info!(
                product_version = &**name,
                "Product version {name:?} equals the total over all versions and is published as \
                 {TOTAL_VERSION:?}; list it in total_version_names to save a request a department"
            );
        }
    }

    fn learned(&self) -> MutexGuard<'_, State> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn options() -> VersionOptions {
        VersionOptions {
            wanted: true,
            total_names: vec!["Total".to_owned()],
            department_id_type: "open_department_id".to_owned(),
        }
    }

    #[test]
    fn a_refusal_holds_for_its_day_and_an_acceptance_ends_it() {
        let (d20, d21, d22) = (date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22));
        let versions = Versions::new(options());
        assert!(versions.wanted(d20) && !versions.are_refused());
        versions.accepted(d20);
        // As when Feishu withdraws the feature.
        versions.refused("od-1", d21);
        assert!(versions.are_refused() && !versions.wanted(d21) && !versions.wanted(d20));
        assert!(versions.wanted(d22), "the next day tries again");
        versions.refused("od-1", d22);
        assert!(!versions.wanted(d22));
        versions.accepted(date(2026, 11, 23));
        assert!(versions.wanted(d22) && !versions.are_refused());
    }

    #[test]
    fn what_one_department_is_refused_says_nothing_where_another_was_answered() {
        let day = date(2026, 11, 20);
        let versions = Versions::new(options());
        versions.accepted(day);
        for department in ["od-1", "od-2"] {
            versions.refused(department, day);
            assert!(versions.wanted(day) && !versions.are_refused());
        }
        versions.accepted(day);
        versions.refused("od-1", day);
        assert!(versions.wanted(day), "another was answered in between");
    }

    #[test]
    fn a_feature_that_is_withdrawn_within_a_day_is_not_asked_for_any_more_on_that_day() {
        let (day, next) = (date(2026, 11, 20), date(2026, 11, 21));
        let versions = Versions::new(options());
        versions.accepted(day);
        for department in ["od-1", "od-2", "od-3"] {
            assert!(versions.wanted(day));
            versions.refused(department, day);
        }
        assert!(versions.are_refused() && !versions.wanted(day) && versions.wanted(next));
        // What is true of a day before it says nothing of it.
        versions.accepted(date(2026, 11, 1));
        assert!(versions.are_refused());
        versions.accepted(day);
        assert!(versions.wanted(day) && !versions.are_refused());
    }

    #[test]
    fn knowledge_outlives_the_process_but_not_its_options() {
        let day = date(2026, 11, 20);
        let versions = Versions::new(options());
        versions.refused("od-1", day);
        let kept = serde_json::to_string(&versions.known()).unwrap();
        let again = Versions::new(options());
        again.recall(serde_json::from_str(&kept).unwrap());
        assert!(again.are_refused());
        let other = VersionOptions { department_id_type: "department_id".to_owned(), ..options() };
        let other = Versions::new(other);
        other.recall(serde_json::from_str(&kept).unwrap());
        assert!(!other.are_refused());
    }

    #[test]
    fn what_the_first_release_kept_is_not_believed() {
        let kept = r#"{"accepted":true,"refused_for":null,"totals":["A"]}"#;
        assert!(serde_json::from_str::<KnownVersions>(kept).is_err());
    }
}
