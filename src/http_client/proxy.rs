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
    let proxy = Matcher::from_system().intercept(&url.as_str().parse::<Uri>().ok()?)?;
    proxy.uri().authority().map(ToString::to_string)
}

/// Why the variable that would name the proxy cannot be used, as a sentence; none if there is none
/// or it can.
pub(super) fn unusable(url: &Url) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the client's library reads these itself")]
    let lookup = |name: &str| std::env::var(name).ok();
    unusable_by(url, &lookup)
}

fn unusable_by(url: &Url, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if super::is_loopback(url) {
        return None;
    }
    let of_scheme = match url.scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    // As the library reads them: the first of a pair that is set, even where it is empty.
    let first = |pair: [&'static str; 2]| {
        pair.into_iter().find_map(|name| lookup(name).map(|value| (name, value)))
    };
    let given = [of_scheme, ["ALL_PROXY", "all_proxy"]].into_iter().filter_map(first);
    let (name, value) = given.into_iter().find(|(_, value)| !value.is_empty())?;
    let no_proxy = first(["NO_PROXY", "no_proxy"]).map_or_else(String::new, |(_, value)| value);
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
        Some(_) => None,
        None => Some(format!(
            "{name} is no address of a proxy and is not used ({}); {remedy}",
            shown(&value)
        )),
    }
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
        ] {
            let text = told(api, &[(name, value)]).unwrap_or_default();
            assert!(text.starts_with(name) && text.contains(word), "{name}={value}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn what_works_or_is_not_meant_for_this_server_is_not_told() {
        for (url, variables) in [
            ("https://open.feishu.cn", &[][..]),
            ("https://open.feishu.cn", &[("HTTPS_PROXY", "http://proxy:3128")]),
            ("https://open.feishu.cn", &[("HTTPS_PROXY", "proxy:3128")]),
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
