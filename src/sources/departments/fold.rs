//! Rows of one list folded into department days, as they arrive. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use super::{Ask, Found, FoundDay, Versions, total_name};
use crate::{
    catalogue::FIGURES,
    day::Day,
    feishu::DeptStat,
    sources::{directory::ROOT, number},
    usage::{DepartmentDay, Figures, Version, label_value},
};

/// Collects the rows that answer one [`Ask`] and rejects the others.
pub(super) struct Fold<'a> {
    ask: &'a Ask,
    versions: &'a Versions,
    /// Whether rows per version were asked for; if not, each day has its total only.
    with_versions: bool,
    /// The other id under which rows of the one department may have come, once seen. They are
    /// listed under it until [`Self::end_of_list`].
    other_id: Option<String>,
    lists: BTreeMap<(Arc<str>, Day), List>,
    /// The names of versions, which all rows share.
    names: BTreeSet<Arc<str>>,
    found: Found,
}

/// The rows of one department and day.
#[derive(Default)]
struct List {
    department: String,
    path: String,
    rows: BTreeMap<Version, Row>,
    malformed: bool,
}

enum Row {
    Believed(Figures),
    /// Two rows said different things: neither is believed.
    Contradicted,
}

impl<'a> Fold<'a> {
    pub(super) fn new(ask: &'a Ask, versions: &'a Versions, with_versions: bool) -> Self {
        Self {
            ask,
            versions,
            with_versions,
            other_id: None,
            lists: BTreeMap::new(),
            names: BTreeSet::new(),
            found: Found::default(),
        }
    }

    /// Takes one item of the list; none stands for one that is no object.
    pub(super) fn row(&mut self, row: Option<&DeptStat<'_>>) {
        let Some(row) = row else {
            return self.found.reject(1, || "an item that is no object".to_owned());
        };
        let Some(department_id) = self.department_of(row) else {
            return self.found.reject(1, || match row.quoted_department_id().as_str() {
                "" => "a row without department_id".to_owned(),
                id => not_asked_for(id),
            });
        };
        let Some(day) = self.day_of(row) else {
            return self.found.reject(1, || match row.quoted_date().as_str() {
                "" => "a row without date".to_owned(),
                date => format!("a row of the day {date}, which was not asked for"),
            });
        };
        let version = row.product_version();
        let version = match version.as_deref() {
            Some(name) if !self.versions.is_total(Some(name)) => {
                Version::Named(shared(&mut self.names, label_value(name)))
            }
            _ => Version::Total,
        };
        let (figures, malformed) = self.figures_of(row);
        let list = self.lists.entry((Arc::clone(&department_id), day)).or_default();
        list.malformed |= malformed;
        // The names stand in every row; where they differ, the total's are taken.
        if version == Version::Total || list.department.is_empty() {
            list.department = row.department_name().unwrap_or_default();
            list.path = row.department_path().unwrap_or_default();
        }
        let rejected = match list.rows.entry(version) {
            Entry::Vacant(vacant) => {
                vacant.insert(Row::Believed(figures));
                0
            }
            Entry::Occupied(mut known) => match known.get() {
                Row::Believed(same) if *same == figures => 0,
                Row::Believed(_) => {
                    known.insert(Row::Contradicted);
                    2
                }
                Row::Contradicted => 1,
            },
        };
        self.found.reject(rejected, || {
            format!("rows of {department_id} for {day} that contradict each other")
        });
    }

    /// To be called after the last row.
    pub(super) fn end_of_list(&mut self) {
        self.settle_other_id();
        if !self.with_versions {
            self.keep_totals();
        }
    }

    /// Leaves the total of each day where only that was asked for. Rows of versions that came all
    /// the same are not it where there is one; a single row is, whatever it is called.
    fn keep_totals(&mut self) {
        let learned = self.versions.learned_total().map(Version::Named);
        for ((id, day), list) in &mut self.lists {
            let name = match list.rows.len() {
                _ if list.rows.contains_key(&Version::Total) => Some(Version::Total),
                1 => list.rows.keys().next().cloned(),
                _ => learned.clone().filter(|name| list.rows.contains_key(name)),
            };
            let total = match name.and_then(|name| list.rows.remove(&name)) {
                Some(total) => total,
                None => {
                    self.found.reject(list.rows.len() as u64, || {
                        format!("rows of several product versions of {id} for {day}, and no total")
                    });
                    Row::Contradicted
                }
            };
            list.rows = BTreeMap::from([(Version::Total, total)]);
        }
    }

