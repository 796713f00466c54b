//! What `admin_dept_stats` answers.

use std::collections::{BTreeMap, BTreeSet};

use feishu_simulator::{Empty, Geo, ParentFigures, Rates, Status};
use serde_json::Value;

use crate::rig::{NEWEST, Rig};

const SAMPLE: &str = include_str!("../../../tests/data/feishu/admin_dept_stats.json");

/// Every field with its JSON type; a string of a number with two decimals is a type of its own.
fn shape(object: &Value) -> BTreeMap<String, &'static str> {
    let kind = |value: &Value| match value {
        Value::String(text) if text.parse::<f64>().is_ok() => match text.split_once('.') {
            Some((_, decimals)) if decimals.len() == 2 => "decimal string",
            Some(_) => "odd string",
            None => "integer string",
        },
        Value::String(_) => "string",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        _ => "odd",
    };
    object.as_object().unwrap().iter().map(|(name, value)| (name.clone(), kind(value))).collect()
}

#[tokio::test]
async fn answers_have_the_fields_and_types_of_the_documented_sample() {
    let rig = Rig::start().await;
    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    let reply = rig.statistics(&[("contains_child_dept", "true"), ("page_size", "20")]).await;
    let body = reply.json();
    assert_eq!(body["msg"], sample["msg"]);
    assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(shape(&body["data"]).keys().len(), 3);
    assert!(body["data"]["page_token"].is_string() && body["data"]["has_more"] == true);
    // The root's id happens to be a number.
    for item in &reply.items()[1..] {
        assert_eq!(shape(item), shape(&sample["data"]["items"][0]));
        assert_eq!(item["product_version"], "全部产品版本");
    }
}

#[tokio::test]
async fn whatever_is_missing_or_out_of_range_is_an_invalid_parameter() {
    let rig = Rig::start().await;
    let deep = rig.department(5);
    let custom = rig.handle.departments()[1].department_id.clone();
    for (name, value) in [
        ("department_id_type", ""),
        ("department_id_type", "union_id"),
        ("department_id", ""),
        ("department_id", "od-nobody"),
        ("department_id", &deep),
        ("department_id", &custom),
        ("contains_child_dept", ""),
        ("contains_child_dept", "yes"),
        ("start_date", ""),
        ("start_date", "20261117"),
        ("start_date", "2026-11-18"),
        ("start_date", "2026-08-17"),
        ("end_date", ""),
        ("end_date", "2026-02-30"),
        ("page_size", "0"),
        ("page_size", "21"),
        ("page_size", "ten"),
        ("page_token", "2"),
        ("target_geo", "eu"),
        ("with_product_version", "maybe"),
    ] {
        let reply = rig.statistics(&[(name, value)]).await;
        assert_eq!((reply.status, reply.code()), (500, 1_051_001), "{name}={value}");
    }
}

#[tokio::test]
async fn the_edges_of_what_is_allowed_are_allowed() {
    let rig = Rig::start().await;
    let fourth = rig.department(4);
    let custom = rig.handle.departments()[1].department_id.clone();
    for changed in [
        &[("start_date", "2026-08-18")][..],
        &[("page_size", "1")],
        &[("page_size", "20")],
        &[("contains_child_dept", "True")],
        &[("department_id", &fourth)],
        &[("department_id_type", "department_id")],
        &[("department_id_type", "department_id"), ("department_id", &custom)],
        &[("something_new", "x")],
    ] {
        assert!(!rig.statistics(changed).await.items().is_empty(), "{changed:?}");
    }
}

#[tokio::test]
async fn paging_yields_every_row_once_and_the_rows_say_the_truth() {
    let rig = Rig::start().await;
    let rows = rig
        .all_rows(&[
            ("contains_child_dept", "true"),
            ("with_product_version", "true"),
            ("start_date", "2026-11-15"),
            ("page_size", "7"),
        ])
        .await;
    let departments = rig.handle.departments();
    let departments = departments.iter().filter(|d| d.depth <= 4);
    let expected: BTreeSet<_> = departments
        .flat_map(|d| ["2026-11-15", "2026-11-16", NEWEST].map(|day| (d, day)))
        .flat_map(|(d, day)| {
            ["全部产品版本", "标准版", "商业版", "旗舰版"]
                .map(|version| (d.open_department_id.clone(), day.to_owned(), version.to_owned()))
        })
        .collect();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let key =
        |row: &Value| (text(row, "department_id"), text(row, "date"), text(row, "product_version"));
    assert_eq!(rows.len(), expected.len());
    assert_eq!(rows.iter().map(key).collect::<BTreeSet<_>>(), expected);
    for row in &rows {
        let (id, date, version) = key(row);
        let version = (version != "全部产品版本").then_some(version.as_str());
        let truth = rig.handle.truth(&id, date.parse().unwrap(), Geo::Cn, version).unwrap();
        assert_eq!(truth.len(), 38);
        for (field, number) in truth {
            let value = &row[field];
            let value = value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap();
            assert!((value - number).abs() < 1e-9, "{field}: {value} is not {number}");
        }
    }
}

#[tokio::test]
async fn a_page_token_belongs_to_its_question() {
    let rig = Rig::start().await;
    let page = rig.statistics(&[("contains_child_dept", "true"), ("page_size", "3")]).await.json();
    let token = page["data"]["page_token"].as_str().unwrap();
    let again =
        |start| [("contains_child_dept", "true"), ("page_token", token), ("start_date", start)];
    assert_eq!(rig.statistics(&again(NEWEST)).await.items().len(), 10);
    assert_eq!(rig.statistics(&again("2026-11-16")).await.code(), 1_051_001);
    let blank = token.replace('+', " ");
    let unencoded = [("contains_child_dept", "true"), ("page_token", blank.as_str())];
    assert_eq!(rig.statistics(&unencoded).await.code(), 1_051_001);
}

