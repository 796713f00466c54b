//! A plain judge to compare with: what rules of fixed numbers can do with the same days.
//!
//! The usual is the median of the same weekday of four weeks, the distance a logarithm with an
//! offset, its spread that of the weeks 3 to 10 before, and days stand in a row. It also says which
//! drop is possible: the smallest that lies five standard deviations off nine times of ten.

use std::collections::BTreeMap;

use company_model::{Company, EMAIL, Row, is_weekend, later};
use jiff::civil::Date;

use crate::classes::{LENGTHS, POSSIBLE_PRODUCTS, SIZES, size_class};

/// Weeks of the usual.
const WEEKS: i64 = 4;
/// Days before a day that tell its spread.
const SPREAD_DAYS: std::ops::RangeInclusive<i64> = 15..=70;
/// A median of absolute deviations becomes a standard deviation by this.
const MAD: f64 = 1.4826;
/// Five standard deviations, and as many as nine of ten lie below.
const POSSIBLE: f64 = 5.0 + 1.2816;

/// One department's day in one product.
#[derive(Clone, Copy, Debug, Default)]
struct Day {
    value: f64,
    users: f64,
    usual: f64,
    /// ln((value + k) / (usual + k)), of which the spread is learned.
    raw: Option<f64>,
    /// ln((value + k) / (expected + k)).
    residual: f64,
    ratio: f64,
    score: f64,
    is_judged: bool,
}

/// The days of a company, and what of them the judge tells.
pub(crate) struct Reference {
    /// By department and product, by day.
    days: Vec<[BTreeMap<Date, Day>; 8]>,
}

fn offset(product: usize) -> f64 {
    if product == EMAIL { 10.0 } else { 3.0 }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count.is_multiple_of(2) => Some((values[middle - 1] + values[middle]) / 2.0),
        _ => Some(values[middle]),
    }
}

impl Reference {
    pub(crate) fn new(departments: usize) -> Self {
        Self { days: vec![Default::default(); departments] }
    }

    /// Takes a day in, and says which products of which departments fire on it.
    pub(crate) fn day(
        &mut self,
        day: Date,
        rows: &[Row],
        company: &Company,
    ) -> Vec<(usize, usize)> {
        let days = &company.days;
        let is_off = |day: Date| days.off.contains(&day) || days.made_up.contains(&day);
        let mut fired = Vec::new();
        for product in 0..8 {
            for (of, row) in self.days.iter_mut().zip(rows).filter(|(_, row)| row.late == 0) {
                let today = look(&of[product], day, row, product, &is_off);
                of[product].insert(day, today);
            }
            if is_off(day) {
                continue;
            }
            let is_there = |of: &[BTreeMap<Date, Day>; 8]| {
                of[product].get(&day).is_some_and(|day| day.raw.is_some())
            };
            let mut ratios: Vec<f64> = self
                .days
                .iter()
                .filter(|of| is_there(of))
                .map(|of| of[product][&day].ratio)
                .collect();
            let ratio = if ratios.len() < 3 { 1.0 } else { median(&mut ratios).unwrap_or(1.0) };
            let (mut hit, mut judged) = (Vec::new(), 0);
            for (index, of) in self.days.iter_mut().enumerate() {
                let of = &mut of[product];
                weigh(of, day, ratio, product, &is_off);
                let newest: Vec<&Day> =
                    of.values().rev().filter(|day| day.is_judged).take(4).collect();
                let is_today = of.get(&day).is_some_and(|day| day.is_judged);
                if !is_today || ratio < 0.7 {
                    continue;
                }
                judged += 1;
                let row_of = |days: usize, score: f64, ratio: f64| {
                    let is_low = |day: &&Day| day.score >= score && day.ratio < ratio;
                    newest.len() >= days && newest[..days].iter().all(is_low)
                };
                let is_low = row_of(1, 6.0, 0.8) || row_of(3, 3.0, 0.85) || row_of(4, 2.0, 0.75);
                if is_low && (ratio >= 0.9 || newest[0].ratio < 0.5) {
                    hit.push((index, product));
                }
            }
            if hit.len() < 5 || 20 * hit.len() < 3 * judged {
                fired.extend(hit);
            }
        }
        fired
    }

