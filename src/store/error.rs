//! Why the store could not do what it should, and what to do about it.

use std::{error, fmt, io, path::Path};

use rusqlite::ErrorCode;

/// A job that failed. Nothing of it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    attempt: &'static str,
    what: String,
    remedy: &'static str,
}

impl Error {
    pub(super) fn new(attempt: &'static str, cause: &rusqlite::Error) -> Self {
        let remedy = match cause.sqlite_error_code() {
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
            _ => "look at the file system of --storage.path",
        };
        Self { attempt, what: cause.to_string(), remedy }
    }

    /// The thread of the store is gone.
    pub(super) fn stopped(attempt: &'static str) -> Self {
        Self { attempt, what: "the store has stopped".to_owned(), remedy: "restart the exporter" }
    }

    /// A reader's own failure, such as an output that cannot be written.
    #[must_use]
    pub fn of_reader(attempt: &'static str, cause: &io::Error) -> Self {
        Self { attempt, what: cause.to_string(), remedy: "look at where the output goes" }
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
pub struct Unusable(pub(super) String);

impl Unusable {
    pub(super) fn directory(directory: &Path, cause: &io::Error) -> Self {
        let directory = directory.display();
        Self(format!(
            "the directory {directory} cannot be used: {cause}; make it writable, or name another \
             with --storage.path"
        ))
    }

    pub(super) fn file(file: &Path, cause: &dyn fmt::Display) -> Self {
        let file = file.display();
        Self(format!(
            "{file} cannot be used: {cause}; make it and its directory writable, or name another \
             directory with --storage.path"
        ))
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Unusable {}
