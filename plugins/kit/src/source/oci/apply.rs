//! Applying one layer to the tree: read once to check all of it and to learn what it removes, and only then applied.
//!
//! Removals are of what lower layers have, wherever they stand in the archive: so they go first.

use super::{
    kept::HeldFiles,
    layer::{Check, Source},
    members::Kind,
    name::{self, NameEffect},
    place::{self, Lost},
    tree::{self, Times, Tree, cstring},
    unpack_error::UnpackError,
};
use camino::Utf8Path;
use rustix::{fd::AsFd, io::Errno};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
};

/// Removals behind links, which are few in layers that nobody made to hurt.
const MOST_BEHIND_LINKS: usize = 1 << 16;
/// Hard links of a layer whose files are held while it removes what lower layers have.
const MOST_LINKS: usize = 1 << 16;

/// Applies a layer; `number` says which it is, for the progress.
pub(super) fn apply(
    source: &Source<'_, '_>,
    tree: &Tree,
    scratch: &Utf8Path,
    number: &str,
) -> Result<Lost, UnpackError> {
    let removals = Removals::survey(source, tree, scratch, &format!("checking layer {number}"))?;
    let label = format!("unpacking layer {number}");
    let server = |cause: Errno| UnpackError::from(std::io::Error::from(cause));
    let kept = match removals.any && !removals.links.is_empty() {
        true => Some(HeldFiles::of(tree, &removals.links).map_err(server)?),
        false => None,
    };
    removals.carry_out(source, tree, &label)?;
    let mut lost = Lost::default();
    source.read(&label, Check::Blob, &mut |member, data| {
        let parts = name::parts(&member.path)?;
        match name::effect_of(&member.path, &parts)? {
            NameEffect::Put => place::put(tree, member, &parts, data, kept.as_ref(), &mut lost),
            NameEffect::Remove(_) | NameEffect::Empty | NameEffect::Nothing => Ok(()),
        }
    })?;
    if let Some(kept) = kept {
        kept.end(tree).map_err(server)?;
    }
    Ok(lost)
}

/// The names of removals, in a file: nothing bounds how many a layer has.
struct Removals {
    file: File,
    any: bool,
    /// What hard links of the layer lead to.
    links: Vec<Vec<u8>>,
}

impl Removals {
    /// Reads the whole layer, checks its digests and the names in it.
    fn survey(
        source: &Source<'_, '_>,
        tree: &Tree,
        scratch: &Utf8Path,
        label: &str,
    ) -> Result<Self, UnpackError> {
        let path = scratch.join("oci-removals");
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        let mut out = BufWriter::new(file);
        let (mut any, mut links) = (false, Vec::new());
        let most_bytes = tree.free_bytes().map_err(std::io::Error::from)?;
        source.read(label, Check::All { most_bytes }, &mut |member, _| {
            let parts = name::parts(&member.path)?;
            match name::effect_of(&member.path, &parts)? {
                NameEffect::Put if member.kind == Kind::HardLink && links.len() < MOST_LINKS => {
                    links.push(member.link.clone());
                }
                NameEffect::Put | NameEffect::Nothing => {}
                // No name holds a NUL.
                NameEffect::Remove(_) | NameEffect::Empty => {
                    any = true;
                    out.write_all(&[&parts.join(&b'/')[..], &[0]].concat())?;
                }
            }
            Ok(())
        })?;
        Ok(Self { file: out.into_inner().map_err(|failed| failed.into_error())?, any, links })
    }

    fn carry_out(mut self, source: &Source<'_, '_>, tree: &Tree, label: &str) -> Result<(), UnpackError> {
        use std::io::Seek;
        self.file.rewind()?;
        let mut behind_links: Vec<(Vec<u8>, usize)> = Vec::new();
        for path in BufReader::new(self.file).split(0) {
            let path = path?;
            let parts = name::parts(&path)?;
            let above = &parts[..parts.len().saturating_sub(1)];
            match tree.directory_without_links(above) {
                Ok(directory) => remove(&directory, &path, &parts)?,
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(Errno::LOOP) if behind_links.len() == MOST_BEHIND_LINKS => {
                    return Err(UnpackError::Refused("it removes too much behind symbolic links".to_owned()));
                }
                Err(Errno::LOOP) => {
                    let link = tree.first_link(above).unwrap_or(above.len());
                    behind_links.push((path, link));
                }
                Err(cause) => return Err(cannot(&path, cause)),
            }
        }
        remove_behind_links(source, tree, label, &behind_links)
    }
}

/// A link of a lower layer on the way to what is removed: it is followed, unless this layer has something of its own in its place. A
/// directory that replaces a link is usually marked as empty, which must not empty the directory the link led to.
fn remove_behind_links(
    source: &Source<'_, '_>,
    tree: &Tree,
    label: &str,
    removals: &[(Vec<u8>, usize)],
) -> Result<(), UnpackError> {
    if removals.is_empty() {
        return Ok(());
    }
    let link_of = |path: &[u8], length: usize| -> Result<Vec<u8>, UnpackError> {
        Ok(name::parts(path)?[..length].join(&b'/'))
    };
    let links: BTreeSet<Vec<u8>> =
        removals.iter().map(|(path, length)| link_of(path, *length)).collect::<Result<_, _>>()?;
    let mut replaced = BTreeSet::new();
    source.read(label, Check::Blob, &mut |member, _| {
        let mut parts = name::parts(&member.path)?;
        if let (NameEffect::Remove(name), Some(last)) =
            (name::effect_of(&member.path, &parts)?, parts.last_mut())
        {
            *last = name;
        }
        let path = parts.join(&b'/');
        if links.contains(&path) {
            replaced.insert(path);
        }
        Ok(())
    })?;
    for (path, length) in removals {
        if replaced.contains(&link_of(path, *length)?) {
            continue;
        }
        let parts = name::parts(path)?;
        match tree.directory(&parts[..parts.len() - 1]) {
            Ok(directory) => remove(&directory, path, &parts)?,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(cause) => return Err(cannot(path, cause)),
        }
    }
    Ok(())
}

fn remove(directory: &rustix::fd::OwnedFd, path: &[u8], parts: &[&[u8]]) -> Result<(), UnpackError> {
    let directory = directory.as_fd();
    let removed = || {
        let _kept = Times::of(directory)?;
        match name::effect_of(path, parts) {
            Ok(NameEffect::Remove(name)) => tree::remove(directory, &cstring(name)?),
            Ok(NameEffect::Empty) => tree::empty(directory, tree::Keep::Nothing),
            _ => Ok(()),
        }
    };
    removed().map_err(|cause| cannot(path, cause))
}

fn cannot(path: &[u8], cause: Errno) -> UnpackError {
    if cause == Errno::NAMETOOLONG {
        return UnpackError::member(path, "removes directories that lie too deep in each other");
    }
    UnpackError::member(path, format!("cannot be carried out: {}", std::io::Error::from(cause)))
}
