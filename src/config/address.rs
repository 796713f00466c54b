//! `base_url`: where a tenant's API is.

use std::net::IpAddr;

use reqwest::Url;

use super::section::Section;
use crate::day::Zone;

/// A usable `base_url` and its host; both empty if it is not usable, which has been noted then.
#[derive(Default)]
pub(super) struct Address {
    pub(super) base_url: String,
    pub(super) host: String,
}

impl Address {
    /// The zone of the statistics of Feishu's own hosts.
    pub(super) fn documented_zone(&self) -> Option<Zone> {
        let below = |domain: &str| {
            self.host
                .strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        // The API documents: UTC+8 for tenants in China, UTC+0 for the others.
        if below("feishu.cn") || below("larkoffice.com") {
            Some(Zone::shanghai())
        } else if below("larksuite.com") {
            Some(Zone::utc())
        } else {
            None
        }
    }
}

/// Reads `base_url`. No message repeats it: it may hold a password.
pub(super) fn read(section: &Section<'_>) -> Address {
    const KEY: &str = "base_url";
    let Some(text) = section.text(KEY) else { return Address::default() };
    match parse(&text) {
        Ok(url) => {
            let host = url.host_str().unwrap_or_default().to_owned();
            if url.scheme() == "http" && !is_loopback(&host) {
                let message = "is plain http: the app's secret travels in clear text; use https";
                section.warning(KEY, message);
            }
            if let Some(api) = of_people(&url, &host) {
                section.warning(
                    KEY,
                    format!(
                        "looks like an address for people, not for programs; the API is at {api}"
                    ),
                );
            }
            Address { base_url: url.as_str().trim_end_matches('/').to_owned(), host }
        }
        Err(message) => {
            section.problem(KEY, message);
            Address::default()
        }
    }
}

/// The address of the API where that of a console, a document or a company's own site was given.
fn of_people(url: &Url, host: &str) -> Option<String> {
    const DOMAINS: [&str; 3] = ["feishu.cn", "larkoffice.com", "larksuite.com"];
    let domain = DOMAINS.iter().find(|domain| {
        host.strip_suffix(**domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })?;
    let api = format!("open.{domain}");
    // Feishu has such hosts in several places.
    let is_api = host.starts_with("open.");
    let is_page = !matches!(url.path(), "" | "/");
    (!is_api || is_page).then(|| format!("https://{api}"))
}

fn parse(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text)
        .map_err(|_| "is not a URL; write it like https://open.feishu.cn, with https://")?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("must begin with https:// (or http:// for a test)");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host; write it like https://open.feishu.cn");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; the API takes none, leave it away");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("holds a query (?…) or a fragment (#…); end it before");
    }
    if url.path_segments().is_some_and(|mut parts| parts.any(|part| part == "open-apis")) {
        return Err("must end before /open-apis, which is added to it");
    }
    Ok(url)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_scheme_host_and_perhaps_a_path() {
        for text in [
            "https://open.feishu.cn",
            "https://open.feishu.cn/",
            "http://127.0.0.1:10918",
            "http://[::1]:1/",
            "https://lark.example.org:8443/proxy/",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in [
            "open.feishu.cn",
            "ftp://open.feishu.cn",
            "https://",
            "https://user:pw@open.feishu.cn",
            "https://open.feishu.cn?a=b",
            "https://open.feishu.cn#a",
            "https://open.feishu.cn/open-apis",
            "https://open.feishu.cn/open-apis/admin/v1",
            "localhost:8080",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_zone_is_known_for_hosts_of_feishu_only() {
        let zone = |host: &str| {
            let address = Address { base_url: String::new(), host: host.to_owned() };
            address.documented_zone().map(|zone| zone.name().to_owned())
        };
        assert_eq!(zone("open.feishu.cn").as_deref(), Some("Asia/Shanghai"));
        assert_eq!(zone("feishu.cn").as_deref(), Some("Asia/Shanghai"));
        assert_eq!(zone("open.larkoffice.com").as_deref(), Some("Asia/Shanghai"));
        assert_eq!(zone("open.larksuite.com").as_deref(), Some("UTC"));
        assert_eq!(zone("notfeishu.cn"), None);
        assert_eq!(zone("feishu.cn.example.org"), None);
    }

    #[test]
    fn addresses_for_people_are_told_from_those_of_the_api() {
        let told = |text: &str| {
            let url = Url::parse(text).unwrap();
            let host = url.host_str().unwrap().to_owned();
            of_people(&url, &host)
        };
        for (text, api) in [
            ("https://feishu.cn", "https://open.feishu.cn"),
            ("https://www.feishu.cn/", "https://open.feishu.cn"),
            ("https://acme.feishu.cn", "https://open.feishu.cn"),
            ("https://acme.feishu.cn/admin/index", "https://open.feishu.cn"),
            ("https://open.feishu.cn/app", "https://open.feishu.cn"),
            ("https://open.feishu.cn/document/home", "https://open.feishu.cn"),
            ("https://acme.sg.larksuite.com", "https://open.larksuite.com"),
            ("https://www.larksuite.com", "https://open.larksuite.com"),
        ] {
            assert_eq!(told(text).as_deref(), Some(api), "{text}");
        }
        for text in [
            "https://open.feishu.cn",
            "https://open.larksuite.com/",
            "https://open.larkoffice.com",
            "https://lark.example.org/proxy",
            "https://notfeishu.cn/app",
            "http://127.0.0.1:10918",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }

    #[test]
    fn loopback_is_this_machine() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["open.feishu.cn", "10.0.0.1", "localhost.example.org"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
