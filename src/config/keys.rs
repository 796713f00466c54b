//! Every key of the configuration file: type, range, default, meaning. The reader takes names,
//! ranges and defaults from here, and `docs/configuration.md` is written from it.

use super::kind::Kind;

/// A key of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands; `[]` is any entry of a list.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What is taken if it is left out, as it would be written.
    pub default: Option<&'static str>,
    /// What it is for, in a sentence or two of Markdown.
    pub meaning: &'static str,
}

impl Key {
    /// The path of the section that holds the key; empty at the top.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The key without its section.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }
}

/// The name of a key of which there may be any number, under any names.
pub(super) const ANY: &str = "*";

pub(super) const fn key(
    path: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    meaning: &'static str,
) -> Key {
    Key { path, kind, default, meaning }
}

const TEXTS: Kind = Kind::List(&Kind::Text);
const PATTERNS: Kind = Kind::List(&Kind::Pattern);
const SECTIONS: Kind = Kind::List(&Kind::Section);
const DAYS: Kind = Kind::List(&Kind::Days);
const OFF: Option<&str> = Some("false");
const REFRESH: Kind = Kind::Duration { min: "1m", max: "30d" };

/// The keys in the order in which they are documented; a section stands before its keys.
pub const KEYS: &[Key] = &[
    key("tenants", SECTIONS, None, "The tenants to collect from; at least one."),
    key("tenants[].name", Kind::Text, Some("default"), "The label `tenant`; unique."),
    key(
        "tenants[].base_url",
        Kind::Url,
        Some("https://open.feishu.cn"),
        "Where the API is: `https://open.feishu.cn`, `https://open.larksuite.com`, or the address \
         of a private deployment, without `/open-apis`.",
    ),
    key(
        "tenants[].ca_file",
        Kind::Path,
        None,
        "PEM file with more certificate authorities to trust for `base_url`.",
    ),
    key("tenants[].app_id", Kind::Id, None, "The id of the custom app, `cli_…`. Required."),
    key(
        "tenants[].app_secret",
        Kind::Secret,
        None,
        "The app's secret. Exactly one of `app_secret` and `app_secret_file` is required.",
    ),
    key(
        "tenants[].app_secret_file",
        Kind::Path,
        None,
        "A file that holds the app's secret; read again at each use.",
    ),
    key(
        "tenants[].statistics_time_zone",
        Kind::Zone,
        None,
        "The zone in which Feishu counts the tenant's days (not that of the office): a name such \
         as `Asia/Shanghai`, or an offset such as `+08:00`. Default: `Asia/Shanghai` for hosts of \
         `feishu.cn` and `larkoffice.com`, `UTC` for `larksuite.com`; required for any other \
         host.",
    ),
    key(
        "tenants[].department_id_type",
        Kind::Choice(&["open_department_id", "department_id"]),
        Some("open_department_id"),
        "Which kind of id `departments` lists and the label `department_id` shows.",
    ),
    key(
        "tenants[].geos",
        Kind::List(&Kind::Choice(&["cn", "sg", "jp", "us"])),
        None,
        "Where the data is kept, for tenants with several places; Feishu must have enabled it. An \
         entry is the name, or a section `{geo: sg, statistics_time_zone: …}`. Empty: the \
         tenant's own data, label `geo=\"local\"`.",
    ),
    key("tenants[].geos[].geo", Kind::Choice(&["cn", "sg", "jp", "us"]), None, "The place."),
    key(
        "tenants[].geos[].statistics_time_zone",
        Kind::Zone,
        None,
        "The zone of its days. Default: `Asia/Shanghai` for `cn`, `UTC` for the others.",
    ),
    key(
        "tenants[].product_versions",
        Kind::Flag,
        Some("true"),
        "Whether rows for each product version are asked for beside the total.",
    ),
    key(
        "tenants[].total_version_names",
        TEXTS,
        None,
        "More names that mean the total over all product versions, beside `全部产品版本`.",
    ),
    key(
        "tenants[].rates",
        Kind::Choice(&["auto", "ratio", "percent"]),
        Some("auto"),
        "How Feishu's rates are to be read: `0.85` (`ratio`) or `85` (`percent`). `auto` finds \
         out from the rows.",
    ),
    key("tenants[].figures", Kind::Section, None, "Which of the 38 figures are published."),
    key(
        "tenants[].figures.include",
        TEXTS,
        None,
        "Names of metrics, or globs with `*` and `?`. Empty: all.",
    ),
    key("tenants[].figures.exclude", TEXTS, None, "Names or globs of those to leave out again."),
    key(
        "tenants[].departments",
        SECTIONS,
        None,
        "The departments to ask for; at least one unless `discovery` is enabled. An entry may be \
         the id alone.",
    ),
    key(
        "tenants[].departments[].id",
        Kind::Id,
        None,
        "The department's id, taken as it is written: `0123` stays `0123`. Required.",
    ),
    key(
        "tenants[].departments[].include_children",
        Kind::Flag,
        Some("false"),
        "Whether its sub-departments are asked for with it, as far as the API offers them.",
    ),
    key("tenants[].discovery", Kind::Section, None, "Departments found beside the listed ones."),
    key(
        "tenants[].departments[].labels",
        Kind::Section,
        None,
        "Labels of your own for this department on `feishu_department_info`, such as `{team: hr}`.",
    ),
    key("tenants[].departments[].labels.*", Kind::Text, None, "The label of that name."),
    key(
        "tenants[].labels",
        Kind::Section,
        None,
        "Labels of your own for every department of the tenant on `feishu_department_info`.",
    ),
    key("tenants[].labels.*", Kind::Text, None, "The label of that name."),
    key(
        "tenants[].labels_by_path",
        SECTIONS,
        None,
        "Labels of your own by the path of a department. Of one name, that of the department \
         itself wins, then that of the first entry that matches, then that of the tenant.",
    ),
    key(
        "tenants[].labels_by_path[].path",
        Kind::Pattern,
        None,
        "A regular expression over the label `department_path`, such as `^研发/`.",
    ),
    key(
        "tenants[].labels_by_path[].labels",
        Kind::Section,
        None,
        "The labels of the departments whose path it matches.",
    ),
    key("tenants[].labels_by_path[].labels.*", Kind::Text, None, "The label of that name."),
    key("tenants[].discovery.enabled", Kind::Flag, OFF, "Whether to look for departments."),
    key(
        "tenants[].discovery.root",
        Kind::OneOrMany(&Kind::Id),
        Some("0"),
        "The department below which to look, or a list of them, of which one may lie below \
         another; `0` is the tenant's root.",
    ),
    key(
        "tenants[].discovery.max_depth",
        Kind::Count { min: 0, max: 4 },
        Some("4"),
        "How deep to look, counted from the tenant's root; the statistics reach no deeper than 4.",
    ),
    key(
        "tenants[].discovery.include",
        PATTERNS,
        None,
        "Regular expressions over the path `a/b/c`, of which one must match anywhere in it; `^` \
         and `$` tie one to its ends. Empty: all.",
    ),
    key(
        "tenants[].discovery.exclude",
        PATTERNS,
        None,
        "Regular expressions over the path, likewise, of those to leave out again.",
    ),
    key(
        "tenants[].discovery.min_members",
        Kind::Count { min: 0, max: 10_000_000 },
        Some("0"),
        "Departments with fewer direct members are left out.",
    ),
    key(
        "tenants[].discovery.refresh_interval",
        REFRESH,
        Some("24h"),
        "How often to look for departments.",
    ),
    key(
        "tenants[].request_grouping",
        Kind::Choice(&["auto", "never"]),
        Some("auto"),
        "Whether departments may be fetched together under a common ancestor, once that was \
         proven to give equal values (`auto`), or each is asked alone (`never`).",
    ),
    key(
        "tenants[].directory",
        Kind::Section,
        None,
        "Counts of the departments served, from the directory API. Discovery brings them anyway.",
    ),
    key("tenants[].directory.enabled", Kind::Flag, OFF, "Whether to ask for them."),
    key("tenants[].directory.refresh_interval", REFRESH, Some("24h"), "How often."),
    key(
        "tenants[].contact",
        Kind::Section,
        None,
        "Names and counts of the departments served, from the contact API.",
    ),
    key("tenants[].contact.enabled", Kind::Flag, Some("true"), "Whether to ask for them."),
    key(
        "tenants[].contact.language",
        Kind::Choice(&["zh_cn", "en_us", "ja_jp"]),
        Some("zh_cn"),
        "The language of the names, where a department has a name in it.",
    ),
    key("tenants[].contact.refresh_interval", REFRESH, Some("24h"), "How often."),
    key(
        "tenants[].members",
        Kind::Section,
        None,
        "Head counts of the departments served, by status.",
    ),
    key("tenants[].members.enabled", Kind::Flag, OFF, "Whether to ask for them."),
    key("tenants[].members.refresh_interval", REFRESH, Some("24h"), "How often."),
    key(
        "tenants[].user_statistics",
        Kind::Section,
        None,
        "Sums over the statistics of single users; never a person.",
    ),
    key("tenants[].user_statistics.enabled", Kind::Flag, OFF, "Whether to ask for them."),
    key("tenants[].privacy", Kind::Section, None, "Groups too small to be published."),
    key(
        "tenants[].privacy.min_group_size",
        Kind::Count { min: 1, max: 1000 },
        Some("10"),
        "No user statistics of fewer people.",
    ),
    key(
        "tenants[].privacy.min_department_users",
        Kind::Count { min: 0, max: 10_000_000 },
        Some("0"),
        "Departments with fewer members on the day served publish no statistics.",
    ),
    key("tenants[].calendar", Kind::Section, None, "The days that differ from the plain week."),
    key(
        "tenants[].calendar.holidays",
        DAYS,
        None,
        "Days off on weekdays: dates `2026-10-01` or ranges `2026-10-01..2026-10-07`.",
    ),
    key(
        "tenants[].calendar.workdays",
        DAYS,
        None,
        "Working days on weekends, likewise. A day that is in both lists is a working day.",
    ),
    key("tenants[].collection", Kind::Section, None, "When to look, and how far."),
    key(
        "tenants[].collection.interval",
        Kind::Duration { min: "1s", max: "24h" },
        Some("1h"),
        "How often to look while something is missing. Under 5m: a warning.",
    ),
    key(
        "tenants[].collection.ready_at",
        Kind::TimeOfDay,
        Some("09:30"),
        "Local time at which Feishu has produced the day before.",
    ),
    key(
        "tenants[].collection.lookback",
        Kind::WholeDays { min: "1d", max: "31d" },
        Some("7d"),
        "How far back to look for the newest day that has rows.",
    ),
    key(
        "tenants[].collection.baseline_weeks",
        Kind::Count { min: 0, max: 12 },
        Some("4"),
        "How many weeks back the baselines look, 2 to 12; 0: there are none. They need a store.",
    ),
    key(
        "tenants[].collection.judgement",
        Kind::Flag,
        Some("true"),
        "Whether each day is judged against what could be expected of it. It needs baselines, and \
         fetches the past 13 weeks once.",
    ),
    key(
        "tenants[].collection.max_age",
        Kind::Duration { min: "1d", max: "91d" },
        Some("14d"),
        "Values of a day whose end is longer ago are no longer served.",
    ),
    key(
        "tenants[].collection.retention",
        Kind::Duration { min: "1d", max: "3650d" },
        Some("400d"),
        "How long days are kept in the store.",
    ),
    key("tenants[].limits", Kind::Section, None, "Bounds on what is asked of the API."),
    key(
        "tenants[].limits.requests_per_second",
        Kind::Number { min: 0.1, max: 100.0 },
        Some("5"),
        "Over all endpoints.",
    ),
    key(
        "tenants[].limits.requests_per_minute",
        Kind::AutoOrCount { min: 1, max: 60_000 },
        Some("auto"),
        "For each endpoint. `auto`: 1000 where Feishu publishes that limit, and what its refusals \
         teach for the others, the statistics among them.",
    ),
    key(
        "tenants[].limits.concurrency",
        Kind::Count { min: 1, max: 64 },
        Some("4"),
        "Requests under way at once.",
    ),
    key(
        "tenants[].limits.timeout",
        Kind::Duration { min: "1s", max: "5m" },
        Some("30s"),
        "For one request.",
    ),
    key(
        "tenants[].limits.requests_per_month",
        Kind::Count { min: 0, max: 1_000_000_000 },
        Some("0"),
        "A budget for a calendar month. What the department statistics need for its rest is kept \
         back, and the optional sources spend what remains; at the limit all collection stops. \
         `0`: none.",
    ),
    key(
        "series_limit",
        Kind::Count { min: 1, max: 100_000_000 },
        Some("2000000"),
        "Past this number of series about departments, baselines and what is judged are left out, then product \
         versions, never the totals.",
    ),
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;
    use crate::{
        collect::{Language, Schedule},
        feishu::Limits,
    };

    fn default_of(path: &str) -> (&'static Kind, &'static str) {
        let key = KEYS.iter().find(|key| key.path == path).unwrap();
        (&key.kind, key.default.unwrap())
    }

    #[test]
    fn every_key_stands_once_and_below_its_section() {
        let mut seen = BTreeSet::from([""]);
        for key in KEYS {
            assert!(seen.contains(key.section().trim_end_matches("[]")), "{}", key.path);
            assert!(seen.insert(key.path), "{} is declared twice", key.path);
            assert!(key.meaning.ends_with('.'), "{}: {}", key.path, key.meaning);
        }
    }

    #[test]
    fn every_default_is_a_value_that_could_be_written() {
        for key in KEYS {
            if let Some(default) = key.default {
                assert_eq!(key.kind.check(default), Ok(()), "{}", key.path);
            }
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_rooms() {
        let duration = |path| {
            let (kind, text) = default_of(path);
            kind.duration(text).unwrap()
        };
        let schedule = Schedule::default();
        assert_eq!(duration("tenants[].collection.interval"), schedule.interval);
        assert_eq!(duration("tenants[].collection.max_age"), schedule.max_age);
        let lookback = Duration::from_secs(schedule.lookback_days.unsigned_abs().into()) * 86_400;
        assert_eq!(duration("tenants[].collection.lookback"), lookback);
        let days = Duration::from_secs(schedule.retention_days.unsigned_abs().into()) * 86_400;
        assert_eq!(duration("tenants[].collection.retention"), days);
        let (kind, text) = default_of("tenants[].collection.baseline_weeks");
        assert_eq!(kind.count(text), Ok(schedule.baseline_weeks.into()));
        let (kind, text) = default_of("tenants[].collection.ready_at");
        assert_eq!(kind.time(text), Ok(schedule.ready_at));

        let (_, text) = default_of("tenants[].contact.language");
        assert_eq!(text, Language::default().as_str());

        let limits = Limits::default();
        assert_eq!(duration("tenants[].limits.timeout"), limits.timeout);
        let (kind, text) = default_of("tenants[].limits.requests_per_second");
        assert_eq!(kind.number(text), Ok(limits.requests_per_second));
        let (kind, text) = default_of("tenants[].limits.requests_per_minute");
        assert_eq!(kind.count_unless_auto(text), Ok(limits.requests_per_minute.map(u64::from)));
        let (kind, text) = default_of("tenants[].limits.concurrency");
        assert_eq!(kind.count(text), Ok(limits.concurrency as u64));
        let (kind, text) = default_of("tenants[].limits.requests_per_month");
        assert_eq!(kind.count(text), Ok(limits.requests_per_month));
    }
}
