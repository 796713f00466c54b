//! History: what a restart costs, and baselines.

use std::collections::BTreeSet;

use jiff::civil::date;

use super::{
    optional::everything,
    values::{MONDAY, root_with_children},
    *,
};
use crate::{
    day::{after, days_between},
    store::{Extent, TenantStore},
    usage::{TOTAL_USERS, Target},
};
use feishu_simulator::{Fault, Kind};

pub(super) fn in_memory() -> Store {
    let (clock, _hand) = Clock::manual(MONDAY_14.parse().unwrap());
    Store::in_memory(clock).unwrap()
}

/// A company whose API has no limits that a test could reach by being quick.
pub(super) fn plenty(departments: usize) -> simulator::Options {
    let limits = Endpoint::ALL.map(|endpoint| (endpoint, simulator::Limit::NONE)).into();
    simulator::Options { limits, ..few(departments) }
}

/// A world with a store, in which every department is listed.
pub(super) async fn keeping(
    store: &Store,
    departments: usize,
    edit: impl FnOnce(&mut Tenant),
) -> World {
    world_keeping(Some(store), plenty(departments), edit).await
}

impl World {
    /// Lets statistics and past run as far as they can.
    pub(super) async fn settle(&mut self) {
        self.statistics.look_once().await;
        self.statistics.publish().await;
        self.statistics.tell();
        self.past.run_once().await;
        self.past.publish().await;
    }

    pub(super) fn statistics_requests(&self) -> u64 {
        self.simulator.request_count(Endpoint::AdminDeptStats)
    }

    /// The median of a field over the same weekday of so many weeks, from the simulator's truth.
    pub(super) fn usual(&self, id: &str, field: &str, day: Day, weeks: i32) -> f64 {
        let mut values: Vec<f64> =
            (1..=weeks).map(|week| self.truth(id, field, after(day, -7 * week))).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() % 2 {
            1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        }
    }

    /// A figure in its published unit.
    pub(super) fn truth(&self, id: &str, field: &str, day: Day) -> f64 {
        let figures = self.simulator.truth(id, day, simulator::Geo::Cn, None).unwrap();
        figures[field] * if field.ends_with("duration") { 60.0 } else { 1.0 }
    }

    /// Each baseline that is published, by metric and department.
    pub(super) fn baselines(&self) -> BTreeMap<(String, String), f64> {
        let body = &self.published.current().unwrap().body;
        let text = exposition::text(body);
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap();
            assert!(labels.contains("product_version=\"all\""), "{line}");
            let id = labels.split("department_id=\"").nth(1).unwrap().split('"').next().unwrap();
            ((name.to_owned(), id.to_owned()), value.parse().unwrap())
        };
        let is_baseline = |line: &&str| line.split('{').next().unwrap().contains("_baseline");
        text.lines().filter(|l| !l.starts_with('#')).filter(is_baseline).map(sample).collect()
    }

    pub(super) fn today(&self) -> Day {
        Zone::shanghai().local(self.statistics.context.clock.now()).date()
    }
}

/// A department that is asked for by itself.
pub(super) fn alone(id: &str) -> Target {
    Target { geo: Geo::Local, department_id: id.into(), include_children: false }
}

pub(super) fn kept(store: &Store) -> TenantStore {
    store.tenant("acme", "cli_demo")
}

#[tokio::test]
async fn every_baseline_is_the_median_of_the_same_weekday_of_the_four_weeks_before() {
    let store = in_memory();
    let mut world = keeping(&store, 12, |_| {}).await;
    let departments = world.ids().len();
    assert!(world.baselines().is_empty());
    world.settle().await;
    let baselines = world.baselines();
    let with_baseline: Vec<_> = FIGURES.iter().filter(|f| f.baseline.is_some()).collect();
    assert_eq!(with_baseline.len(), 12);
    assert_eq!(baselines.len(), departments * 12);
    for id in world.ids() {
        for figure in &with_baseline {
            let name = figure.baseline.unwrap().to_owned();
            let expected = world.usual(&id, figure.api_field, SUNDAY, 4);
            assert_eq!(baselines[&(name, id.clone())], expected, "{}", figure.api_field);
        }
    }
    // Four weeks of one row a day are two pages, once.
    assert_eq!(world.statistics_requests(), departments as u64 * 3);
    let status = world.published.current().unwrap().status.clone();
    let source = status.tenants[0].sources.iter().find(|s| s.source == "baselines").unwrap();
    assert!(source.last_success.is_some() && source.problem.is_none());
    assert_eq!(world.metric("feishu_exporter_collection_success", &["baselines"]), 1.0);
}

