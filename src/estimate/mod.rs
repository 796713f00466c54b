//! What a configuration costs: requests and series, told before anything is asked.
//!
//! Pure: a tenant's options and whatever was measured in, numbers out. What was not measured is
//! assumed, and [`assumptions`] says so.

use std::time::Duration;

pub use self::sentences::{assumptions, warnings};
use crate::{
    catalogue::FIGURES,
    collect::{Source, Tenant},
    feishu::{
        DEPARTMENTS_BATCH_MAX, DEPT_STATS_PAGE_SIZE, Limits, PEOPLE_PAGE_SIZE, USER_STATS_PAGE_SIZE,
    },
};

mod sentences;
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

/// How often a source is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
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
    /// How often it is asked.
    pub asked: Frequency,
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
        let roots = tenant.discovery.as_ref().map_or(1, |discovery| discovery.roots.len() as u64);
        // Only the roots are asked for their children where nothing below them is wanted.
        let is_flat = tenant.discovery.as_ref().is_some_and(|discovery| discovery.max_depth <= 1);
        let assumed_parents = if is_flat { roots } else { ASSUMED_PARENTS.max(roots) };
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

/// The rate at which one endpoint is asked; what refusals will teach is not known beforehand.
fn requests_per_second(limits: &Limits) -> f64 {
    let by_minute = limits.requests_per_minute.map(|limit| f64::from(limit) / 60.0);
    by_minute.unwrap_or(f64::INFINITY).min(limits.requests_per_second)
}

/// Estimates one tenant whose departments are each asked alone.
#[must_use]
pub fn estimate(tenant: &Tenant, measured: &Measured) -> Estimate {
    estimate_of(tenant, measured, &Size::new(tenant, measured))
}

/// The same if all its departments are asked together under their ancestors; none where that is
/// switched off, or where no tree tells of ancestors.
#[must_use]
pub fn together(tenant: &Tenant, measured: &Measured) -> Option<Estimate> {
    let has_tree = Source::Directory.is_on(tenant, false);
    (has_tree && tenant.request_grouping).then(|| {
        let size = Size::new(tenant, measured);
        let size = Size { asked: 0, children: size.asked + size.children, ..size };
        estimate_of(tenant, measured, &size)
    })
}

