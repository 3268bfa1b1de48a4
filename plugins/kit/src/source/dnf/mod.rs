//! An OS tree from packages of Enterprise Linux or Fedora, by dnf; on a server of another kind too.

mod caches;
mod release;
mod repo_files;
mod rpm;

pub(super) use repo_files::check_trust;

use super::{
    Optimize, Repositories, Source, TreePlan,
    bases::{Base, Ingredients},
    field, repositories, servers_os_release,
};
use crate::{
    directories,
    packages::{for_dnf, left_out_of_dnf},
    tree_files::{NewFile, TreeFiles},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Command, Error, Host, KernelVersion, Result};
use release::Release;

/// Where a server has repositories, and variables for them; dnf would look for them in the empty tree.
const SERVERS_REPOSITORIES: [&str; 3] = ["/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d"];
const SERVERS_VARIABLES: [&str; 2] = ["/etc/dnf/vars", "/etc/yum/vars"];

/// What else of a server tells dnf and rpm what to do.
const SERVERS_SETTINGS: [&str; 3] = ["/etc/dnf/dnf.conf", "/etc/dnf/aliases.d", "/etc/rpm"];

/// Scripts of the kernel package that make boot entries and, for minutes, an initramfs that nobody asked for.
const KERNEL_SCRIPTS: [&str; 5] = [
    "20-grub.install",
    "50-dracut.install",
    "51-dracut-rescue.install",
    "90-loaderentry.install",
    "99-grub-mkconfig.install",
];
const KERNEL_SCRIPTS_OFF: &str = "etc/kernel/install.d";

pub(super) fn install(plan: &TreePlan, tree: &Utf8Path, scratch: &Utf8Path, host: &Host<'_>) -> Result<()> {
    // Its options are lists, and it knows no way to quote.
    if scratch.as_str().contains([' ', ',', '\t']) {
        return Err(Error::refused(format!(
            "dnf cannot work in {scratch}: there is a blank or a comma in the path"
        )));
    }
    let release = release_of(plan, &servers_os_release())?;
    let mut options = if plan.repositories.are_the_servers() {
        vec![servers_repositories()?]
    } else {
        repo_files::write(&plan.repositories, &release, scratch)?
    };
    options.extend(existing(&SERVERS_VARIABLES).map(|directories| format!("varsdir={directories}")));

    let home = rpm::write_home(&release, scratch)?;
    let packages = for_dnf(plan.set, &plan.extras, release.packages());
    let into = |command: Command, root: &Utf8Path| {
        let command = command
            .env("HOME", home.as_str())
            // Its temporary files go with the work area.
            .env("TMPDIR", scratch.as_str())
            .installing_into(root.as_str())
            .may_write(scratch.as_str());
        super::with_proxies(command)
    };
    let command = into(dnf(plan, &release, &options, tree).arg("install").args(&packages), tree);
    let ingredients = Ingredients {
        command: &command,
        places: [tree, scratch],
        files: files_that_tell(&plan.repositories, scratch, &home),
    };
    let indexes = scratch.join("indexes");
    let base = Base::of(&ingredients, host, || {
        let fetch = dnf(plan, &release, &options, &indexes).args(["--refresh", "makecache"]);
        fetched_now(&indexes, &into(fetch, &indexes), host)
    });
    let is_made = base.as_ref().map_or(Ok(false), |kept| kept.make(tree, host))?;
    if base.is_some() && !is_made {
        caches::hand_over(&indexes, tree)?;
    }
    if indexes.exists() {
        // Indexes of a distribution are some hundred megabytes, and the tree needs the room.
        std::fs::remove_dir_all(&indexes)?;
    }
    if is_made {
        return Ok(());
    }

    let files = TreeFiles::open(tree)?;
    switch_kernel_scripts_off(&files)?;
    host.info(format!("installing packages of release {release} with dnf"));
    host.progress("installing packages", 0, 0);
    make_mount_points(tree)?;
    let installed = host.run(&rpm::looking_for_failures(command.clone())).map_err(|error| {
        let error = error.context(format!("cannot install the packages of release {release}"));
        repositories::with_hint(error, &plan.repositories)
    })?;
    rpm::tell_failed_scripts(&installed.found, host);
    rpm::must_have_database(&files, &release)?;
    let is_whole = rpm::repair_database(&files, &release, host)? && installed.found.is_empty();
    // These are what dnf chose the packages from, whatever the repositories had a moment before.
    let indexes = caches::digest_of_repositories(&files);
    finish_tree(&files, host)?;
    match base {
        Some(before) if is_whole => {
            let what =
                format!("release {release}, {} packages and groups with what they need", packages.len());
            before.keep(Base::of(&ingredients, host, || indexes), tree, what, host);
        }
        // Another image of it would have the same fault, and nobody would be told.
        Some(_) => host.info("the tree is not kept as a base: see the warnings"),
        None => {}
    }
    Ok(())
}

