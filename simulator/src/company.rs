//! The departments with what was computed of them.

use std::ops::Deref;

use super::{census::Censuses, figures::Tallies, organisation::Organisation};

/// The departments as they are at one time. Changed ones are another company, so that nothing that
/// was computed before is asked for again.
pub(crate) struct Company {
    organisation: Organisation,
    pub(crate) censuses: Censuses,
    pub(crate) tallies: Tallies,
}

impl Company {
    pub(crate) fn new(organisation: Organisation) -> Self {
        Self { organisation, censuses: Censuses::default(), tallies: Tallies::default() }
    }
}

impl Deref for Company {
    type Target = Organisation;

    fn deref(&self) -> &Organisation {
        &self.organisation
    }
}
