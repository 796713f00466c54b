//! The flags that say who may read the pages, over what, and where they are.

use std::{path::PathBuf, sync::Arc};

use reqwest::Url;

use super::Failure;
use crate::{config::WebFile, server, web::Access};

/// The flags of `serve` about its own pages, as Prometheus has them.
#[derive(Clone, Debug, clap::Args)]
pub struct WebArgs {
    /// File that says who may read the pages, and over what: TLS, users, headers and a rate, in the
    /// format of Prometheus' exporter-toolkit.
    #[arg(
        long = "web.config.file",
        env = "FEISHU_EXPORTER_WEB_CONFIG_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    pub web_config_file: Option<PathBuf>,

    /// URL under which a browser reaches the pages, if that is another than the listen address.
    #[arg(
        long = "web.external-url",
        env = "FEISHU_EXPORTER_WEB_EXTERNAL_URL",
        value_name = "URL",
        hide_env_values = true,
        value_parser = external_url
    )]
    pub external_url: Option<Url>,

    /// Path below which all pages are [default: the path of --web.external-url].
    #[arg(
        long = "web.route-prefix",
        env = "FEISHU_EXPORTER_WEB_ROUTE_PREFIX",
        value_name = "PATH",
        hide_env_values = true,
        value_parser = route_prefix
    )]
    pub route_prefix: Option<String>,
}

impl WebArgs {
    /// The settings of the file, if one is named.
    ///
    /// # Errors
    /// With every mistake in it.
    pub fn access(&self) -> Result<Access, Failure> {
        match web_file(self.web_config_file.as_ref()) {
            None => Ok(Access::open()),
            Some(file) => Access::from_source(Box::new(file)).map_err(Failure::usage),
        }
    }

    /// Adds what the flags say to a server's options.
    ///
    /// # Errors
    /// With every mistake in the file.
    pub fn apply(&self, options: server::Options) -> Result<server::Options, Failure> {
        let outside = self.external_url.as_ref().map_or("/", |url| url.path());
        let prefix = self.route_prefix.as_deref().unwrap_or(outside);
        Ok(server::Options {
            // As in Prometheus, the pages are where the URL leads unless a proxy takes it away.
            external_path: match &self.external_url {
                Some(url) => url.path().to_owned(),
                None => prefix.to_owned(),
            },
            route_prefix: prefix.to_owned(),
            access: Arc::new(self.access()?),
            ..options
        })
    }
}

/// The file that a flag or a variable names; an empty variable names none.
pub(super) fn web_file(path: Option<&PathBuf>) -> Option<WebFile> {
    path.filter(|path| !path.as_os_str().is_empty()).cloned().map(WebFile::new)
}

fn external_url(text: &str) -> Result<Url, String> {
    let wrong = "write it like https://tools.example.org/feishu/".to_owned();
    let url = Url::parse(text).map_err(|_| wrong.clone())?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    if plain && is_web { Ok(url) } else { Err(wrong) }
}

/// A path that can stand before every page's.
fn route_prefix(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_graphic() && !b"?#%\"<>\\".contains(&b);
    if !text.bytes().all(plain) || text.contains("//") {
        return Err("write a path such as /feishu, without blanks, ? or #".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(external: Option<&str>, prefix: Option<&str>) -> (String, String) {
        let args = WebArgs {
            web_config_file: None,
            external_url: external.map(|url| external_url(url).unwrap()),
            route_prefix: prefix.map(|path| route_prefix(path).unwrap()),
        };
        let options = args.apply(server::Options::on(Vec::new()));
        let Ok(options) = options else { panic!("there is no file to be wrong") };
        (options.route_prefix, options.external_path)
    }

    #[test]
    fn the_prefix_is_the_path_of_the_url_unless_it_is_given() {
        let pair = |prefix: &str, outside: &str| (prefix.to_owned(), outside.to_owned());
        assert_eq!(applied(None, None), pair("/", "/"));
        assert_eq!(applied(Some("https://a.example/b/"), None), pair("/b/", "/b/"));
        assert_eq!(applied(Some("https://a.example/b/"), Some("/")), pair("/", "/b/"));
        assert_eq!(applied(None, Some("/x")), pair("/x", "/x"));
    }

    #[test]
    fn urls_and_prefixes_that_cannot_work_are_refused() {
        for url in ["", "a.example", "ftp://a.example", "https://a.example/?x", "https://a@b/"] {
            assert!(external_url(url).is_err(), "{url}");
        }
        for prefix in ["/a b", "/a?b", "//", "/é", "/a#"] {
            assert!(route_prefix(prefix).is_err(), "{prefix}");
        }
    }
}
