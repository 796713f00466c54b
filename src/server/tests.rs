//! The server over TCP, as a client sees it.

mod attacks;
mod tls;

use std::{collections::HashMap, io::Read};

use flate2::bufread::GzDecoder;
use prometheus::{
    core::{Collector, Desc},
    proto::MetricFamily,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use super::*;
use crate::{
    exposition::{self, GeoView, TenantView},
    shutdown::{self, Trigger},
    snapshot::{Body, Snapshot},
    usage::{FigureSet, Geo},
};

/// More than the kernel holds between two ends of a loopback connection.
const LARGE: usize = 64 * 1024 * 1024;

struct Running {
    address: SocketAddr,
    published: Published,
    registry: Registry,
    trigger: Trigger,
    task: JoinHandle<()>,
}

fn options() -> Options {
    Options::on(vec![std::net::TcpListener::bind("127.0.0.1:0").unwrap()])
}

fn start() -> Running {
    start_with(options(), Limits::DEFAULT)
}

fn start_with(options: Options, limits: Limits) -> Running {
    let (published, registry) = (Published::nothing(), Registry::new());
    let (clock, _) = Clock::manual("2026-11-23T02:00:00Z".parse().unwrap());
    let server =
        Server::bind_with(options, published.clone(), registry.clone(), clock, limits).unwrap();
    let address = server.local_addrs()[0];
    let (trigger, shutdown) = shutdown::channel();
    Running { address, published, registry, trigger, task: tokio::spawn(server.run(shutdown)) }
}

/// One workday gauge: the smallest thing that can be published.
fn publish_something(published: &Published) {
    let tenant = TenantView {
        name: "acme".into(),
        figures: FigureSet::all(),
        scale: None,
        geos: vec![GeoView {
            geo: Geo::Cn,
            zone: crate::day::Zone::shanghai(),
            workday: Some(true),
        }],
        departments: Vec::new(),
        department_up: Vec::new(),
        department_failures: [].into(),
        places: Default::default(),
        labels: Default::default(),
        samples: Vec::new(),
        judged: Vec::new(),
        baselines: Default::default(),
    };
    let body = exposition::render(&[tenant], 10, &Body::default()).body;
    published.publish(Snapshot { body, ..Snapshot::default() });
}

/// A body of many parts, made of one; its checksum is not asked for.
fn publish_large(published: &Published) {
    const PART: usize = 1024 * 1024;
    let part = exposition::body_of(&"\n".repeat(PART));
    let times = LARGE / PART;
    let body = Body {
        deflated: part.deflated.repeat(times).into(),
        parts: part.parts.repeat(times).into(),
        plain_len: LARGE as u64,
        ..Body::default()
    };
    published.publish(Snapshot { body, ..Snapshot::default() });
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        Self { status, headers, body: bytes[end + 4..].to_vec() }
    }
}

async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n")
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let mut stream = send(address, &request(method, path, headers)).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    Answer::parse(&bytes)
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, "").await
}

