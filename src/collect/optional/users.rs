//! The user statistics: how the people of a department used the suite, on the day that the
//! department serves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;

use super::{
    samples::{people, sample},
    slot::{Asked, OptionalSource, Outcome, Taken},
};
use crate::{
    catalogue::{
        Family, USERS, USERS_ACTIVE, USERS_BY_CLIENT, USERS_BY_OS, USERS_INACTIVE,
        USERS_MEETING_DURATION, USERS_MEETINGS, USERS_MESSAGES_SENT, USERS_NEVER_ACTIVE,
        USERS_VC_DURATION,
    },
    collect::{
        contribution::{OfDay, OfSource},
        current::Current,
        messages::{Known, Served},
        options,
        sources::Source,
    },
    day::Day,
    exposition::Sample,
    feishu::{Client, Error, ListPart},
    sources::users::{self, Ask, INACTIVE_DAYS, Use},
    usage::Geo,
};

/// The use of people in one tenant's departments.
pub(super) struct Users {
    tenant: Arc<options::Tenant>,
    /// The newest day of each department that was aggregated; none of a group that is too small.
    by_department: BTreeMap<(Geo, Arc<str>), (Day, Option<Use>)>,
    /// The first answer of this run whose rows were all rejected.
    unusable: Option<Error>,
}

impl Users {
    /// Nothing was aggregated yet.
    pub(super) fn new(tenant: Arc<options::Tenant>) -> Self {
        Self { tenant, by_department: BTreeMap::new(), unusable: None }
    }

    fn min_group_size(&self) -> Option<u64> {
        self.tenant.user_statistics.map(|users| users.min_group_size)
    }
}

impl OptionalSource for Users {
    const SOURCE: Source = Source::Users;

    type Key = Ask;
    type Answer = users::Found;
    /// As JSON can hold it.
    type Memory = Vec<((Geo, Arc<str>), (Day, Option<Use>))>;

    fn refresh_interval(&self) -> Option<Duration> {
        None
    }

    fn wanted(&self, known: &Known) -> BTreeSet<Ask> {
        let ask = |Served { day, .. }: &Served| Ask {
            geo: day.geo,
            department_id: Arc::clone(&day.department_id),
            day: day.day,
        };
        known.served.iter().map(ask).collect()
    }

    fn ask(
        &self,
        client: Arc<Client>,
        asks: Vec<Ask>,
        _: usize,
    ) -> impl Future<Output = Result<users::Found, Error>> + Send + 'static {
        let min_group_size = self.min_group_size().unwrap_or(u64::MAX);
        async move { users::fetch(&client, &asks[0], min_group_size, ListPart::Whole).await }
    }

    fn take(&mut self, asked: &Asked<'_, Ask>, found: users::Found) -> Taken<Ask> {
        let ask = &asked.batch[0];
        let unusable = found.unusable(ask);
        let is_unusable = unusable.is_some();
        self.unusable = self.unusable.take().or(unusable);
        let place = (ask.geo, Arc::clone(&ask.department_id));
        self.by_department.insert(place, (ask.day, found.usage));
        Taken {
            rejected_rows: found.rejected_rows,
            rejected_values: found.rejected_values,
            refused: BTreeMap::new(),
            // A list without anybody is late where the department has people that day.
            outcome: match found.people == 0 && (is_unusable || has_people(ask, asked.known)) {
                true => Outcome::Empty,
                false => Outcome::Complete,
            },
        }
    }

    fn ran(&mut self) -> Option<Error> {
        self.unusable.take()
    }

    fn retain(&mut self, departments: &BTreeSet<Arc<str>>) {
        self.by_department.retain(|(_, id), _| departments.contains(&**id));
    }

    /// They end with the day beside which they are published.
    fn contribute(&self, _: &BTreeSet<Arc<str>>, _: Current, to: &mut OfSource) {
        for ((geo, department_id), (day, usage)) in &self.by_department {
            to.of_days.extend(usage.as_ref().map(|usage| OfDay {
                geo: *geo,
                department_id: Arc::clone(department_id),
                day: *day,
                samples: samples(*geo, department_id, usage).into(),
            }));
        }
    }

    fn memory(&self) -> Option<Self::Memory> {
        Some(self.by_department.clone().into_iter().collect())
    }

    /// What was allowed for a smaller group may not be published for a larger one; and the kind of
    /// ids.
    fn depends_on(&self) -> serde_json::Value {
        json!([self.min_group_size(), self.tenant.api.department_id_type.as_str()])
    }

    fn recall(&mut self, by_department: Self::Memory) {
        self.by_department = by_department.into_iter().collect();
    }
}

/// Whether the department's own figures of that day count people.
fn has_people(ask: &Ask, known: &Known) -> bool {
    let mut served = known.served.iter().map(|served| &served.day);
    let day = served.find(|day| {
        (day.geo, &day.department_id, day.day) == (ask.geo, &ask.department_id, ask.day)
    });
    day.and_then(|day| day.users()).is_some_and(|users| users > 0.0)
}

fn samples(geo: Geo, id: &str, usage: &Use) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |family: &'static Family, extra: Option<&str>, value: f64| {
        let labels: Vec<&str> = [geo.as_label(), id].into_iter().chain(extra).collect();
        samples.push(sample(family, &labels, value));
    };
    add(&USERS, None, people(usage.people));
    for (family, counts) in [
        (&USERS_ACTIVE, &usage.active),
        (&USERS_BY_OS, &usage.by_os),
        (&USERS_BY_CLIENT, &usage.by_client),
    ] {
        for (label, count) in counts {
            add(family, Some(label), people(*count));
        }
    }
    for (days, count) in INACTIVE_DAYS.iter().zip(usage.inactive.iter().flatten()) {
        add(&USERS_INACTIVE, Some(&days.to_string()), people(*count));
    }
    for (family, value) in [
        (&USERS_NEVER_ACTIVE, usage.never_active.map(people)),
        (&USERS_MEETINGS, usage.meetings),
        (&USERS_VC_DURATION, usage.vc_duration_s),
    ] {
        if let Some(value) = value {
            add(family, None, value);
        }
    }
    for (family, values) in [
        (&USERS_MESSAGES_SENT, &usage.messages_sent),
        (&USERS_MEETING_DURATION, &usage.meeting_duration_s),
    ] {
        for (percentile, value) in values {
            let quantile = f64::from(*percentile) / 100.0;
            add(family, Some(&quantile.to_string()), *value);
        }
    }
    samples
}
