//! Who may read the exporter's pages, and over what: TLS, users, a rate, and more headers.
//!
//! The settings come from a file in the format of Prometheus' exporter-toolkit, which `config`
//! reads; here nobody knows YAML. Everything is read again when a file changes. What cannot be
//! used is told once, and what was there before stays in force.

mod client;
mod logins;
mod names;
mod rate;
mod tls;

use std::{
    fmt, fs,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use rustls::ServerConfig;
use tokio::{
    sync::{Mutex, watch},
    task::spawn_blocking,
};
use tracing::{error, info};

pub use self::{
    client::ClientAuth,
    logins::{COST_MAX, Users},
    names::{CURVES, SUITES, Version, curve, suite},
    rate::Rate,
    tls::{Tls, certificates, private_key},
};
use self::{logins::Logins, rate::Limiter};

/// How often the files are looked at. Only their times and sizes are: that costs microseconds.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// So often everything is read again because a file changed while it was read.
const READINGS_MAX: usize = 3;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// TLS with all that it needs; none: plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Headers that every answer gets, in place of those that it has already.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may read; nobody listed: everybody may.
    pub users: Users,
    /// How many requests are answered.
    pub rate: Option<Rate>,
}

impl Settings {
    /// Whether they keep anybody out.
    fn is_protected(&self) -> bool {
        self.tls.is_some() || !self.users.is_empty()
    }
}

/// In a few words, for who has written them.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls.is_some() { "over HTTPS" } else { "over plain HTTP" })?;
        match self.users.count() {
            0 => f.write_str(", without a password")?,
            1 => f.write_str(", with the password of one user")?,
            count => write!(f, ", with the passwords of {count} users")?,
        }
        match self.rate {
            Some(Rate { interval, burst }) => {
                write!(f, ", {burst} requests at once and one more each {interval:?}")
            }
            None => Ok(()),
        }
    }
}

/// What came of reading, and the files that it depends on.
#[derive(Debug)]
pub struct Reading {
    /// What was read, or every problem as text.
    pub outcome: Result<Settings, String>,
    /// Every file whose change may change the outcome.
    pub files: Vec<PathBuf>,
    /// The file has nothing in it, as for a moment while it is being written.
    pub is_blank: bool,
}

/// Said of a file that was emptied while what it held protects the pages.
const BLANK: &str = "the file is empty now, and would open the pages to everybody; to open them, \
                     write {} into it, or start again";

/// Reads the settings.
pub trait Source: Send + Sync {
    /// Reads everything anew.
    fn read(&self) -> Reading;
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No user, or not the right password.
    Unknown,
    /// So many others are to be checked that this one is not.
    Busy,
    /// The rate is exceeded.
    Rate,
}

/// What a look at the files brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing has changed since the last one.
    Same,
    /// The new settings are in force.
    Renewed,
    /// The files cannot be used; the settings from before stay in force.
    Kept,
}

/// The settings in force.
pub struct Access {
    settings: ArcSwap<InForce>,
    logins: Logins,
    source: Option<Box<dyn Source>>,
    /// What the files looked like when they were last read.
    seen: Mutex<Vec<Stamp>>,
    good: AtomicBool,
    /// How often other settings came into force.
    renewals: watch::Sender<u64>,
}

struct InForce {
    settings: Settings,
    limiter: Option<Limiter>,
}

/// A file as it was at one moment; a replaced one differs in something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    /// Device, node, size, and the times of content and entry in nanoseconds.
    state: Option<[i128; 5]>,
}

impl Access {
    /// Plain HTTP, for everybody.
    #[must_use]
    pub fn open() -> Self {
        Self::with(Settings::default(), None, Vec::new())
    }

    /// The settings of a source.
    ///
    /// # Errors
    /// Every problem, as text.
    pub fn from_source(source: Box<dyn Source>) -> Result<Self, String> {
        let (Reading { outcome, .. }, stamps) = read_whole(source.as_ref(), Vec::new());
        Ok(Self::with(outcome?, Some(source), stamps))
    }

