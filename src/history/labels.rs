//! Labels that the user adds to every sample: those of the live target.

use std::fmt;

use crate::{
    catalogue::{FIGURE_LABELS, families},
    usage::LABEL_BYTES_MAX,
};

/// Labels that every sample gets beside its own, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<(String, String)>);

/// Why a label cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLabel(String);

impl Labels {
    /// Labels written as `name=value`.
    ///
    /// # Errors
    /// If one is not written so, has a name that Prometheus does not take or that a sample has
    /// already, or comes twice.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, WrongLabel> {
        let mut labels: Vec<(String, String)> = Vec::new();
        for text in texts {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                WrongLabel(format!("{text:?} is not a label; write it like job=feishu"))
            })?;
            check(name, value)?;
            if labels.iter().any(|(other, _)| other == name) {
                return Err(WrongLabel(format!("{name} is given twice")));
            }
            labels.push((name.to_owned(), value.to_owned()));
        }
        labels.sort();
        Ok(Self(labels))
    }

    /// Names and values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn check(name: &str, value: &str) -> Result<(), WrongLabel> {
    let wrong = |what: &str| Err(WrongLabel(format!("{name:?} {what}")));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(plain)
    {
        return wrong("is no name of a label; use letters, digits and underscores");
    }
    if name.starts_with("__") {
        return wrong("is a name that Prometheus keeps for itself; leave the underscores out");
    }
    if FIGURE_LABELS.contains(&name) || families().any(|family| family.labels.contains(&name)) {
        return wrong("is a label that the metrics have already; leave it out");
    }
    if value.is_empty() {
        return wrong("has no value, which is the same as no label; leave it out");
    }
    if value.len() > LABEL_BYTES_MAX {
        return wrong("has a value of more than 512 bytes; shorten it");
    }
    Ok(())
}

impl fmt::Display for WrongLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongLabel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_their_values_hold_anything() {
        let labels = Labels::parse(["job=feishu", "instance=host:10917", "a=b=c"]).unwrap();
        let pairs: Vec<_> = labels.pairs().collect();
        assert_eq!(pairs, [("a", "b=c"), ("instance", "host:10917"), ("job", "feishu")]);
    }

    #[test]
    fn a_label_that_clashes_or_is_none_is_refused() {
        let long = format!("a={}", "x".repeat(513));
        for (text, what) in [
            ("job", "write it like job=feishu"),
            ("=x", "no name of a label"),
            ("1a=x", "no name of a label"),
            ("a.b=x", "no name of a label"),
            ("部=x", "no name of a label"),
            ("__name__=x", "keeps for itself"),
            ("tenant=x", "have already"),
            ("department=x", "have already"),
            ("product_version=x", "have already"),
            ("department_path=x", "have already"),
            ("job=", "no value"),
            (&long, "more than 512 bytes"),
        ] {
            let WrongLabel(message) = Labels::parse([text]).unwrap_err();
            assert!(message.contains(what), "{text}: {message}");
        }
        assert!(Labels::parse(["a=1", "b=1", "a=2"]).unwrap_err().0.contains("twice"));
    }
}
