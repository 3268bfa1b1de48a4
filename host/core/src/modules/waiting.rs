//! Which modules wait for others: a class may be built on a class of another file, which may come later or never.

use std::collections::HashMap;

use semver::{Version, VersionReq};

use super::names::ClassName;
use super::refusal::Refusal;
use super::registry::{ModuleEntry, ModuleState};

/// What became of one class's base.
enum Verdict {
    Fine,
    Refused(Refusal),
    Waiting(String),
}

/// Marks the entries that cannot be used: circles and wrong versions are refused, the others wait until all they build on is
/// ready.
pub(super) fn mark_unusable(entries: &mut [ModuleEntry]) {
    refuse_circles(entries);
    loop {
        // Each round only takes modules out of use, so there are at most as many rounds as modules.
        let verdicts: Vec<(usize, Verdict)> = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.state == ModuleState::Ready)
            .map(|(at, entry)| (at, judge(entry, entries)))
            .filter(|(_, verdict)| !matches!(verdict, Verdict::Fine))
            .collect();
        if verdicts.is_empty() {
            return;
        }
        for (at, verdict) in verdicts {
            match verdict {
                Verdict::Fine => {}
                Verdict::Refused(refusal) => entries[at].refuse(&refusal),
                Verdict::Waiting(reason) => {
                    entries[at].state = ModuleState::Waiting;
                    entries[at].reason = Some(reason);
                    entries[at].hint = Some("install the module that has it".to_owned());
                }
            }
        }
    }
}

fn judge(entry: &ModuleEntry, entries: &[ModuleEntry]) -> Verdict {
    for class in &entry.classes {
        let Some(base) = &class.base else { continue };
        let has_it = |other: &&ModuleEntry| other.classes.iter().any(|c| c.name.as_str() == base.class);
        let used = entries.iter().filter(|other| other.state == ModuleState::Ready).find(has_it);
        let Some(holder) = used else {
            let name = &base.class;
            return Verdict::Waiting(match entries.iter().find(has_it) {
                None => format!("waiting for class {name}"),
                Some(other) => format!("waiting for class {name}: module {} is not used", other.name),
            });
        };
        let (Ok(wanted), Some(found)) = (VersionReq::parse(&base.version), &holder.version) else { continue };
        if !accepts(&wanted, found) {
            return Verdict::Refused(Refusal::BaseVersion {
                class: class.name.to_string(),
                base: base.class.clone(),
                wanted: base.version.clone(),
                module: holder.name.clone(),
                found: Box::new(found.clone()),
            });
        }
    }
    Verdict::Fine
}

/// A pre-release of an accepted version is accepted: whoever installed it wants to try it.
fn accepts(wanted: &VersionReq, found: &Version) -> bool {
    wanted.matches(found) || wanted.matches(&Version::new(found.major, found.minor, found.patch))
}

fn refuse_circles(entries: &mut [ModuleEntry]) {
    let bases: HashMap<ClassName, String> = entries
        .iter()
        .filter(|entry| entry.state == ModuleState::Ready)
        .flat_map(|entry| &entry.classes)
        .filter_map(|class| Some((class.name.clone(), class.base.as_ref()?.class.clone())))
        .collect();
    let bases: HashMap<&str, &str> =
        bases.iter().map(|(class, base)| (class.as_str(), base.as_str())).collect();
    for entry in entries.iter_mut().filter(|entry| entry.state == ModuleState::Ready) {
        let circle = entry.classes.iter().find_map(|class| circle(class.name.as_str(), &bases));
        if let Some(way) = circle {
            let class = way.first().copied().unwrap_or_default().to_owned();
            entry.refuse(&Refusal::Circle { class, circle: way.join(" → ") });
        }
    }
}

/// The way from a class back to itself, if there is one.
fn circle<'c>(class: &'c str, bases: &HashMap<&'c str, &'c str>) -> Option<Vec<&'c str>> {
    let mut way = vec![class];
    let mut here = class;
    while let Some(base) = bases.get(here) {
        way.push(base);
        if *base == class {
            return Some(way);
        }
        // More steps than classes: a circle further down, which is told where it lies.
        if way.len() > bases.len() + 1 {
            return None;
        }
        here = base;
    }
    None
}
