//! The identity note inside an ELF file, found without running the file and without reading it whole.
//!
//! The dynamic linker trusts what it maps: a file shorter than its own headers say kills the process with SIGBUS.
//! So everything that can be known from the headers is checked here first.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use disklessset_plugin_api::note::{OWNER, TYPE_IDENTITY};
use object::elf::{self, FileHeader64};
use object::endian::Endianness;
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::read::{ReadCache, ReadCacheOps, ReadRef as _};

use super::glibc::{self, GlibcVersion};
use super::refusal::Refusal;

type Header = FileHeader64<Endianness>;

const HEADER_BYTES: u64 = size_of::<Header>() as u64;
/// What the drafts of the module API, before its version 1.0, had for identity.
const TYPE_OF_DRAFTS: u32 = 1;
/// No module has this much to say of itself; a larger segment is a broken or hostile file.
const MOST_NOTE_BYTES: u64 = 256 * 1024;

/// What is read at once: linkers put headers, segments and notes at the start.
const START_BYTES: u64 = 4096;

/// A file read at given places only, for [`ReadCache`]: one system call for the start, one for each place beyond.
struct Places<'f> {
    file: &'f File,
    length: u64,
    at: u64,
    start: Vec<u8>,
}

impl<'f> Places<'f> {
    fn new(file: &'f File, length: u64) -> Result<Self, Refusal> {
        let mut start = Vec::with_capacity(START_BYTES as usize);
        (&mut &*file)
            .take(START_BYTES)
            .read_to_end(&mut start)
            .map_err(|cause| Refusal::Unreadable { cause: cause.to_string() })?;
        Ok(Self { file, length, at: 0, start })
    }

    /// The part of the start that a read of `length` bytes from here asks for.
    fn at_hand(&self, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(self.at).ok()?;
        self.start.get(from..from.checked_add(length)?)
    }
}

impl ReadCacheOps for Places<'_> {
    fn len(&mut self) -> Result<u64, ()> {
        Ok(self.length)
    }
    fn seek(&mut self, position: u64) -> Result<u64, ()> {
        self.at = position;
        Ok(position)
    }
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ()> {
        let read = self.file.read_at(buffer, self.at).map_err(drop)?;
        self.at += read as u64;
        Ok(read)
    }
    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), ()> {
        match self.at_hand(buffer.len()) {
            Some(bytes) => buffer.copy_from_slice(bytes),
            None => self.file.read_exact_at(buffer, self.at).map_err(drop)?,
        }
        self.at += buffer.len() as u64;
        Ok(())
    }
}

/// What the ELF tables of a module say.
pub(super) struct ModuleFile {
    /// The content of its identity note.
    pub(super) note: Vec<u8>,
    /// The newest glibc that it needs, where it can be told.
    pub(super) glibc: Option<GlibcVersion>,
}

/// Reads the identity note of a file of `length` bytes, and what it needs of glibc.
///
/// # Errors
/// The first thing that keeps the file from being a module.
pub(super) fn read(file: &File, length: u64) -> Result<ModuleFile, Refusal> {
    let cache = ReadCache::new(Places::new(file, length)?);
    let data = &cache;
    let header = checked_header(data, length)?;
    let corrupt = |cause: object::read::Error| malformed(&cause.to_string());
    let endian = header.endian().map_err(|_| Refusal::NotElf)?;
    require_whole(header, endian, data, length)?;
    let kind = header.e_type(endian);
    if kind != elf::ET_DYN {
        let kind = match kind {
            elf::ET_EXEC => "an executable",
            elf::ET_REL => "an object file",
            elf::ET_CORE => "a core dump",
            _ => "an ELF file of an unknown kind",
        };
        return Err(Refusal::NotShared { kind });
    }
    let mut found = None;
    let segments = header.program_headers(endian, data).map_err(corrupt)?;
    for segment in segments {
        if segment.p_type(endian) == elf::PT_INTERP
            && is_position_independent_executable(segments, endian, data)
        {
            return Err(Refusal::NotShared { kind: "an executable" });
        }
        if segment.p_type(endian) == elf::PT_NOTE && segment.p_filesz(endian) > MOST_NOTE_BYTES {
            return Err(malformed("a segment of notes is too large"));
        }
        let Some(mut notes) = segment.notes(endian, data).map_err(corrupt)? else { continue };
        while let Some(note) = notes.next().map_err(corrupt)? {
            let owner = OWNER.strip_suffix(b"\0").unwrap_or(OWNER);
            if note.name() != owner {
                continue;
            }
            match note.n_type(endian).0 {
                TYPE_IDENTITY => {}
                TYPE_OF_DRAFTS => return Err(Refusal::Draft),
                _ => continue,
            }
            if found.replace(note.desc().to_vec()).is_some() {
                return Err(Refusal::MalformedNote { cause: "there are two of them".to_owned() });
            }
        }
    }
    let note = found.ok_or(Refusal::NoNote)?;
    Ok(ModuleFile { note, glibc: glibc::newest_needed(header, endian, data) })
}

