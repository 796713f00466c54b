//! One tenant of the file, from its keys to what the collector and the client must be told.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    address::{self, Address},
    calendar, figures,
    kind::{Kind, shown},
    labels, optional,
    section::Section,
};
use crate::{
    collect::{GeoZone, ListedDepartment, Schedule, Tenant},
    day::Zone,
    feishu::{self, DepartmentIdType, Limits},
    http_client,
    labels::Labels,
    secret::{Secret, SecretSource},
    usage::{Geo, RateScale},
};

/// What stands in `feishu-exporter.example.yml` for what only the operator knows.
mod placeholders {
    pub(super) const APP_ID: &str = "cli_a1b2c3d4e5f6";
    pub(super) const APP_SECRET: &str = "put-the-secret-of-the-app-here";
    pub(super) const DEPARTMENTS: [&str; 2] =
        ["od-382e2793cfc9471f892e8a672987654c", "od-4e6ac4d14bcd5071a37a39de902c7141"];
    pub(super) const TOLD: &str = "is the example's; put your own in its place";
}

/// Departments of one tenant at most: as many take an hour and a half at 5 requests a second.
const DEPARTMENTS_MAX: usize = 30_000;

/// Looks more frequent than this cost requests and win nothing: figures come once a day.
const INTERVAL_WARN_S: u64 = 300;

/// What a tenant's reading depends on beside its keys.
pub(super) struct Surroundings<'a> {
    /// Relative paths start here.
    pub(super) directory: &'a Path,
    pub(super) now: Timestamp,
}

/// Reads one tenant. What is wrong is noted, and something harmless stands in its place.
pub(super) fn read(section: &Section<'_>, around: &Surroundings<'_>) -> Tenant {
    let name = section.text("name").unwrap_or_default();
    let address = address::read(section);
    let zone = zone(section, &address, around.now);
    let department_id_type = match section.choice("department_id_type") {
        "department_id" => DepartmentIdType::DepartmentId,
        _ => DepartmentIdType::OpenDepartmentId,
    };
    let walk = section.section("discovery");
    let discovery = optional::discovery(&walk);
    let roots = discovery.iter().flat_map(|discovery| &discovery.roots).map(String::as_str);
    warn_of_other_id_type(&walk, "root", roots, department_id_type);
    let privacy = section.section("privacy");
    let api = feishu::Options {
        tenant: name.clone(),
        base_url: address.base_url,
        ca_file: ca_file(section, around.directory),
        app_id: app_id(section),
        app_secret: secret(section, around.directory),
        department_id_type,
        limits: limits(&section.section("limits")),
    };
    let (departments, labels_by_department) =
        departments(section, discovery.is_some(), department_id_type);
    Tenant {
        api,
        geos: geos(section, zone, around.now),
        product_versions: section.flag("product_versions"),
        total_version_names: section
            .items("total_version_names")
            .iter()
            .filter_map(|item| item.read(&Kind::Text, Kind::text))
            .collect(),
        rates: match section.choice("rates") {
            "ratio" => Some(RateScale::Ratio),
            "percent" => Some(RateScale::Percent),
            _ => None,
        },
        figures: figures::read(&section.section("figures")),
        departments,
        labels: labels::read(section, labels_by_department),
        min_department_users: privacy.count("min_department_users"),
        calendar: calendar::read(&section.section("calendar")),
        schedule: schedule(&section.section("collection")),
        discovery,
        request_grouping: section.choice("request_grouping") == "auto",
        refresh_intervals: optional::intervals(section),
        contact: optional::contact(&section.section("contact")),
        user_statistics: optional::user_statistics(&section.section("user_statistics"), &privacy),
        name,
    }
}

fn app_id(section: &Section<'_>) -> String {
    if !section.has("app_id") {
        section.missing("app_id", "is required: the id of the custom app, cli_…");
    }
    let id = section.text("app_id").unwrap_or_default();
    if id == placeholders::APP_ID {
        section.warning("app_id", placeholders::TOLD);
    }
    if !id.is_empty() && !id.starts_with("cli_") {
        section.warning("app_id", "does not begin with cli_, as ids of Feishu apps do");
    }
    id
}

