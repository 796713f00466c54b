//! `backfill`: the past as samples with timestamps, to a file or to a receiver of remote write.

mod args;

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;

use self::args::A_DAY;
pub use self::args::{Args, Format};

use super::{
    ConfigArgs, Failure, block_on,
    plain::plain,
    progress::{Progress, grouped, say},
};
use crate::{
    app,
    catalogue::FIGURES,
    clock::Clock,
    collect::{self, Fetched, OFFERED_DAYS, PastDays, Plan, Tenant, expected_day},
    day::{Day, after},
    history::{
        self, Credentials, Destination, Error, GeoDays, History, Labels, Pushed, Receiver,
        ReceiverOptions, Subject, Written,
    },
    secret::{Secret, SecretSource},
    shutdown::Shutdown,
    store::{Role, Store, TenantStore},
    usage::FigureSet,
};

/// Failures that are told; more would drown the first ones.
const FAILURES_TOLD_MAX: usize = 10;

pub(super) fn run(args: &Args, mut shutdown: Shutdown) -> Result<(), Failure> {
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
    if args.labels.is_empty() && !args.dry_run {
        say(
            "no --label is given: what is written will not join the live series, which Prometheus \
             gives the labels of its scrape; add them, such as --label=job=feishu \
             --label=instance=localhost:10917",
        );
    }
    let receiver = receiver(args, &clock)?;
    // Better known before anything is fetched.
    if let Some(path) = args.output.as_ref().filter(|path| *path != "-") {
        history::try_to_create(path.as_ref())
            .map_err(|e| Failure::usage(format!("--output: {e}")))?;
    }
    block_on(async {
        let store = open(&args.config, clock.clone())?;
        let fetched = tokio::select! {
            fetched = fetch(args, &options, clock, &store) => fetched?,
            () = shutdown.requested() => return Err(failed(Error::Interrupted)),
        };
        if args.dry_run {
            return Ok(());
        }
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
            (None, Some(receiver)) => {
                to_receiver(&history, &receiver, args.send_again, shutdown).await
            }
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
        plan_only: args.dry_run,
    };
    let mut progress = Progress::new("fetched", "days of departments");
    let mut show = |told: collect::Progress<'_>| match told {
        collect::Progress::Planned(plan) => say(&described(plan)),
        collect::Progress::Fetched(done, of) => progress.at(done as u64, of as u64),
    };
    let fetched = app::fetch_past(options.clone(), clock, store, wanted, &mut show)
        .await
        .map_err(Failure::failed)?;
    if args.dry_run {
        return Ok(fetched);
    }
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

/// A plan in words.
fn described(plan: &Plan) -> String {
    let Plan { tenant, targets, days, requests, .. } = plan;
    let mut text = match days {
        0 => format!("tenant {tenant}: the store lacks nothing of its {targets} departments"),
        _ => format!(
            "tenant {tenant}: to be fetched are {} days of {targets} departments, with {} {} \
             requests, which take {}",
            grouped(*days as u64),
            if plan.is_lower_bound { "at least" } else { "about" },
            grouped(*requests),
            humantime::format_duration(Duration::from_secs(plan.takes.as_secs().max(1)))
        ),
    };
    if let Some((limit, spent)) = plan.budget {
        text += &format!(
            "; {} of the month's {} requests are left",
            grouped(limit.saturating_sub(spent)),
            grouped(limit)
        );
    }
    if plan.lacks_discovered {
        text += "; departments that discovery finds are not known yet and come on top";
    }
    text
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
    let watch = Progress::new("written", "metrics").watch();
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
    again: bool,
    mut shutdown: Shutdown,
) -> Result<(), Failure> {
    let watch = Progress::new("pushed", "days of departments").watch();
    let pushed =
        history::push(history, receiver, again, &mut shutdown, watch).await.map_err(failed)?;
    let Pushed { days, department_days, skipped, samples, requests, bytes } = pushed;
    let again = match samples {
        0 => ": --remote-write.send-again sends them again",
        _ => "",
    };
    say(&format!(
        "{days} days, {} days of departments, {} samples, {} bytes in {requests} requests; {} days \
         of departments were accepted before{again}",
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
