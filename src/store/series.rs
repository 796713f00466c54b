//! Some figures of many days, for what is worked out over weeks.

use std::sync::Arc;

use rusqlite::Transaction;

use super::{
    Error, TenantStore,
    rows::{day_of, find_department},
};
use crate::{catalogue::FIGURES, day::Day, usage::Target};

/// Some figures of a department's totals, day by day.
pub type Series<const N: usize> = Vec<(Day, [Option<f64>; N])>;

impl TenantStore {
    /// For each department, the figures of these catalogue indices in its totals, of all days in
    /// the range that are kept, in their order. Where a few of many days are wanted, there is
    /// [`Self::totals`].
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn total_series<const N: usize>(
        &self,
        asked: Vec<Target>,
        (from, to): (Day, Day),
        figures: [usize; N],
    ) -> Result<Vec<Series<N>>, Error> {
        let tenant = Arc::clone(&self.tenant);
        let job = move |transaction: &Transaction<'_>| {
            let Some(number) = tenant.find(transaction)? else {
                return Ok(vec![Series::new(); asked.len()]);
            };
            let columns = figures.map(|figure| FIGURES[figure].api_field).join(", ");
            let sql = format!(
                "SELECT day, {columns} FROM figures
                 WHERE department = ?1 AND version = 0 AND day BETWEEN ?2 AND ?3 ORDER BY day"
            );
            let mut statement = transaction.prepare_cached(&sql)?;
            let series = asked.iter().map(|place| {
                let mut series = Series::new();
                let Some(department) = find_department(transaction, number, place)? else {
                    return Ok(series);
                };
                let mut rows = statement.query((department, from.to_string(), to.to_string()))?;
                while let Some(row) = rows.next()? {
                    let Some(day) = day_of(row, 0)? else { continue };
                    let mut values = [None; N];
                    for (index, value) in values.iter_mut().enumerate() {
                        *value = row.get(index + 1)?;
                    }
                    series.push((day, values));
                }
                Ok(series)
            });
            series.collect()
        };
        self.worker.read("reading past days", job).await
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, civil::date};

    use super::*;
    use crate::{
        clock::Clock,
        store::{Extent, Lists, Store},
        usage::{DepartmentDay, Figures, Geo, TOTAL_USERS, Version},
    };

    #[tokio::test]
    async fn a_series_has_the_totals_of_a_range_in_order() {
        const OTHER: usize = TOTAL_USERS + 3;
        let target = |id: &str| Target {
            geo: Geo::Local,
            department_id: id.into(),
            include_children: false,
        };
        let row = |value: f64| {
            let mut figures = Figures::none();
            figures.set(TOTAL_USERS, value);
            figures
        };
        let day = |number: i8| {
            let mut of_day = DepartmentDay {
                geo: Geo::Local,
                department_id: "od-1".into(),
                department: "".into(),
                path: "".into(),
                day: date(2026, 11, number),
                rows: vec![
                    (Version::Total, row(f64::from(number))),
                    (Version::Named("a".into()), row(0.5)),
                ],
            };
            if number == 22 {
                of_day.rows[0].1.set(OTHER, 7.0);
            }
            Arc::new(of_day)
        };
        let clock = Clock::manual(Timestamp::UNIX_EPOCH).0;
        let store = Store::in_memory(clock).unwrap().tenant("acme", "cli_1");
        let days = [22, 20, 21, 23].map(day).to_vec();
        let lists = Lists {
            target: target("od-1"),
            days: days.iter().map(|day| (day.day, Extent::Whole)).collect(),
            rows: days,
            standing: None,
            fetched_at: Timestamp::UNIX_EPOCH,
        };
        store.keep(vec![lists]).await.unwrap();
        let asked = vec![target("od-2"), target("od-1")];
        let range = (date(2026, 11, 21), date(2026, 11, 22));
        let found = store.total_series(asked, range, [OTHER, TOTAL_USERS]).await.unwrap();
        let expected = vec![(range.0, [None, Some(21.0)]), (range.1, [Some(7.0), Some(22.0)])];
        assert_eq!(found, [Vec::new(), expected]);
    }
}
