//! One request and its answer: limits on time and size, no redirects, the envelope.
//!
//! Knows nothing of retries and tokens' lives; those are [`super::Client`]'s.

use std::time::Duration;

use reqwest::{Method, Response, Url, header};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    class::{Class, Reach},
    endpoint::{Endpoint, Purpose},
    error::{Error, Refusal},
    options::Options,
    server_time::ServerTime,
    token::Tokens,
    wire::Object,
};
use crate::{
    clock::Clock,
    http_client::{self, chain},
    secret::Secret,
};

/// Bytes of an answer at most. A page of 20 rows has some 30 KiB; with names of 4 KiB, 300.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of Feishu's message that are kept.
const MESSAGE_BYTES_MAX: usize = 500;

/// A request to be sent, as often as needed.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) endpoint: Endpoint,
    pub(super) method: Method,
    pub(super) query: Vec<(&'static str, String)>,
    /// A JSON body.
    pub(super) body: Option<Secret>,
    /// What is attempted, for messages: "fetching …".
    pub(super) attempt: String,
    pub(super) purpose: Purpose,
}

impl Request {
    /// A request without a body.
    pub(super) fn get(
        endpoint: Endpoint,
        query: Vec<(&'static str, String)>,
        attempt: String,
    ) -> Self {
        let purpose = endpoint.purpose();
        Self { endpoint, method: Method::GET, query, body: None, attempt, purpose }
    }
}

/// An accepted answer. Not `Debug`: the token endpoint's holds a token.
pub(super) struct Answer {
    body: String,
}

/// A refused or lost request, with the header that tells how long to wait.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) reset: Option<String>,
}

/// The HTTP client of one tenant.
#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    base_url: Url,
    timeout: Duration,
    tenant: String,
    clock: Clock,
    pub(super) server_time: ServerTime,
}

impl Answer {
    /// The whole answer, for an endpoint whose answer is flat.
    pub(super) fn envelope(&self) -> Result<Object<'_>, String> {
        serde_json::from_str(&self.body).map_err(|e| no_object(&e))
    }

    /// The object `data`; empty where the answer has none.
    pub(super) fn data(&self) -> Result<Option<Object<'_>>, String> {
        match self.envelope()?.raw("data") {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw)
                .map(Some)
                .map_err(|_| "`data` is not an object".to_owned()),
        }
    }
}

impl Transport {
    /// Prepares the HTTP client.
    ///
    /// # Errors
    /// A sentence, if `base_url` or `ca_file` cannot be used or the machine has no certificates.
    pub(super) fn new(options: &Options, clock: Clock) -> Result<Self, String> {
        let base_url = Url::parse(&options.base_url)
            .map_err(|e| format!("base_url {}: {e}", options.base_url))?;
        let timeout = options.limits.timeout;
        let ca_file = options.ca_file.as_deref().map(|path| ("ca_file", path));
        let http = http_client::for_server(&base_url, timeout, ca_file)?;
        let (tenant, server_time) = (options.tenant.clone(), ServerTime::default());
        Ok(Self { http, base_url, timeout, tenant, clock, server_time })
    }

