//! Whether a department does less than could be expected of it: pure, day by day, without a clock.
//!
//! What is expected of a department's day in a product is what is usual on that weekday (the mean
//! of six without the extremes), times its head count against that of those days, times the median of all departments on
//! the day itself. How far the value lies from it is told in standard deviations of its own days,
//! which are learned from its history, and from all departments while it has little.
//! `docs/alerts.md` has the method in words and what it finds.

mod company;
mod department;
mod episode;
mod parts;
mod product;
mod slow;
mod telling;
mod track;
mod window;

use std::sync::Arc;

pub use self::{
    company::{COMPANY_FELL, COMPANY_LOW, is_fringe},
    episode::DROP_DAYS_MAX,
    product::{PRODUCT_COUNT, PRODUCTS, Product, SUITE},
    track::HISTORY_DAYS,
    window::WINDOWS,
};
use self::{
    company::{Company, Factor, Kind, Sums, factor, unrest},
    department::{Cell, Department, Known},
    episode::Episode,
    window::Window,
};
use crate::{
    baseline::{calendar::Calendar, is_exceptional},
    day::{Day, days_between},
};

/// Day 0 of the judge's own count of days.
const EPOCH: Day = jiff::civil::date(2000, 1, 3);
/// Of the departments that were there in the last week, so many must be there before a day is
/// judged: the half that comes first may be the half that fell.
const PRESENT: f64 = 0.5;
/// How long a department that comes no more is waited for, in days.
const ABSENT_DAYS: i32 = 7;

/// Which department, and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its id, for the order in which things are told.
    pub id: Arc<str>,
    /// The index of the department that it belongs to, where that is known and judged too.
    pub parent: Option<usize>,
}

/// A department's day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Members on that day.
    pub users: Option<f64>,
    /// The figure of each of [`PRODUCTS`].
    pub products: [Option<f64>; PRODUCT_COUNT],
}

/// What is said of a day of all departments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Of the company, by product.
    pub company: [CompanyJudged; PRODUCT_COUNT],
    /// Of the departments that have the day, by index.
    pub departments: Vec<(usize, [ProductJudged; PRODUCT_COUNT])>,
}

/// What is said of the company and a product.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CompanyJudged {
    /// The median over the departments of value / expected; none of too few.
    pub ratio: Option<f64>,
    /// How many departments were judged.
    pub judged: usize,
    /// How many of them are in a drop, told or not.
    pub low: usize,
    /// The company fell below [`COMPANY_FELL`] and has not come back above [`COMPANY_LOW`].
    pub fell: bool,
    /// So many departments fell at once that it is one event; how many. 0 if not.
    pub part: usize,
}

/// What is said of a department and a product.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProductJudged {
    /// What could be expected; none on a day that is compared with nothing.
    pub expected: Option<f64>,
    /// For each of [`WINDOWS`], how many robust standard deviations the days lie above what could be
    /// expected; below it negative.
    pub deviations: [Option<f64>; WINDOWS.len()],
    /// Value against expectation over the days of the drop, where there is one to be told.
    pub fell: Option<Fell>,
    /// The last ten days against eight weeks before, where that is a slow decline to be told.
    pub slow: Option<Fell>,
}

/// A drop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fell {
    /// Days of data since it began.
    pub days: u32,
    /// What is left of what could be expected, over these days.
    pub ratio: f64,
    /// What is missing a day on average, in what the figure counts.
    pub missing: f64,
}

/// Judges the days of a tenant and geo, one after the other.
#[derive(Debug)]
pub struct Judge {
    calendar: Calendar,
    departments: Vec<Department>,
    company: Company,
    fell: [bool; PRODUCT_COUNT],
    /// How many departments fell together; 0 where no part of the company fell.
    part: [usize; PRODUCT_COUNT],
    /// The variance beside chance that departments of this tenant have, by product.
    priors: [f64; PRODUCT_COUNT],
}

/// What the windows of a department say, by product.
type Windows = [[Option<Window>; WINDOWS.len()]; PRODUCT_COUNT];

