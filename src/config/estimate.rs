//! What a configuration costs: requests and series, told before anything is asked.
//!
//! Pure: a tenant's options and whatever was measured in, numbers out. What was not measured is
//! assumed, and [`assumptions`] says so.

use std::time::Duration;

use super::written_duration;
use crate::{
    catalogue::FIGURES,
    collect::{Options, Tenant},
};

#[cfg(test)]
mod tests;

/// Requests a month that Feishu's Basic plan allows, over all custom apps of a tenant together.
pub const BASIC_PLAN_REQUESTS_PER_MONTH: u64 = 10_000;

/// Rows of a department's day that are assumed where product versions are asked for: the total
/// and four versions. Nobody knows how many a tenant has.
const ASSUMED_ROWS: u64 = 5;

/// People assumed in a department.
const ASSUMED_PEOPLE: u64 = 50;

/// Departments with others below them, the root among them, that are assumed in a tenant.
const ASSUMED_PARENTS: u64 = 20;

/// Employee types assumed in a department: those that the API documents name.
const ASSUMED_EMPLOYEE_TYPES: u64 = 5;

/// Operating systems assumed in use, with `other`.
const ASSUMED_SYSTEMS: u64 = 5;

/// Clients assumed in use: Feishu and Lark.
const ASSUMED_CLIENTS: u64 = 2;

/// Rows of one page at most (`page_size` of `admin_dept_stats`).
const ROWS_PER_PAGE: u64 = 20;

/// Departments of one call of `departments/batch` at most.
const CONTACTS_PER_CALL: u64 = 50;

/// People of one page at most (`page_size` of `users/find_by_department`).
const MEMBERS_PER_PAGE: u64 = 50;

/// People of one page at most (`page_size` of `admin_user_stats`).
const USERS_PER_PAGE: u64 = 60;

/// Access tokens that a day's department statistics take: a token lives two hours, the work less.
const TOKENS_PER_DAY: u64 = 1;

/// Access tokens of a day at most, if something is asked all the time.
const TOKENS_PER_DAY_MAX: u64 = 12;

/// The longest month, which the first day begins.
const MONTH_DAYS: u64 = 31;

const DAY: Duration = Duration::from_secs(86_400);

/// Families of the contact API with one series a department.
const CONTACT_SERIES: u64 = 4;

/// Families of the directory API with one series a department.
const DIRECTORY_SERIES: u64 = 5;

/// Series of a department that is judged: for each of eight products what was expected, the days of a
/// drop and four deviations.
const JUDGED_SERIES: u64 = 8 * 6;

/// Series of a company that is judged: five for each of eight products.
const COMPANY_SERIES: u64 = 8 * 5;

/// Past days that the judgement takes: those that the API offers.
const JUDGED_DAYS: u64 = 91;

/// Statuses of members, each of which has a series in every department.
const STATUS_SERIES: u64 = 6;

/// What was measured of a tenant; whatever is none is assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Departments that discovery finds beside the listed ones.
    pub found: Option<u64>,
    /// Sub-departments that come with listed departments (`include_children`).
    pub children: Option<u64>,
    /// Departments whose children a walk of the directory asks for, the root among them.
    pub parents: Option<u64>,
    /// Rows of a department's day: the total and the product versions.
    pub rows: Option<u64>,
    /// People in a department, one number for each department of a sample or for all of them.
    pub people: Option<Vec<u64>>,
}

/// Requests and series of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// API requests on the first day, which fetches the past as well.
    pub requests_first_day: u64,
    /// API requests on an ordinary day.
    pub requests_per_day: u64,
    /// API requests in the first day and the 30 after it.
    pub requests_per_month: u64,
    /// Published series about departments.
    pub series: u64,
}

/// When a source is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Once, for the past.
    Once,
    /// Once for each day of statistics.
    EachDay,
    /// After each such interval.
    Every(Duration),
}

/// A source that can be switched off, and its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optional {
    /// The key of the configuration that switches it.
    pub key: &'static str,
    /// When it is asked.
    pub asked: Asked,
    /// What it costs.
    pub cost: Cost,
}

/// What one tenant costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The department statistics, with the access tokens of everything.
    pub live: Cost,
    /// The optional sources that are switched on.
    pub optional: Vec<Optional>,
    /// Time that fetching a new day of department statistics takes at least, at the configured
    /// rate.
    pub collection_time: Duration,
    /// Whether departments are counted whose number is unknown, so that the numbers without them
    /// are lower bounds: found by discovery, or below listed ones.
    pub is_lower_bound: bool,
}

