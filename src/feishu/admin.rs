//! The admin API: activity statistics of departments.

use jiff::civil::Date;
use reqwest::Method;
use serde_json::value::RawValue;

use super::{
    Client,
    endpoint::Endpoint,
    error::{Class, Error},
    paging::{PageEnd, Pages},
    transport::Request,
    wire::{Object, Scalar},
};

/// Rows of a page: the largest size that the API takes.
pub const DEPT_STATS_PAGE_SIZE: u32 = 20;

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
}

/// A row as Feishu sent it. The figures are asked for by the name of their field.
#[derive(Debug)]
pub struct DeptStat<'a>(Object<'a>);

impl<'a> DeptStat<'a> {
    /// Reads one item of the list; none if it is no object.
    #[must_use]
    pub fn parse(item: &'a str) -> Option<Self> {
        serde_json::from_str(item).ok().map(Self)
    }

    /// The field `date`, if it is a date.
    #[must_use]
    pub fn date(&self) -> Option<Date> {
        self.0.text("date")?.trim().parse().ok()
    }

    /// The field `department_id`.
    #[must_use]
    pub fn department_id(&self) -> Option<String> {
        self.0.text("department_id").filter(|id| !id.is_empty())
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
        let mut pages = Pages::default();
        let mut request = dept_stats_request(query, self.department_id_type());
        let fixed = request.query.len();
        loop {
            let answer = self.call(&request).await?;
            let malformed = |what: String| self.malformed(&request, what);
            let end = read_page(answer.data().map_err(malformed)?, each).map_err(malformed)?;
            match pages.next(end).map_err(malformed)? {
                None => return Ok(()),
                Some(token) => {
                    request.query.truncate(fixed);
                    request.query.push(("page_token", token));
                }
            }
        }
    }

    fn malformed(&self, request: &Request, what: String) -> Error {
        self.count_failure(request.endpoint, Class::Malformed);
        Error::local(Class::Malformed, &request.attempt, what)
    }
}

fn dept_stats_request(query: &DeptStatsQuery, department_id_type: &'static str) -> Request {
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
    if let Some(geo) = query.target_geo {
        parameters.push(("target_geo", geo.to_owned()));
    }
    if query.with_product_version {
        parameters.push(("with_product_version", "true".to_owned()));
    }
    Request {
        endpoint: Endpoint::AdminDeptStats,
        method: Method::GET,
        query: parameters,
        body: None,
        attempt: format!("fetching statistics of department {} for {days}", query.department_id),
    }
}

/// Shows the rows of one page; an absent or `null` list is an empty one.
fn read_page(
    data: Option<Object<'_>>,
    each: &mut (dyn FnMut(Option<DeptStat<'_>>) + Send),
) -> Result<PageEnd, String> {
    let Some(data) = data else { return Ok(PageEnd::default()) };
    if let Some(raw) = data.raw("items") {
        let items: Vec<&RawValue> =
            serde_json::from_str(raw).map_err(|e| format!("`items` is not a list: {e}"))?;
        for item in items {
            each(DeptStat::parse(item.get()));
        }
    }
    Ok(PageEnd { has_more: data.flag("has_more"), page_token: data.text("page_token") })
}
