//! Which squashfs files a kernel can read.
//!
//! The driver itself tells, by the decompressors it calls; where it is built in, the configuration that lies beside the kernel, or inside it;
//! else the version, as far as it is known what distributions built.

use crate::{
    initramfs_facts::{driver_in, is_driver, unpacked},
    os_tree::modules_place::of_version,
    squashfs::Compression,
    tree_files::TreeFiles,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Host, Kernel, Result};
use std::io::Read;

/// What a kernel reads, and what tells so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// The compressions; `None` when nothing tells.
    pub known: Option<Vec<Compression>>,
    /// What tells, for messages.
    pub by: String,
}

impl Reads {
    /// Whether it is known that the kernel cannot read this one.
    pub fn cannot(&self, compression: Compression) -> bool {
        self.known.as_ref().is_some_and(|known| !known.contains(&compression))
    }

    /// The best of what it reads.
    pub fn best(&self) -> Compression {
        let good =
            [Compression::USUAL, Compression::Gzip, Compression::Xz, Compression::Lzo, Compression::Lz4];
        good.into_iter().find(|one| !self.cannot(*one)).unwrap_or(Compression::Gzip)
    }
}

/// What decompressors are called in a driver, and in a configuration.
const SIGNS: [(Compression, &[&str], &str); 5] = [
    (Compression::Gzip, &["zlib_inflate"], "ZLIB"),
    (Compression::Lzo, &["lzo1x_decompress"], "LZO"),
    (Compression::Lz4, &["LZ4_decompress"], "LZ4"),
    (Compression::Xz, &["xz_dec_"], "XZ"),
    (Compression::Zstd, &["ZSTD_", "zstd_"], "ZSTD"),
];

/// Finds out what a kernel reads. `tree` is the OS tree that it comes from or goes into, where there is one.
///
/// # Errors
/// When the host cannot be asked.
pub fn reads(kernel: &Kernel, tree: Option<&Utf8Path>, host: &Host<'_>) -> Result<Reads> {
    let version = kernel.version.as_str();
    let kernels = host.paths()?.kernels;
    let answer = |known: Vec<Compression>, by: String| Reads { known: Some(known), by };
    if let Some(tree) = tree
        && let Ok(files) = TreeFiles::open(tree)
        && let Some((known, by)) = by_tree(&files, version)
    {
        return Ok(answer(known, by));
    }
    if let Some(directory) = host.kernel_modules(&kernel.version)?
        && let Ok(files) = TreeFiles::open(&directory)
        && let Some((known, by)) = by_modules(&files, "")
    {
        return Ok(answer(known, by));
    }
    if let Some(known) = driver_in(&kernels.join(kernel.initramfs()), "squashfs")
        .ok()
        .flatten()
        .and_then(|driver| by_driver(&driver))
    {
        return Ok(answer(known, format!("the driver in {}", kernel.initramfs())));
    }
    // The server's own kernel, perhaps.
    if let Some(known) = config_of(&format!("/boot/config-{version}")).and_then(|text| by_config(&text)) {
        return Ok(answer(known, format!("/boot/config-{version}")));
    }
    if let Some(known) =
        super::ikconfig::of_kernel(&kernels.join(kernel.vmlinuz())).and_then(|text| by_config(&text))
    {
        return Ok(answer(known, format!("the configuration in {}", kernel.vmlinuz())));
    }
    Ok(Reads { known: by_version(version), by: "its version".to_owned() })
}

fn config_of(path: &str) -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(4 << 20).read_to_string(&mut text).ok()?;
    Some(text)
}

fn by_tree(files: &TreeFiles, version: &str) -> Option<(Vec<Compression>, String)> {
    let modules = of_version(files, version);
    modules.and_then(|modules| by_modules(files, &format!("{modules}/"))).or_else(|| {
        let config = format!("boot/config-{version}");
        let text = files.read_text(&config).ok()??;
        Some((by_config(&text)?, format!("/{config} of the tree")))
    })
}

/// By the driver among modules, or the configuration that Enterprise Linux keeps there.
fn by_modules(files: &TreeFiles, place: &str) -> Option<(Vec<Compression>, String)> {
    let text = |name: &str| files.read_text(&format!("{place}{name}")).ok().flatten();
    let list = text("modules.dep").unwrap_or_default();
    let paths = list.lines().filter_map(|line| line.split(':').next());
    if let Some(path) = paths.into_iter().find(|path| is_driver(path, "squashfs"))
        && let Ok(Some(bytes)) = files.read(&format!("{place}{path}"))
        && let Some(known) = unpacked(path, &bytes).ok().and_then(|driver| by_driver(&driver))
    {
        return Some((known, format!("its driver {path}")));
    }
    let known = by_config(&text("config")?)?;
    Some((known, "the configuration beside its modules".to_owned()))
}

