//! Facts about the alerts on data, collection and exporter.

use crate::scenario::{DAILY, Scenario, facts, labelled, of_its_data};

const LATE: &str = "FeishuDataLate";
const STALE: &str = "FeishuDataStale";
const MISSING: &str = "FeishuDataMissing";
const DEPARTMENT_STALE: &str = "FeishuDepartmentDataStale";
const VANISHED: &str = "FeishuDepartmentVanished";
const FAILING: &str = "FeishuCollectionFailing";
const CREDENTIALS: &str = "FeishuCredentialsRefused";
const PERMISSION: &str = "FeishuPermissionMissing";
const THROTTLED: &str = "FeishuThrottled";
const EXHAUSTED: &str = "FeishuQuotaExhausted";
const RUNNING_OUT: &str = "FeishuQuotaRunningOut";
const DOWN: &str = "FeishuExporterDown";
const ABSENT: &str = "FeishuExporterAbsent";
const LIMIT: &str = "FeishuSeriesLimitReached";
const STORE: &str = "FeishuStoreDown";
const RELOAD: &str = "FeishuConfigReloadFailed";

const OF_ACME: &str = "tenant=\"acme\"";
const OF_ACME_LOCAL: &str = "tenant=\"acme\",geo=\"local\"";
const OF_EXPORTER: &str = "job=\"feishu\",instance=\"exporter:10917\"";

/// The days served, hour by hour, by the hours at which they arrive.
fn arriving(hours: usize, arrivals: &[(i32, usize)]) -> String {
    let served = (0..hours).map(|hour| {
        let mut come = arrivals.iter().filter(|(_, arrival)| *arrival <= hour);
        come.next_back().map_or_else(|| "-1".to_owned(), |(day, _)| day.to_string())
    });
    served.collect::<Vec<_>>().join(" ")
}

/// Two departments of acme that are there.
fn beside(scenario: Scenario) -> Scenario {
    scenario.department("od-2", "Sales", DAILY).department("od-3", "Support", DAILY)
}

/// A department that is served for a day and two hours, then no more, hour by hour.
fn vanishing() -> Scenario {
    Scenario::every("1h", 32)
        .department("od-1", "R&D", &format!("{}{}", "0 ".repeat(26), "_ ".repeat(6)))
        .department("od-2", "Sales", &"0 ".repeat(32))
}

