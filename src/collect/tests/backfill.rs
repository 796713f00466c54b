//! What a backfill fetches: once, in parts that a kill loses little of, and again only when told to.

use std::collections::BTreeSet;

use super::{
    history::{alone, in_memory, keeping, kept, plenty},
    values::root_with_children,
    *,
};
use crate::{
    day::{after, days_between},
    store::{Extent, Past},
    usage::{Figures, TOTAL_USERS, Target},
};
use feishu_simulator::{Fault, Kind};

/// Fetches the past with a collector of its own, as the command does.
async fn backfill(
    store: &Store,
    simulator: &Handle,
    base_url: &str,
    wanted: PastDays,
    edit: impl FnOnce(&mut Tenant),
) -> Fetched {
    let mut tenant = options_for(base_url, simulator);
    edit(&mut tenant);
    let (clock, _hand) = Clock::manual(simulator.now());
    let options = Options { tenants: vec![tenant], series_limit: 1_000_000 };
    let published = Published::nothing();
    let registry = Registry::new();
    let collector =
        Collector::new(options, &registry, clock, published, Storage::Store(store)).unwrap();
    collector.fetch_past(wanted, &mut |_| {}).await.remove(0)
}

/// The same, killed after so many requests for statistics each time, and at last run to its end.
async fn backfill_killed(
    store: &Store,
    world: &World,
    wanted: PastDays,
    edit: impl Fn(&mut Tenant),
    kill_after: [u64; 2],
) {
    let url = &world.statistics.context.options.api.base_url;
    for requests in kill_after {
        let before = world.statistics_requests();
        tokio::select! {
            _ = backfill(store, &world.simulator, url, wanted, &edit) => {
                panic!("it ended before it was killed");
            }
            () = world.simulator.answered(Endpoint::AdminDeptStats, before + requests) => {}
        }
    }
    let fetched = backfill(store, &world.simulator, url, wanted, &edit).await;
    assert_eq!((fetched.ended_by, fetched.failures), (None, vec![]));
}

#[tokio::test]
async fn a_backfill_fetches_91_days_once_and_goes_on_where_it_was_interrupted() {
    let store = in_memory();
    let world = keeping(&store, 4, |_| {}).await;
    let url = world.statistics.context.options.api.base_url.clone();
    let departments = world.ids().len() as u64;
    let simulator = world.simulator.clone();
    // The quota ends in the middle.
    simulator.change(|options| options.requests_per_month = Some(departments * 5 / 2));
    let one_by_one = |tenant: &mut Tenant| tenant.api.limits.concurrency = 1;
    let first = backfill(&store, &simulator, &url, PastDays::default(), one_by_one).await;
    assert!(first.ended_by.is_some());
    simulator.change(|options| options.requests_per_month = None);
    let second = backfill(&store, &simulator, &url, PastDays::default(), |_| {}).await;
    assert_eq!((second.ended_by, second.failures), (None, vec![]));
    let answered = simulator.requests();
    let pages = answered
        .iter()
        .filter(|r| r.endpoint == Some(Endpoint::AdminDeptStats) && r.code == Some(0))
        .count() as u64;
    // 91 rows are five pages; what was read of a list that broke off is read again.
    assert!((departments * 5..departments * 5 + 5).contains(&pages), "{pages}");
    assert_eq!(second.days, [(Geo::Local, after(SUNDAY, -90), SUNDAY)]);
    let third = backfill(&store, &simulator, &url, PastDays::default(), |_| {}).await;
    assert_eq!(third.requests, 0);

    let ids = world.ids();
    let asked =
        ids.iter().map(|id| (alone(id), (0..91).map(|days| after(SUNDAY, -days)).collect()));
    let totals = kept(&store).totals(asked.collect()).await.unwrap();
    let dau = FIGURES.iter().position(|f| f.api_field == "suite_dau").unwrap();
    for (id, totals) in ids.iter().zip(totals) {
        assert_eq!(totals.len(), 91);
        for (day, figures) in totals {
            assert_eq!(figures.raw(dau), Some(world.truth(id, "suite_dau", day)));
        }
    }
}

