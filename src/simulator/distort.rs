//! What faults do to the rows of a page.

use serde_json::{Map, Value};

use super::{
    admin_dept_stats::Row,
    faults::{Active, Kind},
    figures,
};

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
            for name in fields(field) {
                row.insert(name.to_owned(), value.clone());
            }
        }
        Kind::DropField { field } => {
            for name in fields(field) {
                row.remove(name);
            }
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

/// The row that a fault adds to a page whose first row is this one.
fn again(row: &Map<String, Value>, kind: &Kind) -> Option<Map<String, Value>> {
    let mut row = row.clone();
    let mut set = |name: &str, value: Value| row.insert(name.to_owned(), value);
    match kind {
        Kind::RepeatRow { different: false } => {}
        Kind::RepeatRow { different: true } => {
            set("total_user_num", Value::from(987_654_321));
        }
        Kind::ForeignRow { department, date } => {
            if let Some(department) = department {
                set("department_id", Value::from(department.as_str()));
            }
            if let Some(date) = date {
                set("date", Value::from(date.as_str()));
            }
        }
        _ => return None,
    }
    Some(row)
}

fn fields(field: &str) -> Vec<&str> {
    if field == "*" { figures::names().collect() } else { vec![field] }
}
