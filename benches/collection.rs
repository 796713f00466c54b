//! How long a collection of 200 departments takes, against what limits and latency allow.
//!
//! Prints the ratio; 1.2 is the aim. It is a bench and no test because a busy machine is slow.

use std::{error::Error, io::Write, time::Duration};

use feishu_exporter::{
    app::{self, App, History},
    clock::Clock,
    config::{self, Environment, Source},
    server, shutdown,
};
use feishu_simulator::{Endpoint, Limit, Options, Simulator};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const DEPARTMENTS: usize = 200;
const LATENCY: Duration = Duration::from_millis(50);
const REQUESTS_PER_SECOND: u32 = 100;
const CONCURRENCY: u32 = 16;
const DURATION: &str = "feishu_exporter_collection_duration_seconds{source=\"departments\"";

struct NoEnvironment;

impl Environment for NoEnvironment {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut options =
        Options { departments: DEPARTMENTS + 50, latency: LATENCY, ..Options::default() };
    options.limits.insert(Endpoint::AdminDeptStats, Limit::NONE);
    let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("feishu-exporter.yml");
    std::fs::write(&file, configuration(&simulator))?;
    let (trigger, shutdown) = shutdown::channel();
    tokio::spawn(simulator.run(shutdown.clone().wait()));

    let clock = Clock::system();
    let collect = config::load(&Source::File(file), &NoEnvironment, clock.now())?.options;
    let server = server::Options::on(vec![std::net::TcpListener::bind("127.0.0.1:0")?]);
    let app = App::bind(
        app::Options {
            collect,
            server,
            history: History::Nowhere,
            reload: None,
            revision: "bench",
        },
        clock,
    )?;
    let address = app.local_addrs()[0];
    let running = tokio::spawn(app.run(shutdown));
    let took = loop {
        match duration(&metrics(address).await?) {
            Some(took) if took > 0.0 => break took,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    trigger.stop();
    running.await??;

    let by_rate = f64::from(u32::try_from(DEPARTMENTS)?) / f64::from(REQUESTS_PER_SECOND);
    let by_latency =
        f64::from(u32::try_from(DEPARTMENTS)?) * LATENCY.as_secs_f64() / f64::from(CONCURRENCY);
    // The token and the first department are asked for before all others.
    let least = by_rate.max(by_latency) + 2.0 * LATENCY.as_secs_f64();
    writeln!(
        std::io::stdout(),
        "{DEPARTMENTS} departments in {took:.2} s; limits and latency allow {least:.2} s: ratio {:.2}",
        took / least
    )?;
    Ok(())
}

fn configuration(simulator: &Simulator) -> String {
    let company = simulator.handle();
    let departments = company.departments();
    let with_statistics = departments.iter().filter(|d| (1..=4).contains(&d.depth));
    let ids: Vec<&str> =
        with_statistics.take(DEPARTMENTS).map(|d| d.open_department_id.as_str()).collect();
    format!(
        "tenants:\n  - app_id: cli_demo\n    app_secret: demo-secret\n    base_url: {}\n    \
         statistics_time_zone: Asia/Shanghai\n    departments: [{}]\n    \
         limits: {{requests_per_second: {REQUESTS_PER_SECOND}, concurrency: {CONCURRENCY}}}\n",
        simulator.base_url(),
        ids.join(", ")
    )
}

/// The page of metrics with its headers.
async fn metrics(address: std::net::SocketAddr) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").await?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page).await?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn duration(page: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.starts_with(DURATION))?;
    line.rsplit_once(' ')?.1.parse().ok()
}
