//! Follows one try from its console and its requests, and knows when it is decided.

mod stages;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::asker::{from_firmware, own_file};
use super::boot_file::BootFile;
use super::console::Console;
use super::evidence::Evidence;
use super::report::ProveEvent;
use super::stage::{Stage, Timeline};
use disklessset_plugin_api::node_set::NodeName;
use disklessset_serve::{RequestReport, Transfer};
use words::{failed_unit, is_prompt};

/// How many lines of the console go into a failure's report.
const LAST_LINES: usize = 30;
/// How long the console may speak on after a failure that decides the try: the words that explain it
/// come before or right after.
const GRACE: Duration = Duration::from_secs(2);
/// A system without systemd says nothing when it is up: its prompt comes last, so this much time
/// after it is enough.
const AFTER_PROMPT: Duration = Duration::from_secs(5);

/// How long a kernel whose console is not known to be the serial line may say nothing: a second
/// is usual.
const SILENCE: Duration = Duration::from_secs(45);

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not decided yet.
    Open,
    /// Prompt and system are there.
    Up,
    /// It cannot come up any more.
    Failed,
}

/// The state of one try.
pub(super) struct Watch {
    node: NodeName,
    console: Console,
    pub(super) evidence: Evidence,
    pub(super) timeline: Timeline,
    pub(super) last_lines: VecDeque<String>,
    pub(super) login_line: Option<String>,
    pub(super) failed_units: Vec<String>,
    refused: BTreeMap<String, u32>,
    doomed_at: Option<Duration>,
    systemd: Systemd,
}

/// Whether the image's init is known to be systemd, which announces its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Systemd {
    Unseen,
    Seen,
}

impl Watch {
    pub(super) fn new(boot_file: BootFile, node: NodeName) -> Self {
        Self {
            node,
            console: Console::default(),
            evidence: Evidence::new(boot_file),
            timeline: Timeline::new(),
            last_lines: VecDeque::new(),
            login_line: None,
            failed_units: Vec::new(),
            refused: BTreeMap::new(),
            doomed_at: None,
            systemd: Systemd::Unseen,
        }
    }

    /// Takes console output; gives what it tells.
    pub(super) fn console(&mut self, at: Duration, bytes: &[u8]) -> Vec<ProveEvent> {
        let mut events = Vec::new();
        for line in self.console.feed(bytes) {
            self.line(at, &line, &mut events);
            self.remember(line.clone());
            events.push(ProveEvent::Console { node: self.node.clone(), line });
        }
        let unfinished = self.console.unfinished();
        self.prompt(at, &unfinished, &mut events);
        events
    }

    /// Takes a finished request; gives what it tells.
    pub(super) fn request(&mut self, at: Duration, report: &RequestReport) -> Vec<ProveEvent> {
        if let Some(stage) = own_file(report) {
            let mut events = Vec::new();
            self.pass(at, stage, &mut events);
            return events;
        }
        let mut events = vec![ProveEvent::Request {
            node: self.node.clone(),
            path: report.path.clone(),
            status: report.status,
            bytes: report.bytes,
        }];
        let stage = self.stage_of(report);
        self.evidence.requests.push(report.clone());
        if (400..600).contains(&report.status) {
            let times = self.refused.entry(report.path.clone()).or_default();
            *times += 1;
            // iPXE says itself whether it can go on without the file; an initramfs asks for minutes.
            if !from_firmware(report) && (*times >= 2 || stage == Some(Stage::RootImageFetched)) {
                self.doom(at);
            }
        } else if report.transfer == Transfer::Complete
            && report.method == "GET"
            && let Some(stage) = stage
        {
            self.pass(at, stage, &mut events);
        }
        events
    }

    /// Whether the try is decided at `now`.
    pub(super) fn verdict(&self, now: Duration) -> Verdict {
        if self.passed(Stage::LoginPrompt) && self.passed(Stage::SystemUp) {
            return Verdict::Up;
        }
        match self.doomed_at {
            Some(at) if now >= at + GRACE => Verdict::Failed,
            _ => Verdict::Open,
        }
    }

