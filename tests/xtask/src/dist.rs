//! `cargo xtask dist --dest DIR`: builds the program and every shipped module, and installs them below a directory.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::{install, place};
use serde_json::Value;

use crate::command::{Output, Tool};
use crate::failure::{self, Failure};
use crate::source_tree::{SourceTree, cargo};
use crate::{for_authors, manual, say};

/// Where the modules of an installed program lie, below `--dest`.
const MODULES_DIR: &str = "usr/lib/disklessset/modules.d";
/// Where systemd looks for what it must not clean away.
const TMPFILES_DIR: &str = "usr/lib/tmpfiles.d";
/// Where logrotate looks for what packages bring.
const LOGROTATE_DIR: &str = "etc/logrotate.d";
/// The shells whose completions are installed, with the directories and names by which they find them.
const COMPLETIONS: [(&str, &str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions", "disklessset"),
    ("zsh", "usr/share/zsh/vendor-completions", "_disklessset"),
    ("fish", "usr/share/fish/vendor_completions.d", "disklessset.fish"),
];
/// Where systemd looks for units of programs.
const UNITS_DIR: &str = "usr/lib/systemd/system";
/// The units. None is started by being there.
const UNITS: [&str; 4] = [
    "disklessset-mirror.service",
    "disklessset-mirror.timer",
    "disklessset-serve.service",
    "disklessset-serve.socket",
];
/// Where Ansible looks for collections of the system.
const COLLECTION_DIR: &str = "usr/share/ansible/collections/ansible_collections/disklessset/disklessset";
/// What a collection has when it is installed.
const COLLECTION: [&str; 3] = ["meta", "playbooks", "plugins"];
/// The variable that lets a test install what it has built already: `dev` for a debug build.
const PROFILE: &str = "DISKLESSSET_DIST_PROFILE";

/// Whether a test installs what it has built already: it is large, and nobody keeps it.
pub(crate) fn is_for_a_test() -> bool {
    std::env::var(PROFILE).is_ok_and(|profile| profile == "dev")
}

/// What was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The program `disklessset`.
    pub(crate) program: Utf8PathBuf,
    /// Each module's target name and its file as cargo named it.
    pub(crate) modules: Vec<(String, Utf8PathBuf)>,
}

/// Builds and installs below `dest`.
pub(crate) fn task(dest: &Utf8Path) -> Result<(), Failure> {
    let tree = SourceTree::find()?;
    install_all(&tree, &build(&tree)?, dest)
}

/// Installs all that was built, and what goes with it.
pub(crate) fn install_all(tree: &SourceTree, built: &Built, dest: &Utf8Path) -> Result<(), Failure> {
    say::step("install");
    let program = dest.join("usr/bin/disklessset");
    make_dirs(dest, "usr/bin")?;
    install::file(&built.program, &program, 0o755)?;
    say::note(program.as_str());
    make_dirs(dest, MODULES_DIR)?;
    for file in install_modules(built, &dest.join(MODULES_DIR))? {
        say::note(file.as_str());
    }
    say::note(for_authors::install(tree, dest)?.as_str());
    let rules = dest.join(TMPFILES_DIR).join("disklessset.conf");
    make_dirs(dest, TMPFILES_DIR)?;
    install::file(&tree.root.join("host/tmpfiles.d/disklessset.conf"), &rules, 0o644)?;
    say::note(rules.as_str());
    make_dirs(dest, UNITS_DIR)?;
    for unit in UNITS {
        let to = dest.join(UNITS_DIR).join(unit);
        install::file(&tree.root.join("host/systemd").join(unit), &to, 0o644)?;
        say::note(to.as_str());
    }
    say::note(install_collection(tree, dest)?.as_str());
    for (shell, dir, name) in COMPLETIONS {
        let script = ask(&program, dest, &["completion", shell])?;
        write_file(&script, dest, &format!("{dir}/{name}"))?;
    }
    say::note(&format!("{dest}: completions for bash, zsh and fish"));
    let pages = manual::install(&program, dest, &date_of(tree, "%cs", "1970-01-01"))?;
    say::note(&format!("{pages} man pages in {}", dest.join(manual::DIR)));
    let logs = dest.join(LOGROTATE_DIR).join("disklessset");
    make_dirs(dest, LOGROTATE_DIR)?;
    install::file(&tree.root.join("host/logrotate.d/disklessset"), &logs, 0o644)?;
    say::note(logs.as_str());
    Ok(())
}