/// A company found by discovery whose departments may be asked for together.
async fn found_together(store: &Store, parents: simulator::ParentFigures) -> World {
    let options = simulator::Options { parent_figures: parents, ..plenty(60) };
    let mut world = world_keeping(Some(store), options, |tenant| {
        everything(tenant);
        tenant.contact = None;
        tenant.refresh_intervals.remove("members");
        tenant.user_statistics = None;
        tenant.request_grouping = true;
    })
    .await;
    world.optional.run_once().await;
    world.statistics.retarget();
    world
}

#[tokio::test]
async fn the_past_of_a_branch_is_asked_for_at_once_where_that_gives_the_same() {
    let store = in_memory();
    let mut world = found_together(&store, simulator::ParentFigures::Direct).await;
    let live = world.look().await;
    let departments = world.served();
    world.settle().await;
    // Four weeks of one row a day are two pages each, or fewer together.
    let past = world.statistics_requests() - live;
    let least = (departments.len() as u64 * 28).div_ceil(20);
    assert!(past * 100 <= least * 115, "{past} requests, {least} are the least");
    let baselines = world.baselines();
    assert_eq!(baselines.len(), departments.len() * 12);
    for day in departments {
        let id = day.department_id.to_string();
        let expected = world.usual(&id, "suite_dau", SUNDAY, 4);
        let name = "feishu_department_suite_dau_baseline".to_owned();
        assert_eq!(baselines[&(name, id.clone())], expected, "{id}");
    }
    // It is all there: nothing more is asked for.
    world.past.run_once().await;
    assert_eq!(world.statistics_requests(), live + past);
}

#[tokio::test]
async fn a_branch_whose_past_is_refused_at_once_is_asked_for_by_its_departments() {
    let store = in_memory();
    let mut world = found_together(&store, simulator::ParentFigures::Direct).await;
    let live = world.look().await;
    let departments = world.served().len() as u64;
    let refused = Kind::Error { status: 500, code: 1_051_001, msg: "too many".to_owned() };
    let fault = Fault::from(refused).endpoint(Endpoint::AdminDeptStats).times(1);
    world.simulator.inject(fault).unwrap();
    world.settle().await;
    assert_eq!(world.baselines().len() as u64, departments * 12);
    let past = world.statistics_requests() - live;
    assert!(past <= departments * 2 + 1, "{past} requests");
    world.past.run_once().await;
    assert_eq!(world.statistics_requests(), live + past, "what is there is not asked for again");
}

#[tokio::test]
async fn where_parents_count_those_below_the_past_is_asked_for_alone() {
    let store = in_memory();
    let mut world = found_together(&store, simulator::ParentFigures::Recursive).await;
    let live = world.look().await;
    let departments = world.served().len() as u64;
    world.settle().await;
    assert_eq!(world.statistics_requests(), live + departments * 2);
}

#[tokio::test]
async fn a_drop_shows_in_the_first_scrape_after_the_installation() {
    let store = in_memory();
    let options = simulator::Options { huge_department: Some((1, 3000)), ..plenty(6) };
    let mut world = world_keeping(Some(&store), options, |_| {}).await;
    let tuesday = date(2026, 11, 24);
    world.set_now("2026-11-25T10:00:00+08:00");
    let dropped = world.simulator.departments()[1].open_department_id.clone();
    let slump = Kind::Slump { from: tuesday, to: tuesday, percent: 60, field: None };
    world.simulator.inject(Fault::from(slump).department(&dropped)).unwrap();
    world.settle().await;
    let baselines = world.baselines();
    for figure in FIGURES.iter().filter(|figure| figure.baseline.is_some()) {
        let field = figure.api_field;
        let baseline = baselines[&(figure.baseline.unwrap().to_owned(), dropped.clone())];
        let day = world.served_one(&dropped).unwrap();
        let ratio = samples(&day, &Version::Total)[field] / baseline;
        assert!((ratio - 0.6).abs() < 0.05, "{field}: {ratio}");
    }
}