/// The files that tell dnf what to do, beside its command.
fn files_that_tell(repositories: &Repositories, scratch: &Utf8Path, home: &Utf8Path) -> Vec<Utf8PathBuf> {
    let keys = (0..repositories.keys.len()).map(|number| repo_files::key(number, scratch));
    let servers = SERVERS_SETTINGS.iter().chain(&SERVERS_VARIABLES).chain(&SERVERS_REPOSITORIES);
    let own = [home.join(rpm::MACROS), repo_files::directory(scratch)];
    servers.map(Utf8PathBuf::from).chain(own).chain(keys).collect()
}

/// A digest of what the repositories have at this moment. dnf fetches and checks their indexes into a root of their own, in which there is
/// nothing yet: none of them is from before.
fn fetched_now(root: &Utf8Path, fetch: &Command, host: &Host<'_>) -> Result<Vec<u8>> {
    directories::make(root, 0o700)?;
    make_mount_points(root)?;
    host.run(fetch)?;
    caches::digest_of_repositories(&TreeFiles::open(root)?)
}

fn release_of(plan: &TreePlan, server: &str) -> Result<Release> {
    match (&plan.release, Source::of_server(server)) {
        (Some(release), _) => release.parse(),
        (None, Ok(Source::Dnf)) => field(server, "VERSION_ID").parse(),
        (None, _) => {
            Err(Error::usage("this server has no release for dnf: name one with --release, such as 9"))
        }
    }
}

fn existing(directories: &[&str]) -> Option<String> {
    let there: Vec<&str> =
        directories.iter().copied().filter(|directory| Utf8Path::new(directory).is_dir()).collect();
    (!there.is_empty()).then(|| there.join(","))
}

fn servers_repositories() -> Result<String> {
    let directories = existing(&SERVERS_REPOSITORIES).ok_or_else(|| {
        Error::usage("this server has no repositories for dnf")
            .hint("name some with --repo ADDRESS, --mirror ADDRESS or --repo-file FILE")
    })?;
    Ok(format!("reposdir={directories}"))
}

/// dnf with all that it is told but what to do.
fn dnf(plan: &TreePlan, release: &Release, options: &[String], tree: &Utf8Path) -> Command {
    let optimized = plan.optimize == Optimize::Aggressively;
    // The packages go from the cache later: the tree's own rpm may need them.
    let mut all = vec!["plugins=False".to_owned(), "keepcache=True".to_owned()];
    all.extend_from_slice(options);
    all.extend(release.module_platform().map(|platform| format!("module_platform_id={platform}")));
    // Trimmed sets name what a node needs; a best version that needs what is left out is no reason to fail.
    all.push(format!("best={}", if optimized { "False" } else { "True" }));
    if plan.set.is_trimmed() || optimized {
        all.extend(["install_weak_deps=False".to_owned(), "tsflags=nodocs".to_owned()]);
    }
    let mut command = Command::new("dnf")
        .args(["--assumeyes".to_owned(), format!("--installroot={tree}"), format!("--releasever={release}")])
        .args(all.iter().map(|option| format!("--setopt={option}")));
    if optimized {
        command =
            command.args(left_out_of_dnf(plan.extras.selinux).iter().map(|name| format!("--exclude={name}")));
    }
    // Scripts of packages talk to no running system, and the kernel's make nothing.
    command.env("SYSTEMD_OFFLINE", "1").env("KERNEL_INSTALL_BYPASS", "1")
}

/// Scripts of packages need `/dev/null` and `/proc`: the host shows them here.
pub(super) fn make_mount_points(tree: &Utf8Path) -> Result<()> {
    for (name, mode) in [("proc", 0o555), ("sys", 0o555), ("dev", 0o755)] {
        directories::make(&tree.join(name), mode)?;
    }
    Ok(())
}

