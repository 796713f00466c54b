//! A list of people's days folded into aggregates, as it arrives. Pure.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use super::{
    Found, INACTIVE_DAYS, Use,
    spread::{Cells, Spread},
};
use crate::{
    day::{Day, days_between},
    feishu::{Scalar, UserStat},
    sources::{RejectedValues, number},
};

/// The flags of activity, with the label `product` of each.
const PRODUCTS: [(&str, &str); 6] = [
    ("suite_active_flag", "suite"),
    ("im_active_flag", "im"),
    ("docs_active_flag", "docs"),
    ("cal_active_flag", "calendar"),
    ("vc_active_flag", "vc"),
    ("search_active_flag", "search"),
];

/// Takes in the rows of one department and day.
pub(super) struct Fold {
    day: Day,
    hasher: RandomState,
    /// Hashes of the people seen: a list that moves while it is read repeats some.
    seen: HashSet<u64>,
    people: u64,
    active: BTreeMap<String, u64>,
    by_os: Cells,
    by_client: Cells,
    activated_known: bool,
    inactive: [u64; INACTIVE_DAYS.len()],
    never_active: u64,
    messages: Spread,
    meetings: Spread,
    vc_minutes: Spread,
    rejected_rows: u64,
    rejected_example: Option<String>,
    rejected_values: RejectedValues,
}

impl Fold {
    pub(super) fn new(day: Day) -> Self {
        Self {
            day,
            hasher: RandomState::new(),
            seen: HashSet::new(),
            people: 0,
            active: BTreeMap::new(),
            by_os: Cells::default(),
            by_client: Cells::default(),
            activated_known: false,
            inactive: [0; INACTIVE_DAYS.len()],
            never_active: 0,
            messages: Spread::default(),
            meetings: Spread::default(),
            vc_minutes: Spread::default(),
            rejected_rows: 0,
            rejected_example: None,
            rejected_values: RejectedValues::new(),
        }
    }

    /// Takes one item of the list; none stands for one that is no object.
    pub(super) fn row(&mut self, row: Option<&UserStat<'_>>) {
        let Some(row) = row else { return self.reject_row("an item that is no object".to_owned()) };
        if row.date() != Some(self.day) {
            return self.reject_row(match row.quoted_date().as_str() {
                "" => "a row without date".to_owned(),
                date => format!("a row of the day {date}, which was not asked for"),
            });
        }
        if let Some(id) = row.user_id()
            && !self.seen.insert(self.hasher.hash_one(id))
        {
            return;
        }
        self.people += 1;
        for (field, product) in PRODUCTS {
            if let Some(active) = self.flag(row, field) {
                *self.active.entry(product.to_owned()).or_default() += u64::from(active);
            }
        }
        if let Scalar::Text(list) = row.field("os_name") {
            self.by_os.person(&list);
        }
        if let Scalar::Text(list) = row.field("app_package_type") {
            self.by_client.person(&list);
        }
        if let Some(activated) = self.flag(row, "user_active_flag") {
            self.activated_known = true;
            if activated {
                self.last_activity(row);
            }
        }
        if let Some(messages) = self.number(row, "send_messenger_num") {
            self.messages.person(messages);
        }
        if let Some(meetings) = self.number(row, "vc_num") {
            self.meetings.person(meetings);
        }
        if let Some(minutes) = self.number(row, "vc_duration") {
            self.vc_minutes.person(minutes);
        }
    }

    fn reject_row(&mut self, example: String) {
        self.rejected_rows += 1;
        self.rejected_example.get_or_insert(example);
    }

    pub(super) fn finish(self, min_group_size: u64) -> Found {
        let seconds = |minutes: f64| minutes * 60.0;
        let meeting_duration_s = self.vc_minutes.percentiles(self.people);
        let usage = (self.people >= min_group_size.max(1)).then(|| Use {
            people: self.people,
            active: self.active,
            by_os: self.by_os.finish(min_group_size),
            by_client: self.by_client.finish(min_group_size),
            inactive: self.activated_known.then_some(self.inactive),
            never_active: self.activated_known.then_some(self.never_active),
            meetings: self.meetings.sum(),
            vc_duration_s: self.vc_minutes.sum().map(seconds),
            messages_sent: self.messages.percentiles(self.people),
            meeting_duration_s: meeting_duration_s
                .into_iter()
                .map(|(percentile, minutes)| (percentile, seconds(minutes)))
                .collect(),
        });
        Found {
            usage,
            people: self.people,
            rejected_rows: self.rejected_rows,
            rejected_example: self.rejected_example,
            rejected_values: self.rejected_values,
        }
    }

    /// Counts an activated person by the last activity, whose zone no document tells: the date is
    /// taken as it stands.
    fn last_activity(&mut self, row: &UserStat<'_>) {
        let date = match row.field("last_active_time") {
            Scalar::Absent => {
                self.never_active += 1;
                self.inactive.iter_mut().for_each(|count| *count += 1);
                return;
            }
            Scalar::Text(text) => text.get(..10).and_then(|date| date.parse::<Day>().ok()),
            _ => None,
        };
        match date {
            Some(date) => {
                let days = days_between(date, self.day);
                for (count, limit) in self.inactive.iter_mut().zip(INACTIVE_DAYS) {
                    *count += u64::from(days > limit);
                }
            }
            None => self.reject("last_active_time"),
        }
    }

