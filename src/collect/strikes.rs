//! When failures of single requests mean that the fault is not theirs. Pure.

use crate::feishu::{Class, Error};

/// Failures in a row of a kind that another department may be spared: after this many, the fault
/// is everybody's.
const STRIKES_MAX: u32 = 3;

/// Counts failures that may be everybody's.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    in_a_row: u32,
    any_success: bool,
}

impl Strikes {
    pub(super) fn succeeded(&mut self) {
        self.in_a_row = 0;
        self.any_success = true;
    }

    /// Whether there is no use in asking on.
    pub(super) fn are_out(&mut self, error: &Error) -> bool {
        if error.app_was_accepted() {
            self.succeeded();
            return false;
        }
        self.in_a_row += 1;
        concerns_every_department(error)
            || self.in_a_row >= STRIKES_MAX
            // Nothing was ever reached: nothing else will be either.
            || (error.class == Class::Network && !self.any_success)
    }
}

/// Whether any other request of the tenant, to whatever endpoint, would fail alike.
pub(super) fn concerns_every_endpoint(error: &Error) -> bool {
    matches!(error.class, Class::Credentials | Class::Quota | Class::Token | Class::Network)
}

/// Whether any other request of the tenant to the same endpoint would fail alike: the app may lack
/// what every request to it needs.
pub(super) fn concerns_every_department(error: &Error) -> bool {
    let is_missing_scope = error.class == Class::Permission && error.concerns_tenant();
    is_missing_scope || concerns_every_endpoint(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: Class) -> Error {
        Error::local(class, "asking", "failed")
    }

    #[test]
    fn one_bad_answer_is_not_everybodys_fault_and_three_in_a_row_are() {
        let mut strikes = Strikes::default();
        for class in [Class::Server, Class::Malformed] {
            assert!(!strikes.are_out(&failure(class)));
        }
        strikes.succeeded();
        assert!(!strikes.are_out(&failure(Class::Malformed)));
        assert!(!strikes.are_out(&failure(Class::Throttled)));
        assert!(strikes.are_out(&failure(Class::Malformed)));
    }

    #[test]
    fn what_concerns_all_ends_it_at_once() {
        for class in [Class::Credentials, Class::Quota, Class::Token, Class::Permission] {
            assert!(Strikes::default().are_out(&failure(class)), "{class:?}");
        }
        assert!(Strikes::default().are_out(&failure(Class::Network)), "nothing was reached");
    }
}
