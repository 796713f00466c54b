//! One run of each optional source: what is ready is asked for, the answers become facts, what
//! failed waits by itself.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Discovered, Optional, PROGRESS_AFTER};
use crate::{
    collect::{
        asking::{Asked, Asking},
        facts::discovered,
        job::Job,
    },
    feishu::{DEPARTMENTS_BATCH_MAX, Error, Extent},
    sources::{
        contact,
        directory::{self, STATISTICS_DEPTH_MAX, Walk},
        members, users,
    },
};

/// A list of people that is empty although the department has some is asked for again this often
/// at most, each time after the interval: by default half a day.
const LATE_LOOKS_MAX: u32 = 12;

impl Optional {
    pub(super) async fn run_directory(&mut self, job: &mut Job<()>) {
        let started = Instant::now();
        let discovery = self.options.discovery.as_ref();
        let walk = Walk {
            root: discovery.map_or(directory::ROOT, |d| d.root.as_str()).to_owned(),
            max_depth: discovery.map_or(STATISTICS_DEPTH_MAX, |d| d.max_depth).into(),
            language: self.language(),
        };
        let failure = match directory::fetch(&self.client, &walk, self.at_once()).await {
            Ok(tree) => {
                let now = self.clock.now();
                match tree.may_be_whole_soon() {
                    Some(error) => job.failed(&(), now, error),
                    None => job.done(&()),
                }
                self.metrics.rejected(&self.options.name, 0, &tree.rejected_values);
                let denied = tree.denied().or_else(|| tree.found_nothing());
                let tree = tree.over(self.facts.tree.as_deref(), now);
                self.replace_tree(tree);
                denied
            }
            Err(error) => {
                self.ended(job, started, Some(error.clone()), Some(error));
                return;
            }
        };
        self.ended(job, started, failure, None);
    }

    /// Takes in a walk's tree, and tells the loop of the statistics.
    pub(super) fn replace_tree(&mut self, tree: directory::Tree) {
        let discovery = self.options.discovery.as_ref();
        let departments = discovery.map_or_else(Vec::new, |d| discovered(&tree, d));
        let (tenant, found) = (self.options.name.as_str(), tree.nodes.len());
        match discovery {
            Some(_) => tracing::info!(
                tenant,
                found,
                taken = departments.len(),
                "The directory has {found} departments, of which discovery takes {}",
                departments.len(),
            ),
            None => tracing::info!(tenant, found, "The directory has {found} departments"),
        }
        let tree = Arc::new(tree);
        self.facts.tree = Some(Arc::clone(&tree));
        self.discovered.send_replace(Discovered { departments, tree: Some(tree) });
    }

    pub(super) async fn run_contact(&mut self, job: &mut Job<String>, ids: Vec<String>) {
        let started = Instant::now();
        let (client, language) = (Arc::clone(&self.client), self.language());
        let batches = ids.chunks(DEPARTMENTS_BATCH_MAX).map(<[String]>::to_vec).collect();
        let mut asking = self.asking(batches, move |ids: Vec<String>| {
            let client = Arc::clone(&client);
            async move { contact::fetch(&client, &ids, language).await }
        });
        let unknown_before = self.facts.unknown_to_contact.clone();
        while let Some(asked) = asking.next().await {
            let now = self.clock.now();
            match asked {
                Asked::Answered(ids, found) => {
                    ids.iter().for_each(|id| job.done(id));
                    let tenant = &self.options.name;
                    self.metrics.rejected(tenant, 0, &found.rejected_values);
                    for id in found.missing {
                        self.facts.contact.remove(&id);
                        self.facts.unknown_to_contact.insert(id);
                    }
                    for (id, facts) in found.departments {
                        self.facts.unknown_to_contact.remove(&id);
                        self.facts.contact.insert(id, facts);
                    }
                }
                Asked::Failed(ids, error) => {
                    ids.iter().for_each(|id| job.failed(id, now, &error));
                }
                Asked::Ended => {}
            }
        }
        let unknown = &self.facts.unknown_to_contact;
        if !unknown.is_subset(&unknown_before) {
            tracing::warn!(
                tenant = self.options.name,
                unknown = unknown.len(),
                "The contact API leaves out {} departments: they do not exist or are outside the \
                 app's contact range",
                unknown.len()
            );
        }
        self.ended(job, started, asking.failure, asking.ended_by);
    }

