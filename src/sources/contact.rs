//! The source `contact`: names, places and counts of departments from
//! `contact/v3/departments/batch`.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{directory::ROOT, number};
use crate::{
    feishu::{Client, ContactDepartment, DEPARTMENTS_BATCH_MAX, Error, Reach},
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
    /// Ids that Feishu left out, or refused alone.
    pub missing: Vec<String>,
    /// The first refusal of a single id.
    pub refused: Option<Error>,
    /// Values that were no numbers, by API field.
    pub rejected_values: RejectedValues,
}

/// Asks for all of the ids, as many at once as the API takes, and for the root by itself: it is
/// told only to an app that may see everybody, and under an id that need not be the one asked for.
///
/// No document says whether one unknown id fails the whole call. Where a call is refused, its
/// first and last id are asked for alone: if both are refused alike, so is every other, and the
/// endpoint has failed; else the call is split until only the refused ids are left out.
///
/// # Errors
/// If a request fails for another reason, or ids are refused alike.
pub async fn fetch(client: &Client, ids: &[String], language: &str) -> Result<Found, Error> {
    let mut found = Found::default();
    let (root, others): (Vec<String>, Vec<String>) = ids.iter().cloned().partition(|id| id == ROOT);
    let mut batches: Vec<&[String]> =
        root.chunks(1).chain(others.chunks(DEPARTMENTS_BATCH_MAX).rev()).collect();
    let mut one_was_accepted = false;
    while let Some(batch) = batches.pop() {
        match found.ask(client, batch, language).await {
            Ok(()) => one_was_accepted = true,
            // Only an id can be told apart by asking for fewer.
            Err(error) if !error.app_was_accepted() => return Err(error),
            Err(error) if batch.len() == 1 => {
                found.missing.extend_from_slice(batch);
                found.refused.get_or_insert(error);
            }
            Err(error) => {
                if !one_was_accepted {
                    let alone = [&batch[..1], &batch[batch.len() - 1..]];
                    if Found::are_refused_alike(client, alone, language, &error).await? {
                        return Err(Error { reach: Reach::Endpoint, ..error });
                    }
                    one_was_accepted = true;
                }
                let (left, right) = batch.split_at(batch.len() / 2);
                batches.extend([right, left]);
            }
        }
    }
    match found.refused {
        Some(error) if !one_was_accepted => Err(error),
        _ => Ok(found),
    }
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

    /// Whether each of two single ids is refused as they were together.
    async fn are_refused_alike(
        client: &Client,
        alone: [&[String]; 2],
        language: &str,
        together: &Error,
    ) -> Result<bool, Error> {
        for id in alone {
            match Self::default().ask(client, id, language).await {
                Err(error) if !error.app_was_accepted() => return Err(error),
                Err(error) if error.code == together.code => {}
                Ok(()) | Err(_) => return Ok(false),
            }
        }
        Ok(true)
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
