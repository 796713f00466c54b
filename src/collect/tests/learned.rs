//! What was learned or kept is taken back where an answer, or another option, contradicts it.

use super::{
    optional::{company, everything},
    values::{MONDAY, TUESDAY_MORNING, memory, root_and_directory, root_with_children},
    *,
};
use crate::day::after;
use feishu_simulator::{Fault, Kind};

const WEDNESDAY_MORNING: &str = "2026-11-25T09:36:00+08:00";

fn auto(tenant: &mut Tenant) {
    tenant.rates = None;
}

impl World {
    /// Lets the walk through the directory run, if it is due, and the statistics take it in.
    async fn walk(&mut self) -> u64 {
        let before = self.simulator.request_count(Endpoint::DepartmentsFilter);
        self.statistics.tell();
        self.optional.run_once().await;
        self.statistics.retarget();
        self.simulator.request_count(Endpoint::DepartmentsFilter) - before
    }

    /// Every department's rows are right, whichever way they were asked for.
    fn assert_rows(&self, day: Day) {
        self.assert_totals();
        assert!(self.served().iter().all(|served| served.day == day && served.rows.len() == 4));
    }
}

#[tokio::test]
async fn rates_in_another_scale_than_before_are_read_anew_and_so_after_a_restart() {
    let store = memory();
    let mut world = world_keeping(Some(&store), few(30), auto).await;
    world.look().await;
    assert_eq!(world.report().view.scale, Some(RateScale::Ratio));
    world.simulator.change(|options| options.rates = simulator::Rates::Percent);
    world.set_now(TUESDAY_MORNING);
    world.look().await;
    assert_eq!(world.report().view.scale, Some(RateScale::Percent));
    let kept = async || store.tenant("acme", "cli_demo").rate_scale().await.unwrap();
    assert_eq!(kept().await, Some(RateScale::Percent));
    let again = world_keeping(Some(&store), few(30), auto).await;
    assert_eq!(again.report().view.scale, Some(RateScale::Percent), "before the first row");
}

#[tokio::test]
async fn rates_of_a_small_tenant_that_change_their_scale_end_and_come_back_right() {
    let store = memory();
    let mut world = world_keeping(Some(&store), few(2), |tenant| {
        auto(tenant);
        tenant.product_versions = false;
    })
    .await;
    world.look().await;
    assert_eq!(world.report().view.scale, Some(RateScale::Ratio));
    world.simulator.change(|options| options.rates = simulator::Rates::Percent);
    let mut scales = Vec::new();
    let mut now: jiff::Timestamp = TUESDAY_MORNING.parse().unwrap();
    for _ in 0..12 {
        world.set_now(&now.to_string());
        world.look().await;
        scales.push(world.report().view.scale);
        now += jiff::SignedDuration::from_hours(24);
    }
    let without = scales.iter().position(|scale| *scale == Some(RateScale::Percent)).unwrap();
    assert!(without > 0, "it takes several rows: {scales:?}");
    // Until then it is the old one, or none: the store knows of that, too.
    assert!(scales[without..].iter().all(|scale| *scale == Some(RateScale::Percent)), "{scales:?}");
    assert!(scales.contains(&None), "{scales:?}");
}

#[tokio::test]
async fn a_configured_scale_that_is_taken_out_leaves_no_trace() {
    let store = memory();
    let wrong = |tenant: &mut Tenant| tenant.rates = Some(RateScale::Percent);
    world_keeping(Some(&store), few(12), wrong).await.look().await;
    let mut world = world_keeping(Some(&store), few(12), auto).await;
    assert_eq!(world.report().view.scale, None);
    world.set_now(TUESDAY_MORNING);
    world.look().await;
    assert_eq!(world.report().view.scale, Some(RateScale::Ratio));
}

#[tokio::test]
async fn what_was_proven_of_asking_together_is_taken_back_on_the_day_it_turns_wrong() {
    for parent_figures in [simulator::ParentFigures::Direct, simulator::ParentFigures::Recursive] {
        let mut world = company(simulator::ParentFigures::Direct).await;
        let departments = world.ids_asked() as u64;
        world.look().await;
        world.statistics.try_grouping().await;
        assert_eq!(world.grouping(), Some(Grouping::Same));
        world.simulator.change(|options| options.parent_figures = parent_figures);
        world.set_now(TUESDAY_MORNING);
        let asked = world.look().await;
        world.assert_rows(MONDAY);
        if parent_figures == simulator::ParentFigures::Direct {
            assert!(asked < departments / 2, "{asked} of {departments}");
            continue;
        }
        assert_eq!(world.grouping(), Some(Grouping::Differs));
        world.set_now(WEDNESDAY_MORNING);
        assert_eq!(world.look().await, departments, "each alone");
        world.assert_rows(after(MONDAY, 1));
        // There is a way back.
        world.simulator.change(|o| o.parent_figures = simulator::ParentFigures::Direct);
        world.statistics.try_grouping().await;
        assert_eq!(world.grouping(), Some(Grouping::Differs));
        world.set_now("2026-12-24T09:36:00+08:00");
        world.look().await;
        world.statistics.try_grouping().await;
        assert_eq!(world.grouping(), Some(Grouping::Same));
    }
}

