//! Turns Alertmanager's webhooks into cards of a Feishu or Lark group chat.
//!
//! Alertmanager speaks to this program, and this program to a *custom bot* of the chat, whose
//! address it knows and with whose secret it signs.
//!
//! ```text
//! Alertmanager ── POST / ──> server ── message ──> card ── JSON ──> bot ── signed ──> Feishu
//! ```
//!
//! Nothing is kept: what the bot does not take is refused to Alertmanager, which sends it again.

#![forbid(unsafe_code)]

pub mod bot;
pub mod card;
pub mod message;
pub mod server;
