//! The documented sample answer and what may differ from it.

use serde_json::Value;

use super::*;
use crate::{
    catalogue::FIGURE_COUNT,
    sources::departments::VersionOptions,
    usage::{Geo, RateScale, Target},
};

/// The answer of the API document, verbatim.
const SAMPLE: &str = include_str!("../../../../tests/data/feishu/admin_dept_stats.json");
const ID: &str = "od-382e2793cfc9471f892e8a672987654c";

fn sample_row() -> Value {
    serde_json::from_str::<Value>(SAMPLE).unwrap()["data"]["items"][0].clone()
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut row = sample_row();
    for (field, value) in changes {
        row[*field] = value.clone();
    }
    row
}

fn versions() -> Versions {
    Versions::new(VersionOptions {
        wanted: true,
        total_names: vec!["Total".to_owned()],
        department_id_type: "open_department_id".to_owned(),
    })
}

fn fold(department_id: &str, include_children: bool, rows: &[Value]) -> Found {
    fold_asked(department_id, include_children, true, rows)
}

fn fold_asked(
    department_id: &str,
    include_children: bool,
    with_versions: bool,
    rows: &[Value],
) -> Found {
    let day = "2020-02-15".parse().unwrap();
    let ask = Ask {
        target: Target { geo: Geo::Local, department_id: department_id.into(), include_children },
        start: day,
        end: day,
    };
    let versions = versions();
    let mut fold = Fold::new(&ask, &versions, with_versions);
    for row in rows {
        let text = row.to_string();
        fold.row(DeptStat::parse(&text).as_ref());
    }
    fold.end_of_list();
    fold.finish()
}

#[test]
fn the_documented_answer_is_read_whole() {
    let found = fold(ID, false, &[sample_row()]);
    let [FoundDay { day, contradicted: false, malformed: false }] = found.days.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((&*day.department_id, &*day.department), (ID, "subtestkkk"));
    assert_eq!((&*day.path, day.day.to_string().as_str()), ("testkkk/subtestkkk", "2020-02-15"));
    let [(Version::Total, figures)] = day.rows.as_slice() else { panic!("{day:?}") };
    let values: Vec<f64> =
        (0..FIGURE_COUNT).map(|i| figures.sample(i, Some(RateScale::Ratio)).unwrap()).collect();
    let expected = [
        // total_user_num, active_user_num, active_user_rate, suite_dau, suite_active_rate
        2.0, 0.0, 1.0, 0.0, 0.0, // new_user_num to resign_user_num
        0.0, 0.0, 0.0, // messenger, docs, calendar
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
        // vc_dau, vc_duration, avg_vc_duration, avg_duration, tasks
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
        // email: send, receive, send_ext, receive_ext, send_in, receive_in
        2.0, 3.0, 4.0, 5.0, 6.0, 7.0, // search
        7.0, 7.0, 7.0, 7.0,
    ];
    assert_eq!(values, expected);
    assert_eq!((found.rejected_rows, found.rejected_values.len()), (0, 0));
}

#[test]
fn every_name_of_the_total_and_none_at_all_is_the_total() {
    for version in [
        Value::from("全部产品版本"),
        Value::from(" 全部产品版本 "),
        Value::from("Total"),
        Value::from("all"),
        Value::from(""),
        Value::Null,
    ] {
        let found = fold(ID, false, &[with(&[("product_version", version.clone())])]);
        assert!(found.days[0].has_total(), "{version}");
    }
    let named = fold(ID, false, &[with(&[("product_version", "旗舰版".into())])]);
    assert!(!named.days[0].has_total());
}

#[test]
fn rows_of_others_are_rejected_and_children_only_where_they_were_asked_for() {
    let child = with(&[("department_id", "od-child".into())]);
    let alone = fold(ID, false, &[sample_row(), child.clone()]);
    assert_eq!((alone.days.len(), alone.rejected_rows), (1, 1));
    let both = fold(ID, true, &[sample_row(), child]);
    assert_eq!((both.days.len(), both.rejected_rows), (2, 0));
}

#[test]
fn a_row_without_department_or_day_is_rejected() {
    for changes in [
        ("department_id", Value::Null),
        ("department_id", "".into()),
        ("date", Value::Null),
        ("date", "2020-02-30".into()),
        ("date", "2020-02-16".into()),
    ] {
        let found = fold(ID, false, &[with(std::slice::from_ref(&changes))]);
        assert_eq!((found.days.len(), found.rejected_rows), (0, 1), "{changes:?}");
    }
}

