//! A wrong value as a message repeats it.

/// Characters of a wrong value that a message repeats.
const SHOWN_MAX: usize = 40;

/// A wrong value as a message shows it: quoted unless it is a plain word, and never at length.
pub(super) fn shown(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:+-/%*".contains(c);
    let short: String = text.chars().take(SHOWN_MAX).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    if !short.is_empty() && short.chars().all(plain) {
        format!("{short}{dots}")
    } else {
        format!("\"{}{dots}\"", short.escape_debug())
    }
}
