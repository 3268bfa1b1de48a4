//! `/tmp` and `/var/tmp` of one test: what is left in them is the doing of the program that was run there, whatever other
//! tests, and the rest of the machine, do with the real ones meanwhile.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;

use crate::place;
use crate::root::TestRoot;
use crate::run::Program;

/// Where programs put temporary files of whom nobody told them a better place.
const PLACES: [&str; 2] = ["/tmp", "/var/tmp"];

/// Shows two directories in their place in a mount namespace, whose mounts end with the last process in it. A root that lies
/// below one of them is brought back in: through the working directory, which no mount over its path takes away.
const SCRIPT: &str = "set -e; here=$(pwd); cd \"$OWN_TMP_BASE\"; \
    for place in /tmp /var/tmp; do mount --bind -o \"$OWN_TMP_ACCESS\" \"home/own-tmp$place\" $place; done; \
    if [ ! -d \"$OWN_TMP_BASE\" ]; then mkdir -p \"$OWN_TMP_BASE\"; \
    mount --no-canonicalize --rbind /proc/self/cwd \"$OWN_TMP_BASE\"; fi; \
    cd \"$here\"; unset OWN_TMP_BASE OWN_TMP_ACCESS; exec \"$0\" \"$@\"";

/// The two directories; they go with their root.
#[derive(Debug)]
pub struct OwnTmp {
    base: Utf8PathBuf,
}

impl OwnTmp {
    /// Makes them, empty, beside a root.
    pub fn beside(root: &TestRoot) -> Self {
        let beside = root.beside();
        let own = Self { base: beside.parent().unwrap_or(&beside).to_owned() };
        let made = ["", "/var"].iter().try_for_each(|dir| place::make_dir(&own.dir(dir))).and_then(|()| {
            PLACES.iter().try_for_each(|place| {
                place::make_dir(&own.dir(place))?;
                std::fs::set_permissions(own.dir(place), std::fs::Permissions::from_mode(0o1777))
            })
        });
        made.unwrap_or_else(|cause| panic!("cannot make temporary directories in {beside}: {cause}"));
        own
    }

    fn dir(&self, place: &str) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("{}/home/own-tmp{place}", self.base))
    }

    /// A program that has them in place of the machine's. Needs root.
    pub fn around(&self, program: Program) -> Program {
        self.shown_to(program, "rw")
    }

    /// The same, and nobody can write there: whoever needs to is found out.
    pub fn read_only_around(&self, program: Program) -> Program {
        self.shown_to(program, "ro")
    }

    fn shown_to(&self, program: Program, access: &str) -> Program {
        let program = program.behind("unshare", &["--mount", "sh", "-c", SCRIPT]);
        program.env("OWN_TMP_BASE", self.base.as_str()).env("OWN_TMP_ACCESS", access)
    }

    /// What has been left in them.
    #[track_caller]
    pub fn left(&self) -> BTreeSet<String> {
        let mut left = BTreeSet::new();
        for place in PLACES {
            let dir = self.dir(place);
            let entries = dir.read_dir_utf8().unwrap_or_else(|cause| panic!("cannot read {dir}: {cause}"));
            let paths = entries.flatten().map(|entry| Utf8PathBuf::from(place).join(entry.file_name()));
            // The way to the root, where it lies below.
            left.extend(paths.filter(|path| !self.base.starts_with(path)).map(Utf8PathBuf::into_string));
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_there_is_seen_and_the_machine_has_none_of_it() {
        crate::need!(crate::need::root());
        let root = TestRoot::bare();
        let own = OwnTmp::beside(&root);
        let name = format!("own-tmp-{}", std::process::id());
        let script = format!("[ -d {} ] && touch /tmp/{name} && mkdir /var/tmp/{name}", root.path());
        let _ = own.around(root.tool("sh", &["-c", &script])).run().expect_done();
        let expected = PLACES.map(|place| format!("{place}/{name}"));
        assert_eq!(own.left(), BTreeSet::from(expected.clone()));
        assert!(expected.iter().all(|path| !Utf8PathBuf::from(path).exists()));
    }

    #[test]
    fn who_writes_there_is_found_out() {
        crate::need!(crate::need::root());
        let root = TestRoot::bare();
        let own = OwnTmp::beside(&root);
        for place in PLACES {
            let touch = root.tool("touch", &[format!("{place}/file")]);
            let _ = own.read_only_around(touch).run().expect_code(1).expect_said("Read-only");
        }
        assert_eq!(own.left(), BTreeSet::new());
    }
}
