//! How a section of the file is read: by name, with the table of keys at hand.
//!
//! Every read returns a value to go on with, and notes what is wrong: so one run finds all
//! mistakes. A section reports its unknown keys, and the keys of capabilities that are not built
//! yet, as soon as it is opened.

use std::{cell::RefCell, path::PathBuf, time::Duration};

use jiff::civil::Time;
use regex::Regex;

use super::{
    keys::{self, Key},
    kind::{Kind, shown},
    problem::{self, Origin, Problem, Problems},
    yaml::{Entry, Fault, Node, Value, join, shown_key},
};
use crate::input;

/// What has been found out about a configuration so far.
pub(super) struct Report {
    origin: Origin,
    /// How paths are shown: `(path, name)` for values that came from a variable.
    names: &'static [(&'static str, &'static str)],
    /// The table of the keys that there are.
    keys: &'static [Key],
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
}

/// Where something stands.
#[derive(Clone, Debug)]
pub(super) struct Position {
    line: usize,
    path: String,
}

/// A mapping of the file, or the empty one where it is left out.
pub(super) struct Section<'a> {
    report: &'a Report,
    entries: &'a [Entry],
    position: Position,
    /// The path with `[]` for every position: how the table of keys names the section.
    pattern: String,
    /// Whether what is missing is worth a word: not in what was refused already.
    intact: bool,
}

/// An entry of a list.
pub(super) struct Item<'a> {
    report: &'a Report,
    node: &'a Node,
    position: Position,
    pattern: String,
}

impl Report {
    pub(super) fn new(origin: Origin, names: &'static [(&'static str, &'static str)]) -> Self {
        Self { names, ..Self::of(origin, keys::KEYS) }
    }

    /// A report on a file whose keys stand in a table of their own.
    pub(super) fn of(origin: Origin, keys: &'static [Key]) -> Self {
        let (problems, warnings) = Default::default();
        Self { origin, names: &[], keys, problems, warnings }
    }

    pub(super) fn problem(&self, position: &Position, message: impl Into<String>) {
        self.problems.borrow_mut().push(self.at(position, message.into()));
    }

    pub(super) fn warning(&self, position: &Position, message: impl Into<String>) {
        self.warnings.borrow_mut().push(self.at(position, message.into()));
    }

    pub(super) fn fault(&self, fault: Fault) {
        let problem = Problem {
            column: fault.column,
            ..self.at(&Position { line: fault.line, path: fault.path }, fault.message)
        };
        self.problems.borrow_mut().push(problem);
    }

    /// The warnings, or all problems if there is one.
    pub(super) fn finish(self) -> Result<Vec<Problem>, Problems> {
        if !self.problems.borrow().is_empty() {
            return Err(self.into_problems());
        }
        let mut warnings = self.warnings.into_inner();
        problem::sort(&mut warnings);
        Ok(warnings)
    }

    /// The problems of a file that could not be read to its end.
    pub(super) fn into_problems(self) -> Problems {
        Problems::new(self.problems.into_inner())
    }

