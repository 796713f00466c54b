//! Feishu's codes as a table: what each means, how far it reaches, the remedy.
//!
//! Sources: the error tables of the API documents and Feishu's generic error table; where both
//! speak, the endpoint's own table wins.

use super::{
    class::{Class, Reach},
    endpoint::Endpoint,
    refusal::{Refusal, Violation},
};

/// What a code means for us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    /// Its class.
    pub(super) class: Class,
    /// How far it reaches.
    pub(super) reach: Reach,
    /// What it means, in a few words; none for a code that nobody documents.
    pub(super) meaning: Option<&'static str>,
    /// What to do; `{scope}` stands for the missing scope.
    pub(super) remedy: &'static str,
}

struct Row {
    codes: &'static [i64],
    class: Class,
    reach: Reach,
    meaning: &'static str,
    remedy: &'static str,
}

/// The verdict on an answer. The code decides; the HTTP status only where the code is unknown, and
/// an answer without a code, which is not Feishu's, says nothing of the app or a department.
pub(super) fn verdict(endpoint: Endpoint, refusal: &Refusal) -> Verdict {
    let status = refusal.status;
    let verdict = match refusal.code {
        None if status == 404 && refusal.only_others_answer => ABSENT_ENDPOINT,
        None => not_feishus(status),
        Some(code) => match TABLE.iter().find(|row| row.codes.contains(&code)) {
            Some(row) => violated(row.into(), &refusal.violations),
            None => violated(unknown(endpoint, status), &refusal.violations),
        },
    };
    // Without a token nothing else can be asked.
    let reach = if endpoint == Endpoint::TenantAccessToken { Reach::App } else { verdict.reach };
    Verdict { reach, ..verdict }
}

/// Whether a code is one of Feishu's. Gateways write `code` too: an HTTP status, or without `msg`.
pub(super) fn is_feishus(code: i64, has_msg: bool) -> bool {
    let is_known = TABLE.iter().any(|row| row.codes.contains(&code));
    is_known || (has_msg && !(100..=599).contains(&code))
}

impl From<&Row> for Verdict {
    fn from(row: &Row) -> Self {
        let Row { class, reach, meaning, remedy, .. } = *row;
        Self { class, reach, meaning: Some(meaning), remedy }
    }
}

/// The verdict on parameters that are not accepted, if Feishu names them: only a department's id
/// concerns that department alone.
fn violated(verdict: Verdict, violations: &[Violation]) -> Verdict {
    if verdict.class != Class::InvalidRequest || violations.is_empty() {
        return verdict;
    }
    let names = |word: &str| violations.iter().any(|violation| violation.field.contains(word));
    let (reach, remedy) = if names("department_id_type") {
        (Reach::Endpoint, "check department_id_type")
    } else if names("department_id") || names("filter") {
        return verdict;
    } else if names("target_geo") {
        (Reach::Unknown, "check geos: Feishu must enable each for the tenant")
    } else if names("_date") {
        (Reach::Endpoint, "check the clock of this machine and statistics_time_zone")
    } else {
        (Reach::Endpoint, OWN_PARAMETER)
    };
    Verdict { reach, remedy, ..verdict }
}

/// The verdict on a code that no document has.
fn unknown(endpoint: Endpoint, status: u16) -> Verdict {
    let verdict = |class, reach, remedy| Verdict { class, reach, meaning: None, remedy };
    match status {
        429 => verdict(Class::Throttled, Reach::Unknown, SLOWER),
        500..=599 => verdict(Class::Server, Reach::Unknown, RETRIES),
        // The token endpoint has no error table; what it refuses is the app.
        _ if endpoint == Endpoint::TenantAccessToken => {
            verdict(Class::Credentials, Reach::App, CHECK_APP)
        }
        401 => verdict(Class::Token, Reach::App, CHECK_APP),
        403 => verdict(Class::Permission, Reach::Department, GRANT_RANGE),
        400..=499 => verdict(
            Class::InvalidRequest,
            Reach::Department,
            "check the department id and department_id_type",
        ),
        _ => verdict(Class::Server, Reach::Unknown, RETRIES),
    }
}

