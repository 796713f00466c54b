//! Names with which text formats are broken.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::{
    outside::{get, parse, promtool_check_metrics},
    program::Program,
    world::{SECRET, World, configuration, metrics_of_latest},
};

/// Bytes of a label's value at most.
const LABEL_BYTES_MAX: usize = 512;

#[test]
fn any_name_leaves_the_page_valid_and_comes_back_as_it_was() {
    let world = World::new(16);
    let ids = world.departments();
    let long = "星".repeat(4096 / 3);
    let names = [
        "say \"hello\"",
        "C:\\new\\table",
        "two\nlines",
        "backslash and n: \\n",
        "ends with a backslash\\",
        "🚀 实验室",
        "  leading blanks",
        "a,b=\"c\"} 1\n# EOF",
        "tab\tand return\r",
        "# HELP x y",
        &long,
    ];
    let named: BTreeMap<&str, &str> = ids.iter().map(String::as_str).zip(names).collect();
    assert_eq!(named.len(), names.len(), "not enough departments for all names");
    for (id, name) in &named {
        let kind = json!({ "set_field": { "field": "department_name", "value": name } });
        world.fault(Some(id), &kind);
    }
    let mut exporter = Program::exporter(
        &["serve", "--config.file=conf.yml", "--web.listen-address=127.0.0.1:0"],
        &[("conf.yml", &world.configuration()), ("secret", SECRET)],
    );
    let url = exporter.listens();
    let page = metrics_of_latest(&url, ids.len());

    promtool_check_metrics(&page);
    let accept = ["--header", "Accept: application/openmetrics-text;version=1.0.0"];
    let openmetrics = get(&format!("{url}/metrics"), &accept).text();
    for (format, page) in [("text", &page), ("openmetrics", &openmetrics)] {
        let days: BTreeMap<String, String> = parse(format, page)
            .into_iter()
            .filter(|s| s.name == "feishu_department_statistics_day_timestamp_seconds")
            .map(|s| (s.labels["department_id"].clone(), s.labels["department"].clone()))
            .collect();
        assert_eq!(days.len(), ids.len(), "{format}");
        for (id, name) in &named {
            assert_eq!(days[*id], cut(name), "{format}");
        }
    }
    // The status page shows them as text, whatever they hold.
    assert_eq!(get(&format!("{url}/"), &[]).status, 200);
}

#[test]
fn labels_of_ones_own_stand_on_the_info_of_each_department() {
    let world = World::new(16);
    let ids = world.departments();
    let mut listed = ids.clone();
    listed[0] = format!("{{id: {}, labels: {{team: own}}}}", ids[0]);
    let more = "    labels: {company: acme, team: all}\n    \
                labels_by_path: [{path: /, labels: {team: below}}]\n";
    let mut exporter = Program::exporter(
        &["serve", "--config.file=conf.yml", "--web.listen-address=127.0.0.1:0"],
        &[("conf.yml", &configuration(&world.api, &listed, more)), ("secret", SECRET)],
    );
    let url = exporter.listens();
    let page = metrics_of_latest(&url, ids.len());
    promtool_check_metrics(&page);
    let infos = parse("text", &page);
    let infos: Vec<_> = infos.iter().filter(|s| s.name == "feishu_department_info").collect();
    assert_eq!(infos.len(), ids.len());
    let mut seen = BTreeSet::new();
    for info in infos {
        let team = match &info.labels {
            labels if labels["department_id"] == ids[0] => "own",
            labels if labels["department_path"].contains('/') => "below",
            _ => "all",
        };
        assert_eq!((&*info.labels["team"], &*info.labels["company"]), (team, "acme"), "{info:?}");
        seen.insert(team);
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// As much of a name as a label may hold.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(LABEL_BYTES_MAX)]
}
