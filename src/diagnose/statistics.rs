//! Trying the department statistics: permission, newest day, product versions, the scale of rates.

use std::{collections::HashSet, sync::Arc};

use super::{
    examination::{Examination, NOT_TRIED, fails_for, listed, works_for},
    finding::{Finding, Problem, Subject, Trial, Verdict},
};
use crate::{
    collect::{GeoZone, ListedDepartment, RateRows, Tenant, expected_day},
    day::{Day, after},
    feishu::{Client, Endpoint, Error},
    sources::departments::{self, Ask, Found, Versions},
    usage::{Geo, RateScale, Target},
};

const VERSIONS_OFF: &str = "not used: product_versions is off";

/// Departments that are asked for the days before the newest, while none has had rows.
const LOOKBACKS_MAX: u32 = 3;

const SUBJECT: Subject = Subject::Endpoint(Endpoint::AdminDeptStats);

/// Asks every geo for the newest day of the departments.
pub(super) async fn statistics(examination: &mut Examination<'_>) {
    let tenant = examination.tenant;
    let versions = Versions::new(tenant.versions());
    let mut seen = Seen::default();
    for place in &tenant.geos {
        if examination.over {
            for subject in [SUBJECT, Subject::DataPermission, Subject::LatestDay] {
                examination.find(examination.not_tried(subject).of(place.geo));
            }
            continue;
        }
        let now = examination.clock.now();
        let mut reading = Reading {
            client: Arc::clone(&examination.session.client),
            versions: &versions,
            geo: place.geo,
            is_first_place: place.geo == tenant.geos[0].geo,
            expected: expected_day(now, &place.zone, tenant.schedule.ready_at),
            lookback_days: tenant.schedule.lookback_days,
            lookbacks: 0,
            newest: None,
            without_rows: Vec::new(),
            trial: Trial::default(),
        };
        reading.read(&examination.departments, &mut seen).await;
        conclude(examination, place, reading);
    }
    if let Some(finding) = not_believed(&seen) {
        examination.find(finding);
    }
    examination.find(product_versions(tenant, &versions, &seen));
    examination.find(rates(tenant.rates, &seen));
    let parents = |departments: &[ListedDepartment]| {
        departments.iter().filter(|department| department.include_children).count() as u64
    };
    let size = &mut examination.diagnosis.size;
    size.rows = seen.rows;
    size.people = (!seen.people.is_empty()).then_some(seen.people);
    size.children = (seen.parents > 0).then(|| {
        (seen.children.len() as u64 * parents(&tenant.departments)).div_ceil(seen.parents)
    });
}

/// That nothing of it was tried.
pub(super) fn not_tried(tenant: &Tenant) -> impl Iterator<Item = Finding> {
    let subjects = [
        SUBJECT,
        Subject::DataPermission,
        Subject::LatestDay,
        Subject::ProductVersions,
        Subject::Rates,
    ];
    let has_versions = tenant.product_versions;
    subjects.into_iter().map(move |subject| match subject {
        Subject::ProductVersions if !has_versions => {
            Finding::new(subject, Verdict::NotUsed, VERSIONS_OFF)
        }
        _ => Finding::new(subject, Verdict::NotTried, NOT_TRIED),
    })
}

/// What the rows tell beside their figures.
#[derive(Default)]
struct Seen {
    rates: RateRows,
    /// Rows of a department's day at most.
    rows: Option<u64>,
    /// People of each department.
    people: Vec<u64>,
    /// Departments that answered with their sub-departments.
    parents: u64,
    /// Sub-departments that came with them.
    children: HashSet<Arc<str>>,
    rejected_rows: u64,
    rejected_example: Option<String>,
    rejected_fields: HashSet<&'static str>,
}

impl Seen {
    fn see(&mut self, asked: &ListedDepartment, is_first_place: bool, found: &Found) {
        self.rejected_rows += found.rejected_rows;
        if self.rejected_example.is_none() {
            self.rejected_example.clone_from(&found.rejected_example);
        }
        self.rejected_fields.extend(found.rejected_values.keys());
        let mut departments = HashSet::new();
        for day in found.days.iter().rev().map(|found| &found.day) {
            day.rows.iter().for_each(|(_, figures)| self.rates.see(figures));
            self.rows = self.rows.max(Some(day.rows.len() as u64));
            // The newest day of each department comes first.
            if !departments.insert(Arc::clone(&day.department_id)) || !is_first_place {
                continue;
            }
            if let Some(people) = day.users() {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count is never negative"
                )]
                self.people.push(people as u64);
            }
        }
        if asked.include_children && is_first_place {
            self.parents += 1;
            departments.retain(|id| **id != *asked.id);
            self.children.extend(departments);
        }
    }
}

