//! The custom bot of a chat: signs, sends, reads its verdict.
//!
//! <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>

use std::{fmt, net::IpAddr, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Client, StatusCode, Url, header::CONTENT_TYPE, redirect};
use ring::hmac;
use serde::Deserialize;
use serde_json::{Value, json};

/// Alertmanager itself gives up after its `group_interval`; the bot answers in a fraction of this.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The bot's answers are one line.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Too many messages: 100 a minute and 5 a second are allowed.
const CODE_TOO_MANY: i64 = 11232;

/// What to do about the bot's other codes, as far as its documentation names them.
const REMEDIES: &[(i64, &str)] = &[
    (9499, "the bot does not take this request: report it"),
    (19001, "the bot's address is wrong: copy it again from the chat's settings"),
    (19021, "the secret is not the bot's, or the clock of this machine is off by an hour"),
    (19022, "the bot's allow-list lacks the address of this machine"),
    (19024, "the bot wants a keyword in each message: use its signature instead"),
];

/// Sends to one chat.
pub struct Bot {
    client: Client,
    url: Url,
    secret: Option<String>,
}

/// Why a card did not reach the chat. Holds neither the bot's address nor its secret.
#[derive(Debug, Eq, PartialEq)]
pub enum Failure {
    /// It may pass if it is sent again.
    Passing(String),
    /// It will be refused again.
    Final(String),
}

impl Bot {
    /// A bot by its address, which is a secret itself, and its secret, if it has one.
    ///
    /// # Errors
    /// A sentence, if the address is none, or TLS cannot be prepared.
    pub fn new(address: &str, secret: Option<String>) -> Result<Self, String> {
        let url = Url::parse(address.trim())
            .ok()
            .filter(|url| url.scheme() == "https" || is_loopback(url))
            .ok_or("the bot's address must begin with https://, as the chat's settings show it")?;
        // The process has one TLS provider; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("feishu-alert-relay/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .http1_only()
            .timeout(TIMEOUT);
        if url.scheme() == "http" {
            builder = builder.tls_certs_only([]).no_proxy();
        }
        let client = builder.build().map_err(|error| {
            format!("cannot prepare TLS: {error}; is the package ca-certificates installed?")
        })?;
        let secret = secret.map(|s| s.trim().to_owned()).filter(|s| !s.is_empty());
        Ok(Self { client, url, secret })
    }

    /// Sends a card, stamped and signed for `now` in seconds of Unix time.
    ///
    /// # Errors
    /// If it did not reach the chat.
    pub async fn send(&self, card: &Value, now: i64) -> Result<(), Failure> {
        let mut body = json!({"msg_type": "interactive", "card": card});
        if let Some(secret) = &self.secret {
            body["timestamp"] = now.to_string().into();
            body["sign"] = signature(secret, now).into();
        }
        let answer = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body.to_string())
            .send()
            .await;
        let answer = answer.map_err(|error| passing(&error))?;
        let status = answer.status();
        let text = text(answer).await?;
        verdict(status, &text)
    }
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot").field("signs", &self.secret.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Passing(why) | Self::Final(why)) = self;
        f.write_str(why)
    }
}

/// Feishu's signature: the key is the timestamp, a line feed and the secret; the message is empty.
fn signature(secret: &str, now: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{now}\n{secret}").as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, b""))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    url.scheme() == "http" && host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// reqwest's own text holds the address; its causes do not.
fn passing(error: &reqwest::Error) -> Failure {
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    Failure::Passing(match cause {
        _ if error.is_timeout() => format!("the bot gave no answer within {TIMEOUT:?}"),
        Some(cause) => format!("the bot cannot be reached: {cause}"),
        None => "the bot cannot be reached".to_owned(),
    })
}

async fn text(mut answer: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| passing(&error))? {
        text.extend_from_slice(&chunk);
        if text.len() > ANSWER_BYTES_MAX {
            return Err(Failure::Passing("the answer is longer than a bot's".to_owned()));
        }
    }
    Ok(text)
}

