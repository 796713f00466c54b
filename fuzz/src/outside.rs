//! The other ends of the program's connections.

use std::{net::SocketAddr, sync::Arc};

use feishu_exporter::history::{Receiver, ReceiverOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::world::clock;

/// More than any request here.
const REQUEST_MAX: usize = 64 * 1024;
/// The endpoints by a part of their paths, and an answer of each that says something.
const ENDPOINTS: [(&str, &str); 6] = [
    ("tenant_access_token", r#"{"code":0,"msg":"ok","tenant_access_token":"t-1","expire":7200}"#),
    (
        "admin_dept_stats",
        r#"{"code":0,"data":{"has_more":false,"items":[{"date":"2026-11-23","department_id":"od-a","department_name":"A","product_version":"全部产品版本","total_user_num":30,"suite_dau":21}]}}"#,
    ),
    ("admin_user_stats", r#"{"code":0,"data":{"has_more":false,"items":[]}}"#),
    ("find_by_department", r#"{"code":0,"data":{"has_more":false,"items":[]}}"#),
    (
        "departments/filter",
        r#"{"code":0,"data":{"departments":[],"page_response":{"has_more":false}}}"#,
    ),
    ("departments/batch", r#"{"code":0,"data":{"items":[]}}"#),
];
const STATUSES: [u16; 8] = [200, 200, 200, 400, 403, 429, 500, 503];

/// Feishu, of which one endpoint answers as it was told.
pub(crate) struct Scripted {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn start(endpoint: u8, status: u8, body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it listens");
        let told = ENDPOINTS[usize::from(endpoint) % ENDPOINTS.len()].0;
        let status = STATUSES[usize::from(status) % STATUSES.len()];
        let body: Arc<[u8]> = body.into();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream, told, status, Arc::clone(&body)));
            }
        });
        Self { address, serving }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer_all(mut stream: TcpStream, told: &str, status: u16, body: Arc<[u8]>) {
    while let Some(request) = request(&mut stream).await {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, answer): (u16, &[u8]) = match ENDPOINTS.iter().find(|e| path.contains(e.0)) {
            Some((name, _)) if *name == told => (status, &body),
            Some((_, usual)) => (200, usual.as_bytes()),
            None => (404, b"404 page not found"),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nX-Ogw-Ratelimit-Reset: \
             1\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(head.as_bytes()).await.is_err()
            || stream.write_all(answer).await.is_err()
        {
            return;
        }
    }
}

/// The head of a request, whose body is read too; none at the end.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = |line: &str| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().ok())?
            };
            let left = head.lines().find_map(length).unwrap_or(0);
            while bytes.len() < end + 4 + left {
                (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
            }
            return Some(head);
        }
        if bytes.len() > REQUEST_MAX || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Sends these bytes and nothing more, and reads what is answered.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address).await else { return answer };
    // It may be closed in the middle of either.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// A receiver whose first answer is these bytes.
pub(crate) async fn receiver(first: Vec<u8>) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/write", listener.local_addr().expect("it listens"));
    tokio::spawn(async move {
        let mut first = Some(first);
        while let Ok((mut stream, _)) = listener.accept().await {
            while request(&mut stream).await.is_some() {
                let accepts = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
                let said = first.take();
                let _ = stream.write_all(said.as_deref().unwrap_or(accepts)).await;
                if said.is_some() {
                    break;
                }
            }
        }
    });
    let options = ReceiverOptions { url, credentials: None, headers: Vec::new(), ca_file: None };
    Receiver::new(options, clock()).expect("the address is one")
}
