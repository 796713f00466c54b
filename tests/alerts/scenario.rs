//! A few series over some evaluations, and which alerts fire at each: written as a file for
//! `promtool test rules`, which judges it.
//!
//! Values are columns, one for each evaluation, with blanks between them: `_` is no sample, a
//! single value stands for all columns. What is not said to fire must not fire. Where a scenario
//! does not speak of the exporter itself, it is there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    promtool,
    rules::{GROUPS, files, severities},
};

/// Every evaluation has the day after that of the one before.
pub(crate) const DAILY: &str = "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15";
/// The start of day 0: 2024-10-05, a Saturday, in UTC+8.
const DAY_0: i64 = 1_728_057_600;

/// Tests of facts, and the list of them.
macro_rules! facts {
    ($($name:ident = $scenario:expr;)+) => {
        $(
            #[test]
            fn $name() {
                $scenario.holds();
            }
        )+
        /// Every fact of this file.
        pub(crate) fn all() -> Vec<(&'static str, Scenario)> {
            vec![$((stringify!($name), $scenario)),+]
        }
    };
}
pub(crate) use facts;

#[derive(Clone)]
pub(crate) struct Scenario {
    step: &'static str,
    columns: usize,
    begin: i64,
    place: (&'static str, &'static str),
    department: (&'static str, &'static str),
    series: Vec<Value>,
    pub(crate) fires: Vec<(usize, &'static str, String)>,
    pub(crate) spares: Vec<&'static str>,
    says: Vec<Value>,
}

impl Scenario {
    /// So many evaluations, this far apart (`1d`, `10m`).
    pub(crate) fn every(step: &'static str, columns: usize) -> Self {
        Self {
            step,
            columns,
            begin: DAY_0,
            place: ("acme", "local"),
            department: ("", ""),
            series: Vec::new(),
            fires: Vec::new(),
            spares: Vec::new(),
            says: Vec::new(),
        }
    }

    /// So many days, each evaluated once.
    pub(crate) fn days(columns: usize) -> Self {
        Self::every("1d", columns)
    }

    /// The departments that follow are those of this tenant and geo; without it, of acme, local.
    pub(crate) fn of(mut self, tenant: &'static str, geo: &'static str) -> Self {
        self.place = (tenant, geo);
        self
    }

    /// Day 0 is that of the engine's own clock, which begins in 1970, in UTC.
    pub(crate) fn by_the_clock(mut self) -> Self {
        self.begin = 0;
        self
    }

    /// A department and the days that it serves, counted from day 0.
    pub(crate) fn department(mut self, id: &'static str, name: &'static str, served: &str) -> Self {
        self.department = (id, name);
        let day = |day: &str| match day.parse::<f64>() {
            #[expect(clippy::cast_possible_truncation, reason = "days of this century")]
            Ok(day) => (self.begin + (day * 86_400.0) as i64).to_string(),
            Err(_) => day.to_owned(),
        };
        let starts: Vec<_> = served.split_whitespace().take(self.columns).map(day).collect();
        let name = "feishu_department_statistics_day_timestamp_seconds";
        let series = self.labelled(name, "");
        self.series(&series, &starts.join(" "))
    }

    /// A figure of the department named last, and what is usual.
    pub(crate) fn figure(self, figure: &str, values: &str, usual: &str) -> Self {
        let name = format!("feishu_department_{figure}");
        let total = ",product_version=\"all\"";
        let (own, baseline) =
            (self.labelled(&name, total), self.labelled(&format!("{name}_baseline"), total));
        self.series(&own, values).series(&baseline, usual)
    }

    /// What the exporter says of a product of the department named last.
    pub(crate) fn of_product(self, metric: &str, product: &str, values: &str) -> Self {
        let name = format!("feishu_department_{metric}");
        let series = self.labelled(&name, &format!(",product=\"{product}\""));
        self.series(&series, values)
    }

    /// Any series.
    pub(crate) fn series(mut self, series: &str, values: &str) -> Self {
        let mut values: Vec<_> = values.split_whitespace().collect();
        assert!(values.len() == 1 || values.len() <= self.columns, "too many: {series}");
        if values.len() == 1 {
            values = vec![values[0]; self.columns];
        }
        self.series.push(json!({ "series": series, "values": values.join(" ") }));
        self
    }

    /// The alert fires with these labels at these evaluations.
    pub(crate) fn fires(
        mut self,
        at: impl IntoIterator<Item = usize>,
        alert: &'static str,
        labels: &str,
    ) -> Self {
        self.fires.extend(at.into_iter().map(|at| (at, alert, labels.to_owned())));
        self
    }

