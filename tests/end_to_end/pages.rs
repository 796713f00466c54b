//! What the documents tell a user to write works as it stands.

use std::{fs, process::Command};

use crate::{
    program::{directory, eventually, run},
    prometheus::Prometheus,
    world::Demo,
};

const PAGES: [(&str, &str); 4] = [
    ("README.md", include_str!("../../README.md")),
    ("README.zh-CN.md", include_str!("../../README.zh-CN.md")),
    ("docs/metrics.md", include_str!("../../docs/metrics.md")),
    ("docs/operations.md", include_str!("../../docs/operations.md")),
];

/// The blocks of a language, each with the page that it stands on.
fn blocks(language: &str) -> Vec<(&'static str, &'static str)> {
    let fence = format!("```{language}\n");
    let in_page = |(page, text): (&'static str, &'static str)| {
        let blocks = text.split(&fence).skip(1).collect::<Vec<_>>();
        blocks.into_iter().map(move |rest| (page, rest.split("```").next().unwrap()))
    };
    let blocks: Vec<_> = PAGES.into_iter().flat_map(in_page).collect();
    assert!(!blocks.is_empty(), "no page has a block of {language}");
    blocks
}

#[test]
fn every_configuration_in_the_documents_is_valid() {
    for (page, block) in blocks("yaml") {
        if ["scrape_configs:", "rule_files:"].iter().any(|begin| block.starts_with(begin)) {
            let directory = directory(&[("prometheus.yml", block)]);
            for rules in fs::read_dir("dashboards/prometheus").unwrap() {
                let rules = rules.unwrap().path();
                if rules.is_dir() {
                    continue;
                }
                fs::copy(&rules, directory.path().join(rules.file_name().unwrap())).unwrap();
            }
            let mut promtool = Command::new("promtool");
            promtool.current_dir(directory.path()).args(["check", "config", "prometheus.yml"]);
            let output = promtool.output().expect("promtool is there: use tests/run");
            assert!(output.status.success(), "{page}: {output:?}");
        } else {
            let directory = directory(&[("feishu-exporter.yml", block)]);
            let (status, _, err) = run(directory.path(), &["check-config"]);
            assert_eq!(status, Some(0), "{page}: {err}");
        }
    }
}

#[test]
fn every_query_in_the_documents_has_an_answer() {
    let demo = Demo::start();
    let prometheus = Prometheus::of(demo.url.trim_start_matches("http://"));
    for (page, query) in blocks("promql") {
        eventually(&format!("an answer to a query of {page}: {query}"), || {
            Some(prometheus.query(query)).filter(|result| !result.is_empty())
        });
    }
    demo.stop();
}
