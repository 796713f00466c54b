//! Which fields a JSON value has, at every depth, and of which type.

use std::collections::BTreeMap;

use serde_json::Value;

/// Every field by its path, such as `items[].status.is_deleted`, with its JSON type. All items of
/// a list add to the same paths.
pub(crate) fn shape(value: &Value) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    add(value, "", &mut found);
    found
}

fn add(value: &Value, path: &str, found: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                add(value, &format!("{path}.{name}"), found);
            }
            "object"
        }
        Value::Array(items) => {
            for item in items {
                add(item, &format!("{path}[]"), found);
            }
            "list"
        }
        Value::String(_) => "string",
        Value::Number(number) if number.is_u64() => "whole number",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
    };
    let before = found.insert(path.to_owned(), kind);
    assert!(before.is_none_or(|before| before == kind), "{path} is {kind} and {before:?}");
}
