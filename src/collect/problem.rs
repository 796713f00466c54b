//! A failure as the status page shows it, and when it is worth a line in the log. Pure.

use jiff::Timestamp;

use crate::{feishu::Error, snapshot::Problem};

/// A failure as the status page shows it.
pub(crate) fn problem(at: Timestamp, error: &Error) -> Problem {
    Problem {
        at,
        class: error.class.as_label(),
        code: error.code,
        message: format!("{}: {}", error.attempt, error.what),
        remedy: error.remedy.clone(),
        log_id: error.log_id.clone(),
    }
}

/// Whether a failure differs from the one that is known, so that it is worth a line in the log.
pub(crate) fn is_news(known: Option<&Problem>, error: &Error) -> bool {
    known.is_none_or(|p| p.class != error.class.as_label() || p.code != error.code)
}
