//! Which product version is the total over all of them, where no known name says so. Pure.
//!
//! One list may deceive: in a department in which nearly everybody uses one version, that version
//! equals the total. So several departments in which more than one version is in use must agree,
//! one that differs outweighs them all, and where the total ever came under a known name, nothing
//! is learned.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::FIGURE_COUNT,
    day::{Day, after},
    learned::Evidence,
    usage::{Figures, TOTAL_USERS},
};

/// Departments that must agree.
const DEPARTMENTS_MIN: usize = 3;
/// A name that differed from the total, or a total under a known name, counts for so many days:
/// what Feishu changed meanwhile is noticed after them.
const DAYS_REMEMBERED: i32 = 7;
/// Names of versions that are remembered; a tenant has a handful.
const NAMES_MAX: usize = 100;

/// What lists and totals that were asked for apart have told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TotalNames {
    /// The newest day of which anything was seen.
    newest: Option<Day>,
    /// The newest day whose total came under a known name.
    known_total: Option<Day>,
    /// By name, the departments in which it equals the total and is one of several in use.
    agreeing: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// By name, the newest day on which it differed from the total.
    differing: BTreeMap<Arc<str>, Day>,
}

/// How the versions of one department's day compare with its total.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// The version that must be the total if one is.
    pub(super) total: Option<Arc<str>>,
    /// The versions that differ from the total.
    pub(super) differing: Vec<Arc<str>>,
}

impl Evidence for TotalNames {
    /// The name of the total.
    type Conclusion = Arc<str>;

    fn conclusion(&self) -> Option<Arc<str>> {
        if self.known_total.is_some_and(|day| self.is_recent(day)) {
            return None;
        }
        let differs =
            |name: &Arc<str>| self.differing.get(name).is_some_and(|day| self.is_recent(*day));
        let mut found = self
            .agreeing
            .iter()
            .filter(|(name, departments)| departments.len() >= DEPARTMENTS_MIN && !differs(name));
        // Two names for one thing would be a reason to believe neither.
        found.next().filter(|_| found.next().is_none()).map(|(name, _)| Arc::clone(name))
    }
}

impl TotalNames {
    pub(super) fn saw_total(&mut self, day: Day) {
        self.newest = self.newest.max(Some(day));
        self.known_total = self.known_total.max(Some(day));
        self.agreeing.clear();
    }

    pub(super) fn compared(&mut self, department_id: &Arc<str>, day: Day, comparison: &Comparison) {
        self.newest = self.newest.max(Some(day));
        if self.agreeing.len().max(self.differing.len()) >= NAMES_MAX {
            self.agreeing.clear();
            self.differing.clear();
        }
        for name in &comparison.differing {
            self.agreeing.remove(name);
            let newest = self.differing.entry(Arc::clone(name)).or_insert(day);
            *newest = day.max(*newest);
        }
        if let Some(name) = &comparison.total {
            let departments = self.agreeing.entry(Arc::clone(name)).or_default();
            // More say nothing more.
            if departments.len() < DEPARTMENTS_MIN {
                departments.insert(Arc::clone(department_id));
            }
        }
    }

    fn is_recent(&self, day: Day) -> bool {
        self.newest.is_none_or(|newest| day > after(newest, -DAYS_REMEMBERED))
    }
}

/// Compares each version with the total that was asked for apart.
pub(super) fn compare(versions: &[(Arc<str>, &Figures)], total: &Figures) -> Comparison {
    let (equal, differing): (Vec<_>, Vec<_>) =
        versions.iter().partition(|(_, figures)| *figures == total);
    let mut comparison = Comparison {
        total: None,
        differing: differing.iter().map(|(name, _)| Arc::clone(name)).collect(),
    };
    if let [(name, figures)] = equal.as_slice() {
        let others: Vec<&Figures> = differing.iter().map(|(_, figures)| *figures).collect();
        comparison.total = fits(figures, &others).then(|| Arc::clone(name));
    }
    comparison
}

