//! Remote write 1.0: day by day in the order of time, so that every receiver gets each series in
//! order, each day of a department once.

mod message;
mod receiver;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use self::message::{Label, Sample, TimeSeries, WriteRequest};
pub use self::receiver::{Credentials, Receiver, ReceiverOptions};
use super::{
    Error, History, Watch,
    outline::{Department, GeoPast, Outline},
    walk::{DaySample, Family, walk_day, workday_labels, workday_value},
};
use crate::{
    catalogue::{FIGURE_COUNT, WORKDAY},
    day::Day,
    shutdown::Shutdown,
    store::{Accepted, Past, ReceiverKey},
    usage::Geo,
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
    /// Days of departments of which the receiver has everything from before.
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

/// Series of one request, and what of the days is sent with them.
#[derive(Default)]
struct Batch {
    series: Vec<TimeSeries>,
    accepted: Vec<Accepted>,
    /// Departments that it has looked at, and how many of them there is something new of.
    departments: usize,
    with_news: usize,
}

/// Pushes of every day what the receiver has not accepted yet; everything if `again`.
///
/// # Errors
/// If the store cannot be used, the receiver refuses, or a stop is requested. What was accepted
/// until then is remembered.
pub async fn push(
    history: &History,
    receiver: &Receiver,
    again: bool,
    shutdown: &mut Shutdown,
    mut watch: Watch,
) -> Result<Pushed, Error> {
    let mut tenants = Vec::with_capacity(history.subjects.len());
    for subject in &history.subjects {
        let outline = Outline::load(Arc::clone(subject), history.now, None).await?;
        let digest = receiver.digest(&history.labels);
        let key = subject.store.receiver(digest, receiver.host()).await?;
        tenants.push(Tenant { outline: Arc::new(outline), key, again });
    }
    let due = due(&tenants);
    let parts: usize = due.iter().map(|due| tenants[due.tenant].showing(due).len()).sum();
    if parts == 0 {
        return Err(Error::Nothing);
    }
    let mut pushed = Pushed::default();
    let mut days = BTreeSet::new();
    for due in &due {
        let tenant = &tenants[due.tenant];
        let showing = tenant.showing(due);
        let mut done = 0;
        while done < showing.len() {
            if shutdown.is_requested() {
                return Err(Error::Interrupted);
            }
            watch(pushed.department_days + pushed.skipped, parts as u64);
            let batch = tenant.batch(*due, &showing, done, history).await?;
            done += batch.departments;
            pushed.department_days += batch.with_news as u64;
            pushed.skipped += (batch.departments - batch.with_news) as u64;
            if batch.series.is_empty() {
                continue;
            }
            pushed.samples += batch.series.len() as u64;
            let body = WriteRequest { timeseries: batch.series }
                .body()
                .map_err(|e| Error::Output(format!("compressing a request: {e}")))?;
            receiver.send(&body, shutdown).await?;
            pushed.requests += 1;
            pushed.bytes += body.len() as u64;
            days.insert(due.day);
            tenant.outline.subject.store.pushed(tenant.key, batch.accepted).await?;
        }
    }
    watch(parts as u64, parts as u64);
    pushed.days = days.len() as u64;
    Ok(pushed)
}

/// A tenant, and by what it knows the receiver.
struct Tenant {
    outline: Arc<Outline>,
    key: ReceiverKey,
    /// Whether what was accepted before is sent again.
    again: bool,
}

impl Tenant {
    /// The departments that show the day.
    fn showing(&self, due: &Due) -> Vec<usize> {
        let departments = self.outline.departments.iter().enumerate();
        let shows = |d: &Department| d.geo == due.geo && d.shown.contains(due.day);
        departments.filter(|(_, d)| shows(d)).map(|(at, _)| at).collect()
    }

    /// What is new of the departments from the `done`th on, as far as it fits into a request.
    async fn batch(
        &self,
        due: Due,
        showing: &[usize],
        done: usize,
        history: &History,
    ) -> Result<Batch, Error> {
        let (outline, key, again) = (Arc::clone(&self.outline), self.key, self.again);
        let added: Vec<(String, String)> = history
            .labels
            .pairs()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let showing = showing.to_vec();
        let read = move |past: &Past<'_>| {
            let mut batch = Batch::default();
            let Some(geo_past) = outline.geos.get(&due.geo) else { return Ok(batch) };
            let sent = |at: usize| match again {
                true => Ok(Vec::new()),
                false => past.pushed(key, outline.departments[at].key, due.day),
            };
            let mut series = Series { added: &added, time_s: due.moment_s, all: Vec::new() };
            // Whether it is a working day is sent with the first department.
            if done == 0
                && !showing.iter().map(|at| sent(*at)).any(|s| s.is_ok_and(|s| !s.is_empty()))
            {
                let value = workday_value(&outline, due.day);
                series.add(WORKDAY.name, &workday_labels(&outline, geo_past), value);
            }
            for at in &showing[done..] {
                let department = &outline.departments[*at];
                let before = series.all.len();
                let sent = sent(*at)?;
                let new =
                    add_day(&outline, geo_past, department, due.day, past, &sent, &mut series)?;
                if batch.with_news > 0 && series.all.len() > SERIES_MAX {
                    series.all.truncate(before);
                    break;
                }
                batch.departments += 1;
                batch.with_news += usize::from(!new.is_empty());
                batch.accepted.extend(new);
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
        for (geo, geo_past) in &outline.geos {
            for day in geo_past.shown.iter() {
                if let Some(run) = geo_past.run_of_geo(day) {
                    due.push(Due { moment_s: run.first_s, tenant, geo: *geo, day });
                }
            }
        }
    }
    due.sort_unstable();
    due
}

/// Adds the samples of a department's day that were not sent, and tells which those are.
fn add_day(
    outline: &Outline,
    geo_past: &GeoPast,
    department: &Department,
    day: Day,
    past: &Past<'_>,
    sent: &[Accepted],
    series: &mut Series<'_>,
) -> Result<Vec<Accepted>, crate::store::Error> {
    let mut new: Vec<Accepted> = Vec::new();
    walk_day(outline, past, geo_past, department, day, &mut |sample| {
        let DaySample { family, version, labels, value } = sample;
        let (figure, baseline) = bits(family);
        let has = |of: &Accepted| of.figures & figure | of.baselines & baseline != 0;
        if sent.iter().any(|sent| sent.version == *version && has(sent)) {
            return;
        }
        series.add(family.name(), labels, value);
        let at = new.iter().position(|new| new.version == *version).unwrap_or_else(|| {
            let version = version.clone();
            let department = department.key;
            new.push(Accepted { department, day, version, figures: 0, baselines: 0 });
            new.len() - 1
        });
        new[at].figures |= figure;
        new[at].baselines |= baseline;
    })?;
    Ok(new)
}

/// The bit of a family in [`Accepted::figures`] and in [`Accepted::baselines`].
const fn bits(family: Family) -> (u64, u64) {
    match family {
        Family::Figure(index) => (1 << index, 0),
        Family::Baseline(index) => (0, 1 << index),
        Family::Day => (1 << FIGURE_COUNT, 0),
        // It is no department's.
        Family::Workday => (0, 0),
    }
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
