//! Two trees side by side, name by name.

use super::{
    content::{Content, Reader},
    difference::{Aspect, Change, FileDifference, FileKind, FileSkipped, Found, Which, as_text},
    directory::Directory,
    facts::{Facts, Look},
    xattrs::Xattrs,
};
use crate::{
    failure,
    system::{FileError, interrupt},
};
use camino::Utf8Path;
use disklessset_plugin_api::Result;
use rustix::io::Errno;
use std::{
    cmp::Ordering,
    ffi::{CStr, CString},
};

/// Directories in each other, deeper than an operating system has them: each takes an open file in each tree
/// while it is walked through.
const DEEPEST: usize = 200;
/// The most that the names of the directories on the way may take of memory in each tree. Half a million
/// names of usual length do.
const MOST_NAMES: usize = 24 * 1024 * 1024;

/// Who hears of what a walk finds, and can end it with an error.
type Sink<'a> = dyn FnMut(Found<'_>) -> Result<()> + 'a;

/// A directory that is walked through in both trees, or in one of them.
struct Level {
    old: Option<Directory>,
    new: Option<Directory>,
    /// The bytes of the path above it.
    above: usize,
}

/// Compares all files of two trees.
///
/// # Errors
/// When a tree cannot be opened, a stop was asked for, or `sink` has one.
pub(in crate::comparison) fn compare(old: &Utf8Path, new: &Utf8Path, sink: &mut Sink<'_>) -> Result<()> {
    let top = |path: &Utf8Path| {
        Directory::top(path.as_std_path(), MOST_NAMES)
            .map_err(|cause| failure::of(FileError::of("open the tree", path)(cause)))
    };
    let (old, new) = (top(old)?, top(new)?);
    let mut walk =
        Walk { path: b"/".to_vec(), reader: Reader::new(), xattrs: Xattrs::new(), levels: Vec::new(), sink };
    // The top directory itself, which is no name in another.
    if let (Ok(Look::There(before)), Ok(Look::There(after))) = (old.look(c"."), new.look(c".")) {
        let found = walk.aspects(&old, &new, c".", before, after)?;
        walk.tell_changed(found, after.kind)?;
    }
    walk.path.clear();
    walk.levels.push(Level { old: Some(old), new: Some(new), above: 0 });
    while walk.step()? {}
    Ok(())
}

struct Walk<'a, 's> {
    path: Vec<u8>,
    reader: Reader,
    xattrs: Xattrs,
    levels: Vec<Level>,
    sink: &'a mut Sink<'s>,
}

impl Walk<'_, '_> {
    /// One name, or the way back from a directory; no more at the end.
    fn step(&mut self) -> Result<bool> {
        let Some(mut level) = self.levels.pop() else { return Ok(false) };
        let old = level.old.as_ref().and_then(Directory::peek);
        let new = level.new.as_ref().and_then(Directory::peek);
        let (name, order) = match (old, new) {
            (None, None) => {
                self.path.truncate(level.above);
                return Ok(true);
            }
            (Some(old), None) => (old, Ordering::Less),
            (None, Some(new)) => (new, Ordering::Greater),
            (Some(old), Some(new)) => (old.min(new), old.cmp(new)),
        };
        let name = name.to_owned();
        if order.is_le() {
            level.old.iter_mut().for_each(Directory::step);
        }
        if order.is_ge() {
            level.new.iter_mut().for_each(Directory::step);
        }
        let above = self.path.len();
        self.path.push(b'/');
        self.path.extend_from_slice(name.to_bytes());
        interrupt::check().map_err(failure::interrupted)?;
        (self.sink)(Found::Seen)?;
        let old = level.old.as_ref().filter(|_| order.is_le());
        let new = level.new.as_ref().filter(|_| order.is_ge());
        let inside = self.entry(old, new, &name)?;
        self.levels.push(level);
        match inside {
            Some((old, new)) => self.levels.push(Level { old, new, above }),
            None => self.path.truncate(above),
        }
        Ok(true)
    }

    /// Compares one name; gives back the directories to go on in.
    #[allow(clippy::type_complexity, reason = "the two sides of a level")]
    fn entry(
        &mut self,
        old: Option<&Directory>,
        new: Option<&Directory>,
        name: &CString,
    ) -> Result<Option<(Option<Directory>, Option<Directory>)>> {
        let Some(before) = self.look(old, Which::Old, name)? else { return Ok(None) };
        let Some(after) = self.look(new, Which::New, name)? else { return Ok(None) };
        match (old.zip(before), new.zip(after)) {
            (Some((old, before)), Some((new, after))) => {
                let found = self.aspects(old, new, name, before, after)?;
                self.tell_changed(found, after.kind)?;
            }
            (Some((_, before)), None) => self.tell(Change::Removed, before.kind, Vec::new())?,
            (None, Some((_, after))) => self.tell(Change::Added, after.kind, Vec::new())?,
            // It went while it was looked at.
            (None, None) => {}
        }
        let mut inside = [None, None];
        let sides = [(old.zip(before), Which::Old), (new.zip(after), Which::New)];
        for (place, (side, which)) in inside.iter_mut().zip(sides) {
            let Some((directory, facts)) = side else { continue };
            if facts.kind == FileKind::Directory {
                // What is in it is not said to be added or removed where one side cannot be read.
                let Some(opened) = self.enter(directory, which, name)? else { return Ok(None) };
                *place = Some(opened);
            }
        }
        let [old, new] = inside;
        Ok((old.is_some() || new.is_some()).then_some((old, new)))
    }

