//! When a live exporter would have shown a day. Pure.

use std::time::Duration;

use jiff::{Timestamp, civil::Time};

use crate::day::{Day, Zone, after};

/// The samples of one value: one, or one at each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Unix time of the first.
    pub(super) first_s: i64,
    /// Seconds between two.
    pub(super) step_s: i64,
    /// How many; at least one.
    pub(super) count: u64,
}

impl Run {
    /// Unix times of the samples.
    pub(super) fn times(self) -> impl Iterator<Item = i64> {
        let mut time = self.first_s;
        (0..self.count).map(move |_| {
            let this = time;
            time += self.step_s;
            this
        })
    }
}

/// How the days of a geo are stamped.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    /// The zone in which days are counted.
    pub(super) zone: Zone,
    /// Local time at which a day is there, on the next.
    pub(super) ready_at: Time,
    /// For how long after its end a day is shown at most.
    pub(super) max_age: Duration,
    /// A value that is repeated is not stamped earlier than this, as Unix time.
    pub(super) since_s: i64,
    /// Nothing is stamped later than this.
    pub(super) now: Timestamp,
    /// How often a value is repeated while it is shown; none: it stands once.
    pub(super) step: Option<Duration>,
}

impl Moments {
    /// The moment from which a day is shown, as Unix time.
    pub(super) fn of(&self, day: Day) -> i64 {
        self.zone.at(after(day, 1), self.ready_at).as_second()
    }

