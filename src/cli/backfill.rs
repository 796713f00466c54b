//! `backfill`: the past as samples with timestamps, to a file or to a receiver of remote write.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    ConfigArgs, Failure, block_on,
    plain::plain,
    progress::{Progress, grouped, say},
};
use crate::{
    app,
    catalogue::FIGURES,
    clock::Clock,
    collect::{self, Fetched, OFFERED_DAYS, PastDays, Tenant, expected_day},
    config,
    day::{Day, after},
    exposition::DatedFormat,
    history::{
        self, Credentials, Destination, Error, GeoDays, History, Labels, Pushed, Receiver,
        ReceiverOptions, Subject, Written,
    },
    secret::{Secret, SecretSource},
    shutdown::{self, Shutdown},
    store::{Role, Store, TenantStore},
    usage::FigureSet,
};

/// Failures that are told; more would drown the first ones.
const FAILURES_TOLD_MAX: usize = 10;
/// One sample a day, as against several.
const A_DAY: Duration = Duration::from_secs(86_400);
/// Closer together than any sensible scrape interval; it would only fill disks.
const STEP_MIN: Duration = Duration::from_secs(15);

/// Write the past as samples with timestamps.
///
/// Fetches what the store lacks, then writes a file for `promtool tsdb create-blocks-from
/// openmetrics` or VictoriaMetrics' import, or pushes by remote write. An interrupted backfill goes
/// on where it stopped: run the same command again.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("destination").required(true).args(["output", "remote_write_url"]))]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,

    /// First day, in the zone of the statistics [default: the oldest that the API offers].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<Day>,

    /// Last day [default: the newest that Feishu should have].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<Day>,

    /// Fetch again what the store has.
    #[arg(long)]
    pub refresh: bool,

    /// Fetch one row per product version beside the total, for four to five times the requests.
    #[arg(long)]
    pub product_versions: bool,

    /// File to write, or - for standard output.
    #[arg(long, value_name = "FILE")]
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

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let clock = Clock::system();
    let options = args.config.begin(&clock)?.options;
    let now = clock.now();
    let labels = Labels::parse(args.labels.iter().map(String::as_str))
        .map_err(|wrong| Failure::usage(format!("--label: {wrong}")))?;
    let step = args.step.filter(|step| *step < A_DAY);
    if step.is_some() && args.figures.is_empty() {
        return Err(Failure::usage(
            "--step: samples so close together make a large file; name the figures to be written \
             with --figure",
        ));
    }
    let is_published =
        |index: &usize| options.tenants.iter().any(|tenant| tenant.figures.contains(*index));
    if let Some(index) = args.figures.iter().find(|index| !is_published(index)) {
        return Err(Failure::usage(format!(
            "--figure: {} is not published; take it out of figures.exclude, or add it to \
             figures.include",
            FIGURES[*index].metric
        )));
    }
    let days = days(args, &options, now)?;
    let receiver = receiver(args, &clock)?;
    // Better known before anything is fetched.
    if let Some(path) = args.output.as_ref().filter(|path| *path != "-") {
        history::try_to_create(path.as_ref())
            .map_err(|e| Failure::usage(format!("--output: {e}")))?;
    }
    block_on(async {
        let mut shutdown = shutdown::by_signal()?;
        let store = open(&args.config, clock.clone())?;
        let fetched = tokio::select! {
            fetched = fetch(args, &options, clock, &store) => fetched?,
            () = shutdown.requested() => return Err(failed(Error::Interrupted)),
        };
        let mut subjects = Vec::with_capacity(options.tenants.len());
        for ((tenant, geos), fetched) in options.tenants.iter().zip(days).zip(&fetched) {
            // Part of a tenant's past would look like a past with gaps.
            if fetched.ended_by.is_none() {
                let kept = store.tenant(&tenant.name, &tenant.api.app_id);
                subjects.push(Arc::new(subject(args, tenant, geos, fetched, kept).await?));
            }
        }
        let history = History { subjects, labels, step, now };
        let written = match (&args.output, receiver) {
            (Some(output), _) => to_file(args, output, history, &shutdown).await,
            (None, Some(receiver)) => to_receiver(&history, &receiver, shutdown).await,
            // clap has refused this.
            (None, None) => return Err(Failure::usage("give --output or --remote-write.url")),
        };
        match (written, lacking(&fetched)) {
            (written, None) => written,
            (Ok(()), Some(lacking)) => Err(Failure::failed(format!(
                "written without what could not be fetched:\n{lacking}"
            ))),
            (Err(Failure::Failed(error)), Some(lacking)) => {
                Err(Failure::failed(format!("{error}\n{lacking}")))
            }
            (usage, Some(_)) => usage,
        }
    })
}

