//! One scenario for each decision, on a company without chance but for a small ripple.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;

use super::*;
use crate::day::after;

/// A Monday; what is asserted happens fourteen weeks later.
const FIRST: Day = date(2026, 1, 5);
const HISTORY: i32 = 98;
/// The Wednesday on which things happen.
const WEDNESDAY: i32 = HISTORY + 2;

/// People of the departments; more than eight, so that differences can be told from chance.
const PEOPLE: [f64; 12] =
    [40.0, 60.0, 80.0, 100.0, 120.0, 50.0, 70.0, 90.0, 110.0, 130.0, 45.0, 65.0];

#[derive(Default)]
struct Scenario {
    calendar: Calendar,
    parents: BTreeMap<usize, usize>,
    /// From which day on, to which, whose, and what is left of its use.
    drops: Vec<(i32, i32, usize, f64)>,
    /// From which day on a department has so many times its people.
    people: Vec<(i32, usize, f64)>,
    /// Whose days are absent.
    absent: BTreeSet<(i32, usize)>,
    born: BTreeMap<usize, i32>,
    departments: usize,
}

impl Scenario {
    fn new() -> Self {
        Self { departments: PEOPLE.len(), ..Self::default() }
    }

    fn row(&self, day: i32, index: usize) -> Option<(usize, Usage)> {
        let is_born = self.born.get(&index).is_none_or(|born| day >= *born);
        if !is_born || self.absent.contains(&(day, index)) {
            return None;
        }
        let head_count = |people: f64, (from, of, times): &(i32, usize, f64)| {
            if *of == index && day >= *from { people * times } else { people }
        };
        let people = self.people.iter().fold(PEOPLE[index], head_count);
        let weekend = matches!(day.rem_euclid(7), 5 | 6);
        let share = if weekend || self.is_off(day) { 0.1 } else { 0.8 };
        // A ripple that repeats on no weekday.
        let ripple = f64::from((day * 7 + i32::try_from(index).unwrap() * 5) % 11 - 5) / 120.0;
        let left = |left: f64, (from, to, of, share): &(i32, i32, usize, f64)| {
            if *of == index && (*from..=*to).contains(&day) { left * share } else { left }
        };
        let value = people * share * (1.0 + ripple) * self.drops.iter().fold(1.0, left);
        let mut products = [None; PRODUCT_COUNT];
        products[SUITE] = Some(value.round());
        products[1] = Some((value * 0.9).round());
        Some((index, Usage { users: Some(people.round()), products }))
    }

    fn is_off(&self, day: i32) -> bool {
        self.calendar.holidays.contains(&after(FIRST, day))
    }

    /// What is said of each day from `from` on.
    fn told(&self, from: i32, to: i32) -> Vec<Judged> {
        let place = |index: usize| Place {
            id: index.to_string().into(),
            parent: self.parents.get(&index).copied(),
        };
        let mut judge =
            Judge::new(self.calendar.clone(), (0..self.departments).map(place).collect());
        let mut told = Vec::new();
        for day in 0..=to {
            let rows: Vec<_> =
                (0..self.departments).filter_map(|index| self.row(day, index)).collect();
            let judged = judge.day(after(FIRST, day), &rows);
            if day >= from {
                told.push(judged);
            }
        }
        told
    }

    /// The departments and products of which a drop is told on a day.
    fn fallen(&self, day: i32) -> Vec<(usize, &'static str)> {
        fallen(&self.told(day, day)[0])
    }
}

fn fallen(judged: &Judged) -> Vec<(usize, &'static str)> {
    let of = |(index, products): &(usize, [ProductJudged; PRODUCT_COUNT])| {
        let index = *index;
        let fell = (0..PRODUCT_COUNT).filter(|product| products[*product].fell.is_some());
        fell.map(|product| (index, PRODUCTS[product].name)).collect::<Vec<_>>()
    };
    judged.departments.iter().flat_map(of).collect()
}

fn of(judged: &Judged, index: usize) -> [ProductJudged; PRODUCT_COUNT] {
    judged.departments.iter().find(|(of, _)| *of == index).unwrap().1
}

