//! Every command of the documents is run as it stands, or is listed here with the reason why not.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::pages::{Block, blocks};

const PROGRAM: &str = env!("CARGO_BIN_EXE_feishu-exporter");

/// Beginnings of commands that are not run here, each with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo ", "builds what this test is part of"),
    ("tests/run", "this test is part of it"),
    ("UPDATE_GOLDEN=1 ", "rewrites pages; the same tests compare them"),
    ("export PATH=", "the program is in the path already"),
    ("docker ", "no container is started here; the files are read by tests/deploy/files"),
    ("kubectl ", "there is no cluster; the chart is rendered by tests/deploy/files"),
    ("helm ", "there is no cluster; the chart is rendered by tests/deploy/files"),
    ("dpkg ", "changes the machine; .ci installs the package"),
    ("systemctl ", "changes the machine; .ci installs the package"),
    ("editor ", "is for people"),
    ("install -m 600 ", "changes the machine"),
    ("sudo ", "changes the machine; the same command without it is run"),
    ("chown ", "the user prometheus is not here; tests/history makes a Prometheus read the blocks"),
    ("promtool tsdb create-blocks-from", "tests/history does it, with what it makes of it"),
    ("deploy/release/", "releases"),
    ("git ", "releases"),
    ("cosign ", "needs a release"),
    ("sha256sum ", "needs a release"),
    ("feishu-alert-relay ", "the relay has tests of its own"),
    ("curl --data '{\"status\"", "the relay has tests of its own"),
    ("GRAFANA_URL=", "needs a Grafana"),
];

/// What stands in the documents, and what is there in its place here.
const PLACES: &[(&str, &str)] = &[
    ("/etc/feishu-exporter/feishu-exporter.yml", "feishu-exporter.yml"),
    ("/var/lib/feishu-exporter", "data"),
];
/// Receivers of the documents, in whose place one listens here.
const RECEIVERS: &[&str] = &[
    "http://localhost:9090",
    "http://localhost:8428",
    "https://mimir.example",
    "https://thanos.example",
];

/// A process that ends with its guard.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts the program and waits for the first line of its output that holds `told`.
    fn start(directory: &Path, args: &[&str], told: &str) -> (Self, String) {
        let mut command = program(directory);
        let child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let sender = sender.clone();
            // To its end, or the program would wait for a reader.
            thread::spawn(move || {
                BufReader::new(output).lines().map_while(Result::ok).for_each(|line| {
                    let _ = sender.send(line);
                });
            });
        }
        let running = Self(child);
        let mut before = Vec::new();
        loop {
            let line = lines
                .recv_timeout(Duration::from_secs(120))
                .unwrap_or_else(|_| panic!("{args:?}: {before:#?}"));
            if line.contains(told) {
                return (running, line);
            }
            before.push(line);
        }
    }
}

/// The program, or a shell, without variables of the environment that it reads.
fn without_settings(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FEISHU_") {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).env("NO_PROXY", "*");
    command
}

fn program(directory: &Path) -> Command {
    without_settings(PROGRAM, directory)
}

/// A receiver that accepts whatever it is sent.
fn receiver() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut stream = stream;
                while let Some(length) = head(&mut reader, &mut stream) {
                    match length {
                        Length::Known(length) => pass_over(&mut reader, length),
                        Length::Chunked => while pass_over_chunk(&mut reader) {},
                    }
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                }
            });
        }
    });
    address
}

/// How long a request's body is.
enum Length {
    Known(u64),
    /// Each part of the body tells its own length.
    Chunked,
}

fn pass_over(reader: &mut impl BufRead, length: u64) {
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
}

/// Whether another chunk may follow.
fn pass_over_chunk(reader: &mut impl BufRead) -> bool {
    let mut size = String::new();
    reader.read_line(&mut size).unwrap();
    let size = u64::from_str_radix(size.trim(), 16).unwrap();
    pass_over(reader, size + 2);
    size > 0
}

