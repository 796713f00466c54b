//! Text that people give: values of the configuration, variables, files with a secret or a
//! certificate.
//!
//! Editors, shells, chats and input methods add what nobody sees or takes for something else: a
//! byte order mark, a carriage return, a zero-width space, a full-width comma. What stands at the
//! ends is dropped; what stands inside is refused, by the name of the character.

use std::{fmt, fs::File, io, io::Read as _, path::Path};

/// A file of more bytes than this is no secret and no bundle of certificates; those of whole
/// operating systems have some 250 kB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A character as messages name it: `U+200B ZERO WIDTH SPACE`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Named(pub char);

/// Why bytes are not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotText {
    /// Written as UTF-16, as PowerShell's `>` and Notepad's "Unicode" do.
    Utf16,
    /// Not UTF-8 in this line, from 1.
    NotUtf8(usize),
}

/// Text without what nobody sees at its ends.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_hidden(c))
}

/// The first character that nobody sees; white space is seen.
#[must_use]
pub fn hidden(text: &str) -> Option<Named> {
    text.chars().find(|c| is_hidden(*c)).map(Named)
}

/// As [`hidden`], without those that join letters and emoji in names that people see.
#[must_use]
pub fn hidden_in_a_name(text: &str) -> Option<Named> {
    text.chars().find(|c| is_hidden(*c) && !matches!(c, '\u{200c}' | '\u{200d}')).map(Named)
}

/// The first character that is taken for a plain one of ASCII: those of Chinese and Japanese input
/// methods, and the quotes and dashes of word processors.
#[must_use]
pub fn lookalike(text: &str) -> Option<Named> {
    let is_one = |c: &char| {
        matches!(c,
            '\u{a0}' | '\u{b4}' | '\u{2000}'..='\u{200a}' | '\u{2010}'..='\u{2015}'
            | '\u{2018}'..='\u{201f}' | '\u{202f}' | '\u{205f}' | '\u{2212}'
            | '\u{3000}'..='\u{3002}' | '\u{ff01}'..='\u{ff5e}')
    };
    text.chars().find(is_one).map(Named)
}

/// The text of a file, without a byte order mark.
///
/// # Errors
/// If it cannot be read, is longer than any file of its kind, or is not text in UTF-8. No message
/// repeats anything of the file.
pub fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let text = format!("it is longer than {FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let text = decode(&bytes).map_err(|why| {
        io::Error::new(io::ErrorKind::InvalidData, format!("it {why}; save it as UTF-8"))
    })?;
    Ok(text.to_owned())
}

