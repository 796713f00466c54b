//! Every key of the web configuration, as exporter-toolkit has them.

use crate::{
    config::keys::{Key, key},
    config::kind::Kind,
    web::ClientAuth,
};

/// Bytes of a PEM text that is written into the file itself.
const INLINE_PEM: Kind = Kind::Pem;

/// A name of Go's TLS: a cipher suite or a curve.
pub(super) const NAME: Kind = Kind::Text;

const NAMES: Kind = Kind::List(&NAME);

/// The keys in the order in which they are documented; a section stands before its keys.
pub const WEB_KEYS: &[Key] = &[
    key(
        "tls_server_config",
        Kind::Section,
        None,
        "TLS; without a certificate the port speaks plain HTTP.",
    ),
    key(
        "tls_server_config.cert_file",
        Kind::Path,
        None,
        "PEM file with the certificate, and after it those that lead to an authority.",
    ),
    key("tls_server_config.cert", INLINE_PEM, None, "The same, written out."),
    key("tls_server_config.key_file", Kind::Path, None, "PEM file with the certificate's key."),
    key("tls_server_config.key", INLINE_PEM, None, "The same, written out."),
    key(
        "tls_server_config.client_auth_type",
        Kind::Choice(&ClientAuth::NAMES),
        Some("NoClientCert"),
        "What is asked of a client; only `RequireAndVerifyClientCert` keeps strangers out.",
    ),
    key(
        "tls_server_config.client_ca_file",
        Kind::Path,
        None,
        "PEM file with the authorities that vouch for clients.",
    ),
    key("tls_server_config.client_ca", INLINE_PEM, None, "The same, written out."),
    key(
        "tls_server_config.client_allowed_sans",
        Kind::List(&Kind::Text),
        None,
        "A client's certificate must have one of these names: a host, a mail address, an IP \
         address or a URI, exactly. Empty: any.",
    ),
    key(
        "tls_server_config.min_version",
        NAME,
        Some("TLS12"),
        "The lowest version, `TLS12` or `TLS13`.",
    ),
    key(
        "tls_server_config.max_version",
        NAME,
        Some("TLS13"),
        "The highest version, `TLS12` or `TLS13`.",
    ),
    key(
        "tls_server_config.cipher_suites",
        NAMES,
        None,
        "The suites of TLS 1.2 in order of preference, by Go's names. Empty: all that are \
         offered.",
    ),
    key(
        "tls_server_config.prefer_server_cipher_suites",
        Kind::Flag,
        Some("true"),
        "Whether that order stands above the client's.",
    ),
    key(
        "tls_server_config.curve_preferences",
        NAMES,
        None,
        "The curves in order of preference: `CurveP256`, `CurveP384`, `X25519`. Empty: all.",
    ),
    key("http_server_config", Kind::Section, None, "How HTTP is spoken."),
    key(
        "http_server_config.http2",
        Kind::Flag,
        Some("true"),
        "Whether HTTP/2 is offered; there is none without TLS.",
    ),
    key("http_server_config.headers", Kind::Section, None, "Headers that every answer gets."),
    key(
        "http_server_config.headers.Content-Security-Policy",
        Kind::Text,
        None,
        "In place of the policy of the page.",
    ),
    key(
        "http_server_config.headers.Strict-Transport-Security",
        Kind::Text,
        None,
        "Browsers come back over TLS alone.",
    ),
    key("http_server_config.headers.X-Content-Type-Options", Kind::Text, None, "`nosniff`."),
    key("http_server_config.headers.X-Frame-Options", Kind::Text, None, "`deny` or `sameorigin`."),
    key("http_server_config.headers.X-XSS-Protection", Kind::Text, None, "For old browsers."),
    key(
        "basic_auth_users",
        Kind::Section,
        None,
        "The users, each with the bcrypt hash of the password. Empty: no password is asked for.",
    ),
    key(
        "basic_auth_users.*",
        Kind::Secret,
        None,
        "A hash of cost 4..16, as `htpasswd -nBC 10 \"\"` makes it: `$2a$`, `$2b$` or `$2y$`.",
    ),
    key("rate_limit", Kind::Section, None, "A bucket of requests, for all clients together."),
    key(
        "rate_limit.interval",
        Kind::Duration { min: "0s", max: "1d" },
        Some("0s"),
        "The time after which one more request is answered. `0`: no limit.",
    ),
    key(
        "rate_limit.burst",
        Kind::Count { min: 0, max: 1_000_000 },
        Some("0"),
        "Requests that are answered at once; required with an interval.",
    ),
];

/// The values of headers that have only few.
pub(super) fn allowed_values(header: &str) -> &'static [&'static str] {
    match header {
        "X-Content-Type-Options" => &["nosniff"],
        "X-Frame-Options" => &["deny", "sameorigin"],
        _ => &[],
    }
}