/// By the symbols that a driver takes from the kernel; `None` when it has none of them, and is no such driver.
fn by_driver(driver: &[u8]) -> Option<Vec<Compression>> {
    let has = |sign: &&str| driver.windows(sign.len()).any(|window| window == sign.as_bytes());
    let known: Vec<Compression> =
        SIGNS.iter().filter(|(_, signs, _)| signs.iter().any(&has)).map(|sign| sign.0).collect();
    (!known.is_empty()).then_some(known)
}

/// By a kernel's configuration; `None` when that is no configuration.
fn by_config(text: &str) -> Option<Vec<Compression>> {
    let is_set = |option: &str| {
        text.lines()
            .any(|line| line.strip_prefix(option).is_some_and(|value| matches!(value.trim(), "=y" | "=m")))
    };
    if !text.lines().any(|line| line.starts_with("CONFIG_")) {
        return None;
    }
    if !is_set("CONFIG_SQUASHFS") {
        return Some(Vec::new());
    }
    Some(
        SIGNS
            .iter()
            .filter(|sign| is_set(&format!("CONFIG_SQUASHFS_{}", sign.2)))
            .map(|sign| sign.0)
            .collect(),
    )
}

/// By what is known of distributions, and of when Linux learned what; `None` when it may read all.
fn by_version(version: &str) -> Option<Vec<Compression>> {
    use Compression::{Gzip, Lz4, Lzo, Xz};
    if [".el7", ".el8", ".el6"].iter().any(|mark| version.contains(mark)) {
        return Some(vec![Gzip, Lzo, Xz]);
    }
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    match (numbers.next()?, numbers.next()?) {
        numbers if numbers < (2, 7) => Some(vec![Gzip]),
        numbers if numbers < (3, 19) => Some(vec![Gzip, Lzo, Xz]),
        numbers if numbers < (4, 14) => Some(vec![Gzip, Lzo, Xz, Lz4]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Compression::{Gzip, Lz4, Lzo, Xz, Zstd};

    #[test]
    fn the_version_tells_what_is_known_of_distributions() {
        assert_eq!(by_version("4.18.0-553.el8_10.x86_64"), Some(vec![Gzip, Lzo, Xz]));
        assert_eq!(by_version("3.10.0-1160.el7.x86_64"), Some(vec![Gzip, Lzo, Xz]));
        assert_eq!(by_version("4.9.0-19-amd64"), Some(vec![Gzip, Lzo, Xz, Lz4]));
        for new in ["4.14.0", "4.18.0-25-generic", "5.14.0-427.el9.x86_64", "6.1.0-37-amd64", "self-made"] {
            assert_eq!(by_version(new), None, "{new}");
        }
        let reads = Reads { known: by_version("4.18.0-553.el8.x86_64"), by: String::new() };
        assert!(reads.cannot(Zstd) && !reads.cannot(Xz));
        assert_eq!(reads.best(), Gzip);
        assert_eq!(Reads { known: None, by: String::new() }.best(), Zstd);
    }

    #[test]
    fn a_configuration_tells() {
        let el8 = "CONFIG_SQUASHFS=m\nCONFIG_SQUASHFS_ZLIB=y\n# CONFIG_SQUASHFS_LZ4 is not set\nCONFIG_SQUASHFS_LZO=y\nCONFIG_SQUASHFS_XZ=y\n# CONFIG_SQUASHFS_ZSTD is not set\n";
        assert_eq!(by_config(el8), Some(vec![Gzip, Lzo, Xz]));
        assert_eq!(by_config("# CONFIG_SQUASHFS is not set\nCONFIG_EXT4_FS=y\n"), Some(vec![]));
        assert_eq!(by_config("something else"), None);
    }

    #[test]
    fn a_driver_tells_by_what_it_calls() {
        assert_eq!(
            by_driver(b"\0zlib_inflate\0xz_dec_run\0lzo1x_decompress_safe\0"),
            Some(vec![Gzip, Lzo, Xz])
        );
        assert_eq!(by_driver(b"\0zlib_inflate\0zstd_decompress_stream\0"), Some(vec![Gzip, Zstd]));
        assert_eq!(by_driver(b"driver"), None);
    }
}