/// Reads the head of a request; the length of its body, or nothing at the end.
fn head(reader: &mut impl BufRead, stream: &mut impl Write) -> Option<Length> {
    let (mut length, mut any) = (Length::Known(0), false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() && any {
            return Some(length);
        }
        any = true;
        if let Some(told) = line.strip_prefix("content-length:") {
            length = Length::Known(told.trim().parse().ok()?);
        }
        if line == "transfer-encoding: chunked" {
            length = Length::Chunked;
        }
        if line == "expect: 100-continue" {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
    }
}

/// The commands of a block: continued lines together, comments dropped.
fn commands(block: &Block) -> Vec<String> {
    let joined = block.text.replace("\\\n", " ");
    let mut commands: Vec<String> = Vec::new();
    for line in joined.lines() {
        let line = line.split("  #").next().unwrap_or_default().split_whitespace();
        let line = line.collect::<Vec<_>>().join(" ");
        match commands.last_mut() {
            Some(last) if last.ends_with('|') => *last = format!("{last} {line}"),
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => commands.push(line),
        }
    }
    commands
}

#[test]
fn every_command_of_the_documents_works() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let told = "Feishu API simulator: ";
    let args = ["simulate", "--listen-address=127.0.0.1:0", "--departments=4"];
    let (_simulator, line) = Running::start(at, &args, told);
    let api = line.trim_start_matches(told).split(' ').next().unwrap().to_owned();
    let receiver = receiver();
    let configuration = format!(
        "tenants:\n  - base_url: {api}\n    app_id: cli_demo\n    app_secret: demo-secret\n    \
         statistics_time_zone: Asia/Shanghai\n    limits: {{requests_per_second: 50}}\n    \
         discovery: {{enabled: true}}\n"
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bin = Path::new(PROGRAM).parent().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the shell finds its tools beside the program")]
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut ran = 0;
    let mut unused: Vec<&str> = NOT_RUN.iter().map(|(begin, _)| *begin).collect();
    let blocks = blocks();
    let shell = blocks.iter().filter(|block| block.language == "sh");
    for block in shell {
        fs::copy(root.join("feishu-exporter.example.yml"), at.join("feishu-exporter.example.yml"))
            .unwrap();
        fs::write(at.join("feishu-exporter.yml"), &configuration).unwrap();
        let mut exports = String::new();
        for command in commands(block) {
            if let Some((begin, _)) = NOT_RUN.iter().find(|(begin, _)| command.starts_with(begin)) {
                unused.retain(|known| known != begin);
                continue;
            }
            let mut command = command.replace("http://127.0.0.1:10918", &api);
            for (there, here) in PLACES {
                command = command.replace(there, here);
            }
            for there in RECEIVERS {
                command = command.replace(there, &format!("http://{receiver}"));
            }
            ran += 1;
            if command.starts_with("export ") {
                exports = format!("{exports}{command}\n");
                continue;
            }
            if command == "feishu-exporter" || command.ends_with(" &") {
                // It serves until it is stopped.
                let args: Vec<&str> = command.trim_end_matches(" &").split(' ').skip(1).collect();
                let (args, told) = match args.as_slice() {
                    [] => (vec!["--web.listen-address=127.0.0.1:0"], "departments serve"),
                    ["simulate"] => {
                        (vec!["simulate", "--listen-address=127.0.0.1:0"], "simulator:")
                    }
                    other => panic!("{}: {other:?} is not known to go on", block.place),
                };
                Running::start(at, &args, told);
                continue;
            }
            let script = format!("set -e\n{exports}{command}\n");
            let output = without_settings("bash", at)
                .args(["-c", &script])
                .env("PATH", &path)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {command}\n{said}", block.place);
            if command.starts_with("cp ") {
                // Edited.
                fs::write(at.join("feishu-exporter.yml"), &configuration).unwrap();
            }
        }
    }
    assert!(ran > 20, "only {ran} commands ran");
    assert!(unused.is_empty(), "no document has {unused:?} any more: take them off the list");
}

#[test]
fn the_commands_of_a_block_are_told_apart() {
    let text = "# a comment\na --b \\\n    --c   # why\nd |\n    e\n\n";
    let block = Block { place: String::new(), language: String::new(), text: text.to_owned() };
    assert_eq!(commands(&block), ["a --b --c", "d | e"]);
}
