//! Deflate and gzip: the large body is compressed once, the small one per scrape, and both leave
//! as one gzip member.
//!
//! Two members after each other would be valid gzip as well, but some readers stop after the
//! first. So the body's deflate blocks end on a byte boundary and none of them is final, the own
//! metrics' blocks follow, and the trailer holds the combined checksum (RFC 1951, RFC 1952).
//!
//! The body is compressed part by part. A part whose text is that of a part of the body before
//! keeps its bytes, so that a change of a few departments costs little; and the text itself is not
//! kept: for a reader that takes no gzip it is inflated part by part while it is sent.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hasher as _},
    io::Write,
};

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{
    Compress, Compression, Decompress, FlushCompress, FlushDecompress, write::DeflateEncoder,
};

use crate::snapshot::{Body, BodyPart, TextPart};

/// zlib's own default. On exposition text it is both smaller and twice as fast as level 9, which
/// gains nothing on lines that repeat this much.
const LEVEL: Compression = Compression::new(6);

/// A member header without name and time: deflate, unknown operating system (RFC 1952, 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The least room made for more compressed bytes.
const ROOM_MIN: usize = 4096;

/// Compresses a text that comes in parts.
pub(super) struct Encoder<'a> {
    before: HashMap<TextPart, &'a [u8]>,
    compress: Compress,
    deflated: Vec<u8>,
    parts: Vec<BodyPart>,
    sum: Hasher,
    plain_len: u64,
}

impl<'a> Encoder<'a> {
    /// An encoder that takes over the parts which the body `before` has too.
    pub(super) fn after(before: &'a Body) -> Self {
        let mut rest: &[u8] = &before.deflated;
        let known = before.parts.iter().map(|part| {
            let (bytes, behind) = rest.split_at(part.deflated_len as usize);
            rest = behind;
            (part.text, bytes)
        });
        Self {
            before: known.collect(),
            compress: Compress::new(LEVEL, false),
            // The next body is mostly about as large as the one before.
            deflated: Vec::with_capacity(before.deflated.len() + before.deflated.len() / 32),
            parts: Vec::with_capacity(before.parts.len()),
            sum: Hasher::new(),
            plain_len: 0,
        }
    }

    /// Appends a part; an empty one is none.
    pub(super) fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let Ok(len) = u32::try_from(bytes.len()) else {
            unreachable!("parts end long before 4 GB, see PART_MAX")
        };
        if len == 0 {
            return;
        }
        let mut sum = Hasher::new();
        sum.update(bytes);
        let mut hash = DefaultHasher::new();
        hash.write(bytes);
        let text = TextPart { len, crc32: sum.clone().finalize(), hash: hash.finish() };
        let start = self.deflated.len();
        match self.before.get(&text) {
            Some(known) => self.deflated.extend_from_slice(known),
            None => self.deflate(bytes),
        }
        let deflated_len =
            u32::try_from(self.deflated.len() - start).expect("deflate never makes 4 GB of a part");
        self.parts.push(BodyPart { deflated_len, text });
        self.sum.combine(&sum);
        self.plain_len += u64::from(len);
    }

    fn deflate(&mut self, mut bytes: &[u8]) {
        self.compress.reset();
        loop {
            self.deflated.reserve(ROOM_MIN.max(bytes.len() / 8));
            let read = self.compress.total_in();
            // A "sync flush": an empty stored block, which ends on a byte boundary.
            self.compress
                .compress_vec(bytes, &mut self.deflated, FlushCompress::Sync)
                .expect("deflate takes any bytes");
            let read = self.compress.total_in() - read;
            bytes = &bytes[usize::try_from(read).expect("no more than there was")..];
            // Room that is left means that everything was written.
            if bytes.is_empty() && self.deflated.len() < self.deflated.capacity() {
                return;
            }
        }
    }

    /// The body of all parts, which hold that many series.
    pub(super) fn finish(mut self, series: u64) -> Body {
        self.deflated.shrink_to_fit();
        Body {
            deflated: self.deflated.into(),
            parts: self.parts.into(),
            crc32: self.sum.finalize(),
            plain_len: self.plain_len,
            series,
        }
    }
}

/// A piece of an answer, in the order in which it is sent.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Bytes as they are sent.
    Ready(Bytes),
    /// Bytes that are to be inflated first.
    Deflated {
        /// Deflate blocks that can be read by themselves.
        deflated: Bytes,
        /// How many bytes they inflate to.
        len: u32,
    },
}

impl Piece {
    /// How many bytes are sent for it.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Ready(bytes) => bytes.len() as u64,
            Self::Deflated { len, .. } => u64::from(*len),
        }
    }

    /// Whether nothing is sent for it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes to send.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Ready(bytes) => bytes,
            Self::Deflated { deflated, len } => {
                let mut text = Vec::with_capacity(len as usize);
                Decompress::new(false)
                    .decompress_vec(&deflated, &mut text, FlushDecompress::Sync)
                    .expect("it was deflated here");
                text.into()
            }
        }
    }
}

/// The body and the own metrics as they are.
#[must_use]
pub fn plain_pieces(body: &Body, own: String) -> Vec<Piece> {
    let mut start = 0;
    let parts = body.parts.iter().map(|part| {
        let end = start + part.deflated_len as usize;
        let deflated = body.deflated.slice(start..end);
        start = end;
        Piece::Deflated { deflated, len: part.text.len }
    });
    parts.chain([Piece::Ready(own.into())]).collect()
}

