//! The demo and its history in a real Prometheus: every query gives what it should.

use std::{fs, path::PathBuf};

use serde_json::json;

use crate::{
    files::{DASHBOARDS, queries_to_copy},
    outside::{get, text},
    program::{Program, directory, eventually, run},
    prometheus::Prometheus,
    world::{Demo, configuration, day_of, departments, rows, token},
};

const DAY: i64 = 86_400;
const HISTORY_DAYS: i64 = 95;

/// Panels that tell of errors: empty while all is well.
const ABOUT_ERRORS: [&str; 7] = [
    "feishu-activity-en/Late or without figures",
    "feishu-department-en/Departments/B",
    "feishu-exporter-en/Share of the budget",
    "feishu-exporter-en/Failures by class",
    "feishu-exporter-en/Failures of the last day",
    "feishu-exporter-en/Departments that lack something",
    "feishu-exporter-en/Values that were not believed",
];
/// Whether the demo's departments fell is chance, no rules are loaded, and it has no budget.
const NOT_LOOKED_AT: [&str; 3] = [
    "feishu-activity-en/Departments that fell",
    "feishu-exporter-en/Alerts that fire",
    "feishu-exporter-en/Budget",
];
#[test]
fn every_query_gives_data_and_those_about_errors_do_under_a_fault() {
    let demo = Demo::start();
    let target = demo.url.trim_start_matches("http://");
    let files = directory(&[]);
    let history = [
        demo.backfill(files.path().join("history.om")),
        demo.yesterday(files.path().join("users.om")),
    ];
    let prometheus = Prometheus::with(&history);
    prometheus.scrape(&[target]);
    wait_for_scrapes(&prometheus, target);
    let itself = "up{job=\"prometheus\"} == 1";
    eventually(itself, || (!prometheus.query(itself).is_empty()).then_some(()));

    let mut options = vec!["--skip"];
    options.extend(NOT_LOOKED_AT);
    options.push("--empty");
    options.extend(ABOUT_ERRORS);
    let shown = prometheus.show(&DASHBOARDS, &options);

    for query in ["Exporters/A", "Time of a scrape/A", "Memory/A"] {
        let shown = shown.results(&format!("feishu-exporter-en/{query}"));
        let instances: Vec<_> = shown.iter().map(|result| &result["metric"]["instance"]).collect();
        assert_eq!(instances, [target], "{query} is of the exporter alone");
    }
    let day = demo.newest_day();
    assert_eq!(shown.value("feishu-activity-en/Active/A"), demo.active_people(), "the newest day");
    let curve = shown.days("feishu-activity-en/Active people");
    let kinds = shown.results("feishu-activity-en/Active people/A");
    assert!(kinds.iter().all(|days| days["metric"]["kind"] != "part"), "{kinds:?}");
    assert_eq!(curve.last(), Some(&(day, demo.active_people())), "stands at its own day");
    days_are_the_same_in_every_zone(&prometheus);
    for query in queries_to_copy() {
        // A query for curves has nothing at today's place yet.
        let of_a_week = format!("last_over_time(({query}\n)[7d:1d])");
        let ahead = query.contains("offset -");
        let results = prometheus.query(if ahead { &of_a_week } else { &query });
        assert!(!results.is_empty(), "the README's {query} gives nothing");
    }

    let broken = Broken::start(&demo);
    prometheus.scrape(&[target, broken.target()]);
    wait_for_scrapes(&prometheus, broken.target());
    let mut options = vec!["--only"];
    options.extend(ABOUT_ERRORS.iter().filter(|place| !place.ends_with("/B")));
    let day = "feishu_department_statistics_day_timestamp_seconds{tenant=\"acme\"}";
    for sign in [
        &format!("max({day}) > min({day})"),
        "feishu_exporter_department_up == 0",
        "increase(feishu_exporter_api_failures_total{tenant=\"acme\"}[1h]) > 0",
        "increase(feishu_exporter_rejected_values_total{tenant=\"acme\"}[1h]) > 0",
    ] {
        eventually(sign, || (!prometheus.query(sign).is_empty()).then_some(()));
    }
    prometheus.show(&DASHBOARDS, &options);
}

/// A point may stand some hours beside its day, but no day is lost, doubled or moved to another.
fn days_are_the_same_in_every_zone(prometheus: &Prometheus) {
    let panel = "feishu-activity-en/Active people";
    let curve = |hours: i64| {
        let zone = (hours * 3600).to_string();
        prometheus.show(&["feishu-activity"], &["--only", panel, "--zone", &zone]).days(panel)
    };
    let there = curve(8);
    assert!(there.len() >= 27, "{there:?}");
    for hours in [-8, -5, 0, 1, 9, 12] {
        let here = curve(hours);
        let common: Vec<_> = here
            .iter()
            .map(|(at, value)| {
                (there.iter().find(|(day, _)| (day - at - 12_600).abs() <= 43_200), value)
            })
            .filter_map(|(day, value)| Some((day?.1, *value)))
            .collect();
        assert!(common.len() + 2 >= there.len(), "UTC{hours:+}: {here:?} instead of {there:?}");
        assert!(common.iter().all(|(there, here)| there == here), "UTC{hours:+}: {common:?}");
        assert!(here.windows(2).all(|pair| pair[1].0 - pair[0].0 == DAY), "UTC{hours:+}: {here:?}");
    }
}

