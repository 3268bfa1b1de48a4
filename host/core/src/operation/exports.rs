//! What an action offers to NFS clients, and what it ends offering.
//!
//! Both wait for the end of the action: an image may have ten thousand nodes with a line each, and the file is written once. What
//! comes goes on record and into the file right before the commit, what goes leaves the file right after it.

use super::Operation;
use crate::{
    exports::{self, Check, ExportLine},
    failure,
    installations::{Effect, HeldEffect},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Hold, Result, messages::Exported};
use std::collections::HashMap;

/// What an action has asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The lines of directories that are to be offered, and nothing for those that are not, in the order they came.
    lines: Vec<(Utf8PathBuf, Option<ExportLine>)>,
    at: HashMap<Utf8PathBuf, usize>,
    /// What was offered when it was first asked. Lines of this image change under its lock alone.
    before: Option<HashMap<Utf8PathBuf, String>>,
}

impl Wanted {
    fn set(&mut self, path: &Utf8Path, line: Option<ExportLine>) {
        match self.at.get(path) {
            Some(at) => self.lines[*at].1 = line,
            None => {
                self.at.insert(path.to_owned(), self.lines.len());
                self.lines.push((path.to_owned(), line));
            }
        }
    }

    fn of(&self, path: &Utf8Path) -> Option<&Option<ExportLine>> {
        self.at.get(path).map(|at| &self.lines[*at].1)
    }
}

impl Operation<'_> {
    /// Offers a directory to NFS clients from the end of the action on, until the image goes.
    pub(crate) fn export(&self, line: ExportLine) {
        let path = line.path().to_owned();
        self.wanted.borrow_mut().set(&path, Some(line));
    }

    /// What is offered when the action is committed.
    pub(crate) fn exports(&self) -> Result<Vec<Exported>> {
        let mut now = exports::list(&self.site().layout).map_err(failure::of)?;
        let wanted = self.wanted.borrow();
        now.retain(|entry| wanted.of(&entry.path).is_none_or(Option::is_some));
        let mut places: HashMap<Utf8PathBuf, usize> =
            now.iter().enumerate().map(|(at, entry)| (entry.path.clone(), at)).collect();
        for (path, line) in &wanted.lines {
            let Some(line) = line else { continue };
            let entry = Exported { path: path.clone(), clients: line.clients() };
            match places.get(path) {
                Some(at) => now[*at] = entry,
                None => {
                    places.insert(path.clone(), now.len());
                    now.push(entry);
                }
            }
        }
        Ok(now)
    }

    /// No longer offers a directory once the action is committed: what the record says of exports and what is offered come
    /// to be together. Tells whether it was offered.
    pub(crate) fn unexport_on_commit(&self, path: &Utf8Path) -> Result<bool> {
        let mut wanted = self.wanted.borrow_mut();
        if wanted.before.is_none() {
            wanted.before = Some(self.offered()?);
        }
        let before = wanted.before.as_ref().is_some_and(|before| before.contains_key(path));
        let offered = wanted.of(path).map_or(before, Option::is_some);
        if offered {
            wanted.set(path, None);
        }
        Ok(offered)
    }

    fn offered(&self) -> Result<HashMap<Utf8PathBuf, String>> {
        let now = exports::list(&self.site().layout).map_err(failure::of)?;
        Ok(now.into_iter().map(|entry| (entry.path, entry.clients)).collect())
    }

    /// Puts on record what was asked for, all at once, and into the file what is to be offered.
    pub(super) fn offer(&self) -> Result<()> {
        let wanted = std::mem::take(&mut *self.wanted.borrow_mut());
        if wanted.lines.is_empty() {
            return Ok(());
        }
        let before = self.offered()?;
        let (mut effects, mut lines) = (Vec::new(), Vec::new());
        for (path, line) in wanted.lines {
            let previous = before.get(&path);
            match line {
                None if previous.is_none() => {}
                None => effects.push((Effect::UnexportOnCommit { path }, Hold::Action)),
                Some(line) => {
                    let previous = previous.map(|clients| line.with_clients(clients));
                    let text = line.to_string();
                    if previous.as_ref() == Some(&text) && self.is_exported_on_record(&path) {
                        continue;
                    }
                    effects.push((Effect::Export { path: path.clone(), previous }, Hold::Image));
                    lines.push((path, Some(text)));
                }
            }
        }
        self.on_journal(|journal| journal.intend_all(effects)).map_err(failure::of)?;
        // One that fails may have come into service all the same: what it replaced is on record.
        let changed = exports::change(&self.site().layout, &lines, Check::ByTheTool, &|text| self.warn(text));
        changed.map(drop).map_err(failure::of_exports)
    }

    /// Ends offering what was to end, now that the action is committed.
    pub(super) fn end_offering(&self) -> Result<()> {
        let ended = self.on_journal(|journal| {
            let of = |open: &HeldEffect| match &open.effect {
                Effect::UnexportOnCommit { path } => Some((path.clone(), open.number)),
                _ => None,
            };
            journal.state().open.iter().filter_map(of).collect::<Vec<_>>()
        });
        let (paths, numbers): (Vec<_>, Vec<_>) = ended.into_iter().unzip();
        self.withdraw(&paths, &numbers)
    }

    /// No longer offers directories, at once, whether or not they are on record; what else the record has of it goes with that.
    pub(crate) fn withdraw(&self, paths: &[Utf8PathBuf], more: &[u64]) -> Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = paths.iter().map(|path| (path.clone(), None)).collect();
        exports::change(&self.site().layout, &lines, Check::None, &|text| self.warn(text))
            .map_err(failure::of_exports)?;
        self.on_journal(|journal| journal.exports_undone(paths.iter().map(Utf8PathBuf::as_path), more));
        Ok(())
    }

    /// No longer offers anything below the directories of an image.
    pub(crate) fn withdraw_below(&self, directories: &[Utf8PathBuf]) -> Result<()> {
        let layout = &self.site().layout;
        let own: Vec<_> = directories.iter().map(|directory| layout.published(directory)).collect();
        let entries = exports::list(layout).map_err(failure::of)?;
        let below = |path: &Utf8PathBuf| own.iter().any(|directory| path.starts_with(directory));
        let paths: Vec<_> = entries.into_iter().map(|entry| entry.path).filter(below).collect();
        self.withdraw(&paths, &[])
    }

    fn is_exported_on_record(&self, path: &Utf8Path) -> bool {
        self.on_journal(|journal| !journal.state().exports_of(path).is_empty())
    }
}
