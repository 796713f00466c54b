//! Requests and answers as the rest of the simulator sees them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    header,
};
use serde_json::Value;

/// No request to the API is larger than a few hundred bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
const CHUNK: usize = 16 * 1024;

/// A request, read to its end.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// The token of the `Authorization` header.
    pub(super) token: Option<String>,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) async fn read(request: Request<Incoming>) -> Self {
        let (head, body) = request.into_parts();
        let token = head
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .map(str::to_owned);
        // Whatever is too long or broken off is no valid request, as an empty one is none.
        let body = match Limited::new(body, REQUEST_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(decode_query).unwrap_or_default(),
            token,
            body,
        }
    }

    /// The value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer, before it becomes bytes.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Content,
    /// The end of the body never arrives.
    pub(super) cut_off: bool,
    /// So many blanks come before the body.
    pub(super) padding: u64,
}

#[derive(Debug)]
pub(super) enum Content {
    Json(Value),
    Text(String),
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        let content = Content::Json(body);
        Self { status, headers: Vec::new(), content, cut_off: false, padding: 0 }
    }

    pub(super) fn text(status: u16, body: String) -> Self {
        let content = Content::Text(body);
        Self { status, headers: Vec::new(), content, cut_off: false, padding: 0 }
    }

    /// Feishu's way to say no.
    pub(super) fn error(status: u16, code: i64, msg: &str) -> Self {
        Self::json(status, serde_json::json!({ "code": code, "msg": msg }))
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn code(&self) -> Option<i64> {
        match &self.content {
            Content::Json(body) => body["code"].as_i64(),
            Content::Text(_) => None,
        }
    }

    pub(super) fn into_response(self) -> Response<Outgoing> {
        let (content_type, body) = match self.content {
            Content::Json(body) => ("application/json; charset=utf-8", body.to_string()),
            Content::Text(body) => ("text/html; charset=utf-8", body),
        };
        let mut body = Bytes::from(body);
        let mut response = Response::builder()
            .status(self.status)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::CONTENT_LENGTH, self.padding + body.len() as u64);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        if self.cut_off {
            body.truncate(body.len() / 2);
        }
        let outgoing = |body, cut| Outgoing { padding: self.padding, body: Some(body), cut };
        let cut = if self.cut_off { Cut::Flush } else { Cut::Never };
        response.body(outgoing(body, cut)).unwrap_or_else(|error| {
            // A fault may ask for a status or a header that HTTP does not have.
            let mut response = Response::new(outgoing(Bytes::from(error.to_string()), Cut::Never));
            *response.status_mut() = hyper::StatusCode::NOT_IMPLEMENTED;
            response
        })
    }
}

/// The bytes of an answer, perhaps padded or cut off.
pub(super) struct Outgoing {
    padding: u64,
    body: Option<Bytes>,
    cut: Cut,
}

enum Cut {
    Never,
    /// What is there goes out first, so that the connection breaks in the middle of the body.
    Flush,
    Now,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.padding > 0 {
            let length = usize::try_from(self.padding).map_or(CHUNK, |left| left.min(CHUNK));
            self.padding -= length as u64;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; length])))));
        }
        if let Some(body) = self.body.take() {
            return Poll::Ready(Some(Ok(Frame::data(body))));
        }
        match self.cut {
            Cut::Never => Poll::Ready(None),
            Cut::Flush => {
                self.cut = Cut::Now;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Cut::Now => Poll::Ready(Some(Err(io::Error::other("cut off by a fault")))),
        }
    }
}

fn decode_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// Undoes percent-encoding and `+` for a blank; what is no valid encoding stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], escaped) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_once() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        for (query, expected) in [
            ("", vec![]),
            ("a=1&b=", vec![pair("a", "1"), pair("b", "")]),
            ("page_token=3%2B%2F%3D", vec![pair("page_token", "3+/=")]),
            ("t=3+4%252B", vec![pair("t", "3 4%2B")]),
            ("n=%E6%98%9F&bad=%zz%", vec![pair("n", "星"), pair("bad", "%zz%")]),
        ] {
            assert_eq!(decode_query(query), expected, "{query}");
        }
    }
}
