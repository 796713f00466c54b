//! A list that comes in pages. Tokens are opaque; a list that does not end is an error.

use serde_json::value::RawValue;

use super::wire::Object;

/// Pages of any list at most: a quarter of a million people, or two days of all departments of a
/// large tenant. More would take hours at the default rate.
pub(super) const PAGES_MAX: u32 = 5_000;

/// How much of a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Its first page: enough to know whether it may be read.
    FirstPage,
}

/// What one page says of the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageEnd {
    pub(super) has_more: bool,
    pub(super) page_token: Option<String>,
}

impl PageEnd {
    /// Reads the end of a page as most APIs write it, beside the items; an answer without `data` is
    /// an empty list.
    pub(super) fn of(data: Option<&Object<'_>>) -> Self {
        data.map_or_else(Self::default, |data| Self {
            has_more: data.flag("has_more"),
            page_token: data.text("page_token"),
        })
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
        if !end.has_more {
            return Ok(None);
        }
        let token = end
            .page_token
            .filter(|token| !token.is_empty())
            .ok_or("page {} says that there is more but gives no page_token")
            .map_err(|text| text.replace("{}", &self.pages.to_string()))?;
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
        PageEnd { has_more: true, page_token: Some(token.to_owned()) }
    }

    #[test]
    fn tokens_are_followed_to_the_end() {
        let mut pages = Pages::new(20);
        assert_eq!(pages.next(more("2")), Ok(Some("2".to_owned())));
        assert_eq!(pages.next(more("a/+=%")), Ok(Some("a/+=%".to_owned())));
        let last = PageEnd { has_more: false, page_token: Some("2".to_owned()) };
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

    #[test]
    fn more_without_a_token_is_an_error() {
        for page_token in [None, Some(String::new())] {
            let error = Pages::new(20).next(PageEnd { has_more: true, page_token });
            assert_eq!(
                error,
                Err("page 1 says that there is more but gives no page_token".to_owned())
            );
        }
    }
}
