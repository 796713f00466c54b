//! Trying the optional sources: the directory, the contact API, lists of people.

use std::sync::Arc;

use super::{
    discover::{at_once, language},
    examination::{Examination, NOT_TRIED, works_for},
    finding::{Finding, Problem, Subject, Trial, Verdict},
};
use crate::{
    collect::{Source, Tenant, discovered, expected_day},
    feishu::{Class, Client, ListPart},
    sources::{
        contact,
        directory::{self, ROOT, STATISTICS_DEPTH_MAX, Tree, Walk},
        members, users,
    },
};

/// The sources that are tried once departments are known, in this order. The directory, which finds
/// them, comes before; the statistics, which baselines are made of, are no optional source.
pub(super) fn sources() -> impl Iterator<Item = Source> {
    let apart = [Source::Departments, Source::Baselines, Source::Directory];
    Source::all().filter(move |source| !apart.contains(source))
}

/// Tries a source, if the configuration uses it.
pub(super) async fn examine(examination: &mut Examination<'_>, source: Source) {
    if !is_used(examination.tenant, source) {
        return examination.find(not_tried(examination.tenant, source));
    }
    match source {
        Source::Departments | Source::Baselines => {}
        Source::Directory => directory(examination).await,
        // It is asked in each geo.
        Source::Users => users(examination).await,
        _ if examination.over => examination.find(not_tried(examination.tenant, source)),
        Source::Contact => contact(examination).await,
        Source::Members => members(examination).await,
    }
}

/// That a source was not tried, as nothing can be asked or as it is not used.
pub(super) fn not_tried(tenant: &Tenant, source: Source) -> Finding {
    let subject = Subject::Endpoint(source.endpoint());
    let off = match source {
        Source::Directory => "neither discovery nor directory is enabled".to_owned(),
        _ => format!("{} is not enabled", source.configuration_key()),
    };
    match is_used(tenant, source) {
        true => Finding::new(subject, Verdict::NotTried, NOT_TRIED),
        false => Finding::new(subject, Verdict::NotUsed, format!("not used: {off}")),
    }
}

fn is_used(tenant: &Tenant, source: Source) -> bool {
    // A store matters to baselines only.
    source.is_on(tenant, false)
}

/// Walks through the directory, and takes in what discovery finds.
async fn directory(examination: &mut Examination<'_>) {
    let endpoint = Source::Directory.endpoint();
    let subject = Subject::Endpoint(endpoint);
    let tenant = examination.tenant;
    let discovery = tenant.discovery.as_ref();
    let walk = Walk {
        roots: discovery.map_or_else(|| vec![ROOT.to_owned()], |d| d.roots.clone()),
        max_depth: discovery.map_or(STATISTICS_DEPTH_MAX, |d| d.max_depth).into(),
        language: language(tenant),
    };
    let finding = match directory::fetch(&examination.session.client, &walk, at_once(tenant)).await
    {
        Err(error) => examination.endpoint_fails(endpoint, error),
        Ok(tree) => {
            examination.diagnosis.size.parents = Some(parents(&tree, &walk));
            let mut text = format!("it lists {} departments", tree.nodes.len());
            if let Some(discovery) = discovery {
                let found = discovered(&tree, discovery);
                text.push_str(&format!(", of which discovery takes {}", found.len()));
                examination.add_discovered(found);
            }
            let nothing_found = examination.departments.is_empty();
            match tree.denied().or_else(|| tree.found_nothing()) {
                Some(error) => {
                    Finding::new(subject, Verdict::Fails, text).with(vec![Problem::new(error)])
                }
                None if nothing_found => {
                    Finding::new(subject, Verdict::Fails, text).with(vec![nothing_taken()])
                }
                None => Finding::new(subject, Verdict::Works, text),
            }
        }
    };
    examination.find(finding);
}

/// The lists that a walk asks for: of the roots and of every department that may have others below
/// it and above the last level.
fn parents(tree: &Tree, walk: &Walk) -> u64 {
    let asked = |node: &&directory::Node| {
        node.has_child != Some(false)
            && node.depth < walk.max_depth
            && !walk.roots.contains(&node.department_id)
    };
    (tree.nodes.iter().filter(asked).count() + walk.roots.len()) as u64
}

fn nothing_taken() -> Problem {
    Problem::plain(
        "there is no department to ask for",
        "check discovery.root, max_depth, include, exclude and min_members with `discover --all`, \
         and that the app's contact range (通讯录权限范围) includes the departments",
    )
}

