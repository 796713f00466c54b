//! Facts about days off of companies of every size. Columns are days; day 0 is a Saturday.

use crate::scenario::{DAILY, Scenario, facts, of_department};

const DROP: &str = "FeishuDepartmentActivityDrop";

/// What a department has on the days of three weeks of which the second working week is off.
/// `usual` has neither its working days nor, in what people did, its weekend.
fn festival(
    scenario: Scenario,
    department: (&'static str, &'static str),
    values: [i32; 3],
) -> Scenario {
    let [working, weekend, off] = values;
    let columns = |on_holiday: &str, on_its_weekend: i32| {
        let value = |day| match day {
            9..=13 => on_holiday.to_owned(),
            14 | 15 => on_its_weekend.to_string(),
            day if day % 7 < 2 => weekend.to_string(),
            _ => working.to_string(),
        };
        (0..18).map(value).collect::<Vec<_>>().join(" ")
    };
    let days = (0..18).map(|day| day.to_string()).collect::<Vec<_>>().join(" ");
    scenario.department(department.0, department.1, &days).figure(
        "suite_dau",
        &columns(&off.to_string(), off),
        &columns("_", weekend),
    )
}

/// Four departments that are too few and too small to be a company, by what people did in each.
fn small(values: [&str; 4]) -> Scenario {
    let names = [("od-1", "Shop"), ("od-2", "Office"), ("od-3", "Cellar"), ("od-4", "Attic")];
    names.into_iter().zip(values).fold(Scenario::days(3), |scenario, ((id, name), values)| {
        let usual = values.split(' ').next().unwrap();
        scenario.department(id, name, DAILY).figure("suite_dau", values, usual)
    })
}

facts! {
    on_the_weekend_of_a_long_holiday_of_the_calendar_nobody_is_alone =
        // Seven days without a baseline or a department beside it: those who work shifts on weekends
        // are the only ones that are judged.
        [
            (("od-1", "Support"), [200, 60, 22]),
            (("od-2", "R&D"), [300, 9, 2]),
            (("od-3", "Sales"), [120, 8, 1]),
            (("od-4", "Legal"), [40, 3, 0]),
        ]
        .into_iter()
        .fold(Scenario::days(18), |scenario, (department, values)| festival(scenario, department, values))
        .spares(DROP);

    a_day_off_of_a_tenant_that_is_no_company_alerts_nobody =
        // Two departments are judged; nobody works in any, and the calendar does not know why.
        small(["30 1 30", "40 2 40", "18 0 18", "15 1 15"])
            .figure("emails_sent", "900 90 900", "900")
            .spares(DROP);

    where_there_is_no_company_nothing_is_said_about_one =
        small(["30 1 30", "40 39 40", "18 0 18", "15 12 15"])
            .fires([1], DROP, &of_department("od-1", "Shop", "suite"))
            .says(
                DROP,
                "Shop: suite at 3.333% of the usual",
                "Shop (od-1) of tenant acme, geo local, had 1 active users of suite on 2024-10-06; \
                 30 are usual on this weekday.",
            );
}