/// Fetches what the store lacks. What a department fails with is no reason not to write the others;
/// what ends the whole fetch is.
async fn fetch(
    args: &Args,
    options: &collect::Options,
    clock: Clock,
    store: &Store,
) -> Result<Vec<Fetched>, Failure> {
    let wanted = PastDays {
        from: args.from,
        to: args.to,
        refresh: args.refresh,
        with_versions: args.product_versions,
    };
    let mut progress = Progress::new("fetched");
    let mut show = |at: collect::Progress<'_>| progress.at(at.done as u64, at.of as u64);
    let fetched = app::fetch_past(options.clone(), clock, store, wanted, &mut show)
        .await
        .map_err(Failure::failed)?;
    let requests: u64 = fetched.iter().map(|fetched| fetched.requests).sum();
    say(&format!("fetched what the store lacked with {} requests", grouped(requests)));
    let ended: Vec<String> = fetched.iter().filter_map(ended).collect();
    match ended.as_slice() {
        ended if ended.len() == fetched.len() && !ended.is_empty() => {
            Err(Failure::failed(plain(&ended.join("\n"))))
        }
        _ => Ok(fetched),
    }
}

/// What ended a tenant's fetch early, if anything did.
fn ended(fetched: &Fetched) -> Option<String> {
    let why = fetched.ended_by.as_ref()?;
    Some(format!(
        "the past of tenant {} cannot be fetched to its end: {why}; what was fetched is kept: run \
         the same command again to go on",
        fetched.tenant
    ))
}

/// What was not written and why, if anything was not.
fn lacking(fetched: &[Fetched]) -> Option<String> {
    let ended = fetched.iter().filter_map(ended);
    let failures: Vec<String> = fetched
        .iter()
        .flat_map(|f| f.failures.iter().map(|why| format!("tenant {}: {why}", f.tenant)))
        .collect();
    let told = failures.iter().take(FAILURES_TOLD_MAX).cloned();
    let more = failures.len().saturating_sub(FAILURES_TOLD_MAX);
    let more = (more > 0).then(|| format!("and {more} more failures"));
    let lines: Vec<String> = ended.chain(told).chain(more).collect();
    (!lines.is_empty()).then(|| plain(&lines.join("\n")))
}

/// The receiver of remote write, with its credentials.
fn receiver(args: &Args, clock: &Clock) -> Result<Option<Receiver>, Failure> {
    let Some(url) = args.remote_write_url.clone() else { return Ok(None) };
    let secret = |flag: &str, file: &PathBuf| {
        SecretSource::File(file.clone()).read().map_err(|e| Failure::usage(format!("{flag}: {e}")))
    };
    let credentials = match (&args.username, &args.password_file, &args.bearer_token_file) {
        (Some(name), Some(file), _) => {
            let password = secret("--remote-write.password-file", file)?;
            Some(Credentials::Basic(name.clone(), password))
        }
        (_, _, Some(file)) => {
            Some(Credentials::Bearer(secret("--remote-write.bearer-token-file", file)?))
        }
        _ => None,
    };
    let options = ReceiverOptions {
        url,
        credentials,
        headers: args.headers.iter().cloned().map(Secret::new).collect(),
        ca_file: args.ca_file.clone(),
    };
    Receiver::new(options, clock.clone()).map(Some).map_err(Failure::usage)
}

