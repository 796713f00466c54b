//! Answers that no document promises: nothing is believed that should not be, nothing leaks.

use serde_json::json;

use super::*;
use feishu_simulator::{Fault, Kind};

async fn looked(kind: Kind) -> World {
    let mut world = world(few(1), |_| {}).await;
    world.options().departments.truncate(1);
    world.statistics.state.groups[0].standings.truncate(1);
    let fault = Fault::from(kind).endpoint(Endpoint::AdminDeptStats);
    world.simulator.inject(fault).unwrap();
    world.look().await;
    world
}

#[tokio::test]
async fn rows_that_were_not_asked_for_are_rejected() {
    for kind in [
        Kind::ForeignRow { department: Some("od-somebody-else".to_owned()), date: None },
        Kind::ForeignRow { department: None, date: Some("2026-11-20".to_owned()) },
        Kind::ForeignRow { department: None, date: Some("yesterday".to_owned()) },
    ] {
        let world = looked(kind.clone()).await;
        assert_eq!(world.served().len(), 1, "{kind:?}");
        assert_eq!(world.served()[0].rows.len(), 4, "{kind:?}");
        assert_eq!(world.metric("feishu_exporter_rejected_rows_total", &[]), 1.0, "{kind:?}");
    }
}

#[tokio::test]
async fn an_equal_row_counts_once() {
    let mut world = looked(Kind::RepeatRow { different: false }).await;
    assert_eq!(world.served()[0].rows.len(), 4);
    assert_eq!(world.metric("feishu_exporter_rejected_rows_total", &[]), 0.0);
    world.set_now("2026-11-23T16:00:00+08:00");
    assert_eq!(world.look().await, 0, "the day is complete");
}

#[tokio::test]
async fn of_contradicting_rows_neither_is_believed_and_the_department_is_asked_again() {
    let mut world = looked(Kind::RepeatRow { different: true }).await;
    assert_eq!(world.served()[0].rows.len(), 3);
    assert_eq!(world.metric("feishu_exporter_rejected_rows_total", &[]), 2.0);
    world.simulator.clear_faults();
    world.set_now("2026-11-23T16:00:00+08:00");
    assert!(world.look().await >= 1);
    assert_eq!(world.served()[0].rows.len(), 4);
}

#[tokio::test]
async fn a_value_that_is_no_number_costs_itself_alone() {
    for value in [json!("12,345"), json!(-1), json!(true), json!("NaN"), json!([1]), json!("0x1f")]
    {
        let world =
            looked(Kind::SetField { field: "suite_dau".to_owned(), value: value.clone() }).await;
        let samples = samples(&world.served()[0], &Version::Total);
        assert_eq!(samples.get("suite_dau"), None, "{value}");
        assert_eq!(samples.len(), 37, "{value}");
        assert_eq!(world.metric("feishu_exporter_rejected_values_total", &["suite_dau"]), 4.0);
    }
}

#[tokio::test]
async fn an_absent_value_has_no_sample_and_is_not_counted_as_rejected() {
    for kind in [
        Kind::DropField { field: "suite_dau".to_owned() },
        Kind::SetField { field: "suite_dau".to_owned(), value: json!(null) },
        Kind::SetField { field: "suite_dau".to_owned(), value: json!("") },
    ] {
        let world = looked(kind.clone()).await;
        assert_eq!(samples(&world.served()[0], &Version::Total).len(), 37, "{kind:?}");
        assert_eq!(world.metric("feishu_exporter_rejected_values_total", &[]), 0.0);
    }
}

#[tokio::test]
async fn numbers_may_come_as_strings() {
    let world = looked(Kind::NumbersAsStrings).await;
    assert_eq!(samples(&world.served()[0], &Version::Total).len(), 38);
}

#[tokio::test]
async fn endless_lists_and_repeated_tokens_end_with_an_error() {
    for (kind, sentence) in
        [(Kind::RepeatPageToken, "repeats a page_token"), (Kind::EndlessPages, "has no end")]
    {
        let mut world = world(few(40), |tenant| {
            tenant.departments =
                vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
            tenant.api.limits.requests_per_second = 100_000.0;
        })
        .await;
        world.simulator.change(|options| {
            options.limits.insert(Endpoint::AdminDeptStats, simulator::Limit::NONE);
        });
        world.simulator.inject(Fault::from(kind).endpoint(Endpoint::AdminDeptStats)).unwrap();
        world.look().await;
        let problem = world.status().departments[0].problem.clone().unwrap();
        assert_eq!(problem.class, "malformed");
        assert!(problem.message.contains(sentence), "{}", problem.message);
        assert!(world.served().is_empty());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let world = looked(Kind::Redirect { location: "http://127.0.0.1:9/".to_owned() }).await;
    let problem = world.status().departments[0].problem.clone().unwrap();
    assert_eq!(problem.class, "malformed");
    assert!(problem.remedy.contains("base_url"), "{}", problem.remedy);
}

#[tokio::test]
async fn an_answer_without_bounds_is_given_up() {
    let world = looked(Kind::Huge { bytes: 9 * 1024 * 1024 }).await;
    let problem = world.status().departments[0].problem.clone().unwrap();
    assert_eq!(problem.class, "malformed");
    assert!(problem.message.contains("larger than"), "{}", problem.message);
}

#[tokio::test]
async fn however_an_empty_list_looks_it_is_empty() {
    for empty in [simulator::Empty::List, simulator::Empty::Absent, simulator::Empty::Null] {
        let options = simulator::Options { empty, history_days: 0, ..few(1) };
        let mut world = world(options, |_| {}).await;
        world.look().await;
        assert!(world.served().is_empty());
        assert!(world.status().departments.iter().all(|d| d.problem.is_none()), "{empty:?}");
    }
}

#[tokio::test]
async fn no_secret_comes_out_even_where_the_answer_repeats_it() {
    let mut world = looked(Kind::EchoSecrets { status: 400, code: 1_051_003 }).await;
    let fault = Fault::from(Kind::EchoSecrets { status: 400, code: 10_014 })
        .endpoint(Endpoint::TenantAccessToken);
    let status = format!("{:?}", world.status());
    assert!(status.contains(crate::secret::REDACTED), "the message was repeated: {status}");
    world.simulator.inject(fault).unwrap();
    world.set_now("2026-11-24T09:36:00+08:00");
    world.look().await;
    let status = status + &format!("{:?}", world.status());
    for secret in ["demo-secret", "Bearer", "\"t-", " t-"] {
        assert!(!status.contains(secret), "{secret} in {status}");
    }
}
