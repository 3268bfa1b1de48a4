//! The blocks of squashfs files: what is compressed, and read, at once.

use super::Compression;
use disklessset_plugin_api::{Error, ParamKind, ParameterType, Result, serde_json::Value};
use std::{fmt, str::FromStr};

/// The size of the blocks of a squashfs file. Larger ones make it smaller by some hundredths; a node that reads a few bytes here and there
/// decompresses a whole block each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSize(u32);

impl BlockSize {
    /// What random reads of a node can bear.
    pub const USUAL: Self = Self(128);
    /// All of them, in KiB.
    const ALL: [Self; 5] = [Self(64), Self(128), Self(256), Self(512), Self(1024)];

    /// The words of all of them.
    pub fn words() -> Vec<String> {
        Self::ALL.iter().map(Self::to_string).collect()
    }
}

impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1024 { write!(f, "{}K", self.0) } else { write!(f, "{}M", self.0 / 1024) }
    }
}

impl FromStr for BlockSize {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|known| known.to_string() == word).ok_or_else(|| {
            let words = Self::words().join(", ");
            Error::usage(format!("{word:?} is no size of blocks of squashfs: it is none of {words}"))
        })
    }
}

impl ParameterType for BlockSize {
    fn kind() -> ParamKind {
        ParamKind::Choice { choices: Self::words() }
    }

    fn from_value(value: &Value) -> std::result::Result<Self, String> {
        value.as_str().unwrap_or_default().parse().map_err(|error: Error| error.message)
    }
}

/// How a squashfs file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Squash {
    /// How its blocks are compressed.
    pub compression: Compression,
    /// How large they are.
    pub block: BlockSize,
}

impl From<Compression> for Squash {
    fn from(compression: Compression) -> Self {
        Self { compression, block: BlockSize::USUAL }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_written_alike() {
        assert_eq!(BlockSize::words(), ["64K", "128K", "256K", "512K", "1M"]);
        for word in BlockSize::words() {
            assert_eq!(word.parse::<BlockSize>().unwrap().to_string(), word);
        }
        for bad in ["", "4K", "128", "2M", "128k"] {
            assert!(bad.parse::<BlockSize>().is_err(), "{bad:?}");
        }
    }
}
