//! How far a failure reaches, in the words of this room.

pub(super) use crate::feishu::Strikes;
use crate::feishu::{Error, Reach};

/// Whether any other request of the tenant, to whatever endpoint, would fail alike.
pub(super) fn concerns_every_endpoint(error: &Error) -> bool {
    error.reach == Reach::App
}

/// Whether any other request of the tenant to the same endpoint would fail alike, as where the app
/// lacks its scope.
pub(super) fn concerns_every_department(error: &Error) -> bool {
    matches!(error.reach, Reach::App | Reach::Endpoint)
}
