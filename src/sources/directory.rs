//! The source `directory`: a walk down the tree of departments, with their counts, from
//! `directory/v1/departments/filter`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{many::Many, number};
use crate::{
    feishu::{Abnormal, Class, Client, DirectoryDepartment, Error},
    sources::RejectedValues,
    usage::label_value,
};

/// The tenant's root department.
pub const ROOT: &str = "0";
/// The fields that are read as numbers.
pub const NUMBER_FIELDS: [&str; 4] = [
    "direct_members_count",
    "recursive_members_count",
    "direct_departments_count",
    "recursive_departments_count",
];
/// Levels below the tenant's root that the statistics reach (API document).
pub const STATISTICS_DEPTH_MAX: u8 = 4;
/// Departments of one walk at most, so that a tree with a loop ends.
const DEPARTMENTS_MAX: usize = 50_000;
/// Hidden departments that are asked for those below them: one that is hidden may have children
/// that are not, but where very many are, the app was granted none.
const HIDDEN_PARENTS_MAX: usize = 100;
/// Lists of a walk that may fail by themselves in a row before the fault is taken for everybody's.
const FAILURES_MAX: u32 = 3;
/// Ids that a message lists; more would drown it.
const LISTED_MAX: usize = 10;
/// Without it, departments come without the id by which they are asked for.
const ID_SCOPE: &str = "directory:department.base:read";
/// The fields of which something is published, with the scope for each (API document). What else
/// is denied does not matter.
const FIELD_SCOPES: [(&str, &str); 6] = [
    ("department_id", ID_SCOPE),
    ("name", "directory:department.name:read"),
    ("department_count", "directory:department.count:read"),
    ("has_child", "directory:department.has_child:read"),
    ("department_path_infos", "directory:department.department_path:read"),
    ("enabled_status", "directory:department.status:read"),
];

/// Where to walk.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The departments below which the walk begins, at least one; one may lie below another.
    pub roots: Vec<String>,
    /// Levels below the tenant's root that are visited.
    pub max_depth: usize,
    /// The language of names.
    pub language: &'static str,
}

/// A department of the directory. What the app may not read is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// In the tenant's id type.
    pub department_id: String,
    /// The department that it was found below.
    pub parent_department_id: String,
    /// Names from the level below the root down to itself; its own name alone where the path may
    /// not be read, and its id where not even that.
    pub path: Vec<String>,
    /// Levels below the tenant's root, from 1.
    pub depth: usize,
    /// Whether there are departments below it.
    pub has_child: Option<bool>,
    /// Whether it is in use.
    pub is_enabled: Option<bool>,
    /// Members directly in it.
    pub direct_members: Option<f64>,
    /// Members in it and below it.
    pub recursive_members: Option<f64>,
    /// Departments directly below it.
    pub direct_departments: Option<f64>,
    /// Departments below it.
    pub recursive_departments: Option<f64>,
    /// When a walk saw it last; set by [`Tree::over`].
    #[serde(default)]
    pub seen_at: Option<Timestamp>,
}

/// What a walk found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tree {
    /// Every department once, parents before children.
    pub nodes: Vec<Node>,
    /// Whether it has every department that the statistics reach.
    #[serde(default)]
    pub is_whole: bool,
    /// When the walk ended; set by [`Tree::over`].
    #[serde(default)]
    pub walked_at: Option<Timestamp>,
    /// Whether the walk began at the root and went as deep as the statistics reach.
    #[serde(skip)]
    pub reaches_all: bool,
    /// Scopes without which something that is published is missing.
    #[serde(skip)]
    pub missing_scopes: BTreeSet<&'static str>,
    /// The ids of departments that Feishu hid because the app lacks the data permission.
    #[serde(skip)]
    pub hidden: BTreeSet<String>,
    /// Departments that Feishu hid without telling their ids, and those without an id, which
    /// cannot be asked for.
    #[serde(skip)]
    pub nameless_departments: u64,
    /// The departments whose list failed by itself.
    #[serde(skip)]
    pub failed: BTreeMap<String, Error>,
    /// The departments of whose children some may not be known.
    #[serde(skip)]
    pub unlisted: BTreeSet<String>,
    /// Values that were no numbers, by API field.
    #[serde(skip)]
    pub rejected_values: RejectedValues,
}

