//! TLS, client certificates and passwords, as curl, OpenSSL and a real Prometheus meet them.

use std::{fs, path::Path, process::Command};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};

use crate::{
    outside::{get, try_get},
    program::{Program, eventually, run},
    prometheus::Prometheus,
    world::{SECRET, World},
};

/// `s3cret` with cost 10.
const HASH: &str = "$2b$10$QOauhQNbBCuQDKes6eFzPeYKMo7jLD4MUpQ9Mp5zcAbGNL7hSCAvW";

/// An authority, and what it has signed, as PEM.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate for self-signed whose issuer has its own name.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for a name, and its key.
    fn sign(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names = vec![name.to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

const WEB: &str = "tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
basic_auth_users:
  prometheus: HASH
";

struct Secured {
    exporter: Program,
    url: String,
    authority: Authority,
    client: (String, String),
    _world: World,
}

impl Secured {
    fn start(web: &str) -> Self {
        let (world, authority) = (World::new(4), Authority::new());
        let (certificate, key) = authority.sign("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let client = authority.sign("prometheus", ExtendedKeyUsagePurpose::ClientAuth);
        let filled = web.replace("HASH", HASH);
        let files = [
            ("conf.yml", world.configuration()),
            ("secret", SECRET.to_owned()),
            ("web.yml", filled),
            ("server.crt", certificate),
            ("server.key", key),
            ("ca.crt", authority.certificate.clone()),
            ("client.crt", client.0.clone()),
            ("client.key", client.1.clone()),
        ];
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let arguments = [
            "serve",
            "--config.file=conf.yml",
            "--web.config.file=web.yml",
            "--web.listen-address=127.0.0.1:0",
        ];
        let mut exporter = Program::exporter(&arguments, &files);
        let scheme = if web.contains("tls") { "https" } else { "http" };
        let url = exporter.told(&format!("{scheme}://127.0.0.1:"), "");
        Self { exporter, url, authority, client, _world: world }
    }

    fn file(&self, name: &str) -> String {
        self.exporter.path(name).display().to_string()
    }

    /// The status of a page for somebody with these options of curl; none where TLS fails.
    fn status(&self, page: &str, more: &[&str]) -> Option<u16> {
        let authority = self.file("ca.crt");
        let mut options = vec!["--cacert", &authority];
        options.extend(more);
        try_get(&format!("{}{page}", self.url), &options).map(|answer| answer.status)
    }

    fn replace(&self, name: &str, content: &str) {
        // By a new file, as certbot and Kubernetes do it.
        let new = self.exporter.path("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.exporter.path(name)).unwrap();
    }
}

/// What `openssl s_client` says to a port, with more options.
fn openssl(url: &str, more: &[&str]) -> (bool, String) {
    let address = url.trim_start_matches("https://");
    let output = Command::new("openssl")
        .args(["s_client", "-connect", address, "-brief"])
        .args(more)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl is there: use tests/run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (said.contains("CONNECTION ESTABLISHED"), said)
}

#[test]
fn curl_and_prometheus_get_in_with_certificate_and_password_alone() {
    let secured = Secured::start(WEB);
    let (certificate, key) = (secured.file("client.crt"), secured.file("client.key"));
    let client = ["--cert", &certificate, "--key", &key];
    let login = |user| [&client[..], &["--user", user]].concat();
    assert_eq!(secured.status("/metrics", &login("prometheus:s3cret")), Some(200));
    assert_eq!(secured.status("/metrics", &login("prometheus:s3cre")), Some(401));
    assert_eq!(secured.status("/metrics", &login("nobody:s3cret")), Some(401));
    assert_eq!(secured.status("/metrics", &client), Some(401));
    assert_eq!(secured.status("/-/healthy", &client), Some(200));
    assert_eq!(secured.status("/metrics", &["--user", "prometheus:s3cret"]), None);
    for (option, spoken) in [("--http2", "\n2"), ("--http1.1", "\n1.1")] {
        let version =
            [&login("prometheus:s3cret")[..], &[option, "--write-out", "%{http_version}"]];
        let authority = secured.file("ca.crt");
        let version = [&["--cacert", &authority][..], &version.concat()].concat();
        let page = get(&format!("{}/metrics", secured.url), &version).text();
        assert!(page.ends_with(spoken), "{option}");
    }

    let target = secured.url.trim_start_matches("https://").to_owned();
    let more = "    scheme: https\n    basic_auth: {username: prometheus, password: s3cret}\n    \
                tls_config: {ca_file: ca.crt, cert_file: client.crt, key_file: client.key, \
                server_name: localhost}\n";
    let files = [
        ("ca.crt", secured.authority.certificate.as_str()),
        ("client.crt", &secured.client.0),
        ("client.key", &secured.client.1),
    ];
    let prometheus = Prometheus::with(&target, more, &files);
    eventually("a scrape over TLS", || {
        let up = prometheus.query("up{job=\"feishu\"} == 1");
        (!up.is_empty()).then_some(())
    });
    assert!(!prometheus.query("feishu_exporter_build_info").is_empty());
}

#[test]
fn only_versions_that_are_safe_are_spoken() {
    let secured = Secured::start(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, max_version: TLS12}\n",
    );
    let weak = ["-cipher", "ALL:@SECLEVEL=0"];
    for version in ["-tls1", "-tls1_1", "-tls1_3"] {
        let (spoken, said) = openssl(&secured.url, &[&[version][..], &weak].concat());
        assert!(!spoken, "{version}: {said}");
    }
    let (spoken, said) = openssl(&secured.url, &["-tls1_2", "-alpn", "h2,http/1.1"]);
    assert!(spoken && said.contains("TLSv1.2"), "{said}");
    for cipher in ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "NULL", "DES-CBC3-SHA"] {
        let cipher = format!("{cipher}:@SECLEVEL=0");
        let (spoken, said) = openssl(&secured.url, &["-tls1_2", "-cipher", &cipher]);
        assert!(!spoken, "{cipher}: {said}");
    }

    secured.replace(
        "web.yml",
        "tls_server_config: {cert_file: server.crt, key_file: server.key, min_version: TLS13}\n",
    );
    eventually("the new versions", || openssl(&secured.url, &["-tls1_3"]).0.then_some(()));
    assert!(!openssl(&secured.url, &["-tls1_2"]).0);
}

#[test]
fn a_new_certificate_is_used_and_a_broken_one_is_told_once() {
    let secured =
        Secured::start("tls_server_config: {cert_file: server.crt, key_file: server.key}\n");
    let other = Authority::new();
    let (certificate, key) = other.sign("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    secured.replace("server.key", "broken");
    let told = "cannot be used; what was in force stays";
    eventually("the broken key in the log", || {
        secured.exporter.stderr().contains(told).then_some(())
    });
    assert_eq!(secured.status("/-/healthy", &[]), Some(200));
    let page = get(&format!("{}/metrics", secured.url), &["--insecure"]).text();
    assert!(page.contains("feishu_exporter_web_config_last_reload_successful 0\n"), "{page}");

    secured.replace("server.crt", &certificate);
    secured.replace("server.key", &key);
    secured.replace("other.crt", &other.certificate);
    let authority = secured.file("other.crt");
    eventually("the new certificate", || {
        let url = format!("{}/-/healthy", secured.url);
        try_get(&url, &["--cacert", &authority]).filter(|answer| answer.status == 200)
    });
    assert!(secured.exporter.stderr().matches(told).count() <= 2, "once for each file at most");
}

#[test]
fn a_health_check_finds_its_way_over_tls() {
    let tls = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";
    for (web, said) in [(tls, "is healthy"), (WEB, "wants a certificate")] {
        let secured = Secured::start(web);
        let address = secured.url.trim_start_matches("https://");
        let (status, out, err) = run(
            secured.exporter.path("").as_path(),
            &["healthcheck", &format!("--web.listen-address={address}")],
        );
        assert_eq!(status, Some(0), "{err}");
        assert!(out.starts_with("https://") && out.contains(said), "{out}");
    }
}

/// An exporter under a limit that the shell sets.
fn start_within(world: &World, limit: &str) -> Program {
    let directory =
        crate::program::directory(&[("conf.yml", &world.configuration()), ("secret", SECRET)]);
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_feishu-exporter");
    let arguments = "serve --config.file=conf.yml --web.listen-address=127.0.0.1:0";
    command.args(["-c", &format!("{limit}; exec {program} {arguments}")]);
    Program::start(command, directory)
}

#[test]
fn a_limit_on_the_size_of_files_ends_nothing() {
    let world = World::new(4);
    let mut exporter = start_within(&world, "ulimit -f 8");
    let url = exporter.listens();
    crate::world::metrics_of_latest(&url, world.departments().len());
    assert_eq!(exporter.ended(), None, "{}", exporter.stderr());
    assert_eq!(get(&format!("{url}/-/healthy"), &[]).status, 200);
}

#[test]
fn the_running_configuration_is_shown_without_its_secrets() {
    let secured = Secured::start("{}");
    let page = get(&format!("{}/config", secured.url), &[]).text();
    assert!(page.contains("app_id: cli_demo\n") && page.contains("lookback: 7d\n"), "{page}");
    assert!(!page.contains(SECRET), "{page}");
}

#[test]
fn a_wrong_web_configuration_is_told_before_anything_is_served() {
    let world = World::new(2);
    let directory = crate::program::directory(&[
        ("conf.yml", &world.configuration()),
        ("secret", SECRET),
        ("web.yml", "tls_server_config: {cert_file: gone.crt}\nbasic_auth_users: {a: hunter2}\n"),
    ]);
    let at = |path: &Path, arguments: &[&str]| run(path, arguments);
    let flags = ["--config.file=conf.yml", "--web.config.file=web.yml"];
    for command in ["serve", "check-config"] {
        let (status, _, err) = at(directory.path(), &[&[command][..], &flags].concat());
        assert_eq!(status, Some(2), "{command}: {err}");
        for part in
            ["web.yml:1: tls_server_config.cert_file: ", "or key_file is required", "web.yml:2: "]
        {
            assert!(err.contains(part), "{command}: {part}: {err}");
        }
        assert!(!err.contains("hunter2"), "{err}");
    }
    fs::write(directory.path().join("web.yml"), format!("basic_auth_users: {{a: {HASH}}}\n"))
        .unwrap();
    let (status, out, err) = at(directory.path(), &[&["check-config"][..], &flags].concat());
    assert_eq!(status, Some(0), "{err}");
    assert!(
        out.contains(
            "web.yml is valid\n  pages         over plain HTTP, with the password of one user\n"
        ),
        "{out}"
    );
}

#[test]
fn with_few_descriptors_the_probe_is_answered_and_the_log_stays_short() {
    let world = World::new(4);
    let mut exporter = start_within(&world, "ulimit -n 26");
    let url = exporter.listens();
    crate::world::metrics_of_latest(&url, world.departments().len());
    let address = url.trim_start_matches("http://").to_owned();
    let quiet: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(&address)).collect();
    for _ in 0..5 {
        assert_eq!(get(&format!("{url}/-/healthy"), &[]).status, 200);
    }
    drop(quiet);
    assert_eq!(get(&format!("{url}/metrics"), &[]).status, 200);
    let log = exporter.stderr();
    assert!(log.matches("Cannot accept").count() <= 1, "{log}");
}
