//! The receiver: one request at a time, sent again where that may help.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{self, HeaderName, HeaderValue},
};
use tokio::time::Instant;

use crate::{
    clock::Clock,
    history::{Error, Labels},
    http_client::{self, chain},
    secret::Secret,
    shutdown::Shutdown,
};

/// For one request. A receiver that is busy with old samples may take its time.
const TIMEOUT: Duration = Duration::from_secs(60);
/// For so long requests may fail one after another before the push is given up.
const PATIENCE: Duration = Duration::from_secs(600);
/// The wait after the first failure; it doubles with each.
const BACK_OFF_FIRST: Duration = Duration::from_millis(500);
/// The longest wait that is not asked for by the receiver.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// The longest wait that a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Failures that are less apart than this are one spell, which is told once.
const SPELL_GAP: Duration = Duration::from_secs(120);
/// Bytes of the receiver's words that are read, and characters that are told.
const WORDS_BYTES_MAX: usize = 16 * 1024;
const WORDS_CHARS_MAX: usize = 300;

/// Headers that belong to the protocol or to other options.
const TAKEN_HEADERS: [&str; 8] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "x-prometheus-remote-write-version",
];

/// Where samples are pushed to.
#[derive(Clone, Debug)]
pub struct ReceiverOptions {
    /// The address, without credentials.
    pub url: String,
    /// What the receiver wants to know who sends.
    pub credentials: Option<Credentials>,
    /// Headers beside those of the protocol, written as `name=value`.
    pub headers: Vec<Secret>,
    /// A file with more certificate authorities in PEM.
    pub ca_file: Option<PathBuf>,
}

/// What the receiver wants to know who sends.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A name and a password.
    Basic(String, Secret),
    /// A token.
    Bearer(Secret),
}

/// A receiver of remote write.
#[derive(Debug)]
pub struct Receiver {
    http: Client,
    url: Url,
    options: ReceiverOptions,
    headers: Vec<(HeaderName, HeaderValue)>,
    clock: Clock,
    /// For so long requests may fail one after another.
    pub(super) patience: Duration,
    last_failure: Mutex<Option<Instant>>,
}

/// Why a request was not accepted.
#[derive(Debug)]
struct Refused {
    /// None: there was no answer.
    status: Option<StatusCode>,
    words: String,
    retry_after: Option<Duration>,
}

impl Receiver {
    /// Prepares to push; sends nothing yet.
    ///
    /// # Errors
    /// A sentence that names the option that cannot be used.
    pub fn new(options: ReceiverOptions, clock: Clock) -> Result<Self, String> {
        let url = address(&options.url).map_err(|why| format!("--remote-write.url: {why}"))?;
        let headers = options
            .headers
            .iter()
            .map(|text| {
                header_of(text.expose()).map_err(|why| format!("--remote-write.header: {why}"))
            })
            .collect::<Result<_, _>>()?;
        if let Some(Credentials::Bearer(token)) = &options.credentials
            && HeaderValue::try_from(token.expose()).is_err()
        {
            return Err(
                "--remote-write.bearer-token-file: what it holds cannot stand in a header; \
                        it must be one line"
                    .to_owned(),
            );
        }
        let ca_file = options.ca_file.as_deref().map(|path| ("--remote-write.ca-file", path));
        let http = http_client::for_server(&url, TIMEOUT, ca_file)?;
        let is_clear = url.scheme() == "http" && !http_client::is_loopback(&url);
        if options.credentials.is_some() && is_clear {
            tracing::warn!(
                "The receiver's credentials are sent over http, where others may read them"
            );
        }
        let last_failure = Mutex::default();
        Ok(Self { http, url, options, headers, clock, patience: PATIENCE, last_failure })
    }