#[tokio::test]
async fn the_next_weeks_need_no_request_for_the_past() {
    let store = in_memory();
    let mut world = keeping(&store, 4, |_| {}).await;
    world.settle().await;
    let departments = world.ids().len();
    for days in 1..=30 {
        let day = after(date(2026, 11, 23), days);
        world.set_now(&format!("{day}T10:00:00+08:00"));
        let before = world.statistics_requests();
        // The baselines are there in the moment in which the day is.
        world.statistics.look_once().await;
        world.statistics.publish().await;
        let baselines = world.baselines();
        assert_eq!(baselines.len(), departments * 12, "{day}");
        world.settle().await;
        assert_eq!(world.statistics_requests() - before, departments as u64, "{day}");
        let id = world.ids()[0].clone();
        let expected = world.usual(&id, "im_dau", after(day, -1), 4);
        assert_eq!(baselines[&("feishu_department_im_dau_baseline".to_owned(), id)], expected);
    }
}

#[tokio::test]
async fn ten_restarts_cost_no_statistics_request_and_leave_no_gap() {
    let store = in_memory();
    let mut world = keeping(&store, 10, |_| {}).await;
    world.settle().await;
    let before = exposition::text(&world.published.current().unwrap().body);
    let series = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    for _ in 0..10 {
        let mut again = keeping(&store, 10, |_| {}).await;
        // Before anything was asked.
        let first = exposition::text(&again.published.current().unwrap().body);
        assert_eq!(series(&first), series(&before));
        assert_eq!(again.metric("feishu_up", &["acme"]), 1.0, "the last attempt was accepted");
        let success = ["acme", "departments"];
        assert_eq!(again.metric("feishu_exporter_collection_success", &success), 1.0);
        assert!(again.metric("feishu_exporter_last_success_timestamp_seconds", &success) > 1e9);
        again.settle().await;
        again.settle().await;
        assert_eq!(again.statistics_requests(), 0);
        assert_eq!(
            series(&exposition::text(&again.published.current().unwrap().body)),
            series(&before)
        );
    }
}

#[tokio::test]
async fn versions_that_are_no_longer_wanted_are_not_served_from_the_store() {
    let store = in_memory();
    keeping(&store, 2, |_| {}).await.settle().await;
    let again = keeping(&store, 2, |tenant| tenant.product_versions = false).await;
    assert!(again.served().iter().all(|day| day.rows.len() == 1 && day.total().is_some()));
    assert_eq!(again.served().len(), again.ids().len());
}

#[tokio::test]
async fn a_restart_while_the_day_is_late_costs_one_request() {
    let store = in_memory();
    let mut world = keeping(&store, 10, |_| {}).await;
    world.settle().await;
    let mut again = keeping(&store, 10, |_| {}).await;
    again.simulator.inject(Kind::LateDay { until: None }).unwrap();
    again.set_now("2026-11-24T11:00:00+08:00");
    again.settle().await;
    assert_eq!(again.statistics_requests(), 1);
}

#[tokio::test]
async fn without_a_store_there_are_no_baselines_and_no_past_is_asked_for() {
    let mut world = world(few(4), |_| {}).await;
    world.settle().await;
    assert!(world.baselines().is_empty());
    assert_eq!(world.statistics_requests(), world.ids().len() as u64);
    assert_eq!(world.metric("feishu_exporter_store_up", &[]), 0.0);
    let status = world.published.current().unwrap().status.clone();
    assert!(status.tenants[0].sources.iter().all(|source| source.source != "baselines"));
}

