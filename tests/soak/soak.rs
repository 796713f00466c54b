//! One day after another.

use std::{
    fmt::{self, Write},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use fastrand::Rng;
use feishu_exporter::store::FILE_NAME;
use feishu_simulator::{Endpoint, Handle, Limit, Options, Simulator};
use jiff::{ToSpan, civil::Date};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::{chaos, check::Truth, exporter::Exporter, log, resources, time::Time};

/// Midnight in China, on a Monday.
const START: &str = "2026-11-23T00:00:00+08:00";
const LOOKBACK_DAYS: i32 = 14;
const REQUESTS_PER_SECOND: u32 = 20;
const CONCURRENCY: usize = 4;
/// About what a quiet month of these departments takes.
const BUDGET: u64 = 4000;
/// Days of each week full of faults; the others are quiet, so that everything can be caught up
/// with: a department that was refused for long is asked once a day.
const STORMY_DAYS: i64 = 5;
/// More problems than anybody reads.
const PROBLEMS_MAX: usize = 40;

/// What came of it.
pub(crate) struct Report {
    pub(crate) problems: Vec<String>,
    days: i64,
    faults: u64,
    requests: u64,
    samples: u64,
    stored: u64,
    scrapes: u64,
    restarts: u64,
    kills: u64,
    reloads: u64,
    jumps: u64,
    /// Memory in MB, open files and log lines of the days since the entry before; every 30 days.
    held: Vec<(f64, usize, u64)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} days, {} faults in {} requests; {} scrapes with {} samples about departments and \
             {} stored values compared; {} restarts, {} kills, {} reloads, {} clock jumps; {} \
             problems",
            self.days,
            self.faults,
            self.requests,
            self.scrapes,
            self.samples,
            self.stored,
            self.restarts,
            self.kills,
            self.reloads,
            self.jumps,
            self.problems.len(),
        )?;
        for (month, (memory, files, lines)) in self.held.iter().enumerate() {
            writeln!(
                f,
                "day {:>5}: {memory:7.1} MB, {files} files, {lines} log lines",
                month * 30
            )?;
        }
        self.problems.iter().try_for_each(|problem| writeln!(f, "{problem}"))
    }
}

struct Soak {
    random: Rng,
    time: Time,
    simulator: Handle,
    truth: Truth,
    versions: Vec<String>,
    /// Departments that the configuration names.
    listed: Vec<String>,
    base_url: String,
    place: TempDir,
    exporter: Option<Exporter>,
    stores: u32,
    months: u32,
    /// Rules of a stormy day, on average.
    faults: usize,
    budget: u64,
    lines: u64,
    report: Report,
}

pub(crate) async fn run(days: i64, faults: usize, seed: u64, log: Option<String>) -> Report {
    log::count();
    let limit = Limit { per_second: REQUESTS_PER_SECOND, per_minute: u32::MAX };
    let limits = Endpoint::ALL.into_iter().map(|endpoint| (endpoint, limit)).collect();
    let now = START.parse().expect("it is a time");
    let options = Options { departments: 14, now: Some(now), limits, seed, ..Options::default() };
    let versions = options.product_versions.clone();
    let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.expect("a port");
    let (base_url, handle) = (simulator.base_url(), simulator.handle());
    if let Some(path) = log {
        log::write_to(&path, handle.clone());
    }
    let time = Time::take_over(handle.clone());
    tokio::spawn(simulator.run(std::future::pending()));
    let departments = handle.departments();
    let listed = departments.iter().filter(|d| d.depth == 1).take(2);
    let mut soak = Soak {
        random: Rng::with_seed(seed),
        truth: Truth::new(handle.clone()),
        listed: listed.map(|department| department.open_department_id.clone()).collect(),
        time,
        simulator: handle,
        versions,
        base_url,
        place: tempfile::tempdir().expect("a directory"),
        exporter: None,
        stores: 0,
        months: 0,
        faults,
        budget: 0,
        lines: 0,
        report: Report {
            problems: Vec::new(),
            days,
            faults: 0,
            requests: 0,
            samples: 0,
            stored: 0,
            scrapes: 0,
            restarts: 0,
            kills: 0,
            reloads: 0,
            jumps: 0,
            held: Vec::new(),
        },
    };
    fs::write(soak.place.path().join("secret"), "demo-secret\n").expect("the place is ours");
    soak.configure(&[]);
    soak.start(soak.place.path().join("store-0")).await;
    for day in 0..days {
        soak.day(day).await;
        if soak.report.problems.len() > PROBLEMS_MAX {
            break;
        }
    }
    soak.report.faults = soak.simulator.strikes();
    soak.report.requests = soak.simulator.answered_in_all();
    for (message, times) in log::defects() {
        soak.report.problems.push(format!("a defect, {times} times: {message}"));
    }
    soak.report
}