impl World {
    fn ids_asked(&self) -> usize {
        self.statistics.state.standings().count()
    }
}

#[tokio::test]
async fn what_an_answer_for_several_lacks_is_asked_for_alone() {
    let mut world = company(simulator::ParentFigures::Direct).await;
    let departments = world.ids_asked() as u64;
    world.look().await;
    world.statistics.try_grouping().await;
    let late: Vec<String> =
        world.served()[5..8].iter().map(|day| day.department_id.to_string()).collect();
    for id in &late {
        let fault = Fault::from(Kind::LateDay { until: None }).department(id);
        world.simulator.inject(fault).unwrap();
    }
    world.set_now(TUESDAY_MORNING);
    let asked = world.look().await;
    assert!(asked < departments / 2, "one of them tells for the others: {asked}");
    assert!(late.iter().all(|id| world.served_one(id).unwrap().day == SUNDAY));
    assert_eq!(world.grouping(), Some(Grouping::Same), "a late day says nothing of it");
    world.simulator.clear_faults();
    world.set_now("2026-11-24T10:37:00+08:00");
    world.look().await;
    world.assert_rows(MONDAY);
}

#[tokio::test]
async fn another_zone_or_other_versions_have_the_day_asked_for_once_more_after_a_restart() {
    let utc = |tenant: &mut Tenant| {
        tenant.geos = vec![GeoZone { geo: Geo::Local, zone: Zone::utc() }];
    };
    let names = |tenant: &mut Tenant| tenant.total_version_names = vec!["基础版".to_owned()];
    type Edit = fn(&mut Tenant);
    let edits: [(&str, Edit); 3] = [("zone", utc), ("names", names), ("none", |_| {})];
    for (what, edit) in edits {
        let store = memory();
        let mut world = world_keeping(Some(&store), few(4), |_| {}).await;
        let departments = world.ids().len() as u64;
        world.look().await;
        let mut again = world_keeping(Some(&store), few(4), edit).await;
        assert_eq!(again.served().len(), again.ids().len(), "{what}: there is no gap");
        // By both zones Sunday is the newest day then.
        again.set_now("2026-11-23T18:00:00+08:00");
        let asked = again.look().await;
        assert_eq!(asked, if what == "none" { 0 } else { departments }, "{what}");
        again.assert_totals();
        assert_eq!(again.look().await, 0, "{what}");
    }
}

#[tokio::test]
async fn versions_that_are_switched_on_come_with_the_restart_and_off_they_go_with_it() {
    let store = memory();
    let off = |tenant: &mut Tenant| tenant.product_versions = false;
    let mut world = world_keeping(Some(&store), few(3), off).await;
    world.look().await;
    assert!(world.served().iter().all(|day| day.rows.len() == 1));
    let mut on = world_keeping(Some(&store), few(3), |_| {}).await;
    assert_eq!(on.served().len(), on.ids().len());
    on.look().await;
    on.assert_rows(SUNDAY);
    let mut off = world_keeping(Some(&store), few(3), off).await;
    assert!(off.served().iter().all(|day| day.rows.len() == 1));
    off.look().await;
    assert!(off.served().iter().all(|day| day.rows.len() == 1));
    // The next day lacks nothing because versions are missing that nobody wants.
    off.set_now(TUESDAY_MORNING);
    assert_eq!(off.look().await, off.ids().len() as u64);
    off.set_now("2026-11-24T12:00:00+08:00");
    assert_eq!(off.look().await, 0);
}

