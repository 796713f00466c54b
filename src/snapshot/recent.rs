//! The last days of a department, as people look at them: a few figures, compact, since a large
//! tenant has thousands of departments.

use crate::{
    catalogue::{FIGURE_COUNT, FIGURES},
    day::{Day, after},
    usage::Numbers,
};

/// Days that are shown: as many as Feishu keeps.
pub const RECENT_DAYS: usize = 91;
/// The figures that are shown day by day, by API field: who used anything, and the three products
/// that are used most.
pub const RECENT_FIGURES: [&str; RECENT_FIGURE_COUNT] =
    ["suite_dau", "im_dau", "docs_dau", "vc_dau"];

const RECENT_FIGURE_COUNT: usize = 4;

/// The catalogue index of that API field.
const fn index_of(api_field: &str) -> usize {
    let mut index = 0;
    while index < FIGURE_COUNT {
        if is_same(FIGURES[index].api_field.as_bytes(), api_field.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("every figure that is shown is in the catalogue")
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The catalogue indexes of [`RECENT_FIGURES`].
pub const RECENT_INDEXES: [usize; RECENT_FIGURE_COUNT] = {
    let mut indexes = [0; RECENT_FIGURE_COUNT];
    let mut at = 0;
    while at < RECENT_FIGURE_COUNT {
        indexes[at] = index_of(RECENT_FIGURES[at]);
        at += 1;
    }
    indexes
};

/// The last [`RECENT_DAYS`] days of a department: of each, the value of each of [`RECENT_FIGURES`],
/// as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Recent {
    last: Day,
    /// Figure by figure, the oldest day first.
    values: Numbers,
}

/// The days of a [`Recent`] while they come in.
pub struct RecentDays {
    last: Day,
    values: [[Option<f64>; RECENT_DAYS]; RECENT_FIGURE_COUNT],
}

impl RecentDays {
    /// The days up to `last`, of which nothing is known yet.
    #[must_use]
    pub const fn until(last: Day) -> Self {
        Self { last, values: [[None; RECENT_DAYS]; RECENT_FIGURE_COUNT] }
    }

    /// Notes a day's value of the figure of that place in [`RECENT_FIGURES`]; days beyond those
    /// shown are left out.
    pub fn set(&mut self, day: Day, figure: usize, value: f64) {
        let back = usize::try_from(crate::day::days_between(day, self.last)).ok();
        if let Some(at) = back.and_then(|back| (RECENT_DAYS - 1).checked_sub(back)) {
            self.values[figure][at] = Some(value);
        }
    }

    /// What was noted.
    #[must_use]
    pub fn finish(self) -> Recent {
        Recent { last: self.last, values: self.values.into_iter().flatten().collect() }
    }
}

impl Recent {
    /// The last `count` days with their values of the figure of that place, the oldest first.
    pub fn days(
        &self,
        count: usize,
        figure: usize,
    ) -> impl Iterator<Item = (Day, Option<f64>)> + Clone {
        let from = RECENT_DAYS.saturating_sub(count);
        let first = after(self.last, -i32::try_from(RECENT_DAYS - 1).unwrap_or(0));
        let values = self.values.iter().skip(figure * RECENT_DAYS).take(RECENT_DAYS);
        values
            .enumerate()
            .skip(from)
            .map(move |(at, value)| (after(first, i32::try_from(at).unwrap_or(0)), value))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_come_in_their_order_with_what_is_known_of_them() {
        let mut recent = RecentDays::until(date(2026, 11, 27));
        recent.set(date(2026, 11, 27), 0, 30.0);
        recent.set(date(2026, 11, 25), 0, 10.0);
        recent.set(date(2026, 11, 26), 1, 5.0);
        for outside in [date(2026, 11, 28), date(2026, 8, 28), date(1999, 1, 1)] {
            recent.set(outside, 0, 99.0);
        }
        let recent = recent.finish();
        let days: Vec<_> = recent.days(3, 0).collect();
        assert_eq!(
            days,
            [
                (date(2026, 11, 25), Some(10.0)),
                (date(2026, 11, 26), None),
                (date(2026, 11, 27), Some(30.0)),
            ]
        );
        let all: Vec<_> = recent.days(RECENT_DAYS, 0).collect();
        assert_eq!((all.len(), all[0]), (RECENT_DAYS, (date(2026, 8, 29), None)));
        assert!(all.iter().all(|(_, value)| *value != Some(99.0)));
    }
}
