//! Which departments may be asked for together under an ancestor, and whether that gives the same
//! figures. Pure.
//!
//! No document says whether a parent's row counts its descendants once sub-departments are asked
//! for. So nothing is grouped until one parent and one child gave equal values both ways on one
//! day. From then on each look compares again, with one request more, before it believes an answer
//! for several; where both ways differ, nothing is grouped for four weeks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::standing::Standing;
use crate::{
    collect::branches::Branches,
    day::{Day, after},
    feishu::DEPT_STATS_PAGE_SIZE,
    learned::Evidence,
    sources::{
        departments::{Found, FoundDay},
        directory::Tree,
    },
    usage::{DepartmentDay, Geo},
};

/// Pages of one request group at most: a failure costs no more than that.
const PAGES_MAX: usize = 50;

/// What was found of asking for departments together holds for so many days. While it is done, each
/// look compares anew; where it was found to differ, it is tried again after them.
const DAYS_REMEMBERED: i32 = 28;

/// What is known of asking for departments together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// Both ways give the same: departments may be asked for together.
    Same,
    /// They differ: each is asked alone.
    Differs,
}

/// What comparisons of both ways have told: the newest days of which they did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comparisons {
    /// The newest day of which any department was read.
    newest: Option<Day>,
    same: Option<Day>,
    differs: Option<Day>,
    /// By geo, the day with which a trial was made last.
    tried: BTreeMap<Geo, Day>,
}

impl Evidence for Comparisons {
    type Conclusion = Grouping;

    fn conclusion(&self) -> Option<Grouping> {
        let is_recent =
            |day: Day| self.newest.is_none_or(|newest| day > after(newest, -DAYS_REMEMBERED));
        let same = self.same.filter(|day| is_recent(*day)).map(|_| Grouping::Same);
        // One day on which they differ outweighs all others.
        self.differs.filter(|day| is_recent(*day)).map(|_| Grouping::Differs).or(same)
    }
}

impl Comparisons {
    /// Notes that departments were read for a day.
    pub(super) fn read(&mut self, day: Option<Day>) {
        self.newest = self.newest.max(day);
    }

    /// Notes what a comparison of a day says.
    pub(super) fn compared(&mut self, day: Day, grouping: Grouping) {
        self.read(Some(day));
        let known = match grouping {
            Grouping::Same => &mut self.same,
            Grouping::Differs => &mut self.differs,
        };
        *known = (*known).max(Some(day));
    }

    /// Notes that a trial is made with a day; tells whether it was made with that day before.
    pub(super) fn tries(&mut self, geo: Geo, day: Day) -> bool {
        self.tried.insert(geo, day) == Some(day)
    }
}

/// Departments asked for with one query, by index; all lie at or below the head, which need not be
/// one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) head: usize,
    pub(crate) members: Vec<usize>,
}

/// A parent and a child whose values of a day are known, to be asked for together once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) parent: usize,
    child: usize,
    pub(crate) day: Day,
}

/// The tree with what planning needs of it.
struct Plan<'a> {
    branches: Branches<'a>,
    by_id: HashMap<&'a str, usize>,
    rows_per_department: usize,
}

/// Splits the departments that are due into those worth asking for together and the others.
pub(crate) fn bundles(
    due: &[usize],
    standings: &[Standing],
    tree: &Tree,
) -> (Vec<Bundle>, Vec<usize>) {
    let plan = Plan::new(standings, tree);
    let due: BTreeSet<usize> = due.iter().copied().collect();
    let mut bundles = Vec::new();
    let mut bundled = BTreeSet::new();
    let mut waiting = plan.branches.tops();
    while let Some(id) = waiting.pop() {
        let subtree = plan.branches.subtree(id);
        let members: Vec<usize> = subtree
            .iter()
            .filter_map(|id| plan.by_id.get(id).copied())
            .filter(|index| due.contains(index))
            .collect();
        let pages = plan.pages(subtree.len());
        // The head itself need not be due: it was often the one asked first.
        let is_fit = |head: &usize| {
            let standing = &standings[*head];
            (standing.held.is_some() || standing.last_look.is_none()) && !standing.is_failed()
        };
        let head = plan.by_id.get(id).copied().filter(is_fit);
        match head {
            Some(head) if pages <= PAGES_MAX && pages < members.len() => {
                bundled.extend(members.iter().copied());
                bundles.push(Bundle { head, members });
            }
            _ => waiting.extend(plan.branches.children(id)),
        }
    }
    let alone = due.into_iter().filter(|index| !bundled.contains(index)).collect();
    (bundles, alone)
}

