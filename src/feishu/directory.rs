//! The directory API: the departments below a department, with their counts.

use reqwest::Method;
use serde_json::json;

use super::{
    Client,
    endpoint::Endpoint,
    error::Error,
    paging::{Length, ListPart, PAGES_MAX, PageEnd, items},
    transport::Request,
    wire::{Object, Scalar, row},
};
use crate::secret::Secret;

/// Departments of a page: the largest size that the API takes.
const PAGE_SIZE: u32 = 100;

row! {
    /// A department as `departments/filter` answers it. A field that the app may not read is absent.
    DirectoryDepartment
}

impl<'a> DirectoryDepartment<'a> {
    /// The id in the tenant's id type.
    #[must_use]
    pub fn department_id(&self) -> Option<String> {
        self.0.text("department_id").filter(|id| !id.is_empty())
    }

    /// The name in a language, or else the default one.
    #[must_use]
    pub fn name(&self, language: &str) -> Option<String> {
        i18n(&self.0.object("name")?, language)
    }

    /// The names from the level below the root down to the department itself.
    #[must_use]
    pub fn path(&self, language: &str) -> Option<Vec<String>> {
        self.0.raw("department_path_infos")?;
        let infos = items(Some(&self.0), "department_path_infos").ok()?;
        infos.into_iter().map(|info| i18n(&info?.object("department_name")?, language)).collect()
    }

    /// Whether there are departments below it; none where Feishu does not say.
    #[must_use]
    pub fn has_child(&self) -> Option<bool> {
        self.0.scalar("has_child").yes_or_no()
    }

    /// Whether it is in use; none where Feishu does not say.
    #[must_use]
    pub fn is_enabled(&self) -> Option<bool> {
        self.0.scalar("enabled_status").yes_or_no()
    }

    /// A number of `department_count`, which Feishu writes as strings.
    #[must_use]
    pub fn count(&self, field: &str) -> Scalar<'a> {
        self.0.object("department_count").map_or(Scalar::Absent, |counts| counts.scalar(field))
    }
}

/// What Feishu left out of an accepted answer, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abnormal {
    /// The department, where Feishu names it.
    pub id: Option<String>,
    /// Whether a whole department is missing.
    pub row_is_missing: bool,
    /// The fields that are missing because the app lacks a permission.
    pub denied_fields: Vec<String>,
}

impl Client {
    /// Reads the departments directly below one; `each` sees every department, `abnormal` what
    /// Feishu left out of an answer that it calls a success.
    ///
    /// # Errors
    /// If any page fails. Departments of the pages before it were seen; the caller drops them.
    pub async fn departments_below(
        &self,
        parent_id: &str,
        each: &mut (dyn FnMut(DirectoryDepartment<'_>) + Send),
        abnormal: &mut (dyn FnMut(Abnormal) + Send),
    ) -> Result<(), Error> {
        let id_type = self.department_id_type();
        let page = |data: Option<Object<'_>>| {
            let departments = items(data.as_ref(), "departments")?;
            let of_page = departments.len();
            departments.into_iter().flatten().for_each(|d| each(DirectoryDepartment(d)));
            let abnormals = items(data.as_ref(), "abnormals")?;
            abnormals.iter().flatten().for_each(|a| abnormal(read_abnormal(a)));
            Ok(PageEnd::within(data.as_ref(), "page_response").after(of_page))
        };
        let request = |token: Option<&str>| filter_request(parent_id, id_type, token);
        let length =
            Length { page_size: Some(PAGE_SIZE), pages_max: PAGES_MAX, pages_wanted: None };
        self.read_list(ListPart::Whole, length, request, page).await
    }
}

fn filter_request(
    parent_id: &str,
    department_id_type: &'static str,
    page_token: Option<&str>,
) -> Request {
    let mut page_request = json!({ "page_size": PAGE_SIZE });
    if let Some(token) = page_token {
        page_request["page_token"] = token.into();
    }
    let body = json!({
        "filter": { "conditions": [{
            "field": "parent_department_id",
            // Two documents disagree on whether `in` may be used.
            "operator": "eq",
            // The right side is JSON within JSON.
            "value": json!(parent_id).to_string(),
        }] },
        // `enabled_status` is in no list of fields that can be asked for by name.
        "required_fields": ["*"],
        "page_request": page_request,
    });
    Request {
        endpoint: Endpoint::DepartmentsFilter,
        method: Method::POST,
        query: vec![("department_id_type", department_id_type.to_owned())],
        body: Some(Secret::new(body.to_string())),
        attempt: format!("listing the departments below {parent_id}"),
        purpose: Endpoint::DepartmentsFilter.purpose(),
    }
}

/// Codes of `row_error` and `field_errors`: 1000 is no permission; 2000 (a service failed) and
/// 2003 (no such field) are not the operator's.
const NO_PERMISSION: i64 = 1000;

fn read_abnormal(abnormal: &Object<'_>) -> Abnormal {
    let fields = abnormal.object("field_errors");
    let denied = fields.iter().flat_map(|fields| {
        fields.names().filter(|name| fields.integer(name) == Some(NO_PERMISSION))
    });
    Abnormal {
        id: abnormal.text("id").filter(|id| !id.is_empty()),
        row_is_missing: abnormal.integer("row_error") == Some(NO_PERMISSION),
        denied_fields: denied.map(str::to_owned).collect(),
    }
}

fn i18n(name: &Object<'_>, language: &str) -> Option<String> {
    let translated = name.object("i18n_value").and_then(|names| names.text(language));
    translated
        .filter(|text| !text.is_empty())
        .or_else(|| name.text("default_value"))
        .filter(|text| !text.is_empty())
}
