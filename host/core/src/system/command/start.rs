//! Starts one process: looks the tool up, isolates it, ties its life to ours, and tells how it ended.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use std::os::unix::process::ExitStatusExt;

use camino::Utf8PathBuf;
use rustix::process::geteuid;

use super::child::{self, ChildSetup, Namespace, Session};
use super::isolation::{Chroot, Installing, Isolation, PrivateNamespace, StepError};
use super::{CommandError, Ending, packages};
use disklessset_system::programs::{PATH, find};

use crate::system::process_handle::{Life, ProcessHandle};

/// What to start and how: the part of a tool that can go to another thread.
pub(super) struct Plan {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) current_dir: Option<Utf8PathBuf>,
    pub(super) isolation: Isolation,
}

/// The three standard streams of a process to be started.
pub(super) struct Streams {
    pub(super) stdin: Stdio,
    pub(super) stdout: Stdio,
    pub(super) stderr: Stdio,
}

/// A started process. It belongs to the thread that started it: when that thread ends, the kernel kills it.
pub(super) struct Started {
    child: Child,
    /// Comes to its end when the namespace's init is gone; has the tool's ending in it.
    report: Option<PipeReader>,
    /// Held for the length of the run.
    _namespace: Option<PrivateNamespace>,
    /// Held as long: by it the namespace's init sees that we live.
    _alive: Option<Life>,
}

impl Plan {
    /// The name for messages: without directories.
    pub(super) fn name(&self) -> String {
        let program = self.program.to_string_lossy();
        program.rsplit('/').next().unwrap_or(&program).to_owned()
    }

    /// The command line for the log, quoted where a reader could mistake it.
    pub(super) fn command_line(&self) -> String {
        let mut line = String::new();
        for word in std::iter::once(&self.program).chain(&self.args) {
            let word = word.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%@".contains(c);
            let separator = if line.is_empty() { "" } else { " " };
            line.push_str(separator);
            if !word.is_empty() && word.chars().all(plain) {
                line.push_str(&word);
            } else {
                line.push_str(&format!("{word:?}"));
            }
        }
        line
    }

    /// Whether this run gets namespaces of its own.
    pub(super) fn is_isolated(&self) -> Result<bool, CommandError> {
        let root = may_isolate();
        match &self.isolation {
            Isolation::None => Ok(false),
            Isolation::Private | Isolation::Public(_) => Ok(root),
            Isolation::Chroot(_) | Isolation::Installing(_) if root => Ok(true),
            Isolation::Chroot(Chroot { tree, .. }) | Isolation::Installing(Installing { tree, .. }) => {
                let (tool, tree) = (self.name(), tree.clone());
                Err(match geteuid().is_root() {
                    true => CommandError::NeedsMounts { tool, tree },
                    false => CommandError::NeedsRoot { tool, tree },
                })
            }
        }
    }

    /// Starts the tool. To be called in a thread that stays until [`Started::wait`] has returned.
    pub(super) fn start(&self, streams: Streams, session: Session) -> Result<Started, CommandError> {
        let isolated = self.is_isolated()?;
        let program = match &self.isolation {
            Isolation::Chroot(_) => PathBuf::from(&self.program),
            _ => self.find()?,
        };
        #[allow(clippy::disallowed_methods, reason = "this is the room that runs programs")]
        let mut command = Command::new(program);
        command.args(&self.args).env_clear();
        command.env("PATH", PATH).env("LC_ALL", "C.UTF-8").env("HOME", "/root");
        command.env("DEBIAN_FRONTEND", "noninteractive").env("DEBCONF_NONINTERACTIVE_SEEN", "true");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.current_dir.as_ref().map_or("/", |path| path.as_str()));
        command.stdin(streams.stdin).stdout(streams.stdout).stderr(streams.stderr);

        let parent = std::process::id();
        if !isolated {
            child::prepare(&mut command, ChildSetup { session, parent, namespace: None });
            let child = command.spawn().map_err(|source| self.start_error(source))?;
            return Ok(Started { child, report: None, _namespace: None, _alive: None });
        }

        let isolation_error = |StepError { step, source }| {
            let tool = self.name();
            CommandError::Isolation { tool, step, source }
        };
        let start_error = |source| CommandError::Start { tool: self.name(), source };
        let alive = Life::of_self().map_err(start_error)?;
        let (mut report, reporter) = io::pipe().map_err(start_error)?;
        let namespace = PrivateNamespace::enter(&self.isolation).map_err(isolation_error)?;
        let descriptors = Namespace {
            parent: alive.watched(),
            report: reporter.as_raw_fd(),
            confinement: namespace.confinement(),
        };
        child::prepare(&mut command, ChildSetup { session, parent, namespace: Some(descriptors) });
        let spawned = command.spawn();
        drop(reporter);
        let child = spawned.map_err(|source| match read_report(&mut report) {
            Some((child::PROC_FAILED, error)) => {
                let source = io::Error::from_raw_os_error(error);
                isolation_error(StepError { step: "mounting /proc".to_owned(), source })
            }
            _ => self.start_error(source),
        })?;
        Ok(Started { child, report: Some(report), _namespace: Some(namespace), _alive: Some(alive) })
    }

    /// The tool's file: a missing one is said by name before anything else is done.
    fn find(&self) -> Result<PathBuf, CommandError> {
        let given = PathBuf::from(&self.program);
        if given.components().count() > 1 || given.is_absolute() {
            if given.exists() {
                return Ok(given);
            }
        } else {
            if let Some(found) = given.to_str().and_then(find) {
                return Ok(found.into());
            }
        }
        let tool = self.name();
        Err(CommandError::Missing { package: packages::debian_package(&tool), tool })
    }

    fn start_error(&self, source: io::Error) -> CommandError {
        let tool = self.name();
        match &self.isolation {
            Isolation::Chroot(chroot) if source.kind() == io::ErrorKind::NotFound => {
                CommandError::MissingInTree { tool, tree: chroot.tree.clone() }
            }
            _ => CommandError::Start { tool, source },
        }
    }
}

impl Started {
    /// The started process: the tool, or the init in front of it, which passes SIGTERM on.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it is killed by.
    pub(super) fn handle(&self) -> io::Result<ProcessHandle> {
        ProcessHandle::open(self.pid())
    }

    /// The pipes to its standard streams, where such were asked for.
    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for its end. When it was isolated, every process of its namespace has ended then, and its mounts are gone.
    pub(super) fn wait(mut self) -> io::Result<Ending> {
        let status = self.child.wait()?;
        let Some(report) = &mut self.report else { return Ok(ending(status)) };
        Ok(match read_report(report) {
            Some((child::ENDED, status)) => ending(ExitStatus::from_raw(status)),
            // The init itself was killed, and the tool with it.
            _ => Ending::Signal(nix::libc::SIGKILL),
        })
    }
}

/// Whether we may make namespaces and mounts. Root in a plain container has the name but not the capability.
fn may_isolate() -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    geteuid().is_root() && effective.is_none_or(|mask| mask & SYS_ADMIN != 0)
}

/// What the child wrote before its exec or its end. All writers are gone when this is called, so it does not wait.
fn read_report(report: &mut PipeReader) -> Option<(u8, i32)> {
    let mut message = [0; 5];
    report.read_exact(&mut message).ok()?;
    let [kind, a, b, c, d] = message;
    Some((kind, i32::from_ne_bytes([a, b, c, d])))
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Code(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Code(-1),
    }
}
