//! The products that are judged, and what is known of each before any history.

use crate::catalogue::FIGURES;

/// A product of the suite whose use is judged.
#[derive(Debug)]
pub struct Product {
    /// The value of the label `product`.
    pub name: &'static str,
    /// The field of `admin_dept_stats` that tells its use.
    pub api_field: &'static str,
    /// What is added to value and usual before the ratio that tells of the company is taken, so that
    /// a zero has one and small counts weigh less.
    pub(super) offset: f64,
    /// Below so many usual (people, emails, searches) nothing is said.
    pub(super) usual_min: f64,
    /// The spread of value / expected that has nothing to do with chance, before it is learned
    /// from the tenant's own departments.
    pub(super) spread: f64,
    /// How many events one person's decision brings; 1 where people are counted. A hundred emails
    /// are written by twenty people, so they vary as twenty do.
    pub(super) clump: f64,
}

/// How many products are judged.
pub const PRODUCT_COUNT: usize = 8;

/// The index of the suite in [`PRODUCTS`]: everybody who uses any product is counted in it.
pub const SUITE: usize = 0;

/// The products, the suite first.
pub const PRODUCTS: [Product; PRODUCT_COUNT] = [
    people("suite", "suite_dau", 0.04),
    people("im", "im_dau", 0.05),
    people("docs", "docs_dau", 0.10),
    people("calendar", "cal_dau", 0.12),
    people("vc", "vc_dau", 0.22),
    people("tasks", "task_dau", 0.2),
    Product {
        name: "email",
        api_field: "email_send_count",
        offset: 10.0,
        usual_min: 20.0,
        spread: 0.3,
        clump: 6.0,
    },
    people("search", "search_active_dau", 0.12),
];

const fn people(name: &'static str, api_field: &'static str, spread: f64) -> Product {
    Product { name, api_field, offset: 3.0, usual_min: 4.0, spread, clump: 1.0 }
}

/// Steps in which the way from expectation to value is added up: an even number, for Simpson's rule.
const STEPS: u8 = 8;
/// Even where all are nearly always there, so large a share of them may be away: what is usual is
/// not known exactly.
const INACTIVE_MIN: f64 = 0.08;

impl Product {
    /// The catalogue index of its figure.
    ///
    /// # Panics
    /// Never: a test holds every field of the table against the catalogue.
    #[must_use]
    pub fn figure(&self) -> usize {
        let is_mine = |figure: &crate::catalogue::Figure| figure.api_field == self.api_field;
        FIGURES.iter().position(is_mine).expect("every product's field is in the catalogue")
    }

    /// How far `value` lies from `expected`, as a share of it: near it the plain difference, further
    /// off the way there counted in what the figure moves by at each value.
    ///
    /// Of people who are nearly all there, a few more who are away are soon twice as many, so that
    /// large drops come by chance more easily than from a normal distribution; what few use moves as
    /// a ratio does. On this scale both deviate as a normal distribution does, far down as well.
    pub(super) fn change(&self, value: f64, expected: f64, users: Option<f64>) -> f64 {
        if expected <= 0.0 {
            return 0.0;
        }
        let users = users.filter(|users| self.is_of_people() && *users > 0.0);
        let users = users.map(|users| users.max((1.0 + INACTIVE_MIN / 4.0) * expected).max(value));
        // Over the square root, where the way to zero is no steeper than any other.
        let (from, to) = (value.max(0.0).sqrt(), expected.sqrt());
        let step = (to - from) / f64::from(STEPS);
        let at = |root: f64| 2.0 * root / self.variance(root * root, users).sqrt();
        let inner = (1..STEPS).map(|index| {
            let weight = if index % 2 == 1 { 4.0 } else { 2.0 };
            weight * at(from + step * f64::from(index))
        });
        let way = (at(from) + inner.sum::<f64>() + at(to)) * step / 3.0;
        -way * self.variance(expected, users).sqrt() / expected
    }

    /// What chance and the noise that products of its kind have move a value by, squared.
    fn variance(&self, value: f64, users: Option<f64>) -> f64 {
        let inactive = users.map_or(1.0, |users| (1.0 - value / users).max(0.0));
        self.chance_of(value * inactive) + (self.spread * value).powi(2)
    }

    fn chance_of(&self, varying: f64) -> f64 {
        self.clump * (varying + 0.5 * self.clump)
    }

    /// The variance of a change that chance brings, where `usual` of `users` are usual.
    pub(super) fn chance(&self, usual: f64, users: Option<f64>) -> f64 {
        if usual <= 0.0 {
            return 0.0;
        }
        let users = users.filter(|users| self.is_of_people() && *users > 0.0);
        let inactive = users.map_or(1.0, |users| (1.0 - usual / users).max(INACTIVE_MIN));
        self.chance_of(usual * inactive) / usual.powi(2)
    }

    /// Whether the figure counts people, of whom there are no more than the department has.
    fn is_of_people(&self) -> bool {
        self.clump <= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_has_its_figure_and_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = PRODUCTS.iter().map(|p| p.name).collect();
        assert_eq!(names.len(), PRODUCT_COUNT);
        for product in &PRODUCTS {
            assert_eq!(FIGURES[product.figure()].api_field, product.api_field);
        }
        assert_eq!(PRODUCTS[SUITE].name, "suite");
    }

    #[test]
    fn chance_moves_small_departments_more_than_large_ones() {
        let suite = &PRODUCTS[SUITE];
        assert!(suite.chance(17.0, Some(20.0)) > 4.0 * suite.chance(170.0, Some(200.0)));
        assert!(suite.chance(17.0, None) > suite.chance(17.0, Some(20.0)));
        assert_eq!(suite.chance(0.0, Some(20.0)), 0.0);
    }

    #[test]
    fn a_change_is_the_difference_nearby_and_what_chance_allows_far_off() {
        let (suite, vc) = (&PRODUCTS[SUITE], &PRODUCTS[4]);
        let near = suite.change(84.0, 85.0, Some(100.0));
        assert!((near + 1.0 / 85.0).abs() < 0.001, "{near}");
        assert_eq!(suite.change(85.0, 85.0, Some(100.0)), 0.0);
        assert!(suite.change(90.0, 85.0, Some(100.0)) > 0.0);
        // Eight of 17.6 who are usual among 22: one day in 150,000 by the binomial distribution.
        let deviations =
            suite.change(8.0, 17.6, Some(22.0)) / suite.chance(17.6, Some(22.0)).sqrt();
        assert!((-4.7..-4.0).contains(&deviations), "{deviations}");
        // What varies as a ratio is further down than the difference.
        assert!(vc.change(8.0, 160.0, Some(800.0)) < -1.5);
        assert!(vc.change(0.0, 160.0, Some(800.0)).is_finite());
    }
}
