//! What Alertmanager speaks to.
//!
//! | request | answer |
//! |---|---|
//! | `POST /` | 200 once the chat has the card; 400 or 413 for what is no message of Alertmanager; 422 if the bot refuses; 503 if it may take it later, on which Alertmanager sends again |
//! | `GET /-/healthy` | 200 while the process works; the bot is not asked |

use std::{
    convert::Infallible,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{ALLOW, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{Timestamp, tz::TimeZone};
use tokio::{net::TcpListener, sync::Semaphore, time};

use crate::{
    bot::{Bot, Failure},
    card::card,
    message::Message,
};

/// Alertmanager sends one request for each group; `max_alerts` of 1,000 is below a megabyte.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// More wait to be accepted.
const CONNECTIONS_MAX: usize = 32;

/// For a head or a body to arrive.
const READ_TIME_MAX: Duration = Duration::from_secs(10);

/// When accepting fails as there are no file descriptors left, trying again at once would not help.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Where cards go.
#[derive(Debug)]
pub enum Chat {
    /// The bot of a group chat.
    Bot(Bot),
    /// Standard output, one card a line: for looking at what a chat would be told.
    Print,
}

/// One chat and how it is told.
#[derive(Debug)]
pub struct Relay {
    /// Where cards go.
    pub chat: Chat,
    /// In which times are told.
    pub zone: TimeZone,
    /// Called with one line for each message that did not reach the chat.
    pub log: fn(&str),
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, relay: Arc<Relay>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("never closed");
        let Ok((stream, _)) = listener.accept().await else {
            time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let relay = Arc::clone(&relay);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let relay = Arc::clone(&relay);
                async move { Ok::<_, Infallible>(relay.answer(request).await) }
            });
            // An error is a client that went away.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(READ_TIME_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(slot);
        });
    }
}

impl Relay {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/") => self.relay(request).await,
            (&Method::GET, "/-/healthy") => text(StatusCode::OK, "healthy\n".to_owned()),
            (_, "/") => not_allowed("POST"),
            (_, "/-/healthy") => not_allowed("GET"),
            _ => text(StatusCode::NOT_FOUND, "POST / takes Alertmanager's webhook\n".to_owned()),
        }
    }

    async fn relay(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.body().size_hint().lower() > BODY_BYTES_MAX as u64 {
            return self.refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
        }
        let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
        let Ok(Ok(body)) = time::timeout(READ_TIME_MAX, body).await else {
            return self
                .refuse(StatusCode::BAD_REQUEST, "the body is too long, or came too slowly");
        };
        let message: Message = match serde_json::from_slice(&body.to_bytes()) {
            Ok(message) => message,
            Err(error) => {
                let why = format!("this is no message of Alertmanager: {error}");
                return self.refuse(StatusCode::BAD_REQUEST, &why);
            }
        };
        let card = card(&message, &self.zone);
        let sent = match &self.chat {
            Chat::Bot(bot) => bot.send(&card, now().as_second()).await,
            Chat::Print => writeln!(io::stdout(), "{card}")
                .map_err(|error| Failure::Passing(format!("standard output: {error}"))),
        };
        match sent {
            Ok(()) => text(StatusCode::OK, "sent\n".to_owned()),
            Err(failure) => {
                let status = match failure {
                    Failure::Passing(_) => StatusCode::SERVICE_UNAVAILABLE,
                    Failure::Final(_) => StatusCode::UNPROCESSABLE_ENTITY,
                };
                self.refuse(status, &failure.to_string())
            }
        }
    }

    fn refuse(&self, status: StatusCode, why: &str) -> Response<Full<Bytes>> {
        (self.log)(&format!("not sent: {why}"));
        text(status, format!("{why}\n"))
    }
}

/// The signature needs the wall clock.
#[expect(clippy::disallowed_methods, reason = "the relay's only reading of the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn not_allowed(method: &'static str) -> Response<Full<Bytes>> {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("use {method}\n"));
    answer.headers_mut().insert(ALLOW, method.parse().expect("a method is a header value"));
    answer
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let plain = "text/plain; charset=utf-8".parse().expect("a header value");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}
