//! Which certificate a server may show, and why one was refused.
//!
//! Beside the authorities of the system and of the file, exactly the certificates of the file are
//! accepted as the server's own: many private deployments show one that signs itself, which the
//! usual check refuses as an authority that stands in the place of a server.

use std::{error::Error as StdError, io, sync::Arc};

use jiff::Timestamp;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use rustls_platform_verifier::Verifier;

/// TLS that trusts the system's authorities and `certificates`, and `host` also if it shows one of
/// `certificates` itself.
pub(super) fn config(
    certificates: Vec<CertificateDer<'static>>,
    host: &str,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, Error> {
    let usual = Verifier::new_with_extra_roots(certificates.clone(), Arc::clone(provider))?;
    let verifier = OwnCertificates { usual, certificates, host: host.to_owned() };
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The usual check, and for one host the certificates that its operator gave.
#[derive(Debug)]
struct OwnCertificates {
    usual: Verifier,
    certificates: Vec<CertificateDer<'static>>,
    host: String,
}

impl OwnCertificates {
    /// The verdict on a certificate that the usual check refuses, where it is one of the file's.
    /// What that check says of time stands, and so does a name that the certificate states.
    fn verdict(
        &self,
        shown: &CertificateDer<'_>,
        name: &ServerName<'_>,
        refused: Error,
    ) -> Result<(), Error> {
        let Error::InvalidCertificate(why) = &refused else { return Err(refused) };
        let is_out_of_time = matches!(
            why,
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        );
        let is_own = !is_out_of_time
            && name.to_str().eq_ignore_ascii_case(&self.host)
            && self.certificates.iter().any(|own| own == shown);
        match is_own {
            true if states_names(shown) => ParsedCertificate::try_from(shown)
                .and_then(|shown| verify_server_name(&shown, name)),
            true => Ok(()),
            false => Err(refused),
        }
    }
}

/// Whether the certificate states names in the way of this century (subjectAltName). One that does
/// not was made for the one server that it was copied from.
fn states_names(certificate: &CertificateDer<'_>) -> bool {
    /// The object identifier 2.5.29.17 in DER.
    const SUBJECT_ALT_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];
    certificate.windows(SUBJECT_ALT_NAME.len()).any(|bytes| bytes == SUBJECT_ALT_NAME)
}

impl ServerCertVerifier for OwnCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = &self.usual;
        match usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(refused) => self
                .verdict(end_entity, server_name, refused)
                .map(|()| ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// What TLS failed with, and the remedy; none if the error is not of TLS.
pub(super) fn explain(error: &(dyn StdError + 'static), host: &str) -> Option<(String, String)> {
    const TRUST: &str = "give the authority's certificate, or the server's own, in PEM by ca_file, or add it to the system's certificates (package ca-certificates, or a file named by SSL_CERT_FILE); where a proxy inspects TLS, it is the proxy's";
    const OWN: &str = "give exactly this certificate in PEM by ca_file (`openssl s_client -connect HOST:PORT` shows it)";
    const CLOCK: &str =
        "check the clock of this machine (NTP); if it is right, the server needs a new certificate";
    /// Names of a certificate that are told.
    const NAMES_MAX: usize = 5;
    let certificate = match rustls_error(error)? {
        Error::InvalidCertificate(certificate) => certificate,
        Error::InvalidMessage(_) => {
            let what = format!("{host} does not speak TLS on this port");
            return Some((what, "check port and scheme of base_url".to_owned()));
        }
        other => {
            let remedy = "check that base_url names a server that speaks TLS 1.2 or 1.3";
            return Some((format!("no TLS with {host}: {other}"), remedy.to_owned()));
        }
    };
    let (what, remedy) = match certificate {
        CertificateError::UnknownIssuer => {
            (format!("the certificate of {host} comes from an authority that is not known"), TRUST)
        }
        CertificateError::ExpiredContext { time, not_after } => {
            let (end, now) = (moment(*not_after), moment(*time));
            (
                format!("the certificate of {host} was valid until {end}, and here it is {now}"),
                CLOCK,
            )
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let (begin, now) = (moment(*not_before), moment(*time));
            (
                format!("the certificate of {host} is valid from {begin}, and here it is {now}"),
                CLOCK,
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<String> =
                presented.iter().take(NAMES_MAX).map(|name| plain_name(name)).collect();
            let names = match names.as_slice() {
                [] => "no name".to_owned(),
                names => names.join(", "),
            };
            let remedy = "set base_url to the host that the certificate is for; if it is, something else, such as a proxy, answers for it";
            (format!("the certificate of {host} is not for this host but for {names}"), remedy)
        }
        other => {
            let text = other.to_string();
            match text.contains("CaUsedAsEndEntity") {
                true => (format!("the certificate of {host} signs itself"), OWN),
                false => {
                    let remedy = "the server needs another certificate; `openssl s_client -connect HOST:PORT` shows the one that it has";
                    (format!("the certificate of {host} cannot be used: {text}"), remedy)
                }
            }
        }
    };
    Some((what, remedy.to_owned()))
}

/// The form in which webpki tells a name, `DnsName("open.feishu.cn")`, without its wrapping.
fn plain_name(presented: &str) -> String {
    /// A host name has 253 characters at most.
    const NAME_MAX: usize = 253;
    let inner = presented.split_once('(').map_or(presented, |(_, inner)| inner);
    let name = inner.trim_end_matches(')').trim_matches('"');
    name[..name.floor_char_boundary(NAME_MAX)].to_owned()
}

fn moment(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).to_string()
}

/// The error of rustls among the causes. An `io::Error` hides its own from `source`.
fn rustls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<Error>() {
            return Some(found);
        }
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &'a (dyn StdError + 'static)),
            None => cause.source(),
        };
    }
    None
}
