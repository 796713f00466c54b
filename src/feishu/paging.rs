//! A list that comes in pages. Tokens are opaque; a list that does not end is an error.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use serde_json::value::RawValue;

use super::{
    class::{Class, Reach},
    endpoint::Endpoint,
    error::Error,
    wire::{Object, Scalar},
};

/// Pages of any list at most: a quarter of a million people, or two days of all departments of a
/// large tenant. More would take hours at the default rate.
pub(super) const PAGES_MAX: u32 = 5_000;

/// Empty pages in a row after which nothing more is expected.
const EMPTY_MAX: u32 = 100;

/// How much of a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListPart {
    /// All of it.
    Whole,
    /// Its first page: enough to know whether it may be read.
    FirstPage,
}

/// How long a list may be, and how much of it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    /// Items of a full page, as asked for; none where the API knows no pages.
    pub(super) page_size: Option<u32>,
    /// Pages after which it is an error that there are more.
    pub(super) pages_max: u32,
    /// Pages that are read; none: all.
    pub(super) pages_wanted: Option<u32>,
}

/// What one page says of the next. A token that is there is followed even where nothing says that
/// there is more: a list that is cut looks whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageEnd {
    has_more: Said,
    page_token: Option<String>,
    /// The token is something else than text or a number.
    token_is_unreadable: bool,
    /// Items on the page.
    items: usize,
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
            items: 0,
        }
    }

    /// The same, of a page that holds so many items.
    pub(super) fn after(self, items: usize) -> Self {
        Self { items, ..self }
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
    let items = items(data, "items")?;
    let end = PageEnd::of(data).after(items.len());
    items.into_iter().for_each(each);
    Ok(end)
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

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    End,
    /// The page of that token.
    Page(String),
    /// Nothing, as the page says, which gives a token all the same; and whether the page was full.
    Leftover(String, bool),
}

/// What a page brings, beside those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brings {
    Items,
    /// The items of a page before it.
    WhatWasThere,
    Nothing,
}

/// Follows the tokens of one list.
#[derive(Debug)]
pub(super) struct Pages {
    pages: u32,
    length: Length,
    tokens: HashSet<String>,
    /// What each page held, as a hash.
    seen: HashSet<u64>,
    empty_in_a_row: u32,
}

impl Pages {
    /// A list of that length at most.
    pub(super) fn new(length: Length) -> Self {
        let (tokens, seen) = (HashSet::new(), HashSet::new());
        Self { pages: 0, length, tokens, seen, empty_in_a_row: 0 }
    }

    /// What a page brings.
    pub(super) fn brings(&mut self, data: Option<&Object<'_>>) -> Brings {
        let is_list = |raw: &&str| {
            let inside = raw.strip_prefix('[').and_then(|raw| raw.strip_suffix(']'));
            inside.is_some_and(|inside| !inside.trim().is_empty())
        };
        let mut names: Vec<&str> = data.iter().flat_map(|data| data.names()).collect();
        names.sort_unstable();
        let raw = |name| data.and_then(|data| data.raw(name));
        let lists: Vec<&str> = names.into_iter().filter_map(raw).filter(is_list).collect();
        if lists.is_empty() {
            self.empty_in_a_row += 1;
            return Brings::Nothing;
        }
        self.empty_in_a_row = 0;
        let mut hasher = DefaultHasher::new();
        lists.hash(&mut hasher);
        if self.seen.insert(hasher.finish()) { Brings::Items } else { Brings::WhatWasThere }
    }

    /// Whether as many pages were read as are wanted.
    pub(super) fn are_enough(&self) -> bool {
        self.length.pages_wanted.is_some_and(|wanted| self.pages >= wanted)
    }

