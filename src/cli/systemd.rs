//! What systemd and the exporter tell each other: sockets that it opened, and the states of the
//! service (`Type=notify`, `sd_notify(3)`).

use std::{
    io,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

use listenfd::ListenFd;

use super::Failure;
use crate::app::Moment;

/// The sockets that systemd handed over, all of them.
pub(super) fn sockets() -> Result<Vec<TcpListener>, Failure> {
    let wrong = |why: String| Failure::usage(format!("--web.systemd-socket: {why}"));
    let mut handed_over = ListenFd::from_env();
    let mut sockets = Vec::with_capacity(handed_over.len());
    for index in 0..handed_over.len() {
        let socket = handed_over.take_tcp_listener(index);
        let socket = socket.map_err(|e| wrong(format!("socket {index} is none of TCP: {e}")))?;
        sockets.extend(socket);
    }
    match sockets.is_empty() {
        true => Err(wrong(
            "systemd handed over no socket; start a .socket unit with ListenStream=, not the \
             service alone"
                .to_owned(),
        )),
        false => Ok(sockets),
    }
}

/// Tells systemd of a moment, if it asked to be told.
pub(super) fn tell(moment: Moment) {
    let state = match moment {
        Moment::Ready => "READY=1",
        Moment::Reloading => "RELOADING=1",
        Moment::Stopping => "STOPPING=1",
        Moment::Alive => "WATCHDOG=1",
    };
    if let Err(error) = send(state) {
        tracing::debug!(%error, state, "systemd was not told");
    }
}

/// How often it wants to hear that the exporter is alive; none where it does not.
pub(super) fn alive_every() -> Option<Duration> {
    let micros: u64 = std::env::var_os("WATCHDOG_USEC")?.to_str()?.parse().ok()?;
    let is_other = std::env::var_os("WATCHDOG_PID")
        .is_some_and(|pid| pid.to_str() != Some(std::process::id().to_string().as_str()));
    // Twice as often as it would miss it.
    (micros > 0 && !is_other).then(|| Duration::from_micros((micros / 2).max(1000)))
}

fn send(state: &str) -> io::Result<()> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // systemd that does not read must not hold up the exporter.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}
