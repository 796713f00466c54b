//! Once live: the exporter against a simulated tenant, a real Prometheus with the rules as they are
//! shipped, a real Alertmanager with the example as it is shipped, and a webhook.

use std::{fs, process::Command};

use feishu_exporter::clock::Clock;
use feishu_simulator::{Fault, Kind};
use jiff::{SignedDuration, civil::Weekday};
use serde_json::{Value, json};

use crate::{
    outside::{self, get},
    program::{Program, directory, eventually},
    prometheus::{Prometheus, free_address, is_ready},
    rules,
    tenant::{Tenant, is_day_off},
    webhook::Webhook,
    world::{configuration, metrics_when},
};

const DEPARTMENTS: usize = 12;
const LIMITS: &str = "    limits: {requests_per_second: 100, concurrency: 8}\n";

/// A day that comes late has a drop in it, of a department that was renamed on the day before.
#[test]
fn a_drop_that_comes_late_reaches_a_webhook_under_the_new_name_and_alone() {
    let tenant = after_a_working_day();
    let ids = tenant.departments();
    let newest = tenant.newest_day();
    let until = tenant.handle.now() + SignedDuration::from_hours(1);
    tenant.handle.inject(Fault::from(Kind::LateDay { until: Some(until) })).unwrap();
    tenant.slump(Some(&ids[0]), (newest, newest), 30);

    let configuration = configuration(&tenant.api, &ids, LIMITS);
    let (exporter, url) = serve(&configuration);
    let dropping = format!("department_id=\"{}\"", ids[0]);
    let baseline = format!("feishu_department_suite_dau_baseline{{{dropping}}}");
    metrics_when(&url, &baseline, |usual| usual > 0.0);
    let webhook = Webhook::listen();
    let (_alertmanager, alerts_to) = alertmanager(&webhook.url);
    let prometheus = Prometheus::of(&[&url], &alerts_to);
    // The late day is not there, the day before is judged and found well.
    let judged =
        format!("department:feishu_activity_drop:days{{product=\"suite\",{dropping}}} == 0");
    eventually("the judgement of the day before", || {
        Some(prometheus.query(&judged)).filter(|judged| judged.len() == 1)
    });
    assert_eq!(prometheus.query("ALERTS{alertstate=\"firing\"}"), Vec::<Value>::new());
    assert_eq!(webhook.messages(), Vec::<Value>::new());

    tenant.handle.rename(&ids[0], "改名部").unwrap();
    tenant.handle.advance(std::time::Duration::from_secs(3600));
    let message = eventually("a message", || webhook.messages().first().cloned());
    let alerts = message["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 1, "{message}");
    let (labels, says) = (&alerts[0]["labels"], alerts[0]["annotations"]["description"].as_str());
    assert_eq!(labels["alertname"], "FeishuDepartmentActivityDrop", "{message}");
    assert_eq!(labels["department"], "改名部");
    assert_eq!(labels["department_id"], ids[0].as_str());
    // Which stands for its products.
    assert_eq!(labels["product"], "suite");
    let says = says.unwrap();
    let begins = format!("改名部 ({}) of tenant acme, geo local, has ", ids[0]);
    assert!(says.starts_with(&begins), "{says}");
    let told = format!("over 1 day of data up to {newest} (expected on the last: ");
    assert!(says.contains(&told), "{says}");
    // People do a third of the usual, give or take what chance does.
    let left = says[begins.len()..].split('%').next().unwrap().parse::<u32>().unwrap();
    assert!((20..45).contains(&left), "{says}");
    let firing = prometheus.query("ALERTS{alertstate=\"firing\"}");
    assert_eq!(firing.len(), 1, "{firing:?}");
    drop(exporter);
}

/// The permission that an optional source lacks says nothing about why the statistics fail.
#[test]
fn a_missing_permission_silences_the_failure_of_its_own_source_alone() {
    let (_alertmanager, address) = alertmanager("http://127.0.0.1:1");
    let url = format!("http://{address}/api/v2/alerts");
    let alert = |alert: &str, source: &str| json!({ "labels": { "alertname": alert, "tenant": "acme", "source": source } });
    let alerts = json!([
        alert("FeishuPermissionMissing", "members"),
        alert("FeishuCollectionFailing", "members"),
        alert("FeishuCollectionFailing", "departments"),
    ]);
    let answer =
        get(&url, &["--header", "content-type: application/json", "--data", &alerts.to_string()]);
    assert_eq!(answer.status, 200);
    let sources = |filter: &str| {
        let answer = outside::json(&format!("{url}?{filter}"), &[]);
        let alerts = answer.as_array().unwrap().iter();
        let failing = alerts.filter(|a| a["labels"]["alertname"] == "FeishuCollectionFailing");
        failing.map(|a| a["labels"]["source"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    eventually("the silence of members", || {
        (sources("active=false&inhibited=true") == ["members"]).then_some(())
    });
    assert_eq!(sources("active=true&inhibited=false"), ["departments"]);
}

/// A tenant whose newest day is one on which people work: on a weekend nobody is judged.
fn after_a_working_day() -> Tenant {
    let mut now = Clock::system().now();
    loop {
        let tenant = Tenant::at(Some(&now.to_string()), DEPARTMENTS);
        let newest = tenant.newest_day();
        let is_weekend = matches!(newest.weekday(), Weekday::Saturday | Weekday::Sunday);
        if !is_weekend && !is_day_off(newest) {
            return tenant;
        }
        now -= SignedDuration::from_hours(24);
    }
}

fn serve(configuration: &str) -> (Program, String) {
    let args = [
        "serve",
        "--config.file=conf.yml",
        "--web.listen-address=127.0.0.1:0",
        "--storage.path=data",
    ];
    let files = [("conf.yml", configuration), ("secret", "demo-secret")];
    let mut exporter = Program::exporter(&args, &files);
    let url = exporter.listens();
    (exporter, url)
}

/// Alertmanager with the example, but for the address of the relay and for how long it waits.
fn alertmanager(webhook: &str) -> (Program, String) {
    let mut example = fs::read_to_string(rules::path("alertmanager.example.yml")).unwrap();
    for (shipped, here) in [
        ("http://feishu-alert-relay:10919/", webhook),
        ("group_wait: 5m", "group_wait: 1s"),
        ("group_interval: 10m", "group_interval: 1s"),
    ] {
        assert!(example.contains(shipped), "the example lacks {shipped}");
        example = example.replace(shipped, here);
    }
    let address = free_address();
    let mut command = Command::new("prometheus-alertmanager");
    command.args(["--config.file=alertmanager.yml", "--storage.path=data"]);
    command.args(["--cluster.listen-address=", &format!("--web.listen-address={address}")]);
    let program = Program::start(command, directory(&[("alertmanager.yml", &example)]));
    is_ready(&format!("http://{address}"));
    (program, address)
}
