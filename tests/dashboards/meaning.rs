//! What the dashboards show of a small made-up company in which everything happens that misleads:
//! a late day, a missing day, a renamed department, a backfill under its new name over days that are
//! there under the old one, a parent beside its child, two exporters.

#![expect(clippy::cast_precision_loss, reason = "small numbers and seconds of this century")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    ops::{Range, RangeInclusive},
};

use crate::{
    program::directory,
    prometheus::{Prometheus, Shown, number, points},
};

const DAY: i64 = 86_400;
const HALF_HOUR: i64 = 1800;
/// 2026-03-02 00:00 in UTC+8, a Monday.
const MONDAY: i64 = 1_772_380_800;
const DAYS: i64 = 12;
/// From here on Alpha is called Beta, and from this sample of the day before.
const RENAMED: i64 = 6;
const RENAMED_AT: i64 = 20;
/// These days were brought in under the new name as well, so they are there twice.
const DOUBLED: Range<i64> = 2..RENAMED;
/// On this day the exporter was switched off.
const MISSING: i64 = 3;
/// This day of `od-2` came never, nor did the next: it showed the day before instead.
const LATE: i64 = 8;
/// On the last day all but one come so many samples later than half past nine.
const WAITED: i64 = 2;
/// From here on there are two exporters.
const SECOND: i64 = 7;
const SECOND_INSTANCE: &str = "other";

/// A department: id, its name on a day, the people that it reports, the department above, its
/// place as a path of names.
struct Department {
    id: &'static str,
    active: i64,
    parent: &'static str,
    path: &'static str,
}

const COMPANY: [Department; 5] = [
    Department { id: "od-1", active: 10, parent: "0", path: "Beta" },
    Department { id: "od-2", active: 20, parent: "0", path: "Late" },
    // It counts the two of its child as well.
    Department { id: "od-3", active: 5, parent: "0", path: "Parent" },
    Department { id: "od-4", active: 2, parent: "od-3", path: "Parent/Child" },
    // The department between is not published: nothing tells that od-6 is below od-3 but the path.
    Department { id: "od-5", active: 1, parent: "od-6", path: "Parent/Middle/Grandchild" },
];

impl Department {
    fn name(&self, day: i64, step: i64) -> &'static str {
        match self.id {
            "od-1" if (day, step) < (RENAMED - 1, RENAMED_AT) => "Alpha",
            "od-1" => "Beta",
            "od-2" => "Late",
            "od-3" => "Parent",
            "od-4" => "Child",
            _ => "Grandchild",
        }
    }

    /// The half hours, from half past nine on, in which it shows the day.
    fn steps(&self, day: i64) -> Range<i64> {
        match DAYS - 1 - day {
            0 if self.id != "od-4" => WAITED..48,
            1 if self.id != "od-4" => 0..48 + WAITED,
            _ => 0..48,
        }
    }

    /// The day that it shows when others show this one.
    fn shows(&self, day: i64) -> i64 {
        if self.id == "od-2" && day == LATE { day - 1 } else { day }
    }
}

/// Half past nine of the day after.
fn ready(day: i64) -> i64 {
    MONDAY + (day + 1) * DAY + 19 * HALF_HOUR
}