/// One level of the walk: a department whose children are asked for.
#[derive(Clone)]
struct Parent {
    id: String,
    depth: usize,
    path: Vec<String>,
}

/// Walks breadth first, one list for each department that has children.
///
/// What is hidden, or refused for one department, hides nothing else: the tree has all the rest,
/// and [`Tree::over`] adds what an earlier walk knows of it.
///
/// # Errors
/// If a list fails that is not this one department's: of every root, for everybody alike, or
/// several in a row.
pub async fn fetch(client: &Arc<Client>, walk: &Walk, at_once: usize) -> Result<Tree, Error> {
    let mut tree = Tree {
        reaches_all: walk.roots.iter().any(|root| root == ROOT)
            && walk.max_depth >= STATISTICS_DEPTH_MAX.into(),
        ..Tree::default()
    };
    let mut frontier = Frontier::new(walk);
    let mut lists = Many::new(at_once);
    // The depth of a root that is not the tenant's follows from the paths of its children.
    let root = |id: &String| Parent { id: id.clone(), depth: 0, path: Vec::new() };
    lists.extend(walk.roots.iter().map(root));
    let ask = |parent| {
        let (client, language) = (Arc::clone(client), walk.language);
        async move { list(&client, &parent, language).await }
    };
    let (mut failures, mut failed_roots) = (0, 0);
    while let Some((parent, listed)) = lists.next(ask).await {
        match listed {
            Ok(listed) => {
                failures = 0;
                lists.extend(frontier.take(&mut tree, &parent, listed)?);
            }
            Err(error) => {
                failures += u32::from(!error.app_was_accepted());
                failed_roots += usize::from(parent.depth == 0);
                let no_root = failed_roots == walk.roots.len();
                if no_root || failures == FAILURES_MAX || !is_its_own(&error) {
                    return Err(error);
                }
                tree.unlisted.insert(parent.id.clone());
                if !tree.hidden.contains(&parent.id) {
                    tree.failed.insert(parent.id, error);
                }
            }
        }
    }
    tree.sort();
    Ok(tree)
}

/// Whether a failure may be that of one list alone.
fn is_its_own(error: &Error) -> bool {
    error.app_was_accepted() || matches!(error.class, Class::Server | Class::Malformed)
}

/// How far a walk got.
struct Frontier {
    max_depth: usize,
    /// Where the walk began: below another root, each is found and not asked a second time.
    roots: BTreeSet<String>,
    seen: BTreeSet<String>,
    /// Those of the hidden departments that are asked for their children.
    hidden: BTreeSet<String>,
}

impl Frontier {
    fn new(walk: &Walk) -> Self {
        let roots = walk.roots.iter().cloned().collect();
        Self { max_depth: walk.max_depth, roots, seen: BTreeSet::new(), hidden: BTreeSet::new() }
    }

    /// Takes in the children of a department; returns those to be asked for theirs.
    fn take(
        &mut self,
        tree: &mut Tree,
        parent: &Parent,
        listed: Listed,
    ) -> Result<Vec<Parent>, Error> {
        let mut next = Vec::new();
        let Listed { nodes, nameless, abnormals, rejected } = listed;
        for (field, count) in rejected {
            *tree.rejected_values.entry(field).or_default() += count;
        }
        if nameless > 0 {
            tree.missing_scopes.insert(ID_SCOPE);
        }
        tree.nameless_departments += nameless;
        let nameless_before = tree.nameless_departments - nameless;
        tree.note(&abnormals);
        if tree.nameless_departments > nameless_before {
            tree.unlisted.insert(parent.id.clone());
        }
        for id in abnormals.into_iter().filter(|one| one.row_is_missing).filter_map(|one| one.id) {
            tree.unlisted.insert(id.clone());
            let is_open = parent.depth + 1 < self.max_depth;
            let is_open = is_open && !self.roots.contains(&id);
            if is_open && self.hidden.len() < HIDDEN_PARENTS_MAX && self.hidden.insert(id.clone()) {
                let path = parent.path.iter().chain([&id]).cloned().collect();
                next.push(Parent { id, depth: parent.depth + 1, path });
            }
        }
        for node in nodes {
            if node.depth > self.max_depth || !self.seen.insert(node.department_id.clone()) {
                continue;
            }
            if tree.nodes.len() == DEPARTMENTS_MAX {
                let what = format!("the tree has no end after {DEPARTMENTS_MAX} departments");
                return Err(Error::local(Class::Malformed, "walking the directory", what));
            }
            let is_asked = self.roots.contains(&node.department_id);
            if node.has_child != Some(false) && node.depth < self.max_depth && !is_asked {
                next.push(Parent {
                    id: node.department_id.clone(),
                    depth: node.depth,
                    path: node.path.clone(),
                });
            }
            tree.nodes.push(node);
        }
        Ok(next)
    }
}

