//! The exporter as `serve` wires it, in this process: started, reloaded, stopped and killed.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use feishu_exporter::{
    app::{self, App, History, Manager, Reader, Reload},
    clock::{Clock, Hand},
    config::{self, Environment, Source},
    server::{self, Reloads},
    shutdown::{self, Trigger},
    snapshot::Published,
    store::FILE_NAME,
};
use jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

/// Nothing is set.
struct Nothing;

impl Environment for Nothing {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

/// An exporter with the directory that its store is in.
pub(crate) struct Exporter {
    pub(crate) address: SocketAddr,
    pub(crate) hand: Hand,
    pub(crate) directory: PathBuf,
    pub(crate) published: Published,
    reloads: Reloads,
    stop: Trigger,
    running: JoinHandle<Result<(), String>>,
}

fn load(file: &Path, now: Timestamp) -> Result<config::Loaded, String> {
    let source = Source::File(file.to_owned());
    config::load(&source, &Nothing, now).map_err(|problems| problems.to_string())
}

impl Exporter {
    /// Starts one by a configuration file on the store of a directory.
    pub(crate) fn start(file: &Path, directory: PathBuf, now: Timestamp) -> Self {
        let (clock, hand) = Clock::running(now);
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let (reloads, requests) = server::reloads();
        let (file, of_reader) = (file.to_owned(), clock.clone());
        let options = load(&file, now).expect("the configuration has no mistake").options;
        let read: Reader = Arc::new(move || Ok(load(&file, of_reader.now())?.options));
        let manager = Manager { tell: |_| {}, alive_every: Some(Duration::from_secs(30)) };
        let options = app::Options {
            collect: options,
            server: server::Options {
                reloads: Some(reloads.clone()),
                ..server::Options::on(vec![socket])
            },
            history: History::Directory(directory.clone()),
            reload: Some(Reload { read, requests, manager }),
            revision: "soak",
        };
        let app = App::bind(options, clock).expect("a socket that listens can be taken over");
        let (address, published) = (app.local_addrs()[0], app.published());
        let (stop, stopping) = shutdown::channel();
        let running = tokio::spawn(app.run(stopping));
        Self { address, hand, directory, published, reloads, stop, running }
    }

    /// Reads the configuration again.
    pub(crate) async fn reload(&self) -> Result<String, String> {
        self.reloads.ask().await
    }

    /// Stops it as SIGTERM does.
    pub(crate) async fn stop(self) -> PathBuf {
        self.stop.stop();
        self.running.await.expect("it ends without a defect").expect("it ran");
        self.directory
    }

    /// Ends it as `kill -9` does: the next one finds the file as it stands now, in the middle of
    /// whatever is under way, and what this one does from now on is forgotten.
    pub(crate) async fn kill(self, next: PathBuf) -> PathBuf {
        copy_store(&self.directory, &next);
        let old = self.stop().await;
        fs::remove_dir_all(old).expect("it is ours");
        next
    }

    /// The body of `GET path`; none unless it is answered with 200.
    pub(crate) async fn get(&self, path: &str) -> io::Result<Option<String>> {
        let mut stream = TcpStream::connect(self.address).await?;
        let head = format!("GET {path} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer).map_err(io::Error::other)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = match head.contains("transfer-encoding: chunked") {
            true => unchunked(body),
            false => body.to_owned(),
        };
        Ok(head.starts_with("HTTP/1.1 200").then_some(body))
    }
}

fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).expect("a chunk has a length");
        body.push_str(&after[..length]);
        rest = after[length..].trim_start_matches("\r\n");
    }
    body
}

/// Copies a store as it stands, in a moment in which nobody writes to its files.
fn copy_store(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the place is ours");
    let state = || -> Vec<_> {
        let names = ["", "-wal"].map(|end| from.join(format!("{FILE_NAME}{end}")));
        let of = |name: PathBuf| fs::metadata(name).ok().map(|m| (m.len(), m.modified().ok()));
        names.map(of).into()
    };
    loop {
        let before = state();
        for end in ["", "-wal"] {
            let name = format!("{FILE_NAME}{end}");
            let _ = fs::remove_file(to.join(&name));
            // There is no -wal before the first write.
            let _ = fs::copy(from.join(&name), to.join(&name));
        }
        if before == state() {
            return;
        }
    }
}
