//! The configuration that some kernels carry inside (`CONFIG_IKCONFIG`): a gzip text behind a mark, in what the kernel file unpacks to.

use camino::Utf8Path;
use std::io::Read;

const MARK: &[u8] = b"IKCFG_ST";
/// What is read of a file and unpacked of it at most.
const MOST: u64 = 256 << 20;
/// No configuration is longer.
const MOST_TEXT: u64 = 4 << 20;

/// The configuration in a kernel file; `None` when it has none, or is packed in a way that is not known here.
pub(super) fn of_kernel(vmlinuz: &Utf8Path) -> Option<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(vmlinuz).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    text_in(&bytes).or_else(|| text_in(&payload(&bytes)?))
}

fn text_in(bytes: &[u8]) -> Option<String> {
    let at = bytes.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.get(at..)?).take(MOST_TEXT).read_to_string(&mut text).ok()?;
    Some(text)
}

/// What a bzImage unpacks, by the boot protocol's header: where the setup code ends, and where the payload lies behind it.
fn payload(bytes: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    if bytes.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let setup = (usize::from(*bytes.get(0x1F1)?) + 1) * 512;
    let start = setup.checked_add(number(0x248)?)?;
    let packed = bytes.get(start..start.checked_add(number(0x24C)?)?)?;
    crate::initramfs_facts::unpacked_as_far_as_it_goes(packed, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn put(file: &Utf8Path, bytes: &[u8]) {
        use std::io::Write;
        std::fs::File::create(file).unwrap().write_all(bytes).unwrap();
    }

    #[test]
    fn the_configuration_is_found_in_the_payload() {
        let inner = [b"code".as_slice(), MARK, &gzip(b"CONFIG_X=y\n"), b"IKCFG_ED"].concat();
        // A kernel has its unpacked length behind the packed data.
        let packed = [gzip(&inner), vec![1, 2, 3, 4]].concat();
        let mut image = vec![0u8; 1024];
        image[0x1F1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x248..0x24C].copy_from_slice(&16u32.to_le_bytes());
        image[0x24C..0x250].copy_from_slice(&u32::try_from(packed.len()).unwrap().to_le_bytes());
        image.extend([0; 16]);
        image.extend(packed);
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        put(path, &image);
        assert_eq!(of_kernel(path).as_deref(), Some("CONFIG_X=y\n"));
        put(path, &image[..1030]);
        assert_eq!(of_kernel(path), None);
        put(path, b"kernel");
        assert_eq!(of_kernel(path), None);
    }
}