#[test]
fn the_root_may_answer_under_its_real_id_but_only_under_one() {
    let rows = [
        with(&[("department_id", "od-root".into())]),
        with(&[("department_id", "od-root".into()), ("product_version", "旗舰版".into())]),
        with(&[("department_id", "od-other".into())]),
    ];
    let found = fold("0", false, &rows);
    assert_eq!((found.days.len(), found.rejected_rows), (1, 1));
    assert_eq!((&*found.days[0].day.department_id, found.days[0].day.rows.len()), ("0", 2));
}

#[test]
fn a_department_asked_alone_may_answer_under_its_other_id_but_only_under_one() {
    let custom = |id: &str| with(&[("department_id", id.into())]);
    let version = with(&[("department_id", "D 1".into()), ("product_version", "旗舰版".into())]);
    let found = fold(ID, false, &[custom("D 1"), version, custom("D 2")]);
    assert_eq!((found.days.len(), found.rejected_rows), (1, 1));
    assert_eq!((&*found.days[0].day.department_id, found.days[0].day.rows.len()), (ID, 2));
    // Asked by the organisation's id, answered by the system's.
    let found = fold("D 1", false, &[sample_row()]);
    assert_eq!(&*found.days[0].day.department_id, "D 1");
    // Another department of the same kind is another department.
    for (asked, answered) in [(ID, "od-other"), ("D 1", "D 2"), ("1", "2")] {
        let found = fold(asked, false, &[custom(answered)]);
        assert_eq!((found.days.len(), found.rejected_rows), (0, 1), "{asked} {answered}");
    }
}

#[test]
fn beside_rows_of_the_id_asked_for_those_of_another_are_another_departments() {
    // In either order, and where the other came with rows that say the same.
    for (asked, other) in [(ID, "0"), (ID, "D 1"), ("D 1", "od-other"), ("D 1", "0"), ("0", "od-1")]
    {
        let own = with(&[("department_id", asked.into())]);
        let same = with(&[("department_id", other.into())]);
        let foreign = with(&[("department_id", other.into()), ("suite_dau", 9.into())]);
        for rows in [[&own, &foreign], [&foreign, &own], [&own, &same], [&same, &own]] {
            let found = fold(asked, false, &rows.map(Clone::clone));
            let [FoundDay { day, contradicted: false, .. }] = found.days.as_slice() else {
                panic!("{asked} {other}: {found:?}")
            };
            assert_eq!((&*day.department_id, day.users()), (asked, Some(2.0)), "{other}");
            let suite_dau = day.total().unwrap().raw(3);
            assert_eq!((suite_dau, found.rejected_rows), (Some(0.0), 1), "{asked} {other}");
        }
    }
    // Nor is the root's id a department's other one where that has no rows.
    let found = fold(ID, false, &[with(&[("department_id", "0".into())])]);
    assert_eq!((found.days.len(), found.rejected_rows), (0, 1));
}

#[test]
fn rows_that_are_all_rejected_are_told_with_an_example() {
    let target = Target { geo: Geo::Local, department_id: ID.into(), include_children: false };
    for (rows, example) in [
        (vec![with(&[("date", "2020/02/15".into())])], "a row of the day 2020/02/15, which"),
        (vec![with(&[("date", Value::Null)])], "a row without date"),
        (vec![with(&[("department_id", Value::Null)])], "a row without department_id"),
        (vec![with(&[("department_id", "od-2".into())])], "a row of department od-2, which"),
        (vec![Value::from(7)], "an item that is no object"),
        (
            vec![sample_row(), with(&[("suite_dau", 5.into())])],
            "for 2020-02-15 that contradict each other",
        ),
    ] {
        let error = fold(ID, false, &rows).unusable(&target).unwrap();
        assert!(error.what.contains(example), "{error}");
        // Rows that contradict each other say nothing of ids or zones.
        let is_of_ids = error.remedy.contains("department_id_type");
        assert_eq!(is_of_ids, !example.contains("contradict"), "{error}");
    }
    let long = with(&[("department_id", "x".repeat(100_000).into()), ("date", "1".into())]);
    assert!(fold(ID, false, &[long]).unusable(&target).unwrap().to_string().len() < 600);
    let usable = fold(ID, false, &[sample_row(), with(&[("date", "2020/02/15".into())])]);
    assert_eq!((usable.rejected_rows, usable.unusable(&target)), (1, None));
    assert_eq!(fold(ID, false, &[]).unusable(&target), None, "an empty list is none of it");
}

