//! The sources beside the department statistics, each of which is a section with `enabled`.
//!
//! A section is read to its end even where it is switched off, so that its mistakes show before
//! it is switched on.

use std::{collections::BTreeMap, time::Duration};

use regex::Regex;

use super::{
    kind::{Kind, shown},
    section::Section,
};
use crate::{
    collect::{Contact, Discovery, Language, Source, UserStatistics},
    sources::directory::ROOT,
};

/// Expressions of one list at most; all of them are tried on every department.
const PATTERNS_MAX: usize = 1000;

/// Roots at most: each costs a request at least, where one above them would cost one.
const ROOTS_MAX: usize = 1000;

/// Reads `discovery`.
pub(super) fn discovery(section: &Section<'_>) -> Option<Discovery> {
    let discovery = Discovery {
        roots: roots(section),
        // The range ends at 4, so the number always fits.
        max_depth: u8::try_from(section.count("max_depth")).unwrap_or(u8::MAX),
        include: patterns(section, "include"),
        exclude: patterns(section, "exclude"),
        min_members: section.count("min_members"),
        refresh_interval: section.duration("refresh_interval"),
    };
    let is_on = section.flag("enabled");
    if is_on && discovery.roots.len() > 1 && discovery.roots.iter().any(|root| root == ROOT) {
        section.warning("root", "lists 0 beside others, which all lie below it; keep 0 alone");
    }
    if is_on && discovery.max_depth == 0 {
        section.warning(
            "max_depth",
            "is 0: no department lies as high as the root, so that none is found; write 1 to 4",
        );
    }
    is_on.then_some(discovery)
}

fn roots(section: &Section<'_>) -> Vec<String> {
    const KEY: &str = "root";
    let items = section.one_or_many(KEY);
    if items.len() > ROOTS_MAX {
        section.problem(KEY, format!("lists more than {ROOTS_MAX} departments; name one above"));
        return Vec::new();
    }
    let mut roots: Vec<String> = Vec::with_capacity(items.len());
    for item in &items {
        let Some(id) = item.read(&Kind::Id, Kind::text) else { continue };
        if roots.contains(&id) {
            item.problem(format!("{} is listed twice; keep one", shown(&id)));
        } else {
            roots.push(id);
        }
    }
    if items.is_empty() {
        roots.push(ROOT.to_owned());
    }
    roots
}

/// Reads `contact`.
pub(super) fn contact(section: &Section<'_>) -> Option<Contact> {
    let language = match section.choice("language") {
        "en_us" => Language::English,
        "ja_jp" => Language::Japanese,
        _ => Language::Chinese,
    };
    interval(section).map(|refresh_interval| Contact { language, refresh_interval })
}

/// Reads the sources that have nothing but an interval.
pub(super) fn intervals(tenant: &Section<'_>) -> BTreeMap<&'static str, Duration> {
    let keys = Source::with_only_an_interval().map(Source::configuration_key);
    keys.filter_map(|key| Some((key, interval(&tenant.section(key))?))).collect()
}

fn interval(section: &Section<'_>) -> Option<Duration> {
    let refresh_interval = section.duration("refresh_interval");
    section.flag("enabled").then_some(refresh_interval)
}

/// Reads `user_statistics`; the size of groups stands under `privacy`.
pub(super) fn user_statistics(
    section: &Section<'_>,
    privacy: &Section<'_>,
) -> Option<UserStatistics> {
    let min_group_size = privacy.count("min_group_size");
    let is_on = section.flag("enabled");
    if is_on && min_group_size == 1 {
        privacy.warning(
            "min_group_size",
            "is 1: what one person did is published where a department has one; write 10",
        );
    }
    is_on.then_some(UserStatistics { min_group_size })
}

fn patterns(section: &Section<'_>, key: &str) -> Vec<Regex> {
    let items = section.items(key);
    if items.len() > PATTERNS_MAX {
        section.problem(key, format!("has more than {PATTERNS_MAX} entries; join some with |"));
        return Vec::new();
    }
    items.iter().filter_map(|item| item.read(&Kind::Pattern, Kind::pattern)).collect()
}
