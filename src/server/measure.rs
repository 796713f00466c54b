//! What the server counts about itself.

use std::time::Duration;

use hyper::StatusCode;
use prometheus::{Histogram, IntCounterVec, Registry};

use super::paths::Route;
use crate::telemetry::{
    self,
    table::{HTTP_DURATION, HTTP_REQUESTS},
};

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
}

impl Measure {
    pub(super) fn register(registry: &Registry) -> Self {
        let requests = telemetry::counters(registry, &HTTP_REQUESTS);
        for (route, code) in EXPECTED {
            let _ = requests.with_label_values(&[route.as_label(), code.as_str()]);
        }
        Self { requests, duration: telemetry::histogram(registry, &HTTP_DURATION, &BUCKETS) }
    }

    pub(super) fn answered(&self, route: Route, code: StatusCode, took: Duration) {
        self.requests.with_label_values(&[route.as_label(), code.as_str()]).inc();
        self.duration.observe(took.as_secs_f64());
    }
}
