//! The client of the Feishu/Lark open API, one per tenant.
//!
//! `transport` sends one request, `token` keeps the access token, `limit` spaces requests,
//! `retry` decides what is sent again, `paging` follows lists; [`Client`] puts them together, and
//! each API family adds its calls in a file of its own (`admin`).

mod admin;
mod class;
mod codes;
mod contact;
mod directory;
mod endpoint;
mod error;
mod foreign;
mod limit;
mod metrics;
mod options;
mod pace;
mod paging;
mod quote;
mod refusal;
mod retry;
mod skew;
mod strikes;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod wire;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use reqwest::Method;
use tokio::time::{Instant, sleep};

pub use self::{
    admin::{
        DEPT_STATS_PAGE_SIZE, DeptStat, DeptStatsQuery, USER_STATS_PAGE_SIZE, UserStat,
        UserStatsQuery,
    },
    class::{Class, Reach, Retry},
    contact::{ContactDepartment, DEPARTMENTS_BATCH_MAX, PEOPLE_PAGE_SIZE, Person},
    directory::{Abnormal, DirectoryDepartment},
    endpoint::{Endpoint, Purpose},
    error::Error,
    metrics::Metrics,
    options::{DepartmentIdType, Limits, Options},
    paging::ListPart,
    refusal::{Refusal, Violation},
    strikes::Strikes,
    wire::Scalar,
};
use self::{
    class::Class as C,
    limit::Limiter,
    paging::{Brings, Leftovers, Length, Next, PageEnd, Pages},
    token::{Fetched, Tokens},
    transport::{Answer, Failure, Request, Transport},
    wire::Object,
};
use crate::{clock::Clock, secret::Secret};

/// Asked before every request, so that a budget can be kept.
pub trait Ledger: Send + Sync {
    /// Counts a request to an endpoint; false if the budget does not allow it, and then it is not
    /// sent.
    fn spend(&self, endpoint: Endpoint, purpose: Purpose) -> bool;

    /// Whether so many requests may be sent now.
    fn allows(&self, requests: u64, purpose: Purpose) -> bool {
        let _ = (requests, purpose);
        true
    }
}

/// One tenant's client.
pub struct Client {
    options: Options,
    transport: Transport,
    tokens: Tokens,
    last_secret: Mutex<Option<Secret>>,
    limiter: Limiter,
    leftovers: Leftovers,
    metrics: Metrics,
    ledger: Arc<dyn Ledger>,
    clock: Clock,
}

impl Client {
    /// Prepares a client; sends nothing yet.
    ///
    /// # Errors
    /// A sentence, if the options cannot be used on this machine: an unreadable `ca_file`, no
    /// system certificates.
    pub fn new(
        options: Options,
        metrics: Metrics,
        ledger: Arc<dyn Ledger>,
        clock: Clock,
    ) -> Result<Self, String> {
        let transport = Transport::new(&options, clock.clone())?;
        metrics.start(&options);
        Ok(Self {
            transport,
            tokens: Tokens::new(clock.clone()),
            last_secret: Mutex::default(),
            limiter: Limiter::new(&options.limits),
            leftovers: Leftovers::default(),
            metrics,
            ledger,
            clock,
            options,
        })
    }

    /// Whether the file of the app's secret holds another secret than when it was last read. Tells
    /// so once.
    pub fn has_new_secret(&self) -> bool {
        let Ok(secret) = self.options.app_secret.read() else { return false };
        self.is_new(&secret)
    }

    /// Takes note of the secret just read; tells whether it is another than before.
    fn is_new(&self, secret: &Secret) -> bool {
        let mut last = self.last_secret.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.replace(secret.clone());
        before.is_some_and(|before| before.expose() != secret.expose())
    }

    /// Whether another process asks for the same tenant now, so that each takes half of the rate.
    pub fn share_rate(&self, is_shared: bool) {
        self.limiter.share(is_shared);
    }

    /// Notes whether the last attempt was accepted, where that was before this process.
    pub fn was_accepted(&self, accepted: bool) {
        self.metrics.accepted(&self.options.tenant, accepted);
    }

    /// How far this machine's clock is from Feishu's, as in "8h ahead of", by the answers so far;
    /// none while they agree within minutes.
    #[must_use]
    pub fn clock_difference(&self) -> Option<String> {
        self.transport.clock_difference()
    }

