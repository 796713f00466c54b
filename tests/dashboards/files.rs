//! The dashboards as files.

use std::{collections::BTreeSet, fs, path::PathBuf};

use regex::Regex;
use serde_json::Value;

pub(crate) const DASHBOARDS: [&str; 3] =
    ["feishu-activity", "feishu-department", "feishu-exporter"];
pub(crate) const LANGUAGES: [&str; 2] = ["en", "zh"];

/// One dashboard in one language.
pub(crate) struct Dashboard {
    /// Such as `feishu-activity-en`.
    pub(crate) uid: String,
    pub(crate) json: Value,
}

/// A query of a panel, its variables left as they are.
pub(crate) struct Query {
    /// The dashboard and the panel's title.
    pub(crate) place: String,
    pub(crate) expression: String,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn path(name: &str, language: &str) -> String {
    let file = root().join(format!("dashboards/grafana/{language}/{name}.json"));
    file.to_str().unwrap().to_owned()
}

impl Dashboard {
    pub(crate) fn read(name: &str, language: &str) -> Self {
        let text = fs::read_to_string(path(name, language)).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        Self { uid: json["uid"].as_str().unwrap().to_owned(), json }
    }

    pub(crate) fn all() -> Vec<Self> {
        let both = LANGUAGES
            .iter()
            .flat_map(|language| DASHBOARDS.iter().map(move |name| Self::read(name, language)));
        both.collect()
    }

    /// The panels that are not only the heading of a row, those of collapsed rows included.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Value> {
        let entries = self.json["panels"].as_array().unwrap().iter();
        entries.flat_map(|panel| match panel["type"] == "row" {
            true => panel["panels"].as_array().unwrap().iter().collect(),
            false => vec![panel],
        })
    }

    pub(crate) fn queries(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        for panel in self.panels() {
            let place = format!("{}/{}", self.uid, panel["title"].as_str().unwrap());
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap().to_owned();
                queries.push(Query { place: place.clone(), expression });
            }
        }
        queries
    }

    pub(crate) fn variables(&self) -> &Vec<Value> {
        self.json["templating"]["list"].as_array().unwrap()
    }

    /// The queries of panels and variables.
    pub(crate) fn spelled_out(&self) -> Vec<Query> {
        let of_variables = self.variables().iter().filter(|v| v["type"] == "query").map(|v| {
            let place = format!("{}/${}", self.uid, v["name"].as_str().unwrap());
            Query { place, expression: v["query"]["query"].as_str().unwrap().to_owned() }
        });
        self.queries().into_iter().chain(of_variables).collect()
    }
}

/// The metrics that an expression names.
pub(crate) fn metrics(expression: &str) -> BTreeSet<String> {
    let name = Regex::new(r"\b(up|(feishu|process|scrape)_[a-z0-9_]+)\b").unwrap();
    let strings = Regex::new(r#""[^"]*""#).unwrap();
    let bare = strings.replace_all(expression, "\"\"");
    name.find_iter(&bare).map(|found| found.as_str().to_owned()).collect()
}

/// The queries that the dashboards' README tells people to copy.
pub(crate) fn queries_to_copy() -> Vec<String> {
    let page = fs::read_to_string(root().join("dashboards/README.md")).unwrap();
    let blocks = page.split("```promql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let queries = blocks.flat_map(|block| block.trim().split("\n\n")).map(str::to_owned);
    queries.collect()
}
