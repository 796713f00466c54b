//! A list that comes in pages. Tokens are opaque; a list that does not end is an error.

use serde_json::value::RawValue;

use super::wire::{Object, Scalar};

/// Pages of any list at most: a quarter of a million people, or two days of all departments of a
/// large tenant. More would take hours at the default rate.
pub(super) const PAGES_MAX: u32 = 5_000;

/// How much of a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListPart {
    /// All of it.
    Whole,
    /// Its first page: enough to know whether it may be read.
    FirstPage,
}

/// What one page says of the next. A token that is there is followed even where nothing says that
/// there is more: a list that is cut looks whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageEnd {
    has_more: Said,
    page_token: Option<String>,
    /// The token is something else than text or a number.
    token_is_unreadable: bool,
}

/// What the field `has_more` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Said {
    Yes,
    No,
    /// It is not there.
    #[default]
    Nothing,
    /// Neither yes nor no.
    Unclear,
}

impl PageEnd {
    /// Reads the end of a page as most APIs write it, beside the items; an answer without `data` is
    /// an empty list.
    pub(super) fn of(data: Option<&Object<'_>>) -> Self {
        let Some(data) = data else { return Self::default() };
        let page_token = data.text("page_token");
        Self {
            has_more: said(&data.scalar("has_more")),
            token_is_unreadable: page_token.is_none() && data.raw("page_token").is_some(),
            page_token: page_token.filter(|token| !token.trim().is_empty()),
        }
    }

    /// The end of a page that stands in a field of its own.
    pub(super) fn within(data: Option<&Object<'_>>, field: &str) -> Self {
        let Some(data) = data else { return Self::default() };
        match (data.raw(field), data.object(field)) {
            (_, Some(end)) => Self::of(Some(&end)),
            (Some(_), None) => Self { has_more: Said::Unclear, ..Self::default() },
            (None, None) => Self::of(Some(data)),
        }
    }
}

fn said(has_more: &Scalar<'_>) -> Said {
    match has_more {
        Scalar::Absent => Said::Nothing,
        has_more => match has_more.yes_or_no() {
            Some(true) => Said::Yes,
            Some(false) => Said::No,
            None => Said::Unclear,
        },
    }
}

/// Shows the `items` of a page, each as an object or none, and reads how it ends.
pub(super) fn page<'a>(
    data: Option<&Object<'a>>,
    each: impl FnMut(Option<Object<'a>>),
) -> Result<PageEnd, String> {
    items(data, "items")?.into_iter().for_each(each);
    Ok(PageEnd::of(data))
}

/// The items of a list, each as an object or none; an absent or `null` list is an empty one.
///
/// # Errors
/// A sentence, if the field is something else than a list.
pub(super) fn items<'a>(
    data: Option<&Object<'a>>,
    field: &str,
) -> Result<Vec<Option<Object<'a>>>, String> {
    let Some(raw) = data.and_then(|data| data.raw(field)) else { return Ok(Vec::new()) };
    let items: Vec<&RawValue> =
        serde_json::from_str(raw).map_err(|_| format!("`{field}` is not a list"))?;
    Ok(items.into_iter().map(|item| serde_json::from_str(item.get()).ok()).collect())
}

/// Follows the tokens of one list.
#[derive(Debug)]
pub(super) struct Pages {
    pages: u32,
    pages_max: u32,
    tokens: std::collections::HashSet<String>,
}

impl Pages {
    /// A list of at most so many pages.
    pub(super) fn new(pages_max: u32) -> Self {
        Self { pages: 0, pages_max, tokens: std::collections::HashSet::new() }
    }

