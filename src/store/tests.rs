//! The store on a real file system.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use jiff::civil::date;

use super::*;
use crate::{
    catalogue::FIGURES,
    day::Day,
    usage::{DepartmentDay, Figures, Geo, RateScale, Target, Version},
};

const SUNDAY: Day = date(2026, 11, 22);
const SATURDAY: Day = date(2026, 11, 21);

fn clock() -> Clock {
    Clock::manual("2026-11-23T02:00:00Z".parse().unwrap()).0
}

fn target(id: &str) -> Target {
    Target { geo: Geo::Local, department_id: id.into(), include_children: false }
}

/// A day with a value in every figure, that depends on version and seed.
fn day(id: &str, day: Day, versions: &[Version], seed: f64) -> Arc<DepartmentDay> {
    let row = |at: usize| {
        let mut figures = Figures::none();
        for index in 0..FIGURES.len() {
            figures.set(index, seed + (at * 100 + index) as f64 / 4.0);
        }
        figures.set_ratio(2, 0.5);
        figures
    };
    let rows = versions.iter().enumerate().map(|(at, version)| (version.clone(), row(at)));
    Arc::new(DepartmentDay {
        geo: Geo::Local,
        department_id: id.into(),
        department: format!("name of {id} on {day}").as_str().into(),
        path: "a/b".into(),
        day,
        rows: rows.collect(),
    })
}

fn versions() -> Vec<Version> {
    vec![Version::Total, Version::Named("标准版".into()), Version::Named("旗舰版".into())]
}

fn lists(of: &Target, extent: Extent, rows: Vec<Arc<DepartmentDay>>) -> Lists {
    let held = rows.iter().map(|row| row.day).max();
    Lists {
        target: of.clone(),
        days: rows.iter().map(|row| (row.day, extent)).collect(),
        standing: held.filter(|_| extent != Extent::Total).map(|held| Standing {
            held,
            complete: extent == Extent::Whole,
            reasks: 1,
        }),
        rows,
        fetched_at: clock().now(),
    }
}

