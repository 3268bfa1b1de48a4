//! Modules built by other compilers than the host's: the promise is about layouts that are the same whoever made them.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset::modules::load;
use disklessset_plugin_api::messages::steps;
use disklessset_tests::{frozen, need, run};
use serde_json::json;

use crate::forge::Place;
use crate::steps::Lab;

/// Debian's packages of the oldest compiler that plugin-api promises to build with, in Debian 12.
const OLDEST: [&str; 4] = ["rustc-web", "libstd-rust-web-dev", "libstd-rust-web-1.85", "libllvm19"];
const OLDEST_VERSION: &str = "1.85.0";

/// A compiler, and where its own libraries lie.
struct Compiler {
    rustc: Utf8PathBuf,
    libraries: Option<Utf8PathBuf>,
}

impl Compiler {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("RUSTC", &self.rustc);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    fn version(&self) -> Option<String> {
        let told = self.command(self.rustc.as_str()).arg("--version").output().ok()?;
        let told = String::from_utf8(told.stdout).ok()?;
        told.strip_prefix("rustc ").map(|version| version.trim().to_owned())
    }

    /// Builds a module from frozen sources, with dependencies of its own.
    fn build(&self, minor: &str, module: &str, place: &Utf8Path) -> Vec<u8> {
        let done = self
            .command(env!("CARGO"))
            .args(["build", "--package", &format!("{module}-module"), "--target-dir", place.as_str()])
            .current_dir(frozen::sources(minor))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        std::fs::read(place.join(format!("debug/lib{module}_module.so"))).unwrap()
    }
}

/// Compilers of this machine that are not the one that built the host.
fn others() -> Vec<Compiler> {
    let home =
        std::env::var("RUSTUP_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.rustup")));
    let chains = home.map(|home| Utf8PathBuf::from(home).join("toolchains"));
    let chains = chains.into_iter().flat_map(|chains| chains.read_dir_utf8().into_iter().flatten().flatten());
    let mut found: Vec<_> = chains.map(|chain| chain.path().join("bin/rustc")).collect();
    found.push("/usr/bin/rustc".into());
    let own = Compiler { rustc: own_rustc(), libraries: None }.version();
    let compilers = found.into_iter().map(|rustc| Compiler { rustc, libraries: None });
    compilers
        .filter(|compiler| {
            compiler.version().is_some_and(|version| is_new_enough(&version) && Some(version) != own)
        })
        .collect()
}

fn own_rustc() -> Utf8PathBuf {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()).into()
}

/// The sources of 1.0 were released for compilers from 1.91 on.
fn is_new_enough(version: &str) -> bool {
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= 91)
}

/// Debian's compiler, unpacked into a directory of the test: nothing is installed.
fn oldest_from_debian(place: &Utf8Path) -> Option<Compiler> {
    for package in OLDEST {
        let named = Command::new("apt-cache").args(["madison", package]).output().ok()?;
        let lines = String::from_utf8(named.stdout).ok()?;
        let versions = lines.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
        let is_right = |version: &&str| package.starts_with("libllvm") || version.starts_with(OLDEST_VERSION);
        let version = versions.into_iter().find(is_right)?;
        let wanted = format!("{package}={version}");
        let got =
            Command::new("apt-get").args(["download", "-q", &wanted]).current_dir(place).output().ok()?;
        if !got.status.success() {
            return None;
        }
    }
    let root = place.join("root");
    for package in place.read_dir_utf8().ok()?.flatten().filter(|entry| entry.file_name().ends_with(".deb")) {
        let unpacked =
            Command::new("dpkg-deb").args(["-x", package.path().as_str(), root.as_str()]).status().ok()?;
        assert!(unpacked.success(), "{} cannot be unpacked", package.path());
    }
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    Some(Compiler { rustc: root.join("usr/bin/rustc"), libraries: Some(libraries) })
}

/// Has a class of the module make an image and describe it.
fn works(module: &str, class: &str, content: &[u8]) {
    let place = Place::with(&["demo"]);
    frozen::build();
    // What the classes of 1.1 are built on.
    place.put("frozen_module.so", &std::fs::read(run::built_module("frozen")).unwrap());
    let file = place.put(&format!("{module}_module.so"), content);
    assert_eq!(load(&file).unwrap().identity().name.as_str(), module);
    let lab = Lab::at(place);
    assert!(lab.boot_file(class).unwrap().value.as_str().unwrap().starts_with("#!ipxe"));
    let made = lab.run_args(class, steps::CLONE, json!({}));
    // A class of 1.1 reads a file that this host does not have: an error that crossed.
    assert!(made.is_ok() || made.unwrap_err().kind == disklessset_plugin_api::ErrorKind::FAILED);
}

#[test]
fn a_module_of_another_compiler_works_in_this_host() {
    disklessset_tests::need!(need::full());
    let others = others();
    disklessset_tests::need!(if others.is_empty() {
        need::skip(
            "no other Rust compiler from 1.91 on is on this machine (rustup toolchain install nightly)",
        )
    } else {
        need::Verdict::Go
    });
    for other in others {
        println!("rustc {}", other.version().unwrap_or_default());
        let place = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        works("frozen", "FrozenImage", &other.build("1.0", "frozen", place));
        works("frosted", "FrostedImage", &other.build("1.1", "frosted", place));
    }
}

#[test]
fn a_module_of_the_oldest_compiler_works_in_this_host() {
    disklessset_tests::need!(need::full());
    let place = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    let oldest = oldest_from_debian(place);
    let Some(oldest) = oldest else {
        disklessset_tests::need!(need::skip(
            "Debian's rustc-web 1.85 and what belongs to it cannot be downloaded here"
        ));
        return;
    };
    assert!(oldest.version().unwrap().starts_with(OLDEST_VERSION));
    works("frosted", "FrostedImage", &oldest.build("1.1", "frosted", &place.join("build")));
}
