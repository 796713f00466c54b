//! Asking for several departments at once under an ancestor: first whether that gives the same
//! figures as asking for each alone, then with a department that is asked both ways in each look.

use std::collections::VecDeque;

use super::{
    grouping::{self, Bundle, Comparisons, Grouping},
    look::{Look, Request, Together, tree},
    state::{Group, State},
};
use crate::{
    collect::context::Context,
    day::Day,
    sources::{
        departments::{self, Ask, Found},
        directory::Tree,
    },
    usage::Target,
};

/// Parents that are asked alone and with their sub-departments at most, before everybody is asked
/// alone: those with a child that nobody uses tell nothing.
const PROOFS_MAX: usize = 3;

impl Look<'_> {
    /// Asks for departments: several together where that is proven to give the same, if need be
    /// now.
    pub(super) async fn ask_for(&mut self, due: Vec<usize>) {
        let wanted = self.context.options.request_grouping && self.state.only_day.is_none();
        let Some(tree) = tree(self.context).filter(|_| wanted) else {
            return self.ask_alone(due);
        };
        let due = self.prove(due, &tree).await;
        if !self.may_group() {
            return self.ask_alone(due);
        }
        let (plain, other): (Vec<usize>, Vec<usize>) =
            due.into_iter().partition(|index| self.asks_one_day(*index));
        let (bundles, alone) = grouping::bundles(&plain, &self.group().standings, &tree);
        self.ask_bundles(bundles.into(), &tree).await;
        self.ask_alone(alone.into_iter().chain(other));
    }

    /// Where nobody knows whether asking together gives the same, finds out with a small branch
    /// before all are asked; gives those that are still to be asked.
    async fn prove(&mut self, mut due: Vec<usize>, tree: &Tree) -> Vec<usize> {
        if self.state.grouping.conclusion().is_some() {
            return due;
        }
        let candidates = grouping::candidates(&due, &self.group().standings, tree);
        for (parent, child) in candidates.into_iter().take(PROOFS_MAX) {
            let pair: Vec<usize> =
                due.extract_if(.., |index| [parent, child].contains(index)).collect();
            self.ask_alone(pair);
            self.finish().await;
            if self.requests.ended_by.is_some() {
                return due;
            }
            try_grouping(self.context, self.state, self.group).await;
            if self.may_group() {
                self.together.proof = Some(parent);
                self.together.is_proven = true;
            }
            if self.state.grouping.conclusion().is_some() {
                return due;
            }
        }
        due
    }

    /// Asks for bundles one after the other until the answer for one was found to be right, then
    /// for the rest at once.
    async fn ask_bundles(&mut self, mut bundles: VecDeque<Bundle>, tree: &Tree) {
        while let Some(mut bundle) = bundles.pop_front() {
            if self.requests.ended_by.is_some() {
                return;
            }
            if self.together.is_proven {
                self.requests.extend([Request::Together(bundle)]);
                continue;
            }
            let is_asked = |index: usize| self.together.alone.contains(&index);
            let proof = grouping::proof(&bundle, &self.group().standings, tree, is_asked);
            let Some(proof) = proof.filter(|_| self.may_group()) else {
                self.ask_alone(bundle.members);
                continue;
            };
            bundle.members.retain(|index| *index != proof);
            self.together.proof = Some(proof);
            if !self.together.alone.contains(&proof) {
                self.ask_alone([proof]);
                self.finish().await;
            }
            if !bundle.members.is_empty() && self.requests.ended_by.is_none() {
                self.requests.extend([Request::Together(bundle)]);
                self.finish().await;
            }
        }
    }

    /// Waits for everything that is asked.
    async fn finish(&mut self) {
        while self.step().await.is_some() {}
    }

    fn may_group(&self) -> bool {
        self.state.grouping.conclusion() == Some(&Grouping::Same)
    }

    fn ask_alone(&mut self, departments: impl IntoIterator<Item = usize>) {
        self.requests.extend(departments.into_iter().map(Request::Alone));
    }

    /// The one day that several were asked for, by their answer: since then the next may be due.
    fn day_of(&self, found: &Found) -> Day {
        let day = found.days.iter().map(|found| found.day.day).max();
        let ready_at = self.context.options.schedule.ready_at;
        day.unwrap_or_else(|| self.group().expected(self.context.now(), ready_at))
    }

    /// Takes in what a department answered that was asked alone.
    pub(super) fn answered_alone(&mut self, index: usize, found: Found) {
        self.together.alone.insert(index);
        self.answered(index, found);
    }

    /// Takes in an answer for several, if it agrees with what was answered alone.
    pub(super) fn answered_together(&mut self, bundle: Bundle, found: &Found) {
        let day = self.day_of(found);
        let Together { alone, proof, .. } = &self.together;
        let standings = &self.group().standings;
        let said = proof
            .and_then(|proof| grouping::check(found, day, standings, proof, alone.iter().copied()));
        if let Some(grouping) = said {
            note(self.context, self.state, |seen| seen.compared(day, grouping));
        }
        self.together.is_proven |= said == Some(Grouping::Same);
        if said == Some(Grouping::Differs) {
            // What came in the same way is as wrong.
            let taken = std::mem::take(&mut self.together.taken);
            self.ask_alone(taken);
        }
        if !self.may_group() || !self.together.is_proven {
            return self.ask_alone(bundle.members);
        }
        let missing = grouping::missing(found, day, &bundle, &self.group().standings);
        for index in bundle.members.into_iter().filter(|index| !missing.contains(index)) {
            self.together.taken.push(index);
            self.answered_in_part(index, found);
        }
        if let Some((first, others)) = missing.split_first() {
            self.requests.extend([Request::Missing(*first, others.to_vec())]);
        }
    }

    /// Takes in what a department answered alone that an answer for several lacks.
    pub(super) fn answered_missing(&mut self, index: usize, others: Vec<usize>, found: Found) {
        let has_it = found.days.iter().any(|found| !found.day.rows.is_empty());
        self.answered_alone(index, found);
        if has_it {
            return self.ask_alone(others);
        }
        // The day is late for all of them; of those that have none, older days may be there.
        let (new, late): (Vec<usize>, Vec<usize>) =
            others.into_iter().partition(|other| self.group().standings[*other].held.is_none());
        late.into_iter().for_each(|other| self.answered_in_part(other, &Found::default()));
        self.ask_alone(new);
    }

    /// Takes in the part of an answer for several that concerns a department.
    fn answered_in_part(&mut self, index: usize, found: &Found) {
        let part = grouping::share(found, &self.group().standings[index]);
        self.answered(index, part);
    }
}