#[derive(Default)]
struct Listed {
    nodes: Vec<Node>,
    nameless: u64,
    abnormals: Vec<Abnormal>,
    rejected: RejectedValues,
}

async fn list(client: &Client, parent: &Parent, language: &str) -> Result<Listed, Error> {
    let mut listed = Listed::default();
    let Listed { nodes, nameless, abnormals, rejected } = &mut listed;
    client
        .departments_below(
            &parent.id,
            &mut |department| match node(&department, parent, language, rejected) {
                Some(node) => nodes.push(node),
                None => *nameless += 1,
            },
            &mut |abnormal| abnormals.push(abnormal),
        )
        .await?;
    Ok(listed)
}

impl Tree {
    /// The tree as of now: what the walk saw, and of what it could not see, what an earlier walk
    /// knows. A department that its parent's list no longer has is gone.
    #[must_use]
    pub fn over(mut self, before: Option<&Self>, now: Timestamp) -> Self {
        let saw_nothing = self.nodes.is_empty();
        self.is_whole = self.reaches_all && !saw_nothing && self.unlisted.is_empty();
        self.walked_at = Some(now);
        self.nodes.iter_mut().for_each(|node| node.seen_at = Some(now));
        let seen: BTreeSet<String> =
            self.nodes.iter().map(|node| node.department_id.clone()).collect();
        // Parents come before their children.
        for node in before.into_iter().flat_map(|before| &before.nodes) {
            let id = &node.department_id;
            let is_out_of_sight = saw_nothing
                || self.hidden.contains(id)
                || self.unlisted.contains(&node.parent_department_id);
            if is_out_of_sight && !seen.contains(id) {
                self.unlisted.insert(id.clone());
                self.nodes.push(node.clone());
            }
        }
        self.sort();
        self
    }

    /// A department and all below it, as labels; none where the tree may lack some.
    #[must_use]
    pub fn below<'a>(&'a self, department_id: &'a str) -> Option<BTreeSet<&'a str>> {
        let mut below = BTreeSet::from([department_id]);
        // Parents come before their children.
        for node in &self.nodes {
            if below.contains(&*node.parent_department_id) {
                below.insert(&node.department_id);
            }
        }
        self.is_whole.then(|| below.into_iter().map(label_value).collect())
    }

    /// A failure of some lists that may be over soon, so that another walk is worth while.
    #[must_use]
    pub fn may_be_whole_soon(&self) -> Option<&Error> {
        self.failed.values().find(|error| !error.app_was_accepted())
    }

    fn sort(&mut self) {
        self.nodes.sort_by(|a, b| (a.depth, &a.path).cmp(&(b.depth, &b.path)));
    }

    /// What the walk could not read although Feishu called it a success, or refused for single
    /// departments.
    #[must_use]
    pub fn denied(&self) -> Option<Error> {
        const RELEASE: &str = "then release a version of the app (版本管理与发布)";
        const CONSOLE: &str = "in the developer console, under Permissions & Scopes (权限管理)";
        let scopes: Vec<&str> = self.missing_scopes.iter().copied().collect();
        let hidden = self.hidden.len() as u64 + self.nameless_departments;
        let (mut what, mut remedies) = (Vec::new(), Vec::new());
        if hidden > 0 {
            let named = listed(self.hidden.iter());
            what.push(format!("Feishu hides {hidden} of the departments{named}"));
            remedies.push(
                "add the departments to the app's contact range (通讯录权限范围) and to its data \
                 permission (数据权限) for the directory"
                    .to_owned(),
            );
        }
        if !scopes.is_empty() {
            what.push(format!("Feishu leaves out {} fields", scopes.len()));
            remedies.insert(0, format!("grant {}", scopes.join(" and ")));
        }
        if let Some((_, error)) = self.failed.first_key_value() {
            let named = listed(self.failed.keys());
            what.push(format!("the lists below {} departments failed{named}", self.failed.len()));
            if what.len() == 1 {
                // The first failure stands for all of them.
                return Some(Error {
                    what: format!("{}: {}", what.remove(0), error.what),
                    attempt: "reading the directory".to_owned(),
                    ..error.clone()
                });
            }
        }
        (!what.is_empty()).then(|| Error {
            remedy: format!("{CONSOLE}, {}, {RELEASE}", remedies.join(" and ")),
            missing_scopes: scopes.into_iter().map(str::to_owned).collect(),
            ..Error::local(
                Class::Permission,
                "reading the directory",
                format!("{}, as the app lacks a permission", what.join(", and ")),
            )
        })
    }

