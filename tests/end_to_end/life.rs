//! `serve` from start to stop: without Feishu, with a wrong secret, with a forbidden department,
//! with an API that hangs.

use std::{fs, net::TcpListener, process::Command};

use serde_json::json;

use crate::{
    outside::{get, text},
    program::{Program, directory, eventually, exporter},
    world::{SECRET, World, configuration, departments, metrics_of_latest, metrics_when, sample},
};

const SERVE: [&str; 3] = ["serve", "--config.file=conf.yml", "--web.listen-address=127.0.0.1:0"];
const UP: &str = "feishu_up{tenant=\"acme\"}";

fn serve(configuration: &str, secret: &str) -> (Program, String) {
    let mut exporter =
        Program::exporter(&SERVE, &[("conf.yml", configuration), ("secret", secret)]);
    let url = exporter.listens();
    (exporter, url)
}

#[track_caller]
fn stops(mut exporter: Program, signal: &str) {
    exporter.signal(signal);
    assert_eq!(exporter.status(), Some(0), "{signal}: {}", exporter.stderr());
    assert!(exporter.stderr().contains("Stopped"), "{}", exporter.stderr());
}

#[test]
fn it_starts_before_the_api_is_there_and_recovers_by_itself() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let elsewhere = World::new(6);
    // The same seed gives the same departments.
    let ids = departments(&elsewhere.api);
    let (exporter, url) = serve(&configuration(&format!("http://{closed}"), &ids, ""), SECRET);
    assert_eq!(get(&format!("{url}/-/healthy"), &[]).status, 200);
    eventually("readiness without Feishu", || {
        Some(get(&format!("{url}/-/ready"), &[])).filter(|answer| answer.status == 200)
    });
    let page = metrics_when(&url, UP, |up| up == 0.0);
    assert!(!page.contains("feishu_department_users"), "{page}");

    let _now_there = World::at(&closed.to_string(), 6);
    metrics_when(&url, UP, |up| up == 1.0);
    metrics_of_latest(&url, ids.len());
    stops(exporter, "TERM");
}

#[test]
fn a_wrong_secret_is_said_once_and_corrected_without_a_restart() {
    let world = World::new(4);
    let (exporter, url) = serve(&world.configuration(), "wrong");
    let failures = "feishu_exporter_api_failures_total{tenant=\"acme\",\
                    endpoint=\"tenant_access_token\",class=\"credentials\"}";
    metrics_when(&url, failures, |count| count >= 3.0);
    assert!(text(&format!("{url}/")).contains("10014"), "the status page tells Feishu's code");
    let warned = exporter.stderr();
    let told = warned.lines().filter(|line| line.contains("10014")).count();
    assert_eq!(told, 1, "{warned}");

    fs::write(exporter.path("secret"), SECRET).unwrap();
    metrics_when(&url, UP, |up| up == 1.0);
    stops(exporter, "INT");
}

#[test]
fn a_forbidden_department_costs_only_itself() {
    let world = World::new(8);
    let ids = world.departments();
    let refusal = json!({ "error": { "status": 400, "code": 1_051_003, "msg": "no permission" } });
    world.fault(Some(&ids[2]), &refusal);
    let (exporter, url) = serve(&world.configuration(), SECRET);
    let page = metrics_of_latest(&url, ids.len() - 1);
    for id in &ids {
        let labels = format!("{{tenant=\"acme\",geo=\"local\",department_id=\"{id}\"}}");
        let up = sample(&page, &format!("feishu_exporter_department_up{labels}")).unwrap();
        assert_eq!(up == 0.0, *id == ids[2], "{id}");
        let users = format!("department_id=\"{id}\",department=");
        assert_eq!(page.contains(&users), *id != ids[2], "{id}");
    }
    let success = "feishu_exporter_collection_success{tenant=\"acme\",source=\"departments\"}";
    assert_eq!(sample(&page, success), Some(0.0));
    let status = text(&format!("{url}/"));
    assert!(status.contains("1051003") && status.contains("data permission"), "{status}");
    stops(exporter, "TERM");
}

#[test]
fn it_stops_while_feishu_hangs() {
    let world = World::new(4);
    world.fault(None, &json!({ "slow": { "millis": 600_000 } }));
    let (exporter, url) = serve(&world.configuration(), SECRET);
    assert_eq!(get(&format!("{url}/-/healthy"), &[]).status, 200);
    // Sent, and not answered: the only request so far is under way.
    let sent =
        "feishu_exporter_api_requests_total{tenant=\"acme\",endpoint=\"tenant_access_token\"}";
    metrics_when(&url, sent, |count| count == 1.0);
    assert!(world.requests().is_empty());
    stops(exporter, "TERM");
}

#[test]
fn a_port_that_is_taken_is_status_1_and_a_clear_line() {
    let world = World::new(4);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let configuration = world.configuration();
    let flag = format!("--web.listen-address={address}");
    let mut exporter = Program::exporter(
        &["serve", "--config.file=conf.yml", &flag],
        &[("conf.yml", &configuration), ("secret", SECRET)],
    );
    assert_eq!(exporter.status(), Some(1));
    let said = exporter.stderr();
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("feishu-exporter: ") && last.contains(&address), "{said}");
    assert!(last.to_lowercase().contains("address already in use"), "{said}");
}

/// systemd's `ProcSubset=pid` hides what is the system's and not the process's.
#[test]
fn what_proc_hides_has_no_sample() {
    let hiding = "mount --bind /dev/null /proc/stat && exec \"$@\"";
    let unshare = ["--map-root-user", "--mount", "sh", "-c", hiding, "sh"];
    let tried = Command::new("unshare").args(unshare).arg("true").output().unwrap();
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).into_owned();
        eprintln!("NOT TESTED, since this machine gives no namespaces: {why}");
        return;
    }
    let world = World::new(2);
    let plain = exporter(&SERVE);
    let mut command = Command::new("unshare");
    command.args(unshare).arg(plain.get_program()).args(plain.get_args());
    for (name, _) in plain.get_envs() {
        command.env_remove(name);
    }
    let files = directory(&[("conf.yml", &world.configuration()), ("secret", SECRET)]);
    let mut exporter = Program::start(command, files);
    let page = text(&format!("{}/metrics", exporter.listens()));
    assert!(sample(&page, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 0.0));
    assert_eq!(sample(&page, "process_start_time_seconds"), None);
    assert!(!page.contains("process_start_time_seconds"), "no header either");
}
