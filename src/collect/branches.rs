//! The tree of departments, as planning requests for whole branches needs it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::directory::Tree;

/// Departments by the one that they belong to.
pub(crate) struct Branches<'a> {
    children: BTreeMap<&'a str, Vec<&'a str>>,
    inside: BTreeSet<&'a str>,
}

impl<'a> Branches<'a> {
    /// Those of a tree.
    pub(crate) fn of(tree: &'a Tree) -> Self {
        let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for node in &tree.nodes {
            children.entry(&node.parent_department_id).or_default().push(&node.department_id);
        }
        let inside = tree.nodes.iter().map(|node| node.department_id.as_str()).collect();
        Self { children, inside }
    }

    /// The departments whose parent is not in the tree, and that parent: the root may be asked for
    /// as well.
    pub(crate) fn tops(&self) -> Vec<&'a str> {
        self.children.keys().copied().filter(|parent| !self.inside.contains(parent)).collect()
    }

    /// The departments that belong directly to one.
    pub(crate) fn children(&self, id: &str) -> impl Iterator<Item = &'a str> {
        self.children.get(id).into_iter().flatten().copied()
    }

    /// A department and all below it.
    pub(crate) fn subtree(&self, id: &'a str) -> Vec<&'a str> {
        let mut subtree = vec![id];
        let mut next = 0;
        while let Some(id) = subtree.get(next) {
            subtree.extend(self.children(id));
            next += 1;
        }
        subtree
    }
}
