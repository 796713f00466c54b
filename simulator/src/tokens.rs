//! Access tokens of two hours.

use std::{sync::Mutex, time::Duration};

use jiff::Timestamp;

use super::lock::lock;

/// "最大有效期是 2 小时".
const LIFETIME: Duration = Duration::from_secs(7200);
/// While at least so much is left, the same token is given again.
const RENEWAL: Duration = Duration::from_secs(1800);

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
    pub(crate) fn issue(&self, now: Timestamp, new: impl FnOnce() -> String) -> (String, i64) {
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
