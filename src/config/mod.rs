//! The configuration: YAML as written, or variables, to what it means.
//!
//! [`load`] finds every mistake in one run. [`KEYS`] is the table behind it: names, types, ranges
//! and defaults are declared there once. A new key is a row of the table and its read in `tenant`.

mod address;
mod calendar;
mod duration;
mod environment;
mod figures;
mod keys;
mod kind;
mod labels;
mod optional;
mod problem;
mod running;
mod section;
mod shown;
mod tenant;
mod web;
mod yaml;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

pub(crate) use self::{duration::parse as parse_duration, figures::figure_named};
pub use self::{
    duration::written_duration,
    environment::{Environment, VARIABLES},
    keys::{KEYS, Key},
    kind::Kind,
    problem::{Origin, Problem, Problems},
    web::{WEB_KEYS, WebFile},
};
use self::{section::Report, tenant::Surroundings};
use crate::{
    collect,
    input::{self, NotText},
};

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "feishu-exporter.yml";

/// Where to look for the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This file, which must be there.
    File(PathBuf),
    /// [`DEFAULT_FILE`] in the working directory if it is there, else the environment.
    Default,
}

/// A configuration without a mistake.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it means.
    pub options: collect::Options,
    /// What is allowed and yet probably not meant.
    pub warnings: Vec<Problem>,
    /// Where it came from.
    pub origin: Origin,
    /// The same as YAML, defaults filled in and secrets redacted.
    pub text: String,
}

/// Reads the configuration. `now` decides which offset a time zone has.
///
/// Without a file, one tenant may come from the variables of [`VARIABLES`]; beside a file they
/// have no effect, of which a warning tells.
///
/// # Errors
/// If there is none, or with every mistake in it. No message repeats a secret.
pub fn load(source: &Source, env: &dyn Environment, now: Timestamp) -> Result<Loaded, Problems> {
    let path = match source {
        Source::File(path) => path.as_path(),
        Source::Default => Path::new(DEFAULT_FILE),
    };
    let failed = |message: String| {
        let origin = Origin::File(path.to_owned());
        let path = String::new();
        Problems::new(vec![Problem { origin, line: None, column: None, path, message }])
    };
    let mut loaded = match read(path) {
        Ok(bytes) => {
            let mut loaded = from_file(path, &bytes, now)?;
            loaded.warnings.extend(environment::ignored(env));
            loaded
        }
        Err(error) if error.kind() == ErrorKind::NotFound && *source == Source::Default => {
            environment::load(env, now).ok_or_else(|| failed(NO_CONFIGURATION.to_owned()))??
        }
        Err(error) => return Err(failed(format!("cannot be read: {error}"))),
    };
    loaded.warnings.extend(environment::unusable_proxies(env));
    Ok(loaded)
}

const NO_CONFIGURATION: &str = "there is no such file, and no variable FEISHU_… is set. Name your \
     file with --config.file, or copy feishu-exporter.example.yml to this place and edit it, or \
     set FEISHU_APP_ID, FEISHU_APP_SECRET and FEISHU_DEPARTMENTS. To look around without \
     credentials, run: feishu-exporter demo";

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells that there are too many.
    File::open(path)?.take(yaml::BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn from_file(path: &Path, bytes: &[u8], now: Timestamp) -> Result<Loaded, Problems> {
    let origin = Origin::File(path.to_owned());
    let report = Report::new(origin.clone(), &[]);
    let (tree, mut faults) = tree(bytes);
    if tree.is_none() && faults.is_empty() {
        let message = "the file is empty; begin it with \"tenants:\"".to_owned();
        faults.push(yaml::Fault { line: 1, ..yaml::Fault::whole(message) });
    }
    faults.into_iter().for_each(|fault| report.fault(fault));
    let Some(tree) = tree else { return Err(report.into_problems()) };
    let directory = path.parent().unwrap_or(Path::new(""));
    let options = options(&report, &tree, &Surroundings { directory, now });
    let text = running::text(&tree);
    Ok(Loaded { options, warnings: report.finish()?, origin, text })
}

/// The tree of a file's content; none without a fault if it is empty.
fn tree(bytes: &[u8]) -> (Option<yaml::Node>, Vec<yaml::Fault>) {
    if bytes.len() > yaml::BYTES_MAX {
        let message = format!("is longer than {} bytes", yaml::BYTES_MAX);
        return (None, vec![yaml::Fault::whole(message)]);
    }
    match input::decode(bytes) {
        Ok(text) => yaml::parse(text),
        Err(why) => (None, vec![not_text(why)]),
    }
}

fn not_text(why: NotText) -> yaml::Fault {
    match why {
        NotText::Utf16 => yaml::Fault::whole(format!("{why}; save it as UTF-8")),
        NotText::NotUtf8(line) => {
            yaml::Fault { line, ..yaml::Fault::whole("is not valid UTF-8 here".to_owned()) }
        }
    }
}

/// What a tree of nodes means; mistakes are noted in the report.
fn options(report: &Report, tree: &yaml::Node, around: &Surroundings<'_>) -> collect::Options {
    let root = section::Section::root(report, tree);
    let items = root.items("tenants");
    if !root.has("tenants") {
        root.missing("tenants", "is required: at least one tenant, with app_id and departments");
    }
    let mut first_lines = BTreeMap::new();
    let mut tenants = Vec::with_capacity(items.len());
    for item in &items {
        let tenant = tenant::read(&item.section(), around);
        if let Some(line) = first_lines.insert(tenant.name.clone(), item.line()) {
            let name = kind::shown(&tenant.name);
            item.problem(format!(
                "is a second tenant with the name {name}, after the one on line {line}; give each \
                 its own name"
            ));
        }
        tenants.push(tenant);
    }
    collect::Options { tenants, series_limit: root.count("series_limit") }
}
