//! Every metric, flag, variable and key that the documents name exists, every link and anchor leads
//! somewhere, and every block of data can be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use feishu_exporter::{
    catalogue::{FIGURES, families},
    cli,
    config::{KEYS, VARIABLES, WEB_KEYS},
    telemetry::table::OWN,
};
use regex::Regex;

use crate::pages::{blocks, pages};

/// What stands between backticks in the prose, and the lines of commands, each with its page.
fn quoted() -> Vec<(String, String)> {
    let code = Regex::new("`([^`\n]+)`").unwrap();
    let mut quoted = Vec::new();
    for (path, text) in pages() {
        let page = path.file_name().unwrap().to_string_lossy().into_owned();
        let prose: String = text.split("```").step_by(2).collect();
        quoted.extend(code.captures_iter(&prose).map(|c| (page.clone(), c[1].to_owned())));
    }
    let commands = blocks().into_iter().filter(|block| block.language == "sh");
    quoted.extend(commands.map(|block| (block.place, block.text)));
    quoted
}

#[test]
fn the_scopes_of_the_tables_are_those_of_the_json_on_every_page() {
    let row = Regex::new(r"(?m)^\| `([a-z_]+:[a-z_.:]+)` \|").unwrap();
    let quoted = Regex::new(r#""([a-z_]+:[a-z_.:]+)""#).unwrap();
    let mut first: Option<BTreeSet<String>> = None;
    for page in ["README", "README.zh-CN", "docs/permissions", "docs/permissions.zh-CN"] {
        let text = fs::read_to_string(format!("{page}.md")).unwrap();
        let scopes = |form: &Regex, text: &str| -> BTreeSet<String> {
            form.captures_iter(text).map(|scope| scope[1].to_owned()).collect()
        };
        let code: String = text.split("```json").skip(1).collect();
        let table = scopes(&row, &text);
        assert_eq!(scopes(&quoted, &code), table, "{page}");
        assert_eq!(first.get_or_insert_with(|| table.clone()), &table, "{page}");
    }
    assert!(first.is_some_and(|scopes| scopes.len() >= 13));
}

#[test]
fn every_metric_that_is_named_exists() {
    let mut known: BTreeSet<String> = BTreeSet::new();
    known.extend(FIGURES.iter().map(|f| f.metric.to_owned()));
    known.extend(FIGURES.iter().filter_map(|f| f.baseline.map(str::to_owned)));
    known.extend(families().map(|f| f.name.to_owned()));
    known.extend(OWN.iter().map(|own| own.name.to_owned()));
    // What rules record, and labels and files that look like metrics.
    let rules = fs::read_dir("dashboards/prometheus").unwrap().map(|file| file.unwrap().path());
    let rules: String =
        rules.filter(|file| file.is_file()).map(|file| fs::read_to_string(file).unwrap()).collect();
    let metric = Regex::new(r"\bfeishu_[a-z0-9_]+").unwrap();
    let mut strange = BTreeMap::new();
    for (page, text) in quoted() {
        for found in metric.find_iter(&text) {
            let name = found.as_str();
            let rest = &text[found.end()..];
            // `feishu_users*` and `feishu_exporter_…` stand for several.
            let is_part = name.ends_with('_') || rest.starts_with(['*', '…', ':', '-', '.']);
            let ends = ["", "_bucket", "_count", "_sum"];
            let is_known = ends
                .iter()
                .any(|end| name.strip_suffix(end).is_some_and(|family| known.contains(family)));
            if !is_part && !is_known && !rules.contains(&format!("record: {name}\n")) {
                strange.insert(name.to_owned(), page.clone());
            }
        }
    }
    let allowed = ["feishu_exporter", "feishu_simulator", "feishu_alert_relay"];
    strange.retain(|name, _| !allowed.contains(&name.as_str()));
    assert!(strange.is_empty(), "{strange:#?}");
}

#[test]
fn every_flag_and_variable_of_the_exporter_that_is_named_exists() {
    let mut command = cli::command();
    command.build();
    let mut flags: BTreeSet<String> = BTreeSet::new();
    let mut variables: BTreeSet<String> =
        VARIABLES.iter().map(|(_, variable, _)| (*variable).to_owned()).collect();
    for subcommand in command.get_subcommands().chain([&command]) {
        for argument in subcommand.get_arguments() {
            flags.extend(argument.get_long().map(|long| format!("--{long}")));
            variables.extend(argument.get_env().map(|v| v.to_string_lossy().into_owned()));
        }
    }
    let flag = Regex::new(r"(^|[\s(/])(--[a-z][a-z.-]*[a-z])").unwrap();
    let variable = Regex::new(r"\bFEISHU_[A-Z_]*[A-Z]\b").unwrap();
    let mut strange = BTreeSet::new();
    for (page, text) in quoted() {
        for line in text.replace("\\\n", " ").lines() {
            // Commands of other programs have flags of their own.
            let is_ours = line.starts_with("--")
                || line.trim_start_matches("sudo ").starts_with("feishu-exporter ");
            if is_ours {
                for found in flag.captures_iter(line.split(" | ").next().unwrap_or_default()) {
                    if !flags.contains(&found[2]) {
                        strange.insert(format!("{page}: {}", &found[2]));
                    }
                }
            }
            for found in variable.find_iter(line) {
                let is_part = line[found.end()..].starts_with(['_', '…', '*']);
                if !is_part && !variables.contains(found.as_str()) {
                    strange.insert(format!("{page}: {}", found.as_str()));
                }
            }
        }
    }
    // Flags of other programs that stand alone between backticks.
    let others = [
        "--remote-write.*",
        "--read-only",
        "--bot.url-file",
        "--bot.secret-file",
        "--locked",
        "--release",
        "--lib",
        "--workspace",
        "--network-alias",
        "--print",
        "--time-zone",
        "--upload-file",
        "--data-binary",
        "--storage.tsdb.retention.time",
        "--storage.tsdb.allow-overlapping-blocks",
        "--compact.enable-vertical-compaction",
        "--tsdb.out-of-order.time-window",
        "--web.enable-remote-write-receiver",
        "--ulimit",
    ];
    strange.retain(|found| !others.iter().any(|other| found.ends_with(other)));
    assert!(strange.is_empty(), "{strange:#?}");
}

#[test]
fn every_key_that_is_named_with_its_section_exists() {
    let plain = |path: &str| path.replace("[]", "");
    let keys: BTreeSet<String> = KEYS.iter().chain(WEB_KEYS).map(|key| plain(key.path)).collect();
    let sections: BTreeSet<&str> =
        keys.iter().filter_map(|key| key.strip_prefix("tenants.")?.split('.').next()).collect();
    let dotted = Regex::new(r"^([a-z_]+(?:\[\])?(?:\.[a-z_]+(?:\[\])?)+)$").unwrap();
    let mut strange = BTreeSet::new();
    for (page, text) in quoted() {
        let Some(found) = dotted.captures(text.split(':').next().unwrap_or_default()) else {
            continue;
        };
        let key = plain(&found[1]);
        let first = key.split('.').next().unwrap_or_default();
        // The document of the status page has keys of its own, and so have files of others.
        if page == "status-api.md" || !(first == "tenants" || sections.contains(first)) {
            continue;
        }
        let is_file = Path::new(&key).extension().is_some_and(|end| {
            ["rs", "md", "yml", "toml", "json", "sql", "tsv"].iter().any(|known| end == *known)
        });
        let is_known = keys.contains(&key) || keys.contains(&format!("tenants.{key}"));
        if !is_known && !is_file {
            strange.insert(format!("{page}: {key}"));
        }
    }
    // Keys of doctor's JSON.
    strange.retain(|found| !found.starts_with("doctor.md: departments."));
    assert!(strange.is_empty(), "{strange:#?}");
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().replace('`', "");
    let link =
        Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap().replace_all(&text, "$1").to_lowercase();
    let kept = link.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]*)\)").unwrap();
    let pages: BTreeMap<_, _> = pages().into_iter().collect();
    let anchors = |text: &str| -> BTreeSet<String> {
        let prose: String = text.split("```").step_by(2).collect();
        prose.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
    };
    let mut broken = Vec::new();
    for (path, text) in &pages {
        let prose: String = text.split("```").step_by(2).collect();
        for found in link.captures_iter(&prose) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, wanted) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let Ok(file) = file.canonicalize() else {
                broken.push(format!("{}: {target}", path.display()));
                continue;
            };
            let is_page = file.extension().is_some_and(|end| end == "md");
            if !wanted.is_empty() && is_page {
                let there = fs::read_to_string(&file).unwrap();
                if !anchors(&there).contains(wanted) {
                    broken.push(format!("{}: {target}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_block_of_data_can_be_read() {
    let mut read = 0;
    let mut data = Vec::new();
    for block in blocks() {
        match block.language.as_str() {
            "yaml" | "json" | "promql" => {
                data.push((block.language, block.place, block.text));
                read += 1;
            }
            "sh" | "sql" | "" => {}
            other => panic!("{}: nobody checks blocks of {other}", block.place),
        }
    }
    assert!(read > 15);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("TEST_PYTHON")
        .map_or_else(|| root.join("target/venv/bin/python"), Into::into);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), serde_json::to_string(&data).unwrap()).unwrap();
    let script = "import json, sys, yaml, promql_parser\n\
                  for language, place, text in json.load(open(sys.argv[1])):\n    \
                  read = {'yaml': yaml.safe_load, 'json': json.loads, \
                  'promql': promql_parser.parse}[language]\n    \
                  queries = text.split('\\n# ') if language == 'promql' else [text]\n    \
                  for one in queries:\n        \
                  try:\n            read(one.split('\\n', 1)[1] if len(queries) > 1 or one.startswith('#') else one)\n        \
                  except Exception as why: sys.exit(f'{place}: {why}')\n";
    let output = Command::new(python).args(["-c", script]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
