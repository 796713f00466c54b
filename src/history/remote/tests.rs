//! A push to a receiver that answers as told, read by a decoder that shares nothing with ours.

use std::{collections::BTreeMap, time::Duration};

use jiff::civil::date;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
};

use super::*;
use crate::{
    clock::Clock,
    history::{
        Subject,
        tests::{all_days, history_of, keep, subject},
    },
    secret::Secret,
    shutdown,
    store::{Store, TenantStore},
    usage::FigureSet,
};

/// A request as it came: head and body.
struct Request {
    head: String,
    body: Vec<u8>,
}

/// A sample as it was read: its series with sorted labels, time in milliseconds, value.
type Read = (Vec<(String, String)>, i64, f64);

/// Answers one request after another as told, then accepts everything.
struct Double {
    url: String,
    requests: mpsc::UnboundedReceiver<Request>,
    _serving: JoinHandle<()>,
}

impl Double {
    async fn answering(answers: &[(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1/write?x=1", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        let answers = answers.to_vec();
        let serving = tokio::spawn(async move {
            let mut answers = answers.into_iter();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let Some(request) = read(&mut socket).await else { continue };
                let (head, body) = answers.next().unwrap_or(("204 No Content", ""));
                let answer = format!(
                    "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                socket.write_all(answer.as_bytes()).await.unwrap();
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { url, requests, _serving: serving }
    }

    fn receiver(&self, credentials: Option<Credentials>) -> Receiver {
        let options = ReceiverOptions {
            url: self.url.clone(),
            credentials,
            headers: vec![Secret::new("X-Scope-OrgID=acme".to_owned())],
            ca_file: None,
        };
        Receiver::new(options, Clock::system()).unwrap()
    }

    /// Every request so far.
    fn taken(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

async fn read(socket: &mut tokio::net::TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = bytes.split_off(end + 4);
    while body.len() < length.parse().unwrap() {
        if socket.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { head, body })
}

/// The fields of a protobuf message: number and content (Protocol Buffers encoding guide).
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let content = match tag & 7 {
            0 => varint(&mut bytes).to_le_bytes().to_vec(),
            wire => {
                let length = match wire {
                    1 => 8,
                    2 => usize::try_from(varint(&mut bytes)).unwrap(),
                    other => panic!("wire type {other}"),
                };
                let content = bytes[..length].to_vec();
                bytes = &bytes[length..];
                content
            }
        };
        fields.push((tag >> 3, content));
    }
    fields
}

/// The samples of a body.
fn decoded(body: &[u8]) -> Vec<Read> {
    let message = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let mut samples = Vec::new();
    for (number, series) in fields(&message) {
        assert_eq!(number, 1, "only time series");
        // What is not there is zero.
        let (mut labels, mut time, mut value) = (Vec::new(), 0, 0.0);
        for (number, content) in fields(&series) {
            let parts = fields(&content);
            match number {
                1 => {
                    let text = |at: usize| String::from_utf8(parts[at].1.clone()).unwrap();
                    assert_eq!((parts[0].0, parts[1].0), (1, 2));
                    labels.push((text(0), text(1)));
                }
                2 => {
                    for (number, content) in parts {
                        let bytes = content.try_into().unwrap();
                        match number {
                            1 => value = f64::from_le_bytes(bytes),
                            _ => time = i64::from_le_bytes(bytes),
                        }
                    }
                }
                other => panic!("field {other}"),
            }
        }
        samples.push((labels, time, value));
    }
    samples
}

/// Samples by series and time, each once.
fn all(requests: &[Request]) -> BTreeMap<(String, i64), f64> {
    let mut samples = BTreeMap::new();
    for (labels, time, value) in requests.iter().flat_map(|request| decoded(&request.body)) {
        assert!(labels.windows(2).all(|pair| pair[0].0 < pair[1].0), "not sorted: {labels:?}");
        let name = labels.iter().find(|(name, _)| name == "__name__").unwrap().1.clone();
        let rest = labels.iter().filter(|(name, _)| name != "__name__");
        let mut rest: Vec<String> = rest.map(|(name, value)| format!("{name}={value:?}")).collect();
        rest.sort();
        let key = (format!("{name}{{{}}}", rest.join(",")), time);
        assert!(samples.insert(key, value).is_none(), "{labels:?} at {time} twice");
    }
    samples
}

fn clock() -> Clock {
    Clock::manual("2026-11-25T02:00:00Z".parse().unwrap()).0
}

async fn filled() -> (Store, TenantStore) {
    let store = Store::in_memory(clock()).unwrap();
    let tenant = store.tenant("acme", "cli_1");
    keep(&tenant, "od-a", &all_days(), &[]).await;
    keep(&tenant, "od-b", &all_days(), &[date(2026, 11, 10)]).await;
    (store, tenant)
}

fn nobody() -> Watch {
    Box::new(|_, _| ())
}

async fn pushed(history: &History, receiver: &Receiver) -> Result<Pushed, Error> {
    let (_trigger, mut shutdown) = shutdown::channel();
    push(history, receiver, false, &mut shutdown, nobody()).await
}

#[tokio::test]
async fn what_is_pushed_is_what_the_file_has_and_never_again() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    let mut double = Double::answering(&[]).await;
    let receiver = double.receiver(None);
    let first = pushed(&history, &receiver).await.unwrap();
    let requests = double.taken();
    assert_eq!(first.requests, requests.len() as u64);
    let samples = all(&requests);
    assert_eq!(first.samples, samples.len() as u64);
    assert_eq!((first.days, first.department_days, first.skipped), (24, 47, 0));

    let (page, _) = crate::history::tests::written(history.clone()).await;
    let in_file: BTreeMap<(String, i64), f64> = crate::history::tests::samples(&page)
        .into_iter()
        .map(|((series, time), value)| {
            let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap();
            let mut labels: Vec<&str> = labels.split(',').collect();
            labels.sort_unstable();
            ((format!("{name}{{{}}}", labels.join(",")), time * 1000), value)
        })
        .collect();
    assert_eq!(samples.len(), in_file.len());
    for (key, value) in &in_file {
        assert_eq!(samples.get(key), Some(value), "{key:?}");
    }
    let mut times: Vec<i64> = requests.iter().map(|request| decoded(&request.body)[0].1).collect();
    assert!(times.is_sorted(), "in the order of time");
    times.dedup();
    assert_eq!(times.len(), 24);

    let again = pushed(&history, &receiver).await.unwrap();
    assert_eq!((again.requests, again.skipped), (0, 47));
    assert!(double.taken().is_empty());
    // To another receiver it is all new.
    let mut other = Double::answering(&[]).await;
    pushed(&history, &other.receiver(None)).await.unwrap();
    assert_eq!(other.taken().len(), requests.len());
}

#[tokio::test]
async fn a_request_has_the_headers_of_the_protocol_and_of_the_user() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    for (credentials, expected) in [
        (None, None),
        (
            Some(Credentials::Basic("me".to_owned(), Secret::new("hunter2".to_owned()))),
            Some("authorization: Basic bWU6aHVudGVyMg=="),
        ),
        (
            Some(Credentials::Bearer(Secret::new("t0ken".to_owned()))),
            Some("authorization: Bearer t0ken"),
        ),
    ] {
        let mut double = Double::answering(&[("400 Bad Request", "hunter2 and t0ken\nmore")]).await;
        let error = pushed(&history, &double.receiver(credentials)).await.unwrap_err().to_string();
        let taken = double.taken();
        let head = taken[0].head.to_owned();
        assert!(head.starts_with("POST /api/v1/write?x=1 HTTP/1.1"), "{head}");
        for line in [
            "content-encoding: snappy",
            "content-type: application/x-protobuf",
            "x-prometheus-remote-write-version: 0.1.0",
            "x-scope-orgid: acme",
            "user-agent: feishu-exporter/",
        ] {
            assert!(head.contains(line), "{line} in {head}");
        }
        assert_eq!(expected.is_some(), head.contains("authorization: "));
        assert!(head.contains(expected.unwrap_or_default()), "{head}");
        if let Some(expected) = expected {
            let secret = if expected.contains("Basic") { "hunter2" } else { "t0ken" };
            assert!(!error.contains(secret), "{error}");
        }
        assert!(error.contains("answered 400 (") && !error.contains("more"), "{error}");
        assert!(!error.contains("x=1"), "{error}");
    }
}

#[tokio::test]
async fn failures_of_the_server_and_throttling_are_tried_again() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    let mut double = Double::answering(&[
        ("500 Internal Server Error", "busy"),
        ("204 No Content", ""),
        ("429 Too Many Requests\r\nRetry-After: 1", ""),
        ("200 OK", ""),
    ])
    .await;
    let begun = tokio::time::Instant::now();
    let done = pushed(&history, &double.receiver(None)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
    let taken = double.taken();
    assert_eq!(taken.len() as u64, done.requests + 2);
    assert!(taken[0].body == taken[1].body && taken[2].body == taken[3].body);
    assert!(taken[1].body != taken[2].body);
}

#[tokio::test]
async fn other_refusals_are_final_and_what_was_accepted_stays() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    let accepted = ("204 No Content", "");
    for (answer, what) in [
        ("400 Bad Request", "out_of_order_time_window"),
        ("401 Unauthorized", "password file"),
        ("404 Not Found", "--web.enable-remote-write-receiver"),
        ("415 Unsupported Media Type", "accepted-protobuf-messages=prometheus.WriteRequest"),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", "redirects are not followed"),
    ] {
        let mut double = Double::answering(&[accepted, accepted, (answer, "no\u{1b}[2J")]).await;
        let receiver = double.receiver(None);
        let error = pushed(&history, &receiver).await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(matches!(error, Error::Receiver(_)));
        let mut requests = double.taken();
        assert_eq!(requests.len(), 3, "a refusal is not argued with");
        requests.pop();
        // Going on sends the rest, and nothing twice.
        let rest = pushed(&history, &receiver).await.unwrap();
        assert!(rest.skipped > 0);
        requests.extend(double.taken());
        assert_eq!(rest.skipped + rest.department_days, 47);
        let (page, _) = crate::history::tests::written(history.clone()).await;
        assert_eq!(all(&requests).len(), crate::history::tests::samples(&page).len());
    }
}

#[tokio::test]
async fn a_receiver_that_fails_for_too_long_is_given_up() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    let broken = ("500 Internal Server Error", "too old sample");
    let mut double = Double::answering(&[broken; 40]).await;
    let mut receiver = double.receiver(None);
    receiver.patience = Duration::from_secs(1);
    let error = pushed(&history, &receiver).await.unwrap_err().to_string();
    assert!(error.contains("answered 500 (too old sample)"), "{error}");
    assert!(error.contains("out_of_order_time_window"), "{error}");
    assert!(double.taken().len() >= 2);

    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", gone.local_addr().unwrap());
    drop(gone);
    let options = ReceiverOptions { url, credentials: None, headers: vec![], ca_file: None };
    let mut receiver = Receiver::new(options, Clock::system()).unwrap();
    receiver.patience = Duration::from_millis(100);
    let error = pushed(&history, &receiver).await.unwrap_err().to_string();
    assert!(error.contains("gave no answer"), "{error}");
}

#[tokio::test]
async fn a_stop_ends_a_push_even_while_it_waits() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    let mut double = Double::answering(&[("429 Too Many Requests\r\nRetry-After: 300", "")]).await;
    let receiver = double.receiver(None);
    let (trigger, mut shutdown) = shutdown::channel();
    let pushing =
        tokio::spawn(
            async move { push(&history, &receiver, false, &mut shutdown, nobody()).await },
        );
    double.requests.recv().await.unwrap();
    trigger.stop();
    assert!(matches!(pushing.await.unwrap(), Err(Error::Interrupted)));
}