fn open(directory: &Path) -> Store {
    Store::open(directory, Role::Exporter, clock()).unwrap()
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart_to_the_last_bit() {
    let directory = tempfile::tempdir().unwrap();
    let kept = day("od-1", SUNDAY, &versions(), 7.125);
    {
        let store = open(directory.path()).tenant("acme", "cli_1");
        store.keep(vec![lists(&target("od-1"), Extent::Whole, vec![kept.clone()])]).await.unwrap();
    }
    let store = open(directory.path());
    let held = store.tenant("acme", "cli_1").held(SATURDAY).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].target, target("od-1"));
    let standing = Standing { held: SUNDAY, complete: true, reasks: 1 };
    assert_eq!(held[0].standing, Some(standing));
    assert_eq!(*held[0].days[0], *kept);
    // Another company's app under the same name has a history of its own.
    assert!(store.tenant("acme", "cli_2").held(SATURDAY).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_versions_of_the_day_before_are_known_department_by_department() {
    let store = Store::in_memory(clock()).unwrap().tenant("acme", "cli_1");
    let friday = SATURDAY.yesterday().unwrap();
    let of = target("od-1");
    let keep = async |extent, day| store.keep(vec![lists(&of, extent, vec![day])]).await.unwrap();
    keep(Extent::Whole, day("od-1", friday, &versions()[..2], 1.0)).await;
    keep(Extent::Total, day("od-1", SATURDAY, &[Version::Total], 1.0)).await;
    keep(Extent::Whole, day("od-1", SUNDAY, &versions(), 1.0)).await;
    let before = store.held(friday).await.unwrap().remove(0).before;
    let expected = BTreeMap::from([("od-1".into(), versions()[..2].iter().cloned().collect())]);
    assert_eq!(before, expected, "of Saturday only the total was asked for");
    assert_eq!(store.held(SATURDAY).await.unwrap()[0].before, BTreeMap::new(), "too old");
}

#[tokio::test]
async fn days_older_than_asked_for_are_not_served_and_what_was_held_is_known_all_the_same() {
    let store = Store::in_memory(clock()).unwrap().tenant("acme", "cli_1");
    let old = day("od-1", SATURDAY, &versions(), 1.0);
    store.keep(vec![lists(&target("od-1"), Extent::Whole, vec![old])]).await.unwrap();
    let held = store.held(SUNDAY).await.unwrap();
    let standing = held[0].standing.as_ref().unwrap();
    assert_eq!((standing.held, held[0].days.len()), (SATURDAY, 0));
}

#[tokio::test]
async fn totals_of_the_past_never_replace_a_day_with_its_versions() {
    let store = Store::in_memory(clock()).unwrap().tenant("acme", "cli_1");
    let whole = day("od-1", SUNDAY, &versions(), 1.0);
    let total = day("od-1", SUNDAY, &[Version::Total], 2.0);
    let of = target("od-1");
    store.keep(vec![lists(&of, Extent::Whole, vec![whole.clone()])]).await.unwrap();
    store.keep(vec![lists(&of, Extent::Total, vec![total.clone()])]).await.unwrap();
    assert_eq!(*store.held(SATURDAY).await.unwrap()[0].days[0], *whole);

    // The other way round, the whole day takes the place of the total.
    let (other, id) = (target("od-2"), "od-2");
    let total = day(id, SUNDAY, &[Version::Total], 2.0);
    store.keep(vec![lists(&other, Extent::Total, vec![total.clone()])]).await.unwrap();
    let held = store.held(SATURDAY).await.unwrap();
    let of_past = held.iter().find(|held| held.target == other).unwrap();
    assert_eq!((of_past.standing.as_ref(), &of_past.days), (None, &vec![total.clone()]));
    let totals = store.totals(vec![(other.clone(), vec![SUNDAY, SATURDAY])]).await.unwrap();
    assert_eq!(totals, [vec![(SUNDAY, total.rows[0].1.clone())]]);
    let whole = day(id, SUNDAY, &versions(), 3.0);
    store.keep(vec![lists(&other, Extent::Whole, vec![whole.clone()])]).await.unwrap();
    let held = store.held(SATURDAY).await.unwrap();
    assert_eq!(*held.iter().find(|h| h.target == other).unwrap().days[0], *whole);
}

#[tokio::test]
async fn a_day_without_rows_is_known_to_have_none() {
    let store = Store::in_memory(clock()).unwrap().tenant("acme", "cli_1");
    let of = target("od-1");
    let mut empty = lists(&of, Extent::Total, vec![]);
    empty.days = vec![(SATURDAY, Extent::Total)];
    store.keep(vec![empty]).await.unwrap();
    let asked = vec![(of.clone(), SATURDAY, SUNDAY)];
    assert_eq!(store.covered(asked.clone(), Extent::Total, -1).await.unwrap(), [[SATURDAY].into()]);
    assert_eq!(store.covered(asked, Extent::Whole, -1).await.unwrap(), [BTreeSet::new()]);
    assert_eq!(store.totals(vec![(of, vec![SATURDAY])]).await.unwrap(), [vec![]]);
}

#[tokio::test]
async fn a_list_that_lacks_a_department_counts_only_if_it_was_read_late_enough() {
    let store = Store::in_memory(clock()).unwrap().tenant("acme", "cli_1");
    let mut of = target("0");
    of.include_children = true;
    let both = |on: Day| ["od-1", "od-2"].map(|id| day(id, on, &[Version::Total], 1.0)).to_vec();
    let mut late = lists(&of, Extent::Total, both(SATURDAY));
    late.rows.extend(both(SUNDAY).into_iter().take(1));
    late.days.push((SUNDAY, Extent::Total));
    store.keep(vec![late.clone()]).await.unwrap();
    let covered = async |late_days| {
        let asked = vec![(of.clone(), SATURDAY, SUNDAY)];
        store.covered(asked, Extent::Total, late_days).await.unwrap().remove(0)
    };
    // It was read on Monday.
    assert_eq!(covered(7).await, [SATURDAY].into());
    assert_eq!(covered(0).await, [SATURDAY, SUNDAY].into());
    late.fetched_at = "2026-11-30T02:00:00Z".parse().unwrap();
    store.keep(vec![late]).await.unwrap();
    assert_eq!(covered(7).await, [SATURDAY, SUNDAY].into(), "eight days later");
}

#[tokio::test]
async fn days_beyond_retention_go_with_all_that_only_they_needed() {
    let store = Store::in_memory(clock()).unwrap();
    let tenant = store.tenant("acme", "cli_1");
    let (gone, stays) = (target("od-1"), target("od-2"));
    tenant
        .keep(vec![
            lists(&gone, Extent::Whole, vec![day("od-1", SATURDAY, &versions(), 1.0)]),
            lists(&stays, Extent::Whole, vec![day("od-2", SATURDAY, &versions(), 1.0)]),
            lists(&stays, Extent::Whole, vec![day("od-2", SUNDAY, &versions(), 1.0)]),
        ])
        .await
        .unwrap();
    let removed = tenant.remove_old_days(0, 0).await.unwrap();
    assert_eq!(removed, Some(Removed { days: 1, before: SUNDAY }));
    let past = |store: TenantStore| async move {
        store
            .past(|past| {
                let departments = past.departments(&[target("od-1"), target("od-2")])?;
                let days = departments
                    .iter()
                    .map(|d| past.days(d.key, SATURDAY, SUNDAY))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok((departments, days))
            })
            .await
            .unwrap()
    };
    let (departments, days) = past(tenant).await;
    assert_eq!(departments.len(), 1);
    assert_eq!(departments[0].place, stays);
    assert_eq!(days, [BTreeSet::from([SUNDAY])]);
}

#[tokio::test]
async fn a_scan_gives_every_value_once_series_by_series() {
    let store = Store::in_memory(clock()).unwrap().tenant("acme", "cli_1");
    let rows =
        |id: &str| vec![day(id, SATURDAY, &versions(), 1.0), day(id, SUNDAY, &versions(), 2.0)];
    for id in ["od-2", "od-1"] {
        store.keep(vec![lists(&target(id), Extent::Whole, rows(id))]).await.unwrap();
    }
    let seen = store
        .past(|past| {
            let departments = past.departments(&[target("od-1"), target("od-2")])?;
            let names: Vec<String> = departments.iter().map(|d| d.name.to_string()).collect();
            assert_eq!(names, ["name of od-1 on 2026-11-22", "name of od-2 on 2026-11-22"]);
            let keys: Vec<_> = departments.iter().map(|d| d.key).collect();
            let mut seen = Vec::new();
            past.scan(&keys, 2, (SATURDAY, SUNDAY), &mut |value| {
                assert!(value.had_percent_sign && value.value == 0.5);
                seen.push((value.department, value.version.clone(), value.day));
                Ok(())
            })?;
            assert_eq!(past.known_days(keys[0], SATURDAY, SUNDAY)?.len(), 2);
            Ok(seen)
        })
        .await
        .unwrap();
    assert_eq!(seen.len(), 2 * 3 * 2);
    let mut sorted = seen.clone();
    sorted.sort_by(|a, b| (a.0, &a.1, a.2).cmp(&(b.0, &b.1, b.2)));
    sorted.dedup();
    assert_eq!(sorted.len(), seen.len());
    assert!(seen.chunks(6).all(|of| of.iter().all(|value| value.0 == of[0].0)));
}

#[tokio::test]
async fn requests_are_counted_by_month_over_all_endpoints_and_processes() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let beside = Store::open(directory.path(), Role::Backfill, clock()).unwrap();
    let (one, two) = (store.tenant("acme", "cli_1"), beside.tenant("acme", "cli_1"));
    one.spend("2026-11".to_owned(), "admin_dept_stats", |_| {});
    one.spend("2026-11".to_owned(), "tenant_access_token", |_| {});
    one.spend("2026-10".to_owned(), "admin_dept_stats", |_| {});
    // Asked after them on the same thread, so they are done.
    assert_eq!(one.spent("2026-11".to_owned()).await.unwrap().total, 2);
    let (told, heard) = tokio::sync::oneshot::channel();
    two.spend("2026-11".to_owned(), "admin_dept_stats", |spent| told.send(spent).unwrap());
    assert_eq!(heard.await.unwrap(), Some(Spent { total: 3 }));
}

