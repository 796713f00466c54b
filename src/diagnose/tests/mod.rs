//! The real client against the simulator over TCP.

mod denied;
mod listing;

use std::time::Duration;

use super::*;
use crate::{
    collect::{
        Contact, Discovery, GeoZone, Language, ListedDepartment, UserStatistics, tests::options_for,
    },
    day::Zone,
    secret::{Secret, SecretSource},
    shutdown::{self, Trigger},
    usage::{Geo, RateScale},
};
use feishu_simulator::{self as simulator, Fault, Handle, Kind, Simulator};

/// Monday, 23 November 2026, 14:00 in UTC+8: the newest day is the 22nd.
const MONDAY_14: &str = "2026-11-23T14:00:00+08:00";

struct World {
    simulator: Handle,
    tenant: Tenant,
    clock: Clock,
    _stop: Trigger,
}

/// A company of so many departments, an app with every scope, and every source switched on.
async fn world(departments: usize) -> World {
    let now = MONDAY_14.parse().unwrap();
    let options =
        simulator::Options { departments, now: Some(now), ..simulator::Options::default() };
    let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.unwrap();
    let handle = simulator.handle();
    let tenant = tenant(&simulator.base_url(), &handle);
    let (stop, shutdown) = shutdown::channel();
    tokio::spawn(simulator.run(shutdown.wait()));
    World { simulator: handle, tenant, clock: Clock::manual(now).0, _stop: stop }
}

/// Every source switched on.
fn tenant(base_url: &str, company: &Handle) -> Tenant {
    let day = Duration::from_secs(86_400);
    Tenant {
        rates: None,
        contact: Some(Contact { language: Language::Chinese, refresh_interval: day }),
        refresh_intervals: [("directory", day), ("members", day)].into(),
        user_statistics: Some(UserStatistics { min_group_size: 10 }),
        ..options_for(base_url, company)
    }
}

fn discovery(include: &[&str]) -> Discovery {
    Discovery {
        roots: vec!["0".to_owned()],
        max_depth: 4,
        include: include.iter().map(|r| regex::Regex::new(r).unwrap()).collect(),
        exclude: Vec::new(),
        min_members: 0,
        refresh_interval: Duration::from_secs(86_400),
    }
}

impl World {
    async fn examine(&self) -> Diagnosis {
        examine(&self.tenant, Sample::DEFAULT, self.clock.clone(), Watch::default()).await
    }

    /// Takes scopes from the app.
    fn revoke(&self, scopes: &[&str]) {
        self.simulator.change(|options| options.scopes.retain(|s| !scopes.contains(&s.as_str())));
    }

    fn first(&self) -> String {
        self.tenant.departments[0].id.clone()
    }
}

impl Diagnosis {
    fn of(&self, subject: &str) -> &Finding {
        self.findings.iter().find(|f| f.subject.as_str() == subject).expect("it was looked at")
    }

    /// The verdicts in their order, except those that work.
    fn unwell(&self) -> Vec<(&'static str, &'static str)> {
        let unwell = self.findings.iter().filter(|f| f.verdict != Verdict::Works);
        unwell.map(|f| (f.subject.as_str(), f.verdict.as_str())).collect()
    }
}

fn refuse(status: u16, code: i64) -> Kind {
    Kind::Error { status, code, msg: "refused".to_owned() }
}

#[tokio::test]
async fn an_app_that_may_do_everything_is_well() {
    let world = world(12).await;
    let diagnosis = world.examine().await;
    assert_eq!(diagnosis.unwell(), []);
    assert!(diagnosis.is_well());
    assert_eq!(diagnosis.findings.len(), 10);
    let tried = world.tenant.departments.len();
    assert_eq!((diagnosis.departments, diagnosis.tried), (tried, tried));
    assert_eq!(diagnosis.requests, world.simulator.requests().len() as u64);
    assert_eq!(diagnosis.size.rows, Some(4));
    assert_eq!(diagnosis.size.people.unwrap().len(), tried);
}

#[tokio::test]
async fn a_large_tenant_is_sampled_and_tried_in_full_on_demand() {
    let mut world = world(60).await;
    let stats = simulator::Endpoint::AdminDeptStats;
    world.simulator.change(|options| {
        options.limits.insert(stats, simulator::Limit::NONE);
    });
    world.tenant.refresh_intervals.remove("directory");
    world.tenant.refresh_intervals.remove("members");
    world.tenant.user_statistics = None;
    let all = world.tenant.departments.len();
    let sampled = world.examine().await;
    // A token, twenty departments, and their names in one request.
    assert_eq!((sampled.tried, sampled.departments, sampled.requests), (20, all, 22));
    let full = examine(&world.tenant, Sample::All, world.clock.clone(), Watch::default()).await;
    assert_eq!((full.tried, full.requests), (all, all as u64 + 3));
}

#[tokio::test]
async fn only_the_first_page_of_people_is_read() {
    let mut world = world(12).await;
    let options = simulator::Options {
        departments: 3,
        huge_department: Some((1, 5_000)),
        now: Some(MONDAY_14.parse().unwrap()),
        ..simulator::Options::default()
    };
    let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.unwrap();
    world.simulator = simulator.handle();
    world.tenant = tenant(&simulator.base_url(), &world.simulator);
    let (_stop, shutdown) = shutdown::channel();
    tokio::spawn(simulator.run(shutdown.wait()));
    let diagnosis = world.examine().await;
    assert!(diagnosis.is_well());
    let tried = diagnosis.tried as u64;
    for endpoint in
        [simulator::Endpoint::UsersFindByDepartment, simulator::Endpoint::AdminUserStats]
    {
        assert_eq!(world.simulator.request_count(endpoint), tried, "{endpoint:?}");
    }
}