#[tokio::test]
async fn a_batch_is_bounded_and_never_splits_a_department() {
    let store = Store::in_memory(clock()).unwrap();
    let tenant = store.tenant("acme", "cli_1");
    let ids: Vec<String> = (0..60).map(|at| format!("od-{at:02}")).collect();
    let days: Vec<Day> = all_days().into_iter().rev().take(2).collect();
    for id in &ids {
        keep(&tenant, id, &days, &[]).await;
    }
    let targets = ids.iter().map(|id| crate::history::tests::target(id)).collect();
    let subject = Subject { targets, figures: FigureSet::all(), ..subject(tenant) };
    let mut double = Double::answering(&[]).await;
    let done = pushed(&history_of(subject), &double.receiver(None)).await.unwrap();
    let requests = double.taken();
    // 76 figures and the day gauge: 25 departments fit beside the working day.
    assert_eq!((requests.len(), done.requests), (6, 6));
    let mut whole = BTreeMap::new();
    for (at, request) in requests.iter().enumerate() {
        let samples = decoded(&request.body);
        assert!(samples.len() <= SERIES_MAX);
        for (labels, time, _) in samples {
            let id = labels.iter().find(|(name, _)| name == "department_id");
            let Some((_, id)) = id else { continue };
            assert_eq!(*whole.entry((id.clone(), time)).or_insert(at), at, "{id} is split");
        }
    }
    assert_eq!(whole.len(), 120);
    assert_eq!(done.samples, 120 * 77 + 2);
}

