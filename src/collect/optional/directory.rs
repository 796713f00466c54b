//! The directory: a walk finds departments for the statistics, and counts of members and
//! sub-departments.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::watch;

use super::{
    samples::{add_flag, add_number},
    slot::{Asked, OptionalSource, Outcome, Taken},
};
use crate::{
    catalogue::{
        DIRECT_DEPARTMENTS, DIRECT_MEMBERS, ENABLED, RECURSIVE_DEPARTMENTS, RECURSIVE_MEMBERS,
    },
    collect::{
        contribution::OfSource,
        current::Current,
        messages::{Discovered, Known},
        options::{self, Discovery, ListedDepartment},
        sources::Source,
    },
    feishu::{Client, Error},
    sources::directory::{self, Node, ROOT, STATISTICS_DEPTH_MAX, Tree, Walk},
};

/// The directory of one tenant.
pub(super) struct Directory {
    tenant: Arc<options::Tenant>,
    /// Where the result of a walk is sent.
    discovered: watch::Sender<Discovered>,
    tree: Option<Arc<Tree>>,
    /// What the last walk could not read.
    gap: Option<Error>,
}

impl Directory {
    /// Nothing was found yet.
    pub(super) fn new(tenant: Arc<options::Tenant>, discovered: watch::Sender<Discovered>) -> Self {
        Self { tenant, discovered, tree: None, gap: None }
    }

    fn walk(&self) -> Walk {
        let discovery = self.tenant.discovery.as_ref();
        Walk {
            roots: discovery.map_or_else(|| vec![ROOT.to_owned()], |d| d.roots.clone()),
            max_depth: discovery.map_or(STATISTICS_DEPTH_MAX, |d| d.max_depth).into(),
            language: self.tenant.language(),
        }
    }

    /// The departments that a walk saw lately. One that is hidden since then is still asked for.
    fn current_nodes(&self, current: Current) -> impl Iterator<Item = &Node> {
        let nodes = self.tree.iter().flat_map(|tree| &tree.nodes);
        nodes.filter(move |node| node.seen_at.is_some_and(|at| current.holds(at)))
    }
}

impl OptionalSource for Directory {
    const SOURCE: Source = Source::Directory;
    /// Without a listed department, nothing can be looked at before the walk.
    const COMES_FIRST: bool = true;

    type Key = ();
    type Answer = Tree;
    type Memory = Arc<Tree>;

    fn refresh_interval(&self) -> Option<Duration> {
        let discovery = self.tenant.discovery.as_ref();
        let walks_anyway = || Self::SOURCE.refresh_interval(&self.tenant);
        discovery.map(|discovery| discovery.refresh_interval).or_else(walks_anyway)
    }

    /// Rows of departments that it does not know may be those of new ones.
    fn is_outdated(&self, known: &Known) -> bool {
        let walked_at = self.tree.as_ref().and_then(|tree| tree.walked_at);
        known.wants_walk_since.is_some_and(|since| walked_at.is_none_or(|at| at < since))
    }

    fn wanted(&self, _: &Known) -> BTreeSet<()> {
        BTreeSet::from([()])
    }

