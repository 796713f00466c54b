//! The days that are lacking of a target, and how much of them is asked for at once. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    collect::{past::plan, statistics::standing::Standing},
    day::{Day, after, days_between},
    sources::departments::{Ask, Found},
    usage::Target,
};

/// Rows of a department's day that are assumed where product versions are asked for.
const VERSIONS_ASSUMED: usize = 5;
/// Days that are asked for first where nobody knows how many versions there are.
const FIRST_DAYS_OF_VERSIONS: usize = 7;

/// Days that are lacking of a target, and how many rows a day's list holds.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) target: Target,
    pub(super) days: BTreeSet<Day>,
    pub(super) with_versions: bool,
    pub(super) rows_a_day: usize,
    /// Days that are asked for at first, while the size of a day's list is a guess.
    pub(super) first: Option<usize>,
    /// Pages of a range at most, so that those which are read at once have no more than
    /// `plan::PAGES_MAX` in all.
    pub(super) pages_max: usize,
}

impl Want {
    /// The ranges to ask for now; their days are wanted no longer.
    pub(super) fn take_asks(&mut self) -> Vec<Ask> {
        let now = match self.first {
            // The newest ones: a department that is younger than the rest has rows there.
            Some(first) => self.days.iter().rev().take(first).copied().collect(),
            None => std::mem::take(&mut self.days),
        };
        self.days.retain(|day| !now.contains(day));
        self.asks(&now)
    }

    pub(super) fn asks(&self, days: &BTreeSet<Day>) -> Vec<Ask> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Vec::new() };
        let covered = (0..days_between(*first, *last))
            .map(|n| after(*first, n))
            .filter(|day| !days.contains(day))
            .collect();
        plan::asks(&self.target, days, *last, &covered, self.rows_a_day, self.pages_max).collect()
    }

    /// Learns from an answer how large a day's list is.
    ///
    /// `rows_before` are those of the pages before it, of one day.
    pub(super) fn learn(&mut self, ask: &Ask, found: &Found, rows_before: usize) {
        let mut rows = BTreeMap::<Day, usize>::new();
        if rows_before > 0 {
            rows.insert(ask.start, rows_before);
        }
        for found in &found.days {
            *rows.entry(found.day.day).or_default() += found.day.rows.len();
        }
        match (rows.into_values().max(), self.first) {
            (Some(rows), Some(_)) => {
                self.rows_a_day = rows;
                self.first = None;
            }
            // A list without rows tells nothing; more days are tried.
            (None, Some(first)) => {
                self.first = Some(first.max(days_of(ask) * 2));
            }
            (rows, None) => self.rows_a_day = self.rows_a_day.max(rows.unwrap_or(0)),
        }
    }
}

/// How many rows a day's list of a target holds, and how many days are asked for at first to find
/// that out; none where it is known.
pub(super) fn size_of(standing: &Standing, with_versions: bool) -> (usize, Option<usize>) {
    let known: usize = match with_versions {
        true => standing.days.iter().map(|day| day.rows.len()).sum(),
        false => standing.days.len(),
    };
    let first = match (standing.target.include_children, with_versions) {
        _ if known > 0 => None,
        (true, _) => Some(1),
        (false, true) => Some(FIRST_DAYS_OF_VERSIONS),
        (false, false) => None,
    };
    (known.max(if with_versions { VERSIONS_ASSUMED } else { 1 }), first)
}

/// The days of a range.
pub(super) fn days_of(ask: &Ask) -> usize {
    usize::try_from(days_between(ask.start, ask.end) + 1).unwrap_or(0)
}
