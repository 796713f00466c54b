//! The configuration as operators meet it: files with one mistake each and the message that they
//! get, files that must load, and the documents written from the table of keys.
//!
//! `UPDATE_GOLDEN=1 cargo test --test config` rewrites the expected texts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use feishu_exporter::{
    collect::{GeoZone, Language, Options},
    config::{self, KEYS, Kind, Loaded, Problems, Source},
    feishu::DepartmentIdType,
    secret::SecretSource,
    usage::RateScale,
};
use jiff::{Timestamp, civil::time};

/// What every secret of the files is; no message may show it.
const SECRET: &str = "hunter2";

const DAY: Duration = Duration::from_secs(86_400);

const FOLDER: &str = "tests/data/config";

fn now() -> Timestamp {
    "2026-11-22T04:00:00Z".parse().unwrap()
}

fn load(path: &Path) -> Result<Loaded, Problems> {
    config::load(&Source::File(path.to_owned()), &BTreeMap::new(), now())
}

fn load_text(text: &str) -> Result<Loaded, Problems> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    load(file.path())
}

fn files(suffix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.to_str().unwrap().ends_with(suffix)).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn options(name: &str) -> Options {
    load(&Path::new(FOLDER).join(name)).unwrap().options
}

/// Compares with a file, or writes it.
fn check_golden(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} is not up to date; run with UPDATE_GOLDEN=1 and look at the difference. Now:\n{actual}",
        path.display()
    );
}

#[test]
fn every_bad_file_gets_its_messages_and_none_shows_the_secret() {
    for path in files(".bad.yml") {
        let problems = match load(&path) {
            Err(problems) => problems,
            Ok(_) => panic!("{} loads", path.display()),
        };
        let text = problems.to_string().replace(&format!("{FOLDER}/"), "") + "\n";
        assert!(!text.contains(SECRET), "{text}");
        assert!(!format!("{problems:?}").contains(SECRET));
        check_golden(&path.with_extension("txt"), &text);
    }
}

#[test]
fn every_good_file_loads_and_its_debug_output_hides_the_secret() {
    for path in files(".ok.yml") {
        let loaded = load(&path).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!format!("{loaded:?}").contains(SECRET), "{}", path.display());
    }
}

#[test]
fn a_minimal_file_has_the_documented_defaults() {
    let options = options("minimal.ok.yml");
    let tenant = &options.tenants[0];
    assert_eq!(options.series_limit, 2_000_000);
    assert_eq!((tenant.name.as_str(), tenant.api.tenant.as_str()), ("default", "default"));
    assert_eq!(tenant.api.base_url, "https://open.feishu.cn");
    assert_eq!(tenant.api.department_id_type, DepartmentIdType::OpenDepartmentId);
    assert_eq!(tenant.api.limits, feishu_exporter::feishu::Limits::default());
    assert_eq!(zones(&tenant.geos), ["local Asia/Shanghai"]);
    assert!(tenant.product_versions && tenant.total_version_names.is_empty());
    assert_eq!(tenant.rates, None);
    assert_eq!(tenant.figures.len(), 38);
    assert_eq!(tenant.min_department_users, 0);
    assert_eq!(tenant.schedule.interval, Duration::from_secs(3600));
    assert_eq!(tenant.schedule.ready_at, time(9, 30, 0, 0));
    assert_eq!(tenant.schedule.lookback_days, 7);
    assert_eq!(tenant.schedule.max_age, Duration::from_secs(14 * 86_400));
    assert!(tenant.request_grouping);
    let contact = tenant.contact.unwrap();
    assert_eq!((contact.language, contact.refresh_interval), (Language::Chinese, DAY));
    assert!(tenant.discovery.is_none() && tenant.user_statistics.is_none());
    assert_eq!((tenant.directory, tenant.members), (None, None));
}