#[tokio::test]
async fn a_late_day_compares_with_its_own_weekday() {
    let store = in_memory();
    let mut world = keeping(&store, 3, |_| {}).await;
    let late = world.ids()[0].clone();
    world.simulator.inject(Fault::from(Kind::LateDay { until: None }).department(&late)).unwrap();
    world.settle().await;
    world.settle().await;
    let saturday = after(SUNDAY, -1);
    assert_eq!(world.served_one(&late).unwrap().day, saturday);
    let name = "feishu_department_suite_dau_baseline".to_owned();
    let baselines = world.baselines();
    let expected = world.usual(&late, "suite_dau", saturday, 4);
    assert_eq!(baselines[&(name.clone(), late)], expected);
    let other = world.ids()[1].clone();
    let expected = world.usual(&other, "suite_dau", SUNDAY, 4);
    assert_eq!(baselines[&(name, other)], expected);
}

#[tokio::test]
async fn departments_too_young_for_two_such_days_have_no_baseline() {
    for (days_of_history, expected) in [(14, 0), (15, 12)] {
        let store = in_memory();
        let options = simulator::Options { history_days: days_of_history, ..plenty(1) };
        let mut world = world_keeping(Some(&store), options, |_| {}).await;
        world.settle().await;
        assert_eq!(world.baselines().len(), expected, "{days_of_history}");
        // What has no rows is not asked for again.
        let before = world.statistics_requests();
        world.settle().await;
        assert_eq!(world.statistics_requests(), before);
    }
}

#[tokio::test]
async fn days_off_on_weekdays_have_no_baseline_and_enter_none() {
    // Monday the 16th is served next morning; the 9th was a day off, and so is the 16th.
    let [monday, before] = [date(2026, 11, 16), date(2026, 11, 9)];
    let store = in_memory();
    let mut world = keeping(&store, 1, |tenant| tenant.calendar.holidays = [before].into()).await;
    let id = world.ids()[0].clone();
    world.set_now("2026-11-17T10:00:00+08:00");
    world.settle().await;
    let field = "im_dau";
    let mut values: Vec<f64> =
        [2, 3, 4].map(|week| world.truth(&id, field, after(monday, -7 * week))).into();
    values.sort_by(f64::total_cmp);
    let name = "feishu_department_im_dau_baseline".to_owned();
    assert_eq!(world.baselines()[&(name, id)], values[1]);

    let store = in_memory();
    let mut world = keeping(&store, 1, |tenant| tenant.calendar.holidays = [monday].into()).await;
    world.set_now("2026-11-17T10:00:00+08:00");
    world.settle().await;
    assert!(world.baselines().is_empty());
}

#[tokio::test]
async fn sub_departments_have_baselines_of_days_that_were_asked_for_in_the_same_way() {
    let store = in_memory();
    let options =
        simulator::Options { parent_figures: simulator::ParentFigures::Recursive, ..plenty(20) };
    let mut world = world_keeping(Some(&store), options, |tenant| {
        tenant.departments = vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
    })
    .await;
    world.settle().await;
    let served = world.served();
    assert!(served.len() > 10);
    let baselines = world.baselines();
    assert_eq!(baselines.len(), served.len() * 12);
    // The root's row counts everybody, and so do the days that it is compared with.
    let root = baselines[&("feishu_department_suite_dau_baseline".to_owned(), "0".to_owned())];
    let own = world.usual("0", "suite_dau", SUNDAY, 4);
    assert!(root > 2.0 * own, "{root} {own}");
    let asked = world.simulator.requests();
    assert!(asked.iter().all(|request| {
        request.endpoint != Some(Endpoint::AdminDeptStats)
            || request.parameter("contains_child_dept") == Some("true")
    }));
    // 28 days of every department, at 20 rows a page.
    let pages = |rows: usize| rows.div_ceil(20) as u64;
    let live: usize = served.iter().map(|day| day.rows.len()).sum();
    assert_eq!(world.statistics_requests(), pages(live) + pages(28 * served.len()));
}

