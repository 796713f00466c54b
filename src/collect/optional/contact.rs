//! The contact API: names, places and counts of departments.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;

use super::{
    samples::{add_flag, add_number},
    slot::{Asked, OptionalSource, Taken},
};
use crate::{
    catalogue::{CONTACT_LEADERS, CONTACT_MEMBERS, CONTACT_PRIMARY_MEMBERS, DELETED},
    collect::{
        contribution::OfSource,
        current::{Current, Fact},
        messages::Known,
        options,
        sources::Source,
    },
    exposition::Place,
    feishu::{Client, DEPARTMENTS_BATCH_MAX, Error},
    sources::contact,
};

/// What the contact API tells of one tenant's departments.
pub(super) struct Contact {
    tenant: Arc<options::Tenant>,
    departments: BTreeMap<String, Fact<contact::Facts>>,
    /// Ids that it leaves out or refuses.
    left_out: BTreeSet<String>,
    /// Whether this run has found that it leaves out more than before.
    is_more_left_out: bool,
}

impl Contact {
    /// Nothing is known yet.
    pub(super) fn new(tenant: Arc<options::Tenant>) -> Self {
        Self {
            tenant,
            departments: BTreeMap::new(),
            left_out: BTreeSet::new(),
            is_more_left_out: false,
        }
    }
}

impl OptionalSource for Contact {
    const SOURCE: Source = Source::Contact;
    const BATCH: usize = DEPARTMENTS_BATCH_MAX;

    type Key = String;
    type Answer = contact::Found;
    type Memory = BTreeMap<String, Fact<contact::Facts>>;

    fn refresh_interval(&self) -> Option<Duration> {
        self.tenant.contact.map(|contact| contact.refresh_interval)
    }

    fn wanted(&self, known: &Known) -> BTreeSet<String> {
        known.collected().iter().map(ToString::to_string).collect()
    }

    fn ask(
        &self,
        client: Arc<Client>,
        ids: Vec<String>,
        _: usize,
    ) -> impl Future<Output = Result<contact::Found, Error>> + Send + 'static {
        let language = self.tenant.language();
        async move { contact::fetch(&client, &ids, language).await }
    }

    fn take(&mut self, asked: &Asked<'_, String>, found: contact::Found) -> Taken<String> {
        for id in &found.missing {
            self.departments.remove(id);
        }
        for id in found.missing.iter().chain(found.refused.keys()) {
            self.is_more_left_out |= self.left_out.insert(id.clone());
        }
        for (id, facts) in found.departments {
            self.left_out.remove(&id);
            self.departments.insert(id, Fact { value: facts, as_of: asked.now });
        }
        Taken { rejected_values: found.rejected_values, refused: found.refused, ..Taken::default() }
    }

    fn ran(&mut self) -> Option<Error> {
        let left_out = self.left_out.len();
        if std::mem::take(&mut self.is_more_left_out) {
            tracing::warn!(
                tenant = self.tenant.name,
                unknown = left_out,
                "The contact API leaves out or refuses {left_out} departments: they do not exist \
                 or are outside the app's contact range"
            );
        }
        None
    }

    fn retain(&mut self, departments: &BTreeSet<Arc<str>>) {
        self.departments.retain(|id, _| departments.contains(id.as_str()));
        self.left_out.retain(|id| departments.contains(id.as_str()));
    }

    fn contribute(&self, departments: &BTreeSet<Arc<str>>, current: Current, to: &mut OfSource) {
        let current = self.departments.iter().filter(|(_, fact)| current.holds(fact.as_of));
        for (id, Fact { value: facts, .. }) in current {
            let Some(id) = departments.get(id.as_str()) else { continue };
            let place = Place {
                name: facts.name.clone(),
                parent_department_id: facts.parent_department_id.clone(),
                open_department_id: facts.open_department_id.clone(),
                custom_department_id: facts.custom_department_id.clone(),
            };
            to.places.insert(Arc::clone(id), Arc::new(place));
            add_number(to, &CONTACT_MEMBERS, id, facts.members);
            add_number(to, &CONTACT_PRIMARY_MEMBERS, id, facts.primary_members);
            add_number(to, &CONTACT_LEADERS, id, facts.leaders);
            add_flag(to, &DELETED, id, facts.is_deleted);
        }
        to.notices.extend(notice(&self.left_out));
        to.notices.extend(notice_of_deleted(&self.departments));
    }

    fn count(&self, current: Current) -> usize {
        self.departments.values().filter(|fact| current.holds(fact.as_of)).count()
    }

    fn memory(&self) -> Option<Self::Memory> {
        Some(self.departments.clone())
    }

    /// The language of the names, and the kind of ids.
    fn depends_on(&self) -> serde_json::Value {
        json!([self.tenant.language(), self.tenant.api.department_id_type.as_str()])
    }

    fn recall(&mut self, departments: Self::Memory) {
        self.departments = departments;
    }
}

/// Ids that a notice lists; more would drown the page.
const LISTED_MAX: usize = 10;

fn notice(left_out: &BTreeSet<String>) -> Option<String> {
    (!left_out.is_empty()).then(|| {
        format!(
            "The contact API leaves out or refuses {} departments: {}. They do not exist, or the \
             app's contact range does not include them.",
            left_out.len(),
            listed(left_out.iter()),
        )
    })
}

/// Of a deleted department the statistics say only that a parameter is not valid.
fn notice_of_deleted(departments: &BTreeMap<String, Fact<contact::Facts>>) -> Option<String> {
    let deleted = || departments.iter().filter(|(_, fact)| fact.value.is_deleted == Some(true));
    let count = deleted().count();
    (count > 0).then(|| {
        format!(
            "The contact API calls {count} of the departments deleted: {}. Where their statistics \
             are refused (1051001), that is why: take them out of the configuration.",
            listed(deleted().map(|(id, _)| id)),
        )
    })
}

fn listed<'a>(ids: impl Iterator<Item = &'a String>) -> String {
    let ids: Vec<&str> = ids.take(LISTED_MAX + 1).map(String::as_str).collect();
    let more = if ids.len() > LISTED_MAX { ", …" } else { "" };
    format!("{}{more}", ids[..ids.len().min(LISTED_MAX)].join(", "))
}
