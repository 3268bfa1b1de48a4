//! Whether the server's own tool reads a file of exports to its end, tried before the file comes into service.
//!
//! `exportfs` has no dry run. So it runs where it can do nothing: with mounts of its own, among them an empty directory for its table, and
//! in a network of its own, where it reaches no server of names and no NFS server of the kernel.

use crate::system::command::{CommandError, Isolation, Tool};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use std::{fs::File, io::Write, path::Path, time::Duration};

const EXPORTS: &str = "/etc/exports";
const MORE_EXPORTS: &str = "/etc/exports.d";
const STATE: &str = "/var/lib/nfs";
const KERNEL: &str = "/proc/fs/nfsd";
/// What the tool has read last is in its table when it came to the end. An address of nobody (RFC 5737).
const LAST: &str = "192.0.2.1";

/// Why the tool would not read this text to its end; nothing where it would, or where it is not there or cannot be tried.
pub(super) fn fault(text: &str) -> Option<String> {
    let usable =
        [EXPORTS, STATE].iter().all(|path| Path::new(path).exists()) && nix::unistd::geteuid().is_root();
    if !usable {
        return None;
    }
    // The thread's namespaces end with it, and all that is mounted there.
    std::thread::scope(|scope| {
        let tried = std::thread::Builder::new().spawn_scoped(scope, || try_it(text));
        tried.ok()?.join().ok().flatten()
    })
}

fn try_it(text: &str) -> Option<String> {
    apart(text).ok()?;
    let tool =
        Tool::new("exportfs").arg("-ra").isolation(Isolation::None).time_limit(Duration::from_secs(60));
    let said = match tool.run() {
        Ok(_) => String::new(),
        // It also fails for names that nobody can look up here.
        Err(CommandError::Failed { last_lines, .. }) => last_lines.join("\n"),
        Err(_) => return None,
    };
    let table = std::fs::read_to_string(format!("{STATE}/etab")).ok()?;
    if table.lines().any(|line| line.split_once('\t').is_some_and(|(_, client)| client.starts_with(LAST))) {
        return None;
    }
    let reason =
        said.lines().map(|line| line.trim().trim_start_matches("exportfs: ")).find(|line| !line.is_empty());
    Some(reason.unwrap_or("it gives no reason").to_owned())
}

/// Moves this thread to mounts and a network of its own, where this text is all that is exported.
fn apart(text: &str) -> std::io::Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    for hidden in [STATE, MORE_EXPORTS, KERNEL] {
        if Path::new(hidden).is_dir() {
            mount(Some("tmpfs"), hidden, Some("tmpfs"), MsFlags::empty(), Some("mode=0700"))?;
        }
    }
    let file = format!("{STATE}/exports");
    let mut candidate = File::create(&file)?;
    candidate.write_all(text.as_bytes())?;
    let end = if text.ends_with('\n') { "" } else { "\n" };
    candidate.write_all(format!("{end}{STATE} {LAST}(ro,no_subtree_check)\n").as_bytes())?;
    drop(candidate);
    Ok(mount(Some(file.as_str()), EXPORTS, none, MsFlags::MS_BIND, none)?)
}