#[tokio::test]
async fn a_day_appears_at_half_past_nine_in_its_zone() {
    let mut rig = Rig::start().await;
    for (now, geo, rows) in [
        ("2026-11-18T09:29:58+08:00", "", 0),
        ("2026-11-18T09:30:00+08:00", "", 1),
        ("2026-11-18T09:30:00+08:00", "cn", 1),
        ("2026-11-18T09:30:00+08:00", "sg", 0),
        ("2026-11-18T09:29:58Z", "us", 0),
        ("2026-11-18T09:30:00Z", "us", 1),
    ] {
        rig.handle.set_now(now.parse().unwrap());
        rig.sign_in().await;
        assert_eq!(rig.statistics(&[("target_geo", geo)]).await.items().len(), rows, "{now} {geo}");
    }
}

#[tokio::test]
async fn days_to_come_and_days_long_past_have_no_rows() {
    let rig = Rig::with(|options| options.history_days = 3).await;
    let dates = |rows: Vec<Value>| rows.into_iter().map(|row| row["date"].clone());
    let rows = rig.all_rows(&[("start_date", "2026-11-10"), ("end_date", "2026-12-24")]).await;
    assert_eq!(dates(rows).collect::<Vec<_>>(), ["2026-11-15", "2026-11-16", NEWEST]);
}

#[tokio::test]
async fn an_answer_without_rows_looks_as_chosen() {
    let rig = Rig::start().await;
    for (empty, items) in [
        (Empty::List, Some(Value::Array(vec![]))),
        (Empty::Null, Some(Value::Null)),
        (Empty::Absent, None),
    ] {
        rig.handle.change(|options| options.empty = empty);
        let body = rig.statistics(&[("end_date", "2030-01-01"), ("start_date", "2030-01-01")]);
        let body = body.await.json();
        assert_eq!(body["code"], 0);
        assert_eq!(body["data"].get("items"), items.as_ref());
        assert_eq!(body["data"]["has_more"], false);
    }
}

#[tokio::test]
async fn a_parents_row_counts_its_descendants_only_where_chosen_and_asked_for() {
    let rig = Rig::start().await;
    let day = NEWEST.parse().unwrap();
    let staff = |id: &str| rig.handle.truth(id, day, Geo::Cn, None).unwrap()["total_user_num"];
    let everybody: f64 =
        rig.handle.departments().iter().map(|d| staff(&d.open_department_id)).sum();
    for (figures, children, expected) in [
        (ParentFigures::Direct, "false", staff("0")),
        (ParentFigures::Direct, "true", staff("0")),
        (ParentFigures::Recursive, "false", staff("0")),
        (ParentFigures::Recursive, "true", everybody),
    ] {
        rig.handle.change(|options| options.parent_figures = figures);
        let root = &rig.statistics(&[("contains_child_dept", children)]).await.items()[0];
        assert_eq!(root["department_id"], "0");
        assert_eq!(root["total_user_num"].as_f64(), Some(expected), "{figures:?} {children}");
    }
}

#[tokio::test]
async fn versions_and_rates_are_as_chosen() {
    let rig = Rig::start().await;
    rig.handle.change(|options| {
        options.rates = Rates::Percent;
        options.total_version = "All versions".to_owned();
        options.product_versions = ["A", "B", "C", "D"].map(str::to_owned).into();
    });
    let rows = rig.statistics(&[("with_product_version", "true")]).await.items();
    let names: Vec<_> = rows.iter().map(|row| row["product_version"].as_str().unwrap()).collect();
    assert_eq!(names, ["All versions", "A", "B", "C", "D"]);
    let number = |field: &str| rows[0][field].as_f64().unwrap();
    let rate = 100.0 * number("active_user_num") / number("total_user_num");
    assert_eq!(rows[0]["active_user_rate"], format!("{rate:.2}"));
}

#[tokio::test]
async fn places_hold_different_people_and_only_enabled_ones_are_served() {
    let rig = Rig::start().await;
    rig.handle.change(|options| options.geos.retain(|geo| *geo != Geo::Us));
    let (id, today) = (rig.department(1), "2026-11-18".parse().unwrap());
    let people = rig.handle.people(&id);
    let left = |status| matches!(status, Status::Resigned | Status::Exited);
    for geo in Geo::ALL {
        let truth = rig.handle.truth(&id, today, geo, None).unwrap();
        let here = || people.iter().filter(|(person, _)| person.geo == geo);
        let employed = here().filter(|(_, status)| !left(*status)).count();
        assert_eq!(truth["total_user_num"], employed as f64, "{geo:?}");
    }
    assert_eq!(rig.statistics(&[("target_geo", "sg")]).await.code(), 0);
    let disabled = rig.statistics(&[("target_geo", "us")]).await;
    assert_eq!((disabled.status, disabled.code()), (400, 1_051_002));
}

#[tokio::test]
async fn a_seed_decides_every_byte() {
    let question = [("contains_child_dept", "true"), ("with_product_version", "true")];
    let first = Rig::start().await;
    first.statistics(&[]).await;
    let one = first.statistics(&question).await;
    let same = Rig::start().await.statistics(&question).await;
    let other = Rig::with(|options| options.seed = 2).await.statistics(&question).await;
    assert_eq!(one.body, same.body);
    assert_ne!(one.body, other.body);
}
