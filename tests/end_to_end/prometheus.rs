//! A real Prometheus scrapes the demo; what its API says is what the simulated tenant holds.

use std::{net::TcpListener, process::Command};

use serde_json::Value;

use crate::{
    outside::{json, parse, text, try_get},
    program::{Program, directory, eventually},
    world::{Demo, day_of, departments, rows, token},
};

pub(crate) struct Prometheus {
    url: String,
    _program: Program,
}

impl Prometheus {
    /// Scrapes one target every second.
    pub(crate) fn of(target: &str) -> Self {
        Self::with(target, "", &[])
    }

    /// The same with more lines for the job, and the files that they name.
    pub(crate) fn with(target: &str, more: &str, files: &[(&str, &str)]) -> Self {
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  \
             - job_name: feishu\n    static_configs: [{{targets: ['{target}']}}]\n{more}"
        );
        let files = [&[("prometheus.yml", configuration.as_str())], files].concat();
        let directory = directory(&files);
        // Bound and closed again: Prometheus does not say which port it took of its own choice.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("prometheus");
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg(format!("--web.listen-address={address}"));
        let program = Program::start(command, directory);
        let url = format!("http://{address}");
        eventually("a Prometheus that is ready", || {
            try_get(&format!("{url}/-/ready"), &[]).filter(|answer| answer.status == 200)
        });
        Self { url, _program: program }
    }

    /// The result of an instant query.
    pub(crate) fn query(&self, expression: &str) -> Vec<Value> {
        let query = format!("query={expression}");
        let url = format!("{}/api/v1/query", self.url);
        let answer = json(&url, &["--get", "--data-urlencode", &query]);
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

fn value(result: &Value) -> f64 {
    result["value"][1].as_str().unwrap().parse().unwrap()
}

#[test]
fn what_prometheus_holds_is_what_the_tenant_holds() {
    let demo = Demo::start();
    let prometheus = Prometheus::of(demo.url.trim_start_matches("http://"));
    let asked = departments(&demo.api);
    let dau = "feishu_department_suite_dau{product_version=\"all\"}";
    let series = eventually("a scrape of every department", || {
        Some(prometheus.query(dau)).filter(|series| series.len() == asked.len())
    });
    assert_eq!(value(&prometheus.query("up{job=\"feishu\"}")[0]), 1.0);

    let token = token(&demo.api, "demo-secret");
    for id in &asked {
        let of = |s: &&Value| s["metric"]["department_id"] == id.as_str();
        let served = series.iter().find(of).unwrap_or_else(|| panic!("{id} is not there"));
        let days = prometheus.query(&format!(
            "feishu_department_statistics_day_timestamp_seconds{{department_id=\"{id}\"}}"
        ));
        let rows = rows(&demo.api, &token, id, day_of(value(&days[0])));
        let total = rows.iter().find(|row| row["product_version"] == "全部产品版本").unwrap();
        assert_eq!(value(served), total["suite_dau"].as_f64().unwrap(), "{id}");
        assert_eq!(served["metric"]["department"], total["department_name"], "{id}");
        assert_eq!(days[0]["metric"]["department"], total["department_name"], "{id}");
    }
    let is_chinese = |s: &Value| !s["metric"]["department"].as_str().unwrap().is_ascii();
    assert!(series.iter().any(is_chinese), "no name shows whether Chinese text survives");

    let counted: Vec<_> = parse("text", &text(&format!("{}/metrics", prometheus.url)))
        .into_iter()
        .filter(|s| s.name.starts_with("prometheus_target_scrapes_sample_"))
        .collect();
    assert!(!counted.is_empty());
    for sample in counted {
        assert_eq!(sample.value, 0.0, "{} has something to say", sample.name);
    }
    demo.stop();
}