/// Old bots answer `{"StatusCode": 0}`, new ones `{"code": 0}`; refusals come with status 200.
#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "StatusCode")]
    code: i64,
    #[serde(alias = "StatusMessage", default)]
    msg: String,
}

fn verdict(status: StatusCode, text: &[u8]) -> Result<(), Failure> {
    // Some answers hold both spellings, which an alias would refuse as a duplicate.
    let answer = serde_json::from_slice::<Value>(text).ok().and_then(|mut value| {
        let fields = value.as_object_mut()?;
        if fields.contains_key("code") {
            fields.remove("StatusCode");
            fields.remove("StatusMessage");
        }
        serde_json::from_value::<Answer>(value).ok()
    });
    match answer {
        Some(Answer { code: 0, .. }) if status.is_success() => Ok(()),
        Some(Answer { code: CODE_TOO_MANY, msg }) => {
            Err(Failure::Passing(format!("the bot has had too many messages: {msg}")))
        }
        Some(Answer { code, msg }) if !status.is_server_error() => {
            let remedy = REMEDIES.iter().find(|(c, _)| *c == code).map_or("", |(_, r)| r);
            let separator = if remedy.is_empty() { "" } else { "; " };
            Err(Failure::Final(format!("the bot refuses: code {code} ({msg}){separator}{remedy}")))
        }
        // Not a bot's words: a proxy, a gateway.
        _ => {
            Err(Failure::Passing(format!("HTTP status {} without a bot's answer", status.as_u16())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against Python: `base64(hmac.new(b"1599360473\ndemo", digestmod=sha256).digest())`.
    #[test]
    fn the_signature_is_that_of_an_independent_implementation() {
        assert_eq!(
            signature("demo", 1_599_360_473),
            "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
        );
    }

    #[test]
    fn a_verdict_says_whether_to_send_again() {
        let verdict =
            |status, text: &str| verdict(StatusCode::from_u16(status).unwrap(), text.as_bytes());
        for taken in [
            r#"{"code":0,"msg":"success","data":{}}"#,
            r#"{"StatusCode":0,"StatusMessage":"success"}"#,
            r#"{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}"#,
        ] {
            assert_eq!(verdict(200, taken), Ok(()));
        }
        for (status, passing) in [
            (200, r#"{"code":11232,"msg":"frequency limited"}"#),
            (429, r#"{"code":11232,"msg":"frequency limited"}"#),
            (502, "<html>Bad Gateway</html>"),
            (503, r#"{"code":1}"#),
            (200, "<html>Sign in to the network</html>"),
            (200, ""),
        ] {
            assert!(matches!(verdict(status, passing), Err(Failure::Passing(_))), "{passing}");
        }
        let refused = verdict(200, r#"{"code":19021,"msg":"sign match fail"}"#);
        assert_eq!(
            refused,
            Err(Failure::Final(
                "the bot refuses: code 19021 (sign match fail); the secret is not the bot's, or \
                 the clock of this machine is off by an hour"
                    .to_owned()
            ))
        );
        assert!(matches!(
            verdict(400, r#"{"code":9499,"msg":"Bad Request"}"#),
            Err(Failure::Final(_))
        ));
    }

    #[test]
    fn an_address_goes_over_tls_or_stays_on_this_machine() {
        for address in ["https://open.feishu.cn/open-apis/bot/v2/hook/x\n", "http://127.0.0.1:1/x"]
        {
            assert!(Bot::new(address, None).is_ok(), "{address}");
        }
        for address in ["http://open.feishu.cn/hook", "open.feishu.cn", "", "ftp://127.0.0.1/"] {
            assert!(Bot::new(address, None).is_err(), "{address}");
        }
        let bot =
            Bot::new("https://open.feishu.cn/open-apis/bot/v2/hook/geheim", Some("s3cret".into()));
        let shown = format!("{:?}", bot.unwrap());
        assert!(!shown.contains("geheim") && !shown.contains("s3cret"), "{shown}");
    }
}
