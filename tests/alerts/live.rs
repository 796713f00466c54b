//! Once live: the exporter against a simulated tenant, a real Prometheus with the rules as they are
//! shipped, a real Alertmanager with the example as it is shipped, and a webhook.

use std::{fs, process::Command};

use feishu_simulator::{Fault, Kind};
use jiff::{SignedDuration, ToSpan};
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
    let tenant = Tenant::at(None, DEPARTMENTS);
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
    let judged = format!("department:feishu_activity_judged:ratio{{product=\"suite\",{dropping}}}");
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
    if is_day_off(newest) {
        // The simulated company has the day off, which nobody configured.
        assert_eq!(labels["alertname"], "FeishuCompanyActivityDrop", "{message}");
        return;
    }
    assert_eq!(labels["alertname"], "FeishuDepartmentActivityDrop", "{message}");
    assert_eq!(labels["department"], "改名部");
    assert_eq!(labels["department_id"], ids[0].as_str());
    // That of the other products is inhibited by that of the suite.
    assert_eq!(labels["product"], "suite");
    let truth = tenant.figures(newest - 28.days(), newest);
    let department = truth.iter().find(|department| department.id == ids[0]).unwrap();
    let users = department.days[&newest][0];
    let usual = department.usual(newest, |_| false).unwrap()[0];
    let expected = format!(
        "改名部 ({}) of tenant acme, geo local, had {users} active users of suite on {newest}; \
         {usual:.0} are usual on this weekday. The company as a whole was not low on that day.",
        ids[0]
    );
    assert_eq!(says, Some(expected.as_str()));
    // The other products did drop as well, and nothing else fires.
    let firing = prometheus.query("ALERTS{alertstate=\"firing\"}");
    assert!(firing.iter().all(|alert| alert["metric"]["department_id"] == ids[0].as_str()));
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