    fn department_id_type(&self) -> &'static str {
        self.options.department_id_type.as_str()
    }

    /// Fetches an access token, unless there is one.
    ///
    /// # Errors
    /// If Feishu gives none.
    pub async fn sign_in(&self) -> Result<(), Error> {
        self.tokens.get(None, async || self.fetch_token().await).await.map(drop)
    }

    /// Reads a list as far as wanted: `request` makes the request for a page token, `page` takes in
    /// one page's `data` and tells how it ends.
    async fn read_list(
        &self,
        part: ListPart,
        length: Length,
        request: impl Fn(Option<&str>) -> Request,
        page: impl FnMut(Option<Object<'_>>) -> Result<PageEnd, String>,
    ) -> Result<(), Error> {
        let pages_wanted = (part == ListPart::FirstPage).then_some(1);
        let length = Length { pages_wanted, ..length };
        self.read_part(None, part, length, request, page).await.map(drop)
    }

    /// Reads so many pages of a list from a page token on, or from its beginning; returns the token
    /// of the next page, none at the end of the list.
    ///
    /// Where a page says that it is the last and gives a token all the same, that may be followed:
    /// what it leads to tells whether the list has ended.
    async fn read_part(
        &self,
        from: Option<String>,
        part: ListPart,
        length: Length,
        request: impl Fn(Option<&str>) -> Request,
        mut page: impl FnMut(Option<Object<'_>>) -> Result<PageEnd, String>,
    ) -> Result<Option<String>, Error> {
        let mut pages = Pages::new(length);
        let mut token = from;
        let mut is_leftover = false;
        loop {
            let request = request(token.as_deref());
            let malformed = |what| {
                self.count_failure(request.endpoint, C::Malformed);
                Error::local(C::Malformed, &request.attempt, what)
            };
            let answer = match self.call(&request).await {
                Err(error) if is_leftover && paging::ends_list(&error) => {
                    self.leftovers.led_nowhere(request.endpoint);
                    return Ok(None);
                }
                answer => answer?,
            };
            let data = answer.data().map_err(malformed)?;
            match (is_leftover, pages.brings(data.as_ref())) {
                (true, Brings::Items) => self.leftovers.led_on(request.endpoint),
                (true, Brings::WhatWasThere | Brings::Nothing) => {
                    self.leftovers.led_nowhere(request.endpoint);
                    return Ok(None);
                }
                (false, Brings::WhatWasThere) => return Err(malformed(REPEATED.to_owned())),
                (false, Brings::Items | Brings::Nothing) => {}
            }
            let end = page(data).map_err(malformed)?;
            let (next, is_enough) = (pages.next(end).map_err(malformed)?, pages.are_enough());
            (token, is_leftover) = match next {
                Next::Page(token) if is_enough => return Ok(Some(token)),
                Next::Page(token) => (Some(token), false),
                Next::Leftover(token, is_full)
                    if part == ListPart::Whole
                        && self.leftovers.is_worth_it(request.endpoint, is_full) =>
                {
                    (Some(token), true)
                }
                Next::End | Next::Leftover(..) => return Ok(None),
            };
        }
    }

    /// Sends a request with the tenant's token until it is answered or given up.
    async fn call(&self, request: &Request) -> Result<Answer, Error> {
        let mut refused = None;
        // Optional work that may not be sent must not cost a token first, which is not its own.
        let needed = if self.tokens.is_current().await { 1 } else { 2 };
        if request.purpose == Purpose::Optional && !self.ledger.allows(needed, request.purpose) {
            return Err(beyond_budget(request));
        }
        loop {
            let token = self.tokens.get(refused, async || self.fetch_token().await).await?;
            match self.send(request, Some(&token.value)).await {
                Err(error) if error.class == C::Token && refused.is_none() => {
                    refused = Some(token.generation);
                    self.metrics.retried(&self.options.tenant, request.endpoint);
                }
                result => return result,
            }
        }
    }

    async fn fetch_token(&self) -> Result<Fetched, Error> {
        // Without a token nothing else can be asked.
        self.request_token().await.map_err(|error| Error { reach: Reach::App, ..error })
    }

    async fn request_token(&self) -> Result<Fetched, Error> {
        let attempt = "fetching a tenant access token";
        let local = |class, what: String| Error::local(class, attempt, what);
        let secret = self.options.app_secret.read().map_err(|e| Error {
            remedy: "check app_secret_file and its permissions".to_owned(),
            ..local(C::Credentials, e.to_string())
        })?;
        self.tokens.remember(&secret);
        self.is_new(&secret);
        let body = serde_json::json!({
            "app_id": self.options.app_id,
            "app_secret": secret.expose(),
        });
        let request = Request {
            endpoint: Endpoint::TenantAccessToken,
            method: Method::POST,
            query: Vec::new(),
            body: Some(Secret::new(body.to_string())),
            attempt: attempt.to_owned(),
            purpose: Endpoint::TenantAccessToken.purpose(),
        };
        let answer = self.send(&request, None).await?;
        let malformed = |what: String| {
            self.count_failure(request.endpoint, C::Malformed);
            self.metrics.accepted(&self.options.tenant, false);
            local(C::Malformed, what)
        };
        let envelope = answer.envelope().map_err(malformed)?;
        let value = envelope.text("tenant_access_token").filter(|token| !token.is_empty());
        let value = value.ok_or_else(|| malformed("the answer has no token".to_owned()))?;
        let life = envelope
            .integer("expire")
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|seconds| *seconds > 0)
            .map(|seconds| Duration::from_secs(seconds.min(TOKEN_LIFE_MAX.as_secs())))
            .ok_or_else(|| {
                malformed("the answer does not say how long the token lives".to_owned())
            })?;
        let expiry = self
            .clock
            .now()
            .saturating_add(SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX));
        self.metrics.token_expires(&self.options.tenant, expiry.unwrap_or(jiff::Timestamp::MAX));
        Ok(Fetched { value: Secret::new(value), life })
    }

    /// Sends a request until it is answered or given up, within limits and budget.
    async fn send(&self, request: &Request, bearer: Option<&Secret>) -> Result<Answer, Error> {
        let tenant = &self.options.tenant;
        for sends in 1.. {
            let permit = self.limiter.acquire(request.endpoint).await;
            if !self.ledger.spend(request.endpoint, request.purpose) {
                return Err(beyond_budget(request));
            }
            self.metrics.sent(tenant, request.endpoint);
            let started = Instant::now();
            let result = self.transport.send(request, bearer, &self.tokens).await;
            self.metrics.took(request.endpoint, started.elapsed());
            let sent = permit.sent;
            drop(permit);
            let Failure { error, reset } = match result {
                Ok(answer) => {
                    self.metrics.accepted(tenant, true);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            self.count_failure(request.endpoint, error.class);
            // A failure of one optional endpoint says nothing of the tenant.
            if request.purpose == Purpose::Live || error.reach == Reach::App {
                self.metrics.accepted(tenant, error.app_was_accepted());
            }
            let Some(wait) = retry::wait(error.class, sends, reset.as_deref(), fastrand::f64())
            else {
                return Err(error);
            };
            tracing::debug!(tenant, %error, ?wait, "A request failed and is sent again");
            self.metrics.retried(tenant, request.endpoint);
            match error.class {
                // What one request was told holds for all to the endpoint.
                C::Throttled => {
                    let is_told = retry::is_told(reset.as_deref());
                    self.limiter.refused(request.endpoint, wait, sent, is_told);
                }
                _ => sleep(wait).await,
            }
        }
        unreachable!("every class is given up after a number of sends")
    }

    fn count_failure(&self, endpoint: Endpoint, class: Class) {
        self.metrics.failed(&self.options.tenant, endpoint, class);
    }
}

fn beyond_budget(request: &Request) -> Error {
    let what = match request.purpose {
        Purpose::Live => "the configured budget of requests for this month is used up",
        Purpose::Optional => {
            "what is left of this month's budget of requests is kept for the live statistics"
        }
    };
    Error::local(C::Quota, &request.attempt, what)
}

const REPEATED: &str = "the list has no end: a page repeats one before it";

/// A token that claims to live longer is renewed after this time all the same; Feishu's live for
/// two hours at most.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(24 * 3600);
