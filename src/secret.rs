//! A string that must not be seen: app secrets and access tokens.

use std::{fmt, io, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::input;

/// What is printed in a secret's place, everywhere.
pub const REDACTED: &str = "<redacted>";

/// Shorter secrets are not searched for: they would tear ordinary words and numbers apart.
const SEARCHED_MIN: usize = 4;

/// A secret; prints as `<redacted>` and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a string out of sight.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The plain text, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// `text` with every occurrence of this secret replaced.
    ///
    /// For text that comes from outside: Feishu's own answers may repeat what was sent.
    #[must_use]
    pub fn redact(&self, text: String) -> String {
        let secret = self.expose();
        if secret.len() >= SEARCHED_MIN && text.contains(secret) {
            text.replace(secret, REDACTED)
        } else {
            text
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Where a secret is kept.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// Given in the configuration or the environment.
    Inline(Secret),
    /// In a file, read again at each use, so that it can be replaced while the process runs.
    File(PathBuf),
}

impl SecretSource {
    /// The secret as it is now; of a file, its one line without what an editor added.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold one line of characters that are seen. The path
    /// is not repeated: people have been seen to put the secret itself in its place.
    pub fn read(&self) -> io::Result<Secret> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => input::read_line(path).map(Secret::new).map_err(|error| {
                io::Error::new(error.kind(), format!("the secret's file cannot be used: {error}"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_prints_as_redacted() {
        let secret = Secret::new("hunter2-hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:?}", SecretSource::Inline(secret.clone())),
            "<redacted> <redacted> Inline(<redacted>)"
        );
    }

    #[test]
    fn an_answer_that_repeats_the_secret_is_cleaned() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(secret.redact("bad secret hunter2!".to_owned()), "bad secret <redacted>!");
        assert_eq!(secret.redact("fine".to_owned()), "fine");
    }

    #[test]
    fn a_secret_file_is_read_again_and_trimmed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = SecretSource::File(file.path().to_owned());
        assert!(source.read().unwrap_err().to_string().contains("is empty"));
        fs::write(file.path(), " first\n").unwrap();
        assert_eq!(source.read().unwrap().expose(), "first");
        fs::write(file.path(), "second").unwrap();
        assert_eq!(source.read().unwrap().expose(), "second");
    }
}
