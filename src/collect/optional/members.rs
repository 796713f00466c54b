//! The lists of members: how many people of a department are in which state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;

use super::{
    samples::{people, sample},
    slot::{Asked, OptionalSource, Taken},
};
use crate::{
    catalogue::{MEMBERS, MEMBERS_BY_EMPLOYEE_TYPE},
    collect::{
        contribution::OfSource,
        current::{Current, Fact},
        messages::Known,
        options,
        sources::Source,
    },
    feishu::{Client, Error, ListPart},
    sources::members::{self, HeadCount},
};

/// The people of one tenant's departments.
pub(super) struct Members {
    tenant: Arc<options::Tenant>,
    head_counts: BTreeMap<String, Fact<HeadCount>>,
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
    type Memory = BTreeMap<String, Fact<HeadCount>>;

    fn refresh_interval(&self) -> Option<Duration> {
        Self::SOURCE.refresh_interval(&self.tenant)
    }

    fn wanted(&self, known: &Known) -> BTreeSet<String> {
        known.collected().iter().map(ToString::to_string).collect()
    }

    fn ask(
        &self,
        client: Arc<Client>,
        ids: Vec<String>,
        _: usize,
    ) -> impl Future<Output = Result<HeadCount, Error>> + Send + 'static {
        let id = ids[0].clone();
        async move { members::fetch(&client, &id, ListPart::Whole).await }
    }

    fn take(&mut self, asked: &Asked<'_, String>, head_count: HeadCount) -> Taken<String> {
        self.head_counts
            .insert(asked.batch[0].clone(), Fact { value: head_count, as_of: asked.now });
        Taken::default()
    }

    fn ran(&mut self) -> Option<Error> {
        let is_hidden = |fact: &Fact<HeadCount>| fact.value.by_status.is_none();
        self.head_counts.values().any(is_hidden).then(members::denied_status)
    }

    fn retain(&mut self, departments: &BTreeSet<Arc<str>>) {
        self.head_counts.retain(|id, _| departments.contains(id.as_str()));
    }

    fn contribute(&self, departments: &BTreeSet<Arc<str>>, current: Current, to: &mut OfSource) {
        let is_shown = |(id, fact): &(&String, &Fact<_>)| {
            departments.contains(id.as_str()) && current.holds(fact.as_of)
        };
        for (id, fact) in self.head_counts.iter().filter(is_shown) {
            let HeadCount { by_status, by_employee_type } = &fact.value;
            for (status, count) in by_status.iter().flatten() {
                to.samples.push(sample(&MEMBERS, &[id, status], people(*count)));
            }
            for (employee_type, count) in by_employee_type {
                let labels = [id, &*employee_type.to_string()];
                to.samples.push(sample(&MEMBERS_BY_EMPLOYEE_TYPE, &labels, people(*count)));
            }
        }
    }

    fn count(&self, current: Current) -> usize {
        self.head_counts.values().filter(|fact| current.holds(fact.as_of)).count()
    }

    fn memory(&self) -> Option<Self::Memory> {
        Some(self.head_counts.clone())
    }

    /// The kind of ids.
    fn depends_on(&self) -> serde_json::Value {
        json!(self.tenant.api.department_id_type.as_str())
    }

    fn recall(&mut self, head_counts: Self::Memory) {
        self.head_counts = head_counts;
    }
}