impl Estimate {
    /// Everything together.
    #[must_use]
    pub fn total(&self) -> Cost {
        self.optional.iter().fold(self.live, |sum, source| Cost {
            requests_first_day: sum.requests_first_day + source.cost.requests_first_day,
            requests_per_day: sum.requests_per_day + source.cost.requests_per_day,
            requests_per_month: sum.requests_per_month + source.cost.requests_per_month,
            series: sum.series + source.cost.series,
        })
    }
}

/// The numbers behind an estimate, measured or assumed.
struct Size {
    /// Departments asked for by their own id.
    asked: u64,
    /// Departments that come with them.
    children: u64,
    geos: u64,
    rows: u64,
    parents: u64,
    people: Vec<u64>,
}

impl Size {
    fn new(tenant: &Tenant, measured: &Measured) -> Self {
        let found = if tenant.discovery.is_some() { measured.found } else { None };
        let assumed_rows = if tenant.product_versions { ASSUMED_ROWS } else { 1 };
        // Only the root is asked for its children where nothing below them is wanted.
        let is_flat = tenant.discovery.as_ref().is_some_and(|discovery| discovery.max_depth <= 1);
        let assumed_parents = if is_flat { 1 } else { ASSUMED_PARENTS };
        let people = measured.people.clone().filter(|people| !people.is_empty());
        Self {
            asked: tenant.departments.len() as u64 + found.unwrap_or_default(),
            children: measured.children.unwrap_or_default(),
            geos: tenant.geos.len() as u64,
            rows: measured.rows.unwrap_or(assumed_rows),
            parents: measured.parents.unwrap_or(assumed_parents),
            people: people.unwrap_or_else(|| vec![ASSUMED_PEOPLE]),
        }
    }

    fn served(&self) -> u64 {
        self.asked + self.children
    }

    /// The sum of something over all departments served, from what it is in those known.
    fn over_departments(&self, of_one: impl Fn(u64) -> u64) -> u64 {
        let known: u64 = self.people.iter().map(|people| of_one(*people)).sum();
        (self.served() * known).div_ceil(self.people.len() as u64)
    }
}

/// Estimates one tenant.
#[must_use]
pub fn estimate(tenant: &Tenant, measured: &Measured) -> Estimate {
    let size = Size::new(tenant, measured);
    let optional = optional(tenant, &size);
    let fetches = size.geos
        * (size.asked * size.rows.div_ceil(ROWS_PER_PAGE)
            + (size.children * size.rows).div_ceil(ROWS_PER_PAGE));
    // Sources that are refreshed together share a token; the first time, all do.
    let refreshes = optional.iter().filter_map(|source| match source.asked {
        Asked::Every(interval) => Some(times(DAY, interval)),
        Asked::Once | Asked::EachDay => None,
    });
    let refreshes = refreshes.max().unwrap_or_default();
    let requests_per_day = fetches + (TOKENS_PER_DAY + refreshes).min(TOKENS_PER_DAY_MAX);
    let requests_first_day = fetches + refreshes.clamp(TOKENS_PER_DAY, TOKENS_PER_DAY_MAX);
    // Each department has its day gauge in each geo and its info; each geo has its working day.
    let figures = u64::from(tenant.figures.len());
    let of_department = size.geos * (size.rows * figures + 1) + 1;
    #[expect(clippy::cast_precision_loss, reason = "an estimate of seconds")]
    let seconds = fetches as f64 / tenant.api.limits.requests_per_second;
    Estimate {
        live: Cost {
            requests_first_day,
            requests_per_day,
            requests_per_month: requests_first_day + requests_per_day * (MONTH_DAYS - 1),
            series: size.served() * of_department + size.geos,
        },
        optional,
        collection_time: Duration::from_secs_f64(seconds.ceil()),
        is_lower_bound: (tenant.discovery.is_some() && measured.found.is_none())
            || (parents_listed(tenant) > 0 && measured.children.is_none()),
    }
}

/// What each further department adds, for those whose number is unknown beforehand.
#[must_use]
pub fn further_department(tenant: &Tenant, measured: &Measured) -> Cost {
    /// Enough for the share of a department in a page to show.
    const MANY: u64 = 1000;
    let with = |more: u64| {
        let mut measured = measured.clone();
        let unknown =
            if tenant.discovery.is_some() { &mut measured.found } else { &mut measured.children };
        *unknown = Some(unknown.unwrap_or_default() + more);
        estimate(tenant, &measured).total()
    };
    let (few, many) = (with(0), with(MANY));
    let of_one = |few: u64, many: u64| (many - few).div_ceil(MANY);
    Cost {
        requests_first_day: of_one(few.requests_first_day, many.requests_first_day),
        requests_per_day: of_one(few.requests_per_day, many.requests_per_day),
        requests_per_month: of_one(few.requests_per_month, many.requests_per_month),
        series: of_one(few.series, many.series),
    }
}