impl Soak {
    fn file(&self) -> PathBuf {
        self.place.path().join("exporter.yml")
    }

    /// Writes the configuration, with what is switched off.
    fn configure(&self, off: &[&str]) {
        let is_on = |name: &str| !off.contains(&name);
        let mut yaml = format!(
            "tenants:\n- name: acme\n  base_url: {}\n  app_id: cli_demo\n  app_secret_file: {}\n  \
             statistics_time_zone: Asia/Shanghai\n  geos: [cn, jp]\n  product_versions: {}\n  \
             departments:\n  - id: {}\n    include_children: true\n",
            self.base_url,
            self.place.path().join("secret").display(),
            is_on("versions"),
            self.listed[0],
        );
        for id in self.listed.iter().skip(1).filter(|_| is_on("listed")) {
            let _ = writeln!(yaml, "  - id: {id}");
        }
        let _ = write!(
            yaml,
            "  discovery: {{ enabled: true }}\n  directory: {{ enabled: {} }}\n  contact: {{ \
             enabled: {} }}\n  members: {{ enabled: {} }}\n  user_statistics: {{ enabled: {} \
             }}\n  collection: {{ interval: 30m, lookback: {LOOKBACK_DAYS}d, max_age: 20d, \
             retention: 120d, judgement: {} }}\n  limits: {{ requests_per_second: \
             {REQUESTS_PER_SECOND}, requests_per_minute: 6000, concurrency: {CONCURRENCY}, \
             timeout: 10s, requests_per_month: {} }}\n",
            is_on("directory"),
            is_on("contact"),
            is_on("members"),
            is_on("users"),
            is_on("judgement"),
            self.budget,
        );
        fs::write(self.file(), yaml).expect("the place is ours");
    }

    async fn start(&mut self, directory: PathBuf) {
        self.time.slow_down();
        let now = self.simulator.now();
        let exporter = Exporter::start(&self.file(), directory, now);
        // Opening the store takes real time.
        self.time.slowly(|| exporter.published.current().is_some()).await;
        self.exporter = Some(exporter);
    }

    async fn day(&mut self, day: i64) {
        let midnight = self.simulator.now();
        self.truth.ask_again();
        let is_stormy = day % 7 < STORMY_DAYS;
        self.simulator.clear_faults();
        let rules = self.random.usize(self.faults / 2..=self.faults * 3 / 2);
        for _ in 0..if is_stormy { rules } else { 0 } {
            chaos::strike(&mut self.random, &self.simulator, &self.versions);
        }
        if !is_stormy {
            self.simulator.change(|options| options.forbidden_departments.clear());
        }
        if day % 30 == 0 {
            self.note_resources(day);
        }
        if self.today().day() == 1 {
            self.month_begins().await;
        }
        let mut hours: Vec<i64> = (0..2).map(|_| self.random.i64(1..23 * 60)).collect();
        hours.sort_unstable();
        for minute in hours {
            let at = midnight.checked_add(minute.minutes()).expect("it is within the calendar");
            self.time.until(at).await;
            if is_stormy {
                self.event().await;
            }
            self.scrape().await;
        }
        let evening = midnight.checked_add((23 * 60 + 50).minutes()).expect("likewise");
        self.time.until(evening).await;
        let body = self.scrape().await;
        self.hold_limits();
        let today = self.today();
        if day % 7 == 6 {
            let behind =
                self.truth.behind(&body.unwrap_or_default(), today.saturating_sub(1.day()));
            if self.budget == 0 {
                self.tell(behind);
            }
            self.compare_store(today, day);
        }
        self.time.until(midnight.checked_add(24.hours()).expect("likewise")).await;
    }