    /// What a walk that found nothing lacks, unless the organisation has no departments.
    #[must_use]
    pub fn found_nothing(&self) -> Option<Error> {
        self.nodes.is_empty().then(|| Error {
            remedy: "if there are departments, add them to the app's contact range (通讯录权限范围) \
                     and to its data permission (数据权限) for the directory, then release a version \
                     of the app (版本管理与发布)"
                .to_owned(),
            ..Error::local(
                Class::Permission,
                "reading the directory",
                "Feishu lists no department at all",
            )
        })
    }

    fn note(&mut self, abnormals: &[Abnormal]) {
        for abnormal in abnormals {
            match &abnormal.id {
                Some(id) if abnormal.row_is_missing => {
                    self.hidden.insert(id.clone());
                }
                _ => self.nameless_departments += u64::from(abnormal.row_is_missing),
            }
            for (field, scope) in FIELD_SCOPES {
                // A denied part of a field is written `department_count.direct_members_count`.
                let denied =
                    |name: &String| name == field || name.starts_with(&format!("{field}."));
                if abnormal.denied_fields.iter().any(denied) {
                    self.missing_scopes.insert(scope);
                }
            }
        }
    }
}

/// Ids in brackets for a message, none where there are none.
fn listed<'a>(ids: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = if ids.len() > LISTED_MAX { ", …" } else { "" };
    let listed: Vec<&str> = ids.take(LISTED_MAX).map(String::as_str).collect();
    if listed.is_empty() { String::new() } else { format!(" ({}{more})", listed.join(", ")) }
}

