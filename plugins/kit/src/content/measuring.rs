//! Measures a tree, on all processors: it is looked at before an image is packed, while nothing else can be done.

use super::{Content, LEFT_OUT};
use std::{
    collections::HashSet,
    fs::Metadata,
    io,
    num::NonZero,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Targets of symbolic links of so many bytes have no room in an inode of ext4 and take a block.
const LONG_LINK: u64 = 60;
/// How many files with ACLs are named.
const NAMED: usize = 5;
/// Threads beyond these wait for the file system.
const MOST_THREADS: usize = 4;

/// Measures a tree without what [`LEFT_OUT`] names, not following links.
///
/// # Errors
/// When a directory cannot be read; the message names it.
pub fn measure(tree: &Path) -> io::Result<Content> {
    let walk = Walk::from(tree);
    let mut content = Content::default();
    walk.count(tree, &tree.symlink_metadata()?, &mut Vec::new(), &mut content);
    let counted = thread::scope(|scope| {
        let others: Vec<_> = (1..threads())
            // Where no more threads may be had, those there are do it all.
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, || walk.work()).ok())
            .collect();
        let ours = walk.work();
        let others = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        [ours].into_iter().chain(others).collect::<Vec<_>>()
    });
    for part in counted {
        content.add(part?);
    }
    content.acl_samples.sort();
    content.acl_samples.truncate(NAMED);
    Ok(content)
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}

/// A walk through a tree, as all threads see it.
struct Walk<'t> {
    tree: &'t Path,
    todo: Mutex<Todo>,
    changed: Condvar,
    /// What has more names than one, by device and inode.
    links: Mutex<HashSet<(u64, u64)>>,
}

struct Todo {
    directories: Vec<PathBuf>,
    /// Directories that are being read: more may come out of them.
    at_work: usize,
    /// One has failed: nobody needs to go on.
    failed: bool,
}

impl<'t> Walk<'t> {
    fn from(tree: &'t Path) -> Self {
        let todo = Todo { directories: vec![tree.to_owned()], at_work: 0, failed: false };
        Self { tree, todo: Mutex::new(todo), changed: Condvar::new(), links: Mutex::default() }
    }

    /// Takes directories until none is left.
    fn work(&self) -> io::Result<Content> {
        let mut content = Content::default();
        let mut names = vec![0u8; 4096];
        while let Some(directory) = self.take() {
            let at_work = AtWork(self);
            let read = self.read(&directory, &mut names, &mut content);
            {
                let mut todo = lock(&self.todo);
                todo.failed |= read.is_err();
                todo.directories.extend_from_slice(read.as_deref().unwrap_or_default());
            }
            drop(at_work);
            let _ = read?;
        }
        Ok(content)
    }

    fn take(&self) -> Option<PathBuf> {
        let waits = |todo: &mut Todo| !todo.failed && todo.directories.is_empty() && todo.at_work > 0;
        let mut todo =
            self.changed.wait_while(lock(&self.todo), waits).unwrap_or_else(PoisonError::into_inner);
        let taken = if todo.failed { None } else { todo.directories.pop() };
        todo.at_work += usize::from(taken.is_some());
        taken
    }

    /// Counts what is in a directory; gives those below it that are to be read.
    fn read(&self, directory: &Path, names: &mut Vec<u8>, content: &mut Content) -> io::Result<Vec<PathBuf>> {
        let named =
            |cause: io::Error| io::Error::new(cause.kind(), format!("{}: {cause}", directory.display()));
        let mut below = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(named)? {
            let entry = entry.map_err(named)?;
            let (path, metadata) = (entry.path(), entry.metadata().map_err(named)?);
            self.count(&path, &metadata, names, content);
            if metadata.is_dir() && !self.leaves_out(&path) {
                below.push(path);
            }
        }
        Ok(below)
    }

    fn leaves_out(&self, directory: &Path) -> bool {
        directory.parent() == Some(self.tree)
            && directory.file_name().is_some_and(|name| LEFT_OUT.iter().any(|out| name == *out))
    }