/// Reading one geo.
struct Reading<'a> {
    client: Arc<Client>,
    versions: &'a Versions,
    geo: Geo,
    /// Sizes are taken from one geo.
    is_first_place: bool,
    /// The newest day that should be there.
    expected: Day,
    lookback_days: i32,
    lookbacks: u32,
    /// The newest day that has rows.
    newest: Option<Day>,
    /// Departments that answered without rows.
    without_rows: Vec<String>,
    trial: Trial,
}

impl Reading<'_> {
    async fn read(&mut self, departments: &[ListedDepartment], seen: &mut Seen) {
        for department in departments {
            let answer = self.ask(department).await.and_then(|found| {
                let target = self.target(department);
                found.unusable(&target).map_or(Ok(found), Err)
            });
            match answer {
                Ok(found) => {
                    self.trial.worked();
                    let newest = found.days.iter().map(|found| found.day.day).max();
                    self.newest = self.newest.max(newest);
                    if newest.is_none() {
                        self.without_rows.push(department.id.clone());
                    }
                    seen.see(department, self.is_first_place, &found);
                }
                Err(error) => {
                    if self.trial.failed(&department.id, error) {
                        break;
                    }
                }
            }
        }
    }

    fn target(&self, department: &ListedDepartment) -> Target {
        Target {
            geo: self.geo,
            department_id: department.id.as_str().into(),
            include_children: department.include_children,
        }
    }

    /// The newest day; while none has had rows, the days before it as well.
    async fn ask(&mut self, department: &ListedDepartment) -> Result<Found, Error> {
        let target = self.target(department);
        let ask = |start, end| Ask { target: target.clone(), start, end };
        let first = ask(self.newest.unwrap_or(self.expected), self.expected);
        let before = ask(after(self.expected, -self.lookback_days), after(self.expected, -1));
        let found = departments::fetch(&self.client, &first, self.versions).await?;
        if found.days.is_empty() && self.newest.is_none() && self.lookbacks < LOOKBACKS_MAX {
            self.lookbacks += 1;
            return departments::fetch(&self.client, &before, self.versions).await;
        }
        Ok(found)
    }
}

fn conclude(examination: &mut Examination<'_>, place: &GeoZone, reading: Reading<'_>) {
    let Reading { geo, expected, newest, without_rows, mut trial, .. } = reading;
    examination.served.extend(newest.map(|day| (geo, day)));
    let answered = trial.answered() + trial.denied > 0;
    if geo != Geo::Local && trial.answered() == 0 {
        blame_geo(&mut trial, geo);
    }
    let permission = permission(&mut trial, examination.is_stand_in, answered);
    let latest = match newest {
        None if trial.answered() == 0 => examination.not_tried(Subject::LatestDay),
        newest => latest_day(examination.tenant, place, expected, newest, &without_rows),
    };
    let endpoint = match trial.ended_by.take() {
        Some(error) => examination.endpoint_fails(Endpoint::AdminDeptStats, error),
        None if answered => Finding::new(SUBJECT, Verdict::Works, "it answers the app"),
        None => {
            let text = "it does not answer for any department";
            Finding::new(SUBJECT, Verdict::Fails, text).with(trial.problems)
        }
    };
    for finding in [endpoint, permission, latest] {
        examination.find(finding.of(geo));
    }
}

/// A geo that Feishu has not enabled for the tenant is refused like a department without
/// permission, for every department.
fn blame_geo(trial: &mut Trial, geo: Geo) {
    /// The app has no access to the resource.
    const NO_ACCESS: i64 = 1_051_002;
    if let [only] = trial.problems.as_mut_slice()
        && only.code == Some(NO_ACCESS)
    {
        only.remedy = format!(
            "ask Feishu to enable geo {geo} for the tenant, which refuses every department, or \
             take it out of geos; if it is enabled, {}",
            only.remedy
        );
    }
}

/// Takes the failures of single departments, if any answered, for those of the data permission.
fn permission(trial: &mut Trial, is_stand_in: bool, answered: bool) -> Finding {
    let finding = |verdict, text: String| Finding::new(Subject::DataPermission, verdict, text);
    let (worked, refused) = (trial.answered(), trial.refused());
    if is_stand_in {
        return finding(Verdict::NotTried, "not tried, as no department is known".to_owned());
    }
    match (answered, refused) {
        (false, _) => finding(Verdict::NotTried, NOT_TRIED.to_owned()),
        (true, 0) => finding(Verdict::Works, works_for(worked)),
        (true, _) => {
            let text = fails_for(refused, worked + refused);
            finding(Verdict::Fails, text).with(std::mem::take(&mut trial.problems))
        }
    }
}

