//! `docs/sizing.md` says what `check-config` says.

use std::{fmt::Write as _, fs, process::Command};

const PAGE: &str = include_str!("../../docs/sizing.md");

/// A number with its thousands apart.
fn grouped(number: &str) -> String {
    let mut text = String::new();
    for (index, digit) in number.chars().enumerate() {
        if index > 0 && (number.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_page_about_sizes_says_what_check_config_says() {
    let directory = tempfile::tempdir().unwrap();
    for departments in [10, 100, 1000, 5000] {
        let mut file = "tenants:\n  - app_id: cli_1\n    app_secret: none\n    directory: {enabled: \
                        true}\n    members: {enabled: true}\n    user_statistics: {enabled: true}\n    \
                        departments:\n"
            .to_owned();
        for id in 0..departments {
            let _ = writeln!(file, "      - od-{id:032x}");
        }
        fs::write(directory.path().join("c.yml"), file).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_feishu-exporter"));
        let output =
            command.current_dir(directory.path()).args(["check-config", "c.yml"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        // First day, a day, a month, series.
        let row = |name: &str| -> Vec<String> {
            let costs = said.split("  costs ").nth(1).unwrap();
            let line = costs.lines().find_map(|line| line.trim_start().strip_prefix(name));
            line.unwrap().split_whitespace().take(4).map(grouped).collect()
        };
        let takes = said.split("takes about ").nth(1).unwrap().lines().next().unwrap();
        let (statistics, all) = (row("department statistics"), row("total"));
        let (baselines, judgement) = (row("baselines"), row("judgement"));
        let n = grouped(&departments.to_string());
        let requests = format!(
            "| {n} | {} | {} | {} | {} | {} | {takes} |\n",
            statistics[1], statistics[2], all[0], all[1], all[2]
        );
        let series = format!(
            "| {n} | {} | {} | {} | {} |\n",
            statistics[3], baselines[3], judgement[3], all[3]
        );
        assert!(PAGE.contains(&requests), "requests: {requests}");
        assert!(PAGE.contains(&series), "series: {series}");
    }
}
