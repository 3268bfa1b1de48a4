//! What an initramfs can do, read from the list that dracut leaves inside it.

use camino::Utf8Path;
use std::io::{BufRead, BufReader, Read};

/// Whether an initramfs can use a squashfs file that holds the tree itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlatSupport {
    /// It has dracut's overlayfs part.
    Yes,
    /// It has none: it wants a file system image inside the squashfs file.
    No,
    /// It could not be read; why.
    Unknown(String),
}

/// How much is unpacked at most while looking for the list: an initramfs is some hundred megabytes.
const MOST: u64 = 1 << 30;

/// How much memory the dictionary of xz may take, in KiB: twice what the highest level of the tool asks for.
const XZ_MEMORY: u32 = 128 << 10;

/// Looks into an initramfs made by dracut.
pub fn flat_support(initramfs: &Utf8Path) -> FlatSupport {
    match dracut_modules(initramfs) {
        Ok(Some(modules)) if modules.iter().any(|module| module == "overlayfs") => FlatSupport::Yes,
        Ok(Some(_)) => FlatSupport::No,
        Ok(None) => FlatSupport::Unknown("it has no list of dracut modules".to_owned()),
        Err(cause) => FlatSupport::Unknown(cause.to_string()),
    }
}

/// The names of the dracut modules in an initramfs; `None` when it has no list of them.
///
/// # Errors
/// When it cannot be read or is no cpio archive in a compression we know.
pub fn dracut_modules(initramfs: &Utf8Path) -> std::io::Result<Option<Vec<String>>> {
    look(initramfs, |facts| facts.parts.is_some()).map(|facts| facts.parts)
}

/// What is found in an initramfs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The names of its dracut modules; `None` when it has no list of them.
    pub parts: Option<Vec<String>>,
    /// The version of the kernel whose modules come first in it; `None` when it has none at all.
    pub kernel: Option<String>,
}

/// Finds out what an initramfs is made of and for which kernel.
///
/// # Errors
/// When it cannot be read; of kind `Unsupported` when it is in a form that is not known here.
pub fn facts(initramfs: &Utf8Path) -> std::io::Result<Facts> {
    look(initramfs, |facts| facts.parts.is_some() && facts.kernel.is_some())
}

/// Reads an initramfs until enough is found, or to its end.
fn look(initramfs: &Utf8Path, enough: fn(&Facts) -> bool) -> std::io::Result<Facts> {
    let mut input = BufReader::with_capacity(1 << 16, std::fs::File::open(initramfs)?);
    let mut facts = Facts::default();
    // Microcode comes in an uncompressed archive of its own, before the real one.
    loop {
        let start = skip_padding(&mut input)?;
        if start.is_empty() || enough(&facts) {
            return Ok(facts);
        }
        if start.starts_with(b"0707") {
            read_archive(&mut input, &mut facts, enough)?;
            continue;
        }
        read_archive(&mut BufReader::new(decompressed(start, input)?.take(MOST)), &mut facts, enough)?;
        return Ok(facts);
    }
}

/// The next bytes that are not zero, still to be read; empty at the end.
fn skip_padding(input: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(Vec::new());
        }
        match buffer.iter().position(|byte| *byte != 0) {
            Some(0) => return Ok(buffer[..buffer.len().min(6)].to_vec()),
            Some(zeros) => input.consume(zeros),
            None => {
                let all = buffer.len();
                input.consume(all);
            }
        }
    }
}

fn decompressed(start: Vec<u8>, input: impl BufRead + 'static) -> std::io::Result<Box<dyn Read>> {
    let other = std::io::Error::other;
    Ok(match start.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(
            ruzstd::decoding::StreamingDecoder::new(input)
                .map_err(|cause| other(format!("not readable as zstd: {cause}")))?,
        ),
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, XZ_MEMORY))
        }
        _ => {
            let unknown = std::io::ErrorKind::Unsupported;
            return Err(std::io::Error::new(unknown, "in a compression that is not known here"));
        }
    })
}

