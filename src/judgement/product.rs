//! The products that are judged, and what is known of each before any history.

use crate::catalogue::FIGURES;

/// A product of the suite whose use is judged.
#[derive(Debug)]
pub struct Product {
    /// The value of the label `product`.
    pub name: &'static str,
    /// The field of `admin_dept_stats` that tells its use.
    pub api_field: &'static str,
    /// What is added to value and expectation before their logarithms are taken, so that a zero has
    /// one and small counts weigh less: about what chance alone moves.
    pub(super) offset: f64,
    /// The share of the expectation that is added as well. What nearly everybody uses varies as a
    /// difference does, what few use as a ratio; between them lies this.
    pub(super) evenness: f64,
    /// Below so many usual (people, emails, searches) nothing is said.
    pub(super) usual_min: f64,
    /// The spread of ln(value / expected) that has nothing to do with chance, before it is learned
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
    people("suite", "suite_dau", 0.04, 0.5),
    people("im", "im_dau", 0.05, 0.5),
    people("docs", "docs_dau", 0.10, 0.35),
    people("calendar", "cal_dau", 0.12, 0.35),
    people("vc", "vc_dau", 0.22, 0.2),
    people("tasks", "task_dau", 0.2, 0.2),
    Product {
        name: "email",
        api_field: "email_send_count",
        offset: 10.0,
        evenness: 0.1,
        usual_min: 20.0,
        spread: 0.3,
        clump: 6.0,
    },
    people("search", "search_active_dau", 0.12, 0.35),
];

const fn people(
    name: &'static str,
    api_field: &'static str,
    spread: f64,
    evenness: f64,
) -> Product {
    Product { name, api_field, offset: 3.0, evenness, usual_min: 4.0, spread, clump: 1.0 }
}

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

    /// How far `value` lies from `expected`, as the logarithm of a ratio.
    pub(super) fn change(&self, value: f64, expected: f64) -> f64 {
        let offset = self.offset + self.evenness * expected;
        ((value + offset) / (expected + offset)).ln()
    }

    /// The ratio of value to expectation that such a change is.
    pub(super) fn ratio(&self, change: f64) -> f64 {
        (change.exp() * (1.0 + self.evenness) - self.evenness).max(0.0)
    }

    /// The variance of a change that chance brings, where `usual` of `users` are usual.
    pub(super) fn chance(&self, usual: f64, users: Option<f64>) -> f64 {
        let inactive = match users {
            // Who is nearly always there cannot vary much; a fifth is left for what is not known.
            Some(users) if self.clump <= 1.0 && users > 0.0 => (1.0 - usual / users).max(0.2),
            _ => 1.0,
        };
        let scale = usual * (1.0 + self.evenness) + self.offset;
        self.clump * usual * inactive / scale.powi(2)
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
}
