//! `figures`: names and globs of metrics to the set of figures that is published.

use super::{
    kind::{Kind, shown},
    section::{Item, Section, nearest},
};
use crate::{catalogue::FIGURES, usage::FigureSet};

/// Reads which figures are published.
pub(super) fn read(section: &Section<'_>) -> FigureSet {
    let include = section.items("include");
    let mut figures = if include.is_empty() { FigureSet::all() } else { FigureSet::none() };
    for index in include.iter().flat_map(matches) {
        figures.insert(index);
    }
    let exclude = section.items("exclude");
    for index in exclude.iter().flat_map(matches) {
        figures.remove(index);
    }
    if figures.is_empty() && !exclude.is_empty() {
        section.problem("exclude", "leaves no figure to publish; leave something out of it");
    }
    figures
}

/// The figures that one entry names.
fn matches(item: &Item<'_>) -> Vec<usize> {
    let Some(pattern) = item.read(&Kind::Text, Kind::text) else { return Vec::new() };
    let found: Vec<usize> =
        (0..FIGURES.len()).filter(|index| glob(&pattern, FIGURES[*index].metric)).collect();
    if found.is_empty() {
        item.problem(unknown(&pattern));
    }
    found
}

/// The figure of that metric.
///
/// # Errors
/// If there is none, with the name that was probably meant.
pub(crate) fn figure_named(metric: &str) -> Result<usize, String> {
    FIGURES.iter().position(|figure| figure.metric == metric).ok_or_else(|| unknown(metric))
}

fn unknown(pattern: &str) -> String {
    let wrong = shown(pattern);
    if pattern.contains(['*', '?']) {
        return format!("{wrong} matches no figure; docs/metrics.md lists them");
    }
    if let Some(figure) = FIGURES.iter().find(|figure| figure.api_field == pattern) {
        return format!("{wrong} is a field of the API; its metric is {}", figure.metric);
    }
    match nearest(pattern, FIGURES.iter().map(|figure| figure.metric)) {
        Some(name) => format!("{wrong} is not a figure; did you mean {name}?"),
        None => format!("{wrong} is not a figure; docs/metrics.md lists them"),
    }
}

/// Whether `name` is matched by a pattern in which `*` is any text and `?` any character.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&b) if b == b'?' || b == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_knows_stars_and_question_marks() {
        for (pattern, name, is_match) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("*_dau", "feishu_department_im_dau", true),
            ("*docs*dau", "feishu_department_docs_dau", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a**", "a", true),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(glob(pattern, name), is_match, "{pattern} on {name}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_or_that_of_its_field() {
        assert!(unknown("feishu_department_im_dua").ends_with("feishu_department_im_dau?"));
        assert!(unknown("suite_dau").ends_with("its metric is feishu_department_suite_dau"));
        assert!(unknown("nonsense").ends_with("docs/metrics.md lists them"));
    }
}