fn estimate_of(tenant: &Tenant, measured: &Measured, size: &Size) -> Estimate {
    let optional = optional(tenant, size);
    let fetches = size.geos
        * (size.asked * size.rows.div_ceil(u64::from(DEPT_STATS_PAGE_SIZE))
            + (size.children * size.rows).div_ceil(u64::from(DEPT_STATS_PAGE_SIZE)));
    // Sources that are refreshed together share a token; the first time, all do.
    let refreshes = optional.iter().filter_map(|source| match source.asked {
        Frequency::Every(interval) => Some(times(DAY, interval)),
        Frequency::Once | Frequency::EachDay => None,
    });
    let refreshes = refreshes.max().unwrap_or_default();
    let requests_per_day = fetches + (TOKENS_PER_DAY + refreshes).min(TOKENS_PER_DAY_MAX);
    let requests_first_day = fetches + refreshes.clamp(TOKENS_PER_DAY, TOKENS_PER_DAY_MAX);
    // Each department has its day gauge in each geo and its info; each geo has its working day.
    let figures = u64::from(tenant.figures.len());
    let of_department = size.geos * (size.rows * figures + 1) + 1;
    #[expect(clippy::cast_precision_loss, reason = "an estimate of seconds")]
    let seconds = fetches as f64 / requests_per_second(&tenant.api.limits);
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

/// What a source that is switched on takes each time that it is asked.
struct Takes {
    /// The key of the configuration that switches it.
    key: &'static str,
    asked: Frequency,
    requests: u64,
    series: u64,
}

/// What a source takes of a tenant of some size; nothing where it is off.
fn takes(source: Source, tenant: &Tenant, size: &Size) -> [Option<Takes>; 2] {
    match source {
        // They are the live part.
        Source::Departments => [None, None],
        Source::Baselines => [baselines(tenant, size), judgement(tenant, size)],
        Source::Directory => [directory(tenant, size), None],
        Source::Contact => [contact(tenant, size), None],
        Source::Members => [members(tenant, size), None],
        Source::Users => [users(tenant, size), None],
    }
}

fn optional(tenant: &Tenant, size: &Size) -> Vec<Optional> {
    let takes = Source::all().flat_map(|source| takes(source, tenant, size)).flatten();
    let cost = |Takes { key, asked, requests, series }| {
        let over = |days| match asked {
            Frequency::Once => requests,
            Frequency::EachDay => requests * days,
            Frequency::Every(interval) => spread(requests, days, interval),
        };
        let cost = Cost {
            requests_first_day: over(1),
            requests_per_day: if asked == Frequency::Once { 0 } else { over(1) },
            requests_per_month: over(MONTH_DAYS),
            series,
        };
        Optional { key, asked, cost }
    };
    takes.map(cost).collect()
}

fn baselines(tenant: &Tenant, size: &Size) -> Option<Takes> {
    let days = baseline_days(tenant);
    // One row a day, without product versions.
    let requests = past_requests(size, days);
    let figures = FIGURES.iter().enumerate();
    let with_baseline = figures
        .filter(|(index, figure)| figure.baseline.is_some() && tenant.figures.contains(*index));
    let series = size.geos * size.served() * with_baseline.count() as u64;
    (days > 0).then_some(Takes { key: "baselines", asked: Frequency::Once, requests, series })
}

/// What the judgement takes beside the baselines.
fn judgement(tenant: &Tenant, size: &Size) -> Option<Takes> {
    let days = baseline_days(tenant);
    let requests = past_requests(size, judged_days(tenant).max(days)) - past_requests(size, days);
    let series = size.geos * (size.served() * JUDGED_SERIES + COMPANY_SERIES);
    (days > 0 && tenant.schedule.judgement).then_some(Takes {
        key: "judgement",
        asked: Frequency::Once,
        requests,
        series,
    })
}

/// Requests for past days of one row each.
fn past_requests(size: &Size, days: u64) -> u64 {
    let page = u64::from(DEPT_STATS_PAGE_SIZE);
    size.geos * (size.asked * days.div_ceil(page) + (size.children * days).div_ceil(page))
}

fn contact(tenant: &Tenant, size: &Size) -> Option<Takes> {
    tenant.contact.map(|contact| Takes {
        key: "contact",
        asked: Frequency::Every(contact.refresh_interval),
        requests: size.served().div_ceil(DEPARTMENTS_BATCH_MAX as u64),
        series: size.served() * CONTACT_SERIES,
    })
}

fn directory(tenant: &Tenant, size: &Size) -> Option<Takes> {
    // The walk of discovery brings what the directory source would walk for.
    let (key, refresh_interval) = match &tenant.discovery {
        Some(discovery) => ("discovery", discovery.refresh_interval),
        None => ("directory", Source::Directory.refresh_interval(tenant)?),
    };
    let series = size.served() * DIRECTORY_SERIES;
    Some(Takes { key, asked: Frequency::Every(refresh_interval), requests: size.parents, series })
}

fn members(tenant: &Tenant, size: &Size) -> Option<Takes> {
    let page = u64::from(PEOPLE_PAGE_SIZE);
    let of_one = |people: u64| STATUS_SERIES + people.min(ASSUMED_EMPLOYEE_TYPES);
    Source::Members.refresh_interval(tenant).map(|refresh_interval| Takes {
        key: "members",
        asked: Frequency::Every(refresh_interval),
        requests: size.over_departments(|people| people.div_ceil(page).max(1)),
        series: size.over_departments(of_one),
    })
}

fn users(tenant: &Tenant, size: &Size) -> Option<Takes> {
    let page = u64::from(USER_STATS_PAGE_SIZE);
    tenant.user_statistics.map(|statistics| Takes {
        key: "user_statistics",
        asked: Frequency::EachDay,
        requests: size.geos * size.over_departments(|people| people.div_ceil(page).max(1)),
        series: size.geos
            * size.over_departments(|people| user_series(people, statistics.min_group_size)),
    })
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
