//! Packages for Debian, written by dpkg-deb.

use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::staged::{DOC, Staged, compress, files, read};
use super::table::{PACKAGES, Package};
use super::{MAINTAINER, REVISION};
use crate::command::{Output, Tool};
use crate::dist::{self, make_dirs, write_file};
use crate::failure::{self, Failure};
use crate::packages::{Family, Weight};
use crate::say;

/// Scripts that dpkg runs, of the package with the program.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
/// The files of a site's own, which an upgrade does not replace.
const CONFFILES: &str = "/etc/logrotate.d/disklessset\n";

/// Writes them to a directory. A machine without dpkg-deb has none, and is told.
pub(super) fn write(staged: &Staged, dest: &Utf8Path) -> Result<(), Failure> {
    let ask = Tool::new("dpkg").arg("--print-architecture").output(Output::Kept);
    let Ok(architecture) = ask.run() else {
        say::note("none: dpkg is not installed here");
        return Ok(());
    };
    let compression = if dist::is_for_a_test() { "-Znone" } else { "-Zxz" };
    for package in &PACKAGES {
        let native = if package.is_native { architecture.stdout.trim() } else { "all" };
        let root = lay_out(staged, package, native)?;
        let file = dest.join(format!("{}_{}_{native}.deb", package.name, version(staged)));
        Tool::new("dpkg-deb")
            .args(["--root-owner-group", compression, "--build", root.as_str(), file.as_str()])
            .output(Output::Kept)
            .run()?;
        say::note(file.as_str());
    }
    Ok(())
}

fn version(staged: &Staged) -> String {
    format!("{}-{REVISION}", staged.version)
}

/// The tree of a package, with what dpkg has to know of it.
fn lay_out(staged: &Staged, package: &Package, architecture: &str) -> Result<Utf8PathBuf, Failure> {
    let name = format!("deb/{}", package.name);
    make_dirs(&staged.scratch, &name)?;
    let root = staged.scratch.join(name);
    for path in staged.files_of(package)? {
        let dir = Utf8Path::new(&path).parent().unwrap_or(Utf8Path::new(""));
        make_dirs(&root, dir.as_str())?;
        let to = root.join(&path);
        std::fs::hard_link(staged.root.join(&path), &to).map_err(failure::file("make", &to))?;
    }
    add_notes(staged, package, &root)?;
    let files = files(&root)?;
    let sums = Tool::new("md5sum").args(files.clone()).dir(&root).output(Output::Kept).run()?.stdout;
    write_file(&sums, &root, "DEBIAN/md5sums")?;
    write_file(&control(staged, package, architecture, size(&root, &files)), &root, "DEBIAN/control")?;
    if package.name == "disklessset" {
        make_dirs(&root, "etc/disklessset")?;
        write_file(CONFFILES, &root, "DEBIAN/conffiles")?;
        for script in SCRIPTS {
            let text = read(&staged.sources.join("host/packaging/deb").join(script))?;
            write_file(&text, &root, &format!("DEBIAN/{script}"))?;
            let file = root.join("DEBIAN").join(script);
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&file, mode).map_err(failure::file("make executable", &file))?;
        }
    }
    Ok(root)
}

/// Copyright, changelogs, and what lintian is told.
fn add_notes(staged: &Staged, package: &Package, root: &Utf8Path) -> Result<(), Failure> {
    let doc = format!("{DOC}/{}", package.name);
    write_file(&copyright(&staged.license), root, &format!("{doc}/copyright"))?;
    let changes = format!(
        "disklessset ({}) unstable; urgency=medium\n\n  * The packages of this version. What it changes is in changelog.gz.\n\n -- {MAINTAINER}  {}\n",
        version(staged),
        staged.date
    );
    write_file(&changes, root, &format!("{doc}/changelog.Debian"))?;
    write_file(&read(&staged.sources.join("CHANGELOG.md"))?, root, &format!("{doc}/changelog"))?;
    compress(root, &[format!("{doc}/changelog.Debian"), format!("{doc}/changelog")])?;
    let overrides =
        staged.sources.join("host/packaging/deb").join(format!("{}.lintian-overrides", package.name));
    match overrides.is_file() {
        true => {
            write_file(&read(&overrides)?, root, &format!("usr/share/lintian/overrides/{}", package.name))
        }
        false => Ok(()),
    }
}

fn copyright(license: &str) -> String {
    let mut lines = String::new();
    for line in license.lines().skip_while(|line| !line.starts_with("Permission")) {
        lines.push_str(&if line.trim().is_empty() { " .\n".to_owned() } else { format!(" {line}\n") });
    }
    let holders =
        license.lines().find(|line| line.starts_with("Copyright")).unwrap_or("The disklessset authors");
    let holders = holders.trim_start_matches("Copyright").trim().trim_start_matches("(c)").trim();
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: disklessset\n\n\
         Files: *\nCopyright: {holders}\nLicense: MIT or Apache-2.0\n\n\
         License: MIT\n{lines}\n\
         License: Apache-2.0\n On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n"
    )
}

