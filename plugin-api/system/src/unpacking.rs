//! Reads what is compressed as initramfs files and drivers are: zstd, gzip or xz, told by the first bytes.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// How much memory the dictionary of xz may take, in KiB: twice what the highest level of the tool asks for.
const XZ_MEMORY: u32 = 128 << 10;
/// The first bytes that tell a compression.
pub(crate) const START: usize = 6;

/// The content of compressed data whose first bytes are `start` (six are enough). `input` begins with them.
///
/// # Errors
/// Of kind `Unsupported` in a compression that is not known here, or in none.
pub fn unpacking<'i>(start: &[u8], input: impl BufRead + 'i) -> Result<Box<dyn Read + 'i>> {
    Ok(match start {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(
            ruzstd::decoding::StreamingDecoder::new(input)
                .map_err(|cause| Error::other(format!("not readable as zstd: {cause}")))?,
        ),
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, XZ_MEMORY))
        }
        _ => return Err(Error::new(ErrorKind::Unsupported, "in a compression that is not known here")),
    })
}

/// The first bytes of some data.
pub fn start_of(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len().min(START)).unwrap_or_default()
}
