//! How many people departments have today, as the contact and the directory endpoints count them.
//!
//! They count whom they list: also those who left within the last weeks, and in each department
//! also those who have their second place there. Nobody is counted twice in one department with
//! all below it.

use super::{
    cache::Cache,
    calendar::DayNumber,
    organisation::Organisation,
    people::{self, Person, Status},
};

/// The primary people of one department.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Census {
    /// All of them.
    listed: u64,
    /// Those of them who are also in the neighbouring department.
    lent: u64,
}

/// All departments of the largest tenant, on a few days.
const CENSUSES_KEPT: usize = 20_000;

/// The censuses that were taken, by department and day.
pub(super) struct Censuses(Cache<(usize, DayNumber), Census>);

impl Default for Censuses {
    fn default() -> Self {
        Self(Cache::new(CENSUSES_KEPT))
    }
}

/// How many members and departments belong to a department.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadCount {
    /// People whose primary or second department this is.
    pub direct_members: u64,
    /// The same with everybody below, each counted once.
    pub recursive_members: u64,
    /// People whose primary department is this one or one below.
    pub primary_members: u64,
    /// Those of `recursive_members` who lead neither this department nor one below.
    pub members_without_leaders: u64,
    /// Departments right below.
    pub direct_departments: u64,
    /// All departments below.
    pub recursive_departments: u64,
}

/// Counts a department.
pub(super) fn head_count(
    organisation: &Organisation,
    taken: &Censuses,
    department: usize,
    day: DayNumber,
) -> HeadCount {
    let subtree = organisation.subtree(department, usize::MAX);
    let primary_members: u64 =
        subtree.iter().map(|at| census(organisation, taken, *at, day).listed).sum();
    // Neighbours are siblings, so that second places within the subtree belong to people of it.
    let guests = organisation.neighbour_of(department);
    let guests = guests.map_or(0, |home| census(organisation, taken, home, day).lent);
    let leading = subtree.iter().map(|at| leaders(organisation, *at, day).count() as u64);
    let recursive_members = primary_members + guests;
    HeadCount {
        direct_members: census(organisation, taken, department, day).listed + guests,
        recursive_members,
        primary_members,
        members_without_leaders: recursive_members - leading.sum::<u64>(),
        direct_departments: organisation.departments[department].children.len() as u64,
        recursive_departments: subtree.len() as u64 - 1,
    }
}

fn census(
    organisation: &Organisation,
    taken: &Censuses,
    department: usize,
    day: DayNumber,
) -> Census {
    taken.0.get_or_make((department, day), || {
        let mut census = Census { listed: 0, lent: 0 };
        let people = people::hired(organisation, department, day);
        for person in people.filter(|person| person.status(day).is_some()) {
            census.listed += 1;
            census.lent += u64::from(person.also_in_neighbour);
        }
        census
    })
}

/// Who leads a department: the first of its people who work there.
pub(super) fn leaders(
    organisation: &Organisation,
    department: usize,
    day: DayNumber,
) -> impl Iterator<Item = Person> {
    people::hired(organisation, department, day)
        .filter(move |person| person.status(day) == Some(Status::Active))
        .take(organisation.departments[department].leaders)
}

/// A place in the list of a department's members: of its own people, then of its guests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) guest: bool,
    pub(super) index: u64,
}

/// The members of a department from this place on, each with their place.
pub(super) fn members(
    organisation: &Organisation,
    department: usize,
    day: DayNumber,
    from: Place,
) -> impl Iterator<Item = (Place, Person, Status)> {
    let own = (!from.guest).then_some(department).into_iter();
    let own = own.flat_map(move |at| people::hired_from(organisation, at, day, from.index));
    let first_guest = if from.guest { from.index } else { 0 };
    let guests = organisation
        .neighbour_of(department)
        .into_iter()
        .flat_map(move |at| people::hired_from(organisation, at, day, first_guest))
        .filter(|person| person.also_in_neighbour);
    own.chain(guests).filter_map(move |person| {
        let place = Place { guest: person.department != department, index: person.index };
        let status = person.status(day)?;
        Some((place, person, status))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar;

    #[test]
    fn counts_are_those_of_the_listed_people() {
        let organisation = Organisation::new(5, 60);
        let day = calendar::parse("2026-11-18").unwrap();
        let taken = Censuses::default();
        let mut with_guests = 0;
        for department in 0..=60 {
            let counted = head_count(&organisation, &taken, department, day);
            let listed = |at| members(&organisation, at, day, Place::default());
            assert_eq!(counted.direct_members, listed(department).count() as u64);
            let subtree = organisation.subtree(department, usize::MAX);
            let mut people: Vec<_> = subtree
                .iter()
                .flat_map(|at| listed(*at))
                .map(|(_, person, _)| (person.department, person.index))
                .collect();
            people.sort_unstable();
            people.dedup();
            assert_eq!(counted.recursive_members, people.len() as u64);
            assert!(counted.members_without_leaders < counted.recursive_members);
            with_guests += u64::from(counted.primary_members < counted.recursive_members);
        }
        assert!(with_guests > 5);
    }

    #[test]
    fn a_list_of_members_can_be_read_from_any_place() {
        let organisation = Organisation::new(5, 60);
        let day = calendar::parse("2026-11-18").unwrap();
        for department in 0..=60 {
            let all: Vec<_> = members(&organisation, department, day, Place::default()).collect();
            for (at, (place, ..)) in all.iter().enumerate() {
                let rest: Vec<_> = members(&organisation, department, day, *place).collect();
                assert_eq!(rest, all[at..]);
            }
        }
    }
}
