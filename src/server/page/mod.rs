//! The pages for people: is it working, and if not, what is to be done?
//!
//! HTML without script or external resource. A verdict comes first, for all tenants and for each;
//! tenants and departments in trouble come before those that are well. Lists are cut into pages, so
//! that none costs more with the number of departments than looking through them.

mod chart;
mod department;
mod departments;
mod query;
mod texts;
mod verdict;
mod words;

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(super) use self::{query::Query, verdict::health};
use self::{
    query::{Language, named_department},
    texts::Texts,
    verdict::{Health, verdict},
    words::{Escaped, Moment, bytes_told, grouped, span},
};
use crate::{
    day::Zone,
    snapshot::{Next, Problem, SourceStatus, Status, StoreState, StoreStatus, TenantStatus},
};

const STYLE: &str = include_str!("style.css");
/// Where the documents of this version are.
const DOCUMENTS: &str =
    concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/v", env!("CARGO_PKG_VERSION"), "/");
/// Those that somebody who looks at a page may want, in the order of [`Texts::pages`], and whether
/// they are there in Chinese too.
const PAGES: [(&str, bool); 4] = [
    ("docs/operations", true),
    ("docs/metrics", false),
    ("docs/permissions", true),
    ("docs/status-api", false),
];

/// Where the running configuration comes from.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    /// The file, or what stands in its place; none where there is none to tell of.
    pub origin: Option<String>,
    /// When the running one was read.
    pub read_at: Timestamp,
    /// When one was read since that cannot be used.
    pub refused_at: Option<Timestamp>,
}

/// What does not change while the process runs.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// The version of the exporter.
    pub version: &'static str,
    /// The revision that it was built from.
    pub revision: &'static str,
    /// When the process began.
    pub started: Timestamp,
}

/// What a page shows.
pub(super) struct View<'a> {
    pub(super) about: &'a About,
    pub(super) now: Timestamp,
    pub(super) telemetry_path: &'a str,
    /// None until something is published.
    pub(super) status: Option<&'a Status>,
    pub(super) query: &'a Query,
    pub(super) configuration: &'a Configuration,
}

impl View<'_> {
    fn texts(&self) -> &'static Texts {
        self.query.texts()
    }

    fn moment<'a>(&self, at: Timestamp, zone: &'a Zone) -> Moment<'a> {
        Moment { now: self.now, at, zone, texts: self.texts() }
    }

    /// Where a document of this version is, in the language of the page if it is written in it.
    fn document(&self, name: &str, is_chinese_too: bool) -> String {
        let is_chinese = is_chinese_too && self.query.language == Language::Chinese;
        format!("{DOCUMENTS}{name}{}.md", if is_chinese { ".zh-CN" } else { "" })
    }
}

/// The status page.
pub(super) fn overview(view: &View) -> String {
    document(view, "./", &overview_body(view))
}

/// The page of the department that the rest of a path below `/departments/` names; none where
/// there is no such department.
pub(super) fn of_department(view: &View, path: &str) -> Option<String> {
    let [tenant, geo, id] = named_department(path)?;
    let tenant = view.status?.tenants.iter().find(|known| known.name == tenant)?;
    let is_meant =
        |d: &&crate::snapshot::DepartmentStatus| *d.department_id == id && d.geo.as_label() == geo;
    let department = tenant.departments.iter().find(is_meant)?;
    let body = department::body(view, tenant, department);
    Some(document(view, "../../../", &body))
}

