//! Two tenants of one process: Feishu and Lark, with the same departments and other figures. What
//! is learned, limited, refused and kept of one says nothing of the other.

use super::{values::memory, *};
use feishu_simulator::{Fault, Kind, Rates};

/// Monday, 20:00 in UTC+8 and 12:00 in UTC: both have Sunday.
const MONDAY_20: &str = "2026-11-23T20:00:00+08:00";
/// What Lark's simulator calls the total.
const ALL_VERSIONS: &str = "All product versions";

struct Side {
    simulator: Handle,
    statistics: Statistics,
    _stop: Trigger,
}

impl Side {
    fn served(&self) -> Vec<Arc<DepartmentDay>> {
        report::report(&self.statistics.context, &self.statistics.state).view.departments
    }

    fn scale(&self) -> Option<RateScale> {
        report::report(&self.statistics.context, &self.statistics.state).view.scale
    }

    fn status(&self) -> TenantStatus {
        report::report(&self.statistics.context, &self.statistics.state).status
    }

    fn asked(&self) -> u64 {
        self.simulator.request_count(Endpoint::AdminDeptStats)
    }

    /// Every department serves Sunday, with the right total.
    fn assert_right(&self) {
        assert_eq!(self.served().len(), self.statistics.context.options.departments.len());
        for served in self.served() {
            let (id, day) = (&served.department_id, served.day);
            assert_eq!(day, SUNDAY);
            let truth = self.simulator.truth(id, day, simulator::Geo::Cn, None).unwrap();
            let (_, figures) =
                served.rows.iter().find(|(version, _)| *version == Version::Total).unwrap();
            for field in ["suite_dau", "suite_active_rate"] {
                let index = FIGURES.iter().position(|f| f.api_field == field).unwrap();
                let value = figures.sample(index, self.scale()).unwrap();
                assert!((value - truth[field]).abs() < 0.006, "{id} {field} {value}");
            }
        }
    }
}

/// Feishu and Lark, both under the same app id.
async fn two(store: &Store, edit: impl Fn(&mut Tenant)) -> [Side; 2] {
    let now = MONDAY_20.parse().unwrap();
    let (mut simulators, mut tenants) = (Vec::new(), Vec::new());
    for name in ["acme", "globex"] {
        let mut options = simulator::Options { now: Some(now), ..super::history::plenty(8) };
        if name == "globex" {
            options.total_version = ALL_VERSIONS.to_owned();
            options.rates = Rates::Percent;
        }
        let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.unwrap();
        let handle = simulator.handle();
        let mut tenant = options_for(&simulator.base_url(), &handle);
        (tenant.name, tenant.api.tenant) = (name.to_owned(), name.to_owned());
        tenant.rates = None;
        if name == "globex" {
            tenant.geos = vec![GeoZone { geo: Geo::Local, zone: Zone::utc() }];
            let slump =
                Kind::Slump { from: date(2026, 1, 1), to: SUNDAY, percent: 50, field: None };
            handle.inject(slump).unwrap();
        }
        edit(&mut tenant);
        let (stop, shutdown) = shutdown::channel();
        tokio::spawn(simulator.run(shutdown.wait()));
        simulators.push((handle, stop));
        tenants.push(tenant);
    }
    let (clock, _hand) = Clock::manual(now);
    let options = Options { tenants, series_limit: 1_000_000 };
    let published = Published::nothing();
    let storage = Storage::Store(store);
    let collector = Collector::new(options, &Registry::new(), clock, published, storage).unwrap();
    let mut sides = Vec::new();
    for (context, (simulator, stop)) in collector.tenants.iter().zip(simulators) {
        let Loops { mut statistics, .. } = Loops::new(context);
        statistics.retarget();
        statistics.restore().await;
        sides.push(Side { simulator, statistics, _stop: stop });
    }
    sides.try_into().ok().unwrap()
}

#[tokio::test]
async fn what_is_learned_served_and_kept_of_one_tenant_is_not_the_others() {
    let store = memory();
    let [mut acme, mut globex] = two(&store, |_| {}).await;
    acme.statistics.look_once().await;
    globex.statistics.look_once().await;
    acme.assert_right();
    assert_eq!(globex.served().len(), acme.served().len());
    assert!(globex.served().iter().all(|day| day.day == SUNDAY));
    assert_ne!(globex.served(), acme.served());
    assert_eq!(acme.scale(), Some(RateScale::Ratio));
    assert_eq!(globex.scale(), Some(RateScale::Percent));
    let learned = |side: &Side| {
        let known = side.statistics.context.versions.known();
        serde_json::to_string(&known).unwrap().contains(ALL_VERSIONS)
    };
    assert!(learned(&globex) && !learned(&acme));
    // The same from the store, where nobody is asked.
    let [acme_again, globex_again] = two(&store, |_| {}).await;
    for (side, again) in [(&acme, &acme_again), (&globex, &globex_again)] {
        assert_eq!(again.asked(), 0);
        assert_eq!(side.served(), again.served());
        assert_eq!(side.scale(), again.scale());
        assert_eq!(learned(side), learned(again));
    }
}

#[tokio::test]
async fn a_refusal_a_budget_and_a_pause_of_one_tenant_are_not_the_others() {
    let store = memory();
    let [mut acme, mut globex] = two(&store, |tenant| {
        if tenant.name == "globex" {
            tenant.api.limits.requests_per_month = 5;
        }
    })
    .await;
    globex.simulator.inject(Fault::from(Kind::RefuseVersions)).unwrap();
    globex.statistics.look_once().await;
    acme.statistics.look_once().await;
    acme.assert_right();
    assert!(acme.status().notices.is_empty(), "{:?}", acme.status().notices);
    assert!(acme.served().iter().all(|day| day.rows.len() == 4));
    assert_eq!(acme.status().problem, None);
    assert!(globex.asked() < 5 && globex.status().problem.is_some());
    assert!(globex.served().len() < acme.served().len());
    let spent = |side: &Side| side.statistics.context.budget.spent();
    assert_eq!(spent(&globex), 5);
    assert_eq!(spent(&acme), acme.asked() + 1, "and a token");
}
