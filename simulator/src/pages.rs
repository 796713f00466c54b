//! Lists and the tokens of their next pages.
//!
//! A token says where the next page begins, and for which question it was made. The documents
//! promise nothing about its form; these look like their samples, and break where a client decodes
//! them or does not percent-encode them.

use serde_json::Value;

use super::{context::Context, dice::Dice, faults::Kind, http::Call, settings::Empty};

/// How an API family writes its tokens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `admin`: the samples are short numbers.
    Admin,
    /// `contact`: `AQD9/Rn9eij9Pm39ED40/RD/…LZ%2BG8JG6tK7%2BZn…`.
    Contact,
    /// `directory`: `iuu14140aknladna91ndas`.
    Directory,
}

impl Form {
    fn write(self, seed: u64, call: &Call, place: &[u64]) -> String {
        let digits: Vec<String> = place.iter().map(|part| format!("{part:x}")).collect();
        let place = digits.join("x");
        let text = format!("{place} {}", question(call));
        let parts: Vec<u64> = text.bytes().map(u64::from).collect();
        let mut dice = Dice::new(seed, &parts);
        let check = dice.next();
        match self {
            Self::Admin => format!("{place}+/{check:016x}=="),
            Self::Contact => {
                format!("AQD9/{place}/RD/{check:016x}%2BG8J+6tK7%2B{:016x}=", dice.next())
            }
            Self::Directory => format!("iuu{place}z{check:016x}"),
        }
    }

    fn place_in(self, token: &str) -> Option<Vec<u64>> {
        let place = match self {
            Self::Admin => token.split_once('+')?.0,
            Self::Contact => token.strip_prefix("AQD9/")?.split_once('/')?.0,
            Self::Directory => token.strip_prefix("iuu")?.split_once('z')?.0,
        };
        place.split('x').map(|part| u64::from_str_radix(part, 16).ok()).collect()
    }

    /// Where the page of this token begins, if the token was made for this question and has so
    /// many parts.
    pub(super) fn read<const N: usize>(
        self,
        seed: u64,
        call: &Call,
        token: &str,
    ) -> Option<[u64; N]> {
        let place: [u64; N] = self.place_in(token)?.try_into().ok()?;
        (self.write(seed, call, &place) == token).then_some(place)
    }
}

/// The request without what differs from page to page.
fn question(call: &Call) -> String {
    let mut query: Vec<_> =
        call.query.iter().filter(|(name, _)| name != "page_token" && name != "page_size").collect();
    query.sort();
    let mut body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    if let Some(body) = body.as_object_mut() {
        body.remove("page_request");
    }
    format!("{query:?} {body}")
}

/// Notes in `to` whether there is a next page, and its token if there is one.
pub(super) fn turn(
    context: &Context,
    to: &mut Value,
    form: Form,
    has_more: bool,
    (own_token, next): (Option<&str>, &[u64]),
) {
    let is_struck = |kind: &Kind| context.active.iter().any(|fault| fault.kind == *kind);
    let has_more = has_more || is_struck(&Kind::EndlessPages);
    to["has_more"] = Value::from(has_more);
    if has_more {
        let repeated = own_token.filter(|_| is_struck(&Kind::RepeatPageToken));
        to["page_token"] = match repeated {
            Some(token) => Value::from(token),
            None => Value::from(form.write(context.organisation.seed, context.call, next)),
        };
    }
}

/// Puts a list into `to`, an empty one as the options say.
pub(super) fn list(to: &mut Value, name: &str, items: Vec<Value>, empty: Empty) {
    match (items.is_empty(), empty) {
        (true, Empty::Absent) => {}
        (true, Empty::Null) => to[name] = Value::Null,
        _ => to[name] = Value::from(items),
    }
}