/// The cheapest parent and child that can tell, if asking together would save anything.
pub(crate) fn trial(standings: &[Standing], tree: &Tree) -> Option<Trial> {
    let all: Vec<usize> = (0..standings.len()).collect();
    if bundles(&all, standings, tree).0.is_empty() {
        return None;
    }
    let plan = Plan::new(standings, tree);
    let trials = tree.nodes.iter().filter_map(|node| {
        let parent = *plan.by_id.get(node.parent_department_id.as_str())?;
        let child = *plan.by_id.get(node.department_id.as_str())?;
        let (above, below) = (own_day(&standings[parent])?, own_day(&standings[child])?);
        // A child with people would show in its parent's row, if it counted there.
        let tells = above.day == below.day && below.users().is_some_and(|users| users > 0.0);
        let pages = plan.pages(plan.branches.subtree(&node.parent_department_id).len());
        (tells && pages <= PAGES_MAX).then_some((pages, Trial { parent, child, day: above.day }))
    });
    trials.min_by_key(|(pages, trial)| (*pages, trial.parent)).map(|(_, trial)| trial)
}

/// Parents with a child each that are due and may tell whether asking together gives the same, if
/// that would save anything: those of the smallest branches first, and children with people.
pub(crate) fn candidates(
    due: &[usize],
    standings: &[Standing],
    tree: &Tree,
) -> Vec<(usize, usize)> {
    if bundles(due, standings, tree).0.is_empty() {
        return Vec::new();
    }
    let plan = Plan::new(standings, tree);
    let due: BTreeSet<usize> = due.iter().copied().collect();
    let mut best: BTreeMap<usize, (bool, usize, usize)> = BTreeMap::new();
    for node in &tree.nodes {
        let index = |id: &str| plan.by_id.get(id).copied();
        let pair = index(&node.parent_department_id).zip(index(&node.department_id));
        let Some((parent, child)) = pair.filter(|(_, child)| due.contains(child)) else { continue };
        let pages = plan.pages(plan.branches.subtree(&node.parent_department_id).len());
        let is_empty = node.direct_members == Some(0.0);
        if pages <= PAGES_MAX {
            let known = best.entry(parent).or_insert((is_empty, pages, child));
            *known = (*known).min((is_empty, pages, child));
        }
    }
    let mut candidates: Vec<_> = best.into_iter().map(|(parent, rank)| (rank, parent)).collect();
    candidates.sort_unstable();
    candidates.into_iter().map(|((_, _, child), parent)| (parent, child)).collect()
}

/// What a trial's answer says; none if it does not tell.
pub(crate) fn verdict(trial: Trial, standings: &[Standing], together: &Found) -> Option<Grouping> {
    let same = |index: usize| is_same(&standings[index], trial.day, together);
    match (same(trial.parent), same(trial.child)) {
        (Some(true), Some(true)) => Some(Grouping::Same),
        (Some(false), _) | (_, Some(false)) => Some(Grouping::Differs),
        _ => None,
    }
}

/// Whether an answer for several says of a department and day what the answer for it alone said;
/// none where one of them says nothing.
fn is_same(standing: &Standing, day: Day, together: &Found) -> Option<bool> {
    let id = &standing.target.department_id;
    let alone = standing.days.get(id).filter(|alone| alone.day == day)?;
    let is_it = |found: &&FoundDay| found.day.department_id == *id && found.day.day == day;
    let found = together.days.iter().find(is_it)?;
    let is_same = alone.rows == found.day.rows;
    // What is incomplete may have changed in between.
    (is_same || own_day(standing).is_some()).then_some(is_same)
}

/// The department of a bundle that is asked alone as well, so that the bundle's answer can be
/// compared: one that has a child with people there, best one that was asked already.
pub(crate) fn proof(
    bundle: &Bundle,
    standings: &[Standing],
    tree: &Tree,
    is_asked: impl Fn(usize) -> bool,
) -> Option<usize> {
    let plan = Plan::new(standings, tree);
    let subtree = plan.branches.subtree(&standings[bundle.head].target.department_id);
    let tells = |parent: &usize| {
        let children = plan.branches.children(&standings[*parent].target.department_id);
        children.filter_map(|child| plan.by_id.get(child)).any(|child| {
            let days = &standings[*child];
            let day = days.days.get(&days.target.department_id);
            day.and_then(|day| day.users()).is_some_and(|users| users > 0.0)
        })
    };
    let indices = subtree.iter().filter_map(|id| plan.by_id.get(id).copied()).filter(tells);
    indices.min_by_key(|index| !is_asked(*index))
}

/// What the answer for a bundle says, held against those for departments that were asked alone for
/// the same day: `proof` has to agree, and none may differ.
pub(crate) fn check(
    together: &Found,
    day: Day,
    standings: &[Standing],
    proof: usize,
    alone: impl IntoIterator<Item = usize>,
) -> Option<Grouping> {
    let mut alone = alone.into_iter();
    if alone.any(|index| is_same(&standings[index], day, together) == Some(false)) {
        return Some(Grouping::Differs);
    }
    is_same(&standings[proof], day, together).map(|_| Grouping::Same)
}

