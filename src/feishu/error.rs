//! A request that failed: what was attempted, what happened, how far it reaches, what to do.
//!
//! Feishu's `code` decides, never the HTTP status alone and never the text of `msg`, which may
//! change (API call guide).

use std::{error, fmt};

use super::{
    class::{Class, Reach},
    codes,
    endpoint::Endpoint,
    refusal::Refusal,
};

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What was attempted, as a sentence goes on: "fetching statistics of department x".
    pub attempt: String,
    /// The class.
    pub class: Class,
    /// Which other requests would fail in the same way.
    pub reach: Reach,
    /// Feishu's code, if it answered with one.
    pub code: Option<i64>,
    /// What happened, without the remedy.
    pub what: String,
    /// What the operator can do.
    pub remedy: String,
    /// The scopes that are missing; the remedy tells whether all are needed or one is enough.
    pub missing_scopes: Vec<String>,
    /// Feishu's log id, which its support asks for.
    pub log_id: Option<String>,
}

impl Error {
    /// An error of a kind that needs no code: network, size, time, paging.
    #[must_use]
    pub fn local(class: Class, attempt: &str, what: impl Into<String>) -> Self {
        let remedy = match class {
            Class::Network => "check the network, the proxy variables and base_url",
            Class::Malformed => {
                "check that base_url is Feishu's or Lark's open API and that no proxy changes its answers"
            }
            Class::Quota => "raise limits.requests_per_month or wait for the next month",
            _ => "see the log for what came before",
        };
        Self {
            attempt: attempt.to_owned(),
            class,
            reach: class.usual_reach(),
            code: None,
            what: what.into(),
            remedy: remedy.to_owned(),
            missing_scopes: Vec::new(),
            log_id: None,
        }
    }

    /// The error for an answer that was not success.
    #[must_use]
    pub fn refused(endpoint: Endpoint, attempt: &str, refusal: Refusal) -> Self {
        let verdict = codes::verdict(endpoint, &refusal);
        let mut what = match (refusal.code, refusal.foreign) {
            (Some(code), _) => format!("Feishu answered {code}"),
            (None, Some(foreign)) => foreign,
            (None, None) => {
                format!("the answer was HTTP {} without a Feishu code", refusal.status)
            }
        };
        if let Some(meaning) = verdict.meaning {
            what.push_str(&format!(" ({meaning})"));
        }
        if !refusal.msg.is_empty() {
            what.push_str(&format!(": {}", refusal.msg));
        }
        for violation in &refusal.violations {
            what.push_str(&format!("; {violation}"));
        }
        Self {
            attempt: attempt.to_owned(),
            class: verdict.class,
            reach: verdict.reach,
            code: refusal.code,
            what,
            remedy: remedy(endpoint, verdict.remedy, &refusal.missing_scopes),
            missing_scopes: match refusal.missing_scopes {
                named if !named.is_empty() => named,
                _ if verdict.remedy == codes::GRANT_SCOPE => {
                    endpoint.scope().map(str::to_owned).into_iter().collect()
                }
                _ => Vec::new(),
            },
            log_id: refusal.log_id,
        }
    }

    /// The same error with every text that came from outside passed through `clean`.
    pub(super) fn redacted(self, clean: impl Fn(String) -> String) -> Self {
        Self {
            what: clean(self.what),
            remedy: clean(self.remedy),
            missing_scopes: self.missing_scopes.into_iter().map(&clean).collect(),
            log_id: self.log_id.map(clean),
            ..self
        }
    }

    /// Whether the app was recognised and only this one department or id was denied to it.
    #[must_use]
    pub fn app_was_accepted(&self) -> bool {
        self.reach == Reach::Department
    }
}

/// The remedy's text with the scope that is missing, as Feishu names it or as its document does.
fn remedy(endpoint: Endpoint, text: &str, missing_scopes: &[String]) -> String {
    let scopes = match (missing_scopes, endpoint.scope()) {
        ([], Some(scope)) => scope.to_owned(),
        ([], None) => "that its document asks for".to_owned(),
        (named, _) => named.join(" or "),
    };
    text.replace("{scope}", &scopes)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.attempt, self.what, self.remedy)?;
        match &self.log_id {
            Some(log_id) => write!(f, " (log id {log_id})"),
            None => Ok(()),
        }
    }
}

impl error::Error for Error {}
