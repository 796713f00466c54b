//! What `check-config` says a tenant costs is what the simulator counts.

use super::*;
use crate::{
    day::after,
    estimate::{Cost, Measured, estimate},
};

/// A tenant of that many listed departments, with names and baselines, as by default.
async fn company(departments: usize) -> World {
    let (clock, _hand) = Clock::manual(MONDAY_14.parse().unwrap());
    let store = Store::in_memory(clock).unwrap();
    let options = history::plenty((departments * 5 / 4).max(30));
    world_keeping(Some(&store), options, |tenant| {
        tenant.departments.truncate(departments);
        assert_eq!(tenant.departments.len(), departments);
        let refresh_interval = Duration::from_secs(24 * 3600);
        tenant.contact = Some(Contact { language: Language::Chinese, refresh_interval });
        // What is asked does not depend on what is published, and little is rendered sooner.
        tenant.figures = FigureSet::none();
        tenant.figures.insert(0);
        // The limits are another test's.
        tenant.api.limits.requests_per_second = 10_000.0;
    })
    .await
}

impl World {
    /// All requests so far, as the simulator counted them.
    fn counted(&self) -> u64 {
        Endpoint::ALL.iter().map(|endpoint| self.simulator.request_count(*endpoint)).sum()
    }

    /// Lets everything run that is due now.
    async fn everything(&mut self) {
        self.statistics.look_once().await;
        self.statistics.publish().await;
        self.statistics.tell();
        self.past.run_once().await;
        self.optional.run_once().await;
    }

    /// One more day: the figures come in time, names are refreshed in the afternoon.
    async fn live_through(&mut self, day: Day) {
        for time in ["09:36", "14:01"] {
            self.set_now(&format!("{day}T{time}:00+08:00"));
            self.everything().await;
        }
    }
}

#[tokio::test]
async fn the_first_day_and_month_cost_what_was_told_before() {
    // A month of the largest would take minutes; its days are all alike.
    for (departments, days) in [(20, 30), (200, 30), (2000, 2)] {
        let mut world = company(departments).await;
        let told = estimate(&world.statistics.context.options, &Measured::default()).total();
        world.everything().await;
        let first_day = world.counted();
        for day in 1..=days {
            let day = i32::try_from(day).unwrap();
            world.live_through(after(date(2026, 11, 23), day)).await;
        }
        let after_first = world.counted() - first_day;
        let counted = Cost {
            requests_first_day: first_day,
            requests_per_day: after_first / days,
            requests_per_month: first_day + after_first / days * 30,
            series: world.published.current().unwrap().body.series,
        };
        let served = Cost { series: counted.series, ..told };
        assert_eq!(counted, served, "{departments} departments");
        assert_eq!(after_first % days, 0, "{departments} departments");
    }
}
