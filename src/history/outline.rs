//! Which days of which departments are written, before any value is read.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    Error, GeoDays, Subject,
    day_set::DaySet,
    moment::{Moments, Run},
};
use crate::{
    baseline::compared_with,
    day::{Day, after},
    store::{DepartmentKey, Past, Value},
    usage::{Geo, TOTAL_USERS, Version, label_value, sample_of},
};

/// A tenant with the outline of its past.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) subject: Arc<Subject>,
    pub(super) geos: BTreeMap<Geo, GeoPast>,
    /// By geo and id.
    pub(super) departments: Vec<Department>,
}

/// A geo: its days and their moments.
#[derive(Debug)]
pub(super) struct GeoPast {
    pub(super) days: GeoDays,
    pub(super) moments: Moments,
    /// The days that any department shows.
    pub(super) shown: DaySet,
}

/// A department: which of its days are shown, and which are known.
#[derive(Debug)]
pub(super) struct Department {
    pub(super) key: DepartmentKey,
    pub(super) geo: Geo,
    pub(super) id: Arc<str>,
    pub(super) name: Arc<str>,
    /// The days with rows.
    with_rows: DaySet,
    /// The days that may be published.
    pub(super) shown: DaySet,
    /// The days whose list was read, with rows or without.
    known: DaySet,
}

impl Outline {
    /// Reads what is kept of a tenant.
    pub(super) async fn load(
        subject: Arc<Subject>,
        now: Timestamp,
        step: Option<std::time::Duration>,
    ) -> Result<Self, Error> {
        let store = subject.store.clone();
        let read = move |past: &Past<'_>| {
            let (from, to) = reach(&subject, now, step.is_some());
            let mut departments = Vec::new();
            let mut ids = std::collections::BTreeSet::new();
            for found in past.departments(&subject.targets)? {
                let id: Arc<str> = label_value(&found.place.department_id).into();
                // Ids that are cut to the same label are one series.
                if !ids.insert((found.place.geo, Arc::clone(&id))) {
                    continue;
                }
                let with_rows = DaySet::of(from, past.days(found.key, from, to)?);
                departments.push(Department {
                    key: found.key,
                    geo: found.place.geo,
                    id,
                    name: found.name,
                    shown: with_rows.clone(),
                    known: DaySet::of(from, past.known_days(found.key, from, to)?),
                    with_rows,
                });
            }
            if subject.min_department_users > 0 {
                leave_small_days_out(past, &mut departments, &subject, (from, to))?;
            }
            Ok(Self { geos: geos(&subject, &departments, now, step), departments, subject })
        };
        Ok(store.past(read).await?)
    }

    pub(super) fn keys(&self) -> Vec<DepartmentKey> {
        self.departments.iter().map(|department| department.key).collect()
    }

    /// The first and the last day of all geos that values are needed of.
    pub(super) fn days(&self) -> Option<(Day, Day)> {
        let first = |geo: &GeoPast| match geo.moments.step {
            // The days before the range may be shown at its beginning.
            Some(_) => after(geo.days.from, -shown_days(&self.subject)),
            None => geo.days.from,
        };
        let from = self.geos.values().map(first).min()?;
        let to = self.geos.values().map(|geo| geo.days.to).max()?;
        Some((from, to))
    }

    /// The past of a department's geo.
    pub(super) fn geo_past(&self, department: &Department) -> Option<&GeoPast> {
        self.geos.get(&department.geo)
    }

    /// The value of a figure as it is published, from the one that is kept.
    pub(super) fn sample(&self, index: usize, kept: f64, had_percent_sign: bool) -> Option<f64> {
        let sample = sample_of(index, kept, had_percent_sign, self.subject.scale);
        sample.filter(|sample| sample.is_finite())
    }

    /// The days that a day of a department is compared with, if all of them are known: those that
    /// are shown.
    pub(super) fn compared_with(&self, department: &Department, day: Day) -> Option<Vec<Day>> {
        let mut days = compared_with(day, self.subject.baseline_weeks, &self.subject.calendar);
        let is_known = !days.is_empty() && days.iter().all(|day| department.known.contains(*day));
        days.retain(|day| department.shown.contains(*day));
        is_known.then_some(days)
    }
}

