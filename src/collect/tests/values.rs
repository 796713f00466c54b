//! Right values whatever happens to lists, to what was learned, and to what departments may be seen.

use std::collections::BTreeSet;

use super::{optional::everything, *};
use feishu_simulator::{Fault, Kind};

pub(super) const MONDAY: Day = date(2026, 11, 23);
pub(super) const TUESDAY_MORNING: &str = "2026-11-24T09:36:00+08:00";

pub(super) fn memory() -> Store {
    Store::in_memory(Clock::manual(MONDAY_14.parse().unwrap()).0).unwrap()
}

/// The root with all below it, as one list.
pub(super) fn root_with_children(tenant: &mut Tenant) {
    tenant.departments = vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
}

/// The same, where a walk through the directory tells which departments there are.
pub(super) fn root_and_directory(tenant: &mut Tenant) {
    root_with_children(tenant);
    tenant.refresh_intervals.insert("directory", Duration::from_secs(24 * 3600));
}

impl World {
    /// What the tenant holds of a figure of a department's total on a day.
    pub(super) fn right(&self, id: &str, day: Day, field: &str) -> f64 {
        self.simulator.truth(id, day, simulator::Geo::Cn, None).unwrap()[field]
    }

    /// Every department's total is the right one of the day that it serves.
    pub(super) fn assert_totals(&self) {
        assert!(!self.served().is_empty());
        for day in self.served() {
            for field in ["total_user_num", "suite_dau", "send_messenger_num"] {
                let served = samples(&day, &Version::Total)[field];
                let truth = self.right(&day.department_id, day.day, field);
                assert_eq!(served, truth, "{} {}", day.department_id, day.day);
            }
        }
    }

    pub(super) fn days(&self) -> BTreeSet<Day> {
        self.served().iter().map(|day| day.day).collect()
    }
}

#[tokio::test]
async fn a_list_that_comes_once_without_the_total_changes_no_department_and_no_later_day() {
    let store = memory();
    let mut world = world_keeping(Some(&store), few(6), |_| {}).await;
    let first = world.ids()[0].clone();
    let cut = Fault::from(Kind::OmitTotal).department(&first).times(1);
    world.simulator.inject(cut).unwrap();
    let departments = world.ids().len() as u64;
    assert_eq!(world.look().await, departments + 1, "its total is asked for apart");
    world.assert_totals();
    assert!(world.served().iter().all(|day| day.rows.len() == 4));
    world.set_now(TUESDAY_MORNING);
    assert_eq!(world.look().await, departments);
    world.assert_totals();
}

#[tokio::test]
async fn where_the_total_has_no_row_anywhere_it_is_asked_for_apart() {
    let mut world = world(few(8), |_| {}).await;
    world.simulator.inject(Kind::OmitTotal).unwrap();
    assert_eq!(world.look().await, 2 * world.ids().len() as u64);
    world.assert_totals();
    for day in world.served() {
        for (version, _) in &day.rows {
            let Version::Named(name) = version else { continue };
            let truth =
                world.simulator.truth(&day.department_id, SUNDAY, simulator::Geo::Cn, Some(name));
            assert_eq!(samples(&day, version)["suite_dau"], truth.unwrap()["suite_dau"], "{name}");
        }
    }
}

#[tokio::test]
async fn versions_that_are_refused_after_they_worked_cost_no_day_and_come_back() {
    let store = memory();
    let mut world = world_keeping(Some(&store), few(6), |_| {}).await;
    world.look().await;
    let departments = world.ids().len() as u64;
    // Feishu withdraws the feature.
    world.simulator.inject(Kind::RefuseVersions).unwrap();
    for (now, day) in [(TUESDAY_MORNING, MONDAY), ("2026-11-25T09:36:00+08:00", date(2026, 11, 24))]
    {
        world.set_now(now);
        assert_eq!(world.look().await, departments + 1, "each day tries once");
        assert_eq!(world.days(), [day].into());
        world.assert_totals();
        assert!(world.status().notices[0].contains("with_product_version"));
    }
    world.simulator.clear_faults();
    world.set_now("2026-11-26T09:36:00+08:00");
    assert_eq!(world.look().await, departments);
    assert!(world.served().iter().all(|day| day.rows.len() == 4));
    assert!(world.status().notices.is_empty());
}

