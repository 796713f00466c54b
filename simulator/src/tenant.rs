//! Everything that outlives a request.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use super::{
    clock::Clock, company::Company, faults::Faults, journal::Journal, limits::Limits, lock::lock,
    organisation::Organisation, settings::Options, tokens::Tokens,
};

/// The simulated tenant, its clock and what was done to it.
pub(crate) struct Tenant {
    company: Mutex<Arc<Company>>,
    pub(crate) clock: Clock,
    pub(crate) options: Mutex<Arc<Options>>,
    pub(crate) faults: Faults,
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) journal: Journal,
    serial: AtomicU64,
}

impl Tenant {
    pub(crate) fn new(options: Options) -> Self {
        let mut organisation = Organisation::new(options.seed, options.departments);
        if let Some((department, people)) = options.huge_department {
            organisation.enlarge(department, u64::from(people));
        }
        Self {
            company: Mutex::new(Arc::new(Company::new(organisation))),
            clock: Clock::starting_at(options.now),
            options: Mutex::new(Arc::new(options)),
            faults: Faults::default(),
            tokens: Tokens::default(),
            limits: Limits::default(),
            journal: Journal::default(),
            serial: AtomicU64::new(0),
        }
    }

    pub(crate) fn options(&self) -> Arc<Options> {
        Arc::clone(&lock(&self.options))
    }

    /// The departments as they are now.
    pub(crate) fn company(&self) -> Arc<Company> {
        Arc::clone(&lock(&self.company))
    }

    /// Puts changed departments into the place of the present ones. What was computed from these
    /// is forgotten with them.
    pub(crate) fn reorganise<T>(&self, change: impl FnOnce(&mut Organisation) -> T) -> T {
        let mut present = lock(&self.company);
        let mut changed = Organisation::clone(&present);
        let result = change(&mut changed);
        *present = Arc::new(Company::new(changed));
        result
    }

    /// A number that was not given before.
    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// How many numbers were given.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.load(Ordering::Relaxed)
    }
}
