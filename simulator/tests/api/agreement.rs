//! All endpoints speak of the same people and departments.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::rig::{BATCH, MEMBERS, NEWEST, Rig, USERS};

/// How many people each department has by the endpoint at hand, by open id.
type Counts = BTreeMap<String, u64>;

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap()
}

/// All departments but the root as the directory has them, found from the root downwards.
async fn directory(rig: &Rig) -> Vec<Value> {
    let (mut found, mut open) = (Vec::new(), vec!["0".to_owned()]);
    while let Some(parent) = open.pop() {
        for child in rig.children(&parent).await {
            if child["has_child"] == true {
                open.push(child["department_id"].as_str().unwrap().to_owned());
            }
            found.push(child);
        }
    }
    found
}

#[tokio::test]
async fn directory_contact_and_member_lists_count_the_same_people() {
    let rig = Rig::start().await;
    let directory = directory(&rig).await;
    assert_eq!(directory.len(), 40);
    let (mut parts, mut with_guests) = (Counts::new(), 0);
    for department in &directory {
        let id = department["department_id"].as_str().unwrap();
        let contact = rig.get(BATCH, &[("department_ids", id)]).await.items().swap_remove(0);
        let count = &department["department_count"];
        assert_eq!(number(&count["recursive_members_count"]), number(&contact["member_count"]));
        let listed = rig.all(MEMBERS, &[("department_id", id), ("page_size", "50")]).await;
        assert_eq!(number(&count["direct_members_count"]), listed.len() as u64);
        let (open, primary) = (listed.iter(), |user: &&Value| user["department_ids"][0] == id);
        parts.insert(id.to_owned(), open.filter(primary).count() as u64);
        let leaders = department["leaders"].as_array().unwrap();
        assert_eq!(leaders.len(), contact["leaders"].as_array().unwrap().len());
        assert_eq!(leaders[0]["leader_id"], contact["leader_user_id"]);
        assert_eq!(department["name"]["default_value"], contact["name"]);
        with_guests += u64::from(contact["primary_member_count"] != contact["member_count"]);
    }
    assert!(with_guests > 3);
    // The primary members of a department are its own and those of its children.
    for department in &directory {
        let id = department["department_id"].as_str().unwrap();
        let contact = rig.get(BATCH, &[("department_ids", id)]).await.items().swap_remove(0);
        let is_within = |other: &&Value| {
            let path = other["department_path_infos"].as_array().unwrap();
            path.iter().any(|info| info["department_id"] == id)
        };
        let within = directory.iter().filter(is_within);
        let sum: u64 =
            within.clone().map(|other| parts[other["department_id"].as_str().unwrap()]).sum();
        assert_eq!(number(&contact["primary_member_count"]), sum);
        let below = number(&department["department_count"]["recursive_departments_count"]);
        assert_eq!(below, within.count() as u64 - 1);
    }
}

#[tokio::test]
async fn departments_and_people_have_the_same_statistics() {
    let rig = Rig::start().await;
    for geo in ["", "sg"] {
        let day = [("start_date", "2026-11-16"), ("end_date", "2026-11-16"), ("target_geo", geo)];
        for department in rig.handle.departments().iter().filter(|one| one.depth <= 4) {
            let id = department.open_department_id.as_str();
            let query = [&day[..], &[("department_id", id), ("page_size", "60")]].concat();
            let people = rig.all(USERS, &query).await;
            let question = [&day[..], &[("department_id", id)]].concat();
            let row = rig.statistics(&question).await.items().swap_remove(0);
            assert_eq!(number(&row["total_user_num"]), people.len() as u64, "{id}");
            for (figure, field) in [
                ("active_user_num", "user_active_flag"),
                ("suite_dau", "suite_active_flag"),
                ("im_dau", "im_active_flag"),
                ("docs_dau", "docs_active_flag"),
                ("cal_dau", "cal_active_flag"),
                ("vc_dau", "vc_active_flag"),
                ("search_active_dau", "search_active_flag"),
                ("send_messenger_num", "send_messenger_num"),
                ("create_docs_num", "create_docs_num"),
                ("create_cal_num", "create_cal_num"),
                ("create_task_num", "create_task_num"),
                ("vc_duration", "vc_duration"),
                ("email_send_count", "email_send_count"),
                ("email_receive_ext_count", "email_receive_ext_count"),
                ("total_search_count", "total_search_count"),
            ] {
                let sum: u64 = people.iter().map(|person| number(&person[field])).sum();
                assert_eq!(number(&row[figure]), sum, "{figure} of {id}");
            }
        }
    }
}