    /// The key at a path whose list positions are written `[]`, or any key of its section.
    fn find(&self, section: &str, key: &str) -> Option<&'static Key> {
        let named = |name| {
            let path = join(section, name);
            self.keys.iter().find(|known| known.path == path)
        };
        named(key).or_else(|| named(keys::ANY))
    }

    /// The keys of a section.
    fn within<'s>(&self, section: &'s str) -> impl Iterator<Item = &'static Key> + use<'s> {
        self.keys.iter().filter(move |known| known.section() == section)
    }

    fn at(&self, position: &Position, message: String) -> Problem {
        Problem {
            origin: self.origin.clone(),
            line: (position.line > 0).then_some(position.line),
            column: None,
            path: self.shown(&position.path),
            message,
        }
    }

    fn shown(&self, path: &str) -> String {
        let variable = self.names.iter().find(|(prefix, _)| path.starts_with(prefix));
        variable.map_or_else(|| path.to_owned(), |(_, name)| (*name).to_owned())
    }
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(report: &'a Report, node: &'a Node) -> Self {
        Self::open(report, Some(node), Position { line: 1, path: String::new() }, String::new())
    }

    fn open(
        report: &'a Report,
        node: Option<&'a Node>,
        position: Position,
        pattern: String,
    ) -> Self {
        let (entries, intact): (&[Entry], bool) = match node.map(|node| &node.value) {
            None | Some(Value::Null) => (&[], true),
            Some(Value::Map(entries)) => (entries, true),
            Some(Value::Refused) => (&[], false),
            Some(other) => {
                let hint = colon_hint(other);
                let message = format!("must be a section of keys, not {}{hint}", other.noun());
                report.problem(&position, message);
                (&[], false)
            }
        };
        let section = Self { report, entries, position, pattern, intact };
        section.check_keys();
        section
    }

    pub(super) fn section(&self, key: &str) -> Section<'a> {
        let node = self.entry(key).map(|entry| &entry.node);
        Section::open(self.report, node, self.position(key), join(&self.pattern, key))
    }

    /// The entries of a list; none if it is left out.
    pub(super) fn items(&self, key: &str) -> Vec<Item<'a>> {
        let Some(entry) = self.entry(key) else { return Vec::new() };
        let nodes = match &entry.node.value {
            Value::List(nodes) => nodes,
            Value::Null | Value::Refused => return Vec::new(),
            other => {
                let how = format!("write {key}: [\"…\"], or one entry a line, each after \"- \"");
                self.problem(key, format!("must be a list, not {}; {how}", other.noun()));
                return Vec::new();
            }
        };
        let (path, pattern) = (self.position(key).path, join(&self.pattern, key));
        let item = |(index, node): (usize, &'a Node)| Item {
            report: self.report,
            node,
            position: Position { line: node.line, path: format!("{path}[{index}]") },
            pattern: format!("{pattern}[]"),
        };
        nodes.iter().enumerate().map(item).collect()
    }

    /// The entries of a list, or the only value in its place; none if it is left out.
    pub(super) fn one_or_many(&self, key: &str) -> Vec<Item<'a>> {
        match self.entry(key) {
            Some(entry) if matches!(entry.node.value, Value::Scalar(_)) => vec![Item {
                report: self.report,
                node: &entry.node,
                position: self.position(key),
                pattern: join(&self.pattern, key),
            }],
            _ => self.items(key),
        }
    }

    /// Whether a key is there with a value; an empty list is none.
    pub(super) fn has(&self, key: &str) -> bool {
        match self.entry(key).map(|entry| &entry.node.value) {
            None | Some(Value::Null) => false,
            Some(Value::List(items)) => !items.is_empty(),
            Some(_) => true,
        }
    }

    /// Text that has no default, or one in the table.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.read(key, Kind::text)
    }

    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.read(key, Kind::flag).unwrap_or_default()
    }

    pub(super) fn choice(&self, key: &str) -> &'static str {
        self.read(key, Kind::choice).unwrap_or_default()
    }

    pub(super) fn count(&self, key: &str) -> u64 {
        self.read(key, Kind::count).unwrap_or_default()
    }

    /// None for `auto`.
    pub(super) fn count_unless_auto(&self, key: &str) -> Option<u64> {
        self.read(key, Kind::count_unless_auto).flatten()
    }

    pub(super) fn number(&self, key: &str) -> f64 {
        self.read(key, Kind::number).unwrap_or_default()
    }

    pub(super) fn duration(&self, key: &str) -> Duration {
        self.read(key, Kind::duration).unwrap_or_default()
    }

    pub(super) fn pattern(&self, key: &str) -> Option<Regex> {
        self.read(key, Kind::pattern)
    }

    pub(super) fn time(&self, key: &str) -> Time {
        self.read(key, Kind::time).unwrap_or_default()
    }

    /// Notes that something which nobody can guess is missing.
    pub(super) fn missing(&self, key: &str, message: impl Into<String>) {
        if self.intact {
            self.problem(key, message);
        }
    }

    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        self.report.problem(&self.position(key), message);
    }

    pub(super) fn warning(&self, key: &str, message: impl Into<String>) {
        self.report.warning(&self.position(key), message);
    }

    /// What the operator knows a key as: itself, or the variable that it came from.
    pub(super) fn name(&self, key: &str) -> String {
        let path = join(&self.position.path, key);
        let shown = self.report.shown(&path);
        if shown == path { key.to_owned() } else { shown }
    }

    /// Where a key stands, or its section if it is left out.
    pub(super) fn position(&self, key: &str) -> Position {
        let line = self.entry(key).map_or(self.position.line, |entry| entry.line);
        Position { line, path: join(&self.position.path, &shown_key(key)) }
    }

    /// The keys that are there, also unknown ones.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// The texts of a list.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.items(key).iter().filter_map(|item| item.read(&Kind::Text, Kind::text)).collect()
    }

    /// Whether something is wrong in it, or was refused.
    pub(super) fn is_faulty(&self) -> bool {
        let problems = self.report.problems.borrow();
        !self.intact || problems.iter().any(|problem| problem.path.starts_with(&self.position.path))
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of a key, or its default. Without either, or if a value without default is
    /// wrong, there is none.
    fn read<T>(&self, key: &str, parse: impl Fn(&Kind, &str) -> Result<T, String>) -> Option<T> {
        let known = self.report.find(&self.pattern, key)?;
        match self.entry(key).map(|entry| &entry.node.value) {
            Some(Value::Scalar(text)) => match value(&known.kind, text, &parse) {
                Ok(value) => return Some(value),
                Err(message) => self.problem(key, message),
            },
            Some(other @ (Value::List(_) | Value::Map(_))) => {
                self.problem(key, format!("must be {}, not {}", known.kind, other.noun()));
            }
            None | Some(Value::Null | Value::Refused) => {}
        }
        known.default.and_then(|default| parse(&known.kind, default).ok())
    }

    fn check_keys(&self) {
        for entry in self.entries {
            let is_it = |known: &Key| [&entry.key, keys::ANY].contains(&known.name());
            if !self.report.within(&self.pattern).any(is_it) {
                let position = Position {
                    line: entry.line,
                    path: join(&self.position.path, &shown_key(&entry.key)),
                };
                self.report
                    .problem(&position, unknown(self.report.keys, &self.pattern, &entry.key));
            }
        }
    }
}

