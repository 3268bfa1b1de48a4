//! One try: machines in a private network, each until it is decided.

use std::io::Write;
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::Candidate;
use super::boot_file::BootFile;
use super::error::ProveError;
use super::evidence::End;
use super::machine::{MachineSpec, peak_memory};
use super::report::{FailedMachine, ProveEvent, ProvenMachine};
use super::request::Mebibytes;
use super::site::{Served, Site, SiteEvent, SiteMachine};
use super::subnet::Subnet;
use super::visit::{VisitedConsole, Visitor};
use super::watch::{Verdict, Watch};

/// How often time-outs and interruptions are looked at.
const TICK: Duration = Duration::from_millis(100);
/// iPXE waits twice for this key, two seconds each; another key ends the wait.
const FIRMWARE_WAITS: &[u8] = b"Press Ctrl-B";
/// Requests may still be on their way when a console is closed; they explain the end.
const LATE_REQUESTS: Duration = Duration::from_millis(200);

/// A node to try, with what is seen of its machine.
pub(super) struct Trial {
    candidate: Candidate,
    watch: Watch,
}

impl Trial {
    pub(super) fn new(candidate: Candidate, boot_file: &BootFile) -> Self {
        Self { watch: Watch::new(boot_file.clone(), candidate.node.clone()), candidate }
    }

    /// The report of a machine that came up.
    pub(super) fn proven(self, qemu_peak: Option<Mebibytes>) -> ProvenMachine {
        ProvenMachine {
            node: self.candidate.node,
            login_line: self.watch.login_line.unwrap_or_default(),
            timeline: self.watch.timeline,
            failed_units: self.watch.failed_units,
            qemu_peak,
            console_log: self.candidate.log_path,
        }
    }

    /// The candidate for another try, when nothing can be told of this one.
    pub(super) fn again(self) -> Candidate {
        self.candidate
    }

    /// The report of one that did not; gives the candidate back for another try.
    pub(super) fn failed(self, end: End, memory: Mebibytes) -> (Candidate, FailedMachine) {
        let Self { candidate, watch } = self;
        let reached = watch.last_stage();
        let machine = FailedMachine {
            node: candidate.node.clone(),
            cause: watch.evidence.cause(end, reached, &watch.failed_units, memory),
            last_lines: watch.last_lines(),
            timeline: watch.timeline,
            failed_units: watch.failed_units,
            console_log: candidate.log_path.clone(),
        };
        (candidate, machine)
    }
}

/// How a try of a machine ended.
#[derive(Debug)]
pub(super) struct MachineExit {
    pub(super) end: Result<(), End>,
    pub(super) qemu_peak: Option<Mebibytes>,
    pub(super) lacks_rom: bool,
}

/// Runs all machines at once, each to its end; those that are up run on until the last is decided. A machine that came up
/// alone can be visited then.
///
/// Gives their ends in the order of `trials`; their watches hold what was seen.
///
/// # Errors
/// When this server fails or `stop` says so. The machines are gone in every case.
pub(super) fn run(
    trials: &mut [Trial],
    spec: &MachineSpec,
    served: Served,
    timeout: Duration,
    visitor: Option<&mut Visitor<'_>>,
    stop: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(ProveEvent),
) -> Result<Vec<MachineExit>, ProveError> {
    let (tell, told) = channel();
    let nodes = trials.iter().map(|trial| trial.candidate.node.clone()).collect();
    let (site, machines) = Site::open(spec.clone(), nodes, served, tell)?;
    let mut tries: Vec<Try<'_>> =
        trials.iter_mut().zip(machines).map(|(trial, machine)| Try::new(trial, machine)).collect();
    let started = Instant::now();
    while tries.iter().any(|one| one.ended.is_none()) {
        let tale = told.recv_timeout(TICK);
        let at = started.elapsed();
        let events = match tale {
            Ok(SiteEvent::Console(place, bytes)) => tries[place].console(at, &bytes)?,
            Ok(SiteEvent::Request(report)) => {
                // A boot file may name the server by an address of its own choice.
                let place = Subnet::machine_calling(&report.host).filter(|place| *place < tries.len());
                tries[place.unwrap_or(0)].trial.watch.request(at, &report)
            }
            Ok(SiteEvent::ConsoleClosed(place)) => {
                tries[place].closed_at.get_or_insert(at);
                Vec::new()
            }
            Ok(SiteEvent::NfsServerEnded(end)) => {
                return Err(ProveError::NfsServerEnded { end: end.to_string() });
            }
            Err(RecvTimeoutError::Timeout) => {
                tries.iter_mut().flat_map(|one| one.trial.watch.tick(at)).collect()
            }
            // The site's threads hold senders for as long as it is open.
            Err(RecvTimeoutError::Disconnected) => break,
        };
        events.into_iter().for_each(&mut *on_event);
        if stop() {
            return Err(ProveError::Interrupted);
        }
        for one in &mut tries {
            one.judge(at, timeout);
        }
    }
    if let (Some(visitor), [one]) = (visitor, &mut tries[..]) {
        one.visited_by(visitor, &told)?;
        if stop() {
            return Err(ProveError::Interrupted);
        }
    }
    let ended = tries.into_iter().map(Try::close).collect();
    site.close()?;
    Ok(ended)
}

