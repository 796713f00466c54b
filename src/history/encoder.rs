//! Samples to text, and what was written.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use super::{
    Error,
    labels::Labels,
    moment::Run,
    walk::{Family, Sink},
};
use crate::{
    exposition::{DatedFormat, push_series, push_value},
    shutdown::Shutdown,
};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Series, over all families.
    pub series: u64,
    /// Samples.
    pub samples: u64,
    /// Bytes.
    pub bytes: u64,
    /// Days of which there is a sample, whatever the geo and the department.
    pub days: u64,
}

/// Writes samples as text, or only counts them.
pub(super) struct Encoder {
    format: DatedFormat,
    labels: Labels,
    shutdown: Shutdown,
    /// None: only counted.
    out: Option<Box<dyn Write + Send>>,
    written: Written,
    family: Option<Family>,
    /// Whether the head of the family is written.
    is_headed: bool,
    /// The series that is open, up to the blank before the value.
    series: String,
    line: String,
    /// The days of the day gauge, by number.
    days: BTreeSet<i64>,
}

impl Encoder {
    pub(super) fn new(
        format: DatedFormat,
        labels: Labels,
        shutdown: Shutdown,
        out: Option<Box<dyn Write + Send>>,
    ) -> Self {
        Self {
            format,
            labels,
            shutdown,
            out,
            written: Written::default(),
            family: None,
            is_headed: false,
            series: String::new(),
            line: String::new(),
            days: BTreeSet::new(),
        }
    }

    /// Begins a family; its series follow.
    pub(super) fn family(&mut self, family: Family) {
        self.family = Some(family);
        self.is_headed = false;
    }

    /// Writes the end and hands everything to the operating system.
    pub(super) fn finish(mut self) -> Result<Written, Error> {
        if self.written.samples == 0 {
            return Err(Error::Nothing);
        }
        let end = self.format.end();
        self.put(end)?;
        if let Some(out) = &mut self.out {
            out.flush().map_err(failed)?;
        }
        self.written.days = u64::try_from(self.days.len()).unwrap_or(u64::MAX);
        Ok(self.written)
    }

    fn put(&mut self, text: &str) -> Result<(), Error> {
        self.written.bytes += text.len() as u64;
        match &mut self.out {
            Some(out) => out.write_all(text.as_bytes()).map_err(failed),
            None => Ok(()),
        }
    }
}

/// The destination gives the failure its name.
fn failed(cause: io::Error) -> Error {
    Error::Written(cause)
}

impl Sink for Encoder {
    fn series(&mut self, labels: &[(&str, &str)]) -> Result<(), Error> {
        let Some(family) = self.family else { return Ok(()) };
        if !self.is_headed {
            self.is_headed = true;
            let mut head = String::new();
            self.format.push_family(&mut head, family.name(), &family.help());
            self.put(&head)?;
        }
        self.series.clear();
        let all: Vec<(&str, &str)> = labels.iter().copied().chain(self.labels.pairs()).collect();
        push_series(&mut self.series, family.name(), &all);
        self.written.series += 1;
        Ok(())
    }

    fn samples(&mut self, value: f64, run: Run) -> Result<(), Error> {
        if self.shutdown.is_requested() {
            return Err(Error::Interrupted);
        }
        if self.family == Some(Family::Day) {
            // Midnight of a zone is within twelve hours of that of UTC.
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds of this era")]
            self.days.insert((value as i64 + 43_200).div_euclid(86_400));
        }
        self.written.samples += run.count;
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.push_str(&self.series);
        push_value(&mut line, value);
        let begin = line.len();
        if self.out.is_none() {
            // Times of this era have the same number of digits.
            self.format.push_time(&mut line, run.first_s);
            self.written.bytes += line.len() as u64 * run.count;
            self.line = line;
            return Ok(());
        }
        for time in run.times() {
            line.truncate(begin);
            self.format.push_time(&mut line, time);
            self.put(&line)?;
        }
        self.line = line;
        Ok(())
    }
}
