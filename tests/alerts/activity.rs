//! Facts about the alerts on what people do, which the exporter judges. Columns are days, where not
//! said otherwise; day 0 is a Saturday.

use crate::scenario::{DAILY, Scenario, facts, labelled, of_company, of_department};

const DROP: &str = "FeishuDepartmentActivityDrop";
const SEVERE: &str = "FeishuDepartmentActivityDropSevere";
const SLOW: &str = "FeishuDepartmentSlowDecline";
const PART: &str = "FeishuCompanyPartDrop";
const COMPANY: &str = "FeishuCompanyActivityDrop";
const PRODUCT: &str = "FeishuProductFailing";
const BEHIND: &str = "FeishuExporterBehind";

const DAY: &str = "feishu_department_statistics_day_timestamp_seconds";
const DROP_DAYS: &str = "feishu_department_activity_drop_length";
const FELL: &str = "feishu_company_activity_fell";
const TOGETHER: &str = "feishu_company_departments_fallen_together";

/// A department that the exporter judges in a product, and finds well.
fn well(scenario: Scenario) -> Scenario {
    scenario.department("od-2", "Sales", DAILY).of_product("activity_drop_length", "im", "0")
}

/// What a further exporter says of R&D and of its company.
fn of_replica(instance: &str, name: &str, product: bool) -> String {
    let department = "department_id=od-1,department=R&D";
    match (name, product) {
        (FELL | TOGETHER, _) => {
            labelled(name, &format!("tenant=acme,geo=local,instance={instance},product=suite"))
        }
        (_, true) => labelled(
            name,
            &format!("tenant=acme,geo=local,{department},instance={instance},product=im"),
        ),
        _ => labelled(name, &format!("tenant=acme,geo=local,{department},instance={instance}")),
    }
}

/// What is said of the company acme, local, and a product.
fn company(name: &str, product: &str) -> String {
    labelled(name, &format!("tenant=acme,geo=local,product={product}"))
}