/// Whether a row can be the total over the others: several of these are in use, none has more
/// people than it, and it has no more than all of them together.
pub(super) fn fits(total: &Figures, others: &[&Figures]) -> bool {
    let is_used = |figures: &&&Figures| {
        (0..FIGURE_COUNT).any(|index| figures.raw(index).is_some_and(|value| value > 0.0))
    };
    let Some(users) = total.raw(TOTAL_USERS) else { return false };
    let used: Vec<f64> =
        others.iter().filter(is_used).filter_map(|figures| figures.raw(TOTAL_USERS)).collect();
    used.len() > 1 && used.iter().all(|other| *other <= users) && users <= used.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const D20: Day = date(2026, 11, 20);

    fn figures(users: f64) -> Figures {
        let mut figures = Figures::none();
        figures.set(TOTAL_USERS, users);
        figures
    }

    fn comparison(rows: &[(&str, f64)], total: f64) -> Comparison {
        let rows: Vec<(Arc<str>, Figures)> =
            rows.iter().map(|(name, users)| ((*name).into(), figures(*users))).collect();
        let rows: Vec<_> = rows.iter().map(|(name, f)| (Arc::clone(name), f)).collect();
        compare(&rows, &figures(total))
    }

    fn total_of(rows: &[(&str, f64)]) -> Option<String> {
        comparison(rows, 10.0).total.map(|name| name.to_string())
    }

    #[test]
    fn a_version_may_be_the_total_only_where_several_others_are_in_use() {
        assert_eq!(total_of(&[("sum", 10.0), ("a", 4.0), ("b", 6.0)]), Some("sum".to_owned()));
        assert_eq!(total_of(&[("sum", 10.0), ("a", 8.0), ("b", 6.0)]), Some("sum".to_owned()));
        assert_eq!(total_of(&[("a", 10.0), ("b", 0.0)]), None, "everybody uses one version");
        assert_eq!(total_of(&[("a", 10.0), ("b", 1.0)]), None, "one person has two versions");
        assert_eq!(total_of(&[("a", 10.0), ("b", 1.0), ("c", 1.0)]), None, "the others are few");
        assert_eq!(total_of(&[("a", 10.0)]), None, "there is but one");
        assert_eq!(total_of(&[("a", 10.0), ("b", 10.0), ("c", 1.0)]), None, "two are equal");
        assert_eq!(total_of(&[("a", 4.0), ("b", 6.0)]), None);
    }

    fn agree(names: &mut TotalNames, department: &str, day: Day) {
        let rows = [("sum", 10.0), ("a", 4.0), ("b", 6.0)];
        names.compared(&department.into(), day, &comparison(&rows, 10.0));
    }

    #[test]
    fn three_departments_decide_and_one_that_differs_takes_it_back_for_a_week() {
        let mut names = TotalNames::default();
        agree(&mut names, "od-1", D20);
        agree(&mut names, "od-1", D20);
        agree(&mut names, "od-2", D20);
        assert_eq!(names.conclusion(), None, "two departments are not several");
        agree(&mut names, "od-3", D20);
        assert_eq!(names.conclusion().as_deref(), Some("sum"));
        let differs = comparison(&[("sum", 60.0), ("b", 30.0)], 90.0);
        names.compared(&"od-4".into(), D20, &differs);
        assert_eq!(names.conclusion(), None);
        for department in ["od-1", "od-2", "od-3"] {
            agree(&mut names, department, after(D20, 1));
        }
        assert_eq!(names.conclusion(), None, "whatever agrees meanwhile");
        agree(&mut names, "od-1", after(D20, DAYS_REMEMBERED));
        assert_eq!(names.conclusion().as_deref(), Some("sum"), "there is a way back");
    }

    #[test]
    fn nothing_is_learned_where_the_total_came_under_a_known_name() {
        let mut names = TotalNames::default();
        names.saw_total(D20);
        for department in ["od-1", "od-2", "od-3", "od-4"] {
            agree(&mut names, department, D20);
        }
        assert_eq!(names.conclusion(), None);
        agree(&mut names, "od-1", after(D20, DAYS_REMEMBERED));
        assert_eq!(names.conclusion().as_deref(), Some("sum"), "the known name went away");
        names.saw_total(after(D20, DAYS_REMEMBERED));
        assert_eq!(names.conclusion(), None, "and came back");
    }

    #[test]
    fn names_without_end_are_not_remembered() {
        let mut names = TotalNames::default();
        for at in 0..10 * NAMES_MAX {
            let name: Arc<str> = format!("version {at}").into();
            let comparison = Comparison { total: None, differing: vec![name] };
            names.compared(&"od-1".into(), D20, &comparison);
        }
        assert!(names.differing.len() <= NAMES_MAX);
    }
}
