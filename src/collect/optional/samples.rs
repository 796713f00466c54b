//! Facts about departments as samples; what is absent has none.

use std::sync::Arc;

use crate::{catalogue::Family, collect::contribution::OfSource, exposition::Sample};

/// One sample.
pub(super) fn sample(family: &'static Family, labels: &[&str], value: f64) -> Sample {
    Sample { family, labels: labels.iter().map(|label| Arc::from(*label)).collect(), value }
}

/// A number of people.
#[expect(clippy::cast_precision_loss, reason = "no department has 2^53 people")]
pub(super) fn people(people: u64) -> f64 {
    people as f64
}

/// Adds a number that a department has.
pub(super) fn add_number(
    to: &mut OfSource,
    family: &'static Family,
    id: &Arc<str>,
    value: Option<f64>,
) {
    let labels = || Box::new([Arc::clone(id)]);
    to.samples.extend(value.map(|value| Sample { family, labels: labels(), value }));
}

/// Adds something that a department is, as 1, or is not, as 0.
pub(super) fn add_flag(
    to: &mut OfSource,
    family: &'static Family,
    id: &Arc<str>,
    flag: Option<bool>,
) {
    add_number(to, family, id, flag.map(|flag| f64::from(u8::from(flag))));
}
