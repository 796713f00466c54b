//! A server that knows nothing but the documented answers.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

/// An endpoint of the documents, with the sample answer of its document, verbatim.
pub(crate) struct Documented {
    /// As the label `endpoint` calls it.
    pub(crate) endpoint: &'static str,
    path: &'static str,
    pub(crate) sample: &'static str,
}

macro_rules! documented {
    ($endpoint:literal, $path:literal, $file:literal) => {
        Documented {
            endpoint: $endpoint,
            path: concat!("/open-apis/", $path),
            sample: include_str!(concat!("../data/feishu/", $file, ".json")),
        }
    };
}

/// The five documents.
pub(crate) const DOCUMENTED: [Documented; 5] = [
    documented!("admin_dept_stats", "admin/v1/admin_dept_stats", "admin_dept_stats"),
    documented!("admin_user_stats", "admin/v1/admin_user_stats", "admin_user_stats"),
    documented!(
        "users_find_by_department",
        "contact/v3/users/find_by_department",
        "users_find_by_department"
    ),
    documented!(
        "departments_filter",
        "directory/v1/departments/filter",
        "directory_departments_filter"
    ),
    documented!("departments_batch", "contact/v3/departments/batch", "contact_departments_batch"),
];

/// Answers on a port of loopback for as long as the test runs.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    /// By path.
    answers: Vec<(&'static str, String)>,
    requests: Vec<String>,
}

impl Server {
    /// Serves all documented answers.
    pub(crate) fn start() -> Self {
        let answers = DOCUMENTED.iter().map(|d| (d.path, d.sample.to_owned())).collect();
        let state = Arc::new(Mutex::new(State { answers, requests: Vec::new() }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&shared);
                thread::spawn(move || answer(stream.unwrap(), &state));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves something else in place of one endpoint's sample.
    pub(crate) fn replace(&self, documented: &Documented, answer: &Value) {
        let mut state = self.state.lock().unwrap();
        let (_, served) =
            state.answers.iter_mut().find(|(path, _)| *path == documented.path).unwrap();
        *served = answer.to_string();
    }

    /// The requests since this was last asked, each with its target and its body.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

/// Answers one request and closes the connection.
fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(&mut stream);
    let mut target = String::new();
    reader.read_line(&mut target).unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = format!("{} {}", target.trim(), String::from_utf8(body).unwrap());
    let answer = state.lock().unwrap().answer(&request);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let length = answer.len();
    // A client that has gone away is no concern of the server's.
    let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{answer}");
}

impl State {
    fn answer(&mut self, request: &str) -> String {
        if request.contains("/open-apis/auth/v3/tenant_access_token/internal") {
            let token =
                json!({ "code": 0, "msg": "ok", "expire": 7200, "tenant_access_token": "t-1" });
            return token.to_string();
        }
        self.requests.push(request.to_owned());
        // The samples say that there is more: the next page is an empty one, and the last.
        if request.contains("page_token") {
            let end = json!({ "has_more": false });
            let data = json!({ "has_more": false, "page_response": end });
            return json!({ "code": 0, "msg": "success", "data": data }).to_string();
        }
        let (_, answer) = self.answers.iter().find(|(path, _)| request.contains(path)).unwrap();
        answer.clone()
    }
}
