//! The real client and collector against the simulator over TCP. Nobody sleeps: each test says
//! what time it is and when to look.

mod backfill;
mod costs;
mod failures;
mod history;
mod hostile;
mod latest;
mod learned;
mod optional;
mod tenants;
mod time;
mod values;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::civil::date;

use prometheus::{Registry, proto::MetricFamily};

use super::{statistics::grouping::Grouping, *};
use crate::{
    baseline::calendar::Calendar,
    catalogue::FIGURES,
    clock::Hand,
    day::Zone,
    exposition,
    feishu::{DepartmentIdType, Limits},
    secret::{Secret, SecretSource},
    shutdown::{self, Trigger},
    usage::{DepartmentDay, FigureSet, Geo, RateScale, Version},
};
use feishu_simulator::{self as simulator, Endpoint, Handle, Simulator};

/// Monday, 23 November 2026, 14:00 in UTC+8: the newest day is the 22nd.
const MONDAY_14: &str = "2026-11-23T14:00:00+08:00";
const SUNDAY: Day = jiff::civil::date(2026, 11, 22);

/// A simulated tenant, a collector for it, and one clock for both.
struct World {
    simulator: Handle,
    statistics: Statistics,
    optional: Optional,
    past: Past,
    registry: Registry,
    published: Published,
    hand: Hand,
    _stop: Trigger,
}

/// Starts a world in which every department is listed; `edit` may change the tenant's options.
async fn world(options: simulator::Options, edit: impl FnOnce(&mut Tenant)) -> World {
    world_keeping(None, options, edit).await
}

/// As [`world`], with a store.
async fn world_keeping(
    store: Option<&Store>,
    options: simulator::Options,
    edit: impl FnOnce(&mut Tenant),
) -> World {
    world_by(Clock::manual(MONDAY_14.parse().unwrap()), store, options, edit).await
}

/// As [`world_keeping`], with a clock of the exporter's own; the simulator's begins at
/// [`MONDAY_14`] and runs.
async fn world_by(
    (clock, hand): (Clock, Hand),
    store: Option<&Store>,
    options: simulator::Options,
    edit: impl FnOnce(&mut Tenant),
) -> World {
    let options = simulator::Options { now: Some(MONDAY_14.parse().unwrap()), ..options };
    let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.unwrap();
    let handle = simulator.handle();
    let mut tenant = options_for(&simulator.base_url(), &handle);
    edit(&mut tenant);
    let (stop, shutdown) = shutdown::channel();
    tokio::spawn(simulator.run(shutdown.wait()));
    let (registry, published) = (Registry::new(), Published::nothing());
    let options = Options { tenants: vec![tenant], series_limit: 1_000_000 };
    let storage = store.map_or(Storage::Nowhere, Storage::Store);
    let collector = Collector::new(options, &registry, clock, published.clone(), storage).unwrap();
    collector.publish_start().await;
    let Loops { mut statistics, mut optional, past } = Loops::new(&collector.tenants[0]);
    optional.restore().await;
    statistics.retarget();
    statistics.restore().await;
    World { simulator: handle, statistics, optional, past, registry, published, hand, _stop: stop }
}

/// A tenant of the simulator with every department listed and nothing else switched on.
pub(crate) fn options_for(base_url: &str, handle: &Handle) -> Tenant {
    let departments = handle.departments().into_iter().filter(|d| (1..=4).contains(&d.depth));
    Tenant {
        name: "acme".to_owned(),
        api: feishu::Options {
            tenant: "acme".to_owned(),
            base_url: base_url.to_owned(),
            ca_file: None,
            app_id: "cli_demo".to_owned(),
            app_secret: SecretSource::Inline(Secret::new("demo-secret".to_owned())),
            department_id_type: DepartmentIdType::OpenDepartmentId,
            limits: Limits {
                requests_per_second: 100.0,
                requests_per_minute: Some(u32::MAX),
                concurrency: 8,
                timeout: Duration::from_secs(10),
                requests_per_month: 0,
            },
        },
        geos: vec![GeoZone { geo: Geo::Local, zone: Zone::shanghai() }],
        product_versions: true,
        total_version_names: Vec::new(),
        rates: Some(RateScale::Ratio),
        figures: FigureSet::all(),
        departments: departments
            .map(|d| ListedDepartment { id: d.open_department_id.clone(), include_children: false })
            .collect(),
        labels: Arc::default(),
        min_department_users: 0,
        calendar: Calendar::default(),
        // Its days would come on top of everything that is counted here.
        schedule: Schedule { judgement: false, ..Schedule::default() },
        discovery: None,
        request_grouping: false,
        contact: None,
        refresh_intervals: BTreeMap::new(),
        user_statistics: None,
    }
}