fn wait_for_scrapes(prometheus: &Prometheus, target: &str) {
    eventually("some scrapes", || {
        let scrapes =
            prometheus.query(&format!("count_over_time(up{{instance=\"{target}\"}}[1m]) > 5"));
        let pages = prometheus.query(&format!(
            "sum(increase(feishu_exporter_http_requests_total{{instance=\"{target}\"}}[1m])) > 0"
        ));
        (!scrapes.is_empty() && !pages.is_empty()).then_some(())
    });
}

impl Demo {
    fn page(&self) -> String {
        text(&format!("{}/metrics", self.url))
    }

    /// When the newest day begins.
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
    fn newest_day(&self) -> i64 {
        let page = self.page();
        let gauge = "feishu_department_statistics_day_timestamp_seconds{";
        let line = page.lines().find(|line| line.starts_with(gauge)).unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() as i64
    }

    /// People active on the newest day, by the API itself.
    #[expect(clippy::cast_precision_loss, reason = "some seconds")]
    fn active_people(&self) -> f64 {
        let token = token(&self.api, "demo-secret");
        let day = day_of(self.newest_day() as f64);
        let of = |department: String| {
            let rows = rows(&self.api, &token, &department, day);
            let total = rows.iter().find(|row| row["product_version"] == "全部产品版本").unwrap();
            total["suite_dau"].as_f64().unwrap()
        };
        departments(&self.api).into_iter().map(of).sum()
    }

    /// The days before today, as `backfill` writes them.
    fn backfill(&self, file: PathBuf) -> PathBuf {
        let tenant = configuration(&self.api, &departments(&self.api), "").replace("acme", "demo");
        let directory = directory(&[("feishu-exporter.yml", &tenant), ("secret", "demo-secret")]);
        let from = day_of_unix(self.newest_day() - HISTORY_DAYS * DAY);
        let instance = format!("instance={}", self.url.trim_start_matches("http://"));
        let (status, _, said) = run(
            directory.path(),
            &[
                "backfill",
                "--from",
                &from,
                "--label",
                "job=feishu",
                "--label",
                &instance,
                "--output",
                file.to_str().unwrap(),
            ],
        );
        assert_eq!(status, Some(0), "{said}");
        file
    }

    /// The statistics of users, which no backfill has, as a scrape of yesterday would have them.
    fn yesterday(&self, file: PathBuf) -> PathBuf {
        const READY: i64 = 33 * 3600 + 1800;
        let when = self.newest_day() + READY;
        let instance = self.url.trim_start_matches("http://");
        let target = format!("{{job=\"feishu\",instance=\"{instance}\",");
        let page = self.page();
        let users = page.lines().filter(|line| line.starts_with("feishu_users"));
        let samples: String =
            users.map(|line| format!("{} {when}\n", line.replacen('{', &target, 1))).collect();
        assert!(!samples.is_empty(), "the demo has no statistics of users");
        fs::write(&file, format!("{samples}# EOF\n")).unwrap();
        file
    }
}

#[expect(clippy::cast_precision_loss, reason = "some seconds")]
fn day_of_unix(start: i64) -> String {
    day_of(start as f64).to_string()
}

/// An exporter of the same tenant for which much goes wrong.
struct Broken {
    url: String,
    _program: Program,
}

impl Broken {
    fn start(demo: &Demo) -> Self {
        let ids = departments(&demo.api);
        // While it waits for its token, it is scraped: so counters are seen to grow from 0.
        let token = json!({ "on": { "endpoint": "tenant_access_token" },
                            "kind": { "slow": { "millis": 10_000 } } });
        let faults = [
            token,
            json!({ "on": { "department": ids[0] }, "kind": { "late_day": {} } }),
            json!({ "on": { "department": ids[1], "endpoint": "admin_dept_stats" },
                    "kind": { "error": { "status": 400, "code": 1_051_002, "msg": "no permission" } } }),
            json!({ "on": { "department": ids[2], "endpoint": "admin_dept_stats" },
                    "kind": { "set_field": { "field": "im_dau", "value": "many" } } }),
        ];
        for fault in &faults {
            let url = format!("{}/_simulator/faults", demo.api);
            let answer = get(&url, &["--request", "POST", "--data-binary", &fault.to_string()]);
            assert_eq!(answer.status, 200, "{fault} is not accepted");
        }
        let budget = "    limits: {requests_per_month: 100000}\n";
        let tenant = configuration(&demo.api, &ids, budget);
        let files = [("feishu-exporter.yml", tenant.as_str()), ("secret", "demo-secret")];
        let mut program = Program::exporter(&["--web.listen-address=127.0.0.1:0"], &files);
        Self { url: program.listens(), _program: program }
    }

    fn target(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}
