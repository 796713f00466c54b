//! The documented sample answer and what may differ from it.

use serde_json::Value;

use super::*;
use crate::usage::{Geo, RateScale, Target};

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

fn fold(department_id: &str, include_children: bool, rows: &[Value]) -> Found {
    let day = "2020-02-15".parse().unwrap();
    let ask = Ask {
        target: Target { geo: Geo::Local, department_id: department_id.into(), include_children },
        start: day,
        end: day,
    };
    let versions = Versions::new(true, vec!["Total".to_owned()]);
    let mut fold = Fold::new(&ask, &versions, true);
    for row in rows {
        let text = row.to_string();
        fold.row(DeptStat::parse(&text).as_ref());
    }
    fold.finish()
}

#[test]
fn the_documented_answer_is_read_whole() {
    let found = fold(ID, false, &[sample_row()]);
    let [FoundDay { day, contradicted: false }] = found.days.as_slice() else {
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
fn rows_that_are_all_rejected_are_told_with_an_example() {
    let target =
        Target { geo: Geo::Local, department_id: ID.into(), include_children: false };
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
        assert!(error.remedy.contains("department_id_type"), "{error}");
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
fn two_departments_of_one_name_stay_apart() {
    let twin = with(&[("department_id", "od-twin".into())]);
    let found = fold(ID, true, &[sample_row(), twin]);
    assert_eq!(found.days.len(), 2);
    assert!(found.days.iter().all(|f| &*f.day.department == "subtestkkk"));
}

fn figures(users: f64) -> Row {
    let mut figures = Figures::none();
    figures.set(0, users);
    Row::Believed(figures)
}

#[test]
fn a_version_is_taken_for_the_total_only_where_that_is_certain() {
    let rows = |values: &[(&str, f64)]| -> BTreeMap<Version, Row> {
        values.iter().map(|(name, v)| (Version::Named((*name).into()), figures(*v))).collect()
    };
    let Row::Believed(total) = figures(10.0) else { unreachable!() };
    let same = |values| same_as_total(&rows(values), &total).map(|name| name.to_string());
    assert_eq!(same(&[("sum", 10.0), ("a", 4.0), ("b", 6.0)]), Some("sum".to_owned()));
    assert_eq!(same(&[("a", 10.0), ("b", 0.0)]), None, "everybody uses one version");
    assert_eq!(same(&[("a", 10.0)]), None, "there is but one");
    assert_eq!(same(&[("a", 10.0), ("b", 10.0), ("c", 1.0)]), None, "two are equal");
    assert_eq!(same(&[("a", 4.0), ("b", 6.0)]), None);
}