/// The day of the last commit, in a format of git; another one for sources that git knows nothing of.
pub(crate) fn date_of(tree: &SourceTree, format: &str, unknown: &str) -> String {
    let ask = Tool::new("git").args(["log", "-1", &format!("--format={format}")]).dir(&tree.root);
    let date = ask.output(Output::Kept).run().map(|done| done.stdout.trim().to_owned()).unwrap_or_default();
    if date.is_empty() { unknown.to_owned() } else { date }
}

/// What the installed program prints, with the modules that were installed with it.
pub(crate) fn ask(program: &Utf8Path, dest: &Utf8Path, words: &[&str]) -> Result<String, Failure> {
    let modules = dest.join(MODULES_DIR);
    let own = ["--root", dest.as_str(), "--modules-dir", modules.as_str()];
    Ok(Tool::new(program.as_str()).args(words.iter().copied()).args(own).output(Output::Kept).run()?.stdout)
}

/// Writes a file below a directory, readable by everybody.
pub(crate) fn write_file(text: &str, dest: &Utf8Path, below: &str) -> Result<(), Failure> {
    let to = dest.join(below);
    if let Some(dir) = Utf8Path::new(below).parent() {
        make_dirs(dest, dir.as_str())?;
    }
    let file = tempfile::NamedTempFile::new().map_err(|cause| Failure::Plain(cause.to_string()))?;
    let path =
        Utf8Path::from_path(file.path()).ok_or_else(|| Failure::Plain("TMPDIR is not UTF-8".to_owned()))?;
    std::io::Write::write_all(&mut file.as_file(), text.as_bytes()).map_err(failure::file("write", path))?;
    install::file(path, &to, 0o644).map_err(Failure::from)
}

/// Builds the program and the shipped modules with optimisation and asks cargo where they are.
pub(crate) fn build(tree: &SourceTree) -> Result<Built, Failure> {
    say::step("build");
    let modules = tree.modules();
    let build = build_command(tree, modules.iter().map(|module| module.package.as_str()));
    let mut artifacts = Vec::new();
    build.run_watched(|line| artifacts.extend(artifact(line)))?;
    let file_of =
        |name: &str| artifacts.iter().find(|(target, _)| target == name).map(|(_, file)| file.clone());
    let program = file_of("disklessset")
        .ok_or_else(|| Failure::Plain("the package disklessset builds no program disklessset".to_owned()))?;
    let modules = modules.into_iter().map(|module| match file_of(&module.target) {
        Some(file) => Ok((module.target, file)),
        None => Err(Failure::Plain(format!("{} built no shared library {}", module.package, module.target))),
    });
    Ok(Built { program, modules: modules.collect::<Result<_, _>>()? })
}

fn build_command<'a>(tree: &SourceTree, packages: impl Iterator<Item = &'a str>) -> Tool {
    let profile = std::env::var(PROFILE).unwrap_or_else(|_| "release".to_owned());
    let packages = packages.flat_map(|package| ["--package", package]);
    cargo()
        .dir(&tree.root)
        .args(["build", "--profile", &profile, "--message-format", "json-render-diagnostics"])
        .args(["--package", "disklessset"])
        .args(packages)
        .minutes(30)
        .output(Output::Messages)
}