#[tokio::test]
async fn every_page_answers_get_and_head_alike() {
    let server = start();
    publish_something(&server.published);
    for path in ["/metrics", "/", "/-/healthy", "/-/ready", "/api/v1/status", "/config", "/nowhere"]
    {
        let status = if path == "/nowhere" { 404 } else { 200 };
        let full = get(server.address, path).await;
        assert_eq!(full.status, status, "{path}");
        assert_eq!(full.headers["content-length"], full.body.len().to_string(), "{path}");
        assert_eq!(full.headers["x-content-type-options"], "nosniff");
        assert!(full.text().ends_with('\n'), "{path}");
        let head = ask(server.address, "HEAD", path, "").await;
        assert_eq!((head.status, head.text()), (status, ""), "{path}");
        assert_eq!(head.headers["content-type"], full.headers["content-type"], "{path}");
        // Two scrapes differ by what the first one counted.
        if path != "/metrics" {
            assert_eq!(head.headers["content-length"], full.headers["content-length"], "{path}");
        } else {
            assert_ne!(head.headers["content-length"], "0");
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_told_which_are() {
    let server = start();
    for (method, path, status, allow) in [
        ("POST", "/metrics", 405, "GET, HEAD"),
        ("OPTIONS", "/", 405, "GET, HEAD"),
        ("DELETE", "/-/healthy", 405, "GET, HEAD"),
        ("BREW", "/api/v1/status", 405, "GET, HEAD"),
        ("GET", "/-/reload", 405, "POST, PUT"),
        ("HEAD", "/-/reload", 405, "POST, PUT"),
        ("POST", "/-/reload", 403, ""),
        ("PUT", "/-/reload", 403, ""),
        ("POST", "/nowhere", 404, ""),
    ] {
        let answer = ask(server.address, method, path, "").await;
        let told = answer.headers.get("allow").map_or("", String::as_str);
        assert_eq!((answer.status, told), (status, allow), "{method} {path}");
    }
    assert!(get(server.address, "/-/reload").await.text().contains("use POST"));
    assert!(
        ask(server.address, "POST", "/-/reload", "")
            .await
            .text()
            .contains("--web.enable-lifecycle")
    );
}

#[tokio::test]
async fn ready_flips_once_and_a_scrape_waits_for_the_first_snapshot() {
    let limits = Limits { first: Duration::from_millis(50), ..Limits::DEFAULT };
    let server = start_with(options(), limits);
    assert_eq!(get(server.address, "/-/ready").await.status, 503);
    assert_eq!(get(server.address, "/-/healthy").await.status, 200);
    let early = get(server.address, "/metrics").await;
    assert_eq!(early.status, 503);
    assert_eq!(early.text(), "not ready: nothing is served yet\n");
    server.published.publish(Snapshot::default());
    for _ in 0..2 {
        assert_eq!(get(server.address, "/-/ready").await.status, 200);
    }
    let own = get(server.address, "/metrics").await;
    assert_eq!(own.status, 200);
    for path in ["/-/ready", "/metrics"] {
        let counted =
            format!("feishu_exporter_http_requests_total{{code=\"503\",path=\"{path}\"}} 1\n");
        assert!(own.text().contains(&counted), "{path}");
    }

    let server = start();
    let mut waiting = send(server.address, &request("GET", "/metrics", "")).await;
    assert_eq!(get(server.address, "/-/ready").await.status, 503);
    publish_something(&server.published);
    let mut page = String::new();
    waiting.read_to_string(&mut page).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("feishu_calendar_workday{"), "{page}");
}

#[tokio::test]
async fn a_scrape_gets_the_format_and_encoding_that_it_asks_for() {
    let server = start();
    publish_something(&server.published);
    let workday = "feishu_calendar_workday{tenant=\"acme\",geo=\"cn\"} 1\n";
    let plain = get(server.address, "/metrics").await;
    assert_eq!(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(plain.headers["vary"], "Accept, Accept-Encoding");
    assert!(!plain.headers.contains_key("content-encoding"));
    assert!(plain.text().contains(workday) && !plain.text().contains("# EOF"));

    // Two lines of one header mean the same as one line.
    let asked = "accept: text/plain;q=0.5\r\naccept: application/openmetrics-text;version=1.0.0\r\n\
                 accept-encoding: gzip\r\n";
    let gzip = ask(server.address, "GET", "/metrics", asked).await;
    assert_eq!(gzip.headers["content-encoding"], "gzip");
    assert_eq!(gzip.headers["content-length"], gzip.body.len().to_string());
    assert!(
        gzip.headers["content-type"].starts_with("application/openmetrics-text; version=1.0.0")
    );
    let mut member = GzDecoder::new(gzip.body.as_slice());
    let mut text = String::new();
    member.read_to_string(&mut text).unwrap();
    assert!(member.into_inner().is_empty(), "one member, nothing after it");
    assert!(text.contains(workday) && text.ends_with("# EOF\n"), "{text}");
}

#[tokio::test]
async fn requests_are_counted_by_page_and_code_from_zero_on() {
    let server = start();
    publish_something(&server.published);
    get(server.address, "/secret/path?x=1").await;
    let text = get(server.address, "/metrics").await;
    for line in [
        "feishu_exporter_http_requests_total{code=\"200\",path=\"/\"} 0\n",
        "feishu_exporter_http_requests_total{code=\"404\",path=\"other\"} 1\n",
        "feishu_exporter_http_request_duration_seconds_count 1\n",
    ] {
        assert!(text.text().contains(line), "{line}");
    }
    assert!(!text.text().contains("secret"));
}

#[tokio::test]
async fn the_metrics_are_where_the_options_say() {
    let server =
        start_with(Options { telemetry_path: "/probe".to_owned(), ..options() }, Limits::DEFAULT);
    publish_something(&server.published);
    assert!(get(server.address, "/probe?name=x").await.text().contains("path=\"/metrics\""));
    assert_eq!(get(server.address, "/metrics").await.status, 404);
    assert!(get(server.address, "/").await.text().contains("href=\"./probe\""));
}

#[tokio::test]
async fn the_page_loads_and_runs_nothing() {
    let page = get(start().address, "/").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.headers["content-security-policy"].starts_with("default-src 'none'; "));
    assert!(page.text().starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn the_status_is_a_json_document() {
    let server = start();
    let read = async || -> serde_json::Value {
        let answer = get(server.address, "/api/v1/status").await;
        assert_eq!(answer.headers["content-type"], "application/json");
        serde_json::from_slice(&answer.body).unwrap()
    };
    let expected = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"), "revision": "unknown",
        "started": "2026-11-23T02:00:00Z", "now": "2026-11-23T02:00:00Z",
        "configuration": null,
        "store": {
            "state": "none", "file": null, "bytes": null, "first_day": null, "last_day": null,
        },
        "counts": {
            "departments": 0, "failed": 0, "no_data": 0, "incomplete": 0, "late": 0, "pending": 0,
            "latest": 0,
        },
        "tenants": [],
    });
    assert_eq!(read().await, expected);
    publish_something(&server.published);
    assert_eq!(read().await, expected);
}

#[tokio::test]
async fn more_scrapes_than_allowed_get_503_until_one_is_done() {
    let terms = places::Terms {
        wait: Duration::from_millis(50),
        grace: Duration::from_secs(120),
        ..Limits::DEFAULT.places
    };
    let limits = Limits { places: terms, ..Limits::DEFAULT };
    let server = start_with(Options { max_requests: 1, ..options() }, limits);
    publish_large(&server.published);
    let mut first = send(server.address, &request("GET", "/metrics", "")).await;
    let mut bytes = vec![0; 1000];
    first.read_exact(&mut bytes).await.unwrap();
    let second = get(server.address, "/metrics").await;
    assert_eq!(second.status, 503);
    assert!(second.text().contains("--web.max-requests"), "{}", second.text());
    assert_eq!(get(server.address, "/-/healthy").await.status, 200, "other pages go on");
    first.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.len() > LARGE);
    assert_eq!(ask(server.address, "HEAD", "/metrics", "").await.status, 200);
}

#[tokio::test]
async fn slow_readers_take_no_place_from_other_scrapes() {
    let places = places::Terms { grace: Duration::from_millis(10), ..Limits::DEFAULT.places };
    let limits = Limits { places: places::Terms { pace: u64::MAX, ..places }, ..Limits::DEFAULT };
    let server = start_with(Options { max_requests: 2, ..options() }, limits);
    publish_large(&server.published);
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut stream = send(server.address, &request("GET", "/metrics", "")).await;
        stream.read_u8().await.unwrap();
        slow.push(stream);
    }
    assert_eq!(ask(server.address, "HEAD", "/metrics", "").await.status, 200);
    let mut rest = Vec::new();
    slow.pop().unwrap().read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() > LARGE, "what was begun is sent to its end");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let server = start();
    publish_something(&server.published);
    for (head, status) in [
        ("GET /metrics HTTP/1.1\r\n", 400),
        ("GET /-/healthy HTTP/1.1\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nhost: a\r\nhost: b\r\n", 400),
        ("GET /metrics HTTP/1.0\r\nhost: a\r\nhost: a\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nhost:\r\n", 200),
        ("GET /-/healthy HTTP/1.0\r\n", 200),
    ] {
        let mut stream = send(server.address, &format!("{head}connection: close\r\n\r\n")).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(Answer::parse(&bytes).status, status, "{head:?}");
    }
}

