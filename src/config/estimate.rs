//! What a configuration costs: requests and series, told before anything is asked.

use std::time::Duration;

use crate::collect::{Options, Tenant};

/// Requests a month that Feishu's Basic plan allows, over all custom apps of a tenant together.
pub const BASIC_PLAN_REQUESTS_PER_MONTH: u64 = 10_000;

/// Rows of a department's day that are assumed where product versions are asked for: the total
/// and four versions. Nobody knows how many a tenant has.
pub const ASSUMED_ROWS: u64 = 5;

/// How late a day is assumed to be on average. Feishu promises no time.
pub const ASSUMED_LATENESS: Duration = Duration::from_secs(2 * 3600);

/// Rows of one page at most (`page_size` of `admin_dept_stats`).
const ROWS_PER_PAGE: u64 = 20;

/// Access tokens fetched on a day: they live two hours, and a day's work takes less than two.
const TOKENS_PER_DAY: u64 = 2;

/// Days of the longest month.
const DAYS_PER_MONTH: u64 = 31;

/// What one tenant costs. Departments found below listed ones (`include_children`) are unknown
/// beforehand, so with them the numbers are lower bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// API requests on an ordinary day.
    pub requests_per_day: u64,
    /// API requests in a month of 31 days.
    pub requests_per_month: u64,
    /// Published series about departments.
    pub series: u64,
    /// Time that fetching a new day takes at least, at the configured rate.
    pub collection_time: Duration,
    /// Listed departments with `include_children`.
    pub with_children: u64,
}

/// Estimates one tenant.
#[must_use]
pub fn estimate(tenant: &Tenant) -> Estimate {
    let departments = tenant.departments.len() as u64;
    let geos = tenant.geos.len() as u64;
    let rows = if tenant.product_versions { ASSUMED_ROWS } else { 1 };
    let fetches = departments * geos * rows.div_ceil(ROWS_PER_PAGE);
    // While the day is late, one department of each geo is asked at every look.
    let interval = tenant.schedule.interval.as_millis().max(1);
    let looks = ASSUMED_LATENESS.as_millis().div_ceil(interval);
    let looks = geos.saturating_mul(u64::try_from(looks).unwrap_or(u64::MAX));
    let requests_per_day = fetches + looks + TOKENS_PER_DAY;
    // Each department has its day gauge in each geo and its info; each geo has its working day.
    let series =
        departments * geos * (rows * u64::from(tenant.figures.len()) + 1) + departments + geos;
    #[expect(clippy::cast_precision_loss, reason = "an estimate of seconds")]
    let seconds = fetches as f64 / tenant.api.limits.requests_per_second;
    Estimate {
        requests_per_day,
        requests_per_month: requests_per_day * DAYS_PER_MONTH,
        series,
        collection_time: Duration::from_secs_f64(seconds.ceil()),
        with_children: tenant.departments.iter().filter(|d| d.include_children).count() as u64,
    }
}

/// What is going to hit a limit, in sentences.
#[must_use]
pub fn warnings(options: &Options) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut series = 0;
    for tenant in &options.tenants {
        let estimate = estimate(tenant);
        series += estimate.series;
        let budget = tenant.api.limits.requests_per_month;
        let (name, month) = (&tenant.name, estimate.requests_per_month);
        if budget > 0 && month > budget {
            warnings.push(format!(
                "tenant {name}: about {month} requests a month are more than \
                 limits.requests_per_month ({budget}); collection will stop before the month ends"
            ));
        } else if month > BASIC_PLAN_REQUESTS_PER_MONTH {
            warnings.push(format!(
                "tenant {name}: about {month} requests a month are more than the \
                 {BASIC_PLAN_REQUESTS_PER_MONTH} of Feishu's Basic plan; list fewer departments \
                 unless the tenant has another plan"
            ));
        }
    }
    if series > options.series_limit {
        warnings.push(format!(
            "about {series} series are more than series_limit ({}); product versions will be left \
             out",
            options.series_limit
        ));
    }
    warnings
}
