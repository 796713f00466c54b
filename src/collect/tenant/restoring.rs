//! What a tenant's loop keeps beyond the process, and takes up again when it starts.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Group, Tenant};
use crate::{
    collect::{grouping::Meaning, job::Source, latest_day},
    day::{Day, after},
    usage::{DepartmentDay, Geo, RateScale, Version},
};

/// The names under which things are remembered.
const RATES: &str = "rates";
const LOOKS: &str = "looks";
const VERSIONS: &str = "product_versions";
const GROUPING: &str = "request_grouping";

/// Leaves the total of a day that was fetched while versions were wanted.
fn drop_versions(day: &mut Arc<DepartmentDay>) {
    Arc::make_mut(day).rows.retain(|(version, _)| *version == Version::Total);
}

/// How the last looks went.
#[derive(Default, Serialize, Deserialize)]
struct Looks {
    /// Whether the last attempt was accepted.
    accepted: Option<bool>,
    last_success: Option<Timestamp>,
}

/// What is known of asking for departments together.
#[derive(Serialize, Deserialize)]
struct Grouping {
    meaning: Meaning,
    /// By geo, the day with which it was last tried.
    tried_for: Vec<(Geo, Day)>,
}

impl Tenant {
    /// Takes up where the process before this one ended: what it served is served, what was whole
    /// is not asked for again, and what it found out stays known.
    pub(in crate::collect) async fn restore(&mut self) {
        if !self.keeper.is_there() {
            return;
        }
        self.keeper.load_memory().await;
        let now = self.clock.now();
        let max_age = i32::try_from(self.options.schedule.max_age.as_secs() / 86_400);
        let oldest = self.groups.iter().map(|group| group.zone.local(now).date()).min();
        let since = after(oldest.unwrap_or_default(), -max_age.unwrap_or(0) - 2);
        let mut held: HashMap<_, _> =
            self.keeper.held(since).await.into_iter().map(|h| (h.target.clone(), h)).collect();
        for standing in self.groups.iter_mut().flat_map(|group| &mut group.standings) {
            if let Some(mut held) = held.remove(&standing.target) {
                if !self.options.product_versions {
                    held.days.iter_mut().for_each(drop_versions);
                }
                standing.restore(held);
            }
        }
        self.expire();
        self.recall();
        self.recount().await;
        self.reserve();
    }

    /// What was remembered under a name each.
    fn recall(&mut self) {
        let found = self.keeper.recall::<String>(RATES);
        let found = found.as_deref().and_then(RateScale::named);
        self.rates.scale = self.rates.scale.or(found);
        if let Some(known) = self.keeper.recall(VERSIONS) {
            self.versions.recall(known);
        }
        if let Some(Grouping { meaning, tried_for }) = self.keeper.recall(GROUPING) {
            self.meaning = meaning;
            for (geo, day) in tried_for {
                let group = self.groups.iter_mut().find(|group| group.geo == geo);
                if let Some(group) = group {
                    group.tried_grouping_for = Some(day);
                }
            }
        }
        let Looks { accepted, last_success } = self.keeper.recall(LOOKS).unwrap_or_default();
        self.last_success = self.last_success.or(last_success);
        if let Some(accepted) = accepted.filter(|_| self.accepted.is_none()) {
            self.accepted = Some(accepted);
            self.client.was_accepted(accepted);
        }
        if let Some(at) = last_success.filter(|_| self.is_up_to_date()) {
            self.metrics.succeeded_before(&self.options.name, Source::Departments, at);
        }
    }

    /// Whether there is nothing to look for now.
    fn is_up_to_date(&self) -> bool {
        let now = self.clock.now();
        let ready_at = self.options.schedule.ready_at;
        self.groups.iter().all(|Group { zone, standings, .. }| {
            let expected = latest_day::expected(now, zone, ready_at);
            standings.iter().all(|s| s.held.is_some_and(|held| held >= expected) && s.is_settled())
        })
    }

    /// Keeps what was read and learned since the last time.
    pub(in crate::collect) async fn keep(&mut self) {
        if !self.keeper.is_there() {
            self.to_keep.clear();
            return;
        }
        self.keeper.keep(std::mem::take(&mut self.to_keep)).await;
        if let Some(scale) = self.rates.scale {
            if self.options.rates.is_none() {
                self.keeper.remember(RATES, &scale.as_str()).await;
            }
            if self.rates.kept != Some(scale) {
                self.keeper.set_rate_scale(scale).await;
                self.rates.kept = Some(scale);
            }
        }
        self.keeper.remember(VERSIONS, &self.versions.known()).await;
        let tried_for =
            self.groups.iter().filter_map(|group| Some((group.geo, group.tried_grouping_for?)));
        let grouping = Grouping { meaning: self.meaning, tried_for: tried_for.collect() };
        self.keeper.remember(GROUPING, &grouping).await;
        let looks = Looks { accepted: self.accepted, last_success: self.last_success };
        self.keeper.remember(LOOKS, &looks).await;
    }

    /// Takes in what this month's requests are by now, those of other processes among them.
    pub(super) async fn recount(&self) {
        let month = self.budget.month();
        if let Some(spent) = self.keeper.spent(month.clone()).await {
            self.budget.settle(&month, Some(spent.total), 0);
            self.metrics.budget(&self.options.name, &self.budget);
        }
    }
}
