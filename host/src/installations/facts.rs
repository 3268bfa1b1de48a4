//! The lines of a journal, and what they come to.

use super::effect::Effect;
use disklessset_plugin_api::Hold;
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub(super) enum Fact {
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

/// Facts as they stand in the file.
pub(super) fn lines(facts: &[Fact]) -> Vec<u8> {
    let line = |fact: &Fact| {
        let mut line = serde_json::to_vec(fact).expect("facts are plain data");
        line.push(b'\n');
        line
    };
    facts.iter().flat_map(line).collect()
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
    pub(super) fn stays(&self) -> bool {
        self.settled || (self.hold == Hold::Image && !matches!(self.effect, Effect::Published { .. }))
    }
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
    pub(super) next: u64,
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
    pub(super) fn tidy(&self) -> Option<Vec<u8>> {
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

    pub(super) fn apply(&mut self, fact: Fact) {
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
