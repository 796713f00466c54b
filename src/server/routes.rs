//! Which page answers what.

use std::{
    mem,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    header::{
        ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH,
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION,
        RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
};
use prometheus::Registry;
use tokio::time::{Instant, timeout};
use tracing::error;

use super::{
    body::Frames,
    control::{ConfigText, Reloads},
    measure::Measure,
    page::Query,
    pages::{Defect, Pages, Rendered, Wanted},
    paths::{Paths, Route},
    places::Places,
    shared::Shared,
    unsent::Unsent,
};
use crate::{
    clock::Clock,
    exposition::{self, Format, Piece},
    snapshot::{Body, Published, Snapshot},
    web::{Access, Refusal},
};

const TEXT: &str = "text/plain; charset=utf-8";

/// The page has no script, and loads nothing but its own style.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; img-src data:; \
     frame-ancestors 'none'";

const NO_SUCH_DEPARTMENT: &str =
    "no such department is asked for: it may have been removed, or its id may be mistyped\n";

/// Everything that answers are made of.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) published: Published,
    pub(super) registry: Registry,
    pub(super) clock: Clock,
    pub(super) paths: Paths,
    pub(super) max_requests: usize,
    pub(super) scrapes: Places,
    /// How long a scrape waits for the first snapshot.
    pub(super) first: Duration,
    /// What is made for all scrapes that wait.
    pub(super) shared: Shared,
    /// Pages for people, so that they take nothing from the scrapes.
    pub(super) views: Places,
    pub(super) html: Pages,
    pub(super) json: Pages,
    pub(super) config: ConfigText,
    pub(super) reloads: Option<Reloads>,
    pub(super) unsent: Arc<Unsent>,
    pub(super) unsent_max: usize,
    /// The text of the newest snapshot that was scraped, as it is counted while it is sent.
    pub(super) scraped: Mutex<Option<(Weak<Snapshot>, Body)>>,
    pub(super) measure: Arc<Measure>,
}

impl Site {
    /// Answers a request. A panic becomes a 500: one bad page must not take the others along.
    pub(super) async fn answer<B>(
        &self,
        request: &Request<B>,
        access: &Access,
        peer: IpAddr,
    ) -> Response<Frames> {
        let started = Instant::now();
        let (path, headers) = (request.uri().path(), request.headers());
        let route = self.paths.route(path);
        let admitted = if route.is_probe() { Ok(()) } else { access.admits(headers, peer).await };
        let mut response = if !names_one_host(request) {
            text(StatusCode::BAD_REQUEST, "a request names one host, in one Host header\n")
        } else if let Err(refusal) = admitted {
            refuse(refusal)
        } else if !route.allows(request.method()) {
            not_allowed(route)
        } else {
            self.dispatch(route, request, peer).await.unwrap_or_else(|Defect| {
                error!(path, "Answering {path} failed by a defect in the exporter");
                text(StatusCode::INTERNAL_SERVER_ERROR, "a defect in the exporter, see its log\n")
            })
        };
        for (name, value) in access.headers() {
            response.headers_mut().insert(name, value);
        }
        self.finish(route, request, started, response)
    }

    /// Answers a request on a connection of the reserve, where nothing else is answered.
    pub(super) fn answer_probe<B>(&self, request: &Request<B>) -> Response<Frames> {
        let started = Instant::now();
        let route = self.paths.route(request.uri().path());
        let response = match route {
            Route::Healthy => text(StatusCode::OK, "healthy\n"),
            Route::Ready => self.ready(),
            _ => text(StatusCode::SERVICE_UNAVAILABLE, "all connections are taken; try again\n"),
        };
        self.finish(route, request, started, response)
    }

    fn finish<B>(
        &self,
        route: Route,
        request: &Request<B>,
        started: Instant,
        mut response: Response<Frames>,
    ) -> Response<Frames> {
        // hyper sends no body to HEAD, but would not know the length of what is missing.
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        if !response.headers().contains_key(X_CONTENT_TYPE_OPTIONS) {
            set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
        }
        if *request.method() == Method::HEAD {
            // What is not sent is not waited for.
            *response.body_mut() = Frames::default();
        }
        self.measure.answered(route, response.status(), started.elapsed());
        response
    }

