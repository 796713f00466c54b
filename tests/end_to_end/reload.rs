//! Reading the configuration again while the exporter runs.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{
    outside::{get, text, try_get},
    program::{Program, eventually},
    world::{SECRET, World, configuration, metrics_of_latest, metrics_when, sample},
};

const VALID: &str = "feishu_exporter_config_last_reload_successful";
const VALID_AT: &str = "feishu_exporter_config_last_reload_success_timestamp_seconds";

fn serve(world: &World, ids: &[String], more: &[&str]) -> (Program, String) {
    let args = ["serve", "--config.file=conf.yml", "--web.listen-address=127.0.0.1:0"];
    let args: Vec<&str> = args.iter().chain(more).copied().collect();
    let file = configuration(&world.api, ids, "");
    let mut exporter = Program::exporter(&args, &[("conf.yml", &file), ("secret", SECRET)]);
    let url = exporter.listens();
    (exporter, url)
}

/// How many departments a page has figures of.
fn departments(page: &str) -> usize {
    page.lines().filter(|line| line.starts_with("feishu_department_statistics_day_")).count()
}

/// Requests for statistics so far.
fn asked(world: &World) -> usize {
    let of_statistics = |request: &&serde_json::Value| request["endpoint"] == "admin_dept_stats";
    world.requests().iter().filter(of_statistics).count()
}

/// When nothing has been asked for a while: baselines and grouping follow the newest day.
fn quiet(world: &World) -> usize {
    let mut before = asked(world);
    let mut unchanged = 0;
    eventually("an end of requests", || {
        let now = asked(world);
        unchanged = if now == before { unchanged + 1 } else { 0 };
        before = now;
        (unchanged >= 100).then_some(now)
    })
}

#[test]
fn a_reload_takes_in_what_changed_and_nobody_who_scrapes_notices() {
    for storage in ["--storage.path=data", "--storage.path=none"] {
        let world = World::new(12);
        let ids = world.departments();
        let (few, more) = (&ids[..4], &ids[..6]);
        let (mut exporter, url) = serve(&world, few, &[storage]);
        metrics_of_latest(&url, few.len());
        let before = quiet(&world);

        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let scraping = scope.spawn(|| {
                let mut scrapes = 0;
                while !over.load(Ordering::Relaxed) {
                    let page = text(&format!("{url}/metrics"));
                    assert!(departments(&page) >= few.len(), "{storage}: {page}");
                    scrapes += 1;
                }
                scrapes
            });
            for _ in 0..3 {
                let read_at = sample(&text(&format!("{url}/metrics")), VALID_AT).unwrap();
                exporter.signal("HUP");
                metrics_when(&url, VALID_AT, |at| at > read_at);
            }
            // Whatever was whole is not asked for again.
            assert_eq!(quiet(&world), before, "{storage}");
            fs::write(exporter.path("conf.yml"), configuration(&world.api, more, "")).unwrap();
            exporter.signal("HUP");
            metrics_of_latest(&url, more.len());
            over.store(true, Ordering::Relaxed);
            assert!(scraping.join().unwrap() > 3);
        });

        // What is gone from the file goes from the page, the tenant's own metrics as well.
        let other = configuration(&world.api, more, "").replace("name: acme", "name: other");
        fs::write(exporter.path("conf.yml"), other).unwrap();
        exporter.signal("HUP");
        let page = metrics_when(&url, "feishu_up{tenant=\"other\"}", |up| up == 1.0);
        assert!(!page.contains("acme"), "{page}");
        exporter.signal("TERM");
        assert_eq!(exporter.status(), Some(0), "{}", exporter.stderr());
        assert_eq!(exporter.stderr().matches("The configuration was reloaded").count(), 5);
    }
}

#[test]
fn a_bad_file_changes_nothing_and_tells_every_mistake() {
    let world = World::new(6);
    let ids = world.departments();
    let (exporter, url) = serve(&world, &ids, &["--web.enable-lifecycle"]);
    metrics_of_latest(&url, ids.len());
    let reload = |method: &str| get(&format!("{url}/-/reload"), &["--request", method]);
    let good = fs::read_to_string(exporter.path("conf.yml")).unwrap();
    assert_eq!(reload("POST").status, 200);

    let unusable = good.replace("departments:", "ca_file: none.pem\n    departments:");
    for bad in
        ["", "tenants: [}", &good.replace("interval: 1s", "intervall: 1, jitter: 2"), &unusable]
    {
        fs::write(exporter.path("conf.yml"), bad).unwrap();
        let answer = reload("PUT");
        assert_eq!(answer.status, 500);
        let told = answer.text();
        assert!(told.contains("conf.yml"), "{told}");
        if bad.contains("jitter") {
            assert!(told.contains("intervall") && told.contains("jitter"), "{told}");
        }
        let page = text(&format!("{url}/metrics"));
        assert_eq!(sample(&page, VALID), Some(0.0));
        assert_eq!(departments(&page), ids.len());
        assert_eq!(get(&format!("{url}/-/ready"), &[]).status, 200);
    }
    assert!(exporter.stderr().contains("the one before stays in force"), "{}", exporter.stderr());

    fs::write(exporter.path("conf.yml"), good).unwrap();
    assert_eq!(reload("POST").status, 200);
    assert_eq!(sample(&text(&format!("{url}/metrics")), VALID), Some(1.0));
    assert_eq!(reload("GET").status, 405);

    let (_closed, url) = serve(&world, &ids, &[]);
    let answer =
        eventually("an answer", || try_get(&format!("{url}/-/reload"), &["--request", "POST"]));
    assert_eq!(answer.status, 403);
}

#[test]
fn a_reload_ends_waits_and_requests_that_hang() {
    let world = World::new(4);
    let ids = world.departments();
    let (exporter, url) = serve(&world, &ids, &["--web.enable-lifecycle"]);
    metrics_of_latest(&url, ids.len());
    // As long as this lasts, a look takes ten minutes.
    world.fault(None, &serde_json::json!({ "slow": { "millis": 600_000 } }));
    let all = world.departments();
    let file = configuration(&world.api, &all, "").replace("acme", "other");
    fs::write(exporter.path("conf.yml"), &file).unwrap();
    let reload = || get(&format!("{url}/-/reload"), &["--request", "POST"]).status;
    assert_eq!(reload(), 200);
    world.clear_faults();
    // The look that hangs would take ten minutes; this one begins at once.
    assert_eq!(reload(), 200);
    metrics_of_latest(&url, all.len());
}
