//! The lists of members: how many people of a department are in which state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    samples::{people, sample},
    slot::{Asked, OptionalSource, Taken},
};
use crate::{
    catalogue::{MEMBERS, MEMBERS_BY_EMPLOYEE_TYPE},
    collect::{contribution::OfSource, messages::Known, options, sources::Source},
    feishu::{Client, Error, Extent},
    sources::members::{self, HeadCount},
};

/// The people of one tenant's departments.
pub(super) struct Members {
    tenant: Arc<options::Tenant>,
    head_counts: BTreeMap<String, HeadCount>,
}

impl Members {
    /// Nobody was counted yet.
    pub(super) fn new(tenant: Arc<options::Tenant>) -> Self {
        Self { tenant, head_counts: BTreeMap::new() }
    }
}

impl OptionalSource for Members {
    const SOURCE: Source = Source::Members;

    type Key = String;
    type Answer = HeadCount;
    type Memory = BTreeMap<String, HeadCount>;

    fn refresh_interval(&self) -> Option<Duration> {
        self.tenant.members
    }

    fn wanted(&self, known: &Known) -> BTreeSet<String> {
        known.collected()
    }

    fn ask(
        &self,
        client: Arc<Client>,
        ids: Vec<String>,
        _: usize,
    ) -> impl Future<Output = Result<HeadCount, Error>> + Send + 'static {
        let id = ids[0].clone();
        async move { members::fetch(&client, &id, Extent::Whole).await }
    }

    fn take(&mut self, asked: &Asked<'_, String>, head_count: HeadCount) -> Taken {
        self.head_counts.insert(asked.batch[0].clone(), head_count);
        Taken::default()
    }

    fn ran(&mut self) -> Option<Error> {
        let is_hidden = |head_count: &HeadCount| head_count.by_status.is_none();
        self.head_counts.values().any(is_hidden).then(members::denied_status)
    }

    fn retain(&mut self, departments: &BTreeSet<String>) {
        self.head_counts.retain(|id, _| departments.contains(id));
    }

    fn contribute(&self, _: &BTreeSet<String>, to: &mut OfSource) {
        for (id, HeadCount { by_status, by_employee_type }) in &self.head_counts {
            for (status, count) in by_status.iter().flatten() {
                to.samples.push(sample(&MEMBERS, &[id, status], people(*count)));
            }
            for (employee_type, count) in by_employee_type {
                let labels = [id, &*employee_type.to_string()];
                to.samples.push(sample(&MEMBERS_BY_EMPLOYEE_TYPE, &labels, people(*count)));
            }
        }
    }

    fn memory(&self) -> Option<Self::Memory> {
        Some(self.head_counts.clone())
    }

    fn recall(&mut self, head_counts: Self::Memory) {
        self.head_counts = head_counts;
    }
}
