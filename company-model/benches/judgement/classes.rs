//! What drops are counted by: size, product, length and depth, and which of them can be found.

use crate::judgement::SUITE;

/// People of the departments in which drops are planted.
pub(crate) const SIZES: [f64; 4] = [20.0, 50.0, 200.0, 800.0];
/// The products in which they are planted: the suite (with all others), docs, meetings, emails.
pub(crate) const POSSIBLE_PRODUCTS: [usize; 4] = [SUITE, 2, 4, 6];

/// A product, and a drop in it for each of [`LENGTHS`].
type Possible = (usize, [f64; 3]);

/// The smallest drop that can be found nine times of ten, by people, product and days (1, 3, 10).
pub(crate) const POSSIBLE: [(f64, [Possible; 4]); 4] = [
    (
        20.0,
        [
            (SUITE, [0.62, 0.43, 0.36]),
            (2, [1.0, 0.87, 0.71]),
            (4, [1.0, 1.0, 0.97]),
            (6, [1.0, 0.99, 0.84]),
        ],
    ),
    (
        50.0,
        [
            (SUITE, [0.46, 0.32, 0.26]),
            (2, [0.78, 0.62, 0.49]),
            (4, [1.0, 0.90, 0.75]),
            (6, [0.95, 0.84, 0.71]),
        ],
    ),
    (
        200.0,
        [
            (SUITE, [0.32, 0.22, 0.17]),
            (2, [0.65, 0.51, 0.39]),
            (4, [0.89, 0.76, 0.63]),
            (6, [0.87, 0.76, 0.62]),
        ],
    ),
    (
        800.0,
        [
            (SUITE, [0.25, 0.17, 0.13]),
            (2, [0.60, 0.47, 0.36]),
            (4, [0.81, 0.68, 0.55]),
            (6, [0.84, 0.73, 0.59]),
        ],
    ),
];
pub(crate) const LENGTHS: [i64; 3] = [1, 3, 10];

/// The row of [`POSSIBLE`] that a department of so many people belongs to.
pub(crate) fn size_class(people: f64) -> Option<usize> {
    match people {
        15.0..=25.0 => Some(0),
        38.0..=65.0 => Some(1),
        150.0..=260.0 => Some(2),
        600.0..=900.0 => Some(3),
        _ => None,
    }
}

/// What a plant is to be counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class {
    pub(crate) size: usize,
    /// By index in a row of [`POSSIBLE`].
    pub(crate) product: usize,
    pub(crate) length: usize,
    /// Of [`DROPS`]; the last is the one that is just possible.
    pub(crate) drop: usize,
}

pub(crate) const DROPS: [f64; 4] = [0.30, 0.50, 0.70, 0.95];