    /// Whether clients have left more unread than memory is meant for.
    pub(super) fn is_full_of_unsent(&self) -> bool {
        let current = self.published.current();
        let current = current.map_or(0, |snapshot| snapshot.body.deflated.len());
        self.unsent.bytes() > self.unsent_max.max(current.saturating_mul(3))
    }

    async fn dispatch<B>(
        &self,
        route: Route,
        request: &Request<B>,
        peer: IpAddr,
    ) -> Result<Response<Frames>, Defect> {
        let (uri, headers) = (request.uri(), request.headers());
        match route {
            Route::Metrics => self.metrics(headers, peer).await,
            Route::Page | Route::Department => {
                let language = joined(headers, ACCEPT_LANGUAGE);
                let query = Query::read(uri.query(), language.as_deref());
                let wanted = match self.paths.department(uri.path()) {
                    Some(department) => Wanted::Department(department.to_owned(), query),
                    None => Wanted::Overview(query),
                };
                let mut response = self
                    .view(&self.html, wanted, "text/html; charset=utf-8", headers, peer)
                    .await?;
                set(&mut response, CONTENT_SECURITY_POLICY, PAGE_POLICY);
                set(&mut response, VARY, "Accept-Encoding, Accept-Language");
                Ok(response)
            }
            Route::Status => {
                let mut response =
                    self.view(&self.json, Wanted::Json, "application/json", headers, peer).await?;
                set(&mut response, VARY, "Accept-Encoding");
                Ok(response)
            }
            Route::Healthy => Ok(text(StatusCode::OK, "healthy\n")),
            Route::Ready => Ok(self.ready()),
            Route::Reload => Ok(self.reload().await),
            Route::Config => Ok(text(StatusCode::OK, self.config.current().as_str().to_owned())),
            Route::Moved => Ok(self.moved()),
            Route::Other => {
                Ok(text(StatusCode::NOT_FOUND, "no such page; / links to all there are\n"))
            }
        }
    }

