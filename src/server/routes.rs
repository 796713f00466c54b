//! Which page answers what. No answer waits, so that none of this is asynchronous.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH,
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, VARY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use jiff::Timestamp;
use prometheus::Registry;
use serde::Serialize;
use tokio::{sync::Semaphore, time::Instant};
use tracing::error;

use super::{body::Frames, measure::Measure, page};
use crate::{
    clock::Clock,
    exposition::{self, Format},
    snapshot::{Published, Status},
};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const TEXT: &str = "text/plain; charset=utf-8";

/// The page has no script, and loads nothing but its own style.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; img-src data:; \
     frame-ancestors 'none'";

/// A page, as the table of the module has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Metrics,
    Page,
    Healthy,
    Ready,
    Reload,
    Status,
    Other,
}

impl Route {
    /// The label `path`: one of a closed list, whatever clients ask for.
    pub(super) const fn as_label(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Page => "/",
            Self::Healthy => "/-/healthy",
            Self::Ready => "/-/ready",
            Self::Reload => "/-/reload",
            Self::Status => "/api/v1/status",
            Self::Other => "other",
        }
    }

    const fn allow(self) -> &'static str {
        match self {
            Self::Reload => "POST, PUT",
            _ => "GET, HEAD",
        }
    }

    fn allows(self, method: &Method) -> bool {
        self == Self::Other || self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// Everything that answers are made of.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) published: Published,
    pub(super) registry: Registry,
    pub(super) clock: Clock,
    pub(super) about: page::About,
    pub(super) telemetry_path: String,
    pub(super) scrapes_max: usize,
    pub(super) scrapes: Arc<Semaphore>,
    pub(super) measure: Measure,
}

impl Site {
    /// Answers a request. A panic becomes a 500: one bad page must not take the others along.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Frames> {
        let started = Instant::now();
        let (path, method) = (request.uri().path(), request.method());
        let route = self.route(path);
        let dispatch = || {
            if route.allows(method) {
                self.dispatch(route, request.uri(), request.headers())
            } else {
                not_allowed(route)
            }
        };
        let mut response = catch_unwind(AssertUnwindSafe(dispatch)).unwrap_or_else(|_| {
            error!(path, "Answering {path} failed by a defect in the exporter");
            text(StatusCode::INTERNAL_SERVER_ERROR, "a defect in the exporter, see its log\n")
        });
        // hyper sends no body to HEAD, but would not know the length of what is missing.
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
        self.measure.answered(route, response.status(), started.elapsed());
        response
    }

    fn route(&self, path: &str) -> Route {
        match path {
            path if path == self.telemetry_path => Route::Metrics,
            "/" => Route::Page,
            "/-/healthy" => Route::Healthy,
            "/-/ready" => Route::Ready,
            "/-/reload" => Route::Reload,
            "/api/v1/status" => Route::Status,
            path if path.starts_with("/departments/") => Route::Page,
            _ => Route::Other,
        }
    }

    fn dispatch(&self, route: Route, uri: &Uri, headers: &HeaderMap) -> Response<Frames> {
        match route {
            Route::Metrics => self.metrics(headers),
            Route::Page => self.page(uri, headers),
            Route::Healthy => text(StatusCode::OK, "healthy\n"),
            Route::Ready => self.ready(),
            Route::Reload => text(
                StatusCode::FORBIDDEN,
                "reloading is not part of this release; restart to read the configuration again\n",
            ),
            Route::Status => self.status(),
            Route::Other => text(StatusCode::NOT_FOUND, "no such page; / links to all there are\n"),
        }
    }

    fn metrics(&self, headers: &HeaderMap) -> Response<Frames> {
        let Ok(place) = Arc::clone(&self.scrapes).try_acquire_owned() else {
            let message = format!(
                "{} scrapes are being answered already, the limit of --web.max-requests\n",
                self.scrapes_max
            );
            return text(StatusCode::SERVICE_UNAVAILABLE, message);
        };
        let format = Format::negotiate(joined(headers, ACCEPT).as_deref());
        let own = exposition::own(&self.registry.gather(), format);
        let snapshot = self.published.current().unwrap_or_default();
        let gzip = exposition::accepts_gzip(joined(headers, ACCEPT_ENCODING).as_deref());
        let pieces = if gzip {
            exposition::gzip_pieces(&snapshot.body, &own)
        } else {
            exposition::plain_pieces(&snapshot.body, own)
        };
        let mut response =
            respond(StatusCode::OK, format.content_type(), Frames::keeping(place, pieces));
        set(&mut response, VARY, "Accept, Accept-Encoding");
        if gzip {
            set(&mut response, CONTENT_ENCODING, "gzip");
        }
        response
    }

    /// The status page, or the page of a department.
    fn page(&self, uri: &Uri, headers: &HeaderMap) -> Response<Frames> {
        let snapshot = self.published.current();
        let language = joined(headers, ACCEPT_LANGUAGE);
        let query = page::Query::read(uri.query(), language.as_deref());
        let view = page::View {
            about: &self.about,
            now: self.clock.now(),
            telemetry_path: &self.telemetry_path,
            status: snapshot.as_ref().map(|snapshot| &snapshot.status),
            query: &query,
        };
        let html = match uri.path().strip_prefix("/departments/") {
            Some(department) => page::of_department(&view, department),
            None => Some(page::overview(&view)),
        };
        let Some(html) = html else {
            return text(StatusCode::NOT_FOUND, "no such department is asked for\n");
        };
        let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", html.into());
        set(&mut response, VARY, "Accept-Language");
        set(&mut response, CONTENT_SECURITY_POLICY, PAGE_POLICY);
        response
    }

    fn ready(&self) -> Response<Frames> {
        match self.published.current() {
            Some(_) => text(StatusCode::OK, "ready\n"),
            None => text(StatusCode::SERVICE_UNAVAILABLE, "not ready: nothing is served yet\n"),
        }
    }

    fn status(&self) -> Response<Frames> {
        #[derive(Serialize)]
        struct Document<'a> {
            version: &'a str,
            now: Timestamp,
            #[serde(flatten)]
            status: &'a Status,
        }
        let snapshot = self.published.current().unwrap_or_default();
        let document =
            Document { version: VERSION, now: self.clock.now(), status: &snapshot.status };
        let mut json = serde_json::to_vec(&document)
            .expect("the document has no map with keys that are not strings");
        json.push(b'\n');
        respond(StatusCode::OK, "application/json", json.into())
    }
}

/// A header that may come in several lines, which mean the same as one line with commas.
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<&str> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
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

fn text(code: StatusCode, message: impl Into<bytes::Bytes>) -> Response<Frames> {
    respond(code, TEXT, Frames::from(message))
}

fn respond(code: StatusCode, content_type: &'static str, body: Frames) -> Response<Frames> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    set(&mut response, CONTENT_TYPE, content_type);
    response
}

fn set(response: &mut Response<Frames>, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