#[tokio::test]
async fn the_past_is_asked_for_without_versions_and_yields_to_the_live_statistics() {
    let store = in_memory();
    let mut world = keeping(&store, 5, |tenant| {
        // Twelve live requests: what is left of the month needs more than there is.
        tenant.api.limits.requests_per_month = 12;
    })
    .await;
    world.settle().await;
    let asked = world.simulator.requests();
    let past = asked.iter().filter(|r| r.parameter("with_product_version").is_none());
    assert_eq!(past.filter(|r| r.endpoint == Some(Endpoint::AdminDeptStats)).count(), 0);
    assert!(world.baselines().is_empty());
    let status = world.published.current().unwrap().status.clone();
    let source = status.tenants[0].sources.iter().find(|s| s.source == "baselines").unwrap();
    assert_eq!(source.problem.as_ref().unwrap().class, "quota");

    let store = in_memory();
    let mut world = keeping(&store, 5, |_| {}).await;
    world.settle().await;
    let asked = world.simulator.requests();
    let of_past = asked.iter().filter(|r| {
        r.endpoint == Some(Endpoint::AdminDeptStats)
            && r.parameter("start_date") != r.parameter("end_date")
    });
    let of_past: Vec<_> = of_past.collect();
    assert!(!of_past.is_empty());
    assert!(of_past.iter().all(|r| r.parameter("with_product_version").is_none()));
}

#[tokio::test]
async fn a_failing_department_costs_the_others_no_baseline() {
    let store = in_memory();
    let mut world = keeping(&store, 4, |_| {}).await;
    let (bad, departments) = (world.ids()[1].clone(), world.ids().len());
    world.settle().await;
    let store = in_memory();
    let mut world = keeping(&store, 4, |_| {}).await;
    world.statistics.look_once().await;
    world.statistics.publish().await;
    world.statistics.tell();
    let denied = Kind::Error { status: 400, code: 1_051_003, msg: "no permission".to_owned() };
    world.simulator.inject(Fault::from(denied).department(&bad)).unwrap();
    world.past.run_once().await;
    world.past.publish().await;
    assert_eq!(world.baselines().len(), (departments - 1) * 12);
    assert!(world.baselines().keys().all(|(_, id)| *id != bad));
    // It is left alone for an hour, and then it is there.
    let before = world.statistics_requests();
    world.past.run_once().await;
    assert_eq!(world.statistics_requests(), before);
    world.simulator.clear_faults();
    world.set_now("2026-11-23T15:01:00+08:00");
    world.settle().await;
    assert_eq!(world.baselines().len(), departments * 12);
}

#[tokio::test]
async fn the_months_requests_survive_a_restart() {
    let store = in_memory();
    let mut world = keeping(&store, 3, |_| {}).await;
    world.settle().await;
    let sent = world.statistics_requests() + 1;
    // The store counts behind; asking it waits for what was sent before.
    assert_eq!(kept(&store).spent("2026-11".to_owned()).await.unwrap().total, sent);
    let again = keeping(&store, 3, |_| {}).await;
    let name = "feishu_exporter_api_requests_this_month";
    assert_eq!(again.metric(name, &["acme"]), sent as f64);
}

#[tokio::test]
async fn the_months_requests_have_those_of_a_backfill_beside_this_process() {
    let store = in_memory();
    let mut world = keeping(&store, 3, |_| {}).await;
    world.settle().await;
    let sent = world.statistics_requests() + 1;
    for _ in 0..91 {
        kept(&store).spend("2026-11".to_owned(), "admin_dept_stats", |_| ());
    }
    crate::collect::statistics::restoring::recount(&world.statistics.context).await;
    let name = "feishu_exporter_api_requests_this_month";
    assert_eq!(world.metric(name, &["acme"]), (sent + 91) as f64);
    world.statistics.context.board.publish_facts().await;
    let shown = world.published.current().unwrap();
    assert_eq!(shown.status.tenants[0].requests_this_month, sent + 91);
}

