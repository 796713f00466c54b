//! What people do on a day, counted per department and product version.
//!
//! A figure is never drawn by itself: each person's day is, and departments add the days up. So the
//! figures of a row fit together, parts add up to totals, and other endpoints can show the same
//! days person by person.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    cache::Cache,
    calendar::{self, DayNumber, Geo},
    dice::Dice,
    organisation::Organisation,
    people::{self, Person},
    settings::Rates,
};

/// What is counted; every figure is one of these, or a sum or a quotient of two.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    Staff,
    Activated,
    Hired,
    NewlyActivated,
    Left,
    Suite,
    SuiteMinutes,
    Im,
    Senders,
    Messages,
    Docs,
    DocCreators,
    NewDocs,
    Calendar,
    EventCreators,
    NewEvents,
    Meeting,
    MeetingMinutes,
    Task,
    TaskCreators,
    NewTasks,
    SentOutside,
    SentInside,
    GotOutside,
    GotInside,
    Searchers,
    QuickSearches,
    TabSearches,
}

/// How a field is made of counts and written.
enum Form {
    /// A JSON number.
    Int(Count),
    /// A count as a string, as the document has it for mail and search.
    Text(Count),
    /// The sum of two counts, as a string.
    Sum(Count, Count),
    /// The first count per head of the second, with two decimals.
    Mean(Count, Count),
    /// The share of the first count in the second, with two decimals.
    Rate(Count, Count),
}

/// The figures of `admin_dept_stats`, in the order of the document. It does not say by whom
/// "人均" divides; here it is the people of the department. "活跃率" divides by activated people.
const FIGURES: &[(&str, Form)] = &[
    ("total_user_num", Form::Int(Count::Staff)),
    ("active_user_num", Form::Int(Count::Activated)),
    ("active_user_rate", Form::Rate(Count::Activated, Count::Staff)),
    ("suite_dau", Form::Int(Count::Suite)),
    ("suite_active_rate", Form::Rate(Count::Suite, Count::Activated)),
    ("new_user_num", Form::Int(Count::Hired)),
    ("new_active_num", Form::Int(Count::NewlyActivated)),
    ("resign_user_num", Form::Int(Count::Left)),
    ("im_dau", Form::Int(Count::Im)),
    ("send_messenger_user_num", Form::Int(Count::Senders)),
    ("send_messenger_num", Form::Int(Count::Messages)),
    ("avg_send_messenger_num", Form::Mean(Count::Messages, Count::Staff)),
    ("docs_dau", Form::Int(Count::Docs)),
    ("create_docs_user_num", Form::Int(Count::DocCreators)),
    ("create_docs_num", Form::Int(Count::NewDocs)),
    ("avg_create_docs_num", Form::Mean(Count::NewDocs, Count::Staff)),
    ("cal_dau", Form::Int(Count::Calendar)),
    ("create_cal_user_num", Form::Int(Count::EventCreators)),
    ("create_cal_num", Form::Int(Count::NewEvents)),
    ("avg_create_cal_num", Form::Mean(Count::NewEvents, Count::Staff)),
    ("vc_dau", Form::Int(Count::Meeting)),
    ("vc_duration", Form::Int(Count::MeetingMinutes)),
    ("avg_vc_duration", Form::Mean(Count::MeetingMinutes, Count::Staff)),
    ("avg_duration", Form::Mean(Count::SuiteMinutes, Count::Staff)),
    ("task_dau", Form::Int(Count::Task)),
    ("create_task_user_num", Form::Int(Count::TaskCreators)),
    ("create_task_num", Form::Int(Count::NewTasks)),
    ("avg_create_task_num", Form::Mean(Count::NewTasks, Count::Staff)),
    ("email_send_count", Form::Sum(Count::SentOutside, Count::SentInside)),
    ("email_receive_count", Form::Sum(Count::GotOutside, Count::GotInside)),
    ("email_send_ext_count", Form::Text(Count::SentOutside)),
    ("email_receive_ext_count", Form::Text(Count::GotOutside)),
    ("email_send_in_count", Form::Text(Count::SentInside)),
    ("email_receive_in_count", Form::Text(Count::GotInside)),
    ("search_active_dau", Form::Text(Count::Searchers)),
    ("total_search_count", Form::Sum(Count::QuickSearches, Count::TabSearches)),
    ("quick_search_count", Form::Text(Count::QuickSearches)),
    ("tab_search_count", Form::Text(Count::TabSearches)),
];

/// Names of all figures, without the fields that say whose they are.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FIGURES.iter().map(|(name, _)| *name)
}

/// The counts of some people on one day.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts([u64; Count::TabSearches as usize + 1]);

impl Counts {
    pub(super) fn get(&self, count: Count) -> u64 {
        self.0[count as usize]
    }

    fn add(&mut self, count: Count, by: u64) {
        self.0[count as usize] += by;
    }

    fn add_all(&mut self, other: &Self) {
        for (sum, value) in self.0.iter_mut().zip(other.0) {
            *sum += value;
        }
    }

