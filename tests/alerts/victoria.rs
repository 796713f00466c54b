//! `VictoriaMetrics` holds history, and vmalert replays the rules over it.

use std::{collections::BTreeMap, fs, net::TcpListener, path::Path, process::Command};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    outside::{get, text, try_get},
    program::{Program, directory, eventually},
    rules,
};

pub(crate) struct Victoria {
    url: String,
    _program: Program,
}

/// The labels of an alert, without its severity and group, and the instants at which it fired.
pub(crate) type Fired = BTreeMap<BTreeMap<String, String>, Vec<Timestamp>>;

impl Victoria {
    pub(crate) fn start() -> Self {
        // Bound and closed again: it does not say which port it took of its own choice.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("victoria-metrics");
        command.arg(format!("-httpListenAddr={address}")).args([
            "-storageDataPath=data",
            "-retentionPeriod=12",
            "-search.latencyOffset=0s",
        ]);
        let program = Program::start(command, directory(&[]));
        let url = format!("http://{address}");
        eventually("a VictoriaMetrics that is ready", || {
            try_get(&format!("{url}/health"), &[]).filter(|answer| answer.status == 200)
        });
        Self { url, _program: program }
    }

    /// Takes in a file of samples with timestamps in milliseconds.
    #[track_caller]
    pub(crate) fn import(&self, file: &Path) {
        let url = format!("{}/api/v1/import/prometheus", self.url);
        let body = format!("@{}", file.display());
        let answer = get(&url, &["--header", "Expect:", "--data-binary", &body]);
        assert_eq!(answer.status, 204);
        self.flush();
    }

    /// Replays the rules about activity from one instant to another, an evaluation an hour.
    pub(crate) fn replay(&self, from: Timestamp, to: Timestamp) {
        // In the order in which they build on each other; it takes files as it likes.
        for file in ["feishu-recording.rules.yml", "feishu-activity.rules.yml"] {
            self.replay_file(file, from, to);
        }
    }

    #[track_caller]
    fn replay_file(&self, name: &str, from: Timestamp, to: Timestamp) {
        let shipped = fs::read_to_string(rules::path(name)).unwrap();
        let rules = directory(&[("rules.yml", &without_descriptions(&shipped))]);
        let mut command = Command::new("vmalert");
        command
            .arg("-rule=rules.yml")
            .arg(format!("-datasource.url={}", self.url))
            .arg(format!("-remoteWrite.url={}", self.url))
            .arg(format!("-replay.timeFrom={from}"))
            .arg(format!("-replay.timeTo={to}"))
            .args([
                "-evaluationInterval=1h",
                "-datasource.queryStep=1h",
                "-replay.maxDatapointsPerQuery=3000",
                "-remoteWrite.flushInterval=100ms",
                "-replay.rulesDelay=1s",
                "-replay.disableProgressBar",
                "-httpListenAddr=127.0.0.1:0",
            ]);
        let mut vmalert = Program::start(command, rules);
        // A rule reads what those before it wrote, which can be found only once it is flushed; left
        // alone, that takes longer than the delay between two rules.
        let status = eventually("the end of the replay", || {
            self.flush();
            vmalert.ended()
        });
        assert_eq!(status, Some(0), "{}", vmalert.stderr());
        self.flush();
    }

    /// When each alert fired.
    pub(crate) fn fired(&self) -> Fired {
        let query = "/api/v1/export?match[]=ALERTS{alertstate=\"firing\"}";
        let url = format!("{}{query}", self.url);
        let lines = get(&url, &["--globoff"]).text();
        let series = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let fired = series.map(|series| {
            let labels = series["metric"].as_object().unwrap().iter();
            let labels = labels
                .filter(|(name, _)| {
                    !["__name__", "alertstate", "alertgroup", "severity"].contains(&name.as_str())
                })
                .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
            let instants = series["timestamps"].as_array().unwrap().iter();
            let instants =
                instants.map(|at| Timestamp::from_millisecond(at.as_i64().unwrap()).unwrap());
            (labels.collect(), instants.collect())
        });
        fired.collect()
    }

    fn flush(&self) {
        text(&format!("{}/internal/force_flush", self.url));
    }
}

/// The replay mode has no queries within annotations; the alerts are the same without them.
fn without_descriptions(rules: &str) -> String {
    let mut is_description = false;
    let kept = rules.lines().filter(|line| {
        if line.trim().starts_with("description:") {
            is_description = true;
        } else if line.trim().starts_with("runbook_url:") {
            is_description = false;
        }
        !is_description
    });
    kept.collect::<Vec<_>>().join("\n")
}