fn malformed(cause: &str) -> Refusal {
    Refusal::MalformedNote { cause: format!("the ELF headers make no sense: {cause}") }
}

fn checked_header<'d>(data: &'d ReadCache<Places<'_>>, length: u64) -> Result<&'d Header, Refusal> {
    let start = data.read_bytes_at(0, length.min(20)).map_err(|()| Refusal::NotElf)?;
    let Some(identification) = start.strip_prefix(&elf::ELFMAG) else { return Err(Refusal::NotElf) };
    let truncated = || Refusal::Truncated { found: length, expected: HEADER_BYTES };
    let (Some(&class), Some(&order), Some(&[low, high])) =
        (identification.first(), identification.get(1), start.last_chunk::<2>())
    else {
        return Err(truncated());
    };
    if start.len() < 20 {
        return Err(truncated());
    }
    let big = order == elf::ELFDATA2MSB.0;
    let machine = if big { u16::from_be_bytes([low, high]) } else { u16::from_le_bytes([low, high]) };
    let here = std::env::consts::ARCH;
    let built_for = machine_name(machine, big);
    if class != elf::ELFCLASS64.0 {
        return Err(Refusal::OtherProcessor { built_for: format!("{built_for} (32-bit)"), here });
    }
    if built_for != here {
        return Err(Refusal::OtherProcessor { built_for, here });
    }
    if length < HEADER_BYTES {
        return Err(truncated());
    }
    Header::parse(data).map_err(|_| Refusal::NotElf)
}

/// The file must reach as far as each table, segment and section of it says.
fn require_whole(
    header: &Header,
    endian: Endianness,
    data: &ReadCache<Places<'_>>,
    length: u64,
) -> Result<(), Refusal> {
    let table = |offset: u64, count: u16, size: u16| {
        if count == 0 { 0 } else { offset.saturating_add(u64::from(count) * u64::from(size)) }
    };
    let segments = table(header.e_phoff(endian), header.e_phnum(endian), header.e_phentsize(endian));
    let sections = table(header.e_shoff(endian), header.e_shnum(endian), header.e_shentsize(endian));
    let mut expected = HEADER_BYTES.max(segments).max(sections);
    if segments <= length {
        for segment in header.program_headers(endian, data).unwrap_or_default() {
            expected = expected.max(segment.p_offset(endian).saturating_add(segment.p_filesz(endian)));
        }
    }
    // Usually this table is the last thing in the file, and nothing can lie beyond it.
    if sections < length {
        for section in header.section_headers(endian, data).unwrap_or_default() {
            if !matches!(section.sh_type(endian), elf::SHT_NOBITS | elf::SHT_NULL) {
                expected = expected.max(section.sh_offset(endian).saturating_add(section.sh_size(endian)));
            }
        }
    }
    if expected > length { Err(Refusal::Truncated { found: length, expected }) } else { Ok(()) }
}

/// Such an executable has the type of a shared object; only a flag tells.
fn is_position_independent_executable(
    segments: &[elf::ProgramHeader64<Endianness>],
    endian: Endianness,
    data: &ReadCache<Places<'_>>,
) -> bool {
    let entries =
        segments.iter().filter_map(|segment| segment.dynamic(endian, data).ok().flatten()).flatten();
    entries
        .into_iter()
        .any(|entry| entry.d_tag(endian) == elf::DT_FLAGS_1 && entry.d_val(endian) & elf::DF_1_PIE.0 != 0)
}

/// The processor's name as [`std::env::consts::ARCH`] has it, where there is one.
fn machine_name(machine: u16, big: bool) -> String {
    let name = match elf::Machine(machine) {
        elf::EM_X86_64 => "x86_64",
        elf::EM_AARCH64 if big => "aarch64 (big-endian)",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_386 => "x86",
        elf::EM_ARM => "arm",
        elf::EM_PPC64 if big => "powerpc64 (big-endian)",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_S390 => "s390x",
        elf::EM_RISCV => "riscv64",
        elf::EM_LOONGARCH => "loongarch64",
        _ => return format!("processor number {machine}"),
    };
    name.to_owned()
}
