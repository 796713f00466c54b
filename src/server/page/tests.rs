use std::sync::Arc;

use jiff::civil::date;

use super::{departments::active_figure, *};
use crate::{
    baseline::{Baseline, calendar::Calendar},
    snapshot::{DepartmentState, DepartmentStatus, RecentDays, StoreState},
    usage::{DepartmentDay, FigureSet, Figures, Geo, Version},
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
        department_id: id.into(),
        department: Some(format!("name of {id}").into()),
        path: None,
        served: None,
        baseline: None,
        recent: None,
        state,
        day: Some(date(2026, 11, 21)),
        day_end: Some("2026-11-21T16:00:00Z".parse().unwrap()),
        expected_day: Some(date(2026, 11, 22)),
        last_success: None,
        next_attempt: Next::Running,
        problem: (state == DepartmentState::Failed)
            .then(|| Arc::new(problem("asking for it failed"))),
    }
}

fn tenant(departments: Vec<DepartmentStatus>) -> TenantStatus {
    TenantStatus {
        name: "acme".to_owned(),
        base_url: "https://open.feishu.cn".to_owned(),
        time_zone: Zone::shanghai(),
        figures: FigureSet::all(),
        scale: None,
        calendar: Calendar::default(),
        up: Some(true),
        requests_this_month: 12_345,
        requests_per_month_limit: 50_000,
        last_success: Some("2026-11-23T01:00:00Z".parse().unwrap()),
        next_attempt: Next::At("2026-11-23T02:30:00Z".parse().unwrap()),
        problem: None,
        notices: Vec::new(),
        sources: Vec::new(),
        departments,
    }
}

fn about() -> About {
    About { version: "1.2.3", revision: "abc", started: "2026-11-22T02:00:00Z".parse().unwrap() }
}

fn configuration() -> Configuration {
    Configuration {
        origin: Some("feishu-exporter.yml".to_owned()),
        read_at: "2026-11-22T02:00:00Z".parse().unwrap(),
        refused_at: None,
    }
}

fn status(tenants: Vec<TenantStatus>) -> Status {
    Status { tenants, store: StoreStatus::default() }
}

/// The status page as an address with that query shows it.
fn asked(status: Option<&Status>, query: &str) -> String {
    let query = Query::read(Some(query), None);
    overview(&View {
        about: &about(),
        now: now(),
        telemetry_path: "/metrics",
        status,
        query: &query,
        configuration: &configuration(),
    })
}

fn page(status: Option<&Status>) -> String {
    asked(status, "")
}

fn page_of(tenant: TenantStatus) -> String {
    page(Some(&status(vec![tenant])))
}

/// A department that serves so many active members, of whom so many are usual.
fn active(id: &str, value: f64, usual: f64) -> DepartmentStatus {
    let row = |value| {
        let mut figures = Figures::none();
        figures.set(active_figure(), value);
        figures
    };
    let day = DepartmentDay {
        geo: Geo::Cn,
        department_id: id.into(),
        department: "".into(),
        path: "".into(),
        day: date(2026, 11, 22),
        rows: vec![(Version::Total, row(value))],
    };
    DepartmentStatus {
        day: Some(day.day),
        served: Some(Arc::new(day)),
        baseline: Some(Arc::new(Baseline::over(&[row(usual), row(usual)]))),
        ..department(id, DepartmentState::Latest)
    }
}

/// The ids of the rows, in their order.
fn ids(page: &str) -> Vec<&str> {
    let rows = page.split("<td class=\"name\">").skip(1);
    rows.map(|row| row.split("<code>").nth(1).unwrap().split('<').next().unwrap()).collect()
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
        &["acme", "12,345", "of 50,000", "60 minutes ago", "in 30 minutes"],
    );
    let mut fresh = tenant(vec![]);
    (fresh.up, fresh.last_success, fresh.next_attempt) = (None, None, Next::Running);
    fresh.requests_per_month_limit = 0;
    assert_in_order(&page_of(fresh), &["no budget set", "none yet", "running now"]);
}

