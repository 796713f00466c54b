//! What is found out from answers because no document tells it, and may turn out to be wrong. Pure.
//!
//! A conclusion is never kept without the evidence for it. It is drawn anew from all evidence each
//! time something is added, so that an answer that contradicts it takes it back, and it holds only
//! under the options under which the evidence was seen. Everything of that sort that is kept beyond
//! the process is a [`Kept`], so that nothing is kept without its options.

use serde::{Deserialize, Serialize};

/// What was seen of one question, and what follows from it.
pub trait Evidence: Default {
    /// The answer to the question.
    type Conclusion: Clone + PartialEq;

    /// What all of the evidence tells now; none while it tells too little, or contradicts itself.
    fn conclusion(&self) -> Option<Self::Conclusion>;
}

/// The conclusion from some evidence, with the options that it depends on.
#[derive(Clone, Debug, Default)]
pub struct Learned<E: Evidence, O> {
    options: O,
    evidence: E,
    conclusion: Option<E::Conclusion>,
}

/// What is kept beyond the process, with the options that it depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept<T, O> {
    options: O,
    value: T,
}

impl<T, O: PartialEq> Kept<T, O> {
    /// Something that holds under these options.
    pub fn new(options: O, value: T) -> Self {
        Self { options, value }
    }

    /// What was kept, if it holds under these options.
    pub fn under(self, options: &O) -> Option<T> {
        (self.options == *options).then_some(self.value)
    }
}

/// A conclusion that became another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<C> {
    /// What held before.
    pub before: Option<C>,
    /// What holds from now on.
    pub after: Option<C>,
}

impl<E: Evidence, O: Clone + PartialEq> Learned<E, O> {
    /// Starts without evidence.
    pub fn new(options: O) -> Self {
        Self { options, evidence: E::default(), conclusion: None }
    }

    /// What is known now.
    pub fn conclusion(&self) -> Option<&E::Conclusion> {
        self.conclusion.as_ref()
    }

    /// What was seen so far.
    pub fn evidence(&self) -> &E {
        &self.evidence
    }

    /// Adds evidence, and tells whether something else follows from it now.
    pub fn see(&mut self, add: impl FnOnce(&mut E)) -> Option<Change<E::Conclusion>> {
        add(&mut self.evidence);
        let after = self.evidence.conclusion();
        if after == self.conclusion {
            return None;
        }
        let before = std::mem::replace(&mut self.conclusion, after.clone());
        Some(Change { before, after })
    }

    /// The form to be kept.
    pub fn keep(&self) -> Kept<E, O>
    where
        E: Clone,
    {
        Kept::new(self.options.clone(), self.evidence.clone())
    }

    /// Takes up what was kept; evidence that was seen under other options says nothing here.
    pub fn recall(&mut self, kept: Kept<E, O>) {
        if let Some(evidence) = kept.under(&self.options) {
            self.conclusion = evidence.conclusion();
            self.evidence = evidence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three votes more for one side decide.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Votes(i32);

    impl Evidence for Votes {
        type Conclusion = bool;

        fn conclusion(&self) -> Option<bool> {
            (self.0.abs() >= 3).then_some(self.0 > 0)
        }
    }

    fn vote(learned: &mut Learned<Votes, &str>, votes: i32) -> Option<Change<bool>> {
        learned.see(|evidence| evidence.0 += votes)
    }

    #[test]
    fn evidence_makes_and_unmakes_a_conclusion_and_each_change_is_told_once() {
        let mut learned = Learned::new("open_id");
        for (votes, before, after) in [
            (2, None, None),
            (1, None, Some(true)),
            (1, Some(true), Some(true)),
            (-2, Some(true), None),
            (-5, None, Some(false)),
        ] {
            let change = vote(&mut learned, votes);
            assert_eq!(change, (before != after).then_some(Change { before, after }), "{votes}");
            assert_eq!(learned.conclusion().copied(), after, "{votes}");
        }
    }

    #[test]
    fn what_was_kept_holds_under_the_same_options_only() {
        let mut learned = Learned::new("open_id");
        vote(&mut learned, 4);
        for (options, known) in [("open_id", Some(true)), ("custom_id", None)] {
            let mut next: Learned<Votes, &str> = Learned::new(options);
            next.recall(learned.keep());
            assert_eq!(next.conclusion().copied(), known, "{options}");
            // What contradicts it after the restart counts as before it.
            vote(&mut next, -2);
            assert_eq!(next.conclusion(), None);
        }
    }
}
