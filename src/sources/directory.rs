//! The source `directory`: a walk down the tree of departments, with their counts, from
//! `directory/v1/departments/filter`.

use std::{collections::BTreeSet, sync::Arc};

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
    /// The department below which the walk begins.
    pub root: String,
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
}

/// What a walk found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tree {
    /// Every department once, parents before children.
    pub nodes: Vec<Node>,
    /// Scopes without which something that is published is missing.
    #[serde(skip)]
    pub missing_scopes: BTreeSet<&'static str>,
    /// Departments that Feishu hid for want of data permission.
    pub hidden_departments: u64,
    /// Departments without an id, which cannot be asked for.
    pub nameless_departments: u64,
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
/// # Errors
/// If any list fails: part of a tree would look like departments that vanished.
pub async fn fetch(client: &Arc<Client>, walk: &Walk, at_once: usize) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    let mut seen = BTreeSet::new();
    // The depth of a root that is not the tenant's follows from the paths of its children.
    let mut lists = Many::new(at_once);
    lists.extend([Parent { id: walk.root.clone(), depth: 0, path: Vec::new() }]);
    let ask = |parent| {
        let (client, language) = (Arc::clone(client), walk.language);
        async move { list(&client, parent, language).await }
    };
    while let Some((_, listed)) = lists.next(ask).await {
        let Listed { nodes, nameless, abnormals, rejected } = listed?;
        tree.note(&abnormals);
        tree.nameless_departments += nameless;
        if nameless > 0 {
            tree.missing_scopes.insert(ID_SCOPE);
        }
        for (field, count) in rejected {
            *tree.rejected_values.entry(field).or_default() += count;
        }
        for node in nodes {
            if node.depth > walk.max_depth || !seen.insert(node.department_id.clone()) {
                continue;
            }
            if tree.nodes.len() == DEPARTMENTS_MAX {
                let what = format!("the tree has no end after {DEPARTMENTS_MAX} departments");
                return Err(Error::local(Class::Malformed, "walking the directory", what));
            }
            if node.has_child != Some(false) && node.depth < walk.max_depth {
                lists.extend([Parent {
                    id: node.department_id.clone(),
                    depth: node.depth,
                    path: node.path.clone(),
                }]);
            }
            tree.nodes.push(node);
        }
    }
    tree.nodes.sort_by(|a, b| (a.depth, &a.path).cmp(&(b.depth, &b.path)));
    Ok(tree)
}

#[derive(Default)]
struct Listed {
    nodes: Vec<Node>,
    nameless: u64,
    abnormals: Vec<Abnormal>,
    rejected: RejectedValues,
}

async fn list(client: &Client, parent: Parent, language: &str) -> Result<Listed, Error> {
    let mut listed = Listed::default();
    let Listed { nodes, nameless, abnormals, rejected } = &mut listed;
    client
        .departments_below(
            &parent.id,
            &mut |department| match node(&department, &parent, language, rejected) {
                Some(node) => nodes.push(node),
                None => *nameless += 1,
            },
            &mut |abnormal| abnormals.push(abnormal),
        )
        .await?;
    Ok(listed)
}

impl Tree {
    /// Whether every department that the walk came by is in it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.nodes.is_empty() && self.hidden_departments == 0 && self.nameless_departments == 0
    }

    /// What the walk could not read although Feishu called it a success.
    #[must_use]
    pub fn denied(&self) -> Option<Error> {
        const RELEASE: &str = "then release a version of the app (版本管理与发布)";
        const CONSOLE: &str = "in the developer console, under Permissions & Scopes (权限管理)";
        let scopes: Vec<&str> = self.missing_scopes.iter().copied().collect();
        let range = "add the departments to the app's contact range (通讯录权限范围) and to its data \
                     permission (数据权限) for the directory";
        let (what, remedy) = match (self.hidden_departments, scopes.as_slice()) {
            (0, []) => return None,
            (0, scopes) => (
                format!("Feishu leaves out {} fields for want of permission", scopes.len()),
                format!("{CONSOLE}, grant {}, {RELEASE}", scopes.join(" and ")),
            ),
            (hidden, []) => (
                format!("Feishu hides {hidden} of the departments for want of permission"),
                format!("{CONSOLE}, {range}, {RELEASE}"),
            ),
            (hidden, scopes) => (
                format!(
                    "Feishu hides {hidden} of the departments and leaves out {} fields for want of \
                     permission",
                    scopes.len()
                ),
                format!("{CONSOLE}, grant {} and {range}, {RELEASE}", scopes.join(" and ")),
            ),
        };
        Some(Error {
            remedy,
            missing_scopes: scopes.into_iter().map(str::to_owned).collect(),
            ..Error::local(Class::Permission, "reading the directory", what)
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
            self.hidden_departments += u64::from(abnormal.row_is_missing);
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
            }
        );
    }

    #[test]
    fn denied_fields_that_are_published_name_their_scope() {
        let mut tree = Tree::default();
        let denied =
            |field: &str| Abnormal { row_is_missing: false, denied_fields: vec![field.to_owned()] };
        tree.note(&[
            denied("leaders"),
            denied("name"),
            denied("department_count.direct_members_count"),
        ]);
        tree.note(&[Abnormal { row_is_missing: true, denied_fields: Vec::new() }]);
        assert_eq!(
            tree.missing_scopes.iter().copied().collect::<Vec<_>>(),
            ["directory:department.count:read", "directory:department.name:read"]
        );
        assert_eq!(tree.hidden_departments, 1);
    }
}
