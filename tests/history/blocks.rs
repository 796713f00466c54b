//! A file becomes blocks of a real Prometheus.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{
    outside::python,
    past::{Past, Samples, moment},
    program::{Program, directory},
    servers::{Server, assert_same, free_address},
    world::{SECRET, World, configuration, metrics_of_latest, rows, token},
};

/// What the strict parser reads in a file.
fn parsed(path: &Path) -> Samples {
    let output = python("strict.py", &["openmetrics", "dated"], &std::fs::read(path).unwrap());
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
    assert_same(&parsed(&file), &expected);

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
    let exporter = {
        let configuration = configuration(&world.api, std::slice::from_ref(&id), "");
        let files = [("feishu-exporter.yml", configuration.as_str()), ("secret", SECRET)];
        let address = free_address();
        let listen = format!("--web.listen-address={address}");
        let directory = directory(&files);
        // The store is filled before the exporter opens it, with the name that the rows have.
        let newest = Past::filled(directory, &[], &[]).newest;
        let row = &rows(&world.api, &token(&world.api, SECRET), &id, newest)[0];
        let name = row["department_name"].as_str().unwrap().to_owned();
        let directory = self::directory(&files);
        let past = Past::filled(directory, std::slice::from_ref(&id), &[name]);
        let instance = format!("--label=instance={address}");
        past.written(&["--output=back.om", "--label=job=feishu", &instance]);
        let data = past.directory.path().join("blocks");
        blocks(&past.directory.path().join("back.om"), &data);
        let live = Program::exporter(&["serve", &listen], &files);
        metrics_of_latest(&format!("http://{address}"), 1);
        (address, live, past, data)
    };
    let (address, _live, _past, data) = exporter;
    let prometheus = Server::prometheus(&data, Some(&address));
    let dau =
        format!("feishu_department_suite_dau{{department_id=\"{id}\",product_version=\"all\"}}");
    crate::program::eventually("a scrape", || {
        Some(()).filter(|()| !prometheus.query(&dau).is_empty())
    });
    let count = |expression: &str| -> Vec<Value> { prometheus.query(expression) };
    let live = count(&dau);
    assert_eq!(live.len(), 1, "{live:?}");
    let whole = count(&format!("count_over_time({dau}[92d])"));
    assert_eq!(whole.len(), 1, "one series, old and new: {whole:?}");
    let samples: u64 = whole[0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!(samples > 91, "{samples} samples: the old days and the scrapes");
}
