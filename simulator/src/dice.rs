//! Random numbers that are a pure function of what they are for.
//!
//! Nothing about the tenant is drawn in sequence from one generator: each value has its own, made
//! from the seed and the value's place, so that no answer depends on the order of requests.

/// A `SplitMix64` generator for one value or one small thing.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The generator of whatever `place` names in the tenant of this seed.
    pub(super) fn new(seed: u64, place: &[u64]) -> Self {
        let mut dice = Self(seed);
        for part in place {
            dice.0 = dice.next() ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        dice.next();
        dice
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The bias of a remainder is far below what the figures show.
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// Like [`Dice::below`], but small numbers are much likelier than large ones.
    pub(super) fn skewed(&mut self, bound: u64) -> u64 {
        let reach = self.below(bound) + 1;
        self.below(reach)
    }

    /// True in this percentage of all cases.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the items, which must not be none.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = self.below(items.len() as u64);
        &items[usize::try_from(index).expect("an index below a length fits")]
    }

    /// 32 hexadecimal digits.
    pub(super) fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }
}