    fn today(&self) -> Date {
        jiff::tz::TimeZone::fixed(jiff::tz::offset(8)).to_datetime(self.simulator.now()).date()
    }

    /// Every third month has a budget that storms exceed.
    async fn month_begins(&mut self) {
        self.months += 1;
        self.budget = if self.months.is_multiple_of(3) { BUDGET } else { 0 };
        self.configure(&[]);
        let outcome = self.reload_now().await;
        self.tell(outcome.err().into_iter().collect());
    }

    fn note_resources(&mut self, day: i64) {
        let (memory, files) = resources::held();
        let lines = log::lines();
        self.report.held.push((memory, files, lines - self.lines));
        self.lines = lines;
        log::progress(&format!(
            "day {day}: {memory:.1} MB, {files} files, {} faults, {} problems",
            self.simulator.strikes(),
            self.report.problems.len()
        ));
    }

    /// Something that happens on a stormy day.
    async fn event(&mut self) {
        match self.random.u8(..9) {
            0 => self.restart().await,
            1 => self.kill().await,
            2 | 3 => self.reload().await,
            4 => self.clock_goes_wrong().await,
            5 => self.rotate_secret(),
            6 => {
                let forbidden = self.random.choice(&self.listed).cloned();
                let is_forbidden = self.random.bool();
                self.simulator.change(|options| {
                    options.forbidden_departments.clear();
                    options.forbidden_departments.extend(forbidden.filter(|_| is_forbidden));
                });
            }
            _ => {
                if let Some(id) = chaos::reorganise(&mut self.random, &self.simulator, &self.listed)
                {
                    self.truth.note_going(&id, self.today(), &self.versions);
                    self.simulator.remove(&id).expect("it is there");
                }
                self.truth.note_names();
                self.truth.ask_again();
            }
        }
    }

    async fn restart(&mut self) {
        let exporter = self.exporter.take().expect("one runs");
        let directory = self.time.during(exporter.stop()).await;
        self.pause().await;
        self.start(directory).await;
        self.report.restarts += 1;
    }

    async fn kill(&mut self) {
        // In the middle of a look, if there is one to be had.
        self.stores += 1;
        let next = self.place.path().join(format!("store-{}", self.stores));
        let exporter = self.exporter.take().expect("one runs");
        let directory = self.time.during(exporter.kill(next)).await;
        self.pause().await;
        self.start(directory).await;
        self.report.kills += 1;
    }

    /// As long as it takes until a process is there again.
    async fn pause(&mut self) {
        let at = self.simulator.now().checked_add(2.seconds()).expect("it is within the calendar");
        self.time.until(at).await;
    }

    async fn reload(&mut self) {
        let all = ["versions", "listed", "directory", "contact", "members", "users", "judgement"];
        let off: Vec<&str> = all.into_iter().filter(|_| self.random.u8(..5) == 0).collect();
        self.configure(&off);
        if self.random.u8(..6) == 0 {
            fs::write(self.file(), "tenants: [{name: broken, colour: red}]").expect("it is ours");
        }
        if self.reload_now().await.is_err() {
            self.configure(&off);
        }
    }

    async fn reload_now(&mut self) -> Result<String, String> {
        let exporter = self.exporter.as_ref().expect("one runs");
        self.report.reloads += 1;
        self.time.during(exporter.reload()).await
    }

    /// The exporter's clock is wrong for some hours.
    async fn clock_goes_wrong(&mut self) {
        let now = self.simulator.now();
        // A month that is counted as another one is another question.
        if (4..=26).contains(&self.today().day()) {
            let exporter = self.exporter.as_ref().expect("one runs");
            exporter.hand.set(chaos::jump(&mut self.random, now));
            let until = now.checked_add(self.random.i64(10..180).minutes());
            self.time.until(until.expect("it is within the calendar")).await;
            self.scrape().await;
            let exporter = self.exporter.as_ref().expect("one runs");
            exporter.hand.set(self.simulator.now());
            self.report.jumps += 1;
        }
    }

