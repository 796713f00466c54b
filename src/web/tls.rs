//! What a connection is encrypted with.

use std::sync::Arc;

use rustls::{
    ServerConfig, SupportedCipherSuite,
    crypto::{CryptoProvider, SupportedKxGroup, ring as provider},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{
    client::{self, ClientAuth},
    names::Version,
};

/// Everything that TLS is made of.
#[derive(Debug)]
pub struct Tls {
    /// The server's certificate, and those that lead from it to an authority.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The key of the first certificate.
    pub key: PrivateKeyDer<'static>,
    /// What is asked of a client.
    pub client_auth: ClientAuth,
    /// The authorities that a client's certificate is verified with.
    pub client_authorities: Vec<CertificateDer<'static>>,
    /// Names of which a client's certificate must have one; none: any will do.
    pub client_names: Vec<String>,
    /// The lowest and the highest version.
    pub versions: [Version; 2],
    /// The suites of TLS 1.2 in order of preference; empty: all. Those of TLS 1.3 are always there,
    /// as in Go.
    pub suites: Vec<SupportedCipherSuite>,
    /// The curves in order of preference; empty: all.
    pub curves: Vec<&'static dyn SupportedKxGroup>,
    /// Whether the order of `suites` stands above the client's.
    pub prefer_own_order: bool,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
}

/// The certificates of a PEM text.
///
/// # Errors
/// If there is none, or one that cannot be read.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("holds a certificate that cannot be read: {error}"))?;
    match found.is_empty() {
        true => Err("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned()),
        false => Ok(found),
    }
}

/// The private key of a PEM text. Nothing of it is repeated.
///
/// # Errors
/// If there is none that can be read.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        "holds no private key in PEM that is not encrypted (-----BEGIN PRIVATE KEY-----)".to_owned()
    })
}

impl Tls {
    /// The same as the TLS library wants it.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn build(self) -> Result<Arc<ServerConfig>, String> {
        let [lowest, highest] = self.versions;
        let versions: Vec<_> = [Version::Tls12, Version::Tls13]
            .into_iter()
            .filter(|version| (lowest..=highest).contains(version))
            .map(Version::supported)
            .collect();
        let provider = Arc::new(self.provider());
        let verifier = client::verifier(
            self.client_auth,
            self.client_authorities,
            self.client_names,
            &provider,
        )?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| format!("no cipher suite and version fit together: {error}"))?;
        let builder = match verifier {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let mut config = builder
            .with_single_cert(self.certificates, self.key)
            .map_err(|error| format!("certificate and key cannot be used: {error}"))?;
        config.ignore_client_order = self.prefer_own_order;
        config.alpn_protocols = match self.http2 {
            true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            false => vec![b"http/1.1".to_vec()],
        };
        Ok(Arc::new(config))
    }

    fn provider(&self) -> CryptoProvider {
        let mut provider = provider::default_provider();
        if !self.suites.is_empty() {
            let of_tls13 = provider.cipher_suites.iter().filter(|s| s.tls13().is_some()).copied();
            let of_tls12 = self.suites.iter().filter(|suite| suite.tls13().is_none()).copied();
            provider.cipher_suites = of_tls13.chain(of_tls12).collect();
        }
        if !self.curves.is_empty() {
            provider.kx_groups = self.curves.clone();
        }
        provider
    }
}
