//! Usage, messages and signals of `backfill`.

use serde_json::json;

use crate::{
    outside::get,
    past::Past,
    program::{Program, directory, eventually, run},
    world::{SECRET, World, configuration},
};

#[test]
fn bad_usage_is_status_2_and_names_the_flag() {
    let past = Past::new();
    let tomorrow = past.newest.tomorrow().unwrap();
    let (late_from, late_to) = (format!("--from={tomorrow}"), format!("--to={tomorrow}"));
    let url = "--remote-write.url=http://127.0.0.1:9/api/v1/write";
    for (args, what) in [
        (&[][..], "--output"),
        (&["--output=x", url], "cannot be used with"),
        (&["--output=x", "--step=4m"], "--figure"),
        (&["--output=x", "--step=5s"], "from 15s to 1d"),
        (&["--output=x", "--figure=feishu_department_suite_dua"], "feishu_department_suite_dau?"),
        (&["--output=x", "--figure=suite_dau"], "its metric is feishu_department_suite_dau"),
        (&["--output=x", "--label=tenant=a"], "have already"),
        (&["--output=x", "--from=2026-13-01"], "--from"),
        (&["--output=x", "--to=2020-01-01"], "is later than --to"),
        (&["--output=x", &late_from], "is too late"),
        (&["--output=x", &late_to], "is too late"),
        (&[url, "--format=openmetrics"], "cannot be used with"),
        (&[url, "--step=1d"], "cannot be used with"),
        (&[url, "--remote-write.username=a"], "--remote-write.password-file"),
        (&[url, "--remote-write.bearer-token-file=none"], "cannot be used"),
        (&["--remote-write.url=http://a:hunter2@h/"], "--remote-write.password-file"),
        (&["--output=x", "--remote-write.header=a=b"], "cannot be used with"),
    ] {
        let (status, out, said) = past.backfill(args);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{args:?}: {said}");
        assert!(said.contains(what) && !said.contains("hunter2"), "{args:?}: {said}");
        assert!(!past.directory.path().join("x").exists());
    }
}

#[test]
fn standard_output_has_the_text_and_nothing_else() {
    let past = Past::new();
    past.written(&["--output=back.om"]);
    let (status, out, said) = past.backfill(&["--output=-"]);
    assert_eq!(status, Some(0), "{said}");
    let file = std::fs::read_to_string(past.directory.path().join("back.om")).unwrap();
    assert!(out == file);
    assert!(out.ends_with("# EOF\n") && said.contains("91 days"), "{said}");
}

#[test]
fn a_stop_leaves_no_file_and_says_how_to_go_on() {
    let past = Past::new();
    let config = format!("--config.file={}/feishu-exporter.yml", past.directory.path().display());
    let storage = format!("--storage.path={}/data", past.directory.path().display());
    for signal in ["INT", "TERM"] {
        // A second of work, and the size is told before it begins.
        let from = format!("--from={}", past.newest.saturating_sub(jiff::Span::new().days(20)));
        let args = ["backfill", &config, &storage, "--output=big.om", "--step=15s", &from];
        let figures = ["--figure=feishu_department_suite_dau", "--figure=feishu_department_users"];
        let mut writing = Program::exporter(&[&args[..], &figures].concat(), &[]);
        let partial = writing.path("big.om.partial");
        eventually("a file that is being written", || {
            let is_told = writing.stderr().contains(" samples, ");
            (is_told && partial.exists()).then_some(())
        });
        writing.signal(signal);
        assert_eq!(writing.status(), Some(1), "{}", writing.stderr());
        assert!(writing.stderr().contains("run the same command again"), "{}", writing.stderr());
        assert!(!partial.exists() && !writing.path("big.om").exists());
    }
}

