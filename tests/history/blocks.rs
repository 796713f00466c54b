//! A file becomes blocks of a real Prometheus.

use std::{path::Path, process::Command};

use crate::{
    outside::python,
    past::{Past, Samples, moment},
    program::{Program, directory, eventually, run},
    servers::{Server, assert_same, free_address},
    world::{SECRET, World, configuration, day_of, metrics_of_latest, rows, token},
};

/// What the strict parser reads in a file.
pub(crate) fn parsed(path: &Path, format: &str) -> Samples {
    let output = python("strict.py", &[format, "dated"], &std::fs::read(path).unwrap());
    type Line = (String, std::collections::BTreeMap<String, String>, String, f64);
    let samples: Vec<Line> = serde_json::from_slice(&output).unwrap();
    let mut all = Samples::new();
    for (name, labels, value, time) in samples {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
        all.insert(((name, labels), time as i64), value.parse().unwrap());
    }
    all
}

/// Has promtool make blocks of a file, in `data`.
#[track_caller]
fn blocks(file: &Path, data: &Path) {
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).args([file, data]);
    let output = promtool.output().expect("tests/run installs promtool");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_prometheus_over_the_blocks_of_91_days_answers_every_value() {
    let past = Past::new();
    let said = past.written(&["--output=back.om", "--label=job=feishu"]);
    assert!(said.contains("91 days"), "{said}");
    let file = past.directory.path().join("back.om");
    let days = past.days(91);
    let expected = past.samples(&days, &[("job", "feishu")]);
    assert_same(&parsed(&file, "openmetrics"), &expected);

    let data = past.directory.path().join("blocks");
    blocks(&file, &data);
    let prometheus = Server::prometheus(&data, None);
    let (from, to) = (moment(days[0]), moment(days[90]));
    let every = "last_over_time({__name__=~\"feishu_.+\"}[1h])";
    assert_same(&prometheus.range(every, from, to, 86_400), &expected);
}

#[test]
fn a_dense_file_is_answered_by_a_plain_query() {
    let past = Past::new();
    let days = past.days(8);
    let from = format!("--from={}", days[0]);
    let figures = ["feishu_department_suite_dau", "feishu_department_messages_sent"];
    let args: Vec<String> = figures.iter().map(|name| format!("--figure={name}")).collect();
    let said = past.written(&[&from, "--output=dense.om", "--step=4m", &args[0], &args[1]]);
    let file = past.directory.path().join("dense.om");
    let bytes = std::fs::metadata(&file).unwrap().len();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(" bytes to ")).collect();
    let told = |line: &str| -> (u64, u64) {
        let number = |word: &str| {
            let before = line.split(word).next().unwrap().trim_end();
            before.rsplit(' ').next().unwrap().replace(',', "").parse().unwrap()
        };
        (number(" samples"), number(" bytes"))
    };
    assert_eq!(told(lines[0]), told(lines[1]), "the size is announced: {said}");
    assert_eq!(told(lines[1]).1, bytes);

    let data = past.directory.path().join("blocks");
    blocks(&file, &data);
    let prometheus = Server::prometheus(&data, None);
    let wanted = |name: &str| {
        let others =
            ["feishu_calendar_workday", "feishu_department_statistics_day_timestamp_seconds"];
        others.contains(&name)
            || figures.iter().any(|f| name == *f || name == format!("{f}_baseline"))
    };
    // At any time of a day, by a query without a function; the newest day ends now.
    for hours in [0, 7, 23] {
        let days = &days[..7];
        let at = |time: i64| time + hours * 3600 + 60;
        let found = prometheus.range(
            "{__name__=~\"feishu_.*\"}",
            at(moment(days[0])),
            at(moment(days[6])),
            86_400,
        );
        let expected: Samples = past
            .samples(days, &[])
            .into_iter()
            .filter(|(((name, _), _), _)| wanted(name))
            .map(|((series, time), value)| ((series, at(time)), value))
            .collect();
        assert_same(&found, &expected);
    }
}

