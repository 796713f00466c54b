//! The tenant's departments: a tree made from a seed.
//!
//! Only departments are kept in memory. Their people are computed whenever they are looked at, see
//! [`super::people`].

use std::collections::HashMap;

use super::{
    dice::Dice,
    names::{self, Names},
};

/// Departments lie at most this deep below the root.
pub(super) const DEPTH_MAX: usize = 6;
/// "仅支持根部门及其下前4级子部门": the statistics reach no deeper.
pub(super) const STATISTICS_DEPTH_MAX: usize = 4;
/// The id of the root, of either type.
const ROOT: &str = "0";
/// Of all departments below the first level, the share that lies at most as deep as level 2, 3, …
const SHARES: [f64; DEPTH_MAX - 1] = [0.06, 0.30, 0.85, 0.94, 1.0];

/// A department of the tenant. The first one is the root.
#[derive(Clone, Debug)]
pub struct Department {
    /// Its `open_department_id`; `0` for the root.
    pub open_department_id: String,
    /// Its custom `department_id`; `0` for the root.
    pub department_id: String,
    /// Its name in three languages.
    pub names: Names,
    /// The name that statistics rows bear, one of `names`.
    pub statistics_name: String,
    /// The statistics names from below the root down to here, with slashes between.
    pub path: String,
    /// The position of its parent in the list of departments; absent for the root.
    pub parent: Option<usize>,
    /// Levels below the root; 0 for the root itself.
    pub depth: usize,
    /// The first so many of its people lead it.
    pub leaders: usize,
    /// Whether it was removed. It then keeps its place in the list, but nothing leads to it.
    pub deleted: bool,
    pub(super) children: Vec<usize>,
    /// How many people it had when the tenant was founded.
    pub(super) founders: u64,
    /// Whether nobody ever comes or goes.
    pub(super) steady: bool,
}

#[derive(Clone)]
pub(super) struct Organisation {
    pub(super) seed: u64,
    pub(super) departments: Vec<Department>,
    by_id: HashMap<String, usize>,
}

impl Organisation {
    /// A tenant with so many departments below its root.
    pub(super) fn new(seed: u64, departments: usize) -> Self {
        let mut organisation =
            Self { seed, departments: vec![root(seed)], by_id: HashMap::from([(ROOT.into(), 0)]) };
        let mut levels: Vec<Vec<usize>> = vec![vec![0]];
        for index in 1..=departments {
            let depth = depth_of(index, departments).min(levels.len());
            let mut dice = Dice::new(seed, &[1, index as u64]);
            let parent = *dice.pick(&levels[depth - 1]);
            if levels.len() == depth {
                levels.push(Vec::new());
            }
            levels[depth].push(index);
            organisation.add(index, parent, dice);
        }
        organisation
    }

    fn add(&mut self, index: usize, parent: usize, mut dice: Dice) {
        let open_department_id = format!("od-{}", dice.hex());
        let department_id = format!("D{index:04}");
        let above = &self.departments[parent];
        let depth = above.depth + 1;
        let names = names::compose(&mut dice, depth, parent * 7, above.children.len());
        let statistics_name = match dice.below(100) {
            0..=84 => names.zh_cn.clone(),
            85..=94 => names.en_us.clone(),
            _ => names.ja_jp.clone(),
        };
        self.by_id.insert(open_department_id.clone(), index);
        self.by_id.insert(department_id.clone(), index);
        self.departments[parent].children.push(index);
        self.departments.push(Department {
            open_department_id,
            department_id,
            path: self.path_of(parent, &statistics_name),
            names,
            statistics_name,
            parent: Some(parent),
            depth,
            leaders: if dice.chance(15) { 2 } else { 1 },
            deleted: false,
            children: Vec::new(),
            founders: 4 + dice.skewed(70),
            steady: false,
        });
    }

    /// The path of a department of this name below this one.
    fn path_of(&self, parent: usize, name: &str) -> String {
        let above = &self.departments[parent];
        match above.parent {
            None => name.to_owned(),
            Some(_) => format!("{}/{name}", above.path),
        }
    }

