//! `check-config`: every mistake of the configuration, or what it means and costs.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
    path::PathBuf,
};

use super::{ConfigArgs, Failure, costs::Costs, web::web_file};
use crate::{
    catalogue::FIGURE_COUNT,
    clock::Clock,
    collect::{Discovery, GeoZone, Tenant},
    config::{Loaded, Origin, written_duration},
    estimate::{self, Measured},
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

    /// Web configuration file to check beside it.
    #[arg(
        long = "web.config.file",
        env = "FEISHU_EXPORTER_WEB_CONFIG_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    web_config_file: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut config = args.config.clone();
    config.config_file = args.file.clone().or(config.config_file);
    let web = web_file(args.web_config_file.as_ref());
    let web = web.map(|file| file.load().map(|settings| (file, settings)));
    let (mut loaded, web) = match (config.load(&Clock::system()), web.transpose()) {
        (Ok(loaded), Ok(web)) => (loaded, web),
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => return Err(problems.into()),
        (Err(problems), Err(more)) => return Err(Failure::usage(format!("{problems}\n{more}"))),
    };
    config.without_store(&mut loaded.options);
    write!(io::stdout(), "{}", Meaning(&loaded))?;
    if let Some((file, settings)) = web {
        let path = file.path().display();
        writeln!(io::stdout(), "\n{path} is valid\n  pages         {settings}")?;
    }
    Ok(())
}

/// What a configuration means, for people.
struct Meaning<'a>(&'a Loaded);

impl fmt::Display for Meaning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loaded { options, warnings, origin, .. } = self.0;
        match origin {
            Origin::File(path) => writeln!(f, "{} is valid", path.display())?,
            Origin::Environment => writeln!(f, "The configuration by environment is valid")?,
        }
        let measured = Measured::default();
        let estimates: Vec<_> =
            options.tenants.iter().map(|tenant| estimate::estimate(tenant, &measured)).collect();
        for (tenant, estimate) in options.tenants.iter().zip(&estimates) {
            writeln!(f, "\ntenant {}", tenant.name)?;
            for (name, text) in facts(tenant) {
                writeln!(f, "  {name:<13} {text}")?;
            }
            writeln!(f)?;
            Costs { tenant, measured: &measured, estimate }.fmt(f)?;
        }
        let warnings = warnings.iter().map(ToString::to_string);
        let mut warnings = warnings.chain(estimate::warnings(options, &estimates)).peekable();
        if warnings.peek().is_some() {
            writeln!(f)?;
        }
        warnings.try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

fn facts(tenant: &Tenant) -> Vec<(&'static str, String)> {
    let schedule = &tenant.schedule;
    let looks = format!(
        "every {} while something is missing, {}d back; values are served for {}",
        written_duration(schedule.interval),
        schedule.lookback_days,
        written_duration(schedule.max_age)
    );
    let mut facts = vec![
        ("API", api(tenant)),
        ("days", days(tenant)),
        ("departments", departments(tenant)),
        ("figures", figures(tenant)),
        ("looks", looks),
    ];
    facts.push(("baselines", baselines(tenant)));
    facts.extend(tenant.discovery.as_ref().map(|found| ("discovery", discovery(found))));
    facts.extend(tenant.contact.map(|contact| {
        ("contact", format!("names in {} where there are such", contact.language.as_str()))
    }));
    facts.extend(tenant.user_statistics.map(|statistics| {
        let size = statistics.min_group_size;
        ("users", format!("sums over {size} people or more, none of fewer"))
    }));
    facts
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

fn departments(tenant: &Tenant) -> String {
    let mut text = format!(
        "{} listed, ids are {}",
        tenant.departments.len(),
        tenant.api.department_id_type.as_str()
    );
    let with_children = estimate::parents_listed(tenant);
    // Writing to a string cannot fail.
    if with_children > 0 {
        let _ = write!(text, "; {with_children} with sub-departments, whose number is unknown");
    }
    if tenant.min_department_users > 0 {
        let _ = write!(text, "; those under {} members are left out", tenant.min_department_users);
    }
    if tenant.request_grouping {
        text.push_str("; asked for together where that is proven to be the same");
    }
    text
}

fn baselines(tenant: &Tenant) -> String {
    let schedule = &tenant.schedule;
    match schedule.baseline_weeks {
        0 => "none".to_owned(),
        weeks => format!(
            "the median of the same weekday over {weeks} weeks; days are kept for {}d",
            schedule.retention_days
        ),
    }
}

fn discovery(discovery: &Discovery) -> String {
    let mut text = format!(
        "below {} down to level {}; how many departments it finds is unknown",
        discovery.roots.join(", "),
        discovery.max_depth
    );
    // Writing to a string cannot fail.
    for (what, count) in
        [("include", discovery.include.len()), ("exclude", discovery.exclude.len())]
    {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(text, "; {count} expression{plural} to {what}");
        }
    }
    if discovery.min_members > 0 {
        let _ = write!(text, "; those under {} members are left out", discovery.min_members);
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
