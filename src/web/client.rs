//! What is asked of a client's certificate: Go's five policies, and the names it may have.

use std::{fmt, net::IpAddr, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// What is asked of a client, by the names that Go has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    #[default]
    None,
    /// A certificate is asked for, and none or any will do.
    Request,
    /// Any certificate.
    RequireAny,
    /// None, or one that the authorities vouch for.
    VerifyIfGiven,
    /// One that the authorities vouch for.
    RequireAndVerify,
}

impl ClientAuth {
    /// Every policy as it is written; `RequireClientCert` is an old name of `RequireAnyClientCert`.
    pub const NAMES: [&str; 6] = [
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "RequireClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
    ];

    /// The policy of a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "RequestClientCert" => Self::Request,
            "RequireAnyClientCert" | "RequireClientCert" => Self::RequireAny,
            "VerifyClientCertIfGiven" => Self::VerifyIfGiven,
            "RequireAndVerifyClientCert" => Self::RequireAndVerify,
            _ => Self::None,
        }
    }

    /// Whether it needs authorities.
    #[must_use]
    pub const fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    const fn requires(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }
}

struct Verifier {
    policy: ClientAuth,
    /// Those that verify; none where any certificate will do.
    authorities: Option<Arc<dyn ClientCertVerifier>>,
    names: Vec<String>,
    provider: Arc<CryptoProvider>,
}

/// Who verifies certificates by a policy; none: they are not asked for.
pub(super) fn verifier(
    policy: ClientAuth,
    authorities: Vec<CertificateDer<'static>>,
    names: Vec<String>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    if policy == ClientAuth::None {
        return Ok(None);
    }
    let authorities = if policy.verifies() {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority).map_err(|e| format!("an authority cannot be used: {e}"))?;
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Some(verifier.build().map_err(|e| format!("the authorities cannot be used: {e}"))?)
    } else {
        None
    };
    Ok(Some(Arc::new(Verifier { policy, authorities, names, provider: Arc::clone(provider) })))
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.policy.requires()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authorities.as_ref().map_or(&[], |authorities| authorities.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(authorities) = &self.authorities {
            authorities.verify_client_cert(end_entity, intermediates, now)?;
        }
        if !self.names.is_empty() {
            let names = alternative_names(end_entity)
                .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
            if !names.iter().any(|name| self.names.contains(name)) {
                let refused = CertificateError::ApplicationVerificationFailure;
                return Err(Error::InvalidCertificate(refused));
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// A certificate's alternative names as Go writes them: hosts, addresses of mail, IP addresses and
/// URIs. None if it cannot be read.
fn alternative_names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let extension = certificate.tbs_certificate().get_extension::<SubjectAltName>().ok()?;
    let Some((_, SubjectAltName(names))) = extension else { return Some(Vec::new()) };
    let text = |name: &GeneralName| match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => ip_address(bytes.as_bytes()).map(|ip| ip.to_string()),
        _ => None,
    };
    Some(names.iter().filter_map(text).collect())
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    #[test]
    fn the_names_of_a_certificate_are_those_that_go_finds() {
        let mut params = CertificateParams::new(vec!["a.example.org".to_owned()]).unwrap();
        params.subject_alt_names.extend([
            SanType::IpAddress([10, 0, 0, 1].into()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::Rfc822Name("a@example.org".try_into().unwrap()),
            SanType::URI("spiffe://example.org/a".try_into().unwrap()),
        ]);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(
            alternative_names(certificate.der()).unwrap(),
            ["a.example.org", "10.0.0.1", "2001:db8::1", "a@example.org", "spiffe://example.org/a"]
        );
        let plain = CertificateParams::default();
        let plain = plain.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(alternative_names(plain.der()), Some(Vec::new()));
        assert_eq!(alternative_names(&CertificateDer::from(vec![1, 2, 3])), None);
    }

    #[test]
    fn every_policy_has_its_name() {
        let policies = ClientAuth::NAMES.map(ClientAuth::named);
        assert_eq!(
            policies,
            [
                ClientAuth::None,
                ClientAuth::Request,
                ClientAuth::RequireAny,
                ClientAuth::RequireAny,
                ClientAuth::VerifyIfGiven,
                ClientAuth::RequireAndVerify,
            ]
        );
    }
}
