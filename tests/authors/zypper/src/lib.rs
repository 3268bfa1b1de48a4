//! OS trees of openSUSE and SUSE Linux Enterprise, installed by zypper of this server: `--source zypper` for every class that makes an
//! image from a tree.
#![forbid(unsafe_code)]

mod packages;
mod repositories;
mod traces;

use disklessset_kit::{source::with_proxies, tree_files::TreeFiles};
use disklessset_plugin_api::{
    Command, Error, Host, ParamKind, ParamSpec, Refusal, Result, SourceCheck, SourceSpec, TreeBuild,
    TreeSource, declare_module,
};
use repositories::Repositories;

/// Where these distributions have the database of rpm, whatever this server's own is.
const DATABASE: &str = "usr/lib/sysimage/rpm";
/// Exit codes that are no failure: a reboot is needed, zypper was updated, a script of a package failed (which is told).
const DONE: [i32; 3] = [102, 103, 107];
/// Its exit code when no repository has a package: also when it left one out whose signature does not hold.
const NOT_FOUND: i32 = 104;
/// What zypper says of a script that failed.
const FAILED_SCRIPT: &str = "scriptlet failed";
/// What it says, among much else, when it found no package.
const REASONS: [&str; 2] = ["Signature verification failed", "No provider of"];

struct Zypper;

impl TreeSource for Zypper {
    fn describe(&self) -> SourceSpec {
        SourceSpec::new("Packages of openSUSE, by zypper")
            .param(
                ParamSpec::flag(
                    "repository",
                    ParamKind::Text,
                    "The address of a repository of RPMs (http, https or file)",
                )
                .required()
                .repeated(),
            )
            .param(
                ParamSpec::flag("signing_key", ParamKind::Path, "A public key that signs it, armoured")
                    .repeated()
                    .not_asked(),
            )
            .param(
                ParamSpec::flag("unsigned", ParamKind::Flag, "Accept packages that nobody signed")
                    .default(false),
            )
            .needs("zypper")
            .needs("rpm")
            .installs_packages()
            .refuses("repository", "ftp://mirror.example/")
    }

    fn check(&self, check: &SourceCheck<'_>, _host: &Host<'_>) -> Result<Vec<Refusal>> {
        repositories::refusals(check)
    }

    fn build(&self, build: &TreeBuild, host: &Host<'_>) -> Result<()> {
        let wanted = Repositories::of(&build.arguments)?;
        let files = wanted.write(&build.scratch)?;
        let tree = build.tree.as_str();
        let run = |command: Command| {
            let command = command.env("HOME", files.home.as_str()).env("ZYPP_LOGFILE", files.log.as_str());
            // Its keys are in a temporary directory; it has its own name for the place, and no key where it cannot write there.
            let command = command.env("TMPDIR", build.scratch.as_str());
            host.run(&with_proxies(command.env("ZYPPTMPDIR", build.scratch.as_str())))
        };
        for key in &wanted.keys {
            run(Command::new("rpm").args(["--root", tree, "--import", "--", key.as_str()]))
                .map_err(|error| error.context(format!("cannot take the key {key}")))?;
        }
        host.progress("installing packages", 0, 0);
        let mut zypper = Command::new("zypper").arg("--non-interactive");
        if !wanted.are_signed {
            zypper = zypper.arg("--no-gpg-checks");
        }
        if let Some(release) = &build.request.release {
            zypper = zypper.args(["--releasever", release.as_str()]);
        }
        zypper = zypper
            .args(["--installroot", tree, "--reposd-dir", files.repositories.as_str()])
            .args(["--cache-dir", files.cache.as_str()])
            .args(["install", "--auto-agree-with-licenses"]);
        if packages::are_trimmed(&build.request) {
            zypper = zypper.arg("--no-recommends");
        }
        let zypper = zypper.arg("--").args(packages::of(&build.request)).env("SYSTEMD_OFFLINE", "1");
        let cannot = "cannot install the packages with zypper";
        let zypper = REASONS.into_iter().fold(zypper.look_for(FAILED_SCRIPT), Command::look_for);
        let done =
            run(zypper.accept(&[&DONE[..], &[NOT_FOUND]].concat())).map_err(|error| error.context(cannot))?;
        if done.code == NOT_FOUND {
            return Err(done.found.iter().fold(Error::failed(cannot), |error, line| error.because(line)));
        }
        for line in &done.found {
            host.warn(format!("zypper: {line}"));
        }
        let made = TreeFiles::open(&build.tree)?;
        if !made.exists(DATABASE) {
            return Err(Error::failed("zypper ended well, and installed nothing"));
        }
        traces::remove(&made, &build.scratch, host)
    }
}

declare_module! {
    name: "zypper",
    title: "Trees of openSUSE packages",
    sources: { "zypper" => Zypper },
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_kit::directories;
    use disklessset_plugin_api::{Arguments, TreeRequest, serde_json::json, testing::TestHost};

    fn refused(arguments: disklessset_plugin_api::serde_json::Value) -> Vec<String> {
        let arguments: Arguments = disklessset_plugin_api::serde_json::from_value(arguments).unwrap();
        let test = TestHost::new();
        test.add_source("zypper", Zypper);
        let refusals = test.check_source("zypper", &arguments).unwrap();
        refusals.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_repository_must_be_an_address_and_signed_or_not() {
        assert_eq!(refused(json!({"repository": ["file:///srv/repo"], "unsigned": true})), [""; 0]);
        let nothing = refused(json!({"repository": ["file:///srv/repo"], "unsigned": false}));
        assert!(nothing[0].starts_with("signing_key: is needed"), "{nothing:?}");
        let ftp = refused(json!({"repository": ["ftp://x/"], "unsigned": true}));
        assert!(ftp[0].starts_with("repository: "), "{ftp:?}");
        let key = refused(json!({"repository": ["file:///x"], "signing_key": ["/etc/passwd"]}));
        assert!(key[0].contains("is no armoured public key"), "{key:?}");
    }

    #[test]
    fn a_tool_that_is_gone_is_an_error_and_nothing_is_a_tree() {
        let test = TestHost::new();
        test.add_source("zypper", Zypper);
        test.take_away("zypper");
        let (tree, scratch) = (test.root().join("tree"), test.root().join("scratch"));
        for directory in [&tree, &scratch] {
            directories::make(directory, 0o755).unwrap();
        }
        let arguments = Arguments::default().with("repository", json!(["file:///x"])).with("unsigned", true);
        let build = TreeBuild::new(arguments, TreeRequest::default(), tree, scratch);
        let error = test.build_from_source("zypper", &build).unwrap_err();
        assert!(error.causes[0].contains("zypper is not installed"), "{error:?}");
    }
}