/// Also where the live collection never had an answer.
#[tokio::test]
async fn days_of_a_backfill_are_served_while_feishu_refuses() {
    let store = in_memory();
    let before = keeping(&store, 4, |_| {}).await;
    let url = before.statistics.context.options.api.base_url.clone();
    let past = PastDays { to: Some(after(SUNDAY, -2)), ..PastDays::default() };
    let fetched = backfill(&store, &before.simulator, &url, past, |_| {}).await;
    assert!(fetched.failures.is_empty());

    let mut world = keeping(&store, 4, |_| {}).await;
    let ids = world.ids();
    let refused = Kind::Error { status: 400, code: 1_051_002, msg: "no permission".to_owned() };
    let fault = Fault::from(refused).endpoint(Endpoint::AdminDeptStats).department(&ids[1]);
    world.simulator.inject(fault).unwrap();
    let served = |world: &World| -> Vec<Day> {
        let text = exposition::text(&world.published.current().unwrap().body);
        let of = format!("department_id=\"{}\"", ids[1]);
        let of: Vec<&str> = text.lines().filter(|line| line.contains(&of)).collect();
        let has = |part: &str| of.iter().any(|line| line.contains(part));
        assert!(has("feishu_department_suite_dau{") && has("department_path=\""), "{of:?}");
        let days = world.served().into_iter().filter(|day| *day.department_id == ids[1]);
        days.map(|day| day.day).collect()
    };
    assert_eq!(served(&world), [after(SUNDAY, -2)], "before anything was asked");
    world.settle().await;
    assert_eq!(served(&world), [after(SUNDAY, -2)], "the last values stay");
    let text = exposition::text(&world.published.current().unwrap().body);
    let why = format!(
        "feishu_exporter_department_failure_info{{tenant=\"acme\",geo=\"local\",\
         department_id=\"{}\",class=\"permission\",code=\"1051002\"}} 1",
        ids[1]
    );
    assert!(text.contains(&why));
    world.simulator.clear_faults();
    world.set_now("2026-11-23T23:00:00+08:00");
    world.settle().await;
    assert_eq!(served(&world), [SUNDAY]);
    let text = exposition::text(&world.published.current().unwrap().body);
    assert!(!text.contains("department_failure_info{"), "nothing fails");
}

#[tokio::test]
async fn a_backfill_finds_out_how_rates_are_read() {
    let store = in_memory();
    let options = simulator::Options { rates: simulator::Rates::Percent, ..plenty(12) };
    let world = world_keeping(Some(&store), options, |_| {}).await;
    let url = world.statistics.context.options.api.base_url.clone();
    let wanted = PastDays { from: Some(after(SUNDAY, -6)), ..PastDays::default() };
    let auto = |tenant: &mut Tenant| tenant.rates = None;
    backfill(&store, &world.simulator, &url, wanted, auto).await;
    assert_eq!(kept(&store).rate_scale().await.unwrap(), Some(RateScale::Percent));
}

#[tokio::test]
async fn a_backfill_asks_again_for_days_that_were_late() {
    let store = in_memory();
    let world = keeping(&store, 3, |_| {}).await;
    let url = world.statistics.context.options.api.base_url.clone();
    let wanted = PastDays { from: Some(after(SUNDAY, -13)), ..PastDays::default() };
    let late = Kind::LateDay { until: None };
    world.simulator.inject(Fault::from(late).department(&world.ids()[0])).unwrap();
    backfill(&store, &world.simulator, &url, wanted, |_| {}).await;
    world.simulator.clear_faults();
    let again = backfill(&store, &world.simulator, &url, wanted, |_| {}).await;
    assert_eq!(again.requests, 2, "the one department, and a token");
    assert_eq!(backfill(&store, &world.simulator, &url, wanted, |_| {}).await.requests, 0);
}

