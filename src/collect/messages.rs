//! What the loops of a tenant tell each other.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use tokio::sync::watch;

use super::options::ListedDepartment;
use crate::{
    day::Day,
    sources::directory::Tree,
    usage::{DepartmentDay, Geo, Target},
};

/// The newest message of each kind; a loop that starts again finds them there.
#[derive(Clone, Default)]
pub(crate) struct Messages {
    /// From the statistics to the others.
    pub(crate) known: watch::Sender<Known>,
    /// From the walk through the directory to the statistics.
    pub(crate) discovered: watch::Sender<Discovered>,
}

/// What the loop of the statistics tells the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Whether it has looked at all.
    pub(crate) has_looked: bool,
    /// Whether there is any use in asking: not while Feishu cannot be reached.
    pub(crate) is_reachable: bool,
    /// When it looks next.
    pub(crate) next_look: Option<Timestamp>,
    /// Whether departments may be asked for together under an ancestor.
    pub(crate) may_group: bool,
    /// When rows came of departments that the directory does not know; a walk after that tells.
    pub(crate) wants_walk_since: Option<Timestamp>,
    /// The departments that are asked for.
    pub(crate) ids: BTreeSet<Arc<str>>,
    /// The departments that are served.
    pub(crate) served: Vec<Served>,
    /// What has a day: the target, the newest day that its list was read for, and how many
    /// departments are in it.
    pub(crate) targets: Vec<(Target, Day, usize)>,
}

impl Known {
    /// The departments that are asked for, and those found through a parent.
    pub(crate) fn collected(&self) -> BTreeSet<Arc<str>> {
        let served = self.served.iter().map(|served| Arc::clone(&served.day.department_id));
        self.ids.iter().cloned().chain(served).collect()
    }

    /// Whether the other loops may ask for something about these departments.
    pub(crate) fn may_ask(&self) -> bool {
        self.has_looked && self.is_reachable
    }
}

/// A department's day as it is served.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) day: Arc<DepartmentDay>,
    /// Whether it was asked for together with sub-departments.
    pub(crate) include_children: bool,
}

impl Served {
    /// Which department it is of.
    pub(crate) fn place(&self) -> (Geo, Arc<str>) {
        (self.day.geo, Arc::clone(&self.day.department_id))
    }
}

/// What a walk through the directory found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Discovered {
    /// The departments to be asked for beside the listed ones.
    pub(crate) departments: Vec<ListedDepartment>,
    /// The tree, of all that the app may see.
    pub(crate) tree: Option<Arc<Tree>>,
}
