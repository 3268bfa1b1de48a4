//! `cargo xtask setup`: installs the system packages that are missing, or says which and how.

use std::collections::BTreeSet;

use nix::unistd::geteuid;

use crate::command::{Output, Tool};
use crate::failure::Failure;
use crate::packages::{Family, NFS_SERVER, Purpose};
use crate::say;

/// What the package of the NFS server enables.
const GANESHA_UNITS: [&str; 2] = ["nfs-ganesha.service", "nfs-ganesha-lock.service"];

/// Installs what is missing. When not root, fails with the list and the command to type.
pub(crate) fn task() -> Result<(), Failure> {
    say::step("system packages");
    let family = Family::of_this_machine()?;
    let missing = missing(family)?;
    if missing.is_empty() {
        say::note("all there");
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(_, name)| *name).collect();
    let install = install_command(family, &names);
    if !geteuid().is_root() {
        return Err(Failure::Plain(explain(&missing, &install.line())));
    }
    if family == Family::Debian {
        apt("update").run()?;
    } else {
        say::note("the package names for this distribution are untried: tell us when one is wrong");
    }
    say::note(&install.line());
    install.run()?;
    if family == Family::Debian && names.contains(&NFS_SERVER) {
        // It listens where the machine's own NFS server does; proofs start one of their own.
        Tool::new("systemctl").args(["--quiet", "disable"]).args(GANESHA_UNITS).run()?;
    }
    let still = self::missing(family)?;
    let still: Vec<_> = still.iter().map(|(_, name)| *name).collect();
    if still.is_empty() { Ok(()) } else { Err(Failure::Plain(format!("still missing: {}", still.join(" ")))) }
}

/// What is needed and not installed.
fn missing(family: Family) -> Result<Vec<(Purpose, &'static str)>, Failure> {
    let needed = family.names();
    let names = needed.iter().map(|(_, name)| *name);
    let ask = match family {
        Family::Debian => {
            Tool::new("dpkg-query").args(["-W", "-f", "${db:Status-Abbrev}|${Package}\\n"]).args(names)
        }
        Family::Enterprise => Tool::new("rpm").args(["-q", "--qf", "ii |%{NAME}\\n"]).args(names),
    };
    // Both end with a failure when one is unknown, and list the others.
    let answer = ask.output(Output::Kept).run_to_end(|_| {})?;
    let there = installed(&answer.stdout);
    Ok(needed.into_iter().filter(|(_, name)| !there.contains(name)).collect())
}

/// The names of the lines that say "installed"; removed packages whose configuration is left say `rc`.
fn installed(answer: &str) -> BTreeSet<&str> {
    let lines = answer.lines().filter_map(|line| line.split_once('|'));
    lines
        .filter(|(state, _)| state.starts_with("ii") || state.starts_with("hi"))
        .map(|(_, name)| name)
        .collect()
}

fn apt(verb: &str) -> Tool {
    Tool::new("apt-get")
        .args(["-q", "-y", "-o", "DPkg::Lock::Timeout=300", verb])
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Services that come with a package are not started: none is needed here, and one could take another's port.
        .env("SYSTEMD_OFFLINE", "1")
        .minutes(15)
}

fn install_command(family: Family, names: &[&str]) -> Tool {
    match family {
        Family::Debian => apt("install").arg("--no-install-recommends").args(names.iter().copied()),
        Family::Enterprise => {
            Tool::new("dnf").args(["-y", "install"]).args(names.iter().copied()).minutes(15)
        }
    }
}

fn explain(missing: &[(Purpose, &str)], command: &str) -> String {
    let mut text = String::from("these packages are missing, and only root can install them:");
    for purpose in [Purpose::Build, Purpose::Livenet, Purpose::BootProof, Purpose::Tests] {
        let names: Vec<_> = missing.iter().filter(|(of, _)| *of == purpose).map(|(_, name)| *name).collect();
        if !names.is_empty() {
            text.push_str(&format!("\n  for {}: {}", purpose.words(), names.join(" ")));
        }
    }
    text + &format!("\ntype: sudo {command}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_package_is_not_installed_and_a_held_one_is() {
        assert_eq!(installed("ii |a\nrc |b\nun |c\nhi |d\n"), BTreeSet::from(["a", "d"]));
    }

    #[test]
    fn what_is_missing_is_said_by_purpose_with_the_command_to_type() {
        let missing = [(Purpose::Livenet, "zstd"), (Purpose::BootProof, "ipxe-qemu")];
        let text = explain(&missing, &install_command(Family::Debian, &["zstd", "ipxe-qemu"]).line());
        assert!(text.contains("for livenet images: zstd\n"), "{text}");
        assert!(text.ends_with("install --no-install-recommends zstd ipxe-qemu"), "{text}");
        assert!(!text.contains("building"), "{text}");
    }
}
