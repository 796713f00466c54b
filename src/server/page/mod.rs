//! The status page: is it working, and if not, what is to be done?
//!
//! One HTML document without script or external resource. Trouble comes first: a problem of the
//! whole tenant, then departments by how bad they stand; those that are well come last.

mod departments;
mod words;

use std::fmt::{self, Write};

use jiff::Timestamp;
use words::{Escaped, Moment, grouped};

use crate::snapshot::{Problem, SourceStatus, Status, TenantStatus};

const STYLE: &str = include_str!("style.css");

/// What the page shows.
pub(super) struct View<'a> {
    pub(super) version: &'a str,
    pub(super) now: Timestamp,
    pub(super) telemetry_path: &'a str,
    /// None until something is published.
    pub(super) status: Option<&'a Status>,
}

/// The whole document.
pub(super) fn render(view: &View) -> String {
    let mut out = String::new();
    write_document(&mut out, view).expect("writing to a string cannot fail");
    out
}

fn write_document(out: &mut String, view: &View) -> fmt::Result {
    // Links are relative, so that they survive a proxy that serves the page below a prefix.
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Feishu exporter</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <h1>Feishu exporter <small>{version}</small></h1>\n<nav>\n\
         <a href=\".{metrics}\">Metrics</a>\n<a href=\"./api/v1/status\">Status as JSON</a>\n\
         <a href=\"./-/healthy\">Healthy</a>\n<a href=\"./-/ready\">Ready</a>\n</nav>\n\
         </header>\n<main>\n",
        version = Escaped(view.version),
        metrics = Escaped(view.telemetry_path),
    )?;
    match view.status.map(|status| status.tenants.as_slice()) {
        None => out.write_str("<p class=\"empty\">Nothing is published yet.</p>\n")?,
        Some([]) => out.write_str("<p class=\"empty\">No tenant is configured.</p>\n")?,
        Some(tenants) => {
            for tenant in tenants {
                write_tenant(out, view.now, tenant)?;
            }
        }
    }
    write!(
        out,
        "</main>\n<footer>As of {}. Figures are those of finished days: Feishu produces a day’s \
         figures on the next morning.</footer>\n</body>\n</html>\n",
        Moment { now: view.now, at: view.now }.absolute()
    )
}

fn write_tenant(out: &mut String, now: Timestamp, tenant: &TenantStatus) -> fmt::Result {
    let (class, word) = match tenant.up {
        Some(true) => ("good", "up"),
        Some(false) => ("bad", "down"),
        None => ("idle", "not asked yet"),
    };
    write!(
        out,
        "<section>\n<h2><bdi>{}</bdi> <span class=\"badge {class}\">{word}</span></h2>\n\
         <p class=\"where\">{}</p>\n",
        Escaped(&tenant.name),
        Escaped(&tenant.base_url)
    )?;
    if let Some(problem) = &tenant.problem {
        out.write_str("<div class=\"alert\">\n")?;
        write_problem(out, now, problem)?;
        out.write_str("</div>\n")?;
    }
    if !tenant.notices.is_empty() {
        out.write_str("<ul class=\"notices\">\n")?;
        for notice in &tenant.notices {
            writeln!(out, "<li>{}</li>", Escaped(notice))?;
        }
        out.write_str("</ul>\n")?;
    }
    write_facts(out, now, tenant)?;
    write_sources(out, now, &tenant.sources)?;
    departments::write(out, now, &tenant.departments)?;
    out.write_str("</section>\n")
}

fn write_facts(out: &mut String, now: Timestamp, tenant: &TenantStatus) -> fmt::Result {
    let requests = grouped(tenant.requests_this_month);
    write!(out, "<dl>\n<div><dt>Requests this month</dt><dd>{requests}")?;
    match tenant.requests_per_month_limit {
        0 => out.write_str(" <span class=\"aside\">no budget set</span>")?,
        limit => write!(out, " <span class=\"aside\">of {}</span>", grouped(limit))?,
    }
    out.write_str("</dd></div>\n<div><dt>Last success</dt><dd>")?;
    match tenant.last_success {
        Some(at) => write_moment(out, now, at)?,
        None => out.write_str("none yet")?,
    }
    out.write_str("</dd></div>\n<div><dt>Next attempt</dt><dd>")?;
    match tenant.next_attempt {
        Some(at) => write_moment(out, now, at)?,
        None => out.write_str("running now")?,
    }
    out.write_str("</dd></div>\n</dl>\n")
}

/// The optional sources, each with what it failed with.
fn write_sources(out: &mut String, now: Timestamp, sources: &[SourceStatus]) -> fmt::Result {
    if sources.is_empty() {
        return Ok(());
    }
    out.write_str("<h3>Last success of the other sources</h3>\n<dl>\n")?;
    for source in sources {
        write!(out, "<div><dt>{}</dt><dd>", Escaped(source.source))?;
        match source.last_success {
            Some(at) => write_moment(out, now, at)?,
            None => out.write_str("none yet")?,
        }
        out.write_str("</dd></div>\n")?;
    }
    out.write_str("</dl>\n")?;
    for problem in sources.iter().filter_map(|source| source.problem.as_ref()) {
        out.write_str("<div class=\"notices\">\n")?;
        write_problem(out, now, problem)?;
        out.write_str("</div>\n")?;
    }
    Ok(())
}

fn write_moment(out: &mut String, now: Timestamp, at: Timestamp) -> fmt::Result {
    let moment = Moment { now, at };
    write!(out, "{moment} <span class=\"aside\">{}</span>", moment.absolute())
}

/// What failed, what to do, and what Feishu's support asks for, in this order.
fn write_problem(out: &mut String, now: Timestamp, problem: &Problem) -> fmt::Result {
    writeln!(out, "<p class=\"what\">{}</p>", Escaped(&problem.message))?;
    if !problem.remedy.is_empty() {
        writeln!(out, "<p class=\"remedy\"><b>Remedy:</b> {}</p>", Escaped(&problem.remedy))?;
    }
    write!(out, "<p class=\"aside\">{}", Escaped(problem.class))?;
    if let Some(code) = problem.code {
        write!(out, " · code {code}")?;
    }
    write!(out, " · seen {}", Moment { now, at: problem.at })?;
    if let Some(log_id) = &problem.log_id {
        write!(out, " · log id <code>{}</code>", Escaped(log_id))?;
    }
    out.write_str("</p>\n")
}

#[cfg(test)]
mod tests;
