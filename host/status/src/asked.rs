//! What a path asks for, as far as the boot of a node is concerned.

use disklessset_oci::names::Digest;

/// What was asked for, told from its path below the directory that nodes fetch from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The boot file of the node with this MAC, in the form `52-54-00-12-34-56`.
    BootFileOfMac(String),
    /// The boot file of the node that calls itself so.
    BootFileOfName(String),
    /// The boot file of a pool.
    BootFileOfPool(String),
    /// The boot file of an image.
    BootFileOfImage(String),
    /// A file of some version.
    Blob(Digest),
    /// Something that tells nothing of a boot.
    Other,
}

impl Asked {
    /// What `path` asks for: relative to `…/diskless`, decoded, without a query.
    pub fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts[..] {
            ["boot", "mac", file] => Self::named(file, |name| Self::BootFileOfMac(name.to_ascii_lowercase())),
            ["boot", "name", file] => Self::named(file, |name| Self::BootFileOfName(name.to_owned())),
            ["boot", "pool", file] => Self::named(file, |name| Self::BootFileOfPool(name.to_owned())),
            ["images", image, "boot.ipxe"] => Self::BootFileOfImage(image.to_owned()),
            ["oci", "blobs", "sha256", hex] => Digest::from_hex(hex).map_or(Self::Other, Self::Blob),
            _ => Self::Other,
        }
    }

    fn named(file: &str, make: impl Fn(&str) -> Self) -> Self {
        file.strip_suffix(".ipxe").map_or(Self::Other, make)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_what_they_ask_for() {
        let digest = Digest::of(b"root");
        for (path, asked) in [
            ("boot/mac/52-54-00-AB-00-01.ipxe".to_owned(), Asked::BootFileOfMac("52-54-00-ab-00-01".into())),
            ("/boot//name/c001.ipxe".to_owned(), Asked::BootFileOfName("c001".into())),
            ("boot/pool/default.ipxe".to_owned(), Asked::BootFileOfPool("default".into())),
            ("images/web/boot.ipxe".to_owned(), Asked::BootFileOfImage("web".into())),
            (format!("oci/blobs/sha256/{}", digest.hex()), Asked::Blob(digest)),
            ("oci/blobs/sha256/nonsense".to_owned(), Asked::Other),
            ("boot/entry.ipxe".to_owned(), Asked::Other),
            ("boot/mac/x".to_owned(), Asked::Other),
            (String::new(), Asked::Other),
        ] {
            assert_eq!(Asked::of(&path), asked, "{path}");
        }
    }
}