/// Listed departments with `include_children`.
#[must_use]
pub fn parents_listed(tenant: &Tenant) -> u64 {
    tenant.departments.iter().filter(|department| department.include_children).count() as u64
}

fn optional(tenant: &Tenant, size: &Size) -> Vec<Optional> {
    let mut sources = Vec::new();
    let mut add = |key, asked: Asked, requests: u64, series| {
        let over = |days| match asked {
            Asked::Once => requests,
            Asked::EachDay => requests * days,
            Asked::Every(interval) => spread(requests, days, interval),
        };
        let cost = Cost {
            requests_first_day: over(1),
            requests_per_day: if asked == Asked::Once { 0 } else { over(1) },
            requests_per_month: over(MONTH_DAYS),
            series,
        };
        sources.push(Optional { key, asked, cost });
    };
    let served = size.served();
    let days = baseline_days(tenant);
    if days > 0 {
        // One row a day, without product versions.
        let pages = size.geos
            * (size.asked * days.div_ceil(ROWS_PER_PAGE)
                + (size.children * days).div_ceil(ROWS_PER_PAGE));
        let figures = FIGURES.iter().enumerate();
        let with_baseline = figures
            .filter(|(index, figure)| figure.baseline.is_some() && tenant.figures.contains(*index));
        let series = size.geos * served * with_baseline.count() as u64;
        add("baselines", Asked::Once, pages, series);
        if tenant.schedule.judgement {
            let days = judged_days(tenant).max(days);
            let all = size.geos
                * (size.asked * days.div_ceil(ROWS_PER_PAGE)
                    + (size.children * days).div_ceil(ROWS_PER_PAGE));
            let series = size.geos * (served * JUDGED_SERIES + COMPANY_SERIES);
            add("judgement", Asked::Once, all - pages, series);
        }
    }
    if let Some(contact) = tenant.contact {
        let calls = served.div_ceil(CONTACTS_PER_CALL);
        add("contact", Asked::Every(contact.refresh_interval), calls, served * CONTACT_SERIES);
    }
    // The walk of discovery brings what the directory source would walk for.
    let walk = match &tenant.discovery {
        Some(discovery) => Some(("discovery", discovery.refresh_interval)),
        None => tenant.directory.map(|refresh_interval| ("directory", refresh_interval)),
    };
    if let Some((key, refresh_interval)) = walk {
        add(key, Asked::Every(refresh_interval), size.parents, served * DIRECTORY_SERIES);
    }
    if let Some(refresh_interval) = tenant.members {
        let pages = size.over_departments(|people| people.div_ceil(MEMBERS_PER_PAGE).max(1));
        let of_one = |people: u64| STATUS_SERIES + people.min(ASSUMED_EMPLOYEE_TYPES);
        add("members", Asked::Every(refresh_interval), pages, size.over_departments(of_one));
    }
    if let Some(statistics) = tenant.user_statistics {
        let pages = size.over_departments(|people| people.div_ceil(USERS_PER_PAGE).max(1));
        let of_one = |people| user_series(people, statistics.min_group_size);
        let series = size.geos * size.over_departments(of_one);
        add("user_statistics", Asked::EachDay, size.geos * pages, series);
    }
    sources
}

/// Series of one department's user statistics in one geo.
const fn user_series(people: u64, min_group_size: u64) -> u64 {
    /// People, active people of six products, inactive for three spans, never active, meetings
    /// and their duration.
    const SINGLE: u64 = 1 + 6 + 3 + 1 + 2;
    /// Messages sent and time in meetings.
    const SPREADS: u64 = 2;
    if people < min_group_size {
        return 0;
    }
    let percentiles = match people {
        ..50 => 1,
        50..500 => 3,
        500.. => 4,
    };
    SINGLE + SPREADS * percentiles + ASSUMED_SYSTEMS + ASSUMED_CLIENTS
}

/// Past days that the judgement takes, those of baselines included.
fn judged_days(tenant: &Tenant) -> u64 {
    JUDGED_DAYS.min(tenant.schedule.retention_days.unsigned_abs().into())
}

