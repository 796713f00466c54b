//! What Alertmanager sends: version 4 of its webhook.
//!
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>

use std::collections::BTreeMap;

use serde::Deserialize;

/// A group of alerts, as one notification.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Whether any alert of the group fires.
    pub status: Status,
    /// The labels by which Alertmanager groups.
    #[serde(default)]
    pub group_labels: BTreeMap<String, String>,
    /// The labels that all alerts of the group have.
    #[serde(default)]
    pub common_labels: BTreeMap<String, String>,
    /// The alerts, at most as many as `max_alerts` of the receiver says.
    #[serde(default)]
    pub alerts: Vec<Alert>,
    /// How many alerts `max_alerts` left out.
    #[serde(default)]
    pub truncated_alerts: u64,
}

/// One alert.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Whether it fires.
    pub status: Status,
    /// What identifies it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What the rule says about it.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339.
    #[serde(default)]
    pub starts_at: String,
    /// RFC 3339; of meaning only if it is resolved.
    #[serde(default)]
    pub ends_at: String,
}

/// Of an alert or of a group.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds.
    Firing,
    /// It held and does no longer.
    Resolved,
}
