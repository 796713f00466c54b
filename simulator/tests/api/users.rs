//! What `admin_user_stats` answers.

use std::collections::BTreeSet;

use feishu_simulator::{Fault, Geo, Kind, LastActive, Options, Simulator, UnknownTimes, UserRows};
use serde_json::Value;

use crate::{
    rig::{NEWEST, Reply, Rig, USERS},
    shape::shape,
};

const SAMPLE: &str = include_str!("../../../tests/data/feishu/admin_user_stats.json");
const DAY: [(&str, &str); 2] = [("start_date", NEWEST), ("end_date", NEWEST)];

async fn ask(rig: &Rig, more: &[(&str, &str)]) -> Reply {
    let mut query = DAY.to_vec();
    query.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    query.extend_from_slice(more);
    rig.get(USERS, &query).await
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap()
}

#[tokio::test]
async fn answers_have_the_fields_and_types_of_the_documented_sample() {
    let rig = Rig::start().await;
    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    let reply = ask(&rig, &[]).await;
    assert_eq!(reply.items().len(), 10);
    assert_eq!(shape(&reply.json()), shape(&sample));
    for row in rig.all(USERS, &DAY).await {
        for (field, value) in sample["data"]["items"][0].as_object().unwrap() {
            let is_count = value.as_str().is_some_and(|text| text.parse::<u64>().is_ok());
            assert!(!is_count || text(&row, field).parse::<u64>().is_ok(), "{field} in {row}");
        }
    }
}

#[tokio::test]
async fn whatever_is_missing_or_out_of_range_is_an_invalid_parameter() {
    let rig = Rig::start().await;
    let custom = rig.handle.departments()[1].department_id.clone();
    for (name, value) in [
        ("start_date", ""),
        ("end_date", ""),
        ("start_date", "2026-11-18"),
        ("start_date", "2026-10-16"),
        ("start_date", "yesterday"),
        ("page_size", "0"),
        ("page_size", "61"),
        ("page_token", "2"),
        ("target_geo", "eu"),
        ("department_id_type", "union_id"),
        ("user_id_type", "email"),
        ("department_id", "od-nobody"),
        ("department_id", &custom),
        ("user_id", "ou_7dab8a3d3cdcc9da365777c7ad535d62"),
    ] {
        let reply = ask(&rig, &[(name, value)]).await;
        assert_eq!((reply.status, reply.code()), (500, 1_051_001), "{name}={value}");
    }
    for (name, value) in [
        ("start_date", "2026-10-17"),
        ("page_size", "1"),
        ("page_size", "60"),
        ("user_id_type", "union_id"),
        ("department_id", "0"),
    ] {
        assert!(!ask(&rig, &[(name, value)]).await.items().is_empty(), "{name}={value}");
    }
}

#[tokio::test]
async fn paging_yields_every_person_once_a_day_in_pages_of_any_size() {
    let rig = Rig::start().await;
    let days = [("start_date", "2026-11-15"), ("end_date", "2026-12-01")];
    let all = rig.all(USERS, &[&days[..], &[("page_size", "60")]].concat()).await;
    let keys: BTreeSet<_> =
        all.iter().map(|row| (text(row, "date"), text(row, "user_id"))).collect();
    assert_eq!(keys.len(), all.len());
    let dates: BTreeSet<_> = all.iter().map(|row| text(row, "date")).collect();
    assert_eq!(dates.into_iter().collect::<Vec<_>>(), ["2026-11-15", "2026-11-16", NEWEST]);
    let id = rig.department(1);
    let mut few = Vec::new();
    for size in ["1", "7", "60"] {
        let query = [&days[..], &[("page_size", size), ("department_id", &id)]].concat();
        few.push(rig.all(USERS, &query).await);
    }
    assert!(few[0].len() > 20 && few[0] == few[1] && few[1] == few[2]);
    assert!(few[0].iter().all(|row| all.contains(row)));
}

#[tokio::test]
async fn a_page_token_belongs_to_its_question() {
    let rig = Rig::start().await;
    let data = ask(&rig, &[("page_size", "3")]).await.json();
    let token = data["data"]["page_token"].as_str().unwrap();
    assert_eq!(ask(&rig, &[("page_token", token)]).await.items().len(), 10);
    let other = ask(&rig, &[("page_token", token), ("start_date", "2026-11-16")]).await;
    assert_eq!(other.code(), 1_051_001);
    let unencoded = token.replace('+', " ");
    assert_eq!(ask(&rig, &[("page_token", &unencoded)]).await.code(), 1_051_001);
}

