//! What it costs to turn 100,000 series into bytes, and to hand these bytes to a scraper.
//!
//! `benches/compare.py` holds the server against nginx.

mod fixture;

use std::{
    hint::black_box,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use feishu_exporter::{
    clock::Clock,
    exposition::{render, text},
    server::{Options, Server},
    shutdown,
    snapshot::{Body, Published, Snapshot},
};
use prometheus::Registry;

/// How many series are measured; few where each measurement only has to run.
fn series() -> u64 {
    if fixture::is_measured() { 100_000 } else { 1000 }
}

fn bytes(c: &mut Criterion) {
    let tenants = [fixture::tenant(series())];
    let body = render(&tenants, u64::MAX, &Body::default()).body;
    let mut changed = fixture::tenant(series());
    changed.departments[0] = fixture::department(u64::MAX);
    let changed = [changed];
    let mut group = c.benchmark_group("100k");
    group.sample_size(20).throughput(Throughput::Bytes(body.plain_len));
    group.bench_function("render and compress", |b| {
        b.iter(|| render(black_box(&tenants), u64::MAX, &Body::default()));
    });
    group.bench_function("render after a change of one department", |b| {
        b.iter(|| render(black_box(&changed), u64::MAX, &body));
    });
    group.bench_function("inflate", |b| b.iter(|| text(black_box(&body))));
    group.finish();
}

fn scrape(c: &mut Criterion) {
    let published = Published::nothing();
    let body = render(&[fixture::tenant(series())], u64::MAX, &Body::default()).body;
    published.publish(Snapshot { body, ..Snapshot::default() });
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let options = Options::on(vec![TcpListener::bind("127.0.0.1:0").expect("some port is free")]);
    let server = runtime
        .block_on(async { Server::bind(options, published, Registry::new(), Clock::system()) })
        .expect("some port is free");
    let address = server.local_addrs()[0];
    let (trigger, shutdown) = shutdown::channel();
    let running = thread::spawn(move || runtime.block_on(server.run(shutdown)));

    let mut group = c.benchmark_group("100k");
    group.sample_size(50);
    for (name, encoding) in [("scrape plain", "identity"), ("scrape gzip", "gzip")] {
        let stream = TcpStream::connect(address).expect("the server listens");
        let mut stream = BufReader::with_capacity(1 << 18, stream);
        let mut body = Vec::new();
        group.bench_function(name, |b| b.iter(|| ask(&mut stream, encoding, &mut body)));
    }
    group.finish();
    trigger.stop();
    running.join().expect("the server ends");
}

/// One request on a connection that is kept.
fn ask(stream: &mut BufReader<TcpStream>, encoding: &str, body: &mut Vec<u8>) {
    // In one piece: a request in several would wait for the acknowledgement of the first.
    let request =
        format!("GET /metrics HTTP/1.1\r\nhost: x\r\naccept-encoding: {encoding}\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).expect("the server reads");
    let mut length = 0;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).expect("the server answers");
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().expect("a length");
        }
    }
    body.resize(length, 0);
    stream.read_exact(body).expect("the whole body comes");
}

criterion_group!(benches, bytes, scrape);
criterion_main!(benches);