    async fn metrics(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Response<Frames>, Defect> {
        // A page without departments would end all their series in Prometheus, with `up` at 1.
        if timeout(self.first, self.published.first()).await.is_err() {
            return Ok(self.ready());
        }
        let Some(place) = self.scrapes.take(peer).await else {
            return Ok(self.too_many("scrapes"));
        };
        let format = Format::negotiate(joined(headers, ACCEPT).as_deref());
        let gzip = exposition::accepts_gzip(joined(headers, ACCEPT_ENCODING).as_deref());
        let make = || catch_unwind(AssertUnwindSafe(|| self.scrape(format, gzip)));
        let pieces = self.shared.of((format, gzip), || make().map_err(|_| Defect)).await?;
        let frames = Frames::new(pieces, Arc::clone(&self.unsent));
        let held = place.hold(frames.len());
        let mut response = respond(StatusCode::OK, format.content_type(), frames.keeping(held));
        set(&mut response, VARY, "Accept, Accept-Encoding");
        if gzip {
            set(&mut response, CONTENT_ENCODING, "gzip");
        }
        Ok(response)
    }

    /// What scrapes are answered with now.
    fn scrape(&self, format: Format, gzip: bool) -> Vec<Piece> {
        let own = exposition::own(&self.registry.gather(), format);
        let body = self.snapshot_text();
        let mut pieces = if gzip {
            exposition::gzip_pieces(&body, &own)
        } else {
            exposition::plain_pieces(&body, own)
        };
        // The own metrics come last; all before them is counted with the snapshot.
        if let Some(Piece::Ready(own)) = pieces.last_mut() {
            *own = self.unsent.count(mem::take(own));
        }
        pieces
    }

    /// The newest snapshot's text, counted as long as anybody is being sent it.
    fn snapshot_text(&self) -> Body {
        let Some(snapshot) = self.published.current() else { return Body::default() };
        let mut scraped = self.scraped.lock().unwrap_or_else(PoisonError::into_inner);
        match &*scraped {
            Some((of, body)) if of.as_ptr() == Arc::as_ptr(&snapshot) => body.clone(),
            _ => {
                let body = snapshot.body.clone();
                let body = Body { deflated: self.unsent.count(body.deflated), ..body };
                *scraped = Some((Arc::downgrade(&snapshot), body.clone()));
                body
            }
        }
    }

    async fn view(
        &self,
        pages: &Pages,
        wanted: Wanted,
        content_type: &'static str,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<Response<Frames>, Defect> {
        let Some(place) = self.views.take(peer).await else { return Ok(self.too_many("pages")) };
        let (snapshot, now) = (self.published.current(), self.clock.now());
        let rendered = pages.of(wanted, snapshot, self.config.state(), now, &self.unsent).await?;
        let Some(Rendered { plain, gzip }) = rendered else {
            return Ok(text(StatusCode::NOT_FOUND, NO_SUCH_DEPARTMENT));
        };
        let zipped = exposition::accepts_gzip(joined(headers, ACCEPT_ENCODING).as_deref());
        let body: Bytes = if zipped { gzip } else { plain };
        let held = place.hold(body.len() as u64);
        let mut response = respond(StatusCode::OK, content_type, Frames::from(body).keeping(held));
        if zipped {
            set(&mut response, CONTENT_ENCODING, "gzip");
        }
        Ok(response)
    }

    fn too_many(&self, what: &str) -> Response<Frames> {
        let max = self.max_requests;
        let message =
            format!("{max} {what} are being answered already, the limit of --web.max-requests\n");
        text(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    fn ready(&self) -> Response<Frames> {
        match self.published.current() {
            Some(_) => text(StatusCode::OK, "ready\n"),
            None => text(StatusCode::SERVICE_UNAVAILABLE, "not ready: nothing is served yet\n"),
        }
    }

    async fn reload(&self) -> Response<Frames> {
        let Some(reloads) = &self.reloads else {
            let message = "reloading over HTTP is switched off; start with --web.enable-lifecycle, \
                           or send SIGHUP\n";
            return text(StatusCode::FORBIDDEN, message);
        };
        match reloads.ask().await {
            Ok(said) => {
                self.config.accept(self.clock.now());
                text(StatusCode::OK, format!("{}\n", said.trim_end()))
            }
            Err(problems) => {
                self.config.refuse(self.clock.now());
                text(StatusCode::INTERNAL_SERVER_ERROR, problems + "\n")
            }
        }
    }

    fn moved(&self) -> Response<Frames> {
        let mut response = text(StatusCode::FOUND, "the pages are below the route prefix\n");
        if let Ok(location) = HeaderValue::from_str(self.paths.outside()) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

/// HTTP/1.1 has a `Host` header, and no version has two: two hosts in one request are a way to
/// show a proxy one thing and the server behind it another (RFC 9112, section 3.2).
fn names_one_host<B>(request: &Request<B>) -> bool {
    match request.headers().get_all(HOST).iter().count() {
        0 => request.version() != Version::HTTP_11,
        count => count == 1,
    }
}

/// A header that may come in several lines, which mean the same as one line with commas.
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<&str> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn refuse(refusal: Refusal) -> Response<Frames> {
    let (code, message) = match refusal {
        Refusal::Unknown => (StatusCode::UNAUTHORIZED, "name and password are needed here\n"),
        Refusal::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many passwords are being checked; try again in a second\n",
        ),
        Refusal::Rate => (StatusCode::TOO_MANY_REQUESTS, "more requests than rate_limit allows\n"),
    };
    let mut response = text(code, message);
    match refusal {
        Refusal::Unknown => set(&mut response, WWW_AUTHENTICATE, "Basic"),
        Refusal::Busy | Refusal::Rate => set(&mut response, RETRY_AFTER, "1"),
    }
    response
}

fn not_allowed(route: Route) -> Response<Frames> {
    let message = match route {
        Route::Reload => "reloading changes the exporter: use POST or PUT\n",
        _ => "only GET and HEAD are allowed here\n",
    };
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
    set(&mut response, ALLOW, route.allow());
    response
}

pub(super) fn text(code: StatusCode, message: impl Into<Bytes>) -> Response<Frames> {
    respond(code, TEXT, Frames::from(message))
}

fn respond(code: StatusCode, content_type: &'static str, body: Frames) -> Response<Frames> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    set(&mut response, CONTENT_TYPE, content_type);
    response
}

pub(super) fn set(response: &mut Response<Frames>, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
