//! The admin API: activity statistics of departments and of their people.

use jiff::civil::Date;

use super::{
    Client,
    endpoint::{Endpoint, Purpose},
    error::Error,
    paging::{Length, ListPart, PAGES_MAX, page},
    quote::quote,
    transport::Request,
    wire::{Object, Scalar, row},
};
use crate::day::days_between;

/// Rows of a page: the largest size that the API takes.
pub const DEPT_STATS_PAGE_SIZE: u32 = 20;
/// Product versions of a department at most; a handful are known.
const VERSIONS_MAX: u32 = 200;
/// Bytes of a date or an id that are repeated in a message; Feishu's ids have 35.
const QUOTED_BYTES_MAX: usize = 64;
/// People of a page: the largest size that the API takes.
pub const USER_STATS_PAGE_SIZE: u32 = 60;

/// What to ask `admin_dept_stats` for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeptStatsQuery {
    /// In the tenant's `department_id_type`.
    pub department_id: String,
    /// Whether the sub-departments are asked for with it.
    pub contains_child_dept: bool,
    /// The first day.
    pub start: Date,
    /// The last day, itself included.
    pub end: Date,
    /// Whether to ask for one row per product version.
    pub with_product_version: bool,
    /// `target_geo`; none for the tenant's own data.
    pub target_geo: Option<&'static str>,
    /// What the rows are for: the past is optional.
    pub purpose: Purpose,
}

impl DeptStatsQuery {
    /// The list at most: one department has a row per version and day.
    fn length(&self, pages_wanted: Option<u32>) -> Length {
        let days = days_between(self.start, self.end).unsigned_abs() + 1;
        let pages_max = match self.contains_child_dept {
            true => PAGES_MAX,
            false => (days * VERSIONS_MAX).div_ceil(DEPT_STATS_PAGE_SIZE).min(PAGES_MAX),
        };
        Length { page_size: Some(DEPT_STATS_PAGE_SIZE), pages_max, pages_wanted }
    }
}

row! {
    /// A row as Feishu sent it. The figures are asked for by the name of their field.
    DeptStat
}

impl<'a> DeptStat<'a> {
    /// The field `date`, if it is a date.
    #[must_use]
    pub fn date(&self) -> Option<Date> {
        self.0.text("date")?.trim().parse().ok()
    }

    /// The field `date` as it came, for a message.
    #[must_use]
    pub fn quoted_date(&self) -> String {
        quote(&self.0.text("date").unwrap_or_default(), QUOTED_BYTES_MAX)
    }

    /// The field `department_id`.
    #[must_use]
    pub fn department_id(&self) -> Option<String> {
        self.0.text("department_id").filter(|id| !id.is_empty())
    }

    /// The field `department_id` as it came, for a message.
    #[must_use]
    pub fn quoted_department_id(&self) -> String {
        quote(&self.0.text("department_id").unwrap_or_default(), QUOTED_BYTES_MAX)
    }

    /// The field `department_name`.
    #[must_use]
    pub fn department_name(&self) -> Option<String> {
        self.0.text("department_name")
    }

    /// The field `department_path`.
    #[must_use]
    pub fn department_path(&self) -> Option<String> {
        self.0.text("department_path")
    }

    /// The field `product_version`; none where it is left out or empty.
    #[must_use]
    pub fn product_version(&self) -> Option<String> {
        self.0.text("product_version").map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    /// A figure, by the name of its field.
    #[must_use]
    pub fn figure(&self, api_field: &str) -> Scalar<'a> {
        self.0.scalar(api_field)
    }
}

/// What to ask `admin_user_stats` for: one department's own people on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserStatsQuery {
    /// In the tenant's `department_id_type`.
    pub department_id: String,
    /// The day.
    pub day: Date,
    /// `target_geo`; none for the tenant's own data.
    pub target_geo: Option<&'static str>,
}

row! {
    /// A person's day as Feishu sent it. It must not outlive the page that it came with.
    UserStat
}

impl<'a> UserStat<'a> {
    /// The field `date`, if it is a date.
    #[must_use]
    pub fn date(&self) -> Option<Date> {
        self.0.text("date")?.trim().parse().ok()
    }

    /// The field `date` as it came, for a message.
    #[must_use]
    pub fn quoted_date(&self) -> String {
        quote(&self.0.text("date").unwrap_or_default(), QUOTED_BYTES_MAX)
    }

    /// The person's id; only ever hashed, to count each person once.
    #[must_use]
    pub fn user_id(&self) -> Option<String> {
        self.0.text("user_id").filter(|id| !id.trim().is_empty())
    }

    /// Any other field.
    #[must_use]
    pub fn field(&self, name: &str) -> Scalar<'a> {
        self.0.scalar(name)
    }
}

