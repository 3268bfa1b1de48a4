//! Modules built by other compilers than the host's: the promise is about layouts that are the same whoever made them.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset::modules::load;
use disklessset_plugin_api::ErrorKind;
use disklessset_plugin_api::messages::steps;
use disklessset_tests::need;

use crate::eras::{lay_out, present};
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

    /// Builds the module of `tests/eras` with the present API, with dependencies of its own.
    fn build(&self, place: &Utf8Path) -> Vec<u8> {
        let (project, built) = (place.join("project"), place.join("built"));
        lay_out(&project, &present());
        let done = self
            .command(env!("CARGO"))
            .args(["build", "--package", "era-module", "--target-dir", built.as_str()])
            .current_dir(&project)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        std::fs::read(built.join("debug/libera_module.so")).unwrap()
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

fn is_new_enough(version: &str) -> bool {
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= 85)
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

/// Has a class of the module describe an image, and one built on a class of this host's compiler.
fn works(content: &[u8]) {
    let place = Place::with(&["demo"]);
    let file = place.put("era_module.so", content);
    assert_eq!(load(&file).unwrap().identity().name.as_str(), "era");
    let lab = Lab::at(place);
    for class in ["EraImage", "EraDemo"] {
        assert!(lab.boot_file(class).unwrap().value.as_str().unwrap().starts_with("#!ipxe"));
    }
    // An error that crosses, and a panic that does not.
    let error = lab.run("EraImage", steps::REMOVE).unwrap_err();
    assert_eq!((error.kind, error.hint.as_deref()), (ErrorKind::REFUSED, Some("wait")));
    assert_eq!(lab.run("EraImage", steps::CLEAN).unwrap_err().kind, ErrorKind::PANICKED);
}

#[test]
fn a_module_of_another_compiler_works_in_this_host() {
    disklessset_tests::need!(need::full());
    let others = others();
    disklessset_tests::need!(if others.is_empty() {
        need::skip(
            "no other Rust compiler from 1.85 on is on this machine (rustup toolchain install nightly)",
        )
    } else {
        need::Verdict::Go
    });
    for other in others {
        println!("rustc {}", other.version().unwrap_or_default());
        let place = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        works(&other.build(place));
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
    works(&oldest.build(&place.join("build")));
}
