//! The journal of one image: what its actions acquire, on record before it is acquired.
//!
//! One file an image, one JSON line a fact, each flushed to disk before the effect it announces. Undoing works from these
//! lines alone, without the class that asked for the thing. A torn last line is one whose effect never happened.

use crate::modules::installed::Installed;
use crate::system::{FileError, atomic_file, failpoint::failpoint, files};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Hold, Mount, StandingOverlay};
use serde::{Deserialize, Serialize};
use std::{fs::File, io::Write};

/// The most a journal may hold, in bytes.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// What the lines of an action take at the most, in bytes, but for very many nodes.
const RESERVED_BYTES: u64 = 16 * 1024;

/// Something that exists because an action made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// A directory that did not exist before.
    Directory {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A file that did not exist before.
    File {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A mount.
    Mount {
        /// What is mounted where.
        mount: Mount,
    },
    /// A file or directory renamed into its served place. The inode tells it from anything that was there before.
    Published {
        /// Its place.
        path: Utf8PathBuf,
        /// Its device.
        device: u64,
        /// Its inode.
        inode: u64,
        /// Set for a kernel's files: they stay when another image uses them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kernel: Option<String>,
    },
    /// Something renamed out of service, to be deleted: undoing goes on with the deletion.
    Trash {
        /// Where it lies now.
        path: Utf8PathBuf,
    },
    /// A directory offered to NFS clients.
    Export {
        /// Which, as clients see it.
        path: Utf8PathBuf,
        /// The line it had before, for an action that fails.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<String>,
    },
    /// An overlay that is mounted again after a reboot, and the unit that does it.
    StandingOverlay {
        /// Of what, and where.
        overlay: StandingOverlay,
    },
    /// The next state of a directory or a file, built aside: it comes into service once the action is committed, and not before.
    Next {
        /// The one in service.
        path: Utf8PathBuf,
        /// Where the next state is built; the old one lies there afterwards.
        aside: Utf8PathBuf,
        /// The inode of the next state: wherever that is, tells whether the two were exchanged.
        inode: u64,
    },
    /// A directory that is offered to NFS clients no longer once the action is committed, and until then still is.
    Withdrawn {
        /// Which, as clients see it.
        path: Utf8PathBuf,
    },
    /// Something in service that goes once the action is committed, and not before.
    Doomed {
        /// Where.
        path: Utf8PathBuf,
    },
    /// The copy of a module's file, beside its place.
    ModuleAside {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A module's file that comes into its place once the action is committed, and not before.
    ModuleIn {
        /// Its place.
        path: Utf8PathBuf,
        /// Where it waits.
        aside: Utf8PathBuf,
        /// Its inode: wherever that is, tells whether it has come.
        inode: u64,
        /// What is remembered of it.
        record: Box<Installed>,
    },
    /// A module's file that goes once the action is committed, and not before.
    ModuleOut {
        /// Where.
        path: Utf8PathBuf,
        /// Its inode: another file that somebody puts there meanwhile stays.
        inode: u64,
    },
}

impl Effect {
    /// Whether it happens when its action is committed, and not at all when it is not.
    pub(super) fn waits_for_commit(&self) -> bool {
        matches!(
            self,
            Self::Doomed { .. }
                | Self::Next { .. }
                | Self::Withdrawn { .. }
                | Self::ModuleIn { .. }
                | Self::ModuleOut { .. }
        )
    }

    /// Whether it is undone at the end of its action, be that a good one or not.
    pub(crate) fn goes_either_way(&self) -> bool {
        !self.waits_for_commit() && !matches!(self, Self::Published { .. })
    }

    /// Where it is, for an effect that is a thing at a place.
    fn place(&self) -> Option<&Utf8Path> {
        match self {
            Self::Directory { path }
            | Self::File { path }
            | Self::Published { path, .. }
            | Self::Trash { path }
            | Self::Doomed { path }
            | Self::ModuleAside { path }
            | Self::ModuleOut { path, .. } => Some(path),
            Self::Mount { mount } => Some(mount.target()),
            Self::StandingOverlay { overlay } => Some(&overlay.target),
            // Not a thing at that place: the directory itself may be on record, too.
            Self::Export { .. } | Self::Withdrawn { .. } | Self::Next { .. } | Self::ModuleIn { .. } => None,
        }
    }
}

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
enum Fact {
    /// An action began.
    Begin { action: String, class: String },
    /// An effect follows.
    Intent { number: u64, effect: Effect, hold: Hold },
    /// An effect is undone, or never came to be.
    Undone { number: u64 },
    /// The action has done what it was for: from here on the only way is on.
    Committed,
    /// An interrupted action is undone or finished as far as the record goes, and what follows from it is still to be set by a
    /// class whose module was gone. Hosts that do not know this line pass over it.
    Unsettled { action: String },
    /// The class had its turn.
    Settled,
    /// The action succeeded: what it holds for the image stays.
    End,
}

/// An effect on record that is not undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its number in the journal.
    pub number: u64,
    /// What it is.
    pub effect: Effect,
    /// For how long it is held.
    pub hold: Hold,
    /// Whether the action that made it ended well.
    pub settled: bool,
}

impl Open {
    /// The effect as it is to be undone: what a settled export replaced is long gone.
    pub(super) fn to_undo(&self) -> Effect {
        match &self.effect {
            Effect::Export { path, .. } if self.settled => {
                Effect::Export { path: path.clone(), previous: None }
            }
            effect => effect.clone(),
        }
    }

    /// Whether it is there for longer than the action. What was published is what the action was for, and nobody's to undo
    /// once it ended well.
    fn stays(&self) -> bool {
        self.settled || (self.hold == Hold::Image && !matches!(self.effect, Effect::Published { .. }))
    }
}

/// The journal of one image, open for writing.
#[derive(Debug)]
pub struct Journal {
    path: Utf8PathBuf,
    file: File,
    state: State,
    has_room: bool,
}

/// What the lines of a journal come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Effects that are there, oldest first.
    pub open: Vec<Open>,
    /// The action that began and did not end.
    pub unfinished: Option<String>,
    /// Whether that action had done what it was for: then what it published stays.
    pub committed: bool,
    /// The action that was cleaned without its class, whose turn is still to come.
    pub unsettled: Option<String>,
    /// The class the last action was for.
    pub class: Option<String>,
    /// Mounts of earlier actions that the current one took away. Made again, they are as settled as they were: an action that
    /// fails gives its user back what it found.
    taken: Vec<Effect>,
    next: u64,
    /// Whether the last line is torn.
    pub(crate) torn: bool,
}

