//! Declines too slow for the weeks before to show them.

use super::{
    Circumstances, Judge, Usage,
    department::Cell,
    episode::{self, Episode, SLOW_WINDOW},
    product::{PRODUCT_COUNT, SUITE},
    track::{MAD, median},
    window::{self, Window},
};

/// After a drop, a slow decline of the same department is no news for so many days.
const NO_NEWS: i32 = 84;
/// The least by which departments differ over weeks, as a standard deviation of the logarithm.
const DRIFT_MIN: f64 = 0.06;
/// While there are too few departments to learn it from.
const DRIFT: f64 = 0.1;
const DRIFT_DEPARTMENTS_MIN: usize = 8;

impl Judge {
    /// Slow declines: ten days against eight weeks before, beside how departments drift apart.
    pub(super) fn decline(
        &mut self,
        rows: &[(usize, Usage)],
        cells: &[[Cell; PRODUCT_COUNT]],
        today: &Circumstances,
    ) {
        for product in 0..PRODUCT_COUNT {
            let slow: Vec<(usize, Window)> = rows
                .iter()
                .zip(cells)
                .filter(|(_, cells)| cells[product].is_judged && !cells[product].is_parts)
                .filter_map(|((index, _), _)| {
                    let track = &self.departments[*index].products[product].track;
                    Some((*index, window::slow(track, SLOW_WINDOW)?))
                })
                .collect();
            let mut changes: Vec<f64> = slow.iter().map(|(_, window)| window.change).collect();
            let middle = median(&mut changes).unwrap_or(0.0);
            changes.iter_mut().for_each(|change| *change = (*change - middle).abs());
            let drift = match median(&mut changes) {
                Some(deviation) if changes.len() >= DRIFT_DEPARTMENTS_MIN => {
                    (MAD * deviation).max(DRIFT_MIN)
                }
                _ => DRIFT,
            };
            for (index, window) in slow {
                let chance = window.change / window.low;
                let low = -window.change / (chance.powi(2) + drift.powi(2)).sqrt();
                self.declines(index, product, window, low, today.number);
            }
        }
    }

    fn declines(&mut self, index: usize, product: usize, window: Window, low: f64, number: i32) {
        let Window { change, lack, .. } = window;
        let of_suite = product != SUITE && {
            let suite = &self.departments[index].products[SUITE];
            suite.slow.is_some() || suite.drop.is_some()
        };
        let of_parent = self.departments[index].place.parent.is_some_and(|parent| {
            let parent = &self.departments[parent].products[product];
            parent.slow.is_some_and(|slow| !slow.is_covered)
        });
        let state = &mut self.departments[index].products[product];
        let is_news = state.drop.is_none() && state.found.is_none_or(|at| at < number - NO_NEWS);
        match &mut state.slow {
            None if is_news && episode::slow_begins(low, lack.ratio) => {
                state.slow = Some(Episode {
                    since: number,
                    opened: number,
                    change,
                    lack,
                    days: 1,
                    is_covered: of_suite || of_parent,
                });
                state.found = Some(number);
            }
            Some(slow)
                if episode::slow_ends(lack.ratio) || slow.days >= 2 * episode::DROP_DAYS_MAX =>
            {
                state.slow = None;
            }
            Some(slow) => {
                slow.days += 1;
                slow.lack = lack;
            }
            None => {}
        }
    }
}
