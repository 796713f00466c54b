//! The file of a small tenant, value by value.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use jiff::civil::date;

use super::*;
use crate::{
    catalogue::FIGURES,
    clock::Clock,
    day::after,
    exposition::DatedFormat,
    shutdown,
    store::{Extent, Lists, Store},
    usage::{DepartmentDay, Figures, Version},
};

pub(super) const FIRST: Day = date(2026, 10, 1);
pub(super) const LAST: Day = date(2026, 11, 24);

fn now() -> Timestamp {
    // 10:00 in UTC+8: the 24th is there.
    "2026-11-25T02:00:00Z".parse().unwrap()
}

fn clock() -> Clock {
    Clock::manual(now()).0
}

pub(super) fn target(id: &str) -> Target {
    Target { geo: Geo::Local, department_id: id.into(), include_children: false }
}

fn index_of(metric: &str) -> usize {
    FIGURES.iter().position(|figure| figure.metric == metric).unwrap()
}

/// A value that tells department, day, version and figure apart.
fn value(id: &str, day: Day, version: usize, index: usize) -> f64 {
    let seed = id.bytes().map(f64::from).sum::<f64>();
    let days = f64::from(crate::day::days_between(FIRST, day));
    // Every weekday has a level of its own, which grows a little each week.
    seed + days * 10.0 + version as f64 * 0.25 + index as f64 * 1000.0
}

fn row(geo: Geo, id: &str, day: Day, versions: &[Version]) -> Arc<DepartmentDay> {
    let figures = |version: usize| {
        let mut figures = Figures::none();
        (0..FIGURES.len()).for_each(|index| figures.set(index, value(id, day, version, index)));
        figures
    };
    let rows = versions.iter().enumerate().map(|(at, version)| (version.clone(), figures(at)));
    Arc::new(DepartmentDay {
        geo,
        department_id: id.into(),
        department: format!("{id} on {day} \"研发\"").as_str().into(),
        path: "".into(),
        day,
        rows: rows.collect(),
    })
}

fn versions() -> Vec<Version> {
    vec![Version::Total, Version::Named("标准版".into())]
}

/// Keeps days of a department; those in `gaps` are known to have no rows.
pub(super) async fn keep(store: &TenantStore, id: &str, days: &[Day], gaps: &[Day]) {
    keep_of(store, &target(id), days, gaps).await;
}

/// Keeps days of which only the totals were asked for.
pub(super) async fn keep_totals(store: &TenantStore, id: &str, days: &[Day]) {
    let lists = Lists {
        target: target(id),
        days: days.iter().map(|day| (*day, Extent::Total)).collect(),
        rows: days.iter().map(|day| row(Geo::Local, id, *day, &[Version::Total])).collect(),
        standing: None,
        fetched_at: now(),
    };
    store.keep(vec![lists]).await.unwrap();
}

async fn keep_of(store: &TenantStore, target: &Target, days: &[Day], gaps: &[Day]) {
    let rows: Vec<_> = days
        .iter()
        .filter(|day| !gaps.contains(day))
        .map(|day| row(target.geo, &target.department_id, *day, &versions()))
        .collect();
    let lists = Lists {
        target: target.clone(),
        days: days.iter().map(|day| (*day, Extent::Whole)).collect(),
        rows,
        standing: None,
        fetched_at: now(),
    };
    store.keep(vec![lists]).await.unwrap();
}

pub(super) fn all_days() -> Vec<Day> {
    (0..55).map(|at| after(FIRST, at)).collect()
}

pub(super) fn subject(store: TenantStore) -> Subject {
    Subject {
        tenant: "acme".to_owned(),
        store,
        geos: vec![GeoDays {
            geo: Geo::Local,
            zone: Zone::shanghai(),
            from: date(2026, 11, 1),
            to: LAST,
        }],
        targets: vec![target("od-a"), target("od-b")],
        figures: FigureSet::all(),
        scale: Some(RateScale::Ratio),
        calendar: Calendar::default(),
        baseline_weeks: 4,
        min_department_users: 0,
        ready_at: Time::constant(9, 30, 0, 0),
        max_age: Duration::from_secs(14 * 86_400),
    }
}