/// Those members of a bundle of which its answer has no row of that day.
pub(crate) fn missing(
    together: &Found,
    day: Day,
    bundle: &Bundle,
    standings: &[Standing],
) -> Vec<usize> {
    let has = |index: &usize| {
        let id = &standings[*index].target.department_id;
        let is_it = |found: &FoundDay| found.day.department_id == *id && found.day.day == day;
        together.days.iter().any(is_it)
    };
    bundle.members.iter().copied().filter(|index| !has(index)).collect()
}

/// The part of a bundle's answer that concerns one of its members.
pub(crate) fn share(found: &Found, standing: &Standing) -> Found {
    let id = &standing.target.department_id;
    let own = found.days.iter().filter(|found| found.day.department_id == *id);
    Found { days: own.cloned().collect(), ..Found::default() }
}

impl<'a> Plan<'a> {
    fn new(standings: &'a [Standing], tree: &'a Tree) -> Self {
        let alone = standings.iter().enumerate().filter(|(_, s)| !s.target.include_children);
        Self {
            branches: Branches::of(tree),
            by_id: alone.map(|(index, s)| (&*s.target.department_id, index)).collect(),
            rows_per_department: standings
                .iter()
                .flat_map(|standing| standing.days.iter().map(|day| day.rows.len()))
                .max()
                .unwrap_or(1),
        }
    }

    fn pages(&self, departments: usize) -> usize {
        (departments * self.rows_per_department).div_ceil(DEPT_STATS_PAGE_SIZE as usize)
    }
}