facts! {
    a_department_that_fell_alerts_by_name_and_is_critical_on_the_third_day =
        well(Scenario::days(6))
            .department("od-1", "R&D", DAILY)
            .of_product("activity_drop_length", "im", "0 1 2 3 4 0")
            .of_product("activity_drop_ratio", "im", "_ 0.404 0.45 0.421 0.55 _")
            .of_product("activity_drop_missing", "im", "_ 59.7 55 57.8 45 _")
            .of_product("activity_expected", "im", "100 100.2 101 99.6 100 100")
            .fires([1, 2, 3, 4], DROP, &of_department("od-1", "R&D", "im"))
            .fires([3], SEVERE, &of_department("od-1", "R&D", "im"))
            .says(
                DROP,
                "R&D: messages below what could be expected",
                "R&D (od-1) of tenant acme, geo local, has 40% of the messages that could be \
                 expected, over 1 day of data up to 2024-10-06 (expected on the last: 100 active \
                 users). What moves the whole company is taken out.",
            )
            .says(
                SEVERE,
                "R&D: messages far below what could be expected, day 3",
                "R&D (od-1) of tenant acme, geo local, has 42% of the messages that could be \
                 expected, over 3 days of data up to 2024-10-08; 58 active users a day are missing.",
            );

    emails_are_called_emails =
        Scenario::days(2)
            .department("od-1", "R&D", DAILY)
            .of_product("activity_drop_length", "email", "0 2")
            .of_product("activity_drop_ratio", "email", "_ 0.2")
            .of_product("activity_expected", "email", "900")
            .fires([1], DROP, &of_department("od-1", "R&D", "email"))
            .says(
                DROP,
                "R&D: emails below what could be expected",
                "R&D (od-1) of tenant acme, geo local, has 20% of the emails that could be \
                 expected, over 2 days of data up to 2024-10-06 (expected on the last: 900 emails). \
                 What moves the whole company is taken out.",
            );

    three_hundred_people_who_are_missing_are_severe_on_the_first_day =
        Scenario::days(3)
            .department("od-1", "R&D", DAILY)
            .of_product("activity_drop_length", "vc", "1 2 3")
            .of_product("activity_drop_ratio", "vc", "0.6")
            .of_product("activity_drop_missing", "vc", "320 301 299")
            .fires(0..3, DROP, &of_department("od-1", "R&D", "vc"))
            .fires(0..2, SEVERE, &of_department("od-1", "R&D", "vc"));

    two_of_four_people_are_not_severe =
        Scenario::days(4)
            .department("od-1", "R&D", DAILY)
            .of_product("activity_drop_length", "im", "1 2 3 4")
            .of_product("activity_drop_ratio", "im", "0.3")
            .of_product("activity_drop_missing", "im", "3")
            .fires(0..4, DROP, &of_department("od-1", "R&D", "im"))
            .spares(SEVERE);

    a_drop_that_leaves_more_than_half_is_no_critical_one =
        well(Scenario::days(5))
            .department("od-1", "R&D", DAILY)
            .of_product("activity_drop_length", "suite", "0 3 4 9 0")
            .of_product("activity_drop_ratio", "suite", "_ 0.7 0.6 0.51 _")
            .fires([1, 2, 3], DROP, &of_department("od-1", "R&D", "suite"))
            .spares(SEVERE);

    who_does_what_could_be_expected_alerts_nobody =
        well(Scenario::days(3))
            .series(&company(FELL, "suite"), "0")
            .series(&company(FELL, "im"), "0")
            .series(&company(TOGETHER, "im"), "0")
            .spares(DROP)
            .spares(SEVERE)
            .spares(SLOW)
            .spares(PART)
            .spares(COMPANY)
            .spares(PRODUCT);

    what_is_not_judged_alerts_nobody =
        // A new department, or an exporter that does not judge.
        Scenario::days(3)
            .department("od-1", "R&D", DAILY)
            .figure("im_dau", "100 5 3", "100")
            .spares(DROP)
            .spares(COMPANY);

    a_judgement_that_is_gone_counts_for_two_hours =
        Scenario::every("50m", 7)
            .department("od-1", "R&D", "0")
            .of_product("activity_drop_length", "im", "2 2 2 _ _ _ _")
            .fires(0..5, DROP, &of_department("od-1", "R&D", "im"));

    a_restart_ends_no_drop_and_a_good_day_does_at_once =
        Scenario::every("30m", 8)
            .department("od-1", "R&D", "0 0 _ _ 0 0 1 1")
            .of_product("activity_drop_length", "im", "2 2 _ _ 2 2 0 0")
            .series(&company(FELL, "suite"), "1 1 _ _ 1 1 0 0")
            .series(&company(TOGETHER, "im"), "6 6 _ _ 6 6 0 0")
            .fires(0..6, DROP, &of_department("od-1", "R&D", "im"))
            .fires(0..6, COMPANY, &of_company("suite"))
            .fires(0..6, PART, &of_company("im"));

    a_renamed_department_goes_on_under_its_new_name_alone =
        Scenario::every("30m", 6)
            .department("od-1", "R&D", "0 0 0 _ _ _")
            .of_product("activity_drop_length", "im", "3 3 3 _ _ _")
            .of_product("activity_drop_ratio", "im", "0.3 0.3 0.3 _ _ _")
            .of_product("activity_drop_missing", "im", "70 70 70 _ _ _")
            .of_product("activity_decline_ratio", "suite", "0.6 0.6 0.6 _ _ _")
            .department("od-1", "Engineering", "_ _ _ 1 1 1")
            .of_product("activity_drop_length", "im", "_ _ _ 4 4 4")
            .of_product("activity_drop_ratio", "im", "_ _ _ 0.3 0.3 0.3")
            .of_product("activity_drop_missing", "im", "_ _ _ 70 70 70")
            .of_product("activity_decline_ratio", "suite", "_ _ _ 0.6 0.6 0.6")
            .fires(0..3, DROP, &of_department("od-1", "R&D", "im"))
            .fires(0..3, SEVERE, &of_department("od-1", "R&D", "im"))
            .fires(0..3, SLOW, &of_department("od-1", "R&D", "suite"))
            .fires(3..6, DROP, &of_department("od-1", "Engineering", "im"))
            .fires(3..6, SEVERE, &of_department("od-1", "Engineering", "im"))
            .fires(3..6, SLOW, &of_department("od-1", "Engineering", "suite"));

    a_slow_decline_is_told_with_what_is_left =
        well(Scenario::days(4))
            .department("od-1", "R&D", DAILY)
            .of_product("activity_drop_length", "docs", "0")
            .of_product("activity_decline_ratio", "docs", "_ 0.762 0.75 _")
            .fires([1, 2], SLOW, &of_department("od-1", "R&D", "docs"))
            .spares(DROP)
            .says(
                SLOW,
                "R&D: documents in slow decline",
                "R&D (od-1) of tenant acme, geo local, has 76% of the documents usual \
                 two to three months ago, over ten days of data. What moves the whole company is \
                 taken out.",
            );

    a_part_of_the_company_is_one_alert =
        well(Scenario::days(3))
            .series(&company(TOGETHER, "suite"), "0 23 0")
            .series(&company(TOGETHER, "im"), "0 20 0")
            .series(&company("feishu_company_departments_judged", "suite"), "120 118 120")
            .fires([1], PART, &of_company("suite"))
            .spares(DROP)
            .spares(COMPANY)
            .says(
                PART,
                "Tenant acme: use of the suite fell in 23 departments at once",
                "On one day 23 departments of tenant acme, geo local, fell in use of the suite, of 118 that \
                 were judged: a storm, an office that is closed, a network that fails. That day is \
                 held against none of them.",
            );

    the_whole_company_is_one_alert =
        well(Scenario::days(4))
            .series(&company(FELL, "suite"), "0 1 1 0")
            .series(&company("feishu_company_activity_ratio", "suite"), "1 0.071 0.6 0.98")
            .fires([1, 2], COMPANY, &of_company("suite"))
            .spares(PRODUCT)
            .spares(DROP)
            .says(
                COMPANY,
                "Tenant acme: the whole company fell below half of the usual",
                "Half of the departments of tenant acme, geo local, fell below half of their usual \
                 activity and are not back at 70%; the middle of them is at 7%. If that was a \
                 holiday, put it into the calendar of the tenant's configuration.",
            );

    meetings_near_zero_in_a_busy_company_are_a_product_that_fails =
        well(Scenario::days(3))
            .series(&company(FELL, "suite"), "0")
            .series(&company(FELL, "vc"), "0 1 0")
            .series(&company("feishu_company_activity_ratio", "vc"), "1 0.031 1")
            .fires([1], PRODUCT, &of_company("vc"))
            .spares(COMPANY)
            .says(
                PRODUCT,
                "Tenant acme: meetings below half of the usual in the whole company",
                "Half of the departments of tenant acme, geo local, fell below half of their usual \
                 meetings and are not back at 70%; the middle of them is at 3%. The suite goes on.",
            );

    a_stuck_exporter_hides_no_drop_and_is_named =
        Scenario::days(4)
            .series(&of_replica("a", DAY, false), "1728057600 1728144000 1728230400 1728316800")
            .series(&of_replica("a", DROP_DAYS, true), "0 1 2 3")
            .series(&of_replica("a", FELL, true), "0 1 1 0")
            .series(&of_replica("a", TOGETHER, true), "0 0 7 0")
            .series(&of_replica("b", DAY, false), "1728057600")
            .series(&of_replica("b", DROP_DAYS, true), "0")
            .series(&of_replica("b", FELL, true), "0")
            .series(&of_replica("b", TOGETHER, true), "0")
            .fires([1, 2, 3], DROP, &of_department("od-1", "R&D", "im"))
            .fires([1, 2], COMPANY, &of_company("suite"))
            .fires([2], PART, &of_company("suite"))
            .fires([2, 3], BEHIND, "tenant=\"acme\",geo=\"local\",instance=\"b\"")
            .says(
                BEHIND,
                "Exporter b serves old days of tenant acme",
                "For six hours b has served older days than another exporter for 1 department of \
                 tenant acme, geo local. Alerts go by the newer ones.",
            );

    a_stuck_exporter_keeps_no_drop_that_is_over =
        Scenario::days(3)
            .series(&of_replica("a", DAY, false), "1728057600 1728144000 1728230400")
            .series(&of_replica("a", DROP_DAYS, true), "4 0 0")
            .series(&of_replica("a", FELL, true), "1 0 0")
            .series(&of_replica("b", DAY, false), "1728057600")
            .series(&of_replica("b", DROP_DAYS, true), "4")
            .series(&of_replica("b", FELL, true), "1")
            .fires([0], DROP, &of_department("od-1", "R&D", "im"))
            .fires([0], COMPANY, &of_company("suite"))
            .fires([2], BEHIND, "tenant=\"acme\",geo=\"local\",instance=\"b\"");

    two_exporters_that_agree_are_one =
        Scenario::days(3)
            .series(&of_replica("a", DAY, false), "1728057600 1728144000 1728230400")
            .series(&of_replica("a", DROP_DAYS, true), "0 1 0")
            .series(&of_replica("b", DAY, false), "1728057600 1728144000 1728230400")
            .series(&of_replica("b", DROP_DAYS, true), "0 1 0")
            .fires([1], DROP, &of_department("od-1", "R&D", "im"))
            .spares(BEHIND);

    departments_that_serve_different_days_are_each_told_of_their_own =
        well(Scenario::days(4))
            .department("od-1", "R&D", "0 1 1 3")
            .of_product("activity_drop_length", "im", "0 1 1 0")
            .fires([1, 2], DROP, &of_department("od-1", "R&D", "im"));

    tenants_and_geos_are_told_apart =
        Scenario::days(2)
            .of("acme", "sg")
            .department("od-1", "R&D", DAILY)
            .of_product("activity_drop_length", "suite", "0 0")
            .of("beta", "local")
            .department("od-1", "R&D", DAILY)
            .of_product("activity_drop_length", "suite", "0 1")
            .series(&labelled(FELL, "tenant=acme,geo=sg,product=suite"), "0 1")
            .series(&labelled(FELL, "tenant=beta,geo=local,product=suite"), "0 0")
            .fires([1], COMPANY, "tenant=\"acme\",geo=\"sg\",product=\"suite\"")
            .fires(
                [1],
                DROP,
                "tenant=\"beta\",geo=\"local\",department_id=\"od-1\",department=\"R&D\",product=\"suite\"",
            );

    an_exporter_or_prometheus_that_was_away_fires_nothing =
        Scenario::days(6)
            .department("od-1", "R&D", "0 1 _ _ 4 5")
            .of_product("activity_drop_length", "im", "0 0 _ _ 0 0")
            .series(&labelled("feishu_exporter_build_info", "job=feishu,instance=a,version=1"), "1 1 _ _ 1 1")
            .series(&labelled("up", "job=feishu,instance=a"), "1 1 _ _ 1 1")
            .fires([3], "FeishuExporterAbsent", "")
            .spares(DROP)
            .spares(COMPANY);
}