/// The target name and the file of a message of cargo's that tells of a program or a shared library.
pub(crate) fn artifact(line: &str) -> Option<(String, Utf8PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let name = message["target"]["name"].as_str()?.to_owned();
    let program = message["executable"].as_str();
    let library = || {
        message["filenames"].as_array()?.iter().filter_map(Value::as_str).find(|file| file.ends_with(".so"))
    };
    Some((name, program.or_else(library)?.into()))
}

/// Installs the collection for Ansible.
fn install_collection(tree: &SourceTree, dest: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let from = tree.root.join("host/ansible");
    for part in COLLECTION {
        copy(&from.join(part), dest, &format!("{COLLECTION_DIR}/{part}"))?;
    }
    let to = dest.join(COLLECTION_DIR);
    for file in ["README.md", "galaxy.yml"] {
        install::file(&from.join(file), &to.join(file), 0o644)?;
    }
    Ok(to)
}

/// Installs all files of a directory. What Python leaves beside its sources is none of them.
pub(crate) fn copy(from: &Utf8Path, dest: &Utf8Path, to: &str) -> Result<(), Failure> {
    make_dirs(dest, to)?;
    for entry in from.read_dir_utf8().map_err(failure::file("read", from))? {
        let entry = entry.map_err(failure::file("read", from))?;
        let below = format!("{to}/{}", entry.file_name());
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if entry.path().is_dir() {
            copy(entry.path(), dest, &below)?;
        } else {
            install::file(entry.path(), &dest.join(below), 0o644)?;
        }
    }
    Ok(())
}

/// Installs the modules into a directory, under the names modules are dropped in by.
pub(crate) fn install_modules(built: &Built, dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Failure> {
    let install = |(target, file): &(String, Utf8PathBuf)| {
        let to = dir.join(install::module_file_name(target));
        install::file(file, &to, 0o644)?;
        Ok(to)
    };
    built.modules.iter().map(install).collect()
}

/// Makes the directories of a path below an existing or new top, each new one with mode 0755 whatever the umask.
pub(crate) fn make_dirs(top: &Utf8Path, below: &str) -> Result<(), Failure> {
    let path = top.join(below);
    let mut above: Vec<_> =
        path.ancestors().filter(|dir| !dir.as_str().is_empty() && !dir.exists()).collect();
    above.reverse();
    for dir in above {
        place::make_dir(dir).map_err(failure::file("make the directory", dir))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_shared_libraries_are_told_from_cargo_s_other_messages() {
        let program = r#"{"reason":"compiler-artifact","target":{"name":"disklessset"},"filenames":["/t/disklessset"],"executable":"/t/disklessset"}"#;
        let module = r#"{"reason":"compiler-artifact","target":{"name":"demo_module"},"filenames":["/t/libdemo_module.so"],"executable":null}"#;
        let library = r#"{"reason":"compiler-artifact","target":{"name":"disklessset"},"filenames":["/t/libdisklessset.rlib"],"executable":null}"#;
        assert_eq!(artifact(program), Some(("disklessset".into(), "/t/disklessset".into())));
        assert_eq!(artifact(module), Some(("demo_module".into(), "/t/libdemo_module.so".into())));
        assert_eq!(artifact(library), None);
        assert_eq!(artifact("   Compiling x"), None);
    }

    #[test]
    fn modules_are_installed_under_their_own_names() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        let dest = Utf8Path::from_path(temp.path()).unwrap();
        let built = dest.join("libdemo_module.so");
        std::fs::copy("/proc/self/cmdline", &built).unwrap();
        let built = Built { program: "/none".into(), modules: vec![("demo_module".into(), built)] };
        make_dirs(dest, MODULES_DIR).unwrap();
        let dir = dest.join(MODULES_DIR);
        assert_eq!(install_modules(&built, &dir).unwrap(), [dir.join("demo_module.so")]);
        let mode = |path: &Utf8Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&dir), mode(&dir.join("demo_module.so"))), (0o755, 0o644));
    }
}