/// Reads one cpio archive (format newc) until enough is found, or to its end.
fn read_archive(
    input: &mut impl BufRead,
    facts: &mut Facts,
    enough: fn(&Facts) -> bool,
) -> std::io::Result<()> {
    let other = std::io::Error::other;
    loop {
        let mut header = [0u8; 110];
        input.read_exact(&mut header)?;
        if !header.starts_with(b"07070") {
            return Err(other("not a cpio archive in it"));
        }
        let field = |index: usize| {
            let at = 6 + index * 8;
            std::str::from_utf8(&header[at..at + 8])
                .ok()
                .and_then(|hex| u64::from_str_radix(hex, 16).ok())
                .ok_or_else(|| std::io::Error::other("a broken cpio header in it"))
        };
        let (size, name_size) = (field(6)?, field(11)?);
        if name_size == 0 || name_size > 4096 {
            return Err(other("a broken cpio header in it"));
        }
        let mut name = vec![0u8; usize::try_from(name_size).unwrap_or(4096)];
        input.read_exact(&mut name)?;
        skip(input, pad(110 + name_size))?;
        name.pop();
        if name == b"TRAILER!!!" {
            return Ok(());
        }
        if facts.kernel.is_none() {
            facts.kernel = kernel_of(&name);
        }
        if name.ends_with(b"lib/dracut/modules.txt") && size < 1 << 20 {
            let mut text = String::new();
            input.take(size).read_to_string(&mut text)?;
            facts.parts = Some(text.split_whitespace().map(str::to_owned).collect());
            skip(input, pad(size))?;
        } else {
            skip(input, size + pad(size))?;
        }
        if enough(facts) {
            return Ok(());
        }
    }
}

/// The version of the kernel to which a file in an initramfs belongs as a module.
fn kernel_of(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?.trim_start_matches("./");
    let below = name.strip_prefix("usr/").unwrap_or(name).strip_prefix("lib/modules/")?;
    let (version, rest) = below.split_once('/')?;
    // Only a version that can stand in messages.
    let plain = !version.is_empty() && version.chars().all(|c| c.is_ascii_graphic());
    (plain && !rest.is_empty()).then(|| version.to_owned())
}

/// Bytes up to the next multiple of four.
fn pad(length: u64) -> u64 {
    length.next_multiple_of(4) - length
}

fn skip(input: &mut impl BufRead, count: u64) -> std::io::Result<()> {
    let skipped = std::io::copy(&mut input.by_ref().take(count), &mut std::io::sink())?;
    if skipped == count { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn cpio(files: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, text) in files.iter().chain(&[("TRAILER!!!", "")]) {
            out.extend(b"070701");
            for index in 0..13 {
                let value = [(6, text.len()), (11, name.len() + 1)]
                    .iter()
                    .find(|(i, _)| *i == index)
                    .map_or(0, |(_, value)| *value);
                out.extend(format!("{value:08x}").bytes());
            }
            out.extend(name.bytes().chain([0]));
            out.resize(out.len().next_multiple_of(4), 0);
            out.extend(text.bytes());
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    fn support(bytes: &[u8]) -> FlatSupport {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        flat_support(Utf8Path::from_path(file.path()).unwrap())
    }

    #[test]
    fn the_list_is_found_behind_microcode_and_compression() {
        let early = [cpio(&[("kernel/x86/microcode/x.bin", "abc")]), vec![0; 300]].concat();
        let main =
            cpio(&[("usr/bin/x", "12345"), ("usr/lib/dracut/modules.txt", "base\noverlayfs\nlivenet\n")]);
        assert_eq!(support(&main), FlatSupport::Yes);
        assert_eq!(support(&[early.clone(), main.clone()].concat()), FlatSupport::Yes);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&main).unwrap();
        assert_eq!(support(&[early, gzip.finish().unwrap()].concat()), FlatSupport::Yes);
        assert_eq!(support(&cpio(&[("usr/lib/dracut/modules.txt", "base\nlivenet\n")])), FlatSupport::No);
    }

    #[test]
    fn the_kernel_is_the_one_whose_modules_are_in_it() {
        let found = |files: &[(&str, &str)]| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&cpio(files)).unwrap();
            facts(Utf8Path::from_path(file.path()).unwrap()).unwrap()
        };
        let list = ("usr/lib/dracut/modules.txt", "livenet nfs");
        for module in
            ["usr/lib/modules/6.1/modules.dep", "lib/modules/6.1/kernel/x.ko", "./lib/modules/6.1/a"]
        {
            let both = found(&[("init", "x"), (module, "12345"), list]);
            assert_eq!(both.kernel.as_deref(), Some("6.1"));
            assert_eq!(both.parts, Some(vec!["livenet".to_owned(), "nfs".to_owned()]));
            assert_eq!(found(&[list, (module, "1")]), both, "in any order");
        }
        assert_eq!(found(&[list, ("usr/lib/modules", ""), ("usr/lib/modules/6.1", "")]).kernel, None);
        assert_eq!(found(&[("init", "x")]), Facts::default());
    }

    #[test]
    fn what_cannot_be_read_is_unknown_never_an_end() {
        for bytes in
            [&b""[..], b"hello, no archive", b"070701", b"\x28\xb5\x2f\xfdgarbage", b"\x1f\x8b\x08", &[0; 64]]
        {
            assert!(matches!(support(bytes), FlatSupport::Unknown(_)), "{bytes:?}");
        }
        assert!(matches!(support(&cpio(&[("init", "x")])), FlatSupport::Unknown(_)));
    }
}
