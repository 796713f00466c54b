//! Reading the past in bulk, for `backfill`: a scan sees one state of the store and hands out one
//! value at a time, so that its memory does not grow with the years.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::Transaction;

use super::{
    Error, TenantStore,
    days::{totals, versions_of},
    rows::{day_of, find_target, target_of, version_names},
};
use crate::{
    catalogue::FIGURES,
    day::Day,
    usage::{Figures, Target, Version},
};

/// A department of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DepartmentKey(pub(super) i64);

/// A department that days are kept of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    /// Its key in this store.
    pub key: DepartmentKey,
    /// Which it is, and whether it is counted as asked for with those below it.
    pub place: Target,
    /// The name in the newest row.
    pub name: Arc<str>,
}

/// A value of a scan: one figure of a department, version and day, as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Value<'a> {
    /// The department that it is of.
    pub department: DepartmentKey,
    /// The total or a product version.
    pub version: &'a Version,
    /// Of which day.
    pub day: Day,
    /// In the published unit; a rate as Feishu sent it unless it came with a percent sign.
    pub value: f64,
    /// Whether it is a rate that came with a percent sign and is a ratio already.
    pub had_percent_sign: bool,
}

/// One state of a tenant's past.
pub struct Past<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    /// None where nothing was ever kept.
    tenant: Option<i64>,
}

impl TenantStore {
    /// Reads the past; `read` runs on the store's thread, and other jobs wait for it.
    ///
    /// # Errors
    /// If it cannot be read, or whatever `read` fails with.
    pub async fn past<T, F>(&self, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Past<'_>) -> Result<T, Error> + Send + 'static,
    {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let tenant = tenant.find(transaction)?;
            Ok(read(&Past { transaction, tenant }))
        };
        self.worker.read_at_length(READING, job).await?
    }
}

const READING: &str = "reading past days";

impl Past<'_> {
    /// The departments that lists of these targets held, each once: one asked for by itself wins
    /// over the same one found through a parent, among parents the first in the given order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn departments(&self, targets: &[Target]) -> Result<Vec<Department>, Error> {
        self.read(|tenant| {
            let mut found: Vec<Department> = Vec::new();
            let mut seen = BTreeSet::new();
            let own = |department: &Department, target: &Target| {
                department.place.department_id == target.department_id
            };
            let mut members = Vec::new();
            for target in targets {
                let number = find_target(self.transaction, tenant, target)?;
                members.push(number.map_or(Ok(Vec::new()), |number| self.members(number))?);
            }
            for is_own in [true, false] {
                for (target, members) in targets.iter().zip(&members) {
                    for department in members.iter().filter(|d| own(d, target) == is_own) {
                        let place = &department.place;
                        if seen.insert((place.geo, Arc::clone(&place.department_id))) {
                            found.push(department.clone());
                        }
                    }
                }
            }
            found.sort_by(|a, b| a.place.cmp(&b.place));
            Ok(found)
        })
    }

    /// The days from `from` to `to` whose list was read for one of these targets that holds the
    /// department; a day without rows in it is known to have none.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn known_days(
        &self,
        department: DepartmentKey,
        from: Day,
        to: Day,
    ) -> Result<BTreeSet<Day>, Error> {
        self.read(|_| {
            let mut statement = self.transaction.prepare_cached(
                "SELECT DISTINCT l.day FROM members AS m JOIN lists AS l ON l.target = m.target
                 WHERE m.department = ?1 AND l.day BETWEEN ?2 AND ?3",
            )?;
            days_of(statement.query((department.0, from.to_string(), to.to_string()))?)
        })
    }

    /// Hands out the values of a figure from `from` to `to`, series by series: by department in the
    /// given order, then by version, the total first, then by day. Absent values are left out.
    ///
    /// # Errors
    /// If they cannot be read, or the first error of `each`, which ends the scan.
    pub fn scan(
        &self,
        departments: &[DepartmentKey],
        figure: usize,
        (from, to): (Day, Day),
        each: &mut dyn FnMut(&Value<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let versions = self.read(|_| version_names(self.transaction))?;
        let sql = format!(
            "SELECT version, day, {0}, percent_signs FROM figures
             WHERE department = ?1 AND version IN (SELECT id FROM versions)
             AND day BETWEEN ?2 AND ?3 AND {0} IS NOT NULL ORDER BY version, day",
            FIGURES[figure].api_field
        );
        let (from, to) = (from.to_string(), to.to_string());
        for department in departments {
            let failed = |error: rusqlite::Error| Error::new(READING, &error.into());
            let mut statement = self.transaction.prepare_cached(&sql).map_err(failed)?;
            let mut rows = statement.query((department.0, &from, &to)).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let read = || -> rusqlite::Result<_> {
                    let signs: i64 = row.get(3)?;
                    Ok((row.get::<_, i64>(0)?, day_of(row, 1)?, row.get(2)?, signs))
                };
                let (version, day, value, signs) = read().map_err(failed)?;
                let (Some(version), Some(day)) = (versions.get(&version), day) else { continue };
                each(&Value {
                    department: *department,
                    version,
                    day,
                    value,
                    had_percent_sign: signs & (1 << figure) != 0,
                })?;
            }
        }
        Ok(())
    }

    /// The days from `from` to `to` on which a department has rows.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn days(
        &self,
        department: DepartmentKey,
        from: Day,
        to: Day,
    ) -> Result<BTreeSet<Day>, Error> {
        self.read(|_| {
            let mut statement = self.transaction.prepare_cached(
                "SELECT DISTINCT day FROM figures WHERE department = ?1
                 AND version IN (SELECT id FROM versions) AND day BETWEEN ?2 AND ?3",
            )?;
            days_of(statement.query((department.0, from.to_string(), to.to_string()))?)
        })
    }

    /// The rows of a department's day, the total first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn rows(
        &self,
        department: DepartmentKey,
        day: Day,
    ) -> Result<Vec<(Version, Figures)>, Error> {
        self.read(|_| versions_of(self.transaction, department.0, day))
    }

    /// The totals of those of the days that have one.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn totals(
        &self,
        department: DepartmentKey,
        days: &[Day],
    ) -> Result<Vec<(Day, Figures)>, Error> {
        self.read(|_| totals(self.transaction, department.0, days))
    }

    fn members(&self, target: i64) -> rusqlite::Result<Vec<Department>> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT d.id, d.name, d.geo, d.department_id, d.include_children
             FROM members AS m JOIN departments AS d ON d.id = m.department WHERE m.target = ?1",
        )?;
        let mut rows = statement.query([target])?;
        let mut members = Vec::new();
        while let Some(row) = rows.next()? {
            let name: String = row.get(1)?;
            members.extend(target_of(row, 2)?.map(|place| Department {
                key: DepartmentKey(row.get_unwrap(0)),
                place,
                name: name.as_str().into(),
            }));
        }
        Ok(members)
    }

    /// Reads something of the tenant; what was never kept is empty.
    pub(super) fn read<T: Default>(
        &self,
        read: impl FnOnce(i64) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let Some(tenant) = self.tenant else { return Ok(T::default()) };
        read(tenant).map_err(|error| Error::new(READING, &error.into()))
    }
}

/// The days in the first column.
fn days_of(mut rows: rusqlite::Rows<'_>) -> rusqlite::Result<BTreeSet<Day>> {
    let mut days = BTreeSet::new();
    while let Some(row) = rows.next()? {
        days.extend(day_of(row, 0)?);
    }
    Ok(days)
}
