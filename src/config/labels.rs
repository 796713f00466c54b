//! Labels of the operator's own, on `feishu_department_info`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use regex::Regex;

use super::section::{Item, Section};
use crate::{
    catalogue::DEPARTMENT_INFO,
    labels::{Labels, OwnLabels},
    usage::LABEL_BYTES_MAX,
};

/// Names of a tenant at most: Prometheus is often told to take 30 labels, and 7 are ours.
const NAMES_MAX: usize = 20;
/// Patterns over paths at most: each is tried for every department in each snapshot.
const PATTERNS_MAX: usize = 100;
/// Labels that Prometheus gives to what it scrapes; ours would become `exported_…`.
const OF_PROMETHEUS: [&str; 2] = ["job", "instance"];

/// Reads those of a tenant; `by_department` were read with the departments.
pub(super) fn read(
    section: &Section<'_>,
    by_department: HashMap<String, Labels>,
) -> Arc<OwnLabels> {
    let patterns = section.items("labels_by_path");
    if patterns.len() > PATTERNS_MAX {
        section.problem("labels_by_path", format!("has more than {PATTERNS_MAX} entries"));
    }
    let by_path = patterns.iter().take(PATTERNS_MAX).filter_map(pattern).collect();
    let own = OwnLabels { of_tenant: labels(&section.section("labels")), by_path, by_department };
    let of_paths = own.by_path.iter().map(|(_, labels)| labels);
    let all = own.by_department.values().chain(of_paths).chain([&own.of_tenant]);
    let names: BTreeSet<&String> = all.flat_map(Labels::keys).collect();
    if names.len() > NAMES_MAX {
        let message = format!(
            "and labels_by_path and those of departments have {} names together, more than {NAMES_MAX}",
            names.len()
        );
        section.problem("labels", message);
    }
    Arc::new(own)
}

/// The labels of a section `labels`.
pub(super) fn labels(section: &Section<'_>) -> Labels {
    let mut labels = Labels::new();
    for name in section.keys() {
        let Some(value) = section.text(name) else { continue };
        match refused(name, &value) {
            Some(why) => section.problem(name, why),
            None => {
                labels.insert(name.to_owned(), value);
            }
        }
    }
    labels
}

fn pattern(item: &Item<'_>) -> Option<(Regex, Labels)> {
    let section = item.section();
    for (key, what) in [
        ("path", "is required: a regular expression over the path a/b/c"),
        ("labels", "is required: the labels of the departments whose path matches"),
    ] {
        if !section.has(key) {
            section.missing(key, what);
        }
    }
    let labels = labels(&section.section("labels"));
    Some((section.pattern("path")?, labels))
}

/// Why a label is not taken.
fn refused(name: &str, value: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || !name.chars().all(is_plain) {
        return Some(
            "is no name of a label: letters, digits and _, not beginning with a digit".to_owned(),
        );
    }
    if name.starts_with("__") {
        return Some("begins with __, which Prometheus keeps for itself".to_owned());
    }
    if DEPARTMENT_INFO.labels.contains(&name) {
        return Some(format!("is a label that {} has already", DEPARTMENT_INFO.name));
    }
    if OF_PROMETHEUS.contains(&name) {
        return Some("is a label that Prometheus gives to every series itself".to_owned());
    }
    (value.len() > LABEL_BYTES_MAX).then(|| format!("is longer than {LABEL_BYTES_MAX} bytes"))
}
