//! What people are called, by which ids, and when they did what: made up, as everything here is.

use super::{
    calendar::{self, DayNumber},
    dice::Dice,
    organisation::Organisation,
    people::{self, Person},
};

/// The ids that a person has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdType {
    /// Of a person in one app.
    Open,
    /// Of a person in all apps of one developer.
    Union,
    /// Of a person in the tenant; the directory calls it `employee_id`.
    User,
}

/// Any odd number scatters places over all ids; this one and its inverse undo each other.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
const GATHER: u64 = 0xf1de_83e1_9937_733d;
const INDEX_BITS: u32 = 40;

const SURNAMES: &[[&str; 2]] = &[
    ["张", "Zhang"],
    ["王", "Wang"],
    ["李", "Li"],
    ["陈", "Chen"],
    ["刘", "Liu"],
    ["欧阳", "Ouyang"],
    ["佐藤", "Sato"],
    ["鈴木", "Suzuki"],
    ["O'Neil", "O'Neil"],
];
const GIVEN_NAMES: &[[&str; 2]] = &[
    ["三", "San"],
    ["伟", "Wei"],
    ["芳", "Fang"],
    ["秀英", "Xiuying"],
    ["子涵", "Zihan"],
    ["健", "Ken"],
    ["静", "Jing"],
    ["Ana", "Ana"],
];

impl IdType {
    /// As the query parameter spells it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "open_id" => Some(Self::Open),
            "union_id" => Some(Self::Union),
            "user_id" | "employee_id" => Some(Self::User),
            _ => None,
        }
    }

    fn write(self, seed: u64, place: u64) -> String {
        let mut dice = self.dice(seed);
        let scattered = (place ^ dice.next()).wrapping_mul(SCATTER);
        let filling = Dice::new(seed, &[7, place, self as u64]).next();
        match self {
            Self::Open => format!("ou_{scattered:016x}{filling:016x}"),
            Self::Union => format!("on_{scattered:016x}{filling:016x}"),
            Self::User => format!("{scattered:016x}"),
        }
    }

    fn read(self, seed: u64, id: &str) -> Option<u64> {
        let digits = match self {
            Self::Open => id.strip_prefix("ou_")?,
            Self::Union => id.strip_prefix("on_")?,
            Self::User => id,
        };
        let scattered = u64::from_str_radix(digits.get(..16)?, 16).ok()?;
        let place = scattered.wrapping_mul(GATHER) ^ self.dice(seed).next();
        (self.write(seed, place) == id).then_some(place)
    }

    fn dice(self, seed: u64) -> Dice {
        Dice::new(seed, &[6, self as u64])
    }
}

/// The id of a person.
pub(super) fn id(seed: u64, person: &Person, id_type: IdType) -> String {
    id_type.write(seed, (person.department as u64) << INDEX_BITS | person.index)
}

/// Who has this id, if it is somebody hired until this day.
pub(super) fn find(
    organisation: &Organisation,
    id: &str,
    id_type: IdType,
    day: DayNumber,
) -> Option<Person> {
    let place = id_type.read(organisation.seed, id)?;
    let department = usize::try_from(place >> INDEX_BITS).ok()?;
    if organisation.departments.get(department)?.deleted {
        return None;
    }
    let index = place & ((1 << INDEX_BITS) - 1);
    people::hired_from(organisation, department, day, index).next()
}

/// A person's name in Chinese or Japanese, and in English.
pub(super) fn names(seed: u64, person: &Person) -> (String, String) {
    let mut dice = Dice::new(seed, &[8, person.department as u64, person.index]);
    let (surname, given) = (dice.pick(SURNAMES), dice.pick(GIVEN_NAMES));
    (format!("{}{}", surname[0], given[0]), format!("{} {}", given[1], surname[1]))
}

/// What happens to an account.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Created,
    Activated,
    LastUsed,
}

/// When it happened on this day, as the API writes it; nothing says in which zone.
pub(super) fn time(seed: u64, person: &Person, event: Event, day: DayNumber) -> String {
    let place = [9, person.department as u64, person.index, day.cast_unsigned(), event as u64];
    // On one day all three would come in this order.
    let hour = 7 + 5 * event as u64;
    let second = hour * 3600 + Dice::new(seed, &place).below(5 * 3600);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{} {hour:02}:{minute:02}:{second:02}", calendar::date(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_found_by_every_id_and_nobody_by_another() {
        let organisation = Organisation::new(5, 20);
        let day = calendar::parse("2026-11-18").unwrap();
        for department in 0..=20 {
            for person in people::hired(&organisation, department, day) {
                for id_type in [IdType::Open, IdType::Union, IdType::User] {
                    let id = id(5, &person, id_type);
                    assert_eq!(find(&organisation, &id, id_type, day), Some(person.clone()));
                }
            }
        }
        for wrong in ["", "ou_", "ou_ä", "ou_7dab8a3d3cdcc9da365777c7ad535d62", "3e3cf96b"] {
            for id_type in [IdType::Open, IdType::Union, IdType::User] {
                assert_eq!(find(&organisation, wrong, id_type, day), None, "{wrong}");
            }
        }
    }

    #[test]
    fn the_events_of_one_day_come_in_their_order() {
        let organisation = Organisation::new(5, 20);
        for person in people::hired(&organisation, 1, 20_700) {
            let times = [Event::Created, Event::Activated, Event::LastUsed]
                .map(|event| time(5, &person, event, 20_700));
            assert!(times.is_sorted() && times.iter().all(|time| time.len() == 19), "{times:?}");
        }
    }
}
