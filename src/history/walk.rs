//! Every sample of the past, in the two orders in which it is written: of a family, series by series
//! and in the order of time within a series; or of a department's day.

use super::{
    Error,
    day_set::DaySet,
    moment::Run,
    outline::{Department, GeoPast, Outline},
};
use crate::{
    baseline::{Baseline, median},
    catalogue::{DAY_TIMESTAMP, FIGURE_COUNT, FIGURE_LABELS, FIGURES, TOTAL_VERSION, WORKDAY},
    day::{Day, after},
    store::{self, DepartmentKey, Past, Value},
    usage::{FigureSet, Figures, Version, label_value},
};

/// What is written, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Figure(usize),
    Baseline(usize),
    Day,
    Workday,
}

/// Where samples go.
pub(super) trait Sink {
    /// Begins a series; its samples follow.
    fn series(&mut self, labels: &[(&str, &str)]) -> Result<(), Error>;
    /// Adds samples of one value.
    fn samples(&mut self, value: f64, run: Run) -> Result<(), Error>;
}

impl Family {
    /// The families of these figures.
    pub(super) fn of(figures: FigureSet) -> Vec<Self> {
        let figures = (0..FIGURE_COUNT).filter(|index| figures.contains(*index));
        let of_figure = |index: usize| {
            let baseline = FIGURES[index].baseline.map(|_| Self::Baseline(index));
            [Some(Self::Figure(index)), baseline]
        };
        figures.flat_map(of_figure).flatten().chain([Self::Day, Self::Workday]).collect()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Figure(index) => FIGURES[index].metric,
            Self::Baseline(index) => FIGURES[index].baseline.unwrap_or_default(),
            Self::Day => DAY_TIMESTAMP.name,
            Self::Workday => WORKDAY.name,
        }
    }

    pub(super) fn help(self) -> String {
        match self {
            Self::Figure(index) => FIGURES[index].help_text(),
            Self::Baseline(index) => FIGURES[index].baseline_help_text(),
            Self::Day => DAY_TIMESTAMP.help.to_owned(),
            Self::Workday => WORKDAY.help.to_owned(),
        }
    }
}

/// Hands every sample of a family to the sink.
pub(super) fn walk(
    outline: &Outline,
    past: &Past<'_>,
    family: Family,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    match family {
        Family::Figure(index) if outline.subject.figures.contains(index) => {
            figure(outline, past, index, sink)
        }
        Family::Baseline(index)
            if outline.subject.figures.contains(index) && outline.subject.baseline_weeks > 0 =>
        {
            baseline(outline, past, index, sink)
        }
        Family::Figure(_) | Family::Baseline(_) => Ok(()),
        Family::Day => {
            outline.departments.iter().try_for_each(|department| days(outline, department, sink))
        }
        Family::Workday => {
            outline.geos.values().try_for_each(|geo_past| workdays(outline, geo_past, sink))
        }
    }
}

/// A sample of a department's day.
pub(super) struct DaySample<'a> {
    pub(super) family: Family,
    /// The total for what holds of the day as a whole.
    pub(super) version: &'a Version,
    pub(super) labels: &'a [(&'a str, &'a str)],
    pub(super) value: f64,
}

