//! What faults do to the rows of a page.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::{
    faults::{Active, Kind},
    figures,
};

/// A row before it becomes JSON, with its department.
pub(crate) type Row = (usize, Map<String, Value>);

/// What says whose and of when a row is.
const IDENTITY: &[&str] = &[
    "date",
    "department_id",
    "department_name",
    "department_path",
    "open_department_id",
    "open_id",
    "product_version",
    "union_id",
    "user_id",
    "user_name",
];
/// The figures of a department that say how many people it has, not what they do.
const HEADS: &[&str] = &[
    "total_user_num",
    "active_user_num",
    "active_user_rate",
    "new_user_num",
    "new_active_num",
    "resign_user_num",
];
/// The figure in which a repeated row differs: the first that the row has.
const DIFFERENT: &[&str] =
    &["total_user_num", "send_messenger_num", "member_count", "order_weight", "employee_type"];

/// Applies every fault of rows, in the order in which they were added.
pub(super) fn rows(rows: &mut Vec<Row>, active: &[Active]) {
    for fault in active {
        for (_, row) in rows.iter_mut().filter(|(department, _)| fault.strikes(*department)) {
            change(row, &fault.kind);
        }
        let first = rows.iter().find(|(department, _)| fault.strikes(*department));
        if let Some(added) = first.and_then(|(of, row)| Some((*of, again(row, &fault.kind)?))) {
            rows.push(added);
        }
    }
}

fn change(row: &mut Map<String, Value>, kind: &Kind) {
    match kind {
        Kind::SetField { field, value } => {
            for (object, name) in fields(row, field) {
                if let Some(object) = object_at(row, object.as_deref()) {
                    object.insert(name, value.clone());
                }
            }
        }
        Kind::DropField { field } => {
            for (object, name) in fields(row, field) {
                if let Some(object) = object_at(row, object.as_deref()) {
                    object.remove(&name);
                }
            }
        }
        Kind::Slump { from, to, percent, field } => {
            slump(row, *from..=*to, *percent, field.as_deref());
        }
        Kind::NumbersAsStrings => {
            for value in row.values_mut().filter(|value| value.is_number()) {
                *value = Value::from(value.to_string());
            }
        }
        Kind::RenameVersion { from, to }
            if row.get("product_version").is_some_and(|name| name == from) =>
        {
            row.insert("product_version".to_owned(), Value::from(to.as_str()));
        }
        _ => {}
    }
}

/// Scales what people did, in the form in which it stands there. Only rows of departments have these
/// figures together; those of single people stay as they are.
fn slump(
    row: &mut Map<String, Value>,
    days: RangeInclusive<Date>,
    percent: u32,
    only: Option<&str>,
) {
    let day = row.get("date").and_then(|date| date.as_str()?.parse::<Date>().ok());
    if !day.is_some_and(|day| days.contains(&day)) || !row.contains_key("suite_dau") {
        return;
    }
    let figures = figures::names().filter(|name| !HEADS.contains(name));
    for name in figures.filter(|name| only.is_none_or(|only| only == *name)) {
        let Some(value) = row.get_mut(name) else { continue };
        let scaled = |number: f64| number * f64::from(percent) / 100.0;
        *value = match &*value {
            Value::String(text) => {
                let number = scaled(text.parse().unwrap_or_default());
                let decimals = if text.contains('.') { 2 } else { 0 };
                Value::from(format!("{number:.decimals$}"))
            }
            other => {
                let count = other.as_u64().unwrap_or_default();
                Value::from(count * u64::from(percent) / 100)
            }
        };
    }
}

/// The row that a fault adds to a page whose first row is this one.
fn again(row: &Map<String, Value>, kind: &Kind) -> Option<Map<String, Value>> {
    let mut row = row.clone();
    match kind {
        Kind::RepeatRow { different: false } => {}
        Kind::RepeatRow { different: true } => {
            let name = DIFFERENT.iter().find(|name| row.contains_key(**name))?;
            row.insert((*name).to_owned(), Value::from(987_654_321));
        }
        Kind::ForeignRow { department, date } => {
            if let Some(department) = department {
                for name in ["department_id", "open_department_id"] {
                    if let Some(id) = row.get_mut(name) {
                        *id = Value::from(department.as_str());
                    }
                }
            }
            if let Some(date) = date {
                row.insert("date".to_owned(), Value::from(date.as_str()));
            }
        }
        _ => return None,
    }
    Some(row)
}

/// The fields that a fault means, each with the object within the row that it is part of.
fn fields(row: &Map<String, Value>, field: &str) -> Vec<(Option<String>, String)> {
    match field.split_once('.') {
        Some((object, name)) => vec![(Some(object.to_owned()), name.to_owned())],
        None if field == "*" => {
            let figures = row.keys().filter(|name| !IDENTITY.contains(&name.as_str()));
            figures.map(|name| (None, name.clone())).collect()
        }
        None => vec![(None, field.to_owned())],
    }
}

fn object_at<'a>(
    row: &'a mut Map<String, Value>,
    object: Option<&str>,
) -> Option<&'a mut Map<String, Value>> {
    match object {
        None => Some(row),
        Some(name) => row.get_mut(name)?.as_object_mut(),
    }
}
