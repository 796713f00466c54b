//! One department: its tracks, and what its day is made of before and after it is weighed.

use super::{
    Place, Usage,
    episode::{self, Episode},
    product::{self, PRODUCT_COUNT, PRODUCTS},
    track::{Judged, Point, Spread, Track, Users, median},
    window,
};

/// A day on which less than this share of a department's largest usual is usual tells nothing: on
/// weekends a handful of people decide.
const QUIET: f64 = 0.3;
/// How many days of a department's own what other departments and other products tell counts for: a
/// variance that is learned from sixty days alone is often a fifth too small, and a threshold of five
/// deviations is then one of four and a half.
const PRIOR_DAYS: f64 = 50.0;
const WEEKEND_PRIOR_DAYS: f64 = 15.0;
/// How much the middle of all departments counts for in what a department's noise is.
const NOISE_PRIOR: f64 = 4.0;
/// How much a product tells of the noise of the department's others.
const KINSHIP: f64 = 0.5;
/// One product counts for no more noise than this.
const NOISE_MAX: f64 = 8.0;
/// Days from which a spread says something of its own.
const SPREAD_DAYS_MIN: f64 = 10.0;
/// Departments from which a tenant's own prior is learned.
const PRIOR_DEPARTMENTS_MIN: usize = 5;
/// Chance in what people do together is more than that of dice.
const OVERDISPERSION: f64 = 1.3;
/// Without a history of its own a department may be less steady than others.
const UNKNOWN: f64 = 1.6;
/// On weekends anything may be usual.
const UNKNOWN_WEEKEND: f64 = 1.0;
/// No department is steadier than this.
const STEADIEST: f64 = 0.02;

/// A department.
#[derive(Debug)]
pub(super) struct Department {
    pub(super) place: Place,
    /// The last day on which it was there.
    pub(super) seen: i32,
    users: Users,
    pub(super) products: [Product; PRODUCT_COUNT],
}

/// One product of it.
#[derive(Debug, Default)]
pub(super) struct Product {
    pub(super) track: Track,
    pub(super) drop: Option<Episode>,
    pub(super) slow: Option<Episode>,
    /// The last day of the newest drop that is over: windows begin after it.
    pub(super) over: i32,
    /// The last day on which a drop was found.
    pub(super) found: Option<i32>,
}

/// A department's day in one product.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub(super) value: f64,
    users: Option<f64>,
    /// What is usual, for its head count; 0 where it is not known.
    pub(super) usual: f64,
    /// What is to be expected, once it is weighed.
    pub(super) expected: f64,
    former: f64,
    /// ln(value / usual), before the company is taken out.
    raw: f64,
    raw_slow: f64,
    pub(super) residual: f64,
    pub(super) slow_residual: f64,
    pub(super) variance: f64,
    /// Whether there is a value and a usual that says something.
    is_there: bool,
    pub(super) is_judged: bool,
    /// Whether the day is that of a part of the company, not its own.
    pub(super) is_parts: bool,
}

impl Department {
    pub(super) fn new(place: Place) -> Self {
        Self { place, seen: i32::MIN / 2, users: Users::default(), products: Default::default() }
    }

    /// Keeps a day that is not judged.
    pub(super) fn keep(&mut self, day: i32, usage: &Usage) {
        self.push(day, usage, &[Cell::default(); PRODUCT_COUNT], false);
    }

    /// What is usual on that day, and the value beside it.
    pub(super) fn expect(&self, day: i32, usage: &Usage) -> [Cell; PRODUCT_COUNT] {
        std::array::from_fn(|index| {
            let (Some(value), Product { track, .. }) =
                (usage.products[index], &self.products[index])
            else {
                return Cell::default();
            };
            let product = &PRODUCTS[index];
            let Some(usual) = track.usual(day, &self.users) else {
                return Cell { value, users: usage.users, ..Cell::default() };
            };
            let of = |usual: super::track::Usual| usual.value * share(usage.users, usual.users);
            let expected = of(usual);
            let former = track.former(day, &self.users).map_or(0.0, of);
            let ln = |of: f64| ((value + product.offset) / (of + product.offset)).ln();
            let is_there =
                expected >= product.usual_min && usual.value >= QUIET * track.largest_lately(day);
            Cell {
                value,
                users: usage.users,
                usual: expected,
                former,
                raw: ln(expected),
                raw_slow: ln(former),
                is_there,
                is_judged: is_there,
                ..Cell::default()
            }
        })
    }

    /// Takes a day in.
    pub(super) fn push(
        &mut self,
        day: i32,
        usage: &Usage,
        cells: &[Cell; PRODUCT_COUNT],
        is_ordinary: bool,
    ) {
        self.users.push(day, [usage.users.map_or(f32::NAN, single)]);
        for (index, Product { track, .. }) in self.products.iter_mut().enumerate() {
            let Some(value) = usage.products[index] else { continue };
            let cell = &cells[index];
            let judged = |value: f64| if cell.is_judged { single(value) } else { f32::NAN };
            let former = |value: f64| if cell.former > 0.0 { judged(value) } else { f32::NAN };
            track.push(Point {
                day,
                value: single(value),
                judged: Judged {
                    expected: judged(cell.expected),
                    residual: judged(cell.residual),
                    variance: judged(cell.variance),
                    slow_residual: former(cell.slow_residual),
                    former: former(cell.former),
                },
                is_ordinary,
                is_own: !cell.is_parts,
            });
        }
    }
}

