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
    snapshot::{RECENT_INDEXES, Recent},
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

/// A department with all its days, in their order.
struct History {
    served: Served,
    days: Box<[(Day, Packed)]>,
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
            let histories = self.histories(geo, served).await;
            judgements.recents.extend(histories.iter().map(recent));
            if !self.context.options.schedule.judgement {
                continue;
            }
            let parents = self.parents(&histories);
            let calendar = self.context.options.calendar.clone();
            // A second for two thousand departments.
            let judged = task::spawn_blocking(move || {
                let judge = Judge::new(calendar, parents);
                judged(geo, &histories, judge)
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
    async fn histories(&self, geo: Geo, served: &[Served]) -> Vec<History> {
        let here: Vec<&Served> = served.iter().filter(|served| served.day.geo == geo).collect();
        let Some(newest) = here.iter().map(|served| served.day.day).max() else {
            return Vec::new();
        };
        let days = (after(newest, 1 - HISTORY_DAYS), newest);
        let mut figures = [TOTAL_USERS; 1 + PRODUCT_COUNT];
        for (figure, product) in figures[1..].iter_mut().zip(&PRODUCTS) {
            *figure = product.figure();
        }
        let mut histories = Vec::with_capacity(here.len());
        for chunk in here.chunks(READ_AT_ONCE) {
            let asked = chunk.iter().map(|served| {
                let (geo, department_id) = served.place();
                Target { geo, department_id, include_children: served.include_children }
            });
            let series = self.context.keeper.total_series(asked.collect(), days, figures).await;
            for (served, series) in chunk.iter().zip(series) {
                let is_shown = |(day, [users, ..]): &&(Day, [Option<f64>; 1 + PRODUCT_COUNT])| {
                    *day <= served.day.day && self.context.options.publishes(*users)
                };
                let days =
                    series.iter().filter(is_shown).map(|(day, values)| (*day, Packed::of(values)));
                histories.push(History { served: (*served).clone(), days: days.collect() });
            }
        }
        histories
    }

    /// Which department belongs to which: by the directory, else by the path in the statistics.
    fn parents(&self, histories: &[History]) -> Vec<Place> {
        let by_id: BTreeMap<&str, usize> = histories
            .iter()
            .enumerate()
            .map(|(index, history)| (&*history.served.day.department_id, index))
            .collect();
        let by_path: BTreeMap<&str, usize> = histories
            .iter()
            .enumerate()
            .filter(|(_, history)| !history.served.day.path.is_empty())
            .map(|(index, history)| (&*history.served.day.path, index))
            .collect();
        let tree = self.context.messages.discovered.borrow().tree.clone();
        let above: BTreeMap<&str, &str> = tree
            .iter()
            .flat_map(|tree| &tree.nodes)
            .map(|node| (&*node.department_id, &*node.parent_department_id))
            .collect();
        let place = |history: &History| {
            let day = &history.served.day;
            let parent = match above.get(&*day.department_id) {
                Some(parent) => by_id.get(parent),
                None => day.path.rsplit_once('/').and_then(|(parent, _)| by_path.get(parent)),
            };
            Place { id: Arc::clone(&day.department_id), parent: parent.copied() }
        };
        histories.iter().map(place).collect()
    }
}

/// The last days of a department.
fn recent(history: &History) -> ((Geo, Arc<str>), Arc<Recent>) {
    let mut recent = Recent::until(history.served.day.day);
    for (at, index) in RECENT_INDEXES.into_iter().enumerate() {
        let Some(product) = PRODUCTS.iter().position(|product| product.figure() == index) else {
            continue;
        };
        for (day, packed) in &history.days {
            if let Some(value) = packed.usage().products[product] {
                recent.set(*day, at, value);
            }
        }
    }
    (history.served.place(), Arc::new(recent))
}

/// Judges every day, and keeps what is said of those that are served.
fn judged(geo: Geo, histories: &[History], mut judge: Judge) -> (Vec<Arc<JudgedDay>>, Vec<Sample>) {
    let days: BTreeSet<Day> =
        histories.iter().flat_map(|history| history.days.iter().map(|(day, _)| *day)).collect();
    let (mut kept, mut samples) = (Vec::new(), Vec::new());
    let mut left: Vec<_> = histories.iter().map(|history| history.days.iter().peekable()).collect();
    let mut rows: Vec<(usize, Usage)> = Vec::with_capacity(histories.len());
    for day in &days {
        rows.clear();
        for (index, left) in left.iter_mut().enumerate() {
            let next = left.next_if(|(of, _)| of == day);
            rows.extend(next.map(|(_, packed)| (index, packed.usage())));
        }
        let judged = judge.day(*day, &rows);
        for (index, products) in judged.departments {
            let served = &histories[index].served.day;
            if served.day == *day {
                kept.push(Arc::new(JudgedDay {
                    geo,
                    department_id: Arc::clone(&served.department_id),
                    department: Arc::clone(&served.department),
                    day: *day,
                    products,
                }));
            }
        }
        if Some(day) == days.last() {
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
