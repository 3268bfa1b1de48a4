//! Walks through an initramfs: cpio archives one after the other, the last of them mostly compressed.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};

use camino::Utf8Path;

use crate::unpacking::{START, unpacking};

/// How much is unpacked at most: an initramfs is some hundred megabytes.
const MOST: u64 = 2 << 30;
/// The longest name in an archive, its closing zero included.
const LONGEST: u64 = 4096;
/// The length of a header in cpio's format "newc".
const HEADER: usize = 110;

/// What is asked of each file in an initramfs: its name, its size in bytes, its content. An answer ends the search.
pub type Look<'l, T> = dyn FnMut(&[u8], u64, &mut dyn Read) -> Result<Option<T>> + 'l;

/// Looks at the files of an initramfs until one gives an answer; `None` when none does.
///
/// # Errors
/// When it cannot be read, or is no cpio archive; of kind `Unsupported` in a compression that is not known here.
pub fn search<T>(initramfs: &Utf8Path, look: &mut Look<'_, T>) -> Result<Option<T>> {
    search_in(opened(initramfs)?, look, AtTheEnd::Stop)
}

/// Reads an initramfs to its end: dracut may end well and have written half of one. What is in a compression that is not known here is
/// left to its beginning.
///
/// # Errors
/// When it is no archive, is broken, or ends early.
pub fn must_be_whole(initramfs: &Utf8Path) -> Result<()> {
    whole(opened(initramfs)?)
}

fn opened(initramfs: &Utf8Path) -> Result<BufReader<std::fs::File>> {
    Ok(BufReader::with_capacity(1 << 16, std::fs::File::open(initramfs)?))
}

fn whole(input: impl BufRead) -> Result<()> {
    match search_in(input, &mut |_, _, _| Ok(None::<()>), AtTheEnd::ReadOn) {
        Err(cause) if cause.kind() == ErrorKind::Unsupported => Ok(()),
        read => read.map(drop),
    }
}

/// What is done when the last archive has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtTheEnd {
    Stop,
    /// The compression's own checksum comes at the end.
    ReadOn,
}

fn search_in<T>(mut input: impl BufRead, look: &mut Look<'_, T>, end: AtTheEnd) -> Result<Option<T>> {
    let mut archives = 0;
    // Microcode comes in an uncompressed archive of its own, before the real one.
    loop {
        let start = next_bytes(&mut input)?;
        match start.as_slice() {
            [] if archives > 0 => return Ok(None),
            [b'0', b'7', b'0', b'7', ..] => {
                if let Some(found) = search_archive(&mut input, look)? {
                    return Ok(Some(found));
                }
            }
            start if is_compressed(start) => {
                let mut unpacked = BufReader::new(unpacking(start, input)?.take(MOST));
                let found = search_archive(&mut unpacked, look)?;
                if end == AtTheEnd::ReadOn {
                    std::io::copy(&mut unpacked, &mut std::io::sink())?;
                }
                return Ok(found);
            }
            _ if end == AtTheEnd::ReadOn => return Err(Error::other("it is no archive")),
            // Who only looks for something in it cannot tell: it may be in a compression of later years.
            _ => return Err(Error::new(ErrorKind::Unsupported, "in a compression that is not known here")),
        }
        archives += 1;
    }
}

/// Whether data begins as the kernel's unpackers know it: zstd, gzip, xz, bzip2, lz4, lzop.
fn is_compressed(start: &[u8]) -> bool {
    matches!(
        start,
        [0x28, 0xb5, 0x2f, 0xfd, ..]
            | [0x1f, 0x8b, ..]
            | [0xfd, b'7', ..]
            | [b'B', b'Z', ..]
            | [0x02, 0x21, ..]
            | [0x89, b'L', ..]
    )
}

/// The next bytes that are not zero, still to be read; none at the end.
fn next_bytes(input: &mut impl BufRead) -> Result<Vec<u8>> {
    loop {
        let buffer = input.fill_buf()?;
        match buffer.iter().position(|byte| *byte != 0) {
            Some(0) => return Ok(buffer.iter().take(START).copied().collect()),
            Some(zeros) => input.consume(zeros),
            None if buffer.is_empty() => return Ok(Vec::new()),
            None => {
                let zeros = buffer.len();
                input.consume(zeros);
            }
        }
    }
}

/// Reads one cpio archive up to the answer or its last member.
fn search_archive<T>(input: &mut impl BufRead, look: &mut Look<'_, T>) -> Result<Option<T>> {
    let broken = || Error::other("a broken cpio header is in it");
    loop {
        let mut header = [0u8; HEADER];
        input.read_exact(&mut header)?;
        let field = |index: usize| {
            let hex = header.get(6 + index * 8..14 + index * 8)?;
            u64::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
        };
        let (size, name_size) = (field(6).ok_or_else(broken)?, field(11).ok_or_else(broken)?);
        if !header.starts_with(b"07070") || name_size == 0 || name_size > LONGEST {
            return Err(broken());
        }
        let mut name = Vec::new();
        if input.by_ref().take(name_size).read_to_end(&mut name)? as u64 != name_size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        skip(input, padding(HEADER as u64 + name_size))?;
        name.pop();
        if name == b"TRAILER!!!" {
            return Ok(None);
        }
        let mut content = input.by_ref().take(size);
        if let Some(found) = look(&name, size, &mut content)? {
            return Ok(Some(found));
        }
        let left = content.limit();
        skip(input, left + padding(size))?;
    }
}

/// Bytes up to the next multiple of four.
fn padding(length: u64) -> u64 {
    length.next_multiple_of(4) - length
}

fn skip(input: &mut impl BufRead, count: u64) -> Result<()> {
    match std::io::copy(&mut input.by_ref().take(count), &mut std::io::sink())? {
        skipped if skipped == count => Ok(()),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpio(members: &[(&str, usize)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, size) in members.iter().chain([&("TRAILER!!!", 0)]) {
            out.extend(b"070701");
            for field in 0..13 {
                let value = [(6, *size), (11, name.len() + 1)].into_iter().find(|(at, _)| *at == field);
                out.extend(format!("{:08x}", value.map_or(0, |(_, value)| value)).bytes());
            }
            out.extend(name.bytes().chain([0]));
            out.resize(out.len().next_multiple_of(4) + size.next_multiple_of(4), b'x');
        }
        out
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut out, bytes).unwrap();
        out.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn whole_ones_are_told_from_cut_ones() {
        let early = [cpio(&[("microcode", 100)]), vec![0; 300]].concat();
        let main = cpio(&[("init", 5000), ("etc/passwd", 33)]);
        whole(&early[..]).unwrap();
        for packed in [zstd(&main), gzip(&main)] {
            let all = [early.clone(), packed].concat();
            whole(&all[..]).unwrap();
            // Zeros between archives are none, and two bytes tell no compression.
            let cut = (0..all.len()).filter(|length| !(early.len() - 300..=early.len() + 3).contains(length));
            for length in cut {
                assert!(whole(&all[..length]).is_err(), "{length} of {} bytes", all.len());
            }
        }
        whole(&b"BZh9 is not read here"[..]).unwrap();
        // What nobody knows is not whole, and who looks into it cannot tell.
        assert!(whole(&b"initramfs\n"[..]).is_err());
        let look = search_in(&b"initramfs\n"[..], &mut |_, _, _| Ok(None::<()>), AtTheEnd::Stop);
        assert_eq!(look.unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(whole(&[0u8; 5000][..]).is_err());
        assert!(whole(&b"a text"[..]).is_err());
    }
}
