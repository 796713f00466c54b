//! Tables of cases for the schedule, all in UTC+8 with `ready_at` 09:30 and a jitter of 2 minutes.

use std::sync::Arc;

use jiff::civil::date;

use super::*;
use crate::{
    collect::backoff::Cause,
    feishu::Class,
    snapshot::Problem,
    usage::{Geo, Target},
};

const D21: Day = date(2026, 11, 21);
const D22: Day = date(2026, 11, 22);
const D23: Day = date(2026, 11, 23);

/// A local time in UTC+8 as an instant.
fn at(local: &str) -> Timestamp {
    format!("{local}+08:00").parse().unwrap()
}

fn standing(held: Option<Day>, last_look: Option<&str>) -> Standing {
    let mut standing = Standing::new(Target {
        geo: Geo::Local,
        department_id: Arc::from("od-1"),
        include_children: false,
    });
    standing.held = held;
    standing.complete = held.is_some();
    standing.last_look = last_look.map(at);
    standing
}

/// The last look failed.
fn fail(standing: &mut Standing, cause: Cause) {
    standing.backoff.failed(standing.last_look.unwrap(), cause);
}

fn plan_at(now: &str, standings: &[Standing]) -> Plan {
    let schedule = Schedule::default();
    let zone = Zone::shanghai();
    let timing = Timing { zone: &zone, schedule: &schedule, jitter: Duration::from_secs(120) };
    plan(at(now), &timing, standings)
}

#[test]
fn at_start_everybody_is_looked_at_and_one_goes_first() {
    let plan = plan_at("2026-11-23T14:00", &[standing(None, None), standing(None, None)]);
    assert_eq!((plan.look, plan.lead, plan.expected), (vec![0, 1], Some(0), D22));
}

#[test]
fn a_complete_day_is_not_asked_for_again_until_the_next_is_ready() {
    let standings = [standing(Some(D22), Some("2026-11-23T09:40"))];
    for now in ["2026-11-23T09:41", "2026-11-23T23:59", "2026-11-24T00:00", "2026-11-24T09:29:59"] {
        let plan = plan_at(now, &standings);
        assert_eq!((plan.look, plan.next), (vec![], at("2026-11-24T09:32")), "{now}");
    }
}

#[test]
fn the_new_day_is_looked_for_at_ready_time_plus_jitter() {
    let standings = [standing(Some(D22), Some("2026-11-23T09:40"))];
    let early = plan_at("2026-11-24T09:30", &standings);
    assert_eq!((early.look, early.next, early.expected), (vec![], at("2026-11-24T09:32"), D23));
    let due = plan_at("2026-11-24T09:32", &standings);
    assert_eq!((due.look, due.lead), (vec![0], Some(0)));
}

#[test]
fn while_the_new_day_is_out_nowhere_one_department_is_asked_each_interval() {
    let mut standings = vec![standing(Some(D22), Some("2026-11-23T09:40")); 3];
    assert_eq!(plan_at("2026-11-24T09:32", &standings).look, [0]);
    standings[0].last_look = Some(at("2026-11-24T09:32"));
    let waiting = plan_at("2026-11-24T09:33", &standings);
    assert_eq!((waiting.look, waiting.next), (vec![], at("2026-11-24T10:32")));
    // The turn passes on, so that one slow department does not hold up all.
    let second = plan_at("2026-11-24T10:32", &standings);
    assert_eq!((second.look, second.lead), (vec![1], Some(1)));
}

#[test]
fn once_one_has_the_new_day_all_are_asked() {
    let mut standings = vec![standing(Some(D22), Some("2026-11-23T09:40")); 3];
    standings[1] = standing(Some(D23), Some("2026-11-24T09:32"));
    let plan = plan_at("2026-11-24T09:32", &standings);
    assert_eq!((plan.look, plan.lead), (vec![0, 2], None));
}

#[test]
fn a_department_that_lacks_what_others_have_is_looked_at_every_interval() {
    let standings = [
        standing(Some(D23), Some("2026-11-24T09:32")),
        standing(Some(D22), Some("2026-11-24T09:33")),
    ];
    let waiting = plan_at("2026-11-24T10:00", &standings);
    assert_eq!((waiting.look, waiting.next), (vec![], at("2026-11-24T10:33")));
    assert_eq!(plan_at("2026-11-24T10:33", &standings).look, [1]);
}

#[test]
fn an_incomplete_day_is_asked_for_every_interval() {
    let mut part = standing(Some(D22), Some("2026-11-23T09:40"));
    part.complete = false;
    assert_eq!(plan_at("2026-11-23T10:00", &[part.clone()]).look, [] as [usize; 0]);
    assert_eq!(plan_at("2026-11-23T10:40", &[part]).look, [0]);
}

