//! Fetched days: keeping them, and what the collector needs of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::{
    Error, TenantStore,
    database::Database,
    rows::{day_of, figures_of, find_department, find_target, target_of},
    writing::{self, COLUMNS, Extent, Lists, Standing},
};
use crate::{
    catalogue::TOTAL_VERSION,
    day::Day,
    usage::{DepartmentDay, Figures, Geo, Target, Version},
};

/// A target as the processes before this one left it.
#[derive(Clone, Debug)]
pub struct Held {
    /// What was asked for.
    pub target: Target,
    /// How the live collection left it; none where only days of the past were fetched.
    pub standing: Option<Standing>,
    /// When the live collection last read it with success.
    pub read_at: Option<Timestamp>,
    /// The newest day of each of its departments.
    pub days: Vec<Arc<DepartmentDay>>,
    /// The versions of each of its departments on the last day before the one held, as far as that
    /// is kept.
    pub before: BTreeMap<Arc<str>, BTreeSet<Version>>,
}

/// The last name and path that a department's rows had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Empty where Feishu gave none.
    pub name: Arc<str>,
    /// Empty where Feishu gave none.
    pub path: Arc<str>,
}

static TOTALS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT day, {} FROM figures WHERE department = ?1 AND version = 0 AND day = ?2",
        *COLUMNS
    )
});

static VERSIONS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT v.name, {} FROM figures AS f JOIN versions AS v ON v.id = f.version
         WHERE f.department = ?1 AND f.version IN (SELECT id FROM versions) AND f.day = ?2
         ORDER BY v.id",
        *COLUMNS
    )
});

impl TenantStore {
    /// The last name and path of each department that days were ever kept of.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn names(&self) -> Result<HashMap<(Geo, Arc<str>), Named>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let Some(tenant) = tenant.find(transaction)? else { return Ok(HashMap::new()) };
            let mut statement = transaction.prepare_cached(
                "SELECT geo, department_id, name, path FROM departments
                 WHERE tenant = ?1 ORDER BY named_on",
            )?;
            let mut rows = statement.query([tenant])?;
            let mut names = HashMap::new();
            while let Some(row) = rows.next()? {
                let text = |column| row.get::<_, String>(column).map(Arc::<str>::from);
                let Some(geo) = Geo::from_label(&text(0)?) else { continue };
                names.insert((geo, text(1)?), Named { name: text(2)?, path: text(3)? });
            }
            Ok(names)
        };
        self.worker.read("reading names of departments", job).await
    }

    /// Keeps lists that were read. When this returns without an error, they are in the file, with
    /// all that waited for it before them.
    ///
    /// # Errors
    /// If they cannot be written now; they wait in memory and are written later.
    pub async fn keep(&self, lists: Vec<Lists>) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        let add = move |database: &mut Database| database.unsaved.add_lists(&tenant, lists);
        self.worker.save("keeping fetched days", add).await
    }

    /// Keeps lists in place of what is kept of their days, also where that was more. Versions of a
    /// day stay that only the totals were asked of.
    ///
    /// # Errors
    /// If they cannot be kept.
    pub async fn replace(&self, lists: Vec<Lists>) -> Result<(), Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let number = tenant.number(transaction)?;
            lists.iter().try_for_each(|lists| writing::replace(transaction, number, lists))
        };
        self.worker.call("keeping days that were fetched again", job).await
    }

    /// What was held of each target, with days from `since` on: those of the live collection, and
    /// those of the past where they are newer.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn held(&self, since: Day) -> Result<Vec<Held>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| match tenant.find(transaction)? {
            Some(number) => held(transaction, number, since),
            None => Ok(Vec::new()),
        };
        self.worker.read("reading the days served last", job).await
    }

    /// For each target, the days from the first to the last given whose list was read, at least to
    /// that extent. Those that wait to be written count. A list that lacks departments counts only
    /// if it was read more than `late_days` days after its day: until then they may just be late.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn covered(
        &self,
        targets: Vec<(Target, Day, Day)>,
        least: Extent,
        late_days: i32,
    ) -> Result<Vec<BTreeSet<Day>>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |database: &mut Database| {
            let mut all = database.read(|transaction| {
                let number = tenant.find(transaction)?;
                let covered = |(target, from, to): &(Target, Day, Day)| {
                    let target =
                        number.map_or(Ok(None), |n| find_target(transaction, n, target))?;
                    target.map_or(Ok(BTreeSet::new()), |target| {
                        covered(transaction, target, (*from, *to), least, late_days)
                    })
                };
                targets.iter().map(covered).collect::<rusqlite::Result<Vec<_>>>()
            })?;
            for ((target, from, to), covered) in targets.iter().zip(&mut all) {
                let waiting = database.unsaved.covered(&tenant, target, (*from, *to), least);
                covered.extend(waiting);
            }
            Ok(all)
        };
        self.worker.read_all("looking for days that were not fetched", job).await
    }

    /// Whether departments of a target have rows of a day, but no total of it.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn lacks_totals(&self, target: Target, day: Day) -> Result<bool, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let Some(number) = tenant.find(transaction)? else { return Ok(false) };
            let Some(target) = find_target(transaction, number, &target)? else { return Ok(false) };
            transaction
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM members JOIN figures USING (department)
                         WHERE target = ?1 AND day = ?2 AND NOT EXISTS (
                             SELECT 1 FROM figures AS total JOIN versions ON version = id
                             WHERE total.department = members.department AND total.day = ?2
                                 AND name = ?3))",
                )?
                .query_row((target, day.to_string(), TOTAL_VERSION), |row| row.get(0))
        };
        self.worker.read("looking for days without a total", job).await
    }

    /// For each department, the totals of those of the days that have one.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn totals(
        &self,
        asked: Vec<(Target, Vec<Day>)>,
    ) -> Result<Vec<Vec<(Day, Figures)>>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let Some(number) = tenant.find(transaction)? else {
                return Ok(vec![Vec::new(); asked.len()]);
            };
            let totals = |(place, days): &(Target, Vec<Day>)| match find_department(
                transaction,
                number,
                place,
            )? {
                Some(department) => totals(transaction, department, days),
                None => Ok(Vec::new()),
            };
            asked.iter().map(totals).collect()
        };
        self.worker.read("reading past days", job).await
    }
}

