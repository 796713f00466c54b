//! The dashboards against the tables of what is published, and against each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use feishu_exporter::{
    catalogue::{self, FIGURES},
    telemetry::{
        process::Process,
        table::{Kind, OWN},
    },
};
use prometheus::core::Collector;
use regex::Regex;
use serde_json::Value;

use crate::{
    files::{DASHBOARDS, Dashboard, LANGUAGES, metrics, queries_to_copy, root},
    outside::python,
};

/// What Prometheus itself knows of a target.
const OF_PROMETHEUS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// The series of every table; of a histogram, each must not be on a dashboard, but the family.
fn published() -> BTreeMap<String, Vec<String>> {
    let mut families = BTreeMap::new();
    let figures =
        FIGURES.iter().flat_map(|figure| [Some(figure.metric), figure.baseline]).flatten();
    let simple = figures.chain(catalogue::families().map(|family| family.name)).map(str::to_owned);
    let process = Process::this().collect();
    for name in simple.chain(process.iter().map(|family| family.name().to_owned())) {
        families.insert(name.clone(), vec![name]);
    }
    for own in OWN {
        let series = match own.kind {
            Kind::Histogram => {
                ["bucket", "count", "sum"].map(|end| format!("{}_{end}", own.name)).into()
            }
            Kind::Counter | Kind::Gauge => vec![own.name.to_owned()],
        };
        families.insert(own.name.to_owned(), series);
    }
    families
}

fn named() -> BTreeSet<String> {
    let queries = Dashboard::all().into_iter().flat_map(|dashboard| dashboard.spelled_out());
    queries.flat_map(|query| metrics(&query.expression)).collect()
}

#[test]
fn every_metric_that_a_dashboard_names_is_published() {
    let published: BTreeSet<String> = published().into_values().flatten().collect();
    let named = named();
    let strange: Vec<_> = named
        .iter()
        .filter(|name| !published.contains(*name) && !OF_PROMETHEUS.contains(&name.as_str()))
        .collect();
    assert!(strange.is_empty(), "nobody publishes {strange:?}");
}

#[test]
fn every_metric_that_is_published_is_on_a_dashboard() {
    let named = named();
    let missing: Vec<_> = published()
        .into_iter()
        .filter(|(_, series)| !series.iter().any(|name| named.contains(name)))
        .map(|(family, _)| family)
        .collect();
    assert!(missing.is_empty(), "on no dashboard: {missing:?}");
}

#[test]
fn the_table_of_the_dashboards_is_that_of_the_catalogue() {
    let table = fs::read_to_string(root().join("dashboards/source/figures.tsv")).unwrap();
    let lines: Vec<Vec<&str>> =
        table.lines().skip(1).map(|line| line.split('\t').take(3).collect()).collect();
    let catalogue: Vec<Vec<String>> = FIGURES
        .iter()
        .map(|f| {
            vec![f.metric.to_owned(), f.unit.to_string(), f.baseline.unwrap_or("-").to_owned()]
        })
        .collect();
    assert_eq!(lines, catalogue);
}