fn few(departments: usize) -> simulator::Options {
    simulator::Options { departments, ..simulator::Options::default() }
}

impl World {
    /// Sets both clocks.
    fn set_now(&self, now: &str) {
        let now = now.parse().unwrap();
        self.hand.set(now);
        self.simulator.set_now(now);
    }

    /// Looks once and returns how many statistics requests that took.
    async fn look(&mut self) -> u64 {
        let before = self.simulator.request_count(Endpoint::AdminDeptStats);
        self.statistics.look_once().await;
        self.simulator.request_count(Endpoint::AdminDeptStats) - before
    }

    fn report(&self) -> contribution::Statistics {
        report::report(&self.statistics.context, &self.statistics.state)
    }

    /// The tenant's options, to be changed while nothing runs.
    fn options(&mut self) -> &mut Tenant {
        Arc::make_mut(&mut self.statistics.context.options)
    }

    fn served(&self) -> Vec<Arc<DepartmentDay>> {
        self.report().view.departments
    }

    fn served_one(&self, id: &str) -> Option<Arc<DepartmentDay>> {
        self.served().into_iter().find(|day| *day.department_id == *id)
    }

    /// The ids of the departments that are listed.
    fn ids(&self) -> Vec<String> {
        self.statistics.context.options.departments.iter().map(|d| d.id.clone()).collect()
    }

    fn status(&self) -> TenantStatus {
        self.report().status
    }

    /// What is known of asking for departments together.
    fn grouping(&self) -> Option<Grouping> {
        self.statistics.state.grouping.conclusion().copied()
    }

    /// The value of one of the own metrics whose labels include these values.
    fn metric(&self, name: &str, values: &[&str]) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|f| f.name() == name);
        family.map_or(0.0, |family| sum(family, values))
    }
}

fn sum(family: &MetricFamily, values: &[&str]) -> f64 {
    let matches = |m: &&prometheus::proto::Metric| {
        values.iter().all(|value| m.get_label().iter().any(|label| label.value() == *value))
    };
    let metrics = family.get_metric().iter().filter(matches);
    metrics.map(|m| m.get_counter().get_value() + m.get_gauge().get_value()).sum()
}

/// The samples of one row, by API field.
fn samples(day: &DepartmentDay, version: &Version) -> BTreeMap<&'static str, f64> {
    let (_, figures) = day.rows.iter().find(|(v, _)| v == version).expect("the version is served");
    FIGURES
        .iter()
        .enumerate()
        .filter_map(|(i, f)| Some((f.api_field, figures.sample(i, Some(RateScale::Ratio))?)))
        .collect()
}

#[tokio::test]
async fn every_figure_of_every_department_and_version_is_what_the_tenant_holds() {
    let mut world = world(few(12), |_| {}).await;
    world.look().await;
    assert_eq!(world.served().len(), world.ids().len());
    for day in world.served() {
        assert_eq!((day.day, day.rows.len()), (SUNDAY, 4));
        for (version, _) in &day.rows {
            let name = match version {
                Version::Total => None,
                Version::Named(name) => Some(&**name),
            };
            let geo = simulator::Geo::Cn;
            let truth = world.simulator.truth(&day.department_id, SUNDAY, geo, name).unwrap();
            let served = samples(&day, version);
            assert_eq!(served.len(), truth.len());
            for (field, value) in truth {
                // Minutes are published as seconds.
                let value = if field.ends_with("duration") { value * 60.0 } else { value };
                assert!((served[field] - value).abs() < 1e-6, "{field}: {} {value}", served[field]);
            }
        }
    }
}

