use std::{collections::BTreeMap, fs};

use super::*;
use crate::{
    catalogue::OPTIONAL_FAMILIES,
    collect::Options,
    config::{self, Source as From},
};

/// A tenant with some departments and whatever else is written, as the file would give it.
fn options(departments: u64, keys: &str) -> Options {
    let ids: Vec<String> = (0..departments).map(|id| format!("od-{id}")).collect();
    let listed = match departments {
        0 => String::new(),
        _ => format!("departments: [{}]", ids.join(", ")),
    };
    let text = format!("tenants:\n- app_id: cli_a\n  app_secret: hunter2\n  {listed}\n  {keys}\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let now = "2026-11-22T04:00:00Z".parse().unwrap();
    let source = From::File(file.path().to_owned());
    config::load(&source, &BTreeMap::new(), now).unwrap().options
}

#[test]
fn every_source_has_its_costs() {
    let keys = Source::with_only_an_interval().map(Source::configuration_key);
    let keys: Vec<_> = keys.chain(["user_statistics"]).collect();
    let keys: Vec<_> = keys.iter().map(|key| format!("{key}: {{enabled: true}}")).collect();
    let tenant = &options(1, &keys.join("\n  ")).tenants[0];
    let size = Size::new(tenant, &nothing());
    for source in Source::all() {
        let any = takes(source, tenant, &size).iter().any(Option::is_some);
        assert_eq!(any, source != Source::Departments, "{source:?}");
    }
}

fn estimated(departments: u64, keys: &str, measured: &Measured) -> Estimate {
    estimate(&options(departments, keys).tenants[0], measured)
}

/// Without baselines and the contact API.
const BARE: &str = "collection: {baseline_weeks: 0}\n  contact: {enabled: false}\n  ";

/// Requests a day, requests a month, series.
fn numbers(cost: Cost) -> (u64, u64, u64) {
    (cost.requests_per_day, cost.requests_per_month, cost.series)
}

fn nothing() -> Measured {
    Measured::default()
}

#[test]
fn department_statistics_cost_a_page_a_department_and_a_token() {
    for (departments, keys, expected) in [
        (1, "rates: auto", (1 + 1, 62, 5 * 38 + 3)),
        (3, "product_versions: false", (3 + 1, 124, 3 * (38 + 2) + 1)),
        (3, "geos: [cn, sg]", (6 + 1, 217, 3 * (2 * (5 * 38 + 1) + 1) + 2)),
        (2, "figures: {include: [feishu_department_im_dau]}", (2 + 1, 93, 2 * 7 + 1)),
    ] {
        let keys = format!("{BARE}{keys}");
        let estimate = estimated(departments, &keys, &nothing());
        assert_eq!(numbers(estimate.live), expected, "{keys}");
        assert_eq!((estimate.total(), estimate.is_lower_bound), (estimate.live, false));
    }
}

#[test]
fn baselines_cost_the_past_once() {
    for (keys, first_day, series) in [
        // 28 rows are two pages.
        ("rates: auto", 3 * 2, 3 * 12),
        ("collection: {baseline_weeks: 2}", 3, 3 * 12),
        ("collection: {baseline_weeks: 12}", 3 * 5, 3 * 12),
        ("collection: {retention: 15d}", 3, 3 * 12),
        ("geos: [cn, sg]", 2 * 3 * 2, 2 * 3 * 12),
        ("figures: {include: [feishu_department_im_dau, feishu_department_users]}", 3 * 2, 3),
    ] {
        let estimate = estimated(3, keys, &nothing());
        let source = estimate.optional.iter().find(|source| source.key == "baselines").unwrap();
        assert_eq!(source.cost.requests_first_day, first_day, "{keys}");
        assert_eq!(numbers(source.cost), (0, first_day, series), "{keys}");
    }
    let none = estimated(3, "collection: {baseline_weeks: 0}", &nothing());
    assert!(none.optional.iter().all(|source| source.key != "baselines"));
}

#[test]
fn each_optional_source_shows_its_own_cost() {
    for (keys, key, expected) in [
        ("contact:", "contact", (3, 93, 101 * 4)),
        ("contact: {refresh_interval: 12h}", "contact", (6, 186, 101 * 4)),
        // 3 requests in 30 days are 3.1 in a month, and not one on most days.
        ("contact: {refresh_interval: 30d}", "contact", (1, 4, 101 * 4)),
        ("directory: {enabled: true}", "directory", (20, 620, 101 * 5)),
        ("members: {enabled: true}", "members", (101, 3131, 101 * 11)),
        ("members: {enabled: true, refresh_interval: 1h}", "members", (2424, 75_144, 101 * 11)),
        ("user_statistics: {enabled: true}", "user_statistics", (101, 3131, 101 * 26)),
        ("discovery: {enabled: true}", "discovery", (20, 620, 101 * 5)),
        ("discovery: {enabled: true, max_depth: 1}", "discovery", (1, 31, 101 * 5)),
        (
            "discovery: {enabled: true, max_depth: 1, root: [od-a, od-b]}",
            "discovery",
            (2, 62, 101 * 5),
        ),
    ] {
        let estimate = estimated(101, keys, &nothing());
        let source = estimate.optional.iter().find(|source| source.key == key).unwrap();
        assert_eq!(numbers(source.cost), expected, "{keys}");
    }
    let both = estimated(1, "discovery: {enabled: true}\n  directory: {enabled: true}", &nothing());
    let keys: Vec<_> = both.optional.iter().map(|source| source.key).collect();
    assert_eq!(keys, ["baselines", "judgement", "discovery", "contact"], "one walk serves both");
}

#[test]
fn a_limit_by_minute_lengthens_a_collection() {
    let time = |keys| estimated(120, keys, &nothing()).collection_time.as_secs();
    assert_eq!(time("rates: auto"), 24);
    assert_eq!(time("limits: {requests_per_minute: 60}"), 120);
    assert_eq!(time("limits: {requests_per_minute: 60000}"), 24);
}

#[test]
fn the_families_counted_are_those_of_the_catalogue() {
    let families = |is_counted: fn(&[&str]) -> bool| {
        OPTIONAL_FAMILIES.iter().filter(|family| is_counted(family.labels)).count() as u64
    };
    let plain = families(|labels| labels == ["tenant", "department_id"]);
    assert_eq!(plain, CONTACT_SERIES + DIRECTORY_SERIES);
    // Beside the series of people: the six products and the three spans are one family each.
    let by_geo = families(|labels| labels.contains(&"geo"));
    assert_eq!(by_geo, user_series(49, 1) - 5 - 2 - ASSUMED_SYSTEMS - ASSUMED_CLIENTS + 2);
}

#[test]
fn user_statistics_are_asked_in_each_geo_and_never_of_small_groups() {
    let keys = "user_statistics: {enabled: true}\n  geos: [cn, sg]";
    let with = |people: &[u64]| {
        let measured = Measured { people: Some(people.to_vec()), ..nothing() };
        let estimate = estimated(2, keys, &measured);
        numbers(estimate.optional.last().unwrap().cost)
    };
    for (people, requests, series) in [
        (&[9, 9][..], 4, 0),
        (&[10, 10], 4, 4 * 22),
        (&[9, 500], 2 * (1 + 9), 2 * 28),
        // A sample stands for all departments.
        (&[120], 2 * 4, 4 * 26),
        (&[0], 4, 0),
    ] {
        assert_eq!(with(people), (requests, requests * 31, series), "{people:?}");
    }
}

#[test]
fn what_was_measured_stands_in_for_what_was_assumed() {
    let keys = "discovery: {enabled: true}\n  members: {enabled: true}";
    let open = estimated(1, keys, &nothing());
    assert!(open.is_lower_bound);
    assert_eq!(open.live.requests_per_day, 1 + 2);

    let measured = Measured {
        found: Some(99),
        parents: Some(30),
        rows: Some(21),
        people: Some(vec![51, 49]),
        ..nothing()
    };
    let known = estimated(1, keys, &measured);
    assert!(!known.is_lower_bound);
    assert_eq!(known.live.requests_per_day, 100 * 2 + 2);
    assert_eq!(known.live.series, 100 * (21 * 38 + 2) + 1);
    let requests: Vec<_> =
        known.optional.iter().map(|source| (source.key, source.cost.requests_per_day)).collect();
    assert_eq!(
        requests,
        [("baselines", 0), ("judgement", 0), ("discovery", 30), ("contact", 2), ("members", 150)]
    );
    let unused = Measured { people: Some(Vec::new()), ..nothing() };
    assert_eq!(estimated(1, keys, &unused), open, "an empty sample is none");
}

#[test]
fn departments_of_unknown_number_are_priced_each() {
    let found = options(1, "discovery: {enabled: true}");
    // A page a day for its figures, and a fiftieth of a call to the contact API.
    let more = further_department(&found.tenants[0], &nothing());
    assert_eq!(numbers(more), (2, 37, 5 * 38 + 12 + 48 + 2 + 4 + 5));

    let below = options(0, "departments: [{id: od-1, include_children: true}]");
    assert!(estimate(&below.tenants[0], &nothing()).is_lower_bound);
    // Its rows come in the pages of the listed department: five of twenty.
    let more = further_department(&below.tenants[0], &nothing());
    assert_eq!(numbers(more), (1, 13, 5 * 38 + 12 + 48 + 2 + 4));
    let known = Measured { children: Some(8), ..nothing() };
    let estimate = estimate(&below.tenants[0], &known);
    assert_eq!((estimate.live.requests_per_day, estimate.is_lower_bound), (3 + 2, false));
}

#[test]
fn tokens_follow_the_source_that_is_refreshed_most_often() {
    for (interval, tokens) in [("24h", 2), ("30d", 2), ("8h", 4), ("1m", 12)] {
        let keys = format!("contact: {{refresh_interval: {interval}}}");
        let live = estimated(1, &keys, &nothing()).live;
        assert_eq!(live.requests_per_day, 1 + tokens, "{interval}");
    }
}

#[test]
fn only_what_is_used_and_unknown_is_assumed() {
    let told = |keys: &str, measured: &Measured| {
        assumptions(&options(1, keys).tenants[0], measured).join("; ")
    };
    assert_eq!(
        told("product_versions: false", &nothing()),
        "figures come in time; while a day is late, each look (every 1h) adds 1 request; each \
         department is asked alone"
    );
    let keys = "members: {enabled: true}\n  user_statistics: {enabled: true}\n  \
                directory: {enabled: true}";
    let all = told(keys, &nothing());
    for part in ["5 rows", "20 requests", "50 people", "5 employee types", "5 operating systems"] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let measured = Measured { parents: Some(7), rows: Some(2), people: Some(vec![3]), ..nothing() };
    let rest = told(keys, &measured);
    assert!(!["rows", "requests", "people"].iter().any(|part| rest.contains(part)), "{rest}");
}

#[test]
fn a_warning_tells_what_will_stop_and_what_to_do() {
    for (departments, keys, told) in [
        (3, "limits: {requests_per_month: 1000}", None),
        (3, "limits: {requests_per_month: 150}", Some("collection will stop before the month")),
        (
            3,
            "limits: {requests_per_month: 170}",
            Some(
                "200 requests a month are more than limits.requests_per_month (170); department \
                 statistics take 154 of them and go first",
            ),
        ),
        (
            400,
            "contact:",
            Some("14709 requests a month are more than the 10000 of Feishu's Basic plan"),
        ),
        (400, "limits: {requests_per_month: 20000}", None),
        (100, "members: {enabled: true, refresh_interval: 6h}", Some("refresh them less often")),
    ] {
        let options = options(departments, keys);
        let warnings = warnings(&options, &[estimate(&options.tenants[0], &nothing())]);
        assert_eq!(warnings.len(), usize::from(told.is_some()), "{keys}: {warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains(told.unwrap())), "{warnings:?}");
    }
}

#[test]
fn departments_that_are_asked_together_fill_whole_pages() {
    let keys = format!(
        "discovery: {{enabled: true}}\n  limits: {{requests_per_second: 50, requests_per_minute: \
         1000}}\n  {BARE}"
    );
    let measured = Measured { rows: Some(4), found: Some(5000), ..Measured::default() };
    let options = options(0, &keys);
    let tenant = &options.tenants[0];
    let alone = estimate(tenant, &measured);
    let together = together(tenant, &measured).unwrap();
    assert_eq!(alone.live.requests_per_day - 2, 5000);
    assert_eq!(together.live.requests_per_day - 2, 1000);
    assert_eq!(together.collection_time, Duration::from_secs(60));
    assert_eq!(together.live.series, alone.live.series);
    for never in ["request_grouping: never\n  ", "discovery: {enabled: false}\n  "] {
        let options = self::options(1, &format!("{never}{BARE}"));
        assert_eq!(super::together(&options.tenants[0], &measured), None, "{never}");
    }
}