/// Asks once for a parent with its sub-departments, to find out whether that gives the same
/// figures as asking for each alone.
pub(super) async fn try_grouping(context: &Context, state: &mut State, group: usize) {
    let newest = state.groups[group].newest();
    note(context, state, |seen| seen.read(newest));
    let wanted = context.options.request_grouping && state.grouping.conclusion().is_none();
    let Some(tree) = tree(context).filter(|_| wanted) else { return };
    let Group { standings, geo, .. } = &state.groups[group];
    let Some(trial) = grouping::trial(standings, &tree) else { return };
    let target = standings[trial.parent].target.clone();
    let (geo, mut was_tried) = (*geo, false);
    state.grouping.see(|seen| was_tried = seen.tries(geo, trial.day));
    if was_tried {
        return;
    }
    let together = Ask {
        target: Target { include_children: true, ..target },
        start: trial.day,
        end: trial.day,
    };
    // A failure leaves it open; the next day tries again.
    if let Ok(found) = departments::fetch(&context.client, &together, &context.versions).await {
        let verdict = grouping::verdict(trial, &state.groups[group].standings, &found);
        if let Some(grouping) = verdict {
            note(context, state, |seen| seen.compared(trial.day, grouping));
        }
    }
}

/// Notes what was seen, and says what else follows from it than before.
fn note(context: &Context, state: &mut State, add: impl FnOnce(&mut Comparisons)) {
    let Some(change) = state.grouping.see(add) else { return };
    let tenant = context.name();
    match (change.before, change.after) {
        (_, Some(Grouping::Same)) => tracing::info!(
            tenant,
            "Asking for departments together gives the same figures as asking for each alone, and \
             is done from now on"
        ),
        (Some(Grouping::Same), Some(Grouping::Differs)) => tracing::warn!(
            tenant,
            "Asking for departments together no longer gives the same figures as asking for each \
             alone; each is asked alone now"
        ),
        (_, Some(Grouping::Differs)) => tracing::info!(
            tenant,
            "Asking for departments together gives other figures than asking for each alone, so \
             each is asked alone"
        ),
        (_, None) => tracing::info!(
            tenant,
            "Whether departments may be asked for together was not compared for long, and is \
             tried again"
        ),
    }
}
