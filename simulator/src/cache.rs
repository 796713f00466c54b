//! What was computed once and may be asked for again.

use std::{collections::HashMap, hash::Hash, sync::Mutex};

use super::lock::lock;

/// Results by key. A full cache is emptied: whoever asks on then asks for other things than before.
pub(super) struct Cache<K, V> {
    kept: Mutex<HashMap<K, V>>,
    entries_max: usize,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { kept: Mutex::default(), entries_max }
    }

    /// The value kept for this key, or else the one made now. It is made without holding the lock,
    /// so that making it may ask this cache for other keys.
    pub(super) fn get_or_make(&self, key: K, make: impl FnOnce() -> V) -> V {
        if let Some(value) = lock(&self.kept).get(&key) {
            return value.clone();
        }
        let value = make();
        let mut kept = lock(&self.kept);
        if kept.len() >= self.entries_max {
            kept.clear();
        }
        kept.insert(key, value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_until_the_cache_is_full() {
        let cache = Cache::new(2);
        let made = |key: u8| {
            let mut made = false;
            cache.get_or_make(key, || made = true);
            made
        };
        assert_eq!([1, 1, 2, 2, 1].map(made), [true, false, true, false, false]);
        assert_eq!([3, 1, 3].map(made), [true, true, false]);
    }
}