    /// What the days that it accepted are remembered by: a digest of everything that makes its
    /// series others, since address, headers and account may hold secrets.
    pub(super) fn digest(&self, labels: &Labels) -> [u8; 32] {
        let mut headers: Vec<&str> = self.options.headers.iter().map(Secret::expose).collect();
        headers.sort_unstable();
        let (kind, account) = match &self.options.credentials {
            None => ("nobody", ""),
            Some(Credentials::Basic(name, _)) => ("name", name.as_str()),
            Some(Credentials::Bearer(token)) => ("token", token.expose()),
        };
        let mut parts = vec![self.url.as_str(), kind, account];
        let count = headers.len().to_string();
        parts.push(&count);
        parts.extend(headers);
        parts.extend(labels.pairs().flat_map(|(name, value)| [name, value]));
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            // The length first, so that no two lists of parts make the same text.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    /// Its host, for people.
    pub(super) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Sends a body until it is accepted.
    ///
    /// # Errors
    /// If the receiver refuses it for good, or for too long, or a stop is requested.
    pub(super) async fn send(&self, body: &[u8], shutdown: &mut Shutdown) -> Result<(), Error> {
        let mut failing_since: Option<Instant> = None;
        let mut failures = 0;
        loop {
            let sent = tokio::select! {
                sent = self.send_once(body) => sent,
                () = shutdown.requested() => return Err(Error::Interrupted),
            };
            let Err(refused) = sent else { return Ok(()) };
            failures += 1;
            let since = *failing_since.get_or_insert_with(Instant::now);
            let wait = wait(failures, refused.retry_after, fastrand::f64());
            if !refused.may_pass() || since.elapsed() + wait > self.patience {
                return Err(Error::Receiver(self.told(&refused, failures)));
            }
            if self.is_new_spell() {
                tracing::warn!(
                    "The receiver {}; each request is tried again for {}, and this is not told \
                     again while it lasts",
                    refused.what(),
                    humantime::format_duration(self.patience)
                );
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.requested() => return Err(Error::Interrupted),
            }
        }
    }

    /// Notes a failure, and tells whether the ones before it lie long back.
    pub(super) fn is_new_spell(&self) -> bool {
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(Instant::now()).is_none_or(|last| last.elapsed() > SPELL_GAP)
    }

    async fn send_once(&self, body: &[u8]) -> Result<(), Refused> {
        let mut request = self
            .http
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::CONTENT_ENCODING, "snappy")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0")
            .body(body.to_owned());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request = match &self.options.credentials {
            Some(Credentials::Basic(name, password)) => {
                request.basic_auth(name, Some(password.expose()))
            }
            Some(Credentials::Bearer(token)) => request.bearer_auth(token.expose()),
            None => request,
        };
        let lost = |error: &reqwest::Error| Refused {
            status: None,
            words: chain(error),
            retry_after: None,
        };
        let mut response = request.send().await.map_err(|error| lost(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let retry_after = self.retry_after(&response);
        let words = self.redacted(words(&mut response).await);
        Err(Refused { status: Some(status), words, retry_after })
    }

    /// How long the receiver wants to be left alone: seconds, or until a date (RFC 9110, 10.2.3).
    fn retry_after(&self, response: &Response) -> Option<Duration> {
        let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?;
        Duration::try_from(date.timestamp().duration_since(self.clock.now())).ok()
    }

    /// A receiver's words may repeat what was sent.
    fn redacted(&self, words: String) -> String {
        match &self.options.credentials {
            Some(Credentials::Basic(_, secret) | Credentials::Bearer(secret)) => {
                secret.redact(words)
            }
            None => words,
        }
    }

    fn told(&self, refused: &Refused, failures: u32) -> String {
        let mut url = self.url.clone();
        // It may hold a token.
        url.set_query(None);
        let tries = if failures > 1 { format!(" {failures} times") } else { String::new() };
        format!("pushing to {url}: the receiver {}{tries}; {}", refused.what(), refused.remedy())
    }
}

impl Refused {
    /// Whether sending again may help, by the specification.
    fn may_pass(&self) -> bool {
        self.status.is_none_or(|s| s.is_server_error() || s == StatusCode::TOO_MANY_REQUESTS)
    }

    fn what(&self) -> String {
        match self.status {
            None => format!("gave no answer ({})", self.words),
            Some(status) if self.words.is_empty() => format!("answered {}", status.as_u16()),
            Some(status) => format!("answered {} ({})", status.as_u16(), self.words),
        }
    }

    fn remedy(&self) -> &'static str {
        match self.status.map(|status| status.as_u16()) {
            None => "check --remote-write.url and whether the receiver runs",
            Some(300..=399) => {
                "redirects are not followed; give --remote-write.url the address that it names"
            }
            // Mimir, Cortex and Loki say so of a request that names no tenant.
            Some(401) if self.words.contains("no org id") => {
                "it wants to know the tenant: give it by --remote-write.header=X-Scope-OrgID=NAME"
            }
            Some(401 | 403) => {
                "check --remote-write.username and its password file, or the bearer token"
            }
            Some(404 | 405) => {
                "check the path of --remote-write.url; Prometheus receives at /api/v1/write when \
                 it is started with --web.enable-remote-write-receiver"
            }
            Some(415) => {
                "it takes remote write 2.0 only, and this is 1.0: let it take 1.0 too; Prometheus \
                 does with --web.remote-write-receiver.accepted-protobuf-messages=\
                 prometheus.WriteRequest"
            }
            Some(413) => "raise the size of requests that it takes",
            Some(429) => "raise its limit of samples, or try again later",
            // Prometheus answers 500 to samples older than its window.
            Some(_) => {
                "if it is about old samples, let it take them: in Prometheus by \
                 storage.tsdb.out_of_order_time_window, in others see docs/history.md; what was \
                 accepted is not sent again"
            }
        }
    }
}

/// How long to wait before a request is sent again; `failures` is how often it failed so far,
/// `random` lies in 0..1.
fn wait(failures: u32, retry_after: Option<Duration>, random: f64) -> Duration {
    let full = BACK_OFF_FIRST.saturating_mul(1 << (failures.max(1) - 1).min(16)).min(BACK_OFF_MAX);
    let own = full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
    match retry_after {
        // Whoever says "now" again and again is not believed for long.
        Some(told) => told.min(RETRY_AFTER_MAX).max(own.min(told + BACK_OFF_FIRST)),
        None => own,
    }
}

fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|e| format!("{e}; write it like http://127.0.0.1:9090/api/v1/write"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("write it like http://127.0.0.1:9090/api/v1/write".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "it holds credentials, which would be seen in the list of processes; give them \
                    by --remote-write.username and --remote-write.password-file"
                .to_owned(),
        );
    }
    Ok(url)
}

