//! Ninety days of a simulated tenant, fetched by `backfill` and judged as they would have come, and
//! the rules replayed over them by vmalert: a department that drops, a holiday, a newest day that is
//! late, a department that is renamed. Only what was planted alerts, in the first evaluation that
//! could know of it.

use std::{fmt::Write, fs, path::Path};

use feishu_exporter::judgement::PRODUCTS;
use feishu_simulator::{Fault, Kind};
use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Weekday},
};

use crate::{
    judged::{History, OF_COMPANY, OF_DEPARTMENT},
    program::{directory, run},
    tenant::{Department, FIGURES, Tenant, is_day_off},
    victoria::Victoria,
    world::configuration,
};

const DEPARTMENTS: usize = 16;
const ZONE: &str = "Asia/Shanghai";

#[test]
fn backfilled_history_alerts_on_the_planted_drop_alone() {
    let tenant = Tenant::at(None, DEPARTMENTS);
    let ids = tenant.departments();
    let newest = tenant.newest_day();
    let drop = planted_drop(newest);
    let holiday = (drop.0 - 21.days(), drop.0 - 20.days());
    tenant.slump(Some(&ids[0]), drop, 33);
    tenant.slump(None, holiday, 7);
    tenant.handle.inject(Fault::from(Kind::LateDay { until: None })).unwrap();
    tenant.handle.rename(&ids[0], "改名部").unwrap();

    let year = newest.year();
    let days_off: Vec<_> = [year - 1, year]
        .iter()
        .flat_map(|year| [format!("{year}-01-01"), format!("{year}-10-01..{year}-10-07")])
        .chain([format!("{}..{}", holiday.0, holiday.1)])
        .collect();
    let more = format!(
        "    limits: {{requests_per_second: 100, concurrency: 8}}\n    \
         calendar: {{holidays: [{}]}}\n",
        days_off.join(", ")
    );
    let place = directory(&[
        ("conf.yml", &configuration(&tenant.api, &ids, &more)),
        ("secret", "demo-secret"),
    ]);
    let figures = FIGURES.map(|(_, metric)| format!("--figure=feishu_department_{metric}"));
    let mut args = vec![
        "backfill",
        "--config.file=conf.yml",
        "--storage.path=data",
        "--output=history.prom",
        "--format=prometheus-ms",
        "--step=1h",
    ];
    args.extend(figures.iter().map(String::as_str));
    let (status, _, said) = run(place.path(), &args);
    assert_eq!(status, Some(0), "{said}");

    let history = place.path().join("history.prom");
    let (first, last) = span(&fs::read_to_string(&history).unwrap());
    assert!(last.duration_since(first) > SignedDuration::from_hours(80 * 24), "{first} to {last}");
    let is_off = |day: Date| is_day_off(day) || (holiday.0..=holiday.1).contains(&day);
    let judgement = place.path().join("judged.prom");
    judge(&tenant, &judgement, (newest - 89.days(), newest), (first, last), is_off);
    let victoria = Victoria::start();
    victoria.import(&history);
    victoria.import(&judgement);
    victoria.replay(first, last);

    let fired = victoria.fired();
    for labels in fired.keys() {
        assert_eq!(labels["department_id"], ids[0], "{labels:?}");
        assert_eq!(labels["department"], "改名部", "{labels:?}");
    }
    for (alert, days) in [
        ("FeishuDepartmentActivityDrop", drop),
        ("FeishuDepartmentActivityDropSevere", (drop.1, drop.1)),
    ] {
        // The suite's stands for those of its products.
        let is_it = |(labels, _): &(&std::collections::BTreeMap<String, String>, &_)| {
            labels["alertname"] == alert && labels["product"] == "suite"
        };
        let (_, at) = fired.iter().find(is_it).unwrap_or_else(|| panic!("no {alert}"));
        // A day is there at half past nine of the next; evaluated at the full hour.
        let came = arrival(days.0) + SignedDuration::from_mins(30);
        let gone = arrival(days.1 + 1.day()) + SignedDuration::from_mins(30);
        assert_eq!(at.first(), Some(&came), "{alert}");
        let end = *at.last().unwrap();
        assert!(end < gone + SignedDuration::from_mins(61), "{alert}: {end}");
    }
    assert_eq!(fired.len(), 2, "{:?}", fired.keys().collect::<Vec<_>>());
}

/// Writes hour by hour what an exporter would have said of the days as they came, which `backfill`
/// does not.
fn judge(
    tenant: &Tenant,
    file: &Path,
    days: (Date, Date),
    (first, last): (Timestamp, Timestamp),
    is_off: impl Fn(Date) -> bool,
) {
    let departments = tenant.figures(days.0, days.1);
    let history = History::of(&departments, days, is_off);
    let mut text = String::new();
    let mut at = first;
    while at <= last {
        // The newest day that had come.
        let day =
            (at - SignedDuration::from_mins(9 * 60 + 30)).in_tz(ZONE).unwrap().date() - 1.day();
        let millis = at.as_millisecond();
        for (product, of) in PRODUCTS.iter().enumerate() {
            let of_all = format!("tenant=\"acme\",geo=\"local\",product=\"{}\"", of.name);
            for (name, value) in OF_COMPANY {
                if let Some(judged) = history.company(day, product) {
                    writeln!(text, "{name}{{{of_all}}} {} {millis}", value(judged)).unwrap();
                }
            }
            for (index, Department { id, name: department, .. }) in departments.iter().enumerate() {
                let Some(judged) = history.department(day, index, product) else { continue };
                let labels = format!("{of_all},department_id=\"{id}\",department=\"{department}\"");
                for (name, value) in OF_DEPARTMENT {
                    if let Some(value) = value(judged) {
                        writeln!(text, "{name}{{{labels}}} {value} {millis}").unwrap();
                    }
                }
            }
        }
        at += SignedDuration::from_hours(1);
    }
    fs::write(file, text).unwrap();
}

/// The last Tuesday to Thursday that are all worked and at least two weeks old.
fn planted_drop(newest: Date) -> (Date, Date) {
    let mut day = newest - 14.days();
    let is_good = |day: Date| {
        day.weekday() == Weekday::Tuesday && (0..3).all(|more| !is_day_off(day + more.days()))
    };
    while !is_good(day) {
        day -= 1.day();
    }
    (day, day + 2.days())
}

/// When the figures of a day are there.
fn arrival(day: Date) -> Timestamp {
    (day + 1.day()).at(9, 30, 0, 0).in_tz(ZONE).unwrap().timestamp()
}

/// The first and the last timestamp of a file, whose lines end in one.
fn span(history: &str) -> (Timestamp, Timestamp) {
    let at = |line: &str| line.rsplit_once(' ')?.1.parse::<i64>().ok();
    let times = || history.lines().filter(|line| !line.starts_with('#')).filter_map(at);
    let instant = |millis: Option<i64>| Timestamp::from_millisecond(millis.unwrap()).unwrap();
    (instant(times().min()), instant(times().max()))
}