/// A metric, its labels, its value.
type Sample = (&'static str, String, i64);

/// What there is of a department's day, live or brought in, under a name. Figures grow by the day,
/// so that each day's can be told from another's.
fn figures(target: &str, department: &Department, name: &str, day: i64) -> [Sample; 7] {
    let id = department.id;
    let labels = format!("{target},geo=\"local\",department_id=\"{id}\",department=\"{name}\"");
    let all = format!("{labels},product_version=\"all\"");
    let active = department.active + 100 * day;
    // In Messenger the child has risen and all others have fallen.
    let usual_in_messenger = if id == "od-4" { active } else { 6 * active };
    let start = MONDAY + day * DAY;
    [
        ("feishu_department_suite_dau", all.clone(), active),
        ("feishu_department_suite_dau_baseline", all.clone(), 2 * active),
        ("feishu_department_im_dau", all.clone(), 3 * active),
        ("feishu_department_im_dau_baseline", all.clone(), usual_in_messenger),
        ("feishu_department_activated_users", all.clone(), 4 * active),
        ("feishu_department_users", all, 5 * active),
        ("feishu_department_statistics_day_timestamp_seconds", labels, start),
    ]
}

/// What only a live exporter has. The second has other names, and asking for od-1 fails.
fn live(target: &str, department: &Department, name: &str) -> Vec<Sample> {
    let Department { id, parent, path, .. } = department;
    let name = if target.contains(SECOND_INSTANCE) { "Old" } else { name };
    let id = format!("{target},department_id=\"{id}\"");
    let place = format!(
        "{id},department=\"{name}\",parent_department_id=\"{parent}\",department_path=\"{path}\""
    );
    let (up, fell) = (i64::from(department.id != "od-1"), department.id == "od-4");
    let here = format!("{id},geo=\"local\"");
    let of_suite = format!("{here},department=\"{name}\",product=\"suite\"");
    let mut samples = vec![
        ("feishu_department_info", place, 1),
        ("feishu_exporter_department_up", here.clone(), up),
        ("feishu_exporter_build_info", target.to_owned(), 1),
        ("feishu_up", target.to_owned(), 1),
        ("feishu_department_activity_expected", of_suite.clone(), 2 * department.active),
        ("feishu_department_activity_drop_length", of_suite.clone(), 3 * i64::from(fell)),
    ];
    if fell {
        samples.push(("feishu_department_activity_drop_ratio", of_suite.clone(), 0));
        samples.push(("feishu_department_activity_drop_missing", of_suite.clone(), 4));
    }
    for (window, deviation) in [(1, if fell { -7 } else { -4 }), (5, if fell { -3 } else { -2 })] {
        let labels = format!("{of_suite},window=\"{window}\"");
        samples.push(("feishu_department_activity_deviation", labels, deviation));
    }
    if up == 0 {
        let why = format!("{here},class=\"permission\",code=\"1051002\"");
        samples.push(("feishu_exporter_department_failure_info", why, 1));
    }
    samples
}

/// Live exporters' samples of a time, one each half hour, and what was brought in.
fn history(known: &RangeInclusive<i64>) -> String {
    let mut families = BTreeMap::<_, BTreeSet<_>>::new();
    let mut write = |(metric, labels, value): &Sample, at: i64| {
        if known.contains(&at) {
            families.entry(*metric).or_default().insert((labels.clone(), at, *value));
        }
    };
    for department in &COMPANY {
        for (since, instance) in [(0, "a"), (SECOND, SECOND_INSTANCE)] {
            let target = format!("job=\"feishu\",instance=\"{instance}\",tenant=\"t\"");
            for day in (since..DAYS).filter(|day| *day != MISSING) {
                let shown = department.shows(day);
                for step in department.steps(day) {
                    let name = department.name(shown, step);
                    let samples = figures(&target, department, name, shown);
                    for sample in samples.iter().chain(&live(&target, department, name)) {
                        write(sample, ready(day) + step * HALF_HOUR);
                    }
                }
                if DOUBLED.contains(&day) && department.id == "od-1" {
                    for sample in figures(&target, department, "Beta", shown) {
                        write(&sample, ready(day));
                    }
                }
            }
        }
    }
    let mut text = String::new();
    for (metric, samples) in families {
        for (labels, at, value) in samples {
            writeln!(text, "{metric}{{{labels}}} {value} {at}").unwrap();
        }
    }
    text + "# EOF\n"
}

struct Company {
    prometheus: Prometheus,
}

impl Company {
    fn new() -> Self {
        Self::known(0..=i64::MAX)
    }

    /// With the samples of this time alone.
    fn known(time: RangeInclusive<i64>) -> Self {
        let files = directory(&[]);
        let file = files.path().join("history.om");
        fs::write(&file, history(&time)).unwrap();
        Self { prometheus: Prometheus::with(&[file]) }
    }

    /// The panels of a dashboard at a moment.
    fn show(&self, dashboard: &str, panels: &[&str], at: i64, set: &[&str]) -> Shown {
        let at = at.to_string();
        let panels: Vec<String> =
            panels.iter().map(|title| format!("{dashboard}-en/{title}")).collect();
        let mut options = vec!["--sparse", "--at", &at, "--only"];
        options.extend(panels.iter().map(String::as_str));
        options.push("--set");
        options.extend(set);
        self.prometheus.show(&[dashboard], &options)
    }
}

fn active(ids: &[&str], day: i64) -> f64 {
    let chosen = COMPANY.iter().filter(|department| ids.contains(&department.id));
    chosen.map(|department| department.active + 100 * day).sum::<i64>() as f64
}

const ALL: [&str; 5] = ["od-1", "od-2", "od-3", "od-4", "od-5"];

#[test]
fn each_day_stands_at_its_place_and_is_neither_zero_nor_doubled() {
    let company = Company::new();
    let activity =
        |at, panels: &[&str], set: &[&str]| company.show("feishu-activity", panels, at, set);
    let end = ready(DAYS - 1) + DAY - HALF_HOUR;

    let shown = activity(end, &["Active people", "Last days against usual"], &[]);
    let expected: Vec<_> = (0..DAYS)
        .filter(|day| *day != MISSING)
        .map(|day| {
            let there: &[&str] = if day == LATE { &["od-1", "od-3", "od-4", "od-5"] } else { &ALL };
            (MONDAY + day * DAY, active(there, day))
        })
        .collect();
    assert_eq!(shown.days("feishu-activity-en/Active people"), expected);
    // The day that one department lacks is marked, and compared with what those that have it do.
    let kinds = shown.results("feishu-activity-en/Active people/A");
    let part = kinds.iter().find(|days| days["metric"]["kind"] == "part").unwrap();
    assert_eq!(points(part), [expected[usize::try_from(LATE).unwrap() - 1]]);
    let last = shown.days("feishu-activity-en/Last days against usual");
    let usual = shown.curve("feishu-activity-en/Last days against usual/B");
    assert!(last.len() >= 6, "{last:?}");
    assert!(last.iter().zip(&usual).all(|(day, usual)| (day.0, 2.0 * day.1) == *usual));

    // Just after the rename and beside a second exporter, everybody is there once.
    for day in [RENAMED, SECOND, DAYS - 2] {
        let shown = activity(ready(day) + HALF_HOUR, &["Active"], &[]);
        assert_eq!(shown.value("feishu-activity-en/Active/A"), active(&ALL, day), "day {day}");
        assert!((shown.value("feishu-activity-en/Active/B") - 0.25).abs() < 1e-9);
    }

    // A parent that counts those below is not added to them.
    let shown = activity(end, &["Active", "Active people"], &["below=.+"]);
    let top = ["od-1", "od-2", "od-3"];
    assert_eq!(shown.value("feishu-activity-en/Active/A"), active(&top, DAYS - 1));
    let last = shown.days("feishu-activity-en/Active people").pop();
    assert_eq!(last, Some((MONDAY + (DAYS - 1) * DAY, active(&top, DAYS - 1))));
}

#[test]
fn those_below_are_left_out_only_beside_what_counts_them() {
    let company = Company::new();
    let end = ready(DAYS - 1) + DAY - HALF_HOUR;
    let of = |chosen: &[&str]| {
        let department = format!("department=({})", chosen.join("|"));
        let shown = company.show("feishu-activity", &["Active"], end, &["below=.+", &department]);
        shown.value("feishu-activity-en/Active/A")
    };
    for (chosen, counted) in [
        (&["od-4"][..], &["od-4"][..]),
        (&["od-4", "od-5"], &["od-4", "od-5"]),
        (&["od-1", "od-5"], &["od-1", "od-5"]),
        (&["od-3", "od-4"], &["od-3"]),
        (&["od-3", "od-5"], &["od-3"]),
    ] {
        assert_eq!(of(chosen), active(counted, DAYS - 1), "{chosen:?}");
    }
}

#[test]
fn departments_that_fail_or_are_late_are_named_with_their_reason_and_not_compared() {
    let company = Company::new();
    let panels = ["Late or none", "Active", "Late or without figures", "Use by department"];
    let shown = company.show("feishu-activity", &panels, ready(LATE) + HALF_HOUR, &[]);
    assert_eq!(
        shown.value("feishu-activity-en/Active/A"),
        active(&["od-1", "od-3", "od-4", "od-5"], LATE)
    );
    assert_eq!(shown.value("feishu-activity-en/Late or none/A"), 2.0);
    let listed = shown.results("feishu-activity-en/Late or without figures/A");
    let told = ["department", "state", "class", "code"];
    let mut rows: Vec<_> =
        listed.iter().map(|row| told.map(|label| row["metric"][label].as_str())).collect();
    rows.sort_unstable();
    let refused = [Some("Beta"), Some("refused"), Some("permission"), Some("1051002")];
    assert_eq!(rows, [refused, [Some("Late"), Some("late"), None, None]]);
    // Use is of each department's own newest day.
    assert_eq!(shown.results("feishu-activity-en/Use by department/A").len(), ALL.len());
}

#[test]
fn what_the_exporter_judges_to_have_fallen_is_listed_once_and_nothing_else() {
    let end = ready(DAYS - 1) + DAY - HALF_HOUR;
    let panels = ["Fallen", "Departments that fell", "How far below expectation, all versions"];
    let shown = Company::new().show("feishu-activity", &panels, end, &[]);
    assert_eq!(shown.value("feishu-activity-en/Fallen/A"), 1.0);
    let rows = shown.results("feishu-activity-en/Departments that fell/A");
    let names: Vec<_> =
        rows.iter().map(|r| (r["metric"]["department"].as_str(), number(&r["value"][1]))).collect();
    assert_eq!(names, [(Some("Child (Parent)"), 3.0)], "for three days");
    let value =
        |query: &str| shown.value(&format!("feishu-activity-en/Departments that fell/{query}"));
    // All of the same days, so that the change is from what is expected to the value beside it.
    assert_eq!((value("B"), value("C"), value("D")), (0.0, 4.0, -1.0));
    assert_eq!(value("E"), -7.0, "the deviation");
    let ranked = shown.results("feishu-activity-en/How far below expectation, all versions/A");
    assert_eq!(ranked.len(), ALL.len());
    assert_eq!(ranked[0]["metric"]["department"], "Child (Parent)", "the lowest first");
}

#[test]
fn a_day_that_few_departments_have_is_not_yet_that_of_the_company() {
    let panels = ["Day", "Late or none", "Active", "Active people"];
    let shown = |at| Company::known(0..=at).show("feishu-activity", &panels, at, &[]);
    let day = |shown: &Shown| shown.value("feishu-activity-en/Day/A") / 1000.0 - 43_200.0;
    let place = |day: i64| MONDAY + day * DAY;

    // One of five has the newest day: the others still make up the company's.
    let early = shown(ready(DAYS - 1) + HALF_HOUR);
    assert_eq!(day(&early), place(DAYS - 2) as f64);
    assert_eq!(early.value("feishu-activity-en/Late or none/A"), 1.0, "that which fails");
    let others = active(&["od-1", "od-2", "od-3", "od-5"], DAYS - 2);
    assert_eq!(early.value("feishu-activity-en/Active/A"), others);
    let last = early.days("feishu-activity-en/Active people").pop();
    assert_eq!(last, Some((place(DAYS - 2), active(&ALL, DAYS - 2))), "no bar of one department");

    let later = shown(ready(DAYS - 1) + (WAITED + 1) * HALF_HOUR);
    assert_eq!(day(&later), place(DAYS - 1) as f64);
    assert_eq!(later.value("feishu-activity-en/Active/A"), active(&ALL, DAYS - 1));
    let last = later.days("feishu-activity-en/Active people").pop();
    assert_eq!(last, Some((place(DAYS - 1), active(&ALL, DAYS - 1))), "the bar of today");
}

#[test]
fn a_renamed_department_is_one_curve_under_its_newest_name() {
    let company = Company::new();
    let panel = "Active members";
    let shown = company.show(
        "feishu-department",
        &[panel],
        ready(DAYS - 1) + 3 * HALF_HOUR,
        &["department=od-1"],
    );
    let curves = shown.results(&format!("feishu-department-en/{panel}/A"));
    assert_eq!(curves.len(), 1, "{curves:?}");
    assert_eq!(curves[0]["metric"]["department"], "Beta");
    assert_eq!(points(&curves[0]).len() as i64, DAYS - 1, "one day is missing");
}

#[test]
fn a_day_that_is_there_under_two_names_counts_once() {
    let company = Company::new();
    let last = RENAMED - 1;
    assert!(DOUBLED.contains(&last));
    let at = ready(last) + HALF_HOUR;
    let panels = ["Active", "Active people", "Use by department"];
    let shown = company.show("feishu-activity", &panels, at, &[]);
    assert_eq!(shown.value("feishu-activity-en/Active/A"), active(&ALL, last));
    assert!((shown.value("feishu-activity-en/Active/B") - 0.25).abs() < 1e-9);
    let curve = shown.days("feishu-activity-en/Active people");
    assert_eq!(curve.last(), Some(&(MONDAY + last * DAY, active(&ALL, last))));
    assert_eq!(shown.results("feishu-activity-en/Use by department/A").len(), ALL.len());

    // Every query of the department answers, and with one row or curve.
    let panels = ["Departments", "Active members"];
    let shown = company.show("feishu-department", &panels, at, &["department=od-1"]);
    for query in ["Departments/A", "Departments/E", "Active members/A"] {
        assert_eq!(shown.results(&format!("feishu-department-en/{query}")).len(), 1, "{query}");
    }
}

#[test]
fn on_the_day_of_a_renaming_the_new_name_is_shown() {
    let company = Company::new();
    let at = ready(RENAMED - 1) + (RENAMED_AT + 1) * HALF_HOUR;
    let ranking = company.show("feishu-activity", &["Use by department"], at, &[]);
    let one = company.show("feishu-department", &["Departments"], at, &["department=od-1"]);
    for (shown, table) in
        [(ranking, "activity-en/Use by department"), (one, "department-en/Departments")]
    {
        let names: Vec<_> = shown
            .results(&format!("feishu-{table}/A"))
            .iter()
            .map(|result| result["metric"]["department"].as_str().unwrap())
            .collect();
        assert!(names.contains(&"Beta") && !names.contains(&"Alpha"), "{table}: {names:?}");
        // One query names the row, so that no other can name it otherwise.
        let other = &shown.results(&format!("feishu-{table}/B"))[0];
        assert_eq!(other["metric"]["department"], serde_json::Value::Null, "{table}");
    }
}

#[test]
fn a_department_that_fails_is_named_once_beside_a_second_exporter() {
    let end = ready(DAYS - 1) + DAY - HALF_HOUR;
    let shown =
        Company::new().show("feishu-exporter", &["Departments that lack something"], end, &[]);
    let failing = shown.results("feishu-exporter-en/Departments that lack something/A");
    assert_eq!(failing.len(), 1, "{failing:?}");
    assert_eq!(failing[0]["metric"]["department_id"], "od-1");
    assert!(failing[0]["metric"]["department"].is_string(), "{failing:?}");
}

#[test]
fn an_hour_after_the_installation_the_newest_day_is_there() {
    let installed = ready(DAYS - 1) + (WAITED + 1) * HALF_HOUR;
    let now = installed + 2 * HALF_HOUR;
    let company = Company::known(installed..=now);
    let day = MONDAY + (DAYS - 1) * DAY;
    let shown = company.show("feishu-activity", &["Active people"], now, &[]);
    let all = vec![(day, active(&ALL, DAYS - 1))];
    assert_eq!(shown.days("feishu-activity-en/Active people"), all);
    let one = company.show("feishu-department", &["Active members"], now, &["department=od-1"]);
    let expected = vec![(day, active(&["od-1"], DAYS - 1))];
    assert_eq!(one.curve("feishu-department-en/Active members/A"), expected);
}