#[test]
fn a_company_as_ever_is_not_talked_about() {
    for judged in Scenario::new().told(HISTORY, HISTORY + 20) {
        assert_eq!(fallen(&judged), []);
        assert!(judged.company.iter().all(|company| !company.fell && company.part == 0));
    }
}

#[test]
fn a_drop_is_told_on_its_day_once_as_long_as_it_lasts() {
    let mut scenario = Scenario::new();
    scenario.drops.push((WEDNESDAY, WEDNESDAY + 9, 3, 0.4));
    let told = scenario.told(WEDNESDAY - 1, WEDNESDAY + 12);
    assert_eq!(fallen(&told[0]), []);
    for judged in &told[1..=10] {
        // Of the two products that fell the suite is named, over the weekend too.
        assert_eq!(fallen(judged), [(3, "suite")]);
    }
    let suite = of(&told[1], 3)[SUITE];
    assert!((75.0..85.0).contains(&suite.expected.unwrap()), "{suite:?}");
    assert!(suite.deviations[0].unwrap() < -5.0, "{suite:?}");
    assert_eq!(suite.fell.unwrap().days, 1);
    assert!((0.3..0.5).contains(&suite.fell.unwrap().ratio), "{suite:?}");
    // Ten days from a Wednesday end on a Friday; the Monday after is as ever.
    assert_eq!(fallen(&told[13]), []);
}

#[test]
fn a_drop_that_lasts_becomes_usual() {
    let mut scenario = Scenario::new();
    scenario.drops.push((HISTORY, i32::MAX, 3, 0.4));
    let told = scenario.told(HISTORY, HISTORY + 42);
    assert_eq!(fallen(&told[0]), [(3, "suite")]);
    assert_eq!(fallen(&told[24]), [(3, "suite")], "the nineteenth day of data");
    for judged in &told[32..] {
        assert_eq!(fallen(judged), []);
    }
    let suite = of(&told[35], 3)[SUITE];
    assert!((28.0..36.0).contains(&suite.expected.unwrap()), "the new level: {suite:?}");
}

#[test]
fn who_left_is_expected_of_nobody() {
    let mut scenario = Scenario::new();
    scenario.people = vec![(WEDNESDAY, 3, 0.4), (WEDNESDAY, 4, 1.5)];
    for judged in scenario.told(WEDNESDAY, WEDNESDAY + 9) {
        assert_eq!(fallen(&judged), []);
    }
}

#[test]
fn a_day_off_is_compared_with_nothing_and_ends_nothing() {
    let mut scenario = Scenario::new();
    scenario.calendar.holidays = [after(FIRST, WEDNESDAY)].into();
    assert_eq!(scenario.fallen(WEDNESDAY), []);
    let judged = &scenario.told(WEDNESDAY, WEDNESDAY)[0];
    assert_eq!(of(judged, 3)[SUITE].expected, None);
    scenario.drops.push((WEDNESDAY - 1, WEDNESDAY + 1, 3, 0.4));
    assert_eq!(scenario.fallen(WEDNESDAY), [(3, "suite")]);
}

#[test]
fn a_day_off_that_nobody_configured_is_seen_by_its_weekend() {
    let mut scenario = Scenario::new();
    scenario.drops = (0..12).map(|index| (WEDNESDAY, WEDNESDAY, index, 0.12)).collect();
    let told = scenario.told(WEDNESDAY, WEDNESDAY + 7);
    assert_eq!(fallen(&told[0]), []);
    assert!(!told[0].company[SUITE].fell);
    // Neither does it tell what is usual a week later.
    assert!(of(&told[7], 3)[SUITE].expected.unwrap() > 75.0);
    // With a calendar, it is no day off.
    scenario.calendar.holidays = [after(FIRST, WEDNESDAY + 60)].into();
    let told = scenario.told(WEDNESDAY, WEDNESDAY + 1);
    assert!(told[0].company[SUITE].fell && !told[1].company[SUITE].fell);
    assert_eq!(fallen(&told[0]), [], "one message for one cause");
}

