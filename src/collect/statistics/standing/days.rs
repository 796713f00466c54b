//! What a target serves: mostly the day of one department, so a list in the order of ids.

use std::{collections::BTreeMap, sync::Arc};

use crate::usage::DepartmentDay;

/// The newest day of each department, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Days(Vec<Arc<DepartmentDay>>);

impl Days {
    /// The day of a department.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<DepartmentDay>> {
        self.place(id).ok().map(|place| &self.0[place])
    }

    /// Whether the department has one.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.place(id).is_ok()
    }

    /// Puts a day in place of its department's.
    pub(super) fn insert(&mut self, day: Arc<DepartmentDay>) {
        match self.place(&day.department_id) {
            Ok(place) => self.0[place] = day,
            Err(place) => {
                if self.0.is_empty() {
                    // There are thousands of these, nearly all with one.
                    self.0.reserve_exact(1);
                }
                self.0.insert(place, day);
            }
        }
    }

    /// Keeps those days.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&DepartmentDay) -> bool) {
        self.0.retain(|day| is_kept(day));
    }

    /// All days.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<DepartmentDay>> {
        self.0.iter()
    }

    /// All days; which department one is of must stay.
    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Arc<DepartmentDay>> {
        self.0.iter_mut()
    }

    /// How many departments have one.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none has.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, id: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|day| (*day.department_id).cmp(id))
    }
}

impl FromIterator<Arc<DepartmentDay>> for Days {
    /// Of two days of one department the later in the order of the iterator stays.
    fn from_iter<I: IntoIterator<Item = Arc<DepartmentDay>>>(days: I) -> Self {
        let by_id = |day: Arc<DepartmentDay>| (Arc::clone(&day.department_id), day);
        let all: BTreeMap<_, _> = days.into_iter().map(by_id).collect();
        Self(all.into_values().collect())
    }
}

#[cfg(test)]
impl std::ops::Index<&str> for Days {
    type Output = Arc<DepartmentDay>;

    fn index(&self, id: &str) -> &Arc<DepartmentDay> {
        self.get(id).expect("the department has a day")
    }
}