fn secret(section: &Section<'_>, directory: &Path) -> SecretSource {
    let nothing = || SecretSource::Inline(Secret::new(String::new()));
    let (inline, file) = (section.name("app_secret"), section.name("app_secret_file"));
    match (section.has("app_secret"), section.has("app_secret_file")) {
        (true, true) => {
            section.problem("app_secret", format!("is given beside {file}; keep one of them"));
            nothing()
        }
        (false, false) => {
            section.missing("app_secret", format!("is required: set {inline} or {file}"));
            nothing()
        }
        (true, false) => {
            let text = section.text("app_secret").unwrap_or_default();
            if text.starts_with("${") {
                let message = "variables are not replaced in this file; name a file in";
                section.problem("app_secret", format!("{message} {file} instead"));
            }
            if text == placeholders::APP_SECRET {
                section.warning("app_secret", placeholders::TOLD);
            }
            SecretSource::Inline(Secret::new(text))
        }
        (false, true) => {
            let path = directory.join(section.path("app_secret_file").unwrap_or_default());
            let source = SecretSource::File(path);
            // The path is not repeated: it may be the secret itself, given under the wrong key.
            if let Err(error) = source.read() {
                section.warning(
                    "app_secret_file",
                    format!("is of no use now: {error}; it is read again at each use"),
                );
            }
            source
        }
    }
}

fn ca_file(section: &Section<'_>, directory: &Path) -> Option<PathBuf> {
    let path = directory.join(section.path("ca_file")?);
    if let Err(why) = http_client::certificates(&path) {
        section.problem("ca_file", why);
    }
    Some(path)
}

fn zone(section: &Section<'_>, address: &Address, now: Timestamp) -> Zone {
    let stand_in = address.documented_zone();
    match given_zone(section, now) {
        Some(zone) => zone,
        None => stand_in.unwrap_or_else(|| {
            if !section.has("statistics_time_zone") && !address.host.is_empty() {
                let message = format!(
                    "is required for the host {}: the zone in which its statistics day begins, \
                     such as Asia/Shanghai or UTC",
                    address.host
                );
                section.missing("statistics_time_zone", message);
            }
            Zone::utc()
        }),
    }
}

fn given_zone(section: &Section<'_>, now: Timestamp) -> Option<Zone> {
    const KEY: &str = "statistics_time_zone";
    let name = section.text(KEY)?;
    let Ok(zone) = Zone::named(&name) else {
        section.problem(
            KEY,
            format!(
                "{} is not a time zone; write a name such as Asia/Shanghai or an offset such as \
                 +08:00",
                shown(&name)
            ),
        );
        return None;
    };
    if !zone.is_documented(now) {
        section.warning(
            KEY,
            format!(
                "{name} is neither UTC nor +08:00, the only zones in which Feishu documents its \
                 days; this is not the zone of your office"
            ),
        );
    }
    Some(zone)
}

fn geos(section: &Section<'_>, local: Zone, now: Timestamp) -> Vec<GeoZone> {
    const PLACE: Kind = Kind::Choice(&["cn", "sg", "jp", "us"]);
    let mut geos: Vec<GeoZone> = Vec::new();
    for item in section.items("geos") {
        let (word, zone) = if item.is_scalar() {
            (item.read(&PLACE, Kind::choice).unwrap_or_default(), None)
        } else {
            let section = item.section();
            if !section.has("geo") {
                section.missing("geo", format!("is required: {PLACE}"));
            }
            (section.choice("geo"), given_zone(&section, now))
        };
        let geo = match word {
            "cn" => Geo::Cn,
            "sg" => Geo::Sg,
            "jp" => Geo::Jp,
            "us" => Geo::Us,
            _ => continue,
        };
        if geos.iter().any(|known| known.geo == geo) {
            item.problem(format!("{geo} is listed twice; keep one"));
            continue;
        }
        let usual = if geo == Geo::Cn { Zone::shanghai() } else { Zone::utc() };
        geos.push(GeoZone { geo, zone: zone.unwrap_or(usual) });
    }
    if geos.is_empty() {
        geos.push(GeoZone { geo: Geo::Local, zone: local });
    }
    geos
}