#[tokio::test]
async fn days_that_are_not_offered_any_more_are_asked_for_apart_and_are_no_failure() {
    let store = in_memory();
    let world = keeping(&store, 2, |_| {}).await;
    let url = world.statistics.context.options.api.base_url.clone();
    let invalid =
        Kind::Error { status: 500, code: 1_051_001, msg: "request contain invalid param".into() };
    // The first range of each department is the older one.
    let departments = world.ids().len() as u64;
    world
        .simulator
        .inject(Fault::from(invalid).endpoint(Endpoint::AdminDeptStats).times(1))
        .unwrap();
    let wanted = PastDays { from: Some(after(SUNDAY, -120)), ..PastDays::default() };
    let one_by_one = |tenant: &mut Tenant| tenant.api.limits.concurrency = 1;
    let fetched = backfill(&store, &world.simulator, &url, wanted, one_by_one).await;
    assert_eq!((fetched.ended_by, fetched.failures), (None, vec![]));
    let asked = world.simulator.requests();
    let oldest = after(SUNDAY, -90).to_string();
    let straddles = |r: &&simulator::Recorded| {
        r.parameter("start_date").is_some_and(|start| start < &*oldest)
            && r.parameter("end_date").is_some_and(|end| end >= &*oldest)
    };
    assert_eq!(asked.iter().filter(straddles).count(), 0);
    let ids = world.ids();
    let covered = ids.iter().map(|id| (alone(id), after(SUNDAY, -120), SUNDAY)).collect();
    let covered = kept(&store).covered(covered, Extent::Total, -1).await.unwrap();
    let all: usize = covered.iter().map(BTreeSet::len).sum();
    assert_eq!(all as u64, departments * 121 - 30, "all but the range that was refused");
}

#[tokio::test]
async fn a_backfill_takes_what_is_there_and_asks_for_all_again_only_when_told_to() {
    let store = in_memory();
    let mut world = keeping(&store, 2, |_| {}).await;
    world.settle().await;
    let url = world.statistics.context.options.api.base_url.clone();
    let departments = world.ids().len() as u64;
    let wanted = PastDays { from: Some(after(SUNDAY, -6)), ..PastDays::default() };
    // These days and those of their baselines: the live collection has all but six.
    let fetched = backfill(&store, &world.simulator, &url, wanted, |_| {}).await;
    assert_eq!(fetched.requests, departments + 1, "one page each, and a token");
    let again = PastDays { refresh: true, ..wanted };
    let fetched = backfill(&store, &world.simulator, &url, again, |_| {}).await;
    assert_eq!(fetched.requests, departments * 3 + 1, "34 totals, and a day with its versions");
    // Of the week wanted, not of those for its baselines: six days are lacking, with four rows.
    let versions = PastDays { with_versions: true, ..wanted };
    let fetched = backfill(&store, &world.simulator, &url, versions, |_| {}).await;
    assert_eq!(fetched.requests, departments * 2 + 1);
    let fetched = backfill(&store, &world.simulator, &url, versions, |_| {}).await;
    assert_eq!(fetched.requests, 0);
}

/// Feishu corrected what the live collection has: the total and every version of it.
#[tokio::test]
async fn a_refresh_replaces_the_days_of_the_live_collection_with_their_versions() {
    let store = in_memory();
    let mut world = keeping(&store, 2, |_| {}).await;
    world.settle().await;
    let url = world.statistics.context.options.api.base_url.clone();
    let id = world.ids()[0].clone();
    let tenant = kept(&store);
    let of = || tenant.totals(vec![(alone(&id), vec![SUNDAY])]);
    let dau = FIGURES.iter().position(|f| f.api_field == "suite_dau").unwrap();
    let before = of().await.unwrap()[0][0].1.raw(dau).unwrap();
    let slump = Kind::Slump { from: SUNDAY, to: SUNDAY, percent: 50, field: None };
    world.simulator.inject(Fault::from(slump).department(&id)).unwrap();
    let wanted = PastDays { from: Some(SUNDAY), refresh: true, ..PastDays::default() };
    backfill(&store, &world.simulator, &url, wanted, |_| {}).await;
    let after_it = of().await.unwrap()[0][0].1.raw(dau).unwrap();
    assert!(after_it < before * 0.7, "{before} {after_it}");
    let held = kept(&store).held(SUNDAY).await.unwrap();
    let day = &held.iter().find(|held| *held.target.department_id == *id).unwrap().days[0];
    assert_eq!(day.rows.len(), 4, "the versions are there and as new as the total");
    let parts: f64 = day.rows[1..].iter().filter_map(|(_, figures)| figures.raw(dau)).sum();
    assert!(parts < before * 0.9, "{parts} {before}");
}

