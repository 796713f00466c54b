//! A message as an interactive card. Pure.
//!
//! Every text is a `plain_text` element: whatever a name or an annotation holds, no markdown, link
//! or mention comes of it.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::message::{Alert, Message, Status};

/// Feishu takes at most 20 KB of a custom bot in one request. The rest is for timestamp, signature
/// and the line that tells how many alerts are left out.
pub const CARD_BYTES_MAX: usize = 19_000;

/// Bytes of one text. Prometheus' descriptions are a few hundred.
const TEXT_BYTES_MAX: usize = 2_000;

/// Labels that say nothing to a reader: the rule's own, or how Prometheus reached the exporter.
const LABELS_UNSAID: &[&str] = &["alertname", "instance", "job", "severity"];

/// The card of a message. Times are told in `zone`.
#[must_use]
pub fn card(message: &Message, zone: &TimeZone) -> Value {
    let mut elements = Vec::new();
    let mut shown = 0;
    let mut bytes = 0;
    // Those that fire first: they are what somebody has to look at.
    let (firing, resolved): (Vec<_>, Vec<_>) =
        message.alerts.iter().partition(|alert| alert.status == Status::Firing);
    for alert in firing.into_iter().chain(resolved) {
        let of_alert = alert_elements(alert, message, zone);
        bytes += of_alert.iter().map(|e| e.to_string().len() + 1).sum::<usize>();
        if bytes > CARD_BYTES_MAX {
            break;
        }
        elements.extend(of_alert);
        shown += 1;
    }
    let left_out = (message.alerts.len() - shown) as u64 + message.truncated_alerts;
    if left_out > 0 {
        elements.push(json!({"tag": "div", "text": plain(&format!("… and {left_out} more"))}));
    }
    json!({
        "config": {"wide_screen_mode": true},
        "header": {"title": plain(&title(message)), "template": colour(message)},
        "elements": elements,
    })
}

fn title(message: &Message) -> String {
    let count = |status| message.alerts.iter().filter(|alert| alert.status == status).count();
    let what = match message.status {
        Status::Firing => format!("FIRING {}", count(Status::Firing)),
        Status::Resolved => format!("RESOLVED {}", count(Status::Resolved)),
    };
    let name = message.common_labels.get("alertname").map_or("several alerts", String::as_str);
    let group = message.group_labels.iter().filter(|(label, _)| *label != "alertname");
    group.fold(format!("{what} · {name}"), |title, (label, value)| {
        format!("{title} · {label} {value}")
    })
}

/// Names of Feishu's colours for the header.
fn colour(message: &Message) -> &'static str {
    match (message.status, message.common_labels.get("severity").map(String::as_str)) {
        (Status::Resolved, _) => "green",
        (Status::Firing, Some("info")) => "blue",
        (Status::Firing, Some("warning")) => "orange",
        (Status::Firing, _) => "red",
    }
}

fn alert_elements(alert: &Alert, message: &Message, zone: &TimeZone) -> Vec<Value> {
    let annotation = |name: &str| alert.annotations.get(name).map(|text| text.trim());
    let name = alert.labels.get("alertname").map_or("alert", String::as_str);
    let mut text = annotation("summary").unwrap_or(name).to_owned();
    if alert.status == Status::Resolved && message.status == Status::Firing {
        text.insert_str(0, "resolved: ");
    }
    if let Some(description) = annotation("description").filter(|d| !d.is_empty()) {
        text = format!("{text}\n{description}");
    }
    let mut elements = vec![
        json!({"tag": "div", "text": plain(&text)}),
        json!({"tag": "note", "elements": [plain(&facts(alert, message, zone))]}),
    ];
    let links: Vec<_> = [("Runbook", "runbook_url"), ("Dashboard", "dashboard_url")]
        .into_iter()
        .filter_map(|(name, key)| Some((name, annotation(key).filter(|url| is_link(url))?)))
        .map(|(name, url)| json!({"tag": "button", "text": plain(name), "url": url}))
        .collect();
    if !links.is_empty() {
        elements.push(json!({"tag": "action", "actions": links}));
    }
    elements.push(json!({"tag": "hr"}));
    elements
}

/// Since when, and the labels that the title does not tell.
fn facts(alert: &Alert, message: &Message, zone: &TimeZone) -> String {
    let mut facts = match alert.status {
        Status::Firing => format!("since {}", moment(&alert.starts_at, zone)),
        Status::Resolved => format!("until {}", moment(&alert.ends_at, zone)),
    };
    for (label, value) in &alert.labels {
        let is_told = message.group_labels.contains_key(label);
        if !is_told && !LABELS_UNSAID.contains(&label.as_str()) {
            facts.push_str(&format!(" · {label} {value}"));
        }
    }
    facts
}

fn moment(rfc3339: &str, zone: &TimeZone) -> String {
    match rfc3339.parse::<Timestamp>() {
        Ok(instant) => {
            instant.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
        }
        Err(_) => rfc3339.to_owned(),
    }
}

fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn plain(text: &str) -> Value {
    json!({"tag": "plain_text", "content": cut(text)})
}