    /// What follows a page that ended so.
    ///
    /// # Errors
    /// A sentence, if the list cannot be read to its end.
    pub(super) fn next(&mut self, end: PageEnd) -> Result<Next, String> {
        self.pages += 1;
        let page = self.pages;
        let token = match (end.has_more, end.page_token) {
            (Said::No, Some(token)) => {
                let is_new =
                    self.pages < self.length.pages_max && self.tokens.insert(token.clone());
                let is_full = self.length.page_size.is_some_and(|size| end.items >= size as usize);
                return Ok(if is_new { Next::Leftover(token, is_full) } else { Next::End });
            }
            (Said::No, None) => return Ok(Next::End),
            _ if end.token_is_unreadable => {
                return Err(format!("the page_token of page {page} cannot be read"));
            }
            (_, Some(token)) => token,
            (Said::Nothing, None) => return Ok(Next::End),
            (Said::Yes, None) => {
                return Err(format!("page {page} says that there is more but gives no page_token"));
            }
            (Said::Unclear, None) => {
                return Err(format!("page {page} does not say clearly whether there is more"));
            }
        };
        if self.pages >= self.length.pages_max || self.empty_in_a_row >= EMPTY_MAX {
            return Err(format!("the list has no end after {} pages", self.pages));
        }
        if !self.tokens.insert(token.clone()) {
            return Err(format!(
                "page {} repeats a page_token, so the list would never end",
                self.pages
            ));
        }
        Ok(Next::Page(token))
    }
}

/// What came of tokens beside `has_more: false`, endpoint by endpoint. No document says whether
/// Feishu gives one at the end of a list; if it does, following each would double the requests.
#[derive(Debug, Default)]
pub(super) struct Leftovers(Mutex<HashMap<Endpoint, u32>>);

/// So many in a row that lead nowhere, and the next is followed only behind a full page, where a
/// list is cut.
const NOWHERE_MAX: u32 = 3;

impl Leftovers {
    /// Whether to follow one.
    pub(super) fn is_worth_it(&self, endpoint: Endpoint, page_is_full: bool) -> bool {
        page_is_full || self.nowhere(endpoint, |_| {}) < NOWHERE_MAX
    }

    /// Notes that one led to the end of the list.
    pub(super) fn led_nowhere(&self, endpoint: Endpoint) {
        self.nowhere(endpoint, |nowhere| *nowhere = nowhere.saturating_add(1));
    }

    /// Notes that one led to more items.
    pub(super) fn led_on(&self, endpoint: Endpoint) {
        self.nowhere(endpoint, |nowhere| *nowhere = 0);
    }

    fn nowhere(&self, endpoint: Endpoint, change: impl FnOnce(&mut u32)) -> u32 {
        let mut nowhere = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nowhere = nowhere.entry(endpoint).or_default();
        change(nowhere);
        *nowhere
    }
}

