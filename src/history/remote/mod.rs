//! Remote write 1.0: day by day in the order of time, so that every receiver gets each series in
//! order, each day of a department once.

mod message;
mod receiver;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::message::{Label, Sample, TimeSeries, WriteRequest};
pub use self::receiver::{Credentials, Receiver, ReceiverOptions};
use super::{
    Error, History, Watch,
    day_set::DaySet,
    outline::{Department, Outline, Place},
    walk::{day_value, labels, version_label, workday_labels, workday_value},
};
use crate::{
    baseline::median,
    catalogue::{DAY_TIMESTAMP, FIGURES, TOTAL_VERSION, WORKDAY},
    day::Day,
    shutdown::Shutdown,
    store::{DepartmentKey, Past},
    usage::{Figures, Geo, sample_of},
};

/// Series of one request at most, unless a single department has more: what Prometheus itself sends
/// at once (`max_samples_per_send`), a few hundred kilobytes before compression. Receivers limit
/// the size of requests.
const SERIES_MAX: usize = 2000;

/// What was pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Days of which at least one department was sent.
    pub days: u64,
    /// Days of departments that were sent.
    pub department_days: u64,
    /// Days of departments that the receiver has from before.
    pub skipped: u64,
    /// Samples.
    pub samples: u64,
    /// Requests that were accepted.
    pub requests: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// A day of a geo whose departments are to be sent, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    moment_s: i64,
    tenant: usize,
    geo: Geo,
    day: Day,
}

/// Series of one request, and whose they are.
struct Batch {
    series: Vec<TimeSeries>,
    departments: Vec<DepartmentKey>,
}

/// Pushes every day that the receiver has not accepted yet.
///
/// # Errors
/// If the store cannot be used, the receiver refuses, or a stop is requested. What was accepted
/// until then is remembered.
pub async fn push(
    history: &History,
    receiver: &Receiver,
    shutdown: &mut Shutdown,
    mut watch: Watch,
) -> Result<Pushed, Error> {
    let mut tenants = Vec::with_capacity(history.subjects.len());
    for subject in &history.subjects {
        let outline = Outline::load(Arc::clone(subject), history.now, None).await?;
        let key = receiver.key(&history.labels, subject.figures);
        tenants.push(Tenant::load(Arc::new(outline), key).await?);
    }
    let due = due(&tenants);
    let mut pushed = Pushed::default();
    let parts: usize = due.iter().map(|due| tenants[due.tenant].pending(due).len()).sum();
    pushed.skipped = tenants.iter().map(Tenant::skipped).sum();
    if parts == 0 && pushed.skipped == 0 {
        return Err(Error::Nothing);
    }
    let mut days = BTreeSet::new();
    for due in &due {
        let tenant = &tenants[due.tenant];
        let mut pending = tenant.pending(due);
        let mut with_workday = !tenant.has_workday(due);
        while !pending.is_empty() {
            if shutdown.is_requested() {
                return Err(Error::Interrupted);
            }
            watch(pushed.department_days, parts as u64);
            let batch = tenant.batch(*due, pending.clone(), with_workday, history).await?;
            with_workday = false;
            pending.drain(..batch.departments.len());
            pushed.samples += batch.series.len() as u64;
            pushed.department_days += batch.departments.len() as u64;
            let body = WriteRequest { timeseries: batch.series }
                .body()
                .map_err(|e| Error::Output(format!("compressing a request: {e}")))?;
            receiver.send(&body, shutdown).await?;
            pushed.requests += 1;
            pushed.bytes += body.len() as u64;
            days.insert(due.day);
            let accepted = batch.departments.into_iter().map(|key| (key, due.day)).collect();
            tenant.outline.subject.store.pushed(tenant.key.clone(), accepted).await?;
        }
    }
    watch(parts as u64, parts as u64);
    pushed.days = days.len() as u64;
    Ok(pushed)
}

/// A tenant, and what the receiver has of it.
struct Tenant {
    outline: Arc<Outline>,
    /// What accepted days are remembered by.
    key: String,
    accepted: Arc<BTreeMap<DepartmentKey, DaySet>>,
}