    /// Rows that came under the other id are the department's own, unless it came under the id that
    /// was asked for as well: then they are somebody else's.
    fn settle_other_id(&mut self) {
        let Some(other_id) = self.other_id.take() else { return };
        let (others, own): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.lists)
            .into_iter()
            .partition(|((id, _), _)| **id == *label_value(&other_id));
        let is_its_own = own.is_empty();
        self.found.other_id = is_its_own.then(|| label_value(&other_id).into());
        self.lists = own;
        for ((id, day), list) in others {
            if is_its_own {
                let id = Arc::clone(&self.ask.target.department_id);
                self.lists.insert((id, day), list);
            } else {
                self.found.reject(list.rows.len() as u64, || not_asked_for(&id));
            }
        }
    }

    /// Whether a department's day has rows but none that is known to be the total.
    pub(super) fn lacks_a_total(&self) -> bool {
        self.lists.values().any(List::lacks_a_total)
    }

    /// Notes whether the total came under a known name.
    pub(super) fn tell_of_totals(&self) {
        if self.with_versions && self.lists.values().any(|list| !list.lacks_a_total()) {
            self.versions.saw_total(self.ask.end);
        }
    }

    /// Takes the rows of a learned name for the totals, if that is plausible in every list that
    /// lacks one.
    pub(super) fn use_learned_total(&mut self) {
        let Some(name) = self.versions.learned_total() else { return };
        let name = Version::Named(name);
        let lacking = |list: &&mut List| list.lacks_a_total();
        if self.lists.values_mut().filter(lacking).all(|list| list.total_fits(&name)) {
            self.lists.values_mut().filter(lacking).for_each(|list| list.take_for_total(&name));
        }
    }

    /// Adds the totals of a list that was asked for without versions.
    pub(super) fn add_totals(&mut self, totals: Self) {
        for (place, total) in totals.lists {
            let Some(list) = self.lists.get_mut(&place).filter(|list| list.lacks_a_total()) else {
                continue;
            };
            let rows = total.rows.into_values().next();
            let Some(Row::Believed(figures)) = rows else { continue };
            let comparison = total_name::compare(&list.named(), &figures);
            self.versions.compared(&place.0, place.1, &comparison);
            list.malformed |= total.malformed;
            list.rows.insert(Version::Total, Row::Believed(figures));
        }
        self.found.add_rejected(&totals.found);
        self.found.totals_apart = true;
    }

    pub(super) fn finish(mut self) -> Found {
        let geo = self.ask.target.geo;
        self.found.days = self
            .lists
            .into_iter()
            .map(|((department_id, day), list)| list.finish(geo, department_id, day))
            .collect();
        self.found
    }

    /// The label of the row's department, if it is one that was asked for or may be its other id.
    fn department_of(&mut self, row: &DeptStat<'_>) -> Option<Arc<str>> {
        let id = row.department_id()?;
        let asked = &self.ask.target.department_id;
        if self.ask.target.include_children || id == **asked {
            return Some(label_value(&id).into());
        }
        // No document says under which of its two ids a department's rows come, or the root's:
        // the other kind will do, but only one such id. The root's own is no department's other.
        let may_be_other =
            **asked == *ROOT || (id != *ROOT && is_open_id(asked) != is_open_id(&id));
        let is_it = may_be_other && *self.other_id.get_or_insert_with(|| id.clone()) == id;
        is_it.then(|| label_value(&id).into())
    }

    fn day_of(&self, row: &DeptStat<'_>) -> Option<Day> {
        row.date().filter(|day| (self.ask.start..=self.ask.end).contains(day))
    }

    /// The figures of a row, and whether some could not be read.
    fn figures_of(&mut self, row: &DeptStat<'_>) -> (Figures, bool) {
        let (mut figures, mut malformed) = (Figures::none(), false);
        for (index, figure) in FIGURES.iter().enumerate() {
            let scalar = row.figure(figure.api_field);
            if number::set(&mut figures, index, figure.unit, &scalar).is_err() {
                *self.found.rejected_values.entry(figure.api_field).or_default() += 1;
                malformed = true;
            }
        }
        (figures, malformed)
    }
}

/// The name as it was taken in first.
fn shared(names: &mut BTreeSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let new = Arc::<str>::from(name);
    names.insert(Arc::clone(&new));
    new
}

fn not_asked_for(department_id: &str) -> String {
    format!("a row of department {department_id}, which was not asked for")
}

/// Whether the id is of the kind that the system makes (API document: `od-…`).
fn is_open_id(id: &str) -> bool {
    id.starts_with("od-")
}

impl List {
    fn lacks_a_total(&self) -> bool {
        !self.rows.contains_key(&Version::Total)
    }

    /// The rows of versions that are believed.
    fn named(&self) -> Vec<(Arc<str>, &Figures)> {
        let named = self.rows.iter().filter_map(|(version, row)| match (version, row) {
            (Version::Named(name), Row::Believed(figures)) => Some((Arc::clone(name), figures)),
            _ => None,
        });
        named.collect()
    }

    fn total_fits(&self, name: &Version) -> bool {
        let Some(Row::Believed(total)) = self.rows.get(name) else { return false };
        let others = self.rows.iter().filter_map(|(version, row)| match row {
            Row::Believed(figures) if version != name => Some(figures),
            _ => None,
        });
        total_name::fits(total, &others.collect::<Vec<_>>())
    }

    fn take_for_total(&mut self, name: &Version) {
        if let Some(row) = self.rows.remove(name) {
            self.rows.insert(Version::Total, row);
        }
    }

    fn finish(self, geo: crate::usage::Geo, department_id: Arc<str>, day: Day) -> FoundDay {
        let mut contradicted = false;
        let mut rows = Vec::with_capacity(self.rows.len());
        for (version, row) in self.rows {
            match row {
                Row::Believed(figures) => rows.push((version, figures)),
                Row::Contradicted => contradicted = true,
            }
        }
        let mut day = DepartmentDay {
            geo,
            department_id,
            department: label_value(&self.department).into(),
            path: label_value(&self.path).into(),
            day,
            rows,
        };
        day.pack();
        FoundDay { day: Arc::new(day), contradicted, malformed: self.malformed }
    }
}

#[cfg(test)]
mod tests;
