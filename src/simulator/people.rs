//! The people of a department, each a pure function of seed, department and position.
//!
//! A department starts with its founders and hires at a steady pace; people leave after some years.
//! Every endpoint counts the same people, so that their answers agree.

use super::{
    calendar::{DayNumber, Geo},
    dice::Dice,
    organisation::Organisation,
};

/// 2024-01-01: the founders are there, hiring begins.
const FOUNDED: DayNumber = 19_723;
/// A department hires its own first size again in so many days: some 20 % a year.
const HIRING_PERIOD: u64 = 1_800;
/// How long a person who left is still listed.
const RESIGNED_LISTED: DayNumber = 30;

/// Somebody who works, or worked, in a department.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Position among the people of the department.
    pub index: u64,
    /// Where this person's data is kept.
    pub geo: Geo,
    /// 1 regular, 2 intern, 3 outsourcing, 4 contractor, 5 consultant.
    pub employee_type: u8,
    /// The operating systems in use.
    pub os: &'static [&'static str],
    /// The client in use, `Feishu` or `Lark`.
    pub client: &'static str,
    /// Whether the account is suspended.
    pub frozen: bool,
    /// Whether this person also belongs to the department above, as a secondary one. The
    /// statistics count people in their primary department only.
    pub also_in_parent: bool,
    /// Where in 0..1000 this person stands among the product versions.
    pub(super) licence: u64,
    pub(super) joined: DayNumber,
    pub(super) activated: Option<DayNumber>,
    pub(super) left: DayNumber,
}

/// The state of a person's account on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Has not signed in for the first time.
    NotActivated,
    /// Works.
    Active,
    /// Suspended.
    Frozen,
    /// Left within the last weeks.
    Resigned,
}

impl Person {
    fn new(organisation: &Organisation, department: usize, index: u64) -> Self {
        let founders = organisation.departments[department].founders;
        let mut dice = Dice::new(organisation.seed, &[2, department as u64, index]);
        let joined = match index.checked_sub(founders) {
            None => FOUNDED - days(dice.below(1_500)),
            Some(hire) => FOUNDED + days(((hire + 1) * HIRING_PERIOD).div_ceil(founders)),
        };
        Self {
            index,
            geo: match dice.below(100) {
                0..=74 => Geo::Cn,
                75..=84 => Geo::Sg,
                85..=92 => Geo::Jp,
                _ => Geo::Us,
            },
            employee_type: *dice.pick(&[1, 1, 1, 1, 1, 1, 2, 3, 4, 5]),
            os: dice.pick::<&[&str]>(&[
                &["iOS", "Windows"],
                &["Android", "Windows"],
                &["iOS", "macOS"],
                &["Windows"],
                &["Android"],
                &["macOS", "Linux"],
            ]),
            client: if dice.chance(92) { "Feishu" } else { "Lark" },
            frozen: dice.chance(1),
            also_in_parent: department != 0 && dice.chance(3),
            licence: dice.below(1000),
            joined,
            activated: (!dice.chance(6)).then(|| joined + days(dice.skewed(15))),
            left: joined.max(FOUNDED) + 60 + days(dice.below(6_000)),
        }
    }

    /// Whether the person belongs to the department on this day.
    pub(super) fn is_employed(&self, day: DayNumber) -> bool {
        (self.joined..self.left).contains(&day)
    }

    /// Whether the person has ever signed in by this day, and still may.
    pub(super) fn is_activated(&self, day: DayNumber) -> bool {
        self.is_employed(day) && self.activated.is_some_and(|activated| activated <= day)
    }

    /// The state of the account; none before joining and long after leaving.
    pub(super) fn status(&self, day: DayNumber) -> Option<Status> {
        Some(if self.is_employed(day) {
            match (self.frozen, self.is_activated(day)) {
                (true, _) => Status::Frozen,
                (false, true) => Status::Active,
                (false, false) => Status::NotActivated,
            }
        } else if (self.left..self.left + RESIGNED_LISTED).contains(&day) {
            Status::Resigned
        } else {
            return None;
        })
    }
}

/// Everybody whom a department has hired until this day, whether still there or not.
pub(super) fn hired(
    organisation: &Organisation,
    department: usize,
    day: DayNumber,
) -> impl Iterator<Item = Person> {
    let founders = organisation.departments[department].founders;
    let hires = u64::try_from(day - FOUNDED).unwrap_or(0) * founders / HIRING_PERIOD;
    (0..founders + hires).map(move |index| Person::new(organisation, department, index))
}

fn days(count: u64) -> DayNumber {
    DayNumber::try_from(count).unwrap_or(DayNumber::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departments_grow_slowly_while_people_come_and_go() {
        let organisation = Organisation::new(3, 200);
        let staff = |day| -> usize {
            (0..organisation.departments.len())
                .map(|at| hired(&organisation, at, day).filter(|p| p.is_employed(day)).count())
                .sum()
        };
        let (first, later) = (staff(FOUNDED + 600), staff(FOUNDED + 965));
        assert!(later > first && later < first * 5 / 4, "from {first} to {later} in a year");
        let resigned = hired(&organisation, 1, FOUNDED + 4_000)
            .filter(|person| person.left <= FOUNDED + 4_000)
            .count();
        assert!(resigned > 0);
    }

    #[test]
    fn nobody_is_hired_before_the_list_of_that_day_holds_them() {
        let organisation = Organisation::new(3, 30);
        for department in 0..organisation.departments.len() {
            for day in [FOUNDED, FOUNDED + 400, FOUNDED + 1_001] {
                let now = hired(&organisation, department, day).count();
                let joined_by_then = hired(&organisation, department, day + 2_000)
                    .filter(|person| person.joined <= day)
                    .count();
                assert_eq!(now, joined_by_then, "department {department}, day {day}");
            }
        }
    }
}
