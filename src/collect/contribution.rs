//! What each loop of a tenant adds to the snapshot, and how it comes together. Pure.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::sources::Source;
use crate::{
    baseline::Baseline,
    day::Day,
    exposition::{JudgedDay, Place, Sample, TenantView},
    snapshot::{Recent, SourceStatus, TenantStatus},
    usage::Geo,
};

/// Something that replaces what was there of the same kind.
pub(crate) enum Contribution {
    /// The department statistics.
    Statistics(Box<Statistics>),
    /// What departments usually do.
    Baselines(Baselines),
    /// The last days of departments.
    Recents(Recents),
    /// An optional source, or its state alone.
    Source(Source, Box<OfSource>),
}

impl From<Statistics> for Contribution {
    fn from(statistics: Statistics) -> Self {
        Self::Statistics(Box::new(statistics))
    }
}

impl From<(Source, OfSource)> for Contribution {
    fn from((source, of_source): (Source, OfSource)) -> Self {
        Self::Source(source, Box::new(of_source))
    }
}

/// The department statistics, with everything that a tenant's other parts are added to.
#[derive(Clone)]
pub(crate) struct Statistics {
    pub(crate) view: TenantView,
    pub(crate) status: TenantStatus,
}

/// Baselines by department, of the day served and the one after it.
pub(crate) type Baselines = BTreeMap<(Geo, Arc<str>), Vec<(Day, Arc<Baseline>)>>;

/// The last days of departments, as the status page shows them.
pub(crate) type Recents = BTreeMap<(Geo, Arc<str>), Arc<Recent>>;

/// What a source beside the statistics adds.
#[derive(Clone)]
pub(crate) struct OfSource {
    pub(crate) status: SourceStatus,
    /// Names and places by department id.
    pub(crate) places: BTreeMap<Arc<str>, Arc<Place>>,
    /// What belongs to no day.
    pub(crate) samples: Vec<Sample>,
    /// What belongs to the day of a department, and is published beside that day only.
    pub(crate) of_days: Vec<OfDay>,
    /// What is judged, likewise.
    pub(crate) judged: Vec<Arc<JudgedDay>>,
    /// Things that work, but that the operator should know.
    pub(crate) notices: Vec<String>,
}

/// Samples of one department's day.
#[derive(Clone, Debug)]
pub(crate) struct OfDay {
    pub(crate) geo: Geo,
    pub(crate) department_id: Arc<str>,
    pub(crate) day: Day,
    pub(crate) samples: Arc<[Sample]>,
}

impl OfSource {
    /// A source that has brought nothing yet.
    pub(crate) fn new(status: SourceStatus) -> Self {
        Self {
            status,
            places: BTreeMap::new(),
            samples: Vec::new(),
            of_days: Vec::new(),
            judged: Vec::new(),
            notices: Vec::new(),
        }
    }
}

/// The newest contributions of one tenant's loops.
#[derive(Default)]
pub(crate) struct Contributions {
    statistics: Option<Statistics>,
    baselines: Baselines,
    recents: Recents,
    sources: BTreeMap<Source, Shared>,
}

/// What a source adds, with its samples as a snapshot shares them.
struct Shared {
    source: OfSource,
    samples: Arc<[Sample]>,
}

impl Contributions {
    /// Replaces what there was of that kind.
    pub(crate) fn put(&mut self, contribution: Contribution) {
        match contribution {
            Contribution::Statistics(statistics) => self.statistics = Some(*statistics),
            Contribution::Baselines(baselines) => self.baselines = baselines,
            Contribution::Recents(recents) => self.recents = recents,
            Contribution::Source(source, mut of_source) => {
                let samples = std::mem::take(&mut of_source.samples).into();
                self.sources.insert(source, Shared { source: *of_source, samples });
            }
        }
    }

    /// Replaces how a source stands, and nothing of what it brought.
    pub(crate) fn put_status(&mut self, source: Source, status: SourceStatus) {
        match self.sources.get_mut(&source) {
            Some(known) => known.source.status = status,
            None => self.put((source, OfSource::new(status)).into()),
        }
    }

    /// The facts alone; none before the statistics have said anything.
    pub(crate) fn facts(&self) -> Option<TenantStatus> {
        let mut status = self.statistics.as_ref()?.status.clone();
        self.add_facts(&mut status);
        Some(status)
    }

    /// What all loops know, together; none before the statistics have said anything.
    pub(crate) fn merged(&self) -> Option<(TenantView, TenantStatus)> {
        let Statistics { mut view, mut status } = self.statistics.clone()?;
        for day in &view.departments {
            let place = (day.geo, Arc::clone(&day.department_id));
            // Late days compare with their own weekday.
            let of_place = self.baselines.get(&place).into_iter().flatten();
            if let Some((_, baseline)) = of_place.into_iter().find(|(of, _)| *of == day.day) {
                view.baselines.insert(place, Arc::clone(baseline));
            }
        }
        let served: HashSet<_> =
            view.departments.iter().map(|day| (day.geo, &day.department_id, day.day)).collect();
        for Shared { source, samples } in self.sources.values() {
            view.samples.push(Arc::clone(samples));
            // People of one day beside figures of another would mislead.
            let is_served = |geo, id, day| served.contains(&(geo, id, day));
            let of_days =
                source.of_days.iter().filter(|of| is_served(of.geo, &of.department_id, of.day));
            view.samples.extend(of_days.map(|of| Arc::clone(&of.samples)));
            let judged =
                source.judged.iter().filter(|of| is_served(of.geo, &of.department_id, of.day));
            view.judged.extend(judged.cloned());
            view.places.extend(source.places.clone());
        }
        self.add_facts(&mut status);
        Some((view, status))
    }

    /// Adds what the loops beside the statistics know to the facts.
    fn add_facts(&self, status: &mut TenantStatus) {
        for department in &mut status.departments {
            let place = (department.geo, Arc::clone(&department.department_id));
            if let Some(served) = &department.served {
                let of_place = self.baselines.get(&place).into_iter().flatten();
                let of_day = of_place.into_iter().find(|(of, _)| *of == served.day);
                department.baseline = of_day.map(|(_, baseline)| Arc::clone(baseline));
            }
            department.recent = self.recents.get(&place).cloned();
            if department.department.is_none() {
                let mut places =
                    self.sources.values().filter_map(|known| known.source.places.get(&place.1));
                department.department = places.find_map(|place| place.name.clone());
            }
        }
        for Shared { source, .. } in self.sources.values() {
            status.notices.extend_from_slice(&source.notices);
            status.sources.push(source.status.clone());
        }
    }
}
