//! Given trees with traces of a machine: which are found, which go.

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
        "var/lib/NetworkManager/secret_key",
        "var/lib/NetworkManager/internal-1-eth0.lease",
        "var/lib/dhcpcd/duid",
        "etc/nvme/hostid",
        "etc/nvme/hostnqn",
        "etc/dropbear/dropbear_rsa_host_key",
        "etc/ssl/private/ssl-cert-snakeoil.key",
        "etc/ssl/certs/ssl-cert-snakeoil.pem",
        "etc/pki/tls/private/localhost.key",
        "var/lib/cloud/instances/i-0123/user-data.txt",
        "var/lib/cloud/data/instance-id",
        "var/lib/cloud/sem/config_scripts_per_once.once",
        "etc/salt/pki/minion/minion.pem",
        "etc/salt/minion_id",
        "var/lib/sss/db/cache_example.ldb",
        "etc/lvm/devices/system.devices",
        "var/lib/tor/keys/secret_id_key",
        "tmp/.hidden",
    ];
    let kept = [
        "etc/ssh/sshd_config",
        "etc/shadow",
        "var/lib/dpkg/status",
        "etc/dropbear/initramfs",
        "etc/munge/munge.key",
        "var/lib/NetworkManager/NetworkManager.state",
        "etc/ssl/certs/ca-certificates.crt",
        "etc/salt/pki/minion/master.pub",
        "var/lib/cloud/seed/nocloud/meta-data",
        "var/lib/tor/hidden/hostname",
        "etc/krb5.keytab",
    ];
    for file in own.iter().chain(&kept).chain(&["etc/machine-id", "etc/hostname", "var/lib/dbus/machine-id"])
    {
        files.make_directory(camino::Utf8Path::new(file).parent().unwrap().as_str(), 0o755).unwrap();
        files.replace(file, b"0123", NewFile::of_root(0o644)).unwrap();
    }
    files.link("var/lib/cloud/instance", "/var/lib/cloud/instances/i-0123").unwrap();
    anonymise(&files).unwrap();
    anonymise(&files).unwrap();
    assert_eq!(files.link_target("var/lib/cloud/instance").unwrap(), None);
    assert!(files.is_directory("var/lib/cloud/instances"), "cloud-init wants its directories back");
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

#[test]
fn what_an_administrator_gives_goes_from_machines_and_is_told_in_images() {
    let dir = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let files = TreeFiles::open(&path).unwrap();
    for directory in ["etc", "etc/wireguard", "var", "var/lib", "var/lib/dbus"] {
        files.make_directory(directory, 0o755).unwrap();
    }
    let put = |file: &str| files.replace(file, b"0123", NewFile::of_root(0o600)).unwrap();
    assert_eq!(remark(&files).unwrap(), None);
    put("etc/krb5.keytab");
    put("etc/wireguard/wg0.conf");
    put("var/lib/dbus/machine-id");
    assert_eq!(identities(&files).unwrap(), ["the machine id", "a Kerberos keytab", "keys of WireGuard"]);
    let before = TreeFiles::open(&path).unwrap();
    assert_eq!(forget_identities(&before, &[]).unwrap(), ["the machine id"]);
    let said = remark(&files).unwrap().unwrap();
    assert!(said.starts_with("a Kerberos keytab, keys of WireGuard stays in the image"), "{said}");
    assert_eq!(forget_machine(&files).unwrap(), ["a Kerberos keytab", "keys of WireGuard"]);
    assert!(identities(&files).unwrap().is_empty() && files.is_directory("etc/wireguard"));
    let link = std::fs::read_link(path.join("var/lib/dbus/machine-id")).unwrap();
    assert_eq!(link.to_str(), Some("/etc/machine-id"));
}

#[test]
fn what_a_session_made_goes_and_what_was_there_before_it_stays() {
    let tree = || {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let files = TreeFiles::open(&path).unwrap();
        for directory in ["etc", "etc/ssh", "etc/nvme", "etc/iscsi", "usr", "usr/lib", "usr/lib/open-iscsi"] {
            files.make_directory(directory, 0o755).unwrap();
        }
        (dir, files)
    };
    let put = |files: &TreeFiles, file: &str, text: &str| {
        files.replace(file, text.as_bytes(), NewFile::of_root(0o600)).unwrap();
    };
    let ((_a, before), (_b, after)) = (tree(), tree());
    for files in [&before, &after] {
        put(files, "etc/ssh/ssh_host_rsa_key", "of the site");
    }
    put(&after, "etc/nvme/hostid", "one");
    put(&after, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    put(&after, "etc/iscsi/initiatorname.iscsi", "# of Debian\nInitiatorName=iqn.1993-08.org.debian:01:x\n");
    put(&after, "usr/lib/open-iscsi/startup-checks.sh", "");
    let gone = after_session(&before, &after).unwrap();
    assert_eq!(gone, ["the machine id", "the NVMe host id", "the iSCSI initiator name"]);
    assert!(after.exists("etc/ssh/ssh_host_rsa_key") && !after.exists("etc/nvme/hostid"));
    assert_eq!(after.read("etc/machine-id").unwrap().unwrap(), b"");
    assert_eq!(after.read("etc/iscsi/initiatorname.iscsi").unwrap().unwrap(), b"GenerateName=yes\n");
    assert_eq!(identities(&after).unwrap(), ["SSH host keys"]);
}
