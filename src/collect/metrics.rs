//! What the collector counts.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, Registry};
use tokio::sync::Notify;

use super::{budget::Budget, keeping::Keeper, sources::Source};
use crate::{
    catalogue::FIGURES,
    feishu::{Endpoint, Ledger, Purpose},
    sources::RejectedValues,
    telemetry::{self, table},
};

/// The metrics of all tenants' collections.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    success: GaugeVec,
    duration: GaugeVec,
    last: GaugeVec,
    last_success: GaugeVec,
    next: GaugeVec,
    departments: GaugeVec,
    requests_this_month: GaugeVec,
    requests_limit: GaugeVec,
    budget_exhausted: GaugeVec,
    rejected_values: IntCounterVec,
    rejected_rows: IntCounterVec,
    pub(super) series: Gauge,
    pub(super) series_limit: Gauge,
    pub(super) series_limit_reached: Gauge,
    pub(super) panics: IntCounter,
    pub(super) store_up: Gauge,
}

/// How many departments are in which state, the label `state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DepartmentCounts {
    pub(super) configured: u32,
    pub(super) with_data: u32,
    pub(super) latest: u32,
    pub(super) failed: u32,
}

impl Metrics {
    /// Registers them; that of the store only where there is to be one.
    pub(super) fn register(registry: &Registry, has_storage: bool) -> Self {
        let unregistered = Registry::new();
        let of_storage = if has_storage { registry } else { &unregistered };
        Self {
            success: telemetry::gauges(registry, &table::COLLECTION_SUCCESS),
            duration: telemetry::gauges(registry, &table::COLLECTION_DURATION),
            last: telemetry::gauges(registry, &table::LAST_COLLECTION),
            last_success: telemetry::gauges(registry, &table::LAST_SUCCESS),
            next: telemetry::gauges(registry, &table::NEXT_COLLECTION),
            departments: telemetry::gauges(registry, &table::DEPARTMENTS),
            requests_this_month: telemetry::gauges(registry, &table::API_REQUESTS_THIS_MONTH),
            requests_limit: telemetry::gauges(registry, &table::API_REQUESTS_LIMIT),
            budget_exhausted: telemetry::gauges(registry, &table::API_BUDGET_EXHAUSTED),
            rejected_values: telemetry::counters(registry, &table::REJECTED_VALUES),
            rejected_rows: telemetry::counters(registry, &table::REJECTED_ROWS),
            series: telemetry::gauge(registry, &table::SERIES),
            series_limit: telemetry::gauge(registry, &table::SERIES_LIMIT),
            series_limit_reached: telemetry::gauge(registry, &table::SERIES_LIMIT_REACHED),
            panics: telemetry::counter(registry, &table::PANICS),
            store_up: telemetry::gauge(of_storage, &table::STORE_UP),
        }
    }

    /// Those of one tenant.
    pub(super) fn of(&self, tenant: &str) -> TenantMetrics {
        TenantMetrics { tenant: tenant.into(), all: self.clone() }
    }
}

/// The metrics of one tenant's collections.
#[derive(Clone, Debug)]
pub(super) struct TenantMetrics {
    tenant: Arc<str>,
    all: Metrics,
}

impl TenantMetrics {
    /// Makes the series present from the start; success and timestamps stay absent until there was
    /// an attempt.
    pub(super) fn start(&self, sources: impl Iterator<Item = Source> + Clone) {
        for source in sources.clone() {
            self.all.duration.with_label_values(&self.labels(source)).set(0.0);
        }
        self.all.rejected_rows.with_label_values(&[&*self.tenant]);
        let of_sources = sources.flat_map(Source::number_fields);
        for field in FIGURES.iter().map(|figure| figure.api_field).chain(of_sources.copied()) {
            self.all.rejected_values.with_label_values(&[&*self.tenant, field]);
        }
    }

    pub(super) fn collected(&self, source: Source, now: Timestamp, took: Duration, success: bool) {
        let labels = self.labels(source);
        self.all.success.with_label_values(&labels).set(f64::from(u8::from(success)));
        self.all.duration.with_label_values(&labels).set(took.as_secs_f64());
        self.all.last.with_label_values(&labels).set(unix(now));
        if success {
            self.all.last_success.with_label_values(&labels).set(unix(now));
        }
    }

    /// Shows the last success of a process before this one, where nothing has failed since.
    pub(super) fn succeeded_before(&self, source: Source, at: Timestamp) {
        let labels = self.labels(source);
        self.all.success.with_label_values(&labels).set(1.0);
        self.all.last.with_label_values(&labels).set(unix(at));
        self.all.last_success.with_label_values(&labels).set(unix(at));
    }

    pub(super) fn next(&self, source: Source, at: Timestamp) {
        self.all.next.with_label_values(&self.labels(source)).set(unix(at));
    }

    pub(super) fn departments(&self, counts: DepartmentCounts) {
        for (state, count) in [
            ("configured", counts.configured),
            ("with_data", counts.with_data),
            ("latest", counts.latest),
            ("failed", counts.failed),
        ] {
            self.all.departments.with_label_values(&[&*self.tenant, state]).set(f64::from(count));
        }
    }

    pub(super) fn rejected(&self, rows: u64, values: &RejectedValues) {
        self.all.rejected_rows.with_label_values(&[&*self.tenant]).inc_by(rows);
        for (field, count) in values {
            self.all.rejected_values.with_label_values(&[&*self.tenant, field]).inc_by(*count);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "no tenant sends 2^53 requests a month")]
    pub(super) fn budget(&self, budget: &Budget) {
        let labels = [&*self.tenant];
        self.all.requests_this_month.with_label_values(&labels).set(budget.spent() as f64);
        if budget.limit() > 0 {
            self.all.requests_limit.with_label_values(&labels).set(budget.limit() as f64);
        }
        let exhausted = f64::from(u8::from(budget.is_exhausted()));
        self.all.budget_exhausted.with_label_values(&labels).set(exhausted);
    }

    /// Defects of this program that were survived.
    pub(super) fn panics(&self) -> IntCounter {
        self.all.panics.clone()
    }

    fn labels(&self, source: Source) -> [&str; 2] {
        [&self.tenant, source.as_label()]
    }
}

/// A ledger that shows and keeps every request it counts.
pub(super) struct Counted {
    pub(super) budget: Arc<Budget>,
    pub(super) metrics: TenantMetrics,
    pub(super) keeper: Keeper,
    /// Told of each request.
    pub(super) requests: Arc<Notify>,
}

impl Ledger for Counted {
    fn spend(&self, endpoint: Endpoint, purpose: Purpose) -> bool {
        let allowed = self.budget.spend(endpoint, purpose);
        self.metrics.budget(&self.budget);
        if allowed {
            self.requests.notify_one();
            let (budget, month) = (Arc::clone(&self.budget), self.budget.month());
            let of = month.clone();
            self.keeper.spend(month, endpoint.as_label(), move |spent| {
                budget.settle(&of, spent.map(|spent| spent.total), 1);
            });
        }
        allowed
    }

    fn allows(&self, requests: u64, purpose: Purpose) -> bool {
        self.budget.allows(requests, purpose)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit")]
fn unix(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