impl GeoPast {
    /// The samples of a day that is one of those to be written, or still shown at their beginning.
    fn run(&self, day: Day, end: Day) -> Option<Run> {
        let is_before = day < self.days.from && self.moments.step.is_none();
        if is_before || day > self.days.to {
            return None;
        }
        self.moments.run(day, Some(end))
    }

    /// The samples of what holds for the whole geo on a day.
    pub(super) fn run_of_geo(&self, day: Day) -> Option<Run> {
        self.run(day, self.end_of(day, &self.shown))
    }

    /// The samples of a department's day.
    pub(super) fn run_of(&self, department: &Department, day: Day) -> Option<Run> {
        self.run(day, self.end_of(day, &department.with_rows))
    }

    /// The day that ends what is shown of `day`: the next one that there is, or the first beyond
    /// the range, where another range may begin.
    fn end_of(&self, day: Day, with_rows: &DaySet) -> Day {
        let beyond = after(self.days.to, 1);
        with_rows.next_after(day).map_or(beyond, |next| next.min(beyond))
    }
}

impl Department {
    /// Labels in the order of `/metrics`, without the version.
    pub(super) fn labels<'a>(&'a self, subject: &'a Subject) -> [(&'static str, &'a str); 4] {
        [
            ("tenant", label_value(&subject.tenant)),
            ("geo", self.geo.as_label()),
            ("department_id", &self.id),
            ("department", label_value(&self.name)),
        ]
    }
}

/// From which day on values are needed, and up to which day there can be any.
fn reach(subject: &Subject, now: Timestamp, is_dense: bool) -> (Day, Day) {
    let first = subject.geos.iter().map(|geo| geo.from).min().unwrap_or_default();
    let first = if is_dense { after(first, -shown_days(subject)) } else { first };
    let last = subject.geos.iter().map(|geo| geo.zone.local(now).date()).max().unwrap_or_default();
    (after(first, -7 * i32::from(subject.baseline_weeks)), last)
}

/// For how many days after it a day may be shown.
fn shown_days(subject: &Subject) -> i32 {
    i32::try_from(subject.max_age.as_secs() / 86_400 + 1).unwrap_or(i32::MAX)
}

fn geos(
    subject: &Subject,
    departments: &[Department],
    now: Timestamp,
    step: Option<std::time::Duration>,
) -> BTreeMap<Geo, GeoPast> {
    let past = |days: &GeoDays| {
        let here = departments.iter().filter(|department| department.geo == days.geo);
        let moments = Moments {
            zone: days.zone.clone(),
            ready_at: subject.ready_at,
            max_age: subject.max_age,
            since_s: days.zone.at(after(days.from, 1), subject.ready_at).as_second(),
            now,
            step,
        };
        let first = after(days.from, -shown_days(subject));
        let shown = DaySet::of(first, here.flat_map(|department| department.shown.iter()));
        GeoPast { days: days.clone(), moments, shown }
    };
    subject.geos.iter().map(|days| (days.geo, past(days))).collect()
}

/// A day on which a department is too small, or its size is unknown, is not shown.
#[expect(clippy::cast_precision_loss, reason = "no department has 2^53 members")]
fn leave_small_days_out(
    past: &Past<'_>,
    departments: &mut [Department],
    subject: &Subject,
    (from, to): (Day, Day),
) -> Result<(), crate::store::Error> {
    let keys: Vec<DepartmentKey> = departments.iter().map(|department| department.key).collect();
    let mut large: BTreeMap<DepartmentKey, DaySet> = BTreeMap::new();
    past.scan(&keys, TOTAL_USERS, (from, to), &mut |value: &Value<'_>| {
        if *value.version == Version::Total && value.value >= subject.min_department_users as f64 {
            let days = large.entry(value.department).or_insert_with(|| DaySet::of(from, []));
            days.insert(value.day);
        }
        Ok(())
    })?;
    for department in departments {
        let large = large.remove(&department.key).unwrap_or_else(|| DaySet::of(from, []));
        department.shown = department.shown.and(&large);
    }
    Ok(())
}
