//! Stop signals, readers and logs that go away: whatever the process waits for, it ends as it
//! should, and never by a panic.

use std::{
    fs::{self, File},
    io::{Write, pipe},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;

use crate::{
    outside::{get, try_get},
    program::{Program, directory, eventually, exporter},
    world::{SECRET, World},
};

/// A stop takes milliseconds; a signal that is not heard, forever.
const SOON: Duration = Duration::from_secs(30);

/// What the simulator does to every request: no answer for ten minutes.
fn hang(world: &World) {
    world.fault(None, &json!({ "slow": { "millis": 600_000 } }));
}

#[track_caller]
fn ends_soon(program: &mut Program, signal: &str) -> Option<i32> {
    let sent = Instant::now();
    program.signal(signal);
    let status = program.status();
    assert!(sent.elapsed() < SOON, "{:?}", sent.elapsed());
    status
}

/// Whether the process has a handler for SIGTERM, by the kernel's own account.
fn hears(program: &Program) -> bool {
    has_handler(program.id())
}

fn has_handler(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & (1 << 14) != 0)
}

#[test]
fn a_store_that_is_held_delays_neither_health_nor_the_stop() {
    let world = World::new(4);
    let store = directory(&[("exporter.lock", "")]);
    let held = File::options().write(true).open(store.path().join("exporter.lock")).unwrap();
    held.lock().unwrap();
    for signal in ["TERM", "INT"] {
        let storage = format!("--storage.path={}", store.path().display());
        let mut exporter = Program::exporter(
            &["--config.file=conf.yml", "--web.listen-address=127.0.0.1:0", &storage],
            &[("conf.yml", &world.configuration()), ("secret", SECRET)],
        );
        let url = exporter.listens();
        assert_eq!(get(&format!("{url}/-/healthy"), &[]).status, 200);
        assert_eq!(get(&format!("{url}/-/ready"), &[]).status, 503);
        assert_eq!(ends_soon(&mut exporter, signal), Some(0), "{}", exporter.stderr());
        assert!(exporter.stderr().contains("Stopped"), "{}", exporter.stderr());
    }
}

#[test]
fn a_signal_is_heard_before_anything_is_read() {
    // Nobody writes to this file, so that reading it waits for ever.
    let files = directory(&[]);
    let fifo = files.path().join("conf.yml");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let by_flag = format!("--config.file={}", fifo.display());
    for (args, status) in [
        (&["serve", "--web.listen-address=127.0.0.1:0"][..], 0),
        (&["check-config"], 1),
        (&["collect"], 1),
        (&["doctor"], 1),
        (&["discover"], 1),
        (&["backfill", "--output=-"], 1),
    ] {
        let args: Vec<&str> = args.iter().copied().chain([by_flag.as_str()]).collect();
        let mut program = Program::exporter(&args, &[]);
        eventually("a handler for SIGTERM", || hears(&program).then_some(()));
        assert_eq!(ends_soon(&mut program, "TERM"), Some(status), "{args:?}");
        assert!(!program.stderr().contains("panicked"), "{}", program.stderr());
    }
}

/// The process that `unshare` has started as the first one of a namespace of its own.
fn first_process_of(program: &Program) -> Option<u32> {
    let id = program.id();
    fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?.trim().parse().ok()
}

/// The kernel gives the first process of a container no signal that it has no handler for, so that
/// one which comes too early would be lost, and the container be killed after its grace time.
#[test]
fn a_signal_is_heard_as_the_first_process_of_a_container_too() {
    let unshare = ["--map-root-user", "--pid", "--fork", "--mount-proc"];
    let tried = Command::new("unshare").args(unshare).arg("true").output().unwrap();
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).into_owned();
        eprintln!("NOT TESTED, since this machine gives no namespaces: {why}");
        return;
    }
    let files = directory(&[]);
    let fifo = files.path().join("conf.yml");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let by_flag = format!("--config.file={}", fifo.display());
    let held = directory(&[("exporter.lock", "")]);
    let lock = File::options().write(true).open(held.path().join("exporter.lock")).unwrap();
    lock.lock().unwrap();
    let storage = format!("--storage.path={}", held.path().display());
    let world = World::new(2);
    hang(&world);
    let configuration = [("feishu-exporter.yml", world.configuration())];
    for (args, status) in [
        // While the configuration is read, the store is waited for, Feishu does not answer.
        (vec!["serve", "--web.listen-address=127.0.0.1:0", &by_flag], 0),
        (vec!["serve", "--web.listen-address=127.0.0.1:0", &storage], 0),
        (vec!["serve", "--web.listen-address=127.0.0.1:0"], 0),
        (vec!["collect", &by_flag], 1),
        (vec!["doctor"], 1),
    ] {
        let files = directory(&[("secret", SECRET)]);
        for (name, text) in &configuration {
            fs::write(files.path().join(name), text).unwrap();
        }
        let plain = exporter(&args);
        let mut command = Command::new("unshare");
        command.args(unshare).arg(plain.get_program()).args(plain.get_args());
        for (name, value) in plain.get_envs() {
            assert!(value.is_none(), "it only removes variables");
            command.env_remove(name);
        }
        let mut program = Program::start(command, files);
        let first = eventually("the first process with a handler for SIGTERM", || {
            let first = first_process_of(&program)?;
            let status = fs::read_to_string(format!("/proc/{first}/status")).ok()?;
            let is_it =
                status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"));
            (is_it && has_handler(first)).then_some(first)
        });
        let kill = format!("kill -TERM {first}");
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let sent = Instant::now();
        assert_eq!(program.status(), Some(status), "{args:?}: {}", program.stderr());
        assert!(sent.elapsed() < SOON, "{args:?}: {:?}", sent.elapsed());
    }
}

