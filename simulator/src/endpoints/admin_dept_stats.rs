//! `GET /open-apis/admin/v1/admin_dept_stats`: what departments did on past days.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    calendar::{self, DayNumber, Geo},
    context::{Context, boolean, id_of, refusal, success},
    distort::Row,
    faults::{Active, Kind},
    figures::{self, Counts},
    http::Answer,
    organisation::STATISTICS_DEPTH_MAX,
    pages::{self, Form},
    settings::{Options, ParentFigures},
    tenant::Tenant,
};

/// The scope that an app needs.
pub(crate) const SCOPE: &str = "admin:admin_dept_stat:readonly";

const PAGE_SIZE_MAX: usize = 20;
const PAGE_SIZE_DEFAULT: usize = 10;
/// "相差不能超过91天（包含91天）".
const SPAN_DAYS_MAX: i64 = 91;

/// The place of a row: its day, department and version, where 0 is the total.
type Place = (DayNumber, usize, usize);

pub(crate) fn answer(context: &Context) -> Result<Answer, Answer> {
    let asked = Asked::read(context)?;
    let mut places = asked.places(context);
    let has_more = places.len() > asked.page_size;
    places.truncate(asked.page_size);
    let items = context.distorted(asked.rows(context, &places));
    let mut data = json!({});
    let next = [asked.offset + asked.page_size as u64];
    let own_token = context.call.parameter("page_token");
    pages::turn(context, &mut data, Form::Admin, has_more, (own_token, &next));
    pages::list(&mut data, "items", items, context.options.empty);
    Ok(success(data))
}

/// What the document has for every invalid request, with the status that it says.
pub(crate) fn invalid_parameter() -> Answer {
    refusal(500, (1_051_001, "request contain invalid param"))
}

/// The figures of a department's own people on a day, as numbers; of the total without a version.
pub(crate) fn truth(
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
    let company = tenant.company();
    let counts = figures::of(&company, &company.tallies, department, day, geo, versions.len());
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
    offset: u64,
}

impl Asked {
    fn read(context: &Context) -> Result<Self, Answer> {
        let asked = Self::parse(context).ok_or_else(invalid_parameter)?;
        if !context.options.geos.contains(&asked.geo) {
            return Err(refusal(400, (1_051_002, "application has no access to the resource")));
        }
        if context.is_forbidden(asked.department) {
            return Err(Answer::error(
                400,
                1_051_003,
                "There is no query permission for this department's data,\
                 please apply for permission for the application first",
            ));
        }
        Ok(asked)
    }

    fn parse(context: &Context) -> Option<Self> {
        let required = |name| context.call.parameter(name).filter(|value| !value.is_empty());
        required("department_id_type")?;
        let by_open_id = context.by_open_id()?;
        let department = context.find(required("department_id")?, by_open_id)?;
        let seed = context.organisation.seed;
        let asked = Self {
            by_open_id,
            department,
            with_children: boolean(required("contains_child_dept")?)?,
            start: calendar::parse(required("start_date")?)?,
            end: calendar::parse(required("end_date")?)?,
            geo: context.read("target_geo", Geo::Cn, Geo::parse)?,
            with_versions: context.read("with_product_version", false, boolean)?,
            page_size: context.read("page_size", PAGE_SIZE_DEFAULT, |text| text.parse().ok())?,
            offset: context.read("page_token", 0, |token| {
                Form::Admin.read(seed, context.call, token).map(|[offset]| offset)
            })?,
        };
        let valid = context.organisation.departments[department].depth <= STATISTICS_DEPTH_MAX
            && (0..=SPAN_DAYS_MAX).contains(&(asked.end - asked.start))
            && (1..=PAGE_SIZE_MAX).contains(&asked.page_size);
        valid.then_some(asked)
    }

    /// Where the rows of this page are, and one more if there is a next page.
    fn places(&self, context: &Context) -> Vec<Place> {
        let Context { tenant, organisation, options, active, .. } = *context;
        let now = tenant.clock.now();
        let newest = calendar::newest_day(now, self.geo);
        let oldest = newest - DayNumber::from(options.history_days) + 1;
        let mut departments = vec![self.department];
        if self.with_children {
            departments = organisation.subtree(self.department, STATISTICS_DEPTH_MAX);
            departments.retain(|department| !context.is_forbidden(*department));
        }
        let versions = if self.with_versions { options.product_versions.len() } else { 0 };
        let exists = |(day, department, version): &Place| {
            let name = version_name(options, *version);
            let is_newest = *day == newest;
            let strikes = |fault: &&Active| fault.strikes(*department);
            active.iter().filter(strikes).all(|fault| match &fault.kind {
                Kind::LateDay { until } if is_newest => until.is_some_and(|until| until <= now),
                Kind::PartialDay { without } if is_newest => !without.iter().any(|out| out == name),
                Kind::OmitTotal => versions == 0 || *version > 0,
                _ => true,
            })
        };
        (self.start.max(oldest)..=self.end.min(newest))
            .flat_map(|day| departments.iter().map(move |department| (day, *department)))
            .flat_map(|(day, department)| {
                (0..=versions).map(move |version| (day, department, version))
            })
            .filter(exists)
            .skip(usize::try_from(self.offset).unwrap_or(usize::MAX))
            .take(self.page_size + 1)
            .collect()
    }

    fn rows(&self, context: &Context, places: &[Place]) -> Vec<Row> {
        let options = context.options;
        let recursive = self.with_children && options.parent_figures == ParentFigures::Recursive;
        let count = if recursive { figures::of_subtree } else { figures::of };
        let versions = options.product_versions.len();
        let row = |&(day, department, version): &Place| {
            let counts = count(
                context.organisation,
                &context.organisation.tallies,
                department,
                day,
                self.geo,
                versions,
            );
            let mut row = self.row(context, (day, department), &counts[version]);
            row.insert("product_version".into(), version_name(options, version).into());
            (department, row)
        };
        places.iter().map(row).collect()
    }

    fn row(
        &self,
        context: &Context,
        (day, department): (DayNumber, usize),
        counts: &Counts,
    ) -> Map<String, Value> {
        let department = &context.organisation.departments[department];
        let mut row = counts.fields(context.options.rates);
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

fn version_name(options: &Options, version: usize) -> &str {
    match version.checked_sub(1) {
        None => &options.total_version,
        Some(named) => &options.product_versions[named],
    }
}
