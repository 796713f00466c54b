//! `GET /open-apis/admin/v1/admin_dept_stats`: what departments did on past days.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::simulator::{
    Tenant,
    calendar::{self, DayNumber, Geo},
    dice::Dice,
    distort,
    faults::{Active, Kind},
    figures::{self, Counts},
    http::{Answer, Call},
    organisation::{Department, STATISTICS_DEPTH_MAX},
    settings::{Empty, Options, ParentFigures, Rates},
};

/// The scope that an app needs.
pub(in crate::simulator) const SCOPE: &str = "admin:admin_dept_stat:readonly";

const PAGE_SIZE_MAX: usize = 20;
const PAGE_SIZE_DEFAULT: usize = 10;
/// "相差不能超过91天（包含91天）".
const SPAN_DAYS_MAX: i64 = 91;

/// The place of a row: its day, department and version, where 0 is the total.
type Place = (DayNumber, usize, usize);

/// A row before it becomes JSON, with its department.
pub(in crate::simulator) type Row = (usize, Map<String, Value>);

pub(in crate::simulator) fn answer(
    tenant: &Tenant,
    options: &Options,
    call: &Call,
    active: &[Active],
) -> Answer {
    let asked = match Asked::read(tenant, options, call) {
        Ok(asked) => asked,
        Err(answer) => return answer,
    };
    let mut places = asked.places(tenant, options, active);
    let endless = active.iter().any(|fault| fault.kind == Kind::EndlessPages);
    let has_more = places.len() > asked.page_size || endless;
    places.truncate(asked.page_size);
    let mut rows = asked.rows(tenant, options, &places);
    distort::rows(&mut rows, active);
    let items: Vec<Value> = rows.into_iter().map(|(_, row)| Value::from(row)).collect();

    let mut data = json!({ "has_more": has_more });
    match (items.is_empty(), options.empty) {
        (true, Empty::Absent) => {}
        (true, Empty::Null) => data["items"] = Value::Null,
        _ => data["items"] = Value::from(items),
    }
    if has_more {
        let next = page_token(tenant, call, asked.offset + asked.page_size);
        let repeated = active.iter().any(|fault| fault.kind == Kind::RepeatPageToken);
        data["page_token"] = match call.parameter("page_token").filter(|_| repeated) {
            Some(token) => Value::from(token),
            None => Value::from(next),
        };
    }
    Answer::json(200, json!({ "code": 0, "msg": "success", "data": data }))
}

/// What the document has for every invalid request, with the status that it says.
pub(in crate::simulator) fn invalid_parameter() -> Answer {
    Answer::error(500, 1_051_001, "request contain invalid param")
}

/// The figures of a department's own people on a day, as numbers; of the total without a version.
pub(in crate::simulator) fn truth(
    tenant: &Tenant,
    department: usize,
    day: DayNumber,
    geo: Geo,
    version: Option<&str>,
) -> Option<BTreeMap<&'static str, f64>> {
    let options = tenant.options();
    let versions = &options.product_versions;
    let index = match version {
        None => 0,
        Some(name) => versions.iter().position(|version| version == name)? + 1,
    };
    let counts = figures::of(&tenant.organisation, department, day, geo, versions.len());
    let fields = counts[index].fields(options.rates);
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    Some(figures::names().filter_map(|name| Some((name, number(&fields[name])?))).collect())
}

/// A valid request.
struct Asked {
    by_open_id: bool,
    department: usize,
    with_children: bool,
    start: DayNumber,
    end: DayNumber,
    geo: Geo,
    with_versions: bool,
    page_size: usize,
    offset: usize,
}

impl Asked {
    fn read(tenant: &Tenant, options: &Options, call: &Call) -> Result<Self, Answer> {
        let asked = Self::parse(tenant, call).ok_or_else(invalid_parameter)?;
        if !options.geos.contains(&asked.geo) {
            let msg = "application has no access to the resource";
            return Err(Answer::error(400, 1_051_002, msg));
        }
        if is_forbidden(tenant, options, asked.department) {
            return Err(Answer::error(
                400,
                1_051_003,
                "There is no query permission for this department's data,\
                 please apply for permission for the application first",
            ));
        }
        Ok(asked)
    }

    fn parse(tenant: &Tenant, call: &Call) -> Option<Self> {
        let required = |name| call.parameter(name);
        let by_open_id = match required("department_id_type")? {
            "open_department_id" => true,
            "department_id" => false,
            _ => return None,
        };
        let id = required("department_id")?;
        let index = tenant.organisation.find(id)?;
        let department = &tenant.organisation.departments[index];
        let start = calendar::parse(required("start_date")?)?;
        let end = calendar::parse(required("end_date")?)?;
        let asked = Self {
            by_open_id,
            department: index,
            with_children: boolean(required("contains_child_dept")?)?,
            start,
            end,
            geo: call.parameter("target_geo").map_or(Some(Geo::Cn), Geo::parse)?,
            with_versions: call.parameter("with_product_version").map_or(Some(false), boolean)?,
            page_size: call
                .parameter("page_size")
                .map_or(Some(PAGE_SIZE_DEFAULT), |text| text.parse().ok())?,
            offset: call
                .parameter("page_token")
                .filter(|token| !token.is_empty())
                .map_or(Some(0), |token| offset_of(tenant, call, token))?,
        };
        let valid = id == id_of(department, by_open_id)
            && department.depth <= STATISTICS_DEPTH_MAX
            && (0..=SPAN_DAYS_MAX).contains(&(end - start))
            && (1..=PAGE_SIZE_MAX).contains(&asked.page_size);
        valid.then_some(asked)
    }

