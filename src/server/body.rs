//! An answer's body: pieces that are made ready while they are sent.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::{places::Held, slots::Answering, unsent::Unsent};
use crate::exposition::Piece;

/// The pieces, and what is held until they are handed over.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pieces: VecDeque<Piece>,
    /// Where the memory counts that a piece takes once it is inflated.
    unsent: Arc<Unsent>,
    _place: Option<Held>,
    _answering: Option<Answering>,
}

impl Frames {
    pub(super) fn new(pieces: Vec<Piece>, unsent: Arc<Unsent>) -> Self {
        Self { pieces: pieces.into(), unsent, _place: None, _answering: None }
    }

    /// The same body, keeping its place while it is being sent.
    pub(super) fn keeping(self, place: Held) -> Self {
        Self { _place: Some(place), ..self }
    }

    /// The same body, as an answer that its connection waits for.
    pub(super) fn of(self, answering: Answering) -> Self {
        Self { _answering: Some(answering), ..self }
    }

    /// Bytes that are left.
    pub(super) fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }
}

impl<T: Into<Bytes>> From<T> for Frames {
    fn from(text: T) -> Self {
        Self::new(vec![Piece::Ready(text.into())], Arc::default())
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.pieces.pop_front().map(|piece| match piece {
            Piece::Ready(bytes) => bytes,
            deflated @ Piece::Deflated { .. } => self.unsent.count(deflated.into_bytes()),
        });
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}
