//! Takes the kernel that an OS tree brings, its modules with it, and makes its initramfs inside the tree: so kernel, modules
//! and initramfs match by construction.

use super::{
    copied,
    in_tree::{self, TreesOwn},
    initramfs::{self, Dracut},
    linked::{self, Origin},
    manager::lock,
    sums::{self, NewFile},
    vmlinuz,
};
use crate::{
    failure,
    integrity::{Digest, Digests},
    operation::{Operation, StagedKernel},
    system::{FileError, atomic_file, command::Tool, failpoint::failpoint, files, layout::Layout},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Kernel, KernelVersion, Result, TreeKernel, messages::TreeKernelRequest};
use disklessset_system::{
    bytes::Bytes,
    file_system::FileSystem,
    free_space::{FreeSpace, bytes_below},
};
use std::{fs::File, io::Read};

/// Whether to make the initramfs, or leave that to `kernel initramfs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Initramfs {
    Make,
    Later,
}

/// The service: stages the kernel of a tree for the running action.
///
/// # Errors
/// When the tree has no kernel or several, one of that version but another content is registered, or dracut fails.
pub(crate) fn stage_from_tree(operation: &Operation<'_>, request: &TreeKernelRequest) -> Result<TreeKernel> {
    let initramfs = if request.initramfs { Initramfs::Make } else { Initramfs::Later };
    stage(operation, &request.tree, initramfs)
}

pub(super) fn stage(operation: &Operation<'_>, tree: &Utf8Path, initramfs: Initramfs) -> Result<TreeKernel> {
    let layout = &operation.site().layout;
    let TreesOwn { version, vmlinuz, modules } = in_tree::find(tree)?;
    let kernel = Kernel::new(version);
    if is_known(layout, &kernel, &vmlinuz)? == Known::Yes && initramfs == Initramfs::Make {
        let whole = layout.kernels_dir().join(kernel.initramfs()).is_file();
        if whole {
            return Ok(TreeKernel::new(kernel, true));
        }
    }
    let directory = operation.staging(&layout.kernels_dir(), "kernel")?;
    // All that is taken from the tree is taken before a program of it runs, which could put links to files of the server in its place.
    let copy = directory.join("vmlinuz");
    copy_file(&vmlinuz, &copy)?;
    let real = tree.canonicalize_utf8().unwrap_or_else(|_| tree.to_owned());
    let origin = Origin { modules: &modules, tree: Some(&real) };
    let modules = stage_modules(operation, &origin, &kernel.version)?;
    let made = match initramfs {
        Initramfs::Make => {
            // It writes here and nowhere else that matters.
            let out = directory.join("made");
            atomic_file::create_dir(&out, 0o700).map_err(failure::of)?;
            Some(initramfs::make(operation, &Dracut::OfTree { tree }, &kernel.version, &out)?)
        }
        Initramfs::Later => None,
    };
    let staged =
        StagedKernel { kernel: kernel.clone(), vmlinuz: copy, initramfs: made, modules: Some(modules) };
    operation.stage_kernel(staged);
    Ok(TreeKernel::new(kernel, false))
}

/// Copies modules aside, under the path that dracut demands, whole without the tree that they are from.
pub(super) fn stage_modules(
    operation: &Operation<'_>,
    origin: &Origin<'_>,
    version: &KernelVersion,
) -> Result<Utf8PathBuf> {
    let from = origin.modules;
    let place = operation.site().layout.kernel_modules_dir();
    must_fit(from, &place, version)?;
    let staging = operation.staging(&place, "modules")?;
    let inside = staging.join("lib/modules");
    atomic_file::create_dir_all(&inside, 0o755).map_err(failure::of)?;
    // An OS tree's files: `cp -a` keeps links and times, and shares the data where the file system can.
    let copied = Tool::new("cp")
        .args(["--archive", "--reflink=auto", "--no-target-directory"])
        .args([from.as_str(), inside.join(version.as_str()).as_str()])
        .run()
        .map_err(failure::of_tool)?;
    operation.took("cp", copied.duration);
    let copy = inside.join(version.as_str());
    copied::must_be_whole(from, &copy)?;
    linked::carry(operation, origin, &copy)?;
    Ok(staging)
}

/// Refuses modules for which there is no room, where a copy is sure to share no data with them.
fn must_fit(modules: &Utf8Path, place: &Utf8Path, version: &KernelVersion) -> Result<()> {
    let space = FreeSpace::at(place).map_err(failure::of)?;
    if !matches!(space.kind, FileSystem::Ext | FileSystem::Memory) {
        return Ok(());
    }
    let needed = bytes_below(modules);
    if needed <= space.free {
        return Ok(());
    }
    let (needed, free) = (Bytes(needed), Bytes(space.free));
    Err(Error::refused(format!(
        "the modules of kernel {version} need at least {needed} in {place}, {free} free"
    ))
    .hint("make room there, or set state_directory in diskless_parameters.yml to a directory on another file system"))
}

pub(super) fn staged(kernel: Kernel, vmlinuz: Utf8PathBuf, modules: Option<Utf8PathBuf>) -> StagedKernel {
    StagedKernel { kernel, vmlinuz, initramfs: None, modules }
}

