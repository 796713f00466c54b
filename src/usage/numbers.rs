//! Numbers in few bytes. A large tenant has millions of them, nearly all counts or decimal
//! fractions, which take two or three bytes each instead of eight.

use std::fmt;

/// What is absent.
const ABSENT: u64 = 0;
/// What is no short decimal fraction: its eight bytes follow.
const WHOLE: u64 = 1;
/// From here on: a decimal fraction, its digits and how many of them stand behind the point.
const DECIMAL: u64 = 2;
/// Digits behind the point, at most, and one.
const SCALES: usize = 10;
const POWERS: [f64; SCALES] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Digits beyond this do not fit beside the scale.
const DIGITS_MAX: f64 = (1_u64 << 53) as f64;

/// Numbers of which some may be absent, in their order. Each comes back as it was, bit by bit.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Numbers(Box<[u8]>);

impl Numbers {
    /// All of them, in their order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }

    /// The one at that place; none where it is absent or there are fewer.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f64> {
        self.iter().nth(index).flatten()
    }
}

impl FromIterator<Option<f64>> for Numbers {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(numbers: I) -> Self {
        let mut bytes = Vec::with_capacity(128);
        for number in numbers {
            match number {
                None => push(&mut bytes, ABSENT),
                Some(number) => match digits(number) {
                    Some(digits) => push(&mut bytes, DECIMAL + digits),
                    None => {
                        push(&mut bytes, WHOLE);
                        bytes.extend_from_slice(&number.to_le_bytes());
                    }
                },
            }
        }
        Self(bytes.into())
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The numbers of [`Numbers`], in their order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(&'a [u8]);

impl Iterator for Iter<'_> {
    type Item = Option<f64>;

    fn next(&mut self) -> Option<Option<f64>> {
        let code = self.code()?;
        Some(match code {
            ABSENT => None,
            WHOLE => {
                let (number, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Some(f64::from_le_bytes(*number))
            }
            digits => Some(number(digits - DECIMAL)),
        })
    }
}

impl Iter<'_> {
    fn code(&mut self) -> Option<u64> {
        let (mut code, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            code |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Some(code);
            }
            shift += 7;
        }
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn push(bytes: &mut Vec<u8>, mut code: u64) {
    while code >= 0x80 {
        bytes.push(lowest(code) | 0x80);
        code >>= 7;
    }
    bytes.push(lowest(code));
}

/// The lowest seven bits.
fn lowest(code: u64) -> u8 {
    code.to_le_bytes()[0] & 0x7f
}

/// Sign, digits and scale of a number that is a short decimal fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, below 2^53")]
fn digits(number: f64) -> Option<u64> {
    POWERS.iter().zip(0..).find_map(|(power, scale)| {
        let digits = (number.abs() * power).round();
        if digits >= DIGITS_MAX {
            return None;
        }
        let signed = (digits as u64) << 1 | u64::from(number.is_sign_negative());
        let code = signed * SCALES as u64 + scale;
        (self::number(code).to_bits() == number.to_bits()).then_some(code)
    })
}

#[expect(clippy::cast_precision_loss, reason = "digits below 2^53")]
fn number(code: u64) -> f64 {
    let (signed, scale) = (code / SCALES as u64, code % SCALES as u64);
    let power = usize::try_from(scale).map_or(1.0, |scale| POWERS[scale]);
    let number = (signed >> 1) as f64 / power;
    if signed & 1 == 1 { -number } else { number }
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy as _;

    use super::*;

    #[test]
    fn counts_take_two_bytes_and_rates_three() {
        for (number, bytes) in
            [(0.0, 1), (5.0, 1), (800.0, 2), (30_000.0, 3), (0.5, 1), (0.85, 2), (0.8571, 3)]
        {
            let numbers: Numbers = [Some(number)].into_iter().collect();
            assert_eq!(numbers.0.len(), bytes, "{number}");
        }
    }

    #[test]
    fn places_are_kept_and_end() {
        let given = [None, Some(1.0), Some(f64::MIN_POSITIVE), None, Some(-0.25)];
        let numbers: Numbers = given.into_iter().collect();
        assert_eq!(numbers.iter().collect::<Vec<_>>(), given);
        assert_eq!((numbers.get(2), numbers.get(3), numbers.get(5)), (given[2], None, None));
    }

    proptest::proptest! {
        #[test]
        fn every_number_comes_back_bit_by_bit(
            numbers in proptest::collection::vec(
                proptest::option::of(proptest::prop_oneof![
                    proptest::num::f64::ANY,
                    (-1_000_000_i32..1_000_000, 0_i32..12).prop_map(|(n, s)| f64::from(n) / 10_f64.powi(s)),
                    (0_u64..u64::MAX).prop_map(|n| n as f64),
                ]), 0..50)
        ) {
            let bits = |of: &[Option<f64>]| of.iter().map(|n| n.map(f64::to_bits)).collect::<Vec<_>>();
            let packed: Numbers = numbers.iter().copied().collect();
            proptest::prop_assert_eq!(bits(&packed.iter().collect::<Vec<_>>()), bits(&numbers));
        }
    }
}