fn held(transaction: &Transaction<'_>, tenant: i64, since: Day) -> rusqlite::Result<Vec<Held>> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, geo, department_id, include_children, held, complete, reasks,
             (SELECT max(fetched_at) FROM lists WHERE target = targets.id AND extent <> 'total')
         FROM targets WHERE tenant = ?1 AND (held IS NOT NULL OR EXISTS (
             SELECT 1 FROM lists WHERE target = targets.id AND day >= ?2))",
    )?;
    let mut rows = statement.query((tenant, since.to_string()))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(target) = target_of(row, 1)? else { continue };
        let (complete, reasks) = (row.get(5)?, row.get(6)?);
        let standing = day_of(row, 4)?.map(|held| Standing { held, complete, reasks });
        let days = newest_days(transaction, row.get(0)?, target.geo, since)?;
        let before = match &standing {
            Some(standing) => versions_before(transaction, row.get(0)?, (since, standing.held))?,
            None => BTreeMap::new(),
        };
        let read_at: Option<String> = row.get(7)?;
        let read_at = read_at.and_then(|text| text.parse().ok());
        all.push(Held { target, standing, read_at, days, before });
    }
    Ok(all)
}

/// What was in the last list of a target that has a row, from `since` on and before `held`.
fn versions_before(
    transaction: &Transaction<'_>,
    target: i64,
    (since, held): (Day, Day),
) -> rusqlite::Result<BTreeMap<Arc<str>, BTreeSet<Version>>> {
    // Days of which only the totals were asked for tell nothing of versions.
    let mut statement = transaction.prepare_cached(
        "SELECT d.department_id, v.name
         FROM members AS m
         JOIN departments AS d ON d.id = m.department
         JOIN figures AS f ON f.department = d.id
             AND f.version IN (SELECT id FROM versions) AND f.day = (
                 SELECT max(l.day) FROM lists AS l
                 WHERE l.target = ?1 AND l.day >= ?2 AND l.day < ?3 AND l.extent <> 'total'
                 AND EXISTS (
                     SELECT 1 FROM members AS o JOIN figures AS g ON g.department = o.department
                     WHERE o.target = ?1
                     AND g.version IN (SELECT id FROM versions) AND g.day = l.day))
         JOIN versions AS v ON v.id = f.version
         WHERE m.target = ?1",
    )?;
    let mut rows = statement.query((target, since.to_string(), held.to_string()))?;
    let mut before: BTreeMap<Arc<str>, BTreeSet<Version>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        before
            .entry(row.get::<_, String>(0)?.into())
            .or_default()
            .insert(version_named(&row.get::<_, String>(1)?));
    }
    Ok(before)
}