pub(super) fn history_of(subject: Subject) -> History {
    History {
        subjects: vec![Arc::new(subject)],
        labels: Labels::parse(["job=feishu"]).unwrap(),
        step: None,
        now: now(),
    }
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn nobody() -> Watch {
    Box::new(|_, _| ())
}

pub(super) async fn written(history: History) -> (String, Written) {
    let (_trigger, shutdown) = shutdown::channel();
    let file = File { history, format: DatedFormat::OpenMetrics, shutdown };
    let page = Page::default();
    let measured = measure(&file, nobody()).await.unwrap();
    let written =
        write(&file, Destination::Stream(Box::new(page.clone())), nobody()).await.unwrap();
    assert_eq!(measured, written, "what was announced is what was written");
    let bytes = page.0.lock().unwrap().clone();
    assert_eq!(bytes.len() as u64, written.bytes);
    (String::from_utf8(bytes).unwrap(), written)
}

/// Samples by series and time; none may come twice, and each series stands in one piece.
pub(super) fn samples(page: &str) -> BTreeMap<(String, i64), f64> {
    let mut samples = BTreeMap::new();
    let mut closed: BTreeSet<&str> = BTreeSet::new();
    let mut open = ("", i64::MIN);
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (rest, time) = line.rsplit_once(' ').unwrap();
        let (series, value) = rest.rsplit_once(' ').unwrap();
        let time = time.parse().unwrap();
        if series != open.0 {
            assert!(closed.insert(series), "{series} stands in two places");
            open = (series, i64::MIN);
        }
        assert!(time > open.1, "{line} goes back");
        open.1 = time;
        samples.insert((series.to_owned(), time), value.parse().unwrap());
    }
    samples
}

fn moment(day: Day) -> i64 {
    let at = after(day, 1).to_datetime(Time::constant(1, 30, 0, 0));
    jiff::tz::TimeZone::UTC.to_timestamp(at).unwrap().as_second()
}

fn labels(id: &str, version: &str) -> String {
    format!(
        "{{tenant=\"acme\",geo=\"local\",department_id=\"{id}\",department=\"{id} on {LAST} \
         \\\"研发\\\"\"{version},job=\"feishu\"}}"
    )
}

async fn filled() -> (Store, TenantStore) {
    let store = Store::in_memory(clock()).unwrap();
    let tenant = store.tenant("acme", "cli_1");
    keep(&tenant, "od-a", &all_days(), &[]).await;
    keep(&tenant, "od-b", &all_days(), &[date(2026, 11, 10)]).await;
    (store, tenant)
}

#[tokio::test]
async fn the_file_has_every_value_exactly_once_and_nothing_else() {
    let (_store, tenant) = filled().await;
    let (page, written) = written(history_of(subject(tenant))).await;
    assert!(page.ends_with("\n# EOF\n"));
    let mut expected = BTreeMap::new();
    let mut add = |metric: &str, labels: String, day: Day, value: f64| {
        expected.insert((format!("{metric}{labels}"), moment(day)), value);
    };
    let shown: Vec<Day> = all_days().into_iter().filter(|day| day.month() == 11).collect();
    for day in &shown {
        let workday = !matches!(day.weekday().to_monday_zero_offset(), 5 | 6);
        let of_geo = "{tenant=\"acme\",geo=\"local\",job=\"feishu\"}".to_owned();
        add("feishu_calendar_workday", of_geo, *day, f64::from(u8::from(workday)));
        for id in ["od-a", "od-b"] {
            if id == "od-b" && *day == date(2026, 11, 10) {
                continue;
            }
            let start = moment(*day) - 33 * 3600 - 1800;
            let day_gauge = "feishu_department_statistics_day_timestamp_seconds";
            add(day_gauge, labels(id, ""), *day, start as f64);
            for (index, figure) in FIGURES.iter().enumerate() {
                for (at, version) in ["all", "标准版"].into_iter().enumerate() {
                    let version = format!(",product_version=\"{version}\"");
                    add(figure.metric, labels(id, &version), *day, value(id, *day, at, index));
                }
                let Some(baseline) = figure.baseline else { continue };
                let mut before: Vec<f64> = (1..=4)
                    .map(|week| after(*day, -7 * week))
                    .filter(|day| *day >= FIRST)
                    .filter(|day| !(id == "od-b" && *day == date(2026, 11, 10)))
                    .map(|day| value(id, day, 0, index))
                    .collect();
                // Before the 29th of October, a week of the four lies before the first day.
                if after(*day, -28) < FIRST {
                    continue;
                }
                before.sort_by(f64::total_cmp);
                let median = match before.len() {
                    4 => (before[1] + before[2]) / 2.0,
                    3 => before[1],
                    other => panic!("{other}"),
                };
                add(baseline, labels(id, ",product_version=\"all\""), *day, median);
            }
        }
    }
    let found = samples(&page);
    for (key, value) in &expected {
        assert_eq!(found.get(key), Some(value), "{key:?}");
    }
    assert_eq!(found.len(), expected.len());
    assert_eq!(written.samples, expected.len() as u64);
    assert_eq!(written.days, 24);
    assert!(page.contains("# TYPE feishu_department_suite_dau_baseline gauge\n"));
    assert!(page.contains("# UNIT feishu_department_vc_duration_baseline_seconds seconds\n"));
}

