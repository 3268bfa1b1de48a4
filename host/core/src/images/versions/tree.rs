//! The OS tree of an image that nodes mount: no version has it, and it goes to others as an archive beside one.

use super::Outgoing;
use crate::{
    failure,
    images::manager::ImageManager,
    installations::Effect,
    needs,
    operation::{Operation, Reading},
    system::{
        FileError, atomic_file,
        command::{self, Tool},
        failpoint::failpoint,
        interrupt,
    },
    versions::{Incoming, VersionReference, of_layout},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::{
    layout::{Layout as Oci, Partial},
    manifest::{Blob, TREE_TYPE},
};
use disklessset_plugin_api::{Error, Hold, Image, ImageName, Level, Result};
use disklessset_system::tree_files::TreeFiles;

/// What the archive is called in a manifest.
const TITLE: &str = "os-tree.tar.zst";
/// Another tree is another archive, and nothing else makes one: the order is that of names, and nothing tells of the process or of reads.
/// The old form of sparse files has no number of a process in it.
const PACK: [&str; 11] = [
    "--create",
    "--format=posix",
    "--sort=name",
    "--numeric-owner",
    "--xattrs",
    "--xattrs-include=*",
    "--acls",
    "--sparse",
    "--sparse-version=0.0",
    "--one-file-system",
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
];
const UNPACK: [&str; 7] = [
    "--extract",
    "--numeric-owner",
    "--same-owner",
    "--preserve-permissions",
    "--xattrs",
    "--xattrs-include=*",
    "--delay-directory-restore",
];

impl ImageManager<'_> {
    /// The same as [`ImageManager::give`] with the OS tree of the image as it is now, where that is no part of its versions. The second
    /// argument of `run` is a layout that has the tree, and it is gone afterwards.
    ///
    /// # Errors
    /// As [`ImageManager::check_give_with_tree`]; when the tree changes meanwhile; those of `run`.
    pub fn give_with_tree<T>(
        &self,
        reference: &VersionReference,
        run: impl FnOnce(&Outgoing, Option<&Oci>) -> Result<T>,
    ) -> Result<T> {
        if self.check_give_with_tree(reference)?.has_tree {
            return run(&self.give(reference)?, None);
        }
        self.with_tree(&reference.image, |operation, tree| {
            let mut outgoing = self.outgoing(reference, None)?;
            self.must_be_all_of(&reference.image, tree)?;
            self.tell_of_secrets(&reference.image, tree)?;
            let (layout, blob) = self.pack(operation, tree)?;
            outgoing.add_tree(TITLE, blob)?;
            run(&outgoing, Some(&layout))
        })
    }

    /// Looks a version up that is to go to others with its tree.
    ///
    /// # Errors
    /// As [`ImageManager::check_give`]; when the class of the image shows no tree, or the image is more than its tree.
    pub fn check_give_with_tree(&self, reference: &VersionReference) -> Result<Outgoing> {
        let outgoing = self.outgoing(reference, None)?;
        if outgoing.has_tree {
            return Ok(outgoing);
        }
        let mut image = self.get_created_image(&reference.image)?;
        self.must_be_all_of(&reference.image, &self.tree_place(&mut image)?)?;
        must_have_tools("push an OS tree")?;
        Ok(outgoing)
    }

    /// Where the class of an image has its OS tree.
    fn tree_place(&self, image: &mut Image) -> Result<Utf8PathBuf> {
        self.module_needed(image.class(), &image.name().clone())?;
        let reading = Reading::rehearsing(self.site, image.name(), image.class());
        self.tree_shown(&reading, image)
    }

    /// Refuses an image that is more than its tree, as one is that has a tree for each node: its tree alone would not make it again.
    fn must_be_all_of(&self, name: &ImageName, tree: &Utf8Path) -> Result<()> {
        let standing = self.site.layout.owned_roots();
        let stands_alone = tree.file_name() == Some(name.as_str());
        if stands_alone && tree.parent().is_some_and(|parent| standing.iter().any(|place| place == parent)) {
            return Ok(());
        }
        let text = format!("image {name} is more than its OS tree, and cannot be made from that alone");
        Err(Error::refused(text).hint("push and pull the image that it was made from, and make it there"))
    }

    fn tell_of_secrets(&self, name: &ImageName, tree: &Utf8Path) -> Result<()> {
        let files = TreeFiles::open(tree).map_err(failure::of)?;
        let shadow = files.read_text("etc/shadow").map_err(failure::of)?.unwrap_or_default();
        if has_password_of_root(&shadow) {
            let text = format!(
                "the tree of image {name} has the hash of root's password: who can pull it can read it"
            );
            self.site.observer.line(Level::Warning, &text);
        }
        Ok(())
    }

    /// Packs a tree into a private layout.
    fn pack(&self, operation: &Operation<'_>, tree: &Utf8Path) -> Result<(Oci, Blob)> {
        must_have_tools("push an OS tree")?;
        let staging = operation.staging(&self.site.layout.workdir(), "tree")?;
        let file = staging.join(TITLE);
        operation.reading().say(Level::Info, &format!("packing the tree {tree}"));
        self.site.observer.progress("packing the tree", 0, 0);
        let packed = tar(operation, "pack", tree, &file, &PACK, &["."]);
        packed.map_err(|error| error.context(format!("cannot pack the tree {tree}")))?;
        let oci = Oci::open_or_create(&staging.join("layout"), &staging.join("stamps")).map_err(of_layout)?;
        let oci = oci.stopped_when(|| interrupt::check().is_err());
        let put = oci.put_file(&file, None).map_err(of_layout)?;
        atomic_file::remove_file(&file).map_err(failure::of)?;
        failpoint!("push: the tree packed", staging);
        Ok((oci, Blob { media_type: TREE_TYPE.to_owned(), digest: put.digest, size: put.size }))
    }

    /// Refuses a tree that cannot become that of an image of this name.
    pub(super) fn check_tree(&self, incoming: &Incoming, name: &ImageName) -> Result<()> {
        if self.records.exists(name) {
            let text = format!("image {name} is here already: its OS tree is never replaced");
            return Err(Error::refused(text).hint(format!("disklessset remove {name}")));
        }
        let place = self.tree_place_of_new(incoming, name)?;
        self.must_be_all_of(name, &place)?;
        let published = self.site.layout.published(&place);
        let is_end =
            |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "._-/".contains(c));
        if !incoming.boot_file().split(published.as_str()).skip(1).any(is_end) {
            let text = format!(
                "its boot file has nodes mount another tree than {published}, where it would be here"
            );
            return Err(Error::refused(format!("the version cannot be used: {text}")).hint(format!(
                "pull it as {}, with the directory of NFS images as it was where it was made",
                incoming.image()
            )));
        }
        if place.symlink_metadata().is_ok() {
            return Err(Error::refused(format!("{place} already exists and is no image's")));
        }
        must_have_tools("pull an OS tree")
    }

    pub(super) fn tree_place_of_new(&self, incoming: &Incoming, name: &ImageName) -> Result<Utf8PathBuf> {
        let directory = self.site.layout.images_dir();
        let mut image = Image::new(name.clone(), incoming.class(), incoming.attributes().clone(), directory);
        self.tree_place(&mut image)
    }

    /// Puts the tree of a new image into its place. What came is gone afterwards.
    pub(super) fn unpack_tree(
        &self,
        operation: &Operation<'_>,
        incoming: &Incoming,
        name: &ImageName,
        arrived: Partial,
    ) -> Result<()> {
        let place = self.tree_place_of_new(incoming, name)?;
        let unpacked = self.unpack(operation, &place, &arrived);
        arrived.discard().map_err(of_layout)?;
        unpacked
    }

    fn unpack(&self, operation: &Operation<'_>, place: &Utf8Path, arrived: &Partial) -> Result<()> {
        if !arrived.is_whole() {
            return Err(Error::failed("the OS tree that came is not the one that the manifest names"));
        }
        let parent = place.parent().unwrap_or(place);
        operation.site().make_private(parent)?;
        let staging = operation.staging(parent, "new")?;
        operation.reading().say(Level::Info, &format!("unpacking the tree {place}"));
        self.site.observer.progress("unpacking the tree", 0, 0);
        tar(operation, "unpack", &staging, arrived.path(), &UNPACK, &[])
            .map_err(|error| error.context(format!("cannot unpack the tree {place}")))?;
        failpoint!("pull: the tree unpacked", staging);
        if !TreeFiles::open(&staging).map_err(failure::of)?.exists("etc/passwd") {
            return Err(Error::refused("the version cannot be used: its OS tree has no etc/passwd"));
        }
        flush_tree(&staging)?;
        // The image's own from now on, as if its class had made it.
        operation.acquire(Effect::Directory { path: place.to_owned() }, Hold::Image, || {
            atomic_file::rename_noreplace(&staging, place).map_err(failure::of)
        })
    }
}

