//! `doctor` for one tenant: what is tried, in which order.

use super::{
    Session, Watch,
    examination::{Diagnosis, Examination, Size},
    finding::{Finding, Problem, Subject, Verdict},
    optional,
    sample::Sample,
    statistics,
};
use crate::{
    clock::Clock,
    collect::{ListedDepartment, Source, Tenant},
    feishu::Endpoint,
    sources::directory::ROOT,
};

/// Tries everything that the tenant's configuration uses.
pub async fn examine(tenant: &Tenant, sample: Sample, clock: Clock, watch: Watch) -> Diagnosis {
    let token = |verdict, text: &str| {
        Finding::new(Subject::Endpoint(Endpoint::TenantAccessToken), verdict, text)
    };
    let mut diagnosis = Diagnosis {
        findings: Vec::new(),
        departments: tenant.departments.len(),
        tried: 0,
        size: Size::default(),
        requests: 0,
    };
    let session = match Session::new(tenant, clock.clone(), &watch) {
        Ok(session) => session,
        Err(error) => {
            let text = "nothing can be asked from this machine";
            diagnosis
                .findings
                .push(token(Verdict::Fails, text).with(vec![Problem::new(error.clone())]));
            diagnosis.findings.extend(nothing_tried(tenant));
            diagnosis.findings.iter().for_each(|finding| watch.tell(finding));
            return diagnosis;
        }
    };
    let mut examination = Examination {
        tenant,
        sample,
        clock,
        departments: tenant.departments.clone(),
        is_stand_in: false,
        served: Vec::new(),
        over: false,
        diagnosis,
        session,
        watch,
    };
    match examination.session.client.sign_in().await {
        Ok(()) => {
            examination.find(token(Verdict::Works, "Feishu knows the app and gives a token"));
            run(&mut examination).await;
        }
        Err(error) => {
            let text = "there is no token, and without one nothing else can be asked";
            examination.find(token(Verdict::Fails, text).with(vec![Problem::new(error)]));
            nothing_tried(tenant).into_iter().for_each(|finding| examination.find(finding));
        }
    }
    let Examination { mut diagnosis, session, .. } = examination;
    diagnosis.requests = session.requests();
    diagnosis
}

/// One thing after the other; a failure hides nothing that could still be tried.
async fn run(examination: &mut Examination<'_>) {
    optional::examine(examination, Source::Directory).await;
    if examination.departments.is_empty() {
        let roots = examination.tenant.discovery.as_ref().map(|discovery| &discovery.roots);
        let id = roots.and_then(|roots| roots.first()).map_or(ROOT, String::as_str).to_owned();
        examination.departments = vec![ListedDepartment { id, include_children: false }];
        examination.is_stand_in = true;
    } else {
        examination.diagnosis.departments = examination.departments.len();
        examination.departments = examination.sample.take(&examination.departments);
        examination.diagnosis.tried = examination.departments.len();
    }
    statistics::statistics(examination).await;
    for source in optional::sources() {
        optional::examine(examination, source).await;
    }
    examination.check_clock();
}

/// What would have been looked at, in the order in which it is.
fn nothing_tried(tenant: &Tenant) -> Vec<Finding> {
    let mut findings = vec![optional::not_tried(tenant, Source::Directory)];
    findings.extend(statistics::not_tried(tenant));
    findings.extend(optional::sources().map(|source| optional::not_tried(tenant, source)));
    findings
}