#[test]
fn looks_that_find_nothing_wait_for_1_then_6_then_24_hours() {
    for (times, due) in [
        (1, "2026-11-23T13:00"),
        (2, "2026-11-23T18:00"),
        (3, "2026-11-24T12:00"),
        (9, "2026-11-24T12:00"),
    ] {
        let mut empty = standing(None, Some("2026-11-23T12:00"));
        (0..times).for_each(|_| fail(&mut empty, Cause::Lasting));
        let before = plan_at("2026-11-23T12:01", &[empty.clone()]);
        assert_eq!(before.look, [] as [usize; 0], "{times}");
        assert!(before.next <= at(due), "{times}");
        assert_eq!(plan_at(due, &[empty]).look, [0], "{times}");
    }
}

#[test]
fn one_that_never_failed_goes_first() {
    let mut forbidden = standing(None, Some("2026-11-23T01:00"));
    fail(&mut forbidden, Cause::Lasting);
    forbidden.problem = Some(Arc::new(Problem {
        at: at("2026-11-23T01:00"),
        class: Class::Permission.as_label(),
        code: Some(1_051_003),
        message: String::new(),
        remedy: String::new(),
        log_id: None,
    }));
    let plan = plan_at("2026-11-23T14:00", &[forbidden, standing(None, None)]);
    assert_eq!((plan.look, plan.lead), (vec![0, 1], Some(1)));
}

#[test]
fn a_clock_that_was_set_back_stops_nothing() {
    for ahead in ["2026-11-23T20:00", "2026-12-20T12:00"] {
        let mut failed = standing(Some(D21), Some(ahead));
        fail(&mut failed, Cause::Passing);
        assert_eq!(plan_at("2026-11-23T12:00", &[failed]).look, [0], "{ahead}");
    }
    let mut ahead = standing(Some(D21), Some("2027-11-23T12:00"));
    fail(&mut ahead, Cause::Passing);
    assert_eq!(plan_at("2026-11-23T12:00", &[ahead]).look, [0]);
    // The day held lies in the future now: there is nothing newer to look for.
    let held = standing(Some(date(2027, 11, 22)), Some("2027-11-23T12:00"));
    assert_eq!(plan_at("2026-11-23T12:00", &[held]).look, [] as [usize; 0]);
}

#[test]
fn a_clock_that_jumps_ahead_makes_the_new_day_due() {
    let standings = [standing(Some(D22), Some("2026-11-23T09:40"))];
    let plan = plan_at("2026-11-27T15:00", &standings);
    assert_eq!((plan.look, plan.expected), (vec![0], date(2026, 11, 26)));
}

#[test]
fn the_range_asked_for_is_what_is_missing() {
    let days = |held, newest| days(&standing(held, None), D23, newest, 7);
    let lookback = (date(2026, 11, 16), D23);
    for (held, newest, range, case) in [
        (None, None, (D23, D23), "at start the expected day alone"),
        (None, Some(D23), (D23, D23), "others have it"),
        (None, Some(D22), lookback, "it is late, so one range"),
        (Some(D22), Some(D22), (D23, D23), "the next day"),
        (Some(D21), Some(D22), (D22, D23), "two days"),
        (Some(date(2026, 10, 1)), Some(D22), lookback, "no further than the look-back"),
        (Some(D23), Some(D23), (D23, D23), "an incomplete day again"),
    ] {
        assert_eq!(days(held, newest), range, "{case}");
    }
    let mut empty = standing(None, Some("2026-11-24T09:32"));
    fail(&mut empty, Cause::Lasting);
    assert_eq!(super::days(&empty, D23, Some(D23), 7), lookback, "one request finds any row");
}

#[test]
fn those_asked_before_the_day_was_ready_are_asked_as_soon_as_another_has_it() {
    // The exporter was started five minutes before the day was ready.
    let mut standings = vec![standing(Some(D22), Some("2026-11-24T09:25")); 3];
    standings[0] = standing(Some(D23), Some("2026-11-24T09:32"));
    assert_eq!(plan_at("2026-11-24T09:32", &standings).look, [1, 2]);
    // Asked since then without success, they wait for the interval.
    standings[1].last_look = Some(at("2026-11-24T09:32"));
    let plan = plan_at("2026-11-24T09:33", &standings);
    assert_eq!((plan.look, plan.next), (vec![2], at("2026-11-24T09:33")));
}

#[test]
fn after_a_restart_while_the_day_is_late_one_department_is_asked() {
    let plan = plan_at("2026-11-24T11:00", &vec![standing(Some(D22), None); 3]);
    assert_eq!((plan.look, plan.lead), (vec![0], Some(0)));
}
