//! The source `contact`: names, places and counts of departments from
//! `contact/v3/departments/batch`.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{directory::ROOT, number};
use crate::{
    feishu::{Client, ContactDepartment, DEPARTMENTS_BATCH_MAX, Error},
    sources::RejectedValues,
    usage::label_value,
};

/// The scope of names, of the id chosen by the organisation and of the status (API document).
pub const BASE_SCOPE: &str = "contact:department.base:readonly";
/// The scope of the parent and the counts (API document).
const ORGANISATION_SCOPE: &str = "contact:department.organize:readonly";

/// The fields that are read as numbers.
pub const NUMBER_FIELDS: [&str; 2] = ["member_count", "primary_member_count"];

/// What the contact API tells of a department. What the app may not read is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The name, in the wanted language where there is one.
    pub name: Option<Arc<str>>,
    /// The parent, in the tenant's id type; `0` is the root.
    pub parent_department_id: Option<Arc<str>>,
    /// The id made by the system.
    pub open_department_id: Option<Arc<str>>,
    /// The id chosen by the organisation.
    pub custom_department_id: Option<Arc<str>>,
    /// Members, those of sub-departments included.
    pub members: Option<f64>,
    /// Members whose primary department is this one or one below it.
    pub primary_members: Option<f64>,
    /// Leaders.
    pub leaders: Option<f64>,
    /// Whether it was deleted.
    pub is_deleted: Option<bool>,
}

/// What one collection found.
#[derive(Debug, Default)]
pub struct Found {
    /// By the id that was asked for.
    pub departments: BTreeMap<String, Facts>,
    /// Ids that Feishu left out.
    pub missing: Vec<String>,
    /// Ids that Feishu refused.
    pub refused: BTreeMap<String, Error>,
    /// Values that were no numbers, by API field.
    pub rejected_values: RejectedValues,
}

/// Asks for all of the ids, as many at once as the API takes, and for the root by itself: it is
/// told only to an app that may see everybody, and under an id that need not be the one asked for.
///
/// No document says whether one unknown id fails the whole call. Where a call is refused, its
/// first and last id are asked for alone: if both are refused alike, so is every other of that
/// call; else the call is split until only the refused ids are left out.
///
/// # Errors
/// If a request fails for another reason, or every id is refused, at least all of the first call.
pub async fn fetch(client: &Client, ids: &[String], language: &str) -> Result<Found, Error> {
    let (mut found, mut first) = (Found::default(), None);
    let (root, others): (Vec<String>, Vec<String>) = ids.iter().cloned().partition(|id| id == ROOT);
    for batch in others.chunks(DEPARTMENTS_BATCH_MAX).chain(root.chunks(1)) {
        let refused = match found.ask(client, batch, language).await {
            Ok(()) => continue,
            Err(error) if !error.app_was_accepted() => return Err(error),
            Err(error) => error,
        };
        match batch {
            [_] => found.refuse(batch, &refused),
            _ => found.find_refused(client, batch, language, &refused).await?,
        }
        let first = first.get_or_insert(refused);
        if batch.len() > 1 && found.accepts_none() {
            return Err(first.clone());
        }
    }
    first.filter(|_| found.accepts_none()).map_or(Ok(found), Err)
}

impl Found {
    /// Asks for ids in one call and takes in what comes.
    async fn ask(&mut self, client: &Client, ids: &[String], language: &str) -> Result<(), Error> {
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (mut answered, mut rejected) = (Vec::new(), RejectedValues::new());
        let mut each = |d: ContactDepartment<'_>| answered.push(facts(&d, language, &mut rejected));
        client.departments_batch(&asked, &mut each).await?;
        self.add(ids, answered, rejected);
        Ok(())
    }

    /// Asks for one id; returns with what it was refused, if it was.
    async fn refusal_of(
        &mut self,
        client: &Client,
        id: &[String],
        language: &str,
    ) -> Result<Option<Error>, Error> {
        match self.ask(client, id, language).await {
            Ok(()) => Ok(None),
            // Only an id can be told apart by asking for fewer.
            Err(error) if !error.app_was_accepted() => Err(error),
            Err(error) => {
                self.refuse(id, &error);
                Ok(Some(error))
            }
        }
    }

