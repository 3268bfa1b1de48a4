//! What makes an image nobody's in particular: many nodes boot it at once.

use crate::{
    first_boot,
    tree_files::{NewFile, TreeFileError, TreeFiles},
};

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

/// Traces of who worked in the tree.
const REMOVED: [&str; 4] = [
    "root/.bash_history",
    "root/.ssh/known_hosts",
    "var/lib/rpm/.rpm.lock",
    "usr/lib/sysimage/rpm/.rpm.lock",
];

/// What is one machine's own, and how it is taken away: the one list of it, for all that is made of trees.
const IDENTITIES: [(&str, Trace); 36] = [
    ("the machine id", Trace::Emptied("etc/machine-id", 0o444)),
    ("the machine id", Trace::OfBus("var/lib/dbus/machine-id")),
    ("the host name", Trace::Emptied("etc/hostname", 0o644)),
    ("SSH host keys", Trace::Names("etc/ssh", "ssh_host_")),
    ("dropbear host keys", Trace::Names("etc/dropbear", "dropbear_")),
    ("the NVMe host id", Trace::File("etc/nvme/hostid")),
    ("the NVMe host name", Trace::File("etc/nvme/hostnqn")),
    ("the iSCSI initiator name", Trace::Initiator("etc/iscsi/initiatorname.iscsi")),
    ("the host id", Trace::File("etc/hostid")),
    ("the random seed", Trace::File("var/lib/systemd/random-seed")),
    ("the random seed", Trace::File("var/lib/urandom/random-seed")),
    ("the random seed", Trace::File("var/lib/random-seed")),
    ("the random seed", Trace::File("boot/loader/random-seed")),
    ("systemd's credential secret", Trace::File("var/lib/systemd/credential.secret")),
    ("NetworkManager's secret key and leases", Trace::Names("var/lib/NetworkManager", "")),
    ("DHCP leases", Trace::Names("var/lib/dhcp", "")),
    ("DHCP leases", Trace::Names("var/lib/dhclient", "")),
    ("dhcpcd's identity and leases", Trace::Names("var/lib/dhcpcd", "")),
    ("names of network interfaces", Trace::File("etc/udev/rules.d/70-persistent-net.rules")),
    // Debian's is made when the package is installed and never again: `first_boot` has nodes make theirs.
    ("the self-signed certificate of ssl-cert", Trace::File("etc/ssl/private/ssl-cert-snakeoil.key")),
    ("the self-signed certificate of ssl-cert", Trace::File("etc/ssl/certs/ssl-cert-snakeoil.pem")),
    // Enterprise Linux makes it again before httpd starts (httpd-init.service).
    ("the self-signed certificate of httpd", Trace::File("etc/pki/tls/private/localhost.key")),
    ("the self-signed certificate of httpd", Trace::File("etc/pki/tls/certs/localhost.crt")),
    // What `cloud-init clean` removes: with it a node would not be taken for a new one. Its seed is configuration.
    ("cloud-init's state", Trace::Below("var/lib/cloud/instances")),
    ("cloud-init's state", Trace::Link("var/lib/cloud/instance")),
    ("cloud-init's state", Trace::Below("var/lib/cloud/data")),
    ("cloud-init's state", Trace::Below("var/lib/cloud/sem")),
    ("LVM's list of disks", Trace::File("etc/lvm/devices/system.devices")),
    ("sssd's caches and secrets", Trace::Names("var/lib/sss/db", "")),
    ("sssd's caches and secrets", Trace::Names("var/lib/sss/secrets", "")),
    ("Salt's minion key", Trace::Names("etc/salt/pki/minion", "minion.p")),
    ("Salt's minion id", Trace::File("etc/salt/minion_id")),
    ("Docker's engine id", Trace::File("var/lib/docker/engine-id")),
    ("Docker's engine id", Trace::File("etc/docker/key.json")),
    ("the id of yum", Trace::File("var/lib/yum/uuid")),
    ("Tor's keys", Trace::Below("var/lib/tor/keys")),
];

