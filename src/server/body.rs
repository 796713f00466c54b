//! An answer's body: pieces that are made ready while they are sent.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use crate::exposition::Piece;

/// The pieces, and the place among the scrapes that is taken until they are handed over.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pieces: VecDeque<Piece>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Frames {
    /// A body that keeps its place while it is being sent.
    pub(super) fn keeping(place: OwnedSemaphorePermit, pieces: Vec<Piece>) -> Self {
        Self { pieces: pieces.into(), _place: Some(place) }
    }

    /// Bytes that are left.
    pub(super) fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }
}

impl<T: Into<Bytes>> From<T> for Frames {
    fn from(text: T) -> Self {
        Self { pieces: [Piece::Ready(text.into())].into(), _place: None }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece.into_bytes()))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}