/// The verdict on an answer that is not Feishu's.
fn not_feishus(status: u16) -> Verdict {
    let (class, remedy) = match status {
        429 => (Class::Throttled, SLOWER),
        300..=399 => (
            Class::Malformed,
            "redirects are not followed: set base_url to the address that answers itself",
        ),
        404 => (
            Class::Malformed,
            "check base_url, which is the address alone, without /open-apis, and what stands in between (HTTPS_PROXY, NO_PROXY)",
        ),
        407 => (
            Class::Malformed,
            "the proxy asks for a login: give it in the variable, HTTPS_PROXY=http://user:password@host:port, or except the API from the proxy by NO_PROXY",
        ),
        500..=599 => (Class::Server, GATEWAY_RETRIES),
        _ => (Class::Malformed, CHECK_PROXY),
    };
    Verdict { class, reach: Reach::Unknown, meaning: None, remedy }
}

/// A path that is not there, while others under the same address are.
const ABSENT_ENDPOINT: Verdict = Verdict {
    class: Class::InvalidRequest,
    reach: Reach::Endpoint,
    meaning: Some("this path does not exist there, while other paths of the API answer"),
    remedy: "an older private deployment may lack this endpoint: switch off what needs it; or a gateway in between does not let the path through",
};

const SLOWER: &str = "the exporter waits and tries again; if it stays, lower limits.requests_per_second or ask Feishu for a higher limit";
const RETRIES: &str =
    "the exporter tries again by itself; if it stays, give the log id to Feishu's support";
const GATEWAY_RETRIES: &str = "Feishu or a proxy or gateway in between fails: the exporter tries again by itself; if it stays, check HTTPS_PROXY, NO_PROXY and base_url";
const OWN_PARAMETER: &str = "the exporter sends this parameter as the API's document says, and this platform takes other values: report it to the exporter's authors";
const CHECK_PROXY: &str = "a proxy, gateway or firewall between here and Feishu gave this answer: have it let the API through, check HTTPS_PROXY and NO_PROXY, and that base_url is the open API itself; the exporter tries again by itself";
const CHECK_APP: &str = "check app_id, app_secret and that base_url is the platform of the app (Feishu or Lark), and that the app is enabled and released in the developer console";
/// Where the message names one, the console's Chinese words stand beside the English ones.
pub(super) const GRANT_SCOPE: &str = "in the developer console, under Permissions & Scopes (权限管理), grant {scope}, then release a version of the app (版本管理与发布) and have it approved";
const GRANT_RANGE: &str = "in the developer console, under Permissions & Scopes (权限管理), add the department to the data permission (数据权限) of {scope}, then release a version of the app (版本管理与发布)";

const fn row(
    codes: &'static [i64],
    class: Class,
    reach: Reach,
    meaning: &'static str,
    remedy: &'static str,
) -> Row {
    Row { codes, class, reach, meaning, remedy }
}