#[tokio::test]
async fn another_kind_of_ids_takes_nothing_over_from_before() {
    let store = memory();
    let mut before = world_keeping(Some(&store), few(12), everything).await;
    before.collect().await;
    before.statistics.publish().await;
    assert!(!before.served().is_empty());
    let mut world = world_keeping(Some(&store), few(12), |tenant| {
        everything(tenant);
        tenant.api.department_id_type = DepartmentIdType::DepartmentId;
    })
    .await;
    assert!(!world.text().contains("od-"), "nothing under the ids of before");
    world.collect().await;
    assert_eq!(world.served().len(), before.served().len());
    for request in world.simulator.requests() {
        let query = format!("{:?} {:?}", request.query, request.body);
        assert!(!query.contains("od-"), "{query}");
    }
}

#[tokio::test]
async fn facts_of_the_optional_sources_end_with_max_age() {
    let mut world = world(few(6), everything).await;
    world.collect().await;
    for name in ["feishu_department_members{", "feishu_department_contact_members{"] {
        assert!(world.text().contains(name), "{name}");
    }
    world.simulator.change(|options| {
        options.scopes.retain(|scope| scope.starts_with("admin:"));
    });
    for (now, is_there) in [
        ("2026-12-07T13:00:00+08:00", true),
        ("2026-12-07T15:00:00+08:00", false),
        ("2027-01-22T15:00:00+08:00", false),
    ] {
        world.set_now(now);
        world.collect().await;
        assert!(world.text().contains("feishu_department_suite_dau{"), "{now}");
        for name in [
            "feishu_department_members{",
            "feishu_department_members_by_employee_type{",
            "feishu_department_contact_members{",
            "feishu_department_direct_members{",
            "feishu_department_enabled{",
        ] {
            assert_eq!(world.text().contains(name), is_there, "{now} {name}");
        }
    }
}

#[tokio::test]
async fn departments_taken_out_of_the_configuration_are_not_served_after_a_restart() {
    let store = memory();
    let mut before = world_keeping(Some(&store), few(6), |tenant| {
        let listed = tenant.departments.clone();
        everything(tenant);
        (tenant.discovery, tenant.departments) = (None, listed);
        tenant.refresh_intervals.insert("directory", Duration::from_secs(24 * 3600));
    })
    .await;
    before.collect().await;
    let gone = format!(",department_id=\"{}\"", before.ids()[0]);
    assert!(before.text().contains(&gone));
    let world = world_keeping(Some(&store), few(6), |tenant| {
        let listed = tenant.departments[1..].to_vec();
        everything(tenant);
        (tenant.discovery, tenant.departments) = (None, listed);
        tenant.refresh_intervals.insert("directory", Duration::from_secs(24 * 3600));
    })
    .await;
    assert!(world.text().contains("feishu_department_members{"), "the others are");
    assert!(!world.text().contains(&gone), "but for the one that was taken out");
}

#[tokio::test]
async fn a_hidden_department_freezes_nothing_and_is_named_once() {
    let mut world = world(few(12), everything).await;
    world.collect().await;
    let all = world.simulator.departments();
    let top = |nth: usize| all.iter().filter(|d| d.depth == 1).nth(nth).unwrap().clone();
    let (hidden, gone) = (top(0).open_department_id, top(1).open_department_id);
    let below: Vec<String> = all
        .iter()
        .filter(|d| d.depth <= 4 && d.parent.is_some_and(|p| all[p].open_department_id == hidden))
        .map(|d| d.open_department_id.clone())
        .collect();
    let members = |world: &World, id: &str| {
        world.sample("feishu_department_direct_members", &[&format!("department_id=\"{id}\"")])
    };
    let before = members(&world, &hidden);
    assert!(before.is_some());
    let fault = Fault::from(Kind::HideDepartment).endpoint(Endpoint::DepartmentsFilter);
    world.simulator.inject(fault.department(&hidden)).unwrap();
    let added = world.simulator.add("0", "新部门").unwrap().open_department_id;
    world.simulator.remove(&gone).unwrap();
    world.set_now("2026-11-24T15:00:00+08:00");
    world.collect().await;
    let asked: BTreeSet<String> =
        world.status().departments.into_iter().map(|d| d.department_id.to_string()).collect();
    assert!(asked.contains(&added), "what is new is found");
    assert!(!asked.contains(&gone), "what was removed is gone");
    assert!(asked.contains(&hidden) && below.iter().all(|id| asked.contains(id)));
    assert_eq!(members(&world, &hidden), before, "what is hidden stays as it was");
    let truth = world.simulator.head_count(&added).unwrap().direct_members;
    assert_eq!(members(&world, &added), Some(truth as f64));
    let problem = world.source("directory").problem.unwrap();
    assert!(problem.message.contains(&hidden), "{}", problem.message);
    // Days later it is still asked for, but its counts are too old.
    world.set_now("2026-12-09T15:00:00+08:00");
    world.collect().await;
    assert_eq!(members(&world, &hidden), None);
    assert!(world.served_one(&hidden).is_some());
    world.simulator.clear_faults();
    world.set_now("2026-12-10T15:30:00+08:00");
    world.collect().await;
    assert!(members(&world, &hidden).is_some());
    assert_eq!(world.source("directory").problem, None);
}