    fn count(&self, path: &Path, metadata: &Metadata, names: &mut Vec<u8>, content: &mut Content) {
        let has_more_names = !metadata.is_dir() && metadata.nlink() > 1;
        if metadata.is_symlink() && metadata.len() >= LONG_LINK {
            content.blocks += 4096;
        }
        if has_more_names && !lock(&self.links).insert((metadata.dev(), metadata.ino())) {
            content.more_names_of_links += u64::from(metadata.is_symlink());
            return;
        }
        content.inodes += 1;
        if metadata.is_file() {
            content.bytes += metadata.len();
            content.blocks += metadata.len().min(metadata.blocks() * 512).next_multiple_of(4096);
        } else if metadata.is_dir() {
            content.blocks += metadata.len().next_multiple_of(4096).max(4096);
        }
        if !metadata.is_symlink() && has_acl(path, names) {
            content.with_acl += 1;
            if content.acl_samples.len() < NAMED {
                let inside = Path::new("/").join(path.strip_prefix(self.tree).unwrap_or(path));
                content.acl_samples.push(inside.display().to_string());
            }
        }
    }
}

/// A directory that is being read. It ends with a panic too: the others would wait for this thread for ever.
struct AtWork<'w>(&'w Walk<'w>);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        lock(&self.0.todo).at_work -= 1;
        self.0.changed.notify_all();
    }
}

impl Content {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.blocks += other.blocks;
        self.inodes += other.inodes;
        self.more_names_of_links += other.more_names_of_links;
        self.with_acl += other.with_acl;
        self.acl_samples.extend(other.acl_samples);
    }
}

/// A panic in one thread is told by who joins it.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a file has an ACL beyond its mode. A file system without xattrs has none.
fn has_acl(path: &Path, names: &mut Vec<u8>) -> bool {
    let length = match rustix::fs::llistxattr(path, &mut names[..]) {
        Ok(length) => length,
        Err(rustix::io::Errno::RANGE) => {
            names.resize(65_536, 0);
            rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0)
        }
        Err(_) => 0,
    };
    names[..length].split(|byte| *byte == 0).any(|name| name.starts_with(b"system.posix_acl_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn hard_links_count_once_holes_take_no_blocks_and_system_directories_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path();
        let file = |name: &str, size: u64| {
            let path = tree.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::File::create(&path).unwrap().set_len(size).unwrap();
            path
        };
        let first = file("etc/sparse", 10 << 20);
        std::fs::hard_link(&first, tree.join("etc/second")).unwrap();
        file("boot/vmlinuz", 5 << 20);
        file("home/boot/kept", 100);
        std::os::unix::fs::symlink("/nowhere", tree.join("etc/dangling")).unwrap();
        std::fs::create_dir(tree.join(std::ffi::OsStr::from_bytes(b"caf\xe9"))).unwrap();
        std::os::unix::fs::symlink("x".repeat(60), tree.join("etc/long")).unwrap();
        std::fs::hard_link(tree.join("etc/long"), tree.join("home/long-again")).unwrap();
        let content = measure(tree).unwrap();
        assert_eq!((content.more_names_of_links, content.most_inodes()), (1, 11));
        assert_eq!(content.bytes, (10 << 20) + 100);
        assert_eq!(content.mebibytes(), 11);
        // root, etc, sparse, dangling, long, boot, home, home/boot, kept, caf\xe9
        assert_eq!(content.inodes, 10);
        assert!(content.blocks < 1 << 20, "{}", content.blocks);
        assert_eq!(content.with_acl, 0);
    }

    #[test]
    fn a_large_tree_is_counted_whole_by_several_threads_and_a_directory_that_is_no_more_is_told() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..300 {
            let below = dir.path().join(format!("{}/{number}/deep", number % 7));
            std::fs::create_dir_all(&below).unwrap();
            std::fs::File::create(below.join("file")).unwrap().set_len(1000).unwrap();
        }
        let content = measure(dir.path()).unwrap();
        assert_eq!((content.inodes, content.bytes), (1 + 7 + 300 * 3, 300 * 1000));
        let gone = dir.path().join("gone");
        assert!(measure(&gone).is_err());
        let walk = Walk::from(&gone);
        assert!(walk.work().unwrap_err().to_string().starts_with(&gone.display().to_string()));
    }
}
