//! The HTTP client as every sender of this process uses it: one TLS provider, the system's
//! certificates, no redirects, a limit on time.

mod proxy;
#[cfg(test)]
mod tests;
mod tls;

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use reqwest::{Client, Url, redirect};
use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};

use crate::input;

/// For the connection alone; the request's own limit includes it.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// A client for one server. `ca_file` is a file of more certificates to trust, with the name of
/// the option that it was given by: of authorities, or the server's own.
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
    if let Some(why) = proxy::unusable(url) {
        tracing::warn!("{why}");
    }
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
        let unusable = |why: String| format!("{option} {}: {why}", path.display());
        let certificates = certificates(path).map_err(unusable)?;
        let provider = CryptoProvider::get_default().map(Arc::clone);
        let provider =
            provider.unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let tls = tls::config(certificates, host, &provider)
            .map_err(|e| unusable(format!("holds a damaged certificate: {e}")))?;
        builder = builder.tls_backend_preconfigured(tls);
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
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = input::read(path).map_err(|e| format!("cannot be read: {e}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|e| format!("holds a damaged certificate: {}", in_words(&e)))?;
    if found.is_empty() {
        return Err("holds no certificate in PEM".to_owned());
    }
    // What is between the lines of PEM shows only now.
    let mut roots = RootCertStore::empty();
    for certificate in &found {
        let added = roots.add(certificate.clone());
        added.map_err(|e| format!("holds a damaged certificate: {e}"))?;
    }
    Ok(found)
}

/// What is wrong with a file in PEM; the library shows lines as lists of numbers.
fn in_words(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "it is cut off before its line -----END CERTIFICATE-----".to_owned()
        }
        pem::Error::IllegalSectionStart { line } => {
            let line = String::from_utf8_lossy(line);
            format!("the line {:?} is not -----BEGIN CERTIFICATE-----", line.trim_end())
        }
        other => other.to_string(),
    }
}

/// Why a request got no answer, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    /// What happened, on one line and without the URL.
    pub what: String,
    /// What the operator can do.
    pub remedy: String,
}

/// Why a request to the server got no answer: the certificate, the proxy, or the network.
#[must_use]
pub fn no_answer(error: &reqwest::Error, url: &Url) -> NoAnswer {
    let host = url.host_str().unwrap_or_default();
    if let Some((what, remedy)) = tls::explain(error, host) {
        return NoAnswer { what, remedy };
    }
    let what = chain(error);
    let Some(proxy) = proxy::of(url) else {
        let remedy = "check the network, the proxy variables and base_url".to_owned();
        return NoAnswer { what, remedy };
    };
    let (what, remedy) = if what.contains("proxy authorization required") {
        let remedy = "give its login in the variable, HTTPS_PROXY=http://user:password@host:port, or except the API by NO_PROXY";
        (format!("the proxy {proxy} asks for a login (HTTP 407)"), remedy)
    } else if what.contains("tunnel error: unsuccessful") {
        let remedy = "have the proxy allow CONNECT to the API (its log has the status, such as 403 or 502), or except the API by NO_PROXY";
        (format!("the proxy {proxy} refuses to connect to {host}"), remedy)
    } else {
        let remedy = "check the network, the proxy (HTTPS_PROXY, NO_PROXY) and base_url";
        (format!("through the proxy {proxy}: {what}"), remedy)
    };
    NoAnswer { what, remedy: remedy.to_owned() }
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
