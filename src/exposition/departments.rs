//! The series about departments, as one text that is valid in both formats.
//!
//! Gauges and summaries without sums, on which 0.0.4 and OpenMetrics agree down to the byte; a
//! `# UNIT` line is a comment to 0.0.4. The text has no end mark: own metrics follow it.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashSet},
    ops::Range,
    sync::Arc,
};

use super::{
    judged,
    page::{Page, begins_part, push_values},
    text::push_labels,
    view::{Failure, GeoView, JudgedDay, Place, Sample, TenantView},
};
use crate::{
    baseline::Baseline,
    catalogue::{
        DAY_TIMESTAMP, DEPARTMENT_INFO, FIGURE_COUNT, FIGURE_LABELS, FIGURES, Family,
        JUDGEMENT_FAMILIES, OPTIONAL_FAMILIES, TOTAL_VERSION, WORKDAY,
    },
    snapshot::Body,
    telemetry::table::{DEPARTMENT_FAILURE, DEPARTMENT_UP, Own},
    usage::{DepartmentDay, Figures, Geo, Version, label_value},
};

/// Feishu's `open_department_id` begins with this; a custom id cannot be told otherwise.
const OPEN_ID_PREFIX: &str = "od-";

/// A rendered body.
#[derive(Debug)]
pub struct Rendered {
    /// The bytes to be served.
    pub body: Body,
    /// What was left out because there were more series than the limit.
    pub left_out: LeftOut,
}

/// What is left out past the limit of series; the later ones leave out the earlier as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Nothing.
    #[default]
    Nothing,
    /// Baselines, and what is judged.
    Baselines,
    /// These, and named product versions.
    Versions,
}

/// Renders and compresses everything about departments.
///
/// The same input gives the same bytes: families in catalogue order, tenants in the given order,
/// departments by geo, path and id, versions by name after the total. No series occurs twice: of two
/// days of one department the newer is rendered, and ids are compared as the labels they become.
///
/// With more than `series_limit` series, baselines and what is judged are left out; if that is not
/// enough, named product versions as well; totals never are.
///
/// Of the body `before`, which may be empty, compressed parts are taken over where their text stays.
#[must_use]
pub fn render(tenants: &[TenantView], series_limit: u64, before: &Body) -> Rendered {
    let mut seen = HashSet::new();
    let mut tenants: Vec<Tenant> = tenants
        .iter()
        .filter(|view| seen.insert(label_value(&view.name)))
        .map(Tenant::prepare)
        .collect();
    let is_too_much =
        |tenants: &[Tenant]| tenants.iter().map(Tenant::count).sum::<u64>() > series_limit;
    let mut left_out = LeftOut::Nothing;
    if is_too_much(&tenants) {
        left_out = LeftOut::Baselines;
        for tenant in &mut tenants {
            tenant.rows.iter_mut().for_each(|row| row.baseline = None);
            tenant.judged.clear();
            tenant.samples.retain(|sample| {
                JUDGEMENT_FAMILIES.iter().all(|family| family.name != sample.family.name)
            });
        }
    }
    if is_too_much(&tenants) {
        left_out = LeftOut::Versions;
        for tenant in &mut tenants {
            tenant.rows.retain(|row| row.total);
        }
    }
    let mut page = Page::after(before);
    for index in 0..FIGURE_COUNT {
        write_figure(&mut page, &tenants, index);
        write_baseline(&mut page, &tenants, index);
    }
    write_days(&mut page, &tenants);
    write_workdays(&mut page, &tenants);
    write_info(&mut page, &tenants);
    for family in JUDGEMENT_FAMILIES.iter().chain(OPTIONAL_FAMILIES) {
        page.family(family.name, family.kind(), family.help, |page| {
            for tenant in &tenants {
                write_judged(page, tenant, family);
                write_samples(page, tenant, family);
            }
        });
    }
    write_up(&mut page, &tenants);
    write_failures(&mut page, &tenants);
    Rendered { body: page.finish(), left_out }
}

