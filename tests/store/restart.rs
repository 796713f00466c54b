//! The binary is ended, and the next one goes on from its store.

use std::collections::BTreeSet;

use crate::{
    outside::{get, text},
    program::{Program, directory, eventually, run},
    world::{SECRET, World, metrics_of_latest, metrics_when},
};

pub(crate) const BASELINE: &str = "feishu_department_suite_dau_baseline";

pub(crate) fn serve(configuration: &str, store: &str) -> Program {
    Program::exporter(
        &[
            "serve",
            "--config.file=conf.yml",
            "--web.listen-address=127.0.0.1:0",
            &format!("--storage.path={store}"),
        ],
        &[("conf.yml", configuration), ("secret", SECRET)],
    )
}

/// The first page that an exporter calls ready.
pub(crate) fn first_page(url: &str) -> String {
    eventually("an exporter that has loaded its store", || {
        (get(&format!("{url}/-/ready"), &[]).status == 200).then_some(())
    });
    text(&format!("{url}/metrics"))
}

/// Everything about departments, without what tells of requests.
pub(crate) fn series(page: &str) -> BTreeSet<String> {
    let is_published =
        |line: &&str| line.starts_with("feishu_department") || line.starts_with("feishu_calendar");
    page.lines().filter(is_published).map(str::to_owned).collect()
}

#[test]
fn the_first_page_after_a_crash_is_the_last_one_before_even_without_feishu() {
    let store = directory(&[]);
    let path = store.path().join("data").to_str().unwrap().to_owned();
    let world = World::new(8);
    let configuration = world.configuration();
    let departments = world.departments().len();
    let mut exporter = serve(&configuration, &path);
    let url = exporter.listens();
    metrics_of_latest(&url, departments);
    let source = "feishu_exporter_collection_success{tenant=\"acme\",source=\"contact\"}";
    metrics_when(&url, source, |success| success == 1.0);
    let page = eventually("baselines of every department", || {
        let page = text(&format!("{url}/metrics"));
        let baselines = page.lines().filter(|line| line.starts_with(&format!("{BASELINE}{{")));
        (baselines.count() == departments).then_some(page)
    });
    exporter.signal("KILL");
    exporter.status();
    drop(world);

    let mut again = serve(&configuration, &path);
    let url = again.listens();
    let first = first_page(&url);
    let (first, page) = (series(&first), series(&page));
    let changed: Vec<_> = first.symmetric_difference(&page).take(10).collect();
    assert!(changed.is_empty(), "{changed:#?}");
    assert!(first.len() > departments * 38 * 4);
    let up = "feishu_exporter_store_up";
    metrics_when(&url, up, |up| up == 1.0);
    again.signal("TERM");
    assert_eq!(again.status(), Some(0));
}

#[test]
fn a_damaged_store_is_moved_aside_and_the_exporter_starts() {
    let world = World::new(4);
    let store = directory(&[("history.db", "this is not a database, and never was one\n")]);
    let path = store.path().to_str().unwrap();
    let mut exporter = serve(&world.configuration(), path);
    let url = exporter.listens();
    metrics_of_latest(&url, world.departments().len());
    metrics_when(&url, "feishu_exporter_store_up", |up| up == 1.0);
    let log = exporter.stderr();
    assert!(log.contains("cannot be used") && log.contains("was moved to"), "{log}");
    let names: Vec<String> = std::fs::read_dir(store.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().any(|name| name.starts_with("history.db.aside-")), "{names:?}");
}

#[test]
fn without_a_usable_directory_live_values_are_served_all_the_same() {
    let world = World::new(4);
    let store = directory(&[("file", "")]);
    let path = store.path().join("file/data");
    let mut exporter = serve(&world.configuration(), path.to_str().unwrap());
    let url = exporter.listens();
    let page = metrics_of_latest(&url, world.departments().len());
    assert!(page.contains("feishu_exporter_store_up 0"), "{page}");
    assert!(!page.contains(BASELINE));
    assert!(exporter.stderr().contains("No history is kept"), "{}", exporter.stderr());
}

#[test]
fn an_empty_path_keeps_everything_in_memory() {
    let world = World::new(4);
    let files = directory(&[("conf.yml", &world.configuration()), ("secret", SECRET)]);
    for flag in ["--storage.path=", "--storage.path"] {
        let mut args = vec!["serve", "--config.file=conf.yml", "--web.listen-address=127.0.0.1:0"];
        args.push(flag);
        args.extend((flag == "--storage.path").then_some(""));
        let mut exporter =
            Program::exporter(&args, &[("conf.yml", &world.configuration()), ("secret", SECRET)]);
        let url = exporter.listens();
        let page = metrics_of_latest(&url, world.departments().len());
        assert!(!page.contains(BASELINE) && !page.contains("feishu_exporter_store_up"), "{page}");
        assert!(!exporter.path("data").exists());
    }
    let (_, told, _) = run(files.path(), &["check-config", "conf.yml", "--storage.path="]);
    assert!(told.contains("baselines     none"), "{told}");
}

#[test]
fn a_second_exporter_leaves_the_store_to_the_first() {
    let world = World::new(4);
    let store = directory(&[]);
    let path = store.path().to_str().unwrap();
    let mut first = serve(&world.configuration(), path);
    first.listens();
    let mut second = serve(&world.configuration(), path);
    let url = second.listens();
    metrics_of_latest(&url, world.departments().len());
    let log = second.stderr();
    assert!(log.contains("another exporter uses the store"), "{log}");
}

#[test]
fn the_first_day_costs_what_check_config_says() {
    let world = World::new(30);
    let configuration = format!(
        "{}    limits: {{requests_per_second: 40, concurrency: 8}}\n",
        world.configuration()
    );
    let files = directory(&[("conf.yml", &configuration), ("secret", SECRET)]);
    let (_, told, _) = run(files.path(), &["check-config", "conf.yml"]);
    let total = told.lines().find(|line| line.trim_start().starts_with("total ")).unwrap();
    let first_day: usize = total.split_whitespace().nth(1).unwrap().parse().unwrap();

    let before = world.requests().len();
    let mut exporter = serve(&configuration, files.path().join("data").to_str().unwrap());
    let url = exporter.listens();
    for source in ["departments", "contact", "baselines"] {
        let success =
            format!("feishu_exporter_collection_success{{tenant=\"acme\",source=\"{source}\"}}");
        metrics_when(&url, &success, |success| success == 1.0);
    }
    let asked: Vec<String> = world.requests()[before..]
        .iter()
        .map(|r| format!("{} {}", r["path"], r["query"]))
        .collect();
    assert_eq!(asked.len(), first_day, "{told}\n{}", asked.join("\n"));
}
