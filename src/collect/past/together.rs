//! Past days of several departments with one request, where that is proven to give the same
//! figures as asking for each alone. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::plan::{self, PAGES_MAX};
use crate::{
    collect::branches::Branches,
    day::{Day, days_between},
    sources::{departments::Ask, directory::Tree},
    usage::{Geo, Target},
};

/// The days that a target needs of its past.
#[derive(Clone, Debug)]
pub(crate) struct Lack {
    pub(crate) target: Target,
    /// The days without which something cannot be worked out.
    pub(crate) needed: BTreeSet<Day>,
    /// The newest day that is worth asking for.
    pub(crate) last: Day,
    /// The days that are known.
    pub(crate) covered: BTreeSet<Day>,
    /// How many departments one day's list holds.
    pub(crate) members: usize,
}

/// What to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) asks: BTreeSet<Ask>,
    /// Those of them that are made for several targets, with the targets that they are made for.
    pub(crate) together: BTreeMap<Ask, Vec<Target>>,
}

/// Plans requests over everything that is lacking: with a tree for several departments at once,
/// where that takes fewer. `apart` are the heads of branches that cannot be asked for at once.
pub(crate) fn planned(lacks: &[Lack], tree: Option<&Tree>, apart: &BTreeSet<Arc<str>>) -> Planned {
    let mut planned = Planned::default();
    let mut bundled = BTreeSet::new();
    if let Some(tree) = tree {
        let branches = Branches::of(tree);
        for of_same_need in by_need(lacks).into_values().filter(|same| same.len() > 1) {
            let branches = Plan { lacks, of_same_need, branches: &branches, apart };
            branches.bundle(&mut planned, &mut bundled);
        }
    }
    let alone = lacks.iter().enumerate().filter(|(index, _)| !bundled.contains(index));
    planned.asks.extend(alone.flat_map(|(_, lack)| asks(lack, &lack.target, lack.members)));
    planned
}

/// The departments that are asked for alone and need the same days, by id.
type SameNeed<'a> = BTreeMap<&'a str, usize>;

/// What a department needs: where, up to which day, which days, and which it has.
type Need<'a> = (Geo, Day, &'a BTreeSet<Day>, &'a BTreeSet<Day>);

fn by_need(lacks: &[Lack]) -> BTreeMap<Need<'_>, SameNeed<'_>> {
    let mut by_need = BTreeMap::<_, SameNeed<'_>>::new();
    for (index, lack) in lacks.iter().enumerate() {
        let is_lacking = lack.needed.iter().any(|day| !lack.covered.contains(day));
        if is_lacking && !lack.target.include_children {
            let need = (lack.target.geo, lack.last, &lack.needed, &lack.covered);
            by_need.entry(need).or_default().insert(&lack.target.department_id, index);
        }
    }
    by_need
}

/// What the planning for departments of the same need goes by.
struct Plan<'a> {
    lacks: &'a [Lack],
    of_same_need: SameNeed<'a>,
    branches: &'a Branches<'a>,
    apart: &'a BTreeSet<Arc<str>>,
}

impl Plan<'_> {
    /// Plans requests for whole branches, from the top down, where they take fewer than their
    /// members.
    fn bundle(&self, planned: &mut Planned, bundled: &mut BTreeSet<usize>) {
        let mut waiting = self.branches.tops();
        while let Some(id) = waiting.pop() {
            let subtree = self.branches.subtree(id);
            let members: Vec<&usize> =
                subtree.iter().filter_map(|id| self.of_same_need.get(id)).collect();
            let Some(asks) = self.asks(id, subtree.len(), &members) else {
                waiting.extend(self.branches.children(id));
                continue;
            };
            let targets: Vec<Target> =
                members.iter().map(|member| self.lacks[**member].target.clone()).collect();
            planned.together.extend(asks.iter().map(|ask| (ask.clone(), targets.clone())));
            planned.asks.extend(asks);
            bundled.extend(members);
        }
    }

    /// The requests for a branch, if they are fewer than those for its members.
    fn asks(&self, id: &str, size: usize, members: &[&usize]) -> Option<Vec<Ask>> {
        // The head is asked for itself, so it is known to answer.
        let head = &self.lacks[*self.of_same_need.get(id)?];
        if self.apart.contains(id) || plan::pages(size) > PAGES_MAX as u64 {
            return None;
        }
        let together = Target { include_children: true, ..head.target.clone() };
        let asks = asks(head, &together, size);
        let cost: u64 = asks.iter().map(|ask| pages(ask, size)).sum();
        let alone = members.iter().flat_map(|member| {
            let lack = &self.lacks[**member];
            self::asks(lack, &lack.target, lack.members)
        });
        (cost < alone.map(|ask| pages(&ask, 1)).sum()).then_some(asks)
    }
}

fn asks(lack: &Lack, target: &Target, members: usize) -> Vec<Ask> {
    let Lack { needed, last, covered, .. } = lack;
    plan::asks(target, needed, *last, covered, members, PAGES_MAX).collect()
}