#[tokio::test]
async fn a_plan_is_told_before_anything_is_asked_and_holds() {
    let store = in_memory();
    let world = keeping(&store, 3, |_| {}).await;
    let url = world.statistics.context.options.api.base_url.clone();
    let before = world.simulator.requests().len();
    let plan = |wanted| backfill_plan(&store, &world.simulator, &url, wanted);
    let only = PastDays { plan_only: true, ..PastDays::default() };
    let (planned, fetched) = plan(only).await;
    assert_eq!(fetched.requests, 0);
    assert_eq!(world.simulator.requests().len(), before);
    let (again, fetched) = plan(PastDays::default()).await;
    assert_eq!(fetched.requests, planned.requests);
    assert_eq!((again.requests, again.days), (planned.requests, world.ids().len() * 91));
    assert_eq!(plan(only).await.0.days, 0);
}

/// The plan of a backfill, and what it fetched.
async fn backfill_plan(
    store: &Store,
    simulator: &Handle,
    url: &str,
    wanted: PastDays,
) -> (Plan, Fetched) {
    let (clock, _hand) = Clock::manual(simulator.now());
    let tenants = vec![options_for(url, simulator)];
    let options = Options { tenants, series_limit: 1_000_000 };
    let (published, registry) = (Published::nothing(), Registry::new());
    let collector =
        Collector::new(options, &registry, clock, published, Storage::Store(store)).unwrap();
    let mut plan = None;
    let mut told = |told: Progress<'_>| {
        if let Progress::Planned(planned) = told {
            plan = Some(planned.clone());
        }
    };
    let fetched = collector.fetch_past(wanted, &mut told).await.remove(0);
    (plan.unwrap(), fetched)
}

/// A root of hundreds of departments, of which nobody knew before how many there are.
#[tokio::test]
async fn a_large_root_is_sized_from_its_first_answer_and_a_kill_loses_50_pages_at_most() {
    let store = in_memory();
    let world = world_keeping(Some(&store), plenty(300), |_| {}).await;
    let url = world.statistics.context.options.api.base_url.clone();
    let root = |tenant: &mut Tenant| {
        tenant.departments = vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
    };
    let before = world.simulator.requests().len();
    let fetched = backfill(&store, &world.simulator, &url, PastDays::default(), root).await;
    assert_eq!((fetched.ended_by, fetched.failures), (None, vec![]));
    let requests = world.simulator.requests().split_off(before);
    let span = |r: &simulator::Recorded| {
        let day = |name| r.parameter(name).unwrap().parse::<Day>().unwrap();
        days_between(day("start_date"), day("end_date")) + 1
    };
    let statistics: Vec<_> =
        requests.iter().filter(|r| r.endpoint == Some(Endpoint::AdminDeptStats)).collect();
    assert_eq!(span(statistics[0]), 1, "one day tells how many there are");
    let rows = world.simulator.departments().iter().filter(|d| d.depth <= 4).count() + 1;
    let pages_of_a_day = rows.div_ceil(20);
    let at_once = 8;
    assert!(statistics.iter().all(|r| {
        let pages = usize::try_from(span(r)).unwrap() * rows / 20;
        pages <= (50 / at_once).max(pages_of_a_day)
    }));
    let least = (rows * 91).div_ceil(20);
    assert!(statistics.len() < least * 11 / 10, "{} of {least}", statistics.len());
}