fn header_of(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) =
        text.split_once('=').ok_or("it is not written like X-Scope-OrgID=acme".to_owned())?;
    let name = HeaderName::try_from(name).map_err(|_| {
        format!("{name:?} is no name of a header; write it like X-Scope-OrgID=acme")
    })?;
    if TAKEN_HEADERS.contains(&name.as_str()) {
        return Err(format!("{name} is set by the exporter itself; leave it out"));
    }
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| format!("the value of {name} cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The first line of what a receiver says.
async fn words(response: &mut Response) -> String {
    let mut body = Vec::new();
    while body.len() < WORDS_BYTES_MAX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(WORDS_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_pushed_to_is_refused() {
        for (text, what) in [
            ("prometheus:9090", "write it like"),
            ("/api/v1/write", "write it like"),
            ("file:///etc/passwd", "write it like"),
            ("http://me:hunter2@host/write", "--remote-write.password-file"),
            ("http://me@host/write", "--remote-write.username"),
        ] {
            let message = address(text).unwrap_err();
            assert!(message.contains(what) && !message.contains("hunter2"), "{text}: {message}");
        }
        assert!(address("https://mimir.example:8080/api/v1/push?x=1").is_ok());
    }

    #[test]
    fn headers_of_the_protocol_are_not_given_by_the_user() {
        assert!(header_of("X-Scope-OrgID=acme").is_ok());
        for text in ["X-Scope-OrgID", "Authorization=Bearer x", "content-type=a", "a b=c", "a=b\nc"]
        {
            assert!(header_of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn waits_double_and_a_receiver_may_ask_for_more() {
        let seconds = |failures, told: Option<u64>, random| {
            wait(failures, told.map(Duration::from_secs), random).as_secs_f64()
        };
        assert_eq!(seconds(1, None, 0.0), 0.25);
        assert_eq!(seconds(1, None, 1.0), 0.5);
        assert_eq!(seconds(3, None, 1.0), 2.0);
        assert_eq!(seconds(40, None, 1.0), 30.0);
        assert_eq!(seconds(1, Some(7), 1.0), 7.0);
        assert_eq!(seconds(1, Some(100_000), 1.0), 300.0);
        assert_eq!(seconds(20, Some(0), 1.0), 0.5, "now means soon");
    }

    #[test]
    fn days_are_remembered_apart_for_other_labels_and_tenants_of_a_receiver() {
        let receiver = |url: &str, headers: &[&str], credentials| {
            let options = ReceiverOptions {
                url: url.to_owned(),
                credentials,
                headers: headers.iter().map(|&h| Secret::new(h.to_owned())).collect(),
                ca_file: None,
            };
            Receiver::new(options, Clock::system()).unwrap()
        };
        let url = "http://127.0.0.1:9090/api/v1/write";
        let none = Labels::default();
        let job = Labels::parse(["job=a"]).unwrap();
        let basic = |name: &str, password: &str| {
            Some(Credentials::Basic(name.to_owned(), Secret::new(password.to_owned())))
        };
        let bearer = |token: &str| Some(Credentials::Bearer(Secret::new(token.to_owned())));
        let digests = [
            receiver(url, &[], None).digest(&none),
            receiver(url, &[], None).digest(&job),
            receiver(url, &["X-Scope-OrgID=hunter2"], None).digest(&none),
            receiver(url, &["X-Scope-OrgID=b"], None).digest(&none),
            receiver(url, &[], basic("me", "x")).digest(&none),
            receiver(url, &[], basic("you", "x")).digest(&none),
            receiver(url, &[], bearer("me")).digest(&none),
            receiver("http://127.0.0.1:9091/api/v1/write", &[], None).digest(&none),
            receiver(&format!("{url}?token=a"), &[], None).digest(&none),
        ];
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
        // Another password, or another spelling of the address, is the same receiver.
        assert_eq!(receiver(url, &[], basic("me", "y")).digest(&none), digests[4]);
        let spelled = "HTTP://127.0.0.1:9090/api/v1/./write";
        assert_eq!(receiver(spelled, &[], None).digest(&none), digests[0]);
        let with_token = receiver("http://host:1/t0ken?x=t0ken", &[], None);
        assert_eq!(with_token.host(), "host:1");
        let told = format!("{:?}", receiver(url, &["X-Scope-OrgID=hunter2"], None));
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_refused_at_the_start() {
        let options = ReceiverOptions {
            url: "http://127.0.0.1:9/".to_owned(),
            credentials: Some(Credentials::Bearer(Secret::new("two\nlines".to_owned()))),
            headers: vec![],
            ca_file: None,
        };
        let message = Receiver::new(options, Clock::system()).unwrap_err();
        assert!(message.contains("bearer-token-file") && !message.contains("two"), "{message}");
    }
}
