//! A simulated tenant's figures of many days, read over HTTP as any client would.

use std::collections::BTreeMap;

use feishu_exporter::shutdown::{self, Trigger};
use feishu_simulator::{Endpoint, Fault, Handle, Kind, Limit, Options, Simulator};
use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    outside::json,
    world::{departments, token},
};

/// The figures that alerts are about: the field of the API and the end of the metric's name.
pub(crate) const FIGURES: [(&str, &str); 5] = [
    ("suite_dau", "suite_dau"),
    ("im_dau", "im_dau"),
    ("docs_dau", "docs_dau"),
    ("vc_dau", "vc_dau"),
    ("email_send_count", "emails_sent"),
];

/// A department with its name and the figures of its days, in the order of [`FIGURES`].
pub(crate) struct Department {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) days: BTreeMap<Date, [f64; 5]>,
}

/// A simulator that runs beside the test.
pub(crate) struct Tenant {
    pub(crate) api: String,
    pub(crate) handle: Handle,
    _stops_when_dropped: Trigger,
    _runtime: Runtime,
}

impl Tenant {
    /// A tenant whose clock stands at this time, or is right. Its first department is so large that
    /// it is judged for every product.
    pub(crate) fn at(now: Option<&str>, departments: usize) -> Self {
        let now = now.map(|now| now.parse().unwrap());
        let huge_department = Some((1, 400));
        let mut options = Options { departments, now, huge_department, ..Options::default() };
        for endpoint in Endpoint::ALL {
            options.limits.insert(endpoint, Limit::NONE);
        }
        let runtime = Runtime::new().unwrap();
        let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options);
        let simulator = runtime.block_on(simulator).unwrap();
        let (api, handle) = (simulator.base_url(), simulator.handle());
        let (trigger, shutdown) = shutdown::channel();
        runtime.spawn(simulator.run(shutdown.wait()));
        Self { api, handle, _stops_when_dropped: trigger, _runtime: runtime }
    }

    /// The departments that have statistics.
    pub(crate) fn departments(&self) -> Vec<String> {
        departments(&self.api)
    }

    /// People do less from the first to the last day: all, or those of one department.
    pub(crate) fn slump(&self, department: Option<&str>, days: (Date, Date), percent: u32) {
        let mut fault = Fault::from(Kind::Slump { from: days.0, to: days.1, percent, field: None });
        fault.on.department = department.map(str::to_owned);
        self.handle.inject(fault).unwrap();
    }

    /// The newest day that the API has figures of.
    pub(crate) fn newest_day(&self) -> Date {
        let today = self.handle.now().in_tz("Asia/Shanghai").unwrap().date();
        let token = token(&self.api, "demo-secret");
        let rows = rows(&self.api, &token, &self.departments()[0], today - 5.days(), today);
        let days = rows.iter().map(|row| row["date"].as_str().unwrap().parse().unwrap());
        days.max().unwrap()
    }

    /// What the API says of all departments from the first to the last day.
    pub(crate) fn figures(&self, first: Date, last: Date) -> Vec<Department> {
        let token = token(&self.api, "demo-secret");
        let read = |id: String| {
            let mut department = Department { id, name: String::new(), days: BTreeMap::new() };
            for row in rows(&self.api, &token, &department.id, first, last) {
                row["department_name"].as_str().unwrap().clone_into(&mut department.name);
                let day = row["date"].as_str().unwrap().parse().unwrap();
                department.days.insert(day, FIGURES.map(|(field, _)| number(&row[field])));
            }
            department
        };
        self.departments().into_iter().map(read).collect()
    }
}

/// Whether the simulated company has a holiday on this weekday.
pub(crate) fn is_day_off(day: Date) -> bool {
    let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    !weekend && matches!((day.month(), day.day()), (10, 1..=7) | (1, 1))
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap()
}

/// The totals of a department, of all pages.
fn rows(api: &str, token: &str, department: &str, first: Date, last: Date) -> Vec<Value> {
    let header = format!("Authorization: Bearer {token}");
    let (mut rows, mut page) = (Vec::new(), String::new());
    loop {
        let answer = json(
            &format!(
                "{api}/open-apis/admin/v1/admin_dept_stats?department_id_type=open_department_id\
                 &start_date={first}&end_date={last}&department_id={department}\
                 &contains_child_dept=false&page_size=20"
            ),
            &["--header", &header, "--get", "--data-urlencode", &format!("page_token={page}")],
        );
        let items = answer["data"]["items"].as_array();
        rows.extend(items.unwrap_or_else(|| panic!("{answer}")).iter().cloned());
        match answer["data"]["page_token"].as_str() {
            Some(next) if answer["data"]["has_more"] == true => next.clone_into(&mut page),
            _ => return rows,
        }
    }
}