#[test]
fn a_third_row_after_a_contradiction_is_not_believed_either() {
    let other = with(&[("suite_dau", 5.into())]);
    let found = fold(ID, false, &[sample_row(), other, sample_row()]);
    assert!(found.days[0].contradicted && found.days[0].day.rows.is_empty());
    assert_eq!(found.rejected_rows, 3);
}

#[test]
fn a_value_that_is_no_number_leaves_its_day_in_part_and_no_other() {
    let odd = with(&[("im_dau", "12,345".into())]);
    let sound = with(&[("department_id", "od-child".into())]);
    let found = fold(ID, true, &[odd, sound]);
    let whole: Vec<(&str, bool)> =
        found.days.iter().map(|found| (&*found.day.department_id, found.is_whole())).collect();
    assert_eq!(whole, [(ID, false), ("od-child", true)]);
    assert_eq!(found.rejected_values, [("im_dau", 1)].into());
    // Absent is not malformed.
    let absent = with(&[("im_dau", Value::Null)]);
    assert!(fold(ID, false, &[absent]).days[0].is_whole());
}

#[test]
fn two_departments_of_one_name_stay_apart() {
    let twin = with(&[("department_id", "od-twin".into())]);
    let found = fold(ID, true, &[sample_row(), twin]);
    assert_eq!(found.days.len(), 2);
    assert!(found.days.iter().all(|f| &*f.day.department == "subtestkkk"));
}

/// A department with so many users of each product version, and so many of any.
struct Department<'a> {
    id: &'a str,
    rows: &'a [(&'a str, u32)],
    users: u32,
}

impl Department<'_> {
    /// What is published of it: the rows by version, and whether the total took another query.
    fn published(&self, versions: &Versions, day: Day) -> (Vec<(String, f64)>, bool) {
        let target =
            Target { geo: Geo::Local, department_id: self.id.into(), include_children: false };
        let ask = Ask { target, start: day, end: day };
        let mut fold = self.fold(&ask, versions, self.rows, true);
        fold.tell_of_totals();
        fold.use_learned_total();
        let asks_twice = fold.lacks_a_total();
        if asks_twice {
            fold.add_totals(self.fold(&ask, versions, &[("", self.users)], false));
        }
        let mut found = fold.finish();
        let rows = Arc::make_mut(&mut found.days[0].day).rows.drain(..);
        let row = |(version, figures): (Version, Figures)| {
            let name = match version {
                Version::Total => "all".to_owned(),
                Version::Named(name) => name.to_string(),
            };
            (name, figures.raw(0).unwrap())
        };
        (rows.map(row).collect(), asks_twice)
    }

    fn fold<'f>(
        &self,
        ask: &'f Ask,
        versions: &'f Versions,
        rows: &[(&str, u32)],
        with_versions: bool,
    ) -> Fold<'f> {
        let mut fold = Fold::new(ask, versions, with_versions);
        for (version, users) in rows {
            let row = serde_json::json!({
                "date": ask.end.to_string(),
                "department_id": self.id,
                "product_version": version,
                "total_user_num": users,
            });
            fold.row(DeptStat::parse(&row.to_string()).as_ref());
        }
        fold
    }
}

fn day(day: i8) -> Day {
    jiff::civil::date(2026, 11, day)
}

#[test]
fn one_list_without_the_documented_total_changes_no_other() {
    const WHOLE: &[(&str, u32)] = &[("全部产品版本", 90), ("A", 60), ("B", 30)];
    let of = |id, rows, users| Department { id, rows, users };
    for cut_first in [true, false] {
        let versions = versions();
        // A equals the total where its row is missing.
        let cut = of("od-1", &[("A", 60), ("B", 40), ("C", 30)], 60);
        let whole = of("od-2", WHOLE, 90);
        let (mut rows, mut twice) = (Vec::new(), Vec::new());
        for department in if cut_first { [&cut, &whole] } else { [&whole, &cut] } {
            for _ in 0..4 {
                let (published, asks_twice) = department.published(&versions, day(20));
                rows.push((department.id, published));
                twice.push(asks_twice);
            }
        }
        assert_eq!(versions.learned_total(), None);
        for (id, published) in rows {
            let expected = if id == "od-1" { 60.0 } else { 90.0 };
            assert_eq!(published[0], ("all".to_owned(), expected), "{id}");
            assert_eq!(published.iter().find(|(name, _)| name == "A").unwrap().1, 60.0, "{id}");
        }
        assert_eq!(twice.iter().filter(|twice| **twice).count(), 4, "only the cut list");
    }
}

