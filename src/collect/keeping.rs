//! One tenant's part of the store, as the collector sees it: it never fails. What cannot be kept
//! waits in the store's memory for the next attempt, what cannot be read was never there, and the
//! log tells when that begins and when it ends.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use prometheus::Gauge;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    day::Day,
    store::{Error, Extent, Held, Lists, Named, Removed, Series, Spent, TenantStore},
    usage::{Figures, Geo, RateScale, Target},
};

/// What one tenant keeps beyond the process; nothing without a store.
#[derive(Clone)]
pub(super) struct Keeper(Option<Arc<Kept>>);

struct Kept {
    store: TenantStore,
    tenant: String,
    up: Gauge,
    is_failing: AtomicBool,
    /// The store's generation whose days are complete.
    generation: AtomicU64,
    /// What was remembered last, so that only changes are written.
    memory: Mutex<BTreeMap<String, Arc<str>>>,
}

impl Keeper {
    /// Keeps in a store, or nothing.
    pub(super) fn new(store: Option<TenantStore>, tenant: &str, up: Gauge) -> Self {
        Self(store.map(|store| {
            Arc::new(Kept {
                tenant: tenant.to_owned(),
                up,
                is_failing: AtomicBool::new(false),
                generation: AtomicU64::new(store.generation()),
                memory: Mutex::default(),
                store,
            })
        }))
    }

    /// Whether there is a store.
    pub(super) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps lists and tells whether they are in the store now. If not, they wait in its memory.
    pub(super) async fn keep(&self, lists: Vec<Lists>) -> bool {
        let Some(kept) = &self.0 else { return false };
        lists.is_empty() || kept.checked(kept.store.keep(lists).await).is_some()
    }

    /// Keeps lists in place of what is kept of their days, and tells whether they are there.
    pub(super) async fn replace(&self, lists: Vec<Lists>) -> bool {
        let Some(kept) = &self.0 else { return false };
        kept.checked(kept.store.replace(lists).await).is_some()
    }

    /// Tries again to keep what could not be kept, and tells whether that is there now.
    pub(super) async fn keep_unsaved(&self) -> bool {
        let Some(kept) = self.0.as_ref().filter(|kept| kept.store.has_unsaved()) else {
            return false;
        };
        kept.checked(kept.store.flush().await).is_some()
    }

    /// Whether there is something that could not be kept yet.
    pub(super) fn has_unsaved(&self) -> bool {
        self.0.as_ref().is_some_and(|kept| kept.store.has_unsaved())
    }

    /// Whether a new store was begun in place of a damaged one since this was last asked: then the
    /// days that are served are to be kept again.
    pub(super) fn was_begun_anew(&self) -> bool {
        self.0.as_ref().is_some_and(|kept| {
            let generation = kept.store.generation();
            kept.generation.swap(generation, Ordering::Relaxed) != generation
        })
    }

    /// What the live collection held, with days from `since` on.
    pub(super) async fn held(&self, since: Day) -> Vec<Held> {
        let Some(kept) = &self.0 else { return Vec::new() };
        kept.checked(kept.store.held(since).await).unwrap_or_default()
    }

    /// Whether the last attempt to keep or read something failed.
    pub(super) fn is_failing(&self) -> bool {
        self.0.as_ref().is_some_and(|kept| kept.is_failing.load(Ordering::Relaxed))
    }

    /// The last name and path of each department that days were ever kept of.
    pub(super) async fn names(&self) -> HashMap<(Geo, Arc<str>), Named> {
        let Some(kept) = &self.0 else { return HashMap::new() };
        kept.checked(kept.store.names().await).unwrap_or_default()
    }

    /// For each target, the days within a range whose list was read to that extent, and was whole
    /// or read more than `late_days` days later; none if the store cannot say.
    pub(super) async fn covered(
        &self,
        targets: Vec<(Target, Day, Day)>,
        least: Extent,
        late_days: i32,
    ) -> Option<Vec<BTreeSet<Day>>> {
        let kept = self.0.as_ref()?;
        kept.checked(kept.store.covered(targets, least, late_days).await)
    }

    /// Whether departments below a target have rows of a day but no total of it; none if the store
    /// cannot say.
    pub(super) async fn lacks_totals(&self, target: Target, day: Day) -> Option<bool> {
        let kept = self.0.as_ref()?;
        kept.checked(kept.store.lacks_totals(target, day).await)
    }

    /// For each department, the totals of those of the days that have one.
    pub(super) async fn totals(&self, asked: Vec<(Target, Vec<Day>)>) -> Vec<Vec<(Day, Figures)>> {
        let Some(kept) = &self.0 else { return Vec::new() };
        kept.checked(kept.store.totals(asked).await).unwrap_or_default()
    }

