//! Text from outside as it may stand in a message: short, on one line.

/// At most so many bytes of a text, on one line and without control characters; `…` stands for
/// what was cut.
pub(super) fn quote(text: &str, bytes_max: usize) -> String {
    let mut quoted = String::with_capacity(text.len().min(bytes_max));
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !quoted.is_empty() {
            quoted.push(' ');
        }
        let left = bytes_max.saturating_sub(quoted.len());
        if word.len() > left {
            quoted.push_str(&word[..word.floor_char_boundary(left)]);
            quoted.push('…');
            return quoted;
        }
        quoted.push_str(word);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_short_and_on_one_line() {
        assert_eq!(quote("  fine \r\n two\tthree\u{0} ", 100), "fine two three");
        assert_eq!(quote("ééé", 3), "é…");
        assert_eq!(quote("ab cd", 3), "ab …");
        assert_eq!(quote(" \n", 10), "");
    }
}
