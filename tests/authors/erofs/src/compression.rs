//! How the data of a root image is compressed.

use disklessset_plugin_api::{Arguments, Error, Image, ParamKind, ParamSpec, Result};
use std::{fmt, str::FromStr};

/// The attribute and the parameter.
const NAME: &str = "compression";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Lz4hc,
    Lz4,
    Zstd,
    Nothing,
}

const ALL: [Compression; 4] = [Compression::Lz4hc, Compression::Lz4, Compression::Zstd, Compression::Nothing];

impl Compression {
    pub(crate) fn from_arguments(args: &Arguments) -> Result<Self> {
        args.get::<String>(NAME)?.map_or(Ok(Self::Lz4hc), |word| word.parse())
    }

    /// What an image was made with, and is made with again after an edit.
    pub(crate) fn of(image: &Image) -> Result<Self> {
        image.text(NAME).map_or(Ok(Self::Lz4hc), |word| word.parse())
    }

    pub(crate) fn record(self, image: &mut Image) {
        image.set(NAME, self.to_string());
    }

    /// What mkfs.erofs is told. Clusters of 64 KiB cost a random read little and the image a fifth less.
    pub(crate) fn options(self) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            some => vec![format!("-z{some}"), "-C65536".to_owned()],
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lz4hc => "lz4hc",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Nothing => "none",
        })
    }
}

impl FromStr for Compression {
    type Err = Error;
    fn from_str(word: &str) -> Result<Self> {
        ALL.into_iter()
            .find(|known| known.to_string() == word)
            .ok_or_else(|| Error::usage(format!("{word:?} is no compression of an EROFS image")))
    }
}

pub(crate) fn parameter() -> ParamSpec {
    let choices = ALL.map(|known| known.to_string()).to_vec();
    ParamSpec::flag(
        NAME,
        ParamKind::Choice { choices },
        "How the data is compressed: lz4hc is small, lz4 is packed many times faster; zstd needs erofs-utils 1.8 here and Linux 6.10 on the nodes",
    )
    .default(Compression::Lz4hc.to_string())
    .not_asked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_written_alike() {
        for known in ALL {
            assert_eq!(known.to_string().parse::<Compression>().ok(), Some(known));
        }
        assert!("gzip".parse::<Compression>().is_err());
        assert_eq!(Compression::from_arguments(&Arguments::default()).ok(), Some(Compression::Lz4hc));
    }
}
