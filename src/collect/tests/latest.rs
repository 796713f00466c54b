//! Which day is served and what it takes: new days, late days, days in part.

use super::*;
use feishu_simulator::{Fault, Kind};

const MONDAY: Day = jiff::civil::date(2026, 11, 23);

fn served_days(world: &World) -> Vec<Day> {
    let mut days: Vec<Day> = world.served().iter().map(|day| day.day).collect();
    days.dedup();
    days
}

#[tokio::test]
async fn the_new_day_is_collected_once_it_is_ready() {
    let mut world = world(few(10), |_| {}).await;
    world.look().await;
    world.set_now("2026-11-24T09:29:00+08:00");
    assert_eq!(world.look().await, 0);
    // Ready time, plus the whole jitter.
    world.set_now("2026-11-24T09:35:00+08:00");
    assert_eq!(world.look().await, world.ids().len() as u64);
    assert_eq!(served_days(&world), [MONDAY]);
}

#[tokio::test]
async fn while_the_new_day_is_late_each_look_is_one_request() {
    let mut world = world(few(10), |_| {}).await;
    world.look().await;
    world.simulator.inject(Kind::LateDay { until: None }).unwrap();
    for now in
        ["2026-11-24T09:36:00+08:00", "2026-11-24T10:37:00+08:00", "2026-11-24T11:38:00+08:00"]
    {
        world.set_now(now);
        assert_eq!(world.look().await, 1, "{now}");
        assert_eq!(world.look().await, 0, "nothing is due within the interval");
        assert_eq!(served_days(&world), [SUNDAY]);
    }
    world.simulator.clear_faults();
    world.set_now("2026-11-24T12:39:00+08:00");
    assert_eq!(world.look().await, world.ids().len() as u64);
    assert_eq!(served_days(&world), [MONDAY]);
}

#[tokio::test]
async fn at_start_with_a_late_day_each_department_takes_one_range() {
    let mut world = world(few(10), |_| {}).await;
    world.simulator.inject(Kind::LateDay { until: None }).unwrap();
    let asked = world.look().await;
    let departments = world.ids().len() as u64;
    // Seven days of four rows are two pages; the first department was asked for the newest day.
    assert_eq!(asked, 1 + 2 * departments);
    assert_eq!(served_days(&world), [crate::day::after(SUNDAY, -1)]);
}

#[tokio::test]
async fn one_late_department_keeps_its_day_and_is_asked_alone() {
    let mut world = world(few(6), |_| {}).await;
    world.look().await;
    let late = world.ids()[3].clone();
    let fault = Fault::from(Kind::LateDay { until: None }).department(&late);
    world.simulator.inject(fault).unwrap();
    world.set_now("2026-11-24T09:36:00+08:00");
    assert_eq!(world.look().await, world.ids().len() as u64);
    assert_eq!(world.served_one(&late).unwrap().day, SUNDAY);
    assert_eq!(
        world.served().iter().filter(|day| day.day == MONDAY).count(),
        world.ids().len() - 1
    );
    world.simulator.clear_faults();
    world.set_now("2026-11-24T10:37:00+08:00");
    assert_eq!(world.look().await, 1);
    assert_eq!(world.served_one(&late).unwrap().day, MONDAY);
}

#[tokio::test]
async fn a_day_that_arrives_in_part_is_served_and_asked_for_three_times_more() {
    let mut world = world(few(1), |_| {}).await;
    world.look().await;
    let without = vec!["旗舰版".to_owned()];
    world.simulator.inject(Kind::PartialDay { without }).unwrap();
    for hour in 10..14 {
        world.set_now(&format!("2026-11-24T{hour}:00:00+08:00"));
        assert_eq!(world.look().await, 1, "at {hour}");
        assert_eq!(world.served()[0].rows.len(), 3);
    }
    world.set_now("2026-11-24T14:00:00+08:00");
    assert_eq!(world.look().await, 0, "the version is taken for gone");
}

