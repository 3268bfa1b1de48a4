//! The way through the directories.

use super::{
    Task,
    attributes::{self, Scratch},
    copy_error::CopyError,
    entry::{self, CopiedName},
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Statx, StatxFlags},
    io::Errno,
};
use std::{
    ffi::{CStr, CString},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, atomic::Ordering},
};

/// Directories a thread has open on its way down; what is deeper waits for a thread that begins there.
const DEEPEST: usize = 40;
/// As much of a path as the kernel takes in one call, and some room.
const PIECE: usize = 4000;

/// A directory by its name in the one above.
#[derive(Debug)]
pub(super) struct Node {
    above: Option<Arc<Node>>,
    name: CString,
}

impl Node {
    /// The topmost directory.
    pub(super) fn top() -> Self {
        Self { above: None, name: CString::default() }
    }

    /// The names from the topmost directory down.
    fn names(&self) -> Vec<&CStr> {
        let mut names = Vec::new();
        let mut node = Some(self);
        while let Some(this) = node.filter(|node| node.above.is_some()) {
            names.push(this.name.as_c_str());
            node = this.above.as_deref();
        }
        names.reverse();
        names
    }

    /// The path of something in it, below the tree, for messages.
    pub(super) fn path_of(&self, name: &CStr) -> String {
        let names: Vec<_> = self.names().into_iter().chain([name]).map(CStr::to_string_lossy).collect();
        match names.len() {
            0..=20 => names.join("/"),
            many => format!("{}/…/{}", names[..10].join("/"), names[many - 9..].join("/")),
        }
    }
}

impl Drop for Node {
    /// One after the other: a very deep tree would not fit the stack.
    fn drop(&mut self) {
        let mut above = self.above.take();
        while let Some(node) = above {
            above = Arc::into_inner(node).and_then(|mut node| node.above.take());
        }
    }
}

/// A directory that is being copied.
struct Level {
    node: Arc<Node>,
    source: Dir,
    target: OwnedFd,
    stat: Statx,
}

/// What a thread does until there is nothing more to do.
pub(super) fn work(task: &Task<'_>) {
    let mut scratch = Scratch::new();
    while let Some(node) = task.queue.take() {
        let place = Arc::clone(&node);
        match catch_unwind(AssertUnwindSafe(|| subtree(task, node, &mut scratch))) {
            Ok(outcome) => task.queue.done(outcome),
            // The others would wait for this thread forever.
            Err(panic) => {
                task.queue.done(Err(fault(task, "copy", &place, c"", Errno::CANCELED)));
                resume_unwind(panic);
            }
        }
    }
}

/// Copies a directory and those below it that nobody else wants.
fn subtree(task: &Task<'_>, node: Arc<Node>, scratch: &mut Scratch) -> Result<(), CopyError> {
    let mut levels = Vec::new();
    let begin = (task.source.as_fd(), task.target.as_fd());
    let names = node.names();
    let opened = open_by(begin.0, &names).and_then(|source| Ok((source, open_by(begin.1, &names)?)));
    match opened {
        Ok((source, target)) => levels.push(level(node, source, target)?),
        Err(Errno::XDEV) => return mount_point(task, &node),
        Err(cause) => return Err(fault(task, "open", &node, c"", cause)),
    }
    while let Some(here) = levels.last_mut() {
        if task.queue.is_stopped() {
            return Ok(());
        }
        let Some(entry) = here.source.read() else {
            let Some(done) = levels.pop() else { break };
            if done.node.above.is_some() {
                finish(task, &done, scratch)?;
            }
            continue;
        };
        let entry = entry.map_err(|cause| fault(task, "read", &here.node, c"", cause))?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let source = here.source.fd().map_err(|cause| fault(task, "read", &here.node, name, cause))?;
        let place = CopiedName { node: &here.node, name, source, target: here.target.as_fd() };
        if entry::kind(task, &place, entry.file_type())? != FileType::Directory {
            entry::copy(task, &place, entry.file_type(), scratch)?;
            continue;
        }
        rustix::fs::mkdirat(place.target, name, Mode::RWXU)
            .map_err(|cause| place.fault(task, "make the directory", cause))?;
        let node = Arc::new(Node { above: Some(Arc::clone(&here.node)), name: name.to_owned() });
        let deep = levels.len() >= DEEPEST;
        if deep || task.queue.is_short() {
            task.queue.give(node);
            continue;
        }
        let Some(here) = levels.last() else { break };
        let source = here.source.fd().and_then(|above| open_below(above, &node.name));
        let target = open_below(here.target.as_fd(), &node.name);
        match source.and_then(|source| Ok((source, target?))) {
            Ok((source, target)) => levels.push(level(node, source, target)?),
            Err(Errno::XDEV) => mount_point(task, &node)?,
            Err(cause) => return Err(fault(task, "open", &node, c"", cause)),
        }
    }
    Ok(())
}

