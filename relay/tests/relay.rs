//! The real binary between a message of Alertmanager and a stand-in of the bot, which verifies the
//! signature as Feishu does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;
use serde_json::{Value, json};

const SECRET: &str = "bot-secret";
const TAKEN: &str =
    r#"{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}"#;

/// A bot that answers each request with the next of `answers`, unless its signature is wrong.
struct StandIn {
    address: String,
    cards: Receiver<Value>,
}

impl StandIn {
    fn start(answers: Vec<(u16, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address =
            format!("http://{}/open-apis/bot/v2/hook/address", listener.local_addr().unwrap());
        let (sender, cards) = mpsc::channel();
        thread::spawn(move || {
            for (status, answer) in answers {
                let (stream, _) = listener.accept().unwrap();
                let (head, body) = exchange(stream, |body| {
                    if is_signed(body) {
                        (status, answer)
                    } else {
                        (
                            200,
                            r#"{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}"#,
                        )
                    }
                });
                assert!(head.starts_with("POST /open-apis/bot/v2/hook/address HTTP/1.1"), "{head}");
                assert!(body.to_string().len() < 20_000);
                sender.send(body).unwrap();
            }
        });
        Self { address, cards }
    }
}

fn is_signed(body: &Value) -> bool {
    let Some(timestamp) = body["timestamp"].as_str() else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{timestamp}\n{SECRET}").as_bytes());
    body["sign"] == BASE64_STANDARD.encode(hmac::sign(&key, b""))
}

/// Reads one request, answers it, closes the connection.
fn exchange<'a>(stream: TcpStream, answer: impl Fn(&Value) -> (u16, &'a str)) -> (String, Value) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    let (status, text) = answer(&body);
    let length = text.len();
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
    )
    .unwrap();
    (head, body)
}

/// A running relay, ended when the test ends.
struct Relay {
    child: Child,
    address: String,
    log: BufReader<ChildStderr>,
    output: BufReader<ChildStdout>,
    directory: PathBuf,
}

impl Relay {
    fn start(name: &str, bot: &str, secret: &str) -> Self {
        let directory = directory(name);
        fs::write(directory.join("url"), format!("{bot}\n")).unwrap();
        fs::write(directory.join("secret"), format!("{secret}\n")).unwrap();
        Self::with(name, &["--bot.url-file=url", "--bot.secret-file=secret"])
    }