#[test]
fn a_store_that_cannot_be_used_is_an_error() {
    let past = Past::new();
    let place = directory(&[("file", "")]);
    let storage = format!("--storage.path={}/file/data", place.path().display());
    let (status, _, said) = past.backfill(&[&storage, "--output=x"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("--storage.path"), "{said}");
    assert!(!past.directory.path().join("x").exists());
}

#[test]
fn a_second_backfill_on_a_store_is_told_to_wait() {
    let world = World::new(2);
    let files = [("feishu-exporter.yml", &*world.configuration()), ("secret", SECRET)];
    let fault = json!({ "on": { "skip": 1 }, "kind": { "slow": { "millis": 600_000 } } });
    let faults = format!("{}/_simulator/faults", world.api);
    get(&faults, &["--request", "POST", "--data-binary", &fault.to_string()]);
    let place = directory(&files);
    let storage = format!("--storage.path={}", place.path().join("data").display());
    let mut first = Program::exporter(&["backfill", &storage, "--output=back.om"], &files);
    eventually("a request of the first", || (!world.requests().is_empty()).then_some(()));
    let (status, _, said) = run(place.path(), &["backfill", &storage, "--output=back.om"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("another backfill uses the store in") && said.contains("wait"), "{said}");
    assert!(!place.path().join("back.om").exists());
    first.signal("TERM");
    assert_eq!(first.status(), Some(1));
    // Then it is free.
    world.clear_faults();
    let (status, _, said) = run(place.path(), &["backfill", &storage, "--output=back.om"]);
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn a_fetch_that_is_interrupted_goes_on_where_it_stopped() {
    let world = World::new(3);
    let one_by_one = "    limits: {concurrency: 1, requests_per_second: 100}\n";
    let configuration = configuration(&world.api, &world.departments(), one_by_one);
    let place = directory(&[("feishu-exporter.yml", &configuration), ("secret", SECRET)]);
    // A token, the five pages of one department, and some of the next.
    let fault = json!({ "on": { "skip": 8 }, "kind": { "slow": { "millis": 600_000 } } });
    let faults = format!("{}/_simulator/faults", world.api);
    get(&faults, &["--request", "POST", "--data-binary", &fault.to_string()]);
    let path = |name: &str| place.path().join(name).display().to_string();
    let arguments = [
        "backfill".to_owned(),
        format!("--config.file={}", path("feishu-exporter.yml")),
        format!("--storage.path={}", path("data")),
        format!("--output={}", path("back.om")),
    ];
    let arguments = arguments.each_ref().map(String::as_str);
    let mut fetching = Program::exporter(&arguments, &[]);
    eventually("the requests that are answered", || (world.requests().len() >= 8).then_some(()));
    fetching.signal("INT");
    assert_eq!(fetching.status(), Some(1), "{}", fetching.stderr());
    assert!(fetching.stderr().contains("run the same command again"), "{}", fetching.stderr());
    assert!(!place.path().join("back.om").exists());

    world.clear_faults();
    let before = world.requests().len();
    let (status, _, said) = run(place.path(), &arguments);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("91 days"), "{said}");
    // A token again, and two departments of three.
    assert_eq!(world.requests().len() - before, 11, "{said}");
}

#[test]
fn an_output_that_cannot_be_written_costs_no_request() {
    let world = World::new(3);
    let configuration = configuration(&world.api, &world.departments(), "");
    let place = directory(&[("feishu-exporter.yml", &configuration), ("secret", SECRET)]);
    for output in ["--output=none/back.om", "--output=/dev/null", "--output=.", "--output="] {
        let (status, _, said) = run(place.path(), &["backfill", output]);
        assert_eq!(status, Some(2), "{output}: {said}");
        assert!(said.contains("--output"), "{output}: {said}");
    }
    assert!(world.requests().is_empty());
}

#[test]
fn a_tenant_that_fails_is_named_and_costs_the_others_nothing() {
    let world = World::new(3);
    let ids = world.departments();
    let second = configuration(&world.api, &ids, "")
        .replace("tenants:\n", "")
        .replace("name: acme", "name: globex")
        .replace("app_secret_file: secret", "app_secret: wrong");
    let both = format!("{}{second}", configuration(&world.api, &ids, ""));
    let place = directory(&[("feishu-exporter.yml", &both), ("secret", SECRET)]);
    let (status, _, said) = run(place.path(), &["backfill", "--output=back.om"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("tenant globex") && said.contains("Feishu answered 1001"), "{said}");
    let file = std::fs::read_to_string(place.path().join("back.om")).unwrap();
    assert!(file.contains("tenant=\"acme\"") && !file.contains("globex"));
}

#[test]
fn where_nothing_can_be_written_the_reason_is_told() {
    let world = World::new(2);
    let configuration = configuration(&world.api, &world.departments(), "");
    let place = directory(&[("feishu-exporter.yml", &configuration), ("secret", SECRET)]);
    let denied = json!({ "error": { "status": 400, "code": 1_051_003, "msg": "no" } });
    world.fault_at("admin_dept_stats", &denied);
    let (status, _, said) = run(place.path(), &["backfill", "--output=back.om"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("there is nothing to write") && said.contains("1051003"), "{said}");
    assert!(!place.path().join("back.om").exists());
}

#[test]
fn a_dry_run_tells_the_plan_and_asks_for_nothing() {
    let world = World::new(3);
    let limits = "    limits: {requests_per_month: 1000, requests_per_second: 5}\n";
    let configuration = configuration(&world.api, &world.departments(), limits);
    let place = directory(&[("feishu-exporter.yml", &configuration), ("secret", SECRET)]);
    let (status, _, said) = run(place.path(), &["backfill", "--dry-run"]);
    assert_eq!(status, Some(0), "{said}");
    // Five pages each, and a token.
    let plan = "to be fetched are 273 days of 3 departments, with about 16 requests, which take 3s; \
                1,000 of the month's 1,000 requests are left";
    assert!(said.contains(plan), "{said}");
    assert!(world.requests().is_empty());
    let (_, _, said) = run(place.path(), &["backfill", "--output=back.om"]);
    assert!(said.contains(plan) && said.contains("with 16 requests"), "{said}");
    assert_eq!(world.requests().len(), 16);
    let (_, _, said) = run(place.path(), &["backfill", "--dry-run"]);
    assert!(said.contains("the store lacks nothing of its 3 departments"), "{said}");
}

#[test]
fn without_labels_the_command_warns_that_the_series_will_not_join() {
    let past = Past::new();
    assert!(past.written(&["--output=a.om"]).contains("will not join the live series"));
    assert!(!past.written(&["--output=a.om", "--label=job=a"]).contains("--label"));
}

#[test]
fn a_bar_starts_empty_says_its_unit_and_survives_a_line_of_the_log() {
    let world = World::new(3);
    let configuration =
        configuration(&world.api, &world.departments(), "    limits: {requests_per_second: 100}\n");
    let place = directory(&[("feishu-exporter.yml", &configuration), ("secret", SECRET)]);
    // Older days that are not offered any more: the log tells.
    let invalid = json!({ "error": { "status": 500, "code": 1_051_001, "msg": "no" } });
    world.fault_at("admin_dept_stats", &invalid);
    let exporter = env!("CARGO_BIN_EXE_feishu-exporter");
    let command = format!("{exporter} backfill --output=back.om --label=job=a --from=2020-01-01");
    let shown = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(place.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let first = shown.split("fetched [").nth(1).unwrap_or_else(|| panic!("{shown}"));
    let bar = first.split(']').next().unwrap();
    assert!(bar.trim().is_empty(), "it starts as {bar:?}");
    assert!(first.contains("] 0/") && first.contains("days of departments"), "{first}");
    assert!(shown.contains("does not offer these days"), "{shown:?}");
    let lines = shown.matches("ts=").count();
    // Each begins on a line that was cleared, or on a new one once the bar has ended.
    let begun = ["\r\u{1b}[2Kts=", "\nts="].map(|begin| shown.matches(begin).count());
    assert_eq!(begun.iter().sum::<usize>(), lines, "{shown:?}");
}
