//! What goes wrong, drawn from a seed: every kind of fault that the simulator has.
//!
//! A fault may withhold, garble, repeat or contradict, but not lie well: a plausible figure that
//! Feishu itself sends is what has to be published.

use fastrand::Rng;
use feishu_simulator::{Endpoint, Fault, Handle, Kind};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

/// The name that a version has for a day, behind its own.
pub(crate) const RENAMED: &str = " (new)";

/// What the total over all versions is called.
pub(crate) const TOTAL: &str = "全部产品版本";

/// What stands in the place of a count and is none.
fn garbage(random: &mut Rng) -> Value {
    let all = [
        json!(-1),
        json!("12,345"),
        json!("--"),
        json!("NaN"),
        json!("Infinity"),
        json!("0x10"),
        json!(true),
        json!({"value": 3}),
        json!([3]),
        json!(null),
        json!(""),
        json!("7%"),
        json!("1e999"),
        json!("３"),
    ];
    random.choice(all).expect("there are some")
}

const FIGURES: [&str; 7] =
    ["*", "total_user_num", "suite_dau", "im_dau", "vc_duration", "docs_dau", "email_send_count"];

/// An answer that takes the place of Feishu's.
fn other_answer(random: &mut Rng) -> Kind {
    let reset = [None, Some("1"), Some("0"), Some("-5"), Some("999999999"), Some("soon")];
    let bodies = [
        "<html>502 Bad Gateway</html>",
        "",
        "{",
        "{\"code\":0}",
        "{\"code\":0,\"data\":null}",
        "{\"code\":\"0\",\"data\":{\"items\":7}}",
        "[]",
        "{\"code\":0,\"data\":{\"has_more\":true,\"items\":[]}}",
        "\u{feff}{}",
    ];
    let errors = [
        (400, 1_051_002),
        (400, 1_051_003),
        (500, 1_051_001),
        (403, 40_004),
        (400, 99_991_672),
        (429, 99_991_403),
        (500, 1_050_000),
        (503, 2200),
        (200, 1_234_567),
        (401, 99_991_664),
    ];
    match random.u8(..12) {
        0..=2 => {
            let (status, code) = random.choice(errors).expect("there are some");
            Kind::Error { status, code, msg: "chosen by lot".to_owned() }
        }
        3 => Kind::RejectToken,
        4 => Kind::RevokeTokens,
        5 | 6 => Kind::Text {
            status: random.choice([200, 502, 504, 404, 401]).expect("there are some"),
            body: random.choice(bodies).expect("there are some").to_owned(),
        },
        7 => Kind::Redirect { location: "http://127.0.0.1:9/elsewhere".to_owned() },
        8 => Kind::EchoSecrets { status: 400, code: 1_051_003 },
        _ => Kind::Throttle {
            status: random.choice([None, Some(400), Some(200)]).expect("there are some"),
            reset: random.choice(reset).expect("there are some").map(str::to_owned),
        },
    }
}

/// What happens on the way.
fn transport(random: &mut Rng) -> Kind {
    match random.u8(..12) {
        0..=4 => Kind::CutOff,
        5..=8 => Kind::Slow { millis: random.u64(100..20_000) },
        9 => Kind::Huge { bytes: 1 << random.u32(10..26) },
        10 => Kind::RepeatPageToken,
        _ => Kind::EndlessPages,
    }
}

/// What is wrong with rows of the department statistics.
fn rows(random: &mut Rng, simulator: &Handle, versions: &[String]) -> Kind {
    let names = || [TOTAL].into_iter().chain(versions.iter().map(String::as_str));
    let some: Vec<String> = names().map(str::to_owned).collect();
    let one = random.choice(some.clone()).expect("there are some");
    let days = ["2001-01-01", "9999-12-31", "yesterday", ""];
    match random.u8(..13) {
        0 => Kind::LateDay { until: None },
        1 => {
            let hours = random.i64(1..20);
            Kind::LateDay { until: simulator.now().checked_add(hours.hours()).ok() }
        }
        2 => Kind::PartialDay { without: vec![one] },
        3 => Kind::PartialDay { without: some },
        4 => Kind::OmitTotal,
        5 | 6 => Kind::SetField {
            field: random.choice(FIGURES).unwrap_or("*").into(),
            value: garbage(random),
        },
        7 => Kind::DropField { field: random.choice(FIGURES).unwrap_or("*").into() },
        8 => Kind::NumbersAsStrings,
        9 => Kind::RenameVersion { to: format!("{one}{RENAMED}"), from: one },
        10 => Kind::RepeatRow { different: random.bool() },
        // Where sub-departments are asked for, a row of today may be one of theirs.
        11 => Kind::ForeignRow {
            department: Some("od-of-somebody-else".to_owned()),
            date: Some("2001-01-01".to_owned()),
        },
        _ => Kind::ForeignRow { department: None, date: random.choice(days).map(str::to_owned) },
    }
}

