//! Facts about departments that vanish where there are several exporters. Columns are hours.

use crate::scenario::{Scenario, facts, labelled, of_its_data};

const VANISHED: &str = "FeishuDepartmentVanished";
const RELOAD: &str = "feishu_exporter_config_last_reload_success_timestamp_seconds";

/// A value for a day and two hours, then another, hour by hour.
fn then(before: &str, after: &str) -> String {
    format!("{}{}", format!("{before} ").repeat(26), format!("{after} ").repeat(6))
}

/// R&D of one exporter, served for a day and two hours, and Sales of another.
fn of_two_exporters() -> Scenario {
    let day = "feishu_department_statistics_day_timestamp_seconds";
    let of = |department: &str, instance: &str| {
        let place = "tenant=acme,geo=local,job=feishu";
        labelled(day, &format!("{place},{department},instance={instance}"))
    };
    Scenario::every("1h", 32)
        .series(&of("department_id=od-1,department=R&D", "a"), &then("1728057600", "_"))
        .series(&of("department_id=od-2,department=Sales", "b"), &then("1728057600", "1728057600"))
}

fn of(name: &str, instance: &str) -> String {
    labelled(name, &format!("job=feishu,instance={instance}"))
}

facts! {
    an_exporter_that_reads_its_configuration_hides_nothing_of_another =
        of_two_exporters()
            .series(&of(RELOAD, "a"), "0")
            .series(&of(RELOAD, "b"), &then("0", "93600"))
            .fires(27..32, VANISHED, &of_its_data("od-1", "R&D"));

    what_an_exporter_was_told_to_leave_alerts_nobody =
        of_two_exporters()
            .series(&of(RELOAD, "a"), &then("0", "93600"))
            .series(&of(RELOAD, "b"), "0")
            .spares(VANISHED);

    an_exporter_that_another_took_the_place_of_alerts_nobody =
        of_two_exporters()
            .series(&of(RELOAD, "a"), &then("0", "_"))
            .series(&of(RELOAD, "b"), "0")
            .series(&of(RELOAD, "c"), &then("_", "93600"))
            .spares(VANISHED);

    the_departments_of_an_exporter_that_is_down_have_not_vanished =
        of_two_exporters()
            .series(&of("up", "a"), &then("1", "0"))
            .series(&of(RELOAD, "a"), &then("0", "_"))
            .series(&of(RELOAD, "b"), "0")
            .fires(27..32, "FeishuExporterDown", "job=\"feishu\",instance=\"a\"")
            .spares(VANISHED);
}
