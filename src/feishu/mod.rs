//! The client of the Feishu/Lark open API.

mod options;

pub use options::{DepartmentIdType, Limits, Options};