facts! {
    figures_that_come_in_time_alert_nobody =
        Scenario::every("1h", 90)
            .by_the_clock()
            // At half past nine, and once a little later.
            .department("od-1", "R&D", &arriving(90, &[(0, 34), (1, 60), (2, 82)]))
            .spares(LATE)
            .spares(STALE);

    figures_that_are_late_alert_until_they_come =
        Scenario::every("1h", 70)
            .by_the_clock()
            .department("od-1", "R&D", &arriving(70, &[(0, 34), (1, 66)]))
            .fires(62..66, LATE, OF_ACME_LOCAL)
            .says(
                LATE,
                "Tenant acme: figures of yesterday are late",
                "The figures of most departments of tenant acme, geo local, are about a day that began 2d 14h 0m \
                 0s ago; the next day is due after 57.5 hours. Until it is there, that day is \
                 served and judged.",
            );

    one_late_department_is_not_a_late_tenant =
        Scenario::every("1h", 70)
            .by_the_clock()
            .department("od-1", "R&D", &arriving(70, &[(0, 34)]))
            .department("od-2", "Sales", &arriving(70, &[(0, 34), (1, 58)]))
            .spares(LATE);

    one_department_in_time_does_not_hide_that_the_others_are_late =
        Scenario::every("1h", 70)
            .by_the_clock()
            .department("od-1", "R&D", &arriving(70, &[(0, 34)]))
            .department("od-2", "Sales", &arriving(70, &[(0, 34)]))
            .department("od-3", "Legal", &arriving(70, &[(0, 34), (1, 58)]))
            .fires(62..70, LATE, OF_ACME_LOCAL);

    figures_that_stay_away_for_days_are_stale =
        Scenario::every("1h", 113)
            .by_the_clock()
            .department("od-1", "R&D", &arriving(113, &[(0, 34)]))
            .fires(62..113, LATE, OF_ACME_LOCAL)
            .fires(110..113, STALE, OF_ACME_LOCAL)
            .says(
                STALE,
                "Tenant acme: no new figures for days",
                "The figures of most departments of tenant acme, geo local, are about a day that began 4d 14h 0m \
                 0s ago: three days are missing. After collection.max_age (14 days) they are no \
                 longer served.",
            );

    a_tenant_without_any_figures_alerts_after_two_hours =
        Scenario::every("30m", 6)
            .series(&labelled("feishu_exporter_departments", "tenant=acme,state=configured"), "12")
            .series(&labelled("feishu_exporter_departments", "tenant=acme,state=with_data"), "0")
            .fires(4..6, MISSING, OF_ACME)
            .says(
                MISSING,
                "Tenant acme: no department has figures",
                "For two hours no department of tenant acme has had any figures, of 12 that are \
                 asked for.",
            );

    an_exporter_that_has_just_started_is_given_time =
        Scenario::every("30m", 6)
            .series(&labelled("feishu_exporter_departments", "tenant=acme,state=configured"), "12")
            .series(&labelled("feishu_exporter_departments", "tenant=acme,state=with_data"), "0 0 0 3 12 12")
            .series(&labelled("feishu_exporter_departments", "tenant=empty,state=configured"), "0")
            .series(&labelled("feishu_exporter_departments", "tenant=empty,state=with_data"), "0")
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=departments"), "0 0 0 1 1 1")
            .spares(MISSING)
            .spares(FAILING);

    a_department_three_days_behind_the_others_alerts_by_name =
        beside(Scenario::days(6))
            .department("od-1", "R&D", "0 1 1 1 1 1")
            .fires([5], DEPARTMENT_STALE, &of_its_data("od-1", "R&D"))
            .says(
                DEPARTMENT_STALE,
                "R&D: figures stand 4 days behind",
                "R&D (od-1) of tenant acme, geo local, serves figures that are 4 days older than \
                 those of the newest department.",
            );

    a_department_two_days_behind_and_a_whole_tenant_behind_do_not =
        beside(Scenario::days(6))
            .department("od-1", "R&D", "0 0 0 2 2 4")
            .of("beta", "local")
            .department("od-1", "R&D", "0 0 0 0 0 0")
            .department("od-2", "Sales", "0 0 0 0 0 0")
            .spares(DEPARTMENT_STALE);

    a_department_that_is_asked_for_and_served_no_more_alerts_by_name =
        vanishing()
            .series(&labelled("feishu_exporter_department_up", "tenant=acme,geo=local,department_id=od-1"), "1")
            .series("feishu_exporter_config_last_reload_success_timestamp_seconds", "80000")
            .fires(27..32, VANISHED, &of_its_data("od-1", "R&D"))
            .says(
                VANISHED,
                "R&D: no figures any more",
                "R&D (od-1) of tenant acme, geo local, had figures a day ago and has none now, \
                 while other departments have. The last were about the day that began at \
                 2024-10-04 16:00 UTC.",
            );

    a_department_that_discovery_finds_no_more_alerts_as_well =
        vanishing()
            .series("feishu_exporter_config_last_reload_success_timestamp_seconds", "0")
            .fires(27..32, VANISHED, &of_its_data("od-1", "R&D"));

    the_last_department_of_a_geo_alerts_as_well =
        Scenario::every("1h", 32)
            .of("acme", "sg")
            .department("od-1", "R&D", &format!("{}{}", "0 ".repeat(26), "_ ".repeat(6)))
            .of("acme", "jp")
            .department("od-2", "Sales", &"0 ".repeat(32))
            .fires(27..32, VANISHED, &of_its_data("od-1", "R&D").replace("local", "sg"));

    a_department_taken_off_the_configuration_alerts_nobody =
        vanishing()
            .series(&labelled("feishu_exporter_department_up", "tenant=acme,geo=local,department_id=od-1"), &format!("{}{}", "1 ".repeat(26), "_ ".repeat(6)))
            .series("feishu_exporter_config_last_reload_success_timestamp_seconds", &format!("{}{}", "0 ".repeat(26), "93600 ".repeat(6)))
            .spares(VANISHED);

    a_restart_after_which_all_departments_come_back_alerts_nobody =
        Scenario::every("10m", 12)
            .department("od-1", "R&D", "0 0 0 _ _ 0 0 0 0 0 0 0")
            .department("od-2", "Sales", "0 0 0 _ 0 0 0 0 0 0 0 0")
            .spares(VANISHED);

    a_collection_that_fails_for_three_hours_alerts_by_source =
        Scenario::every("1h", 6)
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=contact"), "1 0 0 0 0 0")
            .series(&labelled("feishu_exporter_departments", "tenant=acme,state=failed"), "0")
            .fires(4..6, FAILING, "tenant=\"acme\",source=\"contact\"")
            .says(
                FAILING,
                "Tenant acme: collecting contact fails",
                "For three hours no collection of contact of tenant acme has succeeded as a whole; 0 \
                 departments failed at their last request for statistics. What was collected before \
                 is still served.",
            );

    a_collection_that_fails_now_and_then_does_not =
        Scenario::every("1h", 8)
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=departments"), "1 0 0 1 0 0 1 0")
            .spares(FAILING);

    credentials_that_are_refused_from_the_first_second_alert =
        Scenario::every("10m", 4)
            .series(&labelled("feishu_up", "tenant=acme"), "0")
            .series(&failures("tenant_access_token", "credentials"), "1 1 2 2")
            .series(&labelled("feishu_exporter_departments", "tenant=acme,state=configured"), "12")
            .fires(1..4, CREDENTIALS, OF_ACME)
            .says(
                CREDENTIALS,
                "Tenant acme: Feishu refuses the credentials",
                "Feishu refuses app_id or app_secret of tenant acme (1 refused request in the last \
                 day). Nothing is collected until they are corrected.",
            );

    credentials_that_are_refused_later_alert =
        Scenario::every("10m", 5)
            .series(&labelled("feishu_up", "tenant=acme"), "1 1 0 0 0")
            .series(&failures("tenant_access_token", "credentials"), "0 0 1 1 1")
            .fires(3..5, CREDENTIALS, OF_ACME);

    a_network_that_fails_and_credentials_that_are_mended_are_no_refusal =
        Scenario::every("10m", 5)
            .series(&labelled("feishu_up", "tenant=acme"), "0")
            .series(&failures("tenant_access_token", "credentials"), "0")
            .series(&failures("tenant_access_token", "network"), "1 2 3 4 5")
            .series(&labelled("feishu_up", "tenant=beta"), "0 1 1 1 1")
            .series(&labelled("feishu_exporter_api_failures_total", "tenant=beta,endpoint=tenant_access_token,class=credentials"), "1")
            .spares(CREDENTIALS);

    what_was_refused_and_mended_is_not_told_when_the_network_fails =
        Scenario::every("10m", 12)
            .series(&labelled("feishu_up", "tenant=acme"), "0 0 1 1 1 1 1 0 0 0 0 0")
            .series(&failures("tenant_access_token", "credentials"), "1 2 2 2 2 2 2 2 2 2 3 3")
            .series(&failures("admin_dept_stats", "quota"), "1 2 2 2 2 2 2 2 2 2 2 2")
            .series(&failures("tenant_access_token", "network"), "0 0 0 0 0 0 0 1 2 3 4 5")
            .fires([1, 11], CREDENTIALS, OF_ACME)
            .fires([1], EXHAUSTED, OF_ACME);

    a_missing_permission_alerts_by_endpoint =
        Scenario::every("10m", 5)
            .series(&labelled("feishu_up", "tenant=acme"), "1")
            .series(&failures("admin_dept_stats", "permission"), "2")
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=departments"), "0")
            .series(&labelled("feishu_exporter_department_up", "tenant=acme,geo=local,department_id=od-1"), "1")
            .series(&labelled("feishu_exporter_department_up", "tenant=acme,geo=local,department_id=od-2"), "0")
            .fires(2..5, PERMISSION, "tenant=\"acme\",endpoint=\"admin_dept_stats\",source=\"departments\"")
            .says(
                PERMISSION,
                "Tenant acme: the permission for admin_dept_stats is missing",
                "Feishu refuses admin_dept_stats to the app of tenant acme for want of a scope or of \
                 data permission; 1 departments fail. feishu-exporter doctor names the permission.",
            );

    every_source_has_its_endpoint =
        Scenario::every("10m", 4)
            .series(&failures("admin_user_stats", "permission"), "1")
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=users"), "0")
            .series(&failures("users_find_by_department", "permission"), "1")
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=members"), "0")
            .series(&failures("departments_batch", "permission"), "1")
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=contact"), "0")
            .series(&failures("departments_filter", "permission"), "1")
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=directory"), "0")
            .fires(2..4, PERMISSION, "tenant=\"acme\",endpoint=\"admin_user_stats\",source=\"users\"")
            .fires(2..4, PERMISSION, "tenant=\"acme\",endpoint=\"users_find_by_department\",source=\"members\"")
            .fires(2..4, PERMISSION, "tenant=\"acme\",endpoint=\"departments_batch\",source=\"contact\"")
            .fires(2..4, PERMISSION, "tenant=\"acme\",endpoint=\"departments_filter\",source=\"directory\"");

    a_permission_that_was_granted_is_missing_no_more =
        Scenario::every("10m", 5)
            .series(&failures("admin_dept_stats", "permission"), "2")
            .series(&labelled("feishu_exporter_collection_success", "tenant=acme,source=departments"), "0 1 1 1 1")
            .spares(PERMISSION);

    throttling_of_more_than_a_tenth_of_the_requests_alerts =
        Scenario::every("10m", 10)
            .series(&labelled("feishu_exporter_api_requests_total", "tenant=acme,endpoint=admin_dept_stats"), &growing(10, 50))
            .series(&failures("admin_dept_stats", "throttled"), &growing(10, 10))
            .fires(4..10, THROTTLED, OF_ACME)
            .says(
                THROTTLED,
                "Tenant acme: Feishu throttles the exporter",
                "Feishu refused 40 requests of tenant acme within an hour because they came too \
                 fast, more than a tenth of all.",
            );

    throttling_of_some_requests_does_not =
        Scenario::every("10m", 10)
            .series(&labelled("feishu_exporter_api_requests_total", "tenant=acme,endpoint=admin_dept_stats"), &growing(10, 500))
            .series(&failures("admin_dept_stats", "throttled"), &growing(10, 10))
            .series(&labelled("feishu_exporter_api_requests_total", "tenant=beta,endpoint=admin_dept_stats"), &growing(10, 1))
            .series(&labelled("feishu_exporter_api_failures_total", "tenant=beta,endpoint=admin_dept_stats,class=throttled"), &growing(10, 1))
            .spares(THROTTLED);

    a_budget_that_is_used_up_alerts =
        Scenario::every("5m", 4)
            .series(&labelled("feishu_exporter_api_budget_exhausted", "tenant=acme"), "0 1 1 1")
            .series(&labelled("feishu_exporter_api_requests_this_month", "tenant=acme"), "9000")
            .fires(2..4, EXHAUSTED, OF_ACME)
            .says(
                EXHAUSTED,
                "Tenant acme: no requests are left this month",
                "The month's requests of tenant acme are used up, by limits.requests_per_month or \
                 by the quota that all apps of the tenant share. The exporter itself has sent 9000. \
                 Nothing is collected until the month ends.",
            );

    a_quota_of_the_tenant_that_is_used_up_alerts_until_requests_are_accepted =
        Scenario::every("5m", 6)
            .series(&labelled("feishu_up", "tenant=acme"), "1 0 0 0 1 1")
            .series(&failures("admin_dept_stats", "quota"), "0 1 1 1 1 1")
            .series(&labelled("feishu_exporter_api_budget_exhausted", "tenant=acme"), "0")
            .fires(2..4, EXHAUSTED, OF_ACME);

    requests_that_will_not_last_are_told_in_time =
        // A thousand a day from the first of a month of 31 days.
        Scenario::every("6h", 14)
            .series(&labelled("feishu_exporter_api_requests_total", "tenant=acme,endpoint=admin_dept_stats"), &growing(14, 250))
            .series(&labelled("feishu_exporter_api_requests_this_month", "tenant=acme"), &growing(14, 250))
            .series(&labelled("feishu_exporter_api_requests_per_month_limit", "tenant=acme"), "25000")
            .series(&labelled("feishu_exporter_api_budget_exhausted", "tenant=acme"), "0")
            .fires(11..14, RUNNING_OUT, OF_ACME)
            .says(
                RUNNING_OUT,
                "Tenant acme: the monthly budget of requests will not last",
                "At the pace of the last three days tenant acme needs 114.6% of its 25000 requests of \
                 this month; 2750 are sent.",
            );

    requests_that_last_and_no_budget_at_all_alert_nobody =
        Scenario::every("6h", 14)
            .series(&labelled("feishu_exporter_api_requests_total", "tenant=acme,endpoint=admin_dept_stats"), &growing(14, 250))
            .series(&labelled("feishu_exporter_api_requests_this_month", "tenant=acme"), &growing(14, 250))
            .series(&labelled("feishu_exporter_api_requests_per_month_limit", "tenant=acme"), "33000")
            .series(&labelled("feishu_exporter_api_requests_total", "tenant=beta,endpoint=admin_dept_stats"), &growing(14, 250))
            .series(&labelled("feishu_exporter_api_requests_this_month", "tenant=beta"), &growing(14, 250))
            .series(&labelled("feishu_exporter_api_requests_per_month_limit", "tenant=beta"), "0")
            .series(&labelled("feishu_exporter_api_budget_exhausted", "tenant=acme"), "0")
            .spares(EXHAUSTED)
            .spares(RUNNING_OUT);

    an_exporter_that_is_down_alerts_after_five_minutes =
        Scenario::every("5m", 6)
            .series(&labelled("up", "job=feishu,instance=exporter:10917"), "1 0 0 0 0 0")
            .series(&labelled("feishu_exporter_build_info", "job=feishu,instance=exporter:10917"), "1 _ _ _ _ _")
            .fires(2..6, DOWN, OF_EXPORTER)
            .spares(ABSENT)
            .says(
                DOWN,
                "Exporter exporter:10917 cannot be scraped",
                "Prometheus has not been able to scrape exporter:10917 (job feishu) for five minutes.",
            );

    an_exporter_of_another_job_is_known_by_what_it_was =
        Scenario::every("5m", 6)
            .series(&labelled("up", "job=saas,instance=exporter:10917"), "1 0 0 0 0 0")
            .series(&labelled("feishu_exporter_build_info", "job=saas,instance=exporter:10917"), "1 _ _ _ _ _")
            .fires(2..6, DOWN, "job=\"saas\",instance=\"exporter:10917\"")
            .spares(ABSENT);

    an_exporter_that_stays_down_is_told_for_days =
        Scenario::every("1h", 60)
            .series(&labelled("up", "job=saas,instance=a"), &format!("1 {}", "0 ".repeat(59)))
            .series(&labelled("feishu_exporter_build_info", "job=saas,instance=a"), &format!("1 {}", "_ ".repeat(59)))
            .fires(2..60, DOWN, "job=\"saas\",instance=\"a\"")
            .spares(ABSENT);

    a_restart_and_other_targets_that_are_down_alert_nobody =
        Scenario::every("5m", 6)
            .series(&labelled("up", "job=feishu,instance=exporter:10917"), "1 0 1 1 1 1")
            .series(&labelled("feishu_exporter_build_info", "job=feishu,instance=exporter:10917"), "1 _ 1 1 1 1")
            .series(&labelled("up", "job=node,instance=elsewhere"), "0")
            .spares(DOWN);

    no_exporter_at_all_alerts =
        Scenario::every("5m", 6)
            .series(&labelled("feishu_exporter_build_info", "job=feishu,instance=exporter:10917"), "_")
            .fires(3..6, ABSENT, "")
            .says(
                ABSENT,
                "No feishu-exporter is scraped",
                "For 15 minutes no target of this Prometheus has been a feishu-exporter: the scrape \
                 configuration lacks it, or discovery does not find it.",
            );

    series_that_are_left_out_alert =
        Scenario::every("5m", 4)
            .series(&labelled("feishu_exporter_series_limit_reached", "job=feishu,instance=exporter:10917"), "0 1 1 1")
            .series(&labelled("feishu_exporter_series_limit", "job=feishu,instance=exporter:10917"), "2000000")
            .fires(2..4, LIMIT, OF_EXPORTER)
            .says(
                LIMIT,
                "Exporter exporter:10917 leaves series out",
                "exporter:10917 would publish more than 2000000 series about departments, so \
                 baselines and what is judged, then product versions, are left out. Without them no \
                 drop is noticed.",
            );

    series_within_the_limit_do_not =
        Scenario::every("5m", 4)
            .series(&labelled("feishu_exporter_series_limit_reached", "job=feishu,instance=exporter:10917"), "0")
            .spares(LIMIT);

    a_store_that_fails_alerts =
        Scenario::every("5m", 6)
            .series(&labelled("feishu_exporter_store_up", "job=feishu,instance=exporter:10917"), "1 0 0 0 0 0")
            .fires(4..6, STORE, OF_EXPORTER)
            .says(
                STORE,
                "Exporter exporter:10917 keeps no history",
                "The store of exporter:10917 fails: what was fetched lives in \
                 memory only, and a restart fetches weeks of history again before drops are noticed.",
            );

    a_store_that_comes_back_does_not =
        Scenario::every("5m", 6)
            .series(&labelled("feishu_exporter_store_up", "job=feishu,instance=exporter:10917"), "1 0 0 0 1 1")
            .spares(STORE);

    a_configuration_that_is_not_valid_alerts =
        Scenario::every("5m", 4)
            .series(&labelled("feishu_exporter_config_last_reload_successful", "job=feishu,instance=exporter:10917"), "1 0 0 0")
            .series(&labelled("feishu_exporter_config_last_reload_success_timestamp_seconds", "job=feishu,instance=exporter:10917"), "1728057600")
            .fires(2..4, RELOAD, OF_EXPORTER)
            .says(
                RELOAD,
                "Exporter exporter:10917 runs with an old configuration",
                "The configuration of exporter:10917 was not valid when it was last read; the one \
                 of 2024-10-04 16:00 UTC is in force.",
            );

    a_configuration_that_is_mended_at_once_does_not =
        Scenario::every("5m", 4)
            .series(&labelled("feishu_exporter_config_last_reload_successful", "job=feishu,instance=exporter:10917"), "1 0 1 1")
            .spares(RELOAD);
}

/// A counter of failures of acme.
fn failures(endpoint: &str, class: &str) -> String {
    let labels = format!("tenant=acme,endpoint={endpoint},class={class}");
    labelled("feishu_exporter_api_failures_total", &labels)
}

/// A counter that grows by so much with each column.
fn growing(columns: usize, by: usize) -> String {
    (0..columns).map(|column| (column * by).to_string()).collect::<Vec<_>>().join(" ")
}
