//! Feishu's codes as a table: what each means, whether it concerns the whole tenant, the remedy.
//!
//! Sources: the error tables of the API documents and Feishu's generic error table; where both
//! speak, the endpoint's own table wins.

use super::{endpoint::Endpoint, error::Class};

/// How far a failure reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only what was asked for: another department may well work.
    Department,
    /// Every request of the tenant.
    Tenant,
}

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

/// The verdict on an answer. The code decides; the HTTP status only where there is no known code.
pub(super) fn verdict(endpoint: Endpoint, status: u16, code: Option<i64>) -> Verdict {
    let known = code.and_then(|code| TABLE.iter().find(|row| row.codes.contains(&code)));
    match known {
        Some(row) => Verdict {
            class: row.class,
            reach: row.reach,
            meaning: Some(row.meaning),
            remedy: row.remedy,
        },
        None => by_status(endpoint, status, code),
    }
}

fn by_status(endpoint: Endpoint, status: u16, code: Option<i64>) -> Verdict {
    let verdict = |class, reach, remedy| Verdict { class, reach, meaning: None, remedy };
    match status {
        429 => verdict(Class::Throttled, Reach::Tenant, SLOWER),
        300..=399 => verdict(
            Class::Malformed,
            Reach::Tenant,
            "redirects are not followed: set base_url to the address that answers itself",
        ),
        500..=599 => verdict(Class::Server, Reach::Tenant, RETRIES),
        // The token endpoint has no error table; what it refuses is the app.
        _ if endpoint == Endpoint::TenantAccessToken && code.is_some() => {
            verdict(Class::Credentials, Reach::Tenant, CHECK_APP)
        }
        404 if code.is_none() => verdict(
            Class::Malformed,
            Reach::Tenant,
            "check base_url: nothing answers to the API's path there",
        ),
        401 => verdict(Class::Token, Reach::Tenant, CHECK_APP),
        403 => verdict(Class::Permission, Reach::Department, GRANT_RANGE),
        400..=499 => verdict(
            Class::InvalidRequest,
            Reach::Department,
            "check the department id and department_id_type",
        ),
        _ => verdict(Class::Server, Reach::Department, RETRIES),
    }
}

const SLOWER: &str = "the exporter waits and tries again; if it stays, lower limits.requests_per_second or ask Feishu for a higher limit";
const RETRIES: &str =
    "the exporter tries again by itself; if it stays, give the log id to Feishu's support";
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
        Reach::Tenant,
        "too many requests",
        SLOWER,
    ),
    row(
        &[99_991_403],
        Class::Quota,
        Reach::Tenant,
        "the month's quota of API calls is used up",
        "wait for the next month, or buy a plan with a higher quota; the exporter asks once a day whether it is over",
    ),
    row(
        &[
            4_001, 20_005, 20_013, 99_991_661, 99_991_663, 99_991_664, 99_991_665, 99_991_668,
            99_991_671, 99_991_677,
        ],
        Class::Token,
        Reach::Tenant,
        "the access token is not valid",
        "the exporter renews the token by itself; if it stays, check that no proxy drops the Authorization header and that the app is a self-built one",
    ),
    row(
        &[10_003, 10_005, 10_012, 10_013, 10_014, 10_015, 20_002, 99_991_543],
        Class::Credentials,
        Reach::Tenant,
        "the app's id or secret is not accepted",
        CHECK_APP,
    ),
    row(
        &[99_991_662, 99_991_673, 20_009, 11_210],
        Class::Credentials,
        Reach::Tenant,
        "the app is disabled or not installed",
        "enable the app in the admin console and release a version of it in the developer console",
    ),
    row(
        &[99_991_672, 99_991_676, 99_991_679],
        Class::Permission,
        Reach::Tenant,
        "the app lacks a scope",
        GRANT_SCOPE,
    ),
    row(
        &[99_991_401],
        Class::Permission,
        Reach::Tenant,
        "this machine's address is not on the app's allow-list",
        "in the developer console, under Security Settings (安全设置), add the public address of this machine to the allow-list (IP 白名单)",
    ),
    row(
        &[90_003_087, 90_003_088],
        Class::Permission,
        Reach::Tenant,
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
        Reach::Tenant,
        "this path or method does not exist there",
        "check base_url; an older private deployment may lack this endpoint",
    ),
    row(
        &[
            1_500, 1_551, 1_557, 1_642, 1_663, 1_665, 1_668, 2_200, 5_000, 10_101, 10_105, 10_500,
            40_003, 40_006, 1_000_003, 1_051_000,
        ],
        Class::Server,
        Reach::Department,
        "an error on Feishu's side",
        RETRIES,
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
            (401, None, Class::Token),
            (403, None, Class::Permission),
            (404, None, Class::Malformed),
            (301, None, Class::Malformed),
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
    fn a_department_without_permission_does_not_stop_the_others() {
        let reach = |code| verdict(Endpoint::AdminDeptStats, 400, Some(code)).reach;
        for code in [1_051_001, 1_051_002, 1_051_003, 40_004] {
            assert_eq!(reach(code), Reach::Department, "{code}");
        }
        for code in [99_991_672, 99_991_403, 10_014, 99_991_663, 99_991_400] {
            assert_eq!(reach(code), Reach::Tenant, "{code}");
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
