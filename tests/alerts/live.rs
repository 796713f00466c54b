//! Once live: the exporter against a simulated tenant, a real Prometheus with the rules as they are
//! shipped, a real Alertmanager with the example as it is shipped, and a webhook.

use std::{fs, net::TcpListener, process::Command};

use feishu_exporter::simulator::{Fault, Kind};
use jiff::{SignedDuration, ToSpan};
use serde_json::Value;

use crate::{
    outside::{json, try_get},
    program::{Program, directory, eventually},
    rules,
    tenant::{FIGURES, Tenant, is_day_off},
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
    let prometheus = Prometheus::of(&url, &alerts_to);
    // The late day is not there, the day before is judged and found well.
    eventually("the judgement of the day before", || {
        Some(prometheus.query(&format!("department:feishu_activity:ratio{{{dropping}}}")))
            .filter(|judged| judged.len() == FIGURES.len())
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
        ("http://prometheusalert:8080/prometheusalert?type=fs&tpl=prometheus-fs", webhook),
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

struct Prometheus {
    url: String,
    _program: Program,
}

impl Prometheus {
    /// Scrapes an exporter and evaluates the rules every second.
    fn of(exporter: &str, alerts_to: &str) -> Self {
        let target = exporter.trim_start_matches("http://");
        let files: Vec<_> = rules::files().iter().map(|file| format!("{file:?}")).collect();
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [{}]\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alerts_to}']}}]}}]}}\n\
             scrape_configs:\n  \
             - job_name: feishu\n    static_configs: [{{targets: ['{target}']}}]\n",
            files.join(", ")
        );
        let address = free_address();
        let mut command = Command::new("prometheus");
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg(format!("--web.listen-address={address}"));
        let program = Program::start(command, directory(&[("prometheus.yml", &configuration)]));
        let url = format!("http://{address}");
        is_ready(&url);
        Self { url, _program: program }
    }

    fn query(&self, expression: &str) -> Vec<Value> {
        let query = format!("query={expression}");
        let url = format!("{}/api/v1/query", self.url);
        let answer = json(&url, &["--get", "--data-urlencode", &query]);
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

/// Bound and closed again: the programs do not say which port they took of their own choice.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn is_ready(url: &str) {
    eventually(&format!("{url} that is ready"), || {
        try_get(&format!("{url}/-/ready"), &[]).filter(|answer| answer.status == 200)
    });
}