/// The days of each tenant's geos.
fn days(
    args: &Args,
    options: &collect::Options,
    now: Timestamp,
) -> Result<Vec<Vec<GeoDays>>, Failure> {
    let expected = |tenant: &Tenant| -> Vec<Day> {
        let geos = tenant.geos.iter();
        geos.map(|geo| expected_day(now, &geo.zone, tenant.schedule.ready_at)).collect()
    };
    let newest = options.tenants.iter().flat_map(expected).max().unwrap_or_default();
    for (flag, day) in [("--from", args.from), ("--to", args.to)] {
        if let Some(day) = day.filter(|day| *day > newest) {
            return Err(Failure::usage(format!(
                "{flag}: {day} is too late: the newest day that Feishu should have by now is {newest}"
            )));
        }
    }
    let of_geo = |tenant: &Tenant, geo: &collect::GeoZone| {
        let newest = expected_day(now, &geo.zone, tenant.schedule.ready_at);
        GeoDays {
            geo: geo.geo,
            zone: geo.zone.clone(),
            from: args.from.unwrap_or_else(|| after(newest, 1 - OFFERED_DAYS)),
            to: args.to.unwrap_or(newest),
        }
    };
    let all: Vec<Vec<GeoDays>> = options
        .tenants
        .iter()
        .map(|tenant| tenant.geos.iter().map(|geo| of_geo(tenant, geo)).collect())
        .collect();
    // Between two zones the newest day differs; a range may be empty in one, but not in all.
    if let Some(days) = all.iter().flatten().find(|days| days.from <= days.to) {
        tracing::debug!(from = %days.from, to = %days.to, "Writing these days");
        return Ok(all);
    }
    let days = all.iter().flatten().next();
    let (from, to) = days.map(|days| (days.from, days.to)).unwrap_or_default();
    Err(Failure::usage(format!(
        "--from: {from} is later than --to, {to}; name the older day with --from"
    )))
}

/// Opens the store. One that cannot be used is an error: what is fetched would be lost.
fn open(config: &ConfigArgs, clock: Clock) -> Result<Store, Failure> {
    let opened = match config.history() {
        app::History::Directory(directory) => Store::open(&directory, Role::Backfill, clock),
        app::History::Memory | app::History::Nowhere => Store::in_memory(clock),
    };
    opened.map_err(Failure::failed)
}

/// What is written of a tenant.
async fn subject(
    args: &Args,
    tenant: &Tenant,
    geos: Vec<GeoDays>,
    fetched: &Fetched,
    store: TenantStore,
) -> Result<Subject, Failure> {
    let mut named = FigureSet::none();
    args.figures.iter().for_each(|index| named.insert(*index));
    let figures = if args.figures.is_empty() { tenant.figures } else { named.and(tenant.figures) };
    let scale = match tenant.rates {
        Some(scale) => Some(scale),
        None => store.rate_scale().await.map_err(Failure::failed)?,
    };
    Ok(Subject {
        tenant: tenant.name.clone(),
        targets: fetched.targets.clone(),
        geos,
        store,
        figures,
        scale,
        calendar: tenant.calendar.clone(),
        baseline_weeks: tenant.schedule.baseline_weeks,
        min_department_users: tenant.min_department_users,
        ready_at: tenant.schedule.ready_at,
        max_age: tenant.schedule.max_age,
    })
}

async fn to_file(
    args: &Args,
    output: &str,
    history: History,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let format = args.format.unwrap_or(Format::Openmetrics).into();
    let is_dense = history.step.is_some();
    let file = history::File { history, format, shutdown: shutdown.clone() };
    let (destination, name) = match output {
        "-" => (Destination::Stream(Box::new(std::io::stdout())), "standard output"),
        path => (Destination::File(path.into()), path),
    };
    if is_dense {
        let Written { samples, bytes, .. } =
            history::measure(&file, Box::new(|_, _| ())).await.map_err(failed)?;
        say(&format!("{} samples, {} bytes to {name}", grouped(samples), grouped(bytes)));
    }
    let watch = Progress::new("written").watch();
    let Written { series, samples, bytes, days } =
        history::write(&file, destination, watch).await.map_err(failed)?;
    say(&format!(
        "{days} days, {} series, {} samples, {} bytes to {name}",
        grouped(series),
        grouped(samples),
        grouped(bytes)
    ));
    Ok(())
}

async fn to_receiver(
    history: &History,
    receiver: &Receiver,
    mut shutdown: Shutdown,
) -> Result<(), Failure> {
    let watch = Progress::new("pushed").watch();
    let pushed = history::push(history, receiver, &mut shutdown, watch).await.map_err(failed)?;
    let Pushed { days, department_days, skipped, samples, requests, bytes } = pushed;
    say(&format!(
        "{days} days, {} days of departments, {} samples, {} bytes in {requests} requests; {} days \
         of departments were accepted before",
        grouped(department_days),
        grouped(samples),
        grouped(bytes),
        grouped(skipped)
    ));
    Ok(())
}

fn failed(error: Error) -> Failure {
    Failure::failed(match error {
        // The receiver's words may try to steer the terminal.
        Error::Receiver(text) => plain(&text),
        Error::Interrupted => {
            "interrupted; run the same command again to go on with what is missing".to_owned()
        }
        error => error.to_string(),
    })
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
