//! `cargo xtask setup`: installs the system packages that are missing, or says which and how.

use std::collections::BTreeSet;

use nix::unistd::geteuid;

use crate::command::{Output, Tool};
use crate::failure::Failure;
use crate::packages::{self, Extent, Family, Purpose};
use crate::say;
use crate::units::{Enabled, NothingStarts};

/// Installs what is missing, having said what and what for. When not root, fails with the list and the command to type.
pub(crate) fn task(extent: Extent) -> Result<(), Failure> {
    say::step("system packages");
    let family = packages::family_of_this_machine()?;
    let missing = missing(family, extent)?;
    if missing.is_empty() {
        say::note("all there");
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(_, name)| *name).collect();
    let install = install_command(family, &names);
    if !geteuid().is_root() {
        return Err(Failure::Plain(explain(&missing, &install.line())));
    }
    by_purpose(&missing).iter().for_each(|line| say::note(line));
    if family == Family::Debian {
        apt("update").output(Output::Kept).run()?;
        say::note(&announced(&names)?);
    } else {
        say::note("the package names for this distribution are untried: tell us when one is wrong");
    }
    say::note(&install.line());
    let enabled = Enabled::now();
    let installed = {
        let _policy = (family == Family::Debian).then(NothingStarts::from_now_on).transpose()?;
        install.run()
    };
    // Even a failed installation may have enabled something.
    let restored = enabled.restore();
    installed?;
    restored?;
    let still = self::missing(family, extent)?;
    let still: Vec<_> = still.iter().map(|(_, name)| *name).collect();
    if still.is_empty() { Ok(()) } else { Err(Failure::Plain(format!("still missing: {}", still.join(" ")))) }
}

/// How much apt is about to install, with all that the packages depend on.
fn announced(names: &[&str]) -> Result<String, Failure> {
    let ask = |how: &str| apt("install").args([how, "--no-install-recommends"]).args(names.iter().copied());
    let simulated = ask("--simulate").output(Output::Kept).run()?.stdout;
    let archives = ask("--print-uris").output(Output::Kept).run()?.stdout;
    Ok(size(&simulated, &archives))
}

/// The count and the size of packages, from what apt says before it installs them.
fn size(simulated: &str, archives: &str) -> String {
    let count = simulated.lines().filter(|line| line.starts_with("Inst ")).count();
    let lines = archives.lines().filter(|line| line.starts_with('\''));
    let bytes: u64 = lines.filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()).sum();
    format!("with what they depend on: {count} packages, {} MB to fetch", bytes.div_ceil(1_000_000))
}

/// What is needed and not installed.
fn missing(family: Family, extent: Extent) -> Result<Vec<(Purpose, &'static str)>, Failure> {
    let needed = packages::names(family, extent);
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
    by_purpose(missing).iter().for_each(|line| text.push_str(&format!("\n  {line}")));
    text + &format!("\ntype: sudo {command}")
}

/// A line for each purpose, with its packages.
fn by_purpose(missing: &[(Purpose, &str)]) -> Vec<String> {
    let mut purposes: Vec<Purpose> = Vec::new();
    for (purpose, _) in missing {
        if !purposes.contains(purpose) {
            purposes.push(*purpose);
        }
    }
    let line = |purpose: &Purpose| {
        let names = missing.iter().filter(|(of, _)| of == purpose).map(|(_, name)| *name);
        format!("for {}: {}", purpose.words(), names.collect::<Vec<_>>().join(" "))
    };
    purposes.iter().map(line).collect()
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
        let missing = [(Purpose::Tests, "zstd"), (Purpose::Action("prove"), "ipxe-qemu")];
        let text = explain(&missing, &install_command(Family::Debian, &["zstd", "ipxe-qemu"]).line());
        assert!(text.contains("for the tests: zstd\n"), "{text}");
        assert!(text.ends_with("install --no-install-recommends zstd ipxe-qemu"), "{text}");
        assert!(!text.contains("building"), "{text}");
    }

    #[test]
    fn what_apt_is_about_to_do_is_counted() {
        let simulated = "NOTE: This is only a simulation!\nInst a (1 Debian:12 [amd64])\nInst b (2 Debian:12 [amd64])\nConf a (1)\n";
        let archives = "Reading package lists...\n'http://m/a.deb' a_1_amd64.deb 1500000 SHA256:00\n'http://m/b.deb' b_2_amd64.deb 700000 SHA256:00\n";
        assert_eq!(size(simulated, archives), "with what they depend on: 2 packages, 3 MB to fetch");
    }
}
