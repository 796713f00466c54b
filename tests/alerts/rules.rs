//! The rule files as they are shipped.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const FOLDER: &str = "dashboards/prometheus";

/// The groups, in the order in which they build on each other.
pub(crate) const GROUPS: [&str; 5] =
    ["feishu-recording", "feishu-activity", "feishu-data", "feishu-collection", "feishu-exporter"];

/// Where a shipped file of the rules' folder lies.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(name)
}

/// Every rule file.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(path(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".rules.yml"))
        .collect();
    files.sort();
    assert!(files.len() > 2, "the rule files were not found");
    files
}

/// Every alert with its severity, read line by line.
pub(crate) fn severities() -> BTreeMap<String, String> {
    let mut severities = BTreeMap::new();
    let mut alert = None;
    for file in files() {
        for line in fs::read_to_string(file).unwrap().lines() {
            if let Some(name) = line.trim().strip_prefix("- alert: ") {
                alert = Some(name.to_owned());
            }
            if let Some(severity) = line.trim().strip_prefix("severity: ") {
                severities.insert(alert.take().unwrap(), severity.to_owned());
            }
        }
    }
    assert!(alert.is_none() && severities.len() > 15, "the alerts were not found");
    severities
}
