//! `doctor`: whether the real thing works with the configured credentials.

use std::{
    fmt,
    io::{self, Write as _},
    sync::{Arc, atomic::Ordering},
};

use serde_json::{Value, json};

use super::{ConfigArgs, Failure, block_on, costs::Costs, plain::plain, progress::Working};
use crate::{
    clock::Clock,
    collect::{Options, Tenant},
    diagnose::{self, Diagnosis, Finding, Problem, Sample, Size, Verdict, Watch},
    estimate::{self, Cost, Estimate, Measured},
    feishu::Class,
    usage::Geo,
};

/// Try the configured credentials, permissions and endpoints.
///
/// Asks Feishu for everything that the configuration uses, says what works and, for what does not,
/// Feishu's code, what is missing, what to do and the log id; then what collecting will cost. Exit
/// status 1 if anything is missing.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Try every department, not only 20 of them.
    #[arg(long)]
    pub all: bool,

    /// What is printed.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What `doctor` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Sentences for people.
    Text,
    /// One object for scripts; docs/doctor.md has its keys.
    Json,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let clock = Clock::system();
    let mut options = args.config.begin(&clock)?.options;
    args.config.without_store(&mut options);
    let sample = if args.all { Sample::All } else { Sample::DEFAULT };
    block_on(async {
        let mut patients = Vec::with_capacity(options.tenants.len());
        let working = Working::new("asking Feishu");
        for tenant in &options.tenants {
            let is_text = args.format == Format::Text;
            if is_text {
                working.print(&head(tenant))?;
            }
            let watch = watch(working.clone(), tenant.geos.len() > 1, is_text);
            let requests = Arc::clone(&watch.requests);
            let asking = diagnose::examine(tenant, sample, clock.clone(), watch);
            let diagnosis = working.during(|| requests.load(Ordering::Relaxed), asking).await;
            let patient = Patient::new(tenant, diagnosis);
            if is_text {
                write!(io::stdout(), "{patient}")?;
            }
            patients.push(patient);
        }
        finish(&options, &patients, args.format)
    })
}

fn head(tenant: &Tenant) -> String {
    format!("tenant {}: {}, app {}\n", tenant.name, tenant.api.base_url, tenant.api.app_id)
}

/// Prints each finding as soon as it is known: a large tenant takes minutes.
fn watch(working: Working, geos: bool, prints: bool) -> Watch {
    let found = move |finding: &Finding| {
        // A reader that has gone away is noticed by what is printed at the end.
        let _ = working.print(&shown(finding, geos));
    };
    Watch { found: prints.then(|| Arc::new(found) as _), ..Watch::default() }
}

fn finish(options: &Options, patients: &[Patient<'_>], format: Format) -> Result<(), Failure> {
    let estimates: Vec<Estimate> =
        patients.iter().map(|patient| patient.estimate.clone()).collect();
    let warnings = estimate::warnings(options, &estimates);
    let failed = patients.iter().flat_map(|patient| &patient.diagnosis.findings);
    let failed = failed.filter(|finding| finding.verdict == Verdict::Fails).count();
    match format {
        Format::Text => {
            warnings.iter().try_for_each(|w| writeln!(io::stdout(), "warning: {w}"))?;
        }
        Format::Json => {
            let mut out = io::stdout().lock();
            let tenants: Vec<Value> = patients.iter().map(Patient::json).collect();
            let told = json!({ "ok": failed == 0, "tenants": tenants, "warnings": warnings });
            serde_json::to_writer_pretty(&mut out, &told)?;
            writeln!(out)?;
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::failed("1 check failed")),
        failed => Err(Failure::failed(format!("{failed} checks failed"))),
    }
}

/// A tenant that was examined, with what it will cost.
struct Patient<'a> {
    tenant: &'a Tenant,
    diagnosis: Diagnosis,
    measured: Measured,
    estimate: Estimate,
}

