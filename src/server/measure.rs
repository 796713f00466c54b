//! What the server counts about itself.

use std::time::Duration;

use hyper::StatusCode;
use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, Registry};

use super::paths::Route;
use crate::telemetry::{
    self,
    table::{
        HTTP_CLOSED, HTTP_CONNECTIONS, HTTP_CONNECTIONS_LIMIT, HTTP_DURATION, HTTP_REFUSED,
        HTTP_REQUESTS, WEB_CONFIG_LOADED,
    },
};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By the client, or with its last answer.
    Done,
    /// The client sent no whole request in time.
    Idle,
    /// The client did not take its answer in time.
    Slow,
    /// It made room for another.
    Evicted,
    /// It was open for as long as a connection may be, or since before the web configuration
    /// changed.
    Lifetime,
    /// No TLS was agreed on.
    Handshake,
    /// The client spoke something else than HTTP, or was cut off.
    Error,
}

impl Ended {
    pub(super) const ALL: [Self; 7] = [
        Self::Done,
        Self::Idle,
        Self::Slow,
        Self::Evicted,
        Self::Lifetime,
        Self::Handshake,
        Self::Error,
    ];

    /// The label `reason`.
    pub(super) const fn as_label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Idle => "idle",
            Self::Slow => "slow",
            Self::Evicted => "evicted",
            Self::Lifetime => "lifetime",
            Self::Handshake => "handshake",
            Self::Error => "error",
        }
    }
}

/// Answers come from memory: tenths of a millisecond are usual, a tenth of a second is a defect.
const BUCKETS: [f64; 8] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 1.0];

/// The answers that are to be expected, which are counted from 0 on.
const EXPECTED: [(Route, StatusCode); 16] = [
    (Route::Metrics, StatusCode::OK),
    (Route::Metrics, StatusCode::METHOD_NOT_ALLOWED),
    (Route::Metrics, StatusCode::INTERNAL_SERVER_ERROR),
    (Route::Metrics, StatusCode::SERVICE_UNAVAILABLE),
    (Route::Page, StatusCode::OK),
    (Route::Healthy, StatusCode::OK),
    (Route::Ready, StatusCode::OK),
    (Route::Ready, StatusCode::SERVICE_UNAVAILABLE),
    (Route::Reload, StatusCode::OK),
    (Route::Reload, StatusCode::FORBIDDEN),
    (Route::Reload, StatusCode::METHOD_NOT_ALLOWED),
    (Route::Reload, StatusCode::INTERNAL_SERVER_ERROR),
    (Route::Config, StatusCode::OK),
    (Route::Status, StatusCode::OK),
    (Route::Status, StatusCode::METHOD_NOT_ALLOWED),
    (Route::Other, StatusCode::NOT_FOUND),
];

/// The metrics of requests to the exporter's own pages.
#[derive(Debug)]
pub(super) struct Measure {
    requests: IntCounterVec,
    duration: Histogram,
    open: Gauge,
    limit: Gauge,
    closed: IntCounterVec,
    refused: IntCounter,
    web_config_loaded: Gauge,
}

impl Measure {
    pub(super) fn register(registry: &Registry) -> Self {
        let requests = telemetry::counters(registry, &HTTP_REQUESTS);
        for (route, code) in EXPECTED {
            let _ = requests.with_label_values(&[route.as_label(), code.as_str()]);
        }
        let closed = telemetry::counters(registry, &HTTP_CLOSED);
        for reason in Ended::ALL {
            let _ = closed.with_label_values(&[reason.as_label()]);
        }
        let web_config_loaded = telemetry::gauge(registry, &WEB_CONFIG_LOADED);
        // It was valid, or nobody would serve.
        web_config_loaded.set(1.0);
        Self {
            requests,
            duration: telemetry::histogram(registry, &HTTP_DURATION, &BUCKETS),
            open: telemetry::gauge(registry, &HTTP_CONNECTIONS),
            limit: telemetry::gauge(registry, &HTTP_CONNECTIONS_LIMIT),
            closed,
            refused: telemetry::counter(registry, &HTTP_REFUSED),
            web_config_loaded,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred connections")]
    pub(super) fn open(&self, connections: usize) {
        self.open.set(connections as f64);
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred connections")]
    pub(super) fn limit(&self, connections: usize) {
        self.limit.set(connections as f64);
    }

    pub(super) fn closed(&self, why: Ended) {
        self.closed.with_label_values(&[why.as_label()]).inc();
    }

    pub(super) fn refused(&self) {
        self.refused.inc();
    }

    pub(super) fn web_config_read(&self, successfully: bool) {
        self.web_config_loaded.set(f64::from(u8::from(successfully)));
    }

    pub(super) fn answered(&self, route: Route, code: StatusCode, took: Duration) {
        self.requests.with_label_values(&[route.as_label(), code.as_str()]).inc();
        self.duration.observe(took.as_secs_f64());
    }
}
