//! What an action offers to NFS clients, and what it ends offering.

use super::Operation;
use crate::{
    exports::{self, ExportLine},
    failure,
    installations::{Effect, Open},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Hold, Level, Result, messages::Exported};

impl Operation<'_> {
    /// Offers a directory to NFS clients, until the image goes.
    pub(in crate::images) fn export(&self, line: &ExportLine) -> Result<()> {
        let layout = &self.site.layout;
        let path = line.path().to_owned();
        // What the same action was to end goes on.
        if let Some(number) = self.withdrawn_on_record(&path)? {
            self.on_journal(|journal| journal.undone(number))?;
        }
        let now = exports::list(layout).map_err(failure::of)?;
        let entry = now.iter().find(|entry| entry.path == path);
        let previous = entry.map(|entry| line.with_clients(&entry.clients));
        let text = line.to_string();
        if previous.as_ref() == Some(&text) && self.exported_on_record(&path)?.is_some() {
            return Ok(());
        }
        self.acquire(Effect::Export { path: path.clone(), previous }, Hold::Image, || {
            exports::set(layout, &path, Some(&text), &|text| self.site.observer.line(Level::Warning, text))
                .map(drop)
                .map_err(failure::of)
        })
    }

    /// What is offered when the action is committed.
    pub(in crate::images) fn exports(&self) -> Result<Vec<Exported>> {
        let mut now = exports::list(&self.site.layout).map_err(failure::of)?;
        if let Some(journal) = self.journal.borrow().as_ref() {
            let goes = |open: &Open, path: &Utf8Path| matches!(&open.effect, Effect::Withdrawn { path: at } if at == path);
            now.retain(|entry| !journal.state().open.iter().any(|open| goes(open, &entry.path)));
        }
        Ok(now)
    }

    /// No longer offers a directory once the action is committed: what the record says of exports and what is offered come
    /// to be together. Tells whether it was offered.
    pub(in crate::images) fn withdraw_at_the_end(&self, path: &Utf8Path) -> Result<bool> {
        self.on_journal(|_| ())?;
        let offered = self.exports()?.iter().any(|entry| entry.path == path);
        if offered {
            self.acquire(Effect::Withdrawn { path: path.to_owned() }, Hold::Action, || Ok(()))?;
        }
        Ok(offered)
    }

    fn withdrawn_on_record(&self, path: &Utf8Path) -> Result<Option<u64>> {
        self.on_journal(|journal| {
            let own = |effect: &Effect| matches!(effect, Effect::Withdrawn { path: at } if at == path);
            journal.state().open.iter().find(|open| own(&open.effect)).map(|open| open.number)
        })
    }

    /// No longer offers a directory, at once, whether or not it is on record; tells whether it was offered.
    pub(in crate::images) fn withdraw(&self, path: &Utf8Path) -> Result<bool> {
        let warn = |text: &str| self.site.observer.line(Level::Warning, text);
        // A reader that may not acquire anything may not change exports either.
        self.on_journal(|_| ())?;
        let was = exports::set(&self.site.layout, path, None, &warn).map_err(failure::of)?;
        self.on_journal(|journal| journal.export_undone(path))?;
        Ok(was.is_some())
    }

    /// No longer offers anything below the directories of an image.
    pub(in crate::images) fn withdraw_below(&self, directories: &[Utf8PathBuf]) -> Result<()> {
        let layout = &self.site.layout;
        for entry in exports::list(layout).map_err(failure::of)? {
            if directories.iter().any(|directory| entry.path.starts_with(layout.published(directory))) {
                self.withdraw(&entry.path)?;
            }
        }
        Ok(())
    }

    fn exported_on_record(&self, path: &Utf8Path) -> Result<Option<u64>> {
        self.on_journal(|journal| {
            let own = |effect: &Effect| matches!(effect, Effect::Export { path: at, .. } if at == path);
            journal.state().open.iter().find(|open| own(&open.effect)).map(|open| open.number)
        })
    }
}