/// How much room its files take, in KiB.
fn size(root: &Utf8Path, files: &[String]) -> u64 {
    let size = |name: &String| root.join(name).metadata().map(|meta| meta.len().div_ceil(1024));
    files.iter().filter_map(|name| size(name).ok()).sum()
}

fn control(staged: &Staged, package: &Package, architecture: &str, kibibytes: u64) -> String {
    let ours = |name: &&str| format!("{name} (= {})", version(staged));
    let (major, minor) = staged.glibc;
    let own = package.is_native.then(|| format!("libc6 (>= {major}.{minor}), libgcc-s1 (>= 4.2)"));
    let tools = |weight| package.tools(Family::Debian, weight).into_iter().map(str::to_owned);
    let depends = own.into_iter().chain(package.with.iter().map(ours)).chain(tools(Weight::Depends));
    let recommends =
        package.recommends.iter().map(|name| (*name).to_owned()).chain(tools(Weight::Recommends));
    let section = match package.name.rsplit('-').next() {
        Some("doc") => "doc",
        Some("dev") => "devel",
        _ => "admin",
    };
    let mut text = format!(
        "Package: {}\nSource: disklessset\nVersion: {}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\nInstalled-Size: {kibibytes}\n\
         Section: {section}\nPriority: optional\n",
        package.name,
        version(staged),
    );
    let fields: [(&str, Vec<String>); 3] = [
        ("Depends", depends.collect()),
        ("Recommends", recommends.collect()),
        ("Suggests", tools(Weight::Suggests).collect()),
    ];
    for (field, names) in fields.iter().filter(|(_, names)| !names.is_empty()) {
        text.push_str(&format!("{field}: {}\n", names.join(", ")));
    }
    let about = package.about.replace('\n', "\n ");
    text + &format!("Description: {}\n {about}\n", package.summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(scratch: &Utf8Path) -> Staged {
        let root = scratch.join("tree");
        make_dirs(scratch, "tree").unwrap();
        for path in [
            "usr/bin/disklessset",
            "usr/lib/disklessset/modules.d/nfs_module.so",
            "usr/share/man/man1/disklessset-nfs.1.gz",
            "usr/share/man/man1/disklessset-node.1.gz",
            "usr/share/disklessset/kit/Cargo.toml",
            "usr/share/doc/disklessset-doc/README.md",
            "etc/logrotate.d/disklessset",
        ] {
            write_file("text", &root, path).unwrap();
        }
        let sources = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Staged {
            root,
            scratch: scratch.to_owned(),
            version: "1.2.3".to_owned(),
            date: "Mon, 30 Nov 2026 15:32:09 +0000".to_owned(),
            glibc: (2, 34),
            license: read(&sources.join("LICENSE-MIT")).unwrap(),
            sources,
        }
    }

    #[test]
    fn packages_have_what_they_say_and_nothing_twice() {
        if disklessset_tests::need::find_tool("dpkg-deb").is_none() {
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        let scratch = Utf8Path::from_path(temp.path()).unwrap();
        write(&staged(scratch), scratch).unwrap();
        let ask = |how: &[&str], name: &str| {
            let mut entries = scratch.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned());
            let deb = entries.find(|path| path.file_name().unwrap().starts_with(&format!("{name}_")));
            let all = how.iter().map(|word| (*word).to_owned()).chain([deb.unwrap().into_string()]);
            Tool::new("dpkg-deb").args(all).output(Output::Kept).run().unwrap().stdout
        };
        let files = ask(&["-c"], "disklessset");
        assert!(
            files.contains("./usr/share/man/man1/disklessset-node.1.gz") && files.contains("root/root"),
            "{files}"
        );
        assert!(!files.contains("nfs") && !files.contains("kit") && !files.contains("README"), "{files}");
        let module = ask(&["-c"], "disklessset-module-nfs");
        assert!(module.contains("nfs_module.so") && module.contains("disklessset-nfs.1.gz"), "{module}");
        let scripts = ask(&["-I"], "disklessset");
        assert!(scripts.contains("postrm") && scripts.contains("conffiles"), "{scripts}");
        let control = ask(&["-f"], "disklessset-module-livenet");
        assert!(
            control.contains(
                "Depends: libc6 (>= 2.34), libgcc-s1 (>= 4.2), disklessset (= 1.2.3-1), squashfs-tools"
            ),
            "{control}"
        );
        assert!(ask(&["-f"], "disklessset-dev").contains("Architecture: all\n"));
    }
}
