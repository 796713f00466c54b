//! `GET /open-apis/contact/v3/users/find_by_department`: the direct members of a department.

use serde_json::{Map, Value, json};

use crate::{
    calendar,
    census::{self, Place},
    context::{
        CONTACT_ALL, CONTACT_INVALID, Context, NO_DEPARTMENT_AUTHORITY, NO_SUCH_OPEN_DEPARTMENT_ID,
        USER_ID, id_of, refusal, success,
    },
    distort::Row,
    http::Answer,
    identity::{self, IdType},
    pages::{self, Form},
    people::{Person, Status},
    settings::Unavailable,
};

/// The scopes one of which an app needs.
pub(crate) const SCOPES: &[&str] =
    &[CONTACT_ALL[2], "contact:department.organize:readonly", CONTACT_ALL[0], CONTACT_ALL[1]];

const PAGE_SIZE_MAX: usize = 50;
const PAGE_SIZE_DEFAULT: usize = 10;

/// Fields that need one of these scopes or one for everything; the others need none. The page
/// names the scopes, not what each is for.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "contact:user.base:readonly",
        &["name", "en_name", "nickname", "avatar_key", "avatar", "gender"],
    ),
    ("contact:user.department:readonly", &["department_ids", "leader_user_id", "orders"]),
    (
        "contact:user.employee:readonly",
        &[
            "status",
            "city",
            "country",
            "work_station",
            "join_time",
            "is_tenant_manager",
            "employee_no",
            "employee_type",
            "custom_attrs",
            "enterprise_email",
            "job_title",
            "is_frozen",
        ],
    ),
    ("contact:user.email:readonly", &["email"]),
    ("contact:user.phone:readonly", &["mobile", "mobile_visible"]),
];

/// Every scope that counts here, without the historic ones.
pub(crate) fn scopes() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(scope, _)| *scope).chain([SCOPES[1], USER_ID])
}

pub(crate) fn answer(context: &Context) -> Result<Answer, Answer> {
    let Context { organisation, call, options, .. } = *context;
    let asked = Asked::read(context)?;
    let page_size = context
        .read("page_size", PAGE_SIZE_DEFAULT, |text| text.parse().ok())
        .filter(|size| (1..=PAGE_SIZE_MAX).contains(size))
        .ok_or_else(|| refusal(400, (40_011, "page size is invalid")))?;
    let from = context
        .read("page_token", Place::default(), |token| {
            let [guest, index] = Form::Contact.read(organisation.seed, call, token)?;
            Some(Place { guest: guest != 0, index })
        })
        .ok_or_else(|| refusal(400, (40_012, "page token is invalid error")))?;

    let members = census::members(organisation, asked.department, context.today(), from);
    let mut members: Vec<_> = members.take(page_size + 1).collect();
    let has_more = members.len() > page_size;
    let next = match members.get(page_size) {
        Some((place, ..)) => *place,
        // Only a fault asks for a page after the last one.
        None => Place { guest: true, index: from.index.max(u64::MAX / 2) + 1 },
    };
    members.truncate(page_size);
    let leader = census::leaders(organisation, asked.department, context.today()).next();
    let rows = members.iter().map(|(_, person, status)| {
        (asked.department, asked.row(context, person, *status, leader.as_ref()))
    });
    let items = context.distorted(rows.collect::<Vec<Row>>());
    let mut data = json!({});
    let next = [u64::from(next.guest), next.index];
    let own_token = call.parameter("page_token");
    pages::turn(context, &mut data, Form::Contact, has_more, (own_token, &next));
    pages::list(&mut data, "items", items, options.empty);
    Ok(success(data))
}

struct Asked {
    department: usize,
    by_open_id: bool,
    id_type: IdType,
}

impl Asked {
    fn read(context: &Context) -> Result<Self, Answer> {
        let invalid = || refusal(400, CONTACT_INVALID);
        let by_open_id = context.by_open_id().ok_or_else(invalid)?;
        let id_type = context.user_id_type().ok_or_else(invalid)?;
        let id = context.call.parameter("department_id").ok_or_else(invalid)?;
        match context.find(id, by_open_id) {
            Some(department) if context.is_in_contact_range(department) => {
                Ok(Self { department, by_open_id, id_type })
            }
            None if context.options.unknown_departments == Unavailable::Refused => {
                Err(refusal(400, NO_SUCH_OPEN_DEPARTMENT_ID))
            }
            Some(_) | None => Err(refusal(403, NO_DEPARTMENT_AUTHORITY)),
        }
    }

