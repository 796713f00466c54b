//! Deflate and gzip: the large body is compressed once, the small one per scrape, and both leave
//! as one gzip member.
//!
//! Two members after each other would be valid gzip as well, but some readers stop after the
//! first. So the body's deflate blocks end on a byte boundary and none of them is final, the own
//! metrics' blocks follow, and the trailer holds the combined checksum (RFC 1951, RFC 1952).

use std::{io::Write, mem};

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compression, write::DeflateEncoder};

use crate::snapshot::Body;

/// zlib's own default. On exposition text it is both smaller and twice as fast as level 9, which
/// gains nothing on lines that repeat this much.
const LEVEL: Compression = Compression::new(6);

/// A member header without name and time: deflate, unknown operating system (RFC 1952, 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Exposition text compresses to about a tenth.
const EXPECTED_RATIO: usize = 10;

/// Makes a body of a text of whole lines that holds that many series.
#[must_use]
pub fn compress(mut text: String, series: u64) -> Body {
    text.shrink_to_fit();
    let plain = Bytes::from(text);
    let mut encoder =
        DeflateEncoder::new(Vec::with_capacity(plain.len() / EXPECTED_RATIO + 64), LEVEL);
    encoder
        .write_all(&plain)
        // A flush is zlib's "sync flush": an empty stored block, which ends on a byte boundary.
        .and_then(|()| encoder.flush())
        .expect("writing to a vector cannot fail");
    // Dropping the encoder writes the end of its stream into the vector left in its place.
    let mut deflated = mem::take(encoder.get_mut());
    deflated.shrink_to_fit();
    Body { crc32: crc32fast::hash(&plain), plain, deflated: deflated.into(), series }
}

/// The body and the own metrics as they are.
#[must_use]
pub fn plain_frames(body: &Body, own: String) -> Vec<Bytes> {
    vec![body.plain.clone(), Bytes::from(own)]
}

/// The body and the own metrics as one gzip member.
#[must_use]
pub fn gzip_frames(body: &Body, own: &str) -> Vec<Bytes> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(own.len() / 2 + 64), LEVEL);
    encoder.write_all(own.as_bytes()).expect("writing to a vector cannot fail");
    let mut tail = encoder.finish().expect("writing to a vector cannot fail");

    let mut own_sum = Hasher::new();
    own_sum.update(own.as_bytes());
    let mut sum = Hasher::new_with_initial_len(body.crc32, body.plain.len() as u64);
    sum.combine(&own_sum);
    tail.extend_from_slice(&sum.finalize().to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "ISIZE is the length modulo 2^32")]
    let size = (body.plain.len() + own.len()) as u32;
    tail.extend_from_slice(&size.to_le_bytes());
    vec![Bytes::from_static(&GZIP_HEADER), body.deflated.clone(), tail.into()]
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::GzDecoder;

    use super::*;

    /// Reads one gzip member with a decoder that is not ours; gives the text and what is left.
    fn gunzip(frames: &[Bytes]) -> (String, usize) {
        let bytes = frames.concat();
        let mut decoder = GzDecoder::new(bytes.as_slice());
        let mut text = String::new();
        decoder.read_to_string(&mut text).unwrap();
        (text, decoder.into_inner().len())
    }

    #[test]
    fn body_and_own_metrics_are_one_gzip_member() {
        let large = "feishu_department_users{department=\"人\"} 1\n".repeat(100_000);
        for text in ["", "a 1\n", &large] {
            for own in ["", "# EOF\n", "own 1\n# EOF\n"] {
                let body = compress(text.to_owned(), 0);
                let (read, left) = gunzip(&gzip_frames(&body, own));
                assert!(read == format!("{text}{own}"), "{} bytes came back", read.len());
                assert_eq!(left, 0, "nothing follows the member");
                assert_eq!(plain_frames(&body, own.to_owned()).concat(), read.as_bytes());
            }
        }
    }

    #[test]
    fn nothing_published_is_an_empty_body() {
        assert_eq!(gunzip(&gzip_frames(&Body::default(), "x 1\n")), ("x 1\n".to_owned(), 0));
    }
}
