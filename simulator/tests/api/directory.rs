//! What `departments/filter` of the directory answers.

use feishu_simulator::{Empty, Endpoint, Fault, Kind, Unavailable};
use serde_json::{Value, json};

use crate::{
    rig::{Reply, Rig},
    shape::shape,
};

const SAMPLE: &str = include_str!("../../../tests/data/feishu/directory_departments_filter.json");
const REQUEST: &str =
    include_str!("../../../tests/data/feishu/directory_departments_filter.request.json");

/// A request for these fields of the departments below a parent.
pub(crate) fn question(parent: &str, fields: &[&str]) -> Value {
    let mut body: Value = serde_json::from_str(REQUEST).unwrap();
    body["filter"]["conditions"][0]["value"] = json!(json!(parent).to_string());
    body["required_fields"] = json!(fields);
    body["page_request"] = json!({ "page_size": 100 });
    body
}

fn departments(reply: &Reply) -> Vec<Value> {
    let body = reply.json();
    assert_eq!((reply.status, &body["code"]), (200, &json!(0)), "{body}");
    body["data"]["departments"].as_array().unwrap().clone()
}

#[tokio::test]
async fn answers_have_the_fields_and_types_of_the_documented_sample() {
    let rig = Rig::start().await;
    rig.handle.change(|options| {
        options.scopes.remove("directory:department.status:read");
    });
    let mut body = question("0", &["*"]);
    body["page_request"]["page_size"] = json!(2);
    let mut answer = rig.directory("", &body).await.json();
    // The sample shows this field beside an error of another; here it is the one that is refused.
    assert_eq!(answer["data"]["abnormals"][0]["field_errors"], json!({ "enabled_status": 1000 }));
    answer["data"]["abnormals"] =
        json!([{ "id": "x", "row_error": 0, "field_errors": { "name": 1000 } }]);
    answer["data"]["departments"][0]["enabled_status"] = json!(true);
    assert_eq!(shape(&answer), shape(&serde_json::from_str(SAMPLE).unwrap()));
}

#[tokio::test]
async fn the_documented_request_is_understood_but_for_its_token() {
    let rig = Rig::start().await;
    let mut body: Value = serde_json::from_str(REQUEST).unwrap();
    let reply = rig.directory("", &body).await;
    assert_eq!((reply.status, reply.code()), (400, 2_221_004));
    body["page_request"]["page_token"] = json!("");
    let found = departments(&rig.directory("", &body).await);
    assert!(found.len() > 5);
    assert!(found.iter().all(|one| one.as_object().unwrap().keys().eq(["name"])));
}

#[tokio::test]
async fn whatever_is_wrong_has_its_own_code() {
    let rig = Rig::start().await;
    let condition = |field: &str, operator: &str, value: &str| json!([{ "field": field, "operator": operator, "value": value }]);
    let parent = "parent_department_id";
    for (pointer, value, code) in [
        ("/page_request", Value::Null, 2_221_005),
        ("/page_request/page_size", json!(101), 2_220_010),
        ("/page_request/page_size", json!(-1), 2_220_010),
        ("/filter", Value::Null, 2_220_009),
        ("/filter/conditions", Value::Null, 2_220_009),
        ("/filter/conditions", json!([{}]), 2_220_009),
        ("/filter/conditions", json!(vec![1; 11]), 2_220_009),
        ("/filter/conditions", condition("name", "eq", "\"x\""), 2_220_012),
        ("/filter/conditions", condition(parent, "in", "[\"0\"]"), 2_220_013),
        ("/filter/conditions", condition(parent, "like", "\"0\""), 2_220_013),
        ("/filter/conditions", condition(parent, "eq", "0"), 2_220_014),
        ("/filter/conditions", condition(parent, "eq", "[\"0\"]"), 2_220_014),
        (
            "/filter/conditions",
            condition(parent, "eq", &format!("\"{}\"", "x".repeat(65))),
            2_220_014,
        ),
        ("/required_fields", Value::Null, 99_992_402),
        ("/required_fields", json!(vec!["name"; 101]), 99_992_402),
    ] {
        let mut body = question("0", &["name"]);
        *body.pointer_mut(pointer).unwrap() = value.clone();
        let reply = rig.directory("", &body).await;
        assert_eq!((reply.status, reply.code()), (400, code), "{pointer} {value}");
    }
    let types = "department_id_type=id";
    assert_eq!(rig.directory(types, &question("0", &[])).await.code(), 99_992_402);
}

