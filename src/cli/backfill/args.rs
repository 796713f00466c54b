//! The arguments of `backfill`.

use std::{path::PathBuf, time::Duration};

use crate::{
    cli::{ConfigArgs, flags},
    config,
    day::Day,
    exposition::DatedFormat,
};

/// One sample a day, as against several.
pub(super) const A_DAY: Duration = Duration::from_secs(86_400);
/// Closer together than any sensible scrape interval; it would only fill disks.
const STEP_MIN: Duration = Duration::from_secs(15);

/// Write the past as samples with timestamps.
///
/// Fetches what the store lacks, then writes a file for `promtool tsdb create-blocks-from
/// openmetrics` or VictoriaMetrics' import, or pushes by remote write. An interrupted backfill goes
/// on where it stopped: run the same command again.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("destination").required(true).multiple(true).args(["output", "remote_write_url", "dry_run"]))]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,

    /// First day, in the zone of the statistics [default: the oldest that the API offers].
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = flags::day)]
    pub from: Option<Day>,

    /// Last day [default: the newest that Feishu should have].
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = flags::day)]
    pub to: Option<Day>,

    /// Fetch again what the store has, and replace it.
    #[arg(long)]
    pub refresh: bool,

    /// Fetch one row per product version beside the total, for four to five times the requests; the
    /// weeks before --from, which only baselines need, without them.
    #[arg(long)]
    pub product_versions: bool,

    /// Say what would be fetched and how many requests that takes, and end. This itself asks Feishu
    /// for nothing: departments of discovery count as far as the store knows them.
    #[arg(long)]
    pub dry_run: bool,

    /// File to write, or - for standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "remote_write_url")]
    pub output: Option<String>,

    /// Format of the file [default: openmetrics].
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with = "remote_write_url")]
    pub format: Option<Format>,

    /// How often a value is repeated while the live exporter would have shown it [default: 1d, once
    /// a day]. Less than 1d needs --figure.
    #[arg(long, value_name = "DURATION", value_parser = step, conflicts_with = "remote_write_url")]
    pub step: Option<Duration>,

    /// Metric to write, with its baseline; repeatable [default: all that are published].
    #[arg(long = "figure", value_name = "METRIC", value_parser = config::figure_named)]
    pub figures: Vec<usize>,

    /// Address to push to by remote write, such as `http://127.0.0.1:9090/api/v1/write`.
    #[arg(long = "remote-write.url", id = "remote_write_url", value_name = "URL")]
    pub remote_write_url: Option<String>,

    /// Name for the receiver's basic authentication.
    #[arg(
        long = "remote-write.username",
        value_name = "NAME",
        requires_all = ["remote_write_url", "password_file"],
        conflicts_with = "output"
    )]
    pub username: Option<String>,

    /// File with the password for it.
    #[arg(long = "remote-write.password-file", value_name = "FILE", requires = "username")]
    pub password_file: Option<PathBuf>,

    /// File with a token for the receiver.
    #[arg(
        long = "remote-write.bearer-token-file",
        value_name = "FILE",
        requires = "remote_write_url",
        conflicts_with_all = ["output", "username"]
    )]
    pub bearer_token_file: Option<PathBuf>,

    /// Header to send to the receiver, such as X-Scope-OrgID=acme; repeatable.
    #[arg(
        long = "remote-write.header",
        value_name = "NAME=VALUE",
        requires = "remote_write_url",
        conflicts_with = "output"
    )]
    pub headers: Vec<String>,

    /// File with more certificate authorities for the receiver, in PEM.
    #[arg(
        long = "remote-write.ca-file",
        value_name = "FILE",
        requires = "remote_write_url",
        conflicts_with = "output"
    )]
    pub ca_file: Option<PathBuf>,

    /// Send what the receiver accepted before as well, such as to one that has lost its data.
    #[arg(
        long = "remote-write.send-again",
        requires = "remote_write_url",
        conflicts_with = "output"
    )]
    pub send_again: bool,

    /// Label to add to every sample, such as those of the live target: job=feishu; repeatable.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
}

/// What `backfill` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// OpenMetrics 1.0, timestamps in seconds: for promtool.
    Openmetrics,
    /// The text format, timestamps in milliseconds: for VictoriaMetrics.
    PrometheusMs,
}

impl From<Format> for DatedFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Openmetrics => Self::OpenMetrics,
            Format::PrometheusMs => Self::PrometheusMillis,
        }
    }
}

/// Reads how often a value is repeated.
fn step(text: &str) -> Result<Duration, String> {
    let step = config::parse_duration(text)?;
    if !(STEP_MIN..=A_DAY).contains(&step) || step.subsec_millis() != 0 {
        return Err("it must be whole seconds, from 15s to 1d".to_owned());
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_whole_seconds_of_at_most_a_day() {
        for (text, seconds) in [("1d", 86_400), ("4m", 240), ("15s", 15), ("24h", 86_400)] {
            assert_eq!(step(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["14s", "0", "2d", "15s500ms", "4", ""] {
            assert!(step(text).is_err(), "{text}");
        }
    }
}