    /// By size, product and length: the smallest drop that is possible, as a share; above 1 none.
    ///
    /// Of each class the middle department counts.
    pub(crate) fn possible(&self, company: &Company) -> BTreeMap<(usize, usize, usize), Vec<f64>> {
        let mut found: BTreeMap<(usize, usize, usize), Vec<f64>> = BTreeMap::new();
        for (index, of) in self.days.iter().enumerate() {
            let Some(size) = size_class(company.people(index)) else { continue };
            debug_assert!(size < SIZES.len());
            for (at, &product) in POSSIBLE_PRODUCTS.iter().enumerate() {
                let worked: Vec<&Day> = of[product]
                    .iter()
                    .filter(|(day, of)| of.is_judged && !is_weekend(**day))
                    .map(|(_, of)| of)
                    .collect();
                let mut usual: Vec<f64> = worked.iter().map(|day| day.usual).collect();
                let Some(usual) = median(&mut usual) else { continue };
                for (length, &days) in LENGTHS.iter().enumerate() {
                    let days = usize::try_from(days).unwrap_or(1);
                    #[expect(clippy::cast_precision_loss, reason = "ten at most")]
                    let mean = |days: &[&Day]| {
                        days.iter().map(|day| day.residual).sum::<f64>() / days.len() as f64
                    };
                    let mut means: Vec<f64> = worked.windows(days).map(mean).collect();
                    let Some(middle) = median(&mut means) else { continue };
                    let mut apart: Vec<f64> =
                        means.iter().map(|mean| (mean - middle).abs()).collect();
                    let spread = MAD * median(&mut apart).unwrap_or_default();
                    let k = offset(product);
                    // ln((usual + k) / ((1 - drop) usual + k)) is as many standard deviations.
                    let left = (usual + k) * (-POSSIBLE * spread).exp() - k;
                    found.entry((size, at, length)).or_default().push(1.0 - left / usual);
                }
            }
        }
        found
    }
}

fn look(
    of: &BTreeMap<Date, Day>,
    day: Date,
    row: &Row,
    product: usize,
    is_off: &impl Fn(Date) -> bool,
) -> Day {
    let (value, users) = (row.figures[product], row.users);
    let before: Vec<Day> = (1..=WEEKS)
        .map(|week| later(day, -7 * week))
        .filter(|day| !is_off(*day))
        .filter_map(|day| of.get(&day).copied())
        .collect();
    let mut values: Vec<f64> = before.iter().map(|day| day.value).collect();
    let mut heads: Vec<f64> = before.iter().map(|day| day.users).collect();
    let least = if product == EMAIL { 50.0 } else { 8.0 };
    let usual = median(&mut values).filter(|usual| before.len() > 1 && *usual >= least);
    let (Some(usual), Some(heads)) = (usual, median(&mut heads)) else {
        return Day { value, users, ..Day::default() };
    };
    let k = offset(product);
    let raw = ((value + k) / (usual + k)).ln();
    let usual = usual * (users / heads).min(1.0);
    Day { value, users, usual, raw: Some(raw), ratio: value / usual, ..Day::default() }
}

fn weigh(
    of: &mut BTreeMap<Date, Day>,
    day: Date,
    company: f64,
    product: usize,
    is_off: &impl Fn(Date) -> bool,
) {
    let range = later(day, -SPREAD_DAYS.end())..=later(day, -SPREAD_DAYS.start());
    let mut apart: Vec<f64> = of
        .range(range)
        .filter(|(of, _)| is_weekend(**of) == is_weekend(day) && !is_off(**of))
        .filter_map(|(_, day)| day.raw.map(f64::abs))
        .collect();
    let Some(spread) = median(&mut apart).map(|apart| MAD * apart) else { return };
    let Some(today) = of.get_mut(&day).filter(|day| day.raw.is_some()) else { return };
    let k = offset(product);
    let expected = today.usual * company.min(1.0);
    let deviation = (spread.powi(2) + 0.03_f64.powi(2) + 0.25 / (today.usual + k)).sqrt();
    today.residual = ((today.value + k) / (expected + k)).ln();
    today.score = -today.residual / deviation;
    today.ratio = today.value / expected;
    today.is_judged = true;
}