impl Tenant {
    async fn load(outline: Arc<Outline>, key: String) -> Result<Self, Error> {
        let (keys, receiver) = (outline.keys(), key.clone());
        let first = outline.days().map(|(from, _)| from).unwrap_or_default();
        let read = move |past: &Past<'_>| {
            keys.iter()
                .map(|key| Ok((*key, DaySet::of(first, past.pushed(&receiver, *key)?))))
                .collect()
        };
        let accepted = outline.subject.store.past(read).await?;
        Ok(Self { outline, key, accepted: Arc::new(accepted) })
    }

    fn has(&self, department: &Department, day: Day) -> bool {
        self.accepted.get(&department.key).is_some_and(|days| days.contains(day))
    }

    /// The departments that show the day.
    fn showing(&self, due: &Due) -> impl Iterator<Item = (usize, &Department)> {
        let (geo, day) = (due.geo, due.day);
        let departments = self.outline.departments.iter().enumerate();
        departments.filter(move |(_, d)| d.geo == geo && d.shown.contains(day))
    }

    /// The departments that show the day and of which the receiver does not have it.
    fn pending(&self, due: &Due) -> Vec<usize> {
        let pending = self.showing(due).filter(|(_, department)| !self.has(department, due.day));
        pending.map(|(at, _)| at).collect()
    }

    /// Whether the receiver knows if it is a working day: that is sent with the first department.
    fn has_workday(&self, due: &Due) -> bool {
        self.showing(due).any(|(_, department)| self.has(department, due.day))
    }

    fn skipped(&self) -> u64 {
        let of = |department: &Department| {
            let Some(place) = self.outline.place(department) else { return 0 };
            let shown = department.shown.iter().filter(|day| place.holds(*day));
            shown.filter(|day| self.has(department, *day)).count() as u64
        };
        self.outline.departments.iter().map(of).sum()
    }

    /// The first departments that fit into a request.
    async fn batch(
        &self,
        due: Due,
        pending: Vec<usize>,
        with_workday: bool,
        history: &History,
    ) -> Result<Batch, Error> {
        let outline = Arc::clone(&self.outline);
        let added: Vec<(String, String)> = history
            .labels
            .pairs()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let read = move |past: &Past<'_>| {
            let mut batch = Batch { series: Vec::new(), departments: Vec::new() };
            let Some(place) = outline.places.get(&due.geo) else { return Ok(batch) };
            let mut series = Series { added: &added, time_s: due.moment_s, all: Vec::new() };
            if with_workday {
                let value = workday_value(&outline, due.day);
                series.add(WORKDAY.name, &workday_labels(&outline, place), value);
            }
            for at in pending {
                let before = series.all.len();
                department(&outline, place, &outline.departments[at], due.day, past, &mut series)?;
                if !batch.departments.is_empty() && series.all.len() > SERIES_MAX {
                    series.all.truncate(before);
                    break;
                }
                batch.departments.push(outline.departments[at].key);
            }
            batch.series = series.all;
            Ok(batch)
        };
        Ok(self.outline.subject.store.past(read).await?)
    }
}

/// The days that any department shows, in the order of their moments.
fn due(tenants: &[Tenant]) -> Vec<Due> {
    let mut due = Vec::new();
    for (tenant, Tenant { outline, .. }) in tenants.iter().enumerate() {
        for (geo, place) in &outline.places {
            for day in place.shown.iter().filter(|day| place.holds(*day)) {
                if let Some(run) = place.moments.run(day, None) {
                    due.push(Due { moment_s: run.first_s, tenant, geo: *geo, day });
                }
            }
        }
    }
    due.sort_unstable();
    due
}

/// All samples of a department's day.
fn department(
    outline: &Outline,
    place: &Place,
    department: &Department,
    day: Day,
    past: &Past<'_>,
    series: &mut Series<'_>,
) -> Result<(), crate::store::Error> {
    let subject = &outline.subject;
    let published = || (0..FIGURES.len()).filter(|index| subject.figures.contains(*index));
    let mut seen: Vec<String> = Vec::new();
    for (version, figures) in past.rows(department.key, day)? {
        let version = version_label(&version);
        // Names that are cut to the same label are one series.
        if seen.iter().any(|other| other == version) {
            continue;
        }
        seen.push(version.to_owned());
        let labels = labels(outline, department, version);
        for index in published() {
            let sample = figures.raw(index).and_then(|value| {
                sample_of(index, value, figures.had_percent_sign(index), subject.scale)
            });
            if let Some(sample) = sample.filter(|sample| sample.is_finite()) {
                series.add(FIGURES[index].metric, &labels, sample);
            }
        }
    }
    if let Some(compared) = outline.compared_with(department, day) {
        let compared: Vec<Day> =
            compared.into_iter().filter(|day| department.shown.contains(*day)).collect();
        let totals: Vec<Figures> =
            past.totals(department.key, &compared)?.into_iter().map(|(_, total)| total).collect();
        for index in published() {
            let Some(name) = FIGURES[index].baseline else { continue };
            let values = totals.iter().filter_map(|total| total.raw(index)).collect();
            if let Some(median) = median(values) {
                series.add(name, &labels(outline, department, TOTAL_VERSION), median);
            }
        }
    }
    series.add(DAY_TIMESTAMP.name, &department.labels(subject), day_value(place, day));
    Ok(())
}

/// Series with one sample each, all of the same time.
struct Series<'a> {
    added: &'a [(String, String)],
    time_s: i64,
    all: Vec<TimeSeries>,
}

impl Series<'_> {
    fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let added = self.added.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let named = [("__name__", name)];
        // A label without a value is no label to a receiver.
        let labels = named.into_iter().chain(labels.iter().copied()).chain(added);
        let mut labels: Vec<Label> = labels
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() })
            .collect();
        labels.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let samples = vec![Sample { value, timestamp_ms: self.time_s * 1000 }];
        self.all.push(TimeSeries { labels, samples });
    }
}
