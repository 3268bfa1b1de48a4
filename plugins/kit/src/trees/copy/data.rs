//! The content of files: shared, or copied without filling its holes.

use super::{Task, attributes::Scratch};
use rustix::{
    fd::OwnedFd,
    fs::{IFlags, SeekFrom, Statx},
    io::Errno,
};
use std::sync::atomic::Ordering;

/// The most that is copied between two looks at whether to stop.
const STEP: u64 = 16 << 20;

/// How content comes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Both files have the same blocks.
    Share,
    /// The kernel copies; some file systems share what they are asked to copy.
    InKernel,
    /// We copy, so that the file system cannot share.
    ReadAndWrite,
}

/// Whether content that was to be shared is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    AsAsked,
    No,
}

/// Gives the empty file `target` the content of `source`.
pub(super) fn copy(
    task: &Task<'_>,
    source: &OwnedFd,
    target: &OwnedFd,
    stat: &Statx,
    scratch: &mut Scratch,
) -> rustix::io::Result<Shared> {
    let size = stat.stx_size;
    if size == 0 {
        return Ok(Shared::AsAsked);
    }
    if task.way == Way::Share {
        match share(source, target) {
            Ok(()) => {
                task.has_shared.store(true, Ordering::Relaxed);
                return Ok(Shared::AsAsked);
            }
            Err(Errno::XDEV | Errno::OPNOTSUPP | Errno::NOTTY | Errno::INVAL | Errno::TXTBSY) => {}
            Err(cause) => return Err(cause),
        }
    }
    let mut pump = CopyBuffer { task, source, target, in_kernel: task.way != Way::ReadAndWrite, scratch };
    if stat.stx_blocks.saturating_mul(512) >= size {
        pump.range(0, size)?;
    } else {
        pump.sparse(size)?;
    }
    Ok(if task.way == Way::Share { Shared::No } else { Shared::AsAsked })
}

fn share(source: &OwnedFd, target: &OwnedFd) -> rustix::io::Result<()> {
    match rustix::fs::ioctl_ficlone(target, source) {
        // On btrfs both must be alike in whether they are copied on write; a new file takes after its directory.
        Err(Errno::INVAL) => {
            let wanted = rustix::fs::ioctl_getflags(source)? & IFlags::NOCOW;
            let flags = rustix::fs::ioctl_getflags(target)?;
            if flags & IFlags::NOCOW == wanted {
                return Err(Errno::INVAL);
            }
            rustix::fs::ioctl_setflags(target, (flags - IFlags::NOCOW) | wanted)?;
            rustix::fs::ioctl_ficlone(target, source)
        }
        outcome => outcome,
    }
}

struct CopyBuffer<'p> {
    task: &'p Task<'p>,
    source: &'p OwnedFd,
    target: &'p OwnedFd,
    in_kernel: bool,
    scratch: &'p mut Scratch,
}

impl CopyBuffer<'_> {
    /// Copies what is no hole, and makes the file as long as it was.
    fn sparse(&mut self, size: u64) -> rustix::io::Result<()> {
        let mut at = 0;
        while at < size && !self.task.queue.is_stopped() {
            let data = match rustix::fs::seek(self.source, SeekFrom::Data(at)) {
                Ok(data) => data,
                Err(Errno::NXIO) => break,
                // A file system that knows no holes.
                Err(Errno::INVAL) if at == 0 => return self.range(0, size),
                Err(cause) => return Err(cause),
            };
            let hole = rustix::fs::seek(self.source, SeekFrom::Hole(data))?;
            self.range(data, hole.min(size))?;
            at = hole;
        }
        rustix::fs::ftruncate(self.target, size)
    }

    fn range(&mut self, from: u64, to: u64) -> rustix::io::Result<()> {
        let mut at = from;
        while at < to && !self.task.queue.is_stopped() {
            let step = (to - at).min(STEP);
            let copied = if self.in_kernel { self.kernel_step(at, step)? } else { self.step(at, step)? };
            match copied {
                Some(0) => break,
                Some(copied) => at += copied,
                None => self.in_kernel = false,
            }
        }
        Ok(())
    }

    /// `None` when the kernel cannot do it between these two.
    fn kernel_step(&self, at: u64, length: u64) -> rustix::io::Result<Option<u64>> {
        let (mut from, mut to) = (at, at);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (source, target) = (self.source, self.target);
        match rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), length) {
            Ok(copied) => Ok(Some(copied as u64)),
            Err(Errno::XDEV | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::PERM) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    fn step(&mut self, at: u64, length: u64) -> rustix::io::Result<Option<u64>> {
        let most = usize::try_from(length).unwrap_or(usize::MAX).min(self.scratch.data.len());
        let buffer = self.scratch.data.get_mut(..most).unwrap_or_default();
        let read = rustix::io::pread(self.source, &mut *buffer, at)?;
        let mut written = 0;
        while let Some(rest) = buffer.get(written..read).filter(|rest| !rest.is_empty()) {
            match rustix::io::pwrite(self.target, rest, at + written as u64) {
                Ok(0) => return Err(Errno::IO),
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(Some(read as u64))
    }
}
