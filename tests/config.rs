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
    assert!(tenant.refresh_intervals.is_empty());
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
    assert_eq!(tenant.api.limits.requests_per_minute, Some(20));
    assert_eq!(tenant.api.limits.concurrency, 2);
    assert_eq!(tenant.api.limits.timeout, Duration::from_secs(90));
    assert_eq!(tenant.api.limits.requests_per_month, 9000);
    let labels =
        |id, path| -> Vec<(&str, &str)> { tenant.labels.of(id, path).into_iter().collect() };
    assert_eq!(labels("od-1", None), [("cost_centre", "4711")]);
    assert_eq!(
        labels("od-2", Some("a/b")),
        [("cost_centre", "4711"), ("site", "北京"), ("team", "hr")]
    );
    let discovery = tenant.discovery.as_ref().unwrap();
    assert_eq!((discovery.roots.join(" ").as_str(), discovery.max_depth), ("od-3 od-4", 2));
    assert_eq!((discovery.include[0].as_str(), discovery.exclude[0].as_str()), ("^a/b", "测试$"));
    assert_eq!((discovery.include.len(), discovery.exclude.len()), (1, 2));
    assert_eq!(discovery.min_members, 3);
    assert_eq!(discovery.refresh_interval, DAY / 2);
    assert!(!tenant.request_grouping);
    let contact = tenant.contact.unwrap();
    assert_eq!((contact.language, contact.refresh_interval), (Language::English, DAY * 7));
    assert_eq!(tenant.refresh_intervals, [("directory", DAY * 2), ("members", DAY / 4)].into());
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
    assert_eq!((discovery.roots.join(" ").as_str(), discovery.max_depth), ("0", 4));
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
        // Where any name may stand.
        let path = key.path.replace('*', "any");
        let wrong = if matches!(key.kind, Kind::Section) { "[x]" } else { "{x: {y: 1}}" };
        let mut text = wrong.to_owned();
        let mut shown = String::new();
        for part in path.split('.') {
            let (name, is_list) = part.strip_suffix("[]").map_or((part, false), |n| (n, true));
            shown = if shown.is_empty() { name.to_owned() } else { format!("{shown}.{name}") };
            if is_list {
                shown.push_str("[0]");
            }
        }
        for part in path.rsplit('.') {
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
         - app_id: a1b2c3\n  app_secret_file: /no/such/hunter2\n  base_url: http://open.feishu.cn\n  \
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
fn what_is_valid_and_finds_nothing_or_tells_too_much_is_a_warning() {
    for (line, told) in [
        ("discovery: {enabled: true, max_depth: 0}", "discovery.max_depth: is 0: no department"),
        ("discovery: {enabled: true, root: [od-1, \"0\"]}", "discovery.root: lists 0 beside"),
        ("base_url: https://acme.feishu.cn", "base_url: looks like an address for people"),
        ("base_url: https://open.feishu.cn/app", "base_url: looks like an address for people"),
    ] {
        let loaded = load_text(&tenant_with(line)).unwrap();
        let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        assert!(matches!(warnings.as_slice(), [only] if only.contains(told)), "{warnings:?}");
    }
    let one = "  user_statistics: {enabled: true}\n  privacy: {min_group_size: 1}\n";
    let loaded = load_text(&(tenant_with("name: a") + one)).unwrap();
    assert!(loaded.warnings[0].to_string().contains("min_group_size: is 1: what one person did"));
    for line in ["discovery: {max_depth: 0}", "privacy: {min_group_size: 1}"] {
        assert_eq!(load_text(&tenant_with(line)).unwrap().warnings, [], "{line} is switched off");
    }
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

/// A tenant with this line in place of the usual one of its key.
fn tenant_with(line: &str) -> String {
    let key = line.split(':').next().unwrap();
    let usual = ["app_id: cli_a", "departments: [od-1]", "app_secret: hunter2"];
    let lines = usual.iter().filter(|usual| !usual.starts_with(key)).copied().chain([line]);
    format!("tenants:\n-\n{}", lines.map(|line| format!("  {line}\n")).collect::<String>())
}

#[test]
fn what_nobody_sees_is_dropped_at_the_ends_of_values() {
    for line in [
        "app_id: cli_a\u{200b}",
        "app_id: \"\u{2060}cli_a\"",
        "app_id: \u{a0}cli_a\u{3000}",
        "app_secret: \"hunter2\\r\"",
        "departments: [od-1\u{200b}]",
        "departments: [{id: \u{200e}od-1}]",
        "name: acme\u{200b}",
        "base_url: https://open.feishu.cn\u{200b}",
        "statistics_time_zone: Asia/Shanghai\u{2060}",
        "collection: {interval: 30m\u{a0}, ready_at: \"09:30\\u200b\"}",
        "contact: {enabled: true\u{200b}, language: en_us\u{200b}}",
        "limits: {concurrency: 3\u{200b}, requests_per_second: 2.5\u{200b}}",
        "calendar: {holidays: [2026-10-01..2026-10-07\u{200b}]}",
    ] {
        let loaded = load_text(&tenant_with(line)).unwrap_or_else(|p| panic!("{line:?}: {p}"));
        assert_eq!(loaded.warnings, [], "{line:?}");
        let tenant = &loaded.options.tenants[0];
        assert_eq!(tenant.api.app_id, "cli_a");
        assert_eq!(tenant.api.app_secret.read().unwrap().expose(), "hunter2");
        assert_eq!(tenant.departments[0].id, "od-1");
        assert!(!format!("{tenant:?}").contains("u{200b}"), "{line:?}");
    }
    // Windows' line ends and its mark at the beginning.
    let text = format!("\u{feff}{}", tenant_with("name: acme").replace('\n', "\r\n"));
    assert_eq!(load_text(&text).unwrap().options.tenants[0].name, "acme");
}

#[test]
fn inside_a_value_it_is_refused_by_its_name_and_so_is_what_looks_like_a_plain_character() {
    for (line, told) in [
        ("app_id: cli\u{200b}_a", "app_id: holds U+200B ZERO WIDTH SPACE; write it without"),
        ("app_secret: hun\u{feff}ter2", "holds U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("app_secret: hunter２", "app_secret: holds U+FF12 FULLWIDTH DIGIT TWO; write it in plain"),
        ("app_secret: hüunter2", "app_secret: holds U+00FC (ü); write it in plain"),
        ("departments: [od-1，od-2]", "departments[0]: holds U+FF0C FULLWIDTH COMMA"),
        ("departments: ['od-1、od-2']", "departments[0]: holds U+3001 IDEOGRAPHIC COMMA"),
        ("departments: ['od-1,od-2']", "departments[0]: holds U+002C COMMA; an id has none"),
        (
            "departments: ['od-1|od-2']",
            "departments[0]: holds U+007C VERTICAL LINE; an id has none",
        ),
        (
            "departments: ['(od-1)']",
            "departments[0]: holds U+0028 LEFT PARENTHESIS; an id has none",
        ),
        ("departments: [“od-1”]", "departments[0]: holds U+201C LEFT DOUBLE QUOTATION MARK"),
        ("departments: [{id: od－1}]", "departments[0].id: holds U+FF0D FULLWIDTH HYPHEN-MINUS"),
        ("departments: [od\u{200d}-1]", "departments[0]: holds U+200D ZERO WIDTH JOINER"),
        ("name: ac\u{202e}me", "name: holds U+202E RIGHT-TO-LEFT OVERRIDE; write it without"),
        ("base_url: https：//open.feishu.cn", "base_url: holds U+FF1A FULLWIDTH COLON"),
        ("base_url: https://open.\u{200b}feishu.cn", "base_url: holds U+200B ZERO WIDTH SPACE"),
        ("statistics_time_zone: Asia／Shanghai", "zone: holds U+FF0F FULLWIDTH SOLIDUS"),
        ("collection: {interval: ３0m}", "interval: holds U+FF13 FULLWIDTH DIGIT THREE"),
        ("collection: {ready_at: '09：30'}", "ready_at: holds U+FF1A FULLWIDTH COLON"),
        ("limits: {concurrency: 1\u{200b}0}", "concurrency: holds U+200B ZERO WIDTH SPACE"),
        ("calendar: {holidays: [2026-10-01～2026-10-07]}", "holds U+FF5E FULLWIDTH TILDE"),
        (
            "discovery: {include: ['研\u{200b}发']}",
            "holds U+200B ZERO WIDTH SPACE; write it without, or as \\u{200B}",
        ),
        ("app_secret_file: se\u{200b}cret", "app_secret_file: holds U+200B ZERO WIDTH SPACE"),
        ("na\u{200b}me: acme", "is not a known key: it holds U+200B ZERO WIDTH SPACE"),
        ("name：acme: x", "is not a known key: it holds U+FF1A FULLWIDTH COLON"),
        (
            "discovery: enabled：true",
            "must be a section of keys, not a single value; it holds U+FF1A",
        ),
    ] {
        let text = tenant_with(line)
            .replace("  app_secret: hunter2\n  app_secret_file", "  app_secret_file");
        let told_of = load_text(&text).map_err(|p| p.to_string()).unwrap_err();
        assert!(told_of.contains(told), "{line:?}: {told_of}");
        assert!(!told_of.contains("hun"), "{told_of}");
    }
    // Joiners belong to names and patterns of people; other scripts are theirs.
    for line in [
        "name: 👩\u{200d}💻",
        "total_version_names: [全部，产品]",
        "discovery: {include: [研发（一）]}",
    ] {
        load_text(&tenant_with(line)).unwrap_or_else(|problems| panic!("{line:?}: {problems}"));
    }
}

#[test]
fn what_yaml_calls_wrong_is_told_in_plain_words_too() {
    for (text, told) in [
        ("tenants:\n\t- app_id: cli_a\n", "line 2 is indented with a tab: indent with blanks"),
        ("tenants:\n- app_id：cli_a\n  app_secret: x\n", "holds U+FF1A FULLWIDTH COLON"),
        ("tenants:\n- app_id: \"cli_a\n  app_secret: x\n", "has no partner"),
        ("tenants:\n- app_id: “cli_a\n - x: y\n", "holds U+201C LEFT DOUBLE QUOTATION MARK"),
    ] {
        let problems = load_text(text).unwrap_err().to_string();
        assert!(problems.contains("not valid YAML") && problems.contains(told), "{problems}");
    }
    for (line, told) in [
        ("discovery: {include: 研发}", "not a single value; write include: [\"…\"], or one entry"),
        ("departments: od-1", "not a single value; write departments: [\"…\"], or one entry"),
    ] {
        let problems = load_text(&tenant_with(line)).unwrap_err().to_string();
        assert!(problems.contains(told), "{problems}");
    }
}

#[test]
fn files_of_a_secret_or_a_certificate_are_cleaned_or_refused_with_a_reason() {
    let utf16 = |text: &str| -> Vec<u8> {
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    };
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    let named = |key: &str| tenant_with(&format!("{key}: {}", file.display()));
    let secret = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let text = named("app_secret_file").replace("  app_secret: hunter2\n", "");
        let loaded = load_text(&text).unwrap_or_else(|problems| panic!("{problems}"));
        let warnings: Vec<_> = loaded.warnings.iter().map(|w| w.message.clone()).collect();
        (loaded.options.tenants[0].api.app_secret.clone(), warnings.join("\n"))
    };
    for bytes in [
        &b"hunter2"[..],
        b"\xef\xbb\xbfhunter2\r\n",
        b"\n hunter2 \n\n",
        "hunter2\u{200b}".as_bytes(),
    ] {
        let (source, warnings) = secret(bytes);
        assert_eq!((source.read().unwrap().expose(), warnings.as_str()), ("hunter2", ""));
    }
    for (bytes, told) in [
        (Vec::new(), "it is empty"),
        (b"\xef\xbb\xbf\r\n".to_vec(), "it is empty"),
        (utf16("hunter2"), "it is UTF-16 or binary, not UTF-8; save it as UTF-8"),
        (b"hunter2\nhunter3".to_vec(), "it holds 2 lines, and one is due"),
        ("hun\u{200b}ter2".into(), "it holds U+200B ZERO WIDTH SPACE; write it without"),
        (b"hun\xffter2".to_vec(), "it is not valid UTF-8 in line 1"),
    ] {
        let (source, warnings) = secret(&bytes);
        let error = source.read().unwrap_err().to_string();
        assert!(error.contains(told) && warnings.contains(told), "{told}: {error} / {warnings}");
        assert!(!error.contains("hun") && !warnings.contains("hun"), "{error} {warnings}");
    }

    let pem = include_str!("data/config/authority.pem");
    let ca = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        load_text(&named("ca_file")).map(drop).map_err(|problems| problems.to_string())
    };
    for text in [
        pem.to_owned(),
        format!("\u{feff}{pem}"),
        pem.replace('\n', "\r\n"),
        format!("# mine\n{pem}{pem}"),
    ] {
        assert_eq!(ca(text.as_bytes()), Ok(()));
    }
    for (bytes, told) in [
        (Vec::new(), "ca_file: holds no certificate in PEM"),
        (utf16(pem), "ca_file: cannot be read: it is UTF-16 or binary"),
        (b"-----BEGIN CERTIFICATE-----\nnonsense\n".to_vec(), "ca_file: "),
        (
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_vec(),
            "holds no certificate",
        ),
    ] {
        let problems = ca(&bytes).unwrap_err();
        assert!(problems.contains(told), "{told}: {problems}");
    }
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
    let others = |loaded: &Loaded| {
        let all = loaded.warnings.iter().map(ToString::to_string);
        let is_known = |told: &String| {
            told.contains("is the example's; put your own") || told.contains("app_secret_file")
        };
        let others = all.filter(|told| !is_known(told));
        others.collect::<Vec<_>>()
    };
    // The app and two departments are to be replaced, and the file with its secret is not here.
    assert_eq!(loaded.warnings.len(), 4);
    assert!(others(&loaded).is_empty(), "{:?}", loaded.warnings);
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
    assert!(tenant.discovery.is_some());
    assert_eq!(tenant.refresh_intervals.len(), 2);
    assert!(tenant.user_statistics.is_some());
    assert!(others(&loaded).is_empty(), "{:?}", loaded.warnings);
}

proptest::proptest! {
    #[test]
    fn no_text_brings_the_reader_down_or_loads_without_a_tenant(
        text in "(tenants:|- |\\{|\\}|\\[|\\]|: |:|,|\n|  |app_id|geos|[a-z]|&a|\\*a|!t|\"|'|\\||>|%|---|#|\\?|<<|0|é|\t){0,40}"
    ) {
        proptest::prop_assert!(load_text(&text).is_err());
    }
}