impl Product {
    /// Takes another judged day into the drop that is open, or ends it.
    pub(super) fn go_on(&mut self, day: i32, variance: f64) {
        let Some(drop) = &mut self.drop else { return };
        drop.days += 1;
        if let Some(window) = window::newest(&self.track, drop.days as usize, drop.since - 1) {
            drop.lack = window.lack;
        }
        let days = episode::recovery_days(drop.change, variance);
        let newest = window::newest(&self.track, days, drop.opened);
        if newest.is_some_and(|window| drop.is_over(window.change)) {
            self.over = day - 1;
            self.drop = None;
            return;
        }
        self.track.dropped_since(day);
        if drop.is_usual() {
            self.track.settle_since(drop.since);
            self.over = day;
            self.drop = None;
        }
    }
}

impl Cell {
    /// What could be expected of the day, where it is compared with others.
    pub(super) fn to_be_expected(self) -> Option<f64> {
        (self.usual > 0.0).then_some(self.expected)
    }

    /// ln(value / usual), where it tells of the company.
    pub(super) fn change(&self) -> Option<f64> {
        self.is_there.then_some(self.raw)
    }

    /// The same against eight weeks before.
    pub(super) fn slow_change(&self) -> Option<f64> {
        (self.is_there && self.former > 0.0).then_some(self.raw_slow)
    }

    /// The variance that chance brings.
    pub(super) fn chance(&self, product: &product::Product) -> f64 {
        product.chance(self.usual, self.users)
    }

    /// Takes the company out: what is expected, the residual and its variance.
    pub(super) fn weigh(
        &mut self,
        product: &product::Product,
        company: f64,
        slow_company: f64,
        variance: f64,
    ) {
        self.expected = self.usual * company.min(0.0).exp();
        self.residual = product.change(self.value, self.expected, self.users);
        self.former *= slow_company.min(0.0).exp();
        self.slow_residual = product.change(self.value, self.former, self.users);
        self.variance = variance;
    }

    /// The residual in standard deviations, where the day is judged.
    pub(super) fn score(&self) -> Option<f64> {
        self.is_judged.then(|| self.residual / self.variance.sqrt())
    }
}

/// The share of people that are still there: who left is expected of nobody. More people are not
/// held against it: they may be new.
fn share(now: Option<f64>, usual: Option<f64>) -> f64 {
    match (now, usual) {
        (Some(now), Some(usual)) if usual > 0.0 => (now / usual).min(1.0),
        _ => 1.0,
    }
}

/// What is known of how far a department's days in a product lie from what is expected.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Of its own days.
    pub(super) spread: Spread,
    /// The variance that chance brings to so many people.
    pub(super) chance: f64,
}

impl Known {
    /// The variance beside chance.
    fn beside_chance(&self) -> f64 {
        (self.spread.variance - OVERDISPERSION * self.chance).max(0.0)
    }
}

/// The variance beside chance that the departments have in the middle; what was known before while
/// too few have a history.
pub(super) fn prior(departments: &[Known], known_before: f64) -> f64 {
    let has_history = |known: &&Known| known.spread.days >= 2.0 * SPREAD_DAYS_MIN;
    let mut beside: Vec<f64> =
        departments.iter().filter(has_history).map(Known::beside_chance).collect();
    if beside.len() < PRIOR_DEPARTMENTS_MIN {
        return known_before;
    }
    median(&mut beside).unwrap_or(known_before).max(STEADIEST.powi(2))
}

/// How many times the variance beside chance of other departments this one has, in the middle of its
/// products: it is learned sooner from all of them than from each.
pub(super) fn noise<const N: usize>(products: [Known; N], priors: &[f64; N]) -> f64 {
    let (mut weight, mut sum) = (NOISE_PRIOR, NOISE_PRIOR);
    for (known, prior) in products.iter().zip(priors) {
        if known.spread.days < SPREAD_DAYS_MIN || known.chance <= 0.0 {
            continue;
        }
        // A variance of n days is known by a variance of 2/n of its square.
        let theory = prior + OVERDISPERSION * known.chance;
        let of_product = KINSHIP * known.spread.days / 2.0 * (prior / theory).powi(2);
        weight += of_product;
        sum += of_product * (known.beside_chance() / prior).min(NOISE_MAX);
    }
    sum / weight
}

/// The variance of a working day's residual: of its own history, and of what could be expected of it
/// while that is short.
pub(super) fn variance(known: Known, prior: f64) -> f64 {
    let theory = prior + OVERDISPERSION * known.chance;
    joined(known.spread, theory, UNKNOWN * theory, PRIOR_DAYS)
}

/// The same of a weekend, of which what others do tells nothing.
pub(super) fn weekend_variance(known: Known, prior: f64) -> f64 {
    let theory = prior + OVERDISPERSION * known.chance;
    joined(known.spread, theory, UNKNOWN_WEEKEND, WEEKEND_PRIOR_DAYS)
}

fn joined(spread: Spread, theory: f64, unknown: f64, prior_days: f64) -> f64 {
    let learned = if spread.days < SPREAD_DAYS_MIN {
        unknown
    } else {
        (spread.days * spread.variance + prior_days * theory) / (spread.days + prior_days)
    };
    learned + STEADIEST.powi(2)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "counts below 2^24 are exact, logarithms close"
)]
fn single(value: f64) -> f32 {
    value as f32
}