    fn rotate_secret(&mut self) {
        let secret = format!("secret-{}", self.random.u64(..));
        fs::write(self.place.path().join("secret"), &secret).expect("the place is ours");
        self.simulator.change(|options| options.app_secret = secret);
    }

    /// Scrapes and compares.
    async fn scrape(&mut self) -> Option<String> {
        let exporter = self.exporter.as_ref().expect("one runs");
        let body = self.time.during(exporter.get("/metrics")).await;
        let body = match body {
            Ok(Some(body)) => body,
            other => {
                self.tell(vec![format!("a scrape came to nothing: {other:?}")]);
                return None;
            }
        };
        self.report.scrapes += 1;
        self.report.samples += body.matches("\nfeishu_department_").count() as u64;
        let wrong = self.truth.wrong_in(&body);
        self.tell(wrong);
        Some(body)
    }

    fn hold_limits(&mut self) {
        let beyond = self.simulator.beyond_limits();
        let concurrent = self.simulator.concurrent_max();
        self.simulator.clear_requests();
        let mut broken = Vec::new();
        if beyond > 0 {
            broken.push(format!("{beyond} requests were beyond {REQUESTS_PER_SECOND} a second"));
        }
        if concurrent > CONCURRENCY {
            broken.push(format!("{concurrent} requests at once"));
        }
        if self.budget > 0 && self.simulator.requests_this_month() > self.budget {
            broken.push(format!("more than {} requests a month", self.budget));
        }
        self.tell(broken);
    }

    /// Every stored day of the last weeks is the truth, and none is missing that Feishu has had
    /// for `lookback`.
    fn compare_store(&mut self, today: Date, day: i64) {
        let file = self.exporter.as_ref().expect("one runs").directory.join(FILE_NAME);
        let rows = match stored(&file, today.saturating_sub(30.days())) {
            Ok(rows) => rows,
            Err(error) => return self.tell(vec![format!("the store cannot be read: {error}")]),
        };
        let mut wrong = Vec::new();
        for (geo, id, date, users, messages) in &rows {
            for (field, value) in [("total_user_num", users), ("send_messenger_num", messages)] {
                let Some(value) = value else { continue };
                self.report.stored += 1;
                if !self.truth.agrees(id, geo, *date, field, *value) {
                    wrong.push(format!("the store has {value} as {field} of {geo} {id} {date}"));
                }
            }
        }
        let due = today.saturating_sub((LOOKBACK_DAYS + 1).days());
        for id in self.listed.iter().take(1).filter(|_| day > i64::from(LOOKBACK_DAYS) + 7) {
            for geo in ["cn", "jp"].into_iter().filter(|_| self.budget == 0) {
                for date in (0..7).map(|days| due.saturating_sub(days.days())) {
                    let is_there = |row: &&Row| row.0 == geo && row.1 == *id && row.2 == date;
                    if !rows.iter().any(|row| is_there(&row)) {
                        wrong.push(format!("{date} of {geo} {id} is lost"));
                    }
                }
            }
        }
        self.tell(wrong);
    }

    fn tell(&mut self, problems: Vec<String>) {
        let now = self.simulator.now();
        let left = (PROBLEMS_MAX + 1).saturating_sub(self.report.problems.len());
        let told = problems.into_iter().take(left).map(|problem| format!("{now}: {problem}"));
        self.report.problems.extend(told);
    }
}

/// Place, department, day, people and messages.
type Row = (String, String, Date, Option<f64>, Option<f64>);

fn stored(file: &Path, from: Date) -> rusqlite::Result<Vec<Row>> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let mut query = connection.prepare(
        "SELECT geo, department_id, day, users, messages_sent FROM department_days \
         WHERE product_version = 'all' AND day >= ?1",
    )?;
    let rows = query.query_map([from.to_string()], |row| {
        let day: String = row.get(2)?;
        let day = day.parse().expect("the store writes days");
        Ok((row.get(0)?, row.get(1)?, day, row.get(3)?, row.get(4)?))
    })?;
    rows.collect()
}
