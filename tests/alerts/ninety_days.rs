//! Ninety days of a simulated tenant, as a live exporter would have served them, under promtool: a
//! department that drops, the National Day week, a day that comes a day late, a department that is
//! renamed. Only what was planted alerts, in the first evaluation that could know of it.

use feishu_exporter::judgement::PRODUCTS;
use jiff::{ToSpan, civil::Date};
use serde_json::{Value, json};

use crate::{
    judged::{History, OF_COMPANY, OF_DEPARTMENT},
    promtool,
    rules::{GROUPS, files},
    tenant::{Department, Tenant},
};

const DEPARTMENTS: usize = 16;
const DAYS: usize = 90;
/// An evaluation every two hours, so that one falls on the arrival of a day, at ten o'clock.
const A_DAY: usize = 12;
/// Until noon of the day after the last, when the next would be late.
const EVALUATIONS: usize = (DAYS + 1) * A_DAY + A_DAY / 2;
/// The API's longest range is 91 days, so the first day has no past.
const LAST: Date = Date::constant(2026, 11, 24);
const NOW: &str = "2026-11-25T12:00:00+08:00";
/// A Tuesday to a Thursday on which one department does a third of the usual.
const DROP: (Date, Date) = (Date::constant(2026, 11, 10), Date::constant(2026, 11, 12));
/// Comes when the day after it should have come.
const LATE: Date = Date::constant(2026, 10, 20);
/// From this day on a department has another name.
const RENAMED: Date = Date::constant(2026, 10, 28);

#[test]
fn ninety_days_alert_on_the_planted_drop_alone() {
    let tenant = Planted::new();
    let national_day = |day: Date| day.month() == 10 && (1..=7).contains(&day.day());
    let test = tenant.test(national_day, &tenant.drops());
    promtool::judges(&test);
}

/// Working days on which the company is as on a weekend are taken for days off.
#[test]
fn without_a_calendar_the_holiday_alerts_nobody_either() {
    let tenant = Planted::new();
    promtool::judges(&tenant.test(|_| false, &tenant.drops()));
}

/// An alert, its severity, its labels beside tenant and geo, and at how many evaluations it fires.
type Expected = (&'static str, &'static str, String, usize);

struct Planted {
    departments: Vec<Department>,
    /// Which of them drops, and which is renamed.
    dropping: usize,
    renamed: usize,
}

impl Planted {
    fn new() -> Self {
        let tenant = Tenant::at(Some(NOW), DEPARTMENTS);
        let first = LAST - 90.days();
        // The largest: it is judged for every product.
        let mut sizes: Vec<_> = tenant.figures(DROP.0, DROP.0).into_iter().enumerate().collect();
        sizes.sort_by(|a, b| b.1.days[&DROP.0][0].total_cmp(&a.1.days[&DROP.0][0]));
        let (dropping, renamed) = (sizes[0].0, sizes[1].0);
        tenant.slump(Some(&sizes[0].1.id), DROP, 33);
        Self { departments: tenant.figures(first, LAST), dropping, renamed }
    }

    /// What the planted drop fires, for its three days: the suite's, which stands for its products.
    fn drops(&self) -> Vec<Expected> {
        let Department { id, name, .. } = &self.departments[self.dropping];
        let labels = format!("department=\"{name}\",department_id=\"{id}\",product=\"suite\"");
        vec![
            ("FeishuDepartmentActivityDrop", "warning", labels.clone(), 3 * A_DAY),
            ("FeishuDepartmentActivityDropSevere", "critical", labels, A_DAY),
            // Late from noon on, seen at two, told at four, until ten of the next day.
            ("FeishuDataLate", "warning", String::new(), 9),
        ]
    }

    /// The file for promtool, whose clock begins in 1970; the days do so as well.
    fn test(&self, is_off: impl Fn(Date) -> bool, expected: &[Expected]) -> Value {
        let first = LAST - i64::try_from(DAYS - 1).unwrap().days();
        let served: Vec<Option<Date>> =
            (0..EVALUATIONS).map(|column| served(first, column * 24 / A_DAY)).collect();
        let arrival = served.iter().position(|day| *day == Some(DROP.0)).unwrap();
        let all = expected.iter().map(|alert| firing("", alert, alert.3));
        let at_once = expected.iter().filter(|alert| alert.0 == "FeishuDepartmentActivityDrop");
        let at_once = at_once.map(|alert| firing("ALERTS", alert, 1));
        let now = "ALERTS{alertstate=\"firing\"}";
        let expect = |expression: &str, column: usize, samples: Vec<Value>| {
            let time = format!("{}h", column * 24 / A_DAY);
            json!({ "expr": expression, "eval_time": time, "exp_samples": samples })
        };
        json!({
            "rule_files": files(),
            "group_eval_order": GROUPS,
            "evaluation_interval": "2h",
            "tests": [{
                "interval": "2h",
                "input_series": self.series(&served, first, is_off),
                "promql_expr_test": [
                    expect(&format!("count_over_time({now}[100d])"), EVALUATIONS - 1, all.collect()),
                    // In the evaluation in which the figures arrive, and not before.
                    expect(now, arrival, at_once.collect()),
                    expect(now, arrival - 1, Vec::new()),
                ],
            }],
        })
    }