    /// Looks at one side. Nothing when the name is passed over; nothing inside when this side has none.
    fn look(&mut self, side: Option<&Directory>, which: Which, name: &CStr) -> Result<Option<Option<Facts>>> {
        match side.map(|directory| directory.look(name)) {
            None | Some(Err(Errno::NOENT)) => Ok(Some(None)),
            Some(Ok(Look::There(facts))) => Ok(Some(Some(facts))),
            Some(Ok(Look::Mount)) => self.skip(which, "something is mounted there").map(|()| None),
            Some(Err(cause)) => self.skip(which, &format!("it cannot be looked at: {cause}")).map(|()| None),
        }
    }

    /// Opens a directory; nothing when it is passed over.
    fn enter(&mut self, above: &Directory, which: Which, name: &CStr) -> Result<Option<Directory>> {
        if self.levels.len() >= DEEPEST {
            self.skip(which, &format!("it lies in more than {DEEPEST} directories"))?;
            return Ok(None);
        }
        let side = |level: &Level| match which {
            Which::Old => level.old.as_ref().map_or(0, Directory::size),
            Which::New => level.new.as_ref().map_or(0, Directory::size),
        };
        let taken: usize = self.levels.iter().map(side).sum::<usize>() + above.size();
        let reason = match above.child(name, MOST_NAMES.saturating_sub(taken)) {
            Ok(opened) => return Ok(Some(opened)),
            Err(Errno::FBIG) => "there are too many names in it".to_owned(),
            Err(Errno::XDEV) => "something is mounted there".to_owned(),
            Err(cause) => format!("it cannot be read: {cause}"),
        };
        self.skip(which, &reason).map(|()| None)
    }

    /// In what a name differs that both trees have.
    fn aspects(
        &mut self,
        old: &Directory,
        new: &Directory,
        name: &CStr,
        before: Facts,
        after: Facts,
    ) -> Result<Vec<Aspect>> {
        let mut found = before.differences(after);
        if before.identity == after.identity {
            return Ok(found);
        }
        if before.kind == after.kind {
            match before.kind {
                FileKind::File => found.extend(self.content(old, new, name, before, after)?),
                FileKind::Link => match (old.target(name), new.target(name)) {
                    (Ok(old), Ok(new)) if old == new => {}
                    (Ok(old), Ok(new)) => found
                        .push(Aspect::Target { old: as_text(old.to_bytes()), new: as_text(new.to_bytes()) }),
                    (Err(cause), _) => self.skip(Which::Old, &format!("the link cannot be read: {cause}"))?,
                    (_, Err(cause)) => self.skip(Which::New, &format!("the link cannot be read: {cause}"))?,
                },
                _ => {}
            }
        }
        let paths = old.path_of(name).and_then(|path| Ok((path, new.path_of(name)?)));
        match paths.and_then(|(old, new)| self.xattrs.differences(&old, &new)) {
            Ok(differ) => found.extend(differ),
            Err(cause) => {
                self.skip(Which::New, &format!("its extended attributes cannot be compared: {cause}"))?;
            }
        }
        Ok(found)
    }

    fn content(
        &mut self,
        old: &Directory,
        new: &Directory,
        name: &CStr,
        before: Facts,
        after: Facts,
    ) -> Result<Option<Aspect>> {
        let differs = Some(Aspect::Content { old_bytes: before.size, new_bytes: after.size });
        if before.size != after.size {
            return Ok(differs);
        }
        if before.size == 0 {
            return Ok(None);
        }
        let (which, reason) = match (old.read(name), new.read(name)) {
            (Ok(old), Ok(new)) => {
                let sparse = before.is_sparse() && after.is_sparse();
                match self.reader.compare(old, new, before.size, sparse)? {
                    Ok(Content::Same) => return Ok(None),
                    Ok(Content::Differs) => return Ok(differs),
                    Ok(Content::Unsteady) => (Which::New, "it was changed while it was read".to_owned()),
                    Err(cause) => (Which::New, format!("its content cannot be compared: {cause}")),
                }
            }
            (Err(cause), _) => (Which::Old, format!("its content cannot be read: {cause}")),
            (_, Err(cause)) => (Which::New, format!("its content cannot be read: {cause}")),
        };
        self.skip(which, &reason).map(|()| None)
    }

    fn tell_changed(&mut self, differs: Vec<Aspect>, kind: FileKind) -> Result<()> {
        if differs.is_empty() { Ok(()) } else { self.tell(Change::Changed, kind, differs) }
    }

    fn tell(&mut self, change: Change, kind: FileKind, differs: Vec<Aspect>) -> Result<()> {
        let difference = FileDifference::of(&self.path, change, kind, differs);
        (self.sink)(Found::Different(&self.path, difference))
    }

    fn skip(&mut self, tree: Which, reason: &str) -> Result<()> {
        let path = as_text(&self.path);
        (self.sink)(Found::Skipped(FileSkipped { path, tree, reason: reason.to_owned() }))
    }
}
