//! What the contact API answers about departments and their members.

use std::collections::BTreeMap;

use feishu_simulator::{Empty, Fault, Kind, Unavailable};
use serde_json::{Value, json};

use crate::{
    rig::{BATCH, MEMBERS, Reply, Rig},
    shape::shape,
};

const DEPARTMENTS: &str = include_str!("../../../tests/data/feishu/contact_departments_batch.json");
const USERS: &str = include_str!("../../../tests/data/feishu/users_find_by_department.json");

async fn batch(rig: &Rig, ids: &[&str], more: &[(&str, &str)]) -> Reply {
    let ids = ids.iter().map(|id| ("department_ids", *id));
    let query: Vec<_> = ids.chain(more.iter().copied()).collect();
    rig.get(BATCH, &query).await
}

async fn members(rig: &Rig, id: &str, more: &[(&str, &str)]) -> Reply {
    rig.get(MEMBERS, &[&[("department_id", id)], more].concat()).await
}

fn fields(item: &Value) -> Vec<&str> {
    item.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn departments_have_the_fields_and_types_of_the_documented_sample() {
    let rig = Rig::start().await;
    let sample: Value = serde_json::from_str(DEPARTMENTS).unwrap();
    let all = rig.handle.departments();
    let ids: Vec<_> = all[1..].iter().map(|one| one.open_department_id.as_str()).collect();
    let reply = batch(&rig, &ids, &[]).await;
    assert_eq!(shape(&reply.json()), shape(&sample));
    for (item, department) in reply.items().iter().zip(&all[1..]) {
        let parent = &all[department.parent.unwrap()];
        assert_eq!(item["parent_department_id"], parent.open_department_id.as_str());
        assert_eq!(item["department_id"], department.department_id.as_str());
        assert_eq!(item["i18n_name"]["ja_jp"], department.names.ja_jp.as_str());
        assert_eq!(item["leaders"].as_array().unwrap().len(), department.leaders);
        assert_eq!(item["leaders"][0]["leaderType"], 1);
        assert_eq!(item["leaders"][0]["leaderID"], item["leader_user_id"]);
        assert!(item["order"].as_str().unwrap().parse::<u64>().is_ok());
    }
    let query = [("department_id_type", "department_id"), ("user_id_type", "user_id")];
    let items = batch(&rig, &["0", "D0001"], &query).await.items();
    assert_eq!(
        (&items[0]["department_id"], items[0].get("parent_department_id")),
        (&json!("0"), None)
    );
    assert_eq!(items[1]["parent_department_id"], "0");
    assert_eq!(items[1]["leader_user_id"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn at_most_fifty_departments_come_each_once_and_unknown_ones_not_at_all() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    let items = batch(&rig, &[&id, "od-nobody", "D0001", &id], &[]).await.items();
    assert_eq!(items.len(), 1);
    assert_eq!(batch(&rig, &[id.as_str(); 50], &[]).await.items().len(), 1);
    for (ids, more) in [
        (vec![id.as_str(); 51], [("x", "y")]),
        (vec![], [("x", "y")]),
        (vec![&id], [("department_id_type", "id")]),
        (vec![&id], [("user_id_type", "id")]),
    ] {
        let reply = batch(&rig, &ids, &more).await;
        assert_eq!((reply.status, reply.code()), (400, 40_001));
        assert!(reply.json().get("error").is_none());
    }
    rig.handle.change(|options| {
        options.unknown_departments = Unavailable::Refused;
        options.empty = Empty::Absent;
    });
    assert_eq!(batch(&rig, &[&id, "od-nobody"], &[]).await.code(), 99_992_357);
    rig.handle.change(|options| options.unknown_departments = Unavailable::Omitted);
    assert_eq!(batch(&rig, &["od-nobody"], &[]).await.json()["data"], json!({}));
}

#[tokio::test]
async fn fields_of_departments_need_their_scopes() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    rig.handle.change(|options| {
        options.scopes.retain(|scope| !scope.starts_with("contact:department"));
        options.scopes.remove("contact:user.employee_id:readonly");
    });
    let item = batch(&rig, &[&id], &[]).await.items().swap_remove(0);
    assert_eq!(fields(&item), ["group_chat_employee_types", "leaders", "open_department_id"]);
    assert_eq!(fields(&item["leaders"][0]), ["leaderType"]);
    for (scope, present, absent) in [
        ("contact:department.base:readonly", "status", "order"),
        ("contact:department.organize:readonly", "member_count", "department_hrbps"),
        ("contact:department.hrbp:readonly", "department_hrbps", "nothing"),
    ] {
        rig.handle.change(|options| _ = options.scopes.insert(scope.to_owned()));
        let item = batch(&rig, &[&id], &[]).await.items().swap_remove(0);
        assert!(item.get(present).is_some() && item.get(absent).is_none(), "{scope}: {item}");
    }
    let item = batch(&rig, &[&id], &[("user_id_type", "user_id")]).await.items().swap_remove(0);
    assert!(item.get("leader_user_id").is_none() && item["leaders"][0].get("leaderID").is_none());
    rig.handle.change(|options| _ = options.scopes.remove("contact:contact.base:readonly"));
    assert_eq!(batch(&rig, &[&id], &[]).await.code(), 99_991_672);
    rig.handle.change(|options| {
        options.scopes = ["contact:contact.base:readonly", "contact:contact:readonly_as_app"]
            .map(str::to_owned)
            .into();
    });
    assert!(batch(&rig, &[&id], &[]).await.items()[0].get("member_count").is_some());
}

#[tokio::test]
async fn the_contact_range_ends_at_a_department_and_then_excludes_the_root() {
    let rig = Rig::start().await;
    let all = rig.handle.departments();
    let child = all.iter().find(|one| one.depth == 2).unwrap();
    let outside = all[child.parent.unwrap()].open_department_id.clone();
    let inside =
        all.iter().find(|one| one.depth == 1 && one.open_department_id != outside).unwrap();
    let ids = [&outside, &child.open_department_id, &inside.open_department_id, "0"];
    rig.handle.change(|options| _ = options.outside_contact_range.insert(outside.clone()));
    let items = batch(&rig, &ids, &[]).await.items();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["open_department_id"], inside.open_department_id.as_str());
    for (id, expected) in ids.iter().zip([(403, 40_004), (403, 40_004), (200, 0), (403, 40_004)]) {
        let reply = members(&rig, id, &[]).await;
        assert_eq!((reply.status, reply.code()), expected, "{id}");
    }
    rig.handle.change(|options| options.unreachable_departments = Unavailable::Refused);
    let reply = batch(&rig, &ids, &[]).await;
    assert_eq!((reply.status, reply.code()), (403, 40_004));
    assert_eq!(fields(&reply.json()), ["code", "msg"]);

    rig.handle.change(|options| {
        options.outside_contact_range.clear();
        options.all_staff_range = false;
    });
    assert_eq!(members(&rig, &outside, &[]).await.code(), 0);
    assert_eq!(members(&rig, "0", &[]).await.code(), 40_004);
    rig.handle.change(|options| options.all_staff_range = true);
    assert_eq!(members(&rig, "0", &[]).await.code(), 0);
}

#[tokio::test]
async fn members_have_the_fields_and_types_of_the_documented_sample() {
    let rig = Rig::start().await;
    let sample: Value = serde_json::from_str(USERS).unwrap();
    let reply = members(&rig, &rig.department(1), &[]).await;
    assert_eq!(reply.items().len(), 10);
    assert_eq!(shape(&reply.json()), shape(&sample));
}

#[tokio::test]
async fn pages_of_members_break_unless_their_tokens_are_encoded() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    let all = rig.all(MEMBERS, &[("department_id", &id), ("page_size", "50")]).await;
    assert!(all.len() > 10);
    assert_eq!(rig.all(MEMBERS, &[("department_id", &id), ("page_size", "3")]).await, all);
    assert_eq!(rig.all(MEMBERS, &[("department_id", &id)]).await, all);
    let first = members(&rig, &id, &[]).await.json();
    let token = first["data"]["page_token"].as_str().unwrap();
    for part in ["/", "+", "=", "%2B"] {
        assert!(token.contains(part), "{token}");
        let garbled = match part {
            "+" => token.replace('+', " "),
            "%2B" => token.replace("%2B", "+"),
            part => token.replace(part, ""),
        };
        let reply = members(&rig, &id, &[("page_token", &garbled)]).await;
        assert_eq!((reply.status, reply.code()), (400, 40_012), "{part}");
    }
    let other = rig.department(2);
    assert_eq!(members(&rig, &other, &[("page_token", token)]).await.code(), 40_012);
    for size in ["0", "51", "ten"] {
        let reply = members(&rig, &id, &[("page_size", size)]).await;
        assert_eq!((reply.status, reply.code()), (400, 40_011), "{size}");
    }
    assert_eq!(members(&rig, "", &[]).await.code(), 40_001);
    assert_eq!(members(&rig, "od-nobody", &[]).await.code(), 40_004);
    rig.handle.change(|options| options.unknown_departments = Unavailable::Refused);
    assert_eq!(members(&rig, "od-nobody", &[]).await.code(), 99_992_357);
}