/// The text without control characters, at most so long, ended by an ellipsis where it is cut.
fn cut(text: &str) -> String {
    let mut clean: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    if clean.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !clean.is_char_boundary(end) {
            end -= 1;
        }
        clean.truncate(end);
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Shanghai").unwrap()
    }

    fn message(alerts: &Value) -> Message {
        serde_json::from_value(json!({
            "version": "4",
            "status": "firing",
            "groupLabels": {"alertname": "FeishuDepartmentActivityDrop", "tenant": "acme"},
            "commonLabels": {
                "alertname": "FeishuDepartmentActivityDrop", "severity": "warning", "tenant": "acme"
            },
            "alerts": alerts,
        }))
        .unwrap()
    }

    fn alert(status: &str, summary: &str) -> Value {
        json!({
            "status": status,
            "labels": {
                "alertname": "FeishuDepartmentActivityDrop", "department": "销售部",
                "instance": "x:10917", "tenant": "acme"
            },
            "annotations": {
                "summary": summary, "description": "half of the usual",
                "runbook_url": "https://example.org/run", "dashboard_url": "javascript:alert(1)"
            },
            "startsAt": "2026-11-27T01:35:12.345Z",
            "endsAt": "2026-11-28T01:35:00Z",
        })
    }

    #[test]
    fn a_card_says_what_fires_where_and_since_when() {
        let card =
            card(&message(&json!([alert("firing", "销售部: suite at 50% of the usual")])), &zone());
        assert_eq!(
            card["header"],
            json!({
                "title": {
                    "tag": "plain_text",
                    "content": "FIRING 1 · FeishuDepartmentActivityDrop · tenant acme"
                },
                "template": "orange",
            })
        );
        assert_eq!(
            card["elements"],
            json!([
                {"tag": "div", "text": {
                    "tag": "plain_text",
                    "content": "销售部: suite at 50% of the usual\nhalf of the usual"
                }},
                {"tag": "note", "elements": [{
                    "tag": "plain_text", "content": "since 2026-11-27 09:35 CST · department 销售部"
                }]},
                {"tag": "action", "actions": [{
                    "tag": "button", "text": {"tag": "plain_text", "content": "Runbook"},
                    "url": "https://example.org/run"
                }]},
                {"tag": "hr"},
            ])
        );
    }

    #[test]
    fn no_text_becomes_markdown_a_mention_or_a_control_character() {
        let hostile = "<at id=all></at> **x** [x](http://x)\u{1b}[31m\0\"\\";
        let card = card(&message(&json!([alert("firing", hostile)])), &zone());
        let text = &card["elements"][0]["text"];
        assert_eq!(text["tag"], "plain_text");
        assert_eq!(
            text["content"],
            "<at id=all></at> **x** [x](http://x)[31m\"\\\nhalf of the usual"
        );
        assert!(!card.to_string().contains("lark_md"));
    }

    #[test]
    fn what_is_resolved_stands_last_and_says_so() {
        let alerts = json!([alert("resolved", "old"), alert("firing", "new")]);
        let card = card(&message(&alerts), &zone());
        let elements = card["elements"].as_array().unwrap().iter();
        let texts: Vec<_> = elements.filter_map(|e| e["text"]["content"].as_str()).collect();
        assert_eq!(texts, ["new\nhalf of the usual", "resolved: old\nhalf of the usual"]);
        let mut all_resolved = message(&json!([alert("resolved", "old")]));
        all_resolved.status = Status::Resolved;
        let card = super::card(&all_resolved, &zone());
        assert_eq!(card["header"]["template"], "green");
        assert!(card["header"]["title"]["content"].as_str().unwrap().starts_with("RESOLVED 1 · "));
        assert_eq!(card["elements"][0]["text"]["content"], "old\nhalf of the usual");
    }

    #[test]
    fn a_flood_of_alerts_fits_and_tells_what_is_left_out() {
        for (alerts, words) in [(500, 10), (60, 500), (3, 100_000)] {
            let summary = "部门".repeat(words);
            let mut message = message(&json!(vec![alert("firing", &summary); alerts]));
            message.truncated_alerts = 7;
            let card = card(&message, &zone());
            assert!(card.to_string().len() < 20_000, "{} bytes", card.to_string().len());
            let elements = card["elements"].as_array().unwrap();
            let shown = elements.iter().filter(|e| e["tag"] == "hr").count();
            assert!(shown > 0);
            let last = elements.last().unwrap()["text"]["content"].as_str().unwrap();
            assert_eq!(last, format!("… and {} more", alerts - shown + 7));
        }
    }

    #[test]
    fn a_message_with_little_in_it_makes_a_card_too() {
        let message = serde_json::from_value::<Message>(json!({
            "status": "firing", "alerts": [{"status": "firing", "startsAt": "yesterday"}],
        }))
        .unwrap();
        let card = card(&message, &zone());
        assert_eq!(card["header"]["title"]["content"], "FIRING 1 · several alerts");
        assert_eq!(card["elements"][1]["elements"][0]["content"], "since yesterday");
    }
}
