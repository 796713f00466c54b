//! Which past days to ask for: ranges over the days that are lacking. Pure.

use std::collections::BTreeSet;

use crate::{
    day::{Day, after, days_between},
    feishu::DEPT_STATS_PAGE_SIZE,
    sources::departments::Ask,
    usage::Target,
};

/// Days of one request at most. The API document allows "a difference of at most 91 days, 91
/// included"; 91 days in all are right whether the difference or the number is meant.
pub(crate) const SPAN_DAYS_MAX: i32 = 91;

/// Days that the API still offers, by the same document: nothing says that it offers more.
pub(crate) const OFFERED_DAYS: i32 = 91;

/// Pages that a failure, or the end of the process, may cost at most: those of one range, or of all
/// ranges that are read at once.
pub(crate) const PAGES_MAX: usize = 50;

/// Pages of a list of so many rows.
pub(crate) fn pages(rows: usize) -> u64 {
    rows.div_ceil(DEPT_STATS_PAGE_SIZE as usize).max(1) as u64
}

/// What to ask of a target so that every needed day is known, as [`ranges`] says.
pub(crate) fn asks(
    target: &Target,
    needed: &BTreeSet<Day>,
    last: Day,
    covered: &BTreeSet<Day>,
    members: usize,
    pages_max: usize,
) -> impl Iterator<Item = Ask> {
    ranges(needed, last, covered, members, pages_max).into_iter().map(|(start, end)| Ask {
        target: target.clone(),
        start,
        end,
    })
}

/// The ranges to ask for so that every needed day is known.
///
/// Where something is needed, all unknown days from the first needed one to `last` come with it:
/// those between cost hardly more, and are needed in the days to come. `members` is how many
/// departments one day's list holds, `pages_max` how many pages a range has at most unless a day
/// alone has more.
fn ranges(
    needed: &BTreeSet<Day>,
    last: Day,
    covered: &BTreeSet<Day>,
    members: usize,
    pages_max: usize,
) -> Vec<(Day, Day)> {
    let Some(first) = needed.iter().find(|day| !covered.contains(day)).copied() else {
        return Vec::new();
    };
    let unknown: Vec<Day> = (0..=days_between(first, last))
        .map(|days| after(first, days))
        .filter(|day| !covered.contains(day))
        .collect();
    let rows_max = pages_max * DEPT_STATS_PAGE_SIZE as usize;
    let days_max = i32::try_from(rows_max / members.max(1)).unwrap_or(i32::MAX);
    let days_max = days_max.clamp(1, SPAN_DAYS_MAX);
    let mut ranges: Vec<(Day, Day)> = Vec::new();
    for day in unknown {
        match ranges.last_mut() {
            Some((start, end)) if joins(*start, *end, day, days_max, members) => *end = day,
            _ => ranges.push((day, day)),
        }
    }
    ranges
}

/// Whether a day is asked for with the range before it: if the known days between fill no page.
fn joins(start: Day, end: Day, day: Day, days_max: i32, members: usize) -> bool {
    let between = usize::try_from(days_between(end, day) - 1).unwrap_or(0);
    days_between(start, day) < days_max && between * members.max(1) < DEPT_STATS_PAGE_SIZE as usize
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const SUNDAY: Day = date(2026, 11, 22);

    fn days(back: impl IntoIterator<Item = i32>) -> BTreeSet<Day> {
        back.into_iter().map(|days| after(SUNDAY, -days)).collect()
    }

    /// Ranges as days before Sunday, the last day being the Saturday.
    fn planned(needed: &[i32], covered: &BTreeSet<Day>, members: usize) -> Vec<(i32, i32)> {
        let needed = days(needed.iter().copied());
        let back = |day: Day| days_between(day, SUNDAY);
        ranges(&needed, after(SUNDAY, -1), covered, members, PAGES_MAX)
            .into_iter()
            .map(|(start, end)| (back(start), back(end)))
            .collect()
    }

    #[test]
    fn at_first_everything_since_the_oldest_needed_day_is_asked_for_at_once() {
        assert_eq!(planned(&[28, 21, 14, 7], &days([]), 1), [(28, 1)]);
        assert_eq!(planned(&[], &days([]), 1), []);
    }

    #[test]
    fn nothing_is_asked_for_while_what_is_needed_is_known() {
        assert_eq!(planned(&[28, 21, 14, 7], &days([28, 21, 14, 7]), 1), []);
        assert_eq!(planned(&[28, 21, 14, 7], &days(1..=28), 1), []);
    }

    #[test]
    fn a_gap_is_filled_as_a_whole_once_a_day_of_it_is_needed() {
        let without =
            |gap: std::ops::RangeInclusive<i32>| days((1..=28).filter(|day| !gap.contains(day)));
        assert_eq!(planned(&[28, 21, 14, 7], &without(3..=5), 1), [], "not needed yet");
        assert_eq!(planned(&[28, 21, 14, 7], &without(5..=7), 1), [(7, 5)]);
        // Two gaps: one request while the known days between fill no page, else two.
        let two = days((1..=28).filter(|day| ![28, 7].contains(day)));
        assert_eq!(planned(&[28, 7], &two, 1), [(28, 28), (7, 7)]);
        let near = days((1..=28).filter(|day| ![14, 7].contains(day)));
        assert_eq!(planned(&[14, 7], &near, 1), [(14, 7)]);
        assert_eq!(planned(&[14, 7], &near, 10), [(14, 14), (7, 7)]);
    }

    #[test]
    fn no_range_is_longer_than_the_api_allows_or_than_50_pages() {
        let all: Vec<i32> = (1..=200).collect();
        assert_eq!(planned(&all, &days([]), 1), [(200, 110), (109, 19), (18, 1)]);
        assert_eq!(planned(&[28], &days([]), 100), [(28, 19), (18, 9), (8, 1)]);
        assert_eq!(planned(&[2], &days([]), 5000), [(2, 2), (1, 1)]);
    }
}
