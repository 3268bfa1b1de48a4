//! OS trees of Arch Linux, installed by pacman of this server: `--source pacman` for every class that makes an image from a tree.
#![forbid(unsafe_code)]

mod packages;
mod repositories;

use disklessset_kit::{source::with_proxies, tree_files::TreeFiles};
use disklessset_plugin_api::{
    Command, Error, Host, ParamKind, ParamSpec, Refusal, Result, SourceCheck, SourceSpec, TreeBuild,
    TreeSource, declare_module,
};
use repositories::Repositories;

/// Where the distribution has its list of installed packages.
const DATABASE: &str = "var/lib/pacman";
/// The exit code of gpg that has imported a key and found no agent, for which it has no use here: the path to its socket may be too long.
const NO_AGENT: i32 = 2;
/// What it says when it has imported some.
const IMPORTED: &str = " imported: ";
/// What pacman says of a script that failed; it ends well all the same.
const FAILED_SCRIPT: &str = "command failed to execute correctly";

struct Pacman;

impl TreeSource for Pacman {
    fn describe(&self) -> SourceSpec {
        SourceSpec::new("Packages of Arch Linux, by pacman")
            .param(
                ParamSpec::flag(
                    "repository",
                    ParamKind::Text,
                    "A repository and its address: core=https://mirror.example/core/os/x86_64",
                )
                .required()
                .repeated(),
            )
            .param(
                ParamSpec::flag("signing_key", ParamKind::Path, "A public key that signs it")
                    .repeated()
                    .not_asked(),
            )
            .param(
                ParamSpec::flag("unsigned", ParamKind::Flag, "Accept packages that nobody signed")
                    .default(false),
            )
            .needs("pacman")
            .installs_packages()
            .refuses("repository", "core")
    }

    fn check(&self, check: &SourceCheck<'_>, _host: &Host<'_>) -> Result<Vec<Refusal>> {
        repositories::refusals(check)
    }

    fn build(&self, build: &TreeBuild, host: &Host<'_>) -> Result<()> {
        if let Some(release) = &build.request.release {
            host.warn(format!("pacman has no releases: {release} is not looked at"));
        }
        let wanted = Repositories::of(&build.arguments)?;
        let files = wanted.write(&build.scratch)?;
        for key in &wanted.keys {
            let gpg =
                Command::new("gpg").args(["--homedir", files.keys.as_str(), "--batch", "--no-autostart"]);
            let import = gpg.args(["--import", "--", key.as_str()]).accept(&[NO_AGENT]).look_for(IMPORTED);
            let cannot = || format!("cannot take the key {key}");
            let done = host.run(&import).map_err(|error| error.context(cannot()))?;
            if done.found.is_empty() {
                return Err(Error::failed(cannot()).because("gpg imported nothing"));
            }
        }
        let database = build.tree.join(DATABASE);
        TreeFiles::open(&build.tree)?.make_directory(DATABASE, 0o755)?;
        host.progress("installing packages", 0, 0);
        let pacman = Command::new("pacman")
            .args(["--noconfirm", "--noprogressbar", "--config", files.configuration.as_str()])
            .args(["--root", build.tree.as_str(), "--dbpath", database.as_str()])
            .args(["--cachedir", files.cache.as_str(), "--gpgdir", files.keys.as_str()])
            .args(["--logfile", files.log.as_str(), "-Sy", "--"])
            .args(packages::of(&build.request))
            .env("HOME", build.scratch.as_str())
            .env("SYSTEMD_OFFLINE", "1")
            .look_for(FAILED_SCRIPT);
        let done = host
            .run(&with_proxies(pacman))
            .map_err(|error| error.context("cannot install the packages with pacman"))?;
        for line in &done.found {
            host.warn(format!("pacman: {line}"));
        }
        let made = TreeFiles::open(&build.tree)?;
        if made.list(&format!("{DATABASE}/local"))?.len() < 2 {
            return Err(Error::failed("pacman ended well, and installed nothing"));
        }
        // Indexes of this day, which a node gets anew.
        made.empty_directory(&format!("{DATABASE}/sync"))?;
        Ok(())
    }
}

declare_module! {
    name: "pacman",
    title: "Trees of Arch Linux packages",
    sources: { "pacman" => Pacman },
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::{Arguments, serde_json::json, testing::TestHost};

    #[test]
    fn a_repository_is_a_name_and_an_address_and_signed_or_not() {
        let test = TestHost::new();
        test.add_source("pacman", Pacman);
        let refused = |repository: &str, unsigned: bool| {
            let arguments =
                Arguments::default().with("repository", json!([repository])).with("unsigned", unsigned);
            let refusals = test.check_source("pacman", &arguments).unwrap();
            refusals.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(refused("core=file:///srv/core", true), [""; 0]);
        for (bad, said) in [
            ("core", "is written NAME=ADDRESS"),
            ("=file:///x", "is written NAME=ADDRESS"),
            ("local=file:///x", "local is pacman's own word"),
            ("a]b=file:///x", "letters, digits"),
            ("core=ftp://x/", "repository: "),
        ] {
            let refusals = refused(bad, true);
            assert!(refusals[0].contains(said), "{bad}: {refusals:?}");
        }
        assert!(refused("core=file:///x", false)[0].starts_with("signing_key: is needed"));
    }
}
