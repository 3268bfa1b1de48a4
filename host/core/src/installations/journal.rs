//! The journal of one image: what its actions acquire, on record before it is acquired.
//!
//! One file an image, one JSON line a fact, each flushed to disk before the effect it announces. Undoing works from these
//! lines alone, without the class that asked for the thing. A torn last line is one whose effect never happened.

pub(crate) use super::journal_path::{JournalPath, place};
use super::{
    effect::Effect,
    journal_state::{HeldEffect, JournalEntry, JournalState, lines},
    kill_point,
};
use crate::system::{
    FileError, atomic_file,
    failpoint::failpoint,
    files,
    flush::Together,
    lock::{self, LockProbe},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Hold;
use std::{
    fs::File,
    io::{self, Write},
};

/// The most a journal may hold, in bytes: some thousand for each of as many nodes as an image may have.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What the lines of an action take at the most, in bytes, but for very many nodes.
const RESERVED_BYTES: u64 = 16 * 1024;

/// Reads a journal without opening it for writing; a missing one is empty.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn read(place: &JournalPath) -> Result<JournalState, FileError> {
    Ok(JournalState::of(&text_of(place)?.unwrap_or_default(), &place.home))
}

fn text_of(path: &Utf8Path) -> Result<Option<Vec<u8>>, FileError> {
    match atomic_file::read_bounded(path, MOST_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a journal has no unfinished action and yet another text than an end leaves: of a writer that was killed before its
/// first line was whole, or after its last one.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn is_untidy(place: &JournalPath) -> Result<bool, FileError> {
    let text = text_of(place)?;
    let state = JournalState::of(text.as_deref().unwrap_or_default(), &place.home);
    Ok(!state.needs_recovery() && text != state.tidy(&place.home))
}

/// Whether somebody is at an action on what the journal is of: for the length of an action its journal is held, beside the lock. The
/// lock's file may be gone, or be in another `/run`; an action without its journal is none.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn is_held(path: &Utf8Path) -> Result<bool, FileError> {
    LockProbe::look_at(path).map(|probe| probe.is_held())
}

/// The journal of one image, open for writing, and held.
#[derive(Debug)]
pub(crate) struct Journal {
    path: JournalPath,
    file: File,
    state: JournalState,
    has_free_space: bool,
    tempo: Tempo,
}

/// When lines are flushed that announce nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tempo {
    /// At once.
    Strict,
    /// With the next line that announces something: of a cleaning that does all of it again where it is killed. What it takes away is on
    /// another record, too.
    Relaxed {
        /// Whether the file may be one that was made a moment ago, whose name is not on disk.
        fresh: bool,
    },
}

