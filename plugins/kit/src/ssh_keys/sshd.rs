//! What the sshd of a tree says about root's account: where it looks for keys, and whether it lets root in with one.

use crate::tree_files::{TreeFileError, TreeFiles};

/// Where sshd is configured; distributions that keep their defaults below `/usr` have the second.
const FILES: [&str; 2] = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];
/// How deep files may include others, as in sshd.
const DEPTH: usize = 16;

/// The settings that hold for root; the first line that says something counts.
#[derive(Debug, Default)]
pub(super) struct Sshd {
    keys_files: Option<Vec<String>>,
    root_login: Option<String>,
    with_keys: Option<String>,
}

impl Sshd {
    /// Reads the configuration of a tree; without one it is sshd's default.
    pub(super) fn of(files: &TreeFiles) -> Result<Self, TreeFileError> {
        let mut found = Self::default();
        if let Some(file) = FILES.iter().find(|file| files.exists(file)) {
            found.read(files, file, 0)?;
        }
        Ok(found)
    }

    /// The first file in which it looks for keys of root, as a path in the tree; `None` when it looks in none.
    pub(super) fn keys_file(&self, home: &str) -> Option<String> {
        let pattern = match &self.keys_files {
            None => ".ssh/authorized_keys",
            Some(patterns) => patterns.iter().find(|pattern| *pattern != "none")?,
        };
        let mut path = String::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            match (c, if c == '%' { rest.next() } else { None }) {
                ('%', Some('h')) => path.push_str(home),
                ('%', Some('u')) => path.push_str("root"),
                ('%', Some('U')) => path.push('0'),
                ('%', Some(other)) => path.push(other),
                _ => path.push(c),
            }
        }
        Some(if path.starts_with('/') { path } else { format!("{}/{path}", home.trim_end_matches('/')) })
    }

    /// Why it lets root in with no key at all.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        let is_no =
            |value: &Option<String>| value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("no"));
        if is_no(&self.root_login) {
            Some("PermitRootLogin no")
        } else if is_no(&self.with_keys) {
            Some("PubkeyAuthentication no")
        } else {
            None
        }
    }

    fn read(&mut self, files: &TreeFiles, file: &str, depth: usize) -> Result<(), TreeFileError> {
        let text = files.read_text(file)?.unwrap_or_default();
        for line in text.lines() {
            let mut words = words(line).into_iter();
            let Some(keyword) = words.next() else { continue };
            match keyword.to_ascii_lowercase().as_str() {
                // What follows holds for some connections only.
                "match" => break,
                "include" if depth < DEPTH => {
                    for pattern in words {
                        for included in included(files, &pattern)? {
                            self.read(files, &included, depth + 1)?;
                        }
                    }
                }
                "authorizedkeysfile" => {
                    let _ = self.keys_files.get_or_insert_with(|| words.collect());
                }
                "permitrootlogin" => self.root_login = self.root_login.take().or_else(|| words.next()),
                "pubkeyauthentication" => self.with_keys = self.with_keys.take().or_else(|| words.next()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The words of a line: after blanks or one `=`, in double quotes where they have blanks themselves, without the comment.
fn words(line: &str) -> Vec<String> {
    let line = line.trim();
    let (keyword, rest) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
    if keyword.is_empty() || keyword.starts_with('#') {
        return Vec::new();
    }
    let mut words = vec![keyword.to_owned()];
    let mut rest = rest.trim_start_matches([' ', '\t', '=']);
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// The files that an `Include` means, in order. Patterns have at most one star, in the last part: as everybody writes them.
fn included(files: &TreeFiles, pattern: &str) -> Result<Vec<String>, TreeFileError> {
    let pattern = if pattern.starts_with('/') { pattern.to_owned() } else { format!("/etc/ssh/{pattern}") };
    let (directory, name) = pattern.rsplit_once('/').unwrap_or_default();
    let Some((begin, end)) = name.split_once('*') else { return Ok(vec![pattern.clone()]) };
    let fits = |name: &String| {
        name.len() >= begin.len() + end.len()
            && name.starts_with(begin)
            && name.ends_with(end)
            && (!name.starts_with('.') || begin.starts_with('.'))
    };
    let names = files.list(directory)?.into_iter().filter(fits);
    Ok(names.map(|name| format!("{directory}/{name}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree_files::NewFile;

    fn tree(of: &[(&str, &str)]) -> (tempfile::TempDir, TreeFiles) {
        let dir = tempfile::tempdir().unwrap();
        let files = TreeFiles::open(camino::Utf8Path::from_path(dir.path()).unwrap()).unwrap();
        for (file, text) in of {
            files.make_directory(file.rsplit_once('/').unwrap().0, 0o755).unwrap();
            files.replace(file, text.as_bytes(), NewFile::of_root(0o644)).unwrap();
        }
        (dir, files)
    }

    #[test]
    fn the_first_line_that_says_where_keys_are_counts_included_files_too() {
        let main = "# comment\nInclude /etc/ssh/sshd_config.d/*.conf\nAuthorizedKeysFile .ssh/authorized_keys\nPermitRootLogin yes\n";
        for (more, file, refusal) in [
            (vec![], Some("/home/root/.ssh/authorized_keys"), None),
            (
                vec![("etc/ssh/sshd_config.d/a.conf", "authorizedkeysfile=/etc/keys/%u  %h/second\n")],
                Some("/etc/keys/root"),
                None,
            ),
            (
                vec![
                    ("etc/ssh/sshd_config.d/a.conf", "Match User root\nAuthorizedKeysFile none\n"),
                    (
                        "etc/ssh/sshd_config.d/b.conf",
                        "AuthorizedKeysFile \"%h/with blank\" # mine\nPermitRootLogin No\n",
                    ),
                    ("etc/ssh/sshd_config.d/not-read", "AuthorizedKeysFile /x\n"),
                ],
                Some("/home/root/with blank"),
                Some("PermitRootLogin no"),
            ),
            (
                vec![("etc/ssh/sshd_config.d/a.conf", "AuthorizedKeysFile none\nPubkeyAuthentication no\n")],
                None,
                Some("PubkeyAuthentication no"),
            ),
        ] {
            let (_dir, files) = tree(&[&[("etc/ssh/sshd_config", main)][..], &more].concat());
            let sshd = Sshd::of(&files).unwrap();
            assert_eq!(sshd.keys_file("/home/root").as_deref(), file, "{more:?}");
            assert_eq!(sshd.refusal(), refusal, "{more:?}");
        }
    }

    #[test]
    fn no_configuration_and_one_that_includes_itself_are_sshds_default() {
        let (_dir, none) = tree(&[]);
        assert_eq!(Sshd::of(&none).unwrap().keys_file("/").as_deref(), Some("/.ssh/authorized_keys"));
        let (_dir, files) = tree(&[("usr/etc/ssh/sshd_config", "Include /usr/etc/ssh/sshd_config\n")]);
        assert_eq!(
            Sshd::of(&files).unwrap().keys_file("/root").as_deref(),
            Some("/root/.ssh/authorized_keys")
        );
    }
}