fn fault(task: &Task<'_>, act: &str, node: &Node, name: &CStr, cause: Errno) -> CopyError {
    let path = node.path_of(name);
    CopyError::new(act, format!("{}/{}", task.source_path, path.trim_end_matches('/')), cause)
}

fn level(node: Arc<Node>, source: OwnedFd, target: OwnedFd) -> Result<Level, CopyError> {
    let stat = attributes::stat(source.as_fd(), c"");
    let read = stat.and_then(|stat| Ok((stat, Dir::new(source)?)));
    match read {
        Ok((stat, source)) => Ok(Level { node, source, target, stat }),
        Err(cause) => Err(CopyError::new("read the directory", node.path_of(c""), cause)),
    }
}

/// Opens a directory in another: no link, no mount.
pub(super) fn open_below(above: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    entry::open(above, name, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens a directory by the names on the way to it, in as many steps as the kernel's limit wants.
fn open_by(top: BorrowedFd<'_>, names: &[&CStr]) -> rustix::io::Result<OwnedFd> {
    let mut here = open_below(top, c".")?;
    let mut path: Vec<u8> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        path.extend_from_slice(name.to_bytes());
        let next = names.get(index + 1).map(|name| name.to_bytes().len() + 2);
        match next {
            Some(next) if path.len() + next < PIECE => path.push(b'/'),
            _ => {
                let piece = CString::new(std::mem::take(&mut path)).map_err(|_| Errno::INVAL)?;
                here = open_below(here.as_fd(), &piece)?;
            }
        }
    }
    Ok(here)
}

/// All entries of a directory are there: it gets what it must not have had before.
fn finish(task: &Task<'_>, level: &Level, scratch: &mut Scratch) -> Result<(), CopyError> {
    let named = |act: &str, cause| fault(task, act, &level.node, c"", cause);
    let source = level.source.fd().map_err(|cause| named("read", cause))?;
    let on = attributes::Pair { source, target: level.target.as_fd() };
    let name = || level.node.path_of(c"").trim_end_matches('/').to_owned();
    attributes::give(task, &on, &level.stat, Mode::RWXU, scratch, &name)
        .map_err(|refused| named(&refused.act, refused.cause))?;
    attributes::give_flags(&task.lost, level.target.as_fd(), &level.stat, &name)
        .map_err(|cause| named("set the flags of", cause))?;
    task.entries.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// The topmost directory gets its attributes after everything else: until then nobody but root looks in.
pub(super) fn finish_root(task: &Task<'_>) -> Result<(), CopyError> {
    let open = |fd: &OwnedFd| {
        open_below(fd.as_fd(), c".").map_err(|cause| CopyError::new("open", task.source_path, cause))
    };
    let level = level(Arc::new(Node::top()), open(&task.source)?, open(&task.target)?)?;
    finish(task, &level, &mut Scratch::new())
}

/// Something is mounted there: the copy has an empty directory with the owner and mode that can be seen.
fn mount_point(task: &Task<'_>, node: &Arc<Node>) -> Result<(), CopyError> {
    let named = |cause| fault(task, "copy the mount point", node, c"", cause);
    let names = node.names();
    let (above, name) = match names.split_last() {
        Some((name, above)) => (above, *name),
        None => return Err(named(Errno::XDEV)),
    };
    let source = open_by(task.source.as_fd(), above).map_err(named)?;
    let target = open_by(task.target.as_fd(), above).map_err(named)?;
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let stat = rustix::fs::statx(&source, name, flags, StatxFlags::BASIC_STATS).map_err(named)?;
    attributes::give_owner_and_mode(target.as_fd(), name, &stat).map_err(named)?;
    task.lost.mount(node.path_of(c"").trim_end_matches('/').to_owned());
    task.entries.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