#[tokio::test]
async fn a_first_walk_with_one_refused_branch_brings_the_rest() {
    let mut world = world(few(40), everything).await;
    let all = world.simulator.departments();
    let branch = all.iter().find(|d| d.depth == 1 && !world.children(&all, d).is_empty()).unwrap();
    let lost: BTreeSet<String> = world.children(&all, branch).into_iter().collect();
    let fault = Fault::from(Kind::Error {
        status: 403,
        code: 40_004,
        msg: "no dept authority error".to_owned(),
    })
    .endpoint(Endpoint::DepartmentsFilter)
    .department(&branch.open_department_id);
    world.simulator.inject(fault).unwrap();
    world.collect().await;
    let found: BTreeSet<String> =
        world.status().departments.into_iter().map(|d| d.department_id.to_string()).collect();
    assert!(found.contains(&branch.open_department_id) && found.is_disjoint(&lost));
    assert!(found.len() >= all.iter().filter(|d| d.depth == 1).count());
    let problem = world.source("directory").problem.unwrap();
    assert!(problem.message.contains(&branch.open_department_id), "{}", problem.message);
    world.simulator.clear_faults();
    world.set_now("2026-11-24T15:00:00+08:00");
    world.collect().await;
    let found: BTreeSet<String> =
        world.status().departments.into_iter().map(|d| d.department_id.to_string()).collect();
    assert!(found.is_superset(&lost));
}

impl World {
    fn children(&self, all: &[simulator::Department], of: &simulator::Department) -> Vec<String> {
        let is_child = |d: &&simulator::Department| {
            d.parent.is_some_and(|p| all[p].open_department_id == of.open_department_id)
        };
        let children = all.iter().filter(is_child).filter(|d| d.depth <= 4);
        children.map(|d| d.open_department_id.clone()).collect()
    }
}

#[tokio::test]
async fn the_root_is_named_by_the_contact_api_too() {
    let mut world = world(few(4), |tenant| {
        everything(tenant);
        tenant.discovery = None;
        tenant.departments = vec![ListedDepartment { id: "0".to_owned(), include_children: true }];
    })
    .await;
    world.collect().await;
    let truth = world.simulator.head_count("0").unwrap().recursive_members;
    let members = world.sample("feishu_department_contact_members", &["department_id=\"0\""]);
    assert_eq!(members, Some(truth as f64));
}

#[tokio::test]
async fn a_damaged_list_under_the_root_makes_no_department_that_does_not_exist() {
    let mut world = world(few(12), root_and_directory).await;
    world.collect().await;
    let before: Vec<_> = world.served().iter().map(|d| Arc::clone(&d.department_id)).collect();
    let phantom = "od-ffffffffffffffffffffffffffffffff".to_owned();
    let fault = Fault::from(Kind::ForeignRow { department: Some(phantom), date: None });
    world.simulator.inject(fault.endpoint(Endpoint::AdminDeptStats).times(5)).unwrap();
    world.set_now(TUESDAY_MORNING);
    world.look().await;
    let ids: Vec<_> = world.served().iter().map(|d| Arc::clone(&d.department_id)).collect();
    assert_eq!((ids, world.days()), (before, [MONDAY].into()));
    assert!(world.metric("feishu_exporter_rejected_rows_total", &["acme"]) > 0.0);
    assert_eq!(world.status().departments[0].state, crate::snapshot::DepartmentState::Incomplete);
    world.assert_totals();
    // It is asked for again, and a sound answer ends it.
    world.simulator.clear_faults();
    world.set_now("2026-11-24T10:37:00+08:00");
    assert!(world.look().await > 0);
    assert_eq!(world.status().departments[0].state, crate::snapshot::DepartmentState::Latest);
}

