//! How much memory the answers take that clients have not read yet.
//!
//! A snapshot's text is shared by all who read it, so it counts once; but a slow reader keeps the
//! text that it began with, while newer ones are published.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

/// The bytes of all texts that are kept or being sent.
#[derive(Debug, Default)]
pub(super) struct Unsent(AtomicUsize);

/// A text that counts as long as anybody holds a part of it.
struct Counted {
    bytes: Bytes,
    unsent: Arc<Unsent>,
}

impl Unsent {
    /// The same bytes, counted until the last clone is dropped.
    pub(super) fn count(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        Bytes::from_owner(Counted { bytes, unsent: Arc::clone(self) })
    }

    /// Bytes now.
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.unsent.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_once_until_the_last_reader_is_gone() {
        let unsent = Arc::new(Unsent::default());
        let one = unsent.count(Bytes::from_static(b"12345"));
        let part = one.clone().slice(1..2);
        assert_eq!((unsent.bytes(), part.as_ref()), (5, &b"2"[..]));
        drop(one);
        assert_eq!(unsent.bytes(), 5);
        drop(part);
        assert_eq!(unsent.bytes(), 0);
    }
}
