//! One tenant's optional sources: a loop beside that of the statistics, so that nothing that
//! happens here disturbs those.

mod restoring;
mod runs;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::watch, time::sleep};

use super::{
    board::{Board, OptionalReport},
    facts::Facts,
    job::{Job, Source},
    keeping::Keeper,
    metrics::Metrics,
    options::{self, Language, ListedDepartment},
    past,
    tenant::CLOCK_CHECK,
};
use crate::{
    clock::Clock,
    day::Day,
    feishu::Client,
    snapshot::SourceStatus,
    sources::{directory, users},
    usage::{DepartmentDay, Geo, Target},
};

/// How long a source is collected before what it has found so far is published.
const PROGRESS_AFTER: Duration = Duration::from_secs(20);

/// What the loop of the statistics tells the optional sources.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Whether it has looked at all.
    pub(super) has_looked: bool,
    /// Whether there is any use in asking: not while Feishu cannot be reached.
    pub(super) is_reachable: bool,
    /// When it looks next.
    pub(super) next_look: Option<Timestamp>,
    /// The departments that are asked for.
    pub(super) ids: BTreeSet<String>,
    /// The departments that are served.
    pub(super) served: Vec<Served>,
    /// What has a day: the target, the newest day that its list was read for, and how many
    /// departments are in it.
    pub(super) targets: Vec<(Target, Day, usize)>,
}

/// A department's day as it is served.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) day: Arc<DepartmentDay>,
    /// Whether it was asked for together with sub-departments.
    pub(super) include_children: bool,
}

impl Served {
    /// Which department it is of.
    pub(super) fn place(&self) -> (Geo, Arc<str>) {
        (self.day.geo, Arc::clone(&self.day.department_id))
    }
}

/// What a walk through the directory tells the loop of the statistics.
#[derive(Clone, Debug, Default)]
pub(super) struct Discovered {
    /// The departments to be asked for beside the listed ones.
    pub(super) departments: Vec<ListedDepartment>,
    /// The tree, of all that the app may see.
    pub(super) tree: Option<Arc<directory::Tree>>,
}

/// The optional sources of one tenant that are switched on.
pub(super) struct Optional {
    options: options::Tenant,
    client: Arc<Client>,
    clock: Clock,
    metrics: Metrics,
    board: Arc<Board>,
    index: usize,
    known: watch::Receiver<Known>,
    /// Where the result of a walk is sent.
    discovered: watch::Sender<Discovered>,
    keeper: Keeper,
    facts: Facts,
    directory: Option<Job<()>>,
    contact: Option<Job<String>>,
    members: Option<Job<String>>,
    users: Option<Job<users::Ask>>,
}

/// What an optional loop is made of, beside the tenant's options.
pub(super) struct Links {
    pub(super) client: Arc<Client>,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) board: Arc<Board>,
    pub(super) index: usize,
    pub(super) known: watch::Receiver<Known>,
    pub(super) discovered: watch::Sender<Discovered>,
    pub(super) keeper: Keeper,
}

/// The sources of a tenant that are switched on.
pub(super) fn sources(options: &options::Tenant, has_store: bool) -> Vec<Source> {
    let directory = options.discovery.is_some() || options.directory.is_some();
    let all = [
        (Source::Departments, true),
        (Source::Directory, directory),
        (Source::Contact, options.contact.is_some()),
        (Source::Members, options.members.is_some()),
        (Source::Users, options.user_statistics.is_some()),
        (Source::Baselines, past::is_on(options, has_store)),
    ];
    all.into_iter().filter_map(|(source, is_on)| is_on.then_some(source)).collect()
}

impl Optional {
    /// A loop of which nothing is known yet.
    pub(super) fn new(options: options::Tenant, links: Links) -> Self {
        let discovery = options.discovery.as_ref().map(|discovery| discovery.refresh_interval);
        let refresh = discovery.or(options.directory);
        let contact = options.contact.map(|contact| contact.refresh_interval);
        let retry = options.schedule.interval;
        Self {
            directory: refresh.map(|interval| Job::new(Source::Directory, Some(interval), retry)),
            contact: contact.map(|interval| Job::new(Source::Contact, Some(interval), retry)),
            members: options
                .members
                .map(|interval| Job::new(Source::Members, Some(interval), retry)),
            users: options.user_statistics.map(|_| Job::new(Source::Users, None, retry)),
            options,
            client: links.client,
            clock: links.clock,
            metrics: links.metrics,
            board: links.board,
            index: links.index,
            known: links.known,
            discovered: links.discovered,
            keeper: links.keeper,
            facts: Facts::default(),
        }
    }

