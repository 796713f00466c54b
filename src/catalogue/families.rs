//! What is published about departments beside the figures.

use super::figures::FIGURE_LABELS;

/// A metric family that is not one of the 38 figures. All are gauges.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name of its series.
    pub name: &'static str,
    /// The labels, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// One sentence or more for people; becomes HELP as it stands.
    pub help: &'static str,
}

/// The day that a department's values belong to.
pub const DAY_TIMESTAMP: Family = Family {
    name: "feishu_department_statistics_day_timestamp_seconds",
    labels: &["tenant", "geo", "department_id", "department"],
    help: "Start of the day that the department's values belong to, in the zone of Feishu's \
           statistics, as Unix time.",
};

/// Whether the newest day served is a working day.
pub const WORKDAY: Family = Family {
    name: "feishu_calendar_workday",
    labels: &["tenant", "geo"],
    help: "Whether the newest day served is a working day, by weekday and the configured calendar: \
           1 or 0.",
};

/// The names and places of a department.
pub const DEPARTMENT_INFO: Family = Family {
    name: "feishu_department_info",
    labels: &[
        "tenant",
        "department_id",
        "department",
        "department_path",
        "parent_department_id",
        "open_department_id",
        "custom_department_id",
    ],
    help: "Names and place of a department, to join on department_id; always 1. Labels of unknown \
           value are left out.",
};

/// Every family beside the figures, in the order in which they are published.
pub const FAMILIES: [Family; 3] = [DAY_TIMESTAMP, WORKDAY, DEPARTMENT_INFO];

// The day gauge joins the figures on all labels but the version.
const _: () = assert!(DAY_TIMESTAMP.labels.len() + 1 == FIGURE_LABELS.len());
