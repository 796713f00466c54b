//! A figure of the last days as a line, drawn into the page: no request, no script.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{
    texts::{Drawn, Texts},
    words::number,
};
use crate::{
    day::Day,
    snapshot::{RECENT_DAYS, RECENT_INDEXES, Recent, TenantStatus},
};

/// Days of the line in the list: four weeks.
const WEEKS_DAYS: usize = 28;
/// Units of the drawing for a day, and its height; the style sheet says how large it is shown.
const DAY_WIDTH: f64 = 4.0;
const HEIGHT: f64 = 28.0;
/// Room above and below for the thickness of the line.
const MARGIN: f64 = 2.0;

/// One figure of the days up to the one served.
pub(super) struct Line<'a> {
    tenant: &'a TenantStatus,
    days: Vec<(Day, Option<f64>)>,
}

impl<'a> Line<'a> {
    /// The last four weeks of the active members; none where none of it may be or can be shown.
    pub(super) fn of_weeks(tenant: &'a TenantStatus, recent: Option<&Recent>) -> Option<Self> {
        Self::new(tenant, recent?, WEEKS_DAYS, 0)
    }

    /// Every figure that is shown day by day, by catalogue index.
    pub(super) fn of_all_days(
        tenant: &'a TenantStatus,
        recent: Option<&Recent>,
    ) -> Vec<(usize, Self)> {
        let line = |(at, index)| Some((index, Self::new(tenant, recent?, RECENT_DAYS, at)?));
        RECENT_INDEXES.into_iter().enumerate().filter_map(line).collect()
    }

    fn new(tenant: &'a TenantStatus, recent: &Recent, count: usize, at: usize) -> Option<Self> {
        let days: Vec<_> = recent.days(count, at).collect();
        let is_published = tenant.figures.contains(RECENT_INDEXES[at]);
        // One day is no line.
        let is_line = days.iter().filter(|(_, value)| value.is_some()).count() > 1;
        (is_published && is_line).then_some(Self { tenant, days })
    }

    /// The days with their values, the oldest first.
    pub(super) fn days(&self) -> &[(Day, Option<f64>)] {
        &self.days
    }

    /// What the drawing shows, in numbers.
    pub(super) fn drawn(&self) -> Option<Drawn> {
        let known = || self.days.iter().filter_map(|(day, value)| Some((*day, (*value)?)));
        let lowest = known().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let highest = known().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let told = |(day, value)| (day, number(value));
        Some(Drawn {
            days: self.days.len(),
            lowest: told(lowest),
            highest: told(highest),
            last: told(known().next_back()?),
        })
    }

    /// The drawing, told in words to those who do not see it.
    pub(super) fn svg(&self, name: &str, class: &str, texts: &Texts) -> Markup {
        let Some(drawn) = self.drawn() else { return html! {} };
        let highest = self.days.iter().filter_map(|(_, value)| *value).fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "91 at most")]
        let width = DAY_WIDTH * self.days.len() as f64;
        let told = (texts.drawn)(name, &drawn);
        html! {
            svg.(class) role="img" aria-label=(told) viewBox=(format!("0 0 {width} {HEIGHT}"))
                preserveAspectRatio="none" {
                title { (told) }
                path.off d=(self.days_off()) {}
                path.line d=(self.line(highest)) {}
            }
        }
    }

    /// A bar behind each day off.
    fn days_off(&self) -> String {
        let mut path = String::new();
        for (at, (day, _)) in self.days.iter().enumerate() {
            if !self.tenant.calendar.is_workday(*day) {
                let _ = write!(path, "M{} 0h{DAY_WIDTH}v{HEIGHT}h-{DAY_WIDTH}z", left(at));
            }
        }
        path
    }

    /// From day to day; a gap where a value is missing. It begins at zero, so that heights compare.
    fn line(&self, highest: f64) -> String {
        let mut path = String::new();
        let mut is_drawing = false;
        for (at, (_, value)) in self.days.iter().enumerate() {
            let Some(value) = value else {
                is_drawing = false;
                continue;
            };
            let share = if highest > 0.0 { value / highest } else { 0.0 };
            let (x, y) =
                (left(at) + DAY_WIDTH / 2.0, MARGIN + (HEIGHT - 2.0 * MARGIN) * (1.0 - share));
            let _ = write!(path, "{}{x} {y:.1}", if is_drawing { 'L' } else { 'M' });
            if !is_drawing {
                // A day between two gaps is a dot.
                path.push_str("h0");
            }
            is_drawing = true;
        }
        path
    }
}

#[expect(clippy::cast_precision_loss, reason = "91 at most")]
fn left(at: usize) -> f64 {
    DAY_WIDTH * at as f64
}