/// A department without an id cannot be asked for; it is reported as an abnormal.
fn node(
    department: &DirectoryDepartment<'_>,
    parent: &Parent,
    language: &str,
    rejected: &mut RejectedValues,
) -> Option<Node> {
    let department_id = department.department_id()?;
    let own_name = || department.name(language).unwrap_or_else(|| department_id.clone());
    // The document does not say whether the path ends with the department itself.
    let told = department.path(language).filter(|path| path.len() > parent.path.len());
    let path = told.unwrap_or_else(|| {
        let mut path = parent.path.clone();
        path.push(own_name());
        path
    });
    let mut count = |field| number::counted(&department.count(field), field, rejected);
    Some(Node {
        parent_department_id: parent.id.clone(),
        depth: path.len().max(parent.depth + 1),
        path: path.iter().map(|name| label_value(name).to_owned()).collect(),
        has_child: department.has_child(),
        is_enabled: department.is_enabled(),
        direct_members: count("direct_members_count"),
        recursive_members: count("recursive_members_count"),
        direct_departments: count("direct_departments_count"),
        recursive_departments: count("recursive_departments_count"),
        department_id,
        seen_at: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The answer of the API document, verbatim.
    const SAMPLE: &str = include_str!("../../tests/data/feishu/directory_departments_filter.json");

    #[test]
    fn the_documented_department_is_read() {
        let sample: Value = serde_json::from_str(SAMPLE).unwrap();
        let text = sample["data"]["departments"][0].to_string();
        let department = DirectoryDepartment::parse(&text).unwrap();
        let parent = Parent { id: "h1".to_owned(), depth: 0, path: Vec::new() };
        let node = node(&department, &parent, "zh_cn", &mut RejectedValues::new()).unwrap();
        assert_eq!(
            node,
            Node {
                department_id: "h12921".to_owned(),
                parent_department_id: "h1".to_owned(),
                path: vec!["中文".to_owned()],
                depth: 1,
                has_child: Some(true),
                is_enabled: Some(true),
                direct_members: Some(100.0),
                recursive_members: Some(100.0),
                direct_departments: Some(100.0),
                recursive_departments: Some(100.0),
                seen_at: None,
            }
        );
    }

    #[test]
    fn denied_fields_that_are_published_name_their_scope() {
        let mut tree = Tree::default();
        let denied =
            |field: &str| Abnormal { denied_fields: vec![field.to_owned()], ..Abnormal::default() };
        tree.note(&[
            denied("leaders"),
            denied("name"),
            denied("department_count.direct_members_count"),
        ]);
        let hidden = |id: Option<&str>| Abnormal {
            id: id.map(str::to_owned),
            row_is_missing: true,
            ..Abnormal::default()
        };
        tree.note(&[hidden(Some("od-1")), hidden(None)]);
        assert_eq!(
            tree.missing_scopes.iter().copied().collect::<Vec<_>>(),
            ["directory:department.count:read", "directory:department.name:read"]
        );
        assert_eq!((tree.hidden.len(), tree.nameless_departments), (1, 1));
        let denied = tree.denied().unwrap();
        assert!(denied.what.contains("hides 2 of the departments (od-1)"), "{}", denied.what);
    }

    fn grown(id: &str, parent: &str, path: &[&str], direct_members: f64) -> Node {
        Node {
            department_id: id.to_owned(),
            parent_department_id: parent.to_owned(),
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            depth: path.len(),
            has_child: None,
            is_enabled: None,
            direct_members: Some(direct_members),
            recursive_members: None,
            direct_departments: None,
            recursive_departments: None,
            seen_at: None,
        }
    }

    fn tree(nodes: &[Node]) -> Tree {
        Tree { nodes: nodes.to_vec(), ..Tree::default() }
    }

    /// The ids with the members that are known of each.
    fn known(tree: &Tree) -> Vec<(&str, f64)> {
        tree.nodes
            .iter()
            .map(|node| (node.department_id.as_str(), node.direct_members.unwrap_or(-1.0)))
            .collect()
    }

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn what_is_hidden_stays_as_it_was_and_what_is_seen_is_taken() {
        let before = tree(&[
            grown("a", "0", &["a"], 10.0),
            grown("b", "0", &["b"], 20.0),
            grown("b1", "b", &["b", "1"], 21.0),
            grown("gone", "0", &["gone"], 5.0),
        ])
        .over(None, AT);
        let mut walk = tree(&[grown("a", "0", &["a"], 99.0), grown("new", "0", &["new"], 1.0)]);
        walk.hidden.insert("b".to_owned());
        walk.unlisted.insert("b".to_owned());
        let later = AT + jiff::SignedDuration::from_hours(1);
        let now = walk.over(Some(&before), later);
        assert_eq!(known(&now), [("a", 99.0), ("b", 20.0), ("new", 1.0), ("b1", 21.0)]);
        let seen: Vec<bool> = now.nodes.iter().map(|node| node.seen_at == Some(later)).collect();
        assert_eq!(seen, [true, false, true, false], "each keeps its own time");
        // And once it is seen again, what its list no longer has is gone.
        let again = tree(&[grown("a", "0", &["a"], 99.0), grown("b", "0", &["b"], 22.0)]);
        assert_eq!(known(&again.over(Some(&now), later)), [("a", 99.0), ("b", 22.0)]);
    }

    #[test]
    fn below_a_list_that_failed_or_hid_somebody_unnamed_nothing_vanishes() {
        let before = tree(&[grown("a", "0", &["a"], 1.0), grown("a1", "a", &["a", "1"], 2.0)])
            .over(None, AT);
        let mut walk = tree(&[grown("a", "0", &["a"], 3.0)]);
        walk.unlisted.insert("a".to_owned());
        assert_eq!(known(&walk.clone().over(Some(&before), AT)), [("a", 3.0), ("a1", 2.0)]);
        walk.unlisted.clear();
        assert_eq!(known(&walk.over(Some(&before), AT)), [("a", 3.0)]);
    }

    #[test]
    fn a_walk_that_sees_nothing_at_all_takes_nothing_away() {
        let before = tree(&[grown("a", "0", &["a"], 1.0)]).over(None, AT);
        assert_eq!(known(&Tree::default().over(Some(&before), AT)), [("a", 1.0)]);
    }
}
