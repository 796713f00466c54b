//! A store whose values are known, the configuration beside it, and what must come of both.

use std::{collections::BTreeMap, sync::Arc};

use feishu_exporter::{
    catalogue::FIGURES,
    clock::Clock,
    store::{Extent, Lists, Role, Store},
    usage::{DepartmentDay, Figures, Geo, Target, Version},
};
use jiff::{Timestamp, ToSpan, civil::Date};
use tempfile::TempDir;

use crate::program::{directory, run};

pub(crate) const IDS: [&str; 2] = ["od-aaa", "od-bbb"];
const VERSIONS: [&str; 2] = ["all", "标准版"];
/// The days of the default range, and the weeks before them that baselines need.
const KEPT: i64 = 91 + 28;

/// A series: name, then labels sorted by name.
pub(crate) type Series = (String, BTreeMap<String, String>);
/// Values by series and Unix time.
pub(crate) type Samples = BTreeMap<(Series, i64), f64>;

/// A directory with configuration and store.
pub(crate) struct Past {
    pub(crate) directory: TempDir,
    pub(crate) newest: Date,
    ids: Vec<String>,
    /// By id: what the rows call it.
    names: Vec<String>,
}

impl Past {
    pub(crate) fn new() -> Self {
        let names = IDS.map(|id| format!("研发 \"{id}\""));
        let configuration = format!(
            "tenants:\n  - name: acme\n    base_url: http://127.0.0.1:9\n    app_id: cli_demo\n    \
             app_secret: none\n    statistics_time_zone: Asia/Shanghai\n    rates: ratio\n    \
             departments: [{}]\n",
            IDS.join(", ")
        );
        let files = [("feishu-exporter.yml", configuration.as_str())];
        Self::filled(directory(&files), &IDS.map(str::to_owned), &names)
    }

    /// Fills the store of a directory with days of these departments.
    fn filled(directory: TempDir, ids: &[String], names: &[String]) -> Self {
        let now = Clock::system().now();
        let past =
            Self { directory, newest: newest(now), ids: ids.to_owned(), names: names.to_owned() };
        let store =
            Store::open(&past.directory.path().join("data"), Role::Backfill, Clock::system());
        let tenant = store.unwrap().tenant("acme", "cli_demo");
        let lists = |(id, name): (&String, &String)| Lists {
            target: Target {
                geo: Geo::Local,
                department_id: id.as_str().into(),
                include_children: false,
            },
            days: past.kept().map(|day| (day, Extent::Whole)).collect(),
            rows: past.kept().map(|day| row(id, name, day)).collect(),
            standing: None,
            fetched_at: now,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lists = ids.iter().zip(names).map(lists).collect();
        runtime.block_on(tenant.keep(lists)).unwrap();
        past
    }

    /// Runs `backfill` to its end: status, standard output, standard error.
    pub(crate) fn backfill(&self, args: &[&str]) -> (Option<i32>, String, String) {
        run(self.directory.path(), &[&["backfill"], args].concat())
    }

    /// As [`Self::backfill`], which must succeed; what it says.
    #[track_caller]
    pub(crate) fn written(&self, args: &[&str]) -> String {
        let (status, _, said) = self.backfill(args);
        assert_eq!(status, Some(0), "{said}");
        said
    }

    fn kept(&self) -> impl Iterator<Item = Date> {
        let newest = self.newest;
        (0..KEPT).rev().map(move |at| newest.saturating_sub(at.days()))
    }

    /// The newest days, the oldest first.
    pub(crate) fn days(&self, count: i64) -> Vec<Date> {
        (0..count).rev().map(|at| self.newest.saturating_sub(at.days())).collect()
    }

    /// Every sample of these days at their moments, computed here.
    pub(crate) fn samples(&self, days: &[Date], added: &[(&str, &str)]) -> Samples {
        let mut samples = Samples::new();
        let with = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let all = pairs.iter().chain(added);
            all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for day in days {
            let mut add = |name: &str, labels: BTreeMap<String, String>, value: f64| {
                samples.insert(((name.to_owned(), labels), moment(*day)), value);
            };
            let workday = f64::from(u8::from(day.weekday().to_monday_zero_offset() < 5));
            let tenant = [("tenant", "acme"), ("geo", "local")];
            add("feishu_calendar_workday", with(&tenant), workday);
            for (id, name) in self.ids.iter().zip(&self.names) {
                let of = [tenant[0], tenant[1], ("department_id", id), ("department", name)];
                let start = moment(*day) - 33 * 3600 - 1800;
                let gauge = "feishu_department_statistics_day_timestamp_seconds";
                #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
                add(gauge, with(&of), start as f64);
                for (index, figure) in FIGURES.iter().enumerate() {
                    for (at, version) in VERSIONS.into_iter().enumerate() {
                        let labels = with(&[&of[..], &[("product_version", version)]].concat());
                        add(figure.metric, labels, value(id, *day, at, index));
                    }
                    let Some(baseline) = figure.baseline else { continue };
                    let mut weeks: Vec<f64> = (1..=4)
                        .map(|week| value(id, day.saturating_sub((7 * week).days()), 0, index))
                        .collect();
                    weeks.sort_by(f64::total_cmp);
                    let labels = with(&[&of[..], &[("product_version", "all")]].concat());
                    add(baseline, labels, (weeks[1] + weeks[2]) / 2.0);
                }
            }
        }
        samples
    }
}

/// Unix time of the moment from which a day is shown: half past nine in UTC+8 on the next.
pub(crate) fn moment(day: Date) -> i64 {
    let next = day.tomorrow().unwrap().at(1, 30, 0, 0);
    jiff::tz::TimeZone::UTC.to_timestamp(next).unwrap().as_second()
}

/// The newest day that is there by now.
fn newest(now: Timestamp) -> Date {
    let today = jiff::tz::Offset::constant(8).to_datetime(now).date();
    let yesterday = today.yesterday().unwrap();
    if moment(yesterday) <= now.as_second() { yesterday } else { yesterday.yesterday().unwrap() }
}

/// A value that tells department, day, version and figure apart, and has no pattern by weekday.
fn value(id: &str, day: Date, version: usize, index: usize) -> f64 {
    let seed = id.bytes().map(u32::from).sum::<u32>();
    let mixed = u32::from(day.day_of_year().unsigned_abs()).wrapping_mul(2_654_435_761) >> 20;
    let (version, index) = (u32::try_from(version).unwrap(), u32::try_from(index).unwrap());
    f64::from(seed + mixed + index * 10_000) + f64::from(version) * 0.25
}

fn row(id: &str, name: &str, day: Date) -> Arc<DepartmentDay> {
    let figures = |version: usize| {
        let mut figures = Figures::none();
        (0..FIGURES.len()).for_each(|index| figures.set(index, value(id, day, version, index)));
        figures
    };
    Arc::new(DepartmentDay {
        geo: Geo::Local,
        department_id: id.into(),
        department: name.into(),
        path: "".into(),
        day,
        rows: vec![(Version::Total, figures(0)), (Version::Named(VERSIONS[1].into()), figures(1))],
    })
}