#[tokio::test]
async fn one_person_can_be_asked_for_by_any_id() {
    let rig = Rig::start().await;
    let id = rig.department(2);
    for id_type in ["open_id", "union_id", "user_id"] {
        let ids = [("user_id_type", id_type), ("department_id", &id)];
        let row = ask(&rig, &ids).await.items().swap_remove(2);
        for department in ["", &id] {
            let one = [("user_id", text(&row, "user_id")), ("department_id", department)];
            let query = [&one[..], &[("user_id_type", id_type)]].concat();
            assert_eq!(ask(&rig, &query).await.items(), std::slice::from_ref(&row));
        }
        let elsewhere = rig.department(1);
        let query = [("user_id", text(&row, "user_id")), ("user_id_type", id_type)];
        let query = [&query[..], &[("department_id", &elsewhere)]].concat();
        assert_eq!(ask(&rig, &query).await.items(), [] as [Value; 0]);
    }
}

#[tokio::test]
async fn permissions_hide_departments_and_user_ids() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    let person = ask(&rig, &[("department_id", &id)]).await.items().swap_remove(0);
    let before = rig.all(USERS, &DAY).await.len();
    rig.handle.change(|options| {
        options.forbidden_departments.insert(id.clone());
        options.geos.retain(|geo| *geo != Geo::Us);
        options.scopes.remove("contact:user.employee_id:readonly");
    });
    for query in [
        [("department_id", id.as_str())],
        [("user_id", text(&person, "user_id"))],
        [("target_geo", "us")],
    ] {
        let reply = ask(&rig, &query).await;
        assert_eq!((reply.status, reply.code()), (400, 1_051_002), "{query:?}");
    }
    let rest = rig.all(USERS, &DAY).await;
    assert!(!rest.is_empty() && rest.len() < before && !rest.contains(&person));
    let nameless = ask(&rig, &[("user_id_type", "user_id")]).await.items();
    assert!(nameless.iter().all(|row| row.get("user_id").is_none()));
    rig.handle.change(|options| _ = options.scopes.remove("admin:admin_user_stat:readonly"));
    assert_eq!(ask(&rig, &[]).await.code(), 99_991_672);
}

#[tokio::test]
async fn a_day_appears_at_half_past_nine() {
    let mut rig = Rig::start().await;
    for (now, geo, expected) in [
        ("2026-11-18T09:29:58+08:00", "", false),
        ("2026-11-18T09:30:00+08:00", "", true),
        ("2026-11-18T09:30:00+08:00", "sg", false),
        ("2026-11-18T09:30:00Z", "sg", true),
    ] {
        rig.handle.set_now(now.parse().unwrap());
        rig.sign_in().await;
        let items = ask(&rig, &[("target_geo", geo)]).await.items();
        assert_eq!(!items.is_empty(), expected, "{now} {geo}");
    }
    rig.handle.inject(Kind::LateDay { until: None }).unwrap();
    assert_eq!(ask(&rig, &[]).await.items(), [] as [Value; 0]);
}

#[tokio::test]
async fn people_without_activity_say_so_or_are_left_out() {
    let rig = Rig::start().await;
    let everybody = rig.all(USERS, &DAY).await;
    let count = |rows: &[Value], field: &str, value: &Value| {
        rows.iter().filter(|row| row[field] == *value).count()
    };
    let blank = Value::from("");
    let never_activated = count(&everybody, "register_time", &blank);
    let never_used = count(&everybody, "last_active_time", &blank);
    assert!(
        0 < never_activated && never_activated < never_used && never_used < everybody.len() / 4
    );
    let (activated, active) = (
        count(&everybody, "user_active_flag", &1.into()),
        count(&everybody, "suite_active_flag", &1.into()),
    );
    assert_eq!(activated, everybody.len() - never_activated);
    let inactive = everybody.iter().filter(|row| text(row, "os_name").is_empty());
    assert_eq!(inactive.count(), everybody.len() - active);

    for (rows, expected) in [(UserRows::Activated, activated), (UserRows::Active, active)] {
        rig.handle.change(|options| options.user_rows = rows);
        assert_eq!(rig.all(USERS, &DAY).await.len(), expected);
    }
    rig.handle.change(|options| {
        options.user_rows = UserRows::Everybody;
        options.unknown_times = UnknownTimes::Absent;
    });
    let rows = rig.all(USERS, &DAY).await;
    let has = |field: &str| rows.iter().filter(|row| row.get(field).is_some()).count();
    assert_eq!(has("register_time"), everybody.len() - never_activated);
    assert_eq!(has("last_active_time"), everybody.len() - never_used);
}

