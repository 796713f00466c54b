//! A Prometheus with history, and the dashboards' queries asked of it.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    files,
    outside::{json as get_json, python, try_get},
    program::{Program, directory, eventually},
};

/// Targets come and go with a file; the folder outlives the restart of nothing.
const CONFIGURATION: &str = "\
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: feishu
    file_sd_configs: [{files: [targets.json], refresh_interval: 1s}]
";

pub(crate) struct Prometheus {
    url: String,
    program: Program,
}

impl Prometheus {
    /// Starts one that holds these files of OpenMetrics text with timestamps.
    pub(crate) fn with(history: &[PathBuf]) -> Self {
        let directory = directory(&[("prometheus.yml", CONFIGURATION), ("targets.json", "[]")]);
        for file in history {
            load(directory.path(), file);
        }
        // Bound and closed again: Prometheus does not say which port it took of its own choice.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("prometheus");
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg("--storage.tsdb.retention.time=4000d");
        command.arg(format!("--web.listen-address={address}"));
        let program = Program::start(command, directory);
        let url = format!("http://{address}");
        eventually("a Prometheus that is ready", || {
            try_get(&format!("{url}/-/ready"), &[]).filter(|answer| answer.status == 200)
        });
        Self { url, program }
    }

    /// Scrapes these from now on, and itself: a target that is no exporter.
    pub(crate) fn scrape(&self, targets: &[&str]) {
        // Renamed into place, so that it is never seen half written.
        let written = self.program.path("targets.new");
        let itself = self.url.trim_start_matches("http://");
        let groups = json!([
            { "targets": targets },
            { "targets": [itself], "labels": { "job": "prometheus" } },
        ]);
        fs::write(&written, groups.to_string()).unwrap();
        fs::rename(written, self.program.path("targets.json")).unwrap();
    }

    /// The result of an instant query.
    pub(crate) fn query(&self, expression: &str) -> Vec<Value> {
        let query = format!("query={expression}");
        let url = format!("{}/api/v1/query", self.url);
        let answer = get_json(&url, &["--get", "--data-urlencode", &query]);
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// What the queries of some dashboards give, by `uid/title/query`; fails as `queries.py` does.
    #[track_caller]
    pub(crate) fn show(&self, dashboards: &[&str], options: &[&str]) -> Shown {
        let files: Vec<String> = dashboards.iter().map(|name| files::path(name, "en")).collect();
        let mut args = vec![self.url.as_str()];
        args.extend(files.iter().map(String::as_str));
        args.extend(options);
        let report: Vec<Value> =
            serde_json::from_slice(&python("../dashboards/queries.py", &args, &[])).unwrap();
        let name = |entry: &Value| entry["id"].as_str().unwrap().to_owned();
        Shown(report.into_iter().map(|entry| (name(&entry), entry)).collect())
    }
}

/// What queries gave.
pub(crate) struct Shown(BTreeMap<String, Value>);

impl Shown {
    #[track_caller]
    pub(crate) fn results(&self, query: &str) -> &Vec<Value> {
        let entry = self.0.get(query).unwrap_or_else(|| panic!("{query} was not asked"));
        entry["results"].as_array().unwrap()
    }

    /// The one value of a query at one time.
    #[track_caller]
    pub(crate) fn value(&self, query: &str) -> f64 {
        let results = self.results(query);
        assert_eq!(results.len(), 1, "{query}: {results:?}");
        number(&results[0]["value"][1])
    }

    /// The days of a panel whose query A has a curve for each kind of them, in order.
    #[track_caller]
    pub(crate) fn days(&self, panel: &str) -> Vec<(i64, f64)> {
        let curves = self.results(&format!("{panel}/A"));
        let mut days: Vec<_> = curves.iter().flat_map(points).collect();
        days.sort_by_key(|(day, _)| *day);
        days
    }

    /// The only curve of a query over time, as (Unix time, value).
    #[track_caller]
    pub(crate) fn curve(&self, query: &str) -> Vec<(i64, f64)> {
        let results = self.results(query);
        assert_eq!(results.len(), 1, "{query}: {results:?}");
        points(&results[0])
    }
}

/// The points of a curve.
pub(crate) fn points(result: &Value) -> Vec<(i64, f64)> {
    let points = result["values"].as_array().unwrap();
    points.iter().map(|point| (point[0].as_i64().unwrap(), number(&point[1]))).collect()
}

pub(crate) fn number(text: &Value) -> f64 {
    text.as_str().unwrap().parse().unwrap()
}

fn load(directory: &Path, file: &Path) {
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=768h"]);
    let output = promtool.arg(file).arg("data").current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