    /// Collects for ever; stopped by being dropped.
    pub(super) async fn run(mut self) {
        self.restore().await;
        // The status page lists the sources from the start.
        self.publish().await;
        loop {
            let ran = self.run_once().await;
            let next = self.next();
            if ran {
                self.publish().await;
            }
            let now = self.clock.now();
            let left = next.map_or(CLOCK_CHECK, |next| now.duration_until(next).unsigned_abs());
            tokio::select! {
                () = sleep(left.clamp(Duration::from_millis(1), CLOCK_CHECK)) => {}
                changed = self.known.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Looks for departments, if they are to be discovered and that was not done lately.
    pub(super) async fn find_departments(&mut self) {
        if self.options.discovery.is_none() {
            return;
        }
        if let Some(mut job) = self.directory.take() {
            job.wants(self.clock.now(), BTreeSet::from([()]));
            let is_ready = !job.ready(self.clock.now()).is_empty();
            if is_ready {
                self.run_directory(&mut job).await;
            }
            self.directory = Some(job);
            if is_ready {
                self.keep(Source::Directory).await;
            }
        }
    }

    /// Runs every source that is due; tells whether any was.
    pub(super) async fn run_once(&mut self) -> bool {
        let known = self.known.borrow_and_update().clone();
        let mut any = false;
        if let Some(mut job) = self.directory.take() {
            job.wants(self.clock.now(), BTreeSet::from([()]));
            // Without a listed department, nothing can be looked at before the walk.
            let is_ready = !job.ready(self.clock.now()).is_empty();
            if (known.is_reachable || !known.has_looked) && is_ready {
                self.run_directory(&mut job).await;
                any = true;
            }
            self.directory = Some(job);
            if any {
                self.keep(Source::Directory).await;
            }
        }
        if !known.has_looked || !known.is_reachable {
            return any;
        }
        let ids: BTreeSet<String> = self.ids(&known);
        self.facts.retain(&ids);
        if let Some(mut job) = self.contact.take() {
            job.wants(self.clock.now(), ids.clone());
            let ready = job.ready(self.clock.now());
            if !ready.is_empty() {
                self.run_contact(&mut job, ready.clone()).await;
                any = true;
            }
            let ran = !ready.is_empty();
            self.contact = Some(job);
            if ran {
                self.keep(Source::Contact).await;
            }
        }
        if let Some(mut job) = self.members.take() {
            job.wants(self.clock.now(), ids);
            let ready = job.ready(self.clock.now());
            if !ready.is_empty() {
                self.run_members(&mut job, ready.clone()).await;
                any = true;
            }
            let ran = !ready.is_empty();
            self.members = Some(job);
            if ran {
                self.keep(Source::Members).await;
            }
        }
        if let Some(mut job) = self.users.take() {
            let ask = |Served { day, .. }: &Served| users::Ask {
                geo: day.geo,
                department_id: Arc::clone(&day.department_id),
                day: day.day,
            };
            job.wants(self.clock.now(), known.served.iter().map(ask).collect());
            let ready = job.ready(self.clock.now());
            if !ready.is_empty() {
                self.run_users(&mut job, ready.clone()).await;
                any = true;
            }
            let ran = !ready.is_empty();
            self.users = Some(job);
            if ran {
                self.keep(Source::Users).await;
            }
        }
        any
    }

    /// The departments that are asked for, and those found through a parent.
    fn ids(&self, known: &Known) -> BTreeSet<String> {
        let served = known.served.iter().map(|served| served.day.department_id.to_string());
        known.ids.iter().cloned().chain(served).collect()
    }

    /// When something is due next.
    fn next(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let due = [
            self.directory.as_ref().and_then(|job| job.due(now)),
            self.contact.as_ref().and_then(|job| job.due(now)),
            self.members.as_ref().and_then(|job| job.due(now)),
            self.users.as_ref().and_then(|job| job.due(now)),
        ];
        due.into_iter().flatten().filter(|due| *due > now).min()
    }

    pub(super) async fn publish(&self) {
        self.board.publish_optional(self.index, self.report()).await;
    }

    /// What the sources know now.
    pub(super) fn report(&self) -> OptionalReport {
        let ids = self.ids(&self.known.borrow());
        OptionalReport {
            places: self.facts.places(),
            samples: self.facts.samples(&ids),
            users: self.facts.user_samples(),
            sources: self.statuses(),
            notices: self.notices(),
        }
    }

    fn statuses(&self) -> Vec<SourceStatus> {
        [
            self.directory.as_ref().map(|job| self.status(job)),
            self.contact.as_ref().map(|job| self.status(job)),
            self.members.as_ref().map(|job| self.status(job)),
            self.users.as_ref().map(|job| self.status(job)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn notices(&self) -> Vec<String> {
        /// Ids that a notice lists; more would drown the page.
        const LISTED_MAX: usize = 10;
        let unknown = &self.facts.unknown_to_contact;
        if unknown.is_empty() {
            return Vec::new();
        }
        let listed: Vec<&str> = unknown.iter().take(LISTED_MAX).map(String::as_str).collect();
        vec![format!(
            "The contact API leaves out {} departments without saying why: {}{}. They do not exist, \
             or the app's contact range does not include them.",
            unknown.len(),
            listed.join(", "),
            if unknown.len() > LISTED_MAX { ", …" } else { "" },
        )]
    }

    fn language(&self) -> &'static str {
        self.options.contact.map_or(Language::default(), |contact| contact.language).as_str()
    }

    /// Requests at once: half of what is allowed, so that the statistics never wait for all.
    fn at_once(&self) -> usize {
        (self.options.api.limits.concurrency / 2).max(1)
    }

    fn status<K: Ord + Clone>(&self, job: &Job<K>) -> SourceStatus {
        SourceStatus {
            source: job.source.as_label(),
            last_success: job.last_success,
            next_attempt: self.next_of(job),
            problem: job.problem.clone(),
        }
    }

    /// When a source is asked next: a day's people come with the department's next day.
    fn next_of<K: Ord + Clone>(&self, job: &Job<K>) -> Option<Timestamp> {
        job.due(self.clock.now()).or_else(|| self.known.borrow().next_look)
    }
}
