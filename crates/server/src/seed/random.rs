//! SplitMix64, a generator of random numbers. Ten lines here, because an update of a library could
//! change the rows of made-up companies.

/// What the state grows by for each number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Sequence of random numbers.
pub(super) struct Random(u64);

impl Random {
    /// Returns the sequence of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the sequence without its first `count` numbers.
    pub(super) fn skip(self, count: u64) -> Self {
        Self(self.0.wrapping_add(count.wrapping_mul(STEP)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Returns true once in `n` times.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Returns one of the choices.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// Returns the share of `rest` for the next of `left` takers, each with at most `most`: from 0 to
    /// twice the even share. The shares add up to `rest`.
    pub(super) fn share(&mut self, rest: u64, left: u64, most: u64) -> u64 {
        let least = rest.saturating_sub((left - 1).saturating_mul(most));
        let wish = self.below(2 * rest / left + 1);
        wish.clamp(least, most.min(rest))
    }
}
