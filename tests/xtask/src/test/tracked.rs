//! What is under version control: a test run changes none of it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::{Output, Tool};
use crate::failure::Failure;

/// The tracked files of a source tree, as they were.
#[derive(Debug)]
pub(crate) struct Tracked {
    root: Utf8PathBuf,
    /// What differed from the last commit already.
    before: String,
}

impl Tracked {
    /// Looks at them; none in a source tree that is no checkout, such as an unpacked archive.
    pub(crate) fn now(root: &Utf8Path) -> Result<Option<Self>, Failure> {
        if root.join(".git").symlink_metadata().is_err() {
            return Ok(None);
        }
        Ok(Some(Self { root: root.to_owned(), before: differences(root)? }))
    }

    /// The names of files that have changed since.
    pub(crate) fn changed(&self) -> Result<Vec<String>, Failure> {
        let now = differences(&self.root)?;
        let (old, new) = (files(&self.before), files(&now));
        let differs = |file: &&str| {
            old.iter().find(|(name, _)| name == file) != new.iter().find(|(name, _)| name == file)
        };
        let mut names: Vec<&str> = old.iter().chain(&new).map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names.iter().filter(|name| differs(name)).map(|name| (*name).to_owned()).collect())
    }
}

/// What differs from the last commit. Whose the checkout is does not matter: it is only read.
fn differences(root: &Utf8Path) -> Result<String, Failure> {
    let ask = Tool::new("git").args([
        "-c",
        "safe.directory=*",
        "diff",
        "--binary",
        "--no-ext-diff",
        "--no-color",
        "HEAD",
    ]);
    Ok(ask.dir(root).output(Output::Kept).run()?.stdout)
}

/// Each file of a difference with its part.
fn files(differences: &str) -> Vec<(&str, &str)> {
    let parts = differences.split("diff --git a/").skip(1);
    parts.map(|part| (part.split(" b/").next().unwrap_or(part), part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_tests::need;
    use std::io::Write;

    #[test]
    fn a_changed_file_is_named_and_one_that_differed_before_is_not() {
        disklessset_tests::need!(need::tool("git"));
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        assert!(Tracked::now(root).unwrap().is_none());
        let git = |args: &[&str]| {
            let own = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"];
            Tool::new("git")
                .args(own)
                .args(args.iter().copied())
                .dir(root)
                .output(Output::Kept)
                .run()
                .unwrap()
        };
        let append = |name: &str, text: &str| {
            let mut file = std::fs::File::options().create(true).append(true).open(root.join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        git(&["init", "--quiet"]);
        append("Cargo.lock", "a\n");
        append("edited", "a\n");
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "first"]);
        append("edited", "by its author\n");
        let tracked = Tracked::now(root).unwrap().unwrap();
        append("new", "a file that is not tracked\n");
        assert_eq!(tracked.changed().unwrap(), [] as [String; 0]);
        append("Cargo.lock", "b\n");
        assert_eq!(tracked.changed().unwrap(), ["Cargo.lock"]);
        append("edited", "by the run\n");
        assert_eq!(tracked.changed().unwrap(), ["Cargo.lock", "edited"]);
    }
}
