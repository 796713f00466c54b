//! From the documents' answers to the page of metrics, through everything that lies between.

use std::{collections::BTreeMap, fs, net::TcpListener, process::Command, time::Duration};

use feishu_exporter::{
    app::{self, App},
    clock::Clock,
    config::{self, Source},
    server::Options,
    shutdown,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::server::Server;

/// The samples of the five documents, by hand.
const EXPECTED: &str = include_str!("../data/golden/documented.prom");
/// The morning on which the day of the statistics' samples is the newest.
const MORNING: &str = "2020-02-16T10:00:00+08:00";
const GLANCE: Duration = Duration::from_millis(20);
/// Far above what it takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for the departments of the documents: that of the statistics, that of the contact API,
/// and by discovery that of the directory.
fn configuration(server: &Server) -> String {
    format!(
        "tenants:
  - name: acme
    base_url: {}
    app_id: cli_demo
    app_secret: demo-secret
    statistics_time_zone: Asia/Shanghai
    rates: ratio
    departments: [od-382e2793cfc9471f892e8a672987654c, od-4e6ac4d14bcd5071a37a39de902c7141]
    discovery: {{enabled: true}}
    members: {{enabled: true}}
    user_statistics: {{enabled: true}}
    privacy: {{min_group_size: 1}}
",
        server.url()
    )
}

/// Samples in order, without HELP and TYPE, and without those about the exporter itself.
fn samples(page: &str) -> Vec<&str> {
    let own = ["#", "feishu_exporter_", "feishu_up", "process_"];
    let is_own = |line: &&str| own.iter().any(|begin| line.starts_with(begin));
    let mut samples: Vec<&str> = page.lines().filter(|line| !is_own(line)).collect();
    samples.sort_unstable();
    samples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_answers_become_exactly_these_samples() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("feishu-exporter.yml");
    fs::write(&file, configuration(&server)).unwrap();
    let (clock, _hand) = Clock::manual(MORNING.parse().unwrap());
    let loaded = config::load(&Source::File(file), &BTreeMap::new(), clock.now()).unwrap();
    let options = app::Options {
        collect: loaded.options,
        server: Options::on(vec![TcpListener::bind("127.0.0.1:0").unwrap()]),
        history: app::History::Nowhere,
        reload: None,
        revision: "test",
    };
    let app = App::bind(options, clock).unwrap();
    let address = app.local_addrs()[0];
    let (stop, shutdown) = shutdown::channel();
    let running = tokio::spawn(app.run(shutdown));
    let get = async |path: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let all_asked = |status: &Value| {
        let is_over = |s: &Value| !s["last_success"].is_null() || !s["problem"].is_null();
        let tenant = &status["tenants"][0];
        if tenant.is_null() {
            return false;
        }
        let (sources, departments) = (&tenant["sources"], &tenant["departments"]);
        departments.as_array().unwrap().len() == 3
            && departments.as_array().unwrap().iter().all(|d| d["state"] != "pending")
            && sources.as_array().unwrap().len() == 4
            && sources.as_array().unwrap().iter().all(is_over)
    };
    let mut wanted: Vec<&str> = EXPECTED.lines().filter(|line| !line.starts_with('#')).collect();
    wanted.sort_unstable();
    let deadline = Instant::now() + PATIENCE;
    // What discovery found is asked for after all else.
    let page = loop {
        let status = serde_json::from_str(&get("/api/v1/status").await).unwrap();
        let page = get("/metrics").await;
        let is_whole = all_asked(&status) && samples(&page).len() >= wanted.len();
        if is_whole || Instant::now() > deadline {
            break page;
        }
        tokio::time::sleep(GLANCE).await;
    };
    stop.stop();
    running.await.unwrap().unwrap();
    assert_eq!(samples(&page), wanted, "the page: {page}");
}

#[test]
fn the_documented_day_can_be_collected() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let configuration = configuration(&server)
        .replace(", od-4e6ac4d14bcd5071a37a39de902c7141", "")
        .replace("discovery: {enabled: true}", "contact: {enabled: false}")
        .replace("members: {enabled: true}", "members: {enabled: false}")
        .replace("user_statistics: {enabled: true}", "user_statistics: {enabled: false}");
    fs::write(directory.path().join("feishu-exporter.yml"), configuration).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_feishu-exporter"))
        .current_dir(directory.path())
        .args(["collect", "--date=2020-02-15"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let page = String::from_utf8(output.stdout).unwrap();
    let found = samples(&page);
    // The figures, their day, and the department's info and the calendar.
    assert_eq!(found.len(), 38 + 3, "{page}");
    for sample in found {
        assert!(EXPECTED.lines().any(|line| line == sample), "{sample}");
    }
}
