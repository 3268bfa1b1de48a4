//! Sizes of root file systems.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a size is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not a number with a unit.
    #[error("{0:?} is not a size: write 700M, 5G or 1.5G")]
    Shape(String),
    /// Outside the range.
    #[error("{size} is out of range: from {min} to {max}")]
    Range {
        /// The size.
        size: Size,
        /// The least allowed.
        min: Size,
        /// The most allowed.
        max: Size,
    },
}

/// A size in whole mebibytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

impl Size {
    /// The most that can be written down and read back: nine digits of mebibytes, nearly a pebibyte.
    const WRITABLE: u64 = 999_999_999;

    /// The least size of a livenet image, 100 MiB (as in 1.x).
    pub const LEAST: Self = Self(100);
    /// The largest size of a livenet image, 50,000 MiB (as in 1.x).
    pub const MOST: Self = Self(50_000);

    /// A size of so many mebibytes, unchecked against any range.
    pub const fn mebibytes(mib: u64) -> Self {
        Self(mib)
    }

    /// The size in mebibytes.
    pub const fn as_mebibytes(self) -> u64 {
        self.0
    }

    /// The size in bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0 * 1024 * 1024
    }

    /// The same size if it lies in the range, both ends included.
    ///
    /// # Errors
    /// [`SizeError::Range`].
    pub fn within(self, min: Self, max: Self) -> Result<Self, SizeError> {
        if self < min || self > max { Err(SizeError::Range { size: self, min, max }) } else { Ok(self) }
    }
}

impl FromStr for Size {
    type Err = SizeError;

    /// Reads `700M`, `5G`, `1.5G` (binary units, a fraction of a mebibyte rounds up).
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let shape = || SizeError::Shape(text.chars().take(40).collect());
        let (number, unit) = match text.as_bytes().last() {
            Some(b'M' | b'm') => (&text[..text.len() - 1], 1),
            Some(b'G' | b'g') => (&text[..text.len() - 1], 1024),
            _ => return Err(shape()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            |s: &str, most| !s.is_empty() && s.len() <= most && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole, 9) || !digits(fraction, 6) {
            return Err(shape());
        }
        let whole: u64 = whole.parse().map_err(|_| shape())?;
        let scale = 10u64.pow(u32::try_from(fraction.len()).map_err(|_| shape())?);
        let fraction: u64 = fraction.parse().map_err(|_| shape())?;
        let mib = whole * unit + (fraction * unit).div_ceil(scale);
        if mib > Self::WRITABLE { Err(shape()) } else { Ok(Self(mib)) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 && self.0 % 1024 == 0 {
            write!(f, "{}G", self.0 / 1024)
        } else {
            write!(f, "{}M", self.0)
        }
    }
}

impl TryFrom<String> for Size {
    type Error = SizeError;
    fn try_from(s: String) -> Result<Self, SizeError> {
        s.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> String {
        size.to_string()
    }
}

/// A size, or `auto`: whatever the content needs plus headroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SizeOrAuto {
    /// Fit the content.
    Auto,
    /// This size.
    Fixed(Size),
}

impl FromStr for SizeOrAuto {
    type Err = SizeError;
    fn from_str(text: &str) -> Result<Self, SizeError> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Fixed) }
    }
}

impl TryFrom<String> for SizeOrAuto {
    type Error = SizeError;
    fn try_from(s: String) -> Result<Self, SizeError> {
        s.parse()
    }
}

impl From<SizeOrAuto> for String {
    fn from(size: SizeOrAuto) -> String {
        match size {
            SizeOrAuto::Auto => "auto".to_owned(),
            SizeOrAuto::Fixed(size) => size.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_read() {
        assert_eq!("700M".parse(), Ok(Size(700)));
        assert_eq!("5G".parse(), Ok(Size(5120)));
        assert_eq!("1.5G".parse(), Ok(Size(1536)));
        assert_eq!("0.1G".parse(), Ok(Size(103)), "rounded up");
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "",
            "M",
            "700",
            "-5G",
            "1e3M",
            "5 G",
            "1.G",
            ".5G",
            "99999999999G",
            "999999999.5G",
            "5T",
            "auto",
            "0x10M",
            "５G",
        ] {
            assert!(bad.parse::<Size>().is_err(), "{bad:?}");
        }
        let range = Size(99).within(Size::LEAST, Size::MOST).unwrap_err().to_string();
        assert_eq!(range, "99M is out of range: from 100M to 50000M");
    }
}