/// Hands every sample of a department's day to `each`.
pub(super) fn walk_day(
    outline: &Outline,
    past: &Past<'_>,
    geo_past: &GeoPast,
    department: &Department,
    day: Day,
    each: &mut dyn FnMut(DaySample<'_>),
) -> Result<(), store::Error> {
    let published = || (0..FIGURE_COUNT).filter(|index| outline.subject.figures.contains(*index));
    let mut labels_seen = LabelsSeen::default();
    for (version, figures) in past.rows(department.key, day)? {
        let label = version_label(&version);
        if !labels_seen.is_new(label) {
            continue;
        }
        let labels = labels(outline, department, label);
        for index in published() {
            let kept = figures.raw(index);
            let sample =
                kept.and_then(|v| outline.sample(index, v, figures.had_percent_sign(index)));
            if let Some(value) = sample {
                let family = Family::Figure(index);
                each(DaySample { family, version: &version, labels: &labels, value });
            }
        }
    }
    if let Some(compared) = outline.compared_with(department, day) {
        let totals = past.totals(department.key, &compared)?;
        let totals: Vec<Figures> = totals.into_iter().map(|(_, total)| total).collect();
        let baseline = Baseline::over(&totals);
        let labels = labels(outline, department, TOTAL_VERSION);
        for index in published() {
            if let Some(value) = baseline.of(index) {
                let family = Family::Baseline(index);
                each(DaySample { family, version: &Version::Total, labels: &labels, value });
            }
        }
    }
    let labels = department.labels(&outline.subject);
    let (version, value) = (&Version::Total, day_value(geo_past, day));
    each(DaySample { family: Family::Day, version, labels: &labels, value });
    Ok(())
}

/// The label of a version.
fn version_label(version: &Version) -> &str {
    match version {
        Version::Total => TOTAL_VERSION,
        Version::Named(name) => label_value(name),
    }
}

/// The start of a day as the value of the day gauge.
#[expect(clippy::cast_precision_loss, reason = "years 1 to 9999 fit 2^53")]
fn day_value(geo_past: &GeoPast, day: Day) -> f64 {
    geo_past.days.zone.start_of(day).as_second() as f64
}

/// The labels of a department's series.
fn labels<'a>(
    outline: &'a Outline,
    department: &'a Department,
    version: &'a str,
) -> [(&'static str, &'a str); 5] {
    let [tenant, geo, id, name] = department.labels(&outline.subject);
    [tenant, geo, id, name, (FIGURE_LABELS[4], version)]
}

