//! What the targets stand on: one runtime with a time that is moved, one store, one server.

use std::{
    cell::OnceCell,
    fs,
    net::{SocketAddr, TcpListener},
    pin::pin,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use feishu_exporter::{
    app,
    clock::Clock,
    collect::{self, PastDays},
    config::{self, Environment, Source},
    history::{GeoDays, History, Labels, Subject},
    server::{self, Server},
    shutdown::{self, Trigger},
    snapshot::{Published, Snapshot},
    store::{FILE_NAME, Role, Store},
    usage::{FigureSet, Geo, RateScale, Target},
};
use feishu_simulator::Simulator;
use jiff::{Timestamp, civil::date};
use prometheus::Registry;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Tuesday, 24 November 2026, 14:00 in UTC+8.
const NOW: &str = "2026-11-24T14:00:00+08:00";
const SECRET: &str = "demo-secret";

/// A configuration with everything switched on.
fn configuration(base_url: &str, departments: &[String]) -> String {
    let listed: String = departments.iter().map(|id| format!("  - id: {id}\n")).collect();
    format!(
        "tenants:\n- name: acme\n  base_url: {base_url}\n  app_id: cli_demo\n  app_secret: \
         {SECRET}\n  statistics_time_zone: Asia/Shanghai\n  departments:\n{listed}  discovery: {{ \
         enabled: true }}\n  directory: {{ enabled: true }}\n  members: {{ enabled: true }}\n  \
         user_statistics: {{ enabled: true }}\n  limits: {{ requests_per_second: 100, timeout: 5m \
         }}\n"
    )
}

/// No variable is set.
pub(crate) struct Nothing;

impl Environment for Nothing {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

pub(crate) fn clock() -> Clock {
    let now: Timestamp = NOW.parse().expect("it is a time");
    Clock::manual(now).0
}

/// The options of a tenant whose API is there.
pub(crate) fn options(base_url: &str) -> collect::Options {
    options_of(base_url, &["od-a".to_owned()])
}

fn options_of(base_url: &str, departments: &[String]) -> collect::Options {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("exporter.yml");
    fs::write(&file, configuration(base_url, departments)).expect("it is ours");
    let loaded = config::load(&Source::File(file), &Nothing, clock().now());
    loaded.unwrap_or_else(|problems| panic!("{problems}")).options
}

pub(crate) struct World {
    /// While a blocking task runs, a paused time moves only where it is told to. Dropped before the
    /// runtime, which waits for that task.
    _hold: mpsc::Sender<()>,
    runtime: Runtime,
    kept: OnceCell<Kept>,
    pages: OnceCell<(SocketAddr, Trigger)>,
}

/// A store with some days of a small company, and its file.
struct Kept {
    file: Vec<u8>,
    store: Store,
    departments: Vec<String>,
    _directory: TempDir,
}

thread_local! {
    static WORLD: World = World::new();
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let (hold, held) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || held.recv());
        Self { _hold: hold, runtime, kept: OnceCell::new(), pages: OnceCell::new() }
    }

    pub(crate) fn with(of: impl FnOnce(&Self)) {
        WORLD.with(of);
    }

    /// Runs to the end; time moves whenever everything has had a few turns.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            let mut work = pin!(work);
            for steps in 0_u32.. {
                // What is not done soon waits for something that comes later.
                let time = Duration::from_millis(match steps {
                    0..100 => 20,
                    100..300 => 500,
                    _ => 10_000,
                });
                let step = async {
                    for _ in 0..8 {
                        tokio::task::yield_now().await;
                    }
                    // For the threads of store and compression.
                    thread::sleep(Duration::from_micros(20));
                    tokio::time::advance(time).await;
                };
                tokio::select! {
                    biased;
                    done = &mut work => return done,
                    () = step => {}
                }
            }
            unreachable!("it ends within centuries")
        })
    }

    /// The pages of an exporter that serves something.
    pub(crate) fn pages(&self) -> SocketAddr {
        let start = || {
            let _guard = self.runtime.enter();
            let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
            let published = Published::nothing();
            published.publish(Snapshot::default());
            let options = server::Options::on(vec![socket]);
            let server = Server::bind(options, published, Registry::new(), clock());
            let server = server.expect("a socket that listens can be taken over");
            let address = server.local_addrs()[0];
            let (stop, stopping) = shutdown::channel();
            self.runtime.spawn(server.run(stopping));
            (address, stop)
        };
        self.pages.get_or_init(start).0
    }

    fn kept(&self) -> &Kept {
        self.kept.get_or_init(|| {
            let directory = tempfile::tempdir().expect("a directory");
            let (departments, store) = self.run(async {
                let now = NOW.parse().ok();
                let of = feishu_simulator::Options { departments: 3, now, ..Default::default() };
                let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), of).await;
                let simulator = simulator.expect("a port");
                let all = simulator.handle().departments().into_iter().skip(1);
                let departments: Vec<_> = all.map(|d| d.open_department_id).collect();
                let options = options_of(&simulator.base_url(), &departments);
                tokio::spawn(simulator.run(std::future::pending()));
                let store = Store::open(directory.path(), Role::Exporter, clock());
                let store = store.expect("a new store can be opened");
                let wanted = PastDays {
                    from: Some(date(2026, 11, 16)),
                    to: Some(date(2026, 11, 22)),
                    refresh: false,
                    with_versions: true,
                    plan_only: false,
                };
                let fetched = app::fetch_past(options, clock(), &store, wanted, &mut |_| {}).await;
                fetched.expect("it is usable");
                (departments, store)
            });
            // A copy that was opened and closed holds everything in one file.
            let copy = tempfile::tempdir().expect("a directory");
            for end in ["", "-wal"] {
                let name = format!("{FILE_NAME}{end}");
                // There may be nothing beside the file.
                let _ = fs::copy(directory.path().join(&name), copy.path().join(&name));
            }
            drop(Store::open(copy.path(), Role::Exporter, clock()).expect("it is a store"));
            let file = fs::read(copy.path().join(FILE_NAME)).expect("it is there");
            Kept { file, store, departments, _directory: directory }
        })
    }

    pub(crate) fn store_file(&self) -> &[u8] {
        &self.kept().file
    }

    pub(crate) fn history(&self) -> History {
        let Kept { store, departments, .. } = self.kept();
        let target = |id: &String| Target {
            geo: Geo::Local,
            department_id: id.as_str().into(),
            include_children: false,
        };
        let schedule = options("http://127.0.0.1:9").tenants.remove(0);
        let days = GeoDays {
            geo: Geo::Local,
            zone: schedule.geos[0].zone.clone(),
            from: date(2026, 11, 16),
            to: date(2026, 11, 22),
        };
        let subject = Subject {
            tenant: "acme".to_owned(),
            store: store.tenant("acme", "cli_demo"),
            geos: vec![days],
            targets: departments.iter().map(target).collect(),
            figures: FigureSet::all(),
            scale: Some(RateScale::Ratio),
            calendar: schedule.calendar,
            baseline_weeks: 4,
            min_department_users: 0,
            ready_at: schedule.schedule.ready_at,
            max_age: schedule.schedule.max_age,
        };
        History {
            subjects: vec![Arc::new(subject)],
            labels: Labels::parse(["job=feishu"]).expect("a label"),
            step: None,
            now: clock().now(),
        }
    }
}