/// What is around every page. Links are relative, so that they survive a proxy that serves the
/// pages below a prefix.
fn document(view: &View, top: &str, body: &Markup) -> String {
    let texts = view.texts();
    let About { version, revision, started } = view.about;
    let kept = view.query.kept();
    let other = match view.query.language {
        Language::English => Language::Chinese,
        Language::Chinese => Language::English,
    };
    let uptime = span(view.now.duration_since(*started).as_secs().max(0), texts);
    let page = html! {
        (DOCTYPE)
        html lang=(view.query.language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(seconds) = view.query.refresh {
                    meta http-equiv="refresh" content=(seconds);
                }
                title { (texts.title) }
                // An own picture: browsers would ask for /favicon.ico at the top of the host.
                link rel="icon" href=(FAVICON);
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { a href={ (top) (kept) } { (texts.title) } " " small { (version) } }
                    nav {
                        a href={ (top) (view.telemetry_path.trim_start_matches('/')) } { (texts.metrics) }
                        a href={ (top) "api/v1/status" } { (texts.json) }
                        a href={ (top) "config" } { (texts.config) }
                        a href={ (top) "-/healthy" } { (texts.healthy) }
                        a href={ (top) "-/ready" } { (texts.ready) }
                        a href=(view.document("README", true)) { (texts.documents) }
                        a href=(view.query.link_in(other)) lang=(other.code()) { (texts.other_language) }
                    }
                }
                main { (body) }
                footer {
                    p { (texts.footer) }
                    p {
                        (texts.as_of) " " (view.now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
                        " · feishu-exporter " (version) " (" (revision) ") · "
                        ((texts.uptime)(&uptime)) " · "
                        @match view.query.refresh {
                            Some(_) => a href=(view.query.link(|q| q.refresh = None)) { (texts.stop_refresh) },
                            None => a href=(view.query.link(|q| q.refresh = Some(60))) { (texts.refresh) },
                        }
                    }
                }
            }
        }
    };
    page.into_string() + "\n"
}

/// A rising line, as data: no request.
const FAVICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect width='16' height='16' rx='3' fill='%23245bdb'/%3E%3Cpath d='M3 11l3-3 2 2 5-6' fill='none' \
    stroke='white' stroke-width='2'/%3E%3C/svg%3E";

fn overview_body(view: &View) -> Markup {
    let texts = view.texts();
    let Some(status) = view.status else {
        return html! { p.empty { (texts.nothing_published) } };
    };
    if status.tenants.is_empty() {
        return html! { p.empty { (texts.no_tenant) } };
    }
    let mut tenants: Vec<(Health, &TenantStatus)> =
        status.tenants.iter().map(|tenant| (health(tenant), tenant)).collect();
    let troubled = tenants.iter().filter(|(health, _)| *health == Health::Trouble).count();
    let all = tenants.len();
    tenants.sort_by_key(|(health, _)| *health);
    if let Some(wanted) = &view.query.tenant {
        tenants.retain(|(_, tenant)| tenant.name == *wanted);
    }
    html! {
        @if all > 1 {
            p.verdict.(if troubled > 0 { "bad" } else { "good" }) {
                ((texts.tenants)(troubled, all)) " "
                ((texts.verdict)(&verdict(status.tenants.iter().flat_map(|of| &of.departments))))
            }
        }
        (departments::controls(view, status))
        @if tenants.is_empty() { p.empty { (texts.no_such_tenant) } }
        @if let Some(at) = view.configuration.refused_at {
            div.notices { p { (texts.refused) " " (view.moment(at, &Zone::utc())) } }
        }
        @for (health, tenant) in &tenants { (tenant_section(view, *health, tenant, all == 1)) }
        (exporter(view, &status.store))
    }
}

fn tenant_section(view: &View, health: Health, tenant: &TenantStatus, is_only: bool) -> Markup {
    let class = match health {
        Health::Trouble => "bad",
        Health::Waiting => "poor",
        Health::Well => "good",
    };
    html! {
        section {
            h2 { bdi { (Escaped(&tenant.name)) } }
            p.verdict.(class) { ((view.texts().verdict)(&verdict(tenant.departments.iter()))) }
            p.where { (Escaped(&tenant.base_url)) }
            @if let Some(failure) = &tenant.problem {
                div.alert { (problem(view, &tenant.time_zone, failure)) }
            }
            @if !tenant.notices.is_empty() {
                ul.notices { @for notice in &tenant.notices { li { (Escaped(notice)) } } }
            }
            (facts(view, tenant))
            (sources(view, tenant))
            (departments::table(view, tenant, is_only || view.query.tenant.is_some()))
        }
    }
}

