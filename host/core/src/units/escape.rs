//! The names systemd has for paths.

use camino::Utf8Path;

/// The longest name of a file.
const LONGEST: usize = 255;

/// The name of the mount unit of a path; systemd takes no other for it. `None` when it is longer than a file's name may be.
pub(super) fn mount_unit(path: &Utf8Path) -> Option<String> {
    let name = format!("{}.mount", escaped(path));
    (name.len() <= LONGEST).then_some(name)
}

/// A path as systemd.unit(5) escapes it: without slashes at its ends, those between as dashes, all else that is not plain as a
/// number.
fn escaped(path: &Utf8Path) -> String {
    let parts: Vec<&str> = path.as_str().split('/').filter(|part| !part.is_empty()).collect();
    let joined = parts.join("/");
    if joined.is_empty() {
        return "-".to_owned();
    }
    let mut name = String::new();
    for (at, byte) in joined.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if at == 0 => name.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => name.push(char::from(byte)),
            other => name.push_str(&format!("\\x{other:02x}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{
        command::{Isolation, Tool},
        test_support,
    };

    const PATHS: [&str; 8] = [
        "/",
        "/diskless/images/nfsimages/golden/g/nodes/c001",
        "/diskless/images/nfsimages/golden/el9-gpu.2/nodes/login-1",
        "/.hidden/.x",
        "//a//b/",
        "/a b/c\\d",
        "/a:b_c+d@e~f%g",
        "/\u{e9}\u{df}/\"'$",
    ];

    #[test]
    fn names_are_as_the_manual_has_them() {
        let known = [
            "-.mount",
            "diskless-images-nfsimages-golden-g-nodes-c001.mount",
            r"diskless-images-nfsimages-golden-el9\x2dgpu.2-nodes-login\x2d1.mount",
            r"\x2ehidden-.x.mount",
            "a-b.mount",
            r"a\x20b-c\x5cd.mount",
            r"a:b_c\x2bd\x40e\x7ef\x25g.mount",
            r"\xc3\xa9\xc3\x9f-\x22\x27\x24.mount",
        ];
        let names = PATHS.map(|path| mount_unit(path.into()).unwrap());
        assert_eq!(names, known);
        assert_eq!(mount_unit(Utf8Path::new(&format!("/{}", "-".repeat(70)))), None);
    }

    #[test]
    fn names_are_as_systemd_makes_them() {
        if !test_support::has_tool("names_are_as_systemd_makes_them", "systemd-escape") {
            return;
        }
        let arguments = ["--path", "--suffix=mount", "--"];
        for path in PATHS {
            let tool = Tool::new("systemd-escape").args(arguments).arg(path).isolation(Isolation::None);
            let done = tool.capture_stdout(4096).run().unwrap();
            let theirs = String::from_utf8_lossy(&done.stdout).trim_end().to_owned();
            assert_eq!(mount_unit(path.into()), Some(theirs));
        }
    }
}