#[test]
fn every_key_of_this_release_reaches_the_options() {
    let options = options("every_key.ok.yml");
    let tenant = &options.tenants[0];
    assert_eq!(options.series_limit, 1000);
    assert_eq!(tenant.name, "acme");
    assert_eq!(tenant.api.base_url, "https://lark.example.org:8443/proxy");
    assert_eq!(tenant.api.app_id, "cli_a1b2c3");
    assert!(matches!(&tenant.api.app_secret, SecretSource::File(path)
        if *path == Path::new(FOLDER).join("secret.txt")));
    assert_eq!(tenant.api.app_secret.read().unwrap().expose(), "hunter2hunter2");
    assert_eq!(zones(&tenant.geos), ["cn Asia/Shanghai", "sg Asia/Singapore", "us UTC"]);
    assert!(!tenant.product_versions);
    assert_eq!(tenant.total_version_names, ["All versions", "合計"]);
    assert_eq!(tenant.rates, Some(RateScale::Percent));
    assert_eq!(tenant.figures.len(), 31);
    let ids: Vec<_> =
        tenant.departments.iter().map(|d| (d.id.as_str(), d.include_children)).collect();
    assert_eq!(ids, [("od-1", false), ("od-2", true)]);
    assert_eq!(tenant.min_department_users, 5);
    assert_eq!((tenant.calendar.holidays.len(), tenant.calendar.workdays.len()), (8, 1));
    assert_eq!(tenant.schedule.interval, Duration::from_secs(1800));
    assert_eq!(tenant.schedule.ready_at, time(10, 15, 0, 0));
    assert_eq!(tenant.schedule.lookback_days, 7);
    assert_eq!(tenant.schedule.max_age, Duration::from_secs(10 * 86_400 + 12 * 3600));
    assert_eq!(tenant.schedule.baseline_weeks, 6);
    assert_eq!(tenant.schedule.retention_days, 730);
    assert_eq!(tenant.api.limits.requests_per_second, 0.5);
    assert_eq!(tenant.api.limits.concurrency, 2);
    assert_eq!(tenant.api.limits.timeout, Duration::from_secs(90));
    assert_eq!(tenant.api.limits.requests_per_month, 9000);
    let discovery = tenant.discovery.as_ref().unwrap();
    assert_eq!((discovery.root.as_str(), discovery.max_depth), ("od-3", 2));
    assert_eq!((discovery.include[0].as_str(), discovery.exclude[0].as_str()), ("^a/b", "测试$"));
    assert_eq!((discovery.include.len(), discovery.exclude.len()), (1, 2));
    assert_eq!(discovery.min_members, 3);
    assert_eq!(discovery.refresh_interval, DAY / 2);
    assert!(!tenant.request_grouping);
    assert_eq!(tenant.directory, Some(DAY * 2));
    let contact = tenant.contact.unwrap();
    assert_eq!((contact.language, contact.refresh_interval), (Language::English, DAY * 7));
    assert_eq!(tenant.members, Some(DAY / 4));
    assert_eq!(tenant.user_statistics.unwrap().min_group_size, 20);

    let second = &options.tenants[1];
    assert_eq!(zones(&second.geos), ["local UTC"]);
    assert!(second.contact.is_none());
}

#[test]
fn with_discovery_no_department_needs_to_be_listed() {
    let options = options("discovery_alone.ok.yml");
    let tenant = &options.tenants[0];
    assert!(tenant.departments.is_empty());
    let discovery = tenant.discovery.as_ref().unwrap();
    assert_eq!((discovery.root.as_str(), discovery.max_depth), ("0", 4));
    assert!(discovery.include.is_empty() && discovery.exclude.is_empty());
    assert_eq!((discovery.min_members, discovery.refresh_interval), (0, DAY));
}

fn zones(geos: &[GeoZone]) -> Vec<String> {
    geos.iter().map(|geo| format!("{} {}", geo.geo, geo.zone)).collect()
}

#[test]
fn ids_stay_the_text_as_written() {
    let options = options("ids_as_written.ok.yml");
    let ids: Vec<_> = options.tenants[0].departments.iter().map(|d| d.id.as_str()).collect();
    assert_eq!(ids, ["0", "0123", "1e5", "true", "0x1F", "7", "1.50"]);
    let secret = options.tenants[0].api.app_secret.read().unwrap();
    assert_eq!(secret.expose(), "0123456789");
}

/// The table and the reader must agree: whatever the table declares is read, or it is refused or
/// checked as a key of a later release.
#[test]
fn a_wrong_value_under_any_key_of_the_table_is_noticed() {
    for key in KEYS.iter().filter(|key| key.path != "tenants") {
        let wrong = if matches!(key.kind, Kind::Section) { "[x]" } else { "{x: {y: 1}}" };
        let mut text = wrong.to_owned();
        let mut shown = String::new();
        for part in key.path.split('.') {
            let (name, is_list) = part.strip_suffix("[]").map_or((part, false), |n| (n, true));
            shown = if shown.is_empty() { name.to_owned() } else { format!("{shown}.{name}") };
            if is_list {
                shown.push_str("[0]");
            }
        }
        for part in key.path.rsplit('.') {
            text = match part.strip_suffix("[]") {
                Some(name) => format!("{{{name}: [{text}]}}"),
                None => format!("{{{part}: {text}}}"),
            };
        }
        let problems = load_text(&text).unwrap_err();
        let named = |problem: &config::Problem| problem.path.starts_with(&shown);
        assert!(problems.iter().any(named), "{} is not read: {text}\n{problems}", key.path);
    }
}