/// A history of these figures.
fn of_figures(tenant: &TenantStore, figures: &[usize]) -> History {
    let mut set = FigureSet::none();
    figures.iter().for_each(|index| set.insert(*index));
    history_of(Subject { figures: set, ..subject(tenant.clone()) })
}

/// Pushed in parts, whatever comes first, everything arrives once.
#[tokio::test]
async fn figures_and_baselines_that_come_later_are_sent_and_nothing_twice() {
    let store = Store::in_memory(clock()).unwrap();
    let tenant = store.tenant("acme", "cli_1");
    // Without the weeks before, no day has a baseline.
    keep(&tenant, "od-a", &all_days()[31..], &[]).await;
    let mut double = Double::answering(&[]).await;
    let receiver = double.receiver(None);
    let first = pushed(&of_figures(&tenant, &[0, 3]), &receiver).await.unwrap();
    // A day gauge and two figures in two versions; whether it is a working day.
    assert_eq!(first.samples, 24 * (1 + 4) + 24);
    let more = pushed(&of_figures(&tenant, &[3, 4]), &receiver).await.unwrap();
    assert_eq!(more.samples, 24 * 2, "the other figure");
    keep(&tenant, "od-a", &all_days(), &[]).await;
    let history = history_of(subject(tenant.clone()));
    let all_of_it = pushed(&history, &receiver).await.unwrap();
    assert!(all_of_it.samples > 24 * 35 * 2);
    let again = pushed(&history, &receiver).await.unwrap();
    assert_eq!((again.samples, again.requests, again.skipped), (0, 0, 24));
    let requests = double.taken();
    let (page, _) = crate::history::tests::written(history).await;
    // No sample came twice, and each came.
    assert_eq!(all(&requests).len(), crate::history::tests::samples(&page).len());
}

