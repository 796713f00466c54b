//! How a tenant's rate strings are to be read: the API documents show "1.00" and do not say
//! whether 85 % would be "0.85" or "85.00". Pure.

use crate::{
    catalogue::{FIGURE_COUNT, FIGURES},
    sources::departments::Found,
    usage::{Figures, RateScale},
};

/// Smaller departments say nothing: one person of five is 0.2.
const USERS_MIN: f64 = 20.0;
/// How far a rate may lie from activated ÷ total to count as the same: two decimals of rounding,
/// and people who came or left while Feishu counted.
const TOLERANCE: f64 = 0.02;
/// What rounding to two decimals alone can make of a difference.
const ROUNDING: f64 = 0.005;
/// The share of telling rows that must agree before the scale is decided.
const AGREEMENT_MIN: f64 = 0.8;

/// The catalogue index of `total_user_num`.
pub(crate) const USERS: usize = index_of("total_user_num");
const ACTIVATED: usize = index_of("active_user_num");
const RATE: usize = index_of("active_user_rate");

/// What the rows seen so far say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence {
    ratio: u32,
    percent: u32,
}

impl Evidence {
    /// Looks at one more row.
    pub(crate) fn see(&mut self, figures: &Figures) {
        // A sign speaks for the others too, unless the one rate that can be checked has none.
        let has_sign = (0..FIGURE_COUNT).any(|index| figures.had_percent_sign(index));
        let is_plain = figures.raw(RATE).is_some() && !figures.had_percent_sign(RATE);
        if has_sign && !is_plain {
            self.percent += 1;
            return;
        }
        let known = figures.raw(USERS).zip(figures.raw(ACTIVATED)).zip(figures.raw(RATE));
        let Some(((users, activated), rate)) = known else { return };
        if users < USERS_MIN {
            return;
        }
        let off = |rate: f64| (rate - activated / users).abs();
        let (as_ratio, as_percent) = (off(rate), off(rate / 100.0));
        // Near zero both scales fit, and only a clear difference tells; elsewhere neither may.
        let fits =
            |this: f64, other: f64| this <= TOLERANCE && other > ROUNDING && this * 4.0 < other;
        if fits(as_ratio, as_percent) {
            self.ratio += 1;
        } else if fits(as_percent, as_ratio) {
            self.percent += 1;
        }
    }

    /// The rows that told something.
    fn rows(self) -> u32 {
        self.ratio.saturating_add(self.percent)
    }

    /// The scale, once the rows agree on one.
    pub(crate) fn decide(self) -> Option<RateScale> {
        let (ratio, percent) = (f64::from(self.ratio), f64::from(self.percent));
        let needed = (ratio + percent) * AGREEMENT_MIN;
        match (ratio, percent) {
            (0.0, 0.0) => None,
            _ if ratio >= needed => Some(RateScale::Ratio),
            _ if percent >= needed => Some(RateScale::Percent),
            _ => None,
        }
    }
}

/// Rows of one look that must tell another scale before the known one is given up.
const CONTRADICTION_MIN: u32 = 10;

/// How a tenant's rates are read.
pub(crate) struct Rates {
    evidence: Evidence,
    pub(crate) scale: Option<RateScale>,
    /// The scale that the store knows of.
    pub(crate) saved: Option<RateScale>,
    is_configured: bool,
}

impl Rates {
    /// Read as the operator says, or as is still to be found out.
    pub(crate) fn new(scale: Option<RateScale>) -> Self {
        Self { evidence: Evidence::default(), scale, saved: None, is_configured: scale.is_some() }
    }

    /// Looks at rows.
    pub(crate) fn see(&mut self, found: &Found) {
        if !self.is_configured {
            let rows = found.days.iter().flat_map(|found| &found.day.rows);
            rows.for_each(|(_, figures)| self.evidence.see(figures));
        }
    }

    /// Decides, after a whole look: the first department alone might be the odd one. Once decided,
    /// the scale stays, unless a later look with many rows contradicts it; tells whether one did.
    pub(crate) fn decide(&mut self) -> bool {
        let Some(known) = self.scale else {
            self.scale = self.evidence.decide();
            return false;
        };
        let seen = std::mem::take(&mut self.evidence);
        let other = seen.decide().filter(|told| *told != known && seen.rows() >= CONTRADICTION_MIN);
        self.scale = other.or(self.scale);
        other.is_some()
    }
}

const fn index_of(api_field: &str) -> usize {
    let mut index = 0;
    while index < FIGURE_COUNT {
        if same(FIGURES[index].api_field.as_bytes(), api_field.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("no such figure")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(users: f64, activated: f64, rate: f64) -> Figures {
        let mut figures = Figures::none();
        figures.set(USERS, users);
        figures.set(ACTIVATED, activated);
        figures.set(RATE, rate);
        figures
    }

    fn decided(rows: &[Figures]) -> Option<RateScale> {
        let mut evidence = Evidence::default();
        rows.iter().for_each(|row| evidence.see(row));
        evidence.decide()
    }

    #[test]
    fn the_scale_is_the_one_that_fits_the_counts() {
        assert_eq!(decided(&[row(200.0, 190.0, 0.95)]), Some(RateScale::Ratio));
        assert_eq!(decided(&[row(200.0, 190.0, 95.0)]), Some(RateScale::Percent));
        assert_eq!(decided(&[row(200.0, 200.0, 1.0)]), Some(RateScale::Ratio));
        assert_eq!(decided(&[row(200.0, 2.0, 1.0)]), Some(RateScale::Percent));
        assert_eq!(decided(&[row(10_000.0, 100.0, 0.01)]), Some(RateScale::Ratio));
    }

    #[test]
    fn rows_that_tell_nothing_leave_it_open() {
        assert_eq!(decided(&[]), None);
        assert_eq!(decided(&[row(19.0, 19.0, 1.0)]), None, "too few people");
        assert_eq!(decided(&[row(200.0, 0.0, 0.0)]), None, "both fit");
        assert_eq!(decided(&[row(200.0, 100.0, 0.9)]), None, "neither fits");
        assert_eq!(decided(&[Figures::none()]), None);
    }

    #[test]
    fn rows_that_disagree_leave_it_open_and_a_stray_one_does_not() {
        let (ratio, percent) = (row(100.0, 90.0, 0.9), row(100.0, 90.0, 90.0));
        assert_eq!(decided(&[ratio.clone(), percent.clone()]), None);
        let mut rows = vec![ratio; 20];
        rows.push(percent);
        assert_eq!(decided(&rows), Some(RateScale::Ratio));
    }

    #[test]
    fn a_percent_sign_decides_unless_the_rate_that_can_be_checked_has_none() {
        let mut signed = Figures::none();
        signed.set_ratio(RATE, 0.5);
        assert_eq!(decided(&[signed]), Some(RateScale::Percent));
        let other_rate = index_of("suite_active_rate");
        let mut signed = Figures::none();
        signed.set_ratio(other_rate, 0.5);
        assert_eq!(decided(&[signed]), Some(RateScale::Percent));
        let mut mixed = row(100.0, 80.0, 0.8);
        mixed.set_ratio(other_rate, 0.5);
        assert_eq!(decided(&[mixed]), Some(RateScale::Ratio));
    }
}