/// A tenant with all that its families share: who is rendered, in order, and their labels.
struct Tenant<'a> {
    view: &'a TenantView,
    geos: BTreeMap<Geo, &'a GeoView>,
    departments: BTreeMap<(Geo, &'a str), (&'a DepartmentDay, Range<usize>)>,
    up: BTreeMap<(Geo, &'a str), bool>,
    failures: BTreeMap<(Geo, &'a str), &'a Failure>,
    /// What is judged, by department, each once.
    judged: BTreeMap<(Geo, &'a str), &'a JudgedDay>,
    /// The samples of the optional sources, in the order of family and labels, each once.
    samples: Vec<&'a Sample>,
    rows: Vec<Row<'a>>,
    /// Label sets as they are written; `departments` and `rows` point into it. Escaping each once
    /// rather than once a family is most of the speed of rendering.
    labels: String,
}

/// One row of a department: a version and its figures.
struct Row<'a> {
    figures: &'a Figures,
    total: bool,
    /// Of the total, what is usual.
    baseline: Option<&'a Baseline>,
    labels: Range<usize>,
    /// Whether a part of the text may begin with it.
    begins: bool,
}

impl<'a> Tenant<'a> {
    fn prepare(view: &'a TenantView) -> Self {
        let mut newest: BTreeMap<(Geo, &str), &DepartmentDay> = BTreeMap::new();
        for day in &view.departments {
            let kept = newest.entry((day.geo, label_value(&day.department_id))).or_insert(day);
            if day.day > kept.day {
                *kept = day;
            }
        }
        let mut tenant = Self {
            view,
            geos: BTreeMap::new(),
            departments: BTreeMap::new(),
            up: BTreeMap::new(),
            failures: BTreeMap::new(),
            judged: BTreeMap::new(),
            samples: Vec::new(),
            rows: Vec::new(),
            labels: String::new(),
        };
        for geo in &view.geos {
            tenant.geos.entry(geo.geo).or_insert(geo);
        }
        for (geo, id, up) in &view.department_up {
            tenant.up.entry((*geo, label_value(id))).or_insert(*up);
        }
        for ((geo, id), failure) in &view.department_failures {
            tenant.failures.entry((*geo, label_value(id))).or_insert(failure);
        }
        // Those of a branch stand together: what is fetched together then changes few parts.
        let mut newest: Vec<_> = newest.into_iter().collect();
        newest.sort_by_key(|((geo, id), day)| (*geo, &*day.path, *id));
        for (key, day) in newest {
            tenant.add(key, day);
        }
        for judged in &view.judged {
            let key = (judged.geo, label_value(&judged.department_id));
            tenant.judged.entry(key).or_insert(judged);
        }
        let samples = view.samples.iter().flat_map(|samples| samples.iter());
        tenant.samples = samples.filter(|sample| sample.value.is_finite()).collect();
        // Of equal ones the first stays.
        tenant.samples.sort_by(|a, b| compare(a, b));
        tenant.samples.dedup_by(|later, first| compare(later, first).is_eq());
        tenant
    }

    fn add(&mut self, key: (Geo, &'a str), day: &'a DepartmentDay) {
        let start = self.labels.len();
        let (base, version) = FIGURE_LABELS.split_at(FIGURE_LABELS.len() - 1);
        let values = [&self.view.name, key.0.as_label(), key.1, &day.department];
        push_values(&mut self.labels, base, values.map(Some));
        let department = start..self.labels.len();

        let mut rows: Vec<(bool, &str, &Figures)> = day
            .rows
            .iter()
            .map(|(version, figures)| match version {
                Version::Total => (true, TOTAL_VERSION, figures),
                Version::Named(name) => (false, label_value(name), figures),
            })
            .collect();
        rows.sort_by_key(|&(total, name, _)| (!total, name));
        let mut begins = begins_part(key.1);
        let mut names = HashSet::new();
        rows.retain(|&(_, name, _)| names.insert(name));
        let baseline = self.view.baselines.get(&(day.geo, Arc::clone(&day.department_id)));
        for (total, name, figures) in rows {
            let start = self.labels.len();
            self.labels.extend_from_within(department.clone());
            push_labels(&mut self.labels, ',', [(version[0], name)]);
            self.labels.push_str("} ");
            let baseline = baseline.filter(|_| total).map(|baseline| &**baseline);
            let begins = std::mem::take(&mut begins);
            let labels = start..self.labels.len();
            self.rows.push(Row { figures, total, baseline, labels, begins });
        }
        self.departments.insert(key, (day, department));
    }

    /// The sample of a figure; a number that is not finite is none.
    fn sample(&self, row: &Row, figure: usize) -> Option<f64> {
        row.figures.sample(figure, self.view.scale).filter(|value| value.is_finite())
    }

    /// How many series the tenant has.
    fn count(&self) -> u64 {
        let published: Vec<usize> =
            (0..FIGURE_COUNT).filter(|&index| self.view.figures.contains(index)).collect();
        let of_row =
            |row: &Row| published.iter().filter(|&&i| self.sample(row, i).is_some()).count();
        let figures: usize = self.rows.iter().map(of_row).sum();
        let of_baseline =
            |baseline: &Baseline| published.iter().filter(|&&i| baseline.of(i).is_some()).count();
        let baselines: usize =
            self.rows.iter().filter_map(|row| row.baseline).map(of_baseline).sum();
        let days = self.departments.keys().filter(|key| self.geos.contains_key(&key.0)).count();
        let workdays = self.geos.values().filter(|geo| geo.workday.is_some()).count();
        let judged: usize = self.judged.values().map(|judged| judged::count(judged)).sum();
        let named =
            self.infos().len() + self.up.len() + self.failures.len() + judged + self.samples.len();
        let count = figures + baselines + days + workdays + named;
        count.try_into().expect("as many series as fit into memory are fewer than 2^64")
    }

    /// Per department id what is known of its name and place: the newest day in any geo, and what
    /// the contact API tells.
    fn infos(&self) -> BTreeMap<&'a str, (Option<&'a DepartmentDay>, Option<&'a Place>)> {
        let mut infos: BTreeMap<&str, (Option<&DepartmentDay>, Option<&Place>)> = BTreeMap::new();
        for (&(_, id), &(day, _)) in &self.departments {
            let (kept, _) = infos.entry(id).or_default();
            if kept.is_none_or(|kept| day.day > kept.day) {
                *kept = Some(day);
            }
        }
        for (id, place) in &self.view.places {
            infos.entry(label_value(id)).or_default().1 = Some(place);
        }
        infos
    }
}

fn write_figure(page: &mut Page<'_>, tenants: &[Tenant], index: usize) {
    let figure = &FIGURES[index];
    page.family(figure.metric, "gauge", &figure.help_text(), |page| {
        for tenant in tenants.iter().filter(|t| t.view.figures.contains(index)) {
            for row in &tenant.rows {
                if let Some(value) = tenant.sample(row, index) {
                    page.sample(figure.metric, row.begins);
                    page.text.push_str(&tenant.labels[row.labels.clone()]);
                    page.value(value);
                }
            }
        }
    });
}

fn write_baseline(page: &mut Page<'_>, tenants: &[Tenant], index: usize) {
    let Some(name) = FIGURES[index].baseline else { return };
    page.family(name, "gauge", &FIGURES[index].baseline_help_text(), |page| {
        for tenant in tenants.iter().filter(|t| t.view.figures.contains(index)) {
            for row in &tenant.rows {
                if let Some(value) = row.baseline.and_then(|baseline| baseline.of(index)) {
                    page.sample(name, row.begins);
                    page.text.push_str(&tenant.labels[row.labels.clone()]);
                    page.value(value);
                }
            }
        }
    });
}

fn write_days(page: &mut Page<'_>, tenants: &[Tenant]) {
    page.family(DAY_TIMESTAMP.name, DAY_TIMESTAMP.kind(), DAY_TIMESTAMP.help, |page| {
        for tenant in tenants {
            for ((geo, id), (day, labels)) in &tenant.departments {
                if let Some(view) = tenant.geos.get(geo) {
                    page.sample(DAY_TIMESTAMP.name, begins_part(id));
                    page.text.push_str(&tenant.labels[labels.clone()]);
                    page.text.push_str("} ");
                    #[expect(clippy::cast_precision_loss, reason = "years 1 to 9999 fit 2^53")]
                    page.value(view.zone.start_of(day.day).as_second() as f64);
                }
            }
        }
    });
}

fn write_workdays(page: &mut Page<'_>, tenants: &[Tenant]) {
    page.family(WORKDAY.name, WORKDAY.kind(), WORKDAY.help, |page| {
        for tenant in tenants {
            for view in tenant.geos.values() {
                if let Some(workday) = view.workday {
                    page.sample(WORKDAY.name, false);
                    let values = [&*tenant.view.name, view.geo.as_label()];
                    push_values(&mut page.text, WORKDAY.labels, values.map(Some));
                    page.text.push_str("} ");
                    page.value(f64::from(u8::from(workday)));
                }
            }
        }
    });
}

fn write_info(page: &mut Page<'_>, tenants: &[Tenant]) {
    page.family(DEPARTMENT_INFO.name, DEPARTMENT_INFO.kind(), DEPARTMENT_INFO.help, |page| {
        for tenant in tenants {
            for (id, (day, place)) in tenant.infos() {
                let stated = |text: &'_ str| !text.is_empty();
                let told = |field: fn(&Place) -> &Option<Arc<str>>| field(place?).as_deref();
                let values = [
                    Some(&*tenant.view.name),
                    Some(id),
                    told(|p| &p.name).or(day.map(|day| &*day.department)).filter(|t| stated(t)),
                    day.map(|day| &*day.path).filter(|t| stated(t)),
                    told(|p| &p.parent_department_id),
                    told(|p| &p.open_department_id)
                        .or(Some(id).filter(|id| id.starts_with(OPEN_ID_PREFIX))),
                    told(|p| &p.custom_department_id),
                ];
                page.sample(DEPARTMENT_INFO.name, begins_part(id));
                push_values(&mut page.text, DEPARTMENT_INFO.labels, values);
                let path = day.map(|day| &*day.path).filter(|path| stated(path));
                let own = tenant.view.labels.of(id, path);
                let own = own.into_iter().map(|(name, value)| (name, label_value(value)));
                push_labels(&mut page.text, ',', own);
                page.text.push_str("} ");
                page.value(1.0);
            }
        }
    });
}

/// The samples of what is judged of departments.
fn write_judged(page: &mut Page<'_>, tenant: &Tenant<'_>, family: &Family) {
    if !judged::has(family) {
        return;
    }
    let (of_department, more) = family.labels.split_at(judged::DEPARTMENT_LABELS);
    let mut department = String::new();
    for ((geo, id), judged) in &tenant.judged {
        let mut begins = begins_part(id);
        department.clear();
        let values = [&*tenant.view.name, geo.as_label(), id, &judged.department];
        push_values(&mut department, of_department, values.map(Some));
        for (product, window, value) in judged::samples(judged, family) {
            page.sample(family.name, std::mem::take(&mut begins));
            page.text.push_str(&department);
            let window = window.map(|window| window.to_string());
            let more = more.iter().copied().zip([Some(product), window.as_deref()]);
            let more = more.filter_map(|(label, value)| Some((label, value?)));
            push_labels(&mut page.text, ',', more);
            page.text.push_str("} ");
            page.value(value);
        }
    }
}

fn write_samples(page: &mut Page<'_>, tenant: &Tenant<'_>, family: &Family) {
    let start = tenant.samples.partition_point(|sample| sample.family.name < family.name);
    let samples = tenant.samples[start..].iter();
    for sample in samples.take_while(|sample| sample.family.name == family.name) {
        page.sample(family.name, sample.labels.iter().any(|label| begins_part(label)));
        let values = sample.labels.iter().map(|label| &**label);
        let values = [&*tenant.view.name].into_iter().chain(values);
        push_values(&mut page.text, family.labels, values.map(Some));
        page.text.push_str("} ");
        page.value(sample.value);
    }
}

/// The order of samples: by family, then by their labels as they are written.
fn compare(a: &Sample, b: &Sample) -> Ordering {
    fn labels(sample: &Sample) -> impl Iterator<Item = &str> {
        sample.labels.iter().map(|label| label_value(label))
    }
    a.family.name.cmp(b.family.name).then_with(|| labels(a).cmp(labels(b)))
}

fn write_up(page: &mut Page<'_>, tenants: &[Tenant]) {
    page.family(DEPARTMENT_UP.name, "gauge", DEPARTMENT_UP.help, |page| {
        for tenant in tenants {
            for ((geo, id), up) in &tenant.up {
                page.sample(DEPARTMENT_UP.name, begins_part(id));
                let values = [&*tenant.view.name, geo.as_label(), id];
                push_values(&mut page.text, DEPARTMENT_UP.labels, values.map(Some));
                page.text.push_str("} ");
                page.value(f64::from(u8::from(*up)));
            }
        }
    });
}

fn write_failures(page: &mut Page<'_>, tenants: &[Tenant]) {
    let Own { name, help, labels, .. } = DEPARTMENT_FAILURE;
    page.family(name, "gauge", help, |page| {
        for tenant in tenants {
            for ((geo, id), failure) in &tenant.failures {
                page.sample(name, begins_part(id));
                let code = failure.code.map(|code| code.to_string());
                let known = [&*tenant.view.name, geo.as_label(), id, failure.class];
                let values = known.map(Some).into_iter().chain([code.as_deref()]);
                push_values(&mut page.text, labels, values);
                page.text.push_str("} ");
                page.value(1.0);
            }
        }
    });
}

#[cfg(test)]
mod tests;
