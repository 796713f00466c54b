//! How far something is: a bar on a terminal, lines elsewhere.

use std::{
    io::{self, IsTerminal as _, Write as _},
    pin::pin,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, sleep};

/// Lines are at least this far apart, so that a log stays readable.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// A bar is drawn again this often, since a line of the log takes its place.
const REDRAW: Duration = Duration::from_millis(250);

/// Shows on standard error how far something is.
pub(super) struct Progress {
    /// Said of what is done, such as "fetched".
    what: &'static str,
    /// What is counted.
    unit: &'static str,
    shown: Shown,
}

enum Shown {
    /// A terminal; there is no bar before it is known how much there is to do.
    Bar(Option<ProgressBar>),
    Lines(Instant),
}

impl Progress {
    /// `what` is said of what is done, such as "fetched"; `unit` of what is counted.
    pub(super) fn new(what: &'static str, unit: &'static str) -> Self {
        let shown = match io::stderr().is_terminal() {
            true => Shown::Bar(None),
            false => Shown::Lines(Instant::now()),
        };
        Self { what, unit, shown }
    }

    /// So many of so many parts are done.
    pub(super) fn at(&mut self, done: u64, of: u64) {
        if of == 0 {
            return;
        }
        let Self { what, unit, shown } = self;
        match shown {
            Shown::Bar(bar) => {
                let bar = bar.get_or_insert_with(|| new_bar(what, unit, of));
                bar.set_length(of);
                bar.set_position(done);
                if done == of {
                    bar.finish_and_clear();
                }
            }
            Shown::Lines(last) => {
                if done == of || last.elapsed() >= BETWEEN_LINES {
                    *last = Instant::now();
                    let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
                    say(&format!("{what} {done} of {of} {unit} ({percent} %)"));
                }
            }
        }
    }

    /// As a function that may be called from another thread.
    pub(super) fn watch(mut self) -> Box<dyn FnMut(u64, u64) + Send> {
        Box::new(move |done, of| self.at(done, of))
    }
}

/// Shows on a terminal that something goes on whose length nobody knows, and how many requests it
/// took so far.
#[derive(Clone)]
pub(super) struct Working(Option<ProgressBar>);

impl Working {
    /// `what` is said of it, such as "asking Feishu".
    pub(super) fn new(what: &'static str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = format!("{{spinner}} {what}: {{pos}} requests, {{elapsed}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    /// Prints to standard output what is known already.
    ///
    /// # Errors
    /// If that cannot be written.
    pub(super) fn print(&self, text: &str) -> io::Result<()> {
        let print = || io::stdout().write_all(text.as_bytes());
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Does the work; `requests` tells how many there were.
    pub(super) async fn during<T>(
        &self,
        requests: impl Fn() -> u64,
        work: impl Future<Output = T>,
    ) -> T {
        let Some(bar) = &self.0 else { return work.await };
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    bar.finish_and_clear();
                    return done;
                }
                () = sleep(REDRAW) => bar.set_position(requests()),
            }
        }
    }
}

fn new_bar(what: &str, unit: &str, of: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr());
    let template = format!("{what} [{{wide_bar}}] {{pos}}/{{len}} {unit} {{eta}}");
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar.enable_steady_tick(REDRAW);
    bar
}

/// A line on standard error. If nobody reads it, nobody misses it.
pub(super) fn say(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