fn latest_day(
    tenant: &Tenant,
    place: &GeoZone,
    expected: Day,
    newest: Option<Day>,
    without_rows: &[String],
) -> Finding {
    let finding = |verdict, text: String| Finding::new(Subject::LatestDay, verdict, text);
    let Some(newest) = newest else {
        let days = tenant.schedule.lookback_days;
        let text = format!("no department tried has rows on {expected} or the {days} days before");
        return finding(Verdict::Fails, text).with(vec![Problem::plain(
            "Feishu accepts the request and answers with an empty list",
            "check that the departments have people and lie within the first four levels, that \
             statistics_time_zone and geos are those of the tenant, and that Feishu shows \
             statistics of these days in its admin console",
        )]);
    };
    let ready_at = tenant.schedule.ready_at.strftime("%H:%M");
    let (verdict, mut text) = if newest == expected {
        (
            Verdict::Works,
            format!(
                "{expected} is there, the newest day; each is due at {ready_at} of the next, {}",
                place.zone
            ),
        )
    } else {
        let text = format!(
            "{expected} should be there since {ready_at} {} and is not; the newest day is {newest}. \
             The exporter serves that one and goes on asking",
            place.zone
        );
        (Verdict::Note, text)
    };
    if !without_rows.is_empty() {
        text.push_str(&format!(
            "; {} of the departments tried have no rows: {}",
            without_rows.len(),
            listed(without_rows)
        ));
    }
    finding(verdict, text)
}

/// Rows and values that are not served.
fn not_believed(seen: &Seen) -> Option<Finding> {
    let mut fields: Vec<&str> = seen.rejected_fields.iter().copied().collect();
    fields.sort_unstable();
    let values = match fields.as_slice() {
        [] => "no field".to_owned(),
        fields => fields.join(", "),
    };
    let example = seen.rejected_example.as_ref();
    let example = example.map_or_else(String::new, |example| format!(" (for example {example})"));
    let text = format!(
        "{} rows contradict each other or were not asked for{example}, and values are no numbers in \
         {values}; they are not served",
        seen.rejected_rows,
    );
    let any = seen.rejected_rows > 0 || !fields.is_empty();
    any.then(|| Finding::new(Subject::Values, Verdict::Note, text))
}

fn product_versions(tenant: &Tenant, versions: &Versions, seen: &Seen) -> Finding {
    let finding = |verdict, text: String| Finding::new(Subject::ProductVersions, verdict, text);
    if !tenant.product_versions {
        return finding(Verdict::NotUsed, VERSIONS_OFF.to_owned());
    }
    let refused = versions.are_refused();
    match seen.rows {
        _ if refused => finding(
            Verdict::Note,
            "Feishu does not accept with_product_version, so that only totals are served; ask \
             Feishu to enable it for the tenant, or set product_versions to false"
                .to_owned(),
        ),
        Some(rows) => finding(Verdict::Works, format!("a department's day has up to {rows} rows")),
        None if versions.were_accepted() => {
            finding(Verdict::Works, "Feishu accepts with_product_version".to_owned())
        }
        None => finding(Verdict::NotTried, NOT_TRIED.to_owned()),
    }
}

fn rates(configured: Option<RateScale>, seen: &Seen) -> Finding {
    let finding = |verdict, text: String| Finding::new(Subject::Rates, verdict, text);
    let name = |scale| match scale {
        RateScale::Ratio => "ratio (0.85 means 85 %)",
        RateScale::Percent => "percent (85 means 85 %)",
    };
    match (configured, seen.rates.scale()) {
        (Some(configured), Some(decided)) if configured != decided => {
            let text =
                format!("configured as {}, but the rows tell {}", name(configured), name(decided));
            finding(Verdict::Fails, text).with(vec![Problem::plain(
                "active_user_rate does not fit active_user_num / total_user_num in that scale",
                "set rates to auto",
            )])
        }
        (Some(configured), _) => {
            finding(Verdict::Works, format!("configured as {}", name(configured)))
        }
        (None, Some(decided)) => {
            finding(Verdict::Works, format!("the rows tell {}", name(decided)))
        }
        (None, None) if seen.rows.is_some() => finding(
            Verdict::Note,
            "no row of 20 people or more tells the scale, so that rates are not served until one \
             does; set rates to ratio or percent if you know"
                .to_owned(),
        ),
        (None, None) => finding(Verdict::NotTried, NOT_TRIED.to_owned()),
    }
}
