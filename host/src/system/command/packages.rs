//! Which Debian package has a tool, so that a missing one can be named together with its remedy.

/// The package of Debian 12 that installs `tool`, for the tools that image classes and the host use.
pub(super) fn debian_package(tool: &str) -> Option<&'static str> {
    let name = tool.rsplit('/').next().unwrap_or(tool);
    Some(match name {
        "mmdebstrap" => "mmdebstrap",
        "apt-get" | "apt" => "apt",
        "dpkg" | "dpkg-query" => "dpkg",
        "dnf" => "dnf",
        "rpm" | "rpmbuild" => "rpm",
        "createrepo_c" => "createrepo-c",
        "mksquashfs" | "unsquashfs" => "squashfs-tools",
        "mkfs.erofs" | "fsck.erofs" => "erofs-utils",
        "mkfs.ext4" | "mke2fs" | "e2fsck" | "resize2fs" | "dumpe2fs" | "debugfs" => "e2fsprogs",
        "mkfs.xfs" | "xfs_repair" | "xfs_growfs" => "xfsprogs",
        "btrfs" | "mkfs.btrfs" => "btrfs-progs",
        "dracut" => "dracut-core",
        "lsinitrd" | "lsinitramfs" => "dracut-core",
        "qemu-system-x86_64" => "qemu-system-x86",
        "qemu-img" => "qemu-utils",
        "cpio" => "cpio",
        "tar" => "tar",
        "zstd" => "zstd",
        "xz" => "xz-utils",
        "gzip" => "gzip",
        "bzip2" => "bzip2",
        "cp" | "chroot" | "sync" => "coreutils",
        "rsync" => "rsync",
        "mount" | "umount" | "losetup" => "mount",
        "unshare" | "lsblk" | "blkid" | "findmnt" => "util-linux",
        "depmod" | "modprobe" | "modinfo" => "kmod",
        "setfattr" | "getfattr" => "attr",
        "setcap" | "getcap" => "libcap2-bin",
        "setfacl" | "getfacl" => "acl",
        "exportfs" => "nfs-kernel-server",
        "ganesha.nfsd" => "nfs-ganesha",
        "ip" | "ss" => "iproute2",
        "skopeo" => "skopeo",
        "restorecon" | "setfiles" => "policycoreutils",
        "cargo" => "cargo",
        _ => return None,
    })
}
