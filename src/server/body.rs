//! An answer's body: a few buffers that are sent as they are.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

/// The buffers, and the place among the scrapes that is taken until they are handed over.
#[derive(Debug, Default)]
pub(super) struct Frames {
    frames: VecDeque<Bytes>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Frames {
    /// A body that keeps its place while it is being sent.
    pub(super) fn keeping(place: OwnedSemaphorePermit, frames: Vec<Bytes>) -> Self {
        Self { frames: frames.into(), _place: Some(place) }
    }

    /// Bytes that are left.
    pub(super) fn len(&self) -> u64 {
        self.frames.iter().map(|frame| frame.len() as u64).sum()
    }
}

impl<T: Into<Bytes>> From<T> for Frames {
    fn from(text: T) -> Self {
        Self { frames: [text.into()].into(), _place: None }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.frames.pop_front().map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}