#[test]
fn a_verdict_comes_first_and_tenants_in_trouble_before_those_that_are_well() {
    use DepartmentState::{Failed, Late, Latest};
    let well = TenantStatus { name: "well".to_owned(), ..tenant(vec![department("a", Latest)]) };
    let late = TenantStatus { name: "late".to_owned(), ..tenant(vec![department("b", Late)]) };
    let departments = [Latest, Failed, Late, Latest].map(|state| department("c", state));
    let ill = TenantStatus { name: "ill".to_owned(), ..tenant(departments.into()) };
    let mut down =
        TenantStatus { name: "down".to_owned(), ..tenant(vec![department("d", Latest)]) };
    down.problem = Some(problem("no token could be had"));
    let page = page(Some(&status(vec![well, late, ill, down])));
    assert_in_order(
        &page,
        &[
            "<p class=\"verdict bad\">2 of 4 tenants in trouble. 4 of 7 departments up to date, day \
             2026-11-21, 1 failed, 2 late</p>",
            "<bdi>ill</bdi>",
            "<p class=\"verdict bad\">2 of 4 departments up to date, day 2026-11-21, 1 failed, 1 late",
            "<bdi>down</bdi>",
            "<p class=\"verdict bad\">The one department is up to date",
            "no token could be had",
            "<bdi>late</bdi>",
            "<p class=\"verdict poor\">The one department is not up to date",
            "Feishu has not produced 2026-11-22 yet; nothing to do.",
            "<bdi>well</bdi>",
            "<p class=\"verdict good\">",
        ],
    );
}

#[test]
fn a_source_that_fails_is_trouble_of_the_tenant_and_named() {
    let mut tenant = tenant(vec![department("a", DepartmentState::Latest)]);
    assert!(!page_of(tenant.clone()).contains("Sources"));
    let source = |problem, next_attempt| SourceStatus {
        source: "members",
        configuration_key: "members",
        last_success: None,
        next_attempt,
        problem,
    };
    tenant.sources = vec![source(None, Next::Running)];
    assert_in_order(&page_of(tenant.clone()), &["verdict good", "members", "running now"]);
    let later = now() + jiff::SignedDuration::from_mins(30);
    tenant.sources = vec![source(Some(problem("counting people failed")), Next::At(later))];
    assert_in_order(
        &page_of(tenant),
        &[
            "verdict bad",
            "members",
            "none yet",
            "in 30 minutes",
            "members",
            "counting people failed",
            "Remedy:",
        ],
    );
}

