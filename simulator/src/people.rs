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
const LEAVERS_LISTED: DayNumber = 60;
/// A leave comes once in so many days to those who take one.
const LEAVE_PERIOD: DayNumber = 400;
/// A day that never comes.
const NEVER: DayNumber = DayNumber::MAX / 2;

/// Somebody who works, or worked, in a department.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Position in the list of departments of the primary one.
    pub department: usize,
    /// Position among the people of the department.
    pub index: u64,
    /// Where this person's data is kept.
    pub geo: Geo,
    /// 1 regular, 2 intern, 3 outsourcing, 4 contractor, 5 consultant.
    pub employee_type: u8,
    /// The operating systems in use.
    pub os: &'static [&'static str],
    /// The clients in use, `Feishu` or `Lark` or both.
    pub clients: &'static [&'static str],
    /// Whether the account is suspended as soon as its use has ended.
    pub frozen: bool,
    /// Whether this person also belongs to the next department under the same parent, if there is
    /// one. The statistics count people in their primary department only.
    pub also_in_neighbour: bool,
    /// Where in 0..1000 this person stands among the product versions.
    pub(super) licence: u64,
    pub(super) joined: DayNumber,
    pub(super) activated: Option<DayNumber>,
    pub(super) left: DayNumber,
    /// The first day on which the client is used no more.
    quiet_from: DayNumber,
    /// When leaves begin, and how long they are.
    leave: (DayNumber, DayNumber),
    /// Has been invited, but never confirmed.
    hesitates: bool,
    /// Leaves by leaving the tenant, not by being resigned.
    exits: bool,
}

/// The state of a person's account on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Has not signed in for the first time.
    NotActivated,
    /// Has not signed in either, and must first agree to join.
    NotJoined,
    /// Works.
    Active,
    /// Suspended.
    Frozen,
    /// Was resigned within the last weeks.
    Resigned,
    /// Left the tenant within the last weeks.
    Exited,
}

impl Person {
    pub(super) fn new(organisation: &Organisation, department: usize, index: u64) -> Self {
        let home = &organisation.departments[department];
        let mut dice = Dice::new(organisation.seed, &[2, department as u64, index]);
        let joined = match index.checked_sub(home.founders) {
            None => FOUNDED - days(dice.below(1_500)),
            Some(hire) => FOUNDED + days(((hire + 1) * HIRING_PERIOD).div_ceil(home.founders)),
        };
        let mut person = Self {
            department,
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
            clients: match dice.below(100) {
                0..=86 => &["Feishu"],
                87..=91 => &["Feishu", "Lark"],
                _ => &["Lark"],
            },
            frozen: dice.chance(1),
            also_in_neighbour: department != 0 && dice.chance(3),
            licence: dice.below(1000),
            joined,
            activated: (!dice.chance(6)).then(|| joined + days(dice.skewed(15))),
            left: joined.max(FOUNDED) + 60 + days(dice.below(6_000)),
            quiet_from: NEVER,
            leave: (days(dice.below(400)), 0),
            hesitates: dice.chance(50),
            exits: dice.chance(40),
        };
        let since = person.activated.unwrap_or(joined);
        match dice.below(100) {
            _ if person.frozen => person.quiet_from = since + days(dice.below(600)),
            0 => person.quiet_from = since,
            1..=4 => person.quiet_from = since + days(dice.below(1_500)),
            5..=24 => person.leave.1 = 8 + days(dice.below(50)),
            _ => {}
        }
        if home.steady {
            (person.geo, person.left) = (Geo::Cn, NEVER);
        }
        person
    }

    /// Whether the person belongs to the department on this day.
    pub(super) fn is_employed(&self, day: DayNumber) -> bool {
        (self.joined..self.left).contains(&day)
    }

    /// Whether the person has ever signed in by this day, and still may.
    pub(super) fn is_activated(&self, day: DayNumber) -> bool {
        self.is_employed(day) && self.activated.is_some_and(|activated| activated <= day)
    }

    /// Whether the account is suspended.
    fn is_frozen(&self, day: DayNumber) -> bool {
        self.frozen && self.quiet_from <= day
    }

    /// Whether the person may use the client on this day, if it is no day off.
    pub(super) fn is_around(&self, day: DayNumber) -> bool {
        let (phase, length) = self.leave;
        self.is_activated(day) && day < self.quiet_from && (day + phase) % LEAVE_PERIOD >= length
    }

    /// The last day up to this one on which the person may have used the client, except for days
    /// off and leaves.
    pub(super) fn last_around(&self, day: DayNumber) -> DayNumber {
        day.min(self.quiet_from - 1)
    }

    /// The state of the account; none before joining and long after leaving.
    pub(super) fn status(&self, day: DayNumber) -> Option<Status> {
        Some(if self.is_employed(day) {
            match (self.is_frozen(day), self.is_activated(day)) {
                (true, _) => Status::Frozen,
                (false, true) => Status::Active,
                (false, false) if self.hesitates => Status::NotJoined,
                (false, false) => Status::NotActivated,
            }
        } else if (self.left..self.left + LEAVERS_LISTED).contains(&day) {
            if self.exits { Status::Exited } else { Status::Resigned }
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
    hired_from(organisation, department, day, 0)
}

/// The same from this position on.
pub(super) fn hired_from(
    organisation: &Organisation,
    department: usize,
    day: DayNumber,
    first: u64,
) -> impl Iterator<Item = Person> {
    let home = &organisation.departments[department];
    let hiring_days = if home.steady { 0 } else { u64::try_from(day - FOUNDED).unwrap_or(0) };
    let hires = hiring_days * home.founders / HIRING_PERIOD;
    (first..home.founders + hires).map(move |index| Person::new(organisation, department, index))
}

fn days(count: u64) -> DayNumber {
    DayNumber::try_from(count).unwrap_or(NEVER)
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
