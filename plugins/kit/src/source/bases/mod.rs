//! Trees of packages that are kept: the next image of the same packages, from repositories that have not changed, begins from one.
//!
//! What decides is the content of the repositories' indexes of now (release files, `repomd.xml`), beside all that the package manager is
//! told. Where that cannot be found out, the tree is made from packages, as ever.

mod key;
mod releases;
mod stamp;

pub(super) use key::Ingredients;
pub(super) use releases::{Wanted, digest as digest_of_releases};

use crate::{os_release, space, trees};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Host, Result};
use disklessset_system::bases::{BaseFacts, BaseKey, Bases, HeldBase};

/// The base that a tree could be made from, and is kept as.
pub(super) struct Base {
    bases: Bases,
    key: BaseKey,
}

impl Base {
    /// That of these ingredients, with a digest of what the repositories have; none where no bases are kept, or nobody can tell what they
    /// have.
    pub(super) fn of(
        ingredients: &Ingredients<'_>,
        host: &Host<'_>,
        repositories: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Option<Self> {
        let bases = Bases::of_work_area(&host.paths().ok()?.work);
        if !bases.are_kept() {
            return None;
        }
        let releases = told(repositories(), "begin from a base", host)?;
        Some(Self { bases, key: ingredients.key(&releases) })
    }

    /// Makes the tree from the base, where there is one; whether it did. `tree` is a directory that exists and is empty.
    ///
    /// # Errors
    /// When the base is there and cannot be copied.
    pub(super) fn make(&self, tree: &Utf8Path, host: &Host<'_>) -> Result<bool> {
        let Some(held) = told(self.sound(), "begin from a base", host).flatten() else { return Ok(false) };
        let BaseFacts { what, made, .. } = held.facts();
        host.info(format!(
            "taking the tree that was kept on {made} ({what}): the repositories have not changed"
        ));
        std::fs::remove_dir(tree)?;
        let beside = tree.parent().unwrap_or(Utf8Path::new("/"));
        let choice = trees::choose(held.tree(), beside, trees::Wanted::Auto, host)?;
        trees::copy_one_of_many(held.tree(), tree, choice.method, host)?;
        told(
            held.mark_used().map_err(|cause| Error::failed(cause.to_string())),
            "note the use of a base",
            host,
        );
        Ok(true)
    }

    /// The base, when its tree is what was kept.
    fn sound(&self) -> Result<Option<HeldBase>> {
        let held = self.bases.hold(&self.key).map_err(|cause| Error::failed(cause.to_string()))?;
        let Some(held) = held else { return Ok(None) };
        if stamp::of(held.tree())?.digest == held.facts().stamp {
            return Ok(Some(held));
        }
        drop(held);
        let removed = self.bases.remove(&self.key);
        removed.map_err(|cause| Error::failed(cause.to_string()))?;
        Err(Error::failed("the base of these packages was changed since it was kept: it is removed"))
    }

    /// Keeps a tree as the base, when its repositories still have what they had before. A tree that cannot be kept is as good as any: the
    /// user hears why.
    pub(super) fn keep(&self, now: Option<Self>, tree: &Utf8Path, what: String, host: &Host<'_>) {
        if now.is_some_and(|now| now.key == self.key) {
            if told(self.kept(tree, what, host), "keep the tree as a base", host).is_none() {
                // The room that half of it takes is needed for the image itself.
                let swept = self.bases.sweep().map_err(|cause| Error::failed(cause.to_string()));
                told(swept, "remove what there is of it", host);
            }
        } else {
            host.debug("the repositories changed meanwhile: the tree is not kept as a base");
        }
    }

    fn kept(&self, tree: &Utf8Path, what: String, host: &Host<'_>) -> Result<()> {
        let fault = |cause: disklessset_system::FileError| Error::failed(cause.to_string());
        let room = space::free_space(self.bases.directory())?;
        // The image itself is packed after this, and goes before what the next one could begin from.
        if room.free / 2 < space::tree_need(tree, &room)?.bytes {
            return Err(Error::failed("there is room for the image alone"));
        }
        let new = self.bases.begin(&self.key).map_err(fault)?;
        let own = new.tree();
        let beside = own.parent().unwrap_or(Utf8Path::new("/"));
        let choice = trees::choose(tree, beside, trees::Wanted::Auto, host)?;
        trees::copy_one_of_many(tree, &own, choice.method, host)?;
        trees::flush(&own)?;
        let stamp = stamp::of(&own)?;
        let facts = BaseFacts { what, made: os_release::now(), stamp: stamp.digest, bytes: stamp.bytes };
        self.bases.publish(new, &self.key, &facts).map_err(fault)
    }
}

/// What came of something that the user's work goes on without; why not is told in a line.
fn told<T>(outcome: Result<T>, what: &str, host: &Host<'_>) -> Option<T> {
    let tell = |error: Error| {
        // One of them says what the system refused, such as a full disk.
        let causes: String = error.causes.iter().map(|cause| format!(": {cause}")).collect();
        host.info(format!("cannot {what}: {error}{causes}"));
    };
    outcome.map_err(tell).ok()
}
