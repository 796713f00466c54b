//! `discover`: the departments below a root.

use std::collections::HashSet;

use super::{Session, Watch};
use crate::{
    clock::Clock,
    collect::{Discovery, Language, Tenant, discovered},
    feishu::Error,
    sources::directory::{self, Node, Walk},
};

/// Which departments are listed.
#[derive(Clone, Debug)]
pub struct Below {
    /// The departments below which the walk begins, at least one.
    pub roots: Vec<String>,
    /// Levels below the tenant's root that are visited.
    pub max_depth: u8,
    /// Whether departments are listed that the configured discovery would leave out.
    pub everything: bool,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The departments, parents before children.
    pub departments: Vec<Node>,
    /// How many more there are that the configured discovery would leave out.
    pub left_out: usize,
    /// What Feishu left out of answers that it calls a success.
    pub denied: Option<Error>,
    /// Requests that were made.
    pub requests: u64,
}

/// Walks through the directory.
///
/// # Errors
/// If the walk failed, no department was found or its id may not be read, or the tenant's options
/// cannot be used on this machine.
pub async fn discover(
    tenant: &Tenant,
    below: &Below,
    clock: Clock,
    watch: &Watch,
) -> Result<Listed, Error> {
    let session = Session::new(tenant, clock, watch)?;
    let walk = Walk {
        roots: below.roots.clone(),
        max_depth: below.max_depth.into(),
        language: language(tenant),
    };
    let tree = directory::fetch(&session.client, &walk, at_once(tenant)).await?;
    let denied = tree.denied().or_else(|| tree.found_nothing());
    // Below another root there may be nothing; below the tenant's there is.
    let is_leaf =
        tree.denied().is_none() && !below.roots.iter().any(|root| root == directory::ROOT);
    if let Some(error) = denied.clone().filter(|_| tree.nodes.is_empty() && !is_leaf) {
        return Err(error);
    }
    let all = tree.nodes.len();
    let departments = match &tenant.discovery {
        Some(discovery) if !below.everything => taken(&tree, discovery),
        _ => tree.nodes,
    };
    let left_out = all - departments.len();
    Ok(Listed { departments, left_out, denied, requests: session.requests() })
}

/// The departments that discovery would collect.
fn taken(tree: &directory::Tree, discovery: &Discovery) -> Vec<Node> {
    let taken: HashSet<String> =
        discovered(tree, discovery).into_iter().map(|department| department.id).collect();
    tree.nodes.iter().filter(|node| taken.contains(&node.department_id)).cloned().collect()
}

/// The language in which the tenant's names are published.
pub(super) fn language(tenant: &Tenant) -> &'static str {
    tenant.contact.map_or(Language::default(), |contact| contact.language).as_str()
}

/// Requests of a walk at once: nothing else is asked meanwhile.
pub(super) fn at_once(tenant: &Tenant) -> usize {
    tenant.api.limits.concurrency
}
