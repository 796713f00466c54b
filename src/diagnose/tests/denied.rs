//! What the app may not do is named, each thing once.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn each_missing_scope_is_named_and_hides_nothing_else() {
    const ORGANISE: &str = "contact:department.organize:readonly";
    let directory = |field: &'static str| (field, "departments_filter");
    // What is taken from the app, the scope that must be named, and by which finding.
    let cases: [(&[&str], (&str, &str)); 12] = [
        (
            &["admin:admin_dept_stat:readonly"],
            ("admin:admin_dept_stat:readonly", "admin_dept_stats"),
        ),
        (
            &["admin:admin_user_stat:readonly"],
            ("admin:admin_user_stat:readonly", "admin_user_stats"),
        ),
        (
            &["contact:contact.base:readonly"],
            ("contact:contact.base:readonly", "departments_batch"),
        ),
        (&["directory:department:list"], directory("directory:department:list")),
        (
            &["contact:department.base:readonly"],
            ("contact:department.base:readonly", "departments_batch"),
        ),
        // Without it, the people of a department cannot be listed either.
        (&[ORGANISE], (ORGANISE, "departments_batch")),
        (
            &["contact:user.employee:readonly"],
            ("contact:user.employee:readonly", "users_find_by_department"),
        ),
        (
            &["directory:department.base:read", "directory:department.external_id:read"],
            directory("directory:department.base:read"),
        ),
        (
            &["directory:department.count:read", "directory:department.organization:read"],
            directory("directory:department.count:read"),
        ),
        (
            &["directory:department.name:read", "directory:department.base:read"],
            directory("directory:department.name:read"),
        ),
        (
            &["directory:department.department_path:read"],
            directory("directory:department.department_path:read"),
        ),
        (&["directory:department.status:read"], directory("directory:department.status:read")),
    ];
    let world = world(4).await;
    let all = simulator::Options::default().scopes;
    for (revoked, (scope, subject)) in cases {
        world.simulator.change(|options| options.scopes = all.clone());
        world.revoke(revoked);
        let diagnosis = world.examine().await;
        let finding = diagnosis.of(subject);
        assert_eq!(finding.verdict, Verdict::Fails, "{revoked:?}");
        let problem = &finding.problems[0];
        assert!(problem.missing_scopes.iter().any(|s| s == scope), "{revoked:?}: {problem:?}");
        assert!(problem.remedy.contains(scope), "{revoked:?}: {problem:?}");
        let failed = diagnosis.findings.iter().filter(|f| f.verdict == Verdict::Fails).count();
        assert_eq!(failed, if revoked == [ORGANISE] { 2 } else { 1 }, "{revoked:?}");
    }
    // Feishu's own refusal comes with its code and log id.
    world.simulator.change(|options| options.scopes = BTreeSet::new());
    let diagnosis = world.examine().await;
    for subject in [
        "admin_dept_stats",
        "admin_user_stats",
        "departments_batch",
        "departments_filter",
        "users_find_by_department",
    ] {
        let problem = &diagnosis.of(subject).problems[0];
        assert_eq!((problem.code, problem.class), (Some(99_991_672), Some(Class::Permission)));
        assert!(problem.log_id.is_some(), "{subject}");
    }
    assert_eq!(diagnosis.of("data_permission").verdict, Verdict::NotTried);
}

#[tokio::test]
async fn departments_outside_of_the_data_permission_are_listed() {
    let world = world(12).await;
    let leaf = world.tenant.departments.last().unwrap().id.clone();
    world.simulator.change(|options| {
        options.forbidden_departments.insert(leaf.clone());
    });
    let diagnosis = world.examine().await;
    assert_eq!(
        diagnosis.unwell(),
        [("data_permission", "fails"), ("admin_user_stats", "fails")],
        "{diagnosis:?}"
    );
    let finding = diagnosis.of("data_permission");
    let tried = diagnosis.tried;
    assert_eq!(finding.summary, format!("it fails for 1 of the {tried} departments tried"));
    let [problem] = finding.problems.as_slice() else { panic!("{finding:?}") };
    assert_eq!((problem.code, &problem.departments), (Some(1_051_003), &vec![leaf]));
    assert!(problem.remedy.contains("admin:admin_dept_stat:readonly"), "{problem:?}");
    assert!(problem.remedy.contains("数据权限"), "{problem:?}");
}