/// What a day has beside its cells.
struct Circumstances {
    number: i32,
    is_weekend: bool,
    factors: [Factor; PRODUCT_COUNT],
    kind: Kind,
}

impl Judge {
    /// A judge that has seen no day.
    #[must_use]
    pub fn new(calendar: Calendar, places: Vec<Place>) -> Self {
        Self {
            calendar,
            departments: places.into_iter().map(Department::new).collect(),
            company: Company::default(),
            fell: [false; PRODUCT_COUNT],
            part: [0; PRODUCT_COUNT],
            priors: std::array::from_fn(|product| PRODUCTS[product].spread.powi(2)),
        }
    }

    /// Takes the next day in, with the departments that have it, and says what is to be said of it.
    ///
    /// Days must come in order. A day off, and one that most departments do not have yet, are kept
    /// and not judged; what was told before goes on.
    pub fn day(&mut self, day: Day, rows: &[(usize, Usage)]) -> Judged {
        let number = days_between(EPOCH, day);
        for (index, _) in rows {
            self.departments[*index].seen = number;
        }
        let awaited = self.departments.iter().filter(|d| d.seen > number - ABSENT_DAYS).count();
        #[expect(clippy::cast_precision_loss, reason = "no tenant has 2^53 departments")]
        let is_there = rows.len() as f64 >= PRESENT * awaited as f64;
        if is_exceptional(day, &self.calendar) || !is_there {
            for (index, usage) in rows {
                self.departments[*index].keep(number, usage);
            }
            return self.told(&[Factor::default(); PRODUCT_COUNT], rows, &[], &[]);
        }
        let mut cells: Vec<[Cell; PRODUCT_COUNT]> = rows
            .iter()
            .map(|(index, usage)| self.departments[*index].expect(number, usage))
            .collect();
        let factors = std::array::from_fn(|product| {
            let mut changes: Vec<f64> =
                cells.iter().filter_map(|cells| cells[product].change()).collect();
            factor(&mut changes)
        });
        let slow_factors: [Factor; PRODUCT_COUNT] = std::array::from_fn(|product| {
            let mut changes: Vec<f64> =
                cells.iter().filter_map(|cells| cells[product].slow_change()).collect();
            factor(&mut changes)
        });
        let kind = self.company.take(day, &factors, sums(&cells), &self.calendar);
        let is_weekend = company::is_weekend(day);
        let today = Circumstances { number, is_weekend, factors, kind };
        self.weigh(&mut cells, rows, &today, &slow_factors);
        self.look_for_parts(&mut cells, rows, &today);
        for ((index, usage), cells) in rows.iter().zip(&cells) {
            self.departments[*index].push(number, usage, cells, kind.is_ordinary);
        }
        self.company_falls(&today, &cells);
        let windows = if kind.is_judged { self.episodes(rows, &cells, &today) } else { Vec::new() };
        self.told(&factors, rows, &cells, &windows)
    }

    /// What is said of the departments that have the day, and of the company. Without cells and
    /// windows, what was told before goes on.
    fn told(
        &self,
        factors: &[Factor; PRODUCT_COUNT],
        rows: &[(usize, Usage)],
        cells: &[[Cell; PRODUCT_COUNT]],
        windows: &[Windows],
    ) -> Judged {
        let company = std::array::from_fn(|product| {
            let is_low = |(index, _): &&(usize, Usage)| {
                self.departments[*index].products[product].drop.is_some()
            };
            CompanyJudged {
                ratio: factors[product].change.map(f64::exp),
                judged: factors[product].judged,
                low: rows.iter().filter(is_low).count(),
                fell: self.fell[product],
                part: self.part[product],
            }
        });
        let of_department = |(at, (index, _)): (usize, &(usize, Usage))| {
            let department = &self.departments[*index];
            let products = std::array::from_fn(|product| {
                let cell = cells.get(at).map(|cells| cells[product]);
                let windows = windows.get(*index).map(|windows| windows[product]);
                let state = &department.products[product];
                ProductJudged {
                    expected: cell.and_then(Cell::to_be_expected),
                    deviations: windows.map_or([None; WINDOWS.len()], |windows| {
                        windows.map(|window| window.map(|window| -window.low))
                    }),
                    fell: state.drop.as_ref().and_then(Episode::told),
                    slow: state.slow.as_ref().and_then(Episode::told),
                }
            });
            (*index, products)
        };
        Judged { company, departments: rows.iter().enumerate().map(of_department).collect() }
    }

