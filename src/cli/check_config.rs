//! `check-config`: every mistake of the configuration, or what it means and costs.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
    path::PathBuf,
};

use super::{ConfigArgs, Failure};
use crate::{
    catalogue::FIGURE_COUNT,
    clock::Clock,
    collect::{GeoZone, Tenant},
    config::{
        Loaded, Origin,
        estimate::{self, ASSUMED_LATENESS, ASSUMED_ROWS, BASIC_PLAN_REQUESTS_PER_MONTH},
        written_duration,
    },
    secret::SecretSource,
    usage::RateScale,
};

/// Check the configuration and say what it means.
///
/// Prints every problem with its place in one run, or else what the file means and costs:
/// departments, requests a day and a month, warnings. Touches no network. Exit status 2 if there
/// is a problem.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Configuration file; stands above --config.file.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut config = args.config.clone();
    config.config_file = args.file.clone().or(config.config_file);
    let loaded = config.load(&Clock::system())?;
    write!(io::stdout(), "{}", Meaning(&loaded))?;
    Ok(())
}

/// What a configuration means, for people.
struct Meaning<'a>(&'a Loaded);

impl fmt::Display for Meaning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loaded { options, warnings, origin } = self.0;
        match origin {
            Origin::File(path) => writeln!(f, "{} is valid", path.display())?,
            Origin::Environment => writeln!(f, "The configuration by environment is valid")?,
        }
        for tenant in &options.tenants {
            writeln!(f, "\ntenant {}", tenant.name)?;
            for (name, text) in facts(tenant) {
                writeln!(f, "  {name:<13} {text}")?;
            }
        }
        writeln!(
            f,
            "\nAssumed: {ASSUMED_ROWS} rows for each department and day where product versions \
             are asked for (the total and four versions), so one page; figures that come {} late.",
            written_duration(ASSUMED_LATENESS)
        )?;
        for warning in warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for warning in estimate::warnings(options) {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

fn facts(tenant: &Tenant) -> Vec<(&'static str, String)> {
    let estimate = estimate::estimate(tenant);
    let at_least = if estimate.with_children > 0 { "at least" } else { "about" };
    let schedule = &tenant.schedule;
    vec![
        ("API", api(tenant)),
        ("days", days(tenant)),
        ("departments", departments(tenant, estimate.with_children)),
        ("figures", figures(tenant)),
        (
            "looks",
            format!(
                "every {} while something is missing, {}d back; values are served for {}",
                written_duration(schedule.interval),
                schedule.lookback_days,
                written_duration(schedule.max_age)
            ),
        ),
        (
            "requests",
            format!(
                "{at_least} {} a day, {} a month; {}; a new day takes {at_least} {}",
                estimate.requests_per_day,
                estimate.requests_per_month,
                quota(tenant, estimate.requests_per_month),
                written_duration(estimate.collection_time)
            ),
        ),
        ("series", format!("{at_least} {}", estimate.series)),
    ]
}

fn api(tenant: &Tenant) -> String {
    let secret = match &tenant.api.app_secret {
        SecretSource::Inline(_) => "secret given",
        SecretSource::File(_) => "secret in a file",
    };
    format!("{}, app {}, {secret}", tenant.api.base_url, tenant.api.app_id)
}

fn days(tenant: &Tenant) -> String {
    let geo = |geo: &GeoZone| format!("{} in {}", geo.geo, geo.zone);
    let geos: Vec<String> = tenant.geos.iter().map(geo).collect();
    format!("geo {}; ready at {}", geos.join(", "), tenant.schedule.ready_at.strftime("%H:%M"))
}

fn departments(tenant: &Tenant, with_children: u64) -> String {
    let mut text =
        format!("{}, ids are {}", tenant.departments.len(), tenant.api.department_id_type.as_str());
    // Writing to a string cannot fail.
    if with_children > 0 {
        let _ = write!(text, "; {with_children} with sub-departments, whose number is unknown");
    }
    if tenant.min_department_users > 0 {
        let _ = write!(text, "; those under {} members are left out", tenant.min_department_users);
    }
    text
}

fn figures(tenant: &Tenant) -> String {
    let versions = if tenant.product_versions { "with" } else { "without" };
    let rates = match tenant.rates {
        None => "found out",
        Some(RateScale::Ratio) => "0..1",
        Some(RateScale::Percent) => "0..100",
    };
    let count = tenant.figures.len();
    format!("{count} of {FIGURE_COUNT}, {versions} product versions; scale of rates: {rates}")
}

fn quota(tenant: &Tenant, per_month: u64) -> String {
    let budget = tenant.api.limits.requests_per_month;
    let (limit, whose) = if budget > 0 {
        (budget, "requests_per_month")
    } else {
        (BASIC_PLAN_REQUESTS_PER_MONTH, "Feishu's Basic plan, over all apps")
    };
    let verdict = if per_month > limit { "more than" } else { "within" };
    format!("{verdict} the {limit} of {whose}")
}
