//! A failure as the status page shows it, and when it is worth a line in the log. Pure.

use std::sync::Arc;

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

/// Bytes that the problems of one tenant's departments may say in full, all together.
const IN_FULL_BYTES: usize = 1 << 20;
/// Bytes of a message or a remedy after that: enough for the exporter's own words.
const SHORT_BYTES: usize = 300;

/// Bounds what is quoted of thousands of departments: a page and its JSON are made of it, and kept.
pub(crate) fn shorten<'a>(problems: impl Iterator<Item = &'a mut Arc<Problem>>) {
    let mut bytes = 0;
    for problem in problems {
        bytes += problem.message.len() + problem.remedy.len();
        let is_long = problem.message.len().max(problem.remedy.len()) > SHORT_BYTES;
        if bytes > IN_FULL_BYTES && is_long {
            let Problem { message, remedy, .. } = Arc::make_mut(problem);
            for text in [message, remedy].into_iter().filter(|text| text.len() > SHORT_BYTES) {
                text.truncate(text.floor_char_boundary(SHORT_BYTES));
                text.push('…');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feishu::Class;

    #[test]
    fn what_is_quoted_of_all_departments_is_bounded() {
        let long = Error::local(Class::Malformed, "asking", "é".repeat(1_500));
        let told = || Arc::new(problem(Timestamp::UNIX_EPOCH, &long));
        let mut problems: Vec<_> = std::iter::repeat_with(told).take(5_000).collect();
        shorten(problems.iter_mut());
        assert!(problems[0].message.len() > 3_000, "the first are told in full");
        let bytes: usize = problems.iter().map(|p| p.message.len() + p.remedy.len()).sum();
        assert!(bytes < IN_FULL_BYTES + 5_000 * 2 * (SHORT_BYTES + 3), "{bytes}");
        let last = &problems[4_999].message;
        assert!(last.starts_with("asking: éé") && last.ends_with("é…"), "{last}");
        let mut few: Vec<_> = std::iter::repeat_with(told).take(200).collect();
        shorten(few.iter_mut());
        assert!(few.iter().all(|problem| problem.message.len() > 3_000));
    }
}