/// What is one machine's own, too, but only comes into a tree when an administrator joins the machine to something or puts it there: it
/// goes from trees of machines that ran, and stays, told, where a script or command of the administrator put it.
const GIVEN: [(&str, Trace); 6] = [
    ("a Kerberos keytab", Trace::File("etc/krb5.keytab")),
    ("Samba's machine account", Trace::File("var/lib/samba/private/secrets.tdb")),
    ("keys of WireGuard", Trace::Names("etc/wireguard", "")),
    ("the registration with Red Hat", Trace::Names("etc/pki/consumer", "")),
    ("Puppet's key", Trace::Names("etc/puppetlabs/puppet/ssl/private_keys", "")),
    ("Puppet's key", Trace::Names("var/lib/puppet/ssl/private_keys", "")),
];

/// How something of one machine is there.
#[derive(Debug, Clone, Copy)]
enum Trace {
    /// A file that goes.
    File(&'static str),
    /// A file that stays, empty, with this mode: it is filled at boot, where a missing one would start a first-boot dialogue; an empty
    /// host name leaves the kernel's, which the initramfs has from DHCP.
    Emptied(&'static str, u32),
    /// All files of a directory whose names begin so.
    Names(&'static str, &'static str),
    /// A copy of the machine id, which a link to it takes the place of.
    OfBus(&'static str),
    /// A link, whatever it leads to.
    Link(&'static str),
    /// Everything in a directory, which stays.
    Below(&'static str),
    /// The name of an iSCSI initiator: Debian makes one at boot where the file asks for it, others where there is no file.
    Initiator(&'static str),
}

/// NetworkManager's file of a machine that is of no use to another; its other files are configuration.
const OF_NETWORK_MANAGER: [&str; 3] = ["secret_key", "timestamps", "seen-bssids"];

impl Trace {
    /// The files that there are of it.
    fn files(self, files: &TreeFiles) -> Result<Vec<String>, TreeFileError> {
        let has = |file: &str, wanted: &dyn Fn(&[u8]) -> bool| -> Result<Vec<String>, TreeFileError> {
            let there = files.exists(file) && files.read(file)?.is_some_and(|content| wanted(&content));
            Ok(there.then(|| file.to_owned()).into_iter().collect())
        };
        match self {
            Self::File(file) => Ok(files.exists(file).then(|| file.to_owned()).into_iter().collect()),
            Self::Emptied(file, _) => has(file, &|content| {
                // As systemd has it for an image that is not to be asked anything.
                !content.trim_ascii().is_empty() && content.trim_ascii() != b"uninitialized"
            }),
            Self::Initiator(file) => has(file, &|content| {
                content
                    .split(|byte| *byte == b'\n')
                    .any(|line| line.trim_ascii().starts_with(b"InitiatorName="))
            }),
            Self::OfBus(file) => {
                let own = files.link_target(file)?.is_none() && files.exists(file);
                Ok(own.then(|| file.to_owned()).into_iter().collect())
            }
            Self::Link(file) => Ok(files.link_target(file)?.map(|_| file.to_owned()).into_iter().collect()),
            Self::Below(directory) => {
                let names = files.list(directory)?.into_iter();
                Ok(names.map(|name| format!("{directory}/{name}")).collect())
            }
            Self::Names(directory, beginning) => {
                let own = |name: &String| match directory {
                    "var/lib/NetworkManager" => {
                        OF_NETWORK_MANAGER.contains(&name.as_str()) || name.ends_with(".lease")
                    }
                    "etc/dropbear" => name.starts_with(beginning) && name.contains("_host_key"),
                    _ => name.starts_with(beginning),
                };
                let names = files.list(directory)?.into_iter().filter(own);
                let paths = names.map(|name| format!("{directory}/{name}"));
                Ok(paths.filter(|path| !files.is_directory(path)).collect())
            }
        }
    }

    fn forget(self, found: &[String], files: &TreeFiles) -> Result<(), TreeFileError> {
        if let Self::Below(directory) = self {
            return files.empty_directory(directory);
        }
        for file in found {
            files.remove(file)?;
            match self {
                Self::Emptied(_, mode) => files.replace(file, b"", NewFile::of_root(mode))?,
                Self::OfBus(file) => files.link(file, "/etc/machine-id")?,
                Self::Initiator(_) if makes_initiator_names(files) => {
                    files.replace(file, b"GenerateName=yes\n", NewFile::of_root(0o600))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether the tree's own start of iSCSI makes a name where the file says `GenerateName=yes`, as Debian's does.
fn makes_initiator_names(files: &TreeFiles) -> bool {
    ["usr/lib/open-iscsi/startup-checks.sh", "lib/open-iscsi/startup-checks.sh"]
        .iter()
        .any(|file| files.exists(file))
}

/// What a tree has of one machine, in words for people.
///
/// # Errors
/// When a file or directory cannot be read.
pub fn identities(files: &TreeFiles) -> Result<Vec<&'static str>, TreeFileError> {
    let mut all = Vec::new();
    for (words, trace) in IDENTITIES.into_iter().chain(GIVEN) {
        if !trace.files(files)?.is_empty() && !all.contains(&words) {
            all.push(words);
        }
    }
    Ok(all)
}

/// What a tree has of one machine that only an administrator puts there, in words for people.
///
/// # Errors
/// When a file or directory cannot be read.
pub fn given(files: &TreeFiles) -> Result<Vec<&'static str>, TreeFileError> {
    let mut all = identities(files)?;
    all.retain(|words| GIVEN.iter().any(|(given, _)| given == words));
    Ok(all)
}

/// Says what stays in an image although it is one machine's own; nothing where there is none of that.
///
/// # Errors
/// When a file or directory cannot be read.
pub fn remark(files: &TreeFiles) -> Result<Option<String>, TreeFileError> {
    let all = given(files)?;
    Ok((!all.is_empty()).then(|| {
        format!(
            "{} stays in the image: all its nodes will be the same with it, and whoever can fetch the image can read it",
            all.join(", ")
        )
    }))
}

/// Takes away what a tree has of one machine, but for what is in `kept` and what an administrator gave it; gives back what that was. Where
/// there is nothing, nothing is touched. Nodes make what they need at their first boot.
///
/// # Errors
/// When a file cannot be changed.
pub fn forget_identities(files: &TreeFiles, kept: &[&str]) -> Result<Vec<&'static str>, TreeFileError> {
    forget(&IDENTITIES, files, kept)
}

/// The same for a tree of a machine that may have run: what that was given goes, too.
///
/// # Errors
/// When a file cannot be changed.
pub fn forget_machine(files: &TreeFiles) -> Result<Vec<&'static str>, TreeFileError> {
    forget(&[&IDENTITIES[..], &GIVEN].concat(), files, &[])
}

fn forget(
    list: &[(&'static str, Trace)],
    files: &TreeFiles,
    kept: &[&str],
) -> Result<Vec<&'static str>, TreeFileError> {
    let mut gone = Vec::new();
    for (words, trace) in list.iter().copied() {
        let found = trace.files(files)?;
        if found.is_empty() || kept.contains(&words) {
            continue;
        }
        trace.forget(&found, files)?;
        if !gone.contains(&words) {
            gone.push(words);
        }
    }
    if !gone.is_empty() {
        first_boot::make_host_keys_at_boot(files)?;
        first_boot::make_certificate_at_boot(files)?;
    }
    Ok(gone)
}

/// Makes a tree anonymous: nothing of one machine, no package caches, logs, leases or seeds.
///
/// # Errors
/// When a file cannot be changed.
pub fn anonymise(files: &TreeFiles) -> Result<(), TreeFileError> {
    files.make_directory("etc", 0o755)?;
    forget_identities(files, &[])?;
    for (_, trace) in IDENTITIES {
        // Links to files elsewhere, and missing ones, too.
        if let Trace::Emptied(file, mode) = trace {
            files.remove(file)?;
            files.replace(file, b"", NewFile::of_root(mode))?;
        }
    }
    first_boot::make_certificate_at_boot(files)?;
    if files.is_directory("var/lib/dbus") {
        files.link("var/lib/dbus/machine-id", "/etc/machine-id")?;
    }
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

/// What an edited image must not carry to all nodes: caches, and what packages and services made on the way that is one machine's own.
/// What the image `before` had of that an administrator put there, and it stays, as whatever else the session was for. Gives back what
/// was taken away.
///
/// # Errors
/// When a file cannot be read or changed.
pub fn after_session(before: &TreeFiles, files: &TreeFiles) -> Result<Vec<&'static str>, TreeFileError> {
    drop_caches(files)?;
    files.remove("root/.bash_history")?;
    forget_identities(files, &identities(before)?)
}

#[cfg(test)]
#[path = "anonymise_tests.rs"]
mod tests;
