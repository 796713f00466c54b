//! The 38 figures of `admin_dept_stats`, in the order of the API document.

use std::fmt;

/// What a figure counts, which decides how Feishu's number becomes a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// People.
    Users,
    /// Feishu's rate strings, published as 0..1.
    Ratio,
    /// Minutes at Feishu, published as seconds.
    Minutes,
    /// Messages.
    Messages,
    /// Files in Docs.
    Files,
    /// Calendar events.
    Events,
    /// Tasks.
    Tasks,
    /// Emails.
    Emails,
    /// Sessions with a search.
    Sessions,
}

impl Unit {
    /// The Prometheus base unit at the end of the metric's name, if it has one.
    ///
    /// Countable things take no unit (Prometheus naming practices).
    #[must_use]
    pub const fn base_unit(self) -> Option<&'static str> {
        match self {
            Self::Ratio => Some("ratio"),
            Self::Minutes => Some("seconds"),
            _ => None,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Users => "users",
            Self::Ratio => "ratio",
            Self::Minutes => "seconds",
            Self::Messages => "messages",
            Self::Files => "files",
            Self::Events => "events",
            Self::Tasks => "tasks",
            Self::Emails => "emails",
            Self::Sessions => "sessions",
        })
    }
}

/// One figure that Feishu reports for a department on a day.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The field of `admin_dept_stats`.
    pub api_field: &'static str,
    /// The gauge that publishes it.
    pub metric: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// The gauge that publishes the median of the same weekdays, where there is one.
    pub baseline: Option<&'static str>,
    /// One sentence for people.
    pub help: &'static str,
}

impl Figure {
    /// The HELP text: the sentence, the API field, and that the value is not live.
    #[must_use]
    pub fn help_text(&self) -> String {
        format!(
            "{} Feishu field {} of the newest finished day, cached; see \
             feishu_department_statistics_day_timestamp_seconds for the day.",
            self.help, self.api_field
        )
    }

    /// The HELP text of its baseline.
    #[must_use]
    pub fn baseline_help_text(&self) -> String {
        format!(
            "What is usual for {}: the median over the same weekday of the weeks before the day \
             served.",
            self.metric
        )
    }
}

/// How many figures there are.
pub const FIGURE_COUNT: usize = 38;

