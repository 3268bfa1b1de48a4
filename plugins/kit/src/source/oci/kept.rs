//! Files of lower layers that a layer both links to and removes (`ln a b; rm a`): removals go first, so that these are held by another
//! name until all links are made.

use super::{
    name,
    tree::{self, Times, Tree, cstring},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType, Mode, OFlags, Stat},
    io::Result,
};
use std::{
    collections::HashMap,
    ffi::CString,
    time::{SystemTime, UNIX_EPOCH},
};

/// The files, in a directory of the tree whose name no layer can know.
pub(super) struct HeldFiles {
    directory: OwnedFd,
    name: CString,
    files: HashMap<Vec<u8>, CString>,
}

impl HeldFiles {
    /// Holds what is there of these names.
    pub(super) fn of(tree: &Tree, links: &[Vec<u8>]) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let name = cstring(format!(".kept-{}-{now}", std::process::id()).as_bytes())?;
        let _kept = Times::of(tree.root())?;
        rustix::fs::mkdirat(tree.root(), &*name, Mode::from_raw_mode(0o700))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(tree.root(), &*name, flags, Mode::empty())?;
        let mut files = HashMap::new();
        for link in links {
            let Ok(parts) = name::parts(link) else { continue };
            let Some((last, above)) = parts.split_last() else { continue };
            let own = cstring(files.len().to_string().as_bytes())?;
            let held = tree.directory(above).and_then(|above| {
                rustix::fs::linkat(&above, &*cstring(last)?, &directory, &*own, AtFlags::empty())
            });
            // What is not there comes with this layer, or is missed when the link is made.
            if held.is_ok() {
                files.insert(parts.join(&b'/'), own);
            }
        }
        Ok(Self { directory, name, files })
    }

    /// The file that had this name before the layer removed it.
    pub(super) fn find(&self, parts: &[&[u8]]) -> Option<(OwnedFd, CString, Stat)> {
        let own = self.files.get(&parts.join(&b'/'))?;
        let stat = rustix::fs::statat(&self.directory, &**own, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let directory = rustix::io::fcntl_dupfd_cloexec(&self.directory, 0).ok()?;
        (tree::kind(&stat) != FileType::Directory).then(|| (directory, own.clone(), stat))
    }

    /// Lets go of all of them.
    pub(super) fn end(self, tree: &Tree) -> Result<()> {
        let root = tree.root();
        let _kept = Times::of(root.as_fd())?;
        tree::remove(root, &self.name)
    }
}
