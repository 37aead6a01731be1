//! Numbers that look random and are the same for ever: SplitMix64, ten lines that no update of a
//! library changes.

/// One sequence of numbers.
pub(super) struct Random(u64);

impl Random {
    /// The sequence of this number.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of the choices.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// How much of `rest` this one gets when `left` are left and none may get more than `most`:
    /// from nothing to twice the even share, and never so that something remains in the end.
    pub(super) fn share(&mut self, rest: u64, left: u64, most: u64) -> u64 {
        let least = rest.saturating_sub((left - 1).saturating_mul(most));
        let wish = self.below(2 * rest / left + 1);
        wish.clamp(least, most.min(rest))
    }
}