/// Scans a figure and keeps a failure of `each` apart from those of the store.
fn scan(
    past: &Past<'_>,
    keys: &[DepartmentKey],
    index: usize,
    days: (Day, Day),
    mut each: impl FnMut(&Value<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut failure = None;
    let scanned = past.scan(keys, index, days, &mut |value| {
        each(value).map_err(|error| {
            failure = Some(error);
            store::Error::of_reader("writing past days", &std::io::ErrorKind::Other.into())
        })
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(scanned?),
    }
}

fn figure(
    outline: &Outline,
    past: &Past<'_>,
    index: usize,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let Some(range) = outline.days() else { return Ok(()) };
    let mut departments = Following::new(outline);
    // The series that is open, and whether it is another one's by its label.
    let mut open: Option<(DepartmentKey, Version)> = None;
    let mut labels_seen = LabelsSeen::default();
    let mut is_doubled = false;
    scan(past, &outline.keys(), index, range, |value| {
        let Some((department, geo_past)) = departments.find(value.department) else {
            return Ok(());
        };
        let sample = outline.sample(index, value.value, value.had_percent_sign);
        let run = geo_past.run_of(department, value.day);
        let is_shown = department.shown.contains(value.day);
        let (Some(sample), Some(run), true) = (sample, run, is_shown) else { return Ok(()) };
        if open.as_ref().is_none_or(|(key, v)| *key != department.key || v != value.version) {
            if open.as_ref().is_none_or(|(key, _)| *key != department.key) {
                labels_seen = LabelsSeen::default();
            }
            let version = version_label(value.version);
            is_doubled = !labels_seen.is_new(version);
            open = Some((department.key, value.version.clone()));
            if !is_doubled {
                sink.series(&labels(outline, department, version))?;
            }
        }
        if is_doubled { Ok(()) } else { sink.samples(sample, run) }
    })
}

fn baseline(
    outline: &Outline,
    past: &Past<'_>,
    index: usize,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let Some((from, to)) = outline.days() else { return Ok(()) };
    let from = after(from, -7 * i32::from(outline.subject.baseline_weeks));
    let mut departments = Following::new(outline);
    let mut totals: Vec<(Day, f64)> = Vec::new();
    let mut current: Option<(&Department, &GeoPast)> = None;
    scan(past, &outline.keys(), index, (from, to), |value| {
        let Some(found) = departments.find(value.department) else { return Ok(()) };
        if current.is_none_or(|(department, _)| department.key != found.0.key) {
            if let Some((department, geo_past)) = current {
                baselines_of(outline, department, geo_past, &totals, sink)?;
            }
            totals.clear();
            current = Some(found);
        }
        if *value.version == Version::Total {
            totals.push((value.day, value.value));
        }
        Ok(())
    })?;
    match current {
        Some((department, geo_past)) => baselines_of(outline, department, geo_past, &totals, sink),
        None => Ok(()),
    }
}

fn baselines_of(
    outline: &Outline,
    department: &Department,
    geo_past: &GeoPast,
    totals: &[(Day, f64)],
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let total = |of: Day| {
        let at = totals.binary_search_by_key(&of, |(day, _)| *day).ok()?;
        Some(totals[at].1)
    };
    let value = |day| {
        let compared = outline.compared_with(department, day)?;
        median(compared.into_iter().filter_map(total).collect())
    };
    let labels = labels(outline, department, TOTAL_VERSION);
    let run = |day| geo_past.run_of(department, day);
    series(&department.shown, run, &labels, value, sink)
}

fn days(outline: &Outline, department: &Department, sink: &mut dyn Sink) -> Result<(), Error> {
    let Some(geo_past) = outline.geo_past(department) else { return Ok(()) };
    let value = |day| Some(day_value(geo_past, day));
    let labels = department.labels(&outline.subject);
    series(&department.shown, |day| geo_past.run_of(department, day), &labels, value, sink)
}

fn workdays(outline: &Outline, geo_past: &GeoPast, sink: &mut dyn Sink) -> Result<(), Error> {
    let value = |day| Some(workday_value(outline, day));
    let labels = workday_labels(outline, geo_past);
    series(&geo_past.shown, |day| geo_past.run_of_geo(day), &labels, value, sink)
}

/// Hands the series with these labels to the sink, if any of its days has a value and a moment.
fn series(
    shown: &DaySet,
    run: impl Fn(Day) -> Option<Run>,
    labels: &[(&str, &str)],
    value: impl Fn(Day) -> Option<f64>,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let mut is_open = false;
    for day in shown.iter() {
        let (Some(run), Some(value)) = (run(day), value(day)) else { continue };
        if !is_open {
            sink.series(labels)?;
            is_open = true;
        }
        sink.samples(value, run)?;
    }
    Ok(())
}

/// The labels of the series that tells working days from days off.
pub(super) fn workday_labels<'a>(
    outline: &'a Outline,
    geo_past: &GeoPast,
) -> [(&'static str, &'a str); 2] {
    [("tenant", label_value(&outline.subject.tenant)), ("geo", geo_past.days.geo.as_label())]
}

pub(super) fn workday_value(outline: &Outline, day: Day) -> f64 {
    f64::from(u8::from(outline.subject.calendar.is_workday(day)))
}

/// The version labels of a department so far: names that are cut to the same label are one series.
#[derive(Default)]
struct LabelsSeen(Vec<String>);

impl LabelsSeen {
    /// Whether a label comes for the first time.
    fn is_new(&mut self, label: &str) -> bool {
        let is_new = !self.0.iter().any(|seen| seen == label);
        if is_new {
            self.0.push(label.to_owned());
        }
        is_new
    }
}

/// Finds departments that are asked for in their own order.
struct Following<'a> {
    outline: &'a Outline,
    at: usize,
}

impl<'a> Following<'a> {
    fn new(outline: &'a Outline) -> Self {
        Self { outline, at: 0 }
    }

    fn find(&mut self, key: DepartmentKey) -> Option<(&'a Department, &'a GeoPast)> {
        let departments = &self.outline.departments;
        self.at += departments[self.at..].iter().position(|department| department.key == key)?;
        let department = &departments[self.at];
        self.outline.geo_past(department).map(|geo_past| (department, geo_past))
    }
}
