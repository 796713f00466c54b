//! A real Prometheus.

use std::{net::TcpListener, process::Command};

use serde_json::Value;

use crate::{
    outside::{json, try_get},
    program::{Program, directory, eventually},
    rules,
};

/// A Prometheus with the rules as they are shipped.
pub(crate) struct Prometheus {
    url: String,
    _program: Program,
}

impl Prometheus {
    /// Scrapes exporters and evaluates the rules every second.
    pub(crate) fn of(exporters: &[&str], alerts_to: &str) -> Self {
        let targets =
            exporters.iter().map(|url| format!("'{}'", url.trim_start_matches("http://")));
        let targets = targets.collect::<Vec<_>>().join(", ");
        let files: Vec<_> = rules::files().iter().map(|file| format!("{file:?}")).collect();
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [{}]\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alerts_to}']}}]}}]}}\n\
             scrape_configs:\n  \
             - job_name: feishu\n    static_configs: [{{targets: [{targets}]}}]\n",
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

    /// The result of an instant query.
    pub(crate) fn query(&self, expression: &str) -> Vec<Value> {
        let query = format!("query={expression}");
        let url = format!("{}/api/v1/query", self.url);
        let answer = json(&url, &["--get", "--data-urlencode", &query]);
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

/// Bound and closed again: the programs do not say which port they took of their own choice.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Waits until a program answers that it is ready.
pub(crate) fn is_ready(url: &str) {
    eventually(&format!("{url} that is ready"), || {
        try_get(&format!("{url}/-/ready"), &[]).filter(|answer| answer.status == 200)
    });
}
