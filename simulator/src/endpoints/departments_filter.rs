//! `POST /open-apis/directory/v1/departments/filter`: departments by their parent.

use serde_json::{Map, Value, json};

use crate::{
    census,
    context::{Context, NO_SUCH_OPEN_DEPARTMENT_ID, id_of, refusal, success},
    distort::Row,
    faults::{Active, Kind},
    http::{Answer, Call},
    identity::{self, IdType},
    names::Names,
    organisation::Organisation,
    pages::{self, Form},
    settings::Unavailable,
};

/// The scope that an app needs.
pub(crate) const SCOPE: &str = "directory:department:list";

const PAGE_SIZE_MAX: u64 = 100;
const PAGE_SIZE_DEFAULT: u64 = 20;
const CONDITIONS_MAX: usize = 10;
const REQUIRED_FIELDS_MAX: usize = 100;
/// "属于任一 … 不得超过100个".
const IN_MAX: usize = 100;
/// "最大长度为64字符".
const VALUE_MAX: usize = 64;
const NO_PERMISSION: u16 = 1000;
const NO_SUCH_FIELD: u16 = 2003;

const BASE: &str = "directory:department.base:read";
const ORGANISATION: &str = "directory:department.organization:read";
const EMPLOYEE_ID: &str = "directory:employee.base.external_id:read";
/// Every field with the scopes one of which it needs.
const FIELDS: &[(&str, &[&str])] = &[
    ("department_id", &[BASE, "directory:department.external_id:read"]),
    ("department_count", &["directory:department.count:read", ORGANISATION]),
    ("has_child", &["directory:department.has_child:read", ORGANISATION]),
    ("leaders", &["directory:department.leader:read"]),
    ("parent_department_id", &[ORGANISATION, "directory:department.parent_id:read"]),
    ("name", &[BASE, "directory:department.name:read"]),
    ("enabled_status", &["directory:department.status:read"]),
    ("order_weight", &["directory:department.order_weight:read", ORGANISATION]),
    ("custom_field_values", &["directory:department.custom_field:read"]),
    ("department_path_infos", &["directory:department.department_path:read"]),
    ("data_source", &[BASE, "directory:department.data_source:read"]),
];

/// Every scope that counts here.
pub(crate) fn scopes() -> impl Iterator<Item = &'static str> {
    let fields = FIELDS.iter().flat_map(|(_, scopes)| scopes.iter().copied());
    fields.chain([SCOPE, EMPLOYEE_ID])
}

/// The departments whose children a request asks for, as far as it can be understood.
pub(crate) fn parents(organisation: &Organisation, call: &Call) -> Vec<usize> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let conditions = body["filter"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let values = conditions.iter().filter_map(|one| one["value"].as_str());
    let ids = values.filter_map(|value| serde_json::from_str::<String>(value).ok());
    let found: Vec<usize> = ids.filter_map(|id| organisation.find(&id)).collect();
    if conditions.is_empty() { vec![0] } else { found }
}

pub(crate) fn answer(context: &Context) -> Result<Answer, Answer> {
    let asked = Asked::read(context)?;
    let mut found = asked.departments(context);
    let from = usize::try_from(asked.from).map_or(found.len(), |from| from.min(found.len()));
    found.drain(..from);
    let has_more = found.len() > asked.page_size;
    found.truncate(asked.page_size);

    let (mut rows, mut abnormals): (Vec<Row>, _) = (Vec::new(), Vec::new());
    for at in found {
        let id = id_of(&context.organisation.departments[at], asked.by_open_id);
        let is_struck = |fault: &Active| fault.kind == Kind::HideDepartment && fault.strikes(at);
        if !context.is_in_contact_range(at) || context.active.iter().any(is_struck) {
            let abnormal = json!({ "id": id, "row_error": NO_PERMISSION, "field_errors": {} });
            abnormals.push(abnormal);
            continue;
        }
        if !asked.field_errors.is_empty() {
            let errors = &asked.field_errors;
            abnormals.push(json!({ "id": id, "row_error": 0, "field_errors": errors }));
        }
        let fields = asked.fields.iter();
        let row = fields.map(|name| ((*name).to_owned(), asked.field(context, at, name)));
        rows.push((at, row.collect()));
    }

    let empty = context.options.empty;
    let (mut data, mut page) = (json!({}), json!({}));
    pages::list(&mut data, "departments", context.distorted(rows), empty);
    pages::list(&mut data, "abnormals", abnormals, empty);
    let next = [asked.from + asked.page_size as u64];
    let own_token = asked.token.as_deref();
    pages::turn(context, &mut page, Form::Directory, has_more, (own_token, &next));
    data["page_response"] = page;
    Ok(success(data))
}

