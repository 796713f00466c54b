//! The domain: departments, their days and their figures. What sources, collector and exposition
//! exchange; it knows neither JSON nor Prometheus' text.

mod numbers;

use std::{fmt, sync::Arc};

pub use self::numbers::Numbers;
use crate::{
    catalogue::{FIGURE_COUNT, FIGURES, Unit},
    day::Day,
};

/// Bytes of a label value at most; longer ones are cut on a character boundary.
///
/// Prometheus' own `label_value_length_limit` is off by default, so that one absurd name could
/// otherwise blow up an index.
pub const LABEL_BYTES_MAX: usize = 512;

/// Where the figures were counted: the `target_geo` of the API.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Geo {
    /// The tenant's own data; no `target_geo` is sent.
    Local,
    /// China.
    Cn,
    /// Singapore.
    Sg,
    /// Japan.
    Jp,
    /// The United States.
    Us,
}

impl Geo {
    /// The value of the label `geo`; for all but [`Geo::Local`] also the API parameter.
    #[must_use]
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cn => "cn",
            Self::Sg => "sg",
            Self::Jp => "jp",
            Self::Us => "us",
        }
    }

    /// The geo of that label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Local, Self::Cn, Self::Sg, Self::Jp, Self::Us]
            .into_iter()
            .find(|geo| geo.as_label() == label)
    }
}

impl fmt::Display for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_label())
    }
}

/// A department that is asked for in one geo, alone or with its sub-departments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Where it is counted.
    pub geo: Geo,
    /// In the tenant's id type.
    pub department_id: Arc<str>,
    /// Whether its sub-departments are asked for with it.
    pub include_children: bool,
}

/// Which product version a row counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The total over all versions.
    Total,
    /// One version, by the name that Feishu gives it.
    Named(Arc<str>),
}

/// One number for each figure of the catalogue, or none.
///
/// While they come in they have a place each; what is held is packed ([`Self::pack`]): a large
/// tenant has a million of them.
#[derive(Clone, Debug)]
pub struct FigureValues {
    present: FigureSet,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    /// By catalogue index; 0 where there is none.
    Open(Box<[f64; FIGURE_COUNT]>),
    /// Those that there are, in the order of the catalogue.
    Packed(Numbers),
}

impl FigureValues {
    /// No number at all.
    #[must_use]
    pub fn none() -> Self {
        Self { present: FigureSet::none(), values: Values::Packed(Numbers::default()) }
    }

    /// Sets the number of the figure of that catalogue index.
    pub fn set(&mut self, index: usize, value: f64) {
        if let Values::Packed(_) = self.values {
            let values = std::array::from_fn(|index| self.get(index).unwrap_or_default());
            self.values = Values::Open(Box::new(values));
        }
        if let Values::Open(values) = &mut self.values {
            values[index] = value;
            self.present.insert(index);
        }
    }

    /// The number of the figure of that catalogue index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f64> {
        if !self.present.contains(index) {
            return None;
        }
        match &self.values {
            Values::Open(values) => Some(values[index]),
            Values::Packed(numbers) => numbers.get(self.present.below(index) as usize),
        }
    }

    /// Holds them in as few bytes as they need.
    pub fn pack(&mut self) {
        if let Values::Open(_) = self.values {
            let present = (0..FIGURE_COUNT).filter(|index| self.present.contains(*index));
            self.values = Values::Packed(present.map(|index| self.get(index)).collect());
        }
    }

    /// The figures that have a number.
    #[must_use]
    pub const fn present(&self) -> FigureSet {
        self.present
    }
}

impl PartialEq for FigureValues {
    fn eq(&self, other: &Self) -> bool {
        self.present == other.present
            && (0..FIGURE_COUNT).all(|index| self.get(index) == other.get(index))
    }
}

/// The 38 figures of one row, in catalogue order and in the unit in which they are published.
///
/// An absent figure stays absent: it is never zero. Rates are the exception to the unit: they are
/// kept as Feishu sent them until the tenant's [`RateScale`] is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    values: FigureValues,
    /// The rates that bore a `%` sign and are therefore ratios already.
    scaled: FigureSet,
}

impl Figures {
    /// A row of values as [`Self::raw`] gives them, with the marks of [`Self::percent_signs`].
    #[must_use]
    pub fn from_parts(values: [Option<f64>; FIGURE_COUNT], percent_signs: u64) -> Self {
        let mut figures = Self { values: FigureValues::none(), scaled: FigureSet(percent_signs) };
        for (index, value) in values.into_iter().enumerate() {
            if let Some(value) = value {
                figures.set(index, value);
            }
        }
        figures
    }

