//! What answered instead of Feishu, in a few words: a proxy's page, a gateway's JSON, a login.

use reqwest::{Url, header::HeaderMap};

use super::quote::quote;

/// Bytes of a page's title, or of a text, that are repeated.
const TITLE_BYTES_MAX: usize = 80;
/// Bytes of the header `Server` that are repeated.
const SERVER_BYTES_MAX: usize = 40;
/// Bytes of a host's name that are repeated: a name has no more.
const HOST_BYTES_MAX: usize = 253;

/// Describes an answer that is not Feishu's. What the page says is left out where `is_quotable`
/// is false: it may name a person.
pub(super) fn describe(
    status: u16,
    headers: &HeaderMap,
    asked: &Url,
    body: &str,
    is_quotable: bool,
) -> String {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let (300..=399, Some(location)) = (status, header("location")) {
        let target = asked.join(location).ok();
        let host = target.as_ref().and_then(Url::host_str).unwrap_or("an address without host");
        let host = quote(host, HOST_BYTES_MAX);
        return match Some(host.as_str()) == asked.host_str() {
            true => format!("the answer was a redirect (HTTP {status}) within {host}"),
            false => format!("the answer was a redirect (HTTP {status}) to {host}"),
        };
    }
    let body = body.trim();
    let (kind, words) = match body.as_bytes().first() {
        None => ("an empty body", None),
        Some(b'<') => ("a page of HTML", title(body)),
        Some(b'{' | b'[') => ("JSON", None),
        Some(_) => ("text", body.lines().next()),
    };
    let mut text = format!("the answer was HTTP {status} with {kind} that is not Feishu's");
    if let Some(words) = words.filter(|words| is_quotable && !words.trim().is_empty()) {
        text.push_str(&format!(", \"{}\"", quote(words, TITLE_BYTES_MAX)));
    }
    if let Some(server) = header("server").or_else(|| header("via")) {
        text.push_str(&format!(", from {}", quote(server, SERVER_BYTES_MAX)));
    }
    text
}

/// The title of a page.
fn title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let begin = lower.find("<title")?;
    let begin = begin + lower[begin..].find('>')? + 1;
    let end = begin + lower[begin..].find('<')?;
    Some(&page[begin..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, headers: &[(&'static str, &str)], body: &str) -> String {
        let headers = headers.iter().map(|(name, value)| {
            ((*name).parse().unwrap(), reqwest::header::HeaderValue::from_str(value).unwrap())
        });
        let asked = Url::parse("https://open.feishu.cn/open-apis/x").unwrap();
        describe(status, &headers.collect(), &asked, body, true)
    }

    #[test]
    fn what_answered_is_told_in_a_few_words() {
        let page = "<!DOCTYPE html>\n<HTML><head><TITLE lang=en>\n Access \n denied</TITLE></head>";
        for (status, headers, body, text) in [
            (
                403,
                &[("server", "squid/5.7")][..],
                page,
                "the answer was HTTP 403 with a page of HTML that is not Feishu's, \
                 \"Access denied\", from squid/5.7",
            ),
            (
                451,
                &[],
                "Blocked\nby policy",
                "the answer was HTTP 451 with text that is not Feishu's, \"Blocked\"",
            ),
            (401, &[], "", "the answer was HTTP 401 with an empty body that is not Feishu's"),
            (400, &[], "{\"error\":1}", "the answer was HTTP 400 with JSON that is not Feishu's"),
            (
                302,
                &[("location", "https://login.corp.example/sso?next=/x")],
                "",
                "the answer was a redirect (HTTP 302) to login.corp.example",
            ),
            (
                308,
                &[("location", "/x/")],
                "",
                "the answer was a redirect (HTTP 308) within open.feishu.cn",
            ),
        ] {
            assert_eq!(told(status, headers, body), text);
        }
    }

    #[test]
    fn nothing_long_and_no_control_character_is_repeated() {
        let text = told(
            502,
            &[("server", &"s".repeat(5_000))],
            &format!("<title>{}\u{7}\u{1b}[31m</title>", "ü".repeat(5_000)),
        );
        assert!(text.len() < 300 && !text.contains(char::is_control), "{text}");
        let text = told(301, &[("location", &format!("https://{}/", "h".repeat(5_000)))], "");
        assert!(text.len() < 400, "{text}");
    }
}
