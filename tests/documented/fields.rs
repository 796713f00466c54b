//! Every field of the documented answers is used, or known not to be, and the page says so.
//!
//! The list is `tests/data/feishu/fields.tsv`. What it says is tried out: each field is taken away
//! or changed, and what comes of the answer must differ for the used ones, and for no other.

use std::{collections::BTreeSet, fs, sync::Arc, time::Duration};

use feishu_exporter::{
    clock::Clock,
    feishu::{
        Client, DepartmentIdType, Endpoint, Ledger, Limits, ListPart, Metrics, Options, Purpose,
    },
    secret::{Secret, SecretSource},
    sources::{
        contact, departments,
        departments::Versions,
        directory::{self, Walk},
        members, users,
    },
    usage::{Geo, Target},
};
use prometheus::Registry;
use serde_json::{Value, json};

use crate::server::{DOCUMENTED, Documented, Server};

const FIELDS: &str = include_str!("../data/feishu/fields.tsv");
const PAGE: &str = "docs/api-coverage.md";
const LANGUAGES: [&str; 3] = ["zh_cn", "en_us", "ja_jp"];

/// A line of the list.
#[derive(Clone, Copy)]
struct Field {
    endpoint: &'static str,
    path: &'static str,
    is_used: bool,
    /// What it is used for, or why it is not.
    what: &'static str,
}

fn fields() -> Vec<Field> {
    let line = |line: &'static str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [endpoint, path, used, what] = columns.try_into().unwrap();
        assert!(["used", "unused"].contains(&used) && !what.is_empty(), "{line}");
        Field { endpoint, path, is_used: used == "used", what }
    };
    FIELDS.lines().skip(1).map(line).collect()
}

/// The paths of all values of an answer: `data.items[].status.is_frozen`.
fn paths(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let dot = if path.is_empty() { "" } else { "." };
            fields.iter().for_each(|(name, value)| {
                paths(value, &format!("{path}{dot}{name}"), into);
            });
        }
        Value::Array(items) => {
            items.iter().for_each(|item| paths(item, &format!("{path}[]"), into));
        }
        _ => {
            into.insert(path.to_owned());
        }
    }
}

fn sample(documented: &Documented) -> Value {
    serde_json::from_str(documented.sample).unwrap()
}

#[test]
fn the_list_has_every_field_of_the_documents_and_no_other() {
    for documented in &DOCUMENTED {
        let mut sent = BTreeSet::new();
        paths(&sample(documented), "", &mut sent);
        let fields: Vec<Field> =
            fields().into_iter().filter(|f| f.endpoint == documented.endpoint).collect();
        let listed: BTreeSet<String> = fields.iter().map(|f| f.path.to_owned()).collect();
        assert_eq!(listed.len(), fields.len(), "{}: twice in the list", documented.endpoint);
        assert_eq!(listed, sent, "{}", documented.endpoint);
    }
}

/// What stands instead of a value; none takes it away.
type Instead<'a> = &'a dyn Fn(&Value) -> Option<Value>;

/// Changes the value at a path.
fn change(value: &mut Value, path: &str, instead: Instead<'_>) {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let name = step.trim_end_matches("[]");
    let Some(fields) = value.as_object_mut() else { return };
    let Some(field) = fields.get_mut(name) else { return };
    match (field, rest) {
        (Value::Array(items), Some(rest)) => {
            items.iter_mut().for_each(|item| change(item, rest, instead));
        }
        (Value::Array(items), None) => *items = items.iter().filter_map(instead).collect(),
        (field, Some(rest)) => change(field, rest, instead),
        (field, None) => match instead(field) {
            Some(other) => *field = other,
            None => {
                fields.remove(name);
            }
        },
    }
}

/// Another value of the same type; for numbers the code with which the directory denies something.
fn other(value: &Value) -> Value {
    const NO_PERMISSION: i64 = 1000;
    match value {
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) if number.as_i64() == Some(NO_PERMISSION) => json!(NO_PERMISSION + 1),
        Value::Number(_) => json!(NO_PERMISSION),
        _ => json!("x"),
    }
}

/// The sample, the sample as it comes to an app that may read less, and with every item twice.
fn variants(documented: &Documented) -> Vec<Value> {
    const TRANSLATIONS: [&str; 3] = [
        "data.items[].i18n_name",
        "data.departments[].name.i18n_value",
        "data.departments[].department_path_infos[].department_name.i18n_value",
    ];
    const PATHS: [&str; 1] = ["data.departments[].department_path_infos"];
    let without = |paths: &[&str]| {
        let mut sample = sample(documented);
        paths.iter().for_each(|path| change(&mut sample, path, &|_| None));
        sample
    };
    let mut twice = sample(documented);
    if let Some(items) = twice["data"]["items"].as_array_mut() {
        items.extend(items.clone());
    }
    let neither = [&TRANSLATIONS[..], &PATHS].concat();
    vec![sample(documented), without(&TRANSLATIONS), without(&PATHS), without(&neither), twice]
}

/// No budget.
struct Free;

impl Ledger for Free {
    fn spend(&self, _: Endpoint, _: Purpose) -> bool {
        true
    }
}

