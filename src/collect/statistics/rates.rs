//! How a tenant's rate strings are to be read: the API documents show "1.00" and do not say
//! whether 85 % would be "0.85" or "85.00". Pure.

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{FIGURE_COUNT, FIGURES},
    learned::{Change, Evidence, Kept, Learned},
    sources::departments::Found,
    usage::{Figures, Geo, RateScale},
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

/// Rows that told something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rows {
    ratio: u32,
    percent: u32,
}

impl Rows {
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

    fn count(self) -> u32 {
        self.ratio.saturating_add(self.percent)
    }

    fn and(self, other: Self) -> Self {
        Self {
            ratio: self.ratio.saturating_add(other.ratio),
            percent: self.percent.saturating_add(other.percent),
        }
    }

    /// The same mixture in so many rows at most.
    fn at_most(self, rows: u32) -> Self {
        let count = self.count();
        if count <= rows {
            return self;
        }
        let part = |of: u32| u64::from(of) * u64::from(rows) / u64::from(count);
        let part = |of| u32::try_from(part(of)).unwrap_or(rows);
        Self { ratio: part(self.ratio), percent: part(self.percent) }
    }

    /// The scale on which they agree.
    pub(crate) fn scale(self) -> Option<RateScale> {
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

/// Rows of one look that tell alone, whatever those before told.
const TELLING_MIN: u32 = 10;
/// Rows of earlier looks that still count at most: a small tenant whose rates come in another scale
/// has none for some days, and then the right ones.
const REMEMBERED_MAX: u32 = 10;

/// What the rows of the looks so far tell, those of the last one most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Looks(Rows);

impl Evidence for Looks {
    type Conclusion = RateScale;

    fn conclusion(&self) -> Option<RateScale> {
        self.0.scale()
    }
}

impl Looks {
    fn add(&mut self, look: Rows) {
        let tells_alone = look.count() >= TELLING_MIN && look.scale().is_some();
        let before = if tells_alone { Rows::default() } else { self.0.at_most(REMEMBERED_MAX) };
        self.0 = before.and(look);
    }
}

/// How a tenant's rates are read.
pub(crate) struct Rates {
    configured: Option<RateScale>,
    /// The rows of the look that goes on.
    look: Rows,
    /// What is learned holds for the places whose figures were seen.
    learned: Learned<Looks, Vec<Geo>>,
    /// Whether the store knows of the scale.
    pub(crate) is_saved: bool,
}

impl Rates {
    /// Read as the operator says, or as is still to be found out.
    pub(crate) fn new(configured: Option<RateScale>, geos: Vec<Geo>) -> Self {
        Self { configured, look: Rows::default(), learned: Learned::new(geos), is_saved: false }
    }

    /// The scale, as far as it is known.
    pub(crate) fn scale(&self) -> Option<RateScale> {
        self.configured.or_else(|| self.learned.conclusion().copied())
    }

    /// Looks at rows.
    pub(crate) fn see(&mut self, found: &Found) {
        if self.configured.is_none() {
            let rows = found.days.iter().flat_map(|found| &found.day.rows);
            rows.for_each(|(_, figures)| self.look.see(figures));
        }
    }

    /// Decides, after a whole look: the first department alone might be the odd one. Tells whether
    /// that changed anything.
    pub(crate) fn decide(&mut self) -> Option<Change<RateScale>> {
        let look = std::mem::take(&mut self.look);
        let change = self.learned.see(|looks| looks.add(look));
        self.is_saved &= change.is_none();
        change
    }

    /// The form to be kept; none where nothing is learned.
    pub(crate) fn keep(&self) -> Option<Kept<Looks, Vec<Geo>>> {
        self.configured.is_none().then(|| self.learned.keep())
    }

    /// Takes up what was kept.
    pub(crate) fn recall(&mut self, kept: Kept<Looks, Vec<Geo>>) {
        self.learned.recall(kept);
    }

    /// Takes up a scale that the first release kept without telling what it had seen.
    pub(crate) fn recall_scale(&mut self, scale: RateScale) {
        let rows = match scale {
            RateScale::Ratio => Rows { ratio: TELLING_MIN, percent: 0 },
            RateScale::Percent => Rows { ratio: 0, percent: TELLING_MIN },
        };
        self.learned.see(|looks| looks.add(rows));
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

    fn told(rows: &[Figures]) -> Rows {
        let mut told = Rows::default();
        rows.iter().for_each(|row| told.see(row));
        told
    }

    fn decided(rows: &[Figures]) -> Option<RateScale> {
        told(rows).scale()
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

    /// Looks at so many rows of each scale, and tells what is known then.
    fn look(rates: &mut Rates, ratio: usize, percent: usize) -> Option<RateScale> {
        let rows = std::iter::repeat_n(row(100.0, 90.0, 0.9), ratio);
        rates.look = told(&rows.chain(vec![row(100.0, 90.0, 90.0); percent]).collect::<Vec<_>>());
        rates.decide();
        rates.scale()
    }

    #[test]
    fn rows_in_another_scale_take_the_known_one_back() {
        use RateScale::{Percent, Ratio};
        // A look with many rows tells alone.
        let mut large = Rates::new(None, vec![Geo::Local]);
        assert_eq!(look(&mut large, 200, 0), Some(Ratio));
        assert_eq!(look(&mut large, 0, 10), Some(Percent));
        assert_eq!(look(&mut large, 15, 0), Some(Ratio), "and back");
        assert_eq!(look(&mut large, 0, 0), Some(Ratio), "nothing was asked");
        assert_eq!(look(&mut large, 196, 4), Some(Ratio), "a few stray ones");
        assert_eq!(look(&mut large, 100, 100), None, "no agreement");
        // A tenant of three departments: at first no rates, then the right ones.
        let mut small = Rates::new(None, vec![Geo::Local]);
        for _ in 0..100 {
            assert_eq!(look(&mut small, 3, 0), Some(Ratio));
        }
        let days: Vec<_> = (0..14).map(|_| look(&mut small, 0, 3)).collect();
        let without = days.iter().take_while(|scale| scale.is_none()).count();
        assert!((1..8).contains(&without), "{days:?}");
        assert!(days[without..].iter().all(|scale| *scale == Some(Percent)), "{days:?}");
    }

    #[test]
    fn what_was_learned_is_kept_for_the_same_geos_and_not_beside_a_configured_scale() {
        let mut rates = Rates::new(None, vec![Geo::Cn]);
        look(&mut rates, 0, 3);
        let kept = || rates.keep().unwrap();
        for (geo, scale) in [(Geo::Cn, Some(RateScale::Percent)), (Geo::Sg, None)] {
            let mut again = Rates::new(None, vec![geo]);
            again.recall(kept());
            assert_eq!(again.scale(), scale);
        }
        let mut configured = Rates::new(Some(RateScale::Ratio), vec![Geo::Cn]);
        assert_eq!(look(&mut configured, 0, 30), Some(RateScale::Ratio));
        assert_eq!(configured.keep(), None);
    }
}
