//! What systemd and the exporter tell each other, with this test in the place of systemd.

use std::{os::unix::net::UnixDatagram, process::Command, time::Duration};

use crate::{
    outside::get,
    program::{Program, directory, exporter, run},
    world::{SECRET, World, metrics_of_latest},
};

/// Opens a socket, and becomes the program that its arguments name, as `sd_listen_fds(3)` says.
const HAND_OVER: &str = "
import os, socket, sys
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
fn it_serves_on_the_socket_of_systemd_and_tells_how_it_fares() {
    let world = World::new(4);
    let files = directory(&[("conf.yml", &world.configuration()), ("secret", SECRET)]);
    let told = UnixDatagram::bind(files.path().join("notify")).unwrap();
    told.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut buffer = [0; 64];
        let length = told.recv(&mut buffer).expect("systemd is told something");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };

    let serve = exporter(&["--config.file=conf.yml", "--web.systemd-socket"]);
    let mut command = Command::new("python3");
    command.args(["-c", HAND_OVER]).arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("NOTIFY_SOCKET", files.path().join("notify")).env("WATCHDOG_USEC", "200000");
    let mut running = Program::start(command, files);
    let url = running.listens();
    assert_eq!(next(), "READY=1");
    assert_eq!(get(&format!("{url}/-/ready"), &[]).status, 200);
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    metrics_of_latest(&url, world.departments().len());

    let after = |state: &str| loop {
        match next() {
            told if told == state => break,
            told => assert_eq!(told, "WATCHDOG=1", "before {state}"),
        }
    };
    running.signal("HUP");
    after("RELOADING=1");
    after("READY=1");
    running.signal("TERM");
    after("STOPPING=1");
    assert_eq!(running.status(), Some(0), "{}", running.stderr());
}

#[test]
fn without_a_socket_from_systemd_the_way_out_is_told() {
    let world = World::new(4);
    let files = directory(&[("conf.yml", &world.configuration()), ("secret", SECRET)]);
    let (status, _, err) = run(files.path(), &["--config.file=conf.yml", "--web.systemd-socket"]);
    assert_eq!(status, Some(2), "{err}");
    let last = err.lines().last().unwrap();
    assert!(
        last.starts_with("feishu-exporter: --web.systemd-socket: systemd handed over no"),
        "{last}"
    );
}