fn client(server: &Server) -> Arc<Client> {
    let limits = Limits {
        requests_per_second: 1e6,
        requests_per_minute: Some(u32::MAX),
        concurrency: 1,
        timeout: Duration::from_secs(30),
        requests_per_month: 0,
    };
    let options = Options {
        tenant: "acme".to_owned(),
        base_url: server.url(),
        ca_file: None,
        app_id: "cli_demo".to_owned(),
        app_secret: SecretSource::Inline(Secret::new("demo-secret".to_owned())),
        department_id_type: DepartmentIdType::OpenDepartmentId,
        limits,
    };
    let metrics = Metrics::register(&Registry::new());
    Arc::new(Client::new(options, metrics, Arc::new(Free), Clock::system()).unwrap())
}

/// Everything that the source of an endpoint brings, and the requests that it makes for it.
async fn outcome(
    client: &Arc<Client>,
    server: &Server,
    endpoint: &str,
    language: &'static str,
) -> String {
    const STATISTICS: &str = "od-382e2793cfc9471f892e8a672987654c";
    let day = "2020-02-15".parse().unwrap();
    let outcome = match endpoint {
        "admin_dept_stats" => {
            let ask = departments::Ask {
                target: Target {
                    geo: Geo::Local,
                    department_id: STATISTICS.into(),
                    include_children: false,
                },
                start: day,
                end: day,
            };
            let versions = Versions::new(departments::VersionOptions {
                wanted: true,
                total_names: Vec::new(),
                department_id_type: "open_department_id".to_owned(),
            });
            format!("{:?}", departments::fetch(client, &ask, &versions).await)
        }
        "admin_user_stats" => {
            let ask = users::Ask { geo: Geo::Local, department_id: STATISTICS.into(), day };
            format!("{:?}", users::fetch(client, &ask, 1, ListPart::Whole).await)
        }
        "users_find_by_department" => {
            format!("{:?}", members::fetch(client, STATISTICS, ListPart::Whole).await)
        }
        "departments_filter" => {
            let walk = Walk { roots: vec!["0".to_owned()], max_depth: 4, language };
            format!("{:?}", directory::fetch(client, &walk, 1).await)
        }
        "departments_batch" => {
            let ids = ["od-4e6ac4d14bcd5071a37a39de902c7141".to_owned(), "D096".to_owned()];
            format!("{:?}", contact::fetch(client, &ids, language).await)
        }
        unknown => panic!("no source is known for {unknown}"),
    };
    format!("{outcome} after {:?}", server.requests())
}

/// The codes have tests of their own, and take their time.
fn tried<'a>(fields: &'a [Field], endpoint: &str) -> impl Iterator<Item = &'a Field> {
    fields.iter().filter(move |f| f.endpoint == endpoint && f.path != "code")
}

#[tokio::test]
async fn what_the_list_calls_used_makes_a_difference_and_nothing_else_does() {
    let server = Server::start();
    let client = client(&server);
    let fields = fields();
    let mut wrong = Vec::new();
    for documented in &DOCUMENTED {
        let endpoint = documented.endpoint;
        let is_translated = endpoint.starts_with("departments_");
        let mut makes_a_difference = BTreeSet::new();
        for answer in variants(documented) {
            for language in &LANGUAGES[..if is_translated { LANGUAGES.len() } else { 1 }] {
                server.replace(documented, &answer);
                let usual = outcome(&client, &server, endpoint, language).await;
                for field in tried(&fields, endpoint) {
                    let instead: [Instead<'_>; 2] = [&|_| None, &|value| Some(other(value))];
                    for instead in instead {
                        let mut changed = answer.clone();
                        change(&mut changed, field.path, instead);
                        if changed == answer {
                            continue;
                        }
                        server.replace(documented, &changed);
                        if outcome(&client, &server, endpoint, language).await != usual {
                            makes_a_difference.insert(field.path);
                        }
                    }
                }
            }
        }
        for field in tried(&fields, endpoint) {
            if field.is_used != makes_a_difference.contains(field.path) {
                wrong.push(format!("{endpoint} {}: {}", field.path, field.what));
            }
        }
    }
    assert!(wrong.is_empty(), "these are not as the list says: {wrong:#?}");
}

#[test]
fn the_page_about_the_api_is_up_to_date() {
    let before = fs::read_to_string(PAGE).unwrap();
    let mut page = before.clone();
    for documented in &DOCUMENTED {
        let endpoint = documented.endpoint;
        let begin = format!("<!-- generated: {endpoint} -->\n");
        let (head, rest) = page.split_once(&begin).unwrap();
        let (_, tail) = rest.split_once("<!-- end -->").unwrap();
        page = format!("{head}{begin}\n{}\n<!-- end -->{tail}", table(endpoint));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(PAGE, page).unwrap();
    } else {
        assert!(page == before, "{PAGE} is out of date: run this test with UPDATE_GOLDEN=1");
    }
}

fn table(endpoint: &str) -> String {
    let mut text = "| field | used | for what, or why not |\n|---|---|---|\n".to_owned();
    for Field { path, is_used, what, .. } in fields().iter().filter(|f| f.endpoint == endpoint) {
        let used = if *is_used { "yes" } else { "no" };
        text.push_str(&format!("| `{path}` | {used} | {what} |\n"));
    }
    text
}