/// Asks for the names of the departments.
async fn contact(examination: &mut Examination<'_>) {
    let endpoint = Source::Contact.endpoint();
    let subject = Subject::Endpoint(endpoint);
    let ids: Vec<String> = examination.ids();
    let language = language(examination.tenant);
    let finding = match contact::fetch(&examination.session.client, &ids, language).await {
        Err(error) => examination.endpoint_fails(endpoint, error),
        Ok(_) if examination.is_stand_in => examination.answers_the_app(endpoint),
        Ok(found) => {
            let is_deleted =
                |(_, facts): &(&String, &contact::Facts)| facts.is_deleted == Some(true);
            let deleted = found.departments.iter().filter(is_deleted);
            examination.note_deleted(&deleted.map(|(id, _)| id.clone()).collect());
            let mut problems = Vec::new();
            problems.extend(unnamed(&found));
            problems.extend(left_out(&found));
            match problems.is_empty() {
                true => Finding::new(subject, Verdict::Works, works_for(ids.len())),
                false => {
                    let text = format!("it answers, but not all {} departments in full", ids.len());
                    Finding::new(subject, Verdict::Fails, text).with(problems)
                }
            }
        }
    };
    examination.find(finding);
}

fn unnamed(found: &contact::Found) -> Option<Problem> {
    let scopes = found.missing_scopes();
    let remedy = format!(
        "in the developer console, under Permissions & Scopes (权限管理), grant {}, then release a \
         version of the app (版本管理与发布)",
        scopes.join(" and ")
    );
    (!scopes.is_empty()).then(|| Problem {
        class: Some(Class::Permission),
        missing_scopes: scopes.into_iter().map(str::to_owned).collect(),
        ..Problem::plain("Feishu leaves fields out of every department", remedy)
    })
}

fn left_out(found: &contact::Found) -> Option<Problem> {
    let mut remedy =
        "check that the departments exist; in the developer console, under Permissions & Scopes \
         (权限管理), add them to the app's contact range (通讯录权限范围), then release a version of \
         the app (版本管理与发布)"
            .to_owned();
    if found.departments.is_empty() {
        // Without that scope an answer does not hold the ids that the organisation chose.
        let scope = contact::BASE_SCOPE;
        remedy.push_str(&format!("; with department_id_type department_id, grant {scope}"));
    }
    let departments: Vec<String> =
        found.missing.iter().chain(found.refused.keys()).cloned().collect();
    (!departments.is_empty()).then(|| match found.refused.values().next() {
        Some(error) => Problem { departments, ..Problem::new(error.clone()) },
        None => Problem {
            class: Some(Class::Permission),
            departments,
            ..Problem::plain("Feishu leaves departments out without saying why", remedy)
        },
    })
}

/// Asks for a first page of the people in each department.
async fn members(examination: &mut Examination<'_>) {
    let endpoint = Source::Members.endpoint();
    let mut trial = Trial::default();
    let (mut any_people, mut status_is_denied) = (false, false);
    for id in examination.ids() {
        match members::fetch(&examination.session.client, &id, ListPart::FirstPage).await {
            Ok(heads) => {
                trial.worked();
                status_is_denied |= heads.by_status.is_none();
                let by_status = heads.by_status.unwrap_or_default();
                any_people |= by_status.values().any(|people| *people > 0);
            }
            Err(error) => {
                if trial.failed(&id, error) {
                    break;
                }
            }
        }
    }
    let worked = trial.answered();
    let mut finding = examination.concluded(endpoint, trial);
    if status_is_denied {
        finding.verdict = Verdict::Fails;
        finding.summary.push_str(", but not with people's status");
        finding.problems.push(Problem::new(members::denied_status()));
    } else if finding.verdict == Verdict::Works && worked > 0 && !any_people {
        finding.verdict = Verdict::Note;
        finding
            .summary
            .push_str("; nobody is in them, so that nobody's status shows whether it may be read");
    }
    examination.find(finding);
}

/// Asks for a first page of people's statistics of each department, in each geo.
async fn users(examination: &mut Examination<'_>) {
    let endpoint = Source::Users.endpoint();
    let tenant = examination.tenant;
    let Some(statistics) = tenant.user_statistics else { return };
    for place in &tenant.geos {
        let geo = place.geo;
        if examination.over {
            examination.find(not_tried(tenant, Source::Users).of(geo));
            continue;
        }
        let now = examination.clock.now();
        let served = examination.served.iter().find(|(known, _)| *known == geo);
        let day = served.map_or_else(
            || expected_day(now, &place.zone, tenant.schedule.ready_at),
            |(_, day)| *day,
        );
        let asks = examination.ids().into_iter().map(|id| users::Ask {
            geo,
            department_id: id.into(),
            day,
        });
        let asks: Vec<users::Ask> = asks.collect();
        let trial = try_users(&examination.session.client, &asks, statistics.min_group_size).await;
        let finding = examination.concluded(endpoint, trial).of(geo);
        examination.find(finding);
    }
}

async fn try_users(client: &Arc<Client>, asks: &[users::Ask], min_group_size: u64) -> Trial {
    let mut trial = Trial::default();
    for ask in asks {
        let answer = users::fetch(client, ask, min_group_size, ListPart::FirstPage).await;
        match answer.and_then(|found| found.unusable(ask).map_or(Ok(()), Err)) {
            Ok(()) => trial.worked(),
            Err(error) => {
                if trial.failed(&ask.department_id, error) {
                    break;
                }
            }
        }
    }
    trial
}