const TABLE: &[Row] = &[
    row(
        &[99_991_400, 1_000_004, 1_000_005],
        Class::Throttled,
        Reach::Unknown,
        "too many requests",
        SLOWER,
    ),
    row(
        &[99_991_403],
        Class::Quota,
        Reach::App,
        "the month's quota of API calls is used up",
        "wait for the next month, or buy a plan with a higher quota; the exporter asks once a day whether it is over",
    ),
    row(
        &[
            4_001, 20_005, 20_013, 99_991_661, 99_991_663, 99_991_664, 99_991_665, 99_991_668,
            99_991_671, 99_991_677,
        ],
        Class::Token,
        Reach::App,
        "the access token is not valid",
        "the exporter renews the token by itself; if it stays, check that no proxy drops the Authorization header and that the app is a self-built one",
    ),
    row(
        &[10_003, 10_005, 10_012, 10_013, 10_014, 10_015, 20_002, 99_991_543],
        Class::Credentials,
        Reach::App,
        "the app's id or secret is not accepted",
        CHECK_APP,
    ),
    row(
        &[99_991_662, 99_991_673, 20_009, 11_210],
        Class::Credentials,
        Reach::App,
        "the app is disabled or not installed",
        "enable the app in the admin console and release a version of it in the developer console",
    ),
    row(
        &[99_991_672, 99_991_676, 99_991_679],
        Class::Permission,
        Reach::Endpoint,
        "the app lacks a scope",
        GRANT_SCOPE,
    ),
    row(
        &[99_991_401],
        Class::Permission,
        Reach::App,
        "this machine's address is not on the app's allow-list",
        "in the developer console, under Security Settings (安全设置), add the public address of this machine to the allow-list (IP 白名单)",
    ),
    row(
        &[90_003_087, 90_003_088],
        Class::Permission,
        Reach::Endpoint,
        "the tenant's plan does not include this",
        "ask Feishu for a plan with the admin statistics",
    ),
    row(
        &[1_051_002],
        Class::Permission,
        Reach::Department,
        "the app has no access to this resource",
        GRANT_RANGE,
    ),
    row(
        &[1_051_003],
        Class::Permission,
        Reach::Department,
        "the app's data permission does not include this department",
        GRANT_RANGE,
    ),
    row(
        &[40_004, 40_014, 41_050],
        Class::Permission,
        Reach::Department,
        "the department is outside the app's contact range",
        "in the developer console, under Permissions & Scopes (权限管理), add the department to the app's contact range (通讯录权限范围), then release a version of the app (版本管理与发布)",
    ),
    row(
        &[1_051_001],
        Class::InvalidRequest,
        Reach::Department,
        "a parameter is not valid",
        "check the department id, that department_id_type is its kind, and that it is the root or within its first four levels",
    ),
    row(
        &[
            9_499, 10_001, 40_001, 40_008, 40_011, 40_012, 99_992_357, 99_992_358, 99_992_380,
            99_992_402, 1_000_002,
        ],
        Class::InvalidRequest,
        Reach::Department,
        "a parameter is not valid",
        "check the department id and department_id_type",
    ),
    row(
        &[99_991_201, 99_991_301],
        Class::InvalidRequest,
        Reach::Endpoint,
        "this path or method does not exist there",
        "check base_url; an older private deployment may lack this endpoint",
    ),
    row(
        &[2_221_004],
        Class::Server,
        Reach::Unknown,
        "a list's page token is not valid any more",
        RETRIES,
    ),
    row(
        &[
            1_500, 1_551, 1_557, 1_642, 1_663, 1_665, 1_668, 2_200, 5_000, 10_101, 10_105, 10_500,
            40_003, 40_006, 1_000_003, 1_051_000,
        ],
        Class::Server,
        Reach::Unknown,
        "an error on Feishu's side",
        RETRIES,
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::refusal::Violation, *};

    fn verdict(endpoint: Endpoint, status: u16, code: Option<i64>) -> Verdict {
        super::verdict(endpoint, &Refusal { status, code, ..Refusal::default() })
    }

    #[test]
    fn the_code_decides_before_the_status() {
        let stats = Endpoint::AdminDeptStats;
        let cases = [
            (500, Some(1_051_001), Class::InvalidRequest),
            (400, Some(1_051_002), Class::Permission),
            (400, Some(1_051_003), Class::Permission),
            (200, Some(99_991_400), Class::Throttled),
            (400, Some(99_991_400), Class::Throttled),
            (429, Some(99_991_400), Class::Throttled),
            (200, Some(99_991_663), Class::Token),
            (400, Some(99_991_403), Class::Quota),
            (500, Some(1_051_000), Class::Server),
            (429, None, Class::Throttled),
            (502, None, Class::Server),
            (301, None, Class::Malformed),
            (404, None, Class::Malformed),
            (400, Some(77), Class::InvalidRequest),
            (200, Some(77), Class::Server),
        ];
        for (status, code, class) in cases {
            assert_eq!(verdict(stats, status, code).class, class, "{status} {code:?}");
        }
    }

    #[test]
    fn whatever_the_token_endpoint_refuses_is_the_app() {
        let token = Endpoint::TenantAccessToken;
        for code in [10_003, 10_014, 10_015, 77] {
            assert_eq!(verdict(token, 200, Some(code)).class, Class::Credentials, "{code}");
            assert_eq!(verdict(token, 400, Some(code)).class, Class::Credentials, "{code}");
        }
        assert_eq!(verdict(token, 503, None).class, Class::Server);
    }

    #[test]
    fn an_answer_that_is_not_feishus_says_nothing_of_app_and_department() {
        for status in [200, 204, 400, 401, 402, 403, 404, 405, 407, 410, 413, 418, 451] {
            let department = verdict(Endpoint::AdminDeptStats, status, None);
            assert_eq!((department.class, department.reach), (Class::Malformed, Reach::Unknown));
            let token = verdict(Endpoint::TenantAccessToken, status, None);
            assert_eq!((token.class, token.reach), (Class::Malformed, Reach::App), "{status}");
        }
        for status in [400, 401, 403, 451] {
            let remedy = verdict(Endpoint::AdminDeptStats, status, None).remedy;
            assert!(remedy.contains("proxy") && !remedy.contains("id"), "{status}: {remedy}");
        }
    }

    #[test]
    fn a_missing_path_is_the_endpoints_where_others_answer() {
        let refusal = |status, only_others_answer| Refusal {
            status,
            only_others_answer,
            ..Refusal::default()
        };
        let of = |refusal| super::verdict(Endpoint::AdminUserStats, &refusal);
        let absent = of(refusal(404, true));
        assert_eq!((absent.class, absent.reach), (Class::InvalidRequest, Reach::Endpoint));
        for other in [refusal(404, false), refusal(403, true), refusal(502, true)] {
            assert_eq!(of(other).reach, Reach::Unknown);
        }
    }

    #[test]
    fn a_named_parameter_is_blamed_instead_of_the_department() {
        for (field, reach, word) in [
            ("page_size", Reach::Endpoint, "report"),
            ("page_request.page_size", Reach::Endpoint, "report"),
            ("department_id_type", Reach::Endpoint, "department_id_type"),
            ("end_date", Reach::Endpoint, "clock"),
            ("target_geo", Reach::Unknown, "geos"),
            ("department_id", Reach::Department, "department id"),
            ("department_ids", Reach::Department, "department id"),
            ("filter.conditions[0].value", Reach::Department, "department id"),
        ] {
            let violation = Violation { field: field.to_owned(), description: String::new() };
            for code in [99_992_402, 77] {
                let refusal = Refusal {
                    status: 400,
                    code: Some(code),
                    violations: vec![violation.clone()],
                    ..Refusal::default()
                };
                let verdict = super::verdict(Endpoint::AdminDeptStats, &refusal);
                assert_eq!((verdict.class, verdict.reach), (Class::InvalidRequest, reach));
                assert!(verdict.remedy.contains(word), "{field}: {}", verdict.remedy);
            }
        }
    }

    #[test]
    fn a_gateways_code_is_not_feishus() {
        for (code, has_msg, is_feishus) in [
            (403, true, false),
            (500, true, false),
            (77, false, false),
            (77, true, true),
            (99_991_672, false, true),
            (2_221_099, true, true),
        ] {
            assert_eq!(super::is_feishus(code, has_msg), is_feishus, "{code} {has_msg}");
        }
    }

    #[test]
    fn a_failure_reaches_as_far_as_its_code_says() {
        let reach = |code| verdict(Endpoint::AdminDeptStats, 400, Some(code)).reach;
        let cases: [(Reach, &[i64]); 4] = [
            (Reach::Department, &[1_051_001, 1_051_002, 1_051_003, 40_004, 99_992_358]),
            (Reach::App, &[99_991_403, 10_014, 99_991_663, 99_991_662, 99_991_401]),
            (Reach::Endpoint, &[99_991_672, 90_003_087, 99_991_201]),
            (Reach::Unknown, &[99_991_400, 1_051_000, 40_003, 5_000]),
        ];
        for (far, codes) in cases {
            for code in codes {
                assert_eq!(reach(*code), far, "{code}");
                let token = verdict(Endpoint::TenantAccessToken, 400, Some(*code));
                assert_eq!(token.reach, Reach::App, "{code}");
            }
        }
    }

    #[test]
    fn a_code_has_one_row() {
        let mut seen = BTreeSet::new();
        for code in TABLE.iter().flat_map(|row| row.codes) {
            assert!(seen.insert(code), "{code} stands twice");
        }
    }
}
