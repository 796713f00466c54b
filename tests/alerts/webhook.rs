//! A small HTTP server that keeps what Alertmanager sends to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// Listens until the test ends.
pub(crate) struct Webhook {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let message = answer(stream.unwrap());
                keep.lock().unwrap().push(message);
            }
        });
        Self { url, received }
    }

    /// The messages so far.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.received.lock().unwrap().clone()
    }
}

/// Reads one request and closes the connection after the answer.
fn answer(stream: TcpStream) -> Value {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let done = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    reader.get_mut().write_all(done).unwrap();
    serde_json::from_slice(&body).unwrap()
}