    /// Where the rows of this page are, and one more if there is a next page.
    fn places(&self, tenant: &Tenant, options: &Options, active: &[Active]) -> Vec<Place> {
        let now = tenant.clock.now();
        let newest = calendar::newest_day(now, self.geo);
        let oldest = newest - DayNumber::from(options.history_days) + 1;
        let mut departments = vec![self.department];
        if self.with_children {
            departments = tenant.organisation.subtree(self.department, STATISTICS_DEPTH_MAX);
            departments.retain(|department| !is_forbidden(tenant, options, *department));
        }
        let versions = if self.with_versions { options.product_versions.len() } else { 0 };
        let exists = |(day, department, version): &Place| {
            let name = version_name(options, *version);
            *day < newest
                || active.iter().filter(|fault| fault.strikes(*department)).all(
                    |fault| match &fault.kind {
                        Kind::LateDay { until } => until.is_some_and(|until| until <= now),
                        Kind::PartialDay { without } => !without.iter().any(|out| out == name),
                        _ => true,
                    },
                )
        };
        (self.start.max(oldest)..=self.end.min(newest))
            .flat_map(|day| departments.iter().map(move |department| (day, *department)))
            .flat_map(|(day, department)| {
                (0..=versions).map(move |version| (day, department, version))
            })
            .filter(exists)
            .skip(self.offset)
            .take(self.page_size + 1)
            .collect()
    }

    fn rows(&self, tenant: &Tenant, options: &Options, places: &[Place]) -> Vec<Row> {
        let recursive = self.with_children && options.parent_figures == ParentFigures::Recursive;
        let count = if recursive { figures::of_subtree } else { figures::of };
        let versions = options.product_versions.len();
        let mut counted: Option<(DayNumber, usize, Vec<Counts>)> = None;
        let mut rows = Vec::with_capacity(places.len());
        for &(day, department, version) in places {
            let counts = match counted {
                Some((of_day, of_department, counts))
                    if (of_day, of_department) == (day, department) =>
                {
                    counts
                }
                _ => count(&tenant.organisation, department, day, self.geo, versions),
            };
            let row = self.row(tenant, (day, department), &counts[version], options.rates);
            rows.push((department, row));
            if let Some((_, row)) = rows.last_mut() {
                row.insert("product_version".into(), version_name(options, version).into());
            }
            counted = Some((day, department, counts));
        }
        rows
    }

    fn row(
        &self,
        tenant: &Tenant,
        (day, department): (DayNumber, usize),
        counts: &Counts,
        rates: Rates,
    ) -> Map<String, Value> {
        let department = &tenant.organisation.departments[department];
        let mut row = counts.fields(rates);
        for (name, value) in [
            ("date", calendar::date(day).to_string()),
            ("department_id", id_of(department, self.by_open_id).to_owned()),
            ("department_name", department.statistics_name.clone()),
            ("department_path", department.path.clone()),
        ] {
            row.insert(name.to_owned(), value.into());
        }
        row
    }
}

fn id_of(department: &Department, by_open_id: bool) -> &str {
    if by_open_id { &department.open_department_id } else { &department.department_id }
}

fn version_name(options: &Options, version: usize) -> &str {
    match version.checked_sub(1) {
        None => &options.total_version,
        Some(named) => &options.product_versions[named],
    }
}

fn is_forbidden(tenant: &Tenant, options: &Options, department: usize) -> bool {
    options
        .forbidden_departments
        .iter()
        .filter_map(|id| tenant.organisation.find(id))
        .any(|forbidden| tenant.organisation.is_within(department, forbidden))
}

/// A boolean as Go's `strconv.ParseBool` reads it, since official SDKs send `True` as well.
pub(in crate::simulator) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A token that says where the next page begins, and for which question. The document promises
/// nothing about its form; this one breaks when it is not percent-encoded.
fn page_token(tenant: &Tenant, call: &Call, offset: usize) -> String {
    let mut question: Vec<_> =
        call.query.iter().filter(|(name, _)| name != "page_token" && name != "page_size").collect();
    question.sort();
    let place: Vec<u64> = format!("{offset} {question:?}").bytes().map(u64::from).collect();
    let check = Dice::new(tenant.organisation.seed, &place).next();
    format!("{offset}+/{check:016x}==")
}

/// Where the page of a token begins, if the token was made for this question.
fn offset_of(tenant: &Tenant, call: &Call, token: &str) -> Option<usize> {
    let offset = token.split_once('+')?.0.parse().ok()?;
    (page_token(tenant, call, offset) == token).then_some(offset)
}
