//! Counts what is logged, by message; writes it to a file if somebody wants to read it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::Write,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use feishu_simulator::Handle;

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

static LINES: AtomicU64 = AtomicU64::new(0);
static ERRORS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
/// More different messages than the program has.
const MESSAGES_MAX: usize = 300;

struct Counting;

/// The file that takes every line, and the simulator, whose time stands before each.
static LOG: OnceLock<(File, Handle)> = OnceLock::new();

/// Begins to count.
pub(crate) fn count() {
    tracing::subscriber::set_global_default(Counting).expect("nobody else logs here");
}

/// From now on everything is written to this file as well.
pub(crate) fn write_to(path: &str, simulator: Handle) {
    let file = File::create(path).expect("SOAK_LOG names a file that can be written");
    assert!(LOG.set((file, simulator)).is_ok(), "it is called once");
}

/// Tells how far it is, once in thirty days.
#[expect(clippy::print_stderr, reason = "ten years take long")]
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}

/// Lines that `--log.level=info` would have written.
pub(crate) fn lines() -> u64 {
    LINES.load(Ordering::Relaxed)
}

/// How often each source line logged a defect.
pub(crate) fn defects() -> BTreeMap<String, u64> {
    ERRORS.lock().expect("nobody panicked").clone()
}

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("feishu_exporter") && *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        LINES.fetch_add(1, Ordering::Relaxed);
        let mut text = Text(String::new());
        event.record(&mut text);
        if let Some((file, simulator)) = LOG.get() {
            let (mut file, level) = (file, event.metadata().level());
            writeln!(file, "{:.0} {level} {}", simulator.now(), text.0).expect("the disk has room");
        }
        if *event.metadata().level() == Level::ERROR && text.0.contains("defect") {
            let mut errors = ERRORS.lock().expect("nobody panicked");
            if errors.len() < MESSAGES_MAX {
                *errors.entry(text.0).or_default() += 1;
            }
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}
