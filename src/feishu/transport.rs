//! One request and its answer: limits on time and size, no redirects, the envelope.
//!
//! Knows nothing of retries and tokens' lives; those are [`super::Client`]'s.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use reqwest::{Method, Response, Url, header};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    class::{Class, Reach},
    codes,
    endpoint::{Endpoint, Purpose},
    error::Error,
    foreign,
    options::Options,
    quote::quote,
    refusal::{Refusal, Violation},
    skew::Skew,
    token::Tokens,
    wire::Object,
};
use crate::{
    clock::Clock,
    http_client::{self, NoAnswer},
    secret::Secret,
};

/// Bytes of an answer at most. A page of 20 rows has some 30 KiB; with names of 4 KiB, 300.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of Feishu's message that are kept.
const MESSAGE_BYTES_MAX: usize = 500;
/// Bytes of a log id that are kept; Feishu's have some 40.
const LOG_ID_BYTES_MAX: usize = 100;
/// Bytes of a header with a number or a date that are kept.
const HEADER_BYTES_MAX: usize = 64;
/// Missing scopes that are named; Feishu lists the few of which one is enough.
const SCOPES_MAX: usize = 8;
/// Bytes of a scope's name, or a parameter's, that are kept.
const NAME_BYTES_MAX: usize = 100;
/// Parameters that are not accepted and are named.
const VIOLATIONS_MAX: usize = 3;
/// Bytes of what Feishu says of a parameter that are kept.
const DESCRIPTION_BYTES_MAX: usize = 200;

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
    skew: Skew,
    /// The endpoints that gave an answer of Feishu's, a bit each.
    answered: AtomicU8,
}

const _: () = assert!(Endpoint::ALL.len() <= 8);

