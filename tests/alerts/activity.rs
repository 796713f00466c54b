//! Facts about the alerts on what people do. Columns are days; day 0 is a Saturday.

use crate::scenario::{DAILY, Scenario, facts, labelled, of_company, of_department};

const DROP: &str = "FeishuDepartmentActivityDrop";
const FOR_DAYS: &str = "FeishuDepartmentActivityDropForDays";
const BELOW: &str = "FeishuDepartmentBelowCompany";
const COMPANY: &str = "FeishuCompanyActivityDrop";
const PRODUCT: &str = "FeishuProductFailing";

/// Two departments with a Messenger that is used as ever.
fn beside(scenario: Scenario) -> Scenario {
    scenario
        .department("od-2", "Sales", DAILY)
        .figure("im_dau", "80", "80")
        .department("od-3", "Support", DAILY)
        .figure("im_dau", "60", "60")
}

/// Every product's figure of three departments at this share of a hundred.
fn everywhere(mut scenario: Scenario, values: &str) -> Scenario {
    for (id, name) in [("od-1", "R&D"), ("od-2", "Sales"), ("od-3", "Support")] {
        scenario = scenario.department(id, name, DAILY);
        for figure in ["suite_dau", "im_dau", "docs_dau", "vc_dau"] {
            scenario = scenario.figure(figure, values, "100");
        }
    }
    scenario
}

/// Departments too small for any to be judged by itself, in which nobody meets on day 1.
fn small(departments: &[(&'static str, &'static str)]) -> Scenario {
    let mut scenario = everywhere(Scenario::days(3), "100").of("beta", "local");
    for (id, name) in departments {
        scenario = scenario
            .department(id, name, DAILY)
            .figure("suite_dau", "18", "18")
            .figure("vc_dau", "12 0 11", "12");
    }
    scenario
}

const TEN: [(&str, &str); 10] = [
    ("od-11", "A"),
    ("od-12", "B"),
    ("od-13", "C"),
    ("od-14", "D"),
    ("od-15", "E"),
    ("od-16", "F"),
    ("od-17", "G"),
    ("od-18", "H"),
    ("od-19", "I"),
    ("od-20", "J"),
];