/// Adds a fault for a few requests, or for the rest of the day.
pub(crate) fn strike(random: &mut Rng, simulator: &Handle, versions: &[String]) {
    let (kind, endpoint) = match random.u8(..10) {
        0..=3 => (other_answer(random), None),
        4 | 5 => (transport(random), None),
        6 => (Kind::HideDepartment, Some(Endpoint::DepartmentsFilter)),
        7 => (Kind::RefuseVersions, Some(Endpoint::AdminDeptStats)),
        _ => (rows(random, simulator, versions), Some(Endpoint::AdminDeptStats)),
    };
    let mut fault = Fault::from(kind);
    let any = [
        Endpoint::TenantAccessToken,
        Endpoint::AdminDeptStats,
        Endpoint::AdminDeptStats,
        Endpoint::AdminDeptStats,
        Endpoint::AdminUserStats,
        Endpoint::UsersFindByDepartment,
        Endpoint::DepartmentsFilter,
        Endpoint::DepartmentsBatch,
    ];
    if let Some(endpoint) = endpoint.or_else(|| random.choice(any).filter(|_| random.u8(..4) > 0)) {
        fault = fault.endpoint(endpoint);
    }
    if random.bool() {
        let all = simulator.departments();
        let living = all.iter().filter(|department| !department.deleted);
        let one = random.choice(living.collect::<Vec<_>>()).expect("the root stays");
        fault = fault.department(&one.open_department_id);
    }
    if random.u8(..8) > 0 {
        fault = fault.skip(random.u64(..6)).times(random.u64(1..30));
    }
    simulator.inject(fault).expect("the department is there");
}

/// Changes the company; returns the id of a department that is about to go, to be looked at first.
pub(crate) fn reorganise(random: &mut Rng, simulator: &Handle, kept: &[String]) -> Option<String> {
    let all = simulator.departments();
    let living: Vec<_> = all.iter().filter(|department| !department.deleted).collect();
    let one = random.choice(&living[1..]).expect("some department stays");
    let other = random.choice(&living).expect("the root stays");
    let name = format!("Team \"{}\" \\ 团队", random.u16(..));
    // Those below it go with it.
    let holds_one_kept = kept.iter().any(|id| {
        let mut at = all.iter().find(|department| department.open_department_id == *id);
        while let Some(department) = at.filter(|d| d.open_department_id != one.open_department_id) {
            at = department.parent.map(|parent| &all[parent]);
        }
        at.is_some()
    });
    match random.u8(..5) {
        0 | 1 => simulator.rename(&one.open_department_id, &name).expect("it is there"),
        // Below the fourth level Feishu has no statistics of it.
        2 if !holds_one_kept => {
            // Where it would lie too deep or within itself, it stays.
            let _ = simulator.relocate(&one.open_department_id, &other.open_department_id);
        }
        3 if living.len() < 18 && other.depth < 5 => {
            simulator.add(&other.open_department_id, &name).expect("the parent is there");
        }
        _ if living.len() > 10 && one.depth > 1 && !holds_one_kept => {
            return Some(one.open_department_id.clone());
        }
        _ => {}
    }
    None
}

/// How far the exporter's clock goes wrong: hours, and sometimes days.
pub(crate) fn jump(random: &mut Rng, now: Timestamp) -> Timestamp {
    let hours = random.choice([-49, -25, -3, -1, 1, 2, 26, 50]).expect("there are some");
    now.checked_add(i64::from(hours).hours()).expect("it is within the calendar")
}
