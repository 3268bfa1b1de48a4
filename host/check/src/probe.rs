//! What a module may leave in the process that runs it, and must not: it shares the process with the host.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long threads of the host that are about to end may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The state of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    /// By what it is, as it reads in a finding.
    facts: BTreeMap<String, String>,
}

impl Probe {
    /// The state now.
    pub(super) fn now() -> Self {
        let mut facts = BTreeMap::new();
        let mut add = |what: &str, value: String| facts.insert(what.to_owned(), value);
        let link = |name: &str| {
            std::fs::read_link(format!("/proc/self/{name}"))
                .map_or_else(|cause| cause.to_string(), |target| target.to_string_lossy().into_owned())
        };
        add("the current directory", link("cwd"));
        add("the root directory", link("root"));
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        for (field, what) in [
            ("Umask", "the umask"),
            ("Uid", "the user"),
            ("Gid", "the group"),
            ("Groups", "the groups"),
            ("SigBlk", "the blocked signals"),
            ("SigIgn", "the ignored signals"),
            ("SigCgt", "the handled signals"),
        ] {
            let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            let value = value.unwrap_or_default().trim();
            let value = if field.starts_with("Sig") { without_libc(value) } else { value.to_owned() };
            add(what, value);
        }
        add("the number of threads", count("/proc/self/task"));
        add("the number of open files", count("/proc/self/fd"));
        let mut environment: Vec<String> = std::env::vars_os()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        environment.sort();
        add("the environment", environment.join(" "));
        Self { facts }
    }

    /// What differs from an earlier state once that has settled, a sentence each.
    pub(super) fn changes(&self) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let now = Self::now();
            if now == *self || begun.elapsed() > PATIENCE {
                return self.differences(&now);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn differences(&self, now: &Self) -> Vec<String> {
        let changed = self.facts.iter().filter(|(what, before)| now.facts.get(*what) != Some(before));
        let text = |(what, before): (&String, &String)| {
            let after = now.facts.get(what).cloned().unwrap_or_default();
            match what.as_str() {
                // Its values may be anything.
                "the environment" => "changes the environment of the program".to_owned(),
                _ => format!("changes {what} of the program from {before} to {after}"),
            }
        };
        changed.map(text).collect()
    }
}

/// A set of signals without the two that the C library keeps for itself, and handles when it first needs them.
fn without_libc(set: &str) -> String {
    match u64::from_str_radix(set, 16) {
        Ok(set) => format!("{:016x}", set & !(0b11 << 31)),
        Err(_) => set.to_owned(),
    }
}

fn count(directory: &str) -> String {
    std::fs::read_dir(directory).map_or_else(|cause| cause.to_string(), |entries| entries.count().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_named() {
        let before = Probe::now();
        let mut after = before.clone();
        after.facts.insert("the umask".into(), "0777".into());
        let changes = before.differences(&after);
        assert!(changes.len() == 1 && changes[0].ends_with(" to 0777"), "{changes:?}");
        assert_eq!(before.differences(&before), [] as [&str; 0]);
    }
}