#[tokio::test]
async fn what_was_learned_survives_a_restart() {
    let store = in_memory();
    let options = || simulator::Options {
        rates: simulator::Rates::Percent,
        total_version: "全部".to_owned(),
        ..plenty(12)
    };
    let auto = |tenant: &mut Tenant| tenant.rates = None;
    let mut world = world_keeping(Some(&store), options(), auto).await;
    world.settle().await;
    assert_eq!(world.statistics.state.rates.scale(), Some(RateScale::Percent));
    let asked = world.statistics_requests();
    let mut again = world_keeping(Some(&store), options(), auto).await;
    assert_eq!(
        again.statistics.state.rates.scale(),
        Some(RateScale::Percent),
        "before the first row"
    );
    // The name of the total is known as well: no second request a department.
    again.set_now("2026-11-24T10:00:00+08:00");
    again.settle().await;
    assert_eq!(again.statistics_requests(), again.ids().len() as u64);
    assert!(asked > again.statistics_requests() * 3, "{asked}");
}

#[tokio::test]
async fn optional_sources_go_on_where_they_were() {
    let store = in_memory();
    let mut world = world_keeping(Some(&store), plenty(10), everything).await;
    for _ in 0..2 {
        world.optional.run_once().await;
        world.statistics.retarget();
        world.settle().await;
    }
    world.optional.run_once().await;
    world.optional.publish().await;
    let before = world.published.current().unwrap().body.series;

    let mut again = world_keeping(Some(&store), plenty(10), everything).await;
    let first = again.published.current().unwrap();
    assert_eq!(first.body.series, before);
    for _ in 0..2 {
        again.optional.run_once().await;
        again.settle().await;
    }
    for endpoint in [
        Endpoint::AdminDeptStats,
        Endpoint::AdminUserStats,
        Endpoint::DepartmentsBatch,
        Endpoint::DepartmentsFilter,
        Endpoint::UsersFindByDepartment,
    ] {
        assert_eq!(again.simulator.request_count(endpoint), 0, "{endpoint:?}");
    }
    // Aggregates that were allowed for smaller groups are not published for larger ones.
    let stricter = |tenant: &mut Tenant| {
        everything(tenant);
        tenant.user_statistics = Some(UserStatistics { min_group_size: 50 });
    };
    let strict = world_keeping(Some(&store), plenty(10), stricter).await;
    let body = exposition::text(&strict.published.current().unwrap().body);
    assert!(!body.contains("feishu_users"));
    let remembered = async || kept(&store).memory().await.unwrap().into_keys().collect::<Vec<_>>();
    assert!(!remembered().await.contains(&"users".to_owned()));
    // What is switched off is not kept either.
    assert!(remembered().await.contains(&"members".to_owned()));
    world_keeping(Some(&store), plenty(10), |tenant| {
        everything(tenant);
        tenant.refresh_intervals.remove("members");
    })
    .await;
    assert!(!remembered().await.contains(&"members".to_owned()));
}

#[tokio::test]
async fn a_department_that_lacks_part_of_its_day_is_asked_for_again_after_a_restart() {
    let store = in_memory();
    let mut world = keeping(&store, 2, |_| {}).await;
    let id = world.ids()[0].clone();
    let partial = Kind::PartialDay { without: vec!["全部产品版本".to_owned()] };
    world.simulator.inject(Fault::from(partial).department(&id)).unwrap();
    world.settle().await;
    let mut again = keeping(&store, 2, |_| {}).await;
    assert_eq!(again.look().await, 1);
    assert!(again.served_one(&id).unwrap().total().is_some());
}

#[tokio::test]
async fn retention_removes_days_and_no_more_is_fetched_than_is_kept() {
    let store = in_memory();
    let mut world = keeping(&store, 1, |tenant| tenant.schedule.retention_days = 10).await;
    world.settle().await;
    let target = alone(&world.ids()[0]);
    let covered = async |world: &World| {
        let all = vec![(target.clone(), after(world.today(), -100), world.today())];
        kept(&store).covered(all, Extent::Total, -1).await.unwrap().remove(0)
    };
    let oldest = *covered(&world).await.first().unwrap();
    assert!(days_between(oldest, world.today()) <= 10, "{oldest}");
    world.set_now("2026-12-23T10:00:00+08:00");
    world.settle().await;
    world.past.forget().await;
    assert!(!covered(&world).await.contains(&oldest));
}

