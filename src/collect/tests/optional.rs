//! The optional sources: they agree with the organisation, and what they lack disturbs nobody.

use super::*;
use feishu_simulator::{Fault, Kind, Status, Unavailable};

/// Every source beside the statistics, and discovery.
pub(super) fn everything(tenant: &mut Tenant) {
    let refresh_interval = Duration::from_secs(24 * 3600);
    tenant.departments.clear();
    tenant.discovery = Some(Discovery {
        roots: vec!["0".to_owned()],
        max_depth: 4,
        include: Vec::new(),
        exclude: Vec::new(),
        min_members: 0,
        refresh_interval,
    });
    tenant.contact = Some(Contact { language: Language::Chinese, refresh_interval });
    tenant.refresh_intervals.insert("members", refresh_interval);
    tenant.user_statistics = Some(UserStatistics { min_group_size: 5 });
}

/// The same with every department listed.
fn everything_listed(tenant: &mut Tenant) {
    let departments = tenant.departments.clone();
    everything(tenant);
    tenant.departments = departments;
}

impl World {
    /// Lets every source run as far as it can.
    pub(super) async fn collect(&mut self) {
        for _ in 0..2 {
            self.optional.run_once().await;
            self.statistics.retarget();
            self.statistics.look_once().await;
            self.statistics.publish().await;
            self.statistics.tell();
        }
        self.optional.run_once().await;
        self.optional.publish().await;
    }

    pub(super) fn text(&self) -> String {
        exposition::text(&self.published.current().unwrap().body)
    }

    /// The value of the one series of that name whose labels include these.
    pub(super) fn sample(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let text = self.text();
        let head = format!("{name}{{");
        let mut found = text
            .lines()
            .filter(|line| line.starts_with(&head) && labels.iter().all(|l| line.contains(l)));
        let value = found.next()?.rsplit_once(' ')?.1.parse().ok();
        assert_eq!(found.next(), None, "{name} {labels:?} is not one series");
        value
    }

    pub(super) fn source(&self, source: &str) -> crate::snapshot::SourceStatus {
        let snapshot = self.published.current().unwrap();
        snapshot.status.tenants[0].sources.iter().find(|s| s.source == source).unwrap().clone()
    }

    fn within_reach(&self) -> Vec<simulator::Department> {
        let all = self.simulator.departments();
        all.into_iter().filter(|d| (1..=4).contains(&d.depth)).collect()
    }
}

fn id_label(id: &str) -> String {
    format!("department_id=\"{id}\"")
}

#[tokio::test]
async fn discovery_finds_every_department_with_one_query_for_each_parent() {
    let mut world = world(few(60), everything).await;
    world.collect().await;
    let reach = world.within_reach();
    assert_eq!(world.served().len(), reach.len());
    let all = world.simulator.departments();
    // Departments above the last level that have some below them, the root among them.
    let parents: std::collections::BTreeSet<usize> =
        all.iter().filter(|d| d.depth <= 4).filter_map(|d| d.parent).collect();
    let asked = world.simulator.request_count(Endpoint::DepartmentsFilter);
    assert_eq!(asked, parents.len() as u64);
}

/// Everything, of the departments below these alone.
fn discovers_below(tenant: &mut Tenant, roots: Vec<String>) {
    everything(tenant);
    tenant.discovery.as_mut().unwrap().roots = roots;
}

/// A department below another with some below itself, and the one above it.
fn nested(world: &World) -> [usize; 2] {
    let all = world.simulator.departments();
    let has_children = |index| all.iter().any(|d| d.parent == Some(index) && d.depth <= 4);
    let inner = all
        .iter()
        .enumerate()
        .position(|(index, d)| d.depth == 2 && has_children(index))
        .expect("the company is deep enough");
    [inner, all[inner].parent.unwrap()]
}

