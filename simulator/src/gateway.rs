//! The way of a request: route, faults, token, scope, quota, limit, endpoint.

use std::time::Duration;

use serde_json::json;

use super::{
    context::Context,
    control,
    dice::Dice,
    endpoints::{self, admin_dept_stats},
    faults::{self, Kind},
    http::{Answer, Call, Content},
    journal::Recorded,
    settings::{Endpoint, Options},
    tenant::Tenant,
};

const NO_SUCH_PATH: i64 = 99_991_201;
const NO_SUCH_METHOD: i64 = 99_991_301;
const TOO_MANY_REQUESTS: i64 = 99_991_400;
const QUOTA_EXCEEDED: i64 = 99_991_403;
const TOKEN_MISSING: i64 = 99_991_661;
const TOKEN_INVALID: i64 = 99_991_663;
const SCOPE_MISSING: i64 = 99_991_672;

/// Answers a request, however long the options and faults make that last.
pub(super) async fn answer(tenant: &Tenant, call: Call) -> Answer {
    if let Some(path) = call.path.strip_prefix("/_simulator/") {
        return control::answer(tenant, &call, path);
    }
    let open = tenant.journal.open();
    let options = tenant.options();
    tokio::time::sleep(options.latency).await;
    let endpoint = Endpoint::ALL.into_iter().find(|e| e.route().1 == call.path);
    let answer = match endpoint {
        None => Answer::error(404, NO_SUCH_PATH, "request path is not found"),
        Some(endpoint) if endpoint.route().0 != call.method => {
            Answer::error(405, NO_SUCH_METHOD, "request method is not allowed")
        }
        Some(endpoint) => dispatch(tenant, &options, endpoint, &call).await,
    };
    let answer = sign(tenant, endpoint, answer);
    drop(open);
    tenant.journal.record(Recorded {
        at: tenant.clock.now(),
        endpoint,
        status: answer.status,
        code: answer.code(),
        method: call.method,
        path: call.path,
        query: call.query,
        body: (endpoint != Some(Endpoint::TenantAccessToken))
            .then(|| serde_json::from_slice(&call.body).ok())
            .flatten(),
    });
    answer
}

async fn dispatch(tenant: &Tenant, options: &Options, endpoint: Endpoint, call: &Call) -> Answer {
    let organisation = tenant.company();
    let target = endpoints::target(endpoint, &organisation, call);
    let active = tenant.faults.strike(&target, &organisation);
    for fault in &active {
        match fault.kind {
            Kind::Slow { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
            Kind::RevokeTokens => tenant.tokens.revoke(),
            _ => {}
        }
    }
    let refused = active
        .iter()
        .find_map(|fault| instead(&fault.kind, options, call))
        .or_else(|| refuse(tenant, options, endpoint, call));
    let context = Context { tenant, organisation: &organisation, options, call, active: &active };
    let answer = refused.unwrap_or_else(|| endpoints::answer(endpoint, &context));
    faults::spoil(answer, &active)
}

/// The answer of a fault that takes the place of the endpoint's own.
fn instead(kind: &Kind, options: &Options, call: &Call) -> Option<Answer> {
    Some(match kind {
        Kind::Throttle { status, reset } => {
            let answer = throttled(status.unwrap_or(options.throttle_status));
            match reset {
                None => answer,
                Some(reset) => answer.with_header("x-ogw-ratelimit-reset", reset.clone()),
            }
        }
        Kind::Error { status, code, msg } => Answer::error(*status, *code, msg),
        Kind::RejectToken => token_invalid(),
        Kind::Text { status, body } => Answer::text(*status, body.clone()),
        Kind::Redirect { location } => {
            Answer::text(302, String::new()).with_header("location", location.clone())
        }
        Kind::EchoSecrets { status, code } => {
            let token = call.token.as_deref().unwrap_or_default();
            let msg = format!("denied: token {token}, secret {}", options.app_secret);
            Answer::error(*status, *code, &msg)
        }
        Kind::RefuseVersions => {
            call.parameter("with_product_version")?;
            admin_dept_stats::invalid_parameter()
        }
        _ => return None,
    })
}

/// Why the request does not reach its endpoint, if it does not.
fn refuse(tenant: &Tenant, options: &Options, endpoint: Endpoint, call: &Call) -> Option<Answer> {
    let scopes = endpoint.scopes();
    if !scopes.is_empty() {
        let Some(token) = &call.token else {
            return Some(Answer::error(
                400,
                TOKEN_MISSING,
                "Missing access token for authorization. Please make a request with token attached.",
            ));
        };
        if !tenant.tokens.is_valid(token, tenant.clock.now()) {
            return Some(token_invalid());
        }
        if !scopes.iter().any(|scope| options.scopes.contains(*scope)) {
            return Some(scope_missing(options, scopes));
        }
    }
    if !tenant.limits.spend(tenant.clock.now(), options.requests_per_month) {
        let msg = "This month's API call quota has been exceeded";
        return Some(Answer::error(429, QUOTA_EXCEEDED, msg));
    }
    let limit = options.limits.get(&endpoint).copied().unwrap_or_default();
    let full = tenant.limits.admit(endpoint, limit).err()?;
    Some(
        throttled(options.throttle_status)
            .with_header("x-ogw-ratelimit-limit", full.limit.to_string())
            .with_header("x-ogw-ratelimit-reset", full.reset.to_string()),
    )
}

fn throttled(status: u16) -> Answer {
    Answer::error(status, TOO_MANY_REQUESTS, "request trigger frequency limit")
}

fn token_invalid() -> Answer {
    Answer::error(
        400,
        TOKEN_INVALID,
        "Invalid access token for authorization. Please make a request with token attached.",
    )
}

fn scope_missing(options: &Options, scopes: &[&str]) -> Answer {
    let list = scopes.join(", ");
    let url = format!("https://open.feishu.cn/app/{}/auth?q={}", options.app_id, scopes.join(","));
    let violations: Vec<_> = scopes
        .iter()
        .map(|scope| json!({ "type": "action_scope_required", "subject": scope }))
        .collect();
    Answer::json(
        400,
        json!({
            "code": SCOPE_MISSING,
            "msg": format!(
                "Access denied. One of the following scopes is required: [{list}]. \
                 应用尚未开通所需的应用身份权限：[{list}]，点击链接申请并开通任一权限即可：{url}"
            ),
            "error": {
                "permission_violations": violations,
                "helps": [{ "url": url, "description": "Apply for the scope" }],
            },
        }),
    )
}

/// Gives the answer the time by the simulated clock and its log id: always in a header, and in
/// what a failed API call says.
fn sign(tenant: &Tenant, endpoint: Option<Endpoint>, mut answer: Answer) -> Answer {
    let serial = tenant.next_serial();
    let mut dice = Dice::new(tenant.company().seed, &[5, serial]);
    let log_id = format!("{}{}", tenant.clock.now().strftime("%Y%m%d%H%M%S"), &dice.hex()[..18]);
    let failed = answer.code().filter(|code| *code != 0);
    if let (Some(code), Content::Json(body), Some(endpoint)) =
        (failed, &mut answer.content, endpoint)
        && (!endpoint.has_bare_errors() || body.get("error").is_some())
    {
        body["error"]["log_id"] = json!(log_id);
        body["error"]["troubleshooter"] = json!(format!(
            "排查建议查看(Troubleshooting suggestions): \
             https://open.feishu.cn/search?from=openapi&log_id={log_id}&code={code}"
        ));
    }
    let date = tenant.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    answer.with_header("date", date).with_header("x-tt-logid", log_id)
}