/// The one line of a file that holds a secret, a token or a password, without what an editor added
/// at its ends.
///
/// # Errors
/// As [`read`], and if the file holds no line, several, or a character that nobody sees.
pub fn read_line(path: &Path) -> io::Result<String> {
    let text = read(path)?;
    let line = trim(&text);
    let why = if line.is_empty() {
        "it is empty".to_owned()
    } else if line.contains(['\n', '\r']) {
        format!("it holds {} lines, and one is due", line.lines().count().max(2))
    } else if let Some(character) = hidden(line) {
        format!("it holds {character}; write it without")
    } else {
        return Ok(line.to_owned());
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// Bytes as text, without a byte order mark.
///
/// # Errors
/// If they are not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, NotText> {
    let is_marked = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    // Without the mark, every other byte of plain text is a zero.
    if is_marked || bytes.iter().take(1024).any(|byte| *byte == 0) {
        return Err(NotText::Utf16);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            Err(NotText::NotUtf8(1 + before.iter().filter(|byte| **byte == b'\n').count()))
        }
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

/// The names of the Unicode standard, of the characters that people have been seen to paste.
const NAMES: &[(char, &str)] = &[
    ('\0', "NULL"),
    ('\t', "CHARACTER TABULATION"),
    ('\n', "LINE FEED"),
    ('\r', "CARRIAGE RETURN"),
    ('\u{1b}', "ESCAPE"),
    (' ', "SPACE"),
    ('"', "QUOTATION MARK"),
    ('\'', "APOSTROPHE"),
    ('(', "LEFT PARENTHESIS"),
    (')', "RIGHT PARENTHESIS"),
    (',', "COMMA"),
    ('/', "SOLIDUS"),
    (';', "SEMICOLON"),
    ('[', "LEFT SQUARE BRACKET"),
    ('\\', "REVERSE SOLIDUS"),
    (']', "RIGHT SQUARE BRACKET"),
    ('{', "LEFT CURLY BRACKET"),
    ('|', "VERTICAL LINE"),
    ('}', "RIGHT CURLY BRACKET"),
    ('\u{7f}', "DELETE"),
    ('\u{85}', "NEXT LINE"),
    ('\u{a0}', "NO-BREAK SPACE"),
    ('\u{ad}', "SOFT HYPHEN"),
    ('\u{b4}', "ACUTE ACCENT"),
    ('\u{180e}', "MONGOLIAN VOWEL SEPARATOR"),
    ('\u{2002}', "EN SPACE"),
    ('\u{2003}', "EM SPACE"),
    ('\u{2009}', "THIN SPACE"),
    ('\u{200b}', "ZERO WIDTH SPACE"),
    ('\u{200c}', "ZERO WIDTH NON-JOINER"),
    ('\u{200d}', "ZERO WIDTH JOINER"),
    ('\u{200e}', "LEFT-TO-RIGHT MARK"),
    ('\u{200f}', "RIGHT-TO-LEFT MARK"),
    ('\u{2010}', "HYPHEN"),
    ('\u{2011}', "NON-BREAKING HYPHEN"),
    ('\u{2012}', "FIGURE DASH"),
    ('\u{2013}', "EN DASH"),
    ('\u{2014}', "EM DASH"),
    ('\u{2015}', "HORIZONTAL BAR"),
    ('\u{2018}', "LEFT SINGLE QUOTATION MARK"),
    ('\u{2019}', "RIGHT SINGLE QUOTATION MARK"),
    ('\u{201c}', "LEFT DOUBLE QUOTATION MARK"),
    ('\u{201d}', "RIGHT DOUBLE QUOTATION MARK"),
    ('\u{2028}', "LINE SEPARATOR"),
    ('\u{2029}', "PARAGRAPH SEPARATOR"),
    ('\u{202a}', "LEFT-TO-RIGHT EMBEDDING"),
    ('\u{202b}', "RIGHT-TO-LEFT EMBEDDING"),
    ('\u{202c}', "POP DIRECTIONAL FORMATTING"),
    ('\u{202d}', "LEFT-TO-RIGHT OVERRIDE"),
    ('\u{202e}', "RIGHT-TO-LEFT OVERRIDE"),
    ('\u{202f}', "NARROW NO-BREAK SPACE"),
    ('\u{2060}', "WORD JOINER"),
    ('\u{2066}', "LEFT-TO-RIGHT ISOLATE"),
    ('\u{2067}', "RIGHT-TO-LEFT ISOLATE"),
    ('\u{2068}', "FIRST STRONG ISOLATE"),
    ('\u{2069}', "POP DIRECTIONAL ISOLATE"),
    ('\u{2212}', "MINUS SIGN"),
    ('\u{3000}', "IDEOGRAPHIC SPACE"),
    ('\u{3001}', "IDEOGRAPHIC COMMA"),
    ('\u{3002}', "IDEOGRAPHIC FULL STOP"),
    ('\u{3164}', "HANGUL FILLER"),
    ('\u{feff}', "ZERO WIDTH NO-BREAK SPACE (a byte order mark)"),
    ('\u{ff01}', "FULLWIDTH EXCLAMATION MARK"),
    ('\u{ff02}', "FULLWIDTH QUOTATION MARK"),
    ('\u{ff07}', "FULLWIDTH APOSTROPHE"),
    ('\u{ff08}', "FULLWIDTH LEFT PARENTHESIS"),
    ('\u{ff09}', "FULLWIDTH RIGHT PARENTHESIS"),
    ('\u{ff0a}', "FULLWIDTH ASTERISK"),
    ('\u{ff0c}', "FULLWIDTH COMMA"),
    ('\u{ff0d}', "FULLWIDTH HYPHEN-MINUS"),
    ('\u{ff0e}', "FULLWIDTH FULL STOP"),
    ('\u{ff0f}', "FULLWIDTH SOLIDUS"),
    ('\u{ff1a}', "FULLWIDTH COLON"),
    ('\u{ff1b}', "FULLWIDTH SEMICOLON"),
    ('\u{ff1d}', "FULLWIDTH EQUALS SIGN"),
    ('\u{ff1f}', "FULLWIDTH QUESTION MARK"),
    ('\u{ff20}', "FULLWIDTH COMMERCIAL AT"),
    ('\u{ff3b}', "FULLWIDTH LEFT SQUARE BRACKET"),
    ('\u{ff3d}', "FULLWIDTH RIGHT SQUARE BRACKET"),
    ('\u{ff3f}', "FULLWIDTH LOW LINE"),
    ('\u{ff5b}', "FULLWIDTH LEFT CURLY BRACKET"),
    ('\u{ff5c}', "FULLWIDTH VERTICAL LINE"),
    ('\u{ff5d}', "FULLWIDTH RIGHT CURLY BRACKET"),
    ('\u{ff5e}', "FULLWIDTH TILDE"),
    ('\u{fffd}', "REPLACEMENT CHARACTER (bytes that were no text)"),
];

const DIGITS: [&str; 10] =
    ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"];

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(c) = *self;
        write!(f, "U+{:04X}", u32::from(c))?;
        if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == c) {
            return write!(f, " {name}");
        }
        // The full-width forms stand in the order of ASCII.
        let plain = u32::from(c).checked_sub(0xfee0).and_then(char::from_u32);
        match plain {
            Some(digit @ '0'..='9') => {
                write!(f, " FULLWIDTH DIGIT {}", DIGITS[usize::from(digit as u8 - b'0')])
            }
            Some(letter @ 'A'..='Z') => write!(f, " FULLWIDTH LATIN CAPITAL LETTER {letter}"),
            Some(letter @ 'a'..='z') => {
                write!(f, " FULLWIDTH LATIN SMALL LETTER {}", letter.to_ascii_uppercase())
            }
            Some(other) if other.is_ascii_graphic() => {
                write!(f, ", the full-width form of {other}")
            }
            _ if c.is_control() => f.write_str(", a control character"),
            _ if is_hidden(c) => f.write_str(", a character that nobody sees"),
            _ => write!(f, " ({c})"),
        }
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf16 => f.write_str("is UTF-16 or binary, not UTF-8"),
            Self::NotUtf8(line) => write!(f, "is not valid UTF-8 in line {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn what_nobody_sees_at_the_ends_is_dropped() {
        for text in [
            "od-1",
            "od-1\r",
            "od-1\r\n",
            "\u{feff}od-1",
            "\u{200b}od-1\u{200b}",
            "\u{a0}od-1\u{3000}",
            " \u{2060}\u{feff}\tod-1\u{200e}\u{202c} \n",
        ] {
            assert_eq!(trim(text), "od-1", "{text:?}");
        }
        for text in ["", " ", "\r", "\u{feff}", "\u{200b}\u{3000}"] {
            assert_eq!(trim(text), "", "{text:?}");
        }
    }

    #[test]
    fn a_character_is_told_by_its_name() {
        for (text, name) in [
            ("od\u{200b}-1", "U+200B ZERO WIDTH SPACE"),
            ("od\u{feff}-1", "U+FEFF ZERO WIDTH NO-BREAK SPACE (a byte order mark)"),
            ("od\0", "U+0000 NULL"),
            ("od\u{7}", "U+0007, a control character"),
            ("od\u{e0041}", "U+E0041, a character that nobody sees"),
            ("od\u{202e}", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ] {
            assert_eq!(hidden(text).unwrap().to_string(), name, "{text:?}");
            assert_eq!(lookalike(text), None);
        }
        for (text, name) in [
            ("od-1，od-2", "U+FF0C FULLWIDTH COMMA"),
            ("od-1、od-2", "U+3001 IDEOGRAPHIC COMMA"),
            ("od－1", "U+FF0D FULLWIDTH HYPHEN-MINUS"),
            ("od–1", "U+2013 EN DASH"),
            ("“od-1”", "U+201C LEFT DOUBLE QUOTATION MARK"),
            ("３０s", "U+FF13 FULLWIDTH DIGIT THREE"),
            ("cli_Ａz", "U+FF21 FULLWIDTH LATIN CAPITAL LETTER A"),
            ("％", "U+FF05, the full-width form of %"),
            ("od 1\u{a0}", "U+00A0 NO-BREAK SPACE"),
        ] {
            assert_eq!(lookalike(text).unwrap().to_string(), name, "{text:?}");
            assert_eq!(hidden(text), None);
        }
        for text in ["od-1", "研发部", "Zoë’s".trim_matches('’'), "🚀", "a b"] {
            assert_eq!(hidden(text), None, "{text}");
        }
        assert_eq!(hidden_in_a_name("👩\u{200d}💻 team"), None);
        assert_eq!(hidden_in_a_name("team\u{200b}"), Some(Named('\u{200b}')));
    }

    #[test]
    fn a_file_is_text_without_its_byte_order_mark_or_says_what_it_is() {
        assert_eq!(read(file(b"\xef\xbb\xbfPEM\n").path()).unwrap(), "PEM\n");
        let utf16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let with_mark = [&[0xff, 0xfe][..], &utf16("secret")].concat();
        let big_endian = [&[0xfe, 0xff, 0][..], b"s\0e"].concat();
        for bytes in [with_mark, big_endian, utf16("secret")] {
            let why = read(file(&bytes).path()).unwrap_err().to_string();
            assert_eq!(why, "it is UTF-16 or binary, not UTF-8; save it as UTF-8");
        }
        let why = read(file(b"a\nb\xff").path()).unwrap_err().to_string();
        assert_eq!(why, "it is not valid UTF-8 in line 2; save it as UTF-8");
        let large = vec![b'a'; (4 << 20) + 1];
        assert!(read(file(&large).path()).unwrap_err().to_string().contains("is longer than"));
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("is longer than"));
    }

    #[test]
    fn a_secret_is_one_line_of_characters_that_are_seen() {
        for bytes in [&b"hunter2"[..], b"hunter2\n", b"hunter2\r\n", b"\xef\xbb\xbfhunter2\r\n\r\n"]
        {
            assert_eq!(read_line(file(bytes).path()).unwrap(), "hunter2");
        }
        for (text, why) in [
            ("", "it is empty"),
            ("\u{feff}\r\n", "it is empty"),
            ("hunter2\nhunter3\n", "it holds 2 lines, and one is due"),
            ("a\rb", "it holds 2 lines, and one is due"),
            ("a\n\nb\nc", "it holds 4 lines, and one is due"),
            ("hun\u{200b}ter2", "it holds U+200B ZERO WIDTH SPACE; write it without"),
            ("hun\tter2", "it holds U+0009 CHARACTER TABULATION; write it without"),
        ] {
            let error = read_line(file(text.as_bytes()).path()).unwrap_err();
            assert_eq!(error.to_string(), why, "{text:?}");
        }
    }
}
