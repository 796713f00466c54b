//! Where the figures come from: one file per source, each of the same shape: what to ask, ask it,
//! fold the answers into rows. The only place where Feishu's wire meets the domain.

pub mod contact;
pub mod departments;
pub mod directory;
pub mod many;
pub mod members;
mod number;
pub mod users;

use std::collections::BTreeMap;

/// Values that were no numbers, by API field.
pub type RejectedValues = BTreeMap<&'static str, u64>;