#[tokio::test]
async fn a_department_without_any_row_is_asked_after_1_then_6_then_24_hours() {
    let mut world = world(few(1), |_| {}).await;
    world.simulator.change(|options| options.history_days = 0);
    assert_eq!(world.look().await, 2, "the newest day, then the look-back as one range");
    for (now, requests) in [
        ("2026-11-23T14:59:00+08:00", 0),
        ("2026-11-23T15:01:00+08:00", 1),
        ("2026-11-23T21:00:00+08:00", 0),
        ("2026-11-23T21:02:00+08:00", 1),
        ("2026-11-24T21:01:00+08:00", 0),
        ("2026-11-24T21:03:00+08:00", 1),
    ] {
        world.set_now(now);
        assert_eq!(world.look().await, requests, "{now}");
    }
}

#[tokio::test]
async fn values_that_are_too_old_are_no_longer_served() {
    let mut world = world(few(2), |_| {}).await;
    world.look().await;
    assert!(!world.served().is_empty());
    // Sunday ended on the 23rd at 00:00; fourteen days later it is too old.
    world.set_now("2026-12-06T23:59:59+08:00");
    assert!(!world.served().is_empty());
    world.set_now("2026-12-07T00:00:00+08:00");
    assert!(world.served().is_empty());
}

#[tokio::test]
async fn one_ordered_day_is_collected_instead_of_the_latest() {
    let mut world = world(few(3), |_| {}).await;
    let ordered = jiff::civil::date(2026, 9, 15);
    world.statistics.state.only_day = Some(ordered);
    assert_eq!(world.look().await, world.ids().len() as u64);
    assert_eq!(served_days(&world), [ordered]);
}

#[tokio::test]
async fn without_a_known_total_one_more_query_finds_it_and_learns_its_name() {
    let mut world = world(few(6), |_| {}).await;
    world.simulator.change(|options| options.total_version = "All versions".to_owned());
    let departments = world.ids().len() as u64;
    let asked = world.look().await;
    // Whoever is asked before the name is known needs a second query.
    assert!(asked > departments && asked <= 2 * departments, "{asked}");
    for day in world.served() {
        let versions: Vec<_> = day.rows.iter().map(|(version, _)| version.clone()).collect();
        assert_eq!((versions.len(), &versions[0]), (4, &Version::Total), "{versions:?}");
        let truth =
            world.simulator.truth(&day.department_id, SUNDAY, simulator::Geo::Cn, None).unwrap();
        assert_eq!(samples(&day, &Version::Total)["suite_dau"], truth["suite_dau"]);
    }
    world.set_now("2026-11-24T09:36:00+08:00");
    assert_eq!(world.look().await, departments, "the name is remembered");
}

#[tokio::test]
async fn where_versions_are_refused_the_totals_are_collected_and_it_is_said() {
    let mut world = world(few(5), |_| {}).await;
    world.simulator.inject(Kind::RefuseVersions).unwrap();
    let departments = world.ids().len() as u64;
    assert_eq!(world.look().await, departments + 1, "one refusal, then without");
    assert!(world.served().iter().all(|day| day.rows.len() == 1));
    assert!(world.status().notices[0].contains("with_product_version"));
    // The feature may be switched on some day.
    world.simulator.clear_faults();
    world.set_now("2026-11-24T09:36:00+08:00");
    assert_eq!(world.look().await, departments);
    assert!(world.served().iter().all(|day| day.rows.len() == 4));
    assert!(world.status().notices.is_empty());
}

#[tokio::test]
async fn the_scale_of_rates_is_learned_and_until_then_rates_have_no_samples() {
    for (written, scale) in [
        (simulator::Rates::Ratio, RateScale::Ratio),
        (simulator::Rates::Percent, RateScale::Percent),
    ] {
        let options = simulator::Options { rates: written, ..few(12) };
        let mut world = world(options, |tenant| tenant.rates = None).await;
        assert_eq!(world.report().view.scale, None);
        world.look().await;
        assert_eq!(world.report().view.scale, Some(scale));
    }
}

#[tokio::test]
async fn one_odd_department_does_not_decide_the_scale_of_rates() {
    let mut world = world(few(60), |tenant| tenant.rates = None).await;
    let lead = world.ids()[0].clone();
    for (field, value) in
        [("active_user_rate", "1.00"), ("total_user_num", "100"), ("active_user_num", "1")]
    {
        let kind = Kind::SetField { field: field.to_owned(), value: value.into() };
        world.simulator.inject(Fault::from(kind).department(&lead)).unwrap();
    }
    world.look().await;
    assert_eq!(world.report().view.scale, Some(RateScale::Ratio));
}
