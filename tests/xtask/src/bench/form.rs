//! The forms that a root image can have: a file system, its compressor, and the size of its blocks.

use std::process::Command;

use camino::Utf8Path;

use super::timing::bare;

/// The form that an image has when nothing is said.
pub(super) const DEFAULT: &str = "squashfs zstd 6, 128K";
/// The form of 1.x, without the file system inside.
pub(super) const GZIP: &str = "squashfs gzip 9, 128K";

/// A form of a root image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) name: &'static str,
    /// What the kernel calls the file system.
    pub(super) file_system: &'static str,
    pub(super) packer: &'static str,
    options: &'static [&'static str],
    /// Whether packing takes a minute or more.
    pub(super) is_slow: bool,
}

/// All that are measured.
pub(super) const FORMS: [Form; 15] = [
    squashfs(DEFAULT, &["-comp", "zstd", "-Xcompression-level", "6", "-b", "128K"], false),
    squashfs("squashfs zstd 6, 256K", &["-comp", "zstd", "-Xcompression-level", "6", "-b", "256K"], false),
    squashfs("squashfs zstd 6, 1M", &["-comp", "zstd", "-Xcompression-level", "6", "-b", "1M"], false),
    squashfs("squashfs zstd 3, 128K", &["-comp", "zstd", "-Xcompression-level", "3", "-b", "128K"], false),
    squashfs("squashfs zstd 15, 128K", &["-comp", "zstd", "-Xcompression-level", "15", "-b", "128K"], true),
    squashfs("squashfs zstd 15, 1M", &["-comp", "zstd", "-Xcompression-level", "15", "-b", "1M"], true),
    squashfs("squashfs lz4, 128K", &["-comp", "lz4", "-b", "128K"], false),
    squashfs("squashfs lzo, 128K", &["-comp", "lzo", "-b", "128K"], true),
    squashfs(GZIP, &["-comp", "gzip", "-b", "128K"], true),
    squashfs("squashfs gzip 9, 1M", &["-comp", "gzip", "-b", "1M"], true),
    squashfs("squashfs xz, 128K", &["-comp", "xz", "-b", "128K"], true),
    squashfs("squashfs xz, 1M", &["-comp", "xz", "-b", "1M"], true),
    erofs("EROFS, not compressed", &[], false),
    erofs("EROFS lz4", &["-zlz4"], false),
    erofs("EROFS lz4hc", &["-zlz4hc"], false),
];

const fn squashfs(name: &'static str, options: &'static [&'static str], is_slow: bool) -> Form {
    Form { name, file_system: "squashfs", packer: "mksquashfs", options, is_slow }
}

const fn erofs(name: &'static str, options: &'static [&'static str], is_slow: bool) -> Form {
    Form { name, file_system: "erofs", packer: "mkfs.erofs", options, is_slow }
}

impl Form {
    /// What packs a tree into a file.
    pub(super) fn pack(&self, tree: &Utf8Path, file: &Utf8Path) -> Command {
        let mut command = bare(self.packer);
        match self.file_system {
            "erofs" => command.args(self.options).args([file, tree]),
            _ => command
                .args([tree, file])
                .args(["-noappend", "-no-progress", "-quiet", "-mem", "256M"])
                .args(self.options),
        };
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_have_names_of_their_own_and_the_two_that_are_compared_are_among_them() {
        let names: std::collections::BTreeSet<_> = FORMS.iter().map(|form| form.name).collect();
        assert_eq!(names.len(), FORMS.len());
        assert!(names.contains(DEFAULT) && names.contains(GZIP));
    }
}