    /// Sets residuals and their variances, so far as the day and the company can be judged.
    fn weigh(
        &mut self,
        cells: &mut [[Cell; PRODUCT_COUNT]],
        rows: &[(usize, Usage)],
        today: &Circumstances,
        slow_factors: &[Factor; PRODUCT_COUNT],
    ) {
        let known: [Vec<Known>; PRODUCT_COUNT] = std::array::from_fn(|product| {
            let known = |((index, _), cells): (&(usize, Usage), &[Cell; PRODUCT_COUNT])| Known {
                spread: self.departments[*index].products[product].track.spread(today.number),
                chance: cells[product].chance(&PRODUCTS[product]),
            };
            rows.iter().zip(&*cells).map(known).collect()
        });
        for (prior, known) in self.priors.iter_mut().zip(&known) {
            *prior = department::prior(known, *prior);
        }
        let noise: Vec<f64> = (0..rows.len())
            .map(|at| department::noise(known.each_ref().map(|known| known[at]), &self.priors))
            .collect();
        for product in 0..PRODUCT_COUNT {
            let company = today.factors[product].change;
            let is_judged =
                today.kind.is_judged && company.is_none_or(|change| change.exp() >= COMPANY_LOW);
            for (at, cells) in cells.iter_mut().enumerate() {
                let variance = if today.is_weekend {
                    department::weekend_variance(known[product][at], self.priors[product])
                } else {
                    department::variance(known[product][at], noise[at] * self.priors[product])
                };
                let slow = slow_factors[product].change.unwrap_or(0.0);
                let cell = &mut cells[product];
                cell.weigh(&PRODUCTS[product], company.unwrap_or(0.0), slow, variance);
                cell.is_judged &= is_judged;
            }
            let mut scores: Vec<f64> =
                cells.iter().filter_map(|cells| cells[product].score()).collect();
            let unrest = unrest(&mut scores).powi(2);
            for cell in cells.iter_mut().map(|cells| &mut cells[product]) {
                cell.variance *= unrest;
            }
        }
    }

    /// Whether the company as a whole fell, or a product in all of it.
    fn company_falls(&mut self, today: &Circumstances, cells: &[[Cell; PRODUCT_COUNT]]) {
        if !today.kind.is_at_work {
            return;
        }
        let ratio = |product: usize| today.factors[product].change.map(f64::exp);
        let suite_is_low = ratio(SUITE).is_some_and(|ratio| ratio < COMPANY_LOW);
        for product in 0..PRODUCT_COUNT {
            let Some(now) = ratio(product) else { continue };
            let mut deviations: Vec<f64> = cells
                .iter()
                .filter(|cells| cells[product].change().is_some())
                .map(|cells| cells[product].variance.sqrt())
                .collect();
            #[expect(clippy::cast_precision_loss, reason = "no tenant has 2^53 departments")]
            let root = (deviations.len() as f64).sqrt();
            let deviation = track::median(&mut deviations).unwrap_or(1.0);
            // The standard error of a median of so many, twice: departments are not independent.
            let is_certain = now.ln() < -company::CERTAINTY * (2.5 * deviation / root + 0.02);
            let is_of_suite = product != SUITE && (suite_is_low || self.fell[SUITE]);
            self.fell[product] = if self.fell[product] {
                now < COMPANY_LOW
            } else {
                now < COMPANY_FELL && is_certain && !is_of_suite
            };
        }
    }
}

/// The sums of the suite.
fn sums(cells: &[[Cell; PRODUCT_COUNT]]) -> Sums {
    let suite = cells.iter().map(|cells| &cells[SUITE]).filter(|cell| cell.usual > 0.0);
    suite.fold(Sums::default(), |sums, cell| Sums {
        value: sums.value + cell.value,
        usual: sums.usual + cell.usual,
    })
}

#[cfg(test)]
mod tests;
