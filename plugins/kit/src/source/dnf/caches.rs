//! What dnf fetched into a tree: indexes of its repositories, and packages.

use crate::{directories, tree_files::TreeFiles};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use sha2::{Digest, Sha256};

/// Where it is, as dnf of version 4 and of version 5 has it: a directory for each repository.
const CACHES: [&str; 2] = ["var/cache/dnf", "var/cache/libdnf5"];
/// The directory that they are in.
const ABOVE: &str = "var/cache";
/// What a repository has now: it names the digest of every index.
const INDEX_OF_INDEXES: &str = "repodata/repomd.xml";

/// A digest of what all repositories had when dnf fetched their indexes. The name of a directory is that of the repository, with a digest of
/// its address.
///
/// # Errors
/// When something cannot be read, or dnf fetched no index: then nobody knows what the repositories have.
pub(super) fn digest_of_repositories(files: &TreeFiles) -> Result<Vec<u8>> {
    let (mut found, mut hash) = (0, Sha256::new());
    for cache in CACHES {
        let mut repositories = directories_in(files, cache)?;
        repositories.sort();
        for repository in repositories {
            if let Some(index) = files.read(&format!("{cache}/{repository}/{INDEX_OF_INDEXES}"))? {
                found += 1;
                hash.update(repository.len().to_le_bytes());
                hash.update(&repository);
                hash.update(Sha256::digest(index));
            }
        }
    }
    if found == 0 {
        return Err(Error::failed("dnf fetched no index of a package repository"));
    }
    Ok(hash.finalize().to_vec())
}

/// The packages that dnf fetched, as paths inside the tree; those of repositories on this server's disk are not fetched.
pub(super) fn packages(files: &TreeFiles) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for cache in CACHES {
        for repository in directories_in(files, cache)? {
            let directory = format!("{cache}/{repository}/packages");
            let packages = files.list(&directory)?.into_iter().filter(|name| name.ends_with(".rpm"));
            found.extend(packages.map(|name| format!("/{directory}/{name}")));
        }
    }
    Ok(found)
}

/// Gives a tree in which nothing is yet what dnf fetched into another root: it is not fetched a second time.
pub(super) fn hand_over(root: &Utf8Path, tree: &Utf8Path) -> Result<()> {
    let (from, to) = (root.join(ABOVE), tree.join(ABOVE));
    directories::ensure(to.parent().unwrap_or(tree), 0o755)?;
    std::fs::rename(&from, &to)
        .map_err(|cause| Error::failed(format!("cannot move {from} to {to}")).because(cause))
}

/// The directories in one; beside them lie files that dnf notes things in for itself.
fn directories_in(files: &TreeFiles, directory: &str) -> Result<Vec<String>> {
    let mut names = files.list(directory)?;
    names.retain(|name| files.is_directory(&format!("{directory}/{name}")));
    Ok(names)
}

/// Removes all of it.
pub(super) fn empty(files: &TreeFiles) -> Result<()> {
    CACHES.iter().try_for_each(|cache| files.empty_directory(cache)).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree_files::NewFile;

    fn put(files: &TreeFiles, directory: &str, name: &str, text: &str) {
        files.make_directory(directory, 0o755).unwrap();
        files.replace(&format!("{directory}/{name}"), text.as_bytes(), NewFile::of_root(0o644)).unwrap();
    }

    #[test]
    fn the_digest_is_that_of_all_repositories_and_of_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let files = TreeFiles::open(Utf8Path::from_path(dir.path()).unwrap()).unwrap();
        let error = digest_of_repositories(&files).unwrap_err();
        assert!(error.to_string().contains("no index"), "{error}");
        put(&files, "var/cache/dnf/a-0123/repodata", "repomd.xml", "one");
        let first = digest_of_repositories(&files).unwrap();
        // Packages, and what dnf notes for itself.
        put(&files, "var/cache/dnf/a-0123/packages", "x.rpm", "");
        put(&files, "var/cache/dnf", "a.solv", "");
        assert_eq!(digest_of_repositories(&files).unwrap(), first);
        assert_eq!(packages(&files).unwrap(), ["/var/cache/dnf/a-0123/packages/x.rpm"]);
        put(&files, "var/cache/dnf/a-0123/repodata", "repomd.xml", "two");
        let second = digest_of_repositories(&files).unwrap();
        put(&files, "var/cache/libdnf5/b-4567/repodata", "repomd.xml", "one");
        let third = digest_of_repositories(&files).unwrap();
        assert!(first != second && second != third && first != third);
        empty(&files).unwrap();
        assert!(digest_of_repositories(&files).is_err() && packages(&files).unwrap().is_empty());
    }
}
