//! The tools that look from outside. None of them shares code with the exporter.

use std::{
    collections::BTreeMap,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// What curl received.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.body).unwrap()
    }
}

/// A sample as another parser understood it.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Asks with curl; none if nobody answers.
pub(crate) fn try_get(url: &str, more: &[&str]) -> Option<Answer> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--max-time", "20", "--include", url]).args(more);
    let output = finish(curl, &[]);
    let end = output.stdout.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8(output.stdout[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Some(Answer { status, headers, body: output.stdout[end + 4..].to_vec() })
}

/// Asks with curl.
#[track_caller]
pub(crate) fn get(url: &str, more: &[&str]) -> Answer {
    try_get(url, more).unwrap_or_else(|| panic!("{url} gives no answer"))
}

/// Asks with curl for a page that must be there.
#[track_caller]
pub(crate) fn text(url: &str) -> String {
    let answer = get(url, &[]);
    assert_eq!(answer.status, 200, "{url}");
    answer.text()
}

/// Asks with curl for JSON.
#[track_caller]
pub(crate) fn json(url: &str, more: &[&str]) -> Value {
    serde_json::from_slice(&get(url, more).body).unwrap()
}

/// Fails if promtool finds anything to say about a page of metrics.
#[track_caller]
pub(crate) fn promtool_check_metrics(page: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    let output = finish(promtool, page.as_bytes());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "promtool says: {said}");
}

/// Parses a page with the Python client's parser: `text` or `openmetrics`. A page that breaks a
/// rule of the format, or has a sample twice, fails.
#[track_caller]
pub(crate) fn parse(format: &str, page: &str) -> Vec<Sample> {
    let output = python("strict.py", &[format], page.as_bytes());
    let samples: Vec<(String, BTreeMap<String, String>, String)> =
        serde_json::from_slice(&output).unwrap();
    let sample = |(name, labels, value): (_, _, String)| Sample {
        name,
        labels,
        value: value.parse().unwrap(),
    };
    samples.into_iter().map(sample).collect()
}

/// Runs a script of this folder with the Python of `tests/run`, and returns what it prints.
#[track_caller]
pub(crate) fn python(script: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("TEST_PYTHON")
        .map_or_else(|| root.join("target/venv/bin/python"), PathBuf::from);
    let mut command = Command::new(python);
    // The simulator is on loopback: no proxy of the environment is asked.
    command.env("NO_PROXY", "*").arg(root.join("tests/end_to_end").join(script)).args(args);
    let output = finish(command, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} refuses: {said}");
    output.stdout
}

/// Runs a tool to its end, with this as its standard input.
#[track_caller]
fn finish(mut tool: Command, input: &[u8]) -> Output {
    let mut child = tool
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            let name = tool.get_program().to_string_lossy();
            panic!("{name} does not start ({error}): tests/run installs it")
        });
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // A tool may stop reading; what it then says is what counts.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}
