//! A set of days as bits: a year of a department takes fifty bytes.

use crate::day::{Day, after, days_between};

/// Days from a first one on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DaySet {
    first: Day,
    words: Vec<u64>,
}

impl DaySet {
    /// These days, of which those before `first` are left out.
    pub(super) fn of(first: Day, days: impl IntoIterator<Item = Day>) -> Self {
        let mut set = Self { first, words: Vec::new() };
        days.into_iter().for_each(|day| set.insert(day));
        set
    }

    /// Adds a day, unless it lies before the first.
    pub(super) fn insert(&mut self, day: Day) {
        let Some((word, bit)) = self.place(day) else { return };
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    pub(super) fn contains(&self, day: Day) -> bool {
        self.place(day)
            .is_some_and(|(word, bit)| self.words.get(word).is_some_and(|w| w & bit != 0))
    }

    /// The days in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self::of(self.first, self.iter().filter(|day| other.contains(*day)))
    }

    /// The days in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Day> + '_ {
        self.after_offset(0)
    }

    /// The first day after `day`.
    pub(super) fn next_after(&self, day: Day) -> Option<Day> {
        self.after_offset(usize::try_from(days_between(self.first, day) + 1).unwrap_or(0)).next()
    }

    fn after_offset(&self, offset: usize) -> impl Iterator<Item = Day> + '_ {
        let days = offset..self.words.len() * 64;
        days.filter(|at| self.words[at / 64] & (1 << (at % 64)) != 0)
            .map(|at| after(self.first, i32::try_from(at).unwrap_or(i32::MAX)))
    }

    fn place(&self, day: Day) -> Option<(usize, u64)> {
        let offset = usize::try_from(days_between(self.first, day)).ok()?;
        Some((offset / 64, 1 << (offset % 64)))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_found_again_in_order() {
        let first = date(2026, 8, 27);
        let days = [date(2026, 8, 27), date(2026, 10, 30), date(2026, 10, 31), date(2027, 1, 1)];
        let mut shuffled = days;
        shuffled.swap(0, 3);
        let set = DaySet::of(first, shuffled.into_iter().chain([date(2026, 8, 26)]));
        assert_eq!(set.iter().collect::<Vec<_>>(), days);
        assert!(set.contains(date(2026, 10, 31)) && !set.contains(date(2026, 11, 1)));
        assert!(!set.contains(date(2026, 8, 26)) && !set.contains(date(2030, 1, 1)));
        assert_eq!(set.next_after(date(2026, 8, 1)), Some(days[0]));
        assert_eq!(set.next_after(days[0]), Some(days[1]));
        assert_eq!(set.next_after(days[1]), Some(days[2]));
        assert_eq!(set.next_after(days[3]), None);
        let other = DaySet::of(date(2026, 1, 1), [days[1], days[3], date(2026, 9, 9)]);
        assert_eq!(set.and(&other).iter().collect::<Vec<_>>(), [days[1], days[3]]);
    }
}
