//! What makes an image nobody's in particular: many nodes boot it at once.

use crate::tree_files::{NewFile, TreeFileError, TreeFiles};

/// Directories whose content belongs to one machine or one run.
const EMPTIED: [&str; 11] = [
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/cache/dnf",
    "var/cache/yum",
    "var/cache/libdnf5",
    "var/log/journal",
    "var/lib/dhcp",
    "var/lib/dhclient",
    "var/lib/systemd/coredump",
    "var/tmp",
    "tmp",
];

/// Files that belong to one machine.
const REMOVED: [&str; 10] = [
    "var/lib/systemd/random-seed",
    "var/lib/systemd/credential.secret",
    "var/lib/NetworkManager/secret_key",
    "var/lib/NetworkManager/timestamps",
    "var/lib/NetworkManager/seen-bssids",
    "etc/udev/rules.d/70-persistent-net.rules",
    "root/.bash_history",
    "root/.ssh/known_hosts",
    "var/lib/rpm/.rpm.lock",
    "usr/lib/sysimage/rpm/.rpm.lock",
];

/// Makes a tree anonymous: no machine id, no SSH host keys, no host name, no package caches, logs, leases or seeds.
///
/// # Errors
/// When a file cannot be changed.
pub fn anonymise(files: &TreeFiles) -> Result<(), TreeFileError> {
    remove_host_keys(files)?;
    files.make_directory("etc", 0o755)?;
    // Empty and not away: an empty file is filled at boot, a missing one would start a first-boot dialogue.
    files.remove("etc/machine-id")?;
    files.replace("etc/machine-id", b"", NewFile::of_root(0o444))?;
    if files.is_directory("var/lib/dbus") {
        files.link("var/lib/dbus/machine-id", "/etc/machine-id")?;
    }
    // Empty: the kernel's name stays, which the initramfs has from DHCP.
    files.remove("etc/hostname")?;
    files.replace("etc/hostname", b"", NewFile::of_root(0o644))?;
    for file in REMOVED {
        files.remove(file)?;
    }
    drop_caches(files)?;
    files.empty_of_files("var/log")
}

/// Removes package caches and temporary files.
fn drop_caches(files: &TreeFiles) -> Result<(), TreeFileError> {
    for directory in EMPTIED {
        files.empty_directory(directory)?;
    }
    // apt wants its own directories back.
    if files.is_directory("var/cache/apt") {
        files.make_directory("var/cache/apt/archives/partial", 0o755)?;
        files.make_directory("var/lib/apt/lists/partial", 0o755)?;
    }
    Ok(())
}

/// What an edited image must not carry to all nodes: caches, and a machine id and SSH host keys that a package made on the way, if
/// the image `before` had none. Whatever else the session was for stays.
///
/// # Errors
/// When a file cannot be read or changed.
pub fn after_session(before: &TreeFiles, files: &TreeFiles) -> Result<(), TreeFileError> {
    drop_caches(files)?;
    files.remove("root/.bash_history")?;
    if !before.list("etc/ssh")?.iter().any(|name| name.starts_with(HOST_KEY)) {
        remove_host_keys(files)?;
    }
    let was_empty = before.read("etc/machine-id")?.is_none_or(|id| id.is_empty());
    if was_empty && files.read("etc/machine-id")?.is_some_and(|id| !id.is_empty()) {
        files.replace("etc/machine-id", b"", NewFile::of_root(0o444))?;
    }
    Ok(())
}

/// How the names of SSH host keys begin.
const HOST_KEY: &str = "ssh_host_";

fn remove_host_keys(files: &TreeFiles) -> Result<(), TreeFileError> {
    for name in files.list("etc/ssh")? {
        if name.starts_with(HOST_KEY) {
            files.remove(&format!("etc/ssh/{name}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_one_machine_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let files = TreeFiles::open(&path).unwrap();
        let own = [
            "etc/ssh/ssh_host_rsa_key",
            "etc/ssh/ssh_host_rsa_key.pub",
            "var/cache/apt/pkgcache.bin",
            "var/lib/apt/lists/deb_dists",
            "var/log/apt/history.log",
            "var/log/journal/abc/system.journal",
            "var/lib/systemd/random-seed",
            "tmp/.hidden",
        ];
        let kept = ["etc/ssh/sshd_config", "etc/shadow", "var/lib/dpkg/status"];
        for file in
            own.iter().chain(&kept).chain(&["etc/machine-id", "etc/hostname", "var/lib/dbus/machine-id"])
        {
            files.make_directory(camino::Utf8Path::new(file).parent().unwrap().as_str(), 0o755).unwrap();
            files.replace(file, b"0123", NewFile::of_root(0o644)).unwrap();
        }
        anonymise(&files).unwrap();
        anonymise(&files).unwrap();
        for file in own {
            assert!(!files.exists(file), "{file}");
        }
        for file in kept {
            assert_eq!(files.read(file).unwrap().unwrap(), b"0123", "{file}");
        }
        for file in ["etc/machine-id", "etc/hostname"] {
            assert_eq!(files.read(file).unwrap().unwrap(), b"", "{file}");
        }
        assert_eq!(
            std::fs::read_link(path.join("var/lib/dbus/machine-id")).unwrap().to_str(),
            Some("/etc/machine-id")
        );
        assert!(files.is_directory("var/log/apt"), "services need their log directories");
    }
}
