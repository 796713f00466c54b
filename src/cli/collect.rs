//! `collect`: one collection now, to standard output.

use std::io::{self, Write as _};

use prometheus::Registry;
use serde_json::{Map, Value, json};

use super::{
    ConfigArgs, Failure, block_on, flags,
    progress::{Working, say},
};
use crate::{
    app,
    catalogue::{FIGURES, TOTAL_VERSION},
    clock::Clock,
    collect::{self, Collected},
    day::{Day, after},
    exposition::{self, TenantView},
    usage::{DepartmentDay, Version},
};

/// Collect once now and print the result.
///
/// Exit status 1 if any department failed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,

    /// What is printed.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Prometheus)]
    pub format: Format,

    /// Day to collect, in the zone of the statistics [default: the latest].
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = flags::day)]
    pub date: Option<Day>,
}

/// What `collect` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    Openmetrics,
    /// An object for each department.
    Json,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let clock = Clock::system();
    let options = args.config.begin_quietly(&clock)?.options;
    if let Some(day) = args.date {
        check_day(day, &options, &clock)?;
    }
    let series_limit = options.series_limit;
    block_on(async {
        let registry = Registry::new();
        let collecting = app::collect_once(options, clock, args.date, &registry);
        let collected = Working::new("collecting")
            .during(|| app::requests_in(&registry), collecting)
            .await
            .map_err(Failure::failed)?;
        let mut out = io::stdout().lock();
        match args.format {
            Format::Json => {
                let tenants: Vec<Value> = collected.iter().map(|c| tenant(&c.view)).collect();
                serde_json::to_writer_pretty(&mut out, &tenants)?;
                writeln!(out)?;
            }
            Format::Prometheus | Format::Openmetrics => {
                let views: Vec<TenantView> = collected.iter().map(|c| c.view.clone()).collect();
                let body = exposition::render(&views, series_limit, &Default::default()).body;
                out.write_all(exposition::text(&body).as_bytes())?;
                if args.format == Format::Openmetrics {
                    out.write_all(b"# EOF\n")?;
                }
            }
        }
        for Collected { status, .. } in &collected {
            for notice in &status.notices {
                say(&format!("note: tenant {}: {notice}", status.name));
            }
        }
        match failures(&collected).as_slice() {
            [] => Ok(()),
            failed => Err(Failure::failed(failed.join("\n"))),
        }
    })
}

/// A day that no tenant can have yet is refused before anybody is asked.
fn check_day(day: Day, options: &collect::Options, clock: &Clock) -> Result<(), Failure> {
    let geos = options.tenants.iter().flat_map(|tenant| &tenant.geos);
    let today = geos.map(|geo| geo.zone.local(clock.now()).date()).max().unwrap_or_default();
    if day < today {
        return Ok(());
    }
    let newest = after(today, -1);
    Err(Failure::usage(format!(
        "--date: {day} is not over yet where the statistics are counted; the newest day is {newest}"
    )))
}

/// Everything that failed, one sentence each.
fn failures(collected: &[Collected]) -> Vec<String> {
    let of_tenants = collected.iter().filter_map(|c| c.status.problem.as_ref());
    let of_departments =
        collected.iter().flat_map(|c| &c.status.departments).filter_map(|d| d.problem.as_deref());
    // Without a department, what failed is the search for them.
    let of_searches = collected
        .iter()
        .filter(|c| c.status.departments.is_empty())
        .flat_map(|c| &c.status.sources)
        .filter_map(|source| source.problem.as_ref());
    let mut failures: Vec<String> =
        of_tenants.chain(of_departments).chain(of_searches).map(ToString::to_string).collect();
    // The failure that ended a look is that of a department as well.
    failures.dedup();
    failures
}

fn tenant(view: &TenantView) -> Value {
    let departments: Vec<Value> =
        view.departments.iter().map(|day| department(view, day)).collect();
    json!({ "tenant": &*view.name, "departments": departments })
}

fn department(view: &TenantView, day: &DepartmentDay) -> Value {
    let mut versions = Map::new();
    for (version, figures) in &day.rows {
        let samples = FIGURES.iter().enumerate().filter(|(index, _)| view.figures.contains(*index));
        let samples: Map<String, Value> = samples
            .filter_map(|(index, figure)| {
                Some((figure.metric.to_owned(), json!(figures.sample(index, view.scale)?)))
            })
            .collect();
        let name = match version {
            Version::Total => TOTAL_VERSION,
            Version::Named(name) => name,
        };
        versions.insert(name.to_owned(), samples.into());
    }
    json!({
        "geo": day.geo.as_label(),
        "department_id": &*day.department_id,
        "department": &*day.department,
        "department_path": &*day.path,
        "day": day.day.to_string(),
        "product_versions": versions,
    })
}