/// A valid request.
struct Asked {
    by_open_id: bool,
    id_type: IdType,
    /// All of these conditions hold: the parent is one of each list.
    conditions: Vec<Vec<usize>>,
    /// The fields that may be shown.
    fields: Vec<&'static str>,
    field_errors: Map<String, Value>,
    page_size: usize,
    token: Option<String>,
    from: u64,
}

impl Asked {
    fn read(context: &Context) -> Result<Self, Answer> {
        let invalid = || refusal(400, (99_992_402, "field validation failed"));
        let body: Value = serde_json::from_slice(&context.call.body).map_err(|_| invalid())?;
        let by_open_id = context.by_open_id().ok_or_else(invalid)?;
        let id_type = context.read("employee_id_type", IdType::Open, IdType::parse);
        let (page_size, token, from) = page(context, &body)?;
        let required = body["required_fields"].as_array().ok_or_else(invalid)?;
        let required: Vec<&str> = required.iter().filter_map(Value::as_str).collect();
        if required.len() > REQUIRED_FIELDS_MAX {
            return Err(invalid());
        }
        let mut asked = Self {
            by_open_id,
            id_type: id_type.ok_or_else(invalid)?,
            conditions: conditions(context, &body, by_open_id)?,
            fields: Vec::new(),
            field_errors: Map::new(),
            page_size,
            token,
            from,
        };
        asked.sort_fields(context, &required);
        Ok(asked)
    }

    /// Tells the fields that may be shown from those that may not or do not exist.
    fn sort_fields(&mut self, context: &Context, required: &[&str]) {
        let everything = required.contains(&"*");
        for (name, scopes) in FIELDS {
            let by_name = *name != "enabled_status" || context.options.knows_enabled_status;
            let is_asked_for = everything || (by_name && required.contains(name));
            let has_ids = self.id_type != IdType::User || context.has_any_scope(&[EMPLOYEE_ID]);
            let is_permitted = context.has_any_scope(scopes) && (*name != "leaders" || has_ids);
            if is_asked_for && is_permitted {
                self.fields.push(name);
            } else if is_asked_for {
                self.field_errors.insert((*name).to_owned(), NO_PERMISSION.into());
            }
        }
        for name in required {
            let is_known = self.fields.contains(name) || self.field_errors.contains_key(*name);
            if *name != "*" && !is_known {
                self.field_errors.insert((*name).to_owned(), NO_SUCH_FIELD.into());
            }
        }
    }

    fn departments(&self, context: &Context) -> Vec<usize> {
        let organisation = context.organisation;
        let mut found = match self.conditions.first() {
            None => organisation.subtree(0, usize::MAX),
            Some(parents) => {
                let children = |at: &usize| organisation.departments[*at].children.clone();
                parents.iter().flat_map(children).collect()
            }
        };
        found.retain(|at| {
            let parent = organisation.departments[*at].parent;
            parent.is_some_and(|parent| self.conditions.iter().all(|one| one.contains(&parent)))
        });
        found
    }

    fn field(&self, context: &Context, at: usize, name: &str) -> Value {
        let Context { organisation, .. } = *context;
        let department = &organisation.departments[at];
        let id = |at: usize| id_of(&organisation.departments[at], self.by_open_id);
        match name {
            "department_id" => id(at).into(),
            "department_count" => {
                let counted =
                    census::head_count(organisation, &organisation.censuses, at, context.today());
                json!({
                    "recursive_members_count": counted.recursive_members.to_string(),
                    "direct_members_count": counted.direct_members.to_string(),
                    "recursive_members_count_exclude_leaders":
                        counted.members_without_leaders.to_string(),
                    "recursive_departments_count": counted.recursive_departments.to_string(),
                    "direct_departments_count": counted.direct_departments.to_string(),
                })
            }
            "has_child" => (!department.children.is_empty()).into(),
            "leaders" => {
                let leaders = census::leaders(organisation, at, context.today()).enumerate();
                let leader = |(place, person)| {
                    let id = identity::id(organisation.seed, &person, self.id_type);
                    json!({ "leader_type": if place == 0 { 1 } else { 2 }, "leader_id": id })
                };
                leaders.map(leader).collect()
            }
            "parent_department_id" => department.parent.map(id).into(),
            "name" => text(&department.names),
            "enabled_status" => true.into(),
            "order_weight" => (at * 10).to_string().into(),
            "custom_field_values" => json!([custom_field(&department.names)]),
            "department_path_infos" => {
                let mut path = vec![at];
                while let Some(above) = organisation.departments[path[path.len() - 1]].parent {
                    path.push(above);
                }
                let below_root = path.iter().rev().skip(1);
                let info = |at: &usize| {
                    let names = &organisation.departments[*at].names;
                    json!({ "department_id": id(*at), "department_name": text(names) })
                };
                below_root.map(info).collect()
            }
            _ => 1.into(),
        }
    }
}

