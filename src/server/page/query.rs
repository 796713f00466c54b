//! What a reader asked to see: the query of the address, and the language of the browser.

use std::fmt::Write;

use super::texts::{CHINESE, ENGLISH, Texts};
use crate::snapshot::DepartmentState;

/// A longer text finds nothing more.
const SEARCH_CHARS_MAX: usize = 100;
/// The page loads itself again after so many seconds at least, else it would cost more than it shows.
const REFRESH_MIN: u32 = 5;
/// And at most: an hour.
const REFRESH_MAX: u32 = 3600;

/// The language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Language {
    #[default]
    English,
    Chinese,
}

impl Language {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    pub(super) const fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }

    fn of_tag(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next()? {
            primary if primary.eq_ignore_ascii_case("zh") => Some(Self::Chinese),
            primary if primary.eq_ignore_ascii_case("en") => Some(Self::English),
            _ => None,
        }
    }

    /// The one that the browser prefers (RFC 9110, 12.5.4); English where it names neither.
    fn accepted(header: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for item in header.split(',') {
            let mut parts = item.trim().split(';');
            let Some(language) = parts.next().and_then(|tag| Self::of_tag(tag.trim())) else {
                continue;
            };
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
            if quality > 0.0 && best.is_none_or(|(known, _)| quality > known) {
                best = Some((quality, language));
            }
        }
        best.map_or_else(Self::default, |(_, language)| language)
    }
}

/// By what rows are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    /// The most troubled first, then by path.
    #[default]
    State,
    Path,
    /// The oldest day first.
    Day,
    /// The most active first.
    Active,
    /// The lowest against what is usual first.
    Change,
}

impl Sort {
    pub(super) const ALL: [Self; 5] =
        [Self::State, Self::Path, Self::Day, Self::Active, Self::Change];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Path => "path",
            Self::Day => "day",
            Self::Active => "active",
            Self::Change => "change",
        }
    }
}

/// What to show. What cannot be read is as if it had not been asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    pub(super) language: Language,
    /// Whether the address names the language, so that links keep it.
    language_is_chosen: bool,
    pub(super) tenant: Option<String>,
    pub(super) state: Option<DepartmentState>,
    pub(super) search: String,
    pub(super) sort: Sort,
    /// From 0 on.
    pub(super) page: usize,
    pub(super) refresh: Option<u32>,
}

impl Query {
    /// Reads the query of an address and the header `Accept-Language`.
    pub(crate) fn read(query: Option<&str>, accept_language: Option<&str>) -> Self {
        let mut read = Self {
            language: accept_language.map_or_else(Language::default, Language::accepted),
            ..Self::default()
        };
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*key {
                "lang" => {
                    if let Some(language) = Language::of_tag(&value) {
                        (read.language, read.language_is_chosen) = (language, true);
                    }
                }
                "tenant" if !value.is_empty() => read.tenant = Some(value.into_owned()),
                "state" => {
                    read.state = DepartmentState::ALL.into_iter().find(|s| s.as_str() == value);
                }
                "search" => {
                    read.search = value.trim().chars().take(SEARCH_CHARS_MAX).collect();
                }
                "sort" => {
                    let sort = Sort::ALL.into_iter().find(|sort| sort.as_str() == value);
                    read.sort = sort.unwrap_or_default();
                }
                "page" => {
                    read.page = value.parse::<usize>().map_or(0, |page| page.saturating_sub(1));
                }
                "refresh" => {
                    let seconds = value.parse::<u32>().ok();
                    read.refresh = seconds.map(|s| s.clamp(REFRESH_MIN, REFRESH_MAX));
                }
                _ => {}
            }
        }
        read
    }

    pub(super) fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    /// A relative address of the same page that shows what the changed query says.
    pub(super) fn link(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut changed = self.clone();
        changed.page = 0;
        change(&mut changed);
        let mut pairs = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        if changed.language_is_chosen {
            pairs.append_pair("lang", changed.language.code());
        }
        if let Some(tenant) = &changed.tenant {
            pairs.append_pair("tenant", tenant);
        }
        if let Some(state) = changed.state {
            pairs.append_pair("state", state.as_str());
        }
        if !changed.search.is_empty() {
            pairs.append_pair("search", &changed.search);
        }
        if changed.sort != Sort::default() {
            pairs.append_pair("sort", changed.sort.as_str());
        }
        if changed.page > 0 {
            pairs.append_pair("page", &(changed.page + 1).to_string());
        }
        if let Some(seconds) = changed.refresh {
            pairs.append_pair("refresh", &seconds.to_string());
        }
        pairs.finish()
    }

    /// The same page in that language.
    pub(super) fn link_in(&self, language: Language) -> String {
        let page = self.page;
        self.link(|query| {
            (query.language, query.language_is_chosen) = (language, true);
            query.page = page;
        })
    }

    /// What a link to another page carries along.
    pub(super) fn kept(&self) -> String {
        if self.language_is_chosen {
            format!("?lang={}", self.language.code())
        } else {
            String::new()
        }
    }

    /// What the form of the search keeps besides what is typed into it.
    pub(super) fn hidden(&self) -> Vec<(&'static str, String)> {
        let language = self.language_is_chosen.then(|| ("lang", self.language.code().to_owned()));
        let refresh = self.refresh.map(|seconds| ("refresh", seconds.to_string()));
        let tenant = self.tenant.clone().map(|tenant| ("tenant", tenant));
        language.into_iter().chain(refresh).chain(tenant).collect()
    }
}