    /// Every figure, in the JSON type of the document.
    pub(super) fn fields(&self, rates: Rates) -> Map<String, Value> {
        FIGURES.iter().map(|(name, form)| ((*name).to_owned(), self.field(form, rates))).collect()
    }

    fn field(&self, form: &Form, rates: Rates) -> Value {
        let quotient = |a, b| {
            if self.get(b) == 0 { 0.0 } else { self.get(a) as f64 / self.get(b) as f64 }
        };
        match *form {
            Form::Int(a) => Value::from(self.get(a)),
            Form::Text(a) => Value::from(self.get(a).to_string()),
            Form::Sum(a, b) => Value::from((self.get(a) + self.get(b)).to_string()),
            Form::Mean(a, b) => Value::from(format!("{:.2}", quotient(a, b))),
            Form::Rate(a, b) => Value::from(match rates {
                Rates::Ratio => format!("{:.2}", quotient(a, b)),
                Rates::Percent => format!("{:.2}", quotient(a, b) * 100.0),
            }),
        }
    }
}

/// A department's figures of a day, in one place, over so many versions, with all below or without.
type Key = (usize, DayNumber, Geo, usize, bool);

/// Some 20 MB of figures, and all departments of the largest tenant on one day.
const TALLIES_KEPT: usize = 20_000;

/// The figures that were added up.
pub(super) struct Tallies(Cache<Key, Arc<[Counts]>>);

impl Default for Tallies {
    fn default() -> Self {
        Self(Cache::new(TALLIES_KEPT))
    }
}

/// The day of a department's direct people in one place: the total first, then each of so many
/// product versions. The versions add up to the total.
pub(super) fn of(
    organisation: &Organisation,
    kept: &Tallies,
    department: usize,
    day: DayNumber,
    geo: Geo,
    versions: usize,
) -> Arc<[Counts]> {
    kept.0.get_or_make((department, day, geo, versions, false), || {
        let mut counts = vec![Counts::default(); versions + 1];
        let people = people::hired(organisation, department, day);
        for person in people.filter(|person| person.geo == geo) {
            let own = of_person(organisation.seed, &person, day);
            counts[0].add_all(&own);
            if let Some(version) = version_of(&person, versions) {
                counts[version + 1].add_all(&own);
            }
        }
        counts.into()
    })
}

/// The same for the people of a department and of everything below it.
pub(super) fn of_subtree(
    organisation: &Organisation,
    kept: &Tallies,
    department: usize,
    day: DayNumber,
    geo: Geo,
    versions: usize,
) -> Arc<[Counts]> {
    kept.0.get_or_make((department, day, geo, versions, true), || {
        let mut sums = of(organisation, kept, department, day, geo, versions).to_vec();
        for child in &organisation.departments[department].children {
            let below = of_subtree(organisation, kept, *child, day, geo, versions);
            for (sum, counts) in sums.iter_mut().zip(below.iter()) {
                sum.add_all(counts);
            }
        }
        sums.into()
    })
}

/// The day of one person.
pub(super) fn of_person(seed: u64, person: &Person, day: DayNumber) -> Counts {
    let mut counts = Counts::default();
    counts.add(Count::Staff, u64::from(person.is_employed(day)));
    counts.add(Count::Hired, u64::from(person.joined == day));
    counts.add(Count::Left, u64::from(person.left == day));
    counts.add(Count::Activated, u64::from(person.is_activated(day)));
    let newly_activated = person.activated == Some(day) && person.is_activated(day);
    counts.add(Count::NewlyActivated, u64::from(newly_activated));
    if let Some(dice) = activity(seed, person, day) {
        add_activity(&mut counts, calendar::presence(day), dice);
    }
    counts
}

/// Whether the person used the client on this day.
pub(super) fn is_active(seed: u64, person: &Person, day: DayNumber) -> bool {
    activity(seed, person, day).is_some()
}

/// The last day up to this one on which the person used the client.
pub(super) fn last_active(seed: u64, person: &Person, day: DayNumber) -> Option<DayNumber> {
    let first = person.activated?;
    let mut days = (first..=person.last_around(day)).rev();
    days.find(|day| is_active(seed, person, *day))
}

/// What decides the person's day, if the client was used on it.
fn activity(seed: u64, person: &Person, day: DayNumber) -> Option<Dice> {
    if !person.is_around(day) {
        return None;
    }
    let place = [3, person.department as u64, person.index, day.cast_unsigned()];
    let mut dice = Dice::new(seed, &place);
    dice.chance(calendar::presence(day)).then_some(dice)
}

/// Which version a person has: the earlier ones are the commoner ones.
fn version_of(person: &Person, versions: usize) -> Option<usize> {
    let last = versions.checked_sub(1)?;
    let version = person.licence * person.licence * versions as u64 / 1_000_000;
    Some(usize::try_from(version).map_or(last, |version| version.min(last)))
}

