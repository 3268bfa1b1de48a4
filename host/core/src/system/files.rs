//! Small acts on files that are about to be, or no longer, somebody's.

use super::FileError;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::beneath::{self, Links, Mounts};
pub use disklessset_system::durable::{
    exchange, has_temporaries, open_append, remove_file, remove_file_together, reserve_space, set_mode,
    sweep_temporaries, sweep_temporaries_of, sync_path,
};
use rustix::{fs::OFlags, io::Errno};
use std::{fs::File, os::unix::fs::OpenOptionsExt, path::Path};

/// Finds a path inside an OS tree as a program chrooted into it would: links, absolute ones too, stay inside.
///
/// # Errors
/// `NotFound` when it is not there; else whatever the system refuses.
pub fn resolve_in_tree(tree: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    let root = File::options()
        .read(true)
        .custom_flags(OFlags::DIRECTORY.bits().cast_signed())
        .open(tree)
        .map_err(FileError::of("open tree", tree))?;
    let place = path.as_str().trim_start_matches('/');
    let shown = tree.join(place);
    let found = beneath::inside(&root, Path::new(place), OFlags::PATH, Links::Inside, Mounts::Entered)
        .map_err(FileError::of("find", &shown))?;
    let real = beneath::place_of(&found).map_err(FileError::of("name", &shown))?;
    Utf8PathBuf::from_path_buf(real).map_err(|_| FileError::of("name", &shown)(Errno::ILSEQ))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]
mod tests {
    use super::*;

    #[test]
    fn links_in_a_tree_stay_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir_all(tree.join("usr/lib/modules")).unwrap();
        std::os::unix::fs::symlink("/usr/lib", tree.join("lib")).unwrap();
        std::os::unix::fs::symlink("../../../../etc", tree.join("conf")).unwrap();
        let tree = tree.canonicalize_utf8().unwrap();
        assert_eq!(resolve_in_tree(&tree, "lib/modules".into()).unwrap(), tree.join("usr/lib/modules"));
        assert_eq!(
            resolve_in_tree(&tree, "/lib/../lib/./modules".into()).unwrap(),
            tree.join("usr/lib/modules")
        );
        assert_eq!(resolve_in_tree(&tree, "../..".into()).unwrap(), tree);
        assert!(
            resolve_in_tree(&tree, "conf/passwd".into()).unwrap_err().is_not_found(),
            "the server's is not seen"
        );
    }
}