    fn with(settings: Settings, source: Option<Box<dyn Source>>, seen: Vec<Stamp>) -> Self {
        Self {
            settings: ArcSwap::from_pointee(InForce::new(settings, None)),
            logins: Logins::default(),
            source,
            seen: Mutex::new(seen),
            good: AtomicBool::new(true),
            renewals: watch::Sender::new(0),
        }
    }

    /// Changes with each new settings: connections that began before end then.
    #[must_use]
    pub fn renewals(&self) -> watch::Receiver<u64> {
        self.renewals.subscribe()
    }

    /// How a new connection is encrypted; none: not at all.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.settings.load().settings.tls.clone()
    }

    /// The headers that every answer gets.
    #[must_use]
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.settings.load().settings.headers.clone()
    }

    /// Whether a request may be answered.
    ///
    /// # Errors
    /// Why it may not.
    pub async fn admits(&self, headers: &HeaderMap, peer: IpAddr) -> Result<(), Refusal> {
        let in_force = self.settings.load_full();
        if in_force.limiter.as_ref().is_some_and(|limiter| !limiter.admits()) {
            return Err(Refusal::Rate);
        }
        if in_force.settings.users.is_empty() {
            return Ok(());
        }
        self.logins.check(&in_force.settings.users, headers.get(AUTHORIZATION), peer).await
    }

    /// Whether there are files that may change.
    #[must_use]
    pub fn has_files(&self) -> bool {
        self.source.is_some()
    }

    /// Reads the files again if one of them has changed, and logs what came of it.
    pub async fn look(self: &Arc<Self>) -> Look {
        let access = Arc::clone(self);
        let mut seen = self.seen.lock().await;
        let before = std::mem::take(&mut *seen);
        let looking = spawn_blocking(move || {
            let now: Vec<Stamp> = before.iter().map(|stamp| self::stamp(&stamp.path)).collect();
            if now == before { (before, Look::Same) } else { access.read_again(now) }
        });
        match looking.await {
            Ok((stamps, look)) => {
                *seen = stamps;
                look
            }
            // Without stamps the next look would see nothing; this cannot be but by a defect.
            Err(_) => Look::Kept,
        }
    }

    fn read_again(&self, now: Vec<Stamp>) -> (Vec<Stamp>, Look) {
        let Some(source) = &self.source else { return (Vec::new(), Look::Same) };
        let (Reading { outcome, is_blank, .. }, stamps) = read_whole(source.as_ref(), now);
        let is_protected = self.settings.load().settings.is_protected();
        let outcome = if is_blank && is_protected { Err(BLANK.to_owned()) } else { outcome };
        let look = match outcome {
            Ok(settings) => {
                let before = self.settings.load_full();
                self.settings.store(Arc::new(InForce::new(settings, Some(&before))));
                self.good.store(true, Ordering::Relaxed);
                self.renewals.send_modify(|renewals| *renewals += 1);
                info!("The web configuration was read again");
                Look::Renewed
            }
            Err(problems) => {
                self.good.store(false, Ordering::Relaxed);
                error!(%problems, "The web configuration has changed and cannot be used; what was in force stays: {problems}");
                Look::Kept
            }
        };
        (stamps, look)
    }
}

impl InForce {
    /// The limiter goes on counting if its rate is still the same.
    fn new(settings: Settings, before: Option<&Self>) -> Self {
        let same =
            before.and_then(|b| b.limiter.clone()).filter(|l| Some(l.rate()) == settings.rate);
        let limiter = same.or_else(|| settings.rate.map(Limiter::new));
        Self { settings, limiter }
    }
}

