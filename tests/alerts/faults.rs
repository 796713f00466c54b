//! What really fails makes its alert pending: the exporter's metrics mean what the rules take them
//! to mean. Alerts that wait for hours are pending from the first evaluation on.

use std::collections::BTreeSet;

use feishu_simulator::{Endpoint, Fault, Kind};

use crate::{
    program::{Program, eventually},
    prometheus::Prometheus,
    tenant::Tenant,
    world::configuration,
};

/// A tenant in which something fails, and the exporter that meets it.
struct Failing {
    url: String,
    program: Program,
    _tenant: Tenant,
}

/// Runs an exporter for a tenant of this name, with further keys of its configuration.
fn failing(name: &str, more: &str, secret: &str, fail: impl FnOnce(&Tenant)) -> Failing {
    let tenant = Tenant::at(None, 4);
    fail(&tenant);
    let configuration = configuration(&tenant.api, &tenant.departments(), more);
    let configuration = configuration.replace("name: acme", &format!("name: {name}"));
    let args = [
        "serve",
        "--config.file=conf.yml",
        "--web.listen-address=127.0.0.1:0",
        "--storage.path=data",
    ];
    let files = [("conf.yml", configuration.as_str()), ("secret", secret)];
    let mut program = Program::exporter(&args, &files);
    Failing { url: program.listens(), program, _tenant: tenant }
}

fn error(code: i64) -> Fault {
    let kind = Kind::Error { status: 400, code, msg: "refused".to_owned() };
    Fault::from(kind).endpoint(Endpoint::AdminDeptStats)
}

/// The alerts of a tenant, and of which endpoint where they say so, that are pending or firing.
fn alerts(prometheus: &Prometheus, selector: &str) -> BTreeSet<(String, String)> {
    let of = prometheus.query(&format!("ALERTS{{{selector}}}"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let named = |alert: &serde_json::Value| {
        (text(&alert["metric"]["alertname"]), text(&alert["metric"]["endpoint"]))
    };
    of.iter().map(named).collect()
}

#[test]
fn what_fails_makes_its_alert_pending_and_what_works_makes_none() {
    let secret = "demo-secret";
    let well = failing("well", "", secret, |_| {});
    let refused = failing("refused", "", "wrong", |_| {});
    let forbidden = failing("forbidden", "", secret, |tenant| {
        let id = &tenant.departments()[1];
        tenant.handle.inject(error(1_051_003).department(id)).unwrap();
    });
    let optional = "    contact: {enabled: true}\n    directory: {enabled: true}\n    \
                    members: {enabled: true}\n    user_statistics: {enabled: true}\n";
    let unscoped = failing("unscoped", optional, secret, |tenant| {
        tenant.handle.change(|options| options.scopes.retain(|scope| scope.contains("dept_stat")));
    });
    let throttled = failing("throttled", "", secret, |tenant| {
        let kind = Kind::Throttle { status: Some(400), reset: Some("1".to_owned()) };
        tenant.handle.inject(Fault::from(kind).endpoint(Endpoint::AdminDeptStats)).unwrap();
    });
    let budget = failing("budget", "    limits: {requests_per_month: 3}\n", secret, |_| {});
    let quota = failing("quota", "", secret, |tenant| {
        tenant.handle.inject(error(99_991_403)).unwrap();
    });
    let limited = failing("limited", "series_limit: 1\n", secret, |_| {});
    let mut stopped = failing("stopped", "", secret, |_| {});

    let all =
        [&well, &refused, &forbidden, &unscoped, &throttled, &budget, &quota, &limited, &stopped];
    let urls: Vec<_> = all.iter().map(|failing| failing.url.as_str()).collect();
    let prometheus = Prometheus::of(&urls, "127.0.0.1:1");
    for (tenant, alert, endpoint) in [
        ("refused", "FeishuCredentialsRefused", ""),
        ("refused", "FeishuCollectionFailing", ""),
        ("refused", "FeishuDataMissing", ""),
        ("forbidden", "FeishuPermissionMissing", "admin_dept_stats"),
        ("unscoped", "FeishuPermissionMissing", "admin_user_stats"),
        ("unscoped", "FeishuPermissionMissing", "users_find_by_department"),
        ("unscoped", "FeishuPermissionMissing", "departments_batch"),
        ("unscoped", "FeishuPermissionMissing", "departments_filter"),
        ("throttled", "FeishuThrottled", ""),
        ("budget", "FeishuQuotaExhausted", ""),
        ("quota", "FeishuQuotaExhausted", ""),
    ] {
        let expected = (alert.to_owned(), endpoint.to_owned());
        eventually(&format!("{alert} of {tenant} {endpoint}"), || {
            alerts(&prometheus, &format!("tenant=\"{tenant}\"")).contains(&expected).then_some(())
        });
    }
    let is_told = |alert: &str, failing: &Failing| {
        let instance = failing.url.trim_start_matches("http://");
        let expected = (alert.to_owned(), String::new());
        eventually(alert, || {
            let of = format!("instance=\"{instance}\"");
            alerts(&prometheus, &of).contains(&expected).then_some(())
        });
    };
    is_told("FeishuSeriesLimitReached", &limited);
    stopped.program.signal("TERM");
    assert_eq!(stopped.program.status(), Some(0));
    is_told("FeishuExporterDown", &stopped);

    // Every other rule of the same evaluations had the same chance. Figures may really be late.
    let mut of_well = alerts(&prometheus, "tenant=\"well\"");
    of_well.retain(|(alert, _)| alert != "FeishuDataLate");
    assert_eq!(of_well, BTreeSet::new());
    let wrong = alerts(&prometheus, "tenant!=\"refused\",alertname=\"FeishuCredentialsRefused\"");
    assert_eq!(wrong, BTreeSet::new());
}