#[tokio::test]
async fn members_are_in_every_state() {
    let rig = Rig::start().await;
    let mut flags: BTreeMap<String, u32> = BTreeMap::new();
    let (mut not_activated, mut types) = (0, BTreeMap::new());
    for department in rig.handle.departments() {
        let id = department.open_department_id.as_str();
        for user in rig.all(MEMBERS, &[("department_id", id)]).await {
            let status = user["status"].as_object().unwrap();
            let holding = status.iter().filter(|(_, holds)| **holds == true);
            for (flag, _) in holding.clone() {
                *flags.entry(flag.clone()).or_default() += 1;
            }
            not_activated += u32::from(holding.count() == 0);
            assert_eq!(user["is_frozen"], user["status"]["is_frozen"]);
            *types.entry(user["employee_type"].as_u64().unwrap()).or_insert(0) += 1;
        }
    }
    let known = ["is_activated", "is_exited", "is_frozen", "is_resigned", "is_unjoin"];
    assert!(flags.keys().eq(&known) && not_activated > 0, "{flags:?}");
    assert!(types.keys().eq(&[1, 2, 3, 4, 5]), "{types:?}");
}

#[tokio::test]
async fn fields_of_members_need_their_scopes() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    rig.handle.change(|options| {
        options.scopes = ["contact:department.organize:readonly".to_owned()].into();
    });
    let item = members(&rig, &id, &[]).await.items().swap_remove(0);
    assert_eq!(fields(&item), ["open_id", "union_id"]);
    for (scope, field) in [
        ("contact:user.base:readonly", "name"),
        ("contact:user.department:readonly", "department_ids"),
        ("contact:user.employee:readonly", "status"),
        ("contact:user.email:readonly", "email"),
        ("contact:user.phone:readonly", "mobile"),
        ("contact:user.employee_id:readonly", "user_id"),
    ] {
        assert!(members(&rig, &id, &[]).await.items()[0].get(field).is_none(), "{field}");
        rig.handle.change(|options| _ = options.scopes.insert(scope.to_owned()));
        assert!(members(&rig, &id, &[]).await.items()[0].get(field).is_some(), "{field}");
    }
    rig.handle.change(|options| _ = options.scopes.remove("contact:department.organize:readonly"));
    let refused = members(&rig, &id, &[]).await.json();
    assert_eq!(refused["code"], 99_991_672);
    assert_eq!(refused["error"]["permission_violations"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn faults_strike_rows_and_pages() {
    let rig = Rig::start().await;
    let (one, other) = (rig.department(1), rig.department(2));
    let kind = Kind::DropField { field: "status.is_deleted".to_owned() };
    rig.handle.inject(Fault::from(kind).department(&one)).unwrap();
    rig.handle.inject(Kind::NumbersAsStrings).unwrap();
    let items = batch(&rig, &[&one, &other], &[]).await.items();
    assert_eq!(items[0]["status"], json!({}));
    assert_eq!(items[1]["status"], json!({ "is_deleted": false }));
    assert!(items.iter().all(|item| item["member_count"].is_string()));
    rig.handle.clear_faults();
    let kind = Kind::Throttle { status: None, reset: None };
    rig.handle.inject(Fault::from(kind).department(&other).times(1)).unwrap();
    assert_eq!(batch(&rig, &[&one], &[]).await.code(), 0);
    assert_eq!(batch(&rig, &[&one, &other], &[]).await.code(), 99_991_400);
    rig.handle.clear_faults();
    rig.handle.inject(Kind::EndlessPages).unwrap();
    let mut token = String::new();
    for page in 0..4 {
        let reply = members(&rig, &one, &[("page_size", "50"), ("page_token", &token)]).await;
        assert!(page < 2 || reply.items().is_empty());
        let next = reply.json()["data"]["page_token"].as_str().unwrap().to_owned();
        assert_ne!(next, token);
        token = next;
    }
}

#[tokio::test]
async fn a_removed_department_is_unknown_or_deleted() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    rig.handle.remove(&id).unwrap();
    assert_eq!(batch(&rig, &[&id], &[]).await.items(), [] as [Value; 0]);
    rig.handle.change(|options| options.shows_deleted = true);
    let items = batch(&rig, &[&id], &[]).await.items();
    assert_eq!(items[0]["status"]["is_deleted"], true);
    assert_eq!(items[0]["member_count"], 0);
    assert_eq!(members(&rig, &id, &[]).await.code(), 40_004);
}
