//! Lists of the past that take many pages and were left in the middle: where they go on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    collect::context::Context, day::Day, learned::Kept, sources::departments::Ask, usage::Geo,
};

/// Lists that were left in the middle and may be gone on with, at most.
const UNFINISHED_MAX: usize = 100;
/// The name under which they are remembered.
const UNFINISHED: &str = "backfill";

/// Where a list that takes many pages goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Empty: at its beginning.
    pub(super) page_token: String,
    /// Rows of the pages before it.
    pub(super) rows: usize,
    /// What the list holds.
    #[serde(default)]
    pub(super) of: ListOf,
    /// Whether something on the pages before it could not be used.
    #[serde(default)]
    pub(super) is_flawed: bool,
}

/// What a list holds that is read in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ListOf {
    /// The total of each department.
    #[default]
    Totals,
    /// The rows of product versions, and totals if Feishu gives them.
    Versions,
    /// Totals that the list of versions lacked.
    MissingTotals,
}

/// The lists that were left in the middle, by geo, department and day.
pub(super) struct Unfinished {
    /// Page tokens are of the kind of ids that was asked with.
    pub(super) id_type: String,
    pub(super) marks: BTreeMap<(Geo, String, Day), Mark>,
}

impl Unfinished {
    pub(super) fn recall(context: &Context) -> Self {
        let id_type = context.options.api.department_id_type.as_str().to_owned();
        let kept = context.keeper.recall::<Kept<Vec<_>, String>>(UNFINISHED);
        let marks = kept.and_then(|kept| kept.under(&id_type)).unwrap_or_default();
        Self { id_type, marks: marks.into_iter().collect() }
    }

    pub(super) fn key(ask: &Ask) -> (Geo, String, Day) {
        (ask.target.geo, ask.target.department_id.to_string(), ask.start)
    }

    pub(super) fn of(&self, ask: &Ask, with_versions: bool) -> Option<Mark> {
        let is_it = |mark: &&Mark| (mark.of != ListOf::Totals) == with_versions;
        self.marks.get(&Self::key(ask)).filter(is_it).cloned()
    }

    /// Notes where a list goes on; none: it is read to its end.
    pub(super) async fn note(&mut self, context: &Context, ask: &Ask, mark: Option<Mark>) {
        let key = Self::key(ask);
        let changed = match mark {
            Some(mark) => {
                self.marks.insert(key, mark);
                true
            }
            None => self.marks.remove(&key).is_some(),
        };
        while self.marks.len() > UNFINISHED_MAX {
            self.marks.pop_first();
        }
        if changed {
            let marks: Vec<_> = self.marks.clone().into_iter().collect();
            let kept = Kept::new(self.id_type.clone(), marks);
            context.keeper.remember(UNFINISHED, &kept).await;
        }
    }
}