    /// The samples of a day: from its moment on, until that of the day that ends it, at most until
    /// the day is too old; none of a day that is not shown yet.
    pub(super) fn run(&self, day: Day, end: Option<Day>) -> Option<Run> {
        let (first_s, now_s) = (self.of(day), self.now.as_second());
        if first_s > now_s {
            return None;
        }
        let Some(step) = self.step else {
            return Some(Run { first_s, step_s: 0, count: 1 });
        };
        let step_s = i64::try_from(step.as_secs()).unwrap_or(i64::MAX).max(1);
        let too_old = self.zone.end_of(day).as_second()
            + i64::try_from(self.max_age.as_secs()).unwrap_or(i64::MAX / 2);
        // `now` is included, the others are not.
        let until = end.map_or(too_old, |end| self.of(end).min(too_old)).min(now_s + 1);
        let early = (self.since_s - first_s).max(0);
        let first_s = first_s + (early + step_s - 1) / step_s * step_s;
        let count = u64::try_from((until - first_s + step_s - 1) / step_s).unwrap_or(0);
        (count > 0).then_some(Run { first_s, step_s, count })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn moments(zone: &str, now: &str, step_s: Option<u64>) -> Moments {
        Moments {
            zone: Zone::named(zone).unwrap(),
            ready_at: Time::constant(9, 30, 0, 0),
            max_age: Duration::from_secs(2 * 86_400),
            since_s: i64::MIN / 2,
            now: now.parse().unwrap(),
            step: step_s.map(Duration::from_secs),
        }
    }

    fn shown(second: i64) -> String {
        Timestamp::from_second(second).unwrap().to_string()
    }

    #[test]
    fn a_day_is_stamped_on_the_next_at_ready_time_of_its_zone() {
        for (zone, day, moment) in [
            ("Asia/Shanghai", date(2026, 11, 22), "2026-11-23T01:30:00Z"),
            ("UTC", date(2026, 11, 22), "2026-11-23T09:30:00Z"),
            // The clock goes back on the 25th and forward on 28 March.
            ("Europe/Berlin", date(2026, 10, 23), "2026-10-24T07:30:00Z"),
            ("Europe/Berlin", date(2026, 10, 24), "2026-10-25T08:30:00Z"),
            ("Europe/Berlin", date(2027, 3, 27), "2027-03-28T07:30:00Z"),
            ("Asia/Shanghai", date(2026, 12, 31), "2027-01-01T01:30:00Z"),
        ] {
            let moments = moments(zone, "2027-06-01T00:00:00Z", None);
            assert_eq!(shown(moments.of(day)), moment, "{zone} {day}");
            let once = Run { first_s: moments.of(day), step_s: 0, count: 1 };
            assert_eq!(moments.run(day, Some(day.tomorrow().unwrap())), Some(once));
        }
    }

    #[test]
    fn a_day_that_is_not_shown_yet_has_no_sample() {
        let day = date(2026, 11, 22);
        for step in [None, Some(240)] {
            assert_eq!(moments("UTC", "2026-11-23T09:29:59Z", step).run(day, None), None);
            let now = moments("UTC", "2026-11-23T09:30:00Z", step);
            assert_eq!(now.run(day, None).map(|run| run.count), Some(1));
        }
    }

    #[test]
    fn a_dense_day_is_repeated_until_the_next_that_there_is() {
        let late = "2027-06-01T00:00:00Z";
        let day = date(2026, 10, 23);
        for (zone, now, next, step, count, last) in [
            // A day of 24 hours, and the one on which Berlin's clock goes back.
            ("UTC", late, Some(date(2026, 10, 24)), 240, 360, "2026-10-25T09:26:00Z"),
            ("Europe/Berlin", late, Some(date(2026, 10, 24)), 240, 375, "2026-10-25T08:26:00Z"),
            // A step that does not divide the day.
            ("UTC", late, Some(date(2026, 10, 24)), 3601, 24, "2026-10-25T08:30:23Z"),
            // The next day is missing: until the one after it, then until max_age.
            ("UTC", late, Some(date(2026, 10, 25)), 3600, 39, "2026-10-25T23:30:00Z"),
            ("UTC", late, None, 3600, 39, "2026-10-25T23:30:00Z"),
            // Never beyond now.
            ("UTC", "2026-10-24T10:30:00Z", None, 3600, 2, "2026-10-24T10:30:00Z"),
            ("UTC", "2026-10-24T10:29:59Z", None, 3600, 1, "2026-10-24T09:30:00Z"),
        ] {
            let run = moments(zone, now, Some(step)).run(day, next).unwrap();
            let times: Vec<i64> = run.times().collect();
            let name = format!("{zone} {now} {next:?} {step}");
            assert_eq!(run.count, count, "{name}");
            assert_eq!(times.len() as u64, count, "{name}");
            assert_eq!(shown(*times.last().unwrap()), last, "{name}");
        }
    }

    #[test]
    fn a_dense_day_from_before_the_range_goes_on_in_its_own_steps() {
        let day = date(2026, 10, 23);
        let mut moments = moments("UTC", "2027-06-01T00:00:00Z", Some(3600));
        moments.since_s = moments.of(date(2026, 10, 24)) + 17;
        let run = moments.run(day, None).unwrap();
        assert_eq!(shown(run.first_s), "2026-10-25T10:30:00Z");
        assert_eq!(shown(run.times().last().unwrap()), "2026-10-25T23:30:00Z");
        moments.since_s = moments.of(date(2026, 10, 26));
        assert_eq!(moments.run(day, None), None);
    }

    proptest::proptest! {
        /// Against the rule itself, step by step.
        #[test]
        fn a_sample_stands_exactly_where_a_live_exporter_shows_the_day(
            day in 0i32..700,
            gap in 1i32..5,
            age_h in 24u64..96,
            now_h in 0i64..200,
            step_s in 900u64..20_000,
        ) {
            for zone in ["Asia/Shanghai", "UTC", "Europe/Berlin"] {
                let day = after(date(2026, 1, 1), day);
                let next = after(day, gap);
                let mut moments = moments(zone, "2026-01-01T00:00:00Z", Some(step_s));
                moments.max_age = Duration::from_secs(age_h * 3600);
                let end = moments.zone.end_of(day).as_second();
                moments.now = Timestamp::from_second(end + now_h * 3600 + 17).unwrap();
                let is_shown = |time: i64| {
                    time < moments.of(next)
                        && time < end + i64::try_from(age_h).unwrap() * 3600
                        && time <= moments.now.as_second()
                };
                let step = usize::try_from(step_s).unwrap();
                let expected: Vec<i64> = (moments.of(day)..)
                    .step_by(step)
                    .take_while(|time| is_shown(*time))
                    .collect();
                let run = moments.run(day, Some(next));
                let found: Vec<i64> = run.into_iter().flat_map(Run::times).collect();
                proptest::prop_assert_eq!(found, expected);
            }
        }
    }
}
