//! Facts about days that arrive department by department. Columns are ten minutes.

use crate::scenario::{Scenario, facts, of_company, of_department};

const DROP: &str = "FeishuDepartmentActivityDrop";
const COMPANY: &str = "FeishuCompanyActivityDrop";

/// Six departments. Each serves day 1, then day 2 from the column on that stands beside its values
/// of both days; a hundred are usual.
fn six(columns: usize, departments: [(usize, i32, i32); 6]) -> Scenario {
    let names = ["North", "East", "West", "R&D", "Sales", "Legal"];
    let ids = ["od-1", "od-2", "od-3", "od-4", "od-5", "od-6"];
    let mut scenario = Scenario::every("10m", columns);
    for ((id, name), (arrival, before, after)) in ids.into_iter().zip(names).zip(departments) {
        let columns = |before: i32, after: i32| {
            let value = |column| if column < arrival { before } else { after }.to_string();
            (0..columns).map(value).collect::<Vec<_>>().join(" ")
        };
        scenario = scenario.department(id, name, &columns(1, 2)).figure(
            "suite_dau",
            &columns(before, after),
            "100",
        );
    }
    scenario
}

facts! {
    half_of_a_company_does_not_speak_for_it_while_the_others_are_on_their_way =
        // Two of the three that come first have dropped. Their alerts wait for the company.
        six(18, [(3, 100, 30), (3, 100, 30), (3, 100, 100), (12, 100, 100), (12, 100, 100), (12, 100, 100)])
            .fires(12..18, DROP, &of_department("od-1", "North", "suite"))
            .fires(12..18, DROP, &of_department("od-2", "East", "suite"))
            .spares(COMPANY);

    the_last_departments_of_a_day_do_not_speak_for_it_either =
        // Two of the three that stay behind had dropped.
        six(36, [(30, 30, 100), (30, 30, 100), (30, 100, 100), (3, 100, 100), (3, 100, 100), (3, 100, 100)])
            .fires(0..30, DROP, &of_department("od-1", "North", "suite"))
            .fires(0..30, DROP, &of_department("od-2", "East", "suite"))
            .spares(COMPANY);

    a_half_that_stays_alone_for_two_hours_is_the_company =
        six(18, [(3, 100, 7), (3, 100, 7), (3, 100, 7), (18, 100, 100), (18, 100, 100), (18, 100, 100)])
            .fires(15..18, COMPANY, &of_company("suite"))
            .spares(DROP);

    a_drop_alerts_with_the_department_that_makes_a_day_complete =
        six(8, [(3, 100, 30), (3, 100, 100), (4, 100, 100), (5, 100, 100), (5, 100, 100), (7, 100, 100)])
            .fires(5..8, DROP, &of_department("od-1", "North", "suite"))
            .spares(COMPANY);

    what_is_said_of_a_company_is_about_its_own_day =
        // Another day off is over; the first of its departments serves the next day.
        six(8, [(3, 7, 100), (8, 7, 100), (8, 7, 100), (8, 7, 100), (8, 7, 100), (8, 7, 100)])
            .fires([6, 0, 1, 2, 3, 4, 5, 7], COMPANY, &of_company("suite"))
            .spares(DROP)
            .says(
                COMPANY,
                "Tenant acme: suite at 7% of the usual in the whole company",
                "Half of the departments of tenant acme, geo local, had 7% or less of their usual \
                 suite activity on 2024-10-06 (5 departments judged). If that was a holiday, put it \
                 into the calendar of the tenant's configuration.",
            );
}
