//! Counts of people that keep small groups and single values apart from people: cells with a
//! smallest size, and exact percentiles.

use std::collections::BTreeMap;

use crate::usage::label_value;

/// Distinct lists that are told apart at most; beyond it, people count as `other`. Real tenants
/// have dozens.
const LISTS_MAX: usize = 5_000;
/// How the API document spells Android.
const MISSPELT_ANDROID: &str = "Andorid";
/// The cell into which small cells are folded.
pub(super) const OTHER: &str = "other";

/// People by what a free-text list of theirs names, such as `iOS,Andorid,Windows`.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// People by their list, sorted and each name once: a cell is known to be small only when
    /// everybody was seen, and `other` must then count each person once.
    lists: BTreeMap<Vec<String>, u64>,
}

impl Cells {
    /// Counts one person by a list that commas separate, also full-width ones.
    pub(super) fn person(&mut self, list: &str) {
        let mut names: Vec<String> = list
            .split([',', '，'])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| {
                if name == MISSPELT_ANDROID { "Android" } else { label_value(name) }.to_owned()
            })
            .collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            return;
        }
        if self.lists.len() >= LISTS_MAX && !self.lists.contains_key(&names) {
            names = vec![OTHER.to_owned()];
        }
        *self.lists.entry(names).or_default() += 1;
    }

    /// The cells of at least `min_size` people; people with a smaller one are in `other`, if they
    /// are enough themselves.
    pub(super) fn finish(self, min_size: u64) -> BTreeMap<String, u64> {
        let mut cells: BTreeMap<&str, u64> = BTreeMap::new();
        for (names, people) in &self.lists {
            for name in names {
                *cells.entry(name).or_default() += people;
            }
        }
        let is_small = |name: &str| name == OTHER || cells[name] < min_size;
        let others = self.lists.iter().filter(|(names, _)| names.iter().any(|name| is_small(name)));
        let others: u64 = others.map(|(_, people)| people).sum();
        let large = cells.iter().filter(|(name, _)| !is_small(name));
        let mut large: BTreeMap<String, u64> =
            large.map(|(name, people)| ((*name).to_owned(), *people)).collect();
        if others >= min_size {
            large.insert(OTHER.to_owned(), others);
        }
        large
    }
}

/// How a number is spread over people, exactly: how many people have which value.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// By the bits of the value: non-negative floats sort like their bits.
    people: BTreeMap<u64, u64>,
    total: u64,
}

impl Spread {
    /// Counts one person's value, which is finite and not negative.
    pub(super) fn person(&mut self, value: f64) {
        *self.people.entry(value.to_bits()).or_default() += 1;
        self.total += 1;
    }

    /// The sum over all people; none if nobody has a value.
    #[expect(clippy::cast_precision_loss, reason = "no department has 2^53 people")]
    pub(super) fn sum(&self) -> Option<f64> {
        let weighted = self.people.iter().map(|(bits, n)| f64::from_bits(*bits) * *n as f64);
        (self.total > 0).then(|| weighted.sum())
    }

    /// The percentiles that so many people allow, by nearest rank; none unless each of the
    /// `people` has a value.
    ///
    /// The tails of a small group would be single people, so they come with its size: the median
    /// always, 10 and 90 from 50 people on, 99 from 500 on.
    pub(super) fn percentiles(&self, people: u64) -> BTreeMap<u8, f64> {
        let allowed: &[u8] = match people {
            _ if people == 0 || people != self.total => &[],
            0..50 => &[50],
            50..500 => &[10, 50, 90],
            _ => &[10, 50, 90, 99],
        };
        allowed.iter().map(|percentile| (*percentile, self.nearest_rank(*percentile))).collect()
    }

    fn nearest_rank(&self, percentile: u8) -> f64 {
        let rank = (u64::from(percentile) * self.total).div_ceil(100).max(1);
        let mut passed = 0;
        for (bits, people) in &self.people {
            passed += people;
            if passed >= rank {
                return f64::from_bits(*bits);
            }
        }
        unreachable!("the rank is at most the number of people")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(lists: &[(&str, u64)], min_size: u64) -> BTreeMap<String, u64> {
        let mut cells = Cells::default();
        for (list, people) in lists {
            (0..*people).for_each(|_| cells.person(list));
        }
        cells.finish(min_size)
    }

    fn expected(cells: &[(&str, u64)]) -> BTreeMap<String, u64> {
        cells.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }

    #[test]
    fn a_person_counts_in_every_cell_of_the_list_once() {
        assert_eq!(
            cells(
                &[
                    ("iOS,Andorid,Windows", 2),
                    ("Android,Andorid,Windows,iOS", 1),
                    (" iOS ,iOS", 2),
                    ("Feishu，Lark", 1),
                    (" , ", 9)
                ],
                1
            ),
            expected(&[("iOS", 5), ("Android", 3), ("Windows", 3), ("Feishu", 1), ("Lark", 1)])
        );
    }

    #[test]
    fn small_cells_become_other_which_counts_each_person_once() {
        // Ten people have both small systems, and count once.
        let lists = [("Windows", 50), ("Windows,Harmony,Linux", 8), ("Harmony", 1), ("Linux", 1)];
        assert_eq!(cells(&lists, 10), expected(&[("Windows", 58), ("other", 10)]));
    }

    #[test]
    fn other_itself_is_absent_while_it_is_small() {
        assert_eq!(cells(&[("Windows", 50), ("Linux", 9)], 10), expected(&[("Windows", 50)]));
    }

    #[test]
    fn a_system_called_other_joins_the_others() {
        assert_eq!(cells(&[("other", 20), ("Linux", 2)], 10), expected(&[("other", 22)]));
    }

    #[test]
    fn percentiles_are_exact_by_nearest_rank() {
        let spread = |n: u64| {
            let mut spread = Spread::default();
            (1..=n).for_each(|value| spread.person(value as f64));
            spread.percentiles(n)
        };
        assert_eq!(spread(0), BTreeMap::new());
        assert_eq!(spread(10), BTreeMap::from([(50, 5.0)]));
        assert_eq!(spread(11), BTreeMap::from([(50, 6.0)]));
        assert_eq!(spread(49), BTreeMap::from([(50, 25.0)]));
        assert_eq!(spread(50), BTreeMap::from([(10, 5.0), (50, 25.0), (90, 45.0)]));
        assert_eq!(
            spread(500),
            BTreeMap::from([(10, 50.0), (50, 250.0), (90, 450.0), (99, 495.0)])
        );
    }

    #[test]
    fn where_somebody_has_no_value_there_is_no_percentile() {
        let mut spread = Spread::default();
        spread.person(1.0);
        assert_eq!(spread.percentiles(2), BTreeMap::new());
        assert_eq!(spread.sum(), Some(1.0));
    }

    proptest::proptest! {
        #[test]
        fn a_percentile_is_the_value_at_its_rank(mut values in proptest::collection::vec(0u32..50, 1..700)) {
            let mut spread = Spread::default();
            values.iter().for_each(|value| spread.person(f64::from(*value)));
            values.sort_unstable();
            for (percentile, value) in spread.percentiles(values.len() as u64) {
                let rank = (usize::from(percentile) * values.len()).div_ceil(100).max(1);
                proptest::prop_assert_eq!(value, f64::from(values[rank - 1]));
            }
        }
    }
}
