//! Where the tenants' reports come together and become one snapshot: the only caller of
//! [`Published::publish`].

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, task, time::Instant};

use super::{
    budget::Budget, facts::UserSamples, metrics::Metrics, past::PastReport, report::Report,
};
use crate::{
    exposition::{self, LeftOut, Place, Rendered, Sample, TenantView},
    snapshot::{Published, Snapshot, SourceStatus, Status, TenantStatus},
    usage::DepartmentDay,
};

/// The newest report of every tenant.
pub(super) struct Board {
    reports: Mutex<Reports>,
    published: Published,
    series_limit: u64,
    metrics: Metrics,
    /// In the order of the tenants. Both loops of a tenant spend from one.
    budgets: Vec<Arc<Budget>>,
}

#[derive(Default)]
struct Reports {
    by_tenant: Vec<Parts>,
    left_out: LeftOut,
}

/// What the loops of one tenant contribute to the snapshot.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) statistics: Report,
    pub(super) optional: OptionalReport,
    pub(super) past: PastReport,
}

/// What the optional sources of one tenant contribute to the snapshot.
#[derive(Clone, Default)]
pub(super) struct OptionalReport {
    pub(super) places: BTreeMap<Arc<str>, Place>,
    pub(super) samples: Vec<Sample>,
    pub(super) users: Vec<UserSamples>,
    pub(super) sources: Vec<SourceStatus>,
    pub(super) notices: Vec<String>,
}

/// What all sources of a tenant know, together.
pub(super) fn merge(parts: &Parts) -> (TenantView, TenantStatus) {
    (view(parts), status(parts))
}

/// A tenant's view with what its optional sources and its past know.
fn view(parts: &Parts) -> TenantView {
    let Parts { statistics: report, optional, past } = parts;
    let mut view = report.view.clone();
    for day in &view.departments {
        let place = (day.geo, Arc::clone(&day.department_id));
        // Late days compare with their own weekday.
        let of_day = past.baselines.get(&place).into_iter().flatten();
        if let Some((_, baseline)) = of_day.into_iter().find(|(of, _)| *of == day.day) {
            view.baselines.insert(place, Arc::clone(baseline));
        }
    }
    view.places.extend(optional.places.clone());
    view.samples = optional.samples.clone();
    let place = |day: &Arc<DepartmentDay>| (day.geo, Arc::clone(&day.department_id), day.day);
    let served: HashSet<_> = view.departments.iter().map(place).collect();
    // People of one day beside figures of another would mislead.
    let current = optional
        .users
        .iter()
        .filter(|u| served.contains(&(u.geo, Arc::clone(&u.department_id), u.day)));
    view.samples.extend(current.flat_map(|users| users.samples.iter().cloned()));
    view
}

fn status(Parts { statistics: report, optional, past }: &Parts) -> TenantStatus {
    let mut status = report.status.clone();
    status.sources = past.source.iter().chain(&optional.sources).cloned().collect();
    status.notices.extend_from_slice(&optional.notices);
    for department in &mut status.departments {
        let Some(served) = &department.served else { continue };
        let of_day = past.baselines.get(&(served.geo, Arc::clone(&served.department_id)));
        let of_day = of_day.into_iter().flatten().find(|(of, _)| *of == served.day);
        department.baseline = of_day.map(|(_, baseline)| Arc::clone(baseline));
    }
    status
}

impl Board {
    #[expect(clippy::cast_precision_loss, reason = "a limit beyond 2^53 series is none")]
    pub(super) fn new(
        published: Published,
        series_limit: u64,
        metrics: Metrics,
        budgets: Vec<Arc<Budget>>,
    ) -> Self {
        metrics.series_limit.set(series_limit as f64);
        Self { reports: Mutex::default(), published, series_limit, metrics, budgets }
    }

    /// Sets the reports that the first snapshot is made of, in the order of the configuration.
    pub(super) async fn start(&self, parts: Vec<Parts>) {
        let mut held = self.reports.lock().await;
        held.by_tenant = parts;
        self.render(&mut held).await;
    }

    /// Replaces one tenant's report and publishes everything; returns how long that took.
    pub(super) async fn publish(&self, tenant: usize, report: Report) -> Duration {
        let started = Instant::now();
        // Held while rendering, so that snapshots are published in the order of their reports.
        let mut reports = self.reports.lock().await;
        if let Some(parts) = reports.by_tenant.get_mut(tenant) {
            parts.statistics = report;
        }
        self.render(&mut reports).await;
        started.elapsed()
    }

    /// Replaces what the optional sources of one tenant contribute and publishes everything.
    pub(super) async fn publish_optional(&self, tenant: usize, report: OptionalReport) {
        let mut reports = self.reports.lock().await;
        if let Some(parts) = reports.by_tenant.get_mut(tenant) {
            parts.optional = report;
        }
        self.render(&mut reports).await;
    }

    /// Replaces the baselines of one tenant and publishes everything.
    pub(super) async fn publish_past(&self, tenant: usize, report: PastReport) {
        let mut reports = self.reports.lock().await;
        if let Some(parts) = reports.by_tenant.get_mut(tenant) {
            parts.past = report;
        }
        self.render(&mut reports).await;
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 series fit into no memory")]
    async fn render(&self, reports: &mut Reports) {
        let (views, mut tenants): (Vec<_>, Vec<_>) = reports.by_tenant.iter().map(merge).unzip();
        for (tenant, budget) in tenants.iter_mut().zip(&self.budgets) {
            tenant.requests_this_month = budget.spent();
        }
        let status = Status { tenants };
        let limit = self.series_limit;
        let before = self.published.current().unwrap_or_default();
        // Rendering and compressing millions of series takes seconds of CPU.
        let rendered =
            task::spawn_blocking(move || exposition::render(&views, limit, &before.body)).await;
        let Rendered { body, left_out } = match rendered {
            Ok(rendered) => rendered,
            Err(panicked) => {
                self.metrics.panics.inc();
                tracing::error!(%panicked, "Rendering failed by a defect; the last snapshot stays");
                return;
            }
        };
        let series = body.series;
        if left_out > reports.left_out {
            let what = match left_out {
                LeftOut::Nothing => "nothing is",
                LeftOut::Baselines => "baselines are",
                LeftOut::Versions => "baselines and product versions are",
            };
            tracing::warn!(
                series_limit = limit,
                "More than series_limit ({limit}) series: {what} left out, totals stay"
            );
        }
        reports.left_out = left_out;
        self.published.publish(Snapshot { body, status });
        // After the snapshot that they tell of.
        self.metrics.series.set(series as f64);
        let limit_reached = left_out > LeftOut::Nothing;
        self.metrics.series_limit_reached.set(f64::from(u8::from(limit_reached)));
    }
}
