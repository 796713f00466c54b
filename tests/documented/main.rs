//! What documents say holds: the sample answers of Feishu's API documents, served verbatim, and what
//! comes of them field by field; and our own pages, whose commands run, whose links lead somewhere,
//! and whose metrics, flags and keys exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod commands;
mod fields;
mod names;
mod pages;
mod server;
mod sizing;
