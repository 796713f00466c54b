//! What fails costs as little as possible: the rest is fresh, the old stays, it recovers by itself.

use super::*;
use crate::snapshot::Next;
use feishu_simulator::{Fault, Kind};

/// Lets the pause after a failure pass.
fn an_hour_later(world: &World, hours: i32) {
    let start: jiff::Timestamp = MONDAY_14.parse().unwrap();
    let later = crate::clock::later(start, Duration::from_secs(hours.unsigned_abs().into()) * 3600);
    world.hand.set(later);
    world.simulator.set_now(later);
}

fn server_error() -> Kind {
    Kind::Text { status: 502, body: "<html>Bad Gateway</html>".to_owned() }
}

#[tokio::test]
async fn a_forbidden_department_costs_nobody_else_anything() {
    let mut world = world(few(8), |_| {}).await;
    let forbidden = world.ids()[0].clone();
    world
        .simulator
        .inject(
            Fault::from(Kind::Error {
                status: 400,
                code: 1_051_003,
                msg: "no permission".to_owned(),
            })
            .department(&forbidden),
        )
        .unwrap();
    assert_eq!(world.look().await, world.ids().len() as u64);
    assert_eq!(world.served().len(), world.ids().len() - 1);
    let status = world.status();
    assert_eq!((status.up, &status.problem), (Some(true), &None));
    let department = status.departments.iter().find(|d| *d.department_id == *forbidden).unwrap();
    let problem = department.problem.clone().unwrap();
    assert_eq!((problem.class, problem.code), ("permission", Some(1_051_003)));
    assert!(problem.remedy.contains("admin:admin_dept_stat:readonly"), "{}", problem.remedy);
    assert!(problem.log_id.is_some());
    assert_eq!(world.metric("feishu_up", &["acme"]), 1.0);
    // Asked again after an hour, not before, and recovered by itself.
    world.simulator.clear_faults();
    assert_eq!(world.look().await, 0);
    an_hour_later(&world, 1);
    assert_eq!(world.look().await, 1);
    assert_eq!(world.served().len(), world.ids().len());
}

#[tokio::test]
async fn a_missing_scope_ends_the_look_at_once_and_names_the_scope() {
    let mut world = world(few(8), |_| {}).await;
    world.simulator.change(|options| options.scopes.clear());
    assert_eq!(world.look().await, 1);
    let problem = world.status().problem.unwrap();
    assert_eq!((problem.class, problem.code), ("permission", Some(99_991_672)));
    assert!(problem.remedy.contains("admin:admin_dept_stat:readonly"), "{}", problem.remedy);
    assert_eq!(world.metric("feishu_up", &["acme"]), 0.0);
}

#[tokio::test]
async fn a_wrong_secret_asks_for_one_token_and_recovers_when_it_is_right() {
    let mut world = world(few(8), |_| {}).await;
    world.simulator.change(|options| options.app_secret = "another-secret".to_owned());
    assert_eq!(world.look().await, 0);
    assert_eq!(world.simulator.request_count(Endpoint::TenantAccessToken), 1);
    let problem = world.status().problem.unwrap();
    assert_eq!((problem.class, problem.code), ("credentials", Some(10_014)));
    assert!(problem.remedy.contains("app_secret"), "{}", problem.remedy);
    world.simulator.change(|options| options.app_secret = "demo-secret".to_owned());
    assert_eq!(world.look().await, 0, "paused");
    an_hour_later(&world, 1);
    assert_eq!(world.look().await, world.ids().len() as u64);
    assert!(world.status().problem.is_none());
    assert_eq!(world.metric("feishu_up", &["acme"]), 1.0);
}

#[tokio::test]
async fn a_new_secret_in_the_file_is_noticed_once_and_tried_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "wrong-secret").unwrap();
    let path = file.path().to_owned();
    let mut world = world(few(2), |tenant| tenant.api.app_secret = SecretSource::File(path)).await;
    assert_eq!(world.look().await, 0);
    assert!(!world.statistics.context.client.has_new_secret());
    std::fs::write(file.path(), "demo-secret\n").unwrap();
    assert!(world.statistics.context.client.has_new_secret());
    assert!(!world.statistics.context.client.has_new_secret(), "told once");
    assert_eq!(world.look().await, 0, "still paused");
    world.statistics.state.try_new_secret();
    assert_eq!(world.look().await, world.ids().len() as u64);
}

