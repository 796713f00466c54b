//! Why the past was not written to its end.

use std::{error, fmt, io, path::Path};

use crate::store;

/// Why the past was not written to its end, with the remedy.
#[derive(Debug)]
pub enum Error {
    /// The store could not be read or written.
    Store(store::Error),
    /// The output could not be written.
    Output(String),
    /// The same, not yet named.
    Written(io::Error),
    /// The receiver did not accept what was sent.
    Receiver(String),
    /// No day of these departments is known.
    Nothing,
    /// A stop was requested.
    Interrupted,
}

impl Error {
    pub(super) fn file(path: &Path, cause: &io::Error) -> Self {
        Self::Output(format!("writing {}: {cause}; nothing is left of it", path.display()))
    }

    pub(super) fn stream(cause: &io::Error) -> Self {
        Self::Output(match cause.kind() {
            io::ErrorKind::BrokenPipe => {
                "writing to standard output: whoever reads it has stopped; what it got is not whole"
                    .to_owned()
            }
            _ => format!("writing to standard output: {cause}"),
        })
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "{error}"),
            Self::Output(text) | Self::Receiver(text) => f.write_str(text),
            Self::Written(cause) => write!(f, "{cause}"),
            Self::Nothing => f.write_str(
                "there is nothing to write: no day of these departments is known between --from and \
                 --to",
            ),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl error::Error for Error {}