/// Every figure, in document order. A figure's index here is its index in
/// [`crate::usage::Figures`].
pub const FIGURES: [Figure; FIGURE_COUNT] = [
    figure(
        "total_user_num",
        "feishu_department_users",
        Unit::Users,
        None,
        "Members of the department on the day.",
    ),
    figure(
        "active_user_num",
        "feishu_department_activated_users",
        Unit::Users,
        None,
        "Members whose account is activated.",
    ),
    figure(
        "active_user_rate",
        "feishu_department_activated_users_ratio",
        Unit::Ratio,
        None,
        "Activated members as a share of all members, as reported by Feishu.",
    ),
    figure(
        "suite_dau",
        "feishu_department_suite_dau",
        Unit::Users,
        Some("feishu_department_suite_dau_baseline"),
        "Members who used any part of the suite on the day.",
    ),
    figure(
        "suite_active_rate",
        "feishu_department_suite_active_ratio",
        Unit::Ratio,
        None,
        "Share of members who used the suite on the day, as reported by Feishu.",
    ),
    figure(
        "new_user_num",
        "feishu_department_new_users",
        Unit::Users,
        None,
        "Members added on the day.",
    ),
    figure(
        "new_active_num",
        "feishu_department_new_activated_users",
        Unit::Users,
        None,
        "Members whose account was activated on the day.",
    ),
    figure(
        "resign_user_num",
        "feishu_department_resigned_users",
        Unit::Users,
        None,
        "Members who left on the day.",
    ),
    figure(
        "im_dau",
        "feishu_department_im_dau",
        Unit::Users,
        Some("feishu_department_im_dau_baseline"),
        "Members who were active in Messenger on the day.",
    ),
    figure(
        "send_messenger_user_num",
        "feishu_department_message_senders",
        Unit::Users,
        None,
        "Members who sent at least one message on the day.",
    ),
    figure(
        "send_messenger_num",
        "feishu_department_messages_sent",
        Unit::Messages,
        Some("feishu_department_messages_sent_baseline"),
        "Messages sent on the day.",
    ),
    figure(
        "avg_send_messenger_num",
        "feishu_department_messages_sent_per_user",
        Unit::Messages,
        None,
        "Messages sent per person on the day, as reported by Feishu.",
    ),
    figure(
        "docs_dau",
        "feishu_department_docs_dau",
        Unit::Users,
        Some("feishu_department_docs_dau_baseline"),
        "Members who were active in Docs on the day.",
    ),
    figure(
        "create_docs_user_num",
        "feishu_department_docs_creators",
        Unit::Users,
        None,
        "Members who created at least one file on the day.",
    ),
    figure(
        "create_docs_num",
        "feishu_department_docs_created",
        Unit::Files,
        Some("feishu_department_docs_created_baseline"),
        "Files created on the day.",
    ),
    figure(
        "avg_create_docs_num",
        "feishu_department_docs_created_per_user",
        Unit::Files,
        None,
        "Files created per person on the day, as reported by Feishu.",
    ),
    figure(
        "cal_dau",
        "feishu_department_calendar_dau",
        Unit::Users,
        Some("feishu_department_calendar_dau_baseline"),
        "Members who were active in Calendar on the day.",
    ),
    figure(
        "create_cal_user_num",
        "feishu_department_calendar_event_creators",
        Unit::Users,
        None,
        "Members who created at least one event on the day.",
    ),
    figure(
        "create_cal_num",
        "feishu_department_calendar_events_created",
        Unit::Events,
        None,
        "Events created on the day.",
    ),
    figure(
        "avg_create_cal_num",
        "feishu_department_calendar_events_created_per_user",
        Unit::Events,
        None,
        "Events created per person on the day, as reported by Feishu.",
    ),
    figure(
        "vc_dau",
        "feishu_department_vc_dau",
        Unit::Users,
        Some("feishu_department_vc_dau_baseline"),
        "Members who took part in an audio or video call or meeting on the day.",
    ),
    figure(
        "vc_duration",
        "feishu_department_vc_duration_seconds",
        Unit::Minutes,
        Some("feishu_department_vc_duration_baseline_seconds"),
        "Time that members spent in calls and meetings on the day, meeting rooms excluded.",
    ),
    figure(
        "avg_vc_duration",
        "feishu_department_vc_duration_per_user_seconds",
        Unit::Minutes,
        None,
        "Time in calls and meetings per person on the day, meeting rooms excluded, as reported by Feishu.",
    ),
    figure(
        "avg_duration",
        "feishu_department_usage_duration_per_user_seconds",
        Unit::Minutes,
        None,
        "Time of use of the suite per person on the day, as reported by Feishu.",
    ),
    figure(
        "task_dau",
        "feishu_department_task_dau",
        Unit::Users,
        Some("feishu_department_task_dau_baseline"),
        "Members who were active in Tasks on the day.",
    ),
    figure(
        "create_task_user_num",
        "feishu_department_task_creators",
        Unit::Users,
        None,
        "Members who created at least one task on the day.",
    ),
    figure(
        "create_task_num",
        "feishu_department_tasks_created",
        Unit::Tasks,
        None,
        "Tasks created on the day.",
    ),
    figure(
        "avg_create_task_num",
        "feishu_department_tasks_created_per_user",
        Unit::Tasks,
        None,
        "Tasks created per person on the day, as reported by Feishu.",
    ),
    figure(
        "email_send_count",
        "feishu_department_emails_sent",
        Unit::Emails,
        Some("feishu_department_emails_sent_baseline"),
        "Emails sent on the day.",
    ),
    figure(
        "email_receive_count",
        "feishu_department_emails_received",
        Unit::Emails,
        Some("feishu_department_emails_received_baseline"),
        "Emails received on the day.",
    ),
    figure(
        "email_send_ext_count",
        "feishu_department_emails_sent_external",
        Unit::Emails,
        None,
        "Emails sent to addresses outside the organisation on the day.",
    ),
    figure(
        "email_receive_ext_count",
        "feishu_department_emails_received_external",
        Unit::Emails,
        None,
        "Emails received from outside the organisation on the day.",
    ),
    figure(
        "email_send_in_count",
        "feishu_department_emails_sent_internal",
        Unit::Emails,
        None,
        "Emails sent to addresses inside the organisation on the day.",
    ),
    figure(
        "email_receive_in_count",
        "feishu_department_emails_received_internal",
        Unit::Emails,
        None,
        "Emails received from inside the organisation on the day.",
    ),
    figure(
        "search_active_dau",
        "feishu_department_search_dau",
        Unit::Users,
        Some("feishu_department_search_dau_baseline"),
        "Members who used search on the day.",
    ),
    figure(
        "total_search_count",
        "feishu_department_searches",
        Unit::Sessions,
        None,
        "Sessions with a search from the main search box on the day.",
    ),
    figure(
        "quick_search_count",
        "feishu_department_quick_searches",
        Unit::Sessions,
        None,
        "Sessions with a search over everything at once on the day.",
    ),
    figure(
        "tab_search_count",
        "feishu_department_tab_searches",
        Unit::Sessions,
        None,
        "Sessions with a search in one tab, such as messages or documents, on the day.",
    ),
];

const fn figure(
    api_field: &'static str,
    metric: &'static str,
    unit: Unit,
    baseline: Option<&'static str>,
    help: &'static str,
) -> Figure {
    Figure { api_field, metric, unit, baseline, help }
}

// `usage::Figures` keeps one bit a figure in a u64.
const _: () = assert!(FIGURE_COUNT <= 64);

/// The labels of every figure, in the order in which they are written.
pub const FIGURE_LABELS: [&str; 5] =
    ["tenant", "geo", "department_id", "department", "product_version"];

/// The `product_version` of the total over all versions.
pub const TOTAL_VERSION: &str = "all";
