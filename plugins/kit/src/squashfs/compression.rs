//! How squashfs files are compressed.

use super::Squash;
use crate::source_date::SourceDate;
use camino::Utf8Path;
use disklessset_plugin_api::{Command, Error, Host, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A compression of squashfs files that this program makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Read by every kernel.
    Gzip,
    /// Quick to read, and large.
    Lzo,
    /// Quickest to read, and largest.
    Lz4,
    /// Smallest, and slow to read.
    Xz,
    /// As small as gzip at a twentieth of its time. Not read by kernels before 4.14, nor by those of Enterprise Linux 8.
    Zstd,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gzip, Self::Lzo, Self::Lz4, Self::Xz, Self::Zstd];
    /// What is taken where nothing speaks against it.
    pub const USUAL: Self = Self::Zstd;

    /// The words of all of them.
    pub fn words() -> Vec<String> {
        Self::ALL.iter().map(Self::to_string).collect()
    }

    /// By its number in the superblock; `None` for one that is not made here.
    pub fn of_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Gzip),
            3 => Some(Self::Lzo),
            4 => Some(Self::Xz),
            5 => Some(Self::Lz4),
            6 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What mksquashfs is told.
    pub(super) fn options(self) -> Vec<String> {
        let more: &[&str] = match self {
            // Smaller than gzip's best.
            Self::Zstd => &["-Xcompression-level", "6"],
            Self::Lz4 => &["-Xhc"],
            Self::Gzip | Self::Lzo | Self::Xz => &[],
        };
        let words = ["-comp".to_owned(), self.to_string()];
        words.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect()
    }

    /// Whether mksquashfs of this server has it: an empty directory is packed in `scratch`, which is private and empty, and empty again
    /// afterwards.
    ///
    /// # Errors
    /// When mksquashfs is missing, or fails for another reason.
    pub fn is_known_here(self, scratch: &Utf8Path, host: &Host<'_>) -> Result<bool> {
        let (tree, file) = (scratch.join("nothing"), scratch.join("nothing.img"));
        std::fs::create_dir(&tree)
            .map_err(|cause| Error::failed(format!("cannot make {tree}")).because(cause))?;
        let tried = host.run(&super::mksquashfs(&tree, &file, self.into())?);
        host.remove(&tree)?;
        let outcome = match tried {
            Ok(_) => super::Superblock::read(&file)
                .map(|made| made.compression == Some(self))
                .map_err(|cause| Error::failed("mksquashfs ended well, and made nothing").because(cause)),
            Err(error) if error.causes.iter().any(|line| line.contains("is not supported")) => Ok(false),
            Err(error) => Err(error),
        };
        host.remove(&file)?;
        outcome
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Lzo => "lzo",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

impl FromStr for Compression {
    type Err = Error;
    fn from_str(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|known| known.to_string() == word).ok_or_else(|| {
            Error::usage(format!(
                "{word:?} is no compression of squashfs: it is none of {}",
                Self::words().join(", ")
            ))
        })
    }
}

/// What packs a directory. Blocks that random reads of a node can bear, and a third of the memory that it would take unasked.
/// Only options that squashfs-tools 4.3 have. With a given date (from 4.4 on) no time in the file is later.
///
/// # Errors
/// When what is given is no date.
pub(super) fn mksquashfs(source: &Utf8Path, file: &Utf8Path, how: Squash) -> Result<Command> {
    let command = Command::new("mksquashfs")
        .args([source.as_str(), file.as_str(), "-noappend", "-progress", "-exit-on-error"])
        .args(how.compression.options())
        .args(["-b", &how.block.to_string(), "-mem", "256M"]);
    Ok(SourceDate::hand_to(SourceDate::given()?, command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_written_alike() {
        for known in Compression::ALL {
            assert_eq!(known.to_string().parse::<Compression>().ok(), Some(known));
            assert_eq!(serde_json::to_string(&known).unwrap(), format!("\"{known}\""));
        }
        assert!("lzma".parse::<Compression>().is_err());
        assert_eq!(Compression::of_number(2), None, "lzma is not made");
    }
}
