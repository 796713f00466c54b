//! A running simulator and a plain HTTP client.

use std::{collections::BTreeMap, fmt::Write, net::SocketAddr};

use feishu_simulator::{Endpoint, Handle, Limit, Options, Simulator};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

/// A Wednesday. The newest day is Tuesday in China and Monday elsewhere.
pub(crate) const NOW: &str = "2026-11-18T12:00:00+08:00";
pub(crate) const NEWEST: &str = "2026-11-17";
pub(crate) const STATISTICS: &str = "/open-apis/admin/v1/admin_dept_stats";
pub(crate) const USERS: &str = "/open-apis/admin/v1/admin_user_stats";
pub(crate) const MEMBERS: &str = "/open-apis/contact/v3/users/find_by_department";
pub(crate) const BATCH: &str = "/open-apis/contact/v3/departments/batch";
pub(crate) const DIRECTORY: &str = "/open-apis/directory/v1/departments/filter";

pub(crate) struct Rig {
    pub(crate) handle: Handle,
    pub(crate) address: SocketAddr,
    token: String,
    _stops_when_dropped: oneshot::Sender<()>,
}

/// An answer as it came, whole or not.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// With names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["code"].as_i64().unwrap()
    }

    pub(crate) fn items(&self) -> Vec<Value> {
        let body = self.json();
        assert_eq!((self.status, &body["code"]), (200, &Value::from(0)), "{body}");
        body["data"]["items"].as_array().unwrap().clone()
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.headers["content-length"].parse::<usize>().unwrap() > self.body.len()
    }
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options =
            Options { departments: 40, now: Some(NOW.parse().unwrap()), ..Options::default() };
        for endpoint in Endpoint::ALL {
            options.limits.insert(endpoint, Limit::NONE);
        }
        change(&mut options);
        let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.unwrap();
        let (trigger, dropped) = oneshot::channel();
        let (handle, address) = (simulator.handle(), simulator.local_addr());
        tokio::spawn(simulator.run(async { drop(dropped.await) }));
        let mut rig = Self { handle, address, token: String::new(), _stops_when_dropped: trigger };
        rig.sign_in().await;
        rig.handle.clear_requests();
        rig
    }

    /// Gets a token and uses it from now on.
    pub(crate) async fn sign_in(&mut self) -> Value {
        let reply = self.ask_token(r#"{"app_id": "cli_demo", "app_secret": "demo-secret"}"#).await;
        let body = reply.json();
        self.token = body["tenant_access_token"].as_str().unwrap_or_default().to_owned();
        body
    }

    pub(crate) async fn ask_token(&self, body: &str) -> Reply {
        self.send("POST", "/open-apis/auth/v3/tenant_access_token/internal", None, body).await
    }

    /// Asks for the total of the newest day of the root, with some parameters changed; those
    /// without a value are left out.
    pub(crate) async fn statistics(&self, changed: &[(&str, &str)]) -> Reply {
        self.statistics_with(Some(&self.token), changed).await
    }

    pub(crate) async fn statistics_with(
        &self,
        token: Option<&str>,
        changed: &[(&str, &str)],
    ) -> Reply {
        let mut query = BTreeMap::from([
            ("department_id_type", "open_department_id"),
            ("department_id", "0"),
            ("contains_child_dept", "false"),
            ("start_date", NEWEST),
            ("end_date", NEWEST),
        ]);
        query.extend(changed.iter().copied());
        query.retain(|_, value| !value.is_empty());
        let query: Vec<_> =
            query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.send("GET", &format!("{STATISTICS}?{}", query.join("&")), token, "").await
    }

    /// The rows of all pages.
    pub(crate) async fn all_rows(&self, changed: &[(&str, &str)]) -> Vec<Value> {
        let (mut rows, mut token) = (Vec::new(), String::new());
        loop {
            let mut changed = changed.to_vec();
            changed.push(("page_token", &token));
            let reply = self.statistics(&changed).await;
            rows.extend(reply.items());
            let data = reply.json()["data"].clone();
            match data["page_token"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => {
                    assert_eq!(data["has_more"], false);
                    return rows;
                }
            }
        }
    }

    /// Asks another endpoint; parameters without a value are left out.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Reply {
        let query: Vec<_> = query
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        self.send("GET", &format!("{path}?{}", query.join("&")), Some(&self.token), "").await
    }

    /// The items of all pages of an endpoint.
    pub(crate) async fn all(&self, path: &str, query: &[(&str, &str)]) -> Vec<Value> {
        let (mut items, mut token) = (Vec::new(), String::new());
        loop {
            let query = [query, &[("page_token", token.as_str())]].concat();
            let reply = self.get(path, &query).await;
            items.extend(reply.items());
            let data = reply.json()["data"].clone();
            match data["page_token"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => {
                    assert_eq!(data["has_more"], false);
                    return items;
                }
            }
        }
    }

    /// Asks the directory.
    pub(crate) async fn directory(&self, query: &str, body: &Value) -> Reply {
        let path = format!("{DIRECTORY}?{query}");
        self.send("POST", &path, Some(&self.token), &body.to_string()).await
    }

    /// Departments of all pages of the directory below a parent, with all their fields.
    pub(crate) async fn children(&self, parent: &str) -> Vec<Value> {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let mut body = crate::directory::question(parent, &["*"]);
            body["page_request"]["page_token"] = Value::from(token);
            let reply = self.directory("", &body).await.json();
            assert_eq!(reply["code"], 0, "{reply}");
            found.extend(reply["data"]["departments"].as_array().unwrap().clone());
            match reply["data"]["page_response"]["page_token"].as_str() {
                Some(next) => token = next.to_owned(),
                None => return found,
            }
        }
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: &str) -> Reply {
        self.send(method, &format!("/_simulator/{path}"), None, body).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> Reply {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: simulator\r\n");
        if let Some(token) = token {
            write!(request, "authorization: Bearer {token}\r\n").unwrap();
        }
        write!(request, "connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        parse(&reply)
    }

    /// The id of some department at this depth.
    pub(crate) fn department(&self, depth: usize) -> String {
        let departments = self.handle.departments();
        let found = departments.iter().find(|department| department.depth == depth);
        found.unwrap().open_department_id.clone()
    }
}

fn parse(reply: &[u8]) -> Reply {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8(reply[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Reply { status, headers, body: reply[end + 4..].to_vec() }
}

fn encode(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
