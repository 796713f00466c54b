//! The configuration in force as text: what was written and what was left out, without secrets.

use super::{
    keys::{ANY, KEYS, Key},
    kind::Kind,
    yaml::{Node, Value},
};
use crate::secret::REDACTED;

/// The tree with every default filled in, as YAML in the order of the table of keys.
pub(super) fn text(tree: &Node) -> String {
    let mut text = section("", Some(tree)).join("\n");
    text.push('\n');
    text
}

/// The lines of a section, which may be left out of the file.
fn section(pattern: &str, node: Option<&Node>) -> Vec<String> {
    let keys = KEYS.iter().filter(|key| key.section() == pattern);
    let lines = |key: &'static Key| match key.name() {
        ANY => any(node),
        name => entry(key, node.and_then(|node| value(node, name))),
    };
    keys.flat_map(lines).collect()
}

/// The lines of a section whose keys have any name.
fn any(node: Option<&Node>) -> Vec<String> {
    let Some(Value::Map(entries)) = node.map(|node| &node.value) else { return Vec::new() };
    let lines = entries.iter().filter_map(|entry| match &entry.node.value {
        Value::Scalar(text) => Some(format!("{}: {}", scalar(&entry.key), scalar(text))),
        _ => None,
    });
    lines.collect()
}

fn value<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    let found = entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node);
    found.filter(|node| !matches!(node.value, Value::Null))
}

/// The lines of a key; none where it has neither value nor default.
fn entry(key: &Key, node: Option<&Node>) -> Vec<String> {
    let name = key.name();
    match (&key.kind, node.map(|node| &node.value)) {
        (Kind::Section, _) => below(format!("{name}:"), section(key.path, node).into_iter(), "  "),
        (Kind::List(of) | Kind::OneOrMany(of), Some(Value::List(items))) => {
            let pattern = format!("{}[]", key.path);
            let lines = items.iter().flat_map(|node| item(&pattern, of, node));
            below(format!("{name}:"), lines, "  ")
        }
        (Kind::Secret, Some(_)) => vec![format!("{name}: {REDACTED}")],
        (_, Some(Value::Scalar(text))) => vec![format!("{name}: {}", scalar(text))],
        _ => key.default.map(|text| format!("{name}: {}", scalar(text))).into_iter().collect(),
    }
}

/// The lines of an entry of a list: a value, or a section of its own.
fn item(pattern: &str, of: &Kind, node: &Node) -> Vec<String> {
    let lines = match &node.value {
        Value::Scalar(_) if matches!(of, Kind::Secret) => vec![REDACTED.to_owned()],
        Value::Scalar(text) => vec![scalar(text)],
        _ => section(pattern, Some(node)),
    };
    let indented = |(at, line): (usize, String)| match at {
        0 => format!("- {line}"),
        _ => format!("  {line}"),
    };
    lines.into_iter().enumerate().map(indented).collect()
}

/// A head with its indented lines, unless there are none.
fn below(head: String, lines: impl Iterator<Item = String>, indent: &str) -> Vec<String> {
    let lines: Vec<String> = lines.map(|line| format!("{indent}{line}")).collect();
    match lines.is_empty() {
        true => Vec::new(),
        false => [vec![head], lines].concat(),
    }
}

/// A value that any reader of YAML takes for the same text.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let begins_well = text.starts_with(|c: char| c.is_alphanumeric() || c == '/');
    if begins_well && text.chars().all(plain) {
        text.to_owned()
    } else {
        // A JSON string is a string of YAML.
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::config::{self, Source};

    #[test]
    fn what_is_left_out_is_filled_in_and_secrets_are_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("conf.yml");
        let written = "tenants:\n  - app_id: cli_a1\n    app_secret: hunter2\n    geos: [cn, {geo: sg}]\n    \
                       departments: [{id: od-1}]\n    discovery: {root: [od-2, od-3]}\n    limits: {requests_per_minute: 90}\n    collection: {ready_at: \"10:00\"}\n";
        std::fs::write(&file, written).unwrap();
        let load = |file| {
            let nothing = std::collections::BTreeMap::new();
            config::load(&Source::File(file), &nothing, Timestamp::UNIX_EPOCH).unwrap()
        };
        let text = load(file.clone()).text;
        for line in [
            "tenants:\n  - name: default\n    base_url: \"https://open.feishu.cn\"\n",
            "    app_secret: <redacted>\n",
            "    geos:\n      - cn\n      - geo: sg\n",
            "    departments:\n      - id: od-1\n        include_children: false\n",
            "      root:\n        - od-2\n        - od-3\n",
            "      requests_per_minute: 90\n",
            "      interval: 1h\n      ready_at: \"10:00\"\n",
            "series_limit: 2000000\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");

        // What is shown is a configuration again, and the same.
        std::fs::write(&file, text.replace(REDACTED, "hunter2")).unwrap();
        assert_eq!(load(file).text, text);
    }
}