#[tokio::test]
async fn what_was_learned_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let thing = |name: &str, value: &str| (name.to_owned(), Arc::from(value));
    {
        let store = open(directory.path()).tenant("acme", "cli_1");
        store.remember(vec![thing("grouping", "same"), thing("x", "1")]).await.unwrap();
        store.remember(vec![thing("x", "2")]).await.unwrap();
        store.set_rate_scale(Some(RateScale::Percent)).await.unwrap();
    }
    let store = open(directory.path()).tenant("acme", "cli_1");
    assert_eq!(store.memory().await.unwrap(), [thing("grouping", "same"), thing("x", "2")].into());
    assert_eq!(store.rate_scale().await.unwrap(), Some(RateScale::Percent));
}

#[test]
fn one_exporter_and_one_backfill_may_use_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    assert!(!is_exporter_running(path));
    let exporter = open(path);
    assert!(is_exporter_running(path) && !is_backfill_running(path));
    let second = Store::open(path, Role::Exporter, clock()).unwrap_err().to_string();
    assert!(second.contains("another exporter uses the store"), "{second}");
    let backfill = Store::open(path, Role::Backfill, clock()).unwrap();
    assert!(is_backfill_running(path));
    drop(exporter);
    assert!(!is_exporter_running(path));
    drop(backfill);
    assert!(!is_backfill_running(path));
}