    /// Bit `i` is set if the `i`-th figure is a rate that came with a `%` sign.
    #[must_use]
    pub const fn percent_signs(&self) -> u64 {
        self.scaled.bits()
    }

    /// A row without any figure.
    #[must_use]
    pub fn none() -> Self {
        Self { values: FigureValues::none(), scaled: FigureSet::none() }
    }

    /// Sets the figure of that catalogue index, in its published unit.
    pub fn set(&mut self, index: usize, value: f64) {
        self.values.set(index, value);
    }

    /// Sets a rate that came with a `%` sign, as a ratio of 0..1.
    pub fn set_ratio(&mut self, index: usize, ratio: f64) {
        self.values.set(index, ratio);
        self.scaled.insert(index);
    }

    /// Holds them in as few bytes as they need.
    pub fn pack(&mut self) {
        self.values.pack();
    }

    /// How many figures it has.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.values.present.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.present.is_empty()
    }

    /// The value as stored, a rate in Feishu's scale.
    #[must_use]
    pub fn raw(&self, index: usize) -> Option<f64> {
        self.values.get(index)
    }

    /// Whether the rate of that index came with a `%` sign.
    #[must_use]
    pub fn had_percent_sign(&self, index: usize) -> bool {
        self.scaled.contains(index)
    }

    /// The sample to publish: absent if Feishu left the figure out, or if it is a rate and the
    /// scale is unknown.
    #[must_use]
    pub fn sample(&self, index: usize, scale: Option<RateScale>) -> Option<f64> {
        sample_of(index, self.raw(index)?, self.had_percent_sign(index), scale)
    }
}

/// The sample of a raw value of that figure: absent if it is a rate without a `%` sign and the scale
/// is unknown.
#[must_use]
pub fn sample_of(
    index: usize,
    value: f64,
    had_percent_sign: bool,
    scale: Option<RateScale>,
) -> Option<f64> {
    if FIGURES[index].unit != Unit::Ratio || had_percent_sign {
        return Some(value);
    }
    scale.map(|scale| match scale {
        RateScale::Ratio => value,
        RateScale::Percent => tidy(value / 100.0),
    })
}

/// How Feishu's rate strings without a sign are to be read; the API documents do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateScale {
    /// `0.85` means 0.85.
    Ratio,
    /// `85` means 0.85.
    Percent,
}

impl RateScale {
    /// The value of the configuration key `rates`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Percent => "percent",
        }
    }

    /// The scale of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Ratio, Self::Percent].into_iter().find(|scale| scale.as_str() == name)
    }
}

/// Removes the noise that binary arithmetic leaves behind a decimal fraction: 4.35 × 60 is 261.
#[must_use]
pub fn tidy(value: f64) -> f64 {
    // Feishu sends two decimals; nine are kept. Larger numbers have no noise worth removing.
    if value.abs() < 1e6 { (value * 1e9).round() / 1e9 } else { value }
}

/// A department's day as it is served: one row per product version.
#[derive(Clone, Debug, PartialEq)]
pub struct DepartmentDay {
    /// Where it was counted.
    pub geo: Geo,
    /// The id in the tenant's `department_id_type`.
    pub department_id: Arc<str>,
    /// The name in the statistics row; empty where Feishu gave none.
    pub department: Arc<str>,
    /// The path in the statistics row, such as `parent/child`; empty where Feishu gave none.
    pub path: Arc<str>,
    /// The day that the figures belong to.
    pub day: Day,
    /// The rows, the total first, at most one per version.
    pub rows: Vec<(Version, Figures)>,
}

impl DepartmentDay {
    /// Holds its figures in as few bytes as they need.
    pub fn pack(&mut self) {
        self.rows.iter_mut().for_each(|(_, figures)| figures.pack());
        self.rows.shrink_to_fit();
    }

    /// The row over all versions; none where it is unknown.
    #[must_use]
    pub fn total(&self) -> Option<&Figures> {
        self.rows.iter().find(|(version, _)| *version == Version::Total).map(|(_, total)| total)
    }

    /// Members on that day, by the total over all versions; none where it is unknown.
    #[must_use]
    pub fn users(&self) -> Option<f64> {
        self.total().and_then(|figures| figures.raw(TOTAL_USERS))
    }
}

