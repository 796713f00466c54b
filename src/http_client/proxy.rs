//! Which proxy stands between here and a server, by the variables that curl reads too.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

/// Bytes of a variable's value that are repeated in a warning.
const VALUE_BYTES_MAX: usize = 100;

/// The proxy by which a server is reached, as `host:port` without its login; none if directly.
pub(super) fn of(url: &Url) -> Option<String> {
    if super::is_loopback(url) {
        return None;
    }
    Matcher::from_system().intercept(&url.as_str().parse::<Uri>().ok()?)?;
    variable(url, &system).map(|(_, value)| host(&value).to_owned())
}

/// Why the variable that would name the proxy cannot be used, as a sentence; none if there is none
/// or it can.
pub(super) fn unusable(url: &Url) -> Option<String> {
    unusable_by(url, &system)
}

/// A variable of this process, which the client's library reads itself. What is no text counts as
/// unreadable, not as absent.
fn system(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The first of a pair that is set, even where it is empty: as the library reads them.
fn first(
    pair: [&'static str; 2],
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    pair.into_iter().find_map(|name| lookup(name).map(|value| (name, value)))
}

/// The variable that names the proxy for a server, and its value.
fn variable(url: &Url, lookup: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    let of_scheme = match url.scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let given = [of_scheme, ["ALL_PROXY", "all_proxy"]];
    given.into_iter().filter_map(|pair| first(pair, lookup)).find(|(_, value)| !value.is_empty())
}

fn unusable_by(url: &Url, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if super::is_loopback(url) {
        return None;
    }
    let (name, value) = variable(url, lookup)?;
    let no_proxy =
        first(["NO_PROXY", "no_proxy"], lookup).map_or_else(String::new, |(_, value)| value);
    let uri = url.as_str().parse::<Uri>().ok()?;
    let accepted =
        |no: String| Matcher::builder().all(value.clone()).no(no).build().intercept(&uri);
    let remedy = "give http://host:port";
    match accepted(String::new()) {
        // It is not meant for this server.
        Some(_) if accepted(no_proxy).is_none() => None,
        Some(proxy) if proxy.uri().scheme_str().is_some_and(|s| s.starts_with("socks")) => {
            Some(format!("{name} names a SOCKS proxy, which this program cannot use; {remedy}"))
        }
        Some(_) if is_misread(&value) => Some(format!(
            "{name} holds characters that a proxy's address cannot have, or a port that is none, \
             and is not read as it is meant ({}); {remedy}, with what is odd in a login \
             percent-encoded",
            shown(&value)
        )),
        Some(_) => None,
        None => Some(format!(
            "{name} is no address of a proxy and is not used ({}); {remedy}",
            shown(&value)
        )),
    }
}

/// Whether the library takes a value for an address although it means another one: a login with
/// `@`, `#`, `/` or `?` as it is, blanks, what nobody sees, and ports beyond 65,535.
fn is_misread(value: &str) -> bool {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let login = rest.rsplit_once('@').map_or("", |(login, _)| login);
    let port = match host(value).rsplit_once(':') {
        Some((before, port)) if !port.contains(']') && !before.ends_with(':') => port,
        _ => "",
    };
    !value.bytes().all(|byte| byte.is_ascii_graphic())
        || login.contains(['@', '#', '/', '?'])
        || !port.is_empty() && port.parse::<u16>().is_err()
}

/// The host and port of a value: what stands behind scheme and login.
fn host(value: &str) -> &str {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    host.split(['/', '?', '#']).next().unwrap_or(host)
}

/// A value without the login that may stand in it.
fn shown(value: &str) -> String {
    let without_login = value.rsplit_once('@').map_or(value, |(_, host)| host);
    let end = without_login.floor_char_boundary(VALUE_BYTES_MAX);
    format!("{:?}", &without_login[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        unusable_by(&Url::parse(url).unwrap(), &lookup)
    }

    #[test]
    fn a_variable_that_names_no_http_proxy_is_told_by_name_without_its_login() {
        let api = "https://open.feishu.cn";
        for (name, value, word) in [
            ("HTTPS_PROXY", "socks5://proxy:1080", "SOCKS"),
            ("https_proxy", "socks5h://proxy:1080", "SOCKS"),
            ("ALL_PROXY", "socks4://proxy:1080", "SOCKS"),
            ("HTTPS_PROXY", "ftp://proxy:21", "no address"),
            ("HTTPS_PROXY", "http://user:hunter2@", "no address"),
            ("HTTPS_PROXY", "http://user:hunter2@pro xy:3128", "no address"),
            ("all_proxy", "::1:3128 ", "no address"),
            ("HTTPS_PROXY", "http://user:hunter2#q@127.0.0.1:1", "address"),
            ("HTTPS_PROXY", "http://user:x@hunter2@127.0.0.1:1", "address"),
            ("HTTPS_PROXY", "http://user:hünter@127.0.0.1:1", "address"),
            ("HTTPS_PROXY", " http://127.0.0.1:1", "address"),
            ("HTTPS_PROXY", "http://127.0.0.1:1\r", "address"),
            ("HTTPS_PROXY", "http://127.0.0.1:99999", "address"),
            ("HTTPS_PROXY", "http://127.0.0.1:notaport", "address"),
        ] {
            let text = told(api, &[(name, value)]).unwrap_or_default();
            assert!(text.starts_with(name) && text.contains(word), "{name}={value}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_proxy_is_named_by_host_and_port_alone() {
        for (value, right) in [
            ("http://proxy:3128", "proxy:3128"),
            ("proxy:3128", "proxy:3128"),
            ("http://user:hunter2@proxy:3128/", "proxy:3128"),
            ("http://user:x@hunter2@[::1]:3128", "[::1]:3128"),
            ("http://user:hunter2#q@127.0.0.1:1", "127.0.0.1:1"),
        ] {
            assert_eq!(host(value), right, "{value}");
        }
    }

    #[test]
    fn what_works_or_is_not_meant_for_this_server_is_not_told() {
        for (url, variables) in [
            ("https://open.feishu.cn", &[][..]),
            ("https://open.feishu.cn", &[("HTTPS_PROXY", "http://proxy:3128")]),
            ("https://open.feishu.cn", &[("HTTPS_PROXY", "proxy:3128")]),
            ("https://open.feishu.cn", &[("HTTPS_PROXY", "http://user:p%40ss@[::1]:3128/")]),
            ("https://open.feishu.cn", &[("HTTPS_PROXY", "")]),
            ("https://open.feishu.cn", &[("HTTP_PROXY", "socks5://proxy:1080")]),
            (
                "https://open.feishu.cn",
                &[("HTTPS_PROXY", "http://p:1"), ("ALL_PROXY", "socks5://p:1")],
            ),
            ("https://feishu.corp", &[("HTTPS_PROXY", "socks5://p:1"), ("NO_PROXY", ".corp")]),
            ("https://127.0.0.1:8443", &[("HTTPS_PROXY", "socks5://proxy:1080")]),
        ] {
            assert_eq!(told(url, variables), None, "{url} {variables:?}");
        }
    }
}
