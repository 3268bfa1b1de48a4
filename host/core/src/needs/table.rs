//! What the program's actions need of the server: each tool once, with its package in each family of distributions.
//!
//! This file stands on nothing else: the tasks of the source tree (`cargo xtask setup`) read it, too, so that what they install is
//! what `disklessset doctor` looks for. Names for Enterprise Linux are from its documentation.

/// A family of distributions that share package names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Debian, Ubuntu and what is like them.
    Debian,
    /// Enterprise Linux and Fedora.
    Enterprise,
}

impl Family {
    /// The family by what an `os-release` says its system is, and is like.
    pub fn of(os_release: &str) -> Option<Self> {
        let fields = os_release.lines().filter_map(|line| line.split_once('='));
        let fields = fields.filter(|(key, _)| ["ID", "ID_LIKE"].contains(key));
        let words = fields.flat_map(|(_, value)| value.trim_matches(['"', '\'']).split_whitespace());
        words.into_iter().find_map(|word| match word {
            "debian" | "ubuntu" => Some(Self::Debian),
            "rhel" | "centos" | "fedora" | "rocky" | "almalinux" => Some(Self::Enterprise),
            _ => None,
        })
    }
}

/// A program, or a file that a program cannot do without.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: &'static str,
    pub place: ToolPath,
    /// Its package on Debian; none where it has it under no name.
    pub debian: Option<&'static str>,
    /// Its package on Enterprise Linux.
    pub enterprise: Option<&'static str>,
}

/// Where a tool lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolPath {
    /// In one of the directories of programs.
    Programs,
    /// At one of these paths.
    At(&'static [&'static str]),
    /// A part of dracut: a directory of this name behind two digits.
    DracutPart(&'static str),
}

impl Tool {
    /// The package in a family.
    pub fn package(&self, family: Family) -> Option<&'static str> {
        match family {
            Family::Debian => self.debian,
            Family::Enterprise => self.enterprise,
        }
    }
}

const fn program(name: &'static str, debian: &'static str, enterprise: &'static str) -> Tool {
    Tool { name, place: ToolPath::Programs, debian: Some(debian), enterprise: Some(enterprise) }
}

const fn file(at: &'static [&'static str], tool: Tool) -> Tool {
    Tool { place: ToolPath::At(at), ..tool }
}

const MMDEBSTRAP: Tool = Tool { enterprise: None, ..program("mmdebstrap", "mmdebstrap", "") };
const APT_CONFIG: Tool = Tool { enterprise: None, ..program("apt-config", "apt", "") };
const APT_GET: Tool = Tool { enterprise: None, ..program("apt-get", "apt", "") };
const DNF: Tool = program("dnf", "dnf", "dnf");
const RPM: Tool = program("rpm", "rpm", "rpm");
const MKSQUASHFS: Tool = program("mksquashfs", "squashfs-tools", "squashfs-tools");
const UNSQUASHFS: Tool = program("unsquashfs", "squashfs-tools", "squashfs-tools");
const MKFS_EXT4: Tool = program("mkfs.ext4", "e2fsprogs", "e2fsprogs");
const MOUNT: Tool = program("mount", "mount", "util-linux");
const CP: Tool = program("cp", "coreutils", "coreutils");
const TAR: Tool = program("tar", "tar", "tar");
const GZIP: Tool = program("gzip", "gzip", "gzip");
const ZSTD: Tool = program("zstd", "zstd", "zstd");
const XZ: Tool = program("xz", "xz-utils", "xz");
const BZIP2: Tool = program("bzip2", "bzip2", "bzip2");
const BTRFS: Tool = Tool { enterprise: None, ..program("btrfs", "btrfs-progs", "") };
// On Debian the metapackage `dracut` conflicts with initramfs-tools and would take the server's own initramfs generator away.
const DRACUT: Tool = program("dracut", "dracut-core", "dracut");
const LIVENET: Tool = Tool {
    place: ToolPath::DracutPart("livenet"),
    ..program("dracut's livenet", "dracut-network", "dracut-live")
};
const DMSQUASH: Tool = Tool {
    place: ToolPath::DracutPart("dmsquash-live"),
    ..program("dracut's dmsquash-live", "dracut-live", "dracut-live")
};
const CURL: Tool = program("curl", "curl", "curl");
const DEPMOD: Tool = program("depmod", "kmod", "kmod");
const EXPORTFS: Tool = program("exportfs", "nfs-kernel-server", "nfs-utils");
const SYSTEMCTL: Tool = program("systemctl", "systemd", "systemd");
const SYSTEMD_ESCAPE: Tool = program("systemd-escape", "systemd", "systemd");
const OPENSSL: Tool = program("openssl", "openssl", "openssl");
const SSH_KEYGEN: Tool = program("ssh-keygen", "openssh-client", "openssh");