#[test]
fn where_a_version_equals_the_total_in_some_departments_it_is_not_the_others_total() {
    let versions = versions();
    // Nearly everybody has A here: the others together have fewer people than the total.
    for id in ["od-1", "od-2", "od-3", "od-4"] {
        let rows = &[("A", 60), ("B", 2), ("C", 1)];
        let (published, _) = Department { id, rows, users: 60 }.published(&versions, day(20));
        let all: Vec<(&str, f64)> = published.iter().map(|(n, u)| (n.as_str(), *u)).collect();
        assert_eq!(all, [("all", 60.0), ("A", 60.0), ("B", 2.0), ("C", 1.0)], "{id}");
    }
    let other = Department { id: "od-5", rows: &[("A", 60), ("B", 30)], users: 90 };
    let (published, asks_twice) = other.published(&versions, day(20));
    assert_eq!((&published[0], asks_twice), (&("all".to_owned(), 90.0), true));
}

#[test]
fn a_learned_name_saves_the_second_query_and_ends_with_the_first_contradiction() {
    const ROWS: &[(&str, u32)] = &[("sum", 90), ("A", 60), ("B", 30)];
    let versions = versions();
    let published = |id, rows, users, at| {
        let (rows, twice) = Department { id, rows, users }.published(&versions, day(at));
        (rows[0].1, twice)
    };
    for (id, twice) in [("od-1", true), ("od-2", true), ("od-3", true), ("od-4", false)] {
        assert_eq!(published(id, ROWS, 90, 20), (90.0, twice), "{id}");
    }
    // A list in which it cannot be the total is checked, and what it then shows takes it back.
    let odd: &[(&str, u32)] = &[("sum", 60), ("A", 20), ("B", 30)];
    assert_eq!(published("od-5", odd, 110, 20), (110.0, true));
    assert_eq!(published("od-1", ROWS, 90, 21), (90.0, true), "it is no longer believed");
    // A total under a known name ends it as well.
    let known: &[(&str, u32)] = &[("Total", 90), ("A", 60), ("B", 30)];
    assert_eq!(published("od-6", known, 90, 22), (90.0, false));
    assert_eq!(versions.learned_total(), None);
}

#[test]
fn of_versions_that_come_unasked_the_documented_total_wins() {
    let row = |version: &str, users: i32| {
        with(&[("product_version", version.into()), ("total_user_num", users.into())])
    };
    let users = |rows: &[Value]| {
        let found = fold_asked(ID, false, false, rows);
        let [FoundDay { day, .. }] = found.days.as_slice() else { panic!("{found:?}") };
        assert!(day.rows.iter().all(|(version, _)| *version == Version::Total), "{day:?}");
        (day.users(), found.rejected_rows)
    };
    let total = row("全部产品版本", 90);
    assert_eq!(users(&[row("A", 60), total.clone(), row("B", 30)]), (Some(90.0), 0));
    assert_eq!(users(&[row("A", 60), row("Total", 90), row("A", 61)]), (Some(90.0), 2));
    assert_eq!(users(&[row("A", 60), row("", 90)]), (Some(90.0), 0));
    // A single row is the total, whatever it is called; of several nobody knows which.
    assert_eq!(users(&[row("All versions", 90)]), (Some(90.0), 0));
    assert_eq!(users(&[row("A", 60), row("B", 30)]), (None, 2));
}

#[test]
fn a_contradicted_total_is_told_as_that() {
    let row = |version: &str, users: i32| {
        with(&[("product_version", version.into()), ("total_user_num", users.into())])
    };
    let (total, other) = (row("全部产品版本", 90), row("全部产品版本", 91));
    let target = Target { geo: Geo::Local, department_id: ID.into(), include_children: false };
    let message = |rows: &[Value]| fold(ID, false, rows).rejected(&target).to_string();
    let in_part = message(&[total.clone(), other.clone(), row("A", 60)]);
    assert!(in_part.contains("no total can be used"), "{in_part}");
    let wholly = message(&[total, other]);
    assert!(wholly.contains("no row can be used") && !wholly.contains("id_type"), "{wholly}");
    let foreign = message(&[with(&[("department_id", "od-x".into())])]);
    assert!(foreign.contains("no row can be used") && foreign.contains("id_type"), "{foreign}");
}