    /// To be called now and then: passes what only time can tell.
    pub(super) fn tick(&mut self, now: Duration) -> Vec<ProveEvent> {
        let mut events = Vec::new();
        let fetched = self.passed_at(Stage::InitramfsFetched);
        let silent = self.evidence.is_silent(self.last_stage());
        if silent && fetched.is_some_and(|at| now >= at + SILENCE) {
            self.doom(now);
        }
        let prompt = self.passed_at(Stage::LoginPrompt);
        if self.systemd == Systemd::Unseen && prompt.is_some_and(|at| now >= at + AFTER_PROMPT) {
            self.pass(now, Stage::SystemUp, &mut events);
        }
        events
    }

    /// The last stage passed.
    pub(super) fn last_stage(&self) -> Option<Stage> {
        self.timeline.iter().map(|(_, stage)| *stage).max()
    }

    /// The end of the console, the unfinished line included.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let unfinished = Some(self.console.unfinished()).filter(|line| !line.trim().is_empty());
        self.last_lines.iter().cloned().chain(unfinished).collect()
    }

    fn line(&mut self, at: Duration, line: &str, events: &mut Vec<ProveEvent>) {
        self.prompt(at, line, events);
        if let Some(stage) = self.stage_in(line) {
            self.pass(at, stage, events);
        }
        if line.contains("systemd[1]:") || line.starts_with("[  OK  ]") {
            self.systemd = Systemd::Seen;
        }
        if self.passed(Stage::SystemStarted)
            && let Some(unit) = failed_unit(line)
            && !self.failed_units.iter().any(|known| known == unit)
        {
            self.failed_units.push(unit.to_owned());
            events.push(ProveEvent::UnitFailed { node: self.node.clone(), unit: unit.to_owned() });
        }
        let stage = self.last_stage();
        if self.evidence.line(line, stage) {
            self.doom(at);
        }
    }

    fn prompt(&mut self, at: Duration, line: &str, events: &mut Vec<ProveEvent>) {
        if self.login_line.is_none() && self.passed(Stage::KernelStarted) && is_prompt(line) {
            self.login_line = Some(line.trim().to_owned());
            // Some inits say nothing: who asks for a login runs.
            self.pass(at, Stage::SystemStarted, events);
            self.pass(at, Stage::LoginPrompt, events);
        }
    }

    fn pass(&mut self, at: Duration, stage: Stage, events: &mut Vec<ProveEvent>) {
        if !self.passed(stage) {
            self.timeline.push((at, stage));
            events.push(ProveEvent::Stage { node: self.node.clone(), at, stage });
        }
    }

    fn passed(&self, stage: Stage) -> bool {
        self.passed_at(stage).is_some()
    }

    fn passed_at(&self, stage: Stage) -> Option<Duration> {
        let found = self.timeline.iter().find(|(_, passed)| *passed == stage);
        found.map(|(at, _)| *at)
    }

    fn doom(&mut self, at: Duration) {
        self.doomed_at.get_or_insert(at);
    }

    fn remember(&mut self, line: String) {
        if self.last_lines.len() == LAST_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot_file::{ENTRY_PATH, LOADER_PATH};

    #[test]
    fn uefi_fetches_ipxe_before_ipxe_fetches_anything() {
        let get = |path: &str, agent: &str| RequestReport {
            peer: ([10, 0, 2, 15], 1).into(),
            via: None,
            method: "GET".to_owned(),
            path: path.to_owned(),
            file: path.to_owned(),
            agent: agent.to_owned(),
            host: "10.0.2.2".to_owned(),
            status: 200,
            bytes: 1,
            transfer: Transfer::Complete,
            took: Duration::ZERO,
            problem: None,
        };
        let mut watch = Watch::new(BootFile::parse("boot.ipxe", "#!ipxe\n"), crate::node::made_up().unwrap());
        let asked = [(LOADER_PATH, "UefiHttpBoot/1.0"), (ENTRY_PATH, "iPXE/1.0"), ("boot.ipxe", "iPXE/1.0")];
        for (second, (path, agent)) in (1..).zip(asked) {
            watch.request(Duration::from_secs(second), &get(path, agent));
        }
        let stages: Vec<_> = watch.timeline.iter().map(|(_, stage)| *stage).collect();
        assert_eq!(stages, [Stage::LoaderFetched, Stage::Firmware, Stage::BootFileFetched]);
        // What the proof brings itself explains no failure.
        assert_eq!(watch.evidence.requests.len(), 1);
    }
}
