//! Who may ask, and how often.

use std::time::Duration;

use feishu_simulator::{Endpoint, Limit};

use crate::rig::Rig;

#[tokio::test]
async fn only_the_right_app_gets_a_token() {
    let rig = Rig::start().await;
    for (body, code, msg) in [
        ("", 10_003, "invalid param"),
        ("{", 10_003, "invalid param"),
        (r#"{"app_id": "cli_demo"}"#, 10_003, "invalid param"),
        (r#"{"app_id": "", "app_secret": ""}"#, 10_003, "invalid param"),
        (r#"{"app_id": "cli_x", "app_secret": "demo-secret"}"#, 10_014, "app id not exists"),
        (r#"{"app_id": "cli_demo", "app_secret": "x"}"#, 10_014, "app secret invalid"),
    ] {
        let reply = rig.ask_token(body).await;
        assert_eq!((reply.status, reply.code()), (200, code), "{body}");
        assert_eq!(reply.json()["msg"], msg);
        assert!(reply.json().get("tenant_access_token").is_none());
    }
}

#[tokio::test]
async fn a_token_lasts_two_hours_by_the_simulators_clock() {
    let mut rig = Rig::start().await;
    let first = rig.sign_in().await;
    assert_eq!((&first["code"], &first["msg"]), (&0.into(), &"ok".into()));
    assert!(first["tenant_access_token"].as_str().unwrap().starts_with("t-"));
    assert!((7100..=7200).contains(&first["expire"].as_i64().unwrap()));

    rig.handle.advance(Duration::from_secs(80 * 60));
    let again = rig.sign_in().await;
    assert_eq!(again["tenant_access_token"], first["tenant_access_token"]);
    assert!((2300..=2400).contains(&again["expire"].as_i64().unwrap()));

    rig.handle.advance(Duration::from_secs(20 * 60));
    let second = rig.sign_in().await;
    assert_ne!(second["tenant_access_token"], first["tenant_access_token"]);
    let first = first["tenant_access_token"].as_str();
    assert_eq!(rig.statistics_with(first, &[]).await.code(), 0);
    assert_eq!(rig.statistics(&[]).await.code(), 0);

    rig.handle.advance(Duration::from_secs(20 * 60));
    let expired = rig.statistics_with(first, &[]).await;
    assert_eq!((expired.status, expired.code()), (400, 99_991_663));
    assert_eq!(rig.statistics(&[]).await.code(), 0);
}

#[tokio::test]
async fn without_a_token_or_a_scope_nothing_is_told() {
    let rig = Rig::start().await;
    for (token, code) in [(None, 99_991_661), (Some("t-guessed"), 99_991_663)] {
        let reply = rig.statistics_with(token, &[]).await;
        assert_eq!((reply.status, reply.code()), (400, code));
    }
    rig.handle.change(|options| options.scopes.clear());
    let reply = rig.statistics(&[]).await;
    assert_eq!((reply.status, reply.code()), (400, 99_991_672));
    let error = &reply.json()["error"];
    let violation = &error["permission_violations"][0];
    assert_eq!(violation["type"], "action_scope_required");
    assert_eq!(violation["subject"], "admin:admin_dept_stat:readonly");
    assert_eq!(error["log_id"], reply.headers["x-tt-logid"].as_str());
    assert!(error["troubleshooter"].as_str().unwrap().contains("99991672"));
}

#[tokio::test]
async fn data_permission_ends_at_a_forbidden_department() {
    let rig = Rig::start().await;
    let departments = rig.handle.departments();
    let child = departments.iter().find(|d| d.depth == 2).unwrap();
    let parent = &departments[child.parent.unwrap()].open_department_id;
    rig.handle.change(|options| {
        options.forbidden_departments.insert(parent.clone());
    });
    for id in [parent, &child.open_department_id] {
        let reply = rig.statistics(&[("department_id", id)]).await;
        assert_eq!((reply.status, reply.code()), (400, 1_051_003));
    }
    let rows = rig.all_rows(&[("contains_child_dept", "true")]).await;
    assert!(rows.len() > 1);
    assert!(rows.iter().all(|row| row["department_id"] != parent.as_str()
        && row["department_id"] != child.open_department_id.as_str()));
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let rig = Rig::with(|options| {
        let limit = Limit { per_second: 1000, per_minute: 2 };
        options.limits.insert(Endpoint::AdminDeptStats, limit);
    })
    .await;
    for _ in 0..2 {
        assert_eq!(rig.statistics(&[]).await.code(), 0);
    }
    for status in [429, 400, 200] {
        rig.handle.change(|options| options.throttle_status = status);
        let reply = rig.statistics(&[]).await;
        assert_eq!((reply.status, reply.code()), (status, 99_991_400));
        assert_eq!(reply.headers["x-ogw-ratelimit-limit"], "2");
        let reset: u64 = reply.headers["x-ogw-ratelimit-reset"].parse().unwrap();
        assert!((1..=60).contains(&reset));
    }
    assert_eq!(rig.ask_token("{}").await.code(), 10_003);
}

#[tokio::test]
async fn a_spent_quota_ends_with_the_month() {
    let mut rig = Rig::start().await;
    rig.handle.change(|options| options.requests_per_month = Some(2));
    assert_eq!(rig.statistics(&[]).await.code(), 0);
    assert_eq!(rig.statistics(&[]).await.code(), 99_991_403);
    rig.handle.set_now("2026-12-01T00:00:00+08:00".parse().unwrap());
    rig.sign_in().await;
    assert_eq!(rig.statistics(&[]).await.code(), 0);
}

#[tokio::test]
async fn every_answer_has_a_log_id_and_unknown_paths_have_a_code() {
    let rig = Rig::start().await;
    let unknown = rig.send("GET", "/open-apis/nothing", None, "").await;
    let method = rig.send("POST", crate::rig::STATISTICS, None, "").await;
    let fine = rig.statistics(&[]).await;
    assert_eq!((unknown.status, unknown.code()), (404, 99_991_201));
    assert_eq!((method.status, method.code()), (405, 99_991_301));
    let mut ids: Vec<_> =
        [unknown, method, fine].map(|reply| reply.headers["x-tt-logid"].clone()).into();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