/// The pages of an answer with a row for each member and day.
fn pages(ask: &Ask, members: usize) -> u64 {
    let days = usize::try_from(days_between(ask.start, ask.end) + 1).unwrap_or(0);
    plan::pages(days * members)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::{day::after, sources::directory::Node};

    const SUNDAY: Day = date(2026, 11, 22);

    /// `2.1` lies below `2`, and what has no dot below the root.
    fn tree(ids: &[String]) -> Tree {
        let node = |id: &String| Node {
            department_id: id.clone(),
            parent_department_id: id.rsplit_once('.').map_or("0", |(parent, _)| parent).to_owned(),
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
        Tree { nodes: ids.iter().map(node).collect(), ..Tree::default() }
    }

    fn target(id: &str, include_children: bool) -> Target {
        Target { geo: Geo::Local, department_id: id.into(), include_children }
    }

    fn lack(id: &str, days: i32) -> Lack {
        Lack {
            target: target(id, false),
            needed: [after(SUNDAY, -days)].into(),
            last: after(SUNDAY, -1),
            covered: BTreeSet::new(),
            members: 1,
        }
    }

    fn requests(planned: &Planned, members: impl Fn(&Ask) -> usize) -> u64 {
        planned.asks.iter().map(|ask| pages(ask, members(ask))).sum()
    }

    fn branch(departments: usize) -> Vec<String> {
        let below = (1..departments).map(|number| format!("1.{number}"));
        std::iter::once("1".to_owned()).chain(below).collect()
    }

    #[test]
    fn a_branch_is_asked_for_at_once_where_that_takes_fewer_requests() {
        let ids = branch(40);
        let lacks: Vec<Lack> = ids.iter().map(|id| lack(id, 91)).collect();
        let alone = planned(&lacks, None, &BTreeSet::new());
        assert_eq!(requests(&alone, |_| 1), 40 * 5);
        assert!(alone.together.is_empty());
        let together = planned(&lacks, Some(&tree(&ids)), &BTreeSet::new());
        // 91 days of forty rows, at most 50 pages a request: the fewest there can be.
        assert_eq!(requests(&together, |_| 40), 182);
        assert_eq!(together.asks.len(), together.together.len());
        for (ask, targets) in &together.together {
            assert_eq!(ask.target, target("1", true));
            assert_eq!(targets.len(), 40);
            assert!(pages(ask, 40) <= PAGES_MAX as u64);
        }
        let days: i32 = together.asks.iter().map(|ask| days_between(ask.start, ask.end) + 1).sum();
        assert_eq!(days, 91, "each day once");
    }

    #[test]
    fn who_needs_other_days_is_asked_for_alone() {
        let ids = branch(40);
        let mut lacks: Vec<Lack> = ids.iter().map(|id| lack(id, 91)).collect();
        lacks[7] = lack("1.7", 3);
        let found = planned(&lacks, Some(&tree(&ids)), &BTreeSet::new());
        let own: Vec<&Ask> = found.asks.iter().filter(|ask| !ask.target.include_children).collect();
        assert_eq!(own.len(), 1);
        assert_eq!(own[0].target, target("1.7", false));
        assert!(found.together.values().all(|targets| targets.len() == 39));
        // Three days of forty departments are more than what two of them lack.
        let few: Vec<Lack> = ["1.3", "1.7"].map(|id| lack(id, 3)).into();
        assert!(
            planned(&few, Some(&tree(&ids)), &BTreeSet::new()).together.is_empty(),
            "the head needs nothing"
        );
        // A branch that was refused is asked for by its members.
        let apart = BTreeSet::from(["1".into()]);
        assert!(planned(&lacks, Some(&tree(&ids)), &apart).together.is_empty());
        // A day of each is a page of each, or two of all.
        let day: Vec<Lack> = ids.iter().map(|id| lack(id, 1)).collect();
        assert_eq!(requests(&planned(&day, Some(&tree(&ids)), &BTreeSet::new()), |_| 40), 2);
    }

    #[test]
    fn nothing_is_asked_for_where_everything_is_known() {
        let ids = branch(3);
        let mut lacks: Vec<Lack> = ids.iter().map(|id| lack(id, 28)).collect();
        for lack in &mut lacks {
            lack.covered = (1..=28).map(|days| after(SUNDAY, -days)).collect();
        }
        assert_eq!(planned(&lacks, Some(&tree(&ids)), &BTreeSet::new()), Planned::default());
    }

    #[test]
    fn a_branch_beyond_50_pages_a_day_is_split_among_its_children() {
        // 1001 departments below one, in ten branches of a hundred.
        let mut ids = vec!["1".to_owned()];
        for branch in 0..10 {
            ids.push(format!("1.{branch}"));
            ids.extend((1..100).map(|number| format!("1.{branch}.{number}")));
        }
        let lacks: Vec<Lack> = ids.iter().map(|id| lack(id, 91)).collect();
        let found = planned(&lacks, Some(&tree(&ids)), &BTreeSet::new());
        let heads: BTreeSet<&str> =
            found.together.keys().map(|ask| &*ask.target.department_id).collect();
        assert_eq!(heads.len(), 10);
        assert!(heads.iter().all(|head| head.len() == 3));
        let members = |ask: &Ask| if ask.target.include_children { 100 } else { 1 };
        let least = (1001 * 91_u64).div_ceil(20);
        let taken = requests(&found, members);
        assert!(taken * 100 <= least * 105, "{taken} requests, {least} are the least");
    }
}
