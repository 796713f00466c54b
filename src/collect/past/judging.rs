//! The days of the store, judged: what could be expected of each department's day that is served.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::task;

use super::Past;
use crate::{
    catalogue::{
        COMPANY_ACTIVITY_FELL, COMPANY_ACTIVITY_RATIO, COMPANY_DEPARTMENTS_FALLEN_TOGETHER,
        COMPANY_DEPARTMENTS_JUDGED, COMPANY_DEPARTMENTS_LOW, Family,
    },
    collect::{contribution::Recents, messages::Served},
    day::{Day, after},
    exposition::{JudgedDay, Sample},
    judgement::{CompanyJudged, HISTORY_DAYS, Judge, PRODUCT_COUNT, PRODUCTS, Place, Usage},
    snapshot::{RECENT_INDEXES, RecentDays},
    usage::{Geo, TOTAL_USERS, Target},
};

/// Departments whose days are read at once: the store does other work in between, and only what
/// follows from their figures is kept.
pub(super) const READ_AT_ONCE: usize = 50;

/// What was judged, and for which days.
#[derive(Default)]
pub(super) struct Judgements {
    of: BTreeSet<(Geo, Arc<str>, Day)>,
    pub(super) judged: Vec<Arc<JudgedDay>>,
    /// Of the company, on the newest day of each geo.
    pub(super) samples: Vec<Sample>,
    /// The last days, as they are shown.
    pub(super) recents: Recents,
}

/// The departments of a geo that are served, and all their days.
#[derive(Default)]
struct Histories {
    served: Vec<Served>,
    /// Of each day, the departments that have it, by index. Days are taken out as they are judged:
    /// what the judge holds of them takes their room.
    days: BTreeMap<Day, Vec<(u32, Packed)>>,
    recents: Recents,
}

/// A [`Usage`] in a fourth of its bytes, since a large tenant has half a million: members, then
/// products; what is absent is not a number. Counts below 2^24 are exact, and larger ones close.
#[derive(Clone, Copy)]
struct Packed([f32; 1 + PRODUCT_COUNT]);

impl Packed {
    #[expect(clippy::cast_possible_truncation, reason = "as the judge itself keeps them")]
    fn of(values: &[Option<f64>; 1 + PRODUCT_COUNT]) -> Self {
        Self(values.map(|value| value.map_or(f32::NAN, |value| value as f32)))
    }

    fn usage(&self) -> Usage {
        let value = |packed: f32| (!packed.is_nan()).then_some(f64::from(packed));
        let [users, products @ ..] = self.0;
        Usage { users: value(users), products: products.map(value) }
    }
}

impl Past {
    /// Judges what is served, if that or its past is new, and tells whether it was.
    pub(in crate::collect) async fn judge(&mut self, served: &[Served]) -> bool {
        let of: BTreeSet<_> = served
            .iter()
            .map(|served| {
                let (geo, id) = served.place();
                (geo, id, served.day.day)
            })
            .collect();
        if !self.has_new_past && of == self.judgements.of {
            return false;
        }
        self.has_new_past = false;
        let mut judgements = Judgements { of, ..Judgements::default() };
        let geos: BTreeSet<Geo> = served.iter().map(|served| served.day.geo).collect();
        for geo in geos {
            let mut histories = self.histories(geo, served).await;
            judgements.recents.append(&mut histories.recents);
            if !self.context.options.schedule.judgement {
                continue;
            }
            let parents = self.parents(&histories.served);
            let calendar = self.context.options.calendar.clone();
            // A second for two thousand departments.
            let judged = task::spawn_blocking(move || {
                let judge = Judge::new(calendar, parents);
                judged(geo, histories, judge)
            });
            match judged.await {
                Ok((judged, samples)) => {
                    judgements.judged.extend(judged);
                    judgements.samples.extend(samples);
                }
                Err(panicked) => {
                    self.context.metrics.panics().inc();
                    tracing::error!(%panicked, "Judging failed by a defect");
                }
            }
        }
        self.judgements = judgements;
        true
    }