/// An answer as it came, before it is judged.
struct Received {
    status: u16,
    body: String,
    log_id: Option<String>,
    /// What it is if it is not Feishu's.
    foreign: String,
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
        Ok(Self {
            http,
            base_url,
            timeout,
            tenant: options.tenant.clone(),
            clock,
            skew: Skew::default(),
            answered: AtomicU8::new(0),
        })
    }

    /// How far this machine's clock is from Feishu's, in words; none while they agree.
    pub(super) fn clock_difference(&self) -> Option<String> {
        self.skew.told()
    }

    /// Sends once. What comes back is cleaned of the secrets in `tokens`, so that no answer can
    /// carry one into a name or a message.
    pub(super) async fn send(
        &self,
        request: &Request,
        bearer: Option<&Secret>,
        tokens: &Tokens,
    ) -> Result<Answer, Failure> {
        let lost = |error| Failure { error, reset: None };
        let started = Instant::now();
        let mut response = self
            .build(request, bearer)
            .send()
            .await
            .map_err(|e| lost(self.lost(request, "no answer", &e, started)))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let header = |name: &str, bytes_max| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(quote(value, bytes_max)).filter(|value| !value.is_empty())
        };
        // The call guide names X-Tt-Logid; SDKs fall back to X-Request-Id.
        let log_id = header("x-tt-logid", LOG_ID_BYTES_MAX)
            .or_else(|| header("x-request-id", LOG_ID_BYTES_MAX));
        let reset = header("x-ogw-ratelimit-reset", HEADER_BYTES_MAX);
        let date = header("date", HEADER_BYTES_MAX);
        let received_at = self.clock.now();
        let body = read(&mut response).await.map_err(|unread| match unread {
            Unread::TooLarge => {
                let what = format!("the answer is larger than {BODY_BYTES_MAX} bytes");
                lost(malformed(request, &what))
            }
            Unread::Lost(e) => lost(self.lost(request, "the answer broke off", &e, started)),
        })?;
        // Half a character must not cost the page.
        let body = String::from_utf8_lossy(&body).trim_start_matches('\u{feff}').to_owned();
        let is_quotable = !request.endpoint.is_about_people();
        let foreign = || foreign::describe(status, &headers, response.url(), &body, is_quotable);
        let foreign =
            if is_success(status) && body.starts_with('{') { String::new() } else { foreign() };
        let judged = self.judge(Received { status, body, log_id, foreign }, request);
        let is_feishus = judged.as_ref().err().is_none_or(|error| error.code.is_some());
        if is_feishus {
            self.answered.fetch_or(bit(request.endpoint), Ordering::Relaxed);
            if let Some(date) = date {
                self.skew.see(&self.tenant, &date, received_at);
            }
        }
        match judged {
            // The one answer that is meant to hold a secret.
            Ok(answer) if request.endpoint == Endpoint::TenantAccessToken => Ok(answer),
            Ok(Answer { body }) => Ok(Answer { body: tokens.redact(body) }),
            Err(error) => {
                let error = self.blame_clock(error).redacted(|text| tokens.redact(text));
                Err(Failure { error, reset })
            }
        }
    }

    /// The error of a request to which no whole answer came.
    fn lost(
        &self,
        request: &Request,
        how: &str,
        error: &reqwest::Error,
        started: Instant,
    ) -> Error {
        let NoAnswer { what, remedy } = if error.is_timeout() && started.elapsed() >= self.timeout {
            let timeout = humantime::format_duration(self.timeout);
            let remedy = "the exporter tries again by itself; if it stays, raise limits.timeout, or check the network and the proxy";
            NoAnswer {
                what: format!("it took longer than limits.timeout ({timeout})"),
                remedy: remedy.to_owned(),
            }
        } else {
            http_client::no_answer(error, &self.base_url)
        };
        // One slow or broken answer may be the request's own; an address that cannot be reached is
        // everybody's.
        let reach = if error.is_connect() { Reach::App } else { Reach::Unknown };
        let what = format!("{how}: {what}");
        Error { reach, remedy, ..Error::local(Class::Network, &request.attempt, what) }
    }

    /// Whether others than this endpoint ever gave an answer of Feishu's, and it never did.
    fn only_others_answer(&self, endpoint: Endpoint) -> bool {
        let answered = self.answered.load(Ordering::Relaxed);
        answered != 0 && answered & bit(endpoint) == 0
    }

    /// A wrong clock makes wrong days, which Feishu refuses like wrong department ids.
    fn blame_clock(&self, mut error: Error) -> Error {
        if error.class == Class::InvalidRequest
            && error.reach == Reach::Department
            && let Some(difference) = self.skew.told()
        {
            error.remedy = format!(
                "set the clock of this machine (NTP), which is {difference} Feishu's; then {}",
                error.remedy
            );
        }
        error
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

    /// Turns a body into an answer or a refusal.
    fn judge(&self, received: Received, request: &Request) -> Result<Answer, Error> {
        let Received { status, body, log_id, foreign } = received;
        let parsed: Result<Object<'_>, _> = serde_json::from_str(&body);
        let code = parsed.as_ref().ok().and_then(|envelope| envelope.integer("code"));
        if is_success(status) && code == Some(0) {
            return Ok(Answer { body });
        }
        let error = match (parsed, code) {
            (Ok(envelope), Some(code))
                if code != 0 && codes::is_feishus(code, envelope.raw("msg").is_some()) =>
            {
                let refusal = refusal(request.endpoint, status, code, log_id, &envelope);
                return Err(Error::refused(request.endpoint, &request.attempt, refusal));
            }
            (Ok(_), None) if is_success(status) => malformed(request, "the answer has no `code`"),
            (Err(e), _) if is_success(status) && foreign.is_empty() => {
                malformed(request, &no_object(&e))
            }
            (_, code) => {
                let foreign = match code {
                    Some(code) => {
                        format!(
                            "the answer was HTTP {status} with a code {code} that is not Feishu's"
                        )
                    }
                    None => foreign,
                };
                let only_others_answer = self.only_others_answer(request.endpoint);
                let refusal = Refusal {
                    status,
                    foreign: Some(foreign),
                    only_others_answer,
                    ..Refusal::default()
                };
                Error::refused(request.endpoint, &request.attempt, refusal)
            }
        };
        Err(Error { log_id, ..error })
    }
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

/// The endpoint's place among those that answered.
fn bit(endpoint: Endpoint) -> u8 {
    Endpoint::ALL.iter().position(|known| *known == endpoint).map_or(0, |place| 1 << place)
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
    code: i64,
    log_id: Option<String>,
    envelope: &Object<'_>,
) -> Refusal {
    let details = envelope.object("error");
    // Documents and real answers differ: `logid` or `log_id`, `scope` or `subject`.
    let log_id = log_id.or_else(|| {
        let details = details.as_ref()?;
        let log_id = details.text("log_id").or_else(|| details.text("logid"))?;
        Some(quote(&log_id, LOG_ID_BYTES_MAX)).filter(|log_id| !log_id.is_empty())
    });
    let listed = |field: &str| {
        let raw = details.as_ref().and_then(|details| details.raw(field));
        let items = raw.and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw).ok());
        items.unwrap_or_default().into_iter()
    };
    let mut missing_scopes = Vec::new();
    let scopes = listed("permission_violations")
        .filter_map(|raw| serde_json::from_str::<Object<'_>>(raw.get()).ok())
        .filter_map(|violation| violation.text("subject").or_else(|| violation.text("scope")))
        .map(|scope| quote(&scope, NAME_BYTES_MAX));
    for scope in scopes {
        if missing_scopes.len() < SCOPES_MAX
            && !scope.is_empty()
            && !missing_scopes.contains(&scope)
        {
            missing_scopes.push(scope);
        }
    }
    // Whom the words concern cannot be told from them; the code says what is wrong.
    let is_quotable = !endpoint.is_about_people();
    let violations = listed("field_violations")
        .filter_map(|raw| serde_json::from_str::<Object<'_>>(raw.get()).ok())
        .filter_map(|violation| {
            let description = violation.text("description").filter(|_| is_quotable);
            Some(Violation {
                field: quote(&violation.text("field")?, NAME_BYTES_MAX),
                description: quote(&description.unwrap_or_default(), DESCRIPTION_BYTES_MAX),
            })
        })
        .filter(|violation| !violation.field.is_empty())
        .take(VIOLATIONS_MAX)
        .collect();
    let msg = envelope.text("msg").filter(|_| is_quotable).unwrap_or_default();
    let msg = quote(&msg, MESSAGE_BYTES_MAX);
    Refusal {
        status,
        code: Some(code),
        msg,
        missing_scopes,
        violations,
        log_id,
        ..Refusal::default()
    }
}

fn malformed(request: &Request, what: &str) -> Error {
    Error::local(Class::Malformed, &request.attempt, what)
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
