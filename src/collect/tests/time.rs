//! Clocks that are wrong, and are set while the loops run; the month's budget; fairness.

use std::future::Future;

use super::{messages::Known, values::memory, *};
use feishu_simulator::{Fault, Kind};
use tokio::{sync::watch, task::JoinHandle};

const PATIENCE: Duration = Duration::from_secs(60);

/// An exporter whose clock runs from then on, and its loop of the statistics.
struct Running {
    simulator: Handle,
    published: Published,
    hand: Hand,
    known: watch::Receiver<Known>,
    task: JoinHandle<()>,
    departments: usize,
    _stop: Trigger,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

/// Starts with the clock of the exporter at `now`; that of Feishu is at [`MONDAY_14`].
async fn running(now: &str, edit: impl FnOnce(&World)) -> Running {
    running_on(None, now, edit).await
}

async fn running_on(store: Option<&Store>, now: &str, edit: impl FnOnce(&World)) -> Running {
    let world = world_by(Clock::running(at(now)), store, few(4), |tenant| {
        tenant.schedule.interval = Duration::from_secs(3600);
    })
    .await;
    edit(&world);
    let departments = world.ids().len();
    let World { simulator, statistics, published, hand, _stop, .. } = world;
    let known = statistics.context.messages.known.subscribe();
    let task = tokio::spawn(statistics.run());
    Running { simulator, published, hand, known, task, departments, _stop }
}

impl Running {
    fn text(&self) -> String {
        exposition::text(&self.published.current().unwrap().body)
    }

    fn status(&self) -> TenantStatus {
        self.published.current().unwrap().status.tenants[0].clone()
    }

    fn days(&self) -> Vec<Option<Day>> {
        self.status().departments.iter().map(|department| department.day).collect()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(what, waiting).await;
    }
}

async fn within(what: &str, future: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(PATIENCE, future).await.is_ok(), "in vain: {what}");
}