    /// Gives a department so many people, who neither come nor go.
    pub(super) fn enlarge(&mut self, department: usize, people: u64) {
        self.departments[department].founders = people;
        self.departments[department].steady = true;
    }

    /// Gives a department one name in all languages.
    pub(super) fn rename(&mut self, department: usize, name: &str) {
        let renamed = &mut self.departments[department];
        renamed.names = Names { zh_cn: name.into(), en_us: name.into(), ja_jp: name.into() };
        name.clone_into(&mut renamed.statistics_name);
        self.place(department);
    }

    /// Moves a department that is not the root below another parent, with everything below it.
    pub(super) fn relocate(&mut self, department: usize, parent: usize) {
        if let Some(before) = self.departments[department].parent {
            self.departments[before].children.retain(|child| *child != department);
        }
        self.departments[department].parent = Some(parent);
        self.departments[parent].children.push(department);
        self.place(department);
    }

    /// Writes depth and path of a department and of everything below it, parents before children.
    fn place(&mut self, department: usize) {
        for index in self.subtree(department, usize::MAX) {
            let name = &self.departments[index].statistics_name;
            let (path, depth) = match self.departments[index].parent {
                None => (name.clone(), 0),
                Some(parent) => (self.path_of(parent, name), self.departments[parent].depth + 1),
            };
            self.departments[index].path = path;
            self.departments[index].depth = depth;
        }
    }

    /// Levels from a department down to the deepest below it.
    pub(super) fn height(&self, department: usize) -> usize {
        let depths = self.subtree(department, usize::MAX).into_iter();
        let deepest = depths.map(|index| self.departments[index].depth).max();
        deepest.map_or(0, |deepest| deepest - self.departments[department].depth)
    }

    /// Removes a department that is not the root, with its people and everything below it.
    pub(super) fn remove(&mut self, department: usize) {
        for index in self.subtree(department, usize::MAX) {
            self.departments[index].deleted = true;
        }
        if let Some(parent) = self.departments[department].parent {
            self.departments[parent].children.retain(|child| *child != department);
        }
        let departments = &self.departments;
        self.by_id.retain(|_, index| !departments[*index].deleted);
    }

    /// Adds a department of this name and says where in the list it stands.
    pub(super) fn found(&mut self, parent: usize, name: &str) -> usize {
        let index = self.departments.len();
        self.add(index, parent, Dice::new(self.seed, &[1, index as u64]));
        self.rename(index, name);
        index
    }

    /// The next department under the same parent, where people of this one may have a second
    /// place; none for an only child.
    pub(super) fn neighbour(&self, department: usize) -> Option<usize> {
        let siblings = self.siblings(department);
        let at = siblings.iter().position(|sibling| *sibling == department)?;
        let next = siblings[(at + 1) % siblings.len()];
        (next != department).then_some(next)
    }

    /// The department whose neighbour this one is.
    pub(super) fn neighbour_of(&self, department: usize) -> Option<usize> {
        let siblings = self.siblings(department);
        let at = siblings.iter().position(|sibling| *sibling == department)?;
        let last = siblings[(at + siblings.len() - 1) % siblings.len()];
        (last != department).then_some(last)
    }

    /// The departments under the parent of this one, with itself.
    fn siblings(&self, department: usize) -> &[usize] {
        match self.departments[department].parent {
            None => &[],
            Some(parent) => &self.departments[parent].children,
        }
    }

    /// The department with this id of either type.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The department and everything below it that is at most `depth_max` levels below the root,
    /// parents before children.
    pub(super) fn subtree(&self, department: usize, depth_max: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = vec![department];
        while let Some(index) = open.pop() {
            if self.departments[index].depth <= depth_max {
                found.push(index);
                open.extend(self.departments[index].children.iter().rev());
            }
        }
        found
    }

    /// Whether `department` is `ancestor` or lies below it.
    pub(super) fn is_within(&self, department: usize, ancestor: usize) -> bool {
        let mut at = Some(department);
        while let Some(index) = at {
            if index == ancestor {
                return true;
            }
            at = self.departments[index].parent;
        }
        false
    }
}

