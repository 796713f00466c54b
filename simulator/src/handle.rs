//! What tests and the demo may do with a running simulator.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Date};

use super::{
    calendar::{self, Geo},
    census::{self, HeadCount, Place},
    endpoints::admin_dept_stats,
    faults::{Fault, UnknownDepartment},
    journal::Recorded,
    lock::lock,
    organisation::{DEPTH_MAX, Department},
    people::{Person, Status},
    settings::{Endpoint, Options},
    tenant::Tenant,
};

/// A handle on a simulator. Cheap to clone; works before, while and after it runs.
#[derive(Clone)]
pub struct Handle(pub(super) Arc<Tenant>);

impl Handle {
    /// All departments, the root first, parents before children; also the removed ones, marked.
    #[must_use]
    pub fn departments(&self) -> Vec<Department> {
        self.0.company().departments.clone()
    }

    /// Gives a department one name in all languages, for past days as well.
    ///
    /// # Errors
    ///
    /// The tenant has no such department.
    pub fn rename(&self, department_id: &str, name: &str) -> Result<(), UnknownDepartment> {
        let department = self.find(department_id)?;
        self.0.reorganise(|organisation| organisation.rename(department, name));
        Ok(())
    }

    /// Removes a department with its people and everything below it; no endpoint knows its past
    /// days either.
    ///
    /// # Errors
    ///
    /// The tenant has no such department, or it is the root.
    pub fn remove(&self, department_id: &str) -> Result<(), UnknownDepartment> {
        let department = self.find(department_id)?;
        if department == 0 {
            return Err(UnknownDepartment(department_id.to_owned()));
        }
        self.0.reorganise(|organisation| organisation.remove(department));
        Ok(())
    }

    /// Moves a department below another parent, with everything below it, for past days as well.
    ///
    /// # Errors
    ///
    /// The tenant has no such department or parent, the department is the root, the parent lies
    /// within it, or it would lie deeper than any department can.
    pub fn relocate(&self, department_id: &str, parent_id: &str) -> Result<(), UnknownDepartment> {
        let (department, parent) = (self.find(department_id)?, self.find(parent_id)?);
        let company = self.0.company();
        let depth = company.departments[parent].depth + 1 + company.height(department);
        if department == 0 || company.is_within(parent, department) || depth > DEPTH_MAX {
            return Err(UnknownDepartment(parent_id.to_owned()));
        }
        self.0.reorganise(|organisation| organisation.relocate(department, parent));
        Ok(())
    }

    /// Adds a department, with people as if it had always been there.
    ///
    /// # Errors
    ///
    /// The tenant has no such parent.
    pub fn add(&self, parent_id: &str, name: &str) -> Result<Department, UnknownDepartment> {
        let parent = self.find(parent_id)?;
        Ok(self.0.reorganise(|organisation| {
            let index = organisation.found(parent, name);
            organisation.departments[index].clone()
        }))
    }

    fn find(&self, department_id: &str) -> Result<usize, UnknownDepartment> {
        let found = self.0.company().find(department_id);
        found.ok_or_else(|| UnknownDepartment(department_id.to_owned()))
    }

    /// The figures of a department's own people on a day, by field: what the API must say, whether
    /// it says it already or not. Without a version, of the total. None for a department or a
    /// version that the tenant does not have.
    #[must_use]
    pub fn truth(
        &self,
        department_id: &str,
        date: Date,
        geo: Geo,
        version: Option<&str>,
    ) -> Option<BTreeMap<&'static str, f64>> {
        let department = self.find(department_id).ok()?;
        admin_dept_stats::truth(&self.0, department, calendar::number(date), geo, version)
    }

    /// The people whose primary department this is, with the state of their accounts today. Empty
    /// for a department that the tenant does not have.
    #[must_use]
    pub fn people(&self, department_id: &str) -> Vec<(Person, Status)> {
        let home = self.find(department_id).ok();
        let mut members = self.members(department_id);
        members.retain(|(person, _)| Some(person.department) == home);
        members
    }

    /// The people whose primary or second department this is, in the order of the contact API, with
    /// the state of their accounts today. Empty for a department that the tenant does not have.
    #[must_use]
    pub fn members(&self, department_id: &str) -> Vec<(Person, Status)> {
        let Ok(department) = self.find(department_id) else {
            return Vec::new();
        };
        let today = calendar::today(self.0.clock.now());
        census::members(&self.0.company(), department, today, Place::default())
            .map(|(_, person, status)| (person, status))
            .collect()
    }

    /// How many members and departments belong to a department today. None for a department that
    /// the tenant does not have.
    #[must_use]
    pub fn head_count(&self, department_id: &str) -> Option<HeadCount> {
        let department = self.find(department_id).ok()?;
        let today = calendar::today(self.0.clock.now());
        let company = self.0.company();
        Some(census::head_count(&company, &company.censuses, department, today))
    }

    /// The time on the simulator's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Sets the clock, which goes on from there.
    pub fn set_now(&self, now: Timestamp) {
        self.0.clock.set(now);
    }

    /// Moves the clock forwards.
    pub fn advance(&self, by: Duration) {
        self.0.clock.advance(by);
    }

    /// Changes the options for all later requests.
    pub fn change(&self, change: impl FnOnce(&mut Options)) {
        change(Arc::make_mut(&mut lock(&self.0.options)));
    }

    /// Adds a fault.
    ///
    /// # Errors
    ///
    /// The fault names a department that the tenant does not have.
    pub fn inject(&self, fault: impl Into<Fault>) -> Result<(), UnknownDepartment> {
        self.0.faults.add(fault.into(), &self.0.company())
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.0.faults.clear();
    }

    /// The last requests, at most 10,000, in the order of their answers.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.0.journal.recent()
    }

    /// How many requests to an endpoint were answered.
    #[must_use]
    pub fn request_count(&self, endpoint: Endpoint) -> u64 {
        self.0.journal.counts().borrow().get(&endpoint).copied().unwrap_or(0)
    }

    /// How many requests were answered since the tenant was made, whatever was forgotten since.
    #[must_use]
    pub fn answered_in_all(&self) -> u64 {
        self.0.serial()
    }

    /// Returns as soon as so many requests to an endpoint were answered.
    pub async fn answered(&self, endpoint: Endpoint, requests: u64) {
        // The sender lives as long as this handle.
        let _ = (self.0.journal.counts())
            .wait_for(|counts| counts.get(&endpoint).is_some_and(|count| *count >= requests))
            .await;
    }

    /// How often a fault struck a request.
    #[must_use]
    pub fn strikes(&self) -> u64 {
        self.0.faults.strikes()
    }

    /// Requests that were more than the frequency limits of the options allow; faults that throttle
    /// count for none.
    #[must_use]
    pub fn beyond_limits(&self) -> u64 {
        self.0.limits.beyond()
    }

    /// How many requests the tenant has made in the current month of the simulator's clock.
    #[must_use]
    pub fn requests_this_month(&self) -> u64 {
        self.0.limits.spent(self.0.clock.now())
    }

    /// How many requests are being answered.
    #[must_use]
    pub fn concurrent(&self) -> usize {
        self.0.journal.open_now()
    }

    /// How many requests were being answered at the same time, at most.
    #[must_use]
    pub fn concurrent_max(&self) -> usize {
        self.0.journal.open_max()
    }

    /// Forgets the requests and their counts.
    pub fn clear_requests(&self) {
        self.0.journal.clear();
    }
}
