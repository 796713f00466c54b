//! One tenant from the variables `FEISHU_…` alone, for set-ups without a configuration file.

use std::{collections::BTreeMap, path::Path};

use jiff::Timestamp;
use reqwest::Url;

use super::{
    Loaded, options,
    problem::{Origin, Problem, Problems},
    running,
    section::Report,
    tenant::Surroundings,
    yaml::{Entry, Node, Value},
};
use crate::input;

/// The variables: the key of the tenant that each one gives, its name, and what it is for.
pub const VARIABLES: [(&str, &str, &str); 6] = [
    ("tenants[0].app_id", "FEISHU_APP_ID", "The id of the custom app, `cli_…`. Required."),
    (
        "tenants[0].app_secret_file",
        "FEISHU_APP_SECRET_FILE",
        "A file that holds the app's secret; read again at each use.",
    ),
    (
        "tenants[0].app_secret",
        "FEISHU_APP_SECRET",
        "The app's secret. Exactly one of this and `FEISHU_APP_SECRET_FILE` is required.",
    ),
    (
        "tenants[0].base_url",
        "FEISHU_BASE_URL",
        "Where the API is. Default: `https://open.feishu.cn`.",
    ),
    (
        "tenants[0].statistics_time_zone",
        "FEISHU_STATISTICS_TIME_ZONE",
        "The zone in which Feishu counts the days; default as for the key of the file.",
    ),
    (
        "tenants[0].departments",
        "FEISHU_DEPARTMENTS",
        "The ids of the departments, separated by commas. Required.",
    ),
];

const NAMES: [(&str, &str); 6] = {
    let mut names = [("", ""); 6];
    let mut index = 0;
    while index < names.len() {
        names[index] = (VARIABLES[index].0, VARIABLES[index].1);
        index += 1;
    }
    names
};