/// Reads everything, and once more where a file changed meanwhile. The stamps are those from before
/// the reading, so that a later change is always seen by the next look.
fn read_whole(source: &dyn Source, mut before: Vec<Stamp>) -> (Reading, Vec<Stamp>) {
    let mut readings = 1;
    loop {
        let reading = source.read();
        let now: Vec<Stamp> = reading.files.iter().map(|path| stamp(path)).collect();
        if now == before {
            return (reading, now);
        }
        if readings == READINGS_MAX {
            // Of a file that was not known before, nobody can tell: it counts as changed.
            let known = |now: Stamp| {
                let stamp = before.iter().find(|stamp| stamp.path == now.path).cloned();
                stamp.unwrap_or(Stamp { state: None, ..now })
            };
            return (reading, now.into_iter().map(known).collect());
        }
        before = now;
        readings += 1;
    }
}

fn stamp(path: &Path) -> Stamp {
    let state = fs::metadata(path).ok().map(|m| {
        let nanos =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        [
            i128::from(m.dev()),
            i128::from(m.ino()),
            i128::from(m.size()),
            nanos(m.mtime(), m.mtime_nsec()),
            nanos(m.ctime(), m.ctime_nsec()),
        ]
    });
    Stamp { path: path.to_owned(), state }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("settings", &self.settings.load().settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that holds a header, or something that cannot be used.
    struct HeaderFile(PathBuf);

    impl Source for HeaderFile {
        fn read(&self) -> Reading {
            let text = fs::read_to_string(&self.0).unwrap_or_default();
            let outcome = HeaderValue::from_str(&text)
                .map(|value| Settings {
                    headers: vec![(HeaderName::from_static("x-test"), value)],
                    ..Settings::default()
                })
                .map_err(|error| error.to_string());
            Reading { outcome, files: vec![self.0.clone()], is_blank: false }
        }
    }

    #[tokio::test]
    async fn a_changed_file_is_read_and_a_bad_one_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web");
        fs::write(&file, "one").unwrap();
        let access = Arc::new(Access::from_source(Box::new(HeaderFile(file.clone()))).unwrap());
        let header = || access.headers()[0].1.to_str().unwrap().to_owned();
        assert_eq!((access.look().await, header().as_str()), (Look::Same, "one"));
        fs::write(&file, "three").unwrap();
        assert_eq!((access.look().await, header().as_str()), (Look::Renewed, "three"));
        fs::write(&file, "a\nb").unwrap();
        assert_eq!((access.look().await, header().as_str()), (Look::Kept, "three"));
        assert_eq!(access.look().await, Look::Same, "it is told once");
        // Replaced as Kubernetes does it: by another file of the same length.
        let other = directory.path().join("other");
        fs::write(&other, "two").unwrap();
        fs::rename(&other, &file).unwrap();
        assert_eq!((access.look().await, header().as_str()), (Look::Renewed, "two"));
    }

    /// A file that is written to whenever it is read.
    struct Restless(HeaderFile, std::sync::atomic::AtomicU8);

    impl Source for Restless {
        fn read(&self) -> Reading {
            let reading = self.0.read();
            let number = self.1.fetch_add(1, Ordering::SeqCst);
            if number < 7 {
                fs::write(&self.0.0, format!("{number}{}", "x".repeat(number.into()))).unwrap();
            }
            reading
        }
    }

    #[tokio::test]
    async fn a_file_that_changes_while_it_is_read_is_read_to_its_last_word() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web");
        fs::write(&file, "first").unwrap();
        let source = Restless(HeaderFile(file), std::sync::atomic::AtomicU8::new(0));
        let access = Arc::new(Access::from_source(Box::new(source)).unwrap());
        let mut looks = 0;
        while access.look().await == Look::Renewed {
            looks += 1;
        }
        assert!((1..=4).contains(&looks), "{looks}");
        assert_eq!(access.headers()[0].1, "6xxxxxx");
        assert_eq!(*access.renewals().borrow(), looks);
    }

    #[tokio::test]
    async fn without_a_file_there_is_nothing_to_look_at() {
        let access = Arc::new(Access::open());
        assert_eq!(access.look().await, Look::Same);
        assert!(access.tls().is_none());
        let nobody = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(access.admits(&HeaderMap::new(), nobody).await, Ok(()));
    }
}
