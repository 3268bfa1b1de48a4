//! The copier: by descriptors, on several threads, nothing followed and no mount crossed.
//!
//! One thread a processor walks directories of its own ([`walk`]) and hands those it meets to the others as long as they are short of
//! work ([`queue`]). An [`entry`] gets its [`data`], then its [`attributes`]; names of one file find each other through [`links`].
//! Memory does not grow with the tree: names are read as a stream, hard links are remembered by the target itself.

mod attributes;
mod copy_error;
mod data;
mod entry;
mod links;
mod lost;
mod queue;
mod walk;

use super::{Copied, Method, kind};
use attributes::New;
use camino::Utf8Path;
use copy_error::CopyError;
use disklessset_plugin_api::{Error, Host, Result};
use disklessset_system::file_system::FileSystem;
use links::Links;
use lost::Lost;
use queue::Queue;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxFlags},
};
use std::{
    num::NonZero,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Threads beyond these wait for the file system.
const MOST_THREADS: usize = 4;
/// How long the user's wish to stop may go unseen.
const LOOK: Duration = Duration::from_millis(50);
/// How often the progress is told.
const TELL: Duration = Duration::from_millis(500);

/// Whether a copy has blocks in common with its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// As many as it can; those that it cannot are told.
    Always,
    /// Whatever is possible between the two places.
    WherePossible,
    /// None: who asks for a copy wants data of its own.
    Never,
}

/// What comes with a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reporter {
    /// The user hears how far it is, what is odd, what is lost; in the end it is on disk.
    All,
    /// The same, and the caller flushes, if it is to last.
    Told,
    /// Nothing: it is one of many that are alike, and the caller tells, and flushes.
    Nothing,
}

/// One copy of one tree, as all its threads see it.
struct Task<'a> {
    source: OwnedFd,
    source_path: &'a Utf8Path,
    target: OwnedFd,
    way: data::Way,
    new: New,
    queue: Queue,
    links: Links,
    lost: Lost,
    entries: AtomicU64,
    bytes: AtomicU64,
    has_shared: AtomicBool,
}

/// Copies the tree into the directory `target`, which is there, empty and without inherited access rules.
pub(super) fn copy(
    source: &Utf8Path,
    target: &Utf8Path,
    sharing: Sharing,
    telling: Reporter,
    host: &Host<'_>,
) -> Result<Copied> {
    refuse_itself(source, target)?;
    let task = Task::new(source, target, sharing)?;
    std::thread::scope(|scope| {
        for number in 0..threads() {
            let started = std::thread::Builder::new().spawn_scoped(scope, || walk::work(&task));
            match started {
                Ok(_) => {}
                // Where no more may be had, those there are do it all.
                Err(_) if number > 0 => break,
                Err(cause) => return Err(Error::failed("cannot start a thread to copy with").because(cause)),
            }
        }
        supervise(&task, telling, host)
    })?;
    task.finish()?;
    if telling == Reporter::All {
        task.flush()?;
    }
    let (entries, bytes) = (task.entries.load(Ordering::Relaxed), task.bytes.load(Ordering::Relaxed));
    host.debug(format!("copied {entries} entries with {bytes} bytes from {source} to {target}"));
    if telling != Reporter::Nothing {
        for line in task.lost.remarks() {
            host.info(format!("{source}: {line}"));
        }
    }
    let shared = sharing == Sharing::Always && task.has_shared.load(Ordering::Relaxed);
    let method = if shared { Method::Reflink } else { Method::Copy };
    let lost = task.lost.losses();
    if telling != Reporter::Nothing {
        for line in &lost {
            host.warn(format!("the copy of {source} loses {line}"));
        }
    }
    Ok(Copied { method, entries, bytes, lost })
}

/// A copy inside its original would be copied too, and again, until the disk is full. Directories are compared, not paths: one can be
/// bound somewhere else. What is mounted inside the original is none of it.
pub(super) fn refuse_itself(source: &Utf8Path, target: &Utf8Path) -> Result<()> {
    let look = |path: &Utf8Path| {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
        rustix::fs::statx(CWD, path.as_std_path(), AtFlags::empty(), wanted)
    };
    let identity = |stat: &Statx| (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
    let inside = || -> std::io::Result<bool> {
        let top = identity(&look(source)?);
        let target = target.canonicalize_utf8()?;
        let mount = look(&target)?.stx_mnt_id;
        let above = target.ancestors().map_while(|above| look(above).ok());
        Ok(above.take_while(|above| above.stx_mnt_id == mount).any(|above| identity(&above) == top))
    };
    let cannot = |why| Error::refused(format!("cannot copy the tree {source} to {target}")).because(why);
    match inside() {
        Ok(false) => Ok(()),
        Ok(true) => Err(cannot("the copy would lie inside the tree".to_owned())),
        Err(cause) => Err(cannot(cause.to_string())),
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, NonZero::get).clamp(2, MOST_THREADS)
}

/// Waits for the threads; sees to it that they stop when the user asks for it. The host belongs to this thread alone.
fn supervise(task: &Task<'_>, telling: Reporter, host: &Host<'_>) -> Result<()> {
    let mut told = Instant::now();
    while !task.queue.wait_for_end(LOOK) {
        if let Err(stop) = host.checkpoint() {
            task.queue.stop();
            return Err(stop);
        }
        if telling != Reporter::Nothing && told.elapsed() >= TELL {
            told = Instant::now();
            host.progress("copying the tree", task.entries.load(Ordering::Relaxed), 0);
        }
    }
    Ok(())
}

impl<'a> Task<'a> {
    fn new(source_path: &'a Utf8Path, target: &Utf8Path, sharing: Sharing) -> Result<Self> {
        let open = |path: &Utf8Path| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(path.as_std_path(), flags, Mode::empty())
                .map_err(|cause| CopyError::new("open", path, cause))
        };
        let (source, target_fd) = (open(source_path)?, open(target)?);
        // These share what the kernel is asked to copy.
        let shares = matches!(kind(target)?, FileSystem::Btrfs | FileSystem::Xfs);
        let way = match (sharing, shares) {
            (Sharing::Always, _) => data::Way::Share,
            (Sharing::Never, true) => data::Way::ReadAndWrite,
            (Sharing::Never, false) | (Sharing::WherePossible, _) => data::Way::InKernel,
        };
        // Until it is whole, nobody but root looks in.
        rustix::fs::fchmod(&target_fd, Mode::RWXU)
            .map_err(|cause| CopyError::new("make private", target, cause))?;
        let links =
            Links::new(&target_fd).map_err(|cause| CopyError::new("make a directory in", target, cause))?;
        let new = New::as_shown_by(links.directory())
            .map_err(|cause| CopyError::new("look into", target, cause))?;
        Ok(Self {
            source,
            source_path,
            target: target_fd,
            way,
            new,
            queue: Queue::new(),
            links,
            lost: Lost::default(),
            entries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            has_shared: AtomicBool::new(false),
        })
    }

    /// What comes after the last file: the names in the way go, the topmost directory gets its attributes.
    fn finish(&self) -> Result<()> {
        if let Some(fault) = self.queue.fault() {
            return Err(fault.into());
        }
        let fault = |act| move |cause| CopyError::new(act, self.source_path, cause);
        self.links.remove(&self.target, &self.lost).map_err(fault("finish the hard links of"))?;
        walk::finish_root(self)?;
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        let fault = |cause| CopyError::new("flush the copy of", self.source_path, cause);
        Ok(rustix::fs::syncfs(&self.target).map_err(fault)?)
    }
}