#[tokio::test]
async fn a_clock_that_was_ahead_at_the_start_and_is_set_right_costs_no_hours() {
    // Eight hours, and two years: a day that is not there yet, and the API fails.
    for ahead in ["2026-11-23T22:00:00+08:00", "2028-11-23T14:00:00+08:00"] {
        let down = Kind::Text { status: 502, body: "Bad Gateway".to_owned() };
        let fault = Fault::from(down).endpoint(Endpoint::AdminDeptStats);
        let running = running(ahead, |world| world.simulator.inject(fault).unwrap()).await;
        within("the first requests", running.simulator.answered(Endpoint::AdminDeptStats, 1)).await;
        running.until("a failure", |running| running.status().problem.is_some()).await;
        running.simulator.clear_faults();
        running.hand.set(at(MONDAY_14));
        running
            .until(ahead, |running| running.days() == vec![Some(SUNDAY); running.departments])
            .await;
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_for_a_while_blanks_nothing_for_good_and_asks_for_nothing() {
    let running = running(MONDAY_14, |_| {}).await;
    running.until("values", |running| running.text().contains("suite_dau{")).await;
    let asked = running.simulator.request_count(Endpoint::AdminDeptStats);
    let series = |running: &Running| running.text().matches("feishu_department_suite_dau{").count();
    let whole = series(&running);
    running.hand.set(at("2026-12-13T14:00:00+08:00"));
    running.until("too old", |running| series(running) == 0).await;
    let is_served = |running: &Running| !running.known.borrow().served.is_empty();
    running.until("no baselines", |running| !is_served(running)).await;
    running.hand.set(at("2026-11-23T14:00:30+08:00"));
    running.until("current again", |running| series(running) == whole).await;
    running.until("its baselines as well", is_served).await;
    let more = running.simulator.request_count(Endpoint::AdminDeptStats) - asked;
    assert!(more <= 3 * running.departments as u64, "{more}");
}

#[tokio::test]
async fn a_clock_that_is_ahead_at_a_restart_hides_what_is_stored_and_no_longer_than_that() {
    let store = memory();
    let clock = Clock::manual(at(MONDAY_14));
    let mut before = world_by(clock, Some(&store), few(4), |tenant| {
        tenant.schedule.interval = Duration::from_secs(3600);
    })
    .await;
    before.look().await;
    for ahead in ["2026-12-09T14:00:00+08:00", "2027-12-28T14:00:00+08:00"] {
        let running = running_on(Some(&store), ahead, |_| {}).await;
        running.until("a look", |running| running.status().last_success.is_some()).await;
        assert!(!running.text().contains("suite_dau{"), "{ahead}");
        running.hand.set(at("2026-11-23T14:00:30+08:00"));
        running
            .until(ahead, |running| {
                let series = running.text().matches("feishu_department_suite_dau{").count();
                series >= running.departments
            })
            .await;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_and_forth_still_finds_the_next_day() {
    let running = running(MONDAY_14, |_| {}).await;
    running.until("Sunday", |running| running.days().contains(&Some(SUNDAY))).await;
    for jump in
        ["2026-11-23T09:00:00+08:00", "2026-11-23T23:00:00+08:00", "2026-11-22T14:00:00+08:00"]
    {
        running.hand.set(at(jump));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let tuesday = at("2026-11-24T09:36:00+08:00");
    running.simulator.set_now(tuesday);
    running.hand.set(tuesday);
    let monday = Some(date(2026, 11, 23));
    running.until("Monday", |running| running.days().iter().all(|day| *day == monday)).await;
}

#[tokio::test]
async fn the_date_of_answers_tells_a_wrong_clock_and_its_size() {
    for (now, told) in [
        (MONDAY_14, None),
        ("2026-11-23T22:00:00+08:00", Some("8h ahead of Feishu's")),
        ("2026-11-23T12:30:00+08:00", Some("1h 30m behind Feishu's")),
    ] {
        let (clock, hand) = Clock::manual(at(now));
        let mut world = world_by((clock, hand), None, few(2), |_| {}).await;
        world.look().await;
        let notices = world.status().notices;
        let clocks: Vec<&String> = notices.iter().filter(|n| n.contains("The clock")).collect();
        assert_eq!(clocks.len(), usize::from(told.is_some()), "{notices:?}");
        assert!(told.is_none_or(|told| clocks[0].contains(told)), "{notices:?}");
    }
}

#[tokio::test]
async fn until_the_day_is_collected_its_requests_are_kept_back() {
    // The last day of the month, in the morning: yesterday's look is over, today's is not.
    let mut world = world(few(20), |tenant| {
        tenant.api.limits.requests_per_month = 100;
        tenant.refresh_intervals.insert("members", Duration::from_secs(3600));
    })
    .await;
    world.set_now("2026-11-29T14:00:00+08:00");
    world.look().await;
    world.statistics.tell();
    let departments = world.ids().len() as u64;
    for hour in 0..=9 {
        world.set_now(&format!("2026-11-30T0{hour}:20:00+08:00"));
        world.statistics.tell();
        world.optional.run_once().await;
    }
    let before = world.simulator.requests().len() as u64;
    assert!(before + departments < 100, "{before} of 100 are spent, {departments} to come");
    world.set_now("2026-11-30T09:40:00+08:00");
    assert_eq!(world.look().await, departments);
    assert!(world.served().iter().all(|day| day.day == date(2026, 11, 29)));
}

#[tokio::test]
async fn departments_that_fail_for_ever_delay_no_other() {
    let mut world = world(few(20), |_| {}).await;
    world.look().await;
    let failing: Vec<String> = world.ids().into_iter().take(5).collect();
    for id in &failing {
        let kind = Kind::Text { status: 502, body: "Bad Gateway".to_owned() };
        let fault = Fault::from(kind).endpoint(Endpoint::AdminDeptStats).department(id);
        world.simulator.inject(fault).unwrap();
    }
    for (day, date) in [(24, 23), (25, 24), (26, 25)] {
        for time in ["09:36:00", "09:38:00", "09:41:00", "10:00:00"] {
            world.set_now(&format!("2026-11-{day}T{time}+08:00"));
            world.look().await;
        }
        let expected = jiff::civil::date(2026, 11, date);
        let fresh = world.served().iter().filter(|served| served.day == expected).count();
        assert_eq!(fresh, world.ids().len() - failing.len(), "on {day}");
    }
    // From the second day on they are fresh with the first look.
    world.set_now("2026-11-27T09:36:00+08:00");
    world.look().await;
    let expected = date(2026, 11, 26);
    let fresh = world.served().iter().filter(|served| served.day == expected).count();
    assert_eq!(fresh, world.ids().len() - failing.len());
    assert_eq!(world.status().problem, None);
}

#[tokio::test]
async fn a_pause_after_failures_ends_when_a_new_day_is_due() {
    let mut world = world(few(6), |_| {}).await;
    world.look().await;
    let down = Kind::Text { status: 502, body: "Bad Gateway".to_owned() };
    let fault = Fault::from(down).endpoint(Endpoint::AdminDeptStats);
    let ready = at("2026-11-24T09:30:00+08:00");
    // It fails again and again until shortly before the day, so that the pause is an hour.
    world.options().schedule.ready_at = jiff::civil::Time::constant(8, 0, 0, 0);
    world.simulator.inject(fault).unwrap();
    let mut now = at("2026-11-24T08:10:00+08:00");
    while now < ready {
        world.hand.set(now);
        world.simulator.set_now(now);
        world.look().await;
        now = crate::clock::later(now, Duration::from_secs(5 * 60));
    }
    assert!(world.status().problem.is_some());
    world.simulator.clear_faults();
    world.options().schedule.ready_at = jiff::civil::Time::constant(9, 30, 0, 0);
    world.set_now("2026-11-24T09:36:00+08:00");
    assert!(world.look().await > 0, "the pause is over");
}
