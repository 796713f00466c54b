//! What the client counts.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::{GaugeVec, HistogramVec, IntCounterVec, Registry};

use super::{class::Class, endpoint::Endpoint, options::Options};
use crate::telemetry::{self, table};

/// Seconds: Feishu answers in tenths of one; 30 is the default limit of a request.
const DURATION_BUCKETS_S: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The metrics of all tenants' clients.
#[derive(Clone, Debug)]
pub struct Metrics {
    up: GaugeVec,
    requests: IntCounterVec,
    failures: IntCounterVec,
    retries: IntCounterVec,
    duration: HistogramVec,
    token_expiry: GaugeVec,
}

impl Metrics {
    /// Registers them.
    #[must_use]
    pub fn register(registry: &Registry) -> Self {
        Self {
            up: telemetry::gauges(registry, &table::UP),
            requests: telemetry::counters(registry, &table::API_REQUESTS),
            failures: telemetry::counters(registry, &table::API_FAILURES),
            retries: telemetry::counters(registry, &table::API_RETRIES),
            duration: telemetry::histograms(registry, &table::API_DURATION, &DURATION_BUCKETS_S),
            token_expiry: telemetry::gauges(registry, &table::TOKEN_EXPIRY),
        }
    }

    /// Makes every series of a tenant present from the start.
    pub(super) fn start(&self, options: &Options) {
        let tenant = options.tenant.as_str();
        self.up.with_label_values(&[tenant]).set(0.0);
        for endpoint in Endpoint::ALL.map(Endpoint::as_label) {
            self.requests.with_label_values(&[tenant, endpoint]);
            self.retries.with_label_values(&[tenant, endpoint]);
            self.duration.with_label_values(&[endpoint]);
            for class in Class::ALL.map(Class::as_label) {
                self.failures.with_label_values(&[tenant, endpoint, class]);
            }
        }
    }

    pub(super) fn sent(&self, tenant: &str, endpoint: Endpoint) {
        self.requests.with_label_values(&[tenant, endpoint.as_label()]).inc();
    }

    pub(super) fn took(&self, endpoint: Endpoint, duration: Duration) {
        self.duration.with_label_values(&[endpoint.as_label()]).observe(duration.as_secs_f64());
    }

    pub(super) fn failed(&self, tenant: &str, endpoint: Endpoint, class: Class) {
        self.failures.with_label_values(&[tenant, endpoint.as_label(), class.as_label()]).inc();
    }

    pub(super) fn retried(&self, tenant: &str, endpoint: Endpoint) {
        self.retries.with_label_values(&[tenant, endpoint.as_label()]).inc();
    }

    pub(super) fn accepted(&self, tenant: &str, accepted: bool) {
        self.up.with_label_values(&[tenant]).set(f64::from(u8::from(accepted)));
    }

    pub(super) fn token_expires(&self, tenant: &str, at: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "seconds of this era fit")]
        self.token_expiry.with_label_values(&[tenant]).set(at.as_second() as f64);
    }
}