#[test]
fn a_problem_of_the_tenant_comes_first_with_its_remedy_and_log_id() {
    let mut failed = department("a", DepartmentState::Failed);
    failed.problem = Some(Arc::new(problem("no token could be had")));
    let mut down = tenant(vec![failed]);
    down.up = Some(false);
    down.problem = Some(problem("no token could be had"));
    down.notices = vec!["a notice".to_owned()];
    let page = page_of(down);
    assert_eq!(page.matches("no token could be had").count(), 1, "told once: {page}");
    assert_in_order(
        &page,
        &[
            "verdict bad",
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
fn troubled_departments_come_first() {
    use DepartmentState::{Failed, Incomplete, Late, Latest, NoData, Pending};
    let states = [Latest, Pending, Late, Incomplete, NoData, Failed, Latest];
    let departments =
        states.iter().enumerate().map(|(i, &state)| department(&format!("d{i}"), state));
    let page = page_of(tenant(departments.collect()));
    assert_eq!(ids(&page), ["d5", "d4", "d3", "d2", "d1", "d0", "d6"]);
    assert_in_order(
        &page,
        &["failed</span>", "asking for it failed", "no data</span>", "incomplete</span>"],
    );
}

#[test]
fn departments_are_searched_filtered_and_sorted_as_the_address_says() {
    let mut named = department("od-9", DepartmentState::Late);
    (named.path, named.day) = (Some("总部/研发".into()), Some(date(2026, 11, 1)));
    let departments =
        vec![active("a", 10.0, 20.0), active("b", 30.0, 30.0), active("c", 5.0, 4.0), named];
    let status = status(vec![tenant(departments)]);
    let shown = |query: &str| -> Vec<String> {
        ids(&asked(Some(&status), query)).into_iter().map(str::to_owned).collect()
    };
    for (query, expected) in [
        ("", vec!["od-9", "a", "b", "c"]),
        ("sort=active", vec!["b", "a", "c", "od-9"]),
        ("sort=change", vec!["a", "b", "c", "od-9"]),
        ("sort=day", vec!["od-9", "a", "b", "c"]),
        ("sort=path", vec!["a", "b", "c", "od-9"]),
        ("state=latest", vec!["a", "b", "c"]),
        ("search=研发", vec!["od-9"]),
        ("search=OD-9", vec!["od-9"]),
        ("search=NAME+OF+B", vec!["b"]),
        ("search=nothing", vec![]),
        ("tenant=acme", vec!["od-9", "a", "b", "c"]),
        ("tenant=other", vec![]),
    ] {
        assert_eq!(shown(query), expected, "{query}");
    }
    assert!(asked(Some(&status), "search=nothing").contains("No department matches."));
    assert!(asked(Some(&status), "tenant=other").contains("No tenant of that name"));
}

#[test]
fn many_departments_come_in_pages() {
    let departments: Vec<_> =
        (0..250).map(|i| department(&format!("d{i:03}"), DepartmentState::Latest)).collect();
    let one = status(vec![tenant(departments.clone())]);
    let first = asked(Some(&one), "");
    assert_eq!(ids(&first).len(), 100);
    assert_in_order(&first, &["1 to 100 of 250", "href=\"?page=2\" rel=\"next\""]);
    assert!(!first.contains("rel=\"prev\""));
    let last = asked(Some(&one), "page=3&lang=en");
    assert_eq!((ids(&last).len(), ids(&last)[0]), (50, "d200"));
    assert_in_order(&last, &["201 to 250 of 250", "href=\"?lang=en&amp;page=2\" rel=\"prev\""]);
    assert!(!last.contains("rel=\"next\""));
    assert_eq!(ids(&asked(Some(&one), "page=99"))[0], "d200", "the last page");
    let two = status(vec![tenant(departments), tenant(vec![])]);
    let beside = asked(Some(&two), "");
    assert_eq!(ids(&beside).len(), 20);
    assert_in_order(&beside, &["href=\"?tenant=acme\"", "Show all 250"]);
}

#[test]
fn a_row_tells_active_members_against_what_is_usual() {
    assert_in_order(
        &page_of(tenant(vec![active("a", 1200.0, 2400.0)])),
        &["1,200", "usual 2,400, −50 %"],
    );
    let mut hidden = tenant(vec![active("a", 1200.0, 2400.0)]);
    hidden.figures.remove(active_figure());
    assert!(!page_of(hidden).contains("1,200"), "a figure that is not published is not shown");
}

#[test]
fn a_department_has_a_page_of_its_own() {
    let status = status(vec![tenant(vec![active("od/ä", 12.0, 24.0)])]);
    let row = page(Some(&status));
    let link = "departments/acme/cn/od%2F%C3%A4";
    assert!(row.contains(&format!("href=\"./{link}\"")), "{row}");
    let shown = |path: &str, query: &str| {
        let query = Query::read(Some(query), None);
        let view = View {
            about: &about(),
            now: now(),
            telemetry_path: "/metrics",
            status: Some(&status),
            query: &query,
            configuration: &configuration(),
        };
        of_department(&view, path)
    };
    let path = link.strip_prefix("departments/").unwrap();
    assert_in_order(
        &shown(path, "").unwrap(),
        &[
            "href=\"../../../metrics\"",
            "name of od/ä",
            "Active members",
            "feishu_department_suite_dau",
            ">12<",
            ">24<",
            "−50 %",
        ],
    );
    assert_in_order(
        &shown(path, "lang=zh").unwrap(),
        &["lang=\"zh\"", "../../../?lang=zh", "活跃成员"],
    );
    for unknown in ["acme/cn/od", "acme/sg/od%2F%C3%A4", "acme/cn", "acme/cn/x/y", "%ff/cn/x", ""] {
        assert_eq!(shown(unknown, ""), None, "{unknown}");
    }
}

#[test]
fn what_was_to_be_asked_and_is_due_is_running() {
    let mut late = department("a", DepartmentState::Late);
    for (next, told) in [
        (Next::At(now()), "running now"),
        (Next::At(now() - jiff::SignedDuration::from_hours(1)), "running now"),
        (Next::At(now() + jiff::SignedDuration::from_hours(3)), "in 3 hours"),
        (Next::AfterStatistics, "after the statistics"),
    ] {
        late.next_attempt = next;
        assert_in_order(&page_of(tenant(vec![late.clone()])), &["<code>a</code>", told]);
    }
}

#[test]
fn the_last_weeks_are_drawn_with_days_off_and_told_in_words() {
    let mut department = active("a", 30.0, 24.0);
    let mut recent = RecentDays::until(date(2026, 11, 22));
    // A Thursday and a Friday, a gap over the weekend before the last one, and a Sunday.
    recent.set(date(2026, 11, 12), 0, 20.0);
    recent.set(date(2026, 11, 13), 0, 40.0);
    recent.set(date(2026, 11, 22), 0, 30.0);
    department.recent = Some(Arc::new(recent.finish()));
    let mut tenant = tenant(vec![department.clone()]);
    let page = page_of(tenant.clone());
    assert_in_order(
        &page,
        &[
            "<svg class=\"weeks\" role=\"img\" aria-label=\"Active members, 28 days: lowest 20 on \
             2026-11-12, highest 40 on 2026-11-13, last 30 on 2026-11-22\"",
            "<path class=\"off\" d=\"M20 0h4v28h-4zM24 0h4v28h-4z",
            "<path class=\"line\" d=\"M70 14.0h0L74 2.0M110 8.0h0\">",
        ],
    );
    let body = department::body(
        &View {
            about: &about(),
            now: now(),
            telemetry_path: "/metrics",
            status: None,
            query: &Query::read(None, None),
            configuration: &configuration(),
        },
        &tenant,
        &department,
    );
    assert_in_order(
        &body.into_string(),
        &[
            "Last 91 days",
            "<svg class=\"days\"",
            "2026-08-24",
            "2026-11-22",
            "Day by day",
            "<td>2026-11-22",
        ],
    );
    tenant.figures.remove(active_figure());
    assert!(!page_of(tenant).contains("<svg"), "a figure that is not published is not drawn");
}

#[test]
fn the_store_and_the_configuration_are_told() {
    let store = StoreStatus {
        state: StoreState::Working,
        file: Some("data/history.db".into()),
        bytes: Some(21_400_000),
        days: Some((date(2026, 8, 1), date(2026, 11, 22))),
    };
    let status = Status { store, tenants: vec![tenant(vec![])] };
    assert_in_order(
        &page(Some(&status)),
        &[
            "Store",
            "works",
            "data/history.db",
            "21 MB",
            "2026-08-01 – 2026-11-22",
            "feishu-exporter.yml",
            "24 hours ago",
            "/docs/operations.md",
        ],
    );
    assert!(asked(Some(&status), "lang=zh").contains("/docs/operations.zh-CN.md"));
    let query = Query::default();
    let refused = Configuration { refused_at: Some(now()), ..configuration() };
    let view = View {
        about: &about(),
        now: now(),
        telemetry_path: "/metrics",
        status: Some(&status),
        query: &query,
        configuration: &refused,
    };
    assert!(overview(&view).contains("cannot be used; the one before stays in force"));
}

#[test]
fn every_figure_has_a_name_in_both_languages() {
    for (figure, names) in crate::catalogue::FIGURES.iter().zip(department::figure_names()) {
        assert!(names.iter().all(|name| *name != figure.metric), "{}", figure.metric);
    }
}

#[test]
fn the_page_speaks_chinese_and_refreshes_if_asked_to() {
    let status = status(vec![tenant(vec![department("a", DepartmentState::Late)])]);
    assert_in_order(
        &asked(Some(&status), "lang=zh&refresh=60"),
        &[
            "<html lang=\"zh\">",
            "http-equiv=\"refresh\" content=\"60\"",
            "href=\"?lang=en&amp;refresh=60\"",
            "飞书尚未生成 2026-11-22 的数据",
            "停止刷新",
        ],
    );
    assert!(!page(Some(&status)).contains("http-equiv"));
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
    assert_in_order(
        &page_of(tenant(vec![none])),
        &["<code>a</code>", ">none<p class=\"aside\">due:"],
    );
}

#[test]
fn no_foreign_text_becomes_markup() {
    const HOSTILE: &str = "</bdi></style><script>alert(1)</script>\"'&\u{0}";
    let mut department = department(HOSTILE, DepartmentState::Failed);
    department.department = Some(HOSTILE.into());
    let mut bad = problem(HOSTILE);
    bad.remedy = HOSTILE.to_owned();
    bad.log_id = Some(HOSTILE.to_owned());
    let too = Problem { message: format!("{HOSTILE} too"), ..bad.clone() };
    department.problem = Some(Arc::new(too));
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