#[tokio::test]
async fn a_reload_is_answered_by_whoever_reloads() {
    let (reloads, mut requests) = reloads();
    let server = start_with(Options { reloads: Some(reloads), ..options() }, Limits::DEFAULT);
    tokio::spawn(async move {
        let mut outcomes = [Ok("reloaded".to_owned()), Err("line 3: wrong".to_owned())].into_iter();
        while let Some(request) = requests.recv().await {
            request.answer(outcomes.next().unwrap());
        }
    });
    for (method, status, said) in [("POST", 200, "reloaded\n"), ("PUT", 500, "line 3: wrong\n")] {
        let answer = ask(server.address, method, "/-/reload", "content-length: 0\r\n").await;
        assert_eq!((answer.status, answer.text()), (status, said));
    }
    assert_eq!(get(server.address, "/-/reload").await.status, 405);
}

#[tokio::test]
async fn the_running_configuration_is_what_was_handed_in_last() {
    let config = ConfigText::new("series_limit: 1\n".to_owned(), None, Timestamp::UNIX_EPOCH);
    let server = start_with(Options { config: config.clone(), ..options() }, Limits::DEFAULT);
    assert_eq!(get(server.address, "/config").await.text(), "series_limit: 1\n");
    config.propose("series_limit: 2\n".to_owned());
    assert_eq!(get(server.address, "/config").await.text(), "series_limit: 1\n");
    config.accept(Timestamp::UNIX_EPOCH);
    assert_eq!(get(server.address, "/config").await.text(), "series_limit: 2\n");
}

