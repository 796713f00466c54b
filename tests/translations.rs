//! A page and its translation have the same headings, tables, commands and links, and every link to
//! a file leads somewhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

const SUFFIX: &str = ".zh-CN.md";

/// Every page of the repository that people read.
fn pages() -> Vec<PathBuf> {
    let folders = [".", "docs", "dashboards", "deploy"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let pages = files.map(|file| file.unwrap().path());
    pages.filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

/// What the two pages of a pair must share.
#[derive(Debug, PartialEq)]
struct Shape {
    /// The level of each heading.
    headings: Vec<usize>,
    /// The columns of each row of a table.
    rows: Vec<usize>,
    /// The blocks of code without comments and the blanks before them.
    code: Vec<String>,
    /// The files linked to, as the first language names them.
    links: BTreeSet<String>,
    /// What stands between backticks.
    names: BTreeSet<String>,
}

fn shape(text: &str) -> Shape {
    let (mut prose, mut code) = (String::new(), Vec::new());
    let comment = Regex::new(r"\s*#.*").unwrap();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 0 {
            prose.push_str(part);
        } else {
            code.push(part.lines().map(|line| comment.replace(line, "") + "\n").collect());
        }
    }
    let lines = || prose.lines();
    let level = |line: &str| line.len() - line.trim_start_matches('#').len();
    Shape {
        headings: lines().map(level).filter(|level| *level > 0).collect(),
        rows: lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.matches('|').count())
            .collect(),
        code,
        links: links(&prose).into_iter().map(|link| link.replace(".zh-CN.", ".")).collect(),
        names: Regex::new("`([^`]+)`")
            .unwrap()
            .captures_iter(&prose)
            .map(|name| name[1].to_owned())
            .collect(),
    }
}

fn links(text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)#: ]+)").unwrap();
    let targets = link.captures_iter(text).map(|link| link[1].to_owned());
    targets.filter(|target| !["http", "https", "mailto"].contains(&target.as_str())).collect()
}

#[test]
fn a_translation_says_as_much_as_its_page() {
    let translated: Vec<PathBuf> =
        pages().into_iter().filter(|path| path.to_str().unwrap().ends_with(SUFFIX)).collect();
    assert!(translated.len() >= 2, "{translated:?}");
    for chinese in translated {
        let english = chinese.to_str().unwrap().replace(SUFFIX, ".md");
        let (own, other) = (Path::new(&english), &chinese);
        let mut english = shape(&fs::read_to_string(own).unwrap());
        let mut chinese = shape(&fs::read_to_string(other).unwrap());
        // Each names the other.
        let name = own.file_name().unwrap().to_str().unwrap();
        assert!(english.links.remove(name) && chinese.links.remove(name), "{}", other.display());
        assert_eq!(chinese, english, "{}", other.display());
    }
}

#[test]
fn every_link_to_a_file_leads_there() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&fs::read_to_string(&page).unwrap()) {
            if !page.parent().unwrap().join(&link).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
