//! Where the figures come from: one file per source, each of the same shape: what to ask, ask it,
//! fold the answers into rows. The only place where Feishu's wire meets the domain.

pub mod departments;
mod number;