/// Past days that baselines take, once.
#[must_use]
pub fn baseline_days(tenant: &Tenant) -> u64 {
    let schedule = &tenant.schedule;
    let weeks_kept = u64::from(schedule.retention_days.unsigned_abs()) / 7;
    7 * u64::from(schedule.baseline_weeks).min(weeks_kept)
}

/// How often something happens that happens every `interval`.
fn times(span: Duration, interval: Duration) -> u64 {
    let times = span.as_millis().div_ceil(interval.as_millis().max(1));
    u64::try_from(times).unwrap_or(u64::MAX)
}

/// Requests in so many days if as many are made every `interval`.
fn spread(requests: u64, days: u64, interval: Duration) -> u64 {
    let span = u128::from(days) * DAY.as_millis();
    let requests = (u128::from(requests) * span).div_ceil(interval.as_millis().max(1));
    u64::try_from(requests).unwrap_or(u64::MAX)
}

/// What an estimate takes for granted, in sentences; only what matters to this tenant.
#[must_use]
pub fn assumptions(tenant: &Tenant, measured: &Measured) -> Vec<String> {
    let size = Size::new(tenant, measured);
    let mut sentences = vec![
        format!(
            "figures come in time; while a day is late, each look (every {}) adds {} request{}",
            written_duration(tenant.schedule.interval),
            size.geos,
            if size.geos == 1 { "" } else { "s" },
        ),
        "each department is asked alone".to_owned(),
    ];
    if measured.rows.is_none() && tenant.product_versions {
        sentences.push(format!(
            "{ASSUMED_ROWS} rows for each department and day (the total and four product \
             versions), so one page"
        ));
    }
    let walks = tenant.discovery.is_some() || tenant.directory.is_some();
    if measured.parents.is_none() && walks {
        sentences.push(match size.parents {
            1 => "one request for a walk of the directory, which ends below the root".to_owned(),
            parents => format!(
                "{parents} requests for a walk of the directory, one for each department that \
                 has others below it"
            ),
        });
    }
    let counts_people = tenant.members.is_some() || tenant.user_statistics.is_some();
    if measured.people.is_none() && counts_people {
        sentences.push(format!("{ASSUMED_PEOPLE} people in each department"));
    }
    if tenant.members.is_some() {
        sentences.push(format!("{ASSUMED_EMPLOYEE_TYPES} employee types"));
    }
    if tenant.user_statistics.is_some() {
        sentences
            .push(format!("{ASSUMED_SYSTEMS} operating systems and {ASSUMED_CLIENTS} clients"));
    }
    sentences
}

/// What is going to hit a limit, in sentences; `estimates` are those of the tenants, in order.
#[must_use]
pub fn warnings(options: &Options, estimates: &[Estimate]) -> Vec<String> {
    let mut warnings: Vec<String> = options
        .tenants
        .iter()
        .zip(estimates)
        .filter_map(|(tenant, estimate)| over_quota(tenant, estimate))
        .collect();
    let series: u64 = estimates.iter().map(|estimate| estimate.total().series).sum();
    if series > options.series_limit {
        warnings.push(format!(
            "about {series} series are more than series_limit ({}); baselines will be left out, \
             then product versions",
            options.series_limit
        ));
    }
    warnings
}

fn over_quota(tenant: &Tenant, estimate: &Estimate) -> Option<String> {
    let budget = tenant.api.limits.requests_per_month;
    let (name, live) = (&tenant.name, estimate.live.requests_per_month);
    let month = estimate.total().requests_per_month;
    let limit = if budget > 0 { budget } else { BASIC_PLAN_REQUESTS_PER_MONTH };
    if month <= limit {
        return None;
    }
    let whose = if budget > 0 {
        format!("limits.requests_per_month ({budget})")
    } else {
        format!("the {limit} of Feishu's Basic plan")
    };
    let outcome = match (budget > 0, live > limit) {
        (true, true) => "collection will stop before the month ends".to_owned(),
        (true, false) => format!(
            "department statistics take {live} of them and go first, so the optional sources will \
             stop before the month ends"
        ),
        (false, true) => "list fewer departments unless the tenant has another plan".to_owned(),
        (false, false) => format!(
            "department statistics take {live} of them; switch optional sources off or refresh \
             them less often unless the tenant has another plan"
        ),
    };
    let bound = if estimate.is_lower_bound { "at least" } else { "about" };
    Some(format!(
        "tenant {name}: {bound} {month} requests a month are more than {whose}; {outcome}"
    ))
}