/// Size, token and beginning of the page.
fn page(context: &Context, body: &Value) -> Result<(usize, Option<String>, u64), Answer> {
    let request = body["page_request"].as_object();
    let request = request.ok_or_else(|| refusal(400, (2_221_005, "no page request")))?;
    let too_large = || refusal(400, (2_220_010, "Exceeded the limit size"));
    let size = match request.get("page_size").filter(|size| !size.is_null()) {
        None => PAGE_SIZE_DEFAULT,
        Some(size) => size.as_u64().filter(|s| *s <= PAGE_SIZE_MAX).ok_or_else(too_large)?,
    };
    // A page of nothing would never end.
    let size = if size == 0 { PAGE_SIZE_DEFAULT } else { size };
    let size = usize::try_from(size).map_err(|_| too_large())?;
    let token = request.get("page_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let from = match token {
        None => 0,
        Some(token) => {
            let seed = context.organisation.seed;
            let place = Form::Directory.read(seed, context.call, token);
            place
                .map(|[from]| from)
                .ok_or_else(|| refusal(400, (2_221_004, "invalid page token")))?
        }
    };
    Ok((size, token.map(str::to_owned), from))
}

/// The parents that each condition allows.
fn conditions(
    context: &Context,
    body: &Value,
    by_open_id: bool,
) -> Result<Vec<Vec<usize>>, Answer> {
    let invalid_filter = || refusal(400, (2_220_009, "Filter field is invalid"));
    let conditions = body["filter"]["conditions"].as_array().ok_or_else(invalid_filter)?;
    if conditions.len() > CONDITIONS_MAX {
        return Err(invalid_filter());
    }
    let mut parents = Vec::new();
    for condition in conditions {
        let part = |name: &str| condition[name].as_str().ok_or_else(invalid_filter);
        if part("field")? != "parent_department_id" {
            return Err(refusal(400, (2_220_012, "The field is not support filter")));
        }
        let ids = match part("operator")? {
            "eq" => serde_json::from_str(part("value")?).ok().map(|id: String| vec![id]),
            "in" if context.options.accepts_in => {
                let ids: Option<Vec<String>> = serde_json::from_str(part("value")?).ok();
                ids.filter(|ids| ids.len() <= IN_MAX)
            }
            _ => {
                let msg = "The field does not support the operator";
                return Err(refusal(400, (2_220_013, msg)));
            }
        };
        let ids = ids
            .filter(|ids| ids.iter().all(|id| !id.is_empty() && id.len() <= VALUE_MAX))
            .ok_or_else(|| refusal(400, (2_220_014, "Invalid field value")))?;
        let found: Vec<_> = ids.iter().filter_map(|id| context.find(id, by_open_id)).collect();
        if found.len() < ids.len() && context.options.unknown_departments == Unavailable::Refused {
            return Err(refusal(400, NO_SUCH_OPEN_DEPARTMENT_ID));
        }
        parents.push(found);
    }
    Ok(parents)
}

fn text(names: &Names) -> Value {
    json!({ "default_value": names.zh_cn, "i18n_value": names })
}

/// A custom field with a value of every type, as the documented sample has it.
fn custom_field(names: &Names) -> Value {
    json!({
        "field_type": "1",
        "text_value": text(names),
        "url_value": {
            "link_text": text(names),
            "url": "https://galaxy.example/m",
            "pcurl": "https://galaxy.example",
        },
        "enum_value": { "enum_ids": ["1"], "enum_type": "1" },
        "user_values": [{ "ids": ["1"] }],
        "phone_value": { "phone_number": "18800000000", "extension_number": "1" },
        "field_key": "C-1000001",
    })
}
