//! The series of what is judged of departments.

use super::view::JudgedDay;
use crate::{
    catalogue::{
        ACTIVITY_DECLINE_RATIO, ACTIVITY_DEVIATION, ACTIVITY_DROP_LENGTH, ACTIVITY_DROP_MISSING,
        ACTIVITY_DROP_RATIO, ACTIVITY_EXPECTED, Family,
    },
    judgement::{PRODUCTS, ProductJudged, WINDOWS},
};

/// The families that have series of departments.
const FAMILIES: [&Family; 6] = [
    &ACTIVITY_EXPECTED,
    &ACTIVITY_DEVIATION,
    &ACTIVITY_DROP_LENGTH,
    &ACTIVITY_DROP_RATIO,
    &ACTIVITY_DROP_MISSING,
    &ACTIVITY_DECLINE_RATIO,
];

/// Their first labels, which the series of one department share: tenant, geo, id and name.
pub(super) const DEPARTMENT_LABELS: usize = 4;

/// Whether the family has series of departments that are judged.
pub(super) fn has(family: &Family) -> bool {
    FAMILIES.iter().any(|judged| judged.name == family.name)
}

/// The samples of a family: product, window where the family has one, value.
pub(super) fn samples(
    judged: &JudgedDay,
    family: &Family,
) -> impl Iterator<Item = (&'static str, Option<usize>, f64)> + use<> {
    let is_of_windows = family.name == ACTIVITY_DEVIATION.name;
    let value = single(family);
    PRODUCTS.iter().zip(judged.products.unpack()).flat_map(move |(product, judged)| {
        let windows = WINDOWS.into_iter().zip(judged.deviations).filter(move |_| is_of_windows);
        let windows = windows.map(|(window, deviation)| (Some(window), deviation));
        let samples = [(None, value(&judged))].into_iter().chain(windows);
        samples.filter_map(|(window, value)| {
            Some((product.name, window, value.filter(|value| value.is_finite())?))
        })
    })
}

/// How many series there are of a department's day.
pub(super) fn count(judged: &JudgedDay) -> usize {
    FAMILIES.iter().map(|family| samples(judged, family).count()).sum()
}

/// The one value of a family that has one for each product.
fn single(family: &Family) -> fn(&ProductJudged) -> Option<f64> {
    match family.name {
        name if name == ACTIVITY_EXPECTED.name => |judged| judged.expected,
        name if name == ACTIVITY_DROP_RATIO.name => |judged| Some(judged.fell?.ratio),
        name if name == ACTIVITY_DROP_MISSING.name => |judged| Some(judged.fell?.missing),
        name if name == ACTIVITY_DECLINE_RATIO.name => |judged| Some(judged.slow?.ratio),
        name if name == ACTIVITY_DROP_LENGTH.name => |judged| match judged.fell {
            Some(fell) => Some(f64::from(fell.days)),
            // Where something could be expected, there is no drop.
            None => judged.expected.map(|_| 0.0),
        },
        _ => |_| None,
    }
}