#[tokio::test]
async fn a_day_whose_past_is_unknown_has_no_baseline() {
    let store = Store::in_memory(clock()).unwrap();
    let tenant = store.tenant("acme", "cli_1");
    // Three weeks before the 24th were never asked for; a week known to be empty is another thing.
    let asked: Vec<Day> = all_days().into_iter().filter(|day| *day != date(2026, 11, 3)).collect();
    keep(&tenant, "od-a", &asked, &[date(2026, 11, 2)]).await;
    let (page, _) = written(history_of(subject(tenant))).await;
    let has_baseline = |day: Day| {
        let series = labels("od-a", ",product_version=\"all\"");
        let key = (format!("feishu_department_suite_dau_baseline{series}"), moment(day));
        samples(&page).contains_key(&key)
    };
    assert!(has_baseline(date(2026, 11, 23)), "three Mondays of four are enough");
    assert!(!has_baseline(date(2026, 11, 24)), "what the unknown Tuesday held may be anything");
    assert!(!has_baseline(date(2026, 11, 2)), "a day without rows is not shown");
}

#[tokio::test]
async fn days_on_which_a_department_is_too_small_are_neither_written_nor_compared_with() {
    let (_store, tenant) = filled().await;
    let users = |day: Day| value("od-a", day, 0, 0);
    let min = users(date(2026, 11, 10));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
    let subject = Subject { min_department_users: min as u64, ..subject(tenant) };
    let (page, _) = written(history_of(subject)).await;
    let found = samples(&page);
    let at = |metric: &str, version: &str, day: Day| {
        found.get(&(format!("{metric}{}", labels("od-a", version)), moment(day))).copied()
    };
    let total = ",product_version=\"all\"";
    assert_eq!(at("feishu_department_users", total, date(2026, 11, 9)), None);
    assert_eq!(at("feishu_department_users", total, date(2026, 11, 10)), Some(min));
    let day_gauge = "feishu_department_statistics_day_timestamp_seconds";
    assert_eq!(at(day_gauge, "", date(2026, 11, 9)), None);
    assert!(at(day_gauge, "", date(2026, 11, 10)).is_some());
    let baseline = |day| at("feishu_department_suite_dau_baseline", total, day);
    let dau = |day| value("od-a", day, 0, index_of("feishu_department_suite_dau"));
    let both = (dau(date(2026, 11, 10)) + dau(date(2026, 11, 17))) / 2.0;
    assert_eq!(baseline(date(2026, 11, 24)), Some(both), "of the four weeks, two are large enough");
    assert_eq!(baseline(date(2026, 11, 23)), None, "of the four weeks, only one is");
}

#[tokio::test]
async fn rates_have_no_sample_while_their_scale_is_unknown() {
    let (_store, tenant) = filled().await;
    let rate = "\nfeishu_department_suite_active_ratio{";
    let unknown = Subject { scale: None, ..subject(tenant.clone()) };
    assert!(!written(history_of(unknown)).await.0.contains(rate));
    let percent = Subject { scale: Some(RateScale::Percent), ..subject(tenant) };
    let (page, _) = written(history_of(percent)).await;
    let index = index_of("feishu_department_suite_active_ratio");
    let key = (
        format!(
            "{}{}",
            rate.trim().trim_end_matches('{'),
            labels("od-a", ",product_version=\"all\"")
        ),
        moment(LAST),
    );
    assert_eq!(samples(&page)[&key], value("od-a", LAST, 0, index) / 100.0);
}