fn root(seed: u64) -> Department {
    let names = names::company();
    Department {
        open_department_id: ROOT.to_owned(),
        department_id: ROOT.to_owned(),
        statistics_name: names.zh_cn.clone(),
        path: names.zh_cn.clone(),
        names,
        parent: None,
        depth: 0,
        leaders: 1,
        deleted: false,
        children: Vec::new(),
        founders: 3 + Dice::new(seed, &[0]).below(4),
        steady: false,
    }
}

/// Which level a department belongs to, if the level above it is not empty.
fn depth_of(index: usize, departments: usize) -> usize {
    let top = (departments / 6).clamp(1, 16);
    let (rest, position) = (departments - top, index.saturating_sub(top + 1));
    if index <= top {
        return 1;
    }
    if position < top {
        return 2;
    }
    let share = position as f64 / rest as f64;
    2 + SHARES.iter().take_while(|below| share >= **below).count()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_size_makes_a_tree_of_at_most_six_levels_with_unique_ids() {
        for size in [1, 2, 5, 20, 300, 5000] {
            let organisation = Organisation::new(7, size);
            assert_eq!(organisation.departments.len(), size + 1);
            assert_eq!(organisation.by_id.len(), 2 * size + 1);
            assert_eq!(organisation.subtree(0, DEPTH_MAX).len(), size + 1);
            let deepest = organisation.departments.iter().map(|d| d.depth).max().unwrap();
            assert!(deepest <= DEPTH_MAX, "{size} departments are {deepest} deep");
            assert!(size < 20 || deepest == DEPTH_MAX, "{size} departments are {deepest} deep");
        }
    }

    #[test]
    fn siblings_have_different_names_in_every_language() {
        let organisation = Organisation::new(7, 5000);
        for parent in &organisation.departments {
            let names = parent.children.iter().map(|child| &organisation.departments[*child].names);
            let languages: [Vec<&String>; 3] = [
                names.clone().map(|names| &names.zh_cn).collect(),
                names.clone().map(|names| &names.en_us).collect(),
                names.map(|names| &names.ja_jp).collect(),
            ];
            for names in languages {
                let different: HashSet<_> = names.iter().collect();
                assert_eq!(different.len(), names.len(), "{names:?}");
            }
        }
    }

    #[test]
    fn neighbours_are_siblings_in_a_circle() {
        let organisation = Organisation::new(7, 60);
        for department in 0..=60 {
            let next = organisation.neighbour(department);
            assert_eq!(
                next.and_then(|next| organisation.neighbour_of(next)),
                next.and(Some(department))
            );
            let parent = |of: usize| organisation.departments[of].parent;
            assert!(next.is_none_or(|next| parent(next) == parent(department)));
        }
        assert_eq!(organisation.neighbour(0), None);
    }

    #[test]
    fn departments_come_and_go_and_change_their_names() {
        let mut organisation = Organisation::new(7, 60);
        let parent = organisation.departments.iter().rposition(|d| !d.children.is_empty()).unwrap();
        let child = organisation.departments[parent].children[0];
        organisation.rename(parent, "A/B");
        let path =
            |organisation: &Organisation, of: usize| organisation.departments[of].path.clone();
        assert!(path(&organisation, child).contains("A/B/"), "{}", path(&organisation, child));
        let new = organisation.found(child, "New");
        assert_eq!(path(&organisation, new), format!("{}/New", path(&organisation, child)));
        let id = organisation.departments[new].open_department_id.clone();
        assert_eq!(organisation.find(&id), Some(new));
        organisation.remove(child);
        assert_eq!(organisation.find(&id), None);
        assert!(organisation.departments[new].deleted);
        assert!(!organisation.subtree(0, usize::MAX).contains(&child));
    }

    #[test]
    fn a_seed_decides_everything() {
        let ids = |seed| {
            let organisation = Organisation::new(seed, 40);
            organisation.departments.into_iter().map(|d| d.open_department_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        assert!(ids(1)[1..].iter().all(|id| id.len() == 35 && id.starts_with("od-")));
    }
}
