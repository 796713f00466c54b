//! The text of a body while it is written: families, samples, and the parts in which it is
//! compressed.

use super::{
    encode::Encoder,
    text::{push_family, push_labels, push_number},
};
use crate::{snapshot::Body, usage::label_value};

/// A part of the text is this long at least. Shorter ones would compress worse: what repeats is
/// found within a part only.
const PART_MIN: usize = 64 * 1024;
/// And this long at most, a sample more or less: it is what a reader without gzip has inflated at
/// once.
const PART_MAX: usize = 1024 * 1024;
/// About one in so many departments begins a part. Which ones depends on their ids alone, so that
/// a department that comes or goes moves no other from part to part.
const DEPARTMENTS_PER_PART: u32 = 256;

/// The text so far: what is compressed, and the part that is being written.
pub(super) struct Page<'a> {
    pub(super) text: String,
    series: u64,
    encoder: Encoder<'a>,
}

impl<'a> Page<'a> {
    /// Begins a text; of the body `before`, parts are taken over where their text stays.
    pub(super) fn after(before: &'a Body) -> Self {
        Self { text: String::new(), series: 0, encoder: Encoder::after(before) }
    }

    /// Writes a family, or nothing if it has no series.
    pub(super) fn family(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl FnOnce(&mut Self),
    ) {
        self.may_part();
        let (start, before) = (self.text.len(), self.series);
        push_family(&mut self.text, name, kind, help, true);
        samples(self);
        if self.series == before {
            self.text.truncate(start);
        }
    }

    /// Begins a sample.
    pub(super) fn sample(&mut self, name: &str, begins: bool) {
        if begins {
            self.may_part();
        }
        self.text.push_str(name);
    }

    /// Ends a sample whose name and labels are written.
    pub(super) fn value(&mut self, value: f64) {
        push_number(&mut self.text, value);
        self.text.push('\n');
        self.series += 1;
        if self.text.len() >= PART_MAX {
            self.part();
        }
    }

    /// Ends the part where it is long enough.
    fn may_part(&mut self) {
        if self.text.len() >= PART_MIN {
            self.part();
        }
    }

    fn part(&mut self) {
        self.encoder.push(&self.text);
        self.text.clear();
    }

    /// The body: what was written, compressed.
    pub(super) fn finish(mut self) -> Body {
        self.part();
        self.encoder.finish(self.series)
    }
}

/// Whether a part of the text may begin with the department.
pub(super) fn begins_part(id: &str) -> bool {
    crc32fast::hash(id.as_bytes()).is_multiple_of(DEPARTMENTS_PER_PART)
}

/// Appends an opening brace and the labels that have a value, cut to the length that labels may
/// have, without the closing brace.
pub(super) fn push_values<'v>(
    out: &mut String,
    names: &'v [&'v str],
    values: impl IntoIterator<Item = Option<&'v str>>,
) {
    let labels =
        names.iter().zip(values).filter_map(|(name, value)| Some((*name, label_value(value?))));
    push_labels(out, '{', labels);
}