/// Where variables come from: the process, or a map in tests.
pub trait Environment {
    /// The variable's value; none if it is unset.
    fn get(&self, name: &str) -> Option<String>;
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// The tenant that the variables give; none if not one of them is set.
pub(super) fn load(env: &dyn Environment, now: Timestamp) -> Option<Result<Loaded, Problems>> {
    let mut entries = Vec::new();
    for (path, variable, _) in VARIABLES {
        let Some(text) = value(env, variable) else { continue };
        let key = path.rsplit('.').next().unwrap_or(path);
        let value = if key == "departments" {
            let ids = text.split(SEPARATORS).map(input::trim).filter(|id| !id.is_empty());
            Value::List(ids.map(|id| node(Value::Scalar(id.to_owned()))).collect())
        } else {
            Value::Scalar(text)
        };
        entries.push(entry(key, value));
    }
    if entries.is_empty() {
        return None;
    }
    let tenants = Value::List(vec![node(Value::Map(entries))]);
    let tree = node(Value::Map(vec![entry("tenants", tenants)]));
    let report = Report::new(Origin::Environment, &NAMES);
    let around = Surroundings { directory: Path::new(""), now };
    let options = options(&report, &tree, &around);
    let (origin, text) = (Origin::Environment, running::text(&tree));
    Some(report.finish().map(|warnings| Loaded { options, warnings, origin, text }))
}

/// Warnings about variables that have no effect because there is a file.
pub(super) fn ignored(env: &dyn Environment) -> impl Iterator<Item = Problem> {
    VARIABLES.iter().filter(|(_, variable, _)| value(env, variable).is_some()).map(
        |(_, variable, _)| Problem {
            origin: Origin::Environment,
            line: None,
            column: None,
            path: (*variable).to_owned(),
            message: "is set, but has no effect beside a configuration file".to_owned(),
        },
    )
}

/// Warnings about variables that name a proxy which cannot be used; the HTTP client passes over
/// them without a word. No message repeats the value: it may hold a password.
pub(super) fn unusable_proxies(env: &dyn Environment) -> Vec<Problem> {
    const NAMES: [&str; 6] =
        ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let told = |name: &&str| {
        let text = value(env, name)?;
        let message = match Url::parse(&text) {
            Ok(url) if url.scheme().starts_with("socks") => {
                "names a SOCKS proxy, which is not supported; name an HTTP proxy: http://host:port"
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => return None,
            // Without a scheme, http is meant: `proxy.example.org:3128`.
            _ if !text.contains("://")
                && Url::parse(&format!("http://{text}"))
                    .is_ok_and(|url| url.has_host() && url.path() == "/") =>
            {
                return None;
            }
            _ => "is not the address of a proxy, and no proxy is asked; write http://host:port",
        };
        Some(Problem {
            origin: Origin::Environment,
            line: None,
            column: None,
            path: (*name).to_owned(),
            message: message.to_owned(),
        })
    };
    NAMES.iter().filter_map(told).collect()
}

/// What stands between ids, as keyboards and input methods have it; no id holds one of them.
const SEPARATORS: [char; 6] = [',', ';', '，', '、', '；', '\n'];

/// A variable that is set and not empty, without what an editor or a shell added at its ends.
fn value(env: &dyn Environment, name: &str) -> Option<String> {
    let text = env.get(name)?;
    Some(input::trim(&text)).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn node(value: Value) -> Node {
    Node { line: 0, value }
}

fn entry(key: &str, value: Value) -> Entry {
    Entry { key: key.to_owned(), line: 0, node: node(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretSource;

    fn loaded(variables: &[(&str, &str)]) -> Option<Result<Loaded, String>> {
        let map: BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        load(&map, now).map(|result| result.map_err(|problems| problems.to_string()))
    }

    #[test]
    fn without_a_variable_there_is_no_tenant() {
        assert!(loaded(&[]).is_none());
        assert!(loaded(&[("FEISHU_APP_ID", " "), ("FEISHU_EXPORTER_LOG_LEVEL", "info")]).is_none());
    }

    #[test]
    fn three_variables_make_a_tenant() {
        let loaded = loaded(&[
            ("FEISHU_APP_ID", "cli_a"),
            ("FEISHU_APP_SECRET", "hunter2"),
            ("FEISHU_DEPARTMENTS", "od-1, od-2,"),
        ])
        .unwrap()
        .unwrap();
        let tenant = &loaded.options.tenants[0];
        assert_eq!(loaded.origin, Origin::Environment);
        assert_eq!((tenant.name.as_str(), tenant.api.app_id.as_str()), ("default", "cli_a"));
        assert_eq!(tenant.api.app_secret.read().unwrap().expose(), "hunter2");
        assert_eq!(tenant.departments.len(), 2);
        assert_eq!(tenant.api.base_url, "https://open.feishu.cn");
        assert!(tenant.contact.is_some() && tenant.discovery.is_none());
        assert!(tenant.refresh_intervals.is_empty() && tenant.user_statistics.is_none());
    }

    #[test]
    fn a_secret_file_is_taken_as_it_is_named() {
        const SECRET_FILE: &str = "tests/data/config/secret.txt";
        let loaded = loaded(&[
            ("FEISHU_APP_ID", "cli_a"),
            ("FEISHU_APP_SECRET_FILE", SECRET_FILE),
            ("FEISHU_BASE_URL", "https://lark.example.org"),
            ("FEISHU_STATISTICS_TIME_ZONE", "UTC"),
            ("FEISHU_DEPARTMENTS", "od-1"),
        ])
        .unwrap()
        .unwrap();
        assert_eq!(loaded.warnings, []);
        let secret = &loaded.options.tenants[0].api.app_secret;
        assert!(matches!(secret, SecretSource::File(path) if path == Path::new(SECRET_FILE)));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_told_without_its_password() {
        let told = |value: &str| {
            let map = BTreeMap::from([("HTTPS_PROXY".to_owned(), value.to_owned())]);
            let problems = unusable_proxies(&map);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        for usable in [
            "",
            "\r",
            "http://proxy:3128",
            "http://user:hunter2@proxy:3128\r",
            "proxy:3128",
            "proxy.example.org:3128",
            "10.0.0.1:8080",
            "https://proxy",
        ] {
            assert_eq!(told(usable), "", "{usable:?}");
        }
        for (wrong, reason) in [
            ("socks5://user:hunter2@proxy:1080", "names a SOCKS proxy"),
            ("socks5h://proxy:1080", "names a SOCKS proxy"),
            ("http//proxy:hunter2", "is not the address"),
            ("http://", "is not the address"),
            ("ftp://proxy:21", "is not the address"),
            ("hunter2 proxy", "is not the address"),
        ] {
            let text = told(wrong);
            assert!(
                text.starts_with("environment: HTTPS_PROXY: ") && text.contains(reason),
                "{wrong}: {text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn problems_name_the_variables() {
        let problems = loaded(&[
            ("FEISHU_BASE_URL", "https://lark.example.org"),
            ("FEISHU_DEPARTMENTS", "od-1,od-1,od 2"),
        ])
        .unwrap()
        .unwrap_err();
        assert_eq!(
            problems,
            "the configuration has 5 problems:\n  environment: FEISHU_STATISTICS_TIME_ZONE: is \
             required for the host lark.example.org: the zone in which its statistics day begins, \
             such as Asia/Shanghai or UTC\n  environment: FEISHU_APP_ID: is required: the id of \
             the custom app, cli_…\n  environment: FEISHU_APP_SECRET: is required: set \
             FEISHU_APP_SECRET or FEISHU_APP_SECRET_FILE\n  environment: FEISHU_DEPARTMENTS: od-1 \
             is listed twice\n  environment: FEISHU_DEPARTMENTS: holds a blank; an id has none"
        );
        let problems = loaded(&[("FEISHU_APP_SECRET", "hunter2")]).unwrap().unwrap_err();
        assert!(
            problems.contains("FEISHU_DEPARTMENTS: is required") && !problems.contains("hunter2")
        );
    }
}
