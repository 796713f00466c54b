//! The source `members`: the people directly in a department, counted by status and by employee
//! type, from `contact/v3/users/find_by_department`.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use serde::{Deserialize, Serialize};

use crate::feishu::{Class, Client, Error, ListPart, Person};

/// The statuses in order of precedence: a person counts under the first that holds.
const STATUSES: [(&str, &str); 5] = [
    ("exited", "is_exited"),
    ("resigned", "is_resigned"),
    ("frozen", "is_frozen"),
    ("not_joined", "is_unjoin"),
    ("active", "is_activated"),
];
/// The status of a person for whom none of the flags holds.
const NOT_ACTIVATED: &str = "not_activated";
/// Employee types that are told apart at most; the documents name five, tenants may add some.
const EMPLOYEE_TYPES_MAX: usize = 200;

/// How many people of a department are in which state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadCount {
    /// By status, each person once; none if the app may not read the status of everybody.
    pub by_status: Option<BTreeMap<String, u64>>,
    /// By the number of the employee type, for those whose type is known.
    pub by_employee_type: BTreeMap<i64, u64>,
}

/// The scope without which nobody's status and employee type can be read (API document).
const STATUS_SCOPE: &str = "contact:user.employee:readonly";

/// Counts the people directly in a department, as far as the list is read.
///
/// # Errors
/// If any page fails; nothing is counted then.
pub async fn fetch(
    client: &Client,
    department_id: &str,
    part: ListPart,
) -> Result<HeadCount, Error> {
    let mut fold = Fold::default();
    client
        .users_find_by_department(department_id, part, &mut |person| {
            fold.person(person.as_ref());
        })
        .await?;
    Ok(fold.finish())
}

/// That people may be listed, but not with their status.
#[must_use]
pub fn denied_status() -> Error {
    Error {
        remedy: format!(
            "in the developer console, under Permissions & Scopes (权限管理), grant {STATUS_SCOPE}, \
             then release a version of the app (版本管理与发布)"
        ),
        missing_scopes: vec![STATUS_SCOPE.to_owned()],
        ..Error::local(
            Class::Permission,
            "counting people by status",
            "Feishu leaves the status out, as the app may not read it",
        )
    }
}

#[derive(Default)]
struct Fold {
    hasher: RandomState,
    /// Hashes of the people seen: a list that moves while it is read repeats some.
    seen: HashSet<u64>,
    count: HeadCount,
    by_status: BTreeMap<String, u64>,
    without_status: u64,
}

impl Fold {
    fn person(&mut self, person: Option<&Person<'_>>) {
        let Some(person) = person else {
            self.without_status += 1;
            return;
        };
        if let Some(id) = person.open_id()
            && !self.seen.insert(self.hasher.hash_one(id))
        {
            return;
        }
        match status(person) {
            Some(status) => *self.by_status.entry(status.to_owned()).or_default() += 1,
            None => self.without_status += 1,
        }
        if let Some(employee_type) = person.employee_type() {
            let types = &mut self.count.by_employee_type;
            if types.len() < EMPLOYEE_TYPES_MAX || types.contains_key(&employee_type) {
                *types.entry(employee_type).or_default() += 1;
            }
        }
    }

    fn finish(mut self) -> HeadCount {
        if self.without_status == 0 {
            // A state without people is a fact, not a gap.
            for status in STATUSES.map(|(status, _)| status).into_iter().chain([NOT_ACTIVATED]) {
                self.by_status.entry(status.to_owned()).or_default();
            }
            self.count.by_status = Some(self.by_status);
        }
        self.count
    }
}

fn status(person: &Person<'_>) -> Option<&'static str> {
    for (status, flag) in STATUSES {
        if person.status(flag)? {
            return Some(status);
        }
    }
    Some(NOT_ACTIVATED)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn counted(people: &[Value]) -> HeadCount {
        let mut fold = Fold::default();
        for person in people {
            fold.person(Person::parse(&person.to_string()).as_ref());
        }
        fold.finish()
    }

    fn with(flags: &[&str]) -> Value {
        let mut status = json!({ "is_activated": false });
        for flag in flags {
            status[*flag] = true.into();
        }
        json!({ "status": status })
    }

    #[test]
    fn flags_may_come_as_numbers_or_text_and_what_is_neither_is_no_guess() {
        for (yes, no) in
            [(json!(1), json!(0)), (json!("true"), json!("false")), (json!("1"), json!("0"))]
        {
            let person = |is_frozen: &Value| json!({ "status": { "is_activated": yes, "is_frozen": is_frozen, "is_exited": no } });
            let by_status = counted(&[person(&yes), person(&no), person(&no)]).by_status.unwrap();
            assert_eq!((by_status["frozen"], by_status["active"]), (1, 2), "{yes}");
        }
        let unclear = json!({ "status": { "is_activated": true, "is_frozen": "maybe" } });
        assert_eq!(counted(&[unclear]).by_status, None);
    }

    #[test]
    fn a_person_is_in_the_first_status_that_holds() {
        for (flags, status) in [
            (&["is_activated", "is_exited", "is_resigned", "is_frozen", "is_unjoin"][..], "exited"),
            (&["is_activated", "is_resigned", "is_frozen"], "resigned"),
            (&["is_activated", "is_frozen"], "frozen"),
            (&["is_activated", "is_unjoin"], "not_joined"),
            (&["is_activated"], "active"),
            (&[], "not_activated"),
        ] {
            let count = counted(&[with(flags)]).by_status.unwrap();
            assert_eq!((count[status], count.values().sum::<u64>()), (1, 1), "{flags:?}");
            assert_eq!(count.len(), 6, "states without people are there with 0");
        }
    }

    #[test]
    fn a_person_who_comes_twice_counts_once() {
        let mut person = with(&["is_activated"]);
        person["open_id"] = "ou_1".into();
        let count = counted(&[person.clone(), person, with(&["is_activated"])]);
        assert_eq!(count.by_status.unwrap()["active"], 2);
    }

    #[test]
    fn where_a_status_may_not_be_read_nobody_is_counted_by_it() {
        let count = counted(&[with(&["is_activated"]), json!({ "employee_type": 1 })]);
        assert_eq!(count.by_status, None);
        assert_eq!(count.by_employee_type, BTreeMap::from([(1, 1)]));
    }

    #[test]
    fn the_documented_answer_is_one_active_employee_of_type_1() {
        let sample: Value = serde_json::from_str(include_str!(
            "../../tests/data/feishu/users_find_by_department.json"
        ))
        .unwrap();
        let count = counted(sample["data"]["items"].as_array().unwrap());
        assert_eq!(count.by_status.unwrap()["active"], 1);
        assert_eq!(count.by_employee_type, BTreeMap::from([(1, 1)]));
    }
}
