//! Whether the server's own tool reads a file of exports to its end, tried before the file comes into service.
//!
//! `exportfs` has no dry run. So it runs where it can do nothing: with mounts of its own, among them an empty directory for its table, and
//! in a network of its own, where it reaches no server of names and no NFS server of the kernel.

use crate::system::{
    command::{CommandError, Isolation, Tool},
    mounts::mount_file_system,
    tree_mounts::WITHOUT_POWERS,
};
use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
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
        [EXPORTS, STATE].iter().all(|path| Path::new(path).exists()) && rustix::process::geteuid().is_root();
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
    let Read { said, table } = read(text)?;
    if table.lines().any(|line| line.split_once('\t').is_some_and(|(_, client)| client.starts_with(LAST))) {
        return None;
    }
    let reason =
        said.lines().map(|line| line.trim().trim_start_matches("exportfs: ")).find(|line| !line.is_empty());
    Some(reason.unwrap_or("it gives no reason").to_owned())
}

/// What the tool made of a text.
struct Read {
    said: String,
    /// Its table of who may mount what.
    table: String,
}

/// Has the tool read a text; nothing where it cannot be tried. The thread is in other mounts and another network afterwards.
fn read(text: &str) -> Option<Read> {
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
    Some(Read { said, table })
}

/// Moves this thread to mounts and a network of its own, where this text is all that is exported.
fn apart(text: &str) -> std::io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    for hidden in [STATE, MORE_EXPORTS, KERNEL] {
        if Path::new(hidden).is_dir() {
            mount_file_system("tmpfs", hidden, "tmpfs", WITHOUT_POWERS, Some("mode=0700"))?;
        }
    }
    let file = format!("{STATE}/exports");
    let mut candidate = File::create(&file)?;
    candidate.write_all(text.as_bytes())?;
    let end = if text.ends_with('\n') { "" } else { "\n" };
    candidate.write_all(format!("{end}{STATE} {LAST}(ro,no_subtree_check)\n").as_bytes())?;
    drop(candidate);
    Ok(mount_bind(&*file, EXPORTS)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::{client, options};
    use crate::system::{command, test_support::is_root};

    fn tool_is_there() -> bool {
        let there = command::find("exportfs").is_some();
        if !there {
            println!("SKIPPED: exportfs is not installed");
        }
        there && is_root("what the real exportfs says")
    }

    /// What the real tool has in its table of these lines, each for the directory of its own state.
    fn table_of(lines: &[String]) -> (String, String) {
        let text: String = lines.iter().map(|line| format!("{STATE} {line}\n")).collect();
        let tried = std::thread::spawn(move || read(&text).map(|Read { said, table }| (said, table)));
        tried.join().unwrap().expect("the tool was tried")
    }

    #[test]
    fn the_real_exportfs_takes_what_is_taken_here() {
        if !tool_is_there() {
            return;
        }
        // Two are of nfs-utils 2.6.3; an older tool refuses the file, which is what it is asked for.
        let known = |word: &&&str| !word.starts_with("xprtsec") && !word.starts_with("reexport");
        let good: Vec<&str> = options::GOOD.iter().chain(&options::WORDS).filter(known).copied().collect();
        let of_options: Vec<String> =
            (1..).zip(&good).map(|(host, word)| format!("10.0.0.{host}(no_subtree_check,{word})")).collect();
        let (said, table) = table_of(&of_options);
        for (host, word) in (1..).zip(&good) {
            assert!(table.contains(&format!("\t10.0.0.{host}(")), "{word}: {said}\n{table}");
        }
        // Names of hosts have to be found, and nobody knows any here: the rest of the file is read all the same.
        let is_name = |client: &&&str| {
            client.contains(|c: char| c.is_ascii_alphabetic())
                && !client.contains(['*', '?', '[', ':', '@', '/'])
        };
        let (names, others): (Vec<&str>, Vec<&str>) =
            client::GOOD.iter().copied().partition(|client| is_name(&client));
        let line = |client: &&str| format!("{client}(rw,no_subtree_check)");
        let (said, table) = table_of(&others.iter().map(line).collect::<Vec<_>>());
        for client in others {
            assert!(table.contains(&format!("\t{client}(rw")), "{client}: {said}\n{table}");
        }
        let lines: Vec<String> = names.iter().map(line).collect();
        assert_eq!(fault(&lines.iter().map(|line| format!("{STATE} {line}\n")).collect::<String>()), None);
    }

    #[test]
    fn the_real_exportfs_stops_where_it_is_said_to() {
        if !tool_is_there() {
            return;
        }
        let before = std::fs::read("/etc/exports").unwrap();
        for (line, reason) in [
            ("10.0.0.1(no_root_sqash)", "unknown keyword"),
            ("10.0.0.1(fsid=abc)", "bad fsid"),
            ("10.0.0.1(sec=foo)", "unknown flavor"),
            ("10.0.0.1(anonuid=x)", "bad anonuid"),
            ("10.0.0.1(rw", "bad option list"),
            ("-a(rw)", "unknown keyword"),
        ] {
            let said = fault(&format!("{STATE} {line}\n{STATE} 10.0.0.9(ro,no_subtree_check)\n"));
            assert!(said.as_ref().is_some_and(|said| said.contains(reason)), "{line}: {said:?}");
        }
        assert_eq!(std::fs::read("/etc/exports").unwrap(), before, "the server's own file");
        // Nothing of it is in the server's own table, and this thread sees it as before.
        let table = std::fs::read_to_string("/var/lib/nfs/etab").unwrap_or_default();
        assert!(!table.contains(LAST), "{table}");
    }
}