#[tokio::test]
async fn a_late_day_is_a_note_with_the_newest_that_is_there() {
    let world = world(4).await;
    world.simulator.inject(Kind::LateDay { until: None }).unwrap();
    let diagnosis = world.examine().await;
    assert_eq!(diagnosis.unwell(), [("latest_day", "note")]);
    assert!(diagnosis.is_well());
    let text = &diagnosis.of("latest_day").summary;
    for day in ["2026-11-22", "2026-11-21", "Asia/Shanghai"] {
        assert!(text.contains(day), "{text}");
    }
}

#[tokio::test]
async fn without_any_rows_something_is_missing_and_few_requests_are_spent() {
    let mut world = world(12).await;
    world.simulator.change(|options| options.history_days = 0);
    world.tenant.contact = None;
    world.tenant.refresh_intervals.remove("members");
    world.tenant.user_statistics = None;
    world.tenant.refresh_intervals.remove("directory");
    let diagnosis = world.examine().await;
    assert_eq!(diagnosis.of("latest_day").verdict, Verdict::Fails);
    assert_eq!(diagnosis.of("data_permission").verdict, Verdict::Works);
    assert_eq!(diagnosis.of("rates").verdict, Verdict::NotTried);
    // A token, each department once, and three of them for the days before.
    assert_eq!(diagnosis.requests, diagnosis.tried as u64 + 4);
}

#[tokio::test]
async fn refused_product_versions_are_a_note() {
    let world = world(4).await;
    world.simulator.inject(Kind::RefuseVersions).unwrap();
    let diagnosis = world.examine().await;
    assert_eq!(diagnosis.unwell(), [("product_versions", "note")]);
    assert_eq!(diagnosis.size.rows, Some(1));
}

#[tokio::test]
async fn the_scale_of_rates_is_told_and_a_wrong_one_is_found() {
    let mut world = world(12).await;
    world.simulator.change(|options| options.rates = simulator::Rates::Percent);
    let diagnosis = world.examine().await;
    assert!(diagnosis.of("rates").summary.contains("percent"));
    world.tenant.rates = Some(RateScale::Ratio);
    let diagnosis = world.examine().await;
    assert_eq!(diagnosis.unwell(), [("rates", "fails")]);
    world.simulator.inject(Kind::DropField { field: "active_user_rate".to_owned() }).unwrap();
    world.tenant.rates = None;
    assert_eq!(world.examine().await.unwell(), [("rates", "note")]);
}

#[tokio::test]
async fn values_that_are_no_numbers_are_told_by_field() {
    let world = world(4).await;
    let (field, value) = ("im_dau".to_owned(), "many".into());
    world.simulator.inject(Kind::SetField { field, value }).unwrap();
    let diagnosis = world.examine().await;
    assert_eq!(diagnosis.unwell(), [("values", "note")]);
    assert!(diagnosis.of("values").summary.contains("im_dau"));
}

#[tokio::test]
async fn what_is_switched_off_is_not_asked_for() {
    let mut world = world(4).await;
    world.tenant.refresh_intervals.remove("directory");
    world.tenant.contact = None;
    world.tenant.refresh_intervals.remove("members");
    world.tenant.user_statistics = None;
    world.tenant.product_versions = false;
    let diagnosis = world.examine().await;
    assert_eq!(
        diagnosis.unwell(),
        [
            ("departments_filter", "not_used"),
            ("product_versions", "not_used"),
            ("departments_batch", "not_used"),
            ("users_find_by_department", "not_used"),
            ("admin_user_stats", "not_used"),
        ]
    );
    assert!(diagnosis.is_well());
    assert_eq!(diagnosis.requests, diagnosis.tried as u64 + 1);
}

#[tokio::test]
async fn discovery_brings_the_departments_that_are_tried() {
    let mut world = world(12).await;
    world.tenant.departments.truncate(1);
    world.tenant.discovery = Some(discovery(&[]));
    let all = world.simulator.departments().iter().filter(|d| (1..=4).contains(&d.depth)).count();
    let diagnosis = world.examine().await;
    assert!(diagnosis.is_well());
    assert_eq!((diagnosis.departments, diagnosis.size.found), (all, Some(all as u64 - 1)));
    let walked = world.simulator.request_count(simulator::Endpoint::DepartmentsFilter);
    assert_eq!(diagnosis.size.parents, Some(walked));
}

#[tokio::test]
async fn sub_departments_that_come_with_a_parent_are_counted() {
    let mut world = world(12).await;
    let id = "0".to_owned();
    world.tenant.departments = vec![ListedDepartment { id, include_children: true }];
    let diagnosis = world.examine().await;
    let below = world.simulator.departments().iter().filter(|d| (1..=4).contains(&d.depth)).count();
    assert_eq!(diagnosis.size.children, Some(below as u64));
}

#[tokio::test]
async fn each_geo_is_tried() {
    let mut world = world(4).await;
    world.tenant.geos = vec![
        GeoZone { geo: Geo::Cn, zone: Zone::shanghai() },
        GeoZone { geo: Geo::Jp, zone: Zone::utc() },
    ];
    let diagnosis = world.examine().await;
    for subject in ["admin_dept_stats", "data_permission", "latest_day", "admin_user_stats"] {
        let of = diagnosis.findings.iter().filter(|f| f.subject.as_str() == subject);
        let geos: Vec<_> = of.map(|f| f.geo.unwrap()).collect();
        assert_eq!(geos, [Geo::Cn, Geo::Jp], "{subject}");
    }
}