#[tokio::test]
async fn departments_outside_of_the_contact_range_are_listed() {
    let world = world(12).await;
    let leaf = world.tenant.departments.last().unwrap().id.clone();
    world.simulator.change(|options| {
        options.outside_contact_range.insert(leaf.clone());
    });
    let diagnosis = world.examine().await;
    for subject in ["departments_batch", "users_find_by_department"] {
        let finding = diagnosis.of(subject);
        assert_eq!(finding.verdict, Verdict::Fails);
        assert_eq!(finding.problems[0].departments, [leaf.as_str()]);
        assert!(finding.problems[0].remedy.contains("通讯录权限范围"));
    }
    let hidden = &diagnosis.of("departments_filter").problems[0];
    assert!(hidden.what.starts_with("Feishu hides 1 of the departments"), "{hidden:?}");
    assert_eq!(diagnosis.of("data_permission").verdict, Verdict::Works);
}

#[tokio::test]
async fn without_a_token_one_verdict_says_why_and_the_rest_is_not_tried() {
    let faults: [(Kind, Option<i64>); 3] = [
        (refuse(200, 10_014), Some(10_014)),
        (refuse(400, 99_991_662), Some(99_991_662)),
        (refuse(403, 99_991_401), Some(99_991_401)),
    ];
    let mut world = world(4).await;
    for (kind, code) in faults {
        world.simulator.clear_faults();
        world.simulator.inject(kind).unwrap();
        let diagnosis = world.examine().await;
        let token = diagnosis.of("tenant_access_token");
        assert_eq!((token.verdict, token.problems[0].code), (Verdict::Fails, code));
        let rest = &diagnosis.findings[1..];
        assert!(rest.iter().all(|f| f.verdict == Verdict::NotTried), "{rest:?}");
        assert_eq!((rest.len(), diagnosis.requests), (9, 1));
    }
    world.simulator.clear_faults();
    world.tenant.api.app_secret = SecretSource::Inline(Secret::new("hunter2hunter2".to_owned()));
    let diagnosis = world.examine().await;
    let problem = &diagnosis.of("tenant_access_token").problems[0];
    assert_eq!((problem.code, problem.class), (Some(10_014), Some(Class::Credentials)));
    assert!(!format!("{diagnosis:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_api_that_is_down_is_one_verdict() {
    let mut world = world(4).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.tenant.api.base_url = format!("http://{closed}");
    let diagnosis = world.examine().await;
    let token = diagnosis.of("tenant_access_token");
    assert_eq!(token.problems[0].class, Some(Class::Network));
    assert!(diagnosis.findings[1..].iter().all(|f| f.verdict == Verdict::NotTried));
}

#[tokio::test]
async fn what_every_endpoint_would_answer_is_said_once() {
    for (status, code) in [(403, 99_991_401), (429, 99_991_403), (400, 99_991_662)] {
        let world = world(4).await;
        // The token is given; what comes after it is refused.
        world.simulator.inject(Fault::from(refuse(status, code)).skip(1)).unwrap();
        let diagnosis = world.examine().await;
        let failed: Vec<_> =
            diagnosis.findings.iter().filter(|f| f.verdict == Verdict::Fails).collect();
        let [finding] = failed.as_slice() else { panic!("{code}: {failed:?}") };
        assert_eq!(finding.problems[0].code, Some(code));
        assert_eq!(diagnosis.of("admin_user_stats").verdict, Verdict::NotTried);
    }
}

#[tokio::test]
async fn one_failing_endpoint_hides_no_other() {
    let world = world(12).await;
    let fault = Fault::from(refuse(500, 1_051_000)).endpoint(simulator::Endpoint::AdminDeptStats);
    world.simulator.inject(fault.department(&world.first())).unwrap();
    let text = Kind::Text { status: 404, body: "nothing here".to_owned() };
    let fault = Fault::from(text).endpoint(simulator::Endpoint::DepartmentsBatch);
    world.simulator.inject(fault).unwrap();
    let diagnosis = world.examine().await;
    assert_eq!(diagnosis.unwell(), [("data_permission", "fails"), ("departments_batch", "fails")]);
}

#[tokio::test]
async fn without_any_department_the_scopes_are_still_tried() {
    let mut world = world(4).await;
    world.tenant.departments.clear();
    world.tenant.discovery = Some(discovery(&[]));
    world.revoke(&["directory:department:list", "admin:admin_dept_stat:readonly"]);
    let diagnosis = world.examine().await;
    assert_eq!((diagnosis.departments, diagnosis.tried), (0, 0));
    for subject in ["departments_filter", "admin_dept_stats"] {
        assert_eq!(diagnosis.of(subject).verdict, Verdict::Fails, "{subject}");
    }
    assert_eq!(diagnosis.of("data_permission").verdict, Verdict::NotTried);
    assert_eq!(diagnosis.of("departments_batch").verdict, Verdict::Note);
    // Patterns that match nothing are found as well.
    world.simulator.change(|options| options.scopes = simulator::Options::default().scopes);
    world.tenant.discovery = Some(discovery(&["no such department"]));
    let diagnosis = world.examine().await;
    assert!(diagnosis.of("departments_filter").problems[0].remedy.contains("discovery.root"));
}

#[tokio::test]
async fn an_endpoint_that_fails_again_and_again_is_given_up_and_one_slow_answer_is_not() {
    let world = world(30).await;
    let stats = simulator::Endpoint::AdminDeptStats;
    let failing = refuse(500, 1_051_000);
    world.simulator.inject(Fault::from(failing).endpoint(stats)).unwrap();
    let diagnosis = world.examine().await;
    // Three departments, each sent three times.
    assert_eq!(world.simulator.request_count(stats), 9);
    let [problem] = diagnosis.of("admin_dept_stats").problems.as_slice() else {
        panic!("{diagnosis:?}")
    };
    assert_eq!(problem.code, Some(1_051_000));
    world.simulator.clear_faults();
    // An answer without an end is one department's; the others are tried.
    let huge = Kind::Huge { bytes: 9 * 1024 * 1024 };
    let fault = Fault::from(huge).endpoint(stats).department(&world.first());
    world.simulator.inject(fault).unwrap();
    let diagnosis = world.examine().await;
    let finding = diagnosis.of("data_permission");
    let tried = diagnosis.tried;
    assert_eq!(finding.summary, format!("it fails for 1 of the {tried} departments tried"));
}

#[tokio::test]
async fn rows_that_are_all_rejected_fail_with_an_example() {
    let set =
        |field: &str, value: &str| Kind::SetField { field: field.to_owned(), value: value.into() };
    for (kind, example) in [
        (set("date", "2026/11/22"), "2026/11/22"),
        (set("department_id", "od-other"), "od-other"),
        (Kind::DropField { field: "department_id".to_owned() }, "without department_id"),
        (Kind::DropField { field: "date".to_owned() }, "without date"),
    ] {
        let world = world(4).await;
        let fault = Fault::from(kind.clone()).endpoint(simulator::Endpoint::AdminDeptStats);
        world.simulator.inject(fault).unwrap();
        let diagnosis = world.examine().await;
        let finding = diagnosis.of("admin_dept_stats");
        assert_eq!(finding.verdict, Verdict::Fails, "{kind:?}: {diagnosis:?}");
        let problem = &finding.problems[0];
        assert!(problem.what.contains(example), "{kind:?}: {problem:?}");
        assert!(problem.remedy.contains("department_id_type"), "{problem:?}");
    }
    let world = world(4).await;
    let fault =
        Fault::from(set("date", "22.11.2026")).endpoint(simulator::Endpoint::AdminUserStats);
    world.simulator.inject(fault).unwrap();
    let diagnosis = world.examine().await;
    assert_eq!(diagnosis.unwell(), [("admin_user_stats", "fails")]);
    assert!(diagnosis.of("admin_user_stats").problems[0].what.contains("22.11.2026"));
}

#[tokio::test]
async fn a_department_that_answers_under_its_other_id_works() {
    let world = world(4).await;
    let other = Kind::SetField { field: "department_id".to_owned(), value: "D 1".into() };
    let fault = Fault::from(other).endpoint(simulator::Endpoint::AdminDeptStats);
    world.simulator.inject(fault.department(&world.first())).unwrap();
    assert_eq!(world.examine().await.unwell(), []);
}

#[tokio::test]
async fn names_that_are_all_refused_cost_three_requests_and_keep_their_code() {
    for (status, code) in [(403, 40_004), (403, 40_014), (400, 40_001), (400, 99_992_402)] {
        let world = world(40).await;
        let batch = simulator::Endpoint::DepartmentsBatch;
        world.simulator.inject(Fault::from(refuse(status, code)).endpoint(batch)).unwrap();
        let diagnosis = world.examine().await;
        assert!(diagnosis.tried > 10);
        assert_eq!(world.simulator.request_count(batch), 3, "{code}");
        let finding = diagnosis.of("departments_batch");
        assert_eq!(finding.problems[0].code, Some(code), "{finding:?}");
        assert!(finding.problems[0].log_id.is_some());
    }
    // One alone is asked for once.
    let mut world = world(40).await;
    world.tenant.departments.truncate(1);
    let batch = simulator::Endpoint::DepartmentsBatch;
    world.simulator.inject(Fault::from(refuse(403, 40_004)).endpoint(batch)).unwrap();
    let diagnosis = world.examine().await;
    assert_eq!(world.simulator.request_count(batch), 1);
    assert_eq!(diagnosis.of("departments_batch").problems[0].code, Some(40_004));
}

#[tokio::test]
async fn a_geo_that_refuses_every_department_has_to_be_enabled() {
    let mut world = world(4).await;
    world.tenant.geos = vec![GeoZone { geo: Geo::Jp, zone: Zone::utc() }];
    let stats = simulator::Endpoint::AdminDeptStats;
    world.simulator.inject(Fault::from(refuse(400, 1_051_002)).endpoint(stats)).unwrap();
    let diagnosis = world.examine().await;
    let remedy = &diagnosis.of("data_permission").problems[0].remedy;
    assert!(remedy.starts_with("ask Feishu to enable geo jp"), "{remedy}");
    world.tenant.geos = vec![GeoZone { geo: Geo::Local, zone: Zone::shanghai() }];
    let diagnosis = world.examine().await;
    let remedy = &diagnosis.of("data_permission").problems[0].remedy;
    assert!(!remedy.contains("enable"), "{remedy}");
}

#[tokio::test]
async fn a_refused_department_that_was_deleted_is_called_so() {
    let world = world(4).await;
    let (first, second) = (world.first(), world.tenant.departments[1].id.clone());
    let stats = simulator::Endpoint::AdminDeptStats;
    for id in [&first, &second] {
        world
            .simulator
            .inject(Fault::from(refuse(500, 1_051_001)).endpoint(stats).department(id))
            .unwrap();
    }
    let deleted = Kind::SetField { field: "status.is_deleted".to_owned(), value: true.into() };
    let fault = Fault::from(deleted).endpoint(simulator::Endpoint::DepartmentsBatch);
    world.simulator.inject(fault.department(&first)).unwrap();
    let diagnosis = world.examine().await;
    let problem = &diagnosis.of("data_permission").problems[0];
    assert!(problem.what.ends_with(&format!("calls {first} deleted")), "{problem:?}");
    assert!(problem.remedy.starts_with(&format!("take {first} out")), "{problem:?}");
}

#[tokio::test]
async fn a_directory_that_shows_nothing_is_told_with_its_data_permission() {
    let mut world = world(4).await;
    // An accepted answer without any department: the state of every new app.
    let nothing = Kind::Error { status: 200, code: 0, msg: "success".to_owned() };
    let filter = simulator::Endpoint::DepartmentsFilter;
    world.simulator.inject(Fault::from(nothing).endpoint(filter)).unwrap();
    world.tenant.discovery = Some(discovery(&[]));
    let diagnosis = world.examine().await;
    let remedy = diagnosis.of("departments_filter").problems[0].remedy.clone();
    assert!(remedy.contains("数据权限"), "{remedy}");
    let below = Below { roots: vec!["0".to_owned()], max_depth: 4, everything: false };
    let error =
        discover(&world.tenant, &below, world.clock.clone(), &Watch::default()).await.unwrap_err();
    assert_eq!(error.remedy, remedy, "both tell the same");
    // Below a department there may be none.
    let below = Below { roots: vec![world.first()], ..below };
    let listed =
        discover(&world.tenant, &below, world.clock.clone(), &Watch::default()).await.unwrap();
    assert!(listed.departments.is_empty() && listed.denied.is_some());
}

#[tokio::test]
async fn a_wrong_clock_is_told_with_its_size() {
    let world = world(4).await;
    let now: jiff::Timestamp = MONDAY_14.parse().unwrap();
    let behind = now - jiff::SignedDuration::from_hours(26);
    let clock = Clock::manual(behind).0;
    let diagnosis = examine(&world.tenant, Sample::DEFAULT, clock, Watch::default()).await;
    let finding = diagnosis.of("clock");
    assert_eq!(finding.verdict, Verdict::Fails);
    assert!(finding.summary.contains("1day 2h behind Feishu's"), "{}", finding.summary);
    assert!(!world.examine().await.findings.iter().any(|f| f.subject == Subject::Clock));
}
