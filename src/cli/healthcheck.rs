//! `healthcheck`: is the exporter beside this process alive? For containers without a shell.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use reqwest::Url;

use super::{Failure, ListenAddress};

/// Longer than any healthy answer takes, shorter than what a container runtime waits.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The status line is all that counts; nothing longer than this is read.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Ask a running exporter whether it is healthy.
///
/// Exit status 0 if it is, 1 if not.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to ask [default: /-/healthy at the first --web.listen-address].
    #[arg(long, value_name = "URL", value_parser = plain_url)]
    url: Option<Url>,

    /// Address that the exporter listens on.
    #[arg(
        long = "web.listen-address",
        env = "FEISHU_EXPORTER_WEB_LISTEN_ADDRESS",
        value_name = "HOST:PORT",
        default_value = ":10917",
        value_delimiter = ',',
        hide_env_values = true
    )]
    listen_addresses: Vec<ListenAddress>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (authority, path) = match (&args.url, args.listen_addresses.first()) {
        (Some(url), _) => {
            let host = url.host_str().unwrap_or_default();
            let port = url.port_or_known_default().unwrap_or(80);
            (format!("{host}:{port}"), url.path().to_owned())
        }
        (None, Some(address)) => (address.local_authority(), "/-/healthy".to_owned()),
        (None, None) => return Err(Failure::usage("no address to ask")),
    };
    let asked = format!("http://{authority}{path}");
    match ask(&authority, &path) {
        Ok(200) => {
            writeln!(io::stdout(), "{asked} is healthy")?;
            Ok(())
        }
        Ok(status) => Err(Failure::failed(format!("{asked} answered {status}"))),
        Err(error) => Err(Failure::failed(format!("{asked} gave no answer: {error}"))),
    }
}

fn plain_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "http" && url.host_str().is_some() => Ok(url),
        _ => Err("write it like http://127.0.0.1:10917/-/healthy".to_owned()),
    }
}

/// The status of a GET.
fn ask(authority: &str, path: &str) -> io::Result<u16> {
    let mut stream = connect(authority)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: feishu-exporter-healthcheck\r\n\
         Connection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    status(&answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn connect(authority: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
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
