//! `doctor` and `discover` as child processes, against the simulator in this one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use feishu_exporter::{
    config::{self, Environment},
    shutdown::{self, Trigger},
};
use feishu_simulator::{self as simulator, Fault, Handle, Kind, Options, Simulator};
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

struct World {
    company: Handle,
    base_url: String,
    directory: TempDir,
    _stop: Trigger,
}

/// Status, standard output, standard error.
type Told = (i32, String, String);

impl World {
    async fn new(departments: usize) -> Self {
        let options = Options { departments, ..Options::default() };
        let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.unwrap();
        let (company, base_url) = (simulator.handle(), simulator.base_url());
        let (stop, shutdown) = shutdown::channel();
        tokio::spawn(simulator.run(shutdown.wait()));
        Self { company, base_url, directory: tempfile::tempdir().unwrap(), _stop: stop }
    }

    /// Writes a configuration with these further lines of the tenant.
    fn configure(&self, tenant: &str) {
        let file = format!(
            "tenants:\n  - base_url: {}\n    app_id: cli_demo\n    app_secret: demo-secret\n    \
             statistics_time_zone: Asia/Shanghai\n    limits: {{requests_per_second: 50}}\n{tenant}",
            self.base_url
        );
        fs::write(self.file(), file).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("feishu-exporter.yml")
    }

    fn run(&self, args: &[&str]) -> Told {
        run(self.directory.path(), args)
    }

    fn ids(&self) -> Vec<String> {
        let all = self.company.departments();
        let reached = all.into_iter().filter(|d| (1..=4).contains(&d.depth));
        reached.map(|d| d.open_department_id).collect()
    }
}

fn run(directory: &Path, args: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_feishu-exporter"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FEISHU_") {
            command.env_remove(name);
        }
    }
    let output = command.current_dir(directory).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const EVERYTHING: &str = "    discovery: {enabled: true}\n    members: {enabled: true}\n    \
                          user_statistics: {enabled: true}\n";

/// Compares with a file of tests/data/golden; `UPDATE_GOLDEN=1 cargo test --test doctor` rewrites
/// it.
fn golden(name: &str, told: &str) {
    let path = format!("{}/tests/data/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, told).unwrap();
    } else {
        assert_eq!(told, fs::read_to_string(path).unwrap(), "{name}");
    }
}

