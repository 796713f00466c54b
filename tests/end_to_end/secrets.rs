//! The app's secret and the token are nowhere to be seen, not even where Feishu repeats them.

use std::fs;

use serde_json::json;

use crate::{
    outside::text,
    program::{Program, directory, run},
    world::{SECRET, World, metrics_when, token},
};

#[test]
fn no_secret_is_in_anything_that_it_says_or_shows() {
    let world = World::new(4);
    let token = token(&world.api, SECRET);
    // A token that is refused, a server's error and a refusal, all of which repeat the secrets.
    for code in [1_051_003, 1_051_000, 99_991_663] {
        world.clear_faults();
        let echo = json!({ "echo_secrets": { "status": 400, "code": code } });
        world.fault_at("admin_dept_stats", &echo);
        for level in ["debug", "trace"] {
            search(&world, &token, level, code);
        }
    }
}

fn search(world: &World, token: &str, level: &str, code: i64) {
    // The secret stands in the file itself: another way for it to leak.
    let configuration =
        world.configuration().replace("app_secret_file: secret", &format!("app_secret: {SECRET}"));
    let level = format!("--log.level={level}");
    let mut exporter = Program::exporter(
        &["serve", "--config.file=conf.yml", "--web.listen-address=127.0.0.1:0", &level],
        &[("conf.yml", &configuration)],
    );
    let url = exporter.listens();
    let failed = "feishu_exporter_departments{tenant=\"acme\",state=\"failed\"}";
    metrics_when(&url, failed, |count| count >= 1.0);

    let command_line = fs::read(format!("/proc/{}/cmdline", exporter.id())).unwrap();
    let pages = ["/", "/metrics", "/api/v1/status"].map(|path| text(&format!("{url}{path}")));
    exporter.signal("TERM");
    assert_eq!(exporter.status(), Some(0));
    let log = exporter.stderr();
    // The failure is told, and with it Feishu's message: it is only the secrets that are missing.
    for told in [&log, &pages[0], &pages[2]] {
        assert!(told.contains(&code.to_string()) && told.contains("redacted"), "{code}: {told}");
    }
    let mut seen = vec![String::from_utf8(command_line).unwrap(), exporter.stdout(), log];
    seen.extend(pages);
    none_holds(&seen, token);

    let directory = directory(&[("conf.yml", &configuration)]);
    for format in ["prometheus", "json"] {
        let args = ["collect", "--config.file=conf.yml", "--format", format, &level];
        let (status, out, err) = run(directory.path(), &args);
        assert_eq!(status, Some(1));
        none_holds(&[out, err], token);
    }
    let (_, out, err) = run(directory.path(), &["check-config", "conf.yml"]);
    none_holds(&[out, err], token);
}

#[track_caller]
fn none_holds(texts: &[String], token: &str) {
    for text in texts {
        for secret in [SECRET, token, "Bearer t-"] {
            assert!(!text.contains(secret), "{secret} is in: {text}");
        }
    }
}
