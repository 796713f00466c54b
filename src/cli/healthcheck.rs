//! `healthcheck`: is the exporter beside this process alive? For containers without a shell.
//!
//! It speaks HTTP by hand, beside a client in the tree: in TLS 1.3 a server says after the handshake
//! that it wants a certificate, and closes. reqwest writes its request at once; on a connection that
//! is closed the system may then throw away what came before, and "healthy, and wants a certificate"
//! would now and then be told as "connection reset". Here the connection is read first (`wire`).

mod wire;

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use reqwest::Url;
use tokio::time::Instant;

use self::wire::{Wire, set_time, wants_certificate};
use super::{Failure, ListenAddress, parse, running};

/// Longer than any healthy answer takes, shorter than what a container runtime waits.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The status line is all that counts; nothing longer than this is read.
const ANSWER_BYTES_MAX: usize = 4096;

/// Ask a running exporter whether it is healthy.
///
/// It is found by how it was started: its flags as the system shows them, else the variables that
/// it has in common with this command, else the defaults. Exit status 0 if it is healthy, 1 if not.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to ask [default: /-/healthy of the exporter that runs here].
    #[arg(long, value_name = "URL", value_parser = plain_url, conflicts_with = "listen_addresses")]
    url: Option<Url>,

    /// Address that the exporter listens on [default: that of the exporter that runs here].
    #[arg(long = "web.listen-address", value_name = "HOST:PORT", value_delimiter = ',')]
    listen_addresses: Vec<ListenAddress>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (scheme, authority, path) = match &args.url {
        Some(url) => {
            let host = url.host_str().unwrap_or_default();
            let port = url.port_or_known_default().unwrap_or(80);
            (url.scheme(), format!("{host}:{port}"), url.path().to_owned())
        }
        None => ("http", address(args)?.local_authority(), "/-/healthy".to_owned()),
    };
    // Whether the port speaks TLS is in a file that this process may not be able to read; the
    // exporter itself tells whoever asks in plain HTTP.
    let first = ask(&authority, &path, scheme == "https");
    let (scheme, answer) = match first {
        Ok(400) if args.url.is_none() => ("https", ask(&authority, &path, true)),
        first => (scheme, first),
    };
    let asked = format!("{scheme}://{authority}{path}");
    match answer {
        Ok(200) => {
            writeln!(io::stdout(), "{asked} is healthy")?;
            Ok(())
        }
        Ok(status) => Err(Failure::failed(format!("{asked} answered {status}"))),
        Err(error) if wants_certificate(&error) => {
            writeln!(io::stdout(), "{asked} answers, and wants a certificate")?;
            Ok(())
        }
        Err(error) => Err(Failure::failed(format!("{asked} gave no answer: {error}"))),
    }
}

/// The first address of the exporter; it listens on all or does not run.
fn address(args: &Args) -> Result<ListenAddress, Failure> {
    let addresses = match args.listen_addresses.as_slice() {
        [] => match running::serving() {
            Some(serving) => serving.listen_addresses,
            // What one would do that is started here and now.
            None => {
                parse(["feishu-exporter".into()]).map_err(Failure::usage)?.serve.listen_addresses
            }
        },
        given => given.to_vec(),
    };
    addresses.into_iter().next().ok_or_else(|| Failure::usage("there is no address to ask"))
}

fn plain_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => Ok(url),
        _ => Err("write it like http://127.0.0.1:10917/-/healthy".to_owned()),
    }
}

/// The status of a GET.
fn ask(authority: &str, path: &str, tls: bool) -> io::Result<u16> {
    let deadline = Instant::now() + TIMEOUT;
    let stream = connect(authority, deadline)?;
    set_time(&stream, left(deadline)?)?;
    let mut stream = if tls { Wire::tls(stream)? } else { Wire::Plain(stream) };
    stream.set_time(left(deadline)?)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: feishu-exporter-healthcheck\r\n\
         Connection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    let mut part = [0; 512];
    while answer.len() < ANSWER_BYTES_MAX && !answer.contains(&b'\n') {
        stream.set_time(left(deadline)?)?;
        match stream.read(&mut part)? {
            0 => break,
            count => answer.extend_from_slice(&part[..count]),
        }
    }
    status(&answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn connect(authority: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("none within {} s", TIMEOUT.as_secs()),
        )),
        false => Ok(left),
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|b| *b == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let (version, rest) = line.split_once(' ')?;
    version.starts_with("HTTP/1.").then(|| rest.get(..3)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_is_all_that_counts() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n\r\nok"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503 Service Unavailable\r\n"), Some(503));
        for answer in [&b""[..], b"HTTP/1.1", b"HTTP/1.1 2", b"SSH-2.0-x 200 OK", b"\xff\xfe"] {
            assert_eq!(status(answer), None);
        }
    }
}
