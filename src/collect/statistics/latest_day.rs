//! Which day is the newest that Feishu should have by now. Pure functions of `now`.

use jiff::{Timestamp, civil::Time};

use crate::day::{Day, Zone, after};

/// The newest day whose figures should be there: yesterday from `ready_at` on, the day before
/// until then.
///
/// Decided by instants, so that an hour that daylight saving repeats is not morning twice.
pub(crate) fn expected(now: Timestamp, zone: &Zone, ready_at: Time) -> Day {
    let yesterday = after(zone.local(now).date(), -1);
    if now >= ready(yesterday, zone, ready_at) { yesterday } else { after(yesterday, -1) }
}

/// When the figures of `day` should be there.
pub(crate) fn ready(day: Day, zone: &Zone, ready_at: Time) -> Timestamp {
    zone.at(after(day, 1), ready_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY_AT: Time = Time::constant(9, 30, 0, 0);

    fn expected_at(zone: &str, now: &str) -> String {
        let zone = Zone::named(zone).unwrap();
        expected(now.parse().unwrap(), &zone, READY_AT).to_string()
    }

    #[test]
    fn yesterday_is_expected_from_half_past_nine_on() {
        for (zone, now, day) in [
            // 09:29:59, 09:30:00 in UTC+8.
            ("Asia/Shanghai", "2026-11-23T01:29:59Z", "2026-11-21"),
            ("Asia/Shanghai", "2026-11-23T01:30:00Z", "2026-11-22"),
            // The same instants elsewhere.
            ("UTC", "2026-11-23T01:30:00Z", "2026-11-21"),
            ("UTC", "2026-11-23T09:29:59Z", "2026-11-21"),
            ("UTC", "2026-11-23T09:30:00Z", "2026-11-22"),
            ("America/New_York", "2026-11-23T14:30:00Z", "2026-11-22"),
        ] {
            assert_eq!(expected_at(zone, now), day, "{zone} {now}");
        }
    }

    #[test]
    fn midnight_changes_nothing() {
        for (now, day) in [
            // 23:59:59 and 00:00:00 in UTC+8.
            ("2026-11-22T15:59:59Z", "2026-11-21"),
            ("2026-11-22T16:00:00Z", "2026-11-21"),
        ] {
            assert_eq!(expected_at("Asia/Shanghai", now), day, "{now}");
        }
    }

    #[test]
    fn the_day_before_lies_across_month_and_year() {
        for (now, day) in [
            ("2026-12-01T02:00:00Z", "2026-11-30"),
            ("2027-01-01T02:00:00Z", "2026-12-31"),
            ("2027-01-01T01:00:00Z", "2026-12-30"),
            ("2028-03-01T02:00:00Z", "2028-02-29"),
        ] {
            assert_eq!(expected_at("Asia/Shanghai", now), day, "{now}");
        }
    }

    #[test]
    fn daylight_saving_moves_the_hour_with_the_clock() {
        for (now, day) in [
            // Berlin: 09:30 is 07:30 UTC in summer and 08:30 in winter.
            ("2026-10-24T07:30:00Z", "2026-10-23"),
            ("2026-10-25T07:30:00Z", "2026-10-23"),
            ("2026-10-25T08:30:00Z", "2026-10-24"),
            ("2026-03-29T07:29:59Z", "2026-03-27"),
            ("2026-03-29T07:30:00Z", "2026-03-28"),
        ] {
            assert_eq!(expected_at("Europe/Berlin", now), day, "{now}");
        }
    }

    #[test]
    fn a_repeated_hour_is_morning_once() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        // 02:30 comes twice on 25 October: at 00:30 and at 01:30 UTC.
        let at = |now: &str| expected(now.parse().unwrap(), &zone, Time::constant(2, 30, 0, 0));
        assert_eq!(at("2026-10-25T00:29:59Z").to_string(), "2026-10-23");
        assert_eq!(at("2026-10-25T00:30:00Z").to_string(), "2026-10-24");
        assert_eq!(at("2026-10-25T01:10:00Z").to_string(), "2026-10-24");
        assert_eq!(at("2026-10-25T03:00:00Z").to_string(), "2026-10-24");
    }

    proptest::proptest! {
        #[test]
        fn a_day_is_expected_exactly_from_its_ready_time_on(second in 0i64..4_000_000_000) {
            let now = Timestamp::from_second(second).unwrap();
            for zone in ["Asia/Shanghai", "UTC", "Europe/Berlin", "America/St_Johns"] {
                let zone = Zone::named(zone).unwrap();
                let day = expected(now, &zone, READY_AT);
                proptest::prop_assert!(ready(day, &zone, READY_AT) <= now);
                proptest::prop_assert!(ready(after(day, 1), &zone, READY_AT) > now);
            }
        }
    }
}
