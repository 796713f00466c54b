//! Why the store could not do what it should, and what to do about it.

use std::{error, fmt, io, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use rusqlite::ErrorCode;

/// What a job failed with, as the store's thread knows it.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    code: Option<ErrorCode>,
    what: String,
}

impl Cause {
    pub(super) fn new(code: ErrorCode, what: &str) -> Self {
        Self { code: Some(code), what: what.to_owned() }
    }

    /// Whether another program holds the file locked.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }

    /// Whether the file itself is broken.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self.code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        Self { code: error.sqlite_error_code(), what: error.to_string() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// A job that failed. What was to be kept waits in memory and is written as soon as that is
/// possible; what was to be read was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    attempt: &'static str,
    what: String,
    remedy: &'static str,
    is_under_way: bool,
}

impl Error {
    pub(super) fn new(attempt: &'static str, cause: &Cause) -> Self {
        let remedy = match cause.code {
            Some(ErrorCode::DiskFull) => "free space on the file system of --storage.path",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                "make --storage.path writable for the exporter"
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another program holds the file locked; end it"
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                "the file is damaged and is moved aside; a new one is begun"
            }
            _ => {
                "look at the file system of --storage.path; if it stays, move the file away and restart"
            }
        };
        Self { attempt, what: cause.what.clone(), remedy, is_under_way: false }
    }

    /// There is no answer yet.
    pub(super) fn slow(attempt: &'static str, waited: Duration) -> Self {
        let what = format!("the file system has not answered within {waited:?}; it goes on");
        let remedy = "look at the file system of --storage.path";
        Self { attempt, what, remedy, is_under_way: false }
    }

    /// There is no answer yet, since the thread works on something else or on much.
    pub(super) fn under_way(attempt: &'static str, waited: Duration) -> Self {
        let what = format!("the store has been busy for {waited:?}; it goes on");
        Self { attempt, what, remedy: "nothing is to be done", is_under_way: true }
    }

    /// Whether nothing failed: it only takes longer than was waited.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// The thread of the store is gone.
    pub(super) fn stopped(attempt: &'static str) -> Self {
        let what = "the store has stopped".to_owned();
        Self { attempt, what, remedy: "restart the exporter", is_under_way: false }
    }

    /// A reader's own failure, such as an output that cannot be written.
    #[must_use]
    pub fn of_reader(attempt: &'static str, cause: &io::Error) -> Self {
        let remedy = "look at where the output goes";
        Self { attempt, what: cause.to_string(), remedy, is_under_way: false }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.attempt, self.what, self.remedy)
    }
}

impl error::Error for Error {}

/// Why there is no store to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    why: String,
    is_in_use: bool,
}

impl Unusable {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_in_use: false }
    }

    /// Another process has it, which may end soon.
    pub(super) fn in_use(why: String) -> Self {
        Self { why, is_in_use: true }
    }

    /// Whether another process has it, so that it may be had later.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        self.is_in_use
    }

    pub(super) fn directory(directory: &Path, cause: &io::Error) -> Self {
        let directory = directory.display();
        Self::new(format!(
            "the directory {directory} cannot be used: {cause}; make it writable, or name another \
             with --storage.path"
        ))
    }

    /// What SQLite says of the file.
    pub(super) fn database(file: &Path, cause: &rusqlite::Error) -> Self {
        match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::in_use(format!(
                "{} is locked by another program; end it, then restart",
                file.display()
            )),
            Some(ErrorCode::DiskFull) => Self::new(format!(
                "there is no room for {}; free some on its file system, then restart",
                file.display()
            )),
            _ => Self::file(file, cause),
        }
    }

    pub(super) fn file(file: &Path, cause: &dyn fmt::Display) -> Self {
        let whose = whose(file).map(|whose| format!(" ({whose})")).unwrap_or_default();
        let file = file.display();
        Self::new(format!(
            "{file} cannot be used: {cause}{whose}; make it and its directory writable, or name \
             another directory with --storage.path"
        ))
    }

    /// A lock file that this process may not even read.
    pub(super) fn lock_file(path: &Path, cause: &io::Error) -> Self {
        let whose = whose(path).map(|whose| format!(": {whose}")).unwrap_or_default();
        let path = path.display();
        Self::new(format!(
            "the lock file {path} cannot be opened ({cause}){whose}; run as that user, or remove \
             the file while nothing uses the store"
        ))
    }
}

/// Says whose a file is if it is another user's.
pub(super) fn whose(path: &Path) -> Option<String> {
    let (owner, own) = (std::fs::metadata(path).ok()?.uid(), rustix::process::geteuid().as_raw());
    (owner != own)
        .then(|| format!("it belongs to the user {owner}, and this process runs as {own}"))
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl error::Error for Unusable {}
