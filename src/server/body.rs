//! An answer's body: a few buffers that are sent as they are.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::places::Held;

/// The buffers, and what is held until they are handed over.
#[derive(Debug, Default)]
pub(super) struct Frames {
    frames: VecDeque<Bytes>,
    _place: Option<Held>,
}

impl Frames {
    pub(super) fn new(frames: Vec<Bytes>) -> Self {
        Self { frames: frames.into(), _place: None }
    }

    /// The same body, keeping its place while it is being sent.
    pub(super) fn keeping(self, place: Held) -> Self {
        Self { _place: Some(place), ..self }
    }

    /// Bytes that are left.
    pub(super) fn len(&self) -> u64 {
        self.frames.iter().map(|frame| frame.len() as u64).sum()
    }
}

impl<T: Into<Bytes>> From<T> for Frames {
    fn from(text: T) -> Self {
        Self::new(vec![text.into()])
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
