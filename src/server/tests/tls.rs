//! The server behind TLS and passwords.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::{
    secret::Secret,
    web::{ClientAuth, Reading, Settings, Source, Tls, Users, Version},
};

struct Fixed(Settings);

impl Source for Fixed {
    fn read(&self) -> Reading {
        Reading { outcome: Ok(self.0.clone()), files: Vec::new(), is_blank: false }
    }
}

/// A certificate with its key, as rustls takes them.
struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.clone()).unwrap()
    }
}

/// An authority, a server and two clients that it vouches for, and one that nobody does.
struct World {
    authority: CertificateDer<'static>,
    server: Identity,
    client: Identity,
    stranger: Identity,
}

impl World {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let signed = |name: &str, purpose| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.extended_key_usages = vec![purpose];
            let certificate = params.signed_by(&key, &issuer).unwrap();
            Identity { certificate: certificate.der().clone(), key: key.serialize_der() }
        };
        let key = KeyPair::generate().unwrap();
        let alone = CertificateParams::new(vec!["prometheus".to_owned()]).unwrap();
        let alone = alone.self_signed(&key).unwrap();
        Self {
            server: signed("localhost", ExtendedKeyUsagePurpose::ServerAuth),
            client: signed("prometheus", ExtendedKeyUsagePurpose::ClientAuth),
            stranger: Identity { certificate: alone.der().clone(), key: key.serialize_der() },
            authority: authority.der().clone(),
        }
    }

    fn tls(&self, client_auth: ClientAuth, names: &[&str]) -> Tls {
        Tls {
            certificates: vec![self.server.certificate.clone()],
            key: self.server.key(),
            client_auth,
            client_authorities: vec![self.authority.clone()],
            client_names: names.iter().map(|name| (*name).to_owned()).collect(),
            versions: [Version::Tls12, Version::Tls13],
            suites: Vec::new(),
            curves: Vec::new(),
            prefer_own_order: true,
            http2: true,
        }
    }

    async fn connect(
        &self,
        address: SocketAddr,
        identity: Option<&Identity>,
        alpn: &[&[u8]],
    ) -> io::Result<TlsStream<TcpStream>> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(id) => {
                builder.with_client_auth_cert(vec![id.certificate.clone()], id.key()).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// The status of a GET; an error where TLS or HTTP ended before one.
    async fn status(
        &self,
        address: SocketAddr,
        identity: Option<&Identity>,
        headers: &str,
    ) -> io::Result<u16> {
        let mut stream = self.connect(address, identity, &[]).await?;
        stream.write_all(request("GET", "/metrics", headers).as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        Ok(Answer::parse(&bytes).status)
    }
}

fn serving(settings: Settings) -> Running {
    let access = Arc::new(Access::from_source(Box::new(Fixed(settings))).unwrap());
    let server = start_with(Options { access, ..options() }, Limits::DEFAULT);
    publish_something(&server.published);
    server
}

fn with_tls(tls: Tls) -> Running {
    serving(Settings { tls: Some(tls.build().unwrap()), ..Settings::default() })
}

#[tokio::test]
async fn each_policy_for_clients_lets_in_whom_it_names() {
    let world = World::new();
    // Whether a client gets in: without a certificate, with a stranger's, with a known one.
    for (policy, expected) in [
        (ClientAuth::None, [true, true, true]),
        (ClientAuth::Request, [true, true, true]),
        (ClientAuth::RequireAny, [false, true, true]),
        (ClientAuth::VerifyIfGiven, [true, false, true]),
        (ClientAuth::RequireAndVerify, [false, false, true]),
    ] {
        let server = with_tls(world.tls(policy, &[]));
        let clients = [None, Some(&world.stranger), Some(&world.client)];
        for (client, expected) in clients.into_iter().zip(expected) {
            let status = world.status(server.address, client, "").await;
            assert_eq!(status.ok() == Some(200), expected, "{policy:?}");
        }
    }
}

#[tokio::test]
async fn a_client_needs_one_of_the_names() {
    let world = World::new();
    for (names, expected) in [(["prometheus"], true), (["prometheu"], false)] {
        let server = with_tls(world.tls(ClientAuth::RequireAndVerify, &names));
        let status = world.status(server.address, Some(&world.client), "").await;
        assert_eq!(status.ok() == Some(200), expected, "{names:?}");
    }
}

#[tokio::test]
async fn http2_is_spoken_where_both_want_it() {
    let world = World::new();
    let server = with_tls(world.tls(ClientAuth::None, &[]));
    let stream = world.connect(server.address, None, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let only_http1 = with_tls(Tls { http2: false, ..world.tls(ClientAuth::None, &[]) });
    let stream = world.connect(only_http1.address, None, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn plain_http_to_a_port_with_tls_is_told_so() {
    let world = World::new();
    let server = with_tls(world.tls(ClientAuth::None, &[]));
    let answer = get(server.address, "/metrics").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("HTTPS"));
    assert_eq!(world.status(server.address, None, "").await.unwrap(), 200);
}

#[tokio::test]
async fn handshakes_that_go_nowhere_leave_room_for_others() {
    let world = World::new();
    let server = with_tls(world.tls(ClientAuth::None, &[]));
    let mut stuck = Vec::new();
    for number in 0..600 {
        // Nothing at all, half a record, or a record that is no hello.
        let begin: &[u8] = [&b""[..], b"\x16\x03\x01\x02", b"\x16\x03\x01\x00\x01\x00"][number % 3];
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(begin).await;
        stuck.push(stream);
    }
    for _ in 0..5 {
        assert_eq!(world.status(server.address, None, "").await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_password_is_asked_for_everywhere_but_of_probes() {
    let hash = Secret::new(bcrypt::hash("s3cret", 4).unwrap());
    let users = Users::new([("prometheus".to_owned(), hash)]).unwrap();
    let server = serving(Settings { users, ..Settings::default() });
    let login = "authorization: Basic cHJvbWV0aGV1czpzM2NyZXQ=\r\n";
    for path in ["/metrics", "/", "/api/v1/status", "/config", "/nowhere"] {
        let refused = get(server.address, path).await;
        assert_eq!((refused.status, refused.headers["www-authenticate"].as_str()), (401, "Basic"));
        let wrong = ask(server.address, "GET", path, "authorization: Basic YTpi\r\n").await;
        assert_eq!(wrong.status, 401, "{path}");
        let status = if path == "/nowhere" { 404 } else { 200 };
        assert_eq!(ask(server.address, "GET", path, login).await.status, status, "{path}");
    }
    assert_eq!(ask(server.address, "POST", "/-/reload", "").await.status, 401);
    assert_eq!(get(server.address, "/-/healthy").await.status, 200);
    assert_eq!(get(server.address, "/-/ready").await.status, 200);
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_leaves_those_in_who_are() {
    let hash = Secret::new(bcrypt::hash("s3cret", 6).unwrap());
    let users = Users::new([("prometheus".to_owned(), hash)]).unwrap();
    let server = serving(Settings { users, ..Settings::default() });
    let login = "authorization: Basic cHJvbWV0aGV1czpzM2NyZXQ=\r\n";
    assert_eq!(ask(server.address, "GET", "/metrics", login).await.status, 200);
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..100 {
        let address = server.address;
        flood.spawn(async move {
            let password = base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                format!("prometheus:{number}"),
            );
            ask(address, "GET", "/metrics", &format!("authorization: Basic {password}\r\n"))
                .await
                .status
        });
    }
    for _ in 0..5 {
        assert_eq!(ask(server.address, "GET", "/metrics", login).await.status, 200);
        assert_eq!(get(server.address, "/-/healthy").await.status, 200);
    }
    let statuses = flood.join_all().await;
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn headers_are_added_and_the_rate_is_kept() {
    let rate = crate::web::Rate { interval: Duration::from_secs(3600), burst: 2 };
    let headers = vec![
        ("x-frame-options".parse().unwrap(), "deny".parse().unwrap()),
        ("content-security-policy".parse().unwrap(), "default-src 'self'".parse().unwrap()),
    ];
    let server = serving(Settings { headers, rate: Some(rate), ..Settings::default() });
    for path in ["/", "/nowhere"] {
        let answer = get(server.address, path).await;
        assert_eq!(answer.headers["x-frame-options"], "deny");
        assert_eq!(answer.headers["content-security-policy"], "default-src 'self'");
    }
    let more = get(server.address, "/metrics").await;
    assert_eq!((more.status, more.headers["retry-after"].as_str()), (429, "1"));
    assert_eq!(get(server.address, "/-/healthy").await.status, 200, "probes are not counted");
}

/// Settings that a test changes; its file only tells that they have changed.
struct Changing(Arc<std::sync::Mutex<Settings>>, std::path::PathBuf);

impl Source for Changing {
    fn read(&self) -> Reading {
        let settings = self.0.lock().unwrap().clone();
        Reading { outcome: Ok(settings), files: vec![self.1.clone()], is_blank: false }
    }
}

#[tokio::test]
async fn no_connection_outlives_the_certificate_that_it_began_with() {
    let (world, directory) = (World::new(), tempfile::tempdir().unwrap());
    let file = directory.path().join("changes");
    std::fs::write(&file, "1").unwrap();
    let tls =
        |auth| Settings { tls: Some(world.tls(auth, &[]).build().unwrap()), ..Settings::default() };
    let settings = Arc::new(std::sync::Mutex::new(tls(ClientAuth::None)));
    let source = Box::new(Changing(Arc::clone(&settings), file.clone()));
    let access = Arc::new(Access::from_source(source).unwrap());
    let options = Options { access: Arc::clone(&access), ..options() };
    let server = start_with(options, Limits::DEFAULT);
    publish_something(&server.published);
    let mut kept = world.connect(server.address, None, &[]).await.unwrap();
    let asks = b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n";
    kept.write_all(asks).await.unwrap();
    let mut answer = [0; 12];
    kept.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    // From now on a certificate is wanted, which this connection has none of.
    *settings.lock().unwrap() = tls(ClientAuth::RequireAndVerify);
    std::fs::write(&file, "22").unwrap();
    access.look().await;
    let mut last = Vec::new();
    let rest = kept.read_to_end(&mut last);
    // However it ends, it ends at once.
    let _ = tokio::time::timeout(Duration::from_secs(20), rest).await.expect("it is closed");
    assert!(world.status(server.address, None, "").await.is_err());
    assert_eq!(world.status(server.address, Some(&world.client), "").await.unwrap(), 200);
}

#[tokio::test]
async fn a_reader_of_http2_that_does_not_read_is_let_go_and_holds_nobody_up() {
    let world = World::new();
    let settings = Settings {
        tls: Some(world.tls(ClientAuth::None, &[]).build().unwrap()),
        ..Settings::default()
    };
    let access = Arc::new(Access::from_source(Box::new(Fixed(settings))).unwrap());
    let limits = Limits {
        write: Duration::from_millis(400),
        header_read: Duration::from_millis(100),
        ..Limits::DEFAULT
    };
    let server = start_with(Options { access, ..options() }, limits);
    publish_large(&server.published);
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = world.connect(server.address, None, &[b"h2"]).await.unwrap();
        // The preface, empty settings, and GET /metrics on stream 1 (RFC 9113; RFC 7541, B): the
        // windows of 65,535 bytes are never opened further.
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        let head = b"\x82\x87\x44\x08/metrics\x41\x01x";
        bytes.extend([0, 0, u8::try_from(head.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
        bytes.extend(head);
        stream.write_all(&bytes).await.unwrap();
        slow.push(stream);
    }
    let head = ask_over_tls(&world, server.address, "HEAD").await;
    assert_eq!(head.unwrap(), 200);
    for stream in &mut slow {
        let mut answer = Vec::new();
        let rest = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(60), rest).await.expect("it is let go");
        assert!(answer.len() < 200_000, "{}", answer.len());
    }
}

async fn ask_over_tls(world: &World, address: SocketAddr, method: &str) -> io::Result<u16> {
    let mut stream = world.connect(address, None, &[]).await?;
    stream.write_all(request(method, "/metrics", "").as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(Answer::parse(&bytes).status)
}