fn tar(
    operation: &Operation<'_>,
    what: &str,
    tree: &Utf8Path,
    file: &Utf8Path,
    options: &[&str],
    members: &[&str],
) -> Result<()> {
    let log = atomic_file::open_log(operation.log()).map_err(failure::of)?;
    let ran = Tool::new("tar")
        .args(options)
        .args(["--zstd", "--force-local", "--directory", tree.as_str(), "--file", file.as_str()])
        .args(members)
        .log_to(&log)
        .run()
        .map_err(failure::of_tool)?;
    operation.took(&format!("tar ({what})"), ran.duration);
    Ok(())
}

/// Has a tree on disk: all of its file system at once, because names of its files may be of any kind.
fn flush_tree(tree: &Utf8Path) -> Result<()> {
    let flushed = std::fs::File::open(tree).and_then(|tree| Ok(rustix::fs::syncfs(&tree)?));
    flushed.map_err(|cause| failure::of(FileError::of("flush", tree)(cause)))
}

fn must_have_tools(work: &str) -> Result<()> {
    match ["tar", "zstd"].iter().find(|tool| command::find(tool).is_none()) {
        Some(tool) => Err(needs::refusal(work, tool)),
        None => Ok(()),
    }
}

/// Whether anybody could try to guess root's password: it has a hash.
fn has_password_of_root(shadow: &str) -> bool {
    let fields = shadow.lines().find_map(|line| line.strip_prefix("root:"));
    let hash = fields.and_then(|fields| fields.split(':').next()).unwrap_or_default();
    hash.trim_start_matches('!').starts_with('$')
}

#[cfg(test)]
mod tests {
    use super::has_password_of_root;

    #[test]
    fn a_password_of_root_is_told_from_none() {
        for (shadow, has) in [
            ("root:$6$salt$hash:1::\n", true),
            ("bin:*:1::\nroot:!$y$hash:1::\n", true),
            ("root:*:1::\n", false),
            ("root:!:1::\nme:$6$x$y:1::\n", false),
            ("root::1::\n", false),
            ("", false),
        ] {
            assert_eq!(has_password_of_root(shadow), has, "{shadow:?}");
        }
    }
}