/// The virtual machine of `prove`.
pub const QEMU: Tool = file(
    &[
        "/usr/bin/qemu-system-x86_64",
        "/usr/local/bin/qemu-system-x86_64",
        "/usr/libexec/qemu-kvm",
        "/usr/bin/qemu-kvm",
    ],
    program("qemu-system-x86_64", "qemu-system-x86", "qemu-kvm"),
);
/// iPXE for its network card.
pub const IPXE: Tool = file(
    &[
        "/usr/lib/ipxe/qemu",
        "/usr/share/ipxe",
        "/usr/share/qemu/pxe-virtio.rom",
        "/usr/local/share/qemu/pxe-virtio.rom",
        "/usr/local/share/qemu/efi-virtio.rom",
    ],
    program("iPXE for QEMU", "ipxe-qemu", "ipxe-roms-qemu"),
);
/// The UEFI firmware of a virtual machine, without Secure Boot.
pub const OVMF: Tool = file(
    &[
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_CODE.cc.fd",
    ],
    program("OVMF", "ovmf", "edk2-ovmf"),
);
/// iPXE as a program of UEFI that uses the firmware's own network driver.
pub const IPXE_EFI: Tool = file(
    &["/usr/lib/ipxe/snponly.efi", "/usr/share/ipxe/ipxe-snponly-x86_64.efi"],
    program("iPXE for UEFI", "ipxe", "ipxe-bootimgs-x86"),
);
/// The DHCP server of `prove` under UEFI.
pub const DNSMASQ: Tool = program("dnsmasq", "dnsmasq-base", "dnsmasq");
/// The NFS server of `prove`.
pub const GANESHA: Tool = file(
    &["/usr/bin/ganesha.nfsd", "/usr/sbin/ganesha.nfsd", "/usr/local/bin/ganesha.nfsd"],
    program("ganesha.nfsd", "nfs-ganesha", "nfs-ganesha"),
);
/// Its module for local file systems.
pub const GANESHA_VFS: Tool = file(
    &[
        "/usr/lib/x86_64-linux-gnu/ganesha/libfsalvfs.so",
        "/usr/lib64/ganesha/libfsalvfs.so",
        "/usr/lib/ganesha/libfsalvfs.so",
        "/usr/local/lib/ganesha/libfsalvfs.so",
    ],
    program("libfsalvfs.so", "nfs-ganesha-vfs", "nfs-ganesha-vfs"),
);

/// Which sites do an action at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sites {
    All,
    /// Those whose server is of this family; others may.
    Of(Family),
    /// Those that chose to.
    Some,
}

/// Something that the program does, with the tools for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Action {
    /// The word for it on the command line of `doctor`.
    pub name: &'static str,
    /// What it is, as commands are written.
    pub what: &'static str,
    pub sites: Sites,
    /// Without these it cannot be done.
    pub needs: &'static [Tool],
    /// With these it can do more: what.
    pub helps: &'static [(Tool, &'static str)],
}

/// Everything, in the order in which a site comes to it.
pub const ACTIONS: &[Action] = &[
    Action {
        name: "apt",
        what: "--source apt: trees from packages of Debian and Ubuntu",
        sites: Sites::Of(Family::Debian),
        needs: &[MMDEBSTRAP, APT_CONFIG],
        helps: &[(APT_GET, "the trees of packages that are kept")],
    },
    Action {
        name: "dnf",
        what: "--source dnf: trees from packages of Enterprise Linux and Fedora",
        sites: Sites::Of(Family::Enterprise),
        needs: &[DNF, RPM],
        helps: &[],
    },
    Action {
        name: "archive",
        what: "--source tar:FILE: trees from archives",
        sites: Sites::All,
        needs: &[TAR],
        helps: &[(GZIP, "FILE.tar.gz"), (ZSTD, "FILE.tar.zst"), (XZ, "FILE.tar.xz"), (BZIP2, "FILE.tar.bz2")],
    },
    Action {
        name: "livenet",
        what: "livenet create, mount, unmount, resize, exec",
        sites: Sites::All,
        needs: &[MKSQUASHFS, UNSQUASHFS, MKFS_EXT4, CP],
        helps: &[],
    },
    Action {
        name: "nfs",
        what: "nfs create-staging, create-golden, nodes",
        sites: Sites::All,
        needs: &[CP],
        helps: &[
            (MOUNT, "overlay trees come back after a reboot"),
            (BTRFS, "--method snapshot"),
            (SYSTEMCTL, "overlay trees come back after a reboot"),
            (SYSTEMD_ESCAPE, "overlay trees come back after a reboot"),
        ],
    },
    Action {
        name: "export",
        what: "nfs export, unexport, with the kernel's NFS server",
        sites: Sites::Some,
        needs: &[EXPORTFS],
        helps: &[],
    },
    Action {
        name: "initramfs",
        what: "kernel add, kernel initramfs (an image's own kernel brings its tools)",
        sites: Sites::All,
        needs: &[DRACUT, LIVENET, DMSQUASH, CURL, DEPMOD],
        helps: &[],
    },
    Action {
        name: "prove",
        what: "prove: boot an image in a virtual machine",
        sites: Sites::All,
        needs: &[QEMU, IPXE],
        helps: &[],
    },
    Action {
        name: "prove-uefi",
        what: "prove --firmware uefi",
        sites: Sites::All,
        needs: &[QEMU, OVMF, IPXE_EFI, DNSMASQ],
        helps: &[],
    },
    Action {
        name: "prove-nfs",
        what: "prove of an NFS image",
        sites: Sites::All,
        needs: &[QEMU, IPXE, GANESHA, GANESHA_VFS],
        helps: &[],
    },
    Action {
        name: "sign",
        what: "signatures for iPXE's imgverify",
        sites: Sites::Some,
        needs: &[OPENSSL],
        helps: &[],
    },
    Action {
        name: "trust",
        what: "modules with signatures",
        sites: Sites::Some,
        needs: &[SSH_KEYGEN],
        helps: &[],
    },
];
