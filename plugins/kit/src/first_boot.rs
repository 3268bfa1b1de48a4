//! What a node does at its first boot, because its image is anonymous: SSH host keys of its own, an address.

use crate::tree_files::{NewFile, TreeFileError, TreeFiles};

const KEYS_UNIT: &str = "etc/systemd/system/disklessset-host-keys.service";

/// Has the node make the SSH host keys it lacks before its SSH server starts.
///
/// Debian makes them when the package is installed and never again; a server without keys does not start. Enterprise Linux
/// has a unit of its own for this (`sshd-keygen.target`), which stays in charge.
///
/// # Errors
/// When the units cannot be written.
pub fn make_host_keys_at_boot(files: &TreeFiles) -> Result<(), TreeFileError> {
    let has = |unit: &str| {
        ["usr/lib/systemd/system", "lib/systemd/system"]
            .iter()
            .any(|dir| files.exists(&format!("{dir}/{unit}")))
    };
    if !files.exists("usr/bin/ssh-keygen") || !files.exists("usr/sbin/sshd") || has("sshd-keygen.target") {
        return Ok(());
    }
    // Only some server unit names exist in a tree; a drop-in for one that does not would be noise.
    let server = if has("ssh.service") { "ssh.service" } else { "sshd.service" };
    let unit = format!(
        "[Unit]\nDescription=Make the SSH host keys this node lacks\nBefore={server}\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/ssh-keygen -A\n"
    );
    let wants = "[Unit]\nWants=disklessset-host-keys.service\nAfter=disklessset-host-keys.service\n";
    let drop_in = format!("etc/systemd/system/{server}.d");
    files.make_directory("etc/systemd/system", 0o755)?;
    files.make_directory(&drop_in, 0o755)?;
    files.replace(KEYS_UNIT, unit.as_bytes(), NewFile::of_root(0o644))?;
    files.replace(&format!("{drop_in}/50-disklessset.conf"), wants.as_bytes(), NewFile::of_root(0o644))
}

const CERTIFICATE_UNIT: &str = "disklessset-ssl-cert.service";

/// Has the node make the self-signed certificate that Debian's package `ssl-cert` makes when it is installed and never again: web, mail
/// and database servers are configured with it and do not start without. Before all of them, as a part of the start of the system.
///
/// # Errors
/// When the unit cannot be written.
pub fn make_certificate_at_boot(files: &TreeFiles) -> Result<(), TreeFileError> {
    let key = "etc/ssl/private/ssl-cert-snakeoil.key";
    if !files.exists("usr/sbin/make-ssl-cert") || files.exists(key) {
        return Ok(());
    }
    let unit = format!(
        "[Unit]\nDescription=Make the self-signed certificate this node lacks\nDefaultDependencies=no\n\
         ConditionPathExists=!/{key}\nAfter=local-fs.target systemd-tmpfiles-setup.service systemd-sysusers.service\n\
         Before=sysinit.target shutdown.target\nConflicts=shutdown.target\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\n\
         ExecStart=/usr/sbin/make-ssl-cert generate-default-snakeoil\n"
    );
    let wants = "etc/systemd/system/sysinit.target.wants";
    files.make_directory("etc/systemd/system", 0o755)?;
    files.make_directory(wants, 0o755)?;
    let file = format!("etc/systemd/system/{CERTIFICATE_UNIT}");
    files.replace(&file, unit.as_bytes(), NewFile::of_root(0o644))?;
    files.link(&format!("{wants}/{CERTIFICATE_UNIT}"), &format!("/{file}"))
}

/// Lets systemd-networkd keep and renew, on every wired interface, the address that the initramfs got.
///
/// # Errors
/// When the files cannot be written.
pub fn keep_address_with_networkd(files: &TreeFiles) -> Result<(), TreeFileError> {
    // The hardware address as client id, and no release at shutdown: the same lease as the boot loader's.
    let network = "[Match]\nType=ether infiniband\nKind=!*\n\n[Network]\nDHCP=yes\nKeepConfiguration=yes\n\n\
                   [DHCPv4]\nClientIdentifier=mac\n";
    // One interface with an address is online enough: nodes have unused ports.
    let wait =
        "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-networkd-wait-online --any --timeout=60\n";
    let drop_in = "etc/systemd/system/systemd-networkd-wait-online.service.d";
    // Names come from DHCP's servers; answering the neighbours' questions is a port that nobody asked for.
    let resolve = "[Resolve]\nLLMNR=no\nMulticastDNS=no\n";
    files.make_directory("etc/systemd/network", 0o755)?;
    files.make_directory("etc/systemd/resolved.conf.d", 0o755)?;
    files.replace(
        "etc/systemd/resolved.conf.d/50-disklessset.conf",
        resolve.as_bytes(),
        NewFile::of_root(0o644),
    )?;
    files.make_directory(drop_in, 0o755)?;
    files.replace(
        "etc/systemd/network/80-disklessset.network",
        network.as_bytes(),
        NewFile::of_root(0o644),
    )?;
    files.replace(&format!("{drop_in}/50-disklessset.conf"), wait.as_bytes(), NewFile::of_root(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_of_ssl_cert_is_made_by_nodes_that_lack_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let files = TreeFiles::open(&path).unwrap();
        let link = path.join("etc/systemd/system/sysinit.target.wants").join(CERTIFICATE_UNIT);
        make_certificate_at_boot(&files).unwrap();
        assert!(link.symlink_metadata().is_err(), "no package, no unit");
        files.make_directory("usr/sbin", 0o755).unwrap();
        files.replace("usr/sbin/make-ssl-cert", b"", NewFile::of_root(0o755)).unwrap();
        make_certificate_at_boot(&files).unwrap();
        let target = std::fs::read_link(link).unwrap();
        let unit = files.read_text(target.to_str().unwrap().trim_start_matches('/')).unwrap().unwrap();
        assert!(unit.contains("ExecStart=/usr/sbin/make-ssl-cert generate-default-snakeoil\n"), "{unit}");
    }

    #[test]
    fn the_unit_is_written_where_a_server_needs_it_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let files = TreeFiles::open(&path).unwrap();
        make_host_keys_at_boot(&files).unwrap();
        assert!(!files.exists(KEYS_UNIT), "no SSH server, no unit");
        for file in ["usr/bin/ssh-keygen", "usr/sbin/sshd", "usr/lib/systemd/system/ssh.service"] {
            files.make_directory(camino::Utf8Path::new(file).parent().unwrap().as_str(), 0o755).unwrap();
            files.replace(file, b"", NewFile::of_root(0o755)).unwrap();
        }
        make_host_keys_at_boot(&files).unwrap();
        assert!(files.read_text(KEYS_UNIT).unwrap().unwrap().contains("Before=ssh.service"));
        assert!(files.exists("etc/systemd/system/ssh.service.d/50-disklessset.conf"));
        files.remove(KEYS_UNIT).unwrap();
        files.replace("usr/lib/systemd/system/sshd-keygen.target", b"", NewFile::of_root(0o644)).unwrap();
        make_host_keys_at_boot(&files).unwrap();
        assert!(!files.exists(KEYS_UNIT), "the distribution's own unit stays in charge");
    }
}