impl Client {
    /// Reads a whole list of department statistics; `each` sees every row once, in the order in
    /// which they come. An item that is no object is seen as none.
    ///
    /// # Errors
    /// If any page fails. Rows of the pages before it were seen; the caller drops them.
    pub async fn admin_dept_stats(
        &self,
        query: &DeptStatsQuery,
        each: &mut (dyn FnMut(Option<DeptStat<'_>>) + Send),
    ) -> Result<(), Error> {
        let id_type = self.department_id_type();
        let page = |data: Option<Object<'_>>| page(data.as_ref(), |row| each(row.map(DeptStat)));
        let request = |token: Option<&str>| dept_stats_request(query, id_type, token);
        let read = self.read_list(ListPart::Whole, query.length(None), request, page).await;
        read.map_err(|error| told_of_geo(error, query.target_geo))
    }

    /// As [`Self::admin_dept_stats`] for so many pages from a page token on, or from the beginning
    /// of the list; returns the token of the next page, none at the end of the list.
    ///
    /// # Errors
    /// If any page fails, or the token is not accepted any more.
    pub async fn admin_dept_stats_part(
        &self,
        query: &DeptStatsQuery,
        from: Option<String>,
        pages: u32,
        each: &mut (dyn FnMut(Option<DeptStat<'_>>) + Send),
    ) -> Result<Option<String>, Error> {
        let id_type = self.department_id_type();
        let page = |data: Option<Object<'_>>| page(data.as_ref(), |row| each(row.map(DeptStat)));
        let request = |token: Option<&str>| dept_stats_request(query, id_type, token);
        let read =
            self.read_part(from, ListPart::Whole, query.length(Some(pages)), request, page).await;
        read.map_err(|error| told_of_geo(error, query.target_geo))
    }

    /// Reads one day of a department's own people, as far as wanted; `each` sees every row once.
    ///
    /// # Errors
    /// If any page fails. Rows of the pages before it were seen; the caller drops them.
    pub async fn admin_user_stats(
        &self,
        query: &UserStatsQuery,
        part: ListPart,
        each: &mut (dyn FnMut(Option<UserStat<'_>>) + Send),
    ) -> Result<(), Error> {
        let id_type = self.department_id_type();
        let page = |data: Option<Object<'_>>| page(data.as_ref(), |row| each(row.map(UserStat)));
        let request = |token: Option<&str>| user_stats_request(query, id_type, token);
        let page_size = Some(USER_STATS_PAGE_SIZE);
        let length = Length { page_size, pages_max: PAGES_MAX, pages_wanted: None };
        let read = self.read_list(part, length, request, page).await;
        read.map_err(|error| told_of_geo(error, query.target_geo))
    }
}

/// A geo that Feishu has not enabled for the tenant is refused like a department without
/// permission; only all departments together tell.
fn told_of_geo(mut error: Error, target_geo: Option<&'static str>) -> Error {
    /// The app has no access to the resource.
    const NO_ACCESS: i64 = 1_051_002;
    if let (Some(NO_ACCESS), Some(geo)) = (error.code, target_geo) {
        error.remedy.push_str(&format!(
            "; if every department of geo {geo} is refused so, ask Feishu to enable {geo} for the \
             tenant, or take it out of geos"
        ));
    }
    error
}

fn dept_stats_request(
    query: &DeptStatsQuery,
    department_id_type: &'static str,
    page_token: Option<&str>,
) -> Request {
    let days = match query.start == query.end {
        true => query.start.to_string(),
        false => format!("{} to {}", query.start, query.end),
    };
    let mut parameters = vec![
        ("department_id_type", department_id_type.to_owned()),
        ("start_date", query.start.to_string()),
        ("end_date", query.end.to_string()),
        ("department_id", query.department_id.clone()),
        ("contains_child_dept", query.contains_child_dept.to_string()),
        ("page_size", DEPT_STATS_PAGE_SIZE.to_string()),
    ];
    if query.with_product_version {
        parameters.push(("with_product_version", "true".to_owned()));
    }
    parameters.extend(query.target_geo.map(|geo| ("target_geo", geo.to_owned())));
    parameters.extend(page_token.map(|token| ("page_token", token.to_owned())));
    let attempt = format!("fetching statistics of department {} for {days}", query.department_id);
    let purpose = query.purpose;
    Request { purpose, ..Request::get(Endpoint::AdminDeptStats, parameters, attempt) }
}

fn user_stats_request(
    query: &UserStatsQuery,
    department_id_type: &'static str,
    page_token: Option<&str>,
) -> Request {
    let mut parameters = vec![
        ("user_id_type", "open_id".to_owned()),
        ("department_id_type", department_id_type.to_owned()),
        ("start_date", query.day.to_string()),
        ("end_date", query.day.to_string()),
        ("department_id", query.department_id.clone()),
        ("page_size", USER_STATS_PAGE_SIZE.to_string()),
    ];
    parameters.extend(query.target_geo.map(|geo| ("target_geo", geo.to_owned())));
    parameters.extend(page_token.map(|token| ("page_token", token.to_owned())));
    let attempt = format!(
        "fetching the use of department {}'s people for {}",
        query.department_id, query.day
    );
    Request::get(Endpoint::AdminUserStats, parameters, attempt)
}