#[tokio::test]
async fn a_collection_takes_one_request_a_department_and_one_token() {
    let mut world = world(few(30), |_| {}).await;
    let departments = world.ids().len() as u64;
    assert_eq!(world.look().await, departments);
    assert_eq!(world.simulator.request_count(Endpoint::TenantAccessToken), 1);
    assert!(world.simulator.concurrent_max() <= 8);
    // A complete day is not asked for again.
    world.set_now("2026-11-23T23:00:00+08:00");
    assert_eq!(world.look().await, 0);
    assert_eq!(
        world.metric("feishu_exporter_api_requests_total", &["admin_dept_stats"]),
        departments as f64
    );
}

#[tokio::test]
async fn a_parent_with_its_children_takes_a_request_for_every_20_rows() {
    let mut world = world(few(40), |tenant| {
        tenant.departments = vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
    })
    .await;
    let asked = world.look().await;
    let rows: usize = world.served().iter().map(|day| day.rows.len()).sum();
    assert!(rows > 100, "{rows}");
    assert_eq!(asked, rows.div_ceil(20) as u64);
}

#[tokio::test]
async fn a_listed_department_wins_over_the_same_one_found_through_a_parent() {
    let mut world = world(few(20), |tenant| {
        tenant
            .departments
            .insert(0, ListedDepartment { id: "0".to_owned(), include_children: true });
    })
    .await;
    world.look().await;
    let mut ids: Vec<_> = world.served().iter().map(|day| Arc::clone(&day.department_id)).collect();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "each department once");
    assert!(all >= world.ids().len());
}

#[tokio::test]
async fn each_geo_has_its_own_zone_figures_and_newest_day() {
    let mut world = world(few(3), |tenant| {
        tenant.geos = vec![
            GeoZone { geo: Geo::Cn, zone: Zone::shanghai() },
            GeoZone { geo: Geo::Jp, zone: Zone::utc() },
        ];
    })
    .await;
    world.look().await;
    let days: BTreeMap<Geo, Day> = world.served().iter().map(|day| (day.geo, day.day)).collect();
    // 14:00 in UTC+8 is 06:00 in UTC, before 09:30.
    assert_eq!(days, BTreeMap::from([(Geo::Cn, SUNDAY), (Geo::Jp, crate::day::after(SUNDAY, -1))]));
}

#[tokio::test]
async fn small_departments_are_left_out_where_a_size_is_asked_for() {
    let mut world = world(few(20), |tenant| tenant.min_department_users = 15).await;
    world.look().await;
    let users = |day: &DepartmentDay| samples(day, &Version::Total)["total_user_num"];
    assert!(world.served().iter().all(|day| users(day) >= 15.0));
    assert!(world.served().len() < world.ids().len(), "the simulated company has small ones");
}

#[tokio::test]
async fn a_snapshot_is_published_with_figures_and_facts() {
    let mut world = world(few(3), |_| {}).await;
    let first = world.published.current().expect("a snapshot is published at start");
    // Nothing but which departments there are.
    let count = world.ids().len();
    assert_eq!(
        (first.body.series, first.status.tenants[0].departments.len()),
        (count as u64, count)
    );
    let ups = exposition::text(&first.body);
    assert_eq!(ups.matches("\nfeishu_exporter_department_up{").count(), count, "{ups}");
    world.look().await;
    world.statistics.publish().await;
    let snapshot = world.published.current().unwrap();
    assert!(snapshot.body.series > 38 * world.ids().len() as u64);
    let text = exposition::text(&snapshot.body);
    assert!(text.contains("feishu_department_suite_dau{tenant=\"acme\",geo=\"local\""));
    assert!(text.contains("feishu_calendar_workday{tenant=\"acme\",geo=\"local\"} 0"), "a Sunday");
    let department = &snapshot.status.tenants[0].departments[0];
    assert_eq!(department.state, crate::snapshot::DepartmentState::Latest);
}