    /// For each department, some figures of its totals in a range of days.
    pub(super) async fn total_series<const N: usize>(
        &self,
        asked: Vec<Target>,
        days: (Day, Day),
        figures: [usize; N],
    ) -> Vec<Series<N>> {
        let Some(kept) = &self.0 else { return Vec::new() };
        kept.checked(kept.store.total_series(asked, days, figures).await).unwrap_or_default()
    }

    /// Removes days that are older than `retention_days`, but none that may be served for
    /// `served_days`.
    pub(super) async fn forget_old_days(&self, retention_days: i32, served_days: i32) {
        let Some(kept) = &self.0 else { return };
        let removed = kept.checked(kept.store.remove_old_days(retention_days, served_days).await);
        if let Some(Removed { days, before }) = removed.flatten() {
            tracing::info!(
                tenant = kept.tenant, days, %before,
                "Removed {days} days before {before} from the store: collection.retention keeps \
                 {retention_days} days before the newest one"
            );
        }
    }

    /// Reads everything that was remembered; [`Self::recall`] finds it then.
    pub(super) async fn load_memory(&self) {
        let Some(kept) = &self.0 else { return };
        if let Some(memory) = kept.checked(kept.store.memory().await) {
            *lock(&kept.memory) = memory;
        }
    }

    /// What was remembered under a name; none if there is nothing, or something that another
    /// release wrote in another form.
    pub(super) fn recall<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let kept = self.0.as_ref()?;
        serde_json::from_str(lock(&kept.memory).get(name)?).ok()
    }

    /// Remembers something under a name, if it is another than before.
    pub(super) async fn remember<T: Serialize>(&self, name: &str, value: &T) {
        let Some(kept) = &self.0 else { return };
        let Ok(value) = serde_json::to_string(value) else { return };
        if lock(&kept.memory).get(name).is_some_and(|known| **known == *value) {
            return;
        }
        let value: Arc<str> = value.into();
        lock(&kept.memory).insert(name.to_owned(), Arc::clone(&value));
        kept.checked(kept.store.remember(vec![(name.to_owned(), value)]).await);
    }

    /// Notes how rates are read; none: nobody knows any more.
    pub(super) async fn set_rate_scale(&self, scale: Option<RateScale>) {
        if let Some(kept) = &self.0 {
            kept.checked(kept.store.set_rate_scale(scale).await);
        }
    }

    /// Forgets what was remembered under a name.
    pub(super) async fn forget(&self, name: &str) {
        let Some(kept) = &self.0 else { return };
        if lock(&kept.memory).remove(name).is_some() {
            kept.checked(kept.store.forget(name.to_owned()).await);
        }
    }

    /// The requests of a month so far, by whatever process.
    pub(super) async fn spent(&self, month: String) -> Option<Spent> {
        let kept = self.0.as_ref()?;
        kept.checked(kept.store.spent(month).await)
    }

    /// Counts a request without waiting; `then` gets the month's state, or nothing.
    pub(super) fn spend(
        &self,
        month: String,
        endpoint: &'static str,
        then: impl FnOnce(Option<Spent>) + Send + 'static,
    ) {
        match &self.0 {
            Some(kept) => kept.store.spend(month, endpoint, then),
            None => then(None),
        }
    }
}

impl Kept {
    /// Notes whether the store works, and logs each change once. Who has to wait long for a store
    /// that works learns nothing about it.
    fn checked<T>(&self, result: Result<T, Error>) -> Option<T> {
        let tenant = self.tenant.as_str();
        if let Some(error) = result.as_ref().err().filter(|error| error.is_under_way()) {
            tracing::debug!(tenant, %error, "The store takes its time");
            return None;
        }
        // It works again when what waits is there.
        let failed = result.is_err() || self.store.has_unsaved();
        self.up.set(f64::from(u8::from(!failed)));
        let was_failing = self.is_failing.swap(failed, Ordering::Relaxed);
        let why = match &result {
            Err(error) => error.to_string(),
            Ok(_) => "requests that were counted cannot be written".to_owned(),
        };
        match (was_failing, failed) {
            (false, true) => tracing::error!(
                tenant,
                error = why,
                "The store fails; live values go on, and what could not be kept waits in memory \
                 until it can"
            ),
            (true, true) => tracing::debug!(tenant, error = why, "The store still fails"),
            (true, false) => tracing::info!(tenant, "The store works again"),
            (false, false) => {}
        }
        result.ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