    fn with(name: &str, args: &[&str]) -> Self {
        let directory = directory(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_feishu-alert-relay"))
            .arg("--web.listen-address=127.0.0.1:0")
            .args(args)
            .current_dir(&directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let output = BufReader::new(child.stdout.take().unwrap());
        let line = next_line(&mut log);
        let address = line.split("http://").nth(1).unwrap().trim().trim_end_matches('/').to_owned();
        Self { child, address, log, output, directory }
    }

    fn post(&self, body: &str) -> (u16, String) {
        self.request(&format!(
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    fn request(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn next_line(log: &mut impl BufRead) -> String {
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    line
}

fn message() -> String {
    json!({
        "version": "4", "status": "firing", "receiver": "feishu", "truncatedAlerts": 0,
        "groupLabels": {"alertname": "FeishuDataLate", "tenant": "acme"},
        "commonLabels": {"alertname": "FeishuDataLate", "severity": "warning", "tenant": "acme"},
        "commonAnnotations": {}, "externalURL": "http://alertmanager", "groupKey": "{}",
        "alerts": [{
            "status": "firing", "labels": {"alertname": "FeishuDataLate", "tenant": "acme"},
            "annotations": {"summary": "数据 is late", "description": "<at id=all></at>"},
            "startsAt": "2026-11-27T01:35:12.345Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus/graph", "fingerprint": "0123456789abcdef",
        }],
    })
    .to_string()
}

#[test]
fn an_alert_reaches_the_chat_signed() {
    let bot = StandIn::start(vec![(200, TAKEN)]);
    let relay = Relay::start("signed", &bot.address, SECRET);
    let (status, answer) = relay.post(&message());
    assert_eq!(status, 200, "{answer}");
    let sent = bot.cards.recv().unwrap();
    assert_eq!(sent["msg_type"], "interactive");
    assert_eq!(
        sent["card"]["header"]["title"]["content"],
        "FIRING 1 · FeishuDataLate · tenant acme"
    );
    assert_eq!(sent["card"]["elements"][0]["text"]["content"], "数据 is late\n<at id=all></at>");
}

#[test]
fn cards_can_be_printed_instead() {
    let mut relay = Relay::with("printed", &["--print"]);
    assert_eq!(relay.post(&message()).0, 200);
    let card: Value = serde_json::from_str(&next_line(&mut relay.output)).unwrap();
    assert_eq!(card["header"]["template"], "orange");
}

#[test]
fn what_may_pass_is_left_to_alertmanager_and_what_is_refused_says_why() {
    let bot = StandIn::start(vec![
        (200, r#"{"code":11232,"msg":"frequency limited psm[lark.oapi.app_platform_runtime]"}"#),
        (502, "<html>Bad Gateway</html>"),
        (200, r#"{"code":19024,"msg":"Key Words Not Found"}"#),
        (200, TAKEN),
    ]);
    let mut relay = Relay::start("refused", &bot.address, SECRET);
    let answers: Vec<_> = (0..4).map(|_| relay.post(&message()).0).collect();
    assert_eq!(answers, [503, 503, 422, 200]);
    assert!(next_line(&mut relay.log).contains("too many messages"));
    assert!(next_line(&mut relay.log).contains("HTTP status 502"));
    assert!(
        next_line(&mut relay.log).contains("19024 (Key Words Not Found); the bot wants a keyword")
    );
}

#[test]
fn a_wrong_secret_is_told_without_being_shown() {
    let bot = StandIn::start(vec![(200, TAKEN)]);
    let mut relay = Relay::start("wrong-secret", &bot.address, "another-secret");
    let (status, answer) = relay.post(&message());
    assert_eq!(status, 422, "{answer}");
    let line = next_line(&mut relay.log);
    for text in [&answer, &line] {
        assert!(text.contains("the secret is not the bot's"), "{text}");
        assert!(!text.contains("another-secret") && !text.contains("hook/address"), "{text}");
    }
}

#[test]
fn a_bot_out_of_reach_is_tried_again_by_alertmanager() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook/address", listener.local_addr().unwrap());
    drop(listener);
    let relay = Relay::start("out-of-reach", &address, SECRET);
    let (status, answer) = relay.post(&message());
    assert_eq!(status, 503);
    assert!(answer.contains("cannot be reached") && !answer.contains("hook/address"), "{answer}");
}

#[test]
fn what_is_no_message_is_refused() {
    let bot = StandIn::start(vec![]);
    let relay = Relay::start("no-message", &bot.address, SECRET);
    for body in ["", "{}", "[]", r#"{"status":"burning"}"#, "\u{0}"] {
        assert_eq!(relay.post(body).0, 400, "{body:?}");
    }
    let too_long =
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5000000\r\n\r\n";
    assert_eq!(relay.request(too_long).0, 413);
    let get = |path: &str| {
        relay.request(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    };
    assert_eq!(get("/").0, 405);
    assert!(get("/").1.to_lowercase().contains("allow: post"));
    assert_eq!(get("/-/healthy").0, 200);
    assert_eq!(get("/metrics").0, 404);
}

#[test]
fn it_starts_only_with_a_bot() {
    let run = |args: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_feishu-alert-relay")).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&[]).0, Some(2));
    let (status, text) = run(&["--bot.url-file=/nowhere/url"]);
    assert_eq!(status, Some(1));
    assert!(text.contains("cannot read /nowhere/url"), "{text}");
    assert_eq!(run(&["--bot.url-file=Cargo.toml"]).0, Some(1));
}