#[tokio::test]
async fn a_malformed_figure_is_asked_for_again_and_taken_when_it_is_there() {
    for value in ["12,345", "0x10", "-5", "NaN"] {
        let mut world = world(few(3), |_| {}).await;
        let odd = world.ids()[1].clone();
        let kind = Kind::SetField { field: "im_dau".to_owned(), value: value.into() };
        world.simulator.inject(Fault::from(kind).department(&odd)).unwrap();
        world.look().await;
        let im = |world: &World| {
            samples(&world.served_one(&odd).unwrap(), &Version::Total).get("im_dau").copied()
        };
        assert_eq!(im(&world), None, "{value}");
        // Three times at the interval, then ever more rarely.
        for (hour, requests) in
            [(15, 1), (16, 1), (17, 1), (18, 0), (19, 1), (20, 0), (22, 0), (23, 1)]
        {
            world.set_now(&format!("2026-11-23T{hour}:01:00+08:00"));
            assert_eq!(world.look().await, requests, "{value} at {hour}");
        }
        world.simulator.clear_faults();
        world.set_now("2026-11-24T07:02:00+08:00");
        assert_eq!(world.look().await, 1, "{value}");
        assert_eq!(im(&world), Some(world.right(&odd, SUNDAY, "im_dau")), "{value}");
        world.set_now("2026-11-24T09:00:00+08:00");
        assert_eq!(world.look().await, 0, "{value}");
    }
}

#[tokio::test]
async fn a_late_sub_department_is_waited_for_though_a_new_one_fills_its_place() {
    let mut world = world(few(12), root_with_children).await;
    world.look().await;
    let late = world.served()[3].department_id.to_string();
    let fault = Fault::from(Kind::LateDay { until: None }).department(&late);
    world.simulator.inject(fault).unwrap();
    world.simulator.add("0", "新部门").unwrap();
    world.set_now(TUESDAY_MORNING);
    world.look().await;
    assert_eq!(world.served_one(&late).unwrap().day, SUNDAY);
    world.simulator.clear_faults();
    world.set_now("2026-11-24T10:37:00+08:00");
    assert!(world.look().await > 0, "it is asked for again");
    assert_eq!(world.served_one(&late).unwrap().day, MONDAY);
    world.assert_totals();
}

#[tokio::test]
async fn a_sub_department_that_comes_after_the_third_time_is_taken_on_the_same_day() {
    let mut world = world(few(12), root_with_children).await;
    world.look().await;
    let late = world.served()[3].department_id.to_string();
    let fault = Fault::from(Kind::LateDay { until: None }).department(&late);
    world.simulator.inject(fault).unwrap();
    for hour in 10..=13 {
        world.set_now(&format!("2026-11-24T{hour}:00:00+08:00"));
        assert!(world.look().await > 0, "at {hour}");
    }
    world.simulator.clear_faults();
    world.set_now("2026-11-24T14:30:00+08:00");
    assert_eq!(world.look().await, 0);
    world.set_now("2026-11-24T15:00:00+08:00");
    assert!(world.look().await > 0);
    assert_eq!(world.served_one(&late).unwrap().day, MONDAY);
    world.set_now("2026-11-25T09:00:00+08:00");
    assert_eq!(world.look().await, 0);
}

#[tokio::test]
async fn a_deleted_sub_department_costs_no_list_once_the_directory_has_lost_it() {
    let mut world = world(few(12), root_and_directory).await;
    world.collect().await;
    let gone = world.served()[3].department_id.to_string();
    world.simulator.remove(&gone).unwrap();
    world.set_now("2026-11-24T14:30:00+08:00");
    // The walk is due, and comes first here.
    world.optional.run_once().await;
    world.statistics.retarget();
    let lists = world.look().await;
    assert!(lists > 0);
    for hour in ["16:00", "18:00", "23:00"] {
        world.set_now(&format!("2026-11-24T{hour}:00+08:00"));
        assert_eq!(world.look().await, 0, "{hour}");
    }
}