impl<'a> Item<'a> {
    pub(super) fn section(&self) -> Section<'a> {
        Section::open(self.report, Some(self.node), self.position.clone(), self.pattern.clone())
    }

    /// Whether it is a single value, not a section.
    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar(_))
    }

    /// The value of a list of single values.
    pub(super) fn read<T>(
        &self,
        kind: &Kind,
        parse: impl Fn(&Kind, &str) -> Result<T, String>,
    ) -> Option<T> {
        match &self.node.value {
            Value::Refused => None,
            Value::Scalar(text) => match value(kind, text, parse) {
                Ok(value) => Some(value),
                Err(message) => {
                    self.problem(message);
                    None
                }
            },
            other => {
                self.problem(format!("must be {kind}, not {}", other.noun()));
                None
            }
        }
    }

    pub(super) fn problem(&self, message: impl Into<String>) {
        self.report.problem(&self.position, message);
    }

    pub(super) fn warning(&self, message: impl Into<String>) {
        self.report.warning(&self.position, message);
    }

    pub(super) fn line(&self) -> usize {
        self.node.line
    }
}

/// A scalar as it is meant, or what is wrong with it.
fn value<T>(
    kind: &Kind,
    text: &str,
    parse: impl Fn(&Kind, &str) -> Result<T, String>,
) -> Result<T, String> {
    kind.clean(text).and_then(|text| parse(kind, text))
}

/// The name nearest to a misspelt one, if one is near enough to be meant.
pub(super) fn nearest<'n>(
    wrong: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What to say of a value that was probably meant to be a key with its value.
fn colon_hint(value: &Value) -> &'static str {
    match value {
        Value::Scalar(text) if text.contains('：') => {
            "; it holds U+FF1A FULLWIDTH COLON: write a plain colon and a blank"
        }
        _ => "",
    }
}

fn unknown(keys: &'static [Key], section: &str, key: &str) -> String {
    if let Some(c) = input::hidden(key).or_else(|| input::lookalike(key)) {
        return format!("is not a known key: it holds {c}; write it in plain characters of ASCII");
    }
    if let Some((name, _)) = key.split_once(':') {
        return format!(
            "is not a key; put a blank after the colon of {}:",
            shown(&shown_key(name))
        );
    }
    let in_section = keys.iter().filter(|known| known.section() == section);
    let here: Vec<&str> = in_section.map(Key::name).collect();
    if let Some(name) = nearest(key, here.iter().copied()) {
        return format!("is not a known key; did you mean {name}?");
    }
    match keys.iter().find(|known| known.name() == key) {
        Some(known) if known.section().is_empty() => {
            "does not belong here but at the top level".to_owned()
        }
        Some(known) => format!("does not belong here but under {}", known.section()),
        None => format!("is not a known key; known here: {}", here.join(", ")),
    }
}
