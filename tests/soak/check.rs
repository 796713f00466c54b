//! What must hold of every scrape and of the store, by the simulator's own figures.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
};

use feishu_exporter::catalogue::{FIGURES, Unit};
use feishu_simulator::{Geo, Handle};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::chaos::{RENAMED, TOTAL};

/// A department's figures of a day by API field.
type Figures = BTreeMap<&'static str, f64>;
type Place = (String, &'static str, Date, Option<String>);

/// What Feishu's figures are, also of departments that are gone.
pub(crate) struct Truth {
    simulator: Handle,
    gone: HashMap<Place, Figures>,
    /// What was asked for today; asking again is slow.
    known: RefCell<HashMap<Place, Option<Figures>>>,
    /// Every name that a department ever had.
    names: HashMap<String, HashSet<String>>,
    metrics: HashMap<&'static str, (&'static str, f64)>,
    baselines: HashMap<&'static str, &'static str>,
}

/// A line of an exposition.
pub(crate) struct Sample<'a> {
    pub(crate) name: &'a str,
    pub(crate) labels: BTreeMap<&'a str, String>,
    pub(crate) value: f64,
}

fn geo_of(label: &str) -> (Geo, &'static str) {
    match label {
        "jp" => (Geo::Jp, "jp"),
        _ => (Geo::Cn, "cn"),
    }
}

/// The day that begins at this instant in the zone of a place.
fn day_of(start: f64, geo: Geo) -> Date {
    let zone = match geo {
        Geo::Cn => TimeZone::fixed(jiff::tz::offset(8)),
        _ => TimeZone::UTC,
    };
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds of this era")]
    let start = Timestamp::from_second(start as i64).expect("a time");
    zone.to_datetime(start).date()
}

impl Truth {
    pub(crate) fn new(simulator: Handle) -> Self {
        let factor = |unit| if unit == Unit::Minutes { 60.0 } else { 1.0 };
        let metrics = FIGURES.iter().map(|f| (f.metric, (f.api_field, factor(f.unit))));
        let baselines = FIGURES.iter().filter_map(|f| Some((f.baseline?, f.metric)));
        let mut truth = Self {
            simulator,
            gone: HashMap::new(),
            known: RefCell::default(),
            names: HashMap::new(),
            metrics: metrics.collect(),
            baselines: baselines.collect(),
        };
        truth.note_names();
        truth
    }

    /// Notes what departments are called now.
    pub(crate) fn note_names(&mut self) {
        for department in self.simulator.departments() {
            let names = self.names.entry(department.open_department_id).or_default();
            names.insert(department.statistics_name);
        }
    }

    /// Notes the figures of a department and all below it that are about to go: the last weeks.
    pub(crate) fn note_going(&mut self, id: &str, today: Date, versions: &[String]) {
        self.gone.retain(|(_, _, day, _), _| (today - *day).get_days() < 90);
        let all = self.simulator.departments();
        let is_within = |mut at: usize| loop {
            match all[at].parent {
                _ if all[at].open_department_id == id => break true,
                Some(parent) => at = parent,
                None => break false,
            }
        };
        for index in (0..all.len()).filter(|index| !all[*index].deleted && is_within(*index)) {
            let id = &all[index].open_department_id;
            for (geo, label) in [(Geo::Cn, "cn"), (Geo::Jp, "jp")] {
                for ago in 0..60 {
                    let day = today.saturating_sub(jiff::Span::new().days(ago));
                    let named = versions.iter().map(|name| Some(name.clone()));
                    for version in [None].into_iter().chain(named) {
                        let figures = self.simulator.truth(id, day, geo, version.as_deref());
                        let place = (id.clone(), label, day, version);
                        self.gone.extend(figures.map(|figures| (place, figures)));
                    }
                }
            }
        }
    }

    fn figure(
        &self,
        (id, geo, day): (&str, &str, Date),
        version: &str,
        field: &str,
    ) -> Option<f64> {
        let (geo, label) = geo_of(geo);
        let named = version.strip_suffix(RENAMED).unwrap_or(version);
        let version = (named != "all" && named != TOTAL).then(|| named.to_owned());
        let mut known = self.known.borrow_mut();
        let figures =
            known.entry((id.to_owned(), label, day, version)).or_insert_with_key(|place| {
                let live = self.simulator.truth(id, day, geo, place.3.as_deref());
                live.or_else(|| self.gone.get(place).cloned())
            });
        figures.as_ref()?.get(field).copied()
    }

    /// Forgets what was asked for: departments may have come or gone.
    pub(crate) fn ask_again(&self) {
        self.known.borrow_mut().clear();
    }

    /// What is wrong with a scrape: in a sentence each.
    pub(crate) fn wrong_in(&self, body: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let samples: Vec<Sample<'_>> = samples(body).collect();
        let mut seen = HashSet::new();
        for sample in &samples {
            if !seen.insert((sample.name, &sample.labels)) {
                wrong.push(format!("twice: {} {:?}", sample.name, sample.labels));
            }
            if !sample.value.is_finite() && !sample.name.ends_with("limit") {
                wrong.push(format!("not finite: {} {:?}", sample.name, sample.labels));
            }
        }
        let days = days(&samples);
        for sample in &samples {
            wrong.extend(self.wrong(sample, &days));
        }
        wrong
    }

