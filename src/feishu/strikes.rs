//! When failures of single requests to one endpoint mean that the next would fail as well. Pure.

use super::{class::Reach, error::Error};

/// Failures in a row that may each be a single request's: after this many, they are the endpoint's.
const IN_A_ROW_MAX: u32 = 3;

/// Single ids that are refused with one code before any was answered: after this many, every other
/// would be refused alike.
const REFUSED_ALIKE_MAX: u32 = 10;

/// Counts failures in a row of requests to one endpoint.
#[derive(Debug, Default)]
pub struct Strikes {
    in_a_row: u32,
    any_success: bool,
    /// The code of the refusals of single ids so far, and their number.
    refused: Option<(Option<i64>, u32)>,
}

impl Strikes {
    /// Takes in an answer.
    pub fn succeeded(&mut self) {
        self.in_a_row = 0;
        self.any_success = true;
    }

    /// The last time, whatever was asked for was refused with this code: the first id that is
    /// refused so again tells that nothing has changed.
    pub fn expect_refusals(&mut self, code: Option<i64>) {
        self.refused = Some((code, REFUSED_ALIKE_MAX - 1));
    }

    /// Takes in that one id was refused, or a batch of which each id is refused alike; tells whether
    /// so many were, with the same code and before any answer, that the others need not be asked
    /// for now.
    pub fn all_are_refused(&mut self, error: &Error, ids: usize) -> bool {
        if error.reach != Reach::Department {
            return false;
        }
        let before = self.refused.filter(|(code, _)| *code == error.code);
        // A batch is refused alike only if ids at both of its ends are.
        let counts = if ids > 1 { REFUSED_ALIKE_MAX } else { 1 };
        let times = before.map_or(0, |(_, times)| times).saturating_add(counts);
        self.refused = Some((error.code, times));
        !self.any_success && times >= REFUSED_ALIKE_MAX
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
    fn ids_that_are_refused_alike_before_any_answer_are_all_refused() {
        let denied = |code| {
            let refusal = Refusal { status: 403, code: Some(code), ..Refusal::default() };
            Error::refused(Endpoint::UsersFindByDepartment, "asking", refusal)
        };
        let mut alike = Strikes::default();
        let told: Vec<bool> = (0..10).map(|_| alike.all_are_refused(&denied(40_004), 1)).collect();
        assert_eq!(told, [[false; 9].as_slice(), &[true]].concat());
        let mut mixed = Strikes::default();
        let code = |n| if n % 2 == 0 { 40_004 } else { 41_050 };
        assert!(!(0..30).any(|n| mixed.all_are_refused(&denied(code(n)), 1)));
        let mut one_answered = Strikes::default();
        one_answered.succeeded();
        assert!(!(0..30).any(|_| one_answered.all_are_refused(&denied(40_004), 50)));
        assert!(Strikes::default().all_are_refused(&denied(40_004), 2), "a batch speaks for all");
        assert!(!(0..30).any(|_| Strikes::default().all_are_refused(&failure(Class::Server), 1)));
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