impl<'a> Patient<'a> {
    fn new(tenant: &'a Tenant, diagnosis: Diagnosis) -> Self {
        let Size { found, children, parents, rows, people } = diagnosis.size.clone();
        let measured = Measured { found, children, parents, rows, people };
        let estimate = estimate::estimate(tenant, &measured);
        Self { tenant, diagnosis, measured, estimate }
    }

    fn json(&self) -> Value {
        let Diagnosis { findings, departments, tried, requests, .. } = &self.diagnosis;
        let sources = self.estimate.optional.iter().map(|o| (o.key.to_owned(), cost(o.cost)));
        let sources: serde_json::Map<String, Value> =
            [("department_statistics".to_owned(), cost(self.estimate.live))]
                .into_iter()
                .chain(sources)
                .collect();
        json!({
            "tenant": self.tenant.name,
            "base_url": self.tenant.api.base_url,
            "app_id": self.tenant.api.app_id,
            "ok": self.diagnosis.is_well(),
            "departments": { "known": departments, "tried": tried },
            "requests_made": requests,
            "checks": findings.iter().map(check).collect::<Vec<_>>(),
            "estimate": {
                "is_lower_bound": self.estimate.is_lower_bound,
                "total": cost(self.estimate.total()),
                "sources": sources,
            },
        })
    }
}

fn cost(cost: Cost) -> Value {
    json!({
        "requests_first_day": cost.requests_first_day,
        "requests_per_day": cost.requests_per_day,
        "requests_per_month": cost.requests_per_month,
        "series": cost.series,
    })
}

fn check(finding: &Finding) -> Value {
    let problem = |problem: &Problem| {
        json!({
            "what": problem.what,
            "remedy": problem.remedy,
            "class": problem.class.map(Class::as_label),
            "code": problem.code,
            "missing_scopes": problem.missing_scopes,
            "log_id": problem.log_id,
            "departments": problem.departments,
        })
    };
    json!({
        "check": finding.subject.as_str(),
        "geo": finding.geo.map(Geo::as_label),
        "verdict": finding.verdict.as_str(),
        "summary": finding.summary,
        "problems": finding.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

/// What is said when everything was tried.
impl fmt::Display for Patient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, diagnosis, measured, estimate } = self;
        let Diagnosis { departments, tried, requests, .. } = diagnosis;
        let sampled = match (1..*departments).contains(tried) {
            true => {
                format!("; {tried} of {departments} departments were tried, --all tries every one")
            }
            false => String::new(),
        };
        let s = if *requests == 1 { "" } else { "s" };
        writeln!(f, "  This took {requests} request{s}{sampled}.\n")?;
        writeln!(f, "{}", Costs { tenant, measured, estimate })
    }
}

/// A finding as lines.
fn shown(finding: &Finding, geos: bool) -> String {
    /// Ids of one problem that are printed; JSON has all.
    const DEPARTMENTS_MAX: usize = 10;
    let geo = finding.geo.filter(|_| geos).map(|geo| format!(" ({geo})")).unwrap_or_default();
    let mark = match finding.verdict {
        Verdict::Works => '✔',
        Verdict::Fails => '✘',
        Verdict::Note | Verdict::NotTried | Verdict::NotUsed => '–',
    };
    let subject = finding.subject.as_str();
    let mut lines = vec![format!("  {mark} {subject}{geo}: {}", plain(&finding.summary))];
    for problem in &finding.problems {
        lines.push(format!("      {}", plain(&problem.what)));
        let ids = &problem.departments;
        if !ids.is_empty() {
            let shown = ids[..ids.len().min(DEPARTMENTS_MAX)].join(", ");
            let more = if ids.len() > DEPARTMENTS_MAX { ", …" } else { "" };
            lines.push(format!("      departments: {}{more}", plain(&shown)));
        }
        lines.push(format!("      remedy: {}", plain(&problem.remedy)));
        if let Some(log_id) = &problem.log_id {
            lines.push(format!("      log id: {}", plain(log_id)));
        }
    }
    lines.join("\n") + "\n"
}