/// A machine on its way.
struct Try<'a> {
    trial: &'a mut Trial,
    /// None when it is gone.
    machine: Option<SiteMachine>,
    keys: Keys,
    /// When its console ended.
    closed_at: Option<Duration>,
    ended: Option<MachineExit>,
    peak: Option<Mebibytes>,
}

impl<'a> Try<'a> {
    fn new(trial: &'a mut Trial, machine: SiteMachine) -> Self {
        let keys = Keys::default();
        Self { trial, machine: Some(machine), keys, closed_at: None, ended: None, peak: None }
    }

    fn console(&mut self, at: Duration, bytes: &[u8]) -> Result<Vec<ProveEvent>, ProveError> {
        let Candidate { log, log_path, .. } = &mut self.trial.candidate;
        log.write_all(bytes).map_err(ProveError::io(format!("write {log_path}")))?;
        if let Some(machine) = &mut self.machine {
            self.keys.skip_waits(bytes, &mut machine.input);
        }
        Ok(self.trial.watch.console(at, bytes))
    }

    /// Ends what is decided.
    fn judge(&mut self, at: Duration, timeout: Duration) {
        if self.ended.is_some() {
            return;
        }
        self.peak = self.machine.as_ref().and_then(|machine| peak_memory(machine.pid())).or(self.peak);
        match self.trial.watch.verdict(at) {
            Verdict::Up => self.ends(Ok(())),
            Verdict::Failed => self.fails(End::Decided),
            Verdict::Open if self.closed_at.is_some_and(|closed| at >= closed + LATE_REQUESTS) => {
                self.has_exited();
            }
            Verdict::Open if at > timeout => self.fails(End::TimedOut(timeout)),
            Verdict::Open => {}
        }
    }

    fn ends(&mut self, end: Result<(), End>) {
        self.ended.get_or_insert(MachineExit { end, qemu_peak: self.peak, lacks_rom: false });
    }

    fn fails(&mut self, end: End) {
        // The others get its processor time.
        if let Some(machine) = self.machine.take() {
            machine.kill();
        }
        self.ends(Err(end));
    }

    fn has_exited(&mut self) {
        let Some(machine) = self.machine.take() else { return };
        let end = machine.end();
        let lacks_rom = end.lacks_rom();
        let end = Err(End::Exited(end.describe()));
        self.ended = Some(MachineExit { end, qemu_peak: self.peak, lacks_rom });
    }

    /// Has it visited, if it is up.
    fn visited_by(
        &mut self,
        visitor: &mut Visitor<'_>,
        told: &Receiver<SiteEvent>,
    ) -> Result<(), ProveError> {
        let (Some(MachineExit { end: Ok(()), .. }), Some(machine)) = (&self.ended, &mut self.machine) else {
            return Ok(());
        };
        let visit = ProveError::io("go on with the visit of the console");
        // Who visits must be able to go, whatever the machine does with what was typed.
        if let Err(error) = rustix::io::ioctl_fionbio(&machine.input, true) {
            return Err(visit(error.into()));
        }
        let Candidate { node, log, .. } = &mut self.trial.candidate;
        let login_line = self.trial.watch.login_line.as_deref().unwrap_or_default();
        let input = &mut machine.input;
        visitor(&mut VisitedConsole { node, login_line, input, told, log, unsent: Vec::new() }).map_err(visit)
    }

    fn close(mut self) -> MachineExit {
        if let Some(machine) = self.machine.take() {
            machine.kill();
        }
        let gone = || End::Exited("its console ended".to_owned());
        self.ended.unwrap_or_else(|| MachineExit { end: Err(gone()), qemu_peak: self.peak, lacks_rom: false })
    }
}

/// Ends iPXE's waits for a key, as someone in a hurry would.
#[derive(Default)]
struct Keys {
    firmware: Vec<u8>,
    pressed: u8,
}

impl Keys {
    fn skip_waits(&mut self, bytes: &[u8], input: &mut ChildStdin) {
        if self.pressed == 2 {
            return;
        }
        self.firmware.extend_from_slice(bytes);
        if let Some(at) =
            self.firmware.windows(FIRMWARE_WAITS.len()).position(|window| window == FIRMWARE_WAITS)
        {
            self.firmware.drain(..at + FIRMWARE_WAITS.len());
            self.pressed += 1;
            // Without the key the boot goes on four seconds later.
            let _ = input.write_all(b" ").and_then(|()| input.flush());
        }
    }
}
