//! Compressions, told by how the data begins and not by what somebody called it.

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use std::io::{BufRead, Error, Read, Result};

/// A compression, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// None that is known.
    Plain,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Compression {
    /// By the first bytes; six are enough.
    pub(super) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::Plain,
        }
    }

    /// The program that unpacks it.
    pub(super) fn program(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
            Self::Xz => Some("xz"),
            Self::Bzip2 => Some("bzip2"),
        }
    }
}

/// What is in `input` once unpacked, whether it was packed or not.
pub(super) fn unpacked<'r>(mut input: impl BufRead + 'r) -> Result<Box<dyn Read + 'r>> {
    Ok(match Compression::of(input.fill_buf()?) {
        Compression::Plain => Box::new(input),
        Compression::Gzip => Box::new(MultiGzDecoder::new(input)),
        Compression::Zstd => Box::new(ZstdFrames { input, decoder: FrameDecoder::new(), inside: false }),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new(input, true)),
        Compression::Bzip2 => {
            return Err(Error::other("it is compressed with bzip2, which is not read here"));
        }
    })
}

/// All frames of a zstd stream: tools that want to seek in layers write many, and skippable ones between them.
struct ZstdFrames<R> {
    input: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn next_frame(&mut self) -> Result<()> {
        match self.decoder.reset(&mut self.input) {
            Ok(()) => self.inside = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let skipped =
                    std::io::copy(&mut (&mut self.input).take(length.into()), &mut std::io::sink())?;
                if skipped < length.into() {
                    return Err(Error::other("its zstd data ends too early"));
                }
            }
            Err(cause) => return Err(Error::other(format!("its zstd data is not readable: {cause}"))),
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if self.inside {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    let one = BlockDecodingStrategy::UptoBlocks(1);
                    self.decoder
                        .decode_blocks(&mut self.input, one)
                        .map_err(|cause| Error::other(format!("its zstd data is not readable: {cause}")))?;
                }
                let got = self.decoder.read(buffer)?;
                if got > 0 || buffer.is_empty() {
                    return Ok(got);
                }
                self.inside = false;
            }
            if self.input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.next_frame()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(bytes: &[u8]) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        unpacked(bytes)?.read_to_end(&mut all)?;
        Ok(all)
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn frames_and_members_in_a_row_are_one_stream() {
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let frames = [skippable.clone(), zstd(b"one "), skippable.clone(), zstd(b"two"), skippable].concat();
        assert_eq!(read(&frames).unwrap(), b"one two");
        let gzip = |text: &[u8]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        };
        assert_eq!(read(&[gzip(b"one "), gzip(b"two")].concat()).unwrap(), b"one two");
        assert_eq!(read(b"plain").unwrap(), b"plain");
        assert_eq!(read(b"").unwrap(), b"");
    }

    #[test]
    fn what_is_cut_off_or_spoilt_is_an_error() {
        let whole = zstd(&[7; 100_000]);
        assert!(read(&whole[..whole.len() - 2]).is_err());
        let mut spoilt = zstd(b"some text that does not compress");
        spoilt.extend(b"rest");
        assert!(read(&spoilt).is_err());
        assert!(read(b"BZh91AY").unwrap_err().to_string().contains("bzip2"));
    }
}