/// The newest day of each department of a target.
fn newest_days(
    transaction: &Transaction<'_>,
    target: i64,
    geo: Geo,
    since: Day,
) -> rusqlite::Result<Vec<Arc<DepartmentDay>>> {
    let mut statement = transaction.prepare_cached(
        "SELECT d.id, d.department_id, d.name, d.path, (
             SELECT max(l.day) FROM lists AS l
             WHERE l.target = m.target AND l.day >= ?2 AND EXISTS (
                 SELECT 1 FROM figures AS f WHERE f.department = d.id
                 AND f.version IN (SELECT id FROM versions) AND f.day = l.day)
         ) AS newest
         FROM members AS m JOIN departments AS d ON d.id = m.department
         WHERE m.target = ?1",
    )?;
    let mut rows = statement.query((target, since.to_string()))?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(day) = day_of(row, 4)? else { continue };
        let mut day = DepartmentDay {
            geo,
            department_id: row.get::<_, String>(1)?.into(),
            department: row.get::<_, String>(2)?.into(),
            path: row.get::<_, String>(3)?.into(),
            day,
            rows: versions_of(transaction, row.get(0)?, day)?,
        };
        day.pack();
        days.push(Arc::new(day));
    }
    Ok(days)
}

pub(super) fn versions_of(
    transaction: &Transaction<'_>,
    department: i64,
    day: Day,
) -> rusqlite::Result<Vec<(Version, Figures)>> {
    let mut statement = transaction.prepare_cached(&VERSIONS)?;
    let rows = statement.query_map((department, day.to_string()), |row| {
        Ok((version_named(&row.get::<_, String>(0)?), figures_of(row, 1)?))
    })?;
    rows.collect()
}

fn version_named(name: &str) -> Version {
    match name {
        TOTAL_VERSION => Version::Total,
        name => Version::Named(name.into()),
    }
}

fn covered(
    transaction: &Transaction<'_>,
    target: i64,
    (from, to): (Day, Day),
    least: Extent,
    late_days: i32,
) -> rusqlite::Result<BTreeSet<Day>> {
    let mut statement = transaction.prepare_cached(
        "SELECT l.day, l.extent FROM lists AS l
         WHERE l.target = ?1 AND l.day BETWEEN ?2 AND ?3 AND (
             date(l.fetched_at) > date(l.day, ?4)
             OR NOT EXISTS (
                 SELECT 1 FROM members AS m WHERE m.target = l.target AND NOT EXISTS (
                     SELECT 1 FROM figures AS f
                     WHERE f.department = m.department AND f.version = 0 AND f.day = l.day))
             AND EXISTS (SELECT 1 FROM members AS m WHERE m.target = l.target))",
    )?;
    let late = format!("{late_days:+} days");
    let mut rows = statement.query((target, from.to_string(), to.to_string(), late))?;
    let enough: Vec<&str> =
        Extent::ALL.into_iter().filter(|e| *e >= least).map(Extent::as_str).collect();
    let mut days = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let extent: String = row.get(1)?;
        if enough.contains(&extent.as_str()) {
            days.extend(day_of(row, 0)?);
        }
    }
    Ok(days)
}

pub(super) fn totals(
    transaction: &Transaction<'_>,
    department: i64,
    days: &[Day],
) -> rusqlite::Result<Vec<(Day, Figures)>> {
    let mut statement = transaction.prepare_cached(&TOTALS)?;
    let mut totals = Vec::with_capacity(days.len());
    for day in days {
        let found = statement
            .query_row((department, day.to_string()), |row| figures_of(row, 1))
            .optional()?;
        totals.extend(found.map(|figures| (*day, figures)));
    }
    Ok(totals)
}