    /// The token of the next page after one that ended so; none at the end of the list.
    ///
    /// # Errors
    /// A sentence, if the list cannot be read to its end.
    pub(super) fn next(&mut self, end: PageEnd) -> Result<Option<String>, String> {
        self.pages += 1;
        let page = self.pages;
        let token = match (end.has_more, end.page_token) {
            (Said::No, _) => return Ok(None),
            _ if end.token_is_unreadable => {
                return Err(format!("the page_token of page {page} cannot be read"));
            }
            (_, Some(token)) => token,
            (Said::Nothing, None) => return Ok(None),
            (Said::Yes, None) => {
                return Err(format!("page {page} says that there is more but gives no page_token"));
            }
            (Said::Unclear, None) => {
                return Err(format!("page {page} does not say clearly whether there is more"));
            }
        };
        if self.pages >= self.pages_max {
            return Err(format!("the list has no end after {} pages", self.pages));
        }
        if !self.tokens.insert(token.clone()) {
            return Err(format!(
                "page {} repeats a page_token, so the list would never end",
                self.pages
            ));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn more(token: &str) -> PageEnd {
        PageEnd { has_more: Said::Yes, page_token: Some(token.to_owned()), ..PageEnd::default() }
    }

    #[test]
    fn tokens_are_followed_to_the_end() {
        let mut pages = Pages::new(20);
        assert_eq!(pages.next(more("2")), Ok(Some("2".to_owned())));
        assert_eq!(pages.next(more("a/+=%")), Ok(Some("a/+=%".to_owned())));
        let last = PageEnd { has_more: Said::No, ..more("2") };
        assert_eq!(pages.next(last), Ok(None));
    }

    #[test]
    fn a_list_that_does_not_end_is_an_error() {
        let mut pages = Pages::new(20);
        pages.next(more("2")).unwrap();
        pages.next(more("3")).unwrap();
        assert!(pages.next(more("2")).unwrap_err().contains("repeats a page_token"));

        let mut pages = Pages::new(20);
        let end = (0..).find_map(|n| pages.next(more(&n.to_string())).err().map(|e| (n, e)));
        assert_eq!(end, Some((19, "the list has no end after 20 pages".to_owned())));
    }

    /// What follows a page whose `data` ends so: a token, nothing, or an error.
    fn next(end: &str) -> Result<Option<String>, String> {
        let data: Object<'_> = serde_json::from_str(end).unwrap();
        Pages::new(20).next(PageEnd::of(Some(&data)))
    }

    #[test]
    fn a_token_that_is_there_is_followed_whatever_says_that_there_is_more() {
        for has_more in [
            "true", "1", "\"true\"", "\"TRUE\"", "\"1\"", "null", "\"\"", "\"yes\"", "{}", "[]",
            "2",
        ] {
            let end = format!(r#"{{"has_more": {has_more}, "page_token": "p2"}}"#);
            assert_eq!(next(&end), Ok(Some("p2".to_owned())), "{has_more}");
        }
        assert_eq!(next(r#"{"page_token": 2}"#), Ok(Some("2".to_owned())));
        for has_more in ["false", "0", "\"false\"", "\"False\"", "\"0\"", "0.0"] {
            let end = format!(r#"{{"has_more": {has_more}, "page_token": "p2"}}"#);
            assert_eq!(next(&end), Ok(None), "{has_more}");
        }
    }

    #[test]
    fn without_a_token_only_a_list_that_says_nothing_or_no_is_whole() {
        for end in [
            "{}",
            r#"{"has_more": null, "page_token": null}"#,
            r#"{"page_token": ""}"#,
            r#"{"has_more": false}"#,
            r#"{"has_more": "0", "page_token": {}}"#,
        ] {
            assert_eq!(next(end), Ok(None), "{end}");
        }
        for end in [
            r#"{"has_more": true}"#,
            r#"{"has_more": 1, "page_token": null}"#,
            r#"{"has_more": "true", "page_token": " "}"#,
            r#"{"has_more": "maybe"}"#,
            r#"{"has_more": {}, "page_token": ""}"#,
            r#"{"has_more": true, "page_token": ["p2"]}"#,
            r#"{"page_token": true}"#,
        ] {
            assert!(next(end).is_err(), "{end}");
        }
        assert_eq!(
            next(r#"{"has_more": true}"#),
            Err("page 1 says that there is more but gives no page_token".to_owned())
        );
    }

    #[test]
    fn the_end_of_a_page_may_stand_in_a_field_of_its_own() {
        let next = |data: &str| {
            let data: Object<'_> = serde_json::from_str(data).unwrap();
            Pages::new(20).next(PageEnd::within(Some(&data), "page_response"))
        };
        let p2 = Ok(Some("p2".to_owned()));
        assert_eq!(next(r#"{"page_response": {"has_more": 1, "page_token": "p2"}}"#), p2);
        assert_eq!(next(r#"{"has_more": true, "page_token": "p2"}"#), p2, "beside the items");
        assert_eq!(next(r#"{"page_response": {"has_more": false}}"#), Ok(None));
        assert_eq!(next("{}"), Ok(None));
        assert!(next(r#"{"page_response": "more"}"#).is_err());
    }
}