#[tokio::test]
async fn pages_move_below_a_prefix_and_say_where() {
    let options = Options {
        route_prefix: "/feishu".to_owned(),
        external_path: "/tools/feishu/".to_owned(),
        ..options()
    };
    let server = start_with(options, Limits::DEFAULT);
    publish_something(&server.published);
    for path in ["/", "/feishu"] {
        let answer = get(server.address, path).await;
        assert_eq!((answer.status, answer.headers["location"].as_str()), (302, "/tools/feishu/"));
    }
    assert!(get(server.address, "/feishu/").await.text().contains("href=\"./metrics\""));
    assert_eq!(get(server.address, "/feishu/metrics").await.status, 200);
    assert_eq!(get(server.address, "/metrics").await.status, 404);
    assert_eq!(get(server.address, "/-/healthy").await.status, 200);
}

#[tokio::test]
async fn a_page_is_rendered_once_for_a_snapshot_and_compressed() {
    let server = start();
    publish_something(&server.published);
    let ask_page = || ask(server.address, "GET", "/", "accept-encoding: gzip\r\n");
    let first = ask_page().await;
    assert_eq!(first.headers["content-encoding"], "gzip");
    let mut text = String::new();
    GzDecoder::new(first.body.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("<!DOCTYPE html>"));
    assert_eq!(get(server.address, "/").await.text(), text);
    publish_something(&server.published);
    assert_eq!(ask_page().await.status, 200);
}

#[tokio::test]
async fn without_a_maximum_every_scrape_is_answered() {
    let server = start_with(Options { max_requests: 0, ..options() }, Limits::DEFAULT);
    publish_something(&server.published);
    assert_eq!(get(server.address, "/metrics").await.status, 200);
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_cut() {
    let limits = Limits { header_read: Duration::from_millis(50), ..Limits::DEFAULT };
    let server = start_with(options(), limits);
    for beginning in ["", "GET /metrics HT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = send(server.address, beginning).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert!(!bytes.starts_with(b"HTTP/1.1 2"), "{beginning:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_makes_room_for_others() {
    let room = slots::Room { connections: 1, from_one_peer: 1, ..Limits::DEFAULT.room };
    let limits = Limits { write: Duration::from_millis(50), room, ..Limits::DEFAULT };
    let server = start_with(options(), limits);
    publish_large(&server.published);
    let mut idle = send(server.address, &request("GET", "/metrics", "")).await;
    // There is one place, so that this answer comes only once the idle client has lost it.
    assert_eq!(get(server.address, "/-/healthy").await.status, 200);
    let mut bytes = Vec::new();
    let _ = idle.read_to_end(&mut bytes).await;
    assert!(bytes.len() < LARGE, "the rest of the answer was dropped");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = start();
    let padding = format!("x-padding: {}\r\n", "x".repeat(20_000));
    let mut stream = send(server.address, &request("GET", "/", &padding)).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    assert!(bytes.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&bytes));
}

struct Broken(Desc);

impl Collector for Broken {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        panic!("a collector with a defect");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_lives_on() {
    let server = start();
    publish_something(&server.published);
    let desc = Desc::new("x".to_owned(), "Help.".to_owned(), vec![], HashMap::new()).unwrap();
    server.registry.register(Box::new(Broken(desc))).unwrap();
    for _ in 0..2 {
        assert_eq!(get(server.address, "/metrics").await.status, 500);
    }
    assert_eq!(get(server.address, "/-/healthy").await.status, 200);
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_lets_running_answers_finish() {
    let server = start();
    publish_large(&server.published);
    let kept = "GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut idle = send(server.address, kept).await;
    let mut byte = [0];
    idle.read_exact(&mut byte).await.unwrap();
    let silent = send(server.address, "").await;
    let mut running = send(server.address, &request("GET", "/metrics", "")).await;
    running.read_exact(&mut byte).await.unwrap();

    server.trigger.stop();
    let mut bytes = Vec::new();
    idle.read_to_end(&mut bytes).await.unwrap();
    running.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.len() > LARGE, "the whole body came");
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
    drop(silent);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_client_that_never_reads() {
    let limits = Limits { drain: Duration::from_millis(50), ..Limits::DEFAULT };
    let server = start_with(options(), limits);
    publish_large(&server.published);
    let mut stuck = send(server.address, &request("GET", "/metrics", "")).await;
    stuck.read_u8().await.unwrap();
    server.trigger.stop();
    server.task.await.unwrap();
}

#[tokio::test]
async fn every_socket_is_answered_on() {
    let sockets = ["127.0.0.1:0", "[::1]:0"].map(|at| std::net::TcpListener::bind(at).unwrap());
    let options = Options { sockets: sockets.into(), ..options() };
    let (clock, _) = Clock::manual("2026-11-23T02:00:00Z".parse().unwrap());
    let server = Server::bind(options, Published::nothing(), Registry::new(), clock).unwrap();
    let addresses = server.local_addrs();
    let (_trigger, shutdown) = shutdown::channel();
    tokio::spawn(server.run(shutdown));
    for address in addresses {
        assert_eq!(get(address, "/-/healthy").await.status, 200, "{address}");
    }
}