/// Publishes what was staged: modules, initramfs, and last the kernel, whose presence offers the pair.
///
/// # Errors
/// When another kernel of that version came meanwhile, or a rename fails.
pub(crate) fn publish_staged(operation: &Operation<'_>) -> Result<()> {
    let Some(staged) = operation.take_staged_kernel() else { return Ok(()) };
    let layout = &operation.site().layout;
    let version = staged.kernel.version.as_str();
    let _lock = match operation.holds_kernels() {
        true => None,
        false => Some(lock(operation.site())?),
    };
    let known = is_known(layout, &staged.kernel, &staged.vmlinuz)?;
    let ready = |from: &Utf8Path, mode: u32| files::set_mode(from, mode).map_err(failure::of);
    let there = |place: &Utf8Path| place.symlink_metadata().is_ok();
    if let Some(modules) = &staged.modules {
        let place = layout.kernel_modules_dir().join(version);
        if !there(&place) {
            ready(modules, 0o755)?;
            operation.publish_new(modules, &place, Some(version))?;
        }
    }
    let place = layout.kernels_dir().join(staged.kernel.initramfs());
    let initramfs = staged.initramfs.as_deref().filter(|_| !there(&place));
    if known == Known::Yes && initramfs.is_none() {
        return Ok(());
    }
    // Named after its content before that is renamed away.
    let mut brought = vec![NewFile { name: staged.kernel.vmlinuz(), from: &staged.vmlinuz }];
    brought.extend(initramfs.map(|from| NewFile { name: staged.kernel.initramfs(), from }));
    for file in &brought {
        ready(file.from, 0o644)?;
    }
    let staging = operation.staging(&layout.kernels_dir(), "sums")?;
    sums::publish(operation, &staged.kernel, &brought, Digests::Carried, &staging, Some(version))?;
    if let Some(initramfs) = initramfs {
        operation.publish_new(initramfs, &place, Some(version))?;
    }
    let place = layout.kernels_dir().join(staged.kernel.vmlinuz());
    match known {
        Known::Yes => Ok(()),
        Known::No | Known::Damaged => sums::put(operation, &staged.vmlinuz, &place, Some(version)),
    }
}

/// Whether a kernel is registered already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// This very one is.
    Yes,
    /// None of its version is.
    No,
    /// What is registered is not what it was, or not what its name says; this one may take its place.
    Damaged,
}

/// Whether this very kernel is registered already.
///
/// # Errors
/// When another kernel of the same version is.
pub(super) fn is_known(layout: &Layout, kernel: &Kernel, vmlinuz: &Utf8Path) -> Result<Known> {
    let registered = layout.kernels_dir().join(kernel.vmlinuz());
    if registered.symlink_metadata().is_err() {
        return Ok(Known::No);
    }
    if same_content(&registered, vmlinuz).map_err(failure::of)? {
        return Ok(Known::Yes);
    }
    let published = sums::load(layout, kernel).ok().flatten().and_then(|sums| sums.get(&kernel.vmlinuz()));
    let damaged = match published {
        Some(published) => Digest::of_file(vmlinuz)? == published,
        None => {
            let version = |file| vmlinuz::version_of_file(file).map_err(failure::of);
            let (wrong, right) = (version(&registered)?, version(vmlinuz)?);
            wrong.is_some_and(|wrong| wrong != kernel.version) && right.as_ref() == Some(&kernel.version)
        }
    };
    if damaged {
        return Ok(Known::Damaged);
    }
    Err(Error::refused(format!(
        "another kernel {} is registered already, with other content",
        kernel.version
    ))
    .hint("remove it first, if no image needs it: disklessset kernel remove VERSION"))
}

/// Copies one plain file, as fs_extra is good at.
pub(super) fn copy_file(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    let options = fs_extra::file::CopyOptions::new();
    let copied = fs_extra::file::copy(from, to, &options);
    failpoint!("kernel: copied aside", to);
    copied.map(drop).map_err(|error| {
        let failed = Error::failed(format!("cannot copy {from} to {to}"));
        match error.kind {
            // It keeps what the system answered to itself.
            fs_extra::error::ErrorKind::Io(cause) => failed.because(cause),
            _ => failed.because(error),
        }
    })
}

fn same_content(a: &Utf8Path, b: &Utf8Path) -> Result<bool, FileError> {
    let open = |path: &Utf8Path| File::open(path).map_err(FileError::of("read", path));
    let (mut file_a, mut file_b) = (open(a)?, open(b)?);
    let length =
        |file: &File, path| file.metadata().map(|meta| meta.len()).map_err(FileError::of("read", path));
    if length(&file_a, a)? != length(&file_b, b)? {
        return Ok(false);
    }
    let (mut buffer_a, mut buffer_b) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let read = file_a.read(&mut buffer_a).map_err(FileError::of("read", a))?;
        if read == 0 {
            return Ok(true);
        }
        file_b.read_exact(&mut buffer_b[..read]).map_err(FileError::of("read", b))?;
        if buffer_a[..read] != buffer_b[..read] {
            return Ok(false);
        }
    }
}