#[tokio::test]
async fn a_backfill_that_is_killed_within_a_day_of_a_huge_root_goes_on_from_there() {
    let store = in_memory();
    let world = world_keeping(Some(&store), plenty(1_500), |_| {}).await;
    let root = |tenant: &mut Tenant| {
        tenant.departments = vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
        tenant.schedule.baseline_weeks = 0;
    };
    let rows = world.simulator.departments().iter().filter(|d| d.depth <= 4).count();
    let pages_of_a_day = rows.div_ceil(20) as u64;
    assert!(pages_of_a_day > 50, "{pages_of_a_day}");
    let wanted = PastDays { from: Some(after(SUNDAY, -3)), ..PastDays::default() };
    // Within the first day, of which nobody knows how large it is, and within the others.
    let kills = [pages_of_a_day / 2, pages_of_a_day * 2];
    backfill_killed(&store, &world, wanted, root, kills).await;
    let (asked, least) = (world.statistics_requests(), 4 * pages_of_a_day);
    assert!(asked <= least + 2 * (50 + 8), "{asked} of {least}");
    // Every department of every day is there, and right.
    let of_root = Target { include_children: true, ..alone("0") };
    let all = vec![(of_root, after(SUNDAY, -3), SUNDAY)];
    let covered = kept(&store).covered(all, Extent::Total, -1).await.unwrap().remove(0);
    assert_eq!(covered.len(), 4);
    for department in world.simulator.departments().iter().filter(|d| d.depth <= 4) {
        let id = &department.open_department_id;
        let id = if department.depth == 0 { "0" } else { id };
        let target = Target { include_children: true, ..alone(id) };
        let days: Vec<Day> = (0..4).map(|back| after(SUNDAY, -back)).collect();
        let totals = kept(&store).totals(vec![(target, days)]).await.unwrap().remove(0);
        assert_eq!(totals.len(), 4, "{id}");
        for (day, figures) in totals {
            let truth = world.simulator.truth(id, day, simulator::Geo::Cn, None).unwrap();
            assert_eq!(figures.raw(TOTAL_USERS), Some(truth["total_user_num"]), "{id} {day}");
        }
    }
    let memory = kept(&store).memory().await.unwrap();
    assert!(!memory["backfill"].contains("page_token"), "{}", memory["backfill"]);
}

/// The rows that are kept of each department of the root on a day, by its id.
async fn rows_of_root(store: &Store, day: Day) -> BTreeMap<String, Vec<(Version, Figures)>> {
    let of_root = Target { include_children: true, ..alone("0") };
    let read = move |past: &Past<'_>| {
        let departments = past.departments(std::slice::from_ref(&of_root))?;
        let rows = departments.into_iter().map(|department| {
            let id = department.place.department_id.to_string();
            past.rows(department.key, day).map(|rows| (id, rows))
        });
        rows.collect()
    };
    kept(store).past(read).await.unwrap()
}

#[tokio::test]
async fn a_backfill_of_versions_that_is_killed_within_a_day_of_a_huge_root_goes_on_from_there() {
    let store = in_memory();
    let world = world_keeping(Some(&store), plenty(400), |_| {}).await;
    let root = |tenant: &mut Tenant| {
        root_with_children(tenant);
        tenant.schedule.baseline_weeks = 0;
    };
    let departments = world.simulator.departments().into_iter().filter(|d| d.depth <= 4);
    let departments: Vec<_> = departments.collect();
    let pages_of_a_day = (departments.len() * 4).div_ceil(20) as u64;
    assert!(pages_of_a_day > 50, "{pages_of_a_day}");
    let wanted =
        PastDays { from: Some(after(SUNDAY, -1)), with_versions: true, ..PastDays::default() };
    backfill_killed(&store, &world, wanted, root, [pages_of_a_day / 2, pages_of_a_day]).await;
    let (asked, least) = (world.statistics_requests(), 2 * pages_of_a_day);
    assert!(asked <= least + 2 * 50, "{asked} of {least}");
    let of_root = Target { include_children: true, ..alone("0") };
    let all = vec![(of_root, after(SUNDAY, -1), SUNDAY)];
    let covered = kept(&store).covered(all, Extent::Whole, -1).await.unwrap().remove(0);
    assert_eq!(covered.len(), 2);
    for day in [after(SUNDAY, -1), SUNDAY] {
        let rows = rows_of_root(&store, day).await;
        assert_eq!(rows.len(), departments.len());
        for (id, rows) in rows {
            assert_eq!(rows.len(), 4, "{id}");
            for (version, figures) in rows {
                let name = match &version {
                    Version::Total => None,
                    Version::Named(name) => Some(&**name),
                };
                let truth = world.simulator.truth(&id, day, simulator::Geo::Cn, name).unwrap();
                assert_eq!(
                    figures.raw(TOTAL_USERS),
                    Some(truth["total_user_num"]),
                    "{id} {name:?}"
                );
            }
        }
    }
    let memory = kept(&store).memory().await.unwrap();
    assert!(!memory["backfill"].contains("page_token"), "{}", memory["backfill"]);
}