/// The indices of all departments below one, as deep as the statistics reach.
fn below(all: &[simulator::Department], root: usize) -> std::collections::BTreeSet<usize> {
    let mut found = std::collections::BTreeSet::new();
    loop {
        let is_below = |d: &simulator::Department| {
            d.parent.is_some_and(|parent| parent == root || found.contains(&parent))
        };
        let next: std::collections::BTreeSet<usize> =
            (0..all.len()).filter(|i| all[*i].depth <= 4 && is_below(&all[*i])).collect();
        if next == found {
            return found;
        }
        found = next;
    }
}

#[tokio::test]
async fn a_root_below_another_brings_no_department_and_no_request_twice() {
    let model = world(few(60), everything).await;
    let ([inner, outer], all) = (nested(&model), model.simulator.departments());
    for order in [[inner, outer], [outer, inner]] {
        let ids = order.map(|index| all[index].open_department_id.clone());
        let mut world = world(few(60), |tenant| discovers_below(tenant, ids.to_vec())).await;
        world.collect().await;
        let found = below(&all, outer);
        assert_eq!(world.served().len(), found.len(), "each once: {order:?}");
        let parents: std::collections::BTreeSet<usize> =
            found.iter().filter_map(|index| all[*index].parent).collect();
        let asked = world.simulator.request_count(Endpoint::DepartmentsFilter);
        assert_eq!(asked, parents.len() as u64, "{order:?}");
    }
}

#[tokio::test]
async fn a_root_that_is_refused_hides_nothing_below_the_others() {
    let model = world(few(60), everything).await;
    let ([_, outer], all) = (nested(&model), model.simulator.departments());
    let other =
        all.iter().find(|d| d.depth == 1 && d.open_department_id != all[outer].open_department_id);
    let refused_id = &other.unwrap().open_department_id;
    let roots = vec![refused_id.clone(), all[outer].open_department_id.clone()];
    let mut world = world(few(60), |tenant| discovers_below(tenant, roots)).await;
    let refused = Kind::Error { status: 400, code: 1_051_002, msg: "no authority".to_owned() };
    let fault = Fault::from(refused).endpoint(Endpoint::DepartmentsFilter).department(refused_id);
    world.simulator.inject(fault).unwrap();
    world.collect().await;
    assert_eq!(world.served().len(), below(&all, outer).len());
    let problem = world.source("directory").problem.expect("the refused root is told");
    assert!(format!("{problem:?}").contains(refused_id), "{problem:?}");
}

#[tokio::test]
async fn counts_of_directory_and_contact_are_those_of_the_organisation() {
    let mut world = world(few(30), everything).await;
    world.collect().await;
    for department in world.within_reach() {
        let id = id_label(&department.open_department_id);
        let heads = world.simulator.head_count(&department.open_department_id).unwrap();
        for (name, expected) in [
            ("feishu_department_direct_members", heads.direct_members),
            ("feishu_department_recursive_members", heads.recursive_members),
            ("feishu_department_direct_departments", heads.direct_departments),
            ("feishu_department_recursive_departments", heads.recursive_departments),
            ("feishu_department_enabled", 1),
            ("feishu_department_contact_members", heads.recursive_members),
            ("feishu_department_contact_primary_members", heads.primary_members),
            ("feishu_department_contact_leaders", department.leaders as u64),
            ("feishu_department_deleted", 0),
        ] {
            assert_eq!(world.sample(name, &[&id]), Some(expected as f64), "{name} {id}");
        }
    }
}

#[tokio::test]
async fn names_places_and_both_ids_are_told_in_the_wanted_language() {
    let mut world = world(few(20), |tenant| {
        everything(tenant);
        tenant.contact.as_mut().unwrap().language = Language::English;
    })
    .await;
    world.collect().await;
    let all = world.simulator.departments();
    for department in world.within_reach() {
        let parent = &all[department.parent.unwrap()];
        let parent = if parent.depth == 0 { "0" } else { &parent.open_department_id };
        let labels = [
            id_label(&department.open_department_id),
            format!("open_department_id=\"{}\"", department.open_department_id),
            format!("custom_department_id=\"{}\"", department.department_id),
            format!("parent_department_id=\"{parent}\""),
        ];
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        assert_eq!(world.sample("feishu_department_info", &labels), Some(1.0), "{labels:?}");
    }
    let english = &world.within_reach()[0].names.en_us;
    assert!(world.text().contains(&format!(",department=\"{english}\",department_path=")));
}