/// The body and the own metrics as one gzip member.
#[must_use]
pub fn gzip_pieces(body: &Body, own: &str) -> Vec<Piece> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(own.len() / 2 + 64), LEVEL);
    encoder.write_all(own.as_bytes()).expect("writing to a vector cannot fail");
    let mut tail = encoder.finish().expect("writing to a vector cannot fail");

    let mut own_sum = Hasher::new();
    own_sum.update(own.as_bytes());
    let mut sum = Hasher::new_with_initial_len(body.crc32, body.plain_len);
    sum.combine(&own_sum);
    tail.extend_from_slice(&sum.finalize().to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "ISIZE is the length modulo 2^32")]
    let size = (body.plain_len + own.len() as u64) as u32;
    tail.extend_from_slice(&size.to_le_bytes());
    let bytes = [Bytes::from_static(&GZIP_HEADER), body.deflated.clone(), tail.into()];
    bytes.into_iter().map(Piece::Ready).collect()
}

/// The text of a body, whole: for tests and for what prints it.
#[must_use]
pub fn text(body: &Body) -> String {
    let pieces = plain_pieces(body, String::new()).into_iter();
    let bytes = pieces.map(Piece::into_bytes).collect::<Vec<_>>().concat();
    String::from_utf8(bytes).expect("it was made of a string")
}

/// The body of a text in one part.
#[cfg(test)]
pub(crate) fn body_of(text: &str) -> Body {
    let none = Body::default();
    let mut encoder = Encoder::after(&none);
    encoder.push(text);
    encoder.finish(0)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::GzDecoder;

    use super::*;

    fn body(parts: &[&str], before: &Body) -> Body {
        let mut encoder = Encoder::after(before);
        parts.iter().for_each(|part| encoder.push(part));
        encoder.finish(0)
    }

    fn concat(pieces: Vec<Piece>) -> Vec<u8> {
        let length: u64 = pieces.iter().map(Piece::len).sum();
        let bytes = pieces.into_iter().map(Piece::into_bytes).collect::<Vec<_>>().concat();
        assert_eq!(bytes.len() as u64, length, "as long as was said");
        bytes
    }

    /// Reads one gzip member with a decoder that is not ours; gives the text and what is left.
    fn gunzip(bytes: &[u8]) -> (String, usize) {
        let mut decoder = GzDecoder::new(bytes);
        let mut text = String::new();
        decoder.read_to_string(&mut text).unwrap();
        (text, decoder.into_inner().len())
    }

    #[test]
    fn body_and_own_metrics_are_one_gzip_member() {
        let large = "feishu_department_users{department=\"人\"} 1\n".repeat(100_000);
        let parts: [&[&str]; 4] = [&[], &["a 1\n"], &[&large], &["a 1\n", &large, "", "b 2\n"]];
        for parts in parts {
            for own in ["", "# EOF\n", "own 1\n# EOF\n"] {
                let body = body(parts, &Body::default());
                let (read, left) = gunzip(&concat(gzip_pieces(&body, own)));
                let expected = format!("{}{own}", parts.concat());
                assert!(read == expected, "{} bytes came back", read.len());
                assert_eq!(left, 0, "nothing follows the member");
                assert_eq!(concat(plain_pieces(&body, own.to_owned())), read.as_bytes());
                assert_eq!(format!("{}{own}", text(&body)), read);
            }
        }
    }

    #[test]
    fn nothing_published_is_an_empty_body() {
        let bytes = concat(gzip_pieces(&Body::default(), "x 1\n"));
        assert_eq!(gunzip(&bytes), ("x 1\n".to_owned(), 0));
    }

    #[test]
    fn text_that_deflate_cannot_shorten_comes_back() {
        let mut random = fastrand::Rng::with_seed(1);
        let text: String = (0..300_000).map(|_| random.alphanumeric()).collect();
        let body = body(&[&text], &Body::default());
        assert_eq!(gunzip(&concat(gzip_pieces(&body, ""))), (text, 0));
    }

    #[test]
    fn parts_that_stay_keep_their_bytes_wherever_they_stand() {
        let [a, b, c] = ["a 1\n", "b 1\n", "c 1\n"].map(|line| line.repeat(50));
        let before = body(&[&a, &b], &Body::default());
        let after = body(&[&c, &a, &b], &before);
        assert_eq!(text(&after), format!("{c}{a}{b}"));
        assert_eq!(after.parts[1..], before.parts[..]);
        assert!(after.deflated.ends_with(&before.deflated));
        let other = body(&[&c, &a, &b], &Body::default());
        assert_eq!(after.deflated, other.deflated, "as if nothing had been before");
    }

    proptest::proptest! {
        #[test]
        fn any_change_of_parts_gives_the_text_and_one_member(
            before in proptest::collection::vec("[ab]{0,40}", 0..6),
            after in proptest::collection::vec("[ab]{0,40}", 0..6),
        ) {
            let before: Vec<&str> = before.iter().map(String::as_str).collect();
            let after: Vec<&str> = after.iter().map(String::as_str).collect();
            let made = body(&after, &body(&before, &Body::default()));
            proptest::prop_assert_eq!(text(&made), after.concat());
            let (read, left) = gunzip(&concat(gzip_pieces(&made, "own")));
            proptest::prop_assert_eq!((read, left), (format!("{}own", after.concat()), 0));
        }
    }
}