impl State {
    /// Whether a crash left something to undo.
    pub fn needs_recovery(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Whether nothing is on record: the file is there because its writer was killed before the first line, or after the
    /// last one.
    pub fn is_blank(&self) -> bool {
        self.unfinished.is_none() && self.open.is_empty() && self.unsettled.is_none()
    }

    /// The text that a journal with this on record has when nobody is at work; nothing when it has no file then.
    fn tidy(&self) -> Option<Vec<u8>> {
        if self.unsettled.is_none() && !self.open.iter().any(Open::stays) {
            return None;
        }
        let class = self.class.clone().unwrap_or_default();
        // The same text whatever was done before: an action that changed nothing, or was undone, leaves the same file.
        let mut facts = vec![Fact::Begin { action: String::new(), class }];
        let staying = (0..).zip(self.open.iter().filter(|open| open.stays()));
        facts.extend(staying.map(|(number, open)| Fact::Intent {
            number,
            effect: open.to_undo(),
            hold: open.hold,
        }));
        facts.extend(self.unsettled.clone().map(|action| Fact::Unsettled { action }));
        facts.push(Fact::End);
        Some(lines(&facts))
    }

    /// What the text of a journal comes to.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut state = Self { torn: !bytes.is_empty() && !bytes.ends_with(b"\n"), ..Self::default() };
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            // Without its newline a line was torn by the crash, before its effect.
            if let Some(line) = line.strip_suffix(b"\n")
                && let Ok(fact) = serde_json::from_slice(line)
            {
                state.apply(fact);
            }
        }
        state
    }

    fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Begin { action, class } => {
                self.unfinished = Some(action);
                self.committed = false;
                self.class = Some(class);
                self.taken.clear();
            }
            Fact::Intent { number, effect, hold } => {
                // What stands, stands: whoever asked for it put on disk first what it follows from.
                let stands = matches!(effect, Effect::StandingOverlay { .. });
                let settled = stands || hold == Hold::Image && self.taken.contains(&effect);
                self.open.push(Open { number, effect, hold, settled });
                self.next = number.saturating_add(1);
            }
            Fact::Undone { number } => {
                if let Some(at) = self.open.iter().position(|open| open.number == number) {
                    let gone = self.open.remove(at);
                    if gone.settled && matches!(gone.effect, Effect::Mount { .. }) {
                        self.taken.push(gone.effect);
                    }
                }
            }
            Fact::Committed => self.committed = true,
            Fact::Unsettled { action } => self.unsettled = Some(action),
            Fact::Settled => self.unsettled = None,
            Fact::End => {
                self.unfinished = None;
                self.committed = false;
                self.open.retain(|open| open.stays());
                self.open.iter_mut().for_each(|open| open.settled = true);
            }
        }
    }
}

