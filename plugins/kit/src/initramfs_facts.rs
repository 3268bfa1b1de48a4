//! What an initramfs can do, read from the list that dracut leaves inside it and from the drivers it holds.

use camino::Utf8Path;
use disklessset_system::{
    initramfs::search,
    unpacking::{start_of, unpacking},
};
use std::io::Read;

/// Whether an initramfs can do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// It has what that takes.
    Yes,
    /// It has not.
    No,
    /// It could not be read; why.
    Unknown(String),
}

/// No list in it is longer.
const MOST_TEXT: u64 = 1 << 20;

/// No driver of a file system is larger.
const MOST_DRIVER: u64 = 64 << 20;

/// Whether an initramfs made by dracut can use a root image that is the tree itself: it has dracut's overlayfs part. One without wants a
/// file system image inside a squashfs file.
pub fn flat_support(initramfs: &Utf8Path) -> Support {
    match dracut_modules(initramfs) {
        Ok(Some(modules)) if modules.iter().any(|module| module == "overlayfs") => Support::Yes,
        Ok(Some(_)) => Support::No,
        Ok(None) => Support::Unknown("it has no list of dracut modules".to_owned()),
        Err(cause) => Support::Unknown(cause.to_string()),
    }
}

/// Whether an initramfs has the driver of a name (`erofs`), as a file or, by the kernel's own list, in the kernel itself. All of the
/// initramfs is read for it when it has none.
pub fn driver_support(initramfs: &Utf8Path, driver: &str) -> Support {
    let found = search(initramfs, &mut |name, size, data| {
        let name = String::from_utf8_lossy(name);
        let has = match name.ends_with("/modules.builtin") {
            true => text(size, data)?.lines().any(|line| is_driver(line, driver)),
            false => is_driver(&name, driver),
        };
        Ok(has.then_some(()))
    });
    match found {
        Ok(Some(())) => Support::Yes,
        Ok(None) => Support::No,
        Err(cause) => Support::Unknown(cause.to_string()),
    }
}

/// Whether a path is that of a driver, compressed or not.
pub fn is_driver(path: &str, driver: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"].iter().find_map(|end| file.strip_suffix(end));
    // The kernel takes both for the same.
    stem.is_some_and(|stem| stem.replace('-', "_") == driver.replace('-', "_"))
}

/// The driver of a name in an initramfs, not compressed any more; `None` when it is not in it as a file.
///
/// # Errors
/// When the initramfs or the driver cannot be read.
pub fn driver_in(initramfs: &Utf8Path, driver: &str) -> std::io::Result<Option<Vec<u8>>> {
    search(initramfs, &mut |name, size, data| {
        let name = String::from_utf8_lossy(name);
        if !is_driver(&name, driver) || size > MOST_DRIVER {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes)?;
        unpacked(&name, &bytes).map(Some)
    })
}

/// What a driver's file holds, compressed or not, as its name tells.
///
/// # Errors
/// When it is broken, or unpacks to more than a driver has.
pub fn unpacked(name: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    if name.ends_with(".ko") {
        return Ok(bytes.to_owned());
    }
    let mut out = Vec::new();
    unpacking(start_of(bytes), bytes)?.take(MOST_DRIVER + 1).read_to_end(&mut out)?;
    match out.len() as u64 > MOST_DRIVER {
        true => Err(std::io::Error::other("it is too large for a driver")),
        false => Ok(out),
    }
}

/// What compressed data unpacks to, up to where it ends or is broken; `None` in a compression that is not known here.
pub(crate) fn unpacked_as_far_as_it_goes(bytes: &[u8], most: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    // Behind a kernel's data is its length, which is no data.
    let _ = unpacking(start_of(bytes), bytes).ok()?.take(most).read_to_end(&mut out);
    Some(out)
}

/// The names of the dracut modules in an initramfs; `None` when it has no list of them.
///
/// # Errors
/// When it cannot be read or is no cpio archive in a compression we know.
pub fn dracut_modules(initramfs: &Utf8Path) -> std::io::Result<Option<Vec<String>>> {
    search(initramfs, &mut |name, size, data| match is_list(name, size) {
        true => Ok(Some(words(size, data)?)),
        false => Ok(None),
    })
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
    let mut facts = Facts::default();
    search(initramfs, &mut |name, size, data| {
        if facts.kernel.is_none() {
            facts.kernel = kernel_of(name);
        }
        if is_list(name, size) {
            facts.parts = Some(words(size, data)?);
        }
        Ok((facts.parts.is_some() && facts.kernel.is_some()).then_some(()))
    })?;
    Ok(facts)
}

/// Whether a file is the list that dracut leaves of its modules.
fn is_list(name: &[u8], size: u64) -> bool {
    name.ends_with(b"lib/dracut/modules.txt") && size < MOST_TEXT
}

fn words(size: u64, data: &mut dyn Read) -> std::io::Result<Vec<String>> {
    Ok(text(size, data)?.split_whitespace().map(str::to_owned).collect())
}

/// The text of a list.
fn text(size: u64, data: &mut dyn Read) -> std::io::Result<String> {
    let mut text = String::new();
    if size < MOST_TEXT {
        data.read_to_string(&mut text)?;
    }
    Ok(text)
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

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn support(bytes: &[u8]) -> Support {
        flat_support(Utf8Path::from_path(written(bytes).path()).unwrap())
    }

    #[test]
    fn a_driver_is_a_file_or_in_the_kernel() {
        let driver = |bytes: &[u8], name: &str| {
            driver_support(Utf8Path::from_path(written(bytes).path()).unwrap(), name)
        };
        let files = cpio(&[
            ("usr/lib/modules/6.1/kernel/fs/erofs/erofs.ko.xz", "abc"),
            ("usr/lib/modules/6.1/modules.builtin", "kernel/fs/ext4/ext4.ko\nkernel/fs/virtio-fs.ko\n"),
            ("etc/erofs.conf", "abcde"),
        ]);
        for (name, expected) in [
            ("erofs", Support::Yes),
            ("ext4", Support::Yes),
            ("virtio_fs", Support::Yes),
            ("rofs", Support::No),
            ("squashfs", Support::No),
        ] {
            assert_eq!(driver(&files, name), expected, "{name}");
        }
        assert!(matches!(driver(b"hello, no archive", "erofs"), Support::Unknown(_)));
    }

    #[test]
    fn the_list_is_found_behind_microcode_and_compression() {
        let early = [cpio(&[("kernel/x86/microcode/x.bin", "abc")]), vec![0; 300]].concat();
        let main =
            cpio(&[("usr/bin/x", "12345"), ("usr/lib/dracut/modules.txt", "base\noverlayfs\nlivenet\n")]);
        assert_eq!(support(&main), Support::Yes);
        assert_eq!(support(&[early.clone(), main.clone()].concat()), Support::Yes);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&main).unwrap();
        assert_eq!(support(&[early, gzip.finish().unwrap()].concat()), Support::Yes);
        assert_eq!(support(&cpio(&[("usr/lib/dracut/modules.txt", "base\nlivenet\n")])), Support::No);
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
            assert!(matches!(support(bytes), Support::Unknown(_)), "{bytes:?}");
        }
        assert!(matches!(support(&cpio(&[("init", "x")])), Support::Unknown(_)));
    }
}