/// The day of the department itself, once it is whole.
fn own_day(standing: &Standing) -> Option<&DepartmentDay> {
    let day = standing.days.get(&standing.target.department_id)?;
    (standing.complete && !standing.is_failed() && standing.held == Some(day.day)).then_some(day)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;

    use super::*;
    use crate::{
        sources::directory::Node,
        usage::{Figures, Target, Version},
    };

    const DAY: Day = date(2026, 11, 22);

    fn tree(edges: &[(&str, &str)]) -> Tree {
        let node = |(parent, id): &(&str, &str)| Node {
            department_id: (*id).to_owned(),
            parent_department_id: (*parent).to_owned(),
            path: Vec::new(),
            depth: 1,
            has_child: None,
            is_enabled: None,
            direct_members: None,
            recursive_members: None,
            direct_departments: None,
            recursive_departments: None,
            seen_at: None,
        };
        Tree { nodes: edges.iter().map(node).collect(), ..Tree::default() }
    }

    fn found(id: &str, users: f64, rows: usize) -> FoundDay {
        let row = |n: usize| {
            let mut figures = Figures::none();
            figures.set(crate::collect::statistics::rates::USERS, users);
            let version =
                if n == 0 { Version::Total } else { Version::Named(n.to_string().into()) };
            (version, figures)
        };
        FoundDay {
            day: Arc::new(DepartmentDay {
                geo: Geo::Local,
                department_id: id.into(),
                department: "".into(),
                path: "".into(),
                day: DAY,
                rows: (0..rows).map(row).collect(),
            }),
            contradicted: false,
            malformed: false,
        }
    }

    fn standing(id: &str, users: f64, rows: usize) -> Standing {
        let mut standing = Standing::new(Target {
            geo: Geo::Local,
            department_id: id.into(),
            include_children: false,
        });
        let found = Found { days: vec![found(id, users, rows)], ..Found::default() };
        standing.answered_well(found);
        standing
    }

    /// A head with `n` children of five rows each.
    fn family(head: &str, n: usize) -> (Vec<(String, String)>, Vec<Standing>) {
        let mut edges = vec![("0".to_owned(), head.to_owned())];
        let mut standings = vec![standing(head, 3.0, 5)];
        for child in 0..n {
            let id = format!("{head}{child}");
            standings.push(standing(&id, 7.0, 5));
            edges.push((head.to_owned(), id));
        }
        (edges, standings)
    }

    fn tree_of(edges: &[(String, String)]) -> Tree {
        tree(&edges.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>())
    }

    #[test]
    fn a_family_is_asked_for_together_where_that_saves_requests() {
        let (edges, standings) = family("a", 7);
        let all: Vec<usize> = (0..8).collect();
        // Forty rows are two pages instead of eight requests.
        let (bundled, alone) = bundles(&all, &standings, &tree_of(&edges));
        assert_eq!((bundled, alone), (vec![Bundle { head: 0, members: all.clone() }], vec![]));
        // The head was asked before.
        let (bundled, _) = bundles(&all[1..], &standings, &tree_of(&edges));
        assert_eq!(bundled, [Bundle { head: 0, members: all[1..].to_vec() }]);
        // One child alone is one request either way.
        assert_eq!(bundles(&[3], &standings, &tree_of(&edges)), (vec![], vec![3]));
    }

    #[test]
    fn a_family_beyond_50_pages_is_split_among_its_children() {
        // 201 departments of five rows are 51 pages.
        let (edges, standings) = family("a", 200);
        let all: Vec<usize> = (0..standings.len()).collect();
        let (bundled, alone) = bundles(&all, &standings, &tree_of(&edges));
        assert_eq!((bundled.len(), alone.len()), (0, 201));
        let (edges, standings) = family("a", 199);
        let all: Vec<usize> = (0..standings.len()).collect();
        assert_eq!(bundles(&all, &standings, &tree_of(&edges)).0.len(), 1);
    }

    #[test]
    fn departments_outside_of_the_tree_are_asked_for_alone() {
        let (edges, mut standings) = family("a", 7);
        standings.push(standing("elsewhere", 5.0, 5));
        let all: Vec<usize> = (0..9).collect();
        let (bundled, alone) = bundles(&all, &standings, &tree_of(&edges));
        assert_eq!((bundled.len(), alone), (1, vec![8]));
    }

    #[test]
    fn a_trial_needs_a_child_with_people_and_something_to_save() {
        let (edges, standings) = family("a", 7);
        let trial_of = |standings: &[Standing]| trial(standings, &tree_of(&edges));
        assert_eq!(trial_of(&standings), Some(Trial { parent: 0, child: 1, day: DAY }));
        let empty: Vec<Standing> =
            standings.iter().map(|s| standing(&s.target.department_id, 0.0, 5)).collect();
        assert_eq!(trial_of(&empty), None, "no child has people");
        let (edges, standings) = family("a", 0);
        assert_eq!(trial(&standings, &tree_of(&edges)), None, "nothing to save");
    }

    #[test]
    fn both_must_be_equal_both_ways() {
        let (edges, standings) = family("a", 7);
        let trial = trial(&standings, &tree_of(&edges)).unwrap();
        let verdict = |parent: f64, child: f64| {
            let days = vec![found("a", parent, 5), found("a0", child, 5)];
            verdict(trial, &standings, &Found { days, ..Found::default() })
        };
        assert_eq!(verdict(3.0, 7.0), Some(Grouping::Same));
        assert_eq!(verdict(52.0, 7.0), Some(Grouping::Differs), "the parent counts its children");
        assert_eq!(verdict(3.0, 8.0), Some(Grouping::Differs));
        let alone = Found { days: vec![found("a", 3.0, 5)], ..Found::default() };
        assert_eq!(super::verdict(trial, &standings, &alone), None);
    }

    #[test]
    fn a_difference_outweighs_what_was_the_same_and_is_forgotten_after_four_weeks() {
        let mut seen = Comparisons::default();
        assert_eq!(seen.conclusion(), None);
        seen.compared(DAY, Grouping::Same);
        assert_eq!(seen.conclusion(), Some(Grouping::Same));
        seen.compared(DAY, Grouping::Differs);
        seen.compared(after(DAY, 1), Grouping::Same);
        assert_eq!(seen.conclusion(), Some(Grouping::Differs));
        seen.read(Some(after(DAY, DAYS_REMEMBERED)));
        assert_eq!(seen.conclusion(), Some(Grouping::Same), "the newer day tells");
        seen.read(Some(after(DAY, DAYS_REMEMBERED + 1)));
        assert_eq!(seen.conclusion(), None, "it was not compared for four weeks");
    }

    #[test]
    fn an_answer_for_several_is_believed_where_a_parent_agrees_and_nobody_differs() {
        let (edges, standings) = family("a", 7);
        let bundle = Bundle { head: 0, members: (0..8).collect() };
        let tree = tree_of(&edges);
        assert_eq!(proof(&bundle, &standings, &tree, |_| false), Some(0), "the one with children");
        let answer = |rows: &[(&str, f64)]| Found {
            days: rows.iter().map(|(id, users)| found(id, *users, 5)).collect(),
            ..Found::default()
        };
        let check = |rows: &[(&str, f64)], alone: &[usize]| {
            check(&answer(rows), DAY, &standings, 0, alone.iter().copied())
        };
        assert_eq!(check(&[("a", 3.0), ("a0", 7.0)], &[0, 1]), Some(Grouping::Same));
        assert_eq!(check(&[("a", 52.0), ("a0", 7.0)], &[0]), Some(Grouping::Differs));
        assert_eq!(check(&[("a", 3.0), ("a0", 8.0)], &[0, 1]), Some(Grouping::Differs));
        assert_eq!(check(&[("a0", 7.0)], &[0, 1]), None, "the parent is not in it");
        let lacking = missing(&answer(&[("a", 3.0), ("a3", 7.0)]), DAY, &bundle, &standings);
        assert_eq!(lacking, [1, 2, 3, 5, 6, 7]);
    }
}
