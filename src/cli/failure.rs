//! Why a command ended without success, and how it is told.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use crate::config::Problems;

/// Why a command ended without success.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage or bad configuration: exit status 2.
    Usage(Box<dyn Error + Send + Sync>),
    /// It ran and failed: exit status 1.
    Failed(Box<dyn Error + Send + Sync>),
    /// A stop signal came before it was done: exit status 1.
    Interrupted,
    /// Whoever read its output has gone, and so nobody misses the rest: exit status 0, no word.
    ReaderGone,
}

impl Failure {
    /// It ran and failed.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// Bad usage or bad configuration.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Usage(error.into())
    }

    /// Prints the error and its causes to standard error. The only place that does.
    pub(super) fn report(&self) -> ExitCode {
        let (text, status) = match self {
            Self::Usage(error) => (chain(&**error), 2),
            Self::Failed(error) => (chain(&**error), 1),
            Self::Interrupted => ("interrupted".to_owned(), 1),
            Self::ReaderGone => return ExitCode::SUCCESS,
        };
        // If nobody reads it, nobody misses it.
        let _ = writeln!(io::stderr(), "feishu-exporter: {text}");
        ExitCode::from(status)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::usage(problems)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::failed(error),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

/// An error and its causes in one line; a cause that its error repeats is left out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Outer(&'static str, io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.1)
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes_each_once() {
        let cause = || io::Error::other("port is taken");
        assert_eq!(chain(&Outer("cannot listen", cause())), "cannot listen: port is taken");
        let repeated = "cannot listen: port is taken";
        assert_eq!(chain(&Outer(repeated, cause())), repeated);
    }
}
