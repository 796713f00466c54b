//! A large organisation: how long it takes to discover 2,000 departments, against what the limit of
//! requests allows, and how much memory a department of 100,000 people takes.
//!
//! Prints the ratio, 1.15 is the aim, and the difference to a department of 1,000 people, 20 MB is
//! the aim. The exporter is the real binary, so that the simulator's memory does not count.

use std::{
    error::Error,
    fs,
    io::Write,
    process::{Child, Command, Stdio},
    time::Duration,
};

use feishu_exporter::shutdown;
use feishu_simulator::{Endpoint, Handle, Limit, Options, Simulator};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

const DEPARTMENTS: usize = 2_000;
const LATENCY: Duration = Duration::from_millis(50);
const REQUESTS_PER_SECOND: u32 = 50;
const PEOPLE: [u32; 2] = [1_000, 100_000];
/// The position of the department that gets so many people: the first below the root.
const LARGE: usize = 1;

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    discovery().await?;
    memory().await
}

async fn discovery() -> Result<(), Failure> {
    let options = Options { departments: DEPARTMENTS, latency: LATENCY, ..unlimited() };
    let company = Company::start(options).await?;
    let exporter = Exporter::start(&company, "discovery: {enabled: true}", REQUESTS_PER_SECOND)?;
    let took = exporter.success("collection_duration_seconds", "directory").await?;
    let requests = u32::try_from(company.handle.request_count(Endpoint::DepartmentsFilter))?;
    let least = f64::from(requests - 1) / f64::from(REQUESTS_PER_SECOND) + LATENCY.as_secs_f64();
    say(&format!(
        "{DEPARTMENTS} departments: {requests} requests in {took:.2} s; {REQUESTS_PER_SECOND} a second \
         allow {least:.2} s: ratio {:.2}",
        took / least
    ))
}

async fn memory() -> Result<(), Failure> {
    let mut peaks = Vec::new();
    for people in PEOPLE {
        let options =
            Options { departments: 5, huge_department: Some((LARGE, people)), ..unlimited() };
        let company = Company::start(options).await?;
        let id = &company.handle.departments()[LARGE].open_department_id;
        let more = format!("departments: [{id}]\n    user_statistics: {{enabled: true}}");
        let exporter = Exporter::start(&company, &more, 100)?;
        let took = exporter.success("collection_duration_seconds", "users").await?;
        let page = exporter.page().await?;
        let counted = page.lines().find(|line| line.starts_with("feishu_users{"));
        let counted = counted.ok_or("nobody was counted")?.rsplit(' ').next();
        if counted != Some(people.to_string().as_str()) {
            return Err(format!("{counted:?} people were counted, not {people}").into());
        }
        let peak = exporter.peak_kib()?;
        say(&format!("{people} people of one department in {took:.1} s: {peak} KiB at most"))?;
        peaks.push(peak);
    }
    let [small, large] = peaks[..] else { return Err("two departments are compared".into()) };
    say(&format!("difference {:.1} MiB", (f64::from(large) - f64::from(small)) / 1024.0))
}

fn unlimited() -> Options {
    Options { limits: Endpoint::ALL.map(|e| (e, Limit::NONE)).into(), ..Options::default() }
}

fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// A simulated company, asked for as long as this lives.
struct Company {
    url: String,
    handle: Handle,
    _stops_when_dropped: shutdown::Trigger,
}

impl Company {
    async fn start(options: Options) -> Result<Self, Failure> {
        let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await?;
        let (url, handle) = (simulator.base_url(), simulator.handle());
        let (trigger, shutdown) = shutdown::channel();
        tokio::spawn(simulator.run(shutdown.wait()));
        Ok(Self { url, handle, _stops_when_dropped: trigger })
    }
}

/// The real binary.
struct Exporter {
    child: Child,
    address: std::net::SocketAddr,
    _directory: TempDir,
}

impl Exporter {
    fn start(company: &Company, more: &str, per_second: u32) -> Result<Self, Failure> {
        let configuration = format!(
            "tenants:\n  - app_id: cli_demo\n    app_secret: demo-secret\n    base_url: {}\n    \
             statistics_time_zone: Asia/Shanghai\n    contact: {{enabled: false}}\n    \
             limits: {{requests_per_second: {per_second}, concurrency: 16}}\n    {more}\n",
            company.url
        );
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join("feishu-exporter.yml"), configuration)?;
        // Free a moment ago: good enough for a bench.
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(env!("CARGO_BIN_EXE_feishu-exporter"))
            .current_dir(directory.path())
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .spawn()?;
        Ok(Self { child, address, _directory: directory })
    }

    /// A metric of a source, as soon as that source was collected with success.
    async fn success(&self, metric: &str, source: &str) -> Result<f64, Failure> {
        let of = |name: &str| {
            format!("feishu_exporter_{name}{{source=\"{source}\",tenant=\"default\"}} ")
        };
        loop {
            // It may not listen yet.
            let page = self.page().await.unwrap_or_default();
            let value = |name: &str| page.lines().find_map(|line| line.strip_prefix(&of(name)));
            if value("last_success_timestamp_seconds").is_some() {
                return Ok(value(metric).ok_or("no such metric")?.parse()?);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The page of metrics with its headers.
    async fn page(&self) -> Result<String, Failure> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
        let mut page = Vec::new();
        stream.read_to_end(&mut page).await?;
        Ok(String::from_utf8_lossy(&page).into_owned())
    }

    /// The largest resident memory so far.
    fn peak_kib(&self) -> Result<u32, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        Ok(peak.ok_or("no VmHWM")?.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