#[tokio::test]
async fn a_tree_can_be_walked_from_the_root_with_either_id() {
    let rig = Rig::start().await;
    for (id_type, custom) in [("open_department_id", false), ("department_id", true)] {
        let query = format!("department_id_type={id_type}&employee_id_type=union_id");
        let mut open = vec!["0".to_owned()];
        let mut found = 0;
        while let Some(parent) = open.pop() {
            let fields = ["department_id", "parent_department_id", "has_child", "leaders"];
            let children = departments(&rig.directory(&query, &question(&parent, &fields)).await);
            found += children.len();
            for child in children {
                assert_eq!(child["parent_department_id"], parent.as_str());
                assert!(child["leaders"][0]["leader_id"].as_str().unwrap().starts_with("on_"));
                let id = child["department_id"].as_str().unwrap().to_owned();
                assert_eq!(id.starts_with('D'), custom);
                if child["has_child"] == true {
                    open.push(id);
                }
            }
        }
        assert_eq!(found, 40);
    }
    let mut everything = question("0", &["department_id", "department_path_infos"]);
    everything["filter"]["conditions"] = json!([]);
    let all = departments(&rig.directory("", &everything).await);
    assert_eq!(all.len(), 40);
    for department in all {
        let path = department["department_path_infos"].as_array().unwrap();
        assert_eq!(path.last().unwrap()["department_id"], department["department_id"]);
    }
}

#[tokio::test]
async fn pages_follow_one_another() {
    let rig = Rig::start().await;
    let mut body = question("0", &["department_id"]);
    body["filter"]["conditions"] = json!([]);
    body["page_request"]["page_size"] = json!(7);
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let reply = rig.directory("", &body).await;
        found.extend(departments(&reply).iter().map(|one| one["department_id"].to_string()));
        pages += 1;
        let page = &reply.json()["data"]["page_response"];
        body["page_request"]["page_token"] = page["page_token"].clone();
        if page["has_more"] == false {
            break;
        }
        let mut other = body.clone();
        other["required_fields"] = json!(["name"]);
        assert_eq!(rig.directory("", &other).await.code(), 2_221_004);
    }
    found.sort();
    found.dedup();
    assert_eq!((pages, found.len()), (6, 40));
    body["page_request"] = json!({});
    assert_eq!(departments(&rig.directory("", &body).await).len(), 20);
}

#[tokio::test]
async fn only_required_fields_come_and_unknown_ones_are_told() {
    let rig = Rig::start().await;
    let reply = rig.directory("", &question("0", &[])).await;
    assert!(departments(&reply).iter().all(|one| *one == json!({})));
    assert_eq!(reply.json()["data"]["abnormals"], json!([]));
    let fields = ["has_child", "size", "enabled_status"];
    for (knows, present, errors) in [
        (true, json!(true), json!({ "size": 2003 })),
        (false, Value::Null, json!({ "size": 2003, "enabled_status": 2003 })),
    ] {
        rig.handle.change(|options| options.knows_enabled_status = knows);
        let reply = rig.directory("", &question("0", &fields)).await;
        assert_eq!(departments(&reply)[0]["enabled_status"], present);
        assert_eq!(reply.json()["data"]["abnormals"][0]["field_errors"], errors);
        let reply = rig.directory("", &question("0", &["*"])).await;
        assert_eq!(departments(&reply)[0]["enabled_status"], true);
    }
}