/// The files of a directory whose name begins so.
fn files(directory: &Path, begin: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(begin))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_file_that_is_no_database_is_moved_aside_and_a_new_one_begun() {
    for rubbish in [vec![0_u8; 5000], b"not a database".to_vec(), vec![b'x'; 100_000]] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE_NAME);
        fs::write(&file, &rubbish).unwrap();
        let store = open(directory.path()).tenant("acme", "cli_1");
        assert!(store.held(SATURDAY).await.unwrap().is_empty());
        let aside = files(directory.path(), "history.db.aside-");
        assert_eq!(aside.len(), 1);
        assert_eq!(fs::read(&aside[0]).unwrap(), rubbish, "nothing is lost");
    }
}

#[test]
fn another_programs_database_is_moved_aside() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE_NAME);
    let foreign = rusqlite::Connection::open(&file).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(foreign);
    drop(open(directory.path()));
    let aside = files(directory.path(), "history.db.aside-");
    let kept = rusqlite::Connection::open(&aside[0]).unwrap();
    let rows: i64 = kept.query_row("SELECT count(*) FROM theirs", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn damage_that_shows_only_in_use_is_moved_aside_then() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE_NAME);
    {
        let store = open(directory.path()).tenant("acme", "cli_1");
        let many = (0..40).map(|n| day(&format!("od-{n}"), SUNDAY, &versions(), 1.0)).collect();
        let mut many = lists(&target("0"), Extent::Whole, many);
        many.target.include_children = true;
        store.keep(vec![many]).await.unwrap();
    }
    let mut bytes = fs::read(&file).unwrap();
    // Pages with many days are of the figures, not of the schema.
    let is_full_of_days =
        |page: &&mut [u8]| page.windows(10).filter(|text| *text == b"2026-11-22").count() > 3;
    let damaged: Vec<_> = bytes.chunks_mut(4096).filter(is_full_of_days).collect();
    assert!(!damaged.is_empty());
    damaged.into_iter().for_each(|page| page.fill(0xAA));
    fs::write(&file, &bytes).unwrap();

    let store = open(directory.path()).tenant("acme", "cli_1");
    let error = store.held(SATURDAY).await.unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
    assert_eq!(files(directory.path(), "history.db.aside-").len(), 1);
    // And it goes on with a new one.
    let again = day("od-1", SUNDAY, &versions(), 1.0);
    store.keep(vec![lists(&target("od-1"), Extent::Whole, vec![again])]).await.unwrap();
    assert_eq!(store.held(SATURDAY).await.unwrap().len(), 1);
}

