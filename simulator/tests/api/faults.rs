//! Each fault does what it says.

use std::{sync::Arc, time::Duration};

use feishu_simulator::{Endpoint, Fault, Kind};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::rig::{NEWEST, Reply, Rig};

const TOTAL: &str = "全部产品版本";

/// A rig with this fault on the statistics.
async fn rig_with(kind: Kind) -> Rig {
    let rig = Rig::start().await;
    rig.handle.inject(Fault::from(kind).endpoint(Endpoint::AdminDeptStats)).unwrap();
    rig
}

/// The page of the root's versions under this fault.
async fn page(kind: Kind) -> Reply {
    rig_with(kind).await.statistics(&[("with_product_version", "true")]).await
}

fn column(rows: &[Value], field: &str) -> Vec<Value> {
    rows.iter().map(|row| row.get(field).cloned().unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_fault_strikes_the_requests_of_its_filter() {
    let rig = Rig::start().await;
    let departments = rig.handle.departments();
    let (one, other) = (&departments[1], &departments[2]);
    let error = Kind::Error { status: 500, code: 2200, msg: "Internal Error".to_owned() };
    rig.handle.inject(Fault::from(error).department(&one.department_id).skip(1).times(2)).unwrap();
    let mut codes = Vec::new();
    for department in [one, other, one, one, other, one] {
        let id = department.open_department_id.as_str();
        codes.push(rig.statistics(&[("department_id", id)]).await.code());
    }
    assert_eq!(codes, [0, 0, 2200, 2200, 0, 0]);
    assert!(rig.handle.inject(Fault::from(Kind::CutOff).department("nobody")).is_err());
}

#[tokio::test]
async fn cleared_faults_strike_no_more() {
    let rig = rig_with(Kind::RejectToken).await;
    assert_eq!(rig.statistics(&[]).await.code(), 99_991_663);
    rig.handle.clear_faults();
    assert_eq!(rig.statistics(&[]).await.code(), 0);
}

#[tokio::test]
async fn throttling_may_say_anything_or_nothing_about_its_end() {
    for reset in [Some("3"), Some("0.5"), Some("-1"), Some("99999999999"), Some("soon"), None] {
        let kind = Kind::Throttle { status: Some(400), reset: reset.map(str::to_owned) };
        let reply = page(kind).await;
        assert_eq!((reply.status, reply.code()), (400, 99_991_400));
        assert_eq!(reply.headers.get("x-ogw-ratelimit-reset").map(String::as_str), reset);
    }
}

#[tokio::test]
async fn revoked_tokens_are_invalid_and_new_ones_valid() {
    let mut rig = Rig::start().await;
    rig.handle.inject(Fault::from(Kind::RevokeTokens).times(1)).unwrap();
    assert_eq!(rig.statistics(&[]).await.code(), 99_991_663);
    rig.sign_in().await;
    assert_eq!(rig.statistics(&[]).await.code(), 0);
}

#[tokio::test]
async fn answers_can_be_something_else_altogether() {
    let html = "<html>Bad Gateway</html>".to_owned();
    let reply = page(Kind::Text { status: 502, body: html.clone() }).await;
    assert_eq!((reply.status, reply.body), (502, html.into_bytes()));

    let reply = page(Kind::Redirect { location: "http://127.0.0.1:1/".to_owned() }).await;
    assert_eq!((reply.status, reply.headers["location"].as_str()), (302, "http://127.0.0.1:1/"));

    let reply = page(Kind::EchoSecrets { status: 400, code: 10_003 }).await;
    let msg = reply.json()["msg"].as_str().unwrap().to_owned();
    assert!(msg.contains("token t-") && msg.contains("demo-secret"), "{msg}");
}

#[tokio::test]
async fn a_cut_off_answer_breaks_in_the_middle_of_its_body() {
    let reply = page(Kind::CutOff).await;
    assert_eq!(reply.status, 200);
    assert!(reply.is_cut_off() && reply.body.starts_with(b"{\"code\":0"));
}

#[tokio::test]
async fn a_huge_body_is_valid_but_huge() {
    let reply = page(Kind::Huge { bytes: 3_000_000 }).await;
    assert!(reply.body.len() > 3_000_000);
    assert_eq!(reply.items().len(), 4);
}

#[tokio::test]
async fn slow_answers_wait_for_nobody_and_nobody_waits_for_them() {
    let by_fault = rig_with(Kind::Slow { millis: 3_600_000 }).await;
    let by_option = Rig::start().await;
    by_option.handle.change(|options| options.latency = Duration::from_secs(3600));
    for rig in [by_fault, by_option].map(Arc::new) {
        let mut slow = JoinSet::new();
        for _ in 0..8 {
            let rig = Arc::clone(&rig);
            slow.spawn(async move { rig.statistics(&[]).await });
        }
        let all_under_way = async {
            while rig.handle.concurrent_max() < 8 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all_under_way).await.unwrap();
        rig.handle.change(|options| options.latency = Duration::ZERO);
        assert_eq!(rig.ask_token("{}").await.code(), 10_003);
        assert_eq!(rig.handle.request_count(Endpoint::AdminDeptStats), 0);
        assert!(slow.try_join_next().is_none());
    }
}

#[tokio::test]
async fn a_refused_version_parameter_is_refused_only_where_it_is_sent() {
    let rig = rig_with(Kind::RefuseVersions).await;
    assert_eq!(rig.statistics(&[("with_product_version", "true")]).await.code(), 1_051_001);
    assert_eq!(rig.statistics(&[]).await.code(), 0);
}

#[tokio::test]
async fn page_tokens_can_repeat_and_pages_never_end() {
    let rig = rig_with(Kind::RepeatPageToken).await;
    let mut token = String::new();
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let changed = [("contains_child_dept", "true"), ("page_size", "3"), ("page_token", &token)];
        let body = rig.statistics(&changed).await.json();
        token = body["data"]["page_token"].as_str().unwrap().to_owned();
        tokens.push(token.clone());
    }
    assert!(tokens[0] == tokens[1] && tokens[1] == tokens[2]);

    let rig = rig_with(Kind::EndlessPages).await;
    let mut rows = Vec::new();
    token.clear();
    for _ in 0..5 {
        let reply = rig.statistics(&[("page_token", &token)]).await;
        rows.push(reply.items().len());
        let next = reply.json()["data"]["page_token"].as_str().unwrap().to_owned();
        assert_ne!(next, token);
        token = next;
    }
    assert_eq!(rows, [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn the_newest_day_can_be_late_for_some_departments() {
    let rig = Rig::start().await;
    let late = rig.department(1);
    let until = "2026-11-18T13:00:00+08:00".parse().unwrap();
    let kind = Kind::LateDay { until: Some(until) };
    rig.handle.inject(Fault::from(kind).department(&late)).unwrap();
    let question = [("contains_child_dept", "true"), ("start_date", "2026-11-16")];
    let dates = |rows: Vec<Value>| {
        let mut rows = rows;
        rows.retain(|row| row["department_id"] == late.as_str());
        column(&rows, "date")
    };
    let before = rig.all_rows(&question).await;
    let others = before.iter().filter(|row| row["date"] == NEWEST).count();
    assert!(others > 1);
    assert_eq!(dates(before), ["2026-11-16"]);
    assert_eq!(rig.statistics(&[("department_id", &late)]).await.items(), [] as [Value; 0]);
    rig.handle.set_now(until);
    assert_eq!(dates(rig.all_rows(&question).await), ["2026-11-16", NEWEST]);
}

#[tokio::test]
async fn the_newest_day_can_lack_versions_and_the_total() {
    let without = vec![TOTAL.to_owned(), "商业版".to_owned()];
    let rig = rig_with(Kind::PartialDay { without }).await;
    let rows =
        rig.all_rows(&[("with_product_version", "true"), ("start_date", "2026-11-16")]).await;
    let versions = column(&rows, "product_version");
    assert_eq!(versions, [TOTAL, "标准版", "商业版", "旗舰版", "标准版", "旗舰版"]);
}

#[tokio::test]
async fn a_slump_scales_what_people_do_on_its_days_and_not_how_many_they_are() {
    let rig = Rig::start().await;
    let departments = rig.handle.departments();
    let (struck, spared) = (&departments[1].open_department_id, &departments[2].open_department_id);
    let days = [("start_date", "2026-11-12"), ("page_size", "20")];
    let ask =
        async |id: &str| rig.statistics(&[days[0], days[1], ("department_id", id)]).await.items();
    let (before, other) = (ask(struck).await, ask(spared).await);
    let date = |day: &str| day.parse().unwrap();
    let (from, to) = (date("2026-11-13"), date("2026-11-16"));
    let kind = Kind::Slump { from, to, percent: 30, field: None };
    rig.handle.inject(Fault::from(kind).department(struck)).unwrap();
    let after = ask(struck).await;
    assert_eq!((after.len(), ask(spared).await), (6, other));
    for (before, after) in before.iter().zip(&after) {
        let day = before["date"].as_str().unwrap();
        if !("2026-11-13"..="2026-11-16").contains(&day) {
            assert_eq!(before, after);
            continue;
        }
        for (name, was) in before.as_object().unwrap() {
            let is = &after[name];
            let heads = ["total", "active_user", "new_", "resign", "date", "department", "product"];
            if heads.iter().any(|head| name.starts_with(head)) && name != "total_search_count" {
                assert_eq!(is, was, "{name}");
                continue;
            }
            // Still of the same type, and a number.
            let number = |value: &Value| match value {
                Value::String(text) => text.parse::<f64>().unwrap(),
                other => other.as_f64().unwrap(),
            };
            assert_eq!((is.is_string(), is.is_u64()), (was.is_string(), was.is_u64()), "{name}");
            assert!((number(is) - 0.3 * number(was)).abs() <= 1.0, "{name}: {is} of {was}");
        }
    }
    rig.handle.clear_faults();
    let field = Some("vc_dau".to_owned());
    rig.handle.inject(Kind::Slump { from, to, percent: 0, field }).unwrap();
    let one = ask(struck).await;
    assert!(one[1]["vc_dau"] == 0 && one[1]["suite_dau"] == before[1]["suite_dau"]);
}

#[tokio::test]
async fn fields_can_have_any_value_or_none() {
    for value in [json!(null), json!("12,345"), json!("NaN"), json!(-3), json!(true), json!("0x1F")]
    {
        let field = "im_dau".to_owned();
        let rows = page(Kind::SetField { field, value: value.clone() }).await.items();
        assert!(column(&rows, "im_dau").iter().all(|found| *found == value));
        assert!(column(&rows, "docs_dau").iter().all(Value::is_u64));
    }
    let rows = page(Kind::DropField { field: "product_version".to_owned() }).await.items();
    assert!(rows.iter().all(|row| row.get("product_version").is_none()));
    let rows = page(Kind::DropField { field: "*".to_owned() }).await.items();
    assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 5));
    let rows = page(Kind::NumbersAsStrings).await.items();
    assert!(column(&rows, "suite_dau").iter().all(Value::is_string));
}

#[tokio::test]
async fn the_total_can_have_another_name() {
    let kind = Kind::RenameVersion { from: TOTAL.to_owned(), to: "All versions".to_owned() };
    let versions = column(&page(kind).await.items(), "product_version");
    assert_eq!(versions, ["All versions", "标准版", "商业版", "旗舰版"]);
}

#[tokio::test]
async fn rows_can_repeat_or_be_those_of_others() {
    let rows = page(Kind::RepeatRow { different: false }).await.items();
    assert_eq!((rows.len(), &rows[4]), (5, &rows[0]));
    let rows = page(Kind::RepeatRow { different: true }).await.items();
    assert_eq!((rows.len(), &rows[4]["date"]), (5, &rows[0]["date"]));
    assert_ne!(rows[4], rows[0]);
    let (department, date) = (Some("od-x".to_owned()), Some("2020-01-01".to_owned()));
    let rows = page(Kind::ForeignRow { department, date }).await.items();
    assert_eq!(column(&rows, "department_id")[3..], ["0", "od-x"]);
    assert_eq!(column(&rows, "date")[3..], [NEWEST, "2020-01-01"]);
}
