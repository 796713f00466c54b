//! What the optional sources know of a tenant, and what is published of it. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::options::{Discovery, ListedDepartment};
use crate::{
    catalogue::{
        CONTACT_LEADERS, CONTACT_MEMBERS, CONTACT_PRIMARY_MEMBERS, DELETED, DIRECT_DEPARTMENTS,
        DIRECT_MEMBERS, ENABLED, Family, MEMBERS, MEMBERS_BY_EMPLOYEE_TYPE, RECURSIVE_DEPARTMENTS,
        RECURSIVE_MEMBERS, USERS, USERS_ACTIVE, USERS_BY_CLIENT, USERS_BY_OS, USERS_INACTIVE,
        USERS_MEETING_DURATION, USERS_MEETINGS, USERS_MESSAGES_SENT, USERS_NEVER_ACTIVE,
        USERS_VC_DURATION,
    },
    day::Day,
    exposition::{Place, Sample},
    sources::{
        contact,
        directory::{Node, Tree},
        members::HeadCount,
        users::{INACTIVE_DAYS, Use},
    },
    usage::Geo,
};

/// What the optional sources have brought so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) tree: Option<Arc<Tree>>,
    pub(super) contact: BTreeMap<String, contact::Facts>,
    /// Ids that the contact API left out.
    pub(super) unknown_to_contact: BTreeSet<String>,
    pub(super) heads: BTreeMap<String, HeadCount>,
    /// The newest day of each department that was aggregated; none of a group that is too small.
    pub(super) users: BTreeMap<(Geo, Arc<str>), (Day, Option<Use>)>,
}

/// The samples of one department's user statistics; published only beside the same day's figures.
#[derive(Clone, Debug)]
pub(super) struct UserSamples {
    pub(super) geo: Geo,
    pub(super) department_id: Arc<str>,
    pub(super) day: Day,
    pub(super) samples: Vec<Sample>,
}

impl Facts {
    /// Forgets departments that are no longer collected.
    pub(super) fn retain(&mut self, ids: &BTreeSet<String>) {
        self.contact.retain(|id, _| ids.contains(id));
        self.unknown_to_contact.retain(|id| ids.contains(id));
        self.heads.retain(|id, _| ids.contains(id));
        self.users.retain(|(_, id), _| ids.contains(&**id));
    }

    /// Names and places by department.
    pub(super) fn places(&self) -> BTreeMap<Arc<str>, Place> {
        let place = |facts: &contact::Facts| Place {
            name: facts.name.clone(),
            parent_department_id: facts.parent_department_id.clone(),
            open_department_id: facts.open_department_id.clone(),
            custom_department_id: facts.custom_department_id.clone(),
        };
        self.contact.iter().map(|(id, facts)| (id.as_str().into(), place(facts))).collect()
    }

    /// The samples that belong to no day, of the departments with these ids.
    pub(super) fn samples(&self, ids: &BTreeSet<String>) -> Vec<Sample> {
        let mut samples = Samples::default();
        for (id, facts) in &self.contact {
            samples.department(&CONTACT_MEMBERS, id, facts.members);
            samples.department(&CONTACT_PRIMARY_MEMBERS, id, facts.primary_members);
            samples.department(&CONTACT_LEADERS, id, facts.leaders);
            samples.department(&DELETED, id, facts.is_deleted.map(flag));
        }
        for node in self.tree.iter().flat_map(|tree| &tree.nodes) {
            let id = &node.department_id;
            if ids.contains(id) {
                samples.department(&DIRECT_MEMBERS, id, node.direct_members);
                samples.department(&RECURSIVE_MEMBERS, id, node.recursive_members);
                samples.department(&DIRECT_DEPARTMENTS, id, node.direct_departments);
                samples.department(&RECURSIVE_DEPARTMENTS, id, node.recursive_departments);
                samples.department(&ENABLED, id, node.is_enabled.map(flag));
            }
        }
        for (id, heads) in &self.heads {
            for (status, people) in heads.by_status.iter().flatten() {
                samples.add(&MEMBERS, &[id, status], count(*people));
            }
            for (employee_type, people) in &heads.by_employee_type {
                let employee_type = employee_type.to_string();
                samples.add(&MEMBERS_BY_EMPLOYEE_TYPE, &[id, &employee_type], count(*people));
            }
        }
        samples.0
    }

    /// The samples of user statistics, by department and day.
    pub(super) fn user_samples(&self) -> Vec<UserSamples> {
        let known = self
            .users
            .iter()
            .filter_map(|(place, (day, usage))| Some((place, *day, usage.as_ref()?)));
        known
            .map(|((geo, department_id), day, usage)| UserSamples {
                geo: *geo,
                department_id: Arc::clone(department_id),
                day,
                samples: of_users(*geo, department_id, usage),
            })
            .collect()
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

/// Collects samples; what is absent is left out.
#[derive(Default)]
struct Samples(Vec<Sample>);

impl Samples {
    fn add(&mut self, family: &'static Family, labels: &[&str], value: f64) {
        let labels = labels.iter().map(|label| Arc::from(*label)).collect();
        self.0.push(Sample { family, labels, value });
    }

    fn department(&mut self, family: &'static Family, id: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.add(family, &[id], value);
        }
    }
}

fn of_users(geo: Geo, id: &str, usage: &Use) -> Vec<Sample> {
    let mut samples = Samples::default();
    let mut add = |family: &'static Family, extra: Option<&str>, value: f64| {
        let labels: Vec<&str> = [geo.as_label(), id].into_iter().chain(extra).collect();
        samples.add(family, &labels, value);
    };
    add(&USERS, None, count(usage.people));
    for (product, people) in &usage.active {
        add(&USERS_ACTIVE, Some(product), count(*people));
    }
    for (os, people) in &usage.by_os {
        add(&USERS_BY_OS, Some(os), count(*people));
    }
    for (client, people) in &usage.by_client {
        add(&USERS_BY_CLIENT, Some(client), count(*people));
    }
    for (days, people) in INACTIVE_DAYS.iter().zip(usage.inactive.iter().flatten()) {
        add(&USERS_INACTIVE, Some(&days.to_string()), count(*people));
    }
    let single = [
        (&USERS_NEVER_ACTIVE, usage.never_active.map(count)),
        (&USERS_MEETINGS, usage.meetings),
        (&USERS_VC_DURATION, usage.vc_duration_s),
    ];
    for (family, value) in single {
        if let Some(value) = value {
            add(family, None, value);
        }
    }
    for (percentile, value) in &usage.messages_sent {
        add(&USERS_MESSAGES_SENT, Some(&percentile.to_string()), *value);
    }
    for (percentile, value) in &usage.meeting_duration_s {
        add(&USERS_MEETING_DURATION, Some(&percentile.to_string()), *value);
    }
    samples.0
}

fn flag(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}

#[expect(clippy::cast_precision_loss, reason = "no department has 2^53 people")]
fn count(people: u64) -> f64 {
    people as f64
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
                root: "0".to_owned(),
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
