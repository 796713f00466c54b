//! What an estimate takes for granted, and what it warns of, in sentences.

use super::{
    ASSUMED_CLIENTS, ASSUMED_EMPLOYEE_TYPES, ASSUMED_PEOPLE, ASSUMED_ROWS, ASSUMED_SYSTEMS,
    BASIC_PLAN_REQUESTS_PER_MONTH, Estimate, Measured, Size,
};
use crate::{
    collect::{Options, Source, Tenant},
    config::written_duration,
};

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
    let walks = Source::Directory.is_on(tenant, false);
    if measured.parents.is_none() && walks {
        sentences.push(match size.parents {
            1 => "one request for a walk of the directory, which ends below the root".to_owned(),
            parents => format!(
                "{parents} requests for a walk of the directory, one for each department that \
                 has others below it"
            ),
        });
    }
    let counts_members = Source::Members.is_on(tenant, false);
    let counts_people = counts_members || tenant.user_statistics.is_some();
    if measured.people.is_none() && counts_people {
        sentences.push(format!("{ASSUMED_PEOPLE} people in each department"));
    }
    if counts_members {
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
            "about {series} series are more than series_limit ({}); baselines and what is \
             judged will be left out, then product versions",
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