#[tokio::test]
async fn people_are_counted_by_status_and_employee_type() {
    let mut world = world(few(20), everything).await;
    world.collect().await;
    for department in world.within_reach() {
        let id = id_label(&department.open_department_id);
        let people = world.simulator.members(&department.open_department_id);
        for (label, status) in [
            ("exited", Status::Exited),
            ("resigned", Status::Resigned),
            ("frozen", Status::Frozen),
            ("not_joined", Status::NotJoined),
            ("active", Status::Active),
            ("not_activated", Status::NotActivated),
        ] {
            let expected = people.iter().filter(|(_, s)| *s == status).count();
            let label = format!("status=\"{label}\"");
            let counted = world.sample("feishu_department_members", &[&id, &label]);
            assert_eq!(counted, Some(expected as f64), "{id} {label}");
        }
        for employee_type in people.iter().map(|(person, _)| person.employee_type) {
            let expected = people.iter().filter(|(p, _)| p.employee_type == employee_type).count();
            let label = format!("employee_type=\"{employee_type}\"");
            let counted =
                world.sample("feishu_department_members_by_employee_type", &[&id, &label]);
            assert_eq!(counted, Some(expected as f64), "{id} {label}");
        }
    }
}

#[tokio::test]
async fn the_use_of_people_agrees_with_the_departments_figures() {
    let mut world = world(few(20), everything).await;
    world.collect().await;
    let mut compared = 0;
    for day in world.served() {
        let id = id_label(&day.department_id);
        let figures = samples(&day, &Version::Total);
        let people = world.sample("feishu_users", &[&id]);
        if figures["total_user_num"] < 5.0 {
            assert_eq!(people, None, "too few people are not told of");
            continue;
        }
        compared += 1;
        assert_eq!(people, Some(figures["total_user_num"]));
        for (product, field) in [
            ("suite", "suite_dau"),
            ("im", "im_dau"),
            ("docs", "docs_dau"),
            ("calendar", "cal_dau"),
            ("vc", "vc_dau"),
        ] {
            let product = format!("product=\"{product}\"");
            let active = world.sample("feishu_users_active", &[&id, &product]);
            assert_eq!(active, Some(figures[field]), "{id} {field}");
        }
        let duration = world.sample("feishu_users_vc_duration_seconds", &[&id]);
        assert_eq!(duration, Some(figures["vc_duration"]));
    }
    assert!(compared > 5);
}

#[tokio::test]
async fn user_statistics_stand_only_beside_figures_of_the_same_day() {
    let mut world = world(few(5), everything).await;
    world.collect().await;
    assert!(world.text().contains("feishu_users{"));
    world.set_now("2026-11-24T09:36:00+08:00");
    world.look().await;
    world.statistics.publish().await;
    assert!(!world.text().contains("feishu_users{"), "yesterday's people beside today's figures");
    world.statistics.tell();
    world.optional.run_once().await;
    world.optional.publish().await;
    assert!(world.text().contains("feishu_users{"));
}

#[tokio::test]
async fn departments_that_appear_or_vanish_are_followed() {
    let mut world = world(few(10), everything).await;
    world.collect().await;
    let before = world.served().len();
    let gone = world.within_reach()[0].open_department_id.clone();
    let added = world.simulator.add("0", "新部门").unwrap();
    world.collect().await;
    assert_eq!(world.served().len(), before, "not before the refresh interval");
    world.simulator.remove(&gone).unwrap();
    world.set_now("2026-11-24T15:00:00+08:00");
    world.collect().await;
    assert!(world.served_one(&gone).is_none());
    assert!(
        world.status().departments.iter().any(|d| *d.department_id == added.open_department_id)
    );
    assert_eq!(world.sample("feishu_department_direct_members", &[&id_label(&gone)]), None);
}

