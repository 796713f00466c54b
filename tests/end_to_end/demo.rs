//! `demo`: the pages, their formats and what is on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use feishu_exporter::{
    catalogue::{FIGURES, families},
    telemetry::table::{Kind, OWN},
};
use flate2::bufread::GzDecoder;
use serde_json::Value;

use crate::{
    outside::{Sample, get, json, parse, promtool_check_metrics, python, text},
    program::eventually,
    world::{Demo, departments},
};

const METRICS_PAGE: &str = include_str!("../../docs/metrics.md");

#[test]
fn every_page_of_the_demo_answers() {
    let demo = Demo::start();
    for (path, status, kind) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/-/healthy", 200, "text/plain; charset=utf-8"),
        ("/-/ready", 200, "text/plain; charset=utf-8"),
        ("/api/v1/status", 200, "application/json"),
        ("/nothing", 404, "text/plain; charset=utf-8"),
    ] {
        let answer = get(&format!("{}{path}", demo.url), &[]);
        assert_eq!((answer.status, answer.headers["content-type"].as_str()), (status, kind));
        assert!(!answer.body.is_empty(), "{path}");
    }
    let page = text(&format!("{}/", demo.url));
    assert!(!page.contains("src=\"http") && !page.contains("<script"), "{page}");

    let status = json(&format!("{}/api/v1/status", demo.url), &[]);
    let served = status["tenants"][0]["departments"].as_array().unwrap();
    assert_eq!(served.len(), departments(&demo.api).len());
    assert!(served.iter().all(|d| d["state"] == "latest"), "{status}");
    assert!(served.iter().all(|d| d["next_attempt"].is_string()), "{status}");
    python("schema.py", &["docs/status.schema.json"], status.to_string().as_bytes());
    demo.stop();
}

/// Every key of an object and of all that it holds.
fn keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            into.extend(object.keys().cloned());
            object.values().for_each(|value| keys(value, into));
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

#[test]
fn a_demo_with_faults_shows_four_departments_in_trouble_and_keeps_to_the_schema() {
    let demo = Demo::with(&["--with-faults", "--departments=30"]);
    let status = eventually("the faults show", || {
        let status = json(&format!("{}/api/v1/status", demo.url), &[]);
        let counts = &status["tenants"][0]["counts"];
        let shown = counts["failed"] == 1 && counts["late"] == 1;
        let done = counts["pending"] == 0;
        (shown && done).then_some(status)
    });
    python("schema.py", &["docs/status.schema.json"], status.to_string().as_bytes());
    assert_eq!(status["tenants"][0]["health"], "trouble");

    // The schema has every key, and so has the page.
    let page = include_str!("../../docs/status-api.md");
    let schema = include_str!("../../docs/status.schema.json");
    let mut told = BTreeSet::new();
    keys(&status, &mut told);
    for key in told {
        assert!(schema.contains(&format!("\"{key}\": {{")), "the schema lacks {key}");
        let documented = ["`{}`", ".{}`", "`{}[]`", "`{}."].map(|form| form.replace("{}", &key));
        assert!(documented.iter().any(|name| page.contains(name)), "the page lacks {key}");
    }

    let departments = status["tenants"][0]["departments"].as_array().unwrap();
    let failed = departments.iter().find(|d| d["state"] == "failed").unwrap();
    assert!(failed["department"].is_string(), "the contact API knows its name: {failed}");
    let renamed = departments.iter().find(|d| d["department"] == "重命名部 (renamed)");
    assert!(renamed.is_some(), "{status}");
    // The one that does half of what it did is seen on the page.
    let dropped = eventually("the drop shows", || {
        let page = text(&format!("{}/?sort=change", demo.url));
        page.split("<td class=\"name\">")
            .nth(1)
            .map(str::to_owned)
            .filter(|row| ["−4", "−5", "−6"].iter().any(|tens| row.contains(&format!(", {tens}"))))
    });
    assert!(dropped.contains("<svg class=\"weeks\""), "{dropped}");
    demo.stop();
}

#[test]
fn both_formats_are_valid_say_the_same_and_hold_nothing_that_is_not_declared() {
    let demo = Demo::start();
    let metrics = format!("{}/metrics", demo.url);
    let page = text(&metrics);
    promtool_check_metrics(&page);
    let samples = parse("text", &page);

    let accept = ["--header", "Accept: application/openmetrics-text;version=1.0.0"];
    let answer = get(&metrics, &accept);
    assert_eq!(
        answer.headers["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let openmetrics = parse("openmetrics", &answer.text());

    let about_departments = |samples: &[Sample]| -> BTreeMap<_, _> {
        let published = samples
            .iter()
            .filter(|s| !s.name.starts_with("feishu_exporter_") && !s.name.starts_with("process_"));
        published.map(|s| ((s.name.clone(), s.labels.clone()), s.value.to_bits())).collect()
    };
    assert_eq!(about_departments(&samples), about_departments(&openmetrics));

    let declared = declared();
    let published: BTreeSet<String> = samples.into_iter().map(|s| s.name).collect();
    let strange: Vec<_> = published.difference(&declared).collect();
    assert!(strange.is_empty(), "published, but in no table: {strange:?}");
    for name in &published {
        let ends = ["_bucket", "_count", "_sum"];
        let family = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        // The page has a baseline in the row of its figure.
        let of = FIGURES.iter().find(|f| f.baseline == Some(family)).map_or(family, |f| f.metric);
        assert!(METRICS_PAGE.contains(&format!("| `{of}` |")), "the page lacks {family}");
    }
    let figures = FIGURES.iter().flat_map(|f| [Some(f.metric), f.baseline]).flatten();
    let missing: Vec<_> = figures.filter(|name| !published.contains(*name)).collect();
    assert!(missing.is_empty(), "the demo lacks {missing:?}");
    demo.stop();
}

/// The name of every series that any table declares.
fn declared() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    names.extend(FIGURES.iter().map(|f| f.metric.to_owned()));
    names.extend(FIGURES.iter().filter_map(|f| f.baseline.map(str::to_owned)));
    names.extend(families().map(|f| f.name.to_owned()));
    for own in OWN {
        match own.kind {
            Kind::Histogram => {
                names.extend(["bucket", "count", "sum"].map(|end| format!("{}_{end}", own.name)));
            }
            Kind::Counter | Kind::Gauge => {
                names.insert(own.name.to_owned());
            }
        }
    }
    names.extend(process_metrics().map(str::to_owned));
    names
}

/// What `docs/metrics.md` lists of the process.
fn process_metrics() -> impl Iterator<Item = &'static str> {
    METRICS_PAGE.split('`').filter(|word| word.starts_with("process_"))
}

#[test]
fn a_compressed_page_is_one_gzip_member() {
    let demo = Demo::start();
    let answer = get(&format!("{}/metrics", demo.url), &["--header", "Accept-Encoding: gzip"]);
    assert_eq!(answer.headers["content-encoding"], "gzip");
    let mut decoder = GzDecoder::new(answer.body.as_slice());
    let mut page = String::new();
    decoder.read_to_string(&mut page).unwrap();
    assert!(decoder.into_inner().is_empty(), "something follows the first member");
    promtool_check_metrics(&page);

    // gzip itself agrees, checksum and length included.
    let plain =
        get(&format!("{}/metrics", demo.url), &["--compressed", "--header", "Accept: text/plain"]);
    assert_eq!(plain.headers["content-encoding"], "gzip");
    promtool_check_metrics(&plain.text());
    demo.stop();
}
