//! Volumes that lack something: shared memory maps, locks, the right to write.
//!
//! A library that is loaded before libc takes the capability away, as the exporter sees it; the
//! file systems themselves are not on every machine.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    outside::text,
    program::{Program, directory, exporter, run},
    restart::{BASELINE, first_page, series, serve},
    world::{SECRET, World, metrics_of_latest, metrics_when},
};

const UP: &str = "feishu_exporter_store_up";
/// A user that owns nothing: the test may run as root, whom permissions do not stop.
const NOBODY: &str = "65534";

/// The library that takes capabilities away.
fn library(place: &Path) -> PathBuf {
    let library = place.join("volumes.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/volumes.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]);
    assert!(compiler.status().unwrap().success(), "{compiler:?} fails");
    library
}

fn arguments(store: &Path) -> Vec<String> {
    let storage = format!("--storage.path={}", store.display());
    let listen = "--web.listen-address=127.0.0.1:0";
    ["serve", "--config.file=conf.yml", listen, &storage].map(str::to_owned).into()
}

/// An exporter on a volume that lacks these things.
fn serve_without(lacking: &str, library: &Path, configuration: &str, store: &Path) -> Program {
    let files = directory(&[("conf.yml", configuration), ("secret", SECRET)]);
    let arguments = arguments(store);
    let mut command = exporter(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("LD_PRELOAD", library).env("LACKS", lacking);
    Program::start(command, files)
}

fn user_id() -> u32 {
    std::fs::metadata("/proc/self").unwrap().uid()
}

/// An exporter as a user who may not write what this test made.
fn serve_as_another(configuration: &str, store: &Path) -> Program {
    let files = directory(&[("conf.yml", configuration), ("secret", SECRET)]);
    let arguments = arguments(store);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if user_id() != 0 {
        return Program::start(exporter(&arguments), files);
    }
    for path in
        [files.path().to_owned(), files.path().join("conf.yml"), files.path().join("secret")]
    {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    command.arg(env!("CARGO_BIN_EXE_feishu-exporter")).args(arguments);
    Program::start(command, files)
}

/// A store with a day and its baselines, and the page that was made of it.
fn filled(world: &World, store: &Path) -> String {
    let mut exporter = serve(&world.configuration(), store.to_str().unwrap());
    let url = exporter.listens();
    let departments = world.departments().len();
    metrics_of_latest(&url, departments);
    let page = crate::program::eventually("baselines of every department", || {
        let page = text(&format!("{url}/metrics"));
        let baselines = page.lines().filter(|line| line.starts_with(&format!("{BASELINE}{{")));
        (baselines.count() == departments).then_some(page)
    });
    exporter.signal("TERM");
    assert_eq!(exporter.status(), Some(0));
    page
}

#[test]
fn a_volume_without_shared_memory_maps_gets_another_journal_and_a_warning() {
    let world = World::new(4);
    let place = directory(&[]);
    let (library, store) = (library(place.path()), place.path().join("data"));
    // Begun there, or moved there from a local disk.
    for lacking in ["maps", "", "maps"] {
        let mut exporter = serve_without(lacking, &library, &world.configuration(), &store);
        let url = exporter.listens();
        metrics_of_latest(&url, world.departments().len());
        metrics_when(&url, UP, |up| up == 1.0);
        let is_told = exporter.stderr().contains("no shared memory maps");
        assert_eq!(is_told, lacking == "maps", "{}", exporter.stderr());
        exporter.signal("TERM");
        assert_eq!(exporter.status(), Some(0));
    }
    let file = rusqlite::Connection::open(store.join("history.db")).unwrap();
    let journal: String = file.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_ne!(journal, "wal");
    let days: i64 =
        file.query_row("SELECT count(*) FROM department_days", [], |row| row.get(0)).unwrap();
    assert!(days >= 4 * 4, "{days}");
}

#[test]
fn a_volume_without_locks_is_used_with_a_warning() {
    let world = World::new(4);
    let place = directory(&[]);
    let (library, store) = (library(place.path()), place.path().join("data"));
    for lacking in ["locks", "locks,flock", "locks,flock,maps"] {
        let mut exporter = serve_without(lacking, &library, &world.configuration(), &store);
        let url = exporter.listens();
        metrics_of_latest(&url, world.departments().len());
        metrics_when(&url, UP, |up| up == 1.0);
        let log = exporter.stderr();
        assert!(log.contains("knows no locks") && log.contains("let only one run"), "{log}");
        exporter.signal("TERM");
        assert_eq!(exporter.status(), Some(0));
    }
}

#[test]
fn a_read_only_store_is_served_with_a_warning() {
    let world = World::new(4);
    let configuration = world.configuration();
    let place = directory(&[]);
    let store = place.path().join("data");
    let before = filled(&world, &store);
    drop(world);
    let writable = |mode: u32| {
        for entry in std::fs::read_dir(&store).unwrap() {
            let permissions = PermissionsExt::from_mode(mode & 0o666);
            std::fs::set_permissions(entry.unwrap().path(), permissions).unwrap();
        }
        std::fs::set_permissions(&store, PermissionsExt::from_mode(mode)).unwrap();
    };
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    writable(0o555);
    let exporter = serve_as_another(&configuration, &store);
    let log = serves_what_was_before(exporter, &before);
    writable(0o755);
    assert!(log.contains("can only be read") && log.contains("what it holds is served"), "{log}");
}

/// Whether an exporter serves from its store alone what was served before; ends it, and returns
/// its log.
fn serves_what_was_before(mut exporter: Program, before: &str) -> String {
    let url = exporter.listens();
    let page = first_page(&url);
    let log = exporter.stderr();
    exporter.signal("TERM");
    exporter.status();
    let (served, before) = (series(&page), series(before));
    let changed: Vec<_> = served.symmetric_difference(&before).take(10).collect();
    assert!(changed.is_empty(), "{changed:#?}\n{log}");
    log
}

/// A volume that the kernel itself keeps from being written, for whatever user.
#[test]
fn a_store_on_a_volume_that_is_mounted_read_only_is_served_with_a_warning() {
    let namespace = ["--map-root-user", "--mount"];
    let script =
        "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";
    let place = directory(&[]);
    let store = place.path().join("data");
    std::fs::create_dir(&store).unwrap();
    let mounted = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(namespace).args(["sh", "-c", script, "sh"]).arg(&store).arg(program);
        command
    };
    let tried = mounted("true").output().unwrap();
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).into_owned();
        eprintln!("NOT TESTED, since this machine lets nobody mount: {why}");
        return;
    }
    let world = World::new(4);
    let configuration = world.configuration();
    let before = filled(&world, &store);
    drop(world);
    let files = directory(&[("conf.yml", &configuration), ("secret", SECRET)]);
    let mut command = mounted(env!("CARGO_BIN_EXE_feishu-exporter"));
    command.args(arguments(&store));
    let log = serves_what_was_before(Program::start(command, files), &before);
    assert!(log.contains("can only be read") && log.contains("what it holds is served"), "{log}");
    assert!(log.contains("Read-only file system"), "{log}");
}