    fn wrong(&self, sample: &Sample<'_>, days: &Days<'_>) -> Option<String> {
        let Sample { name, labels, value } = sample;
        let told = || format!("{name}{labels:?} {value}");
        let (metric, is_baseline) = match self.baselines.get(name) {
            Some(metric) => (*metric, true),
            None => (*name, false),
        };
        let of_people = people_of(name, labels);
        let (field, factor) = match self.metrics.get(metric) {
            Some(known) => *known,
            None => (of_people?, 1.0),
        };
        let (geo, id) = (labels["geo"].as_str(), labels["department_id"].as_str());
        let Some(day) = days.get(&(geo, id)).copied() else {
            return Some(format!("no day is named for {}", told()));
        };
        if let Some(department) = labels.get("department")
            && !self.names.get(id).is_some_and(|names| names.contains(department))
        {
            return Some(format!("it was never called so: {}", told()));
        }
        let version = labels.get("product_version").map_or("all", String::as_str);
        let of = |day| Some(self.figure((id, geo, day), version, field)? * factor);
        if is_baseline {
            let weeks = (1..=4).filter_map(|w| of(day.saturating_sub(jiff::Span::new().weeks(w))));
            let medians = medians_of_some(&weeks.collect::<Vec<_>>());
            let fits = medians.iter().any(|median| (median - value).abs() < 1e-6);
            return (!fits).then(|| format!("of {day}, {medians:?}: {}", told()));
        }
        match of(day) {
            Some(truth) if (truth - value).abs() < 1e-6 => None,
            truth => Some(format!("of {day} the truth is {truth:?}: {}", told())),
        }
    }

    /// Departments that are not served with this day, which Feishu has had for long.
    pub(crate) fn behind(&self, body: &str, newest: Date) -> Vec<String> {
        let samples: Vec<_> = samples(body).collect();
        let days = days(&samples);
        let all = self.simulator.departments();
        let asked = all.iter().filter(|d| !d.deleted && (1..=4).contains(&d.depth));
        let ids: Vec<_> = asked.map(|department| department.open_department_id.clone()).collect();
        let mut behind = Vec::new();
        for (id, geo) in ids.iter().flat_map(|id| ["cn", "jp"].map(|geo| (id, geo))) {
            let day = days.get(&(geo, id.as_str()));
            if day != Some(&newest) {
                let about = all.iter().find(|d| d.open_department_id == *id);
                let about = about.map(|d| (&d.path, d.depth));
                behind.push(format!("{geo} {id} {about:?} serves {day:?} and not {newest}"));
            }
        }
        behind
    }

    /// Whether a stored value is the truth.
    pub(crate) fn agrees(&self, id: &str, geo: &str, day: Date, field: &str, value: f64) -> bool {
        let truth = self.figure((id, geo, day), "all", field);
        truth.is_none_or(|truth| (truth - value).abs() < 1e-6)
    }
}

/// The field of the department statistics that counts the same people.
fn people_of(name: &str, labels: &BTreeMap<&str, String>) -> Option<&'static str> {
    match (name, labels.get("product").map(String::as_str)) {
        ("feishu_users", _) => Some("total_user_num"),
        ("feishu_users_active", Some("suite")) => Some("suite_dau"),
        ("feishu_users_active", Some("im")) => Some("im_dau"),
        ("feishu_users_active", Some("docs")) => Some("docs_dau"),
        ("feishu_users_active", Some("calendar")) => Some("cal_dau"),
        ("feishu_users_active", Some("vc")) => Some("vc_dau"),
        ("feishu_users_active", Some("search")) => Some("search_active_dau"),
        _ => None,
    }
}

/// The medians of all sets of two or more of these values: not every week need be known.
fn medians_of_some(values: &[f64]) -> Vec<f64> {
    let sets = (0..1_u32 << values.len()).filter(|set| set.count_ones() >= 2);
    let median = |set: u32| {
        let chosen = values.iter().enumerate().filter(|(i, _)| set & (1 << i) > 0);
        let mut chosen: Vec<f64> = chosen.map(|(_, value)| *value).collect();
        chosen.sort_by(f64::total_cmp);
        let middle = chosen.len() / 2;
        match chosen.len() % 2 {
            0 => f64::midpoint(chosen[middle - 1], chosen[middle]),
            _ => chosen[middle],
        }
    };
    sets.map(median).collect()
}

/// The day served by place and department.
type Days<'a> = HashMap<(&'a str, &'a str), Date>;

fn days<'a>(samples: &'a [Sample<'_>]) -> Days<'a> {
    let gauges = samples
        .iter()
        .filter(|sample| sample.name == "feishu_department_statistics_day_timestamp_seconds");
    let day = |sample: &'a Sample<'_>| {
        let (geo, id) = (sample.labels["geo"].as_str(), sample.labels["department_id"].as_str());
        ((geo, id), day_of(sample.value, geo_of(geo).0))
    };
    gauges.map(day).collect()
}

/// The samples of an exposition in text format 0.0.4.
pub(crate) fn samples(body: &str) -> impl Iterator<Item = Sample<'_>> {
    body.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = self::labels(labels.strip_suffix('}').expect("labels end"));
        Sample { name, labels, value: value.parse().expect("a number") }
    })
}

fn labels(mut text: &str) -> BTreeMap<&str, String> {
    let mut labels = BTreeMap::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let (mut value, mut chars) = (String::new(), rest.char_indices());
        let end = loop {
            match chars.next().expect("a value ends") {
                (at, '"') => break at,
                (_, '\\') => match chars.next().expect("something is escaped").1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(name, value).is_none(), "label {name} twice");
        text = rest[end + 1..].trim_start_matches(',');
    }
    labels
}