facts! {
    a_department_that_halves_alerts_by_name_and_escalates_on_the_third_day =
        beside(Scenario::days(7))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 40 45 30 95 40 100", "100")
            .fires([1, 2, 3, 5], DROP, &of_department("od-1", "R&D", "im"))
            .fires([3], FOR_DAYS, &of_department("od-1", "R&D", "im"))
            .says(
                DROP,
                "R&D: im at 40% of the usual",
                "R&D (od-1) of tenant acme, geo local, had 40 active users of im on 2024-10-06; \
                 100 are usual on this weekday. The company as a whole was not low on that day.",
            )
            .says(
                FOR_DAYS,
                "R&D: im below half of the usual for 3 days",
                "R&D (od-1) of tenant acme, geo local, had less than half of its usual im activity \
                 on 3 days of data in a row; on the last, 2024-10-08, 30% of what is usual on this \
                 weekday. The company as a whole was not low on these days.",
            );

    each_product_drops_by_itself =
        everywhere(Scenario::days(2), "100")
            .department("od-4", "Legal", DAILY)
            .figure("suite_dau", "90 40", "90")
            .figure("docs_dau", "80 30", "80")
            .figure("vc_dau", "70 30", "70")
            .figure("emails_sent", "900 300", "900")
            .fires([1], DROP, &of_department("od-4", "Legal", "suite"))
            .fires([1], DROP, &of_department("od-4", "Legal", "docs"))
            .fires([1], DROP, &of_department("od-4", "Legal", "vc"))
            .fires([1], DROP, &of_department("od-4", "Legal", "email"));

    a_small_department_does_not_flap =
        beside(Scenario::days(4))
            .department("od-1", "Front desk", DAILY)
            .figure("suite_dau", "19 2 19 0", "19")
            .figure("im_dau", "19 2 19 0", "19")
            .figure("docs_dau", "29 2 29 0", "29")
            .figure("vc_dau", "49 2 49 0", "49")
            .figure("emails_sent", "199 2 199 0", "199")
            .spares(DROP);

    more_than_half_is_no_drop =
        beside(Scenario::days(6))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 51 100 51 51 71", "100")
            .spares(DROP)
            .spares(BELOW);

    two_days_in_a_row_and_two_more_after_a_good_one_are_not_three =
        beside(Scenario::days(7))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 40 40 90 40 40 100", "100")
            .fires([1, 2, 4, 5], DROP, &of_department("od-1", "R&D", "im"))
            .spares(FOR_DAYS);

    days_that_are_not_judged_neither_count_nor_break_the_row =
        // Thursday, Friday, a weekend on which ten people are usual, Monday.
        beside(Scenario::days(7))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 40 40 1 2 40 40", "100 100 100 10 10 100 100")
            .fires([1, 2, 5, 6], DROP, &of_department("od-1", "R&D", "im"))
            .fires([5, 6], FOR_DAYS, &of_department("od-1", "R&D", "im"));

    a_day_that_is_served_for_three_days_is_one_day =
        Scenario::days(6)
            .department("od-1", "R&D", "0 1 1 1 2 3")
            .figure("im_dau", "100 40 40 40 90 90", "100")
            .department("od-2", "Sales", "0 1 1 1 2 3")
            .figure("im_dau", "80", "80")
            .department("od-3", "Support", "0 1 1 1 2 3")
            .figure("im_dau", "60", "60")
            .fires([1, 2, 3], DROP, &of_department("od-1", "R&D", "im"))
            .spares(FOR_DAYS);

    a_lasting_loss_against_the_company_alerts_on_the_third_day =
        beside(Scenario::days(5))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 65 60 65 90", "100")
            .fires([3], BELOW, &of_department("od-1", "R&D", "im"))
            .says(
                BELOW,
                "R&D: im behind the company for 3 days",
                "R&D (od-1) of tenant acme, geo local, fell by more than 30% against the company in \
                 im on 3 days of data in a row; on the last, 2024-10-08, it had 65% of what is \
                 usual on this weekday.",
            );

    a_department_that_is_low_with_the_company_is_not_below_it =
        Scenario::days(5)
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 62 62 62 90", "100")
            .department("od-2", "Sales", DAILY)
            .figure("im_dau", "80 60 60 60 80", "80")
            .department("od-3", "Support", DAILY)
            .figure("im_dau", "100 75 75 75 100", "100")
            .spares(BELOW)
            .spares(COMPANY);

    a_department_that_worked_through_a_holiday_is_not_below_the_company_after_it =
        // The baselines of the others hold two days off of four.
        Scenario::days(6)
            .department("od-1", "Support", DAILY).figure("suite_dau", "100", "100")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "100", "53")
            .department("od-3", "R&D", DAILY).figure("suite_dau", "100", "53")
            .spares(BELOW);

    a_holiday_that_nobody_configured_is_one_alert_about_the_company =
        everywhere(Scenario::days(5), "100 7 7 8 100")
            .fires([1, 2, 3], COMPANY, &of_company("suite"))
            .spares(DROP)
            .spares(FOR_DAYS)
            .spares(PRODUCT)
            .says(
                COMPANY,
                "Tenant acme: suite at 7% of the usual in the whole company",
                "Half of the departments of tenant acme, geo local, had 7% or less of their usual \
                 suite activity on 2024-10-06 (3 departments judged). If that was a holiday, put it \
                 into the calendar of the tenant's configuration.",
            );

    a_holiday_of_the_calendar_has_no_baseline_and_alerts_nobody =
        everywhere(Scenario::days(5), "100 _ _ _ 100")
            .department("od-1", "R&D", DAILY)
            .figure("search_dau", "100 7 7 8 100", "100 _ _ _ 100")
            .department("od-4", "Legal", DAILY)
            .figure("im_dau", "100 7 7 8 100", "100 _ _ _ 100")
            .spares(COMPANY)
            .spares(DROP);

    a_weekend_alerts_nobody =
        Scenario::days(7)
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "40 38 300 310 305 300 298", "38 40 305 305 305 305 300")
            .department("od-2", "Sales", DAILY)
            .figure("im_dau", "12 9 80 80 80 80 80", "11 12 80 80 80 80 80")
            .department("od-3", "Support", DAILY)
            .figure("im_dau", "50 50 60 60 60 60 60", "50 50 60 60 60 60 60")
            .spares(DROP)
            .spares(COMPANY);

    a_product_that_few_departments_use_is_empty_on_a_holiday_as_well =
        everywhere(Scenario::days(3), "100 7 100")
            .department("od-4", "Mail room", DAILY)
            .figure("suite_dau", "60 5 60", "60")
            .figure("emails_sent", "2000 90 2000", "2000")
            .fires([1], COMPANY, &of_company("suite"))
            .spares(DROP);

    on_a_weekend_that_only_one_department_works_it_is_not_held_against_itself =
        // A weekend in a holiday that nobody configured: a third of the usual one. On the days before
        // three departments were judged, so there is a company, but it is at home.
        Scenario::days(4)
            .department("od-1", "Factory", DAILY).figure("suite_dau", "400 400 20 21", "400 400 60 60")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "100 100 2 3", "100 100 9 9")
            .department("od-3", "Legal", DAILY).figure("suite_dau", "100 100 2 3", "100 100 9 9")
            .spares(DROP);

    one_large_department_is_not_the_company =
        beside(Scenario::days(2))
            .department("od-1", "Factory", DAILY)
            .figure("im_dau", "9000 900", "9000")
            .fires([1], DROP, &of_department("od-1", "Factory", "im"))
            .spares(COMPANY);

    meetings_near_zero_in_a_busy_company_are_a_product_that_fails =
        everywhere(Scenario::days(3), "100")
            .of("beta", "local")
            .department("od-7", "R&D", DAILY).figure("suite_dau", "90", "90").figure("vc_dau", "80 2 80", "80")
            .department("od-8", "Sales", DAILY).figure("suite_dau", "90", "90").figure("vc_dau", "80 0 80", "80")
            .department("od-9", "Legal", DAILY).figure("suite_dau", "90", "90").figure("vc_dau", "80 3 80", "80")
            .fires([1], PRODUCT, "tenant=\"beta\",geo=\"local\",product=\"vc\"")
            .spares(DROP)
            .spares(COMPANY)
            .says(
                PRODUCT,
                "Tenant beta: hardly anybody uses vc",
                "Half of the departments of tenant beta, geo local, had 2.5% or less of their usual \
                 vc activity on 2024-10-06, while the suite as a whole stood at 100%.",
            );

    ten_small_departments_are_a_company =
        small(&TEN).fires([1], PRODUCT, "tenant=\"beta\",geo=\"local\",product=\"vc\"").spares(DROP);

    nine_small_departments_are_not =
        small(&TEN[1..]).spares(PRODUCT).spares(DROP);

    a_bridge_day_is_told_once_and_three_quarters_not_at_all =
        everywhere(Scenario::days(4), "100 75 60 100")
            .fires([2], COMPANY, &of_company("suite"))
            .spares(DROP)
            .spares(PRODUCT);

    a_product_at_three_quarters_is_not_told_and_at_a_fifth_does_not_fail =
        Scenario::days(3)
            .department("od-1", "R&D", DAILY).figure("suite_dau", "90", "90").figure("docs_dau", "75 20 100", "100")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "90", "90").figure("docs_dau", "76 21 100", "100")
            .department("od-3", "Legal", DAILY).figure("suite_dau", "90", "90").figure("docs_dau", "77 22 100", "100")
            .fires([1], COMPANY, &of_company("docs"))
            .spares(PRODUCT);

    one_product_at_half_is_told_for_the_company_and_for_no_department =
        Scenario::days(3)
            .department("od-1", "R&D", DAILY).figure("suite_dau", "90", "90").figure("docs_dau", "80 35 80", "80")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "90", "90").figure("docs_dau", "80 39 80", "80")
            .department("od-3", "Legal", DAILY).figure("suite_dau", "90", "90").figure("docs_dau", "80 40 80", "80")
            .fires([1], COMPANY, &of_company("docs"))
            .spares(PRODUCT)
            .spares(DROP);

    late_figures_are_held_against_their_own_day =
        // The third column still shows Sunday, when all others show Sunday as well.
        Scenario::days(5)
            .department("od-1", "R&D", "0 1 1 2 3")
            .figure("im_dau", "40 38 38 300 300", "38 40 40 300 300")
            .department("od-2", "Sales", "0 1 1 2 3")
            .figure("im_dau", "25 24 24 300 300", "25 25 25 300 300")
            .department("od-3", "Support", "0 1 1 2 3")
            .figure("im_dau", "50 50 50 60 60", "50 50 50 60 60")
            .spares(DROP)
            .spares(COMPANY);

    departments_that_serve_different_days_are_not_compared =
        // Day 1 is a holiday. Sales comes a day late, when the others have worked again.
        Scenario::days(5)
            .department("od-1", "R&D", "0 1 2 3 4").figure("suite_dau", "100 7 100 100 100", "100")
            .department("od-2", "Sales", "0 0 1 3 4").figure("suite_dau", "90 90 6 90 90", "90")
            .department("od-3", "Support", "0 1 2 3 4").figure("suite_dau", "80 5 80 80 80", "80")
            .department("od-4", "Legal", "0 1 2 3 4").figure("suite_dau", "70 5 70 70 70", "70")
            .department("od-5", "Travel", "0 1 2 3 4").figure("suite_dau", "60 4 60 60 60", "60")
            .fires([1], COMPANY, &of_company("suite"))
            .spares(DROP);

    a_drop_still_alerts_while_its_department_alone_is_late =
        beside(Scenario::days(4))
            .department("od-1", "R&D", "0 1 1 3")
            .figure("im_dau", "100 40 40 100", "100")
            .fires([1, 2], DROP, &of_department("od-1", "R&D", "im"));

    the_first_departments_of_a_day_wait_for_the_others =
        // A holiday arrives for one of five departments, then for all.
        Scenario::days(3)
            .department("od-1", "R&D", "0 1 1").figure("suite_dau", "100 7 7", "100")
            .department("od-2", "Sales", "0 0 1").figure("suite_dau", "90 90 6", "90")
            .department("od-3", "Support", "0 0 1").figure("suite_dau", "80 80 5", "80")
            .department("od-4", "Legal", "0 0 1").figure("suite_dau", "70 70 5", "70")
            .department("od-5", "Travel", "0 0 1").figure("suite_dau", "60 60 5", "60")
            .fires([2], COMPANY, &of_company("suite"))
            .spares(DROP);

    the_first_three_of_seven_departments_are_not_the_company =
        // They have a day off of their own and come first.
        Scenario::days(3)
            .department("od-1", "North", "0 1 1").figure("suite_dau", "100 60 60", "100")
            .department("od-2", "East", "0 1 1").figure("suite_dau", "100 60 60", "100")
            .department("od-3", "West", "0 1 1").figure("suite_dau", "100 60 60", "100")
            .department("od-4", "R&D", "0 0 1").figure("suite_dau", "100", "100")
            .department("od-5", "Sales", "0 0 1").figure("suite_dau", "100", "100")
            .department("od-6", "Support", "0 0 1").figure("suite_dau", "100", "100")
            .department("od-7", "Legal", "0 0 1").figure("suite_dau", "100", "100")
            .spares(COMPANY);

    on_a_holiday_nobody_is_below_the_company =
        Scenario::days(5)
            .department("od-1", "R&D", DAILY).figure("suite_dau", "100 1 1 1 100", "100")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "100 7 7 7 100", "100")
            .department("od-3", "Support", DAILY).figure("suite_dau", "100 9 9 9 100", "100")
            .fires([1, 2, 3], COMPANY, &of_company("suite"))
            .spares(BELOW);

    a_quarter_less_than_the_company_is_not_below_it =
        beside(Scenario::days(6))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 75 74 72 71 75", "100")
            .spares(BELOW);

    a_day_at_little_more_than_half_ends_a_row =
        beside(Scenario::days(6))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 40 55 40 40 100", "100")
            .fires([1, 3, 4], DROP, &of_department("od-1", "R&D", "im"))
            .fires([3, 4], BELOW, &of_department("od-1", "R&D", "im"))
            .spares(FOR_DAYS);

    two_departments_are_no_company_and_are_held_against_themselves =
        Scenario::days(2)
            .department("od-1", "R&D", DAILY).figure("suite_dau", "100 45", "100")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "90 90", "90")
            .fires([1], DROP, &of_department("od-1", "R&D", "suite"))
            .spares(COMPANY);

    a_renamed_department_keeps_its_past =
        beside(Scenario::days(6))
            .department("od-1", "R&D", "0 1 2 _ _ _")
            .figure("im_dau", "100 40 40 _ _ _", "100 100 100 _ _ _")
            .department("od-1", "Engineering", "_ _ _ 3 4 5")
            .figure("im_dau", "_ _ _ 40 100 100", "_ _ _ 100 100 100")
            .fires([1, 2], DROP, &of_department("od-1", "R&D", "im"))
            .fires([3], DROP, &of_department("od-1", "Engineering", "im"))
            .fires([3], FOR_DAYS, &of_department("od-1", "Engineering", "im"));

    a_renamed_department_that_works_as_ever_alerts_nobody =
        beside(Scenario::days(4))
            .department("od-1", "R&D", "0 1 _ _")
            .figure("im_dau", "100 100 _ _", "100 100 _ _")
            .department("od-1", "Engineering", "_ _ 2 3")
            .figure("im_dau", "_ _ 98 100", "_ _ 100 100")
            .spares(DROP)
            .spares("FeishuDepartmentVanished");

    a_new_department_without_a_past_is_not_judged =
        beside(Scenario::days(4))
            .department("od-1", "New", "_ 1 2 3")
            .figure("im_dau", "_ 100 5 3", "_ _ _ _")
            .spares(DROP);

    tenants_and_geos_are_judged_apart =
        // All of acme in Singapore has a day off; Japan and beta work, but for one department.
        Scenario::days(2)
            .of("acme", "sg")
            .department("od-1", "R&D", DAILY).figure("suite_dau", "100 5", "100")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "100 5", "100")
            .department("od-3", "Legal", DAILY).figure("suite_dau", "100 5", "100")
            .of("acme", "jp")
            .department("od-1", "R&D", DAILY).figure("suite_dau", "100 99", "100")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "100 99", "100")
            .department("od-3", "Legal", DAILY).figure("suite_dau", "100 99", "100")
            .of("beta", "local")
            .department("od-1", "R&D", DAILY).figure("suite_dau", "100 10", "100")
            .department("od-2", "Sales", DAILY).figure("suite_dau", "100 99", "100")
            .department("od-3", "Legal", DAILY).figure("suite_dau", "100 99", "100")
            .fires([1], COMPANY, "tenant=\"acme\",geo=\"sg\",product=\"suite\"")
            .fires(
                [1],
                DROP,
                "tenant=\"beta\",geo=\"local\",department_id=\"od-1\",department=\"R&D\",product=\"suite\"",
            );

    an_exporter_or_prometheus_that_was_away_fires_nothing =
        // No sample of anything for two days, in the middle of a week that holds a weekend.
        Scenario::days(6)
            .department("od-1", "R&D", "0 1 _ _ 4 5")
            .figure("im_dau", "300 20 _ _ 300 300", "300 22 _ _ 300 300")
            .department("od-2", "Sales", "0 1 _ _ 4 5")
            .figure("im_dau", "200 30 _ _ 200 200", "200 30 _ _ 200 200")
            .department("od-3", "Support", "0 1 _ _ 4 5")
            .figure("im_dau", "200 30 _ _ 200 200", "200 30 _ _ 200 200")
            .series(&labelled("feishu_exporter_build_info", "job=feishu,instance=a,version=1"), "1 1 _ _ 1 1")
            .series(&labelled("up", "job=feishu,instance=a"), "1 1 _ _ 1 1")
            .fires([3], "FeishuExporterAbsent", "")
            .spares(DROP)
            .spares(COMPANY);

    two_exporters_of_one_tenant_are_one =
        beside(Scenario::days(2))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 40", "100")
            .series(&labelled("feishu_department_statistics_day_timestamp_seconds", "tenant=acme,geo=local,department_id=od-1,department=R&D,instance=b"), "1728057600 1728144000")
            .series(&labelled("feishu_department_im_dau", "tenant=acme,geo=local,department_id=od-1,department=R&D,instance=b,product_version=all"), "100 40")
            .fires([1], DROP, &of_department("od-1", "R&D", "im"));

    product_versions_are_never_added_to_their_total =
        beside(Scenario::days(2))
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 40", "100")
            .series(&labelled("feishu_department_im_dau", "tenant=acme,geo=local,department_id=od-1,department=R&D,product_version=Business"), "100 90")
            .fires([1], DROP, &of_department("od-1", "R&D", "im"));
}