fn switch_kernel_scripts_off(files: &TreeFiles) -> Result<()> {
    files.make_directory(KERNEL_SCRIPTS_OFF, 0o755)?;
    for script in KERNEL_SCRIPTS {
        files.link(&format!("{KERNEL_SCRIPTS_OFF}/{script}"), "/dev/null")?;
    }
    Ok(())
}

/// What a tree fresh from packages still needs to be a node.
fn finish_tree(files: &TreeFiles, host: &Host<'_>) -> Result<()> {
    for script in KERNEL_SCRIPTS {
        files.remove(&format!("{KERNEL_SCRIPTS_OFF}/{script}"))?;
    }
    list_modules(files, host)?;
    caches::empty(files)?;
    if !files.exists("etc/fstab") {
        files.replace("etc/fstab", b"", NewFile::of_root(0o644))?;
    }
    Ok(())
}

/// The list of a kernel's modules is made by the scripts that were kept from running, unless another package made it.
fn list_modules(files: &TreeFiles, host: &Host<'_>) -> Result<()> {
    for version in files.list("usr/lib/modules")? {
        let inside = format!("usr/lib/modules/{version}");
        let plain = KernelVersion::parse(&version).is_ok() && files.is_directory(&inside);
        let list = format!("{inside}/modules.dep");
        if plain && !files.exists(&list) && files.exists("usr/sbin/depmod") {
            host.run(&Command::new("depmod").args(["-a", &version]).inside(files.path().as_str()))
                .map_err(|error| error.context(format!("cannot list the modules of kernel {version}")))?;
            if !files.exists(&list) {
                return Err(Error::failed(format!(
                    "depmod ended well, and there is no {list} in {}",
                    files.path()
                )));
            }
        }
    }
    Ok(())
}

/// Whether the repositories given suffice for this server; for an early refusal.
pub(super) fn check_repositories(repositories: &Repositories) -> Result<()> {
    if repositories.are_the_servers() { servers_repositories().map(drop) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::{Extras, PackageSet, Selinux};

    fn plan(set: PackageSet, optimize: Optimize, selinux: Selinux) -> TreePlan {
        TreePlan {
            set,
            extras: Extras { selinux, additional: vec!["vim;reboot".to_owned()], ..Extras::default() },
            brings_kernel: false,
            release: None,
            optimize,
            repositories: Repositories::default(),
            lasts: crate::source::Lasts::default(),
        }
    }

    fn words(plan: &TreePlan, release: &str) -> Vec<String> {
        let release: Release = release.parse().unwrap();
        let packages = for_dnf(plan.set, &plan.extras, release.packages());
        dnf(plan, &release, &[], "/t".into()).arg("install").args(packages).arguments().to_vec()
    }

    #[test]
    fn everything_is_an_argument_of_its_own() {
        let words = words(&plan(PackageSet::Standard, Optimize::AsTheSetSays, Selinux::Off), "9");
        for word in [
            "--installroot=/t",
            "--releasever=9",
            "--setopt=module_platform_id=platform:el9",
            "@core",
            "vim;reboot",
        ] {
            assert!(words.iter().any(|found| found == word), "{word}: {words:?}");
        }
        assert!(
            words.contains(&"--setopt=best=True".to_owned())
                && !words.iter().any(|w| w.starts_with("--exclude"))
        );
    }

    #[test]
    fn optimize_leaves_out_what_1x_left_out_and_takes_older_versions() {
        let with = words(&plan(PackageSet::Core, Optimize::Aggressively, Selinux::On), "rawhide");
        let without = words(&plan(PackageSet::Core, Optimize::Aggressively, Selinux::Off), "rawhide");
        for all in [&with, &without] {
            assert!(all.contains(&"--exclude=glibc-langpack-*".to_owned()));
            assert!(all.contains(&"--setopt=best=False".to_owned()));
            assert!(!all.iter().any(|word| word.contains("module_platform_id")), "{all:?}");
        }
        assert!(!with.contains(&"--exclude=diffutils".to_owned()));
        assert!(without.contains(&"--exclude=diffutils".to_owned()));
    }

    #[test]
    fn the_release_is_the_servers_own_only_where_dnf_is_its_manager() {
        let plan = plan(PackageSet::Core, Optimize::AsTheSetSays, Selinux::Off);
        let rocky = "ID=rocky\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";
        assert_eq!(release_of(&plan, rocky).unwrap().to_string(), "9.4");
        assert!(release_of(&plan, "ID=debian\nVERSION_ID=12\n").is_err());
    }
}