#[tokio::test]
async fn with_the_api_down_it_says_so_and_recovers() {
    // A port that was free a moment ago: nobody listens there yet.
    let free = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut world = world(few(4), |tenant| tenant.api.base_url = format!("http://{address}")).await;
    assert_eq!(world.look().await, 0);
    let problem = world.status().problem.unwrap();
    assert_eq!(problem.class, "network");
    assert!(problem.message.contains("Connection refused"), "{}", problem.message);
    assert_eq!(world.status().up, Some(false));
    let options = simulator::Options { now: Some(MONDAY_14.parse().unwrap()), ..few(4) };
    let simulator = Simulator::bind(address, options).await.unwrap();
    let (_stop, shutdown) = shutdown::channel();
    tokio::spawn(simulator.run(shutdown.wait()));
    world.hand.set("2026-11-23T14:01:00+08:00".parse().unwrap());
    world.look().await;
    assert_eq!(world.served().len(), world.ids().len());
    assert_eq!((world.status().up, world.status().problem), (Some(true), None));
}

#[tokio::test]
async fn a_failing_geo_does_not_hold_up_the_others() {
    let mut world = world(few(6), |tenant| {
        tenant.geos = vec![
            GeoZone { geo: Geo::Jp, zone: Zone::utc() },
            GeoZone { geo: Geo::Cn, zone: Zone::shanghai() },
        ];
    })
    .await;
    // Japan answers only with errors of its own.
    world.simulator.change(|options| {
        options.geos.remove(&simulator::Geo::Jp);
    });
    world.look().await;
    let geos: std::collections::BTreeSet<Geo> = world.served().iter().map(|day| day.geo).collect();
    assert_eq!(geos, [Geo::Cn].into());
    assert_eq!(world.served().len(), world.ids().len());
}

#[tokio::test]
async fn strikes_of_one_geo_leave_the_other_alone() {
    let mut world = world(few(6), |tenant| {
        tenant.geos = vec![
            GeoZone { geo: Geo::Jp, zone: Zone::utc() },
            GeoZone { geo: Geo::Cn, zone: Zone::shanghai() },
        ];
    })
    .await;
    // Three departments, each sent three times, are the first geo's look.
    let fault = Fault::from(server_error()).endpoint(Endpoint::AdminDeptStats).times(9);
    world.simulator.inject(fault).unwrap();
    world.look().await;
    let geos: std::collections::BTreeSet<Geo> = world.served().iter().map(|day| day.geo).collect();
    assert_eq!(geos, [Geo::Cn].into());
    assert_eq!(world.status().problem.unwrap().class, "server");
    assert_eq!(world.look().await, 0, "the geo that failed rests");
    an_hour_later(&world, 1);
    world.look().await;
    assert_eq!(world.status().problem, None);
    assert_eq!(world.served().len(), 2 * world.ids().len());
}

#[tokio::test]
async fn a_clock_that_is_set_back_by_hours_stops_nothing() {
    let mut world = world(few(3), |_| {}).await;
    let fault = Fault::from(server_error()).endpoint(Endpoint::AdminDeptStats);
    world.simulator.inject(fault).unwrap();
    world.look().await;
    assert!(world.status().problem.is_some());
    world.simulator.clear_faults();
    world.set_now("2026-11-23T10:00:00+08:00");
    world.look().await;
    assert_eq!(world.served().len(), world.ids().len());
}

#[tokio::test]
async fn a_server_that_fails_for_all_ends_the_look_after_three_departments() {
    let mut world = world(few(20), |_| {}).await;
    world.look().await;
    let fault = Fault::from(server_error()).endpoint(Endpoint::AdminDeptStats);
    world.simulator.inject(fault).unwrap();
    world.set_now("2026-11-24T09:36:00+08:00");
    // Three departments, each sent three times.
    assert_eq!(world.look().await, 9);
    assert_eq!(world.status().problem.unwrap().class, "server");
    assert_eq!(world.served().len(), world.ids().len(), "the last values stay");
    world.simulator.clear_faults();
    world.set_now("2026-11-24T10:40:00+08:00");
    world.look().await;
    assert!(world.served().iter().all(|day| day.day > SUNDAY));
}

