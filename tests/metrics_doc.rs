//! `docs/metrics.md` lists everything that is published; this test writes its tables from the
//! program (`UPDATE_GOLDEN=1`) or fails if they are out of date.
//!
//! That a running exporter publishes nothing else is a test of `tests/end_to_end`.

use std::fs;

use feishu_exporter::{
    catalogue::{self, FIGURE_LABELS, FIGURES},
    telemetry::{
        process::Process,
        table::{Kind, OWN},
    },
};
use prometheus::{core::Collector, proto::MetricType};

const PAGE: &str = "docs/metrics.md";

#[test]
fn the_page_about_metrics_is_up_to_date() {
    let before = fs::read_to_string(PAGE).unwrap();
    let tables = [
        ("figure labels", labels(&FIGURE_LABELS)),
        ("figures", figures()),
        ("departments", families()),
        ("own", own()),
        ("process", process()),
    ];
    let page = tables.iter().fold(before.clone(), |page, (name, table)| {
        let begin = format!("<!-- generated: {name} -->\n");
        let (head, rest) = page.split_once(&begin).unwrap();
        let (_, tail) = rest.split_once("<!-- end -->").unwrap();
        format!("{head}{begin}\n{table}\n<!-- end -->{tail}")
    });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(PAGE, page).unwrap();
    } else {
        assert!(page == before, "{PAGE} is out of date: run this test with UPDATE_GOLDEN=1");
    }
}

fn figures() -> String {
    let rows = FIGURES.iter().map(|figure| {
        let name = format!("`{}`", figure.metric);
        let field = format!("`{}`", figure.api_field);
        let unit = figure.unit.base_unit().map_or_else(|| figure.unit.to_string(), str::to_owned);
        let baseline = figure.baseline.map(|_| "yes".to_owned()).unwrap_or_default();
        [name, unit, field, baseline, figure.help.to_owned()]
    });
    table(["metric", "unit", "API field", "baseline", "meaning"], rows)
}

fn families() -> String {
    let rows = catalogue::families().map(|family| {
        let name = format!("`{}`", family.name);
        [name, family.kind().to_owned(), labels(family.labels), family.help.to_owned()]
    });
    table(["metric", "type", "labels", "meaning"], rows)
}

fn own() -> String {
    let rows = OWN.iter().map(|own| {
        let kind = match own.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        [format!("`{}`", own.name), kind.to_owned(), labels(own.labels), own.help.to_owned()]
    });
    table(["metric", "type", "labels", "meaning"], rows)
}

fn process() -> String {
    let mut families = Process::this().collect();
    families.sort_by(|a, b| a.name().cmp(b.name()));
    let rows = families.iter().map(|family| {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => "counter",
            _ => "gauge",
        };
        let name = format!("`{}`", family.name());
        [name, kind.to_owned(), String::new(), family.help().to_owned()]
    });
    table(["metric", "type", "labels", "meaning"], rows)
}

fn labels(labels: &[&str]) -> String {
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    text
}