/// The catalogue index of `total_user_num`, the first figure of the document.
pub const TOTAL_USERS: usize = 0;

/// Which of the 38 figures a tenant publishes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FigureSet(u64);

impl FigureSet {
    /// All of them.
    #[must_use]
    pub const fn all() -> Self {
        Self((1 << FIGURE_COUNT) - 1)
    }

    /// None of them.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Adds the figure of that catalogue index.
    pub fn insert(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// Takes the figure of that catalogue index out.
    pub fn remove(&mut self, index: usize) {
        self.0 &= !(1 << index);
    }

    /// Whether the figure of that catalogue index is in.
    #[must_use]
    pub const fn contains(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }

    /// How many of them come before that catalogue index.
    const fn below(self, index: usize) -> u32 {
        (self.0 & ((1 << index) - 1)).count_ones()
    }

    /// The figures of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The figures of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Bit `i` is set if the figure of catalogue index `i` is in.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for FigureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FigureSet({} of {FIGURE_COUNT})", self.len())
    }
}

/// `text` cut to [`LABEL_BYTES_MAX`] bytes on a character boundary.
#[must_use]
pub fn label_value(text: &str) -> &str {
    &text[..text.floor_char_boundary(LABEL_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index_of(field: &str) -> usize {
        FIGURES.iter().position(|f| f.api_field == field).unwrap()
    }

    #[test]
    fn members_are_the_first_figure() {
        assert_eq!(TOTAL_USERS, index_of("total_user_num"));
    }

    #[test]
    fn a_rate_has_no_sample_while_its_scale_is_unknown() {
        let rate = index_of("suite_active_rate");
        let mut figures = Figures::none();
        figures.set(rate, 85.71);
        assert_eq!(figures.sample(rate, None), None);
        assert_eq!(figures.sample(rate, Some(RateScale::Percent)), Some(0.8571));
        assert_eq!(figures.sample(rate, Some(RateScale::Ratio)), Some(85.71));
    }

    #[test]
    fn a_rate_with_a_percent_sign_needs_no_scale() {
        let rate = index_of("suite_active_rate");
        let mut figures = Figures::none();
        figures.set_ratio(rate, 0.5);
        for scale in [None, Some(RateScale::Ratio), Some(RateScale::Percent)] {
            assert_eq!(figures.sample(rate, scale), Some(0.5));
        }
    }

    #[test]
    fn an_absent_figure_has_no_sample() {
        assert_eq!(Figures::none().sample(index_of("suite_dau"), Some(RateScale::Ratio)), None);
    }

    #[test]
    fn a_label_is_cut_on_a_character_boundary() {
        assert_eq!(label_value("short"), "short");
        let long = format!("{}é", "a".repeat(511));
        assert_eq!(label_value(&long), "a".repeat(511));
        assert_eq!(label_value(&"部".repeat(400)).len(), 510);
    }

    proptest::proptest! {
        #[test]
        fn packed_figures_are_the_same_figures(
            values in proptest::collection::vec(
                (0..FIGURE_COUNT, proptest::num::f64::NORMAL, proptest::prelude::any::<bool>()), 0..60),
        ) {
            let mut plain = [None; FIGURE_COUNT];
            let mut figures = Figures::none();
            for (index, value, packs) in values {
                plain[index] = Some(value);
                figures.set(index, value);
                if packs {
                    figures.pack();
                }
            }
            let open = Figures::from_parts(plain, 0);
            let mut packed = open.clone();
            packed.pack();
            for of in [&figures, &open, &packed] {
                let raw: Vec<_> = (0..FIGURE_COUNT).map(|index| of.raw(index)).collect();
                proptest::prop_assert_eq!(&raw, &plain.to_vec());
                proptest::prop_assert_eq!(of, &open);
            }
        }
    }

    #[test]
    fn arithmetic_noise_is_removed() {
        assert_eq!(tidy(4.35 * 60.0), 261.0);
        assert_eq!(tidy(0.1 + 0.2), 0.3);
        assert_eq!(tidy(1e15 + 0.5), 1e15 + 0.5);
    }

    #[test]
    fn a_set_of_figures_holds_each_once() {
        let mut set = FigureSet::none();
        assert!(set.is_empty());
        set.insert(3);
        set.insert(3);
        assert!(set.contains(3) && !set.contains(4) && set.len() == 1);
        assert_eq!(FigureSet::all().len() as usize, FIGURE_COUNT);
        set.remove(3);
        assert!(set.is_empty());
    }
}