/// A total beside its parts is our one series that must not be added up with others.
#[test]
fn every_query_of_a_figure_chooses_the_product_version() {
    let figure = Regex::new(r"\b(feishu_department_\w+)(\{[^}]*\})?").unwrap();
    let by_version: BTreeSet<&str> =
        FIGURES.iter().flat_map(|f| [Some(f.metric), f.baseline]).flatten().collect();
    let mut seen = 0;
    for dashboard in Dashboard::all() {
        for query in dashboard.spelled_out().iter().filter(|query| !query.place.contains('$')) {
            for found in figure.captures_iter(&query.expression) {
                if by_version.contains(&found[1]) {
                    let labels = found.get(2).map_or("", |labels| labels.as_str());
                    assert!(
                        labels.contains("product_version=\""),
                        "{}: {}",
                        query.place,
                        &found[0]
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 100, "the figures were not found");
}

#[test]
fn counts_of_all_levels_are_never_added_up() {
    let nested = Regex::new(r"sum[^(]*\([^()]*(recursive|contact)_").unwrap();
    for query in Dashboard::all().iter().flat_map(Dashboard::spelled_out) {
        assert!(!nested.is_match(&query.expression), "{}: {}", query.place, query.expression);
    }
}

#[test]
fn every_panel_has_a_title_of_its_own_and_tells_what_it_shows() {
    for dashboard in Dashboard::all() {
        let mut titles = BTreeSet::new();
        for panel in dashboard.panels() {
            let title = panel["title"].as_str().unwrap();
            assert!(titles.insert(title), "{}: two panels are called {title}", dashboard.uid);
            let description = panel["description"].as_str().unwrap();
            assert!(description.ends_with(['.', '。']), "{}/{title}: {description}", dashboard.uid);
        }
        assert!(titles.len() > 15, "{}", dashboard.uid);
    }
}

/// What differs between the editions is words: texts, legends, and the ids of dashboards.
#[test]
fn both_editions_ask_the_same_and_the_chinese_one_is_chinese() {
    for name in DASHBOARDS {
        let [english, chinese] = LANGUAGES.map(|language| Dashboard::read(name, language));
        let expressions =
            |of: &Dashboard| of.queries().into_iter().map(|q| q.expression).collect::<Vec<_>>();
        assert_eq!(expressions(&english), expressions(&chinese), "{name}");
        assert_eq!(words(&english.json, &|text| text.chars().any(is_chinese)), Vec::<&str>::new());
        let left = words(&chinese.json, &|text| !text.chars().any(is_chinese));
        assert_eq!(
            left.into_iter().filter(|word| !IN_BOTH.contains(word)).collect::<Vec<_>>(),
            Vec::<&str>::new()
        );
    }
}

/// Titles that are the same in Chinese.
const IN_BOTH: [&str; 1] = ["CPU"];

/// Titles, labels and descriptions that are so.
fn words<'a>(json: &'a Value, so: &dyn Fn(&str) -> bool) -> Vec<&'a str> {
    match json {
        Value::Array(entries) => entries.iter().flat_map(|entry| words(entry, so)).collect(),
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, entry)| match entry {
                Value::String(text)
                    if ["title", "label", "description"].contains(&key.as_str()) =>
                {
                    Vec::from_iter(so(text).then_some(text.as_str()))
                }
                _ => words(entry, so),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn is_chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

#[test]
fn every_link_leads_to_a_dashboard_of_the_same_edition() {
    let target = Regex::new(r#""/d/([a-z-]+)\?"#).unwrap();
    let all = Dashboard::all();
    let uids: BTreeSet<&str> = all.iter().map(|dashboard| dashboard.uid.as_str()).collect();
    assert_eq!(uids.len(), DASHBOARDS.len() * LANGUAGES.len());
    let mut seen = 0;
    for dashboard in &all {
        let (_, language) = dashboard.uid.rsplit_once('-').unwrap();
        for link in target.captures_iter(&dashboard.json.to_string()) {
            assert!(uids.contains(&link[1]) && link[1].ends_with(language), "{}", &link[0]);
            seen += 1;
        }
    }
    assert!(seen >= 8, "the links were not found");
}

/// What docs/operations.md takes as the longest interval between scrapes. Of the interval of a
/// query `$__rate_interval` is four times as much, of that of a panel just a little more.
#[test]
fn a_rate_holds_several_scrapes_however_rare_they_may_be() {
    let guide = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    assert!(
        guide.contains("2 minutes is the longest interval"),
        "the guide names another interval"
    );
    let mut seen = 0;
    for dashboard in Dashboard::all() {
        let targets = dashboard.panels().flat_map(|panel| panel["targets"].as_array().unwrap());
        for target in targets.filter(|target| target.to_string().contains("$__rate_interval")) {
            assert_eq!(target["interval"], "2m", "{}: {target}", dashboard.uid);
            seen += 1;
        }
    }
    assert_eq!(seen, 3 * LANGUAGES.len(), "the rates were not found");
}

/// A dashboard takes the value "All" of a link, even for a variable that has no such choice.
#[test]
fn a_link_hands_over_only_choices_that_the_other_dashboard_has() {
    let target = Regex::new(r#""/d/([a-z-]+)\?([^"]*)""#).unwrap();
    let variable = Regex::new(r"\$\{(\w+):queryparam\}").unwrap();
    let all = Dashboard::all();
    let find = |dashboard: &Dashboard, name: &str| {
        let found = dashboard.variables().iter().find(|variable| variable["name"] == name);
        found.unwrap_or_else(|| panic!("{} has no {name}", dashboard.uid)).clone()
    };
    for dashboard in &all {
        let links = dashboard.json["links"].as_array().unwrap();
        assert_eq!(links.len(), DASHBOARDS.len() - 1, "{}: one to each other", dashboard.uid);
        let every = links.iter().filter(|link| link["includeVars"] != false).count();
        assert_eq!(every, 0, "{}: hands over everything", dashboard.uid);
        for link in target.captures_iter(&dashboard.json.to_string()) {
            let other = all.iter().find(|other| other.uid == link[1]).unwrap();
            for name in variable.captures_iter(&link[2]) {
                let (from, to) = (find(dashboard, &name[1]), find(other, &name[1]));
                for choice in ["includeAll", "multi"] {
                    let too_many = from[choice] == true && to[choice] != true;
                    assert!(!too_many, "{}: {} of {}", &link[1], &name[1], dashboard.uid);
                }
            }
        }
    }
}

/// What is chosen goes along between the dashboards that have the same choices.
#[test]
fn links_at_the_top_carry_every_choice_of_departments() {
    for language in LANGUAGES {
        for (name, other) in
            [("feishu-activity", "feishu-department"), ("feishu-department", "feishu-activity")]
        {
            let dashboard = Dashboard::read(name, language);
            let links = dashboard.json["links"].as_array().unwrap();
            let urls = links.iter().map(|link| link["url"].as_str().unwrap());
            let url = urls.into_iter().find(|url| url.contains(other)).unwrap();
            for variable in dashboard.variables().iter().filter(|of| of["skipUrlSync"] != true) {
                let taken = format!("${{{}:queryparam}}", variable["name"].as_str().unwrap());
                assert!(url.contains(&taken), "{name}: {url} lacks {taken}");
            }
        }
    }
}

/// Also a link of one department, which chooses that department itself.
#[test]
fn links_to_a_dashboard_of_departments_keep_version_and_count() {
    let link = Regex::new(r#""/d/feishu-(?:activity|department)-[a-z]+\?[^"]*""#).unwrap();
    let mut seen = 0;
    for dashboard in Dashboard::all().iter().filter(|of| !of.uid.starts_with("feishu-exporter")) {
        for found in link.find_iter(&dashboard.json.to_string()) {
            for variable in ["datasource", "tenant", "product_version", "below"] {
                let taken = format!("${{{variable}:queryparam}}");
                assert!(found.as_str().contains(&taken), "{}: {}", dashboard.uid, found.as_str());
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "the links were not found");
}

/// Of thousands of departments a table has fifty and a panel five curves; two variables hold
/// them, so that no query reads the others.
#[test]
fn the_department_page_asks_only_for_the_departments_that_it_shows() {
    for language in LANGUAGES {
        let dashboard = Dashboard::read("feishu-department", language);
        let all = dashboard.queries().into_iter().filter(|q| q.expression.contains("$department"));
        assert_eq!(all.map(|query| query.place).collect::<Vec<_>>(), Vec::<String>::new());
        for (name, number) in [("listed", "topk(50,"), ("curves", "topk(5,")] {
            let mut variables = dashboard.variables().iter();
            let variable = variables.find(|variable| variable["name"] == name).unwrap();
            assert!(variable["query"]["query"].as_str().unwrap().contains(number), "{variable}");
            assert_eq!(variable["hide"], 2, "{name} is nobody's choice");
        }
    }
}

/// A row is opened by hand: 53 open panels load for a minute. A tile leads to what explains it.
#[test]
fn rows_are_collapsed_and_tiles_open_panels_that_are_there() {
    let panel = Regex::new(r"viewPanel=panel-(\d+)").unwrap();
    let mut seen = 0;
    for dashboard in Dashboard::all() {
        let rows = dashboard.json["panels"].as_array().unwrap();
        assert!(
            rows.iter().filter(|panel| panel["type"] == "row").all(|row| row["collapsed"] == true)
        );
        let ids: BTreeSet<i64> = dashboard.panels().map(|p| p["id"].as_i64().unwrap()).collect();
        assert_eq!(ids.len(), dashboard.panels().count(), "{}: an id twice", dashboard.uid);
        for found in panel.captures_iter(&dashboard.json.to_string()) {
            assert!(ids.contains(&found[1].parse().unwrap()), "{}: {}", dashboard.uid, &found[0]);
            seen += 1;
        }
    }
    assert!(seen >= 10, "the tiles were not found");
}

#[test]
fn the_dashboards_are_what_their_source_says() {
    let generate = root().join("dashboards/generate");
    let output = Command::new("python3").arg(generate).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// By the parser of the crate promql-parser, which follows Prometheus 3.
#[test]
fn another_parser_of_promql_accepts_every_query() {
    let queries = Dashboard::all().into_iter().flat_map(|dashboard| dashboard.spelled_out());
    let expressions: Vec<String> = queries
        .filter(|query| !query.place.contains('$'))
        .map(|query| query.expression.replace("$__rate_interval", "1m"))
        .collect();
    let copied = queries_to_copy();
    assert!(copied.len() >= 8, "the queries of the README were not found");
    let expressions = [expressions, copied].concat();
    python("../dashboards/parse.py", &[], serde_json::to_string(&expressions).unwrap().as_bytes());
}
