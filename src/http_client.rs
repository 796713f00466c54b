//! The HTTP client as every sender of this process uses it: one TLS provider, the system's
//! certificates, no redirects, a limit on time.

use std::{net::IpAddr, path::Path, time::Duration};

use reqwest::{Certificate, Client, Url, redirect};

use crate::input;

/// For the connection alone; the request's own limit includes it.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// A client for one server. `ca_file` is a file of more certificate authorities, with the name of
/// the option that it was given by.
///
/// # Errors
/// A sentence, if the file cannot be used or the machine has no certificates.
pub fn for_server(
    url: &Url,
    timeout: Duration,
    ca_file: Option<(&str, &Path)>,
) -> Result<Client, String> {
    // The process has one TLS provider; whoever comes first installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("feishu-exporter/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .http1_only()
        .timeout(timeout)
        .connect_timeout(timeout.min(CONNECT_TIMEOUT_MAX));
    if url.scheme() == "http" {
        // Nothing to verify, and so no need for certificates on the machine.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if let Some((option, path)) = ca_file {
        let certificates =
            certificates(path).map_err(|why| format!("{option} {}: {why}", path.display()))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|e| {
        format!(
            "cannot prepare TLS: {}; install the system's certificates (package ca-certificates)",
            chain(&e)
        )
    })
}

/// The certificates of a file in PEM.
///
/// # Errors
/// Half a sentence, if it cannot be read or holds none.
pub fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let pem = input::read(path).map_err(|e| format!("cannot be read: {e}"))?;
    let found = Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|e| format!("holds a damaged certificate: {}", chain(&e)))?;
    if found.is_empty() {
        return Err("holds no certificate in PEM".to_owned());
    }
    Ok(found)
}

/// The innermost causes of an error on one line. reqwest's own text is left out: it holds the URL.
#[must_use]
pub fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        // hyper's wrappers repeat their cause.
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        source = cause.source();
    }
    match causes.is_empty() {
        true => "the request could not be sent".to_owned(),
        false => causes.join(": "),
    }
}

/// Whether the server is this machine itself, where no proxy is asked.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
