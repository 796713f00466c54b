//! What the work behind a collection costs in itself, room by room: asking and parsing, planning,
//! the store, the judgement. `benches/exposition.rs` has rendering and compressing.

#[expect(dead_code, reason = "a whole tenant is for what renders it")]
mod fixture;

use std::{hint::black_box, path::Path, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use feishu_exporter::{
    baseline::calendar::Calendar,
    clock::Clock,
    collect::{self, Collector, PastDays, Storage},
    config::{self, Environment, Source},
    day::{Day, after},
    feishu::{self, Client, Endpoint as ApiEndpoint, Ledger, Purpose},
    judgement::{Judge, PRODUCT_COUNT, Place, Usage},
    snapshot::Published,
    sources::departments::{Ask, VersionOptions, Versions, fetch},
    store::{Extent, Lists, Standing, Store},
    usage::{DepartmentDay, Geo, Target},
};
use feishu_simulator::{Endpoint, Limit, Options, Simulator};
use prometheus::Registry;
use tokio::runtime::Runtime;

/// Of a company; few where each measurement only has to run.
fn departments() -> u64 {
    if fixture::is_measured() { 500 } else { 5 }
}

/// That the judgement sees.
const DAYS: i32 = 91;
const DAY: Day = Day::constant(2026, 11, 22);

struct NoEnvironment;

impl Environment for NoEnvironment {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

/// A month without a budget.
struct Unlimited;

impl Ledger for Unlimited {
    fn spend(&self, _: ApiEndpoint, _: Purpose) -> bool {
        true
    }
}

fn options(directory: &Path, base_url: &str, departments: u64) -> collect::Options {
    let ids: Vec<String> = (0..departments).map(|number| format!("od-{number}")).collect();
    let text = format!(
        "tenants:\n- base_url: {base_url}\n  app_id: cli_demo\n  app_secret: demo-secret\n  \
         statistics_time_zone: Asia/Shanghai\n  limits: {{requests_per_second: 100, \
         requests_per_minute: 60000}}\n  departments: [{}]\n",
        ids.join(", ")
    );
    let file = directory.join("conf.yml");
    std::fs::write(&file, text).expect("the directory can be written");
    let now = Clock::system().now();
    config::load(&Source::File(file), &NoEnvironment, now).expect("it is valid").options
}

/// A list of one day with four rows for each of a page of departments, over HTTP from the
/// simulator: client, parsing and folding.
fn parsing(c: &mut Criterion) {
    let runtime = Runtime::new().expect("threads can be started");
    let directory = tempfile::tempdir().expect("there is room");
    let mut simulated = Options { departments: 60, ..Options::default() };
    for endpoint in [Endpoint::AdminDeptStats, Endpoint::TenantAccessToken] {
        simulated.limits.insert(endpoint, Limit::NONE);
    }
    let bound = Simulator::bind(([127, 0, 0, 1], 0).into(), simulated);
    let simulator = runtime.block_on(bound).expect("some port is free");
    let mut api = options(directory.path(), &simulator.base_url(), 1).tenants.remove(0).api;
    // The limit of requests is not what is measured.
    api.limits.requests_per_second = 1e5;
    let (metrics, clock) = (feishu::Metrics::register(&Registry::new()), Clock::system());
    let client = Client::new(api, metrics, Arc::new(Unlimited), clock).expect("it can be used");
    let day = after(jiff::tz::TimeZone::UTC.to_datetime(simulator.handle().now()).date(), -2);
    runtime.spawn(simulator.run(std::future::pending()));
    let versions = Versions::new(VersionOptions {
        wanted: true,
        total_names: Vec::new(),
        department_id_type: "open_department_id".to_owned(),
    });
    let target = Target { geo: Geo::Local, department_id: "0".into(), include_children: true };
    let ask = Ask { target, start: day, end: day };
    let found = runtime.block_on(fetch(&client, &ask, &versions)).expect("it answers");
    let rows: usize = found.days.iter().map(|found| found.day.rows.len()).sum();
    let mut group = c.benchmark_group("parsing");
    group.sample_size(20).throughput(Throughput::Elements(rows as u64));
    group.bench_function("a list over HTTP, by rows", |b| {
        b.iter(|| runtime.block_on(fetch(&client, &ask, &versions)));
    });
    group.finish();
}

/// What a store lacks of the past, and which requests bring it.
fn planning(c: &mut Criterion) {
    let runtime = Runtime::new().expect("threads can be started");
    let directory = tempfile::tempdir().expect("there is room");
    let store = Store::in_memory(Clock::system()).expect("there is memory");
    let wanted = PastDays { plan_only: true, ..PastDays::default() };
    let collector = || {
        let options = options(directory.path(), "http://127.0.0.1:9", departments());
        let registry = Registry::new();
        let storage = Storage::Store(&store);
        Collector::new(options, &registry, Clock::system(), Published::nothing(), storage)
            .expect("the options can be used")
    };
    let mut group = c.benchmark_group("planning");
    group.sample_size(10).throughput(Throughput::Elements(departments()));
    group.bench_function("91 days, by departments", |b| {
        b.iter_batched(
            collector,
            |collector| runtime.block_on(collector.fetch_past(wanted, &mut |_| {})),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn lists(number: u64, day: Day) -> Lists {
    let of_day = DepartmentDay { day, ..DepartmentDay::clone(&fixture::department(number)) };
    let department_id = Arc::clone(&of_day.department_id);
    Lists {
        target: Target { geo: of_day.geo, department_id, include_children: false },
        days: vec![(day, Extent::Whole)],
        rows: vec![Arc::new(of_day)],
        standing: Some(Standing { held: day, complete: true, reasks: 0 }),
        fetched_at: Clock::system().now(),
    }
}

fn store(c: &mut Criterion) {
    let runtime = Runtime::new().expect("threads can be started");
    let directory = tempfile::tempdir().expect("there is room");
    let opened =
        Store::open(directory.path(), feishu_exporter::store::Role::Exporter, Clock::system());
    let opened = opened.expect("nobody else uses it");
    let tenant = opened.tenant("acme", "cli_a");
    let mut day = DAY;
    let mut group = c.benchmark_group("store");
    group.sample_size(10).throughput(Throughput::Elements(departments()));
    group.bench_function("keep a day, by departments", |b| {
        b.iter_batched(
            || {
                day = after(day, 1);
                (0..departments()).map(|number| lists(number, day)).collect()
            },
            |lists: Vec<Lists>| runtime.block_on(tenant.keep(lists)),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("read what is held, by departments", |b| {
        b.iter(|| runtime.block_on(tenant.held(black_box(DAY))));
    });
    group.finish();
}

/// Every day of a quarter, as after each new day.
fn judgement(c: &mut Criterion) {
    let mut random = fastrand::Rng::with_seed(1);
    let places: Vec<Place> = (0..departments())
        .map(|number| Place { id: format!("od-{number}").into(), parent: None })
        .collect();
    let usage = |random: &mut fastrand::Rng| Usage {
        users: Some(100.0),
        products: [(); PRODUCT_COUNT].map(|()| Some(f64::from(60 + random.u32(..20)))),
    };
    let days: Vec<(Day, Vec<(usize, Usage)>)> = (0..DAYS)
        .map(|number| {
            let rows = (0..places.len()).map(|index| (index, usage(&mut random))).collect();
            (after(DAY, number), rows)
        })
        .collect();
    let mut group = c.benchmark_group("judgement");
    group.sample_size(10).throughput(Throughput::Elements(departments()));
    group.bench_function("91 days, by departments", |b| {
        b.iter(|| {
            let mut judge = Judge::new(Calendar::default(), places.clone());
            for (day, rows) in &days {
                black_box(judge.day(*day, rows));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, parsing, planning, store, judgement);
criterion_main!(benches);