#[tokio::test]
async fn a_total_that_the_live_list_lacked_comes_with_the_past() {
    let store = in_memory();
    let mut world = world_keeping(Some(&store), plenty(6), root_with_children).await;
    world.settle().await;
    let late = world.served()[3].department_id.to_string();
    let fault = Fault::from(Kind::LateDay { until: None }).department(&late);
    world.simulator.inject(fault).unwrap();
    // Monday's list is settled without it.
    for hour in 10..=13 {
        world.set_now(&format!("2026-11-24T{hour}:00:00+08:00"));
        world.settle().await;
    }
    world.simulator.clear_faults();
    // Sunday's baselines, and those of the day after it, need that Monday.
    for day in 25..=30 {
        world.set_now(&format!("2026-11-{day}T10:00:00+08:00"));
        world.settle().await;
    }
    let target = Target { include_children: true, ..alone(&late) };
    let totals = kept(&store).totals(vec![(target, vec![MONDAY])]).await.unwrap().remove(0);
    let users = totals.first().and_then(|(_, figures)| figures.raw(TOTAL_USERS));
    assert_eq!(users, Some(world.truth(&late, "total_user_num", MONDAY)));
    // Once is enough, also where Feishu has nothing.
    let before = world.statistics_requests();
    world.past.run_once().await;
    assert_eq!(world.statistics_requests(), before);
}

#[tokio::test]
async fn a_store_that_fails_costs_history_and_not_the_live_values() {
    let directory = tempfile::tempdir().unwrap();
    let (clock, _hand) = Clock::manual(MONDAY_14.parse().unwrap());
    let store = Store::open(directory.path(), store::Role::Exporter, clock).unwrap();
    let mut world = keeping(&store, 3, |_| {}).await;
    let file = directory.path().join(store::FILE_NAME);
    let meddler = rusqlite::Connection::open(&file).unwrap();
    meddler.execute_batch("ALTER TABLE lists RENAME TO gone").unwrap();
    world.settle().await;
    assert_eq!(world.served().len(), world.ids().len());
    assert_eq!(world.metric("feishu_exporter_store_up", &[]), 0.0);
    assert!(world.baselines().is_empty());
    // What could not be kept is kept by itself, without being asked for again.
    let asked = world.statistics_requests();
    meddler.execute_batch("ALTER TABLE gone RENAME TO lists").unwrap();
    assert!(world.past.run_once().await);
    world.past.publish().await;
    assert_eq!(world.metric("feishu_exporter_store_up", &[]), 1.0);
    let departments = world.ids().len();
    assert_eq!(world.baselines().len(), departments * 12);
    assert_eq!(world.statistics_requests(), asked);
    let held = kept(&store).held(after(SUNDAY, -1)).await.unwrap();
    assert_eq!(held.len(), world.ids().len());
}

/// The samples of a metric, by the text of their labels.
fn values_of(world: &World, metric: &str) -> BTreeMap<String, f64> {
    let text = exposition::text(&world.published.current().unwrap().body);
    let of_metric = |line: &str| {
        let (labels, value) = line.strip_prefix(metric)?.strip_prefix('{')?.rsplit_once(' ')?;
        Some((labels.to_owned(), value.parse().unwrap()))
    };
    text.lines().filter_map(of_metric).collect()
}

