//! `GET /open-apis/contact/v3/departments/batch`: departments by their ids.

use serde_json::{Map, Value, json};

use crate::{
    census::{self, HeadCount},
    context::{
        CONTACT_ALL, CONTACT_INVALID, Context, NO_DEPARTMENT_AUTHORITY, NO_SUCH_OPEN_DEPARTMENT_ID,
        USER_ID, id_of, refusal, success,
    },
    dice::Dice,
    distort::Row,
    http::Answer,
    identity::{self, IdType},
    organisation::Department,
    pages,
    settings::Unavailable,
};

/// The scope that an app needs.
pub(crate) const SCOPE: &str = "contact:contact.base:readonly";

const BASE: &str = "contact:department.base:readonly";
const ORGANISE: &str = "contact:department.organize:readonly";
const HRBP: &str = "contact:department.hrbp:readonly";
/// "单次最大请求的 ID 数量为 50。"
const IDS_MAX: usize = 50;

/// Fields that need this scope or one for everything; the others need none.
const FIELDS: &[(&str, &[&str])] = &[
    (BASE, &["name", "i18n_name", "department_id", "chat_id", "status"]),
    (
        ORGANISE,
        &[
            "parent_department_id",
            "leader_user_id",
            "order",
            "unit_ids",
            "member_count",
            "primary_member_count",
        ],
    ),
];

/// Every scope that counts here, without the historic ones.
pub(crate) fn scopes() -> impl Iterator<Item = &'static str> {
    [SCOPE, BASE, ORGANISE, HRBP].into_iter()
}

pub(crate) fn answer(context: &Context) -> Result<Answer, Answer> {
    let invalid = || refusal(400, CONTACT_INVALID);
    let by_open_id = context.by_open_id().ok_or_else(invalid)?;
    let id_type = context.user_id_type().ok_or_else(invalid)?;
    let ids = context.call.query.iter().filter(|(name, _)| name == "department_ids");
    let ids: Vec<&str> = ids.map(|(_, id)| id.as_str()).collect();
    if !(1..=IDS_MAX).contains(&ids.len()) {
        return Err(invalid());
    }
    let mut rows: Vec<Row> = Vec::new();
    for id in ids {
        let row = |department| (department, row(context, department, by_open_id, id_type));
        match find(context, id, by_open_id) {
            Some(at) if rows.iter().any(|(shown, _)| *shown == at) => {}
            Some(at) if context.is_in_contact_range(at) => rows.push(row(at)),
            Some(_) if context.options.unreachable_departments == Unavailable::Refused => {
                return Err(refusal(403, NO_DEPARTMENT_AUTHORITY));
            }
            None if context.options.unknown_departments == Unavailable::Refused => {
                return Err(refusal(400, NO_SUCH_OPEN_DEPARTMENT_ID));
            }
            Some(_) | None => {}
        }
    }
    let mut data = json!({});
    pages::list(&mut data, "items", context.distorted(rows), context.options.empty);
    Ok(success(data))
}

/// The department with this id; where the options say so, also a removed one.
fn find(context: &Context, id: &str, by_open_id: bool) -> Option<usize> {
    let removed = || {
        let all = &context.organisation.departments;
        all.iter().position(|one| one.deleted && id_of(one, by_open_id) == id)
    };
    let found = context.find(id, by_open_id);
    found.or_else(|| context.options.shows_deleted.then(removed).flatten())
}

fn row(context: &Context, at: usize, by_open_id: bool, id_type: IdType) -> Map<String, Value> {
    let Context { organisation, .. } = *context;
    let (seed, day) = (organisation.seed, context.today());
    let department = &organisation.departments[at];
    let counted = match department.deleted {
        true => HeadCount::default(),
        false => census::head_count(organisation, &organisation.censuses, at, day),
    };
    let leaders: Vec<String> = census::leaders(organisation, at, day)
        .filter(|_| !department.deleted)
        .map(|leader| identity::id(seed, &leader, id_type))
        .collect();
    let hrbp = census::leaders(organisation, 0, day).map(|one| identity::id(seed, &one, id_type));
    let chat = Dice::new(seed, &[10, at as u64]).hex();
    let mut row = json!({
        "name": department.names.zh_cn,
        "i18n_name": department.names,
        "department_id": department.department_id,
        "open_department_id": department.open_department_id,
        "leader_user_id": leaders.first().map_or("", String::as_str),
        "chat_id": format!("oc_{chat}"),
        "order": order(organisation.departments.as_slice(), at),
        "unit_ids": ["custom_unit_id"],
        "member_count": counted.recursive_members,
        "primary_member_count": counted.primary_members,
        "status": { "is_deleted": department.deleted },
        "leaders": leaders_field(&leaders, is_permitted(context, "leader_user_id", id_type)),
        "group_chat_employee_types": [1],
        "department_hrbps": hrbp.collect::<Vec<_>>(),
    });
    if let Some(parent) = department.parent {
        let parent = &organisation.departments[parent];
        row["parent_department_id"] = Value::from(id_of(parent, by_open_id));
    }
    let mut row = row.as_object().cloned().unwrap_or_default();
    row.retain(|name, _| is_permitted(context, name, id_type));
    row
}

/// Where a department stands among its siblings.
fn order(departments: &[Department], at: usize) -> String {
    let siblings = departments[at].parent.map(|parent| &departments[parent].children);
    let place = siblings.and_then(|siblings| siblings.iter().position(|one| *one == at));
    (place.unwrap_or(0) * 100).to_string()
}

/// The list itself needs no scope, the ids in it do.
fn leaders_field(leaders: &[String], with_ids: bool) -> Value {
    let leader = |(at, id): (usize, &String)| {
        let mut leader = json!({ "leaderType": if at == 0 { 1 } else { 2 } });
        if with_ids {
            leader["leaderID"] = Value::from(id.as_str());
        }
        leader
    };
    leaders.iter().enumerate().map(leader).collect()
}

fn is_permitted(context: &Context, field: &str, id_type: IdType) -> bool {
    if matches!(field, "leader_user_id" | "department_hrbps")
        && id_type == IdType::User
        && !context.has_any_scope(&[USER_ID])
    {
        return false;
    }
    match FIELDS.iter().find(|(_, fields)| fields.contains(&field)) {
        Some((scope, _)) => context.has_any_scope(&[scope]) || context.has_any_scope(&CONTACT_ALL),
        None => field != "department_hrbps" || context.has_any_scope(&[HRBP]),
    }
}
