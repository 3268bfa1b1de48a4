//! Measurements taken several times, and what was demanded of them.

use std::fmt;

use crate::failure::Failure;

/// Values of one measurement, at least one.
#[derive(Debug, Clone)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    /// Takes so many, one after the other.
    pub(super) fn take(
        count: usize,
        mut one: impl FnMut(usize) -> Result<f64, Failure>,
    ) -> Result<Self, Failure> {
        Ok(Self::of((0..count).map(&mut one).collect::<Result<_, _>>()?))
    }

    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub(super) fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Samples {
    /// The median, and the spread.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.first().unwrap_or(&f64::NAN), self.0.last().unwrap_or(&f64::NAN));
        write!(f, "{:.3} ({first:.3} to {last:.3}, {} runs)", self.median(), self.0.len())
    }
}

/// Whether a demand that does not hold is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Yes: whoever asked for the measurement wants to know.
    Fails,
    /// It is only told: a machine that is busy with tests is slow by chance.
    Told,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_told_with_the_spread() {
        let samples = Samples::of(vec![3.0, 1.0, 2.0]);
        assert_eq!(samples.to_string(), "2.000 (1.000 to 3.000, 3 runs)");
    }
}
