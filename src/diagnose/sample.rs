//! Which departments are tried. Pure.

/// How many departments are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// At most so many, spread evenly over all of them.
    Of(usize),
    /// Every one.
    All,
}

impl Sample {
    /// What is tried without another wish: enough to see most gaps in a data permission, which is
    /// granted by subtree, at the price of a few seconds.
    pub const DEFAULT: Self = Self::Of(20);

    /// The chosen ones of `all`, in their order, the first always among them.
    pub(super) fn take<T: Clone>(self, all: &[T]) -> Vec<T> {
        match self {
            Self::Of(most) if most < all.len() => {
                (0..most).map(|place| all[place * all.len() / most].clone()).collect()
            }
            _ => all.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_evenly_and_never_repeats() {
        let all: Vec<usize> = (0..100).collect();
        assert_eq!(Sample::Of(4).take(&all), [0, 25, 50, 75]);
        assert_eq!(Sample::Of(3).take(&all[..4]), [0, 1, 2]);
        assert_eq!(Sample::Of(20).take(&all[..20]), all[..20]);
        assert_eq!(Sample::All.take(&all), all);
        assert!(Sample::DEFAULT.take::<usize>(&[]).is_empty());
    }
}
