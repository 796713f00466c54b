//! Prometheus and VictoriaMetrics as child processes, and what they answer.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    outside::{get, json, try_get},
    past::{Samples, Series},
    program::{Program, directory, eventually},
};

/// A server with an API as Prometheus has it.
pub(crate) struct Server {
    pub(crate) url: String,
    program: Option<Program>,
    start: Box<dyn Fn() -> Command>,
    ready: &'static str,
}

/// A port that is free now. Bound and closed again: the servers do not say which one they took of
/// their own choice.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Server {
    /// A Prometheus over a directory of blocks, which scrapes a target if there is one.
    pub(crate) fn prometheus(data: &Path, target: Option<&str>) -> Self {
        let scrapes = target.map_or_else(String::new, |target| {
            format!(
                "scrape_configs:\n  - job_name: feishu\n    static_configs: [{{targets: \
                 ['{target}']}}]\n"
            )
        });
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             storage: {{tsdb: {{out_of_order_time_window: 100d}}}}\n{scrapes}"
        );
        let address = free_address();
        let (data, url) = (data.to_owned(), format!("http://{address}"));
        let file = data.with_extension("yml");
        std::fs::write(&file, configuration).unwrap();
        let start = move || {
            let mut command = Command::new("prometheus");
            command.arg(format!("--config.file={}", file.display()));
            command.arg(format!("--storage.tsdb.path={}", data.display()));
            command.args(["--storage.tsdb.retention.time=400d"]);
            command.args(["--web.enable-remote-write-receiver"]);
            command.arg(format!("--web.listen-address={address}"));
            command
        };
        Self::new(url, Box::new(start), "/-/ready")
    }

    /// A VictoriaMetrics that keeps a year.
    pub(crate) fn victoria_metrics(data: PathBuf) -> Self {
        let address = free_address();
        let url = format!("http://{address}");
        let start = move || {
            let mut command = Command::new("victoria-metrics");
            command.arg(format!("-httpListenAddr={address}"));
            command.arg(format!("-storageDataPath={}", data.display()));
            command.args(["-retentionPeriod=12", "-search.latencyOffset=0s"]);
            command
        };
        Self::new(url, Box::new(start), "/health")
    }

    fn new(url: String, start: Box<dyn Fn() -> Command>, ready: &'static str) -> Self {
        let mut server = Self { url, program: None, start, ready };
        server.start();
        server
    }

    /// Starts it, again at its address if it was killed.
    pub(crate) fn start(&mut self) {
        self.program = Some(Program::start((self.start)(), directory(&[])));
        let ready = format!("{}{}", self.url, self.ready);
        eventually("a server that is ready", || {
            try_get(&ready, &[]).filter(|answer| answer.status == 200)
        });
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        let mut program = self.program.take().unwrap();
        program.signal("KILL");
        program.status();
    }

    /// The result of a query at one time.
    pub(crate) fn query(&self, expression: &str) -> Vec<Value> {
        let query = format!("query={expression}");
        self.result("query", &["--data-urlencode", &query])
    }

    /// What a query gives at these steps, by series and time.
    pub(crate) fn range(&self, expression: &str, from: i64, to: i64, step_s: i64) -> Samples {
        let parameters = format!("start={from}&end={to}&step={step_s}");
        let query = format!("query={expression}");
        samples(&self.result("query_range", &["--data-urlencode", &query, "--data", &parameters]))
    }

    /// Every sample of a hundred days, as it stands there.
    pub(crate) fn samples(&self) -> Samples {
        samples(&self.query("{__name__=~\"feishu_.+\"}[100d]"))
    }

    fn result(&self, what: &str, args: &[&str]) -> Vec<Value> {
        let answer = json(&format!("{}/api/v1/{what}", self.url), &[&["--get"], args].concat());
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// Every sample that VictoriaMetrics has.
    pub(crate) fn exported(&self) -> Samples {
        get(&format!("{}/internal/force_flush", self.url), &[]);
        let matches = "match[]={__name__=~\"feishu_.*\"}";
        let answer =
            get(&format!("{}/api/v1/export", self.url), &["--data-urlencode", matches]).text();
        let mut samples = Samples::new();
        for line in answer.lines() {
            let series: Value = serde_json::from_str(line).unwrap();
            let of = name_and_labels(&series["metric"]);
            let values = series["values"].as_array().unwrap();
            for (value, time) in values.iter().zip(series["timestamps"].as_array().unwrap()) {
                let time = time.as_i64().unwrap();
                assert_eq!(time % 1000, 0, "not a whole second");
                let old = samples.insert((of.clone(), time / 1000), value.as_f64().unwrap());
                assert!(old.is_none(), "{of:?} at {time} twice");
            }
        }
        samples
    }
}

/// The points of a result, by series and time; none may be there twice.
#[track_caller]
fn samples(result: &[Value]) -> Samples {
    let mut samples = Samples::new();
    for series in result {
        let of = name_and_labels(&series["metric"]);
        for point in series["values"].as_array().unwrap() {
            let value = point[1].as_str().unwrap().parse().unwrap();
            let time = point[0].as_f64().unwrap();
            assert!(time.fract() == 0.0, "{of:?} at {time} is not at a whole second");
            #[expect(clippy::cast_possible_truncation, reason = "whole, and of this century")]
            let old = samples.insert((of.clone(), time as i64), value);
            assert!(old.is_none(), "{of:?} at {time} twice");
        }
    }
    samples
}

fn name_and_labels(metric: &Value) -> Series {
    let mut labels: std::collections::BTreeMap<String, String> =
        serde_json::from_value(metric.clone()).unwrap();
    (labels.remove("__name__").unwrap_or_default(), labels)
}

/// Compares sample by sample; of what differs one is shown.
#[track_caller]
pub(crate) fn assert_same(found: &Samples, expected: &Samples) {
    for (key, value) in expected {
        assert_eq!(found.get(key), Some(value), "{key:?}");
    }
    for key in found.keys() {
        assert!(expected.contains_key(key), "nobody expects {key:?}");
    }
}