#[tokio::test]
async fn a_dense_file_repeats_a_value_until_the_next_and_never_beyond_now() {
    let (_store, tenant) = filled().await;
    let mut figures = FigureSet::none();
    figures.insert(index_of("feishu_department_suite_dau"));
    let mut history = history_of(Subject { figures, ..subject(tenant) });
    history.step = Some(Duration::from_secs(600));
    let (page, written) = written(history).await;
    let found = samples(&page);
    let of = |id: &str| -> Vec<(i64, f64)> {
        let series =
            format!("feishu_department_suite_dau{}", labels(id, ",product_version=\"all\""));
        let mine = found.iter().filter(|((name, _), _)| *name == series);
        mine.map(|((_, time), value)| (*time, *value)).collect()
    };
    let a = of("od-a");
    // 23 whole days and the half hour since the last moment.
    assert_eq!(a.len(), 23 * 144 + 4);
    assert!(a.windows(2).all(|pair| pair[1].0 - pair[0].0 == 600));
    assert_eq!(a.last().unwrap().0, now().as_second());
    let index = index_of("feishu_department_suite_dau");
    let at = |samples: &[(i64, f64)], time| {
        samples.iter().find(|(at, _)| *at == time).map(|(_, value)| *value)
    };
    let tenth = date(2026, 11, 10);
    assert_eq!(at(&a, moment(tenth) - 600), Some(value("od-a", after(tenth, -1), 0, index)));
    assert_eq!(at(&a, moment(tenth)), Some(value("od-a", tenth, 0, index)));
    let b = of("od-b");
    assert_eq!(b.len(), a.len(), "a day that is missing leaves no gap");
    assert_eq!(at(&b, moment(tenth)), Some(value("od-b", after(tenth, -1), 0, index)));
    assert_eq!(written.days, 24);
}

/// Two ranges that meet give what one range over both gives, also where the day at which they meet
/// is missing.
#[tokio::test]
async fn dense_ranges_that_meet_neither_overlap_nor_leave_a_gap() {
    let (_store, tenant) = filled().await;
    let mut figures = FigureSet::none();
    figures.insert(index_of("feishu_department_suite_dau"));
    let dense = |from, to| {
        let mut subject = Subject { figures, ..subject(tenant.clone()) };
        (subject.geos[0].from, subject.geos[0].to) = (from, to);
        History { step: Some(Duration::from_secs(7200)), ..history_of(subject) }
    };
    let (first, last) = (date(2026, 11, 5), date(2026, 11, 20));
    let whole = samples(&written(dense(first, last)).await.0);
    for meets in [date(2026, 11, 7), date(2026, 11, 9), date(2026, 11, 10), date(2026, 11, 11)] {
        let mut both = samples(&written(dense(first, meets)).await.0);
        for (key, value) in samples(&written(dense(after(meets, 1), last)).await.0) {
            assert!(both.insert(key.clone(), value).is_none(), "{meets}: {key:?} twice");
        }
        assert_eq!(both, whole, "{meets}");
    }
    let ends = whole.keys().map(|(_, time)| *time).max().unwrap();
    assert!(ends < moment(after(last, 1)) && ends >= moment(after(last, 1)) - 7200);
}

#[tokio::test]
async fn a_value_is_repeated_until_it_is_too_old() {
    let store = Store::in_memory(clock()).unwrap();
    let tenant = store.tenant("acme", "cli_1");
    keep(&tenant, "od-a", &[date(2026, 11, 2)], &[]).await;
    let mut figures = FigureSet::none();
    figures.insert(0);
    let mut history = history_of(Subject { figures, ..subject(tenant) });
    history.step = Some(Duration::from_secs(3600));
    let (page, _) = written(history).await;
    let last = samples(&page).into_keys().map(|(_, time)| time).max().unwrap();
    // Its end is midnight of the 3rd in UTC+8; 14 days later is the 17th.
    let too_old: Timestamp = "2026-11-16T16:00:00Z".parse().unwrap();
    assert!(last < too_old.as_second() && last >= too_old.as_second() - 3600);
}

