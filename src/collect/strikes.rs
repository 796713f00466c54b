//! How far a failure reaches, in the words of this room.

pub(super) use crate::feishu::Strikes;
use crate::feishu::{Error, Reach};

/// Whether any other request of the tenant, to whatever endpoint, would fail alike.
pub(super) fn concerns_every_endpoint(error: &Error) -> bool {
    error.reach == Reach::App
}

/// Whether every other request to the endpoint would fail alike, as where the app lacks its scope.
pub(super) fn is_missing_scope(error: &Error) -> bool {
    error.reach == Reach::Endpoint
}
