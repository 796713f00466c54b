//! One tenant's optional sources: a loop beside that of the statistics, so that nothing that
//! happens here disturbs those.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    asking::Asking,
    board::{Board, OptionalReport},
    facts::{Facts, discovered},
    job::{Job, Source},
    metrics::Metrics,
    options::{self, Language, ListedDepartment},
    tenant::CLOCK_CHECK,
};
use crate::{
    clock::Clock,
    feishu::{Client, Error, Extent},
    snapshot::SourceStatus,
    sources::{
        contact,
        directory::{self, Walk},
        members, users,
    },
    usage::DepartmentDay,
};

/// The statistics reach four levels below the tenant's root (API document).
const STATISTICS_DEPTH_MAX: usize = 4;
/// A day's user statistics are fetched once; only a day that is served for longer is asked for
/// again.
const USERS_REFRESH: Duration = Duration::from_secs(91 * 86_400);
/// How long a source is collected before what it has found so far is published.
const PROGRESS_AFTER: Duration = Duration::from_secs(20);

/// What the loop of the statistics tells the optional sources.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Whether it has looked at all.
    pub(super) has_looked: bool,
    /// Whether there is any use in asking: not while Feishu cannot be reached.
    pub(super) is_reachable: bool,
    /// The departments that are asked for.
    pub(super) ids: BTreeSet<String>,
    /// The departments that are served.
    pub(super) served: Vec<Arc<DepartmentDay>>,
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
}

/// The sources of a tenant that are switched on.
pub(super) fn sources(options: &options::Tenant) -> Vec<Source> {
    let directory = options.discovery.is_some() || options.directory.is_some();
    let all = [
        (Source::Departments, true),
        (Source::Directory, directory),
        (Source::Contact, options.contact.is_some()),
        (Source::Members, options.members.is_some()),
        (Source::Users, options.user_statistics.is_some()),
    ];
    all.into_iter().filter_map(|(source, is_on)| is_on.then_some(source)).collect()
}

impl Optional {
    /// A loop of which nothing is known yet.
    pub(super) fn new(options: options::Tenant, links: Links) -> Self {
        let discovery = options.discovery.as_ref().map(|discovery| discovery.refresh_interval);
        let refresh = discovery.or(options.directory);
        let contact = options.contact.map(|contact| contact.refresh_interval);
        Self {
            directory: refresh.map(|interval| Job::new(Source::Directory, interval)),
            contact: contact.map(|interval| Job::new(Source::Contact, interval)),
            members: options.members.map(|interval| Job::new(Source::Members, interval)),
            users: options.user_statistics.map(|_| Job::new(Source::Users, USERS_REFRESH)),
            options,
            client: links.client,
            clock: links.clock,
            metrics: links.metrics,
            board: links.board,
            index: links.index,
            known: links.known,
            discovered: links.discovered,
            facts: Facts::default(),
        }
    }

