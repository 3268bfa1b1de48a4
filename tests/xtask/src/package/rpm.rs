//! Packages for Enterprise Linux, written by rpmbuild from one specification.

use camino::Utf8Path;

use super::staged::{Staged, read};
use super::table::{PACKAGES, Package};
use super::{MAINTAINER, REVISION};
use crate::command::{Output, Tool};
use crate::dist::{self, write_file};
use crate::failure::Failure;
use crate::packages::{Family, Weight};
use crate::say;

/// What is built elsewhere is packed as it is: nothing is stripped, compressed or linked.
const HEAD: &str =
    "%global debug_package %{nil}\n%global __os_install_post %{nil}\n%global _build_id_links none\n";
/// Where zsh looks for completions there, and where Debian does.
const ZSH: (&str, &str) = ("usr/share/zsh/site-functions", "usr/share/zsh/vendor-completions");

/// A directory for which logrotate has rules is there.
const LOGS: &str = "/var/log/disklessset";

/// Writes them to a directory. A machine without rpmbuild has none, and is told.
pub(super) fn write(staged: &Staged, dest: &Utf8Path) -> Result<(), Failure> {
    if Tool::new("rpmbuild").arg("--version").output(Output::Kept).run().is_err() {
        say::note("none: rpmbuild is not installed here");
        return Ok(());
    }
    let mut spec = format!("{HEAD}{}", head(staged, &PACKAGES[0]));
    for package in PACKAGES.iter().skip(1) {
        spec.push_str(&format!("%package -n {}\n", package.name));
        spec.push_str(&fields(package));
        if !package.is_native {
            spec.push_str("BuildArch: noarch\n");
        }
        spec.push_str(&format!(
            "%description -n {0}\n{1}.\n\n",
            package.name,
            package.about.trim_end_matches('.')
        ));
    }
    spec.push_str(&format!(
        "%install\ncp -a {}/. %{{buildroot}}/\nmkdir -p %{{buildroot}}/{1} %{{buildroot}}{LOGS}\nmv %{{buildroot}}/{2}/* %{{buildroot}}/{1}/\n\n",
        staged.root, ZSH.0, ZSH.1
    ));
    for package in &PACKAGES {
        spec.push_str(&files(staged, package)?);
    }
    for script in ["preun", "postun"] {
        let text = read(&staged.sources.join("host/packaging/rpm").join(script))?;
        spec.push_str(&format!("%{script}\n{text}\n"));
    }
    spec.push_str(&changes(staged));
    write_file(&spec, &staged.scratch, "rpm/disklessset.spec")?;
    build(staged, dest)
}

fn build(staged: &Staged, dest: &Utf8Path) -> Result<(), Failure> {
    let top = staged.scratch.join("rpm");
    let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
    let dest = camino::absolute_utf8(dest).map_err(crate::failure::file("find", dest))?;
    // Any rpm reads xz.
    let payload = if dist::is_for_a_test() { "w0.gzdio" } else { "w6.xzdio" };
    let done = Tool::new("rpmbuild")
        .args(["-bb", "--quiet"])
        .args(define("_topdir", top.as_str()))
        .args(define("_binary_payload", payload))
        .args(define("_rpmdir", dest.as_str()))
        .args(define("_rpmfilename", "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"))
        .arg(top.join("disklessset.spec").as_str())
        .output(Output::Kept)
        .run();
    done.map(drop)?;
    for package in &PACKAGES {
        say::note(dest.join(format!("{}-{}-{REVISION}.*.rpm", package.name, staged.version)).as_str());
    }
    Ok(())
}

fn head(staged: &Staged, package: &Package) -> String {
    format!(
        "Name: {}\nVersion: {}\nRelease: {REVISION}\nLicense: MIT OR Apache-2.0\nPackager: {MAINTAINER}\n{}\n%description\n{}\n\n",
        package.name,
        staged.version,
        fields(package),
        package.about
    )
}

/// What it is and needs. What its programs are linked with, rpmbuild finds.
fn fields(package: &Package) -> String {
    let summary = package.summary;
    let (first, rest) = summary.split_at(1);
    let mut text = format!("Summary: {}{rest}\n", first.to_uppercase());
    let tools = |weight| package.tools(Family::Enterprise, weight).into_iter();
    for name in package.with {
        text.push_str(&format!("Requires: {name} = %{{version}}-%{{release}}\n"));
    }
    let lists =
        [("Requires", Weight::Depends), ("Recommends", Weight::Recommends), ("Suggests", Weight::Suggests)];
    for (field, weight) in lists {
        for name in tools(weight) {
            text.push_str(&format!("{field}: {name}\n"));
        }
    }
    for name in package.recommends {
        text.push_str(&format!("Recommends: {name}\n"));
    }
    text
}

fn files(staged: &Staged, package: &Package) -> Result<String, Failure> {
    let mut text = format!("%files -n {}\n%defattr(-,root,root,-)\n", package.name);
    let dirs: &[&str] = match package.name {
        "disklessset" => {
            &["/etc/disklessset", "/usr/lib/disklessset", "/usr/lib/disklessset/modules.d", LOGS]
        }
        _ => &[],
    };
    dirs.iter().for_each(|dir| text.push_str(&format!("%dir {dir}\n")));
    for path in staged.files_of(package)? {
        let path = path.replace(ZSH.1, ZSH.0);
        let kind = match path.as_str() {
            path if path.starts_with("etc/") => "%config(noreplace) ",
            path if path.starts_with("usr/share/doc/") => "%doc ",
            _ => "",
        };
        text.push_str(&format!("{kind}/{path}\n"));
    }
    Ok(text + "\n")
}

/// The changelog, whose days are written `Mon Nov 30 2026`.
fn changes(staged: &Staged) -> String {
    let words: Vec<&str> = staged.date.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let day = match words.as_slice() {
        [weekday, day, month, year, ..] => format!("{weekday} {month} {day:0>2} {year}"),
        _ => "Thu Jan 01 1970".to_owned(),
    };
    format!(
        "%changelog\n* {day} {MAINTAINER} - {}-{REVISION}\n- The packages of this version\n",
        staged.version
    )
}