#[test]
fn commands_that_wait_for_feishu_end_with_the_signal() {
    let world = World::new(4);
    hang(&world);
    for (command, signal) in
        [("collect", "TERM"), ("doctor", "INT"), ("discover", "TERM"), ("collect", "INT")]
    {
        let mut program = Program::exporter(
            &[command],
            &[("feishu-exporter.yml", &world.configuration()), ("secret", SECRET)],
        );
        eventually("a handler for SIGTERM", || hears(&program).then_some(()));
        assert_eq!(ends_soon(&mut program, signal), Some(1), "{command}: {}", program.stderr());
        let told = program.stderr();
        assert_eq!(told.lines().last(), Some("feishu-exporter: interrupted"), "{command}: {told}");
    }
}

#[test]
fn a_second_signal_ends_what_still_drains() {
    let world = World::new(4);
    let mut exporter = Program::exporter(
        &["--config.file=conf.yml", "--web.listen-address=127.0.0.1:0"],
        &[("conf.yml", &world.configuration()), ("secret", SECRET)],
    );
    let url = exporter.listens();
    let address = url.trim_start_matches("http://");
    // A request whose head never ends keeps its connection for the time of the drain.
    let mut half = std::net::TcpStream::connect(address).unwrap();
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n").unwrap();
    get(&format!("{url}/-/healthy"), &[]);
    exporter.signal("TERM");
    eventually("the end of listening", || {
        exporter
            .ended()
            .is_some()
            .then_some(())
            .or_else(|| try_get(&format!("{url}/-/healthy"), &[]).is_none().then_some(()))
    });
    if exporter.ended().is_none() {
        assert_eq!(ends_soon(&mut exporter, "INT"), Some(0));
    }
}

/// Runs a line in bash, in a directory with a configuration.
fn bash(world: &World, line: &str) -> (Option<i32>, String) {
    let files = directory(&[("feishu-exporter.yml", &world.configuration()), ("secret", SECRET)]);
    let script =
        format!("set -o pipefail; exporter={:?}; {line}", env!("CARGO_BIN_EXE_feishu-exporter"));
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(files.path()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let world = World::new(12);
    for line in [
        "$exporter collect --log.level=error | head -1",
        "$exporter collect --log.level=error --format=json | true",
        "$exporter doctor --log.level=error | true",
        "$exporter doctor --log.level=error --format=json | head -1",
        "$exporter check-config | true",
        "$exporter completions bash | true",
        "$exporter --help | true",
        "$exporter --version | true",
    ] {
        assert_eq!(bash(&world, line), (Some(0), String::new()), "{line}");
    }
}

#[test]
fn a_log_that_nobody_can_read_brings_nothing_down() {
    let world = World::new(4);
    let files = [("conf.yml", world.configuration()), ("secret", SECRET.to_owned())];
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let serve = |port: u16, stderr: Stdio| {
        let at = format!("--web.listen-address=127.0.0.1:{port}");
        let mut command =
            exporter(&["--config.file=conf.yml", "--log.level=trace", "--log.format=json", &at]);
        command.stderr(stderr);
        Program::with_own_stderr(command, directory(&files))
    };
    // Closed at its other end, or full and not read: the first line of the log already meets it.
    for is_closed in [true, false] {
        let port = free_port();
        let (reader, mut writer) = pipe().unwrap();
        if is_closed {
            drop(reader);
        } else {
            // The capacity of a pipe (pipe(7)).
            writer.write_all(&[b'\n'; 65_536]).unwrap();
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(600));
                drop(reader);
            });
        }
        let mut program = serve(port, writer.into());
        let url = format!("http://127.0.0.1:{port}");
        eventually("readiness", || {
            try_get(&format!("{url}/-/ready"), &[]).filter(|answer| answer.status == 200)
        });
        assert_eq!(ends_soon(&mut program, "TERM"), Some(0), "closed: {is_closed}");
    }

    // A failure that cannot be told is a failure all the same, and no panic (101).
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = exporter(&["collect", "--config.file=none.yml"]);
    command.stderr(writer);
    let mut program = Program::with_own_stderr(command, directory(&[]));
    assert_eq!(program.status(), Some(2));
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn healthcheck_finds_the_exporter_by_how_it_was_started() {
    let world = World::new(4);
    // These variables are what both have in common, and no other program of these tests.
    let mark = ("FEISHU_EXPORTER_WEB_MAX_REQUESTS", "41");
    let (by_variable, by_flag) = (free_port(), free_port());
    let variable = format!("127.0.0.1:{by_variable}");
    let environment = [mark, ("FEISHU_EXPORTER_WEB_LISTEN_ADDRESS", variable.as_str())];
    let flag = format!("--web.listen-address=localhost:{by_flag}");
    for (args, port) in [(&[][..], by_variable), (&[flag.as_str()][..], by_flag)] {
        let mut command = exporter(&["serve", "--config.file=conf.yml"]);
        command.args(args).envs(environment);
        let files = [("conf.yml", world.configuration()), ("secret", SECRET.to_owned())];
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
        let running = Program::start(command, directory(&files));
        let healthcheck = || {
            let output = exporter(&["healthcheck"]).envs(environment).output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let (status, told) = eventually("a healthy answer", || {
            Some(healthcheck()).filter(|(status, _)| *status == Some(0))
        });
        assert_eq!(status, Some(0));
        assert!(told.contains(&format!(":{port}/-/healthy is healthy")), "{told}");
        drop(running);
        assert_eq!(healthcheck().0, Some(1));
    }
}
