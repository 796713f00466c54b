//! Go's names of what TLS is made of, and what they are here.

use rustls::{
    NamedGroup, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{SupportedKxGroup, ring as provider},
    version::{TLS12, TLS13},
};

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The cipher suites that can be chosen.
pub const SUITES: [&str; 9] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// The suites that Go has and the TLS of this exporter has not: CBC has had too many holes.
const SUITES_OF_GO: [&str; 4] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// The curves that can be chosen.
pub const CURVES: [&str; 3] = ["CurveP256", "CurveP384", "X25519"];

impl Version {
    /// A version by the name that the web configuration has for it.
    ///
    /// # Errors
    /// What to choose instead.
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            "TLS10" | "TLS11" => {
                Err(format!("{name} is broken and not offered; choose TLS12 or TLS13"))
            }
            _ => Err("is not a version of TLS; choose TLS12 or TLS13".to_owned()),
        }
    }

    pub(super) const fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &TLS12,
            Self::Tls13 => &TLS13,
        }
    }
}

/// A cipher suite by Go's name.
///
/// # Errors
/// What to choose instead.
pub fn suite(name: &str) -> Result<SupportedCipherSuite, String> {
    // Go writes the suites of TLS 1.3 without the version, and two others shorter as well.
    let known = |suite: &&SupportedCipherSuite| {
        let own = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
        own == name
            || own
                .strip_suffix("_SHA256")
                .is_some_and(|short| short == name && short.ends_with("_POLY1305"))
    };
    if let Some(suite) = provider::ALL_CIPHER_SUITES.iter().find(known) {
        return Ok(*suite);
    }
    let choices = SUITES.join(", ");
    if SUITES_OF_GO.contains(&name) {
        return Err(format!("{name} is a suite of Go that is not offered here; choose {choices}"));
    }
    Err(format!("is not a cipher suite that is offered; choose {choices}"))
}

/// A curve by Go's name.
///
/// # Errors
/// What to choose instead.
pub fn curve(name: &str) -> Result<&'static dyn SupportedKxGroup, String> {
    let choices = CURVES.join(", ");
    let group = match name {
        "X25519" => NamedGroup::X25519,
        "CurveP256" => NamedGroup::secp256r1,
        "CurveP384" => NamedGroup::secp384r1,
        "CurveP521" => {
            return Err(format!(
                "{name} is a curve of Go that is not offered here; choose {choices}"
            ));
        }
        _ => return Err(format!("is not a curve that is offered; choose {choices}")),
    };
    let found = provider::ALL_KX_GROUPS.iter().find(|curve| curve.name() == group);
    found.copied().ok_or_else(|| format!("{name} is not offered here; choose {choices}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_offered_is_there_and_others_are_told_apart() {
        for name in SUITES {
            assert!(suite(name).is_ok(), "{name}");
        }
        assert_eq!(provider::ALL_CIPHER_SUITES.len(), SUITES.len());
        assert!(suite("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305").is_ok());
        for name in SUITES_OF_GO {
            assert!(suite(name).unwrap_err().starts_with(name), "{name}");
        }
        assert!(suite("TLS_RSA_WITH_RC4").unwrap_err().starts_with("is not"));
        for name in CURVES {
            assert!(curve(name).is_ok(), "{name}");
        }
        assert!(curve("CurveP521").unwrap_err().starts_with("CurveP521 is a curve of Go"));
        assert!(curve("P-256").is_err());
        assert_eq!(Version::named("TLS12"), Ok(Version::Tls12));
        assert!(Version::named("TLS10").unwrap_err().contains("broken"));
        assert!(Version::named("SSL3").is_err());
    }
}
