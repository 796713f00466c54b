//! `kill -9` while days are written.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use feishu_exporter::{
    catalogue::FIGURE_COUNT,
    clock::Clock,
    day::{Day, after},
    store::{Extent, FILE_NAME, Lists, Role, Standing, Store},
    usage::{DepartmentDay, Figures, Geo, Target, Version},
};
use jiff::civil::date;
use rusqlite::Connection;

/// Where the writing child writes; without it, the writer's test is a short one of its own.
const DIRECTORY: &str = "FEISHU_EXPORTER_TEST_STORE";
const FIRST: Day = date(2020, 1, 1);
const DEPARTMENTS: i64 = 20;
const VERSIONS: [&str; 4] = ["all", "标准版", "商业版", "旗舰版"];
const KILLS: usize = 50;
/// Days that one child writes at most, so that it ends by itself if nobody ends it.
const DAYS_MAX: i32 = 5000;

/// All departments' lists of the `n`-th day; every figure tells which day it is of.
fn lists(n: i32) -> Vec<Lists> {
    let day = after(FIRST, n);
    let row = |id: &str| {
        let mut figures = Figures::none();
        (0..FIGURE_COUNT).for_each(|index| figures.set(index, f64::from(n)));
        let version = |name: &&str| match *name {
            "all" => Version::Total,
            name => Version::Named(name.into()),
        };
        Arc::new(DepartmentDay {
            geo: Geo::Local,
            department_id: id.into(),
            department: "name".into(),
            path: "path".into(),
            day,
            rows: VERSIONS.iter().map(|v| (version(v), figures.clone())).collect(),
        })
    };
    (0..DEPARTMENTS)
        .map(|department| {
            let id = format!("od-{department}");
            Lists {
                target: Target {
                    geo: Geo::Local,
                    department_id: id.as_str().into(),
                    include_children: false,
                },
                days: vec![(day, Extent::Whole)],
                rows: vec![row(&id)],
                standing: Some(Standing { held: day, complete: true, reasks: 0 }),
                fetched_at: Clock::system().now(),
            }
        })
        .collect()
}

/// Keeps one day after the other and acknowledges each, from the first that is not there.
async fn write(directory: &Path, days: i32) {
    let store = Store::open(directory, Role::Exporter, Clock::system()).unwrap();
    let tenant = store.tenant("acme", "cli_demo");
    let held = tenant.held(FIRST).await.unwrap();
    let newest = held.iter().filter_map(|held| Some(held.standing.as_ref()?.held)).max();
    let next = newest.map_or(0, |newest| number(newest) + 1);
    for n in next..next + days {
        tenant.keep(lists(n)).await.unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "acknowledged {n}").unwrap();
        out.flush().unwrap();
    }
}

fn number(day: Day) -> i32 {
    feishu_exporter::day::days_between(FIRST, day)
}

/// How many days are whole; panics if any is there in part, or with figures of another.
fn whole_days(directory: &Path) -> i32 {
    let connection = Connection::open(directory.join(FILE_NAME)).unwrap();
    let sound: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut statement = connection
        .prepare(
            "SELECT day, count(*), min(suite_dau), max(tab_search_count) FROM figures
             GROUP BY day ORDER BY day",
        )
        .unwrap();
    let days = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?))
    });
    let days: Vec<(String, i64, f64, f64)> = days.unwrap().map(Result::unwrap).collect();
    for (n, (day, rows, least, most)) in (0..).zip(&days) {
        assert_eq!(*day, after(FIRST, n).to_string());
        assert_eq!(*rows, DEPARTMENTS * 4, "{day} is there in part");
        assert!(*least == f64::from(n) && *most == f64::from(n), "{day}: {least} {most}");
    }
    let lists: i64 =
        connection.query_row("SELECT count(*) FROM lists", [], |row| row.get(0)).unwrap();
    let days = i32::try_from(days.len()).unwrap();
    assert_eq!(lists, i64::from(days) * DEPARTMENTS);
    days
}

/// What the child process does that is killed; by itself, that it acknowledges what it kept.
#[tokio::test]
async fn the_writer_acknowledges_what_it_kept() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        write(Path::new(&directory), DAYS_MAX).await;
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), 2).await;
    write(directory.path(), 1).await;
    assert_eq!(whole_days(directory.path()), 3);
}

#[test]
fn fifty_kills_leave_no_day_in_part_and_lose_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = -1;
    let mut killed_while_writing = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "killed::the_writer_acknowledges_what_it_kept", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut note = |line: String| {
            if let Some((_, n)) = line.split_once("acknowledged ") {
                acknowledged = n.parse().unwrap();
            }
        };
        // So many days later, and then somewhere within a write.
        for _ in 0..2 + kill % 7 {
            note(lines.next().unwrap().unwrap());
        }
        thread::sleep(Duration::from_micros(fastrand::u64(0..8000)));
        killed_while_writing += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(note);
        // The next process finds it as it is, and nothing is moved aside.
        drop(Store::open(directory.path(), Role::Exporter, Clock::system()).unwrap());
        let whole = whole_days(directory.path());
        // What was kept but not acknowledged may be there, as one whole day.
        assert!((acknowledged + 1..=acknowledged + 2).contains(&whole), "{acknowledged} {whole}");
    }
    assert_eq!(killed_while_writing, KILLS, "every child was writing when it was killed");
    assert!(acknowledged > 50, "{acknowledged}");
    let names =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("aside")));
}
