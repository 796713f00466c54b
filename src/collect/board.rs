//! Where the tenants' reports come together and become one snapshot: the only caller of
//! [`Published::publish`].

use std::time::Duration;

use tokio::{sync::Mutex, task, time::Instant};

use super::{metrics::Metrics, report::Report};
use crate::{
    exposition::{self, Rendered},
    snapshot::{Published, Snapshot, Status},
};

/// The newest report of every tenant.
pub(super) struct Board {
    reports: Mutex<Reports>,
    published: Published,
    series_limit: u64,
    metrics: Metrics,
}

#[derive(Default)]
struct Reports {
    by_tenant: Vec<Option<Report>>,
    limit_reached: bool,
}

impl Board {
    #[expect(clippy::cast_precision_loss, reason = "a limit beyond 2^53 series is none")]
    pub(super) fn new(published: Published, series_limit: u64, metrics: Metrics) -> Self {
        metrics.series_limit.set(series_limit as f64);
        Self { reports: Mutex::default(), published, series_limit, metrics }
    }

    /// Sets the reports that the first snapshot is made of, in the order of the configuration.
    pub(super) async fn start(&self, reports: Vec<Report>) {
        let mut held = self.reports.lock().await;
        held.by_tenant = reports.into_iter().map(Some).collect();
        self.render(&mut held).await;
    }

    /// Replaces one tenant's report and publishes everything; returns how long that took.
    pub(super) async fn publish(&self, tenant: usize, report: Report) -> Duration {
        let started = Instant::now();
        // Held while rendering, so that snapshots are published in the order of their reports.
        let mut reports = self.reports.lock().await;
        if let Some(slot) = reports.by_tenant.get_mut(tenant) {
            *slot = Some(report);
        }
        self.render(&mut reports).await;
        started.elapsed()
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 series fit into no memory")]
    async fn render(&self, reports: &mut Reports) {
        let known = || reports.by_tenant.iter().flatten();
        let views: Vec<_> = known().map(|report| report.view.clone()).collect();
        let status = Status { tenants: known().map(|report| report.status.clone()).collect() };
        let limit = self.series_limit;
        // Rendering and compressing millions of series takes seconds of CPU.
        let rendered = task::spawn_blocking(move || exposition::render(&views, limit)).await;
        let Rendered { body, limit_reached } = match rendered {
            Ok(rendered) => rendered,
            Err(panicked) => {
                self.metrics.panics.inc();
                tracing::error!(%panicked, "Rendering failed by a defect; the last snapshot stays");
                return;
            }
        };
        self.metrics.series.set(body.series as f64);
        self.metrics.series_limit_reached.set(f64::from(u8::from(limit_reached)));
        if limit_reached && !reports.limit_reached {
            tracing::warn!(
                series_limit = limit,
                "More than series_limit ({limit}) series: product versions are left out, totals stay"
            );
        }
        reports.limit_reached = limit_reached;
        self.published.publish(Snapshot { body, status });
    }
}
