//! What Feishu says when it refuses, as it says it.

use std::fmt;

/// What Feishu said when it refused: a code under some HTTP status.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Feishu's code; none where the body was no envelope.
    pub code: Option<i64>,
    /// Feishu's message, with secrets removed.
    pub msg: String,
    /// The scopes that Feishu names as missing.
    pub missing_scopes: Vec<String>,
    /// What Feishu says of single parameters.
    pub violations: Vec<Violation>,
    /// What answered, in a few words, where it was not Feishu.
    pub foreign: Option<String>,
    /// Whether this endpoint never answered under the address, while others did.
    pub only_others_answer: bool,
    /// The log id.
    pub log_id: Option<String>,
}

/// A parameter that Feishu does not accept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violation {
    /// The parameter's name.
    pub field: String,
    /// What is wrong with it; empty where Feishu does not say, or may speak of people.
    pub description: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.description.as_str() {
            "" => write!(f, "{} is not accepted", self.field),
            description => write!(f, "{}: {description}", self.field),
        }
    }
}
