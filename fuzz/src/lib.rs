//! Everything that comes from outside, given to the program as it comes in: answers of Feishu,
//! configuration, the web file, headers, requests, the store's file, a receiver's answers.
//!
//! Each function takes any bytes and panics where something does not hold. `fuzz_targets/` has them
//! called by libFuzzer; `tests/corpus.rs` gives them the corpus in every run of the tests. What they
//! call is the program from outside, over TCP and files, so that nothing is made public for them.

mod outside;
mod world;

use std::{collections::HashSet, fs, time::Duration};

use feishu_exporter::{
    app,
    collect::{Collector, Storage},
    config::{self, Source, WebFile},
    exposition::{self, Format},
    history,
    snapshot::{Body, Published},
    store::{FILE_NAME, Role, Store},
};
use prometheus::Registry;

use self::{
    outside::{Scripted, exchange},
    world::{Nothing, World, clock, options},
};

/// A target's name, which is that of its corpus too, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("answers", answers),
    ("configuration", configuration),
    ("web_configuration", web_configuration),
    ("headers", headers),
    ("requests", requests),
    ("store", store),
    ("receiver", receiver),
];

/// One collection from every source, of which an endpoint answers with these bytes: the first says
/// which, the second the HTTP status, the rest is the body.
pub fn answers(data: &[u8]) {
    let [endpoint, status, body @ ..] = data else { return };
    World::with(|world| {
        world.run(async {
            let scripted = Scripted::start(*endpoint, *status, body.to_vec()).await;
            let options = options(&scripted.base_url());
            let collected = app::collect_once(options, clock(), None, &Registry::new())
                .await
                .expect("it is usable");
            let views: Vec<_> = collected.into_iter().map(|collected| collected.view).collect();
            let rendered = exposition::render(&views, 1_000_000, &Body::default());
            assert_valid(&exposition::text(&rendered.body));
        });
    });
}

/// The text format, as far as its lines go: no series twice, no value that is none.
fn assert_valid(text: &str) {
    let mut seen = HashSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a series and its value");
        assert!(seen.insert(series), "{series} twice");
        assert!(value.parse::<f64>().expect("a number").is_finite(), "{line}");
    }
}

/// The configuration file, and what `check-config` says of it.
pub fn configuration(data: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("exporter.yml");
    fs::write(&file, data).expect("it is ours");
    let now = clock().now();
    match config::load(&Source::File(file.clone()), &Nothing, now) {
        Err(problems) => assert!(!problems.to_string().is_empty()),
        Ok(loaded) => {
            // What is shown of it means the same.
            assert!(!loaded.text.is_empty());
            let _ = loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
        }
    }
}

/// The web configuration file.
pub fn web_configuration(data: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("web.yml");
    fs::write(&file, data).expect("it is ours");
    if let Err(problems) = WebFile::new(file).load() {
        assert!(!problems.to_string().is_empty());
    }
}

/// `Accept` and `Accept-Encoding`, separated by a line feed.
pub fn headers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (accept, encoding) = text.split_once('\n').unwrap_or((&text, ""));
    let format = Format::negotiate(Some(accept));
    assert_eq!(format, Format::negotiate(Some(accept)), "it depends on nothing else");
    assert!(!format.content_type().is_empty());
    let _ = exposition::accepts_gzip(Some(encoding));
}

/// What a client sends to the pages; afterwards a probe is answered.
pub fn requests(data: &[u8]) {
    World::with(|world| {
        let address = world.pages();
        world.run(async {
            let answer = exchange(address, data).await;
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
            let probe = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            let answer = exchange(address, probe).await;
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
        });
    });
}

/// The store's file with some bytes changed: three for a place, one for what stands there. The
/// exporter starts with it in any case.
pub fn store(data: &[u8]) {
    World::with(|world| {
        let directory = tempfile::tempdir().expect("a directory");
        let mut bytes = world.store_file().to_vec();
        for change in data.chunks_exact(4).take(64) {
            let [a, b, c, to] = change else { continue };
            let place = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            let length = bytes.len();
            bytes[place % length] = *to;
        }
        fs::write(directory.path().join(FILE_NAME), &bytes).expect("it is ours");
        world.run(async {
            let Ok(store) = Store::open(directory.path(), Role::Exporter, clock()) else { return };
            let (registry, published) = (Registry::new(), Published::nothing());
            let options = options("http://127.0.0.1:9");
            let storage = Storage::Store(&store);
            let collector = Collector::new(options, &registry, clock(), published.clone(), storage);
            collector.expect("it is usable").publish_start().await;
            let snapshot = published.current().expect("something is published");
            assert_valid(&exposition::text(&snapshot.body));
        });
    });
}

/// A remote-write receiver that answers once with these bytes, head included, then accepts.
pub fn receiver(data: &[u8]) {
    World::with(|world| {
        let history = world.history();
        world.run(async {
            let receiver = outside::receiver(data.to_vec()).await;
            let (_stop, mut shutdown) = feishu_exporter::shutdown::channel();
            let pushed =
                history::push(&history, &receiver, true, &mut shutdown, Box::new(|_, _| {}));
            // Whatever it says, the push ends: by the receiver's word, or when patience does.
            match tokio::time::timeout(Duration::from_secs(7200), pushed).await.expect("it ends") {
                Ok(_) => {}
                Err(error) => assert!(error.to_string().len() < 4000, "{error}"),
            }
        });
    });
}
