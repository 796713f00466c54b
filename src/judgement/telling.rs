//! What begins, goes on and ends today, and which of it is told: one message for one cause.

use super::{
    Circumstances, Judge, Usage, Windows,
    company::unrest,
    department::Cell,
    episode::{self, Episode},
    product::{PRODUCT_COUNT, SUITE},
    window::{self, WINDOWS},
};

/// A department as low as this takes part in what its parent shows.
const TAKES_PART: f64 = 2.5;
/// A parent's drop is its children's where they explain so much of it.
const EXPLAINED: f64 = 0.5;
/// A child's drop so many days after its parent's is the same one.
const AT_ONCE: i32 = 4;
/// Later, one so much deeper is another.
const DEEPER: f64 = 1.5;

/// What was seen today of every department, by index.
struct Seen<'a> {
    windows: &'a [Windows],
    expected: Vec<[f64; PRODUCT_COUNT]>,
    /// Department, product and window of the drops that begin.
    found: Vec<(usize, usize, usize)>,
}

impl Judge {
    /// Begins, continues and ends drops; returns the windows of all departments.
    pub(super) fn episodes(
        &mut self,
        rows: &[(usize, Usage)],
        cells: &[[Cell; PRODUCT_COUNT]],
        today: &Circumstances,
    ) -> Vec<Windows> {
        let none = [[None; WINDOWS.len()]; PRODUCT_COUNT];
        let mut windows = vec![none; self.departments.len()];
        for ((index, _), cells) in rows.iter().zip(cells) {
            for (product, cell) in cells.iter().enumerate() {
                if !cell.is_judged || cell.is_parts {
                    continue;
                }
                let state = &mut self.departments[*index].products[product];
                state.go_on(today.number, cell.variance);
                windows[*index][product] =
                    WINDOWS.map(|days| window::newest(&state.track, days, state.over));
            }
        }
        steady(&mut windows);
        self.begin(rows, cells, today, &windows);
        self.decline(rows, cells, today);
        windows
    }

    fn begin(
        &mut self,
        rows: &[(usize, Usage)],
        cells: &[[Cell; PRODUCT_COUNT]],
        today: &Circumstances,
        windows: &[Windows],
    ) {
        let mut seen = Seen {
            windows,
            expected: vec![[0.0; PRODUCT_COUNT]; self.departments.len()],
            found: Vec::new(),
        };
        for ((index, _), cells) in rows.iter().zip(cells) {
            seen.expected[*index] = std::array::from_fn(|product| cells[product].expected);
            for (product, windows) in windows[*index].iter().enumerate() {
                let company = today.factors[product].change.map(f64::exp);
                let state = &self.departments[*index].products[product];
                let before = |days| window::before(&state.track, days, state.over);
                if state.drop.is_none()
                    && let Some(at) = episode::begins(windows, before, company, today.is_weekend)
                {
                    seen.found.push((*index, product, at));
                }
            }
        }
        let covered: Vec<bool> = seen
            .found
            .iter()
            .map(|&(index, product, at)| {
                self.is_suites(index, product, &seen)
                    || self.is_childrens((index, product), at, &seen)
                    || self.is_parents((index, product), at, &seen, today.number)
            })
            .collect();
        for (&(index, product, at), is_covered) in seen.found.iter().zip(covered) {
            let Some(window) = windows[index][product][at] else { continue };
            let state = &mut self.departments[index].products[product];
            state.track.dropped_since(window.since);
            state.found = Some(today.number);
            state.drop = Some(Episode {
                since: window.since,
                opened: today.number,
                change: window.change,
                lack: window.lack,
                days: u32::try_from(WINDOWS[at]).unwrap_or(u32::MAX),
                is_covered,
            });
        }
    }

    /// Whether the suite tells the drop of a product.
    fn is_suites(&self, index: usize, product: usize, seen: &Seen) -> bool {
        product != SUITE
            && (self.departments[index].products[SUITE].drop.is_some()
                || seen.found.iter().any(|(i, p, _)| (*i, *p) == (index, SUITE)))
    }

    /// Whether a minority of its children explains the drop of a department.
    fn is_childrens(&self, of: (usize, usize), at: usize, seen: &Seen) -> bool {
        let (index, product) = of;
        let Some(window) = seen.windows[index][product][at] else { return false };
        let (mut low, mut judged, mut explained) = (0, 0, 0.0);
        for (child, department) in self.departments.iter().enumerate() {
            if department.place.parent != Some(index) {
                continue;
            }
            let Some(window) = seen.windows[child][product][at] else { continue };
            judged += 1;
            if window.low >= TAKES_PART || department.products[product].drop.is_some() {
                low += 1;
                let lacking = 1.0 - window.lack.ratio;
                explained += seen.expected[child][product] * lacking.max(0.0);
            }
        }
        let lacking = seen.expected[index][product] * (1.0 - window.lack.ratio);
        let is_majority = low >= 2 && 2 * low > judged;
        low > 0 && !is_majority && explained >= EXPLAINED * lacking
    }

    /// Whether the department that it belongs to tells the drop.
    fn is_parents(&self, of: (usize, usize), at: usize, seen: &Seen, number: i32) -> bool {
        let (index, product) = of;
        let Some(parent) = self.departments[index].place.parent else { return false };
        let change = seen.windows[index][product][at].map_or(0.0, |window| window.change);
        let is_told = match &self.departments[parent].products[product].drop {
            Some(drop) => {
                let is_same = number - drop.opened <= AT_ONCE || change > DEEPER * drop.change;
                !drop.is_covered && is_same
            }
            None => seen.found.iter().any(|(i, p, parents_at)| {
                (*i, *p) == (parent, product)
                    && !self.is_childrens((parent, product), *parents_at, seen)
            }),
        };
        is_told || self.is_parents_parents(parent, product, at, seen, number)
    }

    fn is_parents_parents(
        &self,
        parent: usize,
        product: usize,
        at: usize,
        seen: &Seen,
        number: i32,
    ) -> bool {
        // Trees are four deep; a circle in what was configured must not be walked for ever.
        let takes_part =
            seen.windows[parent][product][at].is_some_and(|window| window.low >= TAKES_PART);
        takes_part
            && self.departments[parent].place.parent.is_some_and(|above| above != parent)
            && self.is_parents((parent, product), at, seen, number)
    }
}

/// Takes out of longer windows how far all departments have drifted apart: in summer, when people
/// take turns, and after holidays, each has its own ten days.
fn steady(windows: &mut [Windows]) {
    for product in 0..PRODUCT_COUNT {
        for at in 1..WINDOWS.len() {
            let mut all: Vec<f64> =
                windows.iter().filter_map(|of| of[product][at]).map(|window| window.low).collect();
            let unrest = unrest(&mut all);
            for window in windows.iter_mut().filter_map(|of| of[product][at].as_mut()) {
                window.low /= unrest;
            }
        }
    }
}