#[tokio::test]
async fn statistics_count_the_members_who_have_not_left() {
    let mut rig = Rig::start().await;
    let id = rig.department(1);
    let listed = rig.all(MEMBERS, &[("department_id", &id)]).await;
    let left =
        |user: &Value| user["status"]["is_resigned"] == true || user["status"]["is_exited"] == true;
    let here = listed.iter().filter(|user| user["department_ids"][0] == id.as_str() && !left(user));
    rig.handle.set_now("2026-11-19T18:00:00+08:00".parse().unwrap());
    rig.sign_in().await;
    let mut total = 0;
    for geo in ["cn", "sg", "jp", "us"] {
        let day = [("start_date", "2026-11-18"), ("end_date", "2026-11-18")];
        let question = [&day[..], &[("department_id", &id), ("target_geo", geo)]].concat();
        total += number(&rig.statistics(&question).await.items()[0]["total_user_num"]);
    }
    assert_eq!(total, here.count() as u64);
}

#[tokio::test]
async fn departments_that_come_go_or_are_renamed_do_so_everywhere() {
    let rig = Rig::start().await;
    let (renamed, removed) = (rig.department(1), rig.department(2));
    rig.handle.rename(&renamed, "新 \"name\"").unwrap();
    let added = rig.handle.add(&renamed, "Added").unwrap().open_department_id;
    rig.handle.remove(&removed).unwrap();
    assert!(rig.handle.remove(&removed).is_err() && rig.handle.remove("0").is_err());
    assert!(rig.handle.rename("nobody", "x").is_err() && rig.handle.add("nobody", "x").is_err());

    let by_id: BTreeMap<String, Value> = directory(&rig)
        .await
        .into_iter()
        .map(|one| (one["department_id"].as_str().unwrap().to_owned(), one))
        .collect();
    assert_eq!(by_id[&renamed]["name"]["i18n_value"]["ja_jp"], "新 \"name\"");
    assert_eq!(by_id[&added]["parent_department_id"], renamed.as_str());
    assert!(!by_id.contains_key(&removed));
    let contact = rig.get(BATCH, &[("department_ids", &renamed), ("department_ids", &added)]).await;
    let names: Vec<_> = contact.items().iter().map(|item| item["name"].clone()).collect();
    assert_eq!(names, ["新 \"name\"", "Added"]);
    let rows = rig.all_rows(&[("contains_child_dept", "true")]).await;
    let row = |id: &str| rows.iter().find(|row| row["department_id"] == id);
    assert_eq!(row(&added).unwrap()["department_path"], "新 \"name\"/Added");
    assert_eq!(row(&removed), None);
    assert_eq!(rig.statistics(&[("department_id", &removed)]).await.code(), 1_051_001);
    let day = [("start_date", NEWEST), ("end_date", NEWEST), ("department_id", added.as_str())];
    let people = rig.all(USERS, &day).await;
    assert!(people.iter().all(|person| person["department_name"] == "Added"));
    assert_eq!(number(&row(&added).unwrap()["total_user_num"]), people.len() as u64);
    let overview = rig.control("GET", "", "").await.json();
    let listed = overview["departments"].as_array().unwrap();
    assert!(listed.iter().all(|one| one["open_department_id"] != removed.as_str()));
}