    pub(super) async fn run_members(&mut self, job: &mut Job<String>, ids: Vec<String>) {
        let started = Instant::now();
        let client = Arc::clone(&self.client);
        let mut progress = Instant::now();
        let mut asking = self.asking(ids, move |id: String| {
            let client = Arc::clone(&client);
            async move { members::fetch(&client, &id, Extent::Whole).await }
        });
        while let Some(asked) = asking.next().await {
            match asked {
                Asked::Answered(id, heads) => {
                    job.done(&id);
                    self.facts.heads.insert(id, heads);
                }
                Asked::Failed(id, error) => job.failed(&id, self.clock.now(), &error),
                Asked::Ended => {}
            }
            self.progress(&mut progress).await;
        }
        let unreadable =
            self.facts.heads.values().filter(|heads| heads.by_status.is_none()).count();
        let failure = asking.failure.or_else(|| (unreadable > 0).then(members::denied_status));
        self.ended(job, started, failure, asking.ended_by);
    }

    pub(super) async fn run_users(&mut self, job: &mut Job<users::Ask>, asks: Vec<users::Ask>) {
        let started = Instant::now();
        let client = Arc::clone(&self.client);
        let min_group_size = self.options.user_statistics.map_or(u64::MAX, |u| u.min_group_size);
        let mut progress = Instant::now();
        let mut asking = self.asking(asks, move |ask: users::Ask| {
            let client = Arc::clone(&client);
            async move { users::fetch(&client, &ask, min_group_size, Extent::Whole).await }
        });
        while let Some(asked) = asking.next().await {
            let now = self.clock.now();
            match asked {
                Asked::Answered(ask, found) => {
                    let tenant = &self.options.name;
                    self.metrics.rejected(tenant, found.rejected_rows, &found.rejected_values);
                    // A list without anybody is late where the department has people that day.
                    let is_late = found.people == 0 && self.has_people(&ask);
                    if !is_late || job.in_vain(&ask, now) > LATE_LOOKS_MAX {
                        job.done(&ask);
                    }
                    self.facts.users.insert((ask.geo, ask.department_id), (ask.day, found.usage));
                }
                Asked::Failed(ask, error) => job.failed(&ask, now, &error),
                Asked::Ended => {}
            }
            self.progress(&mut progress).await;
        }
        self.ended(job, started, asking.failure, asking.ended_by);
    }

    fn asking<K: Clone, R: Send + 'static, F, A>(&self, keys: Vec<K>, ask: F) -> Asking<K, R, F>
    where
        F: Fn(K) -> A,
        A: Future<Output = Result<R, Error>> + Send + 'static,
    {
        Asking::new(keys, self.at_once(), self.metrics.panics.clone(), ask)
    }

    /// Whether the department's own figures of that day count people.
    fn has_people(&self, ask: &users::Ask) -> bool {
        let known = self.known.borrow();
        let mut served = known.served.iter().map(|served| &served.day);
        let day = served.find(|day| {
            (day.geo, &day.department_id, day.day) == (ask.geo, &ask.department_id, ask.day)
        });
        day.and_then(|day| day.users()).is_some_and(|users| users > 0.0)
    }

    /// Ends a source's run: counts it, and says what is new about it once.
    fn ended<K: Ord + Clone>(
        &self,
        job: &mut Job<K>,
        started: Instant,
        failure: Option<Error>,
        ended_by: Option<Error>,
    ) {
        let now = self.clock.now();
        let (tenant, source) = (self.options.name.as_str(), job.source);
        self.metrics.collected(tenant, source, now, started.elapsed(), failure.is_none());
        let was_failing = job.problem.is_some();
        let is_news = job.ran(now, failure.as_ref(), ended_by.as_ref());
        if let Some(next) = self.next_of(job) {
            self.metrics.next(tenant, source, next);
        }
        let source = source.as_label();
        match ended_by.or(failure) {
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
}
