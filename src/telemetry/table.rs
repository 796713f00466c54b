//! The table of the exporter's own metrics: the only place where one can be declared.
//!
//! `docs/metrics.md` is generated from it, and a test holds that a running exporter publishes
//! nothing that is not here. `process_*` are in [`super::process`].

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

/// One of the exporter's own metrics.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// The metric's name, of a counter with `_total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// One sentence or more for people; becomes HELP as it stands.
    pub help: &'static str,
}

/// Declares each row as a constant and lists all of them in [`OWN`].
macro_rules! table {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub const $constant: Own =
                Own { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )+
        /// Every own metric, in the order of the documentation.
        pub const OWN: &[&Own] = &[$(&$constant),+];
    };
}

table! {
    UP = Gauge "feishu_up" ["tenant"]
        "Whether the last request of the tenant reached Feishu and was accepted: 1 or 0.";
    BUILD_INFO = Gauge "feishu_exporter_build_info" ["version", "revision"]
        "The version and source revision of the exporter; always 1.";

    COLLECTION_SUCCESS = Gauge "feishu_exporter_collection_success" ["tenant", "source"]
        "Whether the last collection of the source succeeded for everything it asked: 1 or 0; absent until the first has ended.";
    COLLECTION_DURATION = Gauge "feishu_exporter_collection_duration_seconds" ["tenant", "source"]
        "How long the last collection of the source took.";
    LAST_COLLECTION = Gauge "feishu_exporter_last_collection_timestamp_seconds" ["tenant", "source"]
        "When the last collection of the source ended, as Unix time.";
    LAST_SUCCESS = Gauge "feishu_exporter_last_success_timestamp_seconds" ["tenant", "source"]
        "When the last successful collection of the source ended, as Unix time; absent until there is one.";
    NEXT_COLLECTION = Gauge "feishu_exporter_next_collection_timestamp_seconds" ["tenant", "source"]
        "When the source is collected next, as Unix time.";
    DEPARTMENTS = Gauge "feishu_exporter_departments" ["tenant", "state"]
        "Departments asked for, in each geo: configured; with_data, which serve some day; latest, which serve the newest day due; failed, whose last request failed.";
    DEPARTMENT_UP = Gauge "feishu_exporter_department_up" ["tenant", "geo", "department_id"]
        "Whether the last request for the department succeeded: 1 or 0. 0 before the first; after a restart, as the store knows it.";

    DEPARTMENT_FAILURE = Gauge "feishu_exporter_department_failure_info" ["tenant", "geo", "department_id", "class", "code"]
        "Why the last request for the department failed: the class, and Feishu's code if Feishu answered with one; 1 while it fails, absent otherwise.";

    API_REQUESTS = Counter "feishu_exporter_api_requests_total" ["tenant", "endpoint"]
        "Requests sent to Feishu, retries included.";
    API_FAILURES = Counter "feishu_exporter_api_failures_total" ["tenant", "endpoint", "class"]
        "Requests that Feishu did not answer with success, by class of failure.";
    API_RETRIES = Counter "feishu_exporter_api_retries_total" ["tenant", "endpoint"]
        "Requests that were sent again after a failure.";
    API_DURATION = Histogram "feishu_exporter_api_request_duration_seconds" ["endpoint"]
        "How long Feishu took to answer a request, the body included.";
    API_REQUESTS_THIS_MONTH = Gauge "feishu_exporter_api_requests_this_month" ["tenant"]
        "Requests sent to Feishu since the calendar month began, as far as this exporter knows.";
    API_REQUESTS_LIMIT = Gauge "feishu_exporter_api_requests_per_month_limit" ["tenant"]
        "The configured budget of requests a month; absent without one.";
    API_BUDGET_EXHAUSTED = Gauge "feishu_exporter_api_budget_exhausted" ["tenant"]
        "Whether the month's budget of requests is used up, so that nothing more is asked: 1 or 0.";
    TOKEN_EXPIRY = Gauge "feishu_exporter_token_expiry_timestamp_seconds" ["tenant"]
        "When the tenant access token expires, as Unix time; absent until there is one.";
    REJECTED_VALUES = Counter "feishu_exporter_rejected_values_total" ["tenant", "field"]
        "Values in Feishu's rows that were not a usable number, by API field.";
    REJECTED_ROWS = Counter "feishu_exporter_rejected_rows_total" ["tenant"]
        "Rows from Feishu that were not believed: a department or day that was not asked for, or one that contradicts another.";

    STORE_UP = Gauge "feishu_exporter_store_up" []
        "Whether the store of fetched days works: 1 or 0; absent where there is to be none (--storage.path= empty).";
    SERIES = Gauge "feishu_exporter_series" []
        "Series published about departments.";
    SERIES_LIMIT = Gauge "feishu_exporter_series_limit" []
        "The configured limit of series about departments.";
    SERIES_LIMIT_REACHED = Gauge "feishu_exporter_series_limit_reached" []
        "Whether series were left out because of the limit: 1 or 0.";
    CONFIG_LOADED = Gauge "feishu_exporter_config_last_reload_successful" []
        "Whether the configuration was valid when it was last read: 1 or 0.";
    CONFIG_LOADED_AT = Gauge "feishu_exporter_config_last_reload_success_timestamp_seconds" []
        "When a valid configuration was last read, as Unix time.";
    PANICS = Counter "feishu_exporter_panics_total" []
        "Defects in the exporter that ended a loop, a request or a rendering; all are tried again.";
    HTTP_REQUESTS = Counter "feishu_exporter_http_requests_total" ["path", "code"]
        "Requests to the exporter's own pages, by path and status code.";
    HTTP_CONNECTIONS = Gauge "feishu_exporter_http_connections" []
        "Connections to the exporter's own pages that are open.";
    HTTP_CONNECTIONS_LIMIT = Gauge "feishu_exporter_http_connections_limit" []
        "Connections at once, beyond which the longest idle are closed; half of the open files that the process may have, 512 at most.";
    HTTP_CLOSED = Counter "feishu_exporter_http_connections_closed_total" ["reason"]
        "Connections that ended: done, idle, slow (the answer was not read), evicted (made room for others), lifetime, handshake (no TLS was agreed on) or error.";
    HTTP_REFUSED = Counter "feishu_exporter_http_connections_refused_total" []
        "Connections that found no room, not even in the reserve for probes, or no file descriptor.";
    WEB_CONFIG_LOADED = Gauge "feishu_exporter_web_config_last_reload_successful" []
        "Whether the file of --web.config.file and the files that it names could be used when they were last read; 1 without one.";
    HTTP_DURATION = Histogram "feishu_exporter_http_request_duration_seconds" []
        "How long the exporter took to answer a request to its own pages, without sending the body.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_follows_the_naming_conventions() {
        let mut seen = BTreeSet::new();
        for own in OWN {
            assert!(seen.insert(own.name), "{} is declared twice", own.name);
            assert!(
                own.name == UP.name || own.name.starts_with("feishu_exporter_"),
                "{}",
                own.name
            );
            assert_eq!(own.name.ends_with("_total"), own.kind == Kind::Counter, "{}", own.name);
            assert!(own.help.ends_with('.') && own.help.starts_with(char::is_uppercase));
        }
    }
}