#[tokio::test]
async fn totals_that_a_long_list_of_versions_lacks_are_asked_for_apart() {
    let store = in_memory();
    let world = world_keeping(Some(&store), plenty(150), |_| {}).await;
    world.simulator.inject(Kind::OmitTotal).unwrap();
    let url = world.statistics.context.options.api.base_url.clone();
    let root = |tenant: &mut Tenant| {
        root_with_children(tenant);
        tenant.schedule.baseline_weeks = 0;
    };
    let wanted = PastDays { from: Some(SUNDAY), with_versions: true, ..PastDays::default() };
    let fetched = backfill(&store, &world.simulator, &url, wanted, root).await;
    assert_eq!((fetched.ended_by, fetched.failures), (None, vec![]));
    let rows = rows_of_root(&store, SUNDAY).await;
    let departments = rows.len();
    assert!(departments * 3 > 50);
    let pages = (departments * 3).div_ceil(20) + departments.div_ceil(20);
    assert_eq!(fetched.requests, pages as u64 + 1, "each list once, and a token");
    for (id, rows) in rows {
        let truth = world.simulator.truth(&id, SUNDAY, simulator::Geo::Cn, None).unwrap();
        let total = rows.iter().find(|(version, _)| *version == Version::Total);
        let users = total.and_then(|(_, figures)| figures.raw(TOTAL_USERS));
        assert_eq!(users, Some(truth["total_user_num"]), "{id}");
        assert_eq!(rows.len(), 4, "{id}");
    }
    let again = backfill(&store, &world.simulator, &url, wanted, root).await;
    assert_eq!(again.requests, 0);
}

#[tokio::test]
async fn a_page_token_that_is_refused_after_a_kill_has_its_day_read_anew() {
    let store = in_memory();
    let world = world_keeping(Some(&store), plenty(150), |_| {}).await;
    let url = world.statistics.context.options.api.base_url.clone();
    let root = |tenant: &mut Tenant| {
        tenant.departments = vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
        tenant.schedule.baseline_weeks = 0;
    };
    let mark = r#"[[["local","0","2026-11-22"],{"page_token":"stale","rows":40}]]"#;
    let kept_mark = format!(r#"{{"options":"open_department_id","value":{mark}}}"#);
    kept(&store).remember(vec![("backfill".to_owned(), kept_mark.as_str().into())]).await.unwrap();
    let wanted = PastDays { from: Some(SUNDAY), ..PastDays::default() };
    let fetched = backfill(&store, &world.simulator, &url, wanted, root).await;
    assert_eq!((fetched.ended_by, fetched.failures), (None, vec![]));
    let tokens: Vec<_> = world.simulator.requests();
    let is_stale = |r: &simulator::Recorded| r.parameter("page_token") == Some("stale");
    assert_eq!(tokens.iter().filter(|r| is_stale(r)).count(), 1);
    assert_eq!(kept(&store).memory().await.unwrap()["backfill"].matches("stale").count(), 0);
}
