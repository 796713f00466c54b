//! The forms in which earlier releases kept what the optional sources know, so that an update makes
//! no gap. Pure.

use serde_json::{Map, Value, json};

use crate::{collect::sources::Source, feishu::DepartmentIdType, sources::directory::ROOT};

/// What was kept in an earlier form, in today's; none if it is no such form.
///
/// Version 0.1.0 kept facts without their times and without the kind of ids: the former are those
/// of the last refresh, the latter is seen by the ids.
pub(super) fn in_todays_form(
    source: Source,
    mut kept: Value,
    id_type: DepartmentIdType,
) -> Option<Value> {
    if let Some(value) = kept.get_mut("value").map(Value::take) {
        let options = walk_of_several(source, kept.get("options")?.clone());
        return Some(json!({ "options": options, "value": value }));
    }
    let (mut facts, progress) = (kept.get_mut("facts")?.take(), kept.get_mut("progress")?.take());
    if !ids(source, &facts).all(|id| is_of_kind(id, id_type)) {
        return None;
    }
    let as_of = progress.get("refreshed").filter(|at| !at.is_null());
    let as_of = as_of.or_else(|| progress.get("last_success"))?.clone();
    add_times(source, &mut facts, &as_of);
    let options = with_id_type(source, kept.get_mut("options")?.take(), id_type);
    let options = walk_of_several(source, options);
    Some(json!({ "options": options, "value": { "facts": facts, "progress": progress } }))
}

fn ids(source: Source, facts: &Value) -> impl Iterator<Item = &str> {
    let keys = facts.as_object().into_iter().flat_map(Map::keys);
    let keys = keys.filter(move |_| matches!(source, Source::Contact | Source::Members));
    let nodes = facts.get("nodes").and_then(Value::as_array).into_iter().flatten();
    let nodes = nodes.filter_map(|node| node.get("department_id")?.as_str());
    let uses = facts.as_array().into_iter().flatten();
    let uses = uses.filter_map(|usage| usage.get(0)?.get(1)?.as_str());
    keys.map(String::as_str).chain(nodes).chain(uses)
}

/// The ids that the system makes begin with `od-` (API document); the root has one of no kind.
fn is_of_kind(id: &str, id_type: DepartmentIdType) -> bool {
    id == ROOT || id.starts_with("od-") == (id_type == DepartmentIdType::OpenDepartmentId)
}

fn add_times(source: Source, facts: &mut Value, as_of: &Value) {
    match source {
        Source::Contact | Source::Members => {
            let facts = facts.as_object_mut().into_iter().flat_map(Map::values_mut);
            for fact in facts.filter(|fact| fact.get("as_of").is_none()) {
                *fact = json!({ "value": fact.take(), "as_of": as_of });
            }
        }
        Source::Directory => {
            let nodes = facts.get_mut("nodes").and_then(Value::as_array_mut);
            for node in nodes.into_iter().flatten().filter_map(Value::as_object_mut) {
                node.entry("seen_at").or_insert_with(|| as_of.clone());
            }
        }
        // The day beside which they are published is their time.
        _ => {}
    }
}

/// Adds the kind of ids to the options, where it is not among them.
fn with_id_type(source: Source, options: Value, id_type: DepartmentIdType) -> Value {
    let id_type = json!(id_type.as_str());
    match (source, options) {
        (Source::Directory, Value::Array(mut walk)) if walk.len() == 3 => {
            walk.push(id_type);
            walk.into()
        }
        (Source::Contact | Source::Users, options) if !options.is_array() => {
            json!([options, id_type])
        }
        (Source::Members, Value::Null) => id_type,
        (_, options) => options,
    }
}

/// A walk had one root once.
fn walk_of_several(source: Source, mut options: Value) -> Value {
    if let (Source::Directory, Some(root)) = (source, options.get_mut(0))
        && let Some(name) = root.as_str()
    {
        *root = if name.is_empty() { json!([]) } else { json!([name]) };
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: DepartmentIdType = DepartmentIdType::OpenDepartmentId;

    #[test]
    fn what_0_1_0_kept_of_the_directory_is_read() {
        let kept = json!({
            "facts": { "nodes": [{ "department_id": "od-1", "depth": 1 }], "hidden_departments": 0 },
            "progress": { "done": [[]], "refreshed": "2026-11-20T02:00:00Z", "last_success": null },
            "options": ["0", 4, "zh_cn"],
        });
        let today = in_todays_form(Source::Directory, kept.clone(), OPEN).unwrap();
        assert_eq!(today["options"], json!([["0"], 4, "zh_cn", "open_department_id"]));
        let node = &today["value"]["facts"]["nodes"][0];
        assert_eq!(node["seen_at"], json!("2026-11-20T02:00:00Z"));
        let other = in_todays_form(Source::Directory, kept, DepartmentIdType::DepartmentId);
        assert_eq!(other, None, "ids of the other kind");
    }

    #[test]
    fn what_0_1_0_kept_of_names_people_and_their_use_is_read() {
        let progress = json!({ "done": ["od-1"], "refreshed": "2026-11-20T02:00:00Z" });
        let facts = json!({ "od-1": { "name": "研发部" }, "0": { "name": "acme" } });
        for (source, facts, options, expected) in [
            (
                Source::Contact,
                facts.clone(),
                json!("zh_cn"),
                json!(["zh_cn", "open_department_id"]),
            ),
            (Source::Members, facts, json!(null), json!("open_department_id")),
            (
                Source::Users,
                json!([[["local", "od-1"], ["2026-11-20", null]]]),
                json!(10),
                json!([10, "open_department_id"]),
            ),
        ] {
            let kept = json!({ "facts": facts, "progress": progress, "options": options });
            let today = in_todays_form(source, kept.clone(), OPEN).unwrap();
            assert_eq!(today["options"], expected);
            if source != Source::Users {
                let fact = &today["value"]["facts"]["od-1"];
                assert_eq!(fact["value"]["name"], json!("研发部"));
                assert_eq!(fact["as_of"], json!("2026-11-20T02:00:00Z"));
            }
            assert_eq!(in_todays_form(source, kept, DepartmentIdType::DepartmentId), None);
        }
    }

    #[test]
    fn what_is_kept_under_one_root_is_that_of_a_list_of_it() {
        let kept =
            json!({ "options": ["0", 4, "zh_cn", "open_department_id"], "value": { "facts": 1 } });
        let today = in_todays_form(Source::Directory, kept, OPEN).unwrap();
        let options = json!([["0"], 4, "zh_cn", "open_department_id"]);
        assert_eq!(today, json!({ "options": options, "value": { "facts": 1 } }));
        assert_eq!(in_todays_form(Source::Directory, json!({}), OPEN), None);
        assert_eq!(in_todays_form(Source::Directory, json!([1]), OPEN), None);
    }
}
