//! Hostile readers, each beside a scrape and a probe that are answered all the same.
//!
//! What they cost in time and memory is measured by `tests/attacks.py`; here it is what must not
//! happen at all.

use super::*;

/// Beside every attack: a scrape and a probe, several times, none of which may fail.
async fn is_well(server: &Running) {
    for _ in 0..5 {
        let scrape = ask(server.address, "GET", "/metrics", "accept-encoding: gzip\r\n").await;
        assert_eq!(scrape.status, 200, "{}", String::from_utf8_lossy(&scrape.body));
        assert_eq!(get(server.address, "/-/healthy").await.status, 200);
    }
}

fn crowded() -> Limits {
    let answering = Duration::ZERO;
    let room =
        slots::Room { connections: 20, from_one_peer: 10, answering, ..Limits::DEFAULT.room };
    Limits { room, ..Limits::DEFAULT }
}

async fn metric(server: &Running, name: &str) -> f64 {
    let page = get(server.address, "/metrics").await;
    let line = page.text().lines().find(|line| line.starts_with(name)).map(str::to_owned);
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn quiet_sockets_make_room() {
    let server = start_with(options(), crowded());
    publish_something(&server.published);
    let mut quiet = Vec::new();
    for number in 0..100 {
        // Some send nothing, some a byte now and then, some half a head.
        let begin = ["", "G", "GET /metrics HTTP/1.1\r\nhost: x\r\nx-a: "][number % 3];
        quiet.push(send(server.address, begin).await);
    }
    is_well(&server).await;
    assert!(metric(&server, "feishu_exporter_http_connections ").await <= 11.0);
    let evicted = "feishu_exporter_http_connections_closed_total{reason=\"evicted\"}";
    assert!(metric(&server, evicted).await >= 90.0);
}

#[tokio::test]
async fn readers_of_the_page_that_do_not_read_share_one_rendering() {
    let server = start_with(options(), crowded());
    publish_large(&server.published);
    let mut unread = Vec::new();
    for path in ["/", "/api/v1/status", "/metrics"].repeat(30) {
        unread.push(send(server.address, &request("GET", path, "")).await);
    }
    is_well(&server).await;
}

#[tokio::test]
async fn many_heads_of_the_page_are_answered_from_what_is_there() {
    let server = start();
    publish_something(&server.published);
    let mut heads = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let address = server.address;
        heads.spawn(async move {
            for _ in 0..10 {
                assert_eq!(ask(address, "HEAD", "/", "").await.status, 200);
            }
        });
    }
    is_well(&server).await;
    heads.join_all().await;
}

#[tokio::test]
async fn slow_readers_of_scrapes_let_others_scrape() {
    let places = places::Terms { grace: Duration::from_millis(20), ..Limits::DEFAULT.places };
    let limits = Limits { places: places::Terms { pace: u64::MAX, ..places }, ..Limits::DEFAULT };
    let server = start_with(options(), limits);
    publish_large(&server.published);
    let mut slow = Vec::new();
    for _ in 0..45 {
        let mut stream = send(server.address, &request("GET", "/metrics", "")).await;
        stream.read_u8().await.unwrap();
        slow.push(stream);
    }
    is_well(&server).await;
}

#[tokio::test]
async fn a_thousand_scrapers_leave_the_probe_its_answer() {
    let server = start();
    publish_something(&server.published);
    let mut scrapers = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let address = server.address;
        scrapers.spawn(async move {
            let Ok(mut stream) = TcpStream::connect(address).await else { return };
            let _ = stream.write_all(request("GET", "/metrics", "").as_bytes()).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
    }
    for _ in 0..20 {
        assert_eq!(get(server.address, "/-/healthy").await.status, 200);
    }
    scrapers.join_all().await;
    is_well(&server).await;
}

#[tokio::test]
async fn old_snapshots_that_are_not_read_are_let_go() {
    let limits = Limits { unsent: 1024 * 1024, ..Limits::DEFAULT };
    let room = slots::Room { answering: Duration::ZERO, ..limits.room };
    let server = start_with(options(), Limits { room, ..limits });
    let mut slow = Vec::new();
    for _ in 0..50 {
        publish_large(&server.published);
        slow.push(send(server.address, &request("GET", "/metrics", "")).await);
        slow.last_mut().unwrap().read_u8().await.unwrap();
    }
    is_well(&server).await;
    let evicted = "feishu_exporter_http_connections_closed_total{reason=\"evicted\"}";
    assert!(metric(&server, evicted).await >= 30.0);
}

#[tokio::test]
async fn a_connection_ends_after_its_life_also_when_it_is_used() {
    let limits = Limits { life: Duration::from_millis(100), ..Limits::DEFAULT };
    let server = start_with(options(), limits);
    let mut stream = send(server.address, "").await;
    let asked = tokio::time::Instant::now();
    loop {
        let kept = b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n";
        let mut bytes = [0; 1000];
        if stream.write_all(kept).await.is_err()
            || matches!(stream.read(&mut bytes).await, Ok(0) | Err(_))
        {
            break;
        }
        assert!(asked.elapsed() < Duration::from_secs(60), "it lives on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(asked.elapsed() >= Duration::from_millis(100));
    is_well(&server).await;
}

#[tokio::test]
async fn before_anything_is_published_the_probes_are_answered() {
    let server = start();
    assert_eq!(get(server.address, "/-/healthy").await.status, 200);
    assert_eq!(get(server.address, "/-/ready").await.status, 503);
}

#[test]
fn connections_follow_the_limit_of_open_files() {
    for (files, connections) in
        [(Some(1024), 512), (Some(1_048_576), 512), (Some(256), 128), (Some(10), 8), (None, 512)]
    {
        let room = Limits::DEFAULT.within(files).room;
        assert_eq!(room.connections, connections, "{files:?}");
        assert!(room.from_one_peer < connections && room.reserve >= 2);
    }
}