#[tokio::test]
async fn a_file_appears_complete_or_not_at_all() {
    let (_store, tenant) = filled().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("back.om");
    let (trigger, shutdown) = shutdown::channel();
    let history = history_of(subject(tenant));
    let file = File { history, format: DatedFormat::OpenMetrics, shutdown };
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    // What a killed run left is no obstacle.
    std::fs::write(directory.path().join("back.om.partial"), "half").unwrap();
    let to = || Destination::File(path.clone());
    write(&file, to(), nobody()).await.unwrap();
    assert_eq!(names(), ["back.om"]);
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.ends_with(b"# EOF\n"));

    trigger.stop();
    let error = write(&file, to(), nobody()).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted), "{error}");
    assert_eq!(names(), ["back.om"]);
    assert_eq!(std::fs::read(&path).unwrap(), whole, "the old file stays");

    let directory = Destination::File(directory.path().to_owned());
    let error = write(&file, directory, nobody()).await.unwrap_err();
    assert!(error.to_string().contains("it is no plain file"), "{error}");
}

#[tokio::test]
async fn a_reader_that_stops_is_told_of() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_store, tenant) = filled().await;
    let (_trigger, shutdown) = shutdown::channel();
    let history = history_of(subject(tenant));
    let file = File { history, format: DatedFormat::PrometheusMillis, shutdown };
    let error = write(&file, Destination::Stream(Box::new(Closed)), nobody()).await.unwrap_err();
    assert!(error.to_string().contains("whoever reads it has stopped"), "{error}");
}

#[tokio::test]
async fn a_store_without_these_days_gives_no_file() {
    let store = Store::in_memory(clock()).unwrap();
    let (_trigger, shutdown) = shutdown::channel();
    let history = history_of(subject(store.tenant("acme", "cli_1")));
    let file = File { history, format: DatedFormat::OpenMetrics, shutdown };
    let page = Page::default();
    let error =
        write(&file, Destination::Stream(Box::new(page.clone())), nobody()).await.unwrap_err();
    assert!(matches!(error, Error::Nothing), "{error}");
    assert!(page.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn each_geo_has_its_own_moments_and_each_family_stands_in_one_piece() {
    let store = Store::in_memory(clock()).unwrap();
    let of = |geo| Target { geo, ..target("od-a") };
    let geo = |geo, zone| GeoDays { geo, zone, from: date(2026, 11, 1), to: LAST };
    let mut subjects = Vec::new();
    for name in ["acme", "beta"] {
        let tenant = store.tenant(name, "cli_1");
        for geo in [Geo::Cn, Geo::Sg] {
            keep_of(&tenant, &of(geo), &all_days(), &[]).await;
        }
        subjects.push(Arc::new(Subject {
            tenant: name.to_owned(),
            geos: vec![geo(Geo::Cn, Zone::shanghai()), geo(Geo::Sg, Zone::utc())],
            targets: vec![of(Geo::Cn), of(Geo::Sg)],
            ..subject(tenant)
        }));
    }
    let history = History { subjects, ..history_of(subject(store.tenant("none", "cli_1"))) };
    let (page, written) = written(history).await;
    assert_eq!(written.days, 24);
    let heads: Vec<&str> = page.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert_eq!(heads.len(), heads.iter().collect::<BTreeSet<_>>().len(), "a family is split");
    let found = samples(&page);
    let last = |geo: &str| {
        let series = format!("feishu_calendar_workday{{tenant=\"beta\",geo=\"{geo}\",");
        let mine = found.keys().filter(|(name, _)| name.starts_with(&series));
        mine.map(|(_, time)| *time).collect::<Vec<_>>()
    };
    // At 10:00 in UTC+8 it is 02:00 in UTC, where the 24th is not there yet.
    assert_eq!((last("cn").len(), last("sg").len()), (24, 23));
    assert_eq!(last("cn")[23], moment(LAST));
    assert_eq!(last("sg")[22], moment(after(LAST, -1)) + 8 * 3600);
}
