//! The lines of a journal, and what they come to.

use super::{effect::Effect, home::Home};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Hold;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub(super) enum JournalEntry {
    /// An action began; the paths that follow are below this root. Absent for `/`, and in lines of older versions.
    Begin {
        action: String,
        class: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        root: Option<Utf8PathBuf>,
    },
    /// An effect follows.
    Intent { number: u64, effect: Effect, hold: Hold },
    /// An effect is undone, or never came to be.
    Undone { number: u64 },
    /// The action has done what it was for: from here on the only way is on.
    Committed,
    /// An interrupted action is undone or finished as far as the record goes, and what follows from it is still to be set by a
    /// class whose module was gone. Hosts that do not know this line pass over it.
    #[serde(rename = "unsettled")]
    PendingRecovery { action: String },
    /// The class had its turn.
    #[serde(rename = "settled")]
    Recovered,
    /// The action succeeded: what it holds for the image stays.
    End,
}

/// Entries as they stand in the file.
pub(super) fn lines(entries: &[JournalEntry]) -> Vec<u8> {
    let line = |entry: &JournalEntry| {
        let mut line = serde_json::to_vec(entry).expect("entries are plain data");
        line.push(b'\n');
        line
    };
    entries.iter().flat_map(line).collect()
}

/// An effect on record that is not undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldEffect {
    /// Its number in the journal.
    pub number: u64,
    /// What it is.
    pub effect: Effect,
    /// For how long it is held.
    pub hold: Hold,
    /// Whether the action that made it ended well.
    pub from_earlier_action: bool,
}

impl HeldEffect {
    /// The effect as it is to be undone: what an export of an earlier action replaced is long gone.
    pub(crate) fn to_undo(&self) -> Effect {
        match &self.effect {
            Effect::Export { path, .. } if self.from_earlier_action => {
                Effect::Export { path: path.clone(), previous: None }
            }
            effect => effect.clone(),
        }
    }

    /// Whether it is there for longer than the action. What was published is what the action was for, and nobody's to undo
    /// once it ended well.
    pub(super) fn stays(&self) -> bool {
        self.from_earlier_action || (self.hold == Hold::Image && !self.effect.stays_when_committed())
    }
}

type Numbers = HashMap<Utf8PathBuf, Vec<u64>>;

/// What the lines of a journal come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct JournalState {
    /// Effects that are there, oldest first.
    pub open: Vec<HeldEffect>,
    /// The action that began and did not end.
    pub unfinished: Option<String>,
    /// Whether that action had done what it was for: then what it published stays.
    pub committed: bool,
    /// The action that was cleaned without its class, whose turn is still to come.
    pub pending_recovery: Option<String>,
    /// The class the last action was for.
    pub class: Option<String>,
    /// Mounts of earlier actions that the current one took away. Made again, they are as they were: an action that
    /// fails gives its user back what it found.
    released_mounts: Vec<Effect>,
    /// The numbers of what is open, by where it is: an image may have ten thousand nodes.
    by_place: Numbers,
    exported: Numbers,
    pub(super) next: u64,
    /// Whether the last line is torn.
    pub(crate) torn: bool,
}

