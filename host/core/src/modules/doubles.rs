//! Files that bring what another one brings already: the first by file name wins.

use std::collections::HashMap;

use super::note::FileIdentity;
use super::refusal::{Refusal, file_name};
use super::registry::{ModuleEntry, ModuleState};

/// A file on its way to an entry.
pub(super) struct Candidate {
    pub(super) entry: ModuleEntry,
    pub(super) identity: Option<FileIdentity>,
}

/// What the files in use have: each by the file that has it, with the module where another file may say so.
#[derive(Default)]
struct Taken {
    names: HashMap<String, String>,
    classes: HashMap<String, (String, String)>,
    sources: HashMap<String, (String, String)>,
}

impl Taken {
    /// Why an entry cannot be used beside those that came before it.
    fn by_others(&self, entry: &ModuleEntry) -> Option<Refusal> {
        let name = self.names.get(&entry.name);
        let name = name.map(|first| Refusal::NameTaken { name: entry.name.clone(), first: first.clone() });
        let class = || {
            entry.classes.iter().find_map(|class| {
                let (module, first) = self.classes.get(class.name.as_str())?.clone();
                Some(Refusal::ClassTaken { class: class.name.to_string(), module, first })
            })
        };
        let source = || {
            entry.sources.iter().find_map(|source| {
                let (module, first) = self.sources.get(source.as_str())?.clone();
                Some(Refusal::SourceTaken { source_name: source.to_string(), module, first })
            })
        };
        name.or_else(class).or_else(source)
    }

    fn add(&mut self, entry: &ModuleEntry, file: &str) {
        let of = (entry.name.clone(), file.to_owned());
        self.names.insert(entry.name.clone(), file.to_owned());
        self.classes.extend(entry.classes.iter().map(|class| (class.name.to_string(), of.clone())));
        self.sources.extend(entry.sources.iter().map(|source| (source.to_string(), of.clone())));
    }
}

/// Of files that bring the same file, name, class or source the first by file name wins.
pub(super) fn refuse(candidates: &mut [Candidate]) {
    let mut by_file: HashMap<FileIdentity, String> = HashMap::new();
    let mut taken = Taken::default();
    for Candidate { entry, identity } in candidates.iter_mut() {
        let own = file_name(&entry.file).to_owned();
        let Some(identity) = *identity else { continue };
        if entry.state != ModuleState::Ready {
            continue;
        }
        match taken.by_others(entry) {
            Some(refusal) => entry.refuse(&refusal),
            None => {
                taken.add(entry, &own);
                by_file.insert(identity, own);
            }
        }
    }
    // A second name of a file in use is refused already, for its name or because the module is there; that it is the same file
    // says more.
    for Candidate { entry, identity } in candidates.iter_mut() {
        let Some(identity) = *identity else { continue };
        let first = by_file.get(&identity).filter(|first| *first != file_name(&entry.file));
        if let (ModuleState::Refused, Some(first)) = (entry.state, first) {
            entry.refuse(&Refusal::SameFile { first: first.clone() });
        }
    }
}
