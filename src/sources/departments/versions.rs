//! What is known of a tenant's product versions: whether they can be asked for, and which name
//! means the total over all of them.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{catalogue::TOTAL_VERSION, day::Day};

/// The documented name of the total: "all product versions".
const TOTAL_NAME: &str = "全部产品版本";

/// A tenant's knowledge of product versions, shared by all its requests.
#[derive(Debug)]
pub struct Versions {
    wanted: bool,
    configured_totals: Vec<String>,
    learned: Mutex<Learned>,
}

/// What was learned of a tenant's product versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// The parameter was accepted at least once, so that a refusal has another reason.
    accepted: bool,
    /// The newest day asked for when the parameter was refused. The feature is switched on tenant
    /// by tenant, so that a later day is a reason to try again.
    refused_for: Option<Day>,
    totals: BTreeSet<String>,
}

impl Versions {
    /// Starts without experience.
    #[must_use]
    pub fn new(wanted: bool, total_names: Vec<String>) -> Self {
        Self { wanted, configured_totals: total_names, learned: Mutex::default() }
    }

    /// What was learned so far.
    #[must_use]
    pub fn known(&self) -> Learned {
        self.learned().clone()
    }

    /// Takes up what was learned before.
    pub fn recall(&self, known: Learned) {
        *self.learned() = known;
    }

    /// Whether to ask for versions when the newest day asked for is `newest`.
    pub(super) fn wanted(&self, newest: Day) -> bool {
        self.wanted && self.learned().refused_for.is_none_or(|refused| newest > refused)
    }

    /// Whether Feishu refused the parameter and has not accepted it since.
    #[must_use]
    pub fn are_refused(&self) -> bool {
        self.learned().refused_for.is_some()
    }

    /// Whether Feishu accepted the parameter at least once.
    #[must_use]
    pub fn were_accepted(&self) -> bool {
        self.learned().accepted
    }

    pub(super) fn accepted(&self) {
        let mut learned = self.learned();
        learned.accepted = true;
        learned.refused_for = None;
    }

    pub(super) fn refused(&self, newest: Day) {
        let before = self.learned().refused_for.replace(newest);
        if before.is_none() {
            tracing::warn!(
                "Feishu does not accept with_product_version; only totals are collected, and the \
                 parameter is tried again with the next day"
            );
        }
    }

    /// Whether a row of that version is the total; a row without a version is.
    pub(super) fn is_total(&self, version: Option<&str>) -> bool {
        version.is_none_or(|name| {
            // A version of that name would collide with our own label for the total.
            name == TOTAL_NAME
                || name == TOTAL_VERSION
                || self.configured_totals.iter().any(|total| total == name)
                || self.learned().totals.contains(name)
        })
    }

    /// Remembers that a name means the total.
    pub(super) fn learn_total(&self, name: &str) {
        if self.learned().totals.insert(name.to_owned()) {
            tracing::info!(
                product_version = name,
                "Product version {name:?} equals the total over all versions and is published as \
                 {TOTAL_VERSION:?}; list it in total_version_names to save a request a department"
            );
        }
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
