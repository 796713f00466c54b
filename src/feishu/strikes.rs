//! When failures of single requests to one endpoint mean that the next would fail as well. Pure.

use super::{class::Reach, error::Error};

/// Failures in a row that may each be a single request's: after this many, they are the endpoint's.
const IN_A_ROW_MAX: u32 = 3;

/// Counts failures in a row of requests to one endpoint.
#[derive(Debug, Default)]
pub struct Strikes {
    in_a_row: u32,
}

impl Strikes {
    /// Takes in an answer.
    pub fn succeeded(&mut self) {
        self.in_a_row = 0;
    }

    /// Takes in a failure; tells whether there is no use in asking for others.
    pub fn are_out(&mut self, error: &Error) -> bool {
        match error.reach {
            Reach::App | Reach::Endpoint => true,
            Reach::Department => {
                self.in_a_row = 0;
                false
            }
            Reach::Unknown => {
                self.in_a_row += 1;
                self.in_a_row >= IN_A_ROW_MAX
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feishu::{Class, Endpoint, Refusal};

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

    #[test]
    fn refused_departments_never_end_it() {
        let refusal = Refusal { status: 400, code: Some(1_051_003), ..Refusal::default() };
        let denied = Error::refused(Endpoint::AdminDeptStats, "asking", refusal);
        let mut strikes = Strikes::default();
        for _ in 0..10 {
            assert!(!strikes.are_out(&denied));
            assert!(!strikes.are_out(&failure(Class::Server)), "the app was accepted in between");
        }
    }
}
