//! The version of glibc that a file needs, read from its ELF tables, and the one that this server has.
//!
//! A program built on a newer system needs functions that an older one does not have. The dynamic linker
//! says so with the name of a symbol version; here it is known without loading the file.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use object::elf::{self, FileHeader64};
use object::endian::Endianness;
use object::read::ReadRef;
use object::read::elf::{FileHeader as _, SectionHeader as _};

use crate::system::glibc_version;

/// No file needs as many versions as this; a longer table is a broken or hostile one.
const MOST_VERSIONS: usize = 4096;
/// The most bytes that the table of needed versions may have.
const MOST_BYTES: u64 = 256 * 1024;

/// Versions are known by the hashes of their names, up to 2.199. There were 43 in 28 years.
const NEWEST_MINOR: u32 = 199;

/// A version of glibc, such as 2.36.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GlibcVersion {
    major: u32,
    minor: u32,
}

impl GlibcVersion {
    /// The version of the C library that this program runs with; `None` where that is not glibc.
    pub fn here() -> Option<Self> {
        glibc_version().and_then(|text| Self::parse(&text))
    }

    /// The version in the name of a symbol version, such as `GLIBC_2.34`; `None` for other names.
    pub(super) fn of_symbols(name: &str) -> Option<Self> {
        name.strip_prefix("GLIBC_").and_then(Self::parse)
    }

    /// Reads `2.36`, or `2.2.5`, whose last number says nothing of what a server has.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        numbers.all(|number| number.is_ok()).then_some(Self { major, minor })
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The newest version that a file needs of glibc. `None` where it needs none, or its table cannot be read:
/// then the dynamic linker has the word.
pub(super) fn newest_needed<'d, R: ReadRef<'d>>(
    header: &FileHeader64<Endianness>,
    endian: Endianness,
    data: R,
) -> Option<GlibcVersion> {
    let sections = header.sections(endian, data).ok()?;
    let section = sections.iter().find(|section| section.sh_type(endian) == elf::SHT_GNU_VERNEED)?;
    if section.sh_size(endian) > MOST_BYTES {
        return None;
    }
    let (needs, _names) = section.gnu_verneed(endian, data).ok()??;
    let versions = needs.flatten().flat_map(|(_, versions)| versions.flatten()).take(MOST_VERSIONS);
    // What is needed weakly may be missing.
    let needed =
        versions.filter(|version| version.vna_flags.get(endian) & elf::VER_FLG_WEAK == elf::VersionFlags(0));
    needed.filter_map(|version| by_hash(version.vna_hash.get(endian))).max()
}

/// The version whose name has this hash, as files have it beside the name: names lie elsewhere in a file, and modules are many.
fn by_hash(hash: u32) -> Option<GlibcVersion> {
    static KNOWN: OnceLock<HashMap<u32, GlibcVersion>> = OnceLock::new();
    let all = || {
        let versions = (0..=NEWEST_MINOR).map(|minor| GlibcVersion { major: 2, minor });
        versions.map(|version| (elf::hash(format!("GLIBC_{version}").as_bytes()), version)).collect()
    };
    KNOWN.get_or_init(all).get(&hash).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_known_by_hashes_and_compared_by_their_numbers() {
        let of = |name: &str| by_hash(elf::hash(name.as_bytes()));
        assert!(of("GLIBC_2.4") < of("GLIBC_2.36") && of("GLIBC_2.36") < of("GLIBC_2.99"));
        assert_eq!(of("GLIBC_2.36").map(|version| version.to_string()).as_deref(), Some("2.36"));
        // Older than any server has, and no versions of glibc.
        for other in ["GLIBC_2.2.5", "GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GCC_3.0", "GLIBC_2", ""] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(GlibcVersion::parse("2.2.5"), GlibcVersion::parse("2.2"));
    }

    #[test]
    fn versions_of_this_program_are_no_newer_than_what_is_here() {
        let file = std::fs::read("/proc/self/exe").unwrap();
        let header = FileHeader64::<Endianness>::parse(&*file).unwrap();
        let needed = newest_needed(header, header.endian().unwrap(), &*file);
        assert!(needed.is_some() && needed <= GlibcVersion::here(), "{needed:?} {:?}", GlibcVersion::here());
    }
}
