//! What the optional sources keep beyond the process, so that a restart neither makes a gap nor
//! asks again for what is fresh.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Optional;
use crate::{
    collect::job::{Job, Progress, Source},
    day::Day,
    sources::{contact, directory::Tree, members::HeadCount, users},
    usage::Geo,
};

/// What a source brought, how far it got, and under which options.
#[derive(Serialize, Deserialize)]
struct Remembered<F, K: Ord, O> {
    facts: F,
    progress: Progress<K>,
    options: O,
}

/// Aggregates by department, as JSON can hold them.
type Uses = Vec<((Geo, Arc<str>), (Day, Option<users::Use>))>;

impl Optional {
    /// Takes up what was known before; of sources whose options have changed, nothing.
    pub(in crate::collect) async fn restore(&mut self) {
        if !self.keeper.is_there() {
            return;
        }
        self.keeper.load_memory().await;
        let are_on = super::sources(&self.options, true);
        for source in Source::OPTIONAL.into_iter().filter(|source| !are_on.contains(source)) {
            self.keeper.forget(source.as_label()).await;
        }
        let (language, walk) = (self.language().to_owned(), self.walk_options());
        if let Some(tree) = self.recall::<Tree, (), _>(Source::Directory, &walk) {
            self.replace_tree(tree);
        }
        type Names = BTreeMap<String, contact::Facts>;
        if let Some(facts) = self.recall::<Names, String, _>(Source::Contact, &language) {
            self.facts.contact = facts;
        }
        type Heads = BTreeMap<String, HeadCount>;
        if let Some(heads) = self.recall::<Heads, String, _>(Source::Members, &()) {
            self.facts.heads = heads;
        }
        // What was allowed for a smaller group may not be published now.
        let size = self.group_size();
        match self.recall::<Uses, users::Ask, _>(Source::Users, &size) {
            Some(users) => self.facts.users = users.into_iter().collect(),
            None => self.keeper.forget(Source::Users.as_label()).await,
        }
    }

    /// Keeps what a source brought.
    pub(super) async fn keep(&self, source: Source) {
        if !self.keeper.is_there() {
            return;
        }
        match source {
            Source::Departments | Source::Baselines => {}
            Source::Directory => {
                let Some(tree) = &self.facts.tree else { return };
                self.remember(source, tree, self.directory.as_ref(), self.walk_options()).await;
            }
            Source::Contact => {
                let facts = &self.facts.contact;
                self.remember(source, facts, self.contact.as_ref(), self.language()).await;
            }
            Source::Members => {
                self.remember(source, &self.facts.heads, self.members.as_ref(), ()).await;
            }
            Source::Users => {
                let uses: Vec<_> = self.facts.users.iter().collect();
                self.remember(source, uses, self.users.as_ref(), self.group_size()).await;
            }
        }
    }

    async fn remember<F: Serialize, K: Ord + Clone + Serialize, O: Serialize>(
        &self,
        source: Source,
        facts: F,
        job: Option<&Job<K>>,
        options: O,
    ) {
        let Some(job) = job else { return };
        let remembered = Remembered { facts, progress: job.progress(), options };
        self.keeper.remember(source.as_label(), &remembered).await;
    }

    /// A source's facts, if it is switched on under the same options; its job takes its progress up.
    fn recall<F, K, O>(&mut self, source: Source, options: &O) -> Option<F>
    where
        F: DeserializeOwned,
        K: Ord + Clone + DeserializeOwned + 'static,
        O: DeserializeOwned + PartialEq,
    {
        let known: Remembered<F, K, O> = self.keeper.recall(source.as_label())?;
        if known.options != *options {
            return None;
        }
        let last_success = known.progress.last_success();
        let job = self.job(source)?.downcast_mut::<Job<K>>()?;
        job.resume(known.progress);
        if let Some(at) = last_success {
            self.metrics.succeeded_before(&self.options.name, source, at);
        }
        Some(known.facts)
    }

    fn job(&mut self, source: Source) -> Option<&mut dyn std::any::Any> {
        match source {
            Source::Departments | Source::Baselines => None,
            Source::Directory => self.directory.as_mut().map(|job| job as _),
            Source::Contact => self.contact.as_mut().map(|job| job as _),
            Source::Members => self.members.as_mut().map(|job| job as _),
            Source::Users => self.users.as_mut().map(|job| job as _),
        }
    }

    /// What decides which aggregates are published.
    fn group_size(&self) -> Option<u64> {
        self.options.user_statistics.map(|users| users.min_group_size)
    }

    /// What decides where a walk goes and how it names departments.
    fn walk_options(&self) -> (String, u8, String) {
        let discovery = self.options.discovery.as_ref();
        let walk = discovery.map(|d| (d.root.clone(), d.max_depth));
        let (root, depth) = walk.unwrap_or_default();
        (root, depth, self.language().to_owned())
    }
}