#[test]
fn the_live_series_goes_on_where_the_backfilled_one_ends() {
    let world = World::new(1);
    let id = world.departments()[0].clone();
    let configuration = configuration(&world.api, std::slice::from_ref(&id), "");
    let place = directory(&[("feishu-exporter.yml", &configuration), ("secret", SECRET)]);
    let address = free_address();
    let instance = format!("--label=instance={address}");
    let args = ["backfill", "--output=back.om", "--label=job=feishu", &instance];
    let (status, _, said) = run(place.path(), &args);
    assert_eq!(status, Some(0), "{said}");
    let asked = world.requests().len();
    let (status, _, said) = run(place.path(), &args);
    assert_eq!((status, world.requests().len()), (Some(0), asked), "nothing twice: {said}");

    // The file has what the tenant has.
    let file = parsed(&place.path().join("back.om"), "openmetrics");
    let dau = "feishu_department_suite_dau";
    let value = |name: &str, time: i64| {
        let mut found = file.iter().filter(|(((n, labels), at), _)| {
            let version = labels.get("product_version").map(String::as_str);
            n == name && *at == time && version == Some("all")
        });
        found.next().map(|(_, value)| *value)
    };
    let newest = file.keys().map(|(_, time)| *time).max().unwrap();
    let token = token(&world.api, SECRET);
    let truth = |days_before: i64| {
        let day = day_of((newest - days_before * 86_400 - 33 * 3600 - 1800) as f64);
        let rows = rows(&world.api, &token, &id, day);
        let total = rows.iter().find(|row| row["product_version"] == "全部产品版本").unwrap();
        total["suite_dau"].as_f64().unwrap()
    };
    for days_before in [0, 1, 5, 42, 90] {
        let time = newest - days_before * 86_400;
        assert_eq!(value(dau, time), Some(truth(days_before)), "{days_before} days before");
    }
    assert_eq!(value(dau, newest - 91 * 86_400), None, "the API offers 91 days");
    let mut weeks = [7, 14, 21, 28].map(truth);
    weeks.sort_by(f64::total_cmp);
    let usual = (weeks[1] + weeks[2]) / 2.0;
    assert_eq!(value("feishu_department_suite_dau_baseline", newest), Some(usual));

    let data = place.path().join("blocks");
    blocks(&place.path().join("back.om"), &data);
    let path = |name: &str| place.path().join(name).display().to_string();
    let config = format!("--config.file={}", path("feishu-exporter.yml"));
    let storage = format!("--storage.path={}", path("data"));
    let listen = format!("--web.listen-address={address}");
    let _live = Program::exporter(&["serve", &config, &storage, &listen], &[]);
    metrics_of_latest(&format!("http://{address}"), 1);
    let prometheus = Server::prometheus(&data, Some(&address));
    for name in [dau, "feishu_department_suite_dau_baseline"] {
        let series = format!("{name}{{department_id=\"{id}\",product_version=\"all\"}}");
        let live = eventually("a scrape", || {
            Some(prometheus.query(&series)).filter(|found| !found.is_empty())
        });
        assert_eq!(live.len(), 1, "{live:?}");
        assert_eq!(live[0]["value"][1], value(name, newest).unwrap().to_string());
        let old = file.keys().filter(|((n, labels), _)| {
            n == name && labels.get("product_version").is_some_and(|version| version == "all")
        });
        let old = old.count();
        // The newest day may have come from the blocks.
        eventually("the old days and scrapes in one series", || {
            let whole = prometheus.query(&format!("count_over_time({series}[92d])"));
            assert_eq!(whole.len(), 1, "one series, old and new: {whole:?}");
            let samples: usize = whole[0]["value"][1].as_str().unwrap().parse().unwrap();
            (samples > old + 1).then_some(())
        });
    }
}
