//! What a node tells its boot server once it is up: who it is, and which version it runs.
//!
//! The boot file of a node on record says on the kernel line who it is (`disklessset.node=`), what it boots (`disklessset.version=`) and
//! whom to tell (`disklessset.report=`). Without the last word the unit does nothing, and what comes of it delays no start.

use crate::tree_files::{NewFile, TreeFileError, TreeFiles};

const UNIT: &str = "disklessset-report.service";
const PROGRAM: &str = "usr/lib/disklessset/report";
const CURL: &str = "usr/bin/curl";

/// One line of `key=value&…` to an address of HTTP, as the boot server takes it.
const TEXT: &str = r#"#!/bin/sh
# Tells the boot server that this node is up, with what the kernel line says. Written by disklessset.
set -f
for word in $(cat /proc/cmdline); do
    case $word in
        disklessset.node=*) node=${word#*=} ;;
        disklessset.version=*) version=${word#*=} ;;
        disklessset.report=http://*|disklessset.report=https://*) report=${word#*=} ;;
    esac
done
[ -n "$node" ] && [ -n "$report" ] || exit 0
exec curl --silent --show-error --fail --output /dev/null --max-time 20 --retry 5 --retry-connrefused \
    --data "node=$node&version=$version" -- "$report"
"#;

/// Puts the unit into a tree that has what it needs: systemd, a shell and curl.
///
/// # Errors
/// When its files cannot be written.
pub fn report_when_up(files: &TreeFiles) -> Result<(), TreeFileError> {
    let has_systemd =
        ["usr/lib/systemd/systemd", "lib/systemd/systemd"].iter().any(|file| files.exists(file));
    if !has_systemd || !files.exists(CURL) {
        return Ok(());
    }
    let unit = format!(
        "[Unit]\nDescription=Tell the boot server that this node is up\n\
         ConditionKernelCommandLine=disklessset.report\nAfter=multi-user.target network-online.target\n\n\
         [Service]\nType=oneshot\nExecStart=/bin/sh /{PROGRAM}\nTimeoutStartSec=3min\nDynamicUser=yes\n\
         ProtectSystem=strict\nProtectHome=yes\nPrivateDevices=yes\nCapabilityBoundingSet=\n\n\
         [Install]\nWantedBy=multi-user.target\n"
    );
    let wants = "etc/systemd/system/multi-user.target.wants";
    for directory in ["usr/lib/disklessset", "etc/systemd/system", wants] {
        files.make_directory(directory, 0o755)?;
    }
    files.replace(PROGRAM, TEXT.as_bytes(), NewFile::of_root(0o755))?;
    let file = format!("etc/systemd/system/{UNIT}");
    files.replace(&file, unit.as_bytes(), NewFile::of_root(0o644))?;
    files.link(&format!("{wants}/{UNIT}"), &format!("/{file}"))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes its own files and runs what nodes run")]
mod tests {
    use super::*;
    use camino::Utf8Path;
    use std::process::Command;

    fn tree(has: &[&str]) -> (tempfile::TempDir, TreeFiles) {
        let dir = tempfile::tempdir().unwrap();
        let files = TreeFiles::open(Utf8Path::from_path(dir.path()).unwrap()).unwrap();
        for file in has {
            files.make_directory(Utf8Path::new(file).parent().unwrap().as_str(), 0o755).unwrap();
            files.replace(file, b"", NewFile::of_root(0o755)).unwrap();
        }
        (dir, files)
    }

    #[test]
    fn the_unit_is_written_where_it_can_work_only() {
        for (has, is_written) in [
            (&["usr/lib/systemd/systemd", CURL][..], true),
            (&["usr/lib/systemd/systemd"], false),
            (&[CURL], false),
        ] {
            let (_dir, files) = tree(has);
            report_when_up(&files).unwrap();
            // A second time, as an image that is made of another is.
            report_when_up(&files).unwrap();
            assert_eq!(files.exists(PROGRAM), is_written, "{has:?}");
            assert_eq!(files.exists(&format!("etc/systemd/system/{UNIT}")), is_written, "{has:?}");
        }
    }

    /// What curl would be told, with a kernel line of some words.
    fn told(line: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::write(path.join("cmdline"), line).unwrap();
        let text = TEXT
            .replace("/proc/cmdline", path.join("cmdline").as_str())
            .replace("exec curl", "printf '%s|' curl");
        std::fs::write(path.join("report"), text).unwrap();
        let output = Command::new("/bin/sh").arg(path.join("report")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn the_report_has_what_the_kernel_line_says_and_nothing_else() {
        let line = "root=live:http://x/y disklessset.node=c001 disklessset.version=sha256:ab \
                    disklessset.report=http://10.0.0.1/d/report quiet\n";
        let said = told(line);
        assert!(said.contains("|--data|node=c001&version=sha256:ab|--|http://10.0.0.1/d/report|"), "{said}");
        for line in ["quiet", "disklessset.node=c001", "disklessset.node=c001 disklessset.report=/etc/passwd"]
        {
            assert_eq!(told(line), "", "{line}");
        }
        let said = told("disklessset.node=$(id) disklessset.report=http://x/*");
        assert!(said.contains("|node=$(id)&version=|--|http://x/*|"), "nothing is expanded: {said}");
    }
}
