//! A simulated tenant as a child process, asked and controlled over HTTP, and the exporter's
//! configuration for it; or both as one, the demo.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use crate::{
    outside::{get, json, text, try_get},
    program::{Program, eventually},
};

pub(crate) const SECRET: &str = "hunter2-is-not-a-secret-2468";

/// The simulator's side.
pub(crate) struct World {
    pub(crate) api: String,
    _simulator: Program,
}

impl World {
    /// A tenant of so many departments, at a free port.
    pub(crate) fn new(departments: usize) -> Self {
        Self::at("127.0.0.1:0", departments)
    }

    pub(crate) fn at(address: &str, departments: usize) -> Self {
        let (address, departments) =
            (format!("--listen-address={address}"), format!("--departments={departments}"));
        let secret = format!("--app-secret={SECRET}");
        let mut simulator = Program::exporter(&["simulate", &address, &departments, &secret], &[]);
        let api = simulator.listens();
        Self { api, _simulator: simulator }
    }

    pub(crate) fn departments(&self) -> Vec<String> {
        departments(&self.api)
    }

    /// Adds a fault to one department, or to every request.
    #[track_caller]
    pub(crate) fn fault(&self, department: Option<&str>, kind: &Value) {
        self.inject(&json!({ "on": { "department": department }, "kind": kind }));
    }

    /// Adds a fault to one endpoint.
    #[track_caller]
    pub(crate) fn fault_at(&self, endpoint: &str, kind: &Value) {
        self.inject(&json!({ "on": { "endpoint": endpoint }, "kind": kind }));
    }

    #[track_caller]
    fn inject(&self, fault: &Value) {
        let url = format!("{}/_simulator/faults", self.api);
        let answer = get(&url, &["--request", "POST", "--data-binary", &fault.to_string()]);
        assert_eq!(answer.status, 200, "{fault} is not accepted");
    }

    pub(crate) fn clear_faults(&self) {
        get(&format!("{}/_simulator/faults", self.api), &["--request", "DELETE"]);
    }

    /// The requests so far, as the simulator saw them.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let url = format!("{}/_simulator/requests", self.api);
        json(&url, &[]).as_array().unwrap().clone()
    }

    /// A configuration that asks for all departments, with the secret in the file `secret`.
    pub(crate) fn configuration(&self) -> String {
        configuration(&self.api, &self.departments(), "")
    }
}

/// A demo whose picture is complete.
pub(crate) struct Demo {
    pub(crate) url: String,
    pub(crate) api: String,
    program: Program,
}

impl Demo {
    pub(crate) fn start() -> Self {
        let Self { url, api, program } = Self::with(&[]);
        metrics_of_latest(&url, departments(&api).len());
        // What comes beside the statistics comes a little later.
        eventually("every source has answered", || {
            let status = json(&format!("{url}/api/v1/status"), &[]);
            let sources = status["tenants"][0]["sources"].as_array()?.clone();
            let page = text(&format!("{url}/metrics"));
            let baselines = page.contains("\nfeishu_department_suite_dau_baseline{");
            let done = sources.iter().all(|source| source["last_success"].is_string());
            (sources.len() == 5 && done && baselines).then_some(())
        });
        Self { url, api, program }
    }

    /// One with these flags, whose picture may not be complete yet.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let args = [&["demo", "--web.listen-address=127.0.0.1:0"], flags].concat();
        let mut program = Program::exporter(&args, &[]);
        let metrics = program.told("http://127.0.0.1:", "/metrics");
        let api = program.told("http://127.0.0.1:", "/_simulator/");
        let url = metrics.trim_end_matches("/metrics").to_owned();
        let api = api.trim_end_matches("/_simulator/").to_owned();
        Self { url, api, program }
    }

    /// Asks it to stop and expects that it does.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.program.signal("INT");
        assert_eq!(self.program.status(), Some(0), "{}", self.program.stderr());
    }
}

/// A configuration of the tenant `acme`; `more` is further keys of it.
pub(crate) fn configuration(api: &str, departments: &[String], more: &str) -> String {
    format!(
        "tenants:\n  - name: acme\n    base_url: {api}\n    app_id: cli_demo\n    \
         app_secret_file: secret\n    statistics_time_zone: Asia/Shanghai\n    \
         collection: {{interval: 1s}}\n    departments: [{}]\n{more}",
        departments.join(", ")
    )
}

/// The ids of all departments that have statistics, by the simulator's own page.
pub(crate) fn departments(api: &str) -> Vec<String> {
    let page = json(&format!("{api}/_simulator/"), &[]);
    let all = page["departments"].as_array().unwrap();
    let with_statistics = all.iter().filter(|d| (1..=4).contains(&d["depth"].as_u64().unwrap()));
    with_statistics.map(|d| d["open_department_id"].as_str().unwrap().to_owned()).collect()
}

/// The access token, asked for as any client would.
pub(crate) fn token(api: &str, secret: &str) -> String {
    let app = json!({ "app_id": "cli_demo", "app_secret": secret }).to_string();
    let answer = json(
        &format!("{api}/open-apis/auth/v3/tenant_access_token/internal"),
        &["--header", "Content-Type: application/json; charset=utf-8", "--data-binary", &app],
    );
    answer["tenant_access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The rows of one department and day, asked for as any client would.
pub(crate) fn rows(api: &str, token: &str, department: &str, day: Date) -> Vec<Value> {
    let answer = json(
        &format!(
            "{api}/open-apis/admin/v1/admin_dept_stats?department_id_type=open_department_id\
             &start_date={day}&end_date={day}&department_id={department}\
             &contains_child_dept=false&page_size=20&with_product_version=true"
        ),
        &["--header", &format!("Authorization: Bearer {token}")],
    );
    answer["data"]["items"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// The day in UTC+8 that begins at this Unix time.
pub(crate) fn day_of(start: f64) -> Date {
    const EIGHT_HOURS: f64 = 8.0 * 3600.0;
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
    let there = Timestamp::from_second((start + EIGHT_HOURS) as i64).unwrap().to_string();
    let day = there.strip_suffix("T00:00:00Z").unwrap_or_else(|| panic!("no midnight: {start}"));
    day.parse().unwrap()
}

/// A sample of a page in the text format: the first of this name that has these labels, written
/// as in a query, in any order.
pub(crate) fn sample(page: &str, series: &str) -> Option<f64> {
    let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
    let has_all = |line: &&str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.split(',').all(|label| line.contains(label))
    };
    page.lines().find(has_all)?.rsplit_once(' ')?.1.parse().ok()
}

/// The page of metrics as soon as a sample of it has this value.
#[track_caller]
pub(crate) fn metrics_when(url: &str, series: &str, value: impl Fn(f64) -> bool) -> String {
    eventually(series, || {
        let page = try_get(&format!("{url}/metrics"), &[])?.text();
        sample(&page, series).is_some_and(&value).then_some(page)
    })
}

/// The page of metrics as soon as so many departments serve the newest day, by the status that is
/// swapped together with their series.
#[track_caller]
pub(crate) fn metrics_of_latest(url: &str, departments: usize) -> String {
    eventually(&format!("{departments} departments that serve the newest day"), || {
        let status = try_get(&format!("{url}/api/v1/status"), &[])?;
        let status: Value = serde_json::from_slice(&status.body).unwrap();
        let served = status["tenants"][0]["departments"].as_array()?;
        let latest = served.iter().filter(|department| department["state"] == "latest").count();
        (latest == departments).then_some(())
    });
    text(&format!("{url}/metrics"))
}