    /// The alert comes close to firing and does not.
    pub(crate) fn spares(mut self, alert: &'static str) -> Self {
        self.spares.push(alert);
        self
    }

    /// What people read of an alert that fires alone under its name.
    pub(crate) fn says(mut self, alert: &'static str, summary: &str, description: &str) -> Self {
        let (at, _, labels) = self.fires.iter().find(|(_, name, _)| *name == alert).unwrap();
        let mut labels: BTreeMap<_, _> = labels
            .split(',')
            .filter(|label| !label.is_empty())
            .map(|label| label.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect();
        labels.insert("severity".to_owned(), severities()[alert].clone());
        self.says.push(json!({
            "alertname": alert,
            "eval_time": self.time(*at),
            "exp_alerts": [{
                "exp_labels": labels,
                "exp_annotations": {
                    "summary": summary,
                    "description": description,
                    "runbook_url": runbook(alert),
                },
            }],
        }));
        self
    }

    /// Has promtool judge it.
    #[track_caller]
    pub(crate) fn holds(&self) {
        promtool::judges(&self.file());
    }

    /// The test as promtool reads it: JSON is YAML.
    fn file(&self) -> Value {
        let severities = severities();
        let fired = |column: usize| -> Vec<Value> {
            let now = self.fires.iter().filter(|(at, _, _)| *at == column);
            now.map(|(_, alert, labels)| {
                let comma = if labels.is_empty() { "" } else { "," };
                let severity = &severities[*alert];
                let labels = format!(
                    "ALERTS{{alertname=\"{alert}\",alertstate=\"firing\",severity=\"{severity}\"{comma}{labels}}}"
                );
                json!({ "labels": labels, "value": 1 })
            })
            .collect()
        };
        let expected: Vec<_> = (0..self.columns)
            .map(|column| {
                json!({
                    "expr": "ALERTS{alertstate=\"firing\"}",
                    "eval_time": self.time(column),
                    "exp_samples": fired(column),
                })
            })
            .collect();
        let mut series = self.series.clone();
        let is_named =
            |name: &str| self.series.iter().any(|s| s["series"].to_string().contains(name));
        if !is_named("feishu_exporter_build_info") {
            let exporter = "feishu_exporter_build_info{job=\"feishu\",instance=\"exporter:10917\"}";
            series.push(json!({ "series": exporter, "values": format!("1x{}", self.columns) }));
        }
        json!({
            "rule_files": files(),
            "group_eval_order": GROUPS,
            "evaluation_interval": self.step,
            "tests": [{
                "interval": self.step,
                "input_series": series,
                "promql_expr_test": expected,
                "alert_rule_test": self.says,
            }],
        })
    }

    /// The time of a column, as promtool counts it.
    fn time(&self, column: usize) -> String {
        let unit = self.step.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: usize = self.step.trim_end_matches(unit).parse().unwrap();
        format!("{}{unit}", column * number)
    }

    fn labelled(&self, name: &str, more: &str) -> String {
        let ((tenant, geo), (id, department)) = (self.place, self.department);
        format!(
            "{name}{{tenant=\"{tenant}\",geo=\"{geo}\",department_id=\"{id}\",\
             department=\"{department}\"{more}}}"
        )
    }
}

/// Where the alert is explained.
pub(crate) fn runbook(alert: &str) -> String {
    format!(
        "https://github.com/feishu-exporter/feishu-exporter/blob/main/docs/operations.md#{}",
        alert.to_lowercase()
    )
}

/// A series with its labels, which are written without quotes: `tenant=acme,geo=local`.
pub(crate) fn labelled(name: &str, labels: &str) -> String {
    let quoted = labels.split(',').map(|label| label.split_once('=').unwrap());
    let quoted: Vec<_> = quoted.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{name}{{{}}}", quoted.join(","))
}

/// The labels of an alert about a department of acme, local.
pub(crate) fn of_department(id: &str, name: &str, product: &str) -> String {
    format!("{},product=\"{product}\"", of_its_data(id, name))
}

/// The same without a product.
pub(crate) fn of_its_data(id: &str, name: &str) -> String {
    format!("tenant=\"acme\",geo=\"local\",department_id=\"{id}\",department=\"{name}\"")
}

/// The labels of an alert about the company acme, local.
pub(crate) fn of_company(product: &str) -> String {
    format!("tenant=\"acme\",geo=\"local\",product=\"{product}\"")
}