#[tokio::test]
async fn the_last_activity_is_that_of_the_rows_day_or_of_the_newest() {
    let rig = Rig::start().await;
    let days = [("start_date", "2026-11-10"), ("end_date", "2026-11-10")];
    let last = async || {
        let rows = rig.all(USERS, &days).await;
        rows.iter().map(|row| text(row, "last_active_time").to_owned()).max().unwrap()
    };
    assert!(last().await.starts_with("2026-11-10"));
    rig.handle.change(|options| options.last_active = LastActive::Newest);
    assert!(last().await.starts_with(NEWEST));
}

#[tokio::test]
async fn some_people_have_been_away_for_weeks() {
    let rig = Rig::start().await;
    let rows = rig.all(USERS, &DAY).await;
    let mut away = [0; 3];
    for row in rows.iter().filter(|row| !text(row, "last_active_time").is_empty()) {
        let last: jiff::civil::Date = text(row, "last_active_time")[..10].parse().unwrap();
        let days = (NEWEST.parse::<jiff::civil::Date>().unwrap() - last).get_days();
        for (count, limit) in away.iter_mut().zip([7, 30, 90]) {
            *count += u32::from(days > limit);
        }
    }
    assert!(away[0] > away[1] && away[1] > away[2] && away[2] > 0, "{away:?}");
}

#[tokio::test]
async fn lists_are_as_free_as_the_documented_ones() {
    let rig = Rig::start().await;
    let rows = rig.all(USERS, &DAY).await;
    let any = |field: &str, part: &str| rows.iter().any(|row| text(row, field).contains(part));
    for (field, part) in [
        ("os_name", "Andorid"),
        ("os_name", "Android"),
        ("os_name", "iOS,Windows"),
        ("app_package_type", "Feishu，Lark"),
        ("app_package_type", "Feishu,Lark"),
        ("active_os", "',"),
        ("department_path", "/"),
    ] {
        assert!(any(field, part), "{field} {part}");
    }
}

#[tokio::test]
async fn only_a_department_that_there_is_can_be_huge() {
    for huge_department in [(21, 10), (1, 0), (1, 1_000_001)] {
        let options = Options { huge_department: Some(huge_department), ..Options::default() };
        let bound = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await;
        assert_eq!(bound.err().unwrap().kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_huge_department_is_read_page_by_page() {
    let rig = Rig::with(|options| options.huge_department = Some((3, 20_000))).await;
    let id = rig.handle.departments()[3].open_department_id.clone();
    let question = [("department_id", id.as_str()), ("page_size", "60")];
    let mut people = BTreeSet::new();
    let (mut pages, mut token) = (0, String::new());
    loop {
        let query = [&question[..], &[("page_token", token.as_str())]].concat();
        let body = ask(&rig, &query).await.json();
        let rows = body["data"]["items"].as_array().unwrap();
        people.extend(rows.iter().map(|row| text(row, "user_id").to_owned()));
        pages += 1;
        match body["data"]["page_token"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!((pages, people.len()), (334, 20_000));
}

#[tokio::test]
async fn faults_strike_rows_and_pages() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    let set = Kind::SetField { field: "vc_num".to_owned(), value: Value::from("many") };
    rig.handle.inject(Fault::from(set).department(&id)).unwrap();
    let rows = rig.all(USERS, &DAY).await;
    let struck = rows.iter().filter(|row| row["vc_num"] == "many").count();
    assert!(0 < struck && struck < rows.len());
    rig.handle.clear_faults();
    rig.handle.inject(Kind::DropField { field: "*".to_owned() }).unwrap();
    assert!(ask(&rig, &[]).await.items().iter().all(|row| row.as_object().unwrap().len() == 5));
    rig.handle.clear_faults();

    rig.handle.inject(Kind::RepeatRow { different: true }).unwrap();
    let date = Some("2020-02-15".to_owned());
    rig.handle.inject(Kind::ForeignRow { department: None, date }).unwrap();
    let rows = ask(&rig, &[]).await.items();
    assert_eq!((rows.len(), &rows[10]["user_id"]), (12, &rows[0]["user_id"]));
    assert_eq!(rows[10]["send_messenger_num"], 987_654_321);
    assert_eq!(rows[11]["date"], "2020-02-15");
    rig.handle.clear_faults();

    rig.handle.inject(Kind::EndlessPages).unwrap();
    let mut token = String::new();
    let mut lengths = Vec::new();
    for _ in 0..4 {
        let query = [("department_id", id.as_str()), ("page_token", &token), ("page_size", "60")];
        let reply = ask(&rig, &query).await;
        lengths.push(reply.items().len());
        let next = reply.json()["data"]["page_token"].as_str().unwrap().to_owned();
        assert_ne!(next, token);
        token = next;
    }
    assert!(lengths[0] > 0 && lengths[2..] == [0, 0], "{lengths:?}");
}
