//! What an exporter would have published of a simulated tenant, had it judged each day as it came.

use std::collections::BTreeMap;

use feishu_exporter::{
    baseline::calendar::Calendar,
    judgement::{CompanyJudged, Judge, Judged, PRODUCTS, Place, ProductJudged, Usage},
};
use jiff::{ToSpan, civil::Date};

use crate::tenant::{Department, FIGURES};

/// A metric of a department and product; none while it has no sample.
type OfDepartment = (&'static str, fn(&ProductJudged) -> Option<f64>);
/// A metric of the company and a product.
type OfCompany = (&'static str, fn(&CompanyJudged) -> f64);

/// What the rules ask of departments.
pub(crate) const OF_DEPARTMENT: [OfDepartment; 4] = [
    ("feishu_department_activity_drop_length", |judged| {
        let is_told_of = judged.expected.is_some() || judged.fell.is_some();
        is_told_of.then(|| judged.fell.map_or(0.0, |fell| f64::from(fell.days)))
    }),
    ("feishu_department_activity_drop_ratio", |judged| judged.fell.map(|fell| fell.ratio)),
    ("feishu_department_activity_drop_missing", |judged| judged.fell.map(|fell| fell.missing)),
    ("feishu_department_activity_decline_ratio", |judged| judged.slow.map(|slow| slow.ratio)),
];

/// And of the company.
pub(crate) const OF_COMPANY: [OfCompany; 2] = [
    ("feishu_company_activity_fell", |judged| f64::from(u8::from(judged.fell))),
    ("feishu_company_departments_fallen_together", |judged| {
        f64::from(u32::try_from(judged.part).unwrap())
    }),
];

/// Every day judged, from the first to the last.
pub(crate) struct History(BTreeMap<Date, Judged>);

impl History {
    pub(crate) fn of(
        departments: &[Department],
        (first, last): (Date, Date),
        is_off: impl Fn(Date) -> bool,
    ) -> Self {
        let days = || (0..=(last - first).get_days()).map(|days| first + days.days());
        let holidays = days().filter(|day| is_off(*day)).collect();
        let places = departments.iter().map(|of| Place { id: of.id.as_str().into(), parent: None });
        let mut judge = Judge::new(Calendar { holidays, ..Calendar::default() }, places.collect());
        let judged = days().map(|day| {
            let rows: Vec<_> = departments
                .iter()
                .enumerate()
                .filter_map(|(index, of)| Some((index, usage(of.days.get(&day)?))))
                .collect();
            (day, judge.day(day, &rows))
        });
        Self(judged.collect())
    }

    /// What is said of a department, by its index, and a product, by its own.
    pub(crate) fn department(
        &self,
        day: Date,
        index: usize,
        product: usize,
    ) -> Option<&ProductJudged> {
        let of_day = &self.0.get(&day)?.departments;
        Some(&of_day.iter().find(|(of, _)| *of == index)?.1[product])
    }

    /// What is said of the company.
    pub(crate) fn company(&self, day: Date, product: usize) -> Option<&CompanyJudged> {
        Some(&self.0.get(&day)?.company[product])
    }
}

fn usage(figures: &[f64; 5]) -> Usage {
    let of_product = |product: usize| {
        let at = FIGURES.iter().position(|(field, _)| *field == PRODUCTS[product].api_field)?;
        Some(figures[at])
    };
    Usage { users: None, products: std::array::from_fn(of_product) }
}