#[tokio::test]
async fn a_late_sub_department_is_waited_for_after_a_restart_in_between_too() {
    let store = memory();
    let mut world = world_keeping(Some(&store), few(12), root_with_children).await;
    world.look().await;
    let late = world.served()[3].department_id.to_string();
    drop(world);
    let mut again = world_keeping(Some(&store), few(12), root_with_children).await;
    let fault = Fault::from(Kind::LateDay { until: None }).department(&late);
    again.simulator.inject(fault).unwrap();
    again.simulator.add("0", "新部门").unwrap();
    again.set_now(TUESDAY_MORNING);
    again.look().await;
    assert_eq!(again.served_one(&late).unwrap().day, SUNDAY);
    // A restart between the two lists: it is still known which one is lacking.
    let mut third = world_keeping(Some(&store), few(12), root_with_children).await;
    third.simulator.add("0", "新部门").unwrap();
    third.set_now("2026-11-24T10:37:00+08:00");
    assert!(third.look().await > 0, "it is asked for again");
    assert_eq!(third.served_one(&late).unwrap().day, MONDAY);
    assert_eq!(third.look().await, 0);
}

#[tokio::test]
async fn a_department_that_is_newer_than_the_walk_is_served_after_another_walk() {
    let mut world = world(few(12), root_and_directory).await;
    world.collect().await;
    let new = world.simulator.add("0", "新部门").unwrap().open_department_id;
    world.set_now("2026-11-24T09:36:00+08:00");
    world.look().await;
    assert_eq!(world.served_one(&new), None, "nobody knows it yet");
    assert!(world.walk().await > 0, "rows of a stranger are a reason for a walk");
    assert!(world.look().await > 0, "and the walk one to ask again");
    assert_eq!(world.served_one(&new).unwrap().day, MONDAY);
    world.assert_totals();
    assert_eq!(world.status().departments[0].state, crate::snapshot::DepartmentState::Latest);
    assert!(world.status().notices.is_empty());
    world.set_now("2026-11-24T12:00:00+08:00");
    assert_eq!((world.look().await, world.walk().await), (0, 0));
}

#[tokio::test]
async fn rows_of_a_department_that_does_not_exist_cost_one_walk_a_day_and_are_told() {
    let mut world = world(few(12), root_and_directory).await;
    world.collect().await;
    let phantom = "od-ffffffffffffffffffffffffffffffff".to_owned();
    let kind = Kind::ForeignRow { department: Some(phantom.clone()), date: None };
    world.simulator.inject(Fault::from(kind).endpoint(Endpoint::AdminDeptStats)).unwrap();
    world.set_now("2026-11-24T09:36:00+08:00");
    world.look().await;
    assert!(world.status().notices[0].contains("not believed"), "{:?}", world.status().notices);
    assert!(world.walk().await > 0);
    for hour in 10..14 {
        world.set_now(&format!("2026-11-24T{hour}:37:00+08:00"));
        world.look().await;
        assert_eq!(world.walk().await, 0, "at {hour}");
    }
    assert_eq!((world.served_one(&phantom), world.days()), (None, [MONDAY].into()));
    world.assert_totals();
}

#[tokio::test]
async fn a_stranger_that_came_before_the_first_walk_goes_with_the_next_list() {
    let mut world = world(few(12), root_and_directory).await;
    let phantom = "od-ffffffffffffffffffffffffffffffff".to_owned();
    let kind = Kind::ForeignRow { department: Some(phantom.clone()), date: None };
    let fault = Fault::from(kind).endpoint(Endpoint::AdminDeptStats).times(1);
    world.simulator.inject(fault).unwrap();
    world.look().await;
    assert!(world.served_one(&phantom).is_some(), "nobody can know better");
    world.set_now("2026-11-23T14:20:00+08:00");
    assert!(world.walk().await > 0);
    world.set_now("2026-11-23T15:30:00+08:00");
    assert!(world.look().await > 0);
    assert_eq!(world.served_one(&phantom), None);
    world.assert_totals();
    world.set_now("2026-11-23T18:30:00+08:00");
    assert_eq!(world.look().await, 0);
}

#[tokio::test]
async fn past_days_that_come_damaged_are_asked_for_three_times_more_and_no_more_often() {
    let store = memory();
    let mut world = world_keeping(Some(&store), few(1), |_| {}).await;
    world.look().await;
    world.statistics.publish().await;
    world.statistics.tell();
    let kind = Kind::SetField { field: "im_dau".to_owned(), value: "12,345".into() };
    world.simulator.inject(Fault::from(kind)).unwrap();
    let past = async |world: &mut World, now: &str| {
        world.set_now(now);
        let before = world.simulator.request_count(Endpoint::AdminDeptStats);
        world.past.run_once().await;
        // Whatever else happens meanwhile.
        world.past.run_once().await;
        world.simulator.request_count(Endpoint::AdminDeptStats) - before
    };
    let first = past(&mut world, "2026-11-23T14:05:00+08:00").await;
    assert!(first > 0);
    assert_eq!(past(&mut world, "2026-11-23T14:30:00+08:00").await, 0, "they wait");
    assert!(past(&mut world, "2026-11-23T15:06:00+08:00").await > 0);
    // What is sound then is the baseline.
    world.simulator.clear_faults();
    assert!(past(&mut world, "2026-11-23T16:07:00+08:00").await > 0);
    assert_eq!(past(&mut world, "2026-11-23T17:08:00+08:00").await, 0, "nothing is lacking");
    world.past.publish().await;
    let text = exposition::text(&world.published.current().unwrap().body);
    assert!(text.contains("feishu_department_im_dau_baseline"), "{text}");
}

