//! `GET /open-apis/admin/v1/admin_user_stats`: what people did on past days.

use serde_json::{Map, Value, json};

use super::admin_dept_stats::invalid_parameter;
use crate::{
    calendar::{self, DayNumber, Geo},
    context::{Context, USER_ID, refusal, success},
    distort::Row,
    faults::Kind,
    figures::{self, Count, Counts},
    http::Answer,
    identity::{self, Event, IdType},
    organisation::Organisation,
    pages::{self, Form},
    people::{self, Person},
    settings::{LastActive, UnknownTimes, UserRows},
};

/// The scope that an app needs.
pub(crate) const SCOPE: &str = "admin:admin_user_stat:readonly";

/// "取值范围：1 ～ 60".
const PAGE_SIZE_MAX: usize = 60;
/// The document names none; this is the one of the other statistics.
const PAGE_SIZE_DEFAULT: usize = 10;
/// "起止日期之间相差不能超过31天（包含31天）".
const SPAN_DAYS_MAX: i64 = 31;

pub(crate) fn answer(context: &Context) -> Result<Answer, Answer> {
    let asked = Asked::read(context)?;
    let mut found = asked.rows(context);
    let has_more = found.len() > asked.page_size;
    let next = match found.get(asked.page_size) {
        Some((place, _)) => *place,
        // Only a fault asks for a page after the last one.
        None => Place { day: asked.end.max(asked.from.day) + 1, ..Place::default() },
    };
    found.truncate(asked.page_size);
    let rows = found.iter().map(|(place, person)| asked.row(context, place.day, person));
    let items = context.distorted(rows.collect());
    let mut data = json!({});
    let own_token = context.call.parameter("page_token");
    pages::turn(context, &mut data, Form::Admin, has_more, (own_token, &next.parts()));
    pages::list(&mut data, "items", items, context.options.empty);
    Ok(success(data))
}

/// Where a row stands among all rows of a question: by day, department and person.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    day: DayNumber,
    /// Position in the list of the departments asked for.
    department: usize,
    person: u64,
}

impl Place {
    fn parts(self) -> [u64; 3] {
        [self.day.cast_unsigned(), self.department as u64, self.person]
    }

    fn from_parts([day, department, person]: [u64; 3]) -> Option<Self> {
        let department = usize::try_from(department).ok()?;
        Some(Self { day: day.cast_signed(), department, person })
    }
}

/// A valid request.
struct Asked {
    id_type: IdType,
    departments: Vec<usize>,
    person: Option<Person>,
    end: DayNumber,
    newest: DayNumber,
    geo: Geo,
    page_size: usize,
    from: Place,
}

impl Asked {
    fn read(context: &Context) -> Result<Self, Answer> {
        let Context { tenant, organisation, options, .. } = *context;
        let mut asked = Self::parse(context).ok_or_else(invalid_parameter)?;
        let person = asked.person.as_ref().map(|person| person.department);
        let named = !asked.departments.is_empty();
        let mut touched = person.into_iter().chain(asked.departments.iter().copied());
        if !options.geos.contains(&asked.geo) || touched.any(|at| context.is_forbidden(at)) {
            return Err(refusal(400, (1_051_002, "request to exceed authority")));
        }
        if !named {
            asked.departments = organisation.subtree(0, usize::MAX);
            asked.departments.retain(|department| !context.is_forbidden(*department));
        }
        asked.newest = calendar::newest_day(tenant.clock.now(), asked.geo);
        let oldest = asked.newest - DayNumber::from(options.history_days) + 1;
        asked.end = asked.end.min(asked.newest);
        if asked.from.day < oldest {
            asked.from = Place { day: oldest, ..Place::default() };
        }
        Ok(asked)
    }

