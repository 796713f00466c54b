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

impl Family {
    /// Its type in both formats. Only a summary has the label `quantile` (Prometheus' data model).
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.labels.contains(&"quantile") { "summary" } else { "gauge" }
    }
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
           value are left out; the configuration may add labels of your own.",
};

/// Declares each family as a constant; `tenant` is the first label of all.
macro_rules! families {
    ($($constant:ident = $name:literal [$($label:literal),+] $help:literal;)+) => {
        $(
            #[doc = concat!("The family `", $name, "`.")]
            pub const $constant: Family =
                Family { name: $name, labels: &["tenant", $($label),+], help: $help };
        )+
        /// Every family of the optional sources, in the order in which they are published.
        pub const OPTIONAL_FAMILIES: &[Family] = &[$($constant),+];
    };
}

families! {
    CONTACT_MEMBERS = "feishu_department_contact_members" ["department_id"]
        "Members of the department and of those below it, its leaders included, by the contact API (member_count).";
    CONTACT_PRIMARY_MEMBERS = "feishu_department_contact_primary_members" ["department_id"]
        "Members whose primary department is this one or one below it, by the contact API (primary_member_count).";
    CONTACT_LEADERS = "feishu_department_contact_leaders" ["department_id"]
        "Leaders of the department, by the contact API.";
    DELETED = "feishu_department_deleted" ["department_id"]
        "Whether the department was deleted, by the contact API (status.is_deleted): 1 or 0.";
    DIRECT_MEMBERS = "feishu_department_direct_members" ["department_id"]
        "Members directly in the department, by the directory API; may lag behind.";
    RECURSIVE_MEMBERS = "feishu_department_recursive_members" ["department_id"]
        "Members of the department and of those below it, by the directory API; may lag behind.";
    DIRECT_DEPARTMENTS = "feishu_department_direct_departments" ["department_id"]
        "Departments directly below the department, by the directory API; may lag behind.";
    RECURSIVE_DEPARTMENTS = "feishu_department_recursive_departments" ["department_id"]
        "Departments below the department, by the directory API; may lag behind.";
    ENABLED = "feishu_department_enabled" ["department_id"]
        "Whether the department is in use, by the directory API (enabled_status): 1 or 0.";
    MEMBERS = "feishu_department_members" ["department_id", "status"]
        "People directly in the department by the state of their account, each in the first that holds of exited, resigned, frozen, not_joined, active, not_activated.";
    MEMBERS_BY_EMPLOYEE_TYPE = "feishu_department_members_by_employee_type" ["department_id", "employee_type"]
        "People directly in the department by the number of their employee type, such as 1 for regular employees.";
    USERS = "feishu_users" ["geo", "department_id"]
        "People of the department in the user statistics of the day served.";
    USERS_ACTIVE = "feishu_users_active" ["geo", "department_id", "product"]
        "People of the department who were active in the product on the day served; products overlap.";
    USERS_BY_OS = "feishu_users_by_os" ["geo", "department_id", "os"]
        "People of the department by operating system, each in every one that they use; small groups are other.";
    USERS_BY_CLIENT = "feishu_users_by_client" ["geo", "department_id", "client"]
        "People of the department by client, each in every one that they use; small groups are other.";
    USERS_INACTIVE = "feishu_users_inactive" ["geo", "department_id", "days"]
        "Activated people of the department whose last activity lies more than so many days before the day served, or who have none.";
    USERS_NEVER_ACTIVE = "feishu_users_never_active" ["geo", "department_id"]
        "Activated people of the department who were never active.";
    USERS_MEETINGS = "feishu_users_meetings" ["geo", "department_id"]
        "Meetings on the day served, summed over the people of the department (vc_num).";
    USERS_VC_DURATION = "feishu_users_vc_duration_seconds" ["geo", "department_id"]
        "Time in meetings on the day served, summed over the people of the department (vc_duration).";
    USERS_MESSAGES_SENT = "feishu_users_messages_sent" ["geo", "department_id", "quantile"]
        "Messages that a person of the department sent on the day served, by quantile of all its people (send_messenger_num).";
    USERS_MEETING_DURATION = "feishu_users_meeting_duration_seconds" ["geo", "department_id", "quantile"]
        "Time that a person of the department was in meetings on the day served, by quantile of all its people (vc_duration).";
}

/// Declares the families of the judgement; `tenant` and `geo` are the first labels of all.
macro_rules! judgement {
    ($($constant:ident = $name:literal [$($label:literal),+] $help:literal;)+) => {
        $(
            #[doc = concat!("The family `", $name, "`.")]
            pub const $constant: Family =
                Family { name: $name, labels: &["tenant", "geo", $($label),+], help: $help };
        )+
        /// Every family of the judgement, in the order in which they are published.
        pub const JUDGEMENT_FAMILIES: &[Family] = &[$($constant),+];
    };
}

judgement! {
    ACTIVITY_EXPECTED = "feishu_department_activity_expected" ["department_id", "department", "product"]
        "What could be expected on the day served: the middle of the same weekdays before, for the head count, times what the whole company reached of its own where that is less; people, of email and search what the figure counts.";
    ACTIVITY_DEVIATION = "feishu_department_activity_deviation" ["department_id", "department", "product", "window"]
        "How far the last days of data lie above what could be expected, in robust standard deviations of the department's own days; below it negative; by the number of days.";
    ACTIVITY_DROP_LENGTH = "feishu_department_activity_drop_length" ["department_id", "department", "product"]
        "Days of data since a drop began that the deviations show; 0 while there is none, or where another series tells it: the suite's, the company's, a parent's or a child's.";
    ACTIVITY_DROP_RATIO = "feishu_department_activity_drop_ratio" ["department_id", "department", "product"]
        "What is left of what could be expected, over the days of the drop; absent while there is none.";
    ACTIVITY_DROP_MISSING = "feishu_department_activity_drop_missing" ["department_id", "department", "product"]
        "What is missing to what could be expected, a day on average over the days of the drop: people, of email and search what the figure counts; absent while there is none.";
    ACTIVITY_DECLINE_RATIO = "feishu_department_activity_decline_ratio" ["department_id", "department", "product"]
        "What is left of what was usual eight to twelve weeks before, over ten days of a slow decline; absent while there is none.";
    COMPANY_ACTIVITY_RATIO = "feishu_company_activity_ratio" ["product"]
        "The median over the departments of value to what is usual for each, on the newest day served; absent with fewer than three.";
    COMPANY_DEPARTMENTS_JUDGED = "feishu_company_departments_judged" ["product"]
        "Departments that tell of the company on the newest day served.";
    COMPANY_DEPARTMENTS_LOW = "feishu_company_departments_low" ["product"]
        "Departments in a drop, those included that another series tells.";
    COMPANY_DEPARTMENTS_FALLEN_TOGETHER = "feishu_company_departments_fallen_together" ["product"]
        "Departments that fell on the newest day served where they are so many that it is one event; 0 otherwise.";
    COMPANY_ACTIVITY_FELL = "feishu_company_activity_fell" ["product"]
        "Whether the whole company fell below half of the usual and has not come back: 1 or 0; of a product only while the suite goes on.";
}

/// The families that the statistics bring beside the figures, in the order in which they are
/// published.
pub const STATISTICS_FAMILIES: [Family; 3] = [DAY_TIMESTAMP, WORKDAY, DEPARTMENT_INFO];

// The day gauge joins the figures on all labels but the version.
const _: () = assert!(DAY_TIMESTAMP.labels.len() + 1 == FIGURE_LABELS.len());