#[tokio::test]
async fn versions_that_are_known_later_are_sent_without_their_totals() {
    let store = Store::in_memory(clock()).unwrap();
    let tenant = store.tenant("acme", "cli_1");
    crate::history::tests::keep_totals(&tenant, "od-a", &all_days()).await;
    let mut double = Double::answering(&[]).await;
    let receiver = double.receiver(None);
    let history = history_of(subject(tenant.clone()));
    pushed(&history, &receiver).await.unwrap();
    let totals = double.taken();
    keep(&tenant, "od-a", &all_days(), &[]).await;
    let versions = pushed(&history, &receiver).await.unwrap();
    assert_eq!(versions.samples, 24 * 38);
    let versions = double.taken();
    let is_of_version = |(labels, _, _): &Read| {
        labels.iter().any(|(name, value)| name == "product_version" && value != "all")
    };
    assert!(versions.iter().flat_map(|r| decoded(&r.body)).all(|read| is_of_version(&read)));
    all(&totals.into_iter().chain(versions).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_receiver_that_lost_its_data_is_sent_everything_again_when_asked_to() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    let mut double = Double::answering(&[]).await;
    let receiver = double.receiver(None);
    let first = pushed(&history, &receiver).await.unwrap();
    let sent = all(&double.taken());
    let (_trigger, mut shutdown) = shutdown::channel();
    let again = push(&history, &receiver, true, &mut shutdown, nobody()).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(all(&double.taken()), sent);
}

#[tokio::test]
async fn another_account_of_the_same_address_is_another_receiver() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    let mut double = Double::answering(&[]).await;
    let basic = |name: &str| Some(Credentials::Basic(name.to_owned(), Secret::new("x".to_owned())));
    pushed(&history, &double.receiver(None)).await.unwrap();
    let sent = all(&double.taken());
    for name in ["me", "you"] {
        pushed(&history, &double.receiver(basic(name))).await.unwrap();
        assert_eq!(all(&double.taken()), sent);
        let again = pushed(&history, &double.receiver(basic(name))).await.unwrap();
        assert_eq!(again.samples, 0);
    }
}

#[tokio::test]
async fn a_receiver_that_wants_a_tenant_is_told_the_header() {
    let (_store, tenant) = filled().await;
    let history = history_of(subject(tenant));
    let double = Double::answering(&[("401 Unauthorized", "no org id\n")]).await;
    let error = pushed(&history, &double.receiver(None)).await.unwrap_err().to_string();
    assert!(error.contains("--remote-write.header=X-Scope-OrgID="), "{error}");
}

#[tokio::test]
async fn refusals_are_told_once_a_spell() {
    let options = ReceiverOptions {
        url: "http://127.0.0.1:9/".to_owned(),
        credentials: None,
        headers: vec![],
        ca_file: None,
    };
    let receiver = Receiver::new(options, Clock::system()).unwrap();
    tokio::time::pause();
    let mut told = 0;
    for _ in 0..72 {
        told += u32::from(receiver.is_new_spell());
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    assert_eq!(told, 1);
    tokio::time::advance(Duration::from_secs(200)).await;
    assert!(receiver.is_new_spell());
}