/// Adds what somebody did on a day on which so many in a hundred work.
fn add_activity(counts: &mut Counts, presence: u64, mut dice: Dice) {
    counts.add(Count::Suite, 1);
    counts.add(Count::SuiteMinutes, 15 + dice.below(5 * presence));
    if dice.chance(97) {
        counts.add(Count::Im, 1);
        made(counts, &mut dice, 88, Count::Senders, Count::Messages, 1 + 2 * presence);
    }
    if dice.chance(70) {
        counts.add(Count::Docs, 1);
        made(counts, &mut dice, 35, Count::DocCreators, Count::NewDocs, 5);
    }
    if dice.chance(presence.min(55)) {
        counts.add(Count::Calendar, 1);
        made(counts, &mut dice, 25, Count::EventCreators, Count::NewEvents, 4);
    }
    let meets = presence.min(45);
    made(counts, &mut dice, meets, Count::Meeting, Count::MeetingMinutes, 3 * presence);
    if dice.chance(25) {
        counts.add(Count::Task, 1);
        made(counts, &mut dice, 40, Count::TaskCreators, Count::NewTasks, 5);
    }
    if dice.chance(60) {
        counts.add(Count::SentOutside, dice.skewed(8));
        counts.add(Count::SentInside, dice.skewed(12));
        counts.add(Count::GotOutside, dice.skewed(20));
        counts.add(Count::GotInside, dice.skewed(16));
    }
    if dice.chance(35) {
        counts.add(Count::Searchers, 1);
        counts.add(Count::QuickSearches, 1 + dice.skewed(6));
        counts.add(Count::TabSearches, dice.skewed(4));
    }
}

/// With this chance the person made at least one of something, and fewer than `bound` more.
fn made(counts: &mut Counts, dice: &mut Dice, chance: u64, who: Count, what: Count, bound: u64) {
    if dice.chance(chance) {
        counts.add(who, 1);
        counts.add(what, 1 + dice.skewed(bound));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEDNESDAY: &str = "2026-11-18";
    const SUNDAY: &str = "2026-11-22";

    fn day(text: &str) -> DayNumber {
        calendar::parse(text).unwrap()
    }

    fn company(date: &str) -> Counts {
        of_subtree(&Organisation::new(5, 60), &Tallies::default(), 0, day(date), Geo::Cn, 3)[0]
            .clone()
    }

    #[test]
    fn the_figures_of_a_day_fit_together() {
        let organisation = Organisation::new(5, 60);
        for department in 0..organisation.departments.len() {
            for geo in Geo::ALL {
                for c in of(&organisation, &Tallies::default(), department, day(WEDNESDAY), geo, 3)
                    .iter()
                {
                    let ordered = |low: Count, high: Count| {
                        assert!(c.get(low) <= c.get(high), "{low:?} > {high:?} in {c:?}");
                    };
                    ordered(Count::Activated, Count::Staff);
                    ordered(Count::Suite, Count::Activated);
                    for part in [
                        Count::Im,
                        Count::Docs,
                        Count::Calendar,
                        Count::Meeting,
                        Count::Task,
                        Count::Searchers,
                    ] {
                        ordered(part, Count::Suite);
                    }
                    ordered(Count::Senders, Count::Im);
                    ordered(Count::Senders, Count::Messages);
                    ordered(Count::DocCreators, Count::Docs);
                    ordered(Count::EventCreators, Count::Calendar);
                    ordered(Count::TaskCreators, Count::Task);
                    ordered(Count::Meeting, Count::MeetingMinutes);
                }
            }
        }
    }

    #[test]
    fn product_versions_add_up_to_the_total() {
        let organisation = Organisation::new(5, 20);
        for versions in [0, 1, 3, 4] {
            let rows = of(&organisation, &Tallies::default(), 2, day(WEDNESDAY), Geo::Cn, versions);
            assert_eq!(rows.len(), versions + 1);
            let mut sum = Counts::default();
            rows[1..].iter().for_each(|row| sum.add_all(row));
            assert!(versions == 0 || sum == rows[0]);
        }
    }

    #[test]
    fn weekends_and_holidays_show_in_the_activity_but_not_in_the_head_count() {
        let (work, rest) = (company(WEDNESDAY), company(SUNDAY));
        assert!(work.get(Count::Suite) > 4 * rest.get(Count::Suite));
        assert!(work.get(Count::Messages) > 10 * rest.get(Count::Messages));
        assert!(work.get(Count::Staff).abs_diff(rest.get(Count::Staff)) < 10);
        assert!(company("2026-10-06").get(Count::Suite) < work.get(Count::Suite) / 4);
    }

    #[test]
    fn rates_are_written_as_the_option_says() {
        let mut counts = Counts::default();
        counts.add(Count::Staff, 30);
        counts.add(Count::Activated, 29);
        counts.add(Count::Messages, 100);
        let ratio = counts.fields(Rates::Ratio);
        assert_eq!(ratio["active_user_rate"], "0.97");
        assert_eq!(ratio["suite_active_rate"], "0.00");
        assert_eq!(ratio["avg_send_messenger_num"], "3.33");
        assert_eq!(counts.fields(Rates::Percent)["active_user_rate"], "96.67");
        assert_eq!(Counts::default().fields(Rates::Ratio)["active_user_rate"], "0.00");
    }
}
