//! What holds for all rules: scenarios, runbooks, names that exist, and what independent tools say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use feishu_exporter::{
    catalogue::{FIGURES, families},
    telemetry::table::OWN,
};
use serde::Deserialize;

use crate::{
    activity, data,
    rules::{files, path, severities},
    scenario::runbook,
    vanished,
};

#[test]
fn every_alert_is_seen_to_fire_and_to_keep_quiet() {
    let facts = [activity::all(), data::all(), vanished::all()].concat();
    let fired: BTreeSet<_> =
        facts.iter().flat_map(|(_, s)| s.fires.iter().map(|(_, alert, _)| *alert)).collect();
    let spared: BTreeSet<_> = facts.iter().flat_map(|(_, s)| s.spares.iter().copied()).collect();
    for alert in severities().keys() {
        assert!(fired.contains(alert.as_str()), "no scenario has {alert} fire");
        assert!(spared.contains(alert.as_str()), "no scenario has {alert} spared");
    }
}

/// A parser of PromQL that shares nothing with the engines takes the rules apart.
#[test]
fn the_rules_name_only_metrics_that_are_published() {
    let published = published();
    let recorded: BTreeSet<_> = linted().iter().filter_map(|rule| rule.record.clone()).collect();
    assert!(recorded.len() > 5, "the recording rules were not found");
    let mut used = 0;
    for rule in linted() {
        for metric in &rule.metrics {
            let is_known = published.contains(metric) || recorded.contains(metric);
            assert!(is_known, "{} names {metric}, which nobody publishes", rule.name());
            used += 1;
        }
    }
    assert!(used > 50, "the metrics of the rules were not found");
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let page = include_str!("../../docs/operations.md");
    let sections: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("### Feishu")).collect();
    let alerts = severities();
    let alerts: BTreeSet<_> =
        alerts.keys().map(|alert| alert.strip_prefix("Feishu").unwrap()).collect();
    assert_eq!(alerts, sections);
    for rule in linted().iter().filter(|rule| rule.alert.is_some()) {
        let alert = rule.alert.as_deref().unwrap();
        assert_eq!(rule.annotations["runbook_url"], runbook(alert));
        assert!(["warning", "critical"].contains(&rule.labels["severity"].as_str()), "{alert}");
        for annotation in ["summary", "description"] {
            assert!(rule.annotations[annotation].len() > 20, "{alert} has no {annotation}");
        }
    }
}

/// Names may change, and a total has its parts beside it: no rule may join by the first or read
/// the second without choosing.
#[test]
fn no_rule_reads_parts_beside_their_total() {
    let figures: BTreeSet<_> = FIGURES.iter().flat_map(|f| [Some(f.metric), f.baseline]).collect();
    for rule in linted() {
        for selector in &rule.selectors {
            let name = selector.split('{').next().unwrap();
            if figures.contains(&Some(name)) {
                assert!(
                    selector.contains("product_version=\"all\""),
                    "{}: {selector}",
                    rule.name()
                );
            }
        }
    }
}

#[test]
fn promtool_finds_nothing_to_say_about_the_rules() {
    let chinese = ["feishu-activity.rules.yml", "feishu-exporter.rules.yml"];
    let chinese = chinese.map(|name| path("zh").join(name));
    for file in files().into_iter().chain(chinese) {
        let output = Command::new("promtool").args(["check", "rules"]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", file.display());
    }
}

#[test]
fn amtool_takes_the_example_for_alertmanager() {
    let file = path("alertmanager.example.yml");
    let output = Command::new("amtool").arg("check-config").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // What it inhibits and routes exists.
    let text = fs::read_to_string(file).unwrap();
    let alerts = severities();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.starts_with("Feishu"));
    for word in words.filter(|word| !["Feishu", "FeishuExporter"].contains(word)) {
        assert!(alerts.contains_key(word), "alertmanager.example.yml names {word}");
    }
}

/// A rule as the independent parser read it.
#[derive(Deserialize)]
struct Linted {
    alert: Option<String>,
    record: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    metrics: Vec<String>,
    selectors: Vec<String>,
}

impl Linted {
    fn name(&self) -> &str {
        self.alert.as_deref().or(self.record.as_deref()).unwrap_or("a rule without a name")
    }
}

#[track_caller]
fn linted() -> Vec<Linted> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("TEST_PYTHON")
        .map_or_else(|| root.join("target/venv/bin/python"), PathBuf::from);
    let output = Command::new(python)
        .arg(root.join("tests/alerts/lint.py"))
        .args(files())
        .output()
        .unwrap_or_else(|error| panic!("Python does not start ({error}): use tests/run"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every metric that the tables declare, and what Prometheus itself makes of each scrape.
fn published() -> BTreeSet<String> {
    let figures = FIGURES.iter().flat_map(|f| [Some(f.metric), f.baseline]).flatten();
    let names = figures.chain(families().map(|f| f.name)).chain(OWN.iter().map(|own| own.name));
    names.chain(["up"]).map(str::to_owned).collect()
}
