//! The manifest of an image: the digests of the files in its directory that nodes fetch, put in service together with them.
//!
//! All of them are in it but `image_data.yml`, which nodes do not fetch. It tells only of what disklessset itself published: a
//! file that stays while others change keeps the digest it had, or goes on without one.

use crate::{
    failure,
    integrity::{
        Digest, Manifest, Signer,
        manifest::{Digests, FILE_NAME, files_in},
    },
    records::file_names::{self, SIGNED},
    system::atomic_file,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Level, Result};

/// The files in an image's directory that belong into its manifest.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn files_of(directory: &Utf8Path) -> Result<Vec<String>> {
    files_in(directory, &|name| name == file_names::RECORD || file_names::DIGESTS.contains(&name))
}

/// The manifest in an image's directory; `None` when there is none.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn load(directory: &Utf8Path) -> Result<Option<Manifest>> {
    Manifest::load(&directory.join(FILE_NAME))
}

/// How the next state of an image differs from the one before.
pub(crate) struct Change<'a> {
    /// The files that are new or have other content.
    pub(crate) new: &'a [&'a str],
    /// Where the digests of those that stay come from.
    pub(crate) digests: Digests,
    /// Digests that are known already: no file is read twice.
    pub(crate) computed: &'a Manifest,
}

/// Writes the manifest of the next state of an image, built in `next`; `before` is the one in service.
///
/// # Errors
/// When a file cannot be read or written, or signing fails.
pub(crate) fn write_next(
    before: &Utf8Path,
    next: &Utf8Path,
    change: &Change<'_>,
    signer: Option<&Signer>,
    say: &dyn Fn(Level, &str),
) -> Result<()> {
    let known = load(before).unwrap_or_else(|error| {
        // Worth a word, and nothing that may keep an image from being changed.
        say(Level::Warning, &format!("{error}; its digests are lost"));
        None
    });
    let known = known.unwrap_or_default();
    let mut manifest = Manifest::default();
    for name in files_of(next)? {
        let computed = || digest_of(next, &name, change.computed).map(Some);
        let digest = match (change.digests, known.get(&name)) {
            _ if change.new.contains(&name.as_str()) => computed()?,
            (Digests::Anew, _) | (Digests::Completed, None) => computed()?,
            (Digests::Carried | Digests::Completed, carried) => carried,
        };
        if let Some(digest) = digest {
            manifest.set(name, digest);
        }
    }
    write(next, &manifest, signer)
}

fn digest_of(directory: &Utf8Path, name: &str, computed: &Manifest) -> Result<Digest> {
    match computed.get(name) {
        Some(digest) => Ok(digest),
        None => Digest::of_file(&directory.join(name)),
    }
}

/// Writes the manifest of a new image, built in `directory`; gives it back. Digests that are known already are not computed again.
///
/// # Errors
/// As [`write_next`].
pub(crate) fn write_new(
    directory: &Utf8Path,
    computed: &Manifest,
    signer: Option<&Signer>,
) -> Result<Manifest> {
    let mut manifest = Manifest::default();
    for name in files_of(directory)? {
        let digest = digest_of(directory, &name, computed)?;
        manifest.set(name, digest);
    }
    write(directory, &manifest, signer)?;
    Ok(manifest)
}

fn write(directory: &Utf8Path, manifest: &Manifest, signer: Option<&Signer>) -> Result<()> {
    let file = directory.join(FILE_NAME);
    atomic_file::replace(&file, manifest.to_string().as_bytes(), 0o644).map_err(failure::of)?;
    if let Some(signer) = signer {
        for (file, signature) in SIGNED {
            signer.sign(&directory.join(file), &directory.join(signature))?;
        }
        atomic_file::sync_dir(directory).map_err(failure::of)?;
    }
    Ok(())
}

/// Refuses a copy of files that are damaged: its own manifest would call them good.
///
/// # Errors
/// The file that is not as it was published.
pub(crate) fn must_be_of_whole_files(copy: &Manifest, source: &Utf8Path, name: &str) -> Result<()> {
    let Some(published) = load(source)? else { return Ok(()) };
    for (file, digest) in copy.entries() {
        let Some(wanted) = published.get(file) else { continue };
        if file == file_names::BOOT_FILE || digest == wanted {
            continue;
        }
        // A class may change what it copies; the source tells.
        if Digest::of_file(&source.join(file))? != wanted {
            return Err(Error::failed(format!("{file} of image {name} is not as it was published"))
                .hint(format!("disklessset verify {name}")));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]
mod tests {
    use super::*;
    use std::fs;

    fn quiet(_: Level, _: &str) {}

    /// Two states beside each other; `squashfs.img` stays, `boot.ipxe` is new.
    fn states(manifest: Option<&str>) -> (tempfile::TempDir, camino::Utf8PathBuf, camino::Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap();
        let (before, next) = (base.join("before"), base.join("next"));
        for (state, boot) in [(&before, "old boot"), (&next, "new boot")] {
            fs::create_dir(state).unwrap();
            fs::write(state.join("boot.ipxe"), boot).unwrap();
            fs::write(state.join("squashfs.img"), "root").unwrap();
            fs::write(state.join("image_data.yml"), "record").unwrap();
        }
        if let Some(text) = manifest {
            fs::write(before.join(FILE_NAME), text).unwrap();
        }
        (dir, before, next)
    }

    fn root_after(manifest: Option<&str>, digests: Digests) -> Option<Digest> {
        let (_dir, before, next) = states(manifest);
        let change = Change { new: &["boot.ipxe"], digests, computed: &Manifest::default() };
        write_next(&before, &next, &change, None, &quiet).unwrap();
        let written = load(&next).unwrap().unwrap();
        assert_eq!(written.get("boot.ipxe"), Some(Digest::of(b"new boot")));
        assert_eq!(written.get("image_data.yml"), None, "nodes do not fetch it");
        written.get("squashfs.img")
    }

    #[test]
    fn a_file_that_stays_keeps_its_digest_even_when_it_is_damaged() {
        let wanted = Digest::of(b"as published");
        let text = format!("{wanted}  squashfs.img\n");
        assert_eq!(root_after(Some(&text), Digests::Carried), Some(wanted));
        assert_eq!(root_after(Some(&text), Digests::Completed), Some(wanted));
        assert_eq!(root_after(Some(&text), Digests::Anew), Some(Digest::of(b"root")));
    }

    #[test]
    fn what_nobody_published_gets_a_digest_only_when_asked_for() {
        for text in [None, Some(""), Some("rubbish")] {
            assert_eq!(root_after(text, Digests::Carried), None);
            assert_eq!(root_after(text, Digests::Completed), Some(Digest::of(b"root")));
        }
    }

    #[test]
    fn a_copy_of_damaged_files_is_refused() {
        let (_dir, source, copy) = states(None);
        let of_copy = write_new(&copy, &Manifest::default(), None).unwrap();
        must_be_of_whole_files(&of_copy, &source, "web").unwrap();
        fs::write(source.join(FILE_NAME), format!("{}  squashfs.img\n", Digest::of(b"root"))).unwrap();
        must_be_of_whole_files(&of_copy, &source, "web").unwrap();
        fs::write(source.join(FILE_NAME), format!("{}  squashfs.img\n", Digest::of(b"whole"))).unwrap();
        let error = must_be_of_whole_files(&of_copy, &source, "web").unwrap_err();
        assert!(error.message.contains("squashfs.img of image web is not as it was published"));
    }
}
