//! No person is in anything that the exporter says or shows, whatever Feishu answers.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use crate::{
    outside::{json, text},
    program::{Program, eventually},
    world::{SECRET, World, configuration, metrics_of_latest, sample, token},
};

/// What tells who somebody is. Numbers of employees are left out: any number may look like one.
const PERSONAL: [&str; 9] = [
    "union_id",
    "user_id",
    "open_id",
    "name",
    "en_name",
    "nickname",
    "email",
    "mobile",
    "enterprise_email",
];
const ABOUT_PEOPLE: [&str; 2] = ["admin_user_stats", "users_find_by_department"];

/// Every source, and groups of any size, which is the worst case.
const EVERYTHING: &str = "    discovery: {enabled: true}
    directory: {enabled: true}
    contact: {enabled: true}
    members: {enabled: true}
    user_statistics: {enabled: true}
    privacy: {min_group_size: 1}
    limits: {requests_per_second: 40, concurrency: 8}
";

#[test]
fn nobody_is_in_anything_that_it_says_or_shows() {
    let world = World::new(6);
    let people = people(&world);
    let page = watched(&world, &people, &[]);
    // All of it was there to be seen.
    for series in ["feishu_users{", "feishu_users_by_os{", "feishu_department_members{"] {
        assert!(page.contains(series), "{series} is not in: {page}");
    }
}

#[test]
fn nobody_is_in_anything_where_feishu_answers_nonsense() {
    let world = World::new(6);
    let people = people(&world);
    let somebody = people.iter().cloned().collect::<Vec<_>>().join(" ");
    let said = |body: &Value| json!({ "text": { "status": 200, "body": body.to_string() } });
    let refused = |status: u16, code: i64| json!({ "error": { "status": status, "code": code, "msg": somebody } });
    let set = |field: &str| json!({ "set_field": { "field": field, "value": somebody } });
    let failures = [
        json!({ "text": { "status": 200, "body": format!("<html>{somebody}</html>") } }),
        json!({ "text": { "status": 502, "body": somebody } }),
        said(&json!(somebody)),
        said(&json!([somebody])),
        said(&json!({ "code": somebody })),
        said(&json!({ "code": 0, "data": somebody })),
        said(&json!({ "code": 0, "data": { "items": somebody } })),
        said(&json!({ "code": 0, "data": { "has_more": true, "page_token": somebody } })),
        refused(400, 1_051_002),
        refused(500, 1_051_001),
        refused(403, 40_004),
        refused(400, 99_991_672),
        refused(400, 4_711),
        json!({ "echo_secrets": { "status": 400, "code": 1_051_000 } }),
    ];
    for failure in failures {
        let page = watched(&world, &people, std::slice::from_ref(&failure));
        let members = "feishu_exporter_collection_success{tenant=\"acme\",source=\"members\"}";
        assert_eq!(sample(&page, members), Some(0.0), "{failure}");
    }
    let wrong_types =
        ["last_active_time", "vc_num", "send_messenger_num", "employee_type", "status"].map(set);
    let page = watched(&world, &people, &wrong_types);
    let rejected = "feishu_exporter_rejected_values_total{tenant=\"acme\",field=\"vc_num\"}";
    assert!(sample(&page, rejected).is_some_and(|count| count > 0.0), "{page}");
    watched(&world, &people, &[said(&json!({ "code": 0, "data": { "items": [somebody, 7] } }))]);
}

/// What tells who the people of a tenant are, asked for as any client would.
fn people(world: &World) -> BTreeSet<String> {
    let token = token(&world.api, SECRET);
    let header = format!("Authorization: Bearer {token}");
    let mut people = BTreeSet::new();
    for department in world.departments() {
        let mut page_token = String::new();
        loop {
            let url = format!("{}/open-apis/contact/v3/users/find_by_department", world.api);
            let query = format!("department_id={department}&page_size=50");
            let page_token_too = format!("page_token={page_token}");
            let mut more = vec!["--header", &header, "--get", "--data", &query];
            if !page_token.is_empty() {
                more.extend(["--data-urlencode", &page_token_too]);
            }
            let answer = json(&url, &more);
            for person in answer["data"]["items"].as_array().unwrap() {
                people.extend(PERSONAL.map(|field| person[field].as_str().unwrap().to_owned()));
            }
            match answer["data"]["page_token"].as_str() {
                Some(next) if answer["data"]["has_more"] == true => {
                    next.clone_into(&mut page_token);
                }
                _ => break,
            }
        }
    }
    assert!(people.len() > 100, "{people:?}");
    people
}

/// Runs the exporter until every source was asked, under these faults of the endpoints about
/// people; fails if anybody is to be seen. Returns the page of metrics.
#[track_caller]
fn watched(world: &World, people: &BTreeSet<String>, faults: &[Value]) -> String {
    world.clear_faults();
    for (endpoint, kind) in ABOUT_PEOPLE.iter().flat_map(|e| faults.iter().map(move |f| (e, f))) {
        world.fault_at(endpoint, kind);
    }
    let departments = world.departments();
    let mut exporter = Program::exporter(
        &[
            "serve",
            "--config.file=conf.yml",
            "--web.listen-address=127.0.0.1:0",
            "--log.level=trace",
        ],
        &[("conf.yml", &configuration(&world.api, &departments, EVERYTHING)), ("secret", SECRET)],
    );
    let url = exporter.listens();
    eventually("an attempt at every source", || {
        let status = json(&format!("{url}/api/v1/status"), &[]);
        let sources = status["tenants"][0]["sources"].as_array()?;
        let tried = |s: &&Value| !s["last_success"].is_null() || !s["problem"].is_null();
        (sources.len() == 5 && sources.iter().filter(tried).count() == 5).then_some(())
    });
    let page = metrics_of_latest(&url, departments.len());
    let mut seen = vec![page.clone()];
    seen.extend(["/", "/api/v1/status"].map(|path| text(&format!("{url}{path}"))));
    exporter.signal("TERM");
    assert_eq!(exporter.status(), Some(0));
    seen.extend([exporter.stdout(), exporter.stderr()]);
    // What it keeps on disk, its log included.
    for name in ["history.db", "history.db-wal"] {
        let file = exporter.path("data").join(name);
        seen.extend(fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(seen.iter().any(|text| text.starts_with("SQLite format 3")), "the store was read");
    for text in &seen {
        for person in people {
            assert!(!text.contains(person.as_str()), "{person} is in, under {faults:?}: {text}");
        }
    }
    page
}
