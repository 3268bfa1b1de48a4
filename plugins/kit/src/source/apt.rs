//! An OS tree from Debian or Ubuntu packages, by mmdebstrap.

use super::{
    Optimize, TreePlan,
    apt_given::{self, Given},
    apt_settings::{self, From},
    apt_sources::{self, AptEntry},
    bases::{Base, Ingredients, Wanted, digest_of_releases},
    field, repositories, servers_os_release,
};
use crate::{
    first_boot,
    packages::{PackageSet, for_apt},
    tree_files::{NewFile, TreeFiles},
};
use camino::Utf8Path;
use disklessset_plugin_api::{Command, Error, Host, Result};
use serde::Deserialize;
use std::path::Path;

/// What the module's section of the configuration may say about apt.
#[derive(Debug, Default, Deserialize)]
struct Settings {
    /// A sources file to use instead of the server's own entries.
    #[serde(default)]
    apt_sources: Option<String>,
}

/// Hooks of mmdebstrap that merge `/usr` beforehand, where the release has that: apt would else take the package that does it, and
/// Perl with it.
const MERGED_USR: &str = "/usr/share/mmdebstrap/hooks/maybe-merged-usr";

/// Manuals, translations and documentation; licences stay, packages may only be passed on with them.
const TRIMMED: [&str; 8] = [
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/doc-base/*",
    "path-exclude=/usr/share/lintian/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-include=/usr/share/locale/locale.alias",
];

/// What `optimize` leaves out beyond that: completions, headers, and drivers of what a node does not have. Those of graphics cards stay,
/// some compute on them.
const OPTIMIZED: [&str; 10] = [
    "path-exclude=/usr/share/bash-completion/*",
    "path-exclude=/usr/share/zsh/*",
    "path-exclude=/usr/include/*",
    "path-exclude=/lib/modules/*/kernel/sound/*",
    "path-exclude=/lib/modules/*/kernel/drivers/media/*",
    "path-exclude=/lib/modules/*/kernel/drivers/net/wireless/*",
    "path-exclude=/lib/modules/*/kernel/drivers/bluetooth/*",
    "path-exclude=/lib/modules/*/kernel/drivers/staging/*",
    "path-exclude=/lib/modules/*/kernel/drivers/iio/*",
    "path-exclude=/lib/modules/*/kernel/net/bluetooth/*",
];

pub(super) fn install(plan: &TreePlan, tree: &Utf8Path, scratch: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let server = servers_os_release();
    let entries = apt_sources::of_server(Path::new("/etc/apt"));
    let servers_release = match field(&server, "VERSION_CODENAME") {
        // Debian's unstable has no name of its own.
        "" => apt_sources::alias_of(&entries).unwrap_or_default(),
        name => name,
    };
    let release = plan.release.as_deref().unwrap_or(servers_release);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if release.is_empty()
        || !release.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !release.chars().all(plain)
    {
        return Err(Error::usage(format!("{release:?} is not the name of a release, such as bookworm")));
    }
    let settings = apt_settings::Settings::of_server(host)?;
    let from = match (plan.repositories.are_the_servers(), release == servers_release) {
        (true, true) => From::OwnRelease,
        (true, false) => From::OwnSources,
        (false, _) => From::Given,
    };
    let mut given = if from == From::Given {
        let of_distribution =
            entries.iter().filter(|entry| apt_sources::is_distributions(entry, servers_release));
        let key = of_distribution.into_iter().find_map(|entry| entry.option("signed-by"));
        apt_given::write(&plan.repositories, release, key, scratch)?
    } else {
        let (text, ending) = sources_text(&entries, release, servers_release, host)?;
        apt_given::write_own(&text, ending, settings.file("Dir::Etc::netrc"), scratch)?
    };
    // First: what the user says comes after it, and counts.
    given.options.insert(0, format!("--aptopt={}", settings.write(from, scratch)?));

    let packages = for_apt(plan.set, &plan.extras);
    // Its temporary files go with the work area; in /tmp they would stay when we are killed.
    let command = mmdebstrap(plan, release, &packages, tree, &given)
        .env("TMPDIR", scratch.as_str())
        .installing_into(tree.as_str())
        .may_write(scratch.as_str());
    let command = super::with_proxies(command);
    let base = || {
        let files = ["Dir::Etc::preferences", "Dir::Etc::preferencesparts"].map(|name| settings.file(name));
        let files = files.into_iter().flatten().chain(given.files.iter().cloned()).collect();
        let ingredients = Ingredients { command: &command, places: [tree, scratch], files };
        let settings = given.options.iter().filter_map(|option| option.strip_prefix("--aptopt=")).collect();
        let wanted = Wanted { sources: &given.files, settings };
        Base::of(&ingredients, host, || digest_of_releases(&wanted, scratch, host))
    };
    let before = base();
    if let Some(kept) = &before
        && kept.make(tree, host)?
    {
        return Ok(());
    }
    host.info(format!("installing {} packages of {release} with mmdebstrap", packages.len()));
    host.progress("installing packages", 0, 0);
    super::dnf::make_mount_points(tree)?;
    host.run(&command).map_err(|error| {
        let error = error.context(format!("cannot install the packages of {release}"));
        repositories::with_hint(error, &plan.repositories)
    })?;
    finish_tree(plan, tree, host)?;
    if let Some(before) = before {
        before.keep(base(), tree, format!("{release}, {} packages", installed(tree)?), host);
    }
    Ok(())
}

/// How many packages a tree has.
fn installed(tree: &Utf8Path) -> Result<usize> {
    let lists = TreeFiles::open(tree)?.list(PACKAGES)?;
    Ok(lists.iter().filter(|name| name.ends_with(".list")).count())
}

fn mmdebstrap(
    plan: &TreePlan,
    release: &str,
    packages: &[String],
    tree: &Utf8Path,
    given: &Given,
) -> Command {
    // CORE has no package manager: the smaller variant has no apt either.
    let variant = if plan.set == PackageSet::Core { "essential" } else { "minbase" };
    // mmdebstrap parts names at commas, and takes a pattern of apt's in an option of its own.
    let (patterns, names): (Vec<_>, Vec<_>) =
        packages.iter().cloned().partition(|name| name.starts_with(['?', '~']));
    let mut command = Command::new("mmdebstrap");
    if Path::new(MERGED_USR).is_dir() {
        command = command.arg(format!("--hook-dir={MERGED_USR}"));
    }
    command = command
        // Keeps dracut's package from making an initramfs that nobody asked for, for most of a minute.
        .env("INITRD", "No")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .makes_links_of_dev()
        .arg("--mode=root")
        // What apt and dpkg say tells how far they are.
        .arg("--verbose")
        // The host has made /proc, /sys and /dev for the tree; mmdebstrap has no right to.
        .arg("--skip=check/empty,chroot/mount")
        .arg(format!("--variant={variant}"))
        .arg("--aptopt=APT::Install-Recommends \"false\"")
        .arg(format!("--include={}", names.join(",")))
        .args(patterns.iter().map(|pattern| format!("--include={pattern}")));
    if plan.set.is_trimmed() || plan.optimize == Optimize::Aggressively {
        command = command.args(TRIMMED.map(|option| format!("--dpkgopt={option}")));
    }
    if plan.optimize == Optimize::Aggressively {
        command = command.args(OPTIMIZED.map(|option| format!("--dpkgopt={option}")));
    }
    command
        .args(given.options.clone())
        .args([release, tree.as_str()])
        .args(given.files.iter().map(|file| file.as_str()))
}

/// The sources that the configuration names or the server has, and the ending of their file's name.
fn sources_text(
    entries: &[AptEntry],
    release: &str,
    servers_release: &str,
    host: &Host<'_>,
) -> Result<(String, &'static str)> {
    let settings: Settings = serde_json::from_value(host.config()?)
        .map_err(|cause| Error::usage("the module's configuration cannot be read").because(cause))?;
    if let Some(file) = settings.apt_sources {
        let ending = if file.ends_with(".list") { "list" } else { "sources" };
        return std::fs::read_to_string(&file).map(|text| (text, ending)).map_err(|cause| {
            Error::failed(format!("cannot read the package sources {file}")).because(cause)
        });
    }
    let text = apt_sources::distribution_sources(entries, release, servers_release).ok_or_else(|| {
        Error::failed(format!("this server has no package source of its own distribution for {release}"))
            .hint("name a sources file with apt_sources in the configuration of the module")
    })?;
    Ok((text, "sources"))
}

/// Where dpkg keeps the lists of what is installed.
const PACKAGES: &str = "var/lib/dpkg/info";

/// What a tree fresh from packages still needs to be a node.
fn finish_tree(plan: &TreePlan, tree: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let files = TreeFiles::open(tree)?;
    if files.list(PACKAGES)?.is_empty() {
        return Err(Error::failed(format!("mmdebstrap ended well, and there are no packages in {tree}")));
    }
    apt_given::forget(&files)?;
    // mmdebstrap leaves the server's own names in it.
    if plan.set == PackageSet::Core {
        first_boot::keep_address_with_networkd(&files)?;
        files.link("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")?;
        let enable = ["-q", "enable", "systemd-networkd.service", "systemd-resolved.service"];
        host.run(&Command::new("systemctl").args(enable).inside(tree.as_str()))?;
        if files.list("etc/systemd/system/multi-user.target.wants")?.is_empty() {
            return Err(Error::failed(format!("systemctl ended well, and enabled no network in {tree}")));
        }
    } else {
        files.remove("etc/resolv.conf")?;
        files.replace("etc/resolv.conf", b"", NewFile::of_root(0o644))?;
    }
    // There for making the initramfs; a port that answers everybody is not what the user asked for.
    let wanted =
        plan.extras.additional.iter().any(|package| package == "rpcbind" || package.starts_with("nfs-"));
    if !wanted && files.exists("usr/lib/systemd/system/rpcbind.service") {
        let disable = ["-q", "disable", "rpcbind.service", "rpcbind.socket"];
        host.run(&Command::new("systemctl").args(disable).inside(tree.as_str()))?;
    }
    // Without it the journal stays in /run: a node has no disk to keep it on.
    files.remove_directory("var/log/journal")?;
    if !files.exists("etc/fstab") {
        files.replace("etc/fstab", b"", NewFile::of_root(0o644))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::Extras;

    #[test]
    fn package_names_are_one_argument_and_no_shell_sees_them() {
        let plan = TreePlan {
            set: PackageSet::Small,
            extras: Extras::default(),
            brings_kernel: false,
            release: None,
            optimize: Optimize::AsTheSetSays,
            repositories: super::super::Repositories::default(),
            lasts: crate::source::Lasts::default(),
        };
        let given = Given { files: vec!["/s".into()], ..Given::default() };
        let packages = ["bash".to_owned(), "vim;reboot".to_owned()];
        let command = mmdebstrap(&plan, "bookworm", &packages, "/t".into(), &given);
        assert_eq!(command.program(), "mmdebstrap");
        assert!(command.arguments().contains(&"--include=bash,vim;reboot".to_owned()));
        assert_eq!(command.environment()["INITRD"], "No");
        assert!(command.arguments().iter().any(|argument| argument.contains("/usr/share/man")));
        let last: Vec<_> = command.arguments().iter().rev().take(3).rev().map(String::as_str).collect();
        assert_eq!(last, ["bookworm", "/t", "/s"]);
    }
}