#[tokio::test]
async fn each_department_is_judged_on_its_day_and_after_a_restart() {
    let store = in_memory();
    let judged = |tenant: &mut Tenant| tenant.schedule.judgement = true;
    let mut world = keeping(&store, 12, judged).await;
    // A working day: on a weekend nobody of a small company is judged.
    world.set_now("2026-11-24T14:00:00+08:00");
    let before = world.statistics_requests();
    world.settle().await;
    let departments = world.ids().len();
    // The day itself, and 91 days before it of one row each.
    let requests = world.statistics_requests() - before;
    assert_eq!(requests, departments as u64 * (1 + 5), "{departments} departments");
    let expected = values_of(&world, "feishu_department_activity_expected");
    let suite = expected.iter().filter(|(labels, _)| labels.contains("product=\"suite\""));
    assert_eq!(suite.count(), departments);
    assert!(expected.values().all(|people| *people > 0.0));
    let deviations = values_of(&world, "feishu_department_activity_deviation");
    assert!(deviations.keys().any(|labels| labels.contains("window=\"10\"")), "{deviations:?}");
    let company = values_of(&world, "feishu_company_activity_ratio");
    let ratio = company.iter().find(|(labels, _)| labels.contains("product=\"suite\"")).unwrap().1;
    assert!((0.7..1.3).contains(ratio), "{company:?}");
    // The store alone tells the same.
    let again = keeping(&store, 12, judged).await;
    again.set_now("2026-11-24T14:00:00+08:00");
    drop(world);
    let mut again = again;
    again.settle().await;
    assert_eq!(values_of(&again, "feishu_department_activity_expected"), expected);
}

/// The file is damaged while the exporter runs: the new one has the days that are served.
#[tokio::test]
async fn a_store_that_is_damaged_in_use_begins_anew_with_what_is_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let (clock, _hand) = Clock::manual(MONDAY_14.parse().unwrap());
        Store::open(directory.path(), store::Role::Exporter, clock).unwrap()
    };
    let store = open();
    let mut world = keeping(&store, 6, |tenant| tenant.rates = None).await;
    world.settle().await;
    assert!(kept(&store).rate_scale().await.unwrap().is_some());
    let meddler = rusqlite::Connection::open(directory.path().join(store::FILE_NAME)).unwrap();
    meddler
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'figures';
             PRAGMA schema_version = 4711",
        )
        .unwrap();
    drop(meddler);
    world.set_now("2026-11-24T11:00:00+08:00");
    world.settle().await;
    world.settle().await;
    let (ids, spent) = (world.ids().len(), world.metric(REQUESTS, &["acme"]));
    assert_eq!(world.metric("feishu_exporter_store_up", &[]), 1.0);
    drop((world, store));

    let store = open();
    let held = kept(&store).held(after(SUNDAY, 1)).await.unwrap();
    assert_eq!(held.len(), ids);
    assert!(held.iter().all(|held| held.days.len() == 1));
    assert!(kept(&store).rate_scale().await.unwrap().is_some());
    let counted = kept(&store).spent("2026-11".to_owned()).await.unwrap().total;
    assert_eq!(counted as f64, spent);
}

const REQUESTS: &str = "feishu_exporter_api_requests_this_month";

/// Another program holds the file locked for writing while departments are collected.
#[tokio::test]
async fn a_held_write_lock_holds_no_publishing_up_and_loses_no_list() {
    let directory = tempfile::tempdir().unwrap();
    let (clock, _hand) = Clock::manual(MONDAY_14.parse().unwrap());
    let store = Store::open(directory.path(), store::Role::Exporter, clock).unwrap();
    let mut world = keeping(&store, 10, |_| {}).await;
    let other = rusqlite::Connection::open(directory.path().join(store::FILE_NAME)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = tokio::time::Instant::now();
    world.settle().await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(world.served().len(), world.ids().len());
    assert_eq!(world.metric("feishu_exporter_store_up", &[]), 0.0);
    // Neither the live days nor the past are asked for again while they wait.
    let asked = world.statistics_requests();
    world.settle().await;
    assert_eq!(world.statistics_requests(), asked);
    other.execute_batch("ROLLBACK").unwrap();
    world.settle().await;
    assert_eq!(world.metric("feishu_exporter_store_up", &[]), 1.0);
    assert_eq!(world.baselines().len(), world.ids().len() * 12);
    assert_eq!(kept(&store).held(SUNDAY).await.unwrap().len(), world.ids().len());
    assert_eq!(world.statistics_requests(), asked);
    let (ids, last) = (world.ids(), after(SUNDAY, -28));
    let all = ids.iter().map(|id| (alone(id), last, SUNDAY)).collect();
    let covered = kept(&store).covered(all, Extent::Total, -1).await.unwrap();
    assert!(covered.iter().all(|days| days.len() == 29));
}
