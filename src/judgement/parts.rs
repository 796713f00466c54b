//! Many departments that fall on one day are one event.

use super::{
    Circumstances, Judge, Usage,
    department::Cell,
    product::{PRODUCT_COUNT, SUITE},
};

/// Departments that fall at once, at least, for a part of the company to have fallen.
const PART_MIN: usize = 5;
/// And their share of those that are judged.
const PART_SHARE: f64 = 0.15;
/// A part stays told while this share of both is left.
const PART_STAYS: f64 = 0.4;
/// So far below what is expected, in standard deviations and as a share, a department of a part is.
const PART_LOW: f64 = 3.0;
const PART_RATIO: f64 = 0.8;
/// A department that is at least so low on that day is taken to be of the part.
const PART_TOUCHED: f64 = 1.0;

impl Judge {
    /// Whether so many departments fell today that it is one event; their day is then not their own.
    pub(super) fn look_for_parts(
        &mut self,
        cells: &mut [[Cell; PRODUCT_COUNT]],
        rows: &[(usize, Usage)],
        today: &Circumstances,
    ) {
        for product in 0..PRODUCT_COUNT {
            let is_hit = |cells: &[Cell; PRODUCT_COUNT]| {
                let cell = &cells[product];
                // What keeps a department from the suite is told by the suite alone.
                !cell.is_parts
                    && cell.score().is_some_and(|score| score < -PART_LOW)
                    && cell.value < PART_RATIO * cell.expected
            };
            let judged = cells.iter().filter(|cells| cells[product].is_judged).count();
            if judged == 0 {
                continue;
            }
            let hit: Vec<usize> = rows
                .iter()
                .zip(&*cells)
                // What lasts has been told already.
                .filter(|((index, _), cells)| {
                    is_hit(cells) && self.departments[*index].products[product].drop.is_none()
                })
                .map(|((index, _), _)| *index)
                .collect();
            let is_parent = |of: &usize| {
                hit.iter().any(|index| self.departments[*index].place.parent == Some(*of))
            };
            let count = hit.iter().filter(|index| !is_parent(index)).count();
            let stays = if self.part[product] > 0 { PART_STAYS } else { 1.0 };
            #[expect(clippy::cast_precision_loss, reason = "no tenant has 2^53 departments")]
            let is_part = today.kind.is_at_work
                && count as f64 >= stays * PART_MIN as f64
                && count as f64 >= stays * PART_SHARE * judged as f64;
            self.part[product] = if is_part { count } else { 0 };
            if !is_part {
                continue;
            }
            for cells in cells.iter_mut() {
                let is_touched = cells[product].score().is_some_and(|score| score < -PART_TOUCHED);
                if is_touched {
                    // What keeps people from the suite keeps them from its products.
                    let all =
                        if product == SUITE { 0..PRODUCT_COUNT } else { product..product + 1 };
                    cells[all].iter_mut().for_each(|cell| cell.is_parts = true);
                }
            }
        }
    }
}