/// Facts as they stand in the file.
fn lines(facts: &[Fact]) -> Vec<u8> {
    let line = |fact: &Fact| {
        let mut line = serde_json::to_vec(fact).expect("facts are plain data");
        line.push(b'\n');
        line
    };
    facts.iter().flat_map(line).collect()
}

/// The file of the journal of an image (by its name) or of the kernels.
pub fn path_of(journal_dir: &Utf8Path, subject: &str) -> Utf8PathBuf {
    journal_dir.join(format!("{subject}.jsonl"))
}

/// Reads a journal without opening it for writing; a missing one is empty.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read(path: &Utf8Path) -> Result<State, FileError> {
    Ok(State::of(&text_of(path)?.unwrap_or_default()))
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
pub fn is_untidy(path: &Utf8Path) -> Result<bool, FileError> {
    let text = text_of(path)?;
    let state = State::of(text.as_deref().unwrap_or_default());
    Ok(!state.needs_recovery() && text != state.tidy())
}

impl Journal {
    /// Opens the journal of an image, on whose lock the caller sits, and puts the beginning of an action on record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(path: &Utf8Path, action: &str, class: &str) -> Result<Self, FileError> {
        let state = read(path)?;
        if let Some(parent) = path.parent() {
            atomic_file::create_dir_all(parent, 0o755)?;
        }
        let blank = state.is_blank();
        let begun = Self::open_and_begin(path, state, action, class);
        if begun.is_err() && blank {
            // Best effort, and nothing is lost when it fails: a blank journal goes with the next cleaning.
            let _ = files::remove_file(path);
        }
        begun
    }

    fn open_and_begin(path: &Utf8Path, state: State, action: &str, class: &str) -> Result<Self, FileError> {
        let fresh = !path.exists();
        let file = files::open_append(path, 0o600)?;
        if fresh {
            atomic_file::sync_dir(path.parent().unwrap_or(Utf8Path::new("/")))?;
        }
        let mut journal = Self { path: path.to_owned(), file, state, has_room: false };
        journal.end_torn_line()?;
        // Where there is none, what only takes away goes on all the same: it makes room.
        let _ = journal.keep_room();
        journal.write(Fact::Begin { action: action.to_owned(), class: class.to_owned() })?;
        Ok(journal)
    }

    /// Opens a journal to undo what it has.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn reopen(path: &Utf8Path) -> Result<Self, FileError> {
        let state = read(path)?;
        // A writer killed in the middle of an end left its file aside; nobody begins before somebody came through here.
        files::sweep_asides(path)?;
        let mut journal =
            Self { path: path.to_owned(), file: files::open_append(path, 0o600)?, state, has_room: false };
        journal.end_torn_line()?;
        Ok(journal)
    }

    /// What is on record.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The places of what is on record.
    pub fn places(&self) -> Vec<Utf8PathBuf> {
        self.state.open.iter().filter_map(|open| open.effect.place().map(Utf8Path::to_owned)).collect()
    }

    /// Whether an effect with this place is on record and not undone.
    pub fn find(&self, path: &Utf8Path) -> Option<&Open> {
        self.state.open.iter().rev().find(|open| open.effect.place() == Some(path))
    }

    /// Takes off the record that a directory is exported.
    pub fn export_undone(&mut self, path: &Utf8Path) {
        let of_it = |effect: &Effect| matches!(effect, Effect::Export { path: at, .. } if at == path);
        let open = self.state.open.iter().filter(|open| of_it(&open.effect));
        let numbers: Vec<u64> = open.map(|open| open.number).collect();
        numbers.into_iter().for_each(|number| self.undone(number));
    }

    /// Puts an effect on record, durably; the caller makes it happen afterwards. For a file or a mount there has to be room for all that
    /// an action usually puts on record: what replaces or gives back something must not get stuck for want of a line.
    ///
    /// # Errors
    /// When the line cannot be written; then the effect must not happen.
    pub fn intend(&mut self, effect: Effect, hold: Hold) -> Result<u64, FileError> {
        if matches!(effect, Effect::File { .. } | Effect::Mount { .. }) {
            self.keep_room()?;
        }
        let number = self.state.next;
        self.write(Fact::Intent { number, effect, hold })?;
        Ok(number)
    }

    /// Takes an effect off the record once it is undone.
    ///
    /// A line that cannot be written, on a full disk, stops nobody: the undoing is what makes room, and what is undone twice
    /// is undone.
    pub fn undone(&mut self, number: u64) {
        if self.write(Fact::Undone { number }).is_err() {
            self.state.apply(Fact::Undone { number });
        }
    }

    /// Puts on record that the action has done what it was for. Killed from here on, it is finished and not undone.
    ///
    /// # Errors
    /// When the line cannot be written; then nothing has been decided.
    pub fn commit(&mut self) -> Result<(), FileError> {
        if self.state.committed { Ok(()) } else { self.write(Fact::Committed) }
    }

    /// Puts on record that a class is still to settle what an interrupted action left. It stays, whatever else is done, until
    /// [`Journal::settled`].
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn leave_unsettled(&mut self, action: &str) -> Result<(), FileError> {
        self.write(Fact::Unsettled { action: action.to_owned() })
    }

    /// Takes that off the record: the class has its turn now, or there is nothing left to settle.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn settled(&mut self) -> Result<(), FileError> {
        if self.state.unsettled.is_some() { self.write(Fact::Settled) } else { Ok(()) }
    }

    /// Ends the action. What is held for the image stays on record, and nothing else: the journal of an image that lives long
    /// does not grow with what is done to it. With nothing held it goes.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn end(mut self) -> Result<(), FileError> {
        let Some(text) = self.state.tidy() else { return files::remove_file(&self.path) };
        match atomic_file::replace(&self.path, &text, 0o600) {
            Ok(()) => Ok(()),
            // A disk without room for another file may have room for a line.
            Err(_) => self.write(Fact::End),
        }
    }

    /// Keeps room for the lines of an action beyond the end of the file, once: an action that runs out of room there half way could
    /// not put on record what it gives back to its user.
    fn keep_room(&mut self) -> Result<(), FileError> {
        if !self.has_room {
            files::keep_room(&self.file, RESERVED_BYTES)
                .map_err(FileError::of("keep room in", &self.path))?;
            self.has_room = true;
        }
        Ok(())
    }

    fn end_torn_line(&mut self) -> Result<(), FileError> {
        if !std::mem::take(&mut self.state.torn) {
            return Ok(());
        }
        self.append(b"\n")
    }

    fn write(&mut self, fact: Fact) -> Result<(), FileError> {
        self.append(&lines(std::slice::from_ref(&fact)))?;
        self.state.apply(fact);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        sudden_end::pass();
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
        sudden_end::pass();
        written.map_err(FileError::of("write", &self.path))
    }
}

/// A sudden end at a moment that is told by the journal: how `module check` looks at every step of an action.
///
/// A process passes two moments with each line it writes: before it, when all that the line before announced has been done,
/// and after it, when nothing of what it announces has.
pub(crate) mod sudden_end {
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static AT: AtomicU64 = AtomicU64::new(0);

    /// Has this process die, as by `kill -9`, at its so-manieth moment from now.
    pub(crate) fn at(moment: u64) {
        AT.store(PASSED.load(Ordering::SeqCst) + moment, Ordering::SeqCst);
    }

    /// How many moments this process has passed.
    pub(crate) fn passed() -> u64 {
        PASSED.load(Ordering::SeqCst)
    }

    pub(super) fn pass() {
        let now = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if now == AT.load(Ordering::SeqCst) {
            // The signal ends us before the call comes back; where it cannot be sent an abort is as sudden.
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
            std::process::abort();
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