/// The path of a department's page, relative to the status page.
pub(super) fn department_path(tenant: &str, geo: &str, id: &str) -> String {
    let mut path = String::from("departments");
    for part in [tenant, geo, id] {
        path.push('/');
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                    path.push(char::from(byte));
                }
                // A name that is a dot would be a step up.
                _ => write!(path, "%{byte:02X}").expect("writing to a string cannot fail"),
            }
        }
    }
    path
}

/// The tenant, geo and id that a path below `/departments/` names.
pub(super) fn named_department(path: &str) -> Option<[String; 3]> {
    let mut parts = path.split('/').map(decoded);
    let named = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(named)
}

/// A part of a path without its percent signs; none where it is not text.
fn decoded(part: &str) -> Option<String> {
    percent_encoding::percent_decode_str(part).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_chosen_one_then_the_browsers_then_english() {
        for (query, header, language) in [
            (None, None, Language::English),
            (None, Some("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese),
            (None, Some("en-US,en;q=0.9,zh-CN;q=0.8"), Language::English),
            (None, Some("de,zh;q=0.3"), Language::Chinese),
            (None, Some("zh;q=0, en;q=0.1"), Language::English),
            (None, Some("fr, *"), Language::English),
            (None, Some("zh;q=x"), Language::English),
            (Some("lang=zh"), Some("en"), Language::Chinese),
            (Some("lang=en"), Some("zh"), Language::English),
            (Some("lang=tlh"), Some("zh"), Language::Chinese),
        ] {
            assert_eq!(Query::read(query, header).language, language, "{query:?} {header:?}");
        }
    }

    #[test]
    fn a_link_says_what_was_read_and_what_is_changed() {
        let text =
            "lang=zh&tenant=a%26b&state=no_data&search=%E7%A0%94+x&sort=change&page=3&refresh=60";
        let query = Query::read(Some(text), None);
        assert_eq!(query.page, 2);
        let link = query.link(|changed| changed.page = 2);
        assert_eq!(link, format!("?{text}"));
        assert_eq!(Query::read(Some(&link[1..]), None), query);
        assert_eq!(query.link(|_| {}), format!("?{}", text.replace("&page=3", "")));
        assert_eq!(Query::read(None, None).link(|_| {}), "?");
    }

    #[test]
    fn what_cannot_be_read_is_as_if_it_were_not_there() {
        let query =
            "state=fine&sort=age&page=-1&refresh=soon&%ff=%00&other=1&page=999999999999999999999";
        assert_eq!(Query::read(Some(query), None), Query::default());
        assert_eq!(Query::read(Some("refresh=1"), None).refresh, Some(REFRESH_MIN));
        let long = format!("search={}", "研".repeat(5000));
        assert_eq!(Query::read(Some(&long), None).search.chars().count(), SEARCH_CHARS_MAX);
    }

    proptest::proptest! {
        #[test]
        fn any_department_is_found_by_its_path(tenant in ".+", id in ".+") {
            let path = department_path(&tenant, "local", &id);
            let named = named_department(path.strip_prefix("departments/").unwrap());
            proptest::prop_assert_eq!(named, Some([tenant, "local".to_owned(), id]));
        }
    }
}
