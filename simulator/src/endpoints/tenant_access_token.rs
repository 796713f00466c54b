//! `POST /open-apis/auth/v3/tenant_access_token/internal`: tokens of two hours.

use std::{sync::Mutex, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Context;
use crate::{dice::Dice, http::Answer, lock};

/// "最大有效期是 2 小时".
const LIFETIME: Duration = Duration::from_secs(7200);
/// While at least so much is left, the same token is given again.
const RENEWAL: Duration = Duration::from_secs(1800);
const INVALID_PARAMETER: i64 = 10_003;
const INVALID_APP: i64 = 10_014;

/// The tokens that are valid, oldest first.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Vec<(String, Timestamp)>>);

impl Tokens {
    pub(crate) fn is_valid(&self, token: &str, now: Timestamp) -> bool {
        lock(&self.0).iter().any(|(valid, expiry)| valid == token && now < *expiry)
    }

    pub(crate) fn revoke(&self) {
        lock(&self.0).clear();
    }

    /// The token in force with the seconds that it still lasts, or a new one.
    fn issue(&self, now: Timestamp, new: impl FnOnce() -> String) -> (String, i64) {
        let mut tokens = lock(&self.0);
        tokens.retain(|(_, expiry)| now < *expiry);
        match tokens.last() {
            Some((token, expiry)) if now + RENEWAL <= *expiry => {
                (token.clone(), expiry.as_second() - now.as_second())
            }
            _ => {
                let token = new();
                tokens.push((token.clone(), now + LIFETIME));
                (token, 7200)
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_given_again_until_half_an_hour_before_its_end() {
        let tokens = Tokens::default();
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).unwrap();
        let issue = |second, name: &str| tokens.issue(at(second), || name.to_owned());
        assert_eq!(issue(0, "a"), ("a".to_owned(), 7200));
        assert_eq!(issue(5400, "b"), ("a".to_owned(), 1800));
        assert_eq!(issue(5401, "b"), ("b".to_owned(), 7200));
        assert!(tokens.is_valid("a", at(7199)) && tokens.is_valid("b", at(7199)));
        assert!(!tokens.is_valid("a", at(7200)) && tokens.is_valid("b", at(7200)));
        tokens.revoke();
        assert!(!tokens.is_valid("b", at(7200)));
    }
}
