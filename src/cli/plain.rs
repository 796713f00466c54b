//! Text of Feishu's on a terminal: on one line, without power over the terminal.

use std::fmt::Write as _;

/// `text` with everything escaped that ends a line, steers a terminal or turns the direction of
/// writing; YAML takes none of these in a comment either.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Line and paragraph separators, directions, byte order marks, no characters.
            '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fffe}'..='\u{ffff}' => {
                // Writing to a string cannot fail.
                let _ = write!(shown, "{}", c.escape_unicode());
            }
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// The columns that `text` takes in a terminal: characters of Chinese, Japanese and Korean take
/// two. Others are taken for one, so that rare ones may shift a line.
pub(super) fn columns(text: &str) -> usize {
    let wide = |c: char| {
        matches!(c,
            '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1faff}'
            | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_line_or_steers_the_terminal() {
        for (text, shown) in [
            ("研发部/Back-end 🚀", "研发部/Back-end 🚀"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\u{85}b\u{2028}c\u{202e}d\u{feff}", "a\\u{85}b\\u{2028}c\\u{202e}d\\u{feff}"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn wide_characters_take_two_columns() {
        for (text, width) in [("abc", 3), ("研发部", 6), ("ｱ", 1), ("Ａ", 2), ("한국", 4), ("é", 1)]
        {
            assert_eq!(columns(text), width, "{text}");
        }
    }
}