/// What changes from run to run is replaced, and the costs, which follow the size of a company
/// that grows, are cut off.
fn settled(world: &World, told: &str) -> String {
    let checks = told.split("\n  costs").next().unwrap().replace(&world.base_url, "<base_url>");
    let dates = Regex::new(r"\d{4}-\d\d-\d\d").unwrap().replace_all(&checks, "<day>").into_owned();
    Regex::new(r"log id: \w+").unwrap().replace_all(&dates, "log id: <log id>").into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_in_good_health_is_status_0() {
    let world = World::new(12).await;
    world.configure(EVERYTHING);
    let (status, out, err) = world.run(&["doctor"]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    golden("doctor_well.txt", &settled(&world, &out));
    for part in ["  costs ", "department statistics", "Feishu's Basic plan", "  assumed\n"] {
        assert!(out.contains(part), "{out}");
    }
    // What is measured is no longer assumed.
    assert!(!out.contains("people in each department"), "{out}");
    assert!(!out.contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told_with_code_remedy_and_log_id() {
    let world = World::new(12).await;
    world.configure(EVERYTHING);
    let leaf = world.ids().pop().unwrap();
    world.company.change(|options| {
        options.scopes.remove("contact:contact.base:readonly");
        options.scopes.remove("contact:user.employee:readonly");
        options.forbidden_departments.insert(leaf.clone());
    });
    let (status, out, err) = world.run(&["doctor", "--all"]);
    assert_eq!((status, err.as_str()), (1, "feishu-exporter: 4 checks failed\n"));
    golden("doctor_unwell.txt", &settled(&world, &out));

    let (status, out, _) = world.run(&["doctor", "--format=json"]);
    assert_eq!(status, 1);
    let told: Value = serde_json::from_str(&out).unwrap();
    let tenant = &told["tenants"][0];
    assert_eq!((&told["ok"], &tenant["ok"]), (&false.into(), &false.into()));
    let tried = world.ids().len();
    assert_eq!(tenant["departments"]["tried"], tried);
    assert!(tenant["requests_made"].as_u64().unwrap() > tried as u64);
    assert!(tenant["estimate"]["total"]["requests_per_month"].as_u64().unwrap() > 0);
    assert!(tenant["estimate"]["sources"]["department_statistics"].is_object());
    let checks = tenant["checks"].as_array().unwrap();
    let check = |name: &str| checks.iter().find(|check| check["check"] == name).unwrap();
    let problem = &check("data_permission")["problems"][0];
    assert_eq!((&problem["code"], &problem["departments"][0]), (&1_051_003.into(), &leaf.into()));
    assert!(problem["log_id"].is_string() && problem["remedy"].is_string());
    let problem = &check("departments_batch")["problems"][0];
    assert_eq!(problem["missing_scopes"][0], "contact:contact.base:readonly");
    assert_eq!((&problem["class"], &problem["code"]), (&"permission".into(), &99_991_672.into()));
    assert_eq!(check("latest_day")["verdict"], "works");
    // Nothing tells of a person.
    assert!(!out.contains("ou_"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_the_rest_is_not_tried() {
    let world = World::new(4).await;
    world.configure("    departments: [od-1]\n");
    world.company.change(|options| options.app_secret = "another-secret".to_owned());
    let (status, out, err) = world.run(&["doctor"]);
    assert_eq!((status, err.as_str()), (1, "feishu-exporter: 1 check failed\n"));
    golden("doctor_no_token.txt", &settled(&world, &out));
    let (status, out, err) = world.run(&["discover"]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("10014") && err.contains("check app_id, app_secret"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tenant_is_examined() {
    let world = World::new(4).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = format!(
        "    name: up\n    departments: [{}]\n  - name: down\n    base_url: http://{closed}\n    \
         app_id: cli_demo\n    app_secret: demo-secret\n    statistics_time_zone: UTC\n    \
         departments: [od-1]\n",
        world.ids().join(", ")
    );
    world.configure(&down);
    let (status, out, _) = world.run(&["doctor", "--format=json"]);
    assert_eq!(status, 1);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&told["tenants"][0]["ok"], &told["tenants"][1]["ok"]),
        (&true.into(), &false.into())
    );
    let checks = told["tenants"][1]["checks"].as_array().unwrap();
    assert_eq!(checks[0]["problems"][0]["class"], "network");
    let untried = |c: &Value| c["verdict"] == "not_tried" || c["verdict"] == "not_used";
    assert!(checks[1..].iter().all(untried), "{checks:?}");

    let (status, _, err) = world.run(&["discover"]);
    assert_eq!(status, 2);
    assert!(err.contains("--tenant: up, down"), "{err}");
    assert_eq!(world.run(&["discover", "--tenant=nobody"]).0, 2);
    assert_eq!(world.run(&["discover", "--tenant=up"]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_feishu_repeats_are_not_told() {
    let world = World::new(4).await;
    let token = Regex::new(r"\bt-\w{4,}").unwrap();
    world.configure(EVERYTHING);
    for skip in [0, 1] {
        world.company.clear_faults();
        let kind = Kind::EchoSecrets { status: 400, code: 99_991_672 };
        world.company.inject(Fault::from(kind).skip(skip)).unwrap();
        for args in [&["doctor"][..], &["doctor", "--format=json"], &["discover"]] {
            let (status, out, err) = world.run(args);
            assert_eq!(status, 1, "{args:?}");
            let told = out + &err;
            assert!(told.contains("<redacted>"), "{args:?}: {told}");
            assert!(!told.contains("demo-secret") && !token.is_match(&told), "{args:?}: {told}");
        }
    }
}

#[test]
fn a_bad_configuration_is_status_2() {
    let directory = tempfile::tempdir().unwrap();
    for args in [&["doctor"][..], &["discover"]] {
        let (status, out, err) = run(directory.path(), args);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(err.contains("feishu-exporter.yml"), "{err}");
    }
    for args in [&["doctor", "--format=xml"][..], &["discover", "--max-depth=5"]] {
        assert_eq!(run(directory.path(), args).0, 2, "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn departments_are_listed_as_a_table() {
    let world = World::new(12).await;
    world.configure("    departments: [od-1]\n");
    let (status, out, err) = world.run(&["discover"]);
    assert_eq!(status, 0);
    // Head counts of a company that grows.
    let counts = Regex::new(r"(?m)^(\S+ +\S+ +\d+) +\d+ +\d+ ").unwrap();
    golden("discover.txt", &counts.replace_all(&out, "$1 <counts> "));
    assert!(err.starts_with("11 departments listed with "), "{err}");

    let ids = |args: &[&str]| -> Vec<String> {
        let (status, out, _) = world.run(args);
        assert_eq!(status, 0, "{args:?}");
        let told: Vec<Value> = serde_json::from_str(&out).unwrap();
        told.iter().map(|d| d["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&["discover", "--format=json"]);
    assert_eq!(all.len(), 11);
    let top = ids(&["discover", "--format=json", "--max-depth=1"]);
    // Children follow their parent, so that those of the top are apart.
    assert_eq!(top.len(), 2);
    assert_eq!(all.iter().filter(|id| top.contains(id)).collect::<Vec<_>>(), [&top[0], &top[1]]);
    let below = ids(&["discover", "--format=json", "--root", &top[1]]);
    assert!(!below.is_empty() && below.len() < all.len() && !below.contains(&top[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn departments_as_json_have_their_keys() {
    let world = World::new(4).await;
    world.configure("    departments: [od-1]\n");
    let (_, out, _) = world.run(&["discover", "--format=json"]);
    let told: Vec<Value> = serde_json::from_str(&out).unwrap();
    for department in &told {
        let id = department["id"].as_str().unwrap();
        let all = world.company.departments();
        let known = all.iter().find(|d| d.open_department_id == id).unwrap();
        let heads = world.company.head_count(id).unwrap();
        assert_eq!(department["parent_id"], all[known.parent.unwrap()].open_department_id);
        assert_eq!(department["depth"], known.depth);
        assert_eq!(department["name"], known.names.zh_cn);
        assert_eq!(department["direct_members"], heads.direct_members);
        assert_eq!(department["recursive_members"], heads.recursive_members);
        assert!(department["path"].as_str().unwrap().ends_with(&known.names.zh_cn));
    }
    assert_eq!(told.len(), world.ids().len());
}

struct NoVariables;

impl Environment for NoVariables {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_yaml_is_configuration_whatever_departments_are_called() {
    let world = World::new(6).await;
    let ids = world.ids();
    let hostile = [
        "a\n  - id: od-evil",
        "b\r  - id: od-evil",
        "c\u{85}- id: od-evil\u{2028}- id: od-evil",
        "d # \" ' : {[ \u{1b}[2J\u{feff}\u{202e}\0",
        "*/ %YAML --- ...",
    ];
    for (id, name) in ids.iter().zip(hostile) {
        world.company.rename(id, name).unwrap();
    }
    world.configure(
        "    discovery: {enabled: true, exclude: ['no such department'], min_members: 0}\n",
    );
    let (status, yaml, _) = world.run(&["discover", "--format=yaml"]);
    assert_eq!(status, 0);
    assert!(yaml.starts_with("departments:\n  - id: \"od-"), "{yaml}");
    assert_eq!(yaml.lines().count(), ids.len() + 1, "{yaml}");
    let indented: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
    world.configure(&indented);
    let source = config::Source::File(world.file());
    let loaded = config::load(&source, &NoVariables, "2026-11-23T06:00:00Z".parse().unwrap());
    let tenant = &loaded.unwrap().options.tenants[0];
    let mut loaded: Vec<&str> = tenant.departments.iter().map(|d| d.id.as_str()).collect();
    let mut expected: Vec<&str> = ids.iter().map(String::as_str).collect();
    loaded.sort_unstable();
    expected.sort_unstable();
    assert_eq!(loaded, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discovery_leaves_out_is_counted_and_listed_on_demand() {
    let world = World::new(12).await;
    world.configure("    discovery: {enabled: true, include: ['^研发部$']}\n");
    let (_, out, err) = world.run(&["discover", "--format=yaml"]);
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(err.contains("; 10 more are left out by discovery, --all lists them"), "{err}");
    let (_, out, err) = world.run(&["discover", "--format=yaml", "--all"]);
    assert_eq!(out.lines().count(), 12);
    assert!(!err.contains("left out"), "{err}");
    world.configure("    discovery: {enabled: true, include: ['nothing']}\n");
    assert_eq!(world.run(&["discover", "--format=yaml"]).1, "departments: []\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_fields_are_told_beside_the_list() {
    let world = World::new(4).await;
    world.configure("    discovery: {enabled: true}\n");
    world.company.change(|options: &mut simulator::Options| {
        options.scopes.retain(|scope| {
            scope != "directory:department.count:read"
                && scope != "directory:department.organization:read"
        });
    });
    let (status, out, err) = world.run(&["discover"]);
    assert_eq!(status, 0);
    assert!(out.lines().nth(1).unwrap().contains("   -           -  "), "{out}");
    assert!(
        err.contains("incomplete: ") && err.contains("directory:department.count:read"),
        "{err}"
    );
}
