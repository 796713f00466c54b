//! `POST /open-apis/auth/v3/tenant_access_token/internal`: tokens of two hours.

use serde_json::{Value, json};

use crate::{context::Context, dice::Dice, http::Answer};

const INVALID_PARAMETER: i64 = 10_003;
const INVALID_APP: i64 = 10_014;

pub(crate) fn answer(context: &Context) -> Answer {
    let Context { tenant, organisation, options, call, .. } = *context;
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let field = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    let (Some(app_id), Some(app_secret)) = (field("app_id"), field("app_secret")) else {
        return Answer::error(200, INVALID_PARAMETER, "invalid param");
    };
    if app_id != options.app_id {
        return Answer::error(200, INVALID_APP, "app id not exists");
    }
    if app_secret != options.app_secret {
        return Answer::error(200, INVALID_APP, "app secret invalid");
    }
    let (token, expire) = tenant.tokens.issue(tenant.clock.now(), || {
        let hex = Dice::new(organisation.seed, &[4, tenant.next_serial()]).hex();
        format!("t-{hex}")
    });
    Answer::json(
        200,
        json!({ "code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire }),
    )
}
