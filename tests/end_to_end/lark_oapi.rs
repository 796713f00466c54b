//! Feishu's official SDK reads the whole simulated company, and of a department the same figures
//! as the exporter.

use std::collections::BTreeSet;

use feishu_exporter::catalogue::{FIGURES, Unit};
use serde_json::Value;

use crate::{
    outside::python,
    program::{directory, run},
    world::{SECRET, World},
};

/// The simulator keeps 400 days, so that this one before today is always there.
const DAYS_AGO: i32 = 30;

#[test]
fn the_official_sdk_reads_all_endpoints_and_every_figure_as_the_exporter_does() {
    let world = World::new(8);
    let page = crate::outside::json(&format!("{}/_simulator/", world.api), &[]);
    let today: jiff::civil::Date = page["now"].as_str().unwrap()[..10].parse().unwrap();
    let day = today.checked_sub(jiff::ToSpan::days(DAYS_AGO)).unwrap().to_string();
    let id = world.departments()[0].clone();

    let asked = [&world.api, "--app-secret", SECRET, "--date", &day, "--rows", &id];
    let rows = python("lark_oapi_check.py", &asked, b"");
    let rows: Vec<Value> = serde_json::from_slice(&rows).unwrap();
    assert_eq!(rows.len(), 4, "{rows:?}");

    let directory =
        directory(&[("feishu-exporter.yml", &world.configuration()), ("secret", SECRET)]);
    let (status, out, err) = run(directory.path(), &["collect", "--format=json", "--date", &day]);
    assert_eq!(status, Some(0), "{err}");
    let collected: Value = serde_json::from_str(&out).unwrap();
    let departments = collected[0]["departments"].as_array().unwrap();
    let department = departments.iter().find(|d| d["department_id"] == id).unwrap();
    assert_eq!(department["day"], day);

    let mut versions = BTreeSet::new();
    for row in &rows {
        let version = match row["product_version"].as_str().unwrap() {
            "全部产品版本" => "all",
            version => version,
        };
        versions.insert(version);
        for figure in &FIGURES {
            let sent = &row[figure.api_field];
            let sent = sent.as_f64().unwrap_or_else(|| sent.as_str().unwrap().parse().unwrap());
            let expected = if figure.unit == Unit::Minutes { sent * 60.0 } else { sent };
            let served = department["product_versions"][version][figure.metric].as_f64().unwrap();
            assert!((served - expected).abs() < 1e-6, "{version} {}: {served}", figure.metric);
        }
    }
    let served: BTreeSet<&str> =
        department["product_versions"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(served, versions);
}