#[tokio::test]
async fn a_listed_department_wins_over_a_discovered_one() {
    let mut world = world(few(20), |tenant| {
        let first = tenant.departments[0].clone();
        everything(tenant);
        tenant.departments = vec![ListedDepartment { include_children: true, ..first }];
    })
    .await;
    world.collect().await;
    let listed = world.statistics.context.options.departments[0].id.clone();
    let targets: Vec<bool> = world.statistics.state.groups[0]
        .standings
        .iter()
        .filter(|s| *s.target.department_id == *listed)
        .map(|s| s.target.include_children)
        .collect();
    assert_eq!(targets, [true]);
}

#[tokio::test]
async fn with_one_scope_missing_everything_else_works_and_the_scope_is_named() {
    for (scope, source, lost) in [
        ("directory:department:list", "directory", "feishu_department_enabled"),
        ("contact:contact.base:readonly", "contact", "feishu_department_contact_members"),
        ("admin:admin_user_stat:readonly", "users", "feishu_users"),
        ("contact:user.employee:readonly", "members", "feishu_department_members"),
        ("directory:department.status:read", "directory", "feishu_department_enabled"),
    ] {
        let mut world = world(few(10), everything_listed).await;
        world.simulator.change(|options| {
            assert!(options.scopes.remove(scope), "{scope} is one that the simulator knows");
        });
        world.collect().await;
        assert_eq!(world.served().len(), world.ids().len(), "{scope}");
        let text = world.text();
        for name in [
            "feishu_department_enabled",
            "feishu_department_contact_members",
            "feishu_users",
            "feishu_department_members",
        ] {
            assert_eq!(text.contains(&format!("\n{name}{{")), name != lost, "{scope}: {name}");
        }
        let problem = world.source(source).problem.unwrap_or_else(|| panic!("{scope}"));
        assert_eq!(problem.class, "permission", "{scope}");
        assert!(problem.remedy.contains(scope), "{scope}: {}", problem.remedy);
        assert_eq!(world.status().problem, None, "{scope}");
        assert_eq!(world.metric("feishu_up", &["acme"]), 1.0, "{scope}");
        let success = "feishu_exporter_collection_success";
        assert_eq!(world.metric(success, &[source]), 0.0, "{scope}");
        assert_eq!(world.metric(success, &["departments"]), 1.0, "{scope}");
    }
}

#[tokio::test]
async fn without_the_scope_of_the_statistics_the_other_sources_work() {
    let mut world = world(few(10), everything_listed).await;
    world.simulator.change(|options| {
        options.scopes.remove("admin:admin_dept_stat:readonly");
    });
    world.collect().await;
    assert!(world.served().is_empty());
    for name in ["feishu_department_enabled{", "feishu_department_contact_members{"] {
        assert!(world.text().contains(name), "{name}");
    }
}

#[tokio::test]
async fn optional_sources_that_fail_never_disturb_the_statistics() {
    let mut world = world(few(10), everything_listed).await;
    for endpoint in [
        Endpoint::DepartmentsFilter,
        Endpoint::DepartmentsBatch,
        Endpoint::UsersFindByDepartment,
        Endpoint::AdminUserStats,
    ] {
        let garbage = Kind::Text { status: 200, body: "garbage".to_owned() };
        world.simulator.inject(Fault::from(garbage).endpoint(endpoint)).unwrap();
    }
    world.collect().await;
    assert_eq!(world.served().len(), world.ids().len());
    assert_eq!(world.status().problem, None);
    assert_eq!(world.metric("feishu_up", &["acme"]), 1.0);
    assert!(world.status().departments.iter().all(|d| d.problem.is_none()));
    for source in ["directory", "contact", "members", "users"] {
        assert_eq!(world.source(source).problem.unwrap().class, "malformed", "{source}");
    }
    // And they recover by themselves.
    world.simulator.clear_faults();
    world.set_now("2026-11-23T15:30:00+08:00");
    world.collect().await;
    for source in ["directory", "contact", "members", "users"] {
        assert_eq!(world.source(source).problem, None, "{source}");
    }
}