    /// Finds the ids for which a call for several was refused.
    async fn find_refused(
        &mut self,
        client: &Client,
        batch: &[String],
        language: &str,
        together: &Error,
    ) -> Result<(), Error> {
        let (first, rest) = batch.split_at(1);
        let (middle, last) = rest.split_at(rest.len() - 1);
        let mut parts: Vec<&[String]> = match self.refusal_of(client, first, language).await? {
            None => halves(rest).into(),
            Some(refused) => match self.refusal_of(client, last, language).await? {
                Some(other) if other.code == refused.code => {
                    self.refuse(middle, together);
                    return Ok(());
                }
                _ => vec![middle],
            },
        };
        while let Some(part) = parts.pop() {
            match part {
                [] => {}
                [_] => drop(self.refusal_of(client, part, language).await?),
                _ => match self.ask(client, part, language).await {
                    Ok(()) => {}
                    Err(error) if !error.app_was_accepted() => return Err(error),
                    Err(_) => parts.extend(halves(part)),
                },
            }
        }
        Ok(())
    }

    /// Whether no id was accepted.
    fn accepts_none(&self) -> bool {
        self.departments.is_empty() && self.missing.is_empty()
    }

    fn refuse(&mut self, ids: &[String], error: &Error) {
        self.refused.extend(ids.iter().map(|id| (id.clone(), error.clone())));
    }

    /// The scopes without which Feishu leaves out of every department what is published of it.
    #[must_use]
    pub fn missing_scopes(&self) -> Vec<&'static str> {
        let all_lack = |lacks: fn(&Facts) -> bool| {
            !self.departments.is_empty() && self.departments.values().all(lacks)
        };
        let base = all_lack(|facts| facts.name.is_none());
        let organisation =
            all_lack(|facts| facts.parent_department_id.is_none() && facts.members.is_none());
        let scopes = [(base, BASE_SCOPE), (organisation, ORGANISATION_SCOPE)];
        scopes.into_iter().filter_map(|(missing, scope)| missing.then_some(scope)).collect()
    }

    fn add(&mut self, asked: &[String], answered: Vec<Facts>, rejected: RejectedValues) {
        for (field, count) in rejected {
            *self.rejected_values.entry(field).or_default() += count;
        }
        let mut unanswered: Vec<&String> = asked.iter().collect();
        for facts in answered {
            // Which of the two ids was asked for follows from the answer itself.
            let is_it = |id: &&String| {
                asked == [ROOT]
                    || [&facts.open_department_id, &facts.custom_department_id]
                        .iter()
                        .any(|known| known.as_deref() == Some(id.as_str()))
            };
            if let Some(position) = unanswered.iter().position(is_it) {
                let id = unanswered.swap_remove(position);
                self.departments.insert(id.clone(), facts);
            }
        }
        self.missing.extend(unanswered.into_iter().cloned());
    }
}

fn halves(ids: &[String]) -> [&[String]; 2] {
    ids.split_at(ids.len() / 2).into()
}

fn facts(
    department: &ContactDepartment<'_>,
    language: &str,
    rejected: &mut RejectedValues,
) -> Facts {
    let text = |field| department.text(field).map(|text| Arc::from(label_value(&text)));
    let mut count = |field| number::counted(&department.count(field), field, rejected);
    let name = department.name_in(language).map(|name| Arc::from(label_value(&name)));
    Facts {
        name: name.or_else(|| text("name")),
        parent_department_id: text("parent_department_id"),
        open_department_id: text("open_department_id"),
        custom_department_id: text("department_id"),
        members: count("member_count"),
        primary_members: count("primary_member_count"),
        #[expect(clippy::cast_precision_loss, reason = "an answer has fewer leaders than 2^53")]
        leaders: department.leaders().map(|leaders| leaders as f64),
        is_deleted: department.is_deleted(),
    }
}