    fn row(
        &self,
        context: &Context,
        person: &Person,
        status: Status,
        leader: Option<&Person>,
    ) -> Map<String, Value> {
        let Context { organisation, .. } = *context;
        let seed = organisation.seed;
        let id = |id_type| identity::id(seed, person, id_type);
        let (name, en_name) = identity::names(seed, person);
        let leader = leader.filter(|leader| *leader != person);
        let homes = self.homes(context, person);
        let orders: Vec<_> = homes
            .iter()
            .map(|id| json!({ "department_id": id, "user_order": 100, "department_order": 100 }))
            .collect();
        let number = (person.department as u64) << 20 | person.index;
        let row = json!({
            "union_id": id(IdType::Union),
            "user_id": id(IdType::User),
            "open_id": id(IdType::Open),
            "name": name,
            "en_name": en_name,
            "nickname": en_name,
            "email": format!("u{number}@galaxy.example"),
            "mobile": format!("+86130{:08}", number % 100_000_000),
            "mobile_visible": person.licence.is_multiple_of(2),
            "gender": 1 + person.licence % 2,
            // "avatar_key" is always empty, says the endpoint's own page.
            "avatar_key": "",
            "avatar": {
                "avatar_72": "https://galaxy.example/72",
                "avatar_240": "https://galaxy.example/240",
                "avatar_640": "https://galaxy.example/640",
                "avatar_origin": "https://galaxy.example/origin",
            },
            "status": flags(person, status),
            "department_ids": homes,
            "leader_user_id": leader.map_or(String::new(), |one| identity::id(seed, one, self.id_type)),
            "city": "杭州",
            "country": "CN",
            "work_station": "",
            "join_time": calendar::unix_time(person.joined),
            "is_tenant_manager": false,
            "employee_no": number.to_string(),
            "employee_type": person.employee_type,
            "orders": orders,
            "custom_attrs": [custom_attribute()],
            "enterprise_email": format!("u{number}@mail.galaxy.example"),
            "job_title": "",
            "is_frozen": status == Status::Frozen,
        });
        let mut row = row.as_object().cloned().unwrap_or_default();
        row.retain(|name, _| is_permitted(context, name));
        row
    }

    /// The ids of the departments that this person belongs to, the primary one first.
    fn homes(&self, context: &Context, person: &Person) -> Vec<String> {
        let second = context.organisation.neighbour(person.department);
        [Some(person.department), second.filter(|_| person.also_in_neighbour)]
            .into_iter()
            .flatten()
            .map(|at| id_of(&context.organisation.departments[at], self.by_open_id).to_owned())
            .collect()
    }
}

/// The state of an account as the API tells it: several flags may hold at once.
fn flags(person: &Person, status: Status) -> Value {
    json!({
        "is_frozen": status == Status::Frozen,
        "is_resigned": status == Status::Resigned,
        "is_activated": person.activated.is_some()
            && !matches!(status, Status::NotActivated | Status::NotJoined),
        "is_exited": status == Status::Exited,
        "is_unjoin": status == Status::NotJoined,
    })
}

fn custom_attribute() -> Value {
    json!({
        "type": "TEXT",
        "id": "C-1000001",
        "value": {
            "text": "",
            "url": "https://galaxy.example",
            "pc_url": "https://galaxy.example",
            "option_id": "",
            "option_value": "",
            "name": "",
            "picture_url": "https://galaxy.example",
            "generic_user": { "id": "", "type": 1 },
        },
    })
}

fn is_permitted(context: &Context, field: &str) -> bool {
    match FIELDS.iter().find(|(_, fields)| fields.contains(&field)) {
        Some((scope, _)) => context.has_any_scope(&[scope]) || context.has_any_scope(&CONTACT_ALL),
        None => field != "user_id" || context.has_any_scope(&[USER_ID]),
    }
}
