//! How the process logs: one line per event, to standard error.
//!
//! Only this crate logs below `warn`: the debug lines of the HTTP client's crates would show URLs
//! and headers, and with them access tokens.

mod json;
mod queue;

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal as _},
    str::FromStr,
    sync::OnceLock,
};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, Registry, filter::Targets, fmt::MakeWriter, layer::SubscriberExt};

use self::{json::JsonLines, queue::Queue};

/// Where the lines of this process go, once it logs.
static LOG: OnceLock<Queue> = OnceLock::new();

/// The least severity that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// What needs somebody.
    Error,
    /// What may need somebody.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// Why it happened.
    Debug,
    /// Every step.
    Trace,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `ts=… level=… message=…`.
    #[default]
    Logfmt,
    /// One JSON object.
    Json,
}

impl Level {
    /// Every level as it is written, from the fewest lines to the most.
    pub const NAMES: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

    const fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

impl Format {
    /// Every format as it is written.
    pub const NAMES: [&str; 2] = ["logfmt", "json"];
}

/// A word that is neither a level nor a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

impl FromStr for Level {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(Unknown),
        }
    }
}

impl FromStr for Format {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text {
            "logfmt" => Ok(Self::Logfmt),
            "json" => Ok(Self::Json),
            _ => Err(Unknown),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "levels are {}, formats are {}",
            Level::NAMES.join(", "),
            Format::NAMES.join(", ")
        )
    }
}

impl Error for Unknown {}

/// Begins to log to standard error; a second call changes nothing.
///
/// # Errors
/// If no thread can be started for it.
pub fn init(level: Level, format: Format) -> io::Result<()> {
    let queue = Queue::start(Log(io::stderr()), |count| {
        tracing::warn!(count, "{count} lines of the log were dropped, since nobody read them");
    })?;
    let queue = LOG.get_or_init(|| queue);
    // An error means that a subscriber is set already: the first call's.
    let _ = tracing::subscriber::set_global_default(subscriber(level, format, || queue.clone()));
    Ok(())
}

/// Standard error, of which a progress bar may hold the last line: each line of the log takes its
/// place, and the bar is drawn again below.
struct Log(io::Stderr);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.is_terminal() {
            // Back to the beginning of the line, and erase it (ECMA-48, EL).
            self.0.write_all(b"\r\x1b[2K")?;
        }
        self.0.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Waits for the lines so far to be written, but not for long: a process must end.
pub fn flush() {
    if let Some(queue) = LOG.get() {
        queue.flush();
    }
}

/// Neither format has colours, so that a log reads the same in a terminal and in a file; both have
/// the same fields.
fn subscriber<W>(level: Level, format: Format, writer: W) -> impl Subscriber
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Logfmt => {
            tracing_logfmt::builder().layer().with_writer(writer).log_internal_errors(false).boxed()
        }
        Format::Json => tracing_subscriber::fmt::layer()
            .event_format(JsonLines)
            .with_writer(writer)
            // They would be told on standard error, which may be what is broken.
            .log_internal_errors(false)
            .boxed(),
    };
    let own = level.filter();
    let targets = Targets::new()
        .with_default(own.min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), own);
    tracing_subscriber::registry().with(lines.with_filter(targets))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: Level, format: Format) -> String {
        logged_by(level, format, || {
            tracing::debug!(tenant = "acme", "own detail");
            tracing::info!(tenant = "acme", "own event");
            tracing::debug!(target: "reqwest::connect", "GET https://open.feishu.cn/?token=t-1");
            tracing::info!(target: "hyper", "their event");
            tracing::warn!(target: "rustls", "their warning");
        })
    }

    fn logged_by(level: Level, format: Format, events: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(
            subscriber(level, format, move || writer.clone()),
            events,
        );
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_our_own_crate_logs_below_warn() {
        for format in [Format::Logfmt, Format::Json] {
            let text = logged(Level::Trace, format);
            assert_eq!(text.lines().count(), 3, "{text}");
            assert!(text.contains("own detail") && text.contains("own event"), "{text}");
            assert!(text.contains("their warning") && !text.contains("t-1"), "{text}");
            assert_eq!(logged(Level::Info, format).lines().count(), 2);
            assert_eq!(logged(Level::Error, format), "");
        }
    }

    #[test]
    fn a_line_is_logfmt_or_json_without_colours() {
        let text = logged(Level::Info, Format::Logfmt);
        let line = text.lines().next().unwrap();
        assert!(line.starts_with("ts=") && line.contains(" level=info "), "{line}");
        assert!(line.contains("tenant=acme") && line.contains("message=\"own event\""), "{line}");
        let text = logged(Level::Info, Format::Json);
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["message"], "own event");
        assert_eq!(line["tenant"], "acme");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn both_formats_have_the_same_fields_with_the_same_values() {
        let event = || {
            tracing::info!(
                tenant = "a \"b\"", count = 3_u64, share = 0.5, whole = -7_i64, done = true,
                error = %"x\ny", "Said {}", 1
            );
        };
        let json = logged_by(Level::Info, Format::Json, event);
        let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
        let mut keys: Vec<&str> = json.keys().map(String::as_str).collect();
        keys.sort_unstable();
        let logfmt = logged_by(Level::Info, Format::Logfmt, event);
        for key in &keys {
            assert!(logfmt.starts_with(&format!("{key}=")) || logfmt.contains(&format!(" {key}=")));
        }
        let expected = [
            "count", "done", "error", "level", "message", "share", "target", "tenant", "ts",
            "whole",
        ];
        assert_eq!(keys, expected);
        assert_eq!(logfmt.matches('=').count(), keys.len(), "{logfmt}");
        assert_eq!((&json["level"], &json["message"]), (&"info".into(), &"Said 1".into()));
        assert_eq!((&json["count"], &json["whole"]), (&3.into(), &(-7).into()));
        assert_eq!((&json["tenant"], &json["error"]), (&"a \"b\"".into(), &"x\ny".into()));
        assert_eq!((&json["share"], &json["done"]), (&0.5.into(), &true.into()));
        assert!(json["ts"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn every_name_can_be_read() {
        assert!(Level::NAMES.iter().all(|name| name.parse::<Level>().is_ok()));
        assert!(Format::NAMES.iter().all(|name| name.parse::<Format>().is_ok()));
        assert_eq!("loud".parse::<Level>(), Err(Unknown));
    }
}
