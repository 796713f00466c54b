//! The sample answers of Feishu's API documents, served verbatim: what comes of them, field by
//! field.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod fields;
mod server;
