//! What scripts see and do under `/_simulator/`.

use feishu_simulator::Endpoint;
use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn the_overview_lists_departments_versions_and_the_clock() {
    let rig = Rig::start().await;
    let overview = rig.control("GET", "", "").await.json();
    let departments = overview["departments"].as_array().unwrap();
    assert_eq!(departments.len(), 41);
    assert_eq!(departments[0]["open_department_id"], "0");
    assert_eq!(departments[1]["parent_open_department_id"], "0");
    assert_eq!(departments[1]["department_id"], "D0001");
    assert!(departments[1]["names"]["ja_jp"].is_string());
    assert_eq!(overview["product_versions"].as_array().unwrap().len(), 3);
    assert!(overview["now"].as_str().unwrap().starts_with("2026-11-18T04:0"));
}

#[tokio::test]
async fn the_clock_can_be_set() {
    let rig = Rig::start().await;
    let reply = rig.control("POST", "clock", r#"{"now": "2026-11-18T09:00:00+08:00"}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!(rig.statistics(&[]).await.items(), [] as [Value; 0]);
    for body in ["", "{}", r#"{"now": "tomorrow"}"#, r#"{"then": "2026-11-18T09:00:00Z"}"#] {
        assert_eq!(rig.control("POST", "clock", body).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn a_department_can_be_renamed() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    let body = json!({ "department": id, "name": "Elsewhere" }).to_string();
    assert_eq!(rig.control("POST", "departments", &body).await.status, 200);
    let rows = rig.statistics(&[("department_id", &id)]).await.items();
    assert_eq!(rows[0]["department_name"], "Elsewhere");
    for body in [r#"{"department": "nobody", "name": "A"}"#, r#"{"department": "0"}"#] {
        assert_eq!(rig.control("POST", "departments", body).await.status, 400, "{body}");
    }
    assert_eq!(rig.control("DELETE", "departments", "").await.status, 405);
}

#[tokio::test]
async fn faults_come_and_go() {
    let rig = Rig::start().await;
    let fault = json!({
        "on": { "endpoint": "admin_dept_stats", "department": "0", "times": 1 },
        "kind": { "throttle": { "reset": "1" } },
    });
    assert_eq!(rig.control("POST", "faults", &fault.to_string()).await.status, 200);
    assert_eq!(rig.control("POST", "faults", r#"{"kind": "reject_token"}"#).await.status, 200);
    assert_eq!(rig.control("GET", "faults", "").await.json().as_array().unwrap().len(), 2);
    assert_eq!(rig.statistics(&[]).await.code(), 99_991_400);
    assert_eq!(rig.statistics(&[]).await.code(), 99_991_663);
    assert_eq!(rig.control("DELETE", "faults", "").await.status, 200);
    assert_eq!(rig.statistics(&[]).await.code(), 0);
    for body in [
        r#"{"kind": "explode"}"#,
        r#"{"kind": "cut_off", "times": 1}"#,
        r#"{"kind": "cut_off", "on": {"time": 1}}"#,
        r#"{"kind": {"throttle": {"resets": "1"}}}"#,
        r#"{"kind": "cut_off", "on": {"department": "nobody"}}"#,
        r#"{"kind": {"slump": {"from": "2026-11-31", "to": "2026-12-01", "percent": 1}}}"#,
    ] {
        assert_eq!(rig.control("POST", "faults", body).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn requests_are_recorded_with_their_outcome() {
    let rig = Rig::start().await;
    rig.statistics(&[]).await;
    rig.statistics(&[("department_id", "a b+c")]).await;
    rig.send("GET", "/nothing", None, "").await;
    rig.handle.answered(Endpoint::AdminDeptStats, 2).await;
    let recorded = rig.handle.requests();
    assert_eq!(
        recorded.iter().map(|r| r.code).collect::<Vec<_>>(),
        [Some(0), Some(1_051_001), Some(99_991_201)]
    );
    assert_eq!(recorded[1].parameter("department_id"), Some("a b+c"));
    assert_eq!((recorded[1].status, recorded[1].endpoint), (500, Some(Endpoint::AdminDeptStats)));
    let over_http = rig.control("GET", "requests", "").await.json();
    assert_eq!(over_http, serde_json::to_value(&recorded).unwrap());
    assert_eq!(rig.handle.concurrent_max(), 1);
    assert_eq!(rig.control("DELETE", "requests", "").await.status, 200);
    assert_eq!(rig.handle.request_count(Endpoint::AdminDeptStats), 0);
    assert_eq!(rig.handle.requests(), []);
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let rig = Rig::start().await;
    assert_eq!(rig.control("GET", "nothing", "").await.status, 404);
    assert_eq!(rig.control("PUT", "clock", "").await.status, 405);
}