    fn parse(context: &Context) -> Option<Self> {
        let Context { tenant, organisation, call, .. } = *context;
        let by_open_id = context.by_open_id()?;
        let id_type = context.user_id_type()?;
        let start = calendar::parse(call.parameter("start_date")?)?;
        let end = calendar::parse(call.parameter("end_date")?)?;
        let today = calendar::today(tenant.clock.now());
        let asked = Self {
            id_type,
            departments: context
                .read("department_id", vec![], |id| Some(vec![context.find(id, by_open_id)?]))?,
            person: context.read("user_id", None, |id| {
                Some(Some(identity::find(organisation, id, id_type, today)?))
            })?,
            end,
            newest: end,
            geo: context.read("target_geo", Geo::Cn, Geo::parse)?,
            page_size: context.read("page_size", PAGE_SIZE_DEFAULT, |text| text.parse().ok())?,
            from: context.read(
                "page_token",
                Place { day: start, ..Place::default() },
                |token| Place::from_parts(Form::Admin.read(organisation.seed, call, token)?),
            )?,
        };
        let valid = (0..=SPAN_DAYS_MAX).contains(&(end - start))
            && (1..=PAGE_SIZE_MAX).contains(&asked.page_size);
        valid.then_some(asked)
    }

    /// The people of this page, and the first of the next one. Only these are computed, however
    /// many come before them.
    fn rows(&self, context: &Context) -> Vec<(Place, Person)> {
        let organisation = context.organisation;
        (self.from.day..=self.end)
            .flat_map(|day| (0..self.departments.len()).map(move |at| (day, at)))
            .skip_while(|place| *place < (self.from.day, self.from.department))
            .filter(|(day, at)| self.has_come(context, *day, self.departments[*at]))
            .flat_map(|(day, department)| {
                let is_first = (day, department) == (self.from.day, self.from.department);
                let first = if is_first { self.from.person } else { 0 };
                self.people(organisation, day, self.departments[department], first)
                    .map(move |person| (Place { day, department, person: person.index }, person))
            })
            .filter(|(place, person)| self.is_shown(context, place.day, person))
            .take(self.page_size + 1)
            .collect()
    }

    /// Whether the day has figures of this department already, as far as faults let it.
    fn has_come(&self, context: &Context, day: DayNumber, department: usize) -> bool {
        let now = context.tenant.clock.now();
        day < self.newest
            || !context.active.iter().any(|fault| {
                let Kind::LateDay { until } = fault.kind else { return false };
                fault.strikes(department) && until.is_none_or(|until| now < until)
            })
    }

    /// The people of a department from this position on, or the only one asked for.
    fn people(
        &self,
        organisation: &Organisation,
        day: DayNumber,
        department: usize,
        first: u64,
    ) -> impl Iterator<Item = Person> {
        let only = self.person.clone();
        let is_asked = move |one: &Person| one.department == department && one.index >= first;
        let (one, all) = match only {
            Some(person) => (Some(person).filter(is_asked), None),
            None => (None, Some(people::hired_from(organisation, department, day, first))),
        };
        one.into_iter().chain(all.into_iter().flatten())
    }

    fn is_shown(&self, context: &Context, day: DayNumber, person: &Person) -> bool {
        let seed = context.organisation.seed;
        person.geo == self.geo
            && person.is_employed(day)
            && match context.options.user_rows {
                UserRows::Everybody => true,
                UserRows::Activated => person.is_activated(day),
                UserRows::Active => figures::is_active(seed, person, day),
            }
    }