#[test]
fn many_at_once_are_a_part_of_the_company() {
    let mut scenario = Scenario::new();
    scenario.drops = (0..5).map(|index| (WEDNESDAY, WEDNESDAY, index, 0.4)).collect();
    let judged = &scenario.told(WEDNESDAY, WEDNESDAY)[0];
    assert_eq!(judged.company[SUITE].part, 5);
    assert_eq!(fallen(judged), []);
    scenario.drops.truncate(4);
    let judged = &scenario.told(WEDNESDAY, WEDNESDAY)[0];
    assert_eq!((judged.company[SUITE].part, fallen(judged).len()), (0, 4));
}

#[test]
fn a_department_is_judged_on_the_third_of_its_weekdays() {
    let mut scenario = Scenario::new();
    scenario.born.insert(3, WEDNESDAY - 14);
    scenario.drops.push((WEDNESDAY - 7, i32::MAX, 3, 0.1));
    let told = scenario.told(WEDNESDAY - 7, WEDNESDAY);
    assert_eq!(of(&told[0], 3)[SUITE].expected, None);
    assert!(of(&told[7], 3)[SUITE].expected.is_some());
    scenario.drops[0] = (WEDNESDAY, i32::MAX, 3, 0.1);
    assert_eq!(scenario.fallen(WEDNESDAY), [(3, "suite")], "by the spread of the others");
}

#[test]
fn a_day_that_most_do_not_have_yet_is_not_judged() {
    let mut scenario = Scenario::new();
    scenario.drops = (0..12).map(|index| (WEDNESDAY, WEDNESDAY, index, 0.3)).collect();
    scenario.absent = (1..12).map(|index| (WEDNESDAY, index)).collect();
    let judged = &scenario.told(WEDNESDAY, WEDNESDAY)[0];
    assert_eq!(judged.departments.len(), 1);
    assert_eq!((fallen(judged), of(judged, 0)[SUITE].expected), (vec![], None));
    // One that is late does not keep the others from being judged.
    scenario.drops = vec![(WEDNESDAY, WEDNESDAY, 0, 0.3)];
    scenario.absent = [(WEDNESDAY, 1)].into();
    assert_eq!(scenario.fallen(WEDNESDAY), [(0, "suite")]);
}

#[test]
fn a_tenant_of_one_department_is_held_against_itself() {
    let mut scenario = Scenario::new();
    scenario.departments = 1;
    scenario.drops.push((WEDNESDAY, WEDNESDAY, 0, 0.4));
    let judged = &scenario.told(WEDNESDAY, WEDNESDAY)[0];
    assert_eq!(judged.company[SUITE].ratio, None);
    assert_eq!(fallen(judged), [(0, "suite")]);
}

/// Departments 1 and 2 of 60 and 80 people are counted in 9 as well, of 130.
fn family() -> Scenario {
    let mut scenario = Scenario::new();
    scenario.parents = [(1, 9), (2, 9)].into();
    scenario
}

#[test]
fn a_childs_drop_is_not_told_again_by_its_parent() {
    let mut scenario = family();
    scenario.drops = vec![(WEDNESDAY, WEDNESDAY, 2, 0.2), (WEDNESDAY, WEDNESDAY, 9, 0.5)];
    assert_eq!(scenario.fallen(WEDNESDAY), [(2, "suite")]);
}

#[test]
fn a_parents_drop_is_not_told_again_by_its_children() {
    let mut scenario = family();
    let all = [1, 2, 9];
    scenario.drops = all.map(|index| (WEDNESDAY, WEDNESDAY, index, 0.4)).into();
    assert_eq!(scenario.fallen(WEDNESDAY), [(9, "suite")]);
}

#[test]
fn a_slow_decline_shows_against_eight_weeks_before() {
    let mut scenario = Scenario::new();
    for week in 0..8 {
        let from = HISTORY + 7 * week;
        scenario.drops.push((from, from + 6, 3, 0.94_f64.powi(week + 1)));
        scenario.drops.push((from + 7, i32::MAX, 3, 1.0));
    }
    scenario.drops.push((HISTORY + 56, i32::MAX, 3, 0.94_f64.powi(8)));
    let told = scenario.told(HISTORY, HISTORY + 80);
    let is_told = |judged: &Judged| {
        let suite = of(judged, 3)[SUITE];
        suite.slow.is_some() || suite.fell.is_some()
    };
    assert!(told.iter().any(is_told));
    assert!(told.iter().all(|judged| fallen(judged).iter().all(|(index, _)| *index == 3)));
}