    fn flag(&mut self, row: &UserStat<'_>, field: &'static str) -> Option<bool> {
        match row.field(field) {
            Scalar::Bool(flag) => Some(flag),
            _ => self.number(row, field).map(|value| value > 0.0),
        }
    }

    fn number(&mut self, row: &UserStat<'_>, field: &'static str) -> Option<f64> {
        match number::plain(&row.field(field)) {
            Ok(value) => value,
            Err(number::Malformed) => {
                self.reject(field);
                None
            }
        }
    }

    fn reject(&mut self, field: &'static str) {
        *self.rejected_values.entry(field).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The answer of the API document, verbatim.
    const SAMPLE: &str = include_str!("../../../tests/data/feishu/admin_user_stats.json");

    fn day() -> Day {
        "2026-11-20".parse().unwrap()
    }

    fn folded(rows: &[Value], min_group_size: u64) -> Found {
        fold_of(day(), rows, min_group_size)
    }

    fn fold_of(day: Day, rows: &[Value], min_group_size: u64) -> Found {
        let mut fold = Fold::new(day);
        for row in rows {
            fold.row(UserStat::parse(&row.to_string()).as_ref());
        }
        fold.finish(min_group_size)
    }

    fn person(id: u32, fields: &Value) -> Value {
        let mut person = json!({ "date": "2026-11-20", "user_id": format!("ou_{id}") });
        person.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        person
    }

    #[test]
    fn the_documented_answer_is_read_whole() {
        let sample: Value = serde_json::from_str(SAMPLE).unwrap();
        let rows = sample["data"]["items"].as_array().unwrap();
        let found = fold_of("2020-02-15".parse().unwrap(), rows, 1);
        let usage = found.usage.unwrap();
        assert_eq!(usage.people, 1);
        let products = ["calendar", "docs", "im", "search", "suite", "vc"];
        assert_eq!(usage.active, products.map(|product| (product.to_owned(), 1)).into());
        let names = |cells: &BTreeMap<String, u64>| cells.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&usage.by_os), ["Android", "Windows", "iOS"]);
        assert_eq!(names(&usage.by_client), ["Feishu", "Lark"]);
        // The sample's last activity lies after its day.
        assert_eq!((usage.inactive, usage.never_active), (Some([0, 0, 0]), Some(0)));
        assert_eq!((usage.meetings, usage.vc_duration_s), (Some(0.0), Some(0.0)));
        assert_eq!(usage.messages_sent, BTreeMap::from([(50, 0.0)]));
        assert_eq!(usage.meeting_duration_s, BTreeMap::from([(50, 0.0)]));
        assert_eq!((found.rejected_rows, found.rejected_values.len()), (0, 0));
    }

    #[test]
    fn nothing_is_told_of_a_group_that_is_too_small() {
        let rows: Vec<Value> = (0..9).map(|id| person(id, &json!({ "vc_num": 1 }))).collect();
        assert_eq!(folded(&rows, 10).usage, None);
        assert_eq!(folded(&rows, 9).usage.unwrap().people, 9);
        assert_eq!(folded(&[], 1).usage, None);
    }

    #[test]
    fn a_person_who_comes_twice_counts_once() {
        let rows = [person(1, &json!({})), person(2, &json!({})), person(1, &json!({}))];
        assert_eq!(folded(&rows, 1).usage.unwrap().people, 2);
    }

    #[test]
    fn rows_of_another_day_are_rejected() {
        let rows = [person(1, &json!({})), json!({ "date": "2026-11-19" }), json!({}), json!(7)];
        let found = folded(&rows, 1);
        assert_eq!((found.usage.unwrap().people, found.rejected_rows), (1, 3));
    }

    #[test]
    fn the_inactive_are_activated_people_whose_last_activity_is_long_ago() {
        let seen = |id, last: &str| {
            person(id, &json!({ "user_active_flag": 1, "last_active_time": last }))
        };
        let rows = [
            seen(1, "2026-11-20 23:59:59"),
            seen(2, "2026-11-13 00:00:00"),
            seen(3, "2026-11-12 23:59:59"),
            seen(4, "2026-10-20 10:00:00"),
            seen(5, "2026-08-21 10:00:00"),
            seen(6, ""),
            person(7, &json!({ "user_active_flag": 0, "last_active_time": "" })),
            seen(8, "long ago"),
        ];
        let found = folded(&rows, 1);
        let usage = found.usage.unwrap();
        // More than 7, 30 and 90 days; person 2 lies exactly 7 days back.
        assert_eq!(usage.inactive, Some([4, 3, 2]));
        assert_eq!(usage.never_active, Some(1));
        assert_eq!(found.rejected_values["last_active_time"], 1);
    }

    #[test]
    fn sums_and_percentiles_of_meetings_are_in_seconds() {
        let rows: Vec<Value> = (1..=10)
            .map(|id| {
                person(id, &json!({ "vc_num": "2", "vc_duration": id, "send_messenger_num": id }))
            })
            .collect();
        let usage = folded(&rows, 10).usage.unwrap();
        assert_eq!((usage.meetings, usage.vc_duration_s), (Some(20.0), Some(55.0 * 60.0)));
        assert_eq!(usage.meeting_duration_s, BTreeMap::from([(50, 300.0)]));
        assert_eq!(usage.messages_sent, BTreeMap::from([(50, 5.0)]));
    }

    #[test]
    fn what_feishu_leaves_out_is_absent() {
        let usage = folded(&[person(1, &json!({}))], 1).usage.unwrap();
        assert_eq!(usage, Use { people: 1, ..Use::default() });
    }
}