/// Whether a page that may not exist was refused, so that the list has ended: Feishu's own word
/// that is not about the app, or a budget that has nothing left for the attempt.
pub(super) fn ends_list(error: &Error) -> bool {
    match error.class {
        Class::Quota => error.code.is_none(),
        Class::Throttled => false,
        _ => error.code.is_some() && error.reach != Reach::App,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn more(token: &str) -> PageEnd {
        PageEnd { has_more: Said::Yes, page_token: Some(token.to_owned()), ..PageEnd::default() }
    }

    fn pages() -> Pages {
        Pages::new(Length { page_size: Some(2), pages_max: 20, pages_wanted: None })
    }

    fn page_of(token: &str) -> Result<Next, String> {
        Ok(Next::Page(token.to_owned()))
    }

    #[test]
    fn tokens_are_followed_to_the_end() {
        let mut pages = pages();
        assert_eq!(pages.next(more("2")), page_of("2"));
        assert_eq!(pages.next(more("a/+=%")), page_of("a/+=%"));
        let last = |token| PageEnd { has_more: Said::No, ..more(token) };
        assert_eq!(pages.next(last("2")), Ok(Next::End), "it was followed before");
        let leftover = |is_full| Ok(Next::Leftover("3".to_owned(), is_full));
        assert_eq!(self::pages().next(last("3").after(1)), leftover(false));
        assert_eq!(self::pages().next(last("3").after(2)), leftover(true));
    }

    #[test]
    fn a_page_brings_items_once() {
        let mut pages = pages();
        let mut brings = |data: &str| {
            let data: Object<'_> = serde_json::from_str(data).unwrap();
            pages.brings(Some(&data))
        };
        for (data, expected) in [
            (r#"{"items": [{"a": 1}], "has_more": true, "page_token": "2"}"#, Brings::Items),
            (r#"{"items": [{"a": 2}], "has_more": false, "page_token": "3"}"#, Brings::Items),
            (r#"{"items": [{"a": 1}], "has_more": false}"#, Brings::WhatWasThere),
            ("{}", Brings::Nothing),
            (r#"{"items": []}"#, Brings::Nothing),
            (r#"{"items": [ ], "page_token": "9"}"#, Brings::Nothing),
        ] {
            assert_eq!(brings(data), expected, "{data}");
        }
    }

    #[test]
    fn a_list_of_empty_pages_ends_with_an_error() {
        let mut pages =
            Pages::new(Length { page_size: Some(2), pages_max: PAGES_MAX, pages_wanted: None });
        let end = (0..).find_map(|n| {
            pages.brings(None);
            pages.next(more(&n.to_string())).err().map(|error| (n, error))
        });
        assert_eq!(end, Some((99, "the list has no end after 100 pages".to_owned())));
    }

    #[test]
    fn tokens_that_lead_nowhere_are_soon_followed_only_where_a_list_may_be_cut() {
        let leftovers = Leftovers::default();
        let stats = Endpoint::AdminDeptStats;
        for _ in 0..NOWHERE_MAX {
            assert!(leftovers.is_worth_it(stats, false));
            leftovers.led_nowhere(stats);
        }
        assert!(!leftovers.is_worth_it(stats, false) && leftovers.is_worth_it(stats, true));
        assert!(leftovers.is_worth_it(Endpoint::AdminUserStats, false));
        leftovers.led_on(stats);
        assert!(leftovers.is_worth_it(stats, false));
    }

    #[test]
    fn a_list_that_does_not_end_is_an_error() {
        let mut pages = pages();
        pages.next(more("2")).unwrap();
        pages.next(more("3")).unwrap();
        assert!(pages.next(more("2")).unwrap_err().contains("repeats a page_token"));

        let mut pages = self::pages();
        let end = (0..).find_map(|n| pages.next(more(&n.to_string())).err().map(|e| (n, e)));
        assert_eq!(end, Some((19, "the list has no end after 20 pages".to_owned())));
    }

    /// What follows a page whose `data` ends so: a token, nothing, or an error.
    fn next(end: &str) -> Result<Next, String> {
        let data: Object<'_> = serde_json::from_str(end).unwrap();
        pages().next(PageEnd::of(Some(&data)))
    }

    #[test]
    fn a_token_that_is_there_is_followed_whatever_says_that_there_is_more() {
        for has_more in [
            "true", "1", "\"true\"", "\"TRUE\"", "\"1\"", "null", "\"\"", "\"yes\"", "{}", "[]",
            "2",
        ] {
            let end = format!(r#"{{"has_more": {has_more}, "page_token": "p2"}}"#);
            assert_eq!(next(&end), page_of("p2"), "{has_more}");
        }
        assert_eq!(next(r#"{"page_token": 2}"#), page_of("2"));
        for has_more in ["false", "0", "\"false\"", "\"False\"", "\"0\"", "0.0"] {
            let end = format!(r#"{{"has_more": {has_more}, "page_token": "p2"}}"#);
            let leftover = Next::Leftover("p2".to_owned(), false);
            assert_eq!(next(&end), Ok(leftover), "{has_more}");
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
            assert_eq!(next(end), Ok(Next::End), "{end}");
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
            pages().next(PageEnd::within(Some(&data), "page_response"))
        };
        let p2 = page_of("p2");
        assert_eq!(next(r#"{"page_response": {"has_more": 1, "page_token": "p2"}}"#), p2);
        assert_eq!(next(r#"{"has_more": true, "page_token": "p2"}"#), p2, "beside the items");
        assert_eq!(next(r#"{"page_response": {"has_more": false}}"#), Ok(Next::End));
        assert_eq!(next("{}"), Ok(Next::End));
        assert!(next(r#"{"page_response": "more"}"#).is_err());
    }
}
