//! Which glibc a program needs: the highest version of its symbols.

use camino::Utf8Path;
use object::read::elf::ElfFile64;

use crate::failure::{self, Failure};

/// The version, of a program or a shared library.
pub(super) fn needed(file: &Utf8Path) -> Result<(u32, u32), Failure> {
    let bytes = std::fs::read(file).map_err(failure::file("read", file))?;
    versions(&bytes)
        .map(|versions| versions.into_iter().max().unwrap_or_default())
        .map_err(|cause| Failure::Plain(format!("cannot understand {file}: {cause}")))
}

fn versions(bytes: &[u8]) -> Result<Vec<(u32, u32)>, object::Error> {
    let elf = ElfFile64::<object::Endianness>::parse(bytes)?;
    let (endian, sections) = (elf.endian(), elf.elf_section_table());
    let mut found = Vec::new();
    let Some((mut needs, link)) = sections.gnu_verneed(endian, bytes)? else { return Ok(found) };
    let strings = sections.strings(endian, bytes, link)?;
    while let Some((_, mut names)) = needs.next()? {
        while let Some(name) = names.next()? {
            found.extend(std::str::from_utf8(name.name(endian, strings)?).ok().and_then(version));
        }
    }
    Ok(found)
}

/// The version in the name of a set of symbols, such as `GLIBC_2.34`.
fn version(name: &str) -> Option<(u32, u32)> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("GLIBC_2.4") < version("GLIBC_2.28"));
        assert_eq!(version("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!((version("GCC_3.0"), version("GLIBC_PRIVATE")), (None, None));
    }

    #[test]
    fn this_test_needs_a_glibc() {
        let own = std::env::current_exe().unwrap();
        assert!(needed(Utf8Path::from_path(&own).unwrap()).unwrap() > (2, 2));
    }
}
