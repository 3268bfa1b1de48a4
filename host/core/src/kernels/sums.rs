//! What tells of a kernel's files: a manifest `SHA256SUMS-V` beside them, and signatures.
//!
//! One manifest a kernel, so that kernels come and go without touching what tells of others. No name begins with `vmlinuz-`:
//! listings, those of 1.x too, take such files for kernels.

use crate::{
    failure,
    integrity::{Digest, Digests, Manifest, Signer},
    operation::Operation,
    records::file_names::kernel_signature,
    system::{atomic_file, layout::Layout},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Kernel, Level, Result};

/// The name of the manifest of a kernel.
pub(crate) fn manifest_name(kernel: &Kernel) -> String {
    format!("SHA256SUMS-{}", kernel.version)
}

/// The two files of a pair.
pub(super) fn pair(kernel: &Kernel) -> [String; 2] {
    [kernel.vmlinuz(), kernel.initramfs()]
}

/// All files that tell of a kernel, whether they are there or not.
pub(super) fn all(kernel: &Kernel) -> Vec<String> {
    let [vmlinuz, initramfs] = pair(kernel);
    let manifest = manifest_name(kernel);
    vec![kernel_signature(&vmlinuz), kernel_signature(&initramfs), kernel_signature(&manifest), manifest]
}

/// The manifest of a kernel; `None` when there is none.
///
/// # Errors
/// When it cannot be read.
pub(super) fn load(layout: &Layout, kernel: &Kernel) -> Result<Option<Manifest>> {
    Manifest::load(&layout.kernels_dir().join(manifest_name(kernel)))
}

/// The digest that a file of a kernel was published with; none where none is on record.
pub(crate) fn published_digest(layout: &Layout, kernel: &Kernel, file: &str) -> Option<Digest> {
    load(layout, kernel).ok().flatten()?.get(file)
}

/// Whether both files of a pair have signatures; they may be wrong ones.
pub(crate) fn are_signatures_there(layout: &Layout, kernel: &Kernel) -> bool {
    pair(kernel).iter().all(|file| layout.kernels_dir().join(kernel_signature(file)).is_file())
}

/// A file of a kernel that a change brings: its name in the directory of kernels, and where it is now.
pub(super) struct NewFile<'a> {
    pub(super) name: String,
    pub(super) from: &'a Utf8Path,
}

/// Puts the manifest of a kernel that belongs to what a change brings in service, and signatures where the site signs. `staging`
/// is a private directory of the operation beside the kernels; `version` goes on record with what is new.
///
/// `digests` tells where those of files that stay come from. What replaces something comes into service when the operation is committed.
///
/// # Errors
/// When a file cannot be read or written, or signing fails.
pub(super) fn publish(
    operation: &Operation<'_>,
    kernel: &Kernel,
    brought: &[NewFile<'_>],
    digests: Digests,
    staging: &Utf8Path,
    version: Option<&str>,
) -> Result<()> {
    let layout = &operation.site().layout;
    let directory = layout.kernels_dir();
    let known = load(layout, kernel).unwrap_or_else(|error| {
        operation.say(Level::Warning, &format!("{error}; its digests are lost"));
        None
    });
    let known = known.unwrap_or_default();
    let signer = operation.site().signer();
    let mut manifest = Manifest::default();
    for name in pair(kernel) {
        let now = brought.iter().find(|brought| brought.name == name);
        let there = directory.join(&name);
        let digest = match (now, digests, known.get(&name)) {
            (Some(brought), ..) => Some(Digest::of_file(brought.from)?),
            (None, ..) if !there.is_file() => None,
            (None, Digests::Anew, _) | (None, Digests::Completed, None) => Some(Digest::of_file(&there)?),
            (None, _, known) => known,
        };
        let Some(digest) = digest else { continue };
        let file = now.map_or(there, |brought| brought.from.to_owned());
        manifest.set(name.clone(), digest);
        match &signer {
            // Never for a file that is not what it was.
            Some(_) if now.is_none() && Digest::of_file(&file)? != digest => {
                let text = format!("{name} is not as it was published, and was not signed");
                operation.say(Level::Warning, &text);
            }
            Some(signer) => sign(operation, signer, &file, &name, staging, version)?,
            // One of an earlier time would be of another file.
            None if now.is_some() => forget(operation, &kernel_signature(&name))?,
            None => {}
        }
    }
    let name = manifest_name(kernel);
    let file = staging.join(&name);
    atomic_file::replace(&file, manifest.to_string().as_bytes(), 0o644).map_err(failure::of)?;
    match &signer {
        Some(signer) => sign(operation, signer, &file, &name, staging, version)?,
        None => forget(operation, &kernel_signature(&name))?,
    }
    put(operation, &file, &directory.join(name), version)
}

fn sign(
    operation: &Operation<'_>,
    signer: &Signer,
    file: &Utf8Path,
    name: &str,
    staging: &Utf8Path,
    version: Option<&str>,
) -> Result<()> {
    let name = kernel_signature(name);
    let made = staging.join(&name);
    signer.sign(file, &made)?;
    put(operation, &made, &operation.site().layout.kernels_dir().join(name), version)
}

fn forget(operation: &Operation<'_>, name: &str) -> Result<()> {
    let place: Utf8PathBuf = operation.site().layout.kernels_dir().join(name);
    if place.symlink_metadata().is_ok() { operation.delete_on_commit(place) } else { Ok(()) }
}

/// Puts a finished file in its served place: at once where nothing is, else when the operation is committed.
pub(super) fn put(
    operation: &Operation<'_>,
    from: &Utf8Path,
    to: &Utf8Path,
    version: Option<&str>,
) -> Result<()> {
    match to.symlink_metadata() {
        Ok(_) => operation.swap_file_on_commit(from, to),
        Err(_) => operation.publish_new(from, to, version),
    }
}