#[tokio::test]
async fn one_bad_department_costs_the_others_nothing() {
    let mut world = world(few(20), everything_listed).await;
    let bad = world.ids()[3].clone();
    for (endpoint, kind) in [
        (Endpoint::UsersFindByDepartment, Kind::Text { status: 200, body: "7".to_owned() }),
        (
            Endpoint::AdminUserStats,
            Kind::Error { status: 400, code: 1_051_002, msg: "no authority".to_owned() },
        ),
    ] {
        let fault = Fault::from(kind).endpoint(endpoint).department(&bad);
        world.simulator.inject(fault).unwrap();
    }
    world.collect().await;
    let members = |world: &World| {
        let active = "status=\"active\"";
        world.text().lines().filter(|l| l.contains(active) && !l.starts_with('#')).count()
    };
    assert_eq!(members(&world), world.ids().len() - 1);
    // The next day's people come with the next day, even if the first never came.
    world.set_now("2026-11-24T09:36:00+08:00");
    world.collect().await;
    assert!(world.text().contains("feishu_users{"));
    assert_eq!(world.source("users").problem.unwrap().class, "permission");
    // And the bad one recovers by itself.
    world.simulator.clear_faults();
    world.set_now("2026-11-24T16:00:00+08:00");
    world.collect().await;
    assert_eq!(members(&world), world.ids().len());
    assert_eq!(world.source("members").problem, None);
}

#[tokio::test]
async fn ids_that_the_contact_api_drops_or_refuses_are_reported_and_cost_nobody_else() {
    for manner in [Unavailable::Omitted, Unavailable::Refused] {
        let options = simulator::Options { unknown_departments: manner, ..few(10) };
        let mut world = world(options, |tenant| {
            everything_listed(tenant);
            tenant.departments.push(ListedDepartment {
                id: "od-ffffffffffffffffffffffffffffffff".to_owned(),
                include_children: false,
            });
        })
        .await;
        world.collect().await;
        let named = world.text().matches("\nfeishu_department_contact_members{").count();
        assert_eq!(named, world.ids().len() - 1, "{manner:?}");
        let snapshot = world.published.current().unwrap();
        let notices = &snapshot.status.tenants[0].notices;
        assert!(notices.iter().any(|n| n.contains("od-ffff")), "{manner:?} {notices:?}");
    }
}

#[tokio::test]
async fn what_was_collected_is_not_asked_for_again_before_its_time() {
    let mut world = world(few(10), everything).await;
    world.collect().await;
    let before = world.simulator.requests().len();
    world.collect().await;
    world.set_now("2026-11-23T23:00:00+08:00");
    world.collect().await;
    assert_eq!(world.simulator.requests().len(), before);
}

#[tokio::test]
async fn no_person_comes_out() {
    let mut world = world(few(10), everything).await;
    world.collect().await;
    let status = format!("{:?}", world.published.current().unwrap().status);
    let text = world.text() + &status;
    assert!(!text.contains("ou_"), "a person's id");
    assert!(!text.contains('@'), "a person's address");
}

/// A company of one family: a parent with many children, all found by discovery.
pub(super) async fn company(parent_figures: simulator::ParentFigures) -> World {
    let limits = BTreeMap::from([(Endpoint::AdminDeptStats, simulator::Limit::NONE)]);
    grouped(simulator::Options { parent_figures, limits, ..few(60) }).await
}