    /// The days of the departments of a geo, as far as they may be published.
    async fn histories(&self, geo: Geo, served: &[Served]) -> Histories {
        let here: Vec<Served> =
            served.iter().filter(|served| served.day.geo == geo).cloned().collect();
        let Some(newest) = here.iter().map(|served| served.day.day).max() else {
            return Histories::default();
        };
        let days = (after(newest, 1 - HISTORY_DAYS), newest);
        let mut figures = [TOTAL_USERS; 1 + PRODUCT_COUNT];
        for (figure, product) in figures[1..].iter_mut().zip(&PRODUCTS) {
            *figure = product.figure();
        }
        let mut histories = Histories::default();
        let shown = RECENT_INDEXES
            .map(|index| PRODUCTS.iter().position(|product| product.figure() == index));
        for (chunk, first) in here.chunks(READ_AT_ONCE).zip((0..).step_by(READ_AT_ONCE)) {
            let asked = chunk.iter().map(|served| {
                let (geo, department_id) = served.place();
                Target { geo, department_id, include_children: served.include_children }
            });
            let series = self.context.keeper.total_series(asked.collect(), days, figures).await;
            for ((served, series), index) in chunk.iter().zip(series).zip(first..) {
                let mut recent = RecentDays::until(served.day.day);
                for (day, values) in series {
                    if day > served.day.day || !self.context.options.publishes(values[0]) {
                        continue;
                    }
                    let packed = Packed::of(&values);
                    let usage = packed.usage();
                    for (at, product) in shown.into_iter().enumerate() {
                        if let Some(value) = product.and_then(|product| usage.products[product]) {
                            recent.set(day, at, value);
                        }
                    }
                    let of_day = histories.days.entry(day);
                    let of_day = of_day.or_insert_with(|| Vec::with_capacity(here.len()));
                    of_day.push((index, packed));
                }
                histories.recents.insert(served.place(), Arc::new(recent.finish()));
            }
        }
        histories.served = here;
        histories
    }

    /// Which department belongs to which: by the directory, else by the path in the statistics.
    fn parents(&self, served: &[Served]) -> Vec<Place> {
        let by_id: BTreeMap<&str, usize> = served
            .iter()
            .enumerate()
            .map(|(index, served)| (&*served.day.department_id, index))
            .collect();
        let by_path: BTreeMap<&str, usize> = served
            .iter()
            .enumerate()
            .filter(|(_, served)| !served.day.path.is_empty())
            .map(|(index, served)| (&*served.day.path, index))
            .collect();
        let tree = self.context.messages.discovered.borrow().tree.clone();
        let above: BTreeMap<&str, &str> = tree
            .iter()
            .flat_map(|tree| &tree.nodes)
            .map(|node| (&*node.department_id, &*node.parent_department_id))
            .collect();
        let place = |served: &Served| {
            let day = &served.day;
            let parent = match above.get(&*day.department_id) {
                Some(parent) => by_id.get(parent),
                None => day.path.rsplit_once('/').and_then(|(parent, _)| by_path.get(parent)),
            };
            Place { id: Arc::clone(&day.department_id), parent: parent.copied() }
        };
        served.iter().map(place).collect()
    }
}

/// Judges every day, and keeps what is said of those that are served.
fn judged(geo: Geo, histories: Histories, mut judge: Judge) -> (Vec<Arc<JudgedDay>>, Vec<Sample>) {
    let Histories { served: departments, mut days, .. } = histories;
    let (mut kept, mut samples) = (Vec::with_capacity(departments.len()), Vec::new());
    let mut rows: Vec<(usize, Usage)> = Vec::with_capacity(departments.len());
    while let Some((day, of_day)) = days.pop_first() {
        rows.clear();
        rows.extend(of_day.iter().map(|(index, packed)| (*index as usize, packed.usage())));
        drop(of_day);
        let judged = judge.day(day, &rows);
        for (index, products) in judged.departments {
            let served = &departments[index].day;
            if served.day == day {
                kept.push(Arc::new(JudgedDay {
                    geo,
                    department_id: Arc::clone(&served.department_id),
                    department: Arc::clone(&served.department),
                    day,
                    products: (&products).into(),
                }));
            }
        }
        if days.is_empty() {
            samples = of_company(geo, &judged.company);
        }
    }
    (kept, samples)
}

#[expect(clippy::cast_precision_loss, reason = "no tenant has 2^53 departments")]
fn of_company(geo: Geo, company: &[CompanyJudged; PRODUCT_COUNT]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (product, judged) in PRODUCTS.iter().zip(company) {
        let labels: [Arc<str>; 2] = [geo.as_label().into(), product.name.into()];
        let mut add = |family: &'static Family, value: f64| {
            samples.push(Sample { family, labels: Box::new(labels.clone()), value });
        };
        if let Some(ratio) = judged.ratio {
            add(&COMPANY_ACTIVITY_RATIO, ratio);
        }
        add(&COMPANY_DEPARTMENTS_JUDGED, judged.judged as f64);
        add(&COMPANY_DEPARTMENTS_LOW, judged.low as f64);
        add(&COMPANY_DEPARTMENTS_FALLEN_TOGETHER, judged.part as f64);
        add(&COMPANY_ACTIVITY_FELL, f64::from(u8::from(judged.fell)));
    }
    samples
}