#[test]
fn a_store_of_a_newer_release_is_left_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE_NAME);
    drop(open(directory.path()));
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
    newer.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(newer);
    let before = fs::read(&file).unwrap();
    let error = Store::open(directory.path(), Role::Exporter, clock()).unwrap_err().to_string();
    assert!(error.contains("a newer release"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(files(directory.path(), "history.db.").is_empty(), "nothing beside it either");
}

#[test]
fn an_older_schema_is_migrated_and_a_step_that_fails_changes_nothing() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    schema::migrate_by(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
    connection.execute("INSERT INTO a VALUES (1)", []).unwrap();
    let steps = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y", "no SQL"];
    schema::migrate_by(&mut connection, &steps).unwrap_err();
    let version = |connection: &rusqlite::Connection| -> i32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    assert_eq!(version(&connection), 1);
    schema::migrate_by(&mut connection, &steps[..2]).unwrap();
    assert_eq!(version(&connection), 2);
    let row: (i64, Option<i64>) = connection
        .query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(row, (1, None));
}

#[test]
fn a_directory_that_cannot_be_made_costs_the_store_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    fs::write(&blocked, "").unwrap();
    let error = Store::open(&blocked.join("data"), Role::Exporter, clock()).unwrap_err();
    assert!(error.to_string().contains("make it writable"), "{error}");
}

