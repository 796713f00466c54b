//! The loop of one tenant's optional sources, beside that of the statistics, so that nothing that
//! happens here disturbs those.

mod contact;
pub(crate) mod directory;
mod former;
mod members;
mod samples;
mod slot;
mod users;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use self::slot::{AnySlot, Slot};
use super::{context::Context, contribution::Contribution, messages::Known, sources::Source};

/// The loop, and the sources that are switched on.
pub(crate) struct Optional {
    context: Context,
    known: watch::Receiver<Known>,
    slots: Vec<Box<dyn AnySlot>>,
    /// Whether it has taken up what was known before.
    is_restored: bool,
}

/// Every optional source, in the order in which they are asked.
fn slots(context: &Context) -> [Box<dyn AnySlot>; 4] {
    let tenant = || Arc::clone(&context.options);
    let discovered = context.messages.discovered.clone();
    [
        Slot::boxed(directory::Directory::new(tenant(), discovered), context),
        Slot::boxed(contact::Contact::new(tenant()), context),
        Slot::boxed(members::Members::new(tenant()), context),
        Slot::boxed(users::Users::new(tenant()), context),
    ]
}

impl Optional {
    /// A loop of which nothing is known yet.
    pub(crate) fn new(context: Context) -> Self {
        let slots = slots(&context).into_iter().filter(|slot| context.has(slot.source())).collect();
        let known = context.messages.known.subscribe();
        Self { known, slots, context, is_restored: false }
    }

    /// Takes up what was known before, and forgets what is switched off.
    pub(crate) async fn restore(&mut self) {
        self.is_restored = true;
        if !self.context.keeper.is_there() {
            return;
        }
        self.context.keeper.load_memory().await;
        for source in Source::all().filter(|source| !self.context.has(*source)) {
            self.context.keeper.forget(source.as_label()).await;
        }
        for slot in &mut self.slots {
            slot.restore(&self.context).await;
        }
    }

    /// Collects for ever; stopped by being dropped.
    pub(crate) async fn run(mut self) {
        if !self.is_restored {
            self.restore().await;
        }
        // The status page lists the sources from the start.
        self.publish().await;
        let mut shown = self.count();
        loop {
            // What became too old is hidden, and shown again where only the clock was ahead.
            if self.run_once().await || self.count() != shown {
                self.publish().await;
                shown = self.count();
            }
            tokio::select! {
                () = self.context.sleep_towards(self.next()) => {}
                Ok(()) = self.known.changed() => {}
            }
        }
    }

    /// Runs every source that is due; tells whether any was.
    pub(crate) async fn run_once(&mut self) -> bool {
        let known = self.known.borrow_and_update().clone();
        let mut any = false;
        for slot in &mut self.slots {
            any |= slot.run(&self.context, &known).await;
        }
        any
    }

    /// Looks for departments, if they are to be discovered and that was not done lately.
    pub(crate) async fn find_departments(&mut self) {
        let known = Known::default();
        let discovery = self.context.options.discovery.as_ref();
        let slots = self.slots.iter_mut().filter(|slot| slot.source() == Source::Directory);
        for slot in slots.filter(|_| discovery.is_some()) {
            slot.run(&self.context, &known).await;
        }
    }

    /// How many facts are current.
    fn count(&self) -> usize {
        let current = self.context.current();
        self.slots.iter().map(|slot| slot.count(current)).sum()
    }

    /// When something is due next.
    fn next(&self) -> Option<Timestamp> {
        let now = self.context.now();
        let next = self.slots.iter().filter_map(|slot| slot.next(now));
        next.filter(|next| *next > now).min()
    }

    /// Publishes what the sources know now.
    pub(crate) async fn publish(&self) {
        self.context.publish(self.contributions()).await;
    }

    /// What the sources know now.
    pub(crate) fn contributions(&self) -> Vec<Contribution> {
        self.slots.iter().map(|slot| slot.contribution(&self.context)).collect()
    }
}
