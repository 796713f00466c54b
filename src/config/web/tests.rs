//! Web configurations as people write them, good and bad.

use std::{fs, net::IpAddr, sync::Arc};

use hyper::HeaderMap;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::web::{Access, Look, Refusal};

const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

/// A directory with a certificate, its key and another key.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    for (name, content) in [
        ("server.crt", certificate.pem()),
        ("server.key", key.serialize_pem()),
        ("other.key", other.serialize_pem()),
        ("junk", "junk\n".to_owned()),
    ] {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn loaded(directory: &TempDir, text: &str) -> Result<Settings, Vec<String>> {
    let path = directory.path().join("web.yml");
    fs::write(&path, text).unwrap();
    let shown = format!("{}:", path.display());
    WebFile::new(path).load().map_err(|problems| {
        problems.iter().map(|problem| problem.to_string().replace(&shown, "")).collect()
    })
}

#[test]
fn a_file_may_be_empty_or_hold_everything() {
    let directory = directory();
    for text in ["", "# nothing\n", "---\n", "{}"] {
        let settings = loaded(&directory, text).unwrap();
        assert!(settings.tls.is_none() && settings.users.is_empty() && settings.rate.is_none());
    }
    let settings = loaded(
        &directory,
        &format!(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  \
             client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.crt\n  \
             client_allowed_sans: [a.example.org, 10.0.0.1]\n  min_version: TLS12\n  \
             max_version: TLS13\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
             TLS_AES_128_GCM_SHA256]\n  prefer_server_cipher_suites: false\n  \
             curve_preferences: [X25519, CurveP256]\nhttp_server_config:\n  http2: false\n  \
             headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1\n    \
             X-Content-Type-Options: nosniff\n    X-XSS-Protection: \"0\"\n    \
             Content-Security-Policy: default-src 'none'\nbasic_auth_users:\n  alice: {HASH}\n  \
             b.o-b: {HASH}\nrate_limit:\n  interval: 100ms\n  burst: 20\n"
        ),
    )
    .unwrap();
    let tls = settings.tls.unwrap();
    assert_eq!(tls.alpn_protocols, [b"http/1.1".to_vec()]);
    assert!(!tls.ignore_client_order);
    assert_eq!(settings.headers.len(), 5);
    assert_eq!(format!("{:?}", settings.users), r#"{"alice", "b.o-b"}"#);
    assert_eq!(settings.rate.unwrap().burst, 20);
}

#[test]
fn certificate_and_key_may_stand_in_the_file_itself() {
    let directory = directory();
    let read = |name| fs::read_to_string(directory.path().join(name)).unwrap();
    let indented = |text: String| text.replace('\n', "\n    ");
    let (certificate, key) = (indented(read("server.crt")), indented(read("server.key")));
    let text = format!("tls_server_config:\n  cert: |\n    {certificate}\n  key: |\n    {key}\n");
    let settings = loaded(&directory, &text).unwrap();
    assert_eq!(settings.tls.unwrap().alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

#[test]
fn the_files_that_are_named_are_watched_even_where_they_are_missing() {
    let directory = directory();
    let path = directory.path().join("web.yml");
    fs::write(&path, "tls_server_config: {cert_file: gone.crt, key_file: server.key}").unwrap();
    let Reading { outcome, files, .. } = WebFile::new(path.clone()).read();
    assert!(outcome.unwrap_err().contains("gone.crt cannot be read"));
    let inside = |name: &str| directory.path().join(name);
    assert_eq!(files, [path, inside("gone.crt"), inside("server.key")]);
}

#[tokio::test]
async fn a_file_that_is_emptied_while_it_runs_opens_nothing() {
    let directory = directory();
    let path = directory.path().join("web.yml");
    let users = format!("basic_auth_users: {{bob: '{HASH}'}}");
    fs::write(&path, &users).unwrap();
    let access = Arc::new(Access::from_source(Box::new(WebFile::new(path.clone()))).unwrap());
    let nobody = IpAddr::from([127, 0, 0, 1]);
    for blank in ["", "\n", "# basic_auth_users:\n"] {
        fs::write(&path, blank).unwrap();
        assert_eq!(access.look().await, Look::Kept, "{blank:?}");
        assert_eq!(access.admits(&HeaderMap::new(), nobody).await, Err(Refusal::Unknown));
    }
    // Said on purpose, it is done.
    fs::write(&path, "{}").unwrap();
    assert_eq!(access.look().await, Look::Renewed);
    assert_eq!(access.admits(&HeaderMap::new(), nobody).await, Ok(()));
}

/// Each text is refused, with this among what is said.
#[track_caller]
fn assert_refused(cases: &[(String, &str)]) {
    let directory = directory();
    for (text, expected) in cases {
        let problems = loaded(&directory, text).unwrap_err();
        let told = problems.iter().any(|problem| problem.contains(expected));
        assert!(told, "{text}: {problems:?} should say {expected}");
        assert!(!problems.concat().contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn every_mistake_about_tls_is_told_with_its_line_and_a_remedy() {
    let tls = |more: &str| {
        format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{more}")
    };
    assert_refused(&[
        (
            "tls_server_confg: {}\n".to_owned(),
            "1: tls_server_confg: is not a known key; did you mean tls_server_config?",
        ),
        ("- a\n".to_owned(), "must be a section of keys, not a list"),
        ("tls_server_config: {cert_file: server.crt}\n".to_owned(), "or key_file is required"),
        ("tls_server_config: {key_file: server.key}\n".to_owned(), "or cert_file is required"),
        (
            "tls_server_config: {client_auth_type: NoClientCert}\n".to_owned(),
            "or cert_file is required",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: other.key}\n".to_owned(),
            "certificate and key cannot be used",
        ),
        (
            "tls_server_config: {cert_file: junk, key_file: server.key}\n".to_owned(),
            "holds no certificate in PEM",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: junk}\n".to_owned(),
            "holds no private key in PEM",
        ),
        (
            "tls_server_config: {cert_file: server.crt, cert: x, key_file: server.key}\n"
                .to_owned(),
            "keep one",
        ),
        (
            tls("  min_version: TLS10\n"),
            "4: tls_server_config.min_version: TLS10 is broken and not offered",
        ),
        (tls("  min_version: TLS13\n  max_version: TLS12\n"), "is above max_version"),
        (
            tls("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n"),
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA is a suite of Go that is not offered here",
        ),
        (tls("  cipher_suites: [invented]\n"), "is not a cipher suite that is offered"),
        (
            tls("  curve_preferences: [CurveP521]\n"),
            "CurveP521 is a curve of Go that is not offered here",
        ),
        (
            tls("  client_ca_file: server.crt\n"),
            "is required where client_ca or client_ca_file is given",
        ),
        (tls("  client_auth_type: RequireAndVerifyClientCert\n"), "needs client_ca_file"),
        (tls("  client_auth_type: Require\n"), "is not known; choose NoClientCert"),
        (tls("  client_allowed_sans: [a]\n"), "needs client_auth_type"),
    ]);
}

#[test]
fn every_other_mistake_is_told_with_its_line_and_a_remedy() {
    assert_refused(&[
        (
            "http_server_config: {headers: {X-Powered-By: x}}\n".to_owned(),
            "is not a known key; known here: Content-Security-Policy",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: maybe}}\n".to_owned(),
            "must be deny or sameorigin",
        ),
        ("http_server_config: {http2: 2}\n".to_owned(), "is neither true nor false"),
        (
            "basic_auth_users: {alice: hunter2}\n".to_owned(),
            "1: basic_auth_users.alice: must be a bcrypt hash",
        ),
        ("basic_auth_users: {alice: }\n".to_owned(), "has no password"),
        ("rate_limit: {interval: 1s}\n".to_owned(), "burst: must be 1 or more"),
        ("rate_limit: {interval: soon, burst: 1}\n".to_owned(), "is not a duration"),
    ]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let directory = directory();
    let many = "rate_limit: {interval: soon}\nbasic_auth_users: {a: x, b: y}\njunk: 1\n";
    assert_eq!(loaded(&directory, many).unwrap_err().len(), 4);
}