/// Files that root itself may not change, such as an administrator makes with `chattr +i`.
#[test]
fn a_store_of_immutable_files_is_served_with_a_warning() {
    let world = World::new(4);
    let configuration = world.configuration();
    let place = directory(&[]);
    let store = place.path().join("data");
    let before = filled(&world, &store);
    drop(world);
    let chattr = |flag: &str| {
        let arguments = ["-R", flag, store.to_str().unwrap()];
        Command::new("chattr").args(arguments).output().map_err(|error| error.to_string())
    };
    match chattr("+i") {
        Ok(done) if done.status.success() => {}
        tried => {
            eprintln!(
                "NOT TESTED, since this user or file system has no immutable files: {tried:?}"
            );
            return;
        }
    }
    let files = directory(&[("conf.yml", &configuration), ("secret", SECRET)]);
    let arguments = arguments(&store);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let served = std::panic::catch_unwind(|| {
        serves_what_was_before(Program::start(exporter(&arguments), files), &before)
    });
    // Else the directory could never be removed.
    chattr("-i").unwrap();
    let log = served.unwrap();
    assert!(log.contains("Operation not permitted"), "{log}");
    assert!(log.contains("can only be read") && log.contains("what it holds is served"), "{log}");
}

#[test]
fn a_lock_file_of_another_user_is_named() {
    let world = World::new(4);
    let place = directory(&[]);
    let store = place.path().join("data");
    std::fs::create_dir(&store).unwrap();
    let lock = store.join("exporter.lock");
    std::fs::write(&lock, "").unwrap();
    for (path, mode) in [(place.path(), 0o755), (&store, 0o777), (&lock, 0o000)] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let mut exporter = serve_as_another(&world.configuration(), &store);
    let url = exporter.listens();
    metrics_of_latest(&url, world.departments().len());
    let log = exporter.stderr();
    assert!(log.contains("the lock file") && log.contains("exporter.lock"), "{log}");
    if user_id() == 0 {
        assert!(log.contains("it belongs to the user 0, and this process runs as 65534"), "{log}");
    }
}

/// `docs/history.md` has a backfill run by root beside an exporter with a user of its own.
#[test]
fn a_backfill_by_root_leaves_everything_to_the_owner_of_the_directory() {
    let world = World::new(2);
    let place = directory(&[("feishu-exporter.yml", &world.configuration()), ("secret", SECRET)]);
    let store = place.path().join("data");
    std::fs::create_dir(&store).unwrap();
    let owner = if user_id() == 0 { 65534 } else { user_id() };
    std::os::unix::fs::chown(&store, Some(owner), Some(owner)).ok();
    let (status, _, said) = run(place.path(), &["backfill", "--output=back.om", "--label=job=a"]);
    assert_eq!(status, Some(0), "{said}");
    let mut names = 0;
    for entry in std::fs::read_dir(&store).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().uid(), owner, "{:?}", entry.file_name());
        names += 1;
    }
    assert!(names >= 2);
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let mut exporter = serve_as_another(&world.configuration(), &store);
    let url = exporter.listens();
    metrics_of_latest(&url, world.departments().len());
    metrics_when(&url, UP, |up| up == 1.0);
}