    fn ask(
        &self,
        client: Arc<Client>,
        _: Vec<()>,
        at_once: usize,
    ) -> impl Future<Output = Result<Tree, Error>> + Send + 'static {
        let walk = self.walk();
        async move { directory::fetch(&client, &walk, at_once).await }
    }

    fn take(&mut self, asked: &Asked<'_, ()>, tree: Tree) -> Taken<()> {
        let failure = tree.may_be_whole_soon().cloned();
        let taken = Taken {
            rejected_values: tree.rejected_values.clone(),
            outcome: failure.map_or(Outcome::Complete, Outcome::Partial),
            ..Taken::default()
        };
        self.gap = tree.denied().or_else(|| tree.found_nothing());
        self.recall(Arc::new(tree.over(self.tree.as_deref(), asked.now)));
        taken
    }

    fn ran(&mut self) -> Option<Error> {
        self.gap.clone()
    }

    fn retain(&mut self, _: &BTreeSet<Arc<str>>) {}

    fn contribute(&self, departments: &BTreeSet<Arc<str>>, current: Current, to: &mut OfSource) {
        for node in self.current_nodes(current) {
            if let Some(id) = departments.get(node.department_id.as_str()) {
                add_number(to, &DIRECT_MEMBERS, id, node.direct_members);
                add_number(to, &RECURSIVE_MEMBERS, id, node.recursive_members);
                add_number(to, &DIRECT_DEPARTMENTS, id, node.direct_departments);
                add_number(to, &RECURSIVE_DEPARTMENTS, id, node.recursive_departments);
                add_flag(to, &ENABLED, id, node.is_enabled);
            }
        }
    }

    fn count(&self, current: Current) -> usize {
        self.current_nodes(current).count()
    }

    fn memory(&self) -> Option<Arc<Tree>> {
        self.tree.clone()
    }

    /// Where a walk goes, how it names departments, and the kind of ids.
    fn depends_on(&self) -> serde_json::Value {
        let walk = self.tenant.discovery.as_ref().map(|d| (d.roots.as_slice(), d.max_depth));
        let (roots, depth) = walk.unwrap_or_default();
        let id_type = self.tenant.api.department_id_type.as_str();
        json!([roots, depth, self.tenant.language(), id_type])
    }

    /// Takes in a tree, and tells the loop of the statistics.
    fn recall(&mut self, tree: Arc<Tree>) {
        let discovery = self.tenant.discovery.as_ref();
        let departments = discovery.map_or_else(Vec::new, |d| discovered(&tree, d));
        let (tenant, found) = (self.tenant.name.as_str(), tree.nodes.len());
        let counts = |known: &Discovered| {
            (known.tree.as_ref().map_or(0, |tree| tree.nodes.len()), known.departments.len())
        };
        match discovery {
            // A walk that something is hidden from is repeated each hour.
            _ if counts(&self.discovered.borrow()) == (found, departments.len()) => {}
            Some(_) => tracing::info!(
                tenant,
                found,
                taken = departments.len(),
                "The directory has {found} departments, of which discovery takes {}",
                departments.len(),
            ),
            None => tracing::info!(tenant, found, "The directory has {found} departments"),
        }
        self.tree = Some(Arc::clone(&tree));
        self.discovered.send_replace(Discovered { departments, tree: Some(tree) });
    }
}

/// The departments of the tree that discovery asks for.
pub(crate) fn discovered(tree: &Tree, discovery: &Discovery) -> Vec<ListedDepartment> {
    let wanted = |node: &&Node| {
        let path = node.path.join("/");
        let matches = |patterns: &[regex::Regex]| patterns.iter().any(|p| p.is_match(&path));
        #[expect(clippy::cast_precision_loss, reason = "no department has 2^53 members")]
        let is_large = node.direct_members.is_none_or(|m| m >= discovery.min_members as f64);
        (discovery.include.is_empty() || matches(&discovery.include))
            && !matches(&discovery.exclude)
            && is_large
    };
    tree.nodes
        .iter()
        .filter(wanted)
        .map(|node| ListedDepartment { id: node.department_id.clone(), include_children: false })
        .collect()
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn node(id: &str, path: &[&str], direct_members: Option<f64>) -> Node {
        Node {
            department_id: id.to_owned(),
            parent_department_id: "0".to_owned(),
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            depth: path.len(),
            has_child: None,
            is_enabled: None,
            direct_members,
            recursive_members: None,
            direct_departments: None,
            recursive_departments: None,
            seen_at: None,
        }
    }

    #[test]
    fn discovery_takes_what_matches_and_is_large_enough() {
        let tree = Tree {
            nodes: vec![
                node("1", &["研发部"], Some(5.0)),
                node("2", &["研发部", "后端"], Some(50.0)),
                node("3", &["研发部", "实习"], Some(50.0)),
                node("4", &["销售部"], Some(50.0)),
                node("5", &["研发部", "前端"], None),
            ],
            ..Tree::default()
        };
        let ids = |include: &[&str], exclude: &[&str], min_members| {
            let regexes = |list: &[&str]| list.iter().map(|r| Regex::new(r).unwrap()).collect();
            let discovery = Discovery {
                roots: vec!["0".to_owned()],
                max_depth: 4,
                include: regexes(include),
                exclude: regexes(exclude),
                min_members,
                refresh_interval: std::time::Duration::from_secs(3600),
            };
            let found = discovered(&tree, &discovery);
            found.into_iter().map(|d| d.id).collect::<Vec<_>>().join("")
        };
        assert_eq!(ids(&[], &[], 0), "12345");
        assert_eq!(ids(&["^研发部/"], &["实习$"], 0), "25");
        // Where the size may not be read, nobody is left out for it.
        assert_eq!(ids(&[], &[], 10), "2345");
    }
}
