//! Remote write into real receivers, and VictoriaMetrics' import.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use crate::{
    outside::get,
    past::{Past, Samples},
    program::{Program, directory},
    servers::{Server, assert_same},
};

const DAYS: i64 = 60;

fn from(past: &Past) -> String {
    format!("--from={}", past.days(DAYS)[0])
}

/// Every sample that Prometheus has of these days, and that there is each once.
#[track_caller]
fn assert_holds(prometheus: &Server, past: &Past) {
    let days = past.days(DAYS);
    let expected = past.samples(&days, &[]);
    assert_same(&prometheus.samples(), &expected);
}

#[test]
fn a_prometheus_with_a_window_takes_60_days_once() {
    let past = Past::new();
    let prometheus = Server::prometheus(&past.directory.path().join("tsdb"), None);
    let url = format!("--remote-write.url={}/api/v1/write", prometheus.url);
    let said = past.written(&[&url, &from(&past)]);
    assert!(said.contains("60 days, 120 days of departments"), "{said}");
    assert_holds(&prometheus, &past);
    let said = past.written(&[&url, &from(&past)]);
    assert!(said.contains("0 samples, 0 bytes in 0 requests; 120 days"), "{said}");
    assert_holds(&prometheus, &past);
}

#[test]
fn a_receiver_that_is_killed_half_way_ends_with_every_sample_once() {
    let past = Past::new();
    let mut prometheus = Server::prometheus(&past.directory.path().join("tsdb"), None);
    // The push goes through a gate that closes after some requests.
    let gate = Gate::to(prometheus.url.trim_start_matches("http://"), 12);
    let url = format!("--remote-write.url=http://{}/api/v1/write", gate.address);
    let (config, storage) =
        (past.directory.path().join("feishu-exporter.yml"), past.directory.path().join("data"));
    let config = format!("--config.file={}", config.display());
    let storage = format!("--storage.path={}", storage.display());
    let mut push = Program::exporter(&["backfill", &config, &storage, &url, &from(&past)], &[]);
    gate.closed.recv().unwrap();
    prometheus.kill();
    prometheus.start();
    gate.open();
    assert_eq!(push.status(), Some(0), "{}", push.stderr());
    assert!(push.stderr().contains("gave no answer"), "it noticed nothing: {}", push.stderr());
    assert_holds(&prometheus, &past);
}

#[test]
fn a_push_that_is_killed_half_way_goes_on_with_the_rest() {
    let past = Past::new();
    let prometheus = Server::prometheus(&past.directory.path().join("tsdb"), None);
    let gate = Gate::to(prometheus.url.trim_start_matches("http://"), 12);
    let url = format!("--remote-write.url=http://{}/api/v1/write", gate.address);
    let config = format!("--config.file={}/feishu-exporter.yml", past.directory.path().display());
    let storage = format!("--storage.path={}/data", past.directory.path().display());
    let mut push = Program::exporter(&["backfill", &config, &storage, &url, &from(&past)], &[]);
    gate.closed.recv().unwrap();
    push.signal("KILL");
    push.status();
    gate.open();
    let said = past.written(&[&url, &from(&past)]);
    let before = said.split("requests; ").nth(1).unwrap().split(' ').next().unwrap();
    let before: u64 = before.parse().unwrap();
    assert!(before > 0 && before < 120, "{said}");
    assert_holds(&prometheus, &past);
}

#[test]
fn victoria_metrics_takes_the_file_and_the_push() {
    let past = Past::new();
    let days = past.days(91);
    let expected = past.samples(&days, &[("job", "feishu")]);
    let by_file = Server::victoria_metrics(past.directory.path().join("by-file"));
    let format = "--format=prometheus-ms";
    past.written(&["--output=back.prom", format, "--label=job=feishu"]);
    let file = past.directory.path().join("back.prom");
    let milliseconds = crate::blocks::parsed(&file, "text");
    assert_same(&milliseconds, &expected);
    let file = format!("@{}", file.display());
    let import = format!("{}/api/v1/import/prometheus", by_file.url);
    let answer = get(&import, &["--header", "Expect:", "--data-binary", &file]);
    assert_eq!(answer.status, 204);
    assert_same(&held(&by_file, expected.len()), &expected);

    let by_push = Server::victoria_metrics(past.directory.path().join("by-push"));
    let url = format!("--remote-write.url={}/api/v1/write", by_push.url);
    past.written(&[&url, "--label=job=feishu"]);
    assert_same(&held(&by_push, expected.len()), &expected);
}

/// What VictoriaMetrics exports, as soon as so many samples are visible.
fn held(victoria: &Server, count: usize) -> Samples {
    crate::program::eventually("every sample in VictoriaMetrics", || {
        Some(victoria.exported()).filter(|samples| samples.len() >= count)
    })
}

#[test]
fn a_prometheus_without_a_window_is_explained() {
    let past = Past::new();
    let directory = directory(&[("prometheus.yml", "")]);
    let address = crate::servers::free_address();
    let mut command = std::process::Command::new("prometheus");
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
    command.arg(format!("--web.listen-address={address}"));
    let _prometheus = Program::start(command, directory);
    crate::program::eventually("a Prometheus that is ready", || {
        crate::outside::try_get(&format!("http://{address}/-/ready"), &[])
            .filter(|answer| answer.status == 200)
    });
    // It was not told to receive.
    let url = format!("--remote-write.url=http://{address}/api/v1/write");
    let (status, _, said) = past.backfill(&[&url]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("--web.enable-remote-write-receiver"), "{said}");
}

/// Passes requests on to a server, and closes after so many until it is opened again.
struct Gate {
    address: String,
    closed: mpsc::Receiver<()>,
    way: Arc<Way>,
}

/// The way through a gate.
struct Way {
    server: String,
    is_open: AtomicBool,
    /// Requests until it closes by itself.
    left: AtomicUsize,
}

impl Gate {
    fn to(server: &str, requests: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let way = Arc::new(Way {
            server: server.to_owned(),
            is_open: AtomicBool::new(true),
            left: AtomicUsize::new(requests),
        });
        let (sender, closed) = mpsc::channel();
        let passing = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (way, sender) = (Arc::clone(&passing), sender.clone());
                thread::spawn(move || way.pass(client.unwrap(), &sender));
            }
        });
        Self { address, closed, way }
    }

    fn open(&self) {
        self.way.is_open.store(true, Ordering::SeqCst);
    }
}

impl Way {
    /// Passes the requests of one connection on, until it ends or the gate is closed.
    fn pass(&self, mut client: TcpStream, closed: &mpsc::Sender<()>) {
        let Ok(mut upstream) = TcpStream::connect(&self.server) else { return };
        while let Some(request) = message(&mut client) {
            if !self.is_open.load(Ordering::SeqCst) || upstream.write_all(&request).is_err() {
                return;
            }
            let Some(answer) = message(&mut upstream) else { return };
            if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
                self.is_open.store(false, Ordering::SeqCst);
                // Whoever waits for it may be gone.
                let _ = closed.send(());
            }
            if client.write_all(&answer).is_err() {
                return;
            }
        }
    }
}

/// A message of HTTP with a length, or without a body.
fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut part = [0; 65_536];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |text| text.trim().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some(bytes);
            }
        }
        match from.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}