    /// What is scraped of all departments.
    fn series(
        &self,
        served: &[Option<Date>],
        first: Date,
        is_off: impl Fn(Date) -> bool,
    ) -> Vec<Value> {
        let exporter = "feishu_exporter_build_info{job=\"feishu\",instance=\"exporter:10917\"}";
        let mut series = vec![json!({ "series": exporter, "values": format!("1x{EVALUATIONS}") })];
        let history = History::of(&self.departments, (LAST - 90.days(), LAST), is_off);
        for (product, of) in PRODUCTS.iter().enumerate() {
            for (name, value) in OF_COMPANY {
                let value = |day| history.company(day, product).map(value);
                series.push(json!({
                    "series": format!("{name}{{tenant=\"acme\",geo=\"cn\",product=\"{}\"}}", of.name),
                    "values": columns(served, value),
                }));
            }
        }
        for (index, department) in self.departments.iter().enumerate() {
            let end = if index == self.renamed { RENAMED } else { Date::MAX };
            for (name, is_named) in [
                (department.name.as_str(), &(|day| day < end) as &dyn Fn(Date) -> bool),
                ("Renamed", &|day| day >= end),
            ] {
                let mut add = |metric: &str, more: &str, value: &dyn Fn(Date) -> Option<f64>| {
                    let id = &department.id;
                    let labels = format!(
                        "tenant=\"acme\",geo=\"cn\",department_id=\"{id}\",department=\"{name}\""
                    );
                    let value = |day: Date| if is_named(day) { value(day) } else { None };
                    series.push(json!({
                        "series": format!("{metric}{{{labels}{more}}}"),
                        "values": columns(served, value),
                    }));
                };
                add("feishu_department_statistics_day_timestamp_seconds", "", &|day| {
                    Some(f64::from((day - first).get_days()) * 86_400.0)
                });
                for (product, of) in PRODUCTS.iter().enumerate() {
                    for (metric, value) in OF_DEPARTMENT {
                        let judged = |day| value(history.department(day, index, product)?);
                        add(metric, &format!(",product=\"{}\"", of.name), &judged);
                    }
                }
            }
        }
        series.retain(|series| series["values"].to_string().contains(|c: char| c.is_ascii_digit()));
        series
    }
}

/// A sample of an alert, as promtool writes it.
fn firing(name: &str, (alert, severity, labels, _): &Expected, value: usize) -> Value {
    let comma = if labels.is_empty() { "" } else { "," };
    let labels = format!(
        "{name}{{alertname=\"{alert}\",alertstate=\"firing\",severity=\"{severity}\",\
         tenant=\"acme\",geo=\"cn\"{comma}{labels}}}"
    );
    json!({ "labels": labels, "value": value })
}

/// The newest day that was there at this hour, counted from the start of the first day: a day comes
/// at ten o'clock of the next, but for one.
fn served(first: Date, hour: usize) -> Option<Date> {
    let days = i64::try_from(hour / 24).unwrap() - if hour % 24 >= 10 { 1 } else { 2 };
    let due = (first + days.days()).min(LAST);
    let come = if due == LATE { due - 1.day() } else { due };
    (days >= 0).then_some(come)
}

/// Values for all evaluations in promtool's short form.
fn columns(served: &[Option<Date>], value: impl Fn(Date) -> Option<f64>) -> String {
    let mut columns = Vec::new();
    for run in served.chunk_by(|a, b| a == b) {
        let value = run[0].and_then(&value).map_or_else(|| "_".to_owned(), |v| v.to_string());
        // `1x3` is the first and three more.
        columns.push(if value == "_" || run.len() == 1 {
            vec![value; run.len()].join(" ")
        } else {
            format!("{value}x{}", run.len() - 1)
        });
    }
    columns.join(" ")
}