/// Departments found by discovery, and nothing but their statistics.
async fn grouped(options: simulator::Options) -> World {
    let mut world = world(options, |tenant| {
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

/// Collects the next day and returns how many requests that took; every value must be the truth.
async fn next_day(world: &mut World) -> u64 {
    world.statistics.try_grouping().await;
    world.set_now("2026-11-24T09:36:00+08:00");
    let requests = world.look().await;
    let monday = jiff::civil::date(2026, 11, 23);
    let geo = simulator::Geo::Cn;
    for day in world.served() {
        let truth = world.simulator.truth(&day.department_id, monday, geo, None).unwrap();
        let served = samples(&day, &Version::Total);
        assert_eq!((day.day, served["suite_dau"]), (monday, truth["suite_dau"]));
        assert_eq!(day.rows.len(), 4);
    }
    assert_eq!(world.served().len(), world.within_reach().len());
    requests
}

#[tokio::test]
async fn departments_are_asked_for_together_once_that_is_proven_to_be_the_same() {
    let mut world = company(simulator::ParentFigures::Direct).await;
    let departments = world.within_reach().len() as u64;
    let first = world.look().await;
    assert_eq!(world.grouping(), Some(Grouping::Same), "proven on a small branch, then used");
    assert!(first < departments / 2, "{first} of {departments}");
    assert_eq!(world.served().len() as u64, departments);
    let requests = next_day(&mut world).await;
    assert_eq!(world.grouping(), Some(Grouping::Same));
    assert!(requests < departments / 2, "{requests} of {departments}");
}

#[tokio::test]
async fn a_new_tenant_is_collected_with_hardly_more_requests_than_it_has_pages() {
    let limits = BTreeMap::from([(Endpoint::AdminDeptStats, simulator::Limit::NONE)]);
    let mut world = grouped(simulator::Options { limits, ..few(1000) }).await;
    let departments = world.within_reach().len() as u64;
    let requests = world.look().await;
    assert_eq!(world.served().len() as u64, departments);
    let least = (departments * 4).div_ceil(20);
    assert!(requests * 100 <= least * 115, "{requests} requests, {least} are the least");
}

#[tokio::test]
async fn where_a_parent_counts_its_descendants_each_is_asked_alone() {
    let mut world = company(simulator::ParentFigures::Recursive).await;
    let departments = world.within_reach().len() as u64;
    assert_eq!(world.look().await, departments + 1, "and one to find that out");
    assert_eq!(next_day(&mut world).await, departments);
    assert_eq!(world.grouping(), Some(Grouping::Differs));
}

#[tokio::test]
async fn a_group_that_fails_falls_back_to_single_requests() {
    let mut world = company(simulator::ParentFigures::Direct).await;
    let departments = world.within_reach().len() as u64;
    world.look().await;
    world.statistics.try_grouping().await;
    assert_eq!(world.grouping(), Some(Grouping::Same));
    // The lead is asked alone; the groups that follow are refused.
    let refused = Kind::Error { status: 500, code: 1_051_001, msg: "too many".to_owned() };
    let fault = Fault::from(refused).endpoint(Endpoint::AdminDeptStats).skip(1).times(1);
    world.simulator.inject(fault).unwrap();
    world.set_now("2026-11-24T09:36:00+08:00");
    let requests = world.look().await;
    assert!(requests > 2 && requests <= departments + 2, "{requests} of {departments}");
    assert!(world.served().iter().all(|day| day.day > SUNDAY));
    assert!(world.status().departments.iter().all(|d| d.problem.is_none()));
}

#[tokio::test]
async fn without_leave_nothing_is_grouped() {
    let mut world = company(simulator::ParentFigures::Direct).await;
    world.options().request_grouping = false;
    let departments = world.within_reach().len() as u64;
    world.look().await;
    assert_eq!(next_day(&mut world).await, departments);
    assert_eq!(world.grouping(), None);
}

#[tokio::test]
async fn a_walk_that_suddenly_sees_less_keeps_the_departments() {
    let mut world = world(few(10), everything).await;
    world.collect().await;
    let before = world.served().len();
    let mut now: jiff::Timestamp = MONDAY_14.parse().unwrap();
    for body in [
        r#"{"code":0,"data":null}"#,
        r#"{"code":0,"data":{"departments":[],"abnormals":[{"id":"x","row_error":1000}]}}"#,
        r#"{"code":0,"data":{"departments":[{"name":{"default_value":"x"}}]}}"#,
    ] {
        world.simulator.clear_faults();
        let text = Kind::Text { status: 200, body: body.to_owned() };
        let fault = Fault::from(text).endpoint(Endpoint::DepartmentsFilter);
        world.simulator.inject(fault).unwrap();
        now += jiff::SignedDuration::from_hours(25);
        world.hand.set(now);
        world.optional.run_once().await;
        world.statistics.retarget();
        world.optional.publish().await;
        assert_eq!(world.served().len(), before, "{body}");
        assert_eq!(world.source("directory").problem.unwrap().class, "permission", "{body}");
    }
}

#[tokio::test]
async fn a_failure_in_passing_of_the_contact_api_takes_no_name_away() {
    let mut world = world(few(10), everything_listed).await;
    world.collect().await;
    let names = world.text().matches("\nfeishu_department_contact_members{").count();
    let failed = Kind::Error { status: 500, code: 1500, msg: "internal".to_owned() };
    let fault = Fault::from(failed).endpoint(Endpoint::DepartmentsBatch);
    world.simulator.inject(fault).unwrap();
    let before = world.simulator.request_count(Endpoint::DepartmentsBatch);
    world.set_now("2026-11-24T15:00:00+08:00");
    world.collect().await;
    assert_eq!(world.text().matches("\nfeishu_department_contact_members{").count(), names);
    assert_eq!(world.source("contact").problem.unwrap().class, "server");
    let asked = world.simulator.request_count(Endpoint::DepartmentsBatch) - before;
    assert_eq!(asked, 3, "sent again, but not split");
}

#[tokio::test]
async fn lists_of_people_that_are_all_refused_cost_a_few_requests_and_hold_up_nobody() {
    let mut world = world(few(40), |tenant| {
        tenant.refresh_intervals.insert("members", Duration::from_secs(24 * 3600));
    })
    .await;
    let lists = Endpoint::UsersFindByDepartment;
    let refusal = Kind::Error { status: 403, code: 40_004, msg: "no authority".to_owned() };
    world.simulator.inject(Fault::from(refusal).endpoint(lists)).unwrap();
    world.collect().await;
    let departments = world.ids().len() as u64;
    let asked = world.simulator.request_count(lists);
    assert!((10..=18).contains(&asked) && asked < departments, "{asked} of {departments}");
    let problem = world.source("members").problem.unwrap();
    assert_eq!(problem.code, Some(40_004));
    assert!(problem.log_id.is_some() && problem.remedy.contains("通讯录权限范围"));
    // Once the range is granted, those that were never asked come first, and all are counted.
    world.simulator.clear_faults();
    world.set_now("2026-11-23T15:10:00+08:00");
    world.collect().await;
    world.set_now("2026-11-23T16:20:00+08:00");
    world.collect().await;
    assert_eq!(world.source("members").problem, None);
}

#[tokio::test]
async fn names_that_are_all_refused_are_told_with_code_and_log_id() {
    let mut world = world(few(40), everything_listed).await;
    let batch = Endpoint::DepartmentsBatch;
    let refusal = Kind::Error { status: 403, code: 40_004, msg: "no authority".to_owned() };
    world.simulator.inject(Fault::from(refusal).endpoint(batch)).unwrap();
    world.collect().await;
    assert!(world.simulator.request_count(batch) <= 3);
    let problem = world.source("contact").problem.unwrap();
    assert!(problem.code == Some(40_004) && problem.log_id.is_some(), "{problem:?}");
}

#[tokio::test]
async fn names_that_are_all_refused_cost_one_request_a_day_from_then_on() {
    for departments in [2, 400] {
        let mut world = world(super::history::plenty(departments), everything_listed).await;
        let batch = Endpoint::DepartmentsBatch;
        let refusal = Kind::Error { status: 403, code: 40_004, msg: "no authority".to_owned() };
        world.simulator.inject(Fault::from(refusal).endpoint(batch)).unwrap();
        world.collect().await;
        let asked = world.simulator.request_count(batch);
        assert_eq!(asked, 3, "the batch, its first and its last id: {departments}");
        for (day, hour) in [(23, 16), (23, 23), (25, 10), (26, 11)] {
            let before = world.simulator.request_count(batch);
            world.set_now(&format!("2026-11-{day}T{hour}:00:00+08:00"));
            world.optional.run_once().await;
            world.optional.publish().await;
            assert_eq!(world.simulator.request_count(batch) - before, 1, "{departments} {day}");
            assert_eq!(world.source("contact").problem.unwrap().code, Some(40_004));
        }
        // Once it is granted, everything is there with the next attempt.
        world.simulator.clear_faults();
        world.set_now("2026-11-27T12:00:00+08:00");
        world.optional.run_once().await;
        world.optional.publish().await;
        assert_eq!(world.source("contact").problem, None);
        let named = world.text().matches("\nfeishu_department_contact_members{").count();
        assert_eq!(named, world.ids().len());
    }
}

#[tokio::test]
async fn names_that_are_all_refused_cost_one_request_after_a_restart() {
    let store = super::values::memory();
    let batch = Endpoint::DepartmentsBatch;
    let refusal = || {
        let refusal = Kind::Error { status: 403, code: 40_004, msg: "no authority".to_owned() };
        Fault::from(refusal).endpoint(batch)
    };
    for requests in [3, 1, 1] {
        let options = super::history::plenty(200);
        let mut world = world_keeping(Some(&store), options, everything_listed).await;
        world.simulator.inject(refusal()).unwrap();
        world.collect().await;
        assert_eq!(world.simulator.request_count(batch), requests);
        assert_eq!(world.source("contact").problem.unwrap().code, Some(40_004));
    }
    let mut world =
        world_keeping(Some(&store), super::history::plenty(200), everything_listed).await;
    world.collect().await;
    assert_eq!(world.source("contact").problem, None);
    let named = world.text().matches("\nfeishu_department_contact_members{").count();
    assert_eq!(named, world.ids().len());
}

/// As [`everything_listed`], with these that do not exist.
fn with_wrong_ids(tenant: &mut Tenant, wrong: &[String]) {
    everything_listed(tenant);
    let listed = |id: &String| ListedDepartment { id: id.clone(), include_children: false };
    tenant.departments.extend(wrong.iter().map(listed));
}

/// How many departments the contact API tells of.
fn named(world: &World) -> usize {
    world.text().matches("\nfeishu_department_contact_members{").count()
}

#[tokio::test]
async fn wrong_ids_at_both_ends_of_a_batch_hide_the_others_until_the_next_attempt_only() {
    let options = simulator::Options { unknown_departments: Unavailable::Refused, ..few(30) };
    let wrong = [format!("od-{}", "0".repeat(32)), format!("od-{}", "f".repeat(32))];
    let mut world = world(options, |tenant| with_wrong_ids(tenant, &wrong)).await;
    world.collect().await;
    assert_eq!(named(&world), 0);
    world.set_now("2026-11-23T16:00:00+08:00");
    world.optional.run_once().await;
    world.optional.publish().await;
    assert_eq!(named(&world), world.ids().len() - wrong.len());
    assert_eq!(world.source("contact").problem.unwrap().code, Some(99_992_357));
}

#[tokio::test]
async fn wrong_ids_are_asked_for_apart_once_they_are_known() {
    let options = simulator::Options {
        unknown_departments: Unavailable::Refused,
        ..super::history::plenty(100)
    };
    let wrong: Vec<String> = (0..70).map(|n| format!("od-c{n:02x}{}", "e".repeat(29))).collect();
    let mut world = world(options, |tenant| with_wrong_ids(tenant, &wrong)).await;
    let good = world.ids().len() - wrong.len();
    let batch = Endpoint::DepartmentsBatch;
    let mut asked = Vec::new();
    for day in 23..=28 {
        let before = world.simulator.request_count(batch);
        world.set_now(&format!("2026-11-{day}T16:00:00+08:00"));
        world.collect().await;
        asked.push(world.simulator.request_count(batch) - before);
    }
    assert_eq!(named(&world), good);
    assert_eq!(world.source("contact").problem.unwrap().code, Some(99_992_357));
    let (good_batches, wrong_batches) = (good.div_ceil(50), wrong.len().div_ceil(50));
    let least = (good_batches + 3 * wrong_batches) as u64;
    assert!(asked[1..].iter().all(|requests| *requests <= least), "{asked:?}, {least} at most");
}