#[tokio::test]
async fn a_list_that_breaks_off_is_not_used() {
    let mut world = world(few(40), |tenant| {
        tenant.departments = vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
    })
    .await;
    let fault = Fault::from(server_error()).endpoint(Endpoint::AdminDeptStats).skip(2);
    world.simulator.inject(fault).unwrap();
    world.look().await;
    assert!(world.served().is_empty());
    world.simulator.clear_faults();
    an_hour_later(&world, 1);
    world.look().await;
    assert!(world.served().len() > 10);
}

#[tokio::test]
async fn one_failure_in_passing_is_retried_at_once() {
    for kind in [
        server_error(),
        Kind::CutOff,
        Kind::Text { status: 200, body: "not json".to_owned() },
        Kind::Throttle { status: None, reset: Some("0.1".to_owned()) },
        Kind::Throttle { status: Some(200), reset: Some("0".to_owned()) },
        Kind::Throttle { status: Some(400), reset: None },
        Kind::Error { status: 500, code: 1_051_000, msg: "unknown server error".to_owned() },
    ] {
        let mut world = world(few(1), |_| {}).await;
        let fault = Fault::from(kind.clone()).endpoint(Endpoint::AdminDeptStats).times(1);
        world.simulator.inject(fault).unwrap();
        assert_eq!(world.look().await, 1 + world.ids().len() as u64, "{kind:?}");
        assert_eq!(world.served().len(), world.ids().len(), "{kind:?}");
        assert_eq!(world.metric("feishu_exporter_api_retries_total", &[]), 1.0, "{kind:?}");
        assert!(world.status().problem.is_none());
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all() {
    let mut world = world(few(20), |_| {}).await;
    world.look().await;
    let fault = Fault::from(Kind::RevokeTokens).endpoint(Endpoint::AdminDeptStats).times(1);
    world.simulator.inject(fault).unwrap();
    world.set_now("2026-11-24T09:36:00+08:00");
    world.look().await;
    assert!(world.served().iter().all(|day| day.day > SUNDAY));
    // The first, one because two hours have passed, one because it was revoked.
    assert!(world.simulator.request_count(Endpoint::TenantAccessToken) <= 3);
}

#[tokio::test]
async fn a_token_that_is_always_refused_ends_the_look() {
    let mut world = world(few(20), |_| {}).await;
    let fault = Fault::from(Kind::RejectToken).endpoint(Endpoint::AdminDeptStats);
    world.simulator.inject(fault).unwrap();
    assert_eq!(world.look().await, 2);
    assert_eq!(world.simulator.request_count(Endpoint::TenantAccessToken), 2);
    assert_eq!(world.status().problem.unwrap().class, "token");
}

#[tokio::test]
async fn a_used_up_quota_pauses_for_a_day() {
    let mut world = world(few(5), |_| {}).await;
    let msg = "This month's API call quota has been exceeded".to_owned();
    world.simulator.inject(Kind::Error { status: 400, code: 99_991_403, msg }).unwrap();
    world.look().await;
    assert_eq!(world.status().problem.unwrap().class, "quota");
    let tokens = world.simulator.request_count(Endpoint::TenantAccessToken);
    an_hour_later(&world, 23);
    world.look().await;
    assert_eq!(world.simulator.request_count(Endpoint::TenantAccessToken), tokens);
    an_hour_later(&world, 25);
    world.look().await;
    assert!(world.simulator.request_count(Endpoint::TenantAccessToken) > tokens, "one probe");
}

#[tokio::test]
async fn nothing_is_sent_beyond_the_months_budget() {
    let mut world = world(few(8), |tenant| tenant.api.limits.requests_per_month = 5).await;
    world.look().await;
    let sent = world.simulator.requests().len();
    assert_eq!(sent, 5);
    assert_eq!(world.served().len(), 4, "the token took one");
    assert_eq!(world.status().problem.unwrap().class, "quota");
    assert_eq!(world.metric("feishu_exporter_api_budget_exhausted", &["acme"]), 1.0);
    assert_eq!(world.metric("feishu_exporter_collection_success", &["departments"]), 0.0);
    assert!(world.status().departments.iter().all(|d| d.problem.is_none()), "nobody failed");
    an_hour_later(&world, 1);
    world.look().await;
    assert_eq!(world.simulator.requests().len(), 5);
    // December.
    an_hour_later(&world, 8 * 24);
    world.look().await;
    assert!(world.simulator.requests().len() > 5);
}

#[tokio::test]
async fn the_loop_collects_publishes_and_tells_when_it_looks_next() {
    let mut world = world(few(3), |_| {}).await;
    let departments = world.ids().len() as u64;
    world.options().schedule.interval = Duration::from_secs(1);
    let World { simulator, statistics, published, _stop, .. } = world;
    let running = tokio::spawn(statistics.run());
    simulator.answered(Endpoint::AdminDeptStats, departments).await;
    let next = loop {
        let snapshot = published.current().unwrap();
        let is_served = snapshot.body.series > 38 * departments;
        if let (Next::At(next), true) = (snapshot.status.tenants[0].next_attempt, is_served) {
            break next;
        }
        tokio::task::yield_now().await;
    };
    let ready: jiff::Timestamp = "2026-11-24T09:30:00+08:00".parse().unwrap();
    assert!(
        next >= ready && next <= crate::clock::later(ready, statistics::schedule::JITTER_MAX),
        "{next}"
    );
    running.abort();
}

#[tokio::test]
async fn what_was_answered_is_published_while_one_answer_is_slow() {
    let world = world(few(6), |_| {}).await;
    let ids = world.ids();
    let slow = Fault::from(Kind::Slow { millis: 60_000 }).endpoint(Endpoint::AdminDeptStats);
    world.simulator.inject(slow.department(ids.last().unwrap())).unwrap();
    let World { simulator: _simulator, statistics, published, _stop, .. } = world;
    let running = tokio::spawn(statistics.run());
    let served = || {
        let snapshot = published.current().unwrap();
        let departments = &snapshot.status.tenants[0].departments;
        departments.iter().filter(|department| department.day.is_some()).count()
    };
    let others = async {
        while served() < ids.len() - 1 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    // Long before the slow answer comes.
    tokio::time::timeout(Duration::from_secs(40), others).await.unwrap();
    assert_eq!(served(), ids.len() - 1);
    running.abort();
}

#[tokio::test]
async fn rows_that_are_all_rejected_are_a_problem_with_an_example() {
    let mut world = world(few(3), |_| {}).await;
    let slashes = Kind::SetField { field: "date".to_owned(), value: "2026/11/22".into() };
    let fault = Fault::from(slashes).endpoint(Endpoint::AdminDeptStats);
    world.simulator.inject(fault).unwrap();
    world.look().await;
    assert!(world.served().is_empty());
    for department in world.status().departments {
        let problem = department.problem.unwrap();
        assert!(problem.message.contains("2026/11/22"), "{}", problem.message);
        assert!(problem.remedy.contains("department_id_type"), "{}", problem.remedy);
    }
}

#[tokio::test]
async fn answers_that_quote_without_end_make_neither_page_nor_status_large() {
    let violations = [r#"{"type":"action_scope_required","subject":"admin:x"}"#; 45_000].join(",");
    let fields = [r#"{"field":"page_size","description":"the max value is 10"}"#; 45_000].join(",");
    for error in [
        format!(r#"{{"permission_violations":[{violations}]}}"#),
        format!(r#"{{"field_violations":[{fields}]}}"#),
    ] {
        let mut world = world(few(20), |_| {}).await;
        let msg = "x".repeat(100_000);
        let body = format!(r#"{{"code":1051001,"msg":"{msg}","error":{error}}}"#);
        let text = Kind::Text { status: 400, body };
        world.simulator.inject(Fault::from(text).endpoint(Endpoint::AdminDeptStats)).unwrap();
        world.look().await;
        world.statistics.publish().await;
        let snapshot = world.published.current().unwrap();
        let departments = &snapshot.status.tenants[0].departments;
        let problems: Vec<_> = departments.iter().filter_map(|d| d.problem.as_ref()).collect();
        assert!(!problems.is_empty(), "those asked before the look ended tell it");
        for problem in problems {
            let problem = format!("{problem:?}");
            assert!(problem.contains("1051001"), "{problem}");
            assert!(problem.len() < 3_000, "{} bytes", problem.len());
        }
    }
}