impl JournalState {
    /// Whether a crash left something to undo.
    pub(crate) fn needs_recovery(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Whether nothing is on record: the file is there because its writer was killed before the first line, or after the
    /// last one.
    pub(crate) fn is_blank(&self) -> bool {
        self.unfinished.is_none() && self.open.is_empty() && self.pending_recovery.is_none()
    }

    /// The text that a journal with this on record has when nobody is at work; nothing when it has no file then.
    pub(super) fn tidy(&self, home: &Home) -> Option<Vec<u8>> {
        if self.pending_recovery.is_none() && !self.open.iter().any(HeldEffect::stays) {
            return None;
        }
        let class = self.class.clone().unwrap_or_default();
        // The same text whatever was done before: an action that changed nothing, or was undone, leaves the same file.
        let mut entries = vec![JournalEntry::Begin { action: String::new(), class, root: home.word() }];
        let staying = (0..).zip(self.open.iter().filter(|open| open.stays()));
        entries.extend(staying.map(|(number, open)| JournalEntry::Intent {
            number,
            effect: open.to_undo(),
            hold: open.hold,
        }));
        entries.extend(self.pending_recovery.clone().map(|action| JournalEntry::PendingRecovery { action }));
        entries.push(JournalEntry::End);
        Some(lines(&entries))
    }

    /// What the text of a journal comes to, in a root that may lie elsewhere now.
    pub(crate) fn of(bytes: &[u8], home: &Home) -> Self {
        let mut state = Self { torn: !bytes.is_empty() && !bytes.ends_with(b"\n"), ..Self::default() };
        let (mut then, mut gone) = (None, HashSet::new());
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            // Without its newline a line was torn by the crash, before its effect.
            let entry = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok());
            let entry = match entry {
                None => continue,
                // They come in rows: one pass for each row.
                Some(JournalEntry::Undone { number }) => {
                    gone.insert(number);
                    continue;
                }
                Some(JournalEntry::Intent { number, effect, hold }) => {
                    let root: Option<&Utf8Path> = then.as_deref();
                    let here = |path: &mut Utf8PathBuf| *path = home.here(root, std::mem::take(path));
                    // Of others, maybe: without the root of then nobody can tell.
                    let source = |path: &mut Utf8PathBuf| {
                        if root.is_some() {
                            here(path);
                        }
                    };
                    JournalEntry::Intent { number, effect: effect.at(&here, &source), hold }
                }
                Some(entry) => entry,
            };
            state.undone(&std::mem::take(&mut gone));
            if let JournalEntry::Begin { root, .. } = &entry {
                then.clone_from(root);
            }
            state.apply(entry);
        }
        state.undone(&gone);
        state
    }

    /// Where among what is open; numbers rise, but for a file that somebody wrote by hand.
    fn position(&self, number: u64) -> Option<usize> {
        let found = self.open.binary_search_by_key(&number, |open| open.number);
        found.ok().or_else(|| self.open.iter().rposition(|open| open.number == number))
    }

    /// The newest open effect with this place.
    pub(super) fn at_place(&self, path: &Utf8Path) -> Option<&HeldEffect> {
        self.position(*self.by_place.get(path)?.last()?).map(|at| &self.open[at])
    }

    /// The numbers of the exports of a directory that are open.
    pub(crate) fn exports_of(&self, path: &Utf8Path) -> &[u64] {
        self.exported.get(path).map_or(&[], Vec::as_slice)
    }

    /// The index that an effect is found by, and its key there.
    fn index(&mut self, effect: &Effect) -> Option<(&mut Numbers, Utf8PathBuf)> {
        match effect {
            Effect::Export { path, .. } => Some((&mut self.exported, path.clone())),
            other => {
                let place = other.place()?.to_owned();
                Some((&mut self.by_place, place))
            }
        }
    }

    fn forget(&mut self, gone: HeldEffect) {
        if let Some((index, key)) = self.index(&gone.effect)
            && let Some(numbers) = index.get_mut(&key)
        {
            numbers.retain(|number| *number != gone.number);
            if numbers.is_empty() {
                index.remove(&key);
            }
        }
        if gone.from_earlier_action && matches!(gone.effect, Effect::Mount { .. }) {
            self.released_mounts.push(gone.effect);
        }
    }

    /// Takes effects off, all in one pass.
    pub(super) fn undone(&mut self, numbers: &HashSet<u64>) {
        if numbers.is_empty() {
            return;
        }
        let (gone, open) =
            std::mem::take(&mut self.open).into_iter().partition(|open| numbers.contains(&open.number));
        self.open = open;
        let gone: Vec<HeldEffect> = gone;
        gone.into_iter().for_each(|open| self.forget(open));
    }

    pub(super) fn apply(&mut self, entry: JournalEntry) {
        match entry {
            JournalEntry::Begin { action, class, .. } => {
                self.unfinished = Some(action);
                self.committed = false;
                self.class = Some(class);
                self.released_mounts.clear();
            }
            JournalEntry::Intent { number, effect, hold } => {
                // What stands, stands: whoever asked for it put on disk first what it follows from.
                let stands = matches!(effect, Effect::PersistentOverlay { .. });
                let from_earlier_action =
                    stands || hold == Hold::Image && self.released_mounts.contains(&effect);
                if let Some((index, key)) = self.index(&effect) {
                    index.entry(key).or_default().push(number);
                }
                self.open.push(HeldEffect { number, effect, hold, from_earlier_action });
                self.next = number.saturating_add(1);
            }
            JournalEntry::Undone { number } => {
                if let Some(at) = self.position(number) {
                    let gone = self.open.remove(at);
                    self.forget(gone);
                }
            }
            JournalEntry::Committed => self.committed = true,
            JournalEntry::PendingRecovery { action } => self.pending_recovery = Some(action),
            JournalEntry::Recovered => self.pending_recovery = None,
            JournalEntry::End => {
                self.unfinished = None;
                self.committed = false;
                let ended = self.open.iter().filter(|open| !open.stays()).map(|open| open.number).collect();
                self.undone(&ended);
                self.open.iter_mut().for_each(|open| open.from_earlier_action = true);
            }
        }
    }
}
