//! Has `promtool test rules` judge a test.

use std::{fmt::Write, fs, process::Command};

use serde_json::Value;

/// Fails with what promtool says if anything is not as the test expects it. JSON is YAML.
#[track_caller]
pub(crate) fn judges(test: &Value) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("test.json");
    fs::write(&file, test.to_string()).unwrap();
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(&file)
        .output()
        .unwrap_or_else(|error| panic!("promtool does not start ({error}): use tests/run"));
    let mut said = String::new();
    for text in [&output.stdout, &output.stderr] {
        write!(said, "{}", String::from_utf8_lossy(text)).unwrap();
    }
    assert!(output.status.success(), "{said}");
}