    fn row(&self, context: &Context, day: DayNumber, person: &Person) -> Row {
        let (seed, options) = (context.organisation.seed, context.options);
        let department = &context.organisation.departments[person.department];
        let counts = figures::of_person(seed, person, day);
        let mut row = figures_of(&counts);
        let mut set = |name: &str, value: String| row.insert(name.to_owned(), Value::from(value));
        set("date", calendar::date(day).to_string());
        if self.id_type != IdType::User || context.has_any_scope(&[USER_ID]) {
            set("user_id", identity::id(seed, person, self.id_type));
        }
        set("user_name", identity::names(seed, person).0);
        set("department_name", department.statistics_name.clone());
        set("department_path", department.path.clone());
        set("create_time", identity::time(seed, person, Event::Created, person.joined));
        let as_of = match options.last_active {
            LastActive::OfDay => day,
            LastActive::Newest => self.newest,
        };
        let activated = person.activated.filter(|_| person.is_activated(as_of));
        let last = figures::last_active(seed, person, as_of).filter(|_| person.is_activated(day));
        for (name, event, when) in [
            ("register_time", Event::Activated, activated),
            ("last_active_time", Event::LastUsed, last),
        ] {
            match (when, options.unknown_times) {
                (Some(when), _) => {
                    set(name, identity::time(seed, person, event, when));
                }
                (None, UnknownTimes::Blank) => {
                    set(name, String::new());
                }
                (None, UnknownTimes::Absent) => {}
            }
        }
        let is_active = counts.get(Count::Suite) > 0;
        for (name, value) in [
            ("active_os", active_os(person)),
            ("os_name", os_name(person)),
            ("app_package_type", app_package_type(person)),
        ] {
            set(name, if is_active { value } else { String::new() });
        }
        (person.department, row)
    }
}

/// The figures of one person's day, in the JSON types of the document.
fn figures_of(counts: &Counts) -> Map<String, Value> {
    let sum = |parts: &[Count]| parts.iter().map(|part| counts.get(*part)).sum::<u64>();
    let meeting_minutes = counts.get(Count::MeetingMinutes);
    let mut row = Map::new();
    for (name, number) in [
        ("user_active_flag", sum(&[Count::Activated])),
        ("suite_active_flag", sum(&[Count::Suite])),
        ("im_active_flag", sum(&[Count::Im])),
        ("send_messenger_num", sum(&[Count::Messages])),
        ("docs_active_flag", sum(&[Count::Docs])),
        ("create_docs_num", sum(&[Count::NewDocs])),
        ("cal_active_flag", sum(&[Count::Calendar])),
        ("create_cal_num", sum(&[Count::NewEvents])),
        ("vc_active_flag", sum(&[Count::Meeting])),
        ("vc_duration", meeting_minutes),
        ("create_task_num", sum(&[Count::NewTasks])),
        // No meeting lasts longer than three quarters of an hour.
        ("vc_num", meeting_minutes.div_ceil(45)),
        ("search_active_flag", sum(&[Count::Searchers])),
    ] {
        row.insert(name.to_owned(), Value::from(number));
    }
    for (name, parts) in [
        ("email_send_count", &[Count::SentOutside, Count::SentInside][..]),
        ("email_receive_count", &[Count::GotOutside, Count::GotInside]),
        ("email_send_ext_count", &[Count::SentOutside]),
        ("email_receive_ext_count", &[Count::GotOutside]),
        ("email_send_in_count", &[Count::SentInside]),
        ("email_receive_in_count", &[Count::GotInside]),
        ("total_search_count", &[Count::QuickSearches, Count::TabSearches]),
        ("quick_search_count", &[Count::QuickSearches]),
        ("tab_search_count", &[Count::TabSearches]),
    ] {
        row.insert(name.to_owned(), Value::from(sum(parts).to_string()));
    }
    row
}

/// `'ios 14.2,-','ios 14.2,feishu 3.40.0-alpha'`.
fn active_os(person: &Person) -> String {
    let quoted = person.os.iter().zip(["-", "feishu 7.52.0-alpha"]).map(|(os, client)| {
        let os = os.to_lowercase();
        format!("'{os} {}.2,{client}'", 10 + person.licence % 8)
    });
    quoted.collect::<Vec<_>>().join(",")
}

/// `iOS,Andorid,Windows`: some rows have the document's own spelling.
fn os_name(person: &Person) -> String {
    let names = person.os.join(",");
    if person.licence.is_multiple_of(2) { names.replace("Android", "Andorid") } else { names }
}

/// `Feishu，Lark`: some rows have the document's own comma.
fn app_package_type(person: &Person) -> String {
    person.clients.join(if person.licence.is_multiple_of(2) { "，" } else { "," })
}