#[tokio::test]
async fn a_department_that_failed_last_is_not_up_after_a_restart_until_it_answers() {
    let store = memory();
    let mut world = world_keeping(Some(&store), few(3), |_| {}).await;
    world.look().await;
    let id = world.ids()[1].clone();
    let refused = Kind::Error { status: 400, code: 1_051_003, msg: "no permission".to_owned() };
    world.simulator.inject(Fault::from(refused).department(&id)).unwrap();
    world.set_now(TUESDAY_MORNING);
    world.look().await;
    let ups = |world: &World| {
        let view = world.report().view;
        view.department_up.iter().map(|(_, of, up)| (of.to_string() == id, *up)).collect::<Vec<_>>()
    };
    let expected = |failing: bool| {
        world.ids().iter().map(|of| (*of == id, *of != id || !failing)).collect::<Vec<_>>()
    };
    assert_eq!(ups(&world), expected(true));
    let mut again = world_keeping(Some(&store), few(3), |_| {}).await;
    assert_eq!(ups(&again), expected(true), "the last request failed");
    again.set_now(TUESDAY_MORNING);
    again.look().await;
    assert_eq!(ups(&again), expected(false));
}

/// What the optional sources keep, in the form of version 0.1.0.
fn in_the_form_of_0_1_0(name: &str, kept: &str) -> String {
    let kept: serde_json::Value = serde_json::from_str(kept).unwrap();
    let (mut facts, options) = (kept["value"]["facts"].clone(), &kept["options"]);
    let options = match name {
        "directory" => serde_json::json!([options[0][0], options[1], options[2]]),
        "contact" | "users" => options[0].clone(),
        _ => serde_json::Value::Null,
    };
    for node in
        facts.get_mut("nodes").and_then(serde_json::Value::as_array_mut).into_iter().flatten()
    {
        node.as_object_mut().unwrap().remove("seen_at");
    }
    for fact in facts.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if let Some(value) = fact.get("value") {
            *fact = value.clone();
        }
    }
    let progress = &kept["value"]["progress"];
    let (done, refreshed) = (&progress["done"], &progress["refreshed"]);
    let progress = serde_json::json!({
        "done": done, "refreshed": refreshed, "last_success": progress["last_success"],
    });
    serde_json::json!({ "facts": facts, "progress": progress, "options": options }).to_string()
}

#[tokio::test]
async fn a_store_of_the_first_release_serves_everything_while_feishu_is_away() {
    let store = memory();
    let mut world = world_keeping(Some(&store), few(20), everything).await;
    world.collect().await;
    let families = [
        "feishu_department_suite_dau{",
        "feishu_department_direct_members{",
        "feishu_department_contact_members{",
        "feishu_department_members{",
        "feishu_users{",
    ];
    let lines =
        |world: &World| families.map(|family| world.text().matches(&format!("\n{family}")).count());
    let before = lines(&world);
    assert!(before.iter().all(|lines| *lines > 0), "{before:?}");
    let tenant = store.tenant("acme", "cli_demo");
    let kept = tenant.memory().await.unwrap();
    for name in ["directory", "contact", "members", "users"] {
        let former = in_the_form_of_0_1_0(name, &kept[name]);
        tenant.remember(vec![(name.to_owned(), former.as_str().into())]).await.unwrap();
    }
    tenant.forget("statistics_options".to_owned()).await.unwrap();
    let again = world_keeping(Some(&store), few(20), everything).await;
    assert_eq!(lines(&again), before);
    assert_eq!(again.served().len(), world.served().len());
    assert!(again.simulator.requests().is_empty(), "Feishu was not asked");
    // Of another kind of ids nothing is taken over.
    let other = world_keeping(Some(&store), few(20), |tenant| {
        everything(tenant);
        tenant.api.department_id_type = DepartmentIdType::DepartmentId;
    })
    .await;
    assert_eq!(lines(&other), [0; 5]);
}
