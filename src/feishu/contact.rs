//! The contact API: names and places of departments, and the people in them.

use super::{
    Client,
    endpoint::Endpoint,
    error::Error,
    paging::{Length, ListPart, PAGES_MAX, items, page},
    transport::Request,
    wire::{Object, Scalar, row},
};

/// Departments of one `departments/batch` call at most (API document).
pub const DEPARTMENTS_BATCH_MAX: usize = 50;
/// People of a page: the largest size that the API takes.
pub const PEOPLE_PAGE_SIZE: u32 = 50;

row! {
    /// A department as `departments/batch` answers it. A field that the app may not read is absent.
    ContactDepartment
}

impl<'a> ContactDepartment<'a> {
    /// A text field: `name`, `parent_department_id`, `department_id`, `open_department_id`.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<String> {
        self.0.text(field).filter(|text| !text.is_empty())
    }

    /// The name in a language, a key of `i18n_name`.
    #[must_use]
    pub fn name_in(&self, language: &str) -> Option<String> {
        self.0.object("i18n_name")?.text(language).filter(|text| !text.is_empty())
    }

    /// A count: `member_count` (with sub-departments), `primary_member_count`.
    #[must_use]
    pub fn count(&self, field: &str) -> Scalar<'a> {
        self.0.scalar(field)
    }

    /// How many leaders it has; none if the field is absent.
    #[must_use]
    pub fn leaders(&self) -> Option<usize> {
        self.0.raw("leaders")?;
        items(Some(&self.0), "leaders").ok().map(|leaders| leaders.len())
    }

    /// Whether it was deleted; none if the field is absent.
    #[must_use]
    pub fn is_deleted(&self) -> Option<bool> {
        self.0.object("status")?.scalar("is_deleted").yes_or_no()
    }
}

row! {
    /// A person as `users/find_by_department` answers it; only what is counted can be asked for.
    Person
}

impl<'a> Person<'a> {
    /// The person's id; only ever hashed, to count each person once.
    #[must_use]
    pub fn open_id(&self) -> Option<String> {
        self.0.text("open_id").filter(|id| !id.trim().is_empty())
    }

    /// Whether a flag of `status` is set; left out is not. None if the flag cannot be read, or the
    /// app may not read the status, of which `is_activated` is always a part.
    #[must_use]
    pub fn status(&self, flag: &str) -> Option<bool> {
        let status = self.0.object("status")?;
        status.raw("is_activated")?;
        match status.scalar(flag) {
            Scalar::Absent => Some(false),
            flag => flag.yes_or_no(),
        }
    }

    /// The number of the employee type; none if the app may not read it.
    #[must_use]
    pub fn employee_type(&self) -> Option<i64> {
        self.0.integer("employee_type")
    }
}

impl Client {
    /// Asks for up to [`DEPARTMENTS_BATCH_MAX`] departments. Ids that Feishu does not know or may
    /// not show are silently left out by it.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn departments_batch(
        &self,
        ids: &[&str],
        each: &mut (dyn FnMut(ContactDepartment<'_>) + Send),
    ) -> Result<(), Error> {
        debug_assert!(ids.len() <= DEPARTMENTS_BATCH_MAX);
        let id_type = self.department_id_type();
        let request = |token: Option<&str>| {
            let mut query = vec![("department_id_type", id_type.to_owned())];
            query.extend(ids.iter().map(|id| ("department_ids", (*id).to_owned())));
            query.extend(token.map(|token| ("page_token", token.to_owned())));
            let attempt = format!("fetching names of {} departments", ids.len());
            Request::get(Endpoint::DepartmentsBatch, query, attempt)
        };
        let page = |data: Option<Object<'_>>| {
            page(data.as_ref(), |row| row.into_iter().for_each(|d| each(ContactDepartment(d))))
        };
        // The document knows no pages; if there are some, no page holds less than one department.
        let pages_max = u32::try_from(ids.len()).unwrap_or(u32::MAX).max(1);
        let length = Length { page_size: None, pages_max, pages_wanted: None };
        self.read_list(ListPart::Whole, length, request, page).await
    }

    /// Reads the people directly in a department, as far as wanted.
    ///
    /// # Errors
    /// If any page fails. People of the pages before it were seen; the caller drops them.
    pub async fn users_find_by_department(
        &self,
        department_id: &str,
        part: ListPart,
        each: &mut (dyn FnMut(Option<Person<'_>>) + Send),
    ) -> Result<(), Error> {
        let id_type = self.department_id_type();
        let request = |token: Option<&str>| {
            let mut query = vec![
                ("department_id_type", id_type.to_owned()),
                ("department_id", department_id.to_owned()),
                ("page_size", PEOPLE_PAGE_SIZE.to_string()),
            ];
            query.extend(token.map(|token| ("page_token", token.to_owned())));
            let attempt = format!("counting the people of department {department_id}");
            Request::get(Endpoint::UsersFindByDepartment, query, attempt)
        };
        let page = |data: Option<Object<'_>>| page(data.as_ref(), |row| each(row.map(Person)));
        let page_size = Some(PEOPLE_PAGE_SIZE);
        let length = Length { page_size, pages_max: PAGES_MAX, pages_wanted: None };
        self.read_list(part, length, request, page).await
    }
}
