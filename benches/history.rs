//! What a year of history costs: the size of the store, how long it takes to open, how long until
//! the exporter serves its first snapshot from it, and memory.
//!
//! 500 departments, a total and four product versions, 400 days: a million rows of 38 figures.

use std::{error::Error, fs, io::Write, net::TcpListener, path::Path, sync::Arc, time::Duration};

use feishu_exporter::{
    app::{self, App, History},
    catalogue::FIGURE_COUNT,
    clock::Clock,
    config::{self, Environment, Source},
    day::{Day, after},
    server, shutdown,
    store::{Extent, FILE_NAME, Lists, Role, Standing, Store},
    usage::{DepartmentDay, Figures, Geo, Target, Version},
};
use jiff::tz::{TimeZone, offset};
use tokio::time::Instant;

const DEPARTMENTS: u32 = 500;
const DAYS: i32 = 400;
/// The total and the versions.
const ROWS_A_DAY: u32 = 5;
const VERSIONS: [&str; 4] = ["标准版", "商业版", "旗舰版", "教育版"];

struct NoEnvironment;

impl Environment for NoEnvironment {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("data");
    let clock = Clock::system();
    let newest = after(TimeZone::fixed(offset(8)).to_datetime(clock.now()).date(), -1);
    let started = Instant::now();
    fill(&path, newest).await?;
    let filled = started.elapsed();
    let bytes = fs::metadata(path.join(FILE_NAME))?.len();
    say(&format!(
        "{} rows in {:.0} s; {:.0} MB, {} bytes a row",
        rows(),
        filled.as_secs_f64(),
        megabytes(bytes),
        bytes / u64::from(rows())
    ))?;

    // The peak so far is that of filling; from here on it is that of an exporter that starts.
    fs::write("/proc/self/clear_refs", "5")?;
    let mut opened: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        drop(Store::open(&path, Role::Exporter, clock.clone())?);
        opened.push(started.elapsed());
    }
    opened.sort();
    say(&format!("opened and closed in {:.1} ms (median of 5)", millis(opened[2])))?;

    let file = directory.path().join("feishu-exporter.yml");
    fs::write(&file, configuration())?;
    let mut served: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        let collect =
            config::load(&Source::File(file.clone()), &NoEnvironment, clock.now())?.options;
        let server = server::Options::on(vec![TcpListener::bind("127.0.0.1:0")?]);
        let history = History::Directory(path.clone());
        let options = app::Options { collect, server, history, reload: None, revision: "bench" };
        let started = Instant::now();
        let app = App::bind(options, clock.clone())?;
        let published = app.published();
        let (stop, shutdown) = shutdown::channel();
        let running = tokio::spawn(app.run(shutdown));
        while published.current().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        served.push(started.elapsed());
        stop.stop();
        running.await??;
    }
    served.sort();
    say(&format!(
        "first snapshot of {DEPARTMENTS} departments with baselines in {:.0} ms (median of 5)",
        millis(served[2])
    ))?;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    say(&format!("peak memory of opening and serving it: {}", peak.trim()))
}

const fn rows() -> u32 {
    DEPARTMENTS * ROWS_A_DAY * DAYS.unsigned_abs()
}

/// Keeps every day of every department, a day at a time as the exporter does.
async fn fill(path: &Path, newest: Day) -> Result<(), Box<dyn Error>> {
    let store = Store::open(path, Role::Exporter, Clock::system())?;
    let tenant = store.tenant("default", "cli_demo");
    for back in (0..DAYS).rev() {
        let day = after(newest, -back);
        tenant.keep((0..DEPARTMENTS).map(|number| lists(number, day)).collect()).await?;
    }
    Ok(())
}

fn lists(number: u32, day: Day) -> Lists {
    let id = format!("od-{number:032x}");
    let target =
        Target { geo: Geo::Local, department_id: id.as_str().into(), include_children: false };
    let row = |version: u32| {
        let mut figures = Figures::none();
        for index in 0..FIGURE_COUNT {
            // Counts of a department of some hundred people, and means with two decimals.
            let value = f64::from(fastrand::u32(0..2000)) / f64::from(1 + version);
            figures.set(
                index,
                if index % 4 == 3 { (value * 100.0).round() / 100.0 } else { value.round() },
            );
        }
        figures
    };
    let named = (1..).zip(VERSIONS).map(|(n, name)| (Version::Named(name.into()), row(n)));
    let rows = std::iter::once((Version::Total, row(0))).chain(named).collect();
    Lists {
        target,
        days: vec![(day, Extent::Whole)],
        rows: vec![Arc::new(DepartmentDay {
            geo: Geo::Local,
            department_id: id.as_str().into(),
            department: "企业服务研发部".into(),
            path: "总部/研发/企业服务研发部".into(),
            day,
            rows,
        })],
        standing: Some(Standing { held: day, complete: true, reasks: 0 }),
        fetched_at: Clock::system().now(),
    }
}

fn configuration() -> String {
    let ids: Vec<String> = (0..DEPARTMENTS).map(|number| format!("od-{number:032x}")).collect();
    // Nobody answers there, and nobody is asked.
    format!(
        "tenants:\n  - app_id: cli_demo\n    app_secret: demo-secret\n    \
         base_url: http://127.0.0.1:9\n    statistics_time_zone: Asia/Shanghai\n    \
         departments: [{}]\n",
        ids.join(", ")
    )
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0
}
