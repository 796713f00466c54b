use jiff::civil::date;

use super::*;
use crate::{
    snapshot::{DepartmentState, DepartmentStatus},
    usage::Geo,
};

fn now() -> Timestamp {
    "2026-11-23T02:00:00Z".parse().unwrap()
}

fn problem(message: &str) -> Problem {
    Problem {
        at: "2026-11-23T01:30:00Z".parse().unwrap(),
        class: "permission",
        code: Some(1_051_002),
        message: message.to_owned(),
        remedy: "grant the app the scope admin:app.info:readonly".to_owned(),
        log_id: Some("20261123-log".to_owned()),
    }
}

fn department(id: &str, state: DepartmentState) -> DepartmentStatus {
    DepartmentStatus {
        geo: Geo::Cn,
        department_id: id.to_owned(),
        department: Some(format!("name of {id}")),
        state,
        day: Some(date(2026, 11, 21)),
        day_end: Some("2026-11-21T16:00:00Z".parse().unwrap()),
        expected_day: Some(date(2026, 11, 22)),
        last_success: None,
        next_attempt: None,
        problem: (state == DepartmentState::Failed).then(|| problem("asking for it failed")),
    }
}

fn tenant(departments: Vec<DepartmentStatus>) -> TenantStatus {
    TenantStatus {
        name: "acme".to_owned(),
        base_url: "https://open.feishu.cn".to_owned(),
        up: Some(true),
        requests_this_month: 12_345,
        requests_per_month_limit: 50_000,
        last_success: Some("2026-11-23T01:00:00Z".parse().unwrap()),
        next_attempt: Some("2026-11-23T02:30:00Z".parse().unwrap()),
        problem: None,
        notices: Vec::new(),
        sources: Vec::new(),
        departments,
    }
}

fn page(status: Option<&Status>) -> String {
    render(&View { version: "1.2.3", now: now(), telemetry_path: "/metrics", status })
}

fn page_of(tenant: TenantStatus) -> String {
    page(Some(&Status { tenants: vec![tenant] }))
}

/// Asserts that the parts occur in this order.
#[track_caller]
fn assert_in_order(page: &str, parts: &[&str]) {
    let mut rest = page;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is not in its place:\n{page}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn an_empty_page_says_what_is_missing_and_links_everywhere() {
    assert!(page(None).contains("Nothing is published yet."));
    assert!(page(Some(&Status::default())).contains("No tenant is configured."));
    assert!(page_of(tenant(vec![])).contains("No department is known yet."));
    for link in ["./metrics", "./api/v1/status", "./-/healthy", "./-/ready"] {
        assert!(page(None).contains(&format!("href=\"{link}\"")), "{link}");
    }
}

#[test]
fn the_facts_of_a_tenant_are_told_in_words() {
    assert_in_order(
        &page_of(tenant(vec![])),
        &["acme", "up", "12,345", "of 50,000", "60 minutes ago", "in 30 minutes"],
    );
    let mut fresh = tenant(vec![]);
    (fresh.up, fresh.last_success, fresh.next_attempt) = (None, None, None);
    fresh.requests_per_month_limit = 0;
    assert_in_order(
        &page_of(fresh),
        &["not asked yet", "no budget set", "none yet", "running now"],
    );
}

#[test]
fn a_problem_of_the_tenant_comes_first_with_its_remedy_and_log_id() {
    let mut down = tenant(vec![department("a", DepartmentState::Failed)]);
    down.up = Some(false);
    down.problem = Some(problem("no token could be had"));
    down.notices = vec!["a notice".to_owned()];
    assert_in_order(
        &page_of(down),
        &[
            "down",
            "no token could be had",
            "grant the app the scope",
            "permission · code 1051002 · seen <time datetime=\"2026-11-23T01:30:00Z\"",
            "30 minutes ago",
            "log id <code>20261123-log</code>",
            "a notice",
            "Requests this month",
            "name of a",
        ],
    );
}

#[test]
fn troubled_departments_come_first_and_healthy_ones_are_apart() {
    use DepartmentState::{Failed, Incomplete, Late, Latest, NoData, Pending};
    let states = [Latest, Pending, Late, Incomplete, NoData, Failed, Latest];
    let departments =
        states.iter().enumerate().map(|(i, &state)| department(&format!("d{i}"), state));
    assert_in_order(
        &page_of(tenant(departments.collect())),
        &[
            "failed</span> 1",
            "no data</span> 1",
            "incomplete</span> 1",
            "late</span> 1",
            "pending</span> 1",
            "latest</span> 2",
            "Not up to date: 4",
            "d5",
            "asking for it failed",
            "d4",
            "d3",
            "d2",
            "<details open>",
            "Not asked for yet: 1",
            "d1",
            "<details open>",
            "Up to date: 2",
            "d0",
            "d6",
            "</details>",
        ],
    );
}

#[test]
fn more_than_fifty_departments_are_folded() {
    let page = |count: usize| {
        let departments = (0..count).map(|i| department(&format!("d{i}"), DepartmentState::Latest));
        page_of(tenant(departments.collect()))
    };
    assert!(page(50).contains("<details open>"));
    assert_in_order(&page(51), &["<details>", "Up to date: 51"]);
}

#[test]
fn a_row_tells_the_day_and_its_age() {
    assert_in_order(
        &page_of(tenant(vec![department("a", DepartmentState::Late)])),
        &[
            "name of a",
            "<code>a</code>",
            "cn",
            "2026-11-21",
            "ended",
            "34 hours ago",
            "due: 2026-11-22",
        ],
    );
    let mut none = department("a", DepartmentState::NoData);
    (none.day, none.day_end, none.department) = (None, None, None);
    assert_in_order(&page_of(tenant(vec![none])), &["<code>a</code>", "<td>none<br>"]);
}

#[test]
fn no_foreign_text_becomes_markup() {
    const HOSTILE: &str = "</bdi></style><script>alert(1)</script>\"'&\u{0}";
    let mut department = department(HOSTILE, DepartmentState::Failed);
    department.department = Some(HOSTILE.to_owned());
    let mut bad = problem(HOSTILE);
    bad.remedy = HOSTILE.to_owned();
    bad.log_id = Some(HOSTILE.to_owned());
    department.problem = Some(bad.clone());
    let mut tenant = tenant(vec![department]);
    tenant.name = HOSTILE.to_owned();
    tenant.base_url = HOSTILE.to_owned();
    tenant.notices = vec![HOSTILE.to_owned()];
    tenant.problem = Some(bad);
    let page = page_of(tenant);
    assert_eq!(page.matches("&lt;script&gt;alert(1)").count(), 11, "{page}");
    assert!(!page.contains("<script") && !page.contains('\0'));
    assert_eq!(page.matches("</style>").count(), 1);
}

#[test]
fn a_source_that_failed_is_told_with_its_remedy() {
    let mut tenant = tenant(Vec::new());
    assert!(!page_of(tenant.clone()).contains("Last success of the other sources"));
    tenant.sources = vec![SourceStatus {
        source: "members",
        last_success: None,
        next_attempt: None,
        problem: Some(problem("counting people failed")),
    }];
    let page = page_of(tenant);
    for part in
        ["Last success of the other sources", "members", "counting people failed", "Remedy:"]
    {
        assert!(page.contains(part), "{part}");
    }
}