/// The table has a column for every figure, and the view shows each under its metric's name.
#[test]
fn every_figure_has_a_column_and_stands_in_the_view_for_people() {
    let connection = file::in_memory().unwrap().connection;
    let columns = |name: &str| -> BTreeSet<String> {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
        statement.query_map([name], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let (table, view) = (columns("figures"), columns("department_days"));
    for figure in &FIGURES {
        assert!(table.contains(figure.api_field), "{}", figure.api_field);
        let name = figure.metric.trim_start_matches("feishu_department_");
        assert!(view.contains(name), "{name}");
    }
    assert_eq!(table.len(), FIGURES.len() + 4);
    assert_eq!(view.len(), FIGURES.len() + 8);
}

#[tokio::test]
async fn retention_counts_from_the_newest_day_and_never_takes_what_is_served() {
    let store = Store::in_memory(clock()).unwrap().tenant("acme", "cli_1");
    let days = |id: &str, days: &[Day]| {
        let rows = days.iter().map(|on| day(id, *on, &versions(), 1.0)).collect();
        lists(&target(id), Extent::Whole, rows)
    };
    let ago = |days: i32| crate::day::after(SUNDAY, -days);
    store
        .keep(vec![
            days("od-fresh", &[ago(30), ago(2), ago(1), SUNDAY]),
            // Its newest day is still served.
            days("od-late", &[ago(20), ago(6), ago(5)]),
            days("od-gone", &[ago(40), ago(39)]),
        ])
        .await
        .unwrap();
    // Whatever the clock says, it is not asked.
    let removed = store.remove_old_days(1, 14).await.unwrap();
    assert_eq!(removed, Some(Removed { days: 6, before: SATURDAY }));
    let mut held = store.held(ago(100)).await.unwrap();
    held.sort_by(|a, b| a.target.cmp(&b.target));
    let newest: Vec<_> = held.iter().map(|h| (&*h.target.department_id, h.days[0].day)).collect();
    assert_eq!(newest, [("od-fresh", SUNDAY), ("od-late", ago(5))]);
    let totals = store.totals(vec![(target("od-fresh"), vec![ago(2), ago(1), SUNDAY])]).await;
    assert_eq!(totals.unwrap()[0].len(), 2);
    assert_eq!(store.remove_old_days(1, 14).await.unwrap(), None, "nothing more to remove");
}

/// Another program that holds the file locked for writing until it is dropped.
fn holder(directory: &Path) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(directory.join(FILE_NAME)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn a_held_write_lock_costs_half_a_second_once_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).tenant("acme", "cli_1");
    let other = holder(directory.path());
    let begun = tokio::time::Instant::now();
    for at in 0..40 {
        let id = format!("od-{at}");
        let of = target(&id);
        // Two loops: the live day of one, the past of the other.
        store.spend("2026-11".to_owned(), "admin_dept_stats", |spent| assert_eq!(spent, None));
        let live = lists(&of, Extent::Whole, vec![day(&id, SUNDAY, &versions(), 1.0)]);
        store.keep(vec![live]).await.unwrap_err();
        let past = lists(&of, Extent::Total, vec![day(&id, SATURDAY, &versions()[..1], 1.0)]);
        store.keep(vec![past]).await.unwrap_err();
    }
    store.remember(vec![("grouping".to_owned(), Arc::from("same"))]).await.unwrap_err();
    store.set_rate_scale(Some(RateScale::Percent)).await.unwrap_err();
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    assert!(store.has_unsaved());
    // What waits is known, so that it is not asked for again.
    let asked = || (0..40).map(|at| (target(&format!("od-{at}")), SATURDAY, SUNDAY)).collect();
    let covered = store.covered(asked(), Extent::Total, -1).await.unwrap();
    assert!(covered.iter().all(|days| *days == [SATURDAY, SUNDAY].into()));
    assert_eq!(store.spent("2026-11".to_owned()).await.unwrap().total, 40);

    drop(other);
    store.flush().await.unwrap();
    assert!(!store.has_unsaved());
    assert_eq!(store.held(SATURDAY).await.unwrap().len(), 40);
    assert_eq!(store.covered(asked(), Extent::Total, -1).await.unwrap(), covered);
    assert_eq!(store.spent("2026-11".to_owned()).await.unwrap().total, 40);
    assert_eq!(store.memory().await.unwrap().len(), 1);
    assert_eq!(store.rate_scale().await.unwrap(), Some(RateScale::Percent));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_busy_store_is_told_that_and_of_a_hanging_one_another_thing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).tenant("acme", "cli_1");
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = std::sync::mpsc::channel::<()>();
    store.worker.send(move |_| {
        begin.send(()).unwrap();
        let _ = released.recv();
    });
    begun.recv().unwrap();
    let of = target("od-1");
    let list = || vec![lists(&of, Extent::Whole, vec![day("od-1", SUNDAY, &versions(), 1.0)])];
    let busy = store.keep(list()).await.unwrap_err();
    assert!(busy.is_under_way() && !store.has_unsaved(), "{busy}");
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let hanging = store.keep(list()).await.unwrap_err();
    assert!(!hanging.is_under_way() && store.has_unsaved(), "{hanging}");
    drop(release);
    tokio::time::resume();
    store.flush().await.unwrap();
    assert!(!store.has_unsaved());
    assert_eq!(store.held(SUNDAY).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_exporter_starts_at_once_beside_a_held_write_lock_and_reads() {
    let directory = tempfile::tempdir().unwrap();
    let kept = lists(&target("od-1"), Extent::Whole, vec![day("od-1", SUNDAY, &versions(), 1.0)]);
    open(directory.path()).tenant("acme", "cli_1").keep(vec![kept]).await.unwrap();
    let _other = holder(directory.path());
    let begun = tokio::time::Instant::now();
    let store = open(directory.path()).tenant("acme", "cli_1");
    assert_eq!(store.held(SATURDAY).await.unwrap().len(), 1);
    assert!(begun.elapsed().as_millis() < 5000, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_waits_is_written_when_the_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).tenant("acme", "cli_1");
    let other = holder(directory.path());
    let kept = lists(&target("od-1"), Extent::Whole, vec![day("od-1", SUNDAY, &versions(), 1.0)]);
    store.keep(vec![kept]).await.unwrap_err();
    drop(other);
    drop(store);
    let store = open(directory.path()).tenant("acme", "cli_1");
    assert_eq!(store.held(SATURDAY).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_lists_that_wait_the_later_one_stays_unless_less_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).tenant("acme", "cli_1");
    let other = holder(directory.path());
    let of = target("od-1");
    let live = |seed| lists(&of, Extent::Whole, vec![day("od-1", SUNDAY, &versions(), seed)]);
    for lists in [
        live(1.0),
        live(2.0),
        lists(&of, Extent::Total, vec![day("od-1", SUNDAY, &versions()[..1], 3.0)]),
    ] {
        store.keep(vec![lists]).await.unwrap_err();
    }
    drop(other);
    store.flush().await.unwrap();
    let held = store.held(SATURDAY).await.unwrap();
    assert_eq!(*held[0].days[0], *day("od-1", SUNDAY, &versions(), 2.0));
    assert_eq!(held[0].standing.as_ref().unwrap().held, SUNDAY);
}

/// A file that is damaged in use knows, anew, what the process has in memory.
#[tokio::test]
async fn a_new_file_after_damage_knows_what_was_learned_and_spent() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE_NAME);
    let thing = ("grouping".to_owned(), Arc::from("same"));
    {
        let store = open(directory.path()).tenant("acme", "cli_1");
        let days = (0..40).map(|n| day(&format!("od-{n}"), SUNDAY, &versions(), 1.0)).collect();
        store.keep(vec![lists(&target("od-0"), Extent::Whole, days)]).await.unwrap();
        store.remember(vec![thing.clone()]).await.unwrap();
    }
    let store = open(directory.path()).tenant("acme", "cli_1");
    assert_eq!(store.memory().await.unwrap(), [thing.clone()].into());
    store.set_rate_scale(Some(RateScale::Percent)).await.unwrap();
    let (told, heard) = tokio::sync::oneshot::channel();
    store.spend("2026-11".to_owned(), "admin_dept_stats", |spent| told.send(spent).unwrap());
    assert_eq!(heard.await.unwrap(), Some(Spent { total: 1 }));
    assert_eq!(store.generation(), 0);
    // Everything but the header, beside the running process.
    let damaging = rusqlite::Connection::open(&file).unwrap();
    damaging.pragma_update(None, "writable_schema", true).unwrap();
    damaging.execute("UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'figures'", []).unwrap();
    damaging.execute_batch("PRAGMA schema_version = 4711").unwrap();
    drop(damaging);
    let late = lists(&target("od-1"), Extent::Whole, vec![day("od-1", SUNDAY, &versions(), 1.0)]);
    store.keep(vec![late]).await.unwrap_err();
    assert_eq!(store.generation(), 1);
    store.flush().await.unwrap();
    drop(store);

    let store = open(directory.path()).tenant("acme", "cli_1");
    assert_eq!(store.memory().await.unwrap(), [thing].into());
    assert_eq!(store.rate_scale().await.unwrap(), Some(RateScale::Percent));
    assert_eq!(store.spent("2026-11".to_owned()).await.unwrap().total, 1);
    assert_eq!(store.held(SATURDAY).await.unwrap().len(), 1, "the list that met the damage");
}

/// What receivers accepted before this release was kept with their addresses in clear.
#[test]
fn a_migrated_store_holds_no_address_in_clear() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE_NAME);
    let mut old = rusqlite::Connection::open(&file).unwrap();
    schema::migrate_by(&mut old, &[include_str!("schema_1.sql")]).unwrap();
    old.execute_batch(
        "INSERT INTO tenants VALUES (1, 'acme', 'cli_1', NULL);
         INSERT INTO departments VALUES (1, 1, 'local', 'od-1', 0, 'a', 'a', '2026-11-22');
         INSERT INTO pushes VALUES ('http://host/write?token=hunter2', 1, '2026-11-22');",
    )
    .unwrap();
    drop(old);
    drop(open(directory.path()));
    let bytes = fs::read(&file).unwrap();
    assert!(!bytes.windows(7).any(|text| text == b"hunter2"));
}
