//! What a tenant costs, as a table for people: every source with its requests and series.

use std::fmt;

use crate::{
    collect::Tenant,
    config::written_duration,
    estimate::{self, BASIC_PLAN_REQUESTS_PER_MONTH, Cost, Estimate, Frequency, Measured},
};

/// The costs of one tenant, as far as they were measured.
pub(super) struct Costs<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) measured: &'a Measured,
    pub(super) estimate: &'a Estimate,
}

impl fmt::Display for Costs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, measured, estimate } = self;
        writeln!(
            f,
            "  {:<24} {:>20} {:>10} {:>10} {:>10}",
            "costs", "requests, first day", "a day", "a month", "series"
        )?;
        row(f, "department statistics", estimate.live, "live")?;
        for source in &estimate.optional {
            let when = match source.asked {
                Frequency::Once => "once, for the past".to_owned(),
                Frequency::EachDay => "with each new day".to_owned(),
                Frequency::Every(interval) => format!("every {}", written_duration(interval)),
            };
            row(f, source.key, source.cost, &format!("optional, {when}"))?;
        }
        let total = estimate.total();
        let bound = if estimate.is_lower_bound { "at least" } else { "about" };
        row(f, "total", total, bound)?;
        if estimate.is_lower_bound {
            let more = estimate::further_department(tenant, measured);
            let whose = match tenant.discovery {
                Some(_) => "department found",
                None => "sub-department",
            };
            writeln!(
                f,
                "  each {whose} adds about {} requests a month and {} series",
                more.requests_per_month, more.series
            )?;
        }
        writeln!(
            f,
            "  {}; a new day of department statistics takes {bound} {}",
            quota(tenant, total.requests_per_month),
            written_duration(estimate.collection_time)
        )?;
        if let Some(together) = estimate::together(tenant, measured) {
            let Cost { requests_first_day, requests_per_day, requests_per_month, .. } =
                together.total();
            writeln!(
                f,
                "  {bound} {requests_first_day} requests on the first day, {requests_per_day} a \
                 day and {requests_per_month} a month where Feishu gives the same figures for \
                 several departments at once, which the first look finds out; a new day takes \
                 {bound} {} then",
                written_duration(together.collection_time)
            )?;
        }
        writeln!(f, "  assumed")?;
        let assumptions = estimate::assumptions(tenant, measured);
        assumptions.iter().try_for_each(|assumption| writeln!(f, "    {assumption}"))
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, cost: Cost, note: &str) -> fmt::Result {
    let Cost { requests_first_day, requests_per_day, requests_per_month, series } = cost;
    writeln!(
        f,
        "    {name:<22} {requests_first_day:>20} {requests_per_day:>10} {requests_per_month:>10} \
         {series:>10}  {note}"
    )
}

fn quota(tenant: &Tenant, per_month: u64) -> String {
    let budget = tenant.api.limits.requests_per_month;
    let (limit, whose) = if budget > 0 {
        (budget, "requests_per_month")
    } else {
        (BASIC_PLAN_REQUESTS_PER_MONTH, "Feishu's Basic plan, over all apps")
    };
    let verdict = if per_month > limit { "more than" } else { "within" };
    format!("{verdict} the {limit} requests a month of {whose}")
}