fn departments(
    section: &Section<'_>,
    are_discovered: bool,
    id_type: DepartmentIdType,
) -> (Vec<ListedDepartment>, HashMap<String, Labels>) {
    let items = section.items("departments");
    if !section.has("departments") && !are_discovered {
        // No variable enables discovery.
        let is_file = section.name("departments") == "departments";
        let unless = if is_file { ", unless discovery is enabled" } else { "" };
        section.missing(
            "departments",
            format!("is required: the ids of at least one department{unless}"),
        );
    }
    if items.len() > DEPARTMENTS_MAX {
        section.problem("departments", format!("lists more than {DEPARTMENTS_MAX} departments"));
        return (Vec::new(), HashMap::new());
    }
    let mut by_department = HashMap::new();
    let mut first_lines = BTreeMap::new();
    let mut departments = Vec::with_capacity(items.len());
    for item in &items {
        let (id, include_children, labels) = if item.is_scalar() {
            (item.read(&Kind::Id, Kind::text), false, Labels::new())
        } else {
            let section = item.section();
            if !section.has("id") {
                section.missing("id", "is required: the department's id");
            }
            let labels = labels::labels(&section.section("labels"));
            (section.text("id"), section.flag("include_children"), labels)
        };
        let Some(id) = id else { continue };
        if placeholders::DEPARTMENTS.contains(&id.as_str()) {
            item.warning(placeholders::TOLD);
        }
        if let Some(line) = first_lines.insert(id.clone(), item.line()) {
            let first = if line > 0 { format!(", first on line {line}") } else { String::new() };
            item.problem(format!("{} is listed twice{first}", shown(&id)));
            continue;
        }
        if !labels.is_empty() {
            by_department.insert(id.clone(), labels);
        }
        departments.push(ListedDepartment { id, include_children });
    }
    let ids = departments.iter().map(|department| department.id.as_str());
    warn_of_other_id_type(section, "departments", ids, id_type);
    (departments, by_department)
}

/// Ids of the other type are refused by Feishu, department by department; better said at once.
fn warn_of_other_id_type<'i>(
    section: &Section<'_>,
    key: &str,
    ids: impl IntoIterator<Item = &'i str>,
    id_type: DepartmentIdType,
) {
    let mut ids = ids.into_iter();
    let is_open = |id: &&str| id.starts_with("od-");
    let (odd, other) = match id_type {
        DepartmentIdType::OpenDepartmentId => (
            ids.find(|id| !is_open(id) && *id != "0"),
            "does not begin with od-, as every open_department_id does; set department_id_type: \
             department_id if your organisation chose it",
        ),
        DepartmentIdType::DepartmentId => (
            ids.find(is_open),
            "looks like an open_department_id, but department_id_type is department_id",
        ),
    };
    if let Some(id) = odd {
        section.warning(key, format!("{} {other}", shown(id)));
    }
}

fn schedule(section: &Section<'_>) -> Schedule {
    let schedule = Schedule {
        interval: section.duration("interval"),
        ready_at: section.time("ready_at"),
        // The range is 31 days, so the number of days always fits.
        lookback_days: i32::try_from(section.duration("lookback").as_secs() / 86_400)
            .unwrap_or(i32::MAX),
        max_age: section.duration("max_age"),
        // The range is 12 weeks and ten years, so the numbers always fit.
        baseline_weeks: u8::try_from(section.count("baseline_weeks")).unwrap_or(u8::MAX),
        judgement: section.flag("judgement"),
        retention_days: i32::try_from(section.duration("retention").as_secs() / 86_400)
            .unwrap_or(i32::MAX),
    };
    if schedule.baseline_weeks == 1 {
        section.problem(
            "baseline_weeks",
            "is 1, and a median needs at least two days; write 2 to 12, or 0 for no baselines",
        );
    }
    let baseline_days = 7 * i32::from(schedule.baseline_weeks);
    if schedule.retention_days < baseline_days {
        section.warning(
            "retention",
            format!(
                "is shorter than the {baseline_days}d that baselines look back \
                 (baseline_weeks: {}), so baselines rest on fewer days",
                schedule.baseline_weeks
            ),
        );
    }
    if schedule.interval.as_secs() < INTERVAL_WARN_S {
        section.warning(
            "interval",
            "is under 5m: while a day is late, every look costs requests, and the figures come \
             once a day",
        );
    }
    schedule
}

fn limits(section: &Section<'_>) -> Limits {
    Limits {
        requests_per_second: section.number("requests_per_second"),
        requests_per_minute: section
            .count_unless_auto("requests_per_minute")
            // The range ends at 60000, so the number always fits.
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        concurrency: usize::try_from(section.count("concurrency")).unwrap_or(usize::MAX),
        timeout: section.duration("timeout"),
        requests_per_month: section.count("requests_per_month"),
    }
}
