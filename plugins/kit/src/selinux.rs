//! Labels of SELinux inside a tree.

use crate::tree_files::TreeFiles;
use disklessset_plugin_api::{Command, Host, Result};

/// Labels all files of a tree as its own policy says. The server needs no SELinux for that, the tree its policy and its tools.
///
/// # Errors
/// When the tool fails. A tree without policy or tool is a warning: it boots, without labels. A relabelling at the first boot is no
/// way out: it ends in a reboot, after which a node that runs from RAM would begin anew, for ever.
pub fn label(files: &TreeFiles, host: &Host<'_>) -> Result<()> {
    let configuration = files.read_text("etc/selinux/config")?.unwrap_or_default();
    let policy =
        configuration.lines().find_map(|line| line.strip_prefix("SELINUXTYPE=")).map_or("default", str::trim);
    let plain = !policy.is_empty() && policy.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let contexts = format!("etc/selinux/{policy}/contexts/files/file_contexts");
    if !plain || !files.exists(&contexts) || !files.exists("usr/sbin/setfiles") {
        host.warn(
            "SELinux was asked for, and the tree has no policy or no setfiles: its files carry no labels",
        );
        return Ok(());
    }
    host.info(format!("labelling the files of the tree with its own setfiles, as its policy {policy} says"));
    host.progress("labelling", 0, 0);
    let left_out = ["/proc", "/sys", "/dev", "/run"].iter().flat_map(|directory| ["-e", directory]);
    let label =
        Command::new("setfiles").arg("-F").args(left_out).args([format!("/{contexts}"), "/".to_owned()]);
    host.run(&label.inside(files.path().as_str()).sets_labels()).map(drop)
}