impl Journal {
    /// Opens the journal of an image, on whose lock the caller sits, and puts the beginning of an action on record. The caller has
    /// read what it has: with ten thousand nodes that is long.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn begin(
        path: &JournalPath,
        state: JournalState,
        action: &str,
        class: &str,
    ) -> Result<Self, FileError> {
        if let Some(parent) = path.parent() {
            atomic_file::create_dir_all(parent, 0o755)?;
        }
        let blank = state.is_blank();
        let begun = Self::open_and_begin(path, state, action, class);
        // One that another process is at is not ours to remove.
        let ours = |error: &FileError| error.kind() != io::ErrorKind::ResourceBusy;
        if blank && begun.as_ref().is_err_and(ours) {
            // Best effort, and nothing is lost when it fails: a blank journal goes with the next cleaning.
            let _ = files::remove_file(path);
        }
        begun
    }

    fn open_and_begin(
        path: &JournalPath,
        state: JournalState,
        action: &str,
        class: &str,
    ) -> Result<Self, FileError> {
        let fresh = !path.exists();
        let file = files::open_append(path, 0o600)?;
        if fresh {
            atomic_file::sync_dir(path.parent().unwrap_or(Utf8Path::new("/")))?;
        }
        let mut journal = Self::held(path, file, state)?;
        journal.end_torn_line()?;
        journal.go_on(action, class)
    }

    /// Opens a journal to undo what it has.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(crate) fn reopen(path: &JournalPath) -> Result<Self, FileError> {
        Self::reopen_as(path, Tempo::Strict)
    }

    fn reopen_as(path: &JournalPath, tempo: Tempo) -> Result<Self, FileError> {
        let state = read(path)?;
        let mut journal = Self::held(path, files::open_append(path, 0o600)?, state)?;
        journal.tempo = tempo;
        // A writer killed in the middle of an end left its file aside; nobody begins before somebody came through here.
        files::sweep_temporaries(path)?;
        journal.end_torn_line()?;
        Ok(journal)
    }

    /// Opens a journal, made when missing, to clean what is on another record as well, which stays until this one is gone: lines that
    /// announce nothing are flushed with the next that does, if one comes.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(crate) fn reopen_relaxed(path: &JournalPath) -> Result<Self, FileError> {
        let fresh = !path.exists();
        if let Some(parent) = path.parent().filter(|_| fresh) {
            atomic_file::create_dir_all(parent, 0o755)?;
        }
        Self::reopen_as(path, Tempo::Relaxed { fresh })
    }

    fn held(path: &JournalPath, file: File, state: JournalState) -> Result<Self, FileError> {
        if lock::hold(&file, path)? {
            let path = path.clone();
            return Ok(Self { path, file, state, has_free_space: false, tempo: Tempo::Strict });
        }
        let source = io::Error::new(io::ErrorKind::ResourceBusy, "another process is at it");
        Err(FileError { act: "go on with", path: path.to_path_buf(), source })
    }

    /// Goes on with another action where an interrupted one was undone, with no end between the two: whenever it is killed, an
    /// unfinished action is on record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn go_on(mut self, action: &str, class: &str) -> Result<Self, FileError> {
        // Where there is none, what only takes away goes on all the same: it makes room.
        let _ = self.reserve_space();
        let root = self.path.home.word();
        self.write(JournalEntry::Begin { action: action.to_owned(), class: class.to_owned(), root })?;
        Ok(self)
    }

    /// What is on record.
    pub(crate) fn state(&self) -> &JournalState {
        &self.state
    }

    /// The places of what is on record.
    pub(crate) fn places(&self) -> Vec<Utf8PathBuf> {
        self.state.open.iter().filter_map(|open| open.effect.place().map(Utf8Path::to_owned)).collect()
    }

    /// Whether an effect with this place is on record and not undone.
    pub(crate) fn find(&self, path: &Utf8Path) -> Option<&HeldEffect> {
        self.state.at_place(path)
    }

    /// Takes off the record that directories are exported, and after that what asked for it, named by its number: of lines that are
    /// torn apart the last ones are lost, and what asked has all of them taken off again.
    pub(crate) fn exports_undone<'p>(
        &mut self,
        paths: impl IntoIterator<Item = &'p Utf8Path>,
        asked: &[u64],
    ) {
        let mut numbers = Vec::new();
        paths.into_iter().for_each(|path| numbers.extend(self.state.exports_of(path)));
        numbers.extend(asked);
        self.all_undone(&numbers);
    }

    /// Puts an effect on record, durably; the caller makes it happen afterwards. For a file or a mount there has to be room for all that
    /// an action usually puts on record: what replaces or gives back something must not get stuck for want of a line.
    ///
    /// # Errors
    /// When the line cannot be written; then the effect must not happen.
    pub(crate) fn intend(&mut self, effect: Effect, hold: Hold) -> Result<u64, FileError> {
        if matches!(effect, Effect::File { .. } | Effect::Mount { .. }) {
            self.reserve_space()?;
        }
        let number = self.state.next;
        self.write(JournalEntry::Intent { number, effect, hold })?;
        Ok(number)
    }

    /// Puts several effects on record with one flush; the caller makes them happen afterwards. Gives back their numbers.
    ///
    /// # Errors
    /// When the lines cannot be written; then none of them may happen.
    pub(crate) fn intend_all(&mut self, effects: Vec<(Effect, Hold)>) -> Result<Vec<u64>, FileError> {
        let numbered = (self.state.next..).zip(effects);
        let entries: Vec<JournalEntry> =
            numbered.map(|(number, (effect, hold))| JournalEntry::Intent { number, effect, hold }).collect();
        let first = self.state.next;
        if !entries.is_empty() {
            self.append(&lines(&entries))?;
        }
        entries.into_iter().for_each(|entry| self.state.apply(entry));
        Ok((first..self.state.next).collect())
    }

    /// Takes several effects off the record, as [`Journal::undone`] does one.
    pub(crate) fn all_undone(&mut self, numbers: &[u64]) {
        let entries: Vec<JournalEntry> =
            numbers.iter().map(|number| JournalEntry::Undone { number: *number }).collect();
        if !entries.is_empty() {
            let _ = self.note(&lines(&entries));
        }
        self.state.undone(&numbers.iter().copied().collect());
    }

    /// Takes an effect off the record once it is undone.
    ///
    /// A line that cannot be written, on a full disk, stops nobody: the undoing is what makes room, and what is undone twice
    /// is undone.
    pub(crate) fn undone(&mut self, number: u64) {
        if self.write(JournalEntry::Undone { number }).is_err() {
            self.state.apply(JournalEntry::Undone { number });
        }
    }

    /// Puts on record that the action has done what it was for. Killed from here on, it is finished and not undone.
    ///
    /// # Errors
    /// When the line cannot be written; then nothing has been decided.
    pub(crate) fn commit(&mut self) -> Result<(), FileError> {
        if self.state.committed { Ok(()) } else { self.write(JournalEntry::Committed) }
    }

    /// Puts on record that a class is still to recover what an interrupted action left. It stays, whatever else is done, until
    /// [`Journal::recovered`]: where an earlier action waits for the class, that one is recovered, and with it what came after.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub(crate) fn leave_pending_recovery(&mut self, action: &str) -> Result<(), FileError> {
        if self.state.pending_recovery.is_some() {
            return Ok(());
        }
        self.write(JournalEntry::PendingRecovery { action: action.to_owned() })
    }

    /// Takes that off the record: the class has its turn now, or there is nothing left to recover.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub(crate) fn recovered(&mut self) -> Result<(), FileError> {
        if self.state.pending_recovery.is_some() { self.write(JournalEntry::Recovered) } else { Ok(()) }
    }

    /// Ends the action. What is held for the image stays on record, and nothing else: the journal of an image that lives long
    /// does not grow with what is done to it. With nothing held it goes.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn end(mut self) -> Result<(), FileError> {
        let Some(text) = self.state.tidy(&self.path.home) else { return files::remove_file(&self.path) };
        match atomic_file::replace(&self.path, &text, 0o600) {
            Ok(()) => Ok(()),
            // A disk without room for another file may have room for a line.
            Err(_) => self.write(JournalEntry::End),
        }
    }

    /// The same, durable once the others are whose removal is flushed with it.
    ///
    /// # Errors
    /// As [`Journal::end`].
    pub(crate) fn end_together(self, others: &Together) -> Result<(), FileError> {
        match self.state.tidy(&self.path.home) {
            None => files::remove_file_together(&self.path, others),
            Some(_) => self.end(),
        }
    }

    /// Keeps room for the lines of an action beyond the end of the file, once: an action that runs out of room there half way could
    /// not put on record what it gives back to its user.
    fn reserve_space(&mut self) -> Result<(), FileError> {
        if !self.has_free_space {
            files::reserve_space(&self.file, RESERVED_BYTES)
                .map_err(FileError::of("keep room in", &self.path))?;
            self.has_free_space = true;
        }
        Ok(())
    }

    fn end_torn_line(&mut self) -> Result<(), FileError> {
        if !std::mem::take(&mut self.state.torn) {
            return Ok(());
        }
        self.note(b"\n")
    }

    fn write(&mut self, entry: JournalEntry) -> Result<(), FileError> {
        let line = lines(std::slice::from_ref(&entry));
        match entry {
            JournalEntry::Begin { .. } | JournalEntry::Undone { .. } => self.note(&line)?,
            _ => self.append(&line)?,
        }
        self.state.apply(entry);
        Ok(())
    }

    /// Writes lines that announce nothing.
    fn note(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if self.tempo == Tempo::Strict {
            return self.append(bytes);
        }
        self.file.write_all(bytes).map_err(FileError::of("write", &self.path))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if self.tempo == (Tempo::Relaxed { fresh: true }) {
            atomic_file::sync_dir(self.path.parent().unwrap_or(Utf8Path::new("/")))?;
            self.tempo = Tempo::Relaxed { fresh: false };
        }
        kill_point::pass();
        failpoint!(
            "journal: half a line written", String::from_utf8_lossy(bytes),
            dying: self.file.write_all(&bytes[..bytes.len() / 2])
        );
        let written = self
            .file
            .write_all(bytes)
            .inspect(|()| failpoint!("journal: line written", String::from_utf8_lossy(bytes)))
            .and_then(|()| self.file.sync_data())
            .inspect(|()| failpoint!("journal: line flushed", String::from_utf8_lossy(bytes)));
        kill_point::pass();
        written.map_err(FileError::of("write", &self.path))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        lock::let_go(&self.file);
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