#[tokio::test]
async fn missing_permissions_are_abnormal_but_no_failure() {
    let rig = Rig::start().await;
    let outside = rig.department(1);
    rig.handle.change(|options| {
        options.outside_contact_range.insert(outside.clone());
        options.scopes.remove("directory:department.base:read");
        options.scopes.remove("directory:department.name:read");
        options.scopes.remove("directory:employee.base.external_id:read");
    });
    let body = question("0", &["name", "department_id", "leaders"]);
    let reply = rig.directory("employee_id_type=employee_id", &body).await;
    let found = departments(&reply);
    assert!(found.iter().all(|one| one.as_object().unwrap().keys().eq(["department_id"])));
    assert!(found.iter().all(|one| one["department_id"] != outside.as_str()));
    let abnormals = reply.json()["data"]["abnormals"].as_array().unwrap().clone();
    assert_eq!(abnormals.len(), found.len() + 1);
    for abnormal in abnormals {
        let errors = match abnormal["id"] == outside.as_str() {
            true => json!([1000, {}]),
            false => json!([0, { "name": 1000, "leaders": 1000 }]),
        };
        assert_eq!(json!([abnormal["row_error"], abnormal["field_errors"]]), errors);
    }
    rig.handle.change(|options| _ = options.scopes.remove("directory:department:list"));
    let reply = rig.directory("", &body).await;
    assert_eq!((reply.status, reply.code()), (400, 99_991_672));
}

#[tokio::test]
async fn what_the_documents_leave_open_can_be_chosen() {
    let rig = Rig::start().await;
    let unknown = question("od-nobody", &["name"]);
    assert_eq!(departments(&rig.directory("", &unknown).await), [] as [Value; 0]);
    rig.handle.change(|options| {
        options.unknown_departments = Unavailable::Refused;
        options.accepts_in = true;
        options.empty = Empty::Absent;
    });
    assert_eq!(rig.directory("", &unknown).await.code(), 99_992_357);
    let mut parents: Vec<_> =
        rig.handle.departments().into_iter().map(|one| one.open_department_id).collect();
    parents.retain(|id| rig.handle.head_count(id).unwrap().direct_departments > 0);
    parents.truncate(3);
    let mut body = question("", &["parent_department_id"]);
    let condition = &mut body["filter"]["conditions"][0];
    condition["operator"] = json!("in");
    condition["value"] = json!(json!(parents).to_string());
    let reply = rig.directory("", &body).await;
    let found = departments(&reply);
    for parent in &parents {
        assert!(found.iter().any(|one| one["parent_department_id"] == parent.as_str()));
    }
    assert!(reply.json()["data"].get("abnormals").is_none());
}

#[tokio::test]
async fn faults_strike_rows_and_pages() {
    let rig = Rig::start().await;
    let id = rig.department(1);
    let field = "department_count.direct_members_count".to_owned();
    let kind = Kind::SetField { field, value: json!("12,345") };
    rig.handle.inject(Fault::from(kind).department(&id)).unwrap();
    for department in departments(&rig.directory("", &question("0", &["*"])).await) {
        let is_struck = department["department_count"]["direct_members_count"] == "12,345";
        assert_eq!(is_struck, department["department_id"] == id.as_str());
    }
    rig.handle.inject(Fault::from(Kind::EndlessPages)).unwrap();
    rig.handle.inject(Fault::from(Kind::RepeatPageToken)).unwrap();
    let mut body = question("0", &["name"]);
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let reply = rig.directory("", &body).await.json();
        let token = reply["data"]["page_response"]["page_token"].clone();
        body["page_request"]["page_token"] = token.clone();
        tokens.push(token);
    }
    assert!(tokens[0].is_string() && tokens[0] == tokens[1] && tokens[1] == tokens[2]);
    let kind = Kind::Error { status: 400, code: 1663, msg: "internal".to_owned() };
    rig.handle.inject(Fault::from(kind).department(&id).times(1)).unwrap();
    assert_eq!(rig.directory("", &question(&id, &["name"])).await.code(), 1663);
}

#[tokio::test]
async fn requests_are_recorded_with_their_body() {
    let rig = Rig::start().await;
    let body = question("0", &["name"]);
    rig.directory("department_id_type=department_id", &body).await;
    rig.ask_token(r#"{"app_id": "cli_demo", "app_secret": "demo-secret"}"#).await;
    rig.handle.answered(Endpoint::TenantAccessToken, 1).await;
    let recorded = rig.handle.requests();
    assert_eq!(recorded[0].endpoint, Some(Endpoint::DepartmentsFilter));
    assert_eq!(recorded[0].body.as_ref(), Some(&body));
    assert_eq!(recorded[0].parameter("department_id_type"), Some("department_id"));
    assert_eq!(recorded[1].body, None);
}