/// What the exporter runs with.
fn exporter(view: &View, store: &StoreStatus) -> Markup {
    let (texts, utc) = (view.texts(), Zone::utc());
    let Configuration { origin, read_at, .. } = view.configuration;
    html! {
        section {
            h2 { (texts.exporter) }
            dl {
                div {
                    dt { (texts.store) }
                    dd {
                        ((texts.store_word)(store.state)) " "
                        span.aside {
                            @match &store.file {
                                Some(file) => code { (Escaped(&file.display().to_string())) },
                                None => @if store.state == StoreState::Working { (texts.in_memory) },
                            }
                            @if let Some(bytes) = store.bytes { " · " (bytes_told(bytes)) }
                            @if let Some((first, last)) = store.days { " · " (first) " – " (last) }
                        }
                    }
                }
                @if let Some(origin) = origin {
                    div {
                        dt { (texts.configuration) }
                        dd {
                            code { (Escaped(origin)) } " "
                            span.aside { (texts.read) " " (view.moment(*read_at, &utc)) }
                        }
                    }
                }
                div {
                    dt { (texts.documents) }
                    dd {
                        @for (name, (page, is_chinese_too)) in texts.pages.into_iter().zip(PAGES) {
                            a href=(view.document(page, is_chinese_too)) { (name) } " "
                        }
                    }
                }
            }
        }
    }
}

fn facts(view: &View, tenant: &TenantStatus) -> Markup {
    let texts = view.texts();
    html! {
        dl {
            div {
                dt { (texts.requests) }
                dd {
                    (grouped(tenant.requests_this_month)) " "
                    span.aside {
                        @match tenant.requests_per_month_limit {
                            0 => (texts.no_budget),
                            limit => ((texts.of)(&grouped(limit))),
                        }
                    }
                }
            }
            div { dt { (texts.all_succeeded) } dd { (moment_or(view, tenant, tenant.last_success, texts.none_yet)) } }
            div { dt { (attempt(view, tenant.next_attempt)) } dd { (next(view, tenant, tenant.next_attempt)) } }
        }
    }
}

/// The optional sources, each with when it runs and what it failed with.
fn sources(view: &View, tenant: &TenantStatus) -> Markup {
    let texts = view.texts();
    let failed = |source: &&SourceStatus| source.problem.is_some();
    html! {
        @if !tenant.sources.is_empty() {
            h3 { (texts.sources) }
            dl {
                @for source in &tenant.sources {
                    div {
                        dt { (Escaped(source.source)) }
                        dd {
                            (moment_or(view, tenant, source.last_success, texts.none_yet)) " "
                            span.aside {
                                (attempt(view, source.next_attempt)) " "
                                (next(view, tenant, source.next_attempt))
                            }
                        }
                    }
                }
            }
            @for source in tenant.sources.iter().filter(failed) {
                div.notices {
                    p.what { code { (Escaped(source.source)) } }
                    @if let Some(failure) = &source.problem {
                        (problem(view, &tenant.time_zone, failure))
                    }
                }
            }
        }
    }
}

/// What stands before [`next`]: nothing is next while it is being asked for.
fn attempt(view: &View, next: Next) -> &'static str {
    match next.seen_at(view.now) {
        Next::Running => view.texts().at_present,
        Next::At(_) | Next::AfterStatistics => view.texts().next_attempt,
    }
}

/// When something is asked for next, as seen now.
fn next(view: &View, tenant: &TenantStatus, next: Next) -> Markup {
    let texts = view.texts();
    html! {
        @match next.seen_at(view.now) {
            Next::Running => (texts.running),
            Next::At(at) => (view.moment(at, &tenant.time_zone)),
            Next::AfterStatistics => (texts.after_statistics),
        }
    }
}

fn moment_or(view: &View, tenant: &TenantStatus, at: Option<Timestamp>, none: &str) -> Markup {
    html! {
        @match at {
            Some(at) => (view.moment(at, &tenant.time_zone)),
            None => (none),
        }
    }
}

/// What failed, what to do, and what Feishu's support asks for, in this order.
fn problem(view: &View, zone: &Zone, problem: &Problem) -> Markup {
    let texts = view.texts();
    html! {
        p.what { (Escaped(&problem.message)) }
        @if !problem.remedy.is_empty() {
            p.remedy { b { (texts.remedy) } " " (Escaped(&problem.remedy)) }
        }
        p.aside {
            (Escaped(problem.class))
            @if let Some(code) = problem.code { " · " (texts.code) " " (code) }
            " · " (texts.seen) " " (view.moment(problem.at, zone))
            @if let Some(log_id) = &problem.log_id {
                " · " (texts.log_id) " " code { (Escaped(log_id)) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