    /// Sends once. What comes back is cleaned of the secrets in `tokens`, so that no answer can
    /// carry one into a name or a message.
    pub(super) async fn send(
        &self,
        request: &Request,
        bearer: Option<&Secret>,
        tokens: &Tokens,
    ) -> Result<Answer, Failure> {
        let lost = |class, reach, what: String| Failure {
            error: Error { reach, ..Error::local(class, &request.attempt, what) },
            reset: None,
        };
        let started = Instant::now();
        let mut response = self.build(request, bearer).send().await.map_err(|e| {
            // One slow or broken answer may be the request's own; an address that cannot be
            // reached is everybody's.
            let reach = if e.is_connect() { Reach::App } else { Reach::Unknown };
            lost(Class::Network, reach, format!("no answer: {}", self.reason(&e, started)))
        })?;
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(cut(value, MESSAGE_BYTES_MAX).to_owned())
        };
        // The call guide names X-Tt-Logid; SDKs fall back to X-Request-Id.
        let log_id = header("x-tt-logid").or_else(|| header("x-request-id"));
        let reset = header("x-ogw-ratelimit-reset");
        if let Some(date) = header("date") {
            self.server_time.see(&self.tenant, &date, self.clock.now());
        }
        let body = read(&mut response).await.map_err(|unread| match unread {
            Unread::TooLarge => {
                let what = format!("the answer is larger than {BODY_BYTES_MAX} bytes");
                lost(Class::Malformed, Reach::Unknown, what)
            }
            Unread::Lost(e) => {
                let what = format!("the answer broke off: {}", self.reason(&e, started));
                lost(Class::Network, Reach::Unknown, what)
            }
        })?;
        // Half a character must not cost the page.
        let body = String::from_utf8_lossy(&body).trim_start_matches('\u{feff}').to_owned();
        match judge(status, body, log_id, request) {
            // The one answer that is meant to hold a secret.
            Ok(answer) if request.endpoint == Endpoint::TenantAccessToken => Ok(answer),
            Ok(Answer { body }) => Ok(Answer { body: tokens.redact(body) }),
            Err(error) => Err(Failure { error: error.redacted(|text| tokens.redact(text)), reset }),
        }
    }

    fn build(&self, request: &Request, bearer: Option<&Secret>) -> reqwest::RequestBuilder {
        let mut url = self.base_url.clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), request.endpoint.path());
        url.set_path(&path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut builder = self.http.request(request.method.clone(), url);
        if let Some(token) = bearer {
            let mut value = header::HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .unwrap_or_else(|_| header::HeaderValue::from_static("Bearer invalid"));
            value.set_sensitive(true);
            builder = builder.header(header::AUTHORIZATION, value);
        }
        match &request.body {
            Some(body) => builder
                .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
                .body(body.expose().to_owned()),
            None => builder,
        }
    }

    /// Why a request was lost, without its URL.
    fn reason(&self, error: &reqwest::Error, started: Instant) -> String {
        if error.is_timeout() && started.elapsed() >= self.timeout {
            let timeout = humantime::format_duration(self.timeout);
            return format!("it took longer than limits.timeout ({timeout})");
        }
        chain(error)
    }
}

/// Turns a body into an answer or a refusal.
fn judge(
    status: u16,
    body: String,
    log_id: Option<String>,
    request: &Request,
) -> Result<Answer, Error> {
    let success = (200..300).contains(&status);
    let parsed: Result<Object<'_>, _> = serde_json::from_str(&body);
    let code = parsed.as_ref().ok().and_then(|envelope| envelope.integer("code"));
    if success && code == Some(0) {
        return Ok(Answer { body });
    }
    match parsed {
        Ok(envelope) if code.is_some() => Err(Error::refused(
            request.endpoint,
            &request.attempt,
            refusal(request.endpoint, status, code, log_id, &envelope),
        )),
        _ if !success => Err(Error::refused(
            request.endpoint,
            &request.attempt,
            Refusal { status, log_id, ..Refusal::default() },
        )),
        Ok(_) => Err(with_log_id(malformed(request, "the answer has no `code`"), log_id)),
        Err(e) => Err(with_log_id(malformed(request, &no_object(&e)), log_id)),
    }
}

/// Why a body is no JSON object. The parser's words on a wrong type repeat what was sent, which
/// may be a person's name.
fn no_object(error: &serde_json::Error) -> String {
    match error.is_data() {
        true => "the answer is no JSON object".to_owned(),
        false => format!("the answer is not JSON: {error}"),
    }
}

fn refusal(
    endpoint: Endpoint,
    status: u16,
    code: Option<i64>,
    log_id: Option<String>,
    envelope: &Object<'_>,
) -> Refusal {
    let details = envelope.object("error");
    // Documents and real answers differ: `logid` or `log_id`, `scope` or `subject`.
    let log_id = log_id.or_else(|| {
        let details = details.as_ref()?;
        details.text("log_id").or_else(|| details.text("logid"))
    });
    let missing_scopes = details
        .as_ref()
        .and_then(|details| details.raw("permission_violations"))
        .and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw).ok())
        .unwrap_or_default()
        .into_iter()
        .filter_map(|raw| serde_json::from_str::<Object<'_>>(raw.get()).ok())
        .filter_map(|violation| violation.text("subject").or_else(|| violation.text("scope")))
        .collect();
    // Whom the words concern cannot be told from them; the code says what is wrong.
    let msg = match endpoint.is_about_people() {
        true => String::new(),
        false => envelope.text("msg").unwrap_or_default(),
    };
    let msg = cut(msg.trim(), MESSAGE_BYTES_MAX).to_owned();
    // A code of 0 under a status that says failure is no success.
    let code = code.filter(|code| *code != 0);
    Refusal { status, code, msg, missing_scopes, log_id }
}

fn malformed(request: &Request, what: &str) -> Error {
    Error::local(Class::Malformed, &request.attempt, what)
}

fn with_log_id(error: Error, log_id: Option<String>) -> Error {
    Error { log_id, ..error }
}

enum Unread {
    TooLarge,
    Lost(reqwest::Error),
}

async fn read(response: &mut Response) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Unread::Lost)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
