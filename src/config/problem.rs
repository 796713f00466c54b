//! What is wrong with a configuration, and where.

use std::{error::Error, fmt, path::PathBuf};

/// More problems than this are counted, not printed: they come from one slip.
const SHOWN_MAX: usize = 200;

/// Where a configuration, or a part of it, came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// The variables `FEISHU_…`.
    Environment,
}

/// One mistake, or one warning: where it is, what it is, and what to do about it.
///
/// A message never repeats a secret, nor any other line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the configuration came from.
    pub origin: Origin,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// Column in the line, from 1; only where the file is not YAML at all.
    pub column: Option<usize>,
    /// The key, such as `tenants[0].collection.interval`, or the variable; may be empty.
    pub path: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

/// Every mistake of a configuration, in the order of the file; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts the problems as they appear in the file.
    #[must_use]
    pub fn new(mut problems: Vec<Problem>) -> Self {
        sort(&mut problems);
        Self(problems)
    }

    /// The single problems.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

/// Sorts as in the file; problems of one line stay in the order in which they were found.
pub(super) fn sort(problems: &mut [Problem]) {
    problems.sort_by_key(|problem| (problem.line, problem.column));
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment => f.write_str("environment"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a problem:")?,
            count => write!(f, "the configuration has {count} problems:")?,
        }
        self.0.iter().take(SHOWN_MAX).try_for_each(|problem| write!(f, "\n  {problem}"))?;
        match self.0.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl Error for Problems {}