#[test]
fn warnings_tell_what_is_allowed_and_probably_not_meant() {
    let loaded = load_text(
        "tenants:\n\
         - app_id: a1b2c3\n  app_secret_file: /no/such/hunter2\n  base_url: http://feishu.cn\n  \
         statistics_time_zone: Europe/Berlin\n  departments: [dev, od-1]\n  \
         collection: {interval: 10s}\n  discovery: {enabled: true, root: dev}\n",
    )
    .unwrap();
    let warnings: Vec<_> =
        loaded.warnings.iter().map(|w| (w.line.unwrap(), w.path.as_str())).collect();
    assert_eq!(
        warnings,
        [
            (2, "tenants[0].app_id"),
            (3, "tenants[0].app_secret_file"),
            (4, "tenants[0].base_url"),
            (5, "tenants[0].statistics_time_zone"),
            (6, "tenants[0].departments"),
            (7, "tenants[0].collection.interval"),
            (8, "tenants[0].discovery.root"),
        ]
    );
    assert!(!loaded.warnings.iter().any(|w| w.to_string().contains(SECRET)));
}

#[test]
fn plain_http_to_this_machine_is_no_warning() {
    let loaded = load_text(
        "tenants: [{app_id: cli_a, app_secret: hunter2, base_url: 'http://127.0.0.1:10918/', \
         statistics_time_zone: UTC, departments: [od-1]}]",
    )
    .unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.options.tenants[0].api.base_url, "http://127.0.0.1:10918");
}

#[test]
fn variables_of_the_tenant_have_no_effect_beside_a_file() {
    let env =
        [("FEISHU_APP_ID", "cli_b"), ("FEISHU_APP_SECRET", "hunter2"), ("FEISHU_BASE_URL", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let path = Path::new(FOLDER).join("minimal.ok.yml");
    let loaded = config::load(&Source::File(path), &BTreeMap::from(env), now()).unwrap();
    assert_eq!(loaded.options.tenants[0].api.app_id, "cli_a1b2c3");
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "environment: FEISHU_APP_ID: is set, but has no effect beside a configuration file",
            "environment: FEISHU_APP_SECRET: is set, but has no effect beside a configuration file",
        ]
    );
}

#[test]
fn a_file_of_other_bytes_or_sizes_is_refused_with_a_reason() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), b"tenants:\n  - name: \xff\n").unwrap();
    let text = load(file.path()).unwrap_err().to_string();
    assert!(text.ends_with(":2: is not valid UTF-8 here"), "{text}");

    fs::write(file.path(), vec![b'#'; (4 << 20) + 1]).unwrap();
    let text = load(file.path()).unwrap_err().to_string();
    assert!(text.contains("is longer than 4194304 bytes"), "{text}");

    let text = load(Path::new("no/such/file.yml")).unwrap_err().to_string();
    assert!(text.contains("no/such/file.yml: cannot be read: "), "{text}");
}

#[test]
fn many_departments_load_and_too_many_are_refused() {
    let file = |count: usize| {
        let ids: String = (0..count).map(|id| format!("  - od-{id}\n")).collect();
        format!("tenants:\n- app_id: cli_a\n  app_secret: hunter2\n  departments:\n{ids}")
    };
    let loaded = load_text(&file(30_000)).unwrap();
    assert_eq!(loaded.options.tenants[0].departments.len(), 30_000);
    let text = load_text(&file(30_001)).unwrap_err().to_string();
    assert!(text.ends_with("departments: lists more than 30000 departments"), "{text}");
}

#[test]
fn the_example_file_loads_without_a_warning_and_so_does_what_it_has_commented_out() {
    const EXAMPLE: &str = "feishu-exporter.example.yml";
    let loaded = load(Path::new(EXAMPLE)).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.options.tenants.len(), 1);

    // A key follows its # without a blank, one below it after two.
    let text = fs::read_to_string(EXAMPLE).unwrap();
    let switched_on: Vec<String> = text
        .lines()
        .map(|line| match line.strip_prefix("    #") {
            Some(key) if !key.starts_with(' ') || key.starts_with("  ") => format!("    {key}"),
            _ => line.to_owned(),
        })
        .collect();
    let loaded = load_text(&switched_on.join("\n")).unwrap_or_else(|problems| panic!("{problems}"));
    let tenant = &loaded.options.tenants[0];
    assert!(tenant.discovery.is_some() && tenant.directory.is_some() && tenant.members.is_some());
    assert!(tenant.user_statistics.is_some());
    assert_eq!(loaded.warnings, []);
}

proptest::proptest! {
    #[test]
    fn no_text_brings_the_reader_down_or_loads_without_a_tenant(
        text in "(tenants:|- |\\{|\\}|\\[|\\]|: |:|,|\n|  |app_id|geos|[a-z]|&a|\\*a|!t|\"|'|\\||>|%|---|#|\\?|<<|0|é|\t){0,40}"
    ) {
        proptest::prop_assert!(load_text(&text).is_err());
    }
}