    /// Collects for ever; stopped by being dropped.
    pub(super) async fn run(mut self) {
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

    /// Runs every source that is due; tells whether any was.
    pub(super) async fn run_once(&mut self) -> bool {
        let known = self.known.borrow_and_update().clone();
        let mut any = false;
        if let Some(mut job) = self.directory.take() {
            job.wants(self.clock.now(), BTreeSet::from([()]));
            // Without a listed department, nothing can be looked at before the walk.
            if (known.is_reachable || !known.has_looked) && self.is_due(&job) {
                self.run_directory(&mut job).await;
                any = true;
            }
            self.directory = Some(job);
        }
        if !known.has_looked || !known.is_reachable {
            return any;
        }
        let ids: BTreeSet<String> = self.ids(&known);
        self.facts.retain(&ids);
        if let Some(mut job) = self.contact.take() {
            // The root has no entry of its own there.
            let named = ids.iter().filter(|id| *id != directory::ROOT).cloned().collect();
            job.wants(self.clock.now(), named);
            if self.is_due(&job) {
                self.run_contact(&mut job).await;
                any = true;
            }
            self.contact = Some(job);
        }
        if let Some(mut job) = self.members.take() {
            job.wants(self.clock.now(), ids);
            if self.is_due(&job) {
                self.run_members(&mut job).await;
                any = true;
            }
            self.members = Some(job);
        }
        if let Some(mut job) = self.users.take() {
            let ask = |day: &Arc<DepartmentDay>| users::Ask {
                geo: day.geo,
                department_id: Arc::clone(&day.department_id),
                day: day.day,
            };
            job.wants(self.clock.now(), known.served.iter().map(ask).collect());
            if self.is_due(&job) {
                self.run_users(&mut job).await;
                any = true;
            }
            self.users = Some(job);
        }
        any
    }

    /// The departments that are asked for, and those found through a parent.
    fn ids(&self, known: &Known) -> BTreeSet<String> {
        let served = known.served.iter().map(|day| day.department_id.to_string());
        known.ids.iter().cloned().chain(served).collect()
    }

    fn is_due<K: Ord + Clone>(&self, job: &Job<K>) -> bool {
        let now = self.clock.now();
        !job.pending.is_empty() && job.due(now).is_some_and(|due| due <= now)
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

    async fn run_directory(&mut self, job: &mut Job<()>) {
        let started = Instant::now();
        let discovery = self.options.discovery.as_ref();
        let walk = Walk {
            root: discovery.map_or(directory::ROOT, |d| d.root.as_str()).to_owned(),
            max_depth: discovery.map_or(STATISTICS_DEPTH_MAX, |d| d.max_depth.into()),
            language: self.language(),
        };
        let failure = match directory::fetch(&self.client, &walk, self.at_once()).await {
            Ok(tree) => {
                job.done(&());
                let departments = discovery.map_or_else(Vec::new, |d| discovered(&tree, d));
                tracing::info!(
                    tenant = self.options.name,
                    departments = tree.nodes.len(),
                    taken = departments.len(),
                    "The directory has {} departments, of which discovery takes {}",
                    tree.nodes.len(),
                    departments.len(),
                );
                let tree = Arc::new(tree);
                let denied = tree.denied();
                self.facts.tree = Some(Arc::clone(&tree));
                self.discovered.send_replace(Discovered { departments, tree: Some(tree) });
                denied
            }
            Err(error) => Some(error),
        };
        self.ended(job, started, failure);
    }

    async fn run_contact(&mut self, job: &mut Job<String>) {
        let started = Instant::now();
        let ids: Vec<String> = job.pending.iter().cloned().collect();
        let failure = match contact::fetch(&self.client, &ids, self.language()).await {
            Ok(found) => {
                ids.iter().for_each(|id| job.done(id));
                let missing = found.missing.len();
                if missing > 0 {
                    tracing::warn!(
                        tenant = self.options.name,
                        missing,
                        "The contact API leaves out {missing} departments: they do not exist or \
                         are outside the app's contact range"
                    );
                }
                for id in found.missing {
                    self.facts.contact.remove(&id);
                    self.facts.unknown_to_contact.insert(id);
                }
                for (id, facts) in found.departments {
                    self.facts.unknown_to_contact.remove(&id);
                    self.facts.contact.insert(id, facts);
                }
                None
            }
            Err(error) => Some(error),
        };
        self.ended(job, started, failure);
    }

    async fn run_members(&mut self, job: &mut Job<String>) {
        let started = Instant::now();
        let client = Arc::clone(&self.client);
        let ids: Vec<String> = job.pending.iter().cloned().collect();
        let mut progress = Instant::now();
        let mut asking = Asking::new(ids, self.at_once(), move |id: String| {
            let client = Arc::clone(&client);
            async move { members::fetch(&client, &id, Extent::Whole).await }
        });
        while let Some((id, heads)) = asking.next().await {
            if let Some(heads) = heads {
                job.done(&id);
                self.facts.heads.insert(id, heads);
            }
            self.progress(&mut progress).await;
        }
        let unreadable =
            self.facts.heads.values().filter(|heads| heads.by_status.is_none()).count();
        let failure = asking.failure.or_else(|| (unreadable > 0).then(members::denied_status));
        self.ended(job, started, failure);
    }

    async fn run_users(&mut self, job: &mut Job<users::Ask>) {
        let started = Instant::now();
        let client = Arc::clone(&self.client);
        let min_group_size = self.options.user_statistics.map_or(u64::MAX, |u| u.min_group_size);
        let asks: Vec<users::Ask> = job.pending.iter().cloned().collect();
        let mut progress = Instant::now();
        let mut asking = Asking::new(asks, self.at_once(), move |ask: users::Ask| {
            let client = Arc::clone(&client);
            async move { users::fetch(&client, &ask, min_group_size, Extent::Whole).await }
        });
        while let Some((ask, found)) = asking.next().await {
            if let Some(found) = found {
                let tenant = &self.options.name;
                self.metrics.rejected(tenant, found.rejected_rows, &found.rejected_values);
                job.done(&ask);
                self.facts.users.insert((ask.geo, ask.department_id), (ask.day, found.usage));
            }
            self.progress(&mut progress).await;
        }
        self.ended(job, started, asking.failure);
    }

    /// Ends a source's run: counts it, and says what is new about it once.
    fn ended<K: Ord + Clone>(&self, job: &mut Job<K>, started: Instant, failure: Option<Error>) {
        let now = self.clock.now();
        let (tenant, source) = (self.options.name.as_str(), job.source);
        self.metrics.collected(tenant, source, now, started.elapsed(), failure.is_none());
        let was_failing = job.problem.is_some();
        let is_news = job.ran(now, failure.as_ref());
        if let Some(next) = job.due(now) {
            self.metrics.next(tenant, source, next);
        }
        let source = source.as_label();
        match failure {
            Some(error) if is_news => tracing::warn!(
                tenant, source, class = error.class.as_label(), %error,
                "Source {source} is incomplete; the statistics are not concerned"
            ),
            Some(error) => tracing::debug!(tenant, source, %error, "Still failing"),
            None if was_failing => {
                tracing::info!(tenant, source, "Source {source} is complete again");
            }
            None => tracing::debug!(tenant, source, "Collected"),
        }
    }

    async fn progress(&self, published: &mut Instant) {
        if published.elapsed() >= PROGRESS_AFTER {
            self.publish().await;
            *published = Instant::now();
        }
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
        let now = self.clock.now();
        [
            self.directory.as_ref().map(|job| status(job, now)),
            self.contact.as_ref().map(|job| status(job, now)),
            self.members.as_ref().map(|job| status(job, now)),
            self.users.as_ref().map(|job| status(job, now)),
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
}

fn status<K: Ord + Clone>(job: &Job<K>, now: Timestamp) -> SourceStatus {
    SourceStatus {
        source: job.source.as_label(),
        last_success: job.last_success,
        next_attempt: job.due(now),
        problem: job.problem.clone(),
    }
}
