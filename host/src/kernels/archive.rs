//! Whether an initramfs is a whole archive: dracut may end well and have written half of one.

use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use std::io::{self, BufRead, BufReader, Read};

/// How much is unpacked at most: an initramfs is some hundred megabytes.
const MOST: u64 = 2 << 30;
/// The longest name in an archive.
const LONGEST: u64 = 4096;

/// Reads an initramfs to its end: uncompressed archives, and one in zstd's compression, which is what is asked of dracut. What is
/// compressed otherwise (a tree's own configuration can have that) is left to its beginning.
///
/// # Errors
/// When it is no archive, or ends early.
pub(super) fn must_be_whole(file: &Utf8Path) -> Result<()> {
    let read =
        std::fs::File::open(file).and_then(|opened| read_all(BufReader::with_capacity(1 << 16, opened)));
    read.map_err(|cause| Error::failed(format!("the initramfs {file} is not whole")).because(cause))
}

fn read_all(mut input: impl BufRead) -> io::Result<()> {
    let mut archives = 0;
    loop {
        match start(&mut input)?.as_slice() {
            [] if archives > 0 => return Ok(()),
            [b'0', b'7', b'0', b'7', ..] => archive(&mut input)?,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let broken = |cause| io::Error::other(format!("not readable as zstd: {cause}"));
                let unpacked = ruzstd::decoding::StreamingDecoder::new(&mut input).map_err(broken)?;
                let mut unpacked = BufReader::new(unpacked.take(MOST));
                archive(&mut unpacked)?;
                // The compression's own checksum comes at the end.
                io::copy(&mut unpacked, &mut io::sink())?;
                return Ok(());
            }
            // gzip, xz, bzip2, lz4, lzop
            [0x1f, 0x8b, ..] | [0xfd, b'7', ..] | [b'B', b'Z', ..] | [0x02, 0x21, ..] | [0x89, b'L', ..] => {
                return Ok(());
            }
            _ => return Err(io::Error::other("it is no archive")),
        }
        archives += 1;
    }
}

/// The next bytes that are not zero, still to be read; none at the end.
fn start(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    loop {
        let buffer = input.fill_buf()?;
        match buffer.iter().position(|byte| *byte != 0) {
            Some(at) => {
                let found = buffer[at..].iter().take(4).copied().collect();
                input.consume(at);
                return Ok(found);
            }
            None if buffer.is_empty() => return Ok(Vec::new()),
            None => {
                let zeros = buffer.len();
                input.consume(zeros);
            }
        }
    }
}

/// Reads one cpio archive (its format is "newc") up to its last member.
fn archive(input: &mut impl BufRead) -> io::Result<()> {
    let broken = || io::Error::other("a broken header is in it");
    loop {
        let mut header = [0u8; 110];
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
        input.by_ref().take(name_size).read_to_end(&mut name)?;
        skip(input, padding(110 + name_size))?;
        if name == b"TRAILER!!!\0" {
            return Ok(());
        }
        skip(input, size + padding(size))?;
    }
}

/// Bytes up to the next multiple of four.
fn padding(length: u64) -> u64 {
    length.next_multiple_of(4) - length
}

fn skip(input: &mut impl BufRead, count: u64) -> io::Result<()> {
    match io::copy(&mut input.by_ref().take(count), &mut io::sink())? {
        skipped if skipped == count => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
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

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn whole_ones_are_told_from_cut_ones() {
        let early = [cpio(&[("microcode", 100)]), vec![0; 300]].concat();
        let main = zstd(&cpio(&[("init", 5000), ("etc/passwd", 33)]));
        let whole = [early.clone(), main].concat();
        read_all(&whole[..]).unwrap();
        read_all(&early[..]).unwrap();
        for length in (0..whole.len()).filter(|length| !(early.len() - 300..=early.len()).contains(length)) {
            assert!(read_all(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
        }
        assert!(read_all(&[0u8; 5000][..]).is_err());
        assert!(read_all(&b"a text"[..]).is_err());
    }
}
