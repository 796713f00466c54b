//! Real connections to a server that shows one certificate or another.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    sync::Arc,
    thread,
};

use rustls::{ServerConfig, ServerConnection, Stream, pki_types::PrivateKeyDer};

use super::*;

fn file(name: &str) -> PathBuf {
    ["tests", "data", "tls", &format!("{name}.pem")].iter().collect()
}

/// Serves one connection after the other with that certificate; returns the port.
fn serve(certificate: &str) -> u16 {
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let chain = certificates(&file(certificate)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = Stream::new(&mut tls, &mut connection);
            // A client that refuses the certificate hangs up.
            if stream.read(&mut [0; 1024]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    port
}

/// Asks the server with a `ca_file`, by that host.
async fn ask(certificate: &str, ca_file: &str, host: &str) -> Result<u16, NoAnswer> {
    let url = Url::parse(&format!("https://{host}:{}/", serve(certificate))).unwrap();
    let path = file(ca_file);
    let client = for_server(&url, Duration::from_secs(10), Some(("ca_file", &path))).unwrap();
    match client.get(url.clone()).send().await {
        Ok(answer) => Ok(answer.status().as_u16()),
        Err(error) => Err(no_answer(&error, &url)),
    }
}

#[tokio::test]
async fn a_servers_own_certificate_is_accepted_and_only_that_one() {
    for own in ["self_signed", "self_signed_common_name"] {
        assert_eq!(ask(own, own, "localhost").await, Ok(200), "{own}");
        let refused = ask(own, "authority", "localhost").await.unwrap_err();
        assert!(refused.remedy.contains("ca_file"), "{own}: {refused:?}");
    }
    // The same key and name in another certificate is another certificate.
    for (shown, given) in [
        ("self_signed", "self_signed_common_name"),
        ("self_signed_common_name", "self_signed_other_name"),
    ] {
        assert!(ask(shown, given, "localhost").await.is_err(), "{shown} {given}");
    }
    assert_eq!(ask("signed", "authority", "localhost").await, Ok(200), "an authority's");
    assert_eq!(ask("signed", "signed", "localhost").await, Ok(200), "its own, signed by another");
}

#[tokio::test]
async fn each_way_in_which_a_certificate_is_refused_has_its_words_and_its_remedy() {
    for (shown, given, what, remedy) in [
        ("signed", "self_signed_other_name", "an authority that is not known", "SSL_CERT_FILE"),
        ("self_signed", "authority", "localhost signs itself", "ca_file"),
        ("signed_expired", "authority", "valid until 2021-01-01T00:00:00Z", "clock"),
        ("self_signed_expired", "self_signed_expired", "valid until 2021", "clock"),
        ("self_signed_future", "self_signed_future", "valid from 2110", "clock"),
        ("signed_other_name", "authority", "not for this host but for feishu.example", "base_url"),
        ("self_signed_other_name", "self_signed_other_name", "not for this host but", "base_url"),
    ] {
        let refused = ask(shown, given, "localhost").await.unwrap_err();
        assert!(refused.what.contains(what), "{shown} {given}: {refused:?}");
        assert!(refused.remedy.contains(remedy), "{shown} {given}: {refused:?}");
        assert!(!refused.remedy.contains("check the network"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_as_such() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 1024]);
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let url = Url::parse(&url).unwrap();
    let path = file("authority");
    let client = for_server(&url, Duration::from_secs(10), Some(("ca_file", &path))).unwrap();
    let error = client.get(url.clone()).send().await.unwrap_err();
    let NoAnswer { what, remedy } = no_answer(&error, &url);
    assert!(what.contains("does not speak TLS") && remedy.contains("base_url"), "{what}");
}

#[test]
fn a_file_without_a_certificate_is_refused_by_name() {
    let url = Url::parse("https://localhost/").unwrap();
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in [empty.path(), &file("key"), &file("nothing")] {
        let why = for_server(&url, Duration::from_secs(1), Some(("ca_file", path))).unwrap_err();
        assert!(why.starts_with(&format!("ca_file {}: ", path.display())), "{why}");
    }
}

#[test]
fn a_damaged_certificate_is_told_before_anything_is_asked() {
    let good = std::fs::read_to_string(file("authority")).unwrap();
    let cut = good[..good.rfind("-----END").unwrap()].to_owned();
    let begin = "-----BEGIN CERTIFICATE-----";
    let unseen = good.replacen(begin, &format!("{begin}\u{200b}"), 1);
    for (text, word) in [
        (format!("{begin}\nZZZZ\n-----END CERTIFICATE-----\n"), "damaged"),
        (format!("{good}{begin}\nAAAA\n-----END CERTIFICATE-----\n"), "damaged"),
        (cut, "cut off before its line -----END CERTIFICATE-----"),
        (unseen, "\\u{200b}"),
    ] {
        let place = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(place.path(), &text).unwrap();
        let why = certificates(place.path()).unwrap_err();
        assert!(why.contains(word), "{text}: {why}");
    }
}
