//! Follows a running tool: feeds it, reads it, and stops it when a stop is asked for.

use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::child::Session;
use super::output::Output;
use super::start::{Plan, Started, Streams};
use super::{CommandError, Ending, Finished, Limits, Stdin, Stdout, Tool};
use crate::system::failpoint::failpoint;
use crate::system::interrupt::{self, Interrupted};
use crate::system::process_handle::ProcessHandle;

/// How long a tool that was asked to stop may take to tidy up before it is killed.
pub(super) const GRACE: Duration = Duration::from_secs(2);
const OUT: usize = 0;
const ERR: usize = 1;

/// Our ends of a running tool.
struct Link {
    process: ProcessHandle,
    /// The tool's process group, when no namespace holds its descendants together.
    group: Option<Pid>,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

/// Why a running tool was stopped.
enum Stop {
    Interrupted(Interrupted),
    TimedOut(Duration),
    OutputTooLong(usize),
    Follow(io::Error),
}

impl Tool<'_> {
    /// Runs the tool to its end.
    ///
    /// # Errors
    /// See [`CommandError`]: not there, not started, failed, or stopped.
    pub fn run(mut self) -> Result<Finished, CommandError> {
        if self.limits.signals
            && let Err(interrupted) = interrupt::check()
        {
            return Err(CommandError::Interrupted { tool: self.plan.name(), interrupted });
        }
        failpoint!("tool: about to begin", self.plan.name());
        let begun = Instant::now();
        let mut output = Output::new(self.log, self.on_line.take(), self.on_display.take());
        output.begin(&self.plan.command_line());
        let data = match std::mem::replace(&mut self.stdin, Stdin::Empty) {
            Stdin::Data(data) => Some((Stdio::piped(), data)),
            Stdin::File(file) => Some((Stdio::from(file), Vec::new())),
            Stdin::Empty => None,
        };
        let (stdin, data) = data.unwrap_or_else(|| (Stdio::null(), Vec::new()));
        let (stdout, capture) = match std::mem::replace(&mut self.stdout, Stdout::Lines) {
            Stdout::Lines => (Stdio::piped(), None),
            Stdout::Capture(limit) => (Stdio::piped(), Some(limit)),
            Stdout::File(file) => (Stdio::from(file), None),
        };
        let streams = Streams { stdin, stdout, stderr: Stdio::piped() };
        let follow_error = |source| CommandError::Follow { tool: self.plan.name(), source };
        let (ended, end_teller) = io::pipe().map_err(follow_error)?;
        let (link_sender, link_receiver) = mpsc::sync_channel(1);

        // The sink is the caller's and stays in this thread; the process belongs to the other one, which waits for it in
        // its private namespace.
        let plan = &self.plan;
        let (stop, ending) = std::thread::scope(|scope| {
            let keeper = std::thread::Builder::new()
                .spawn_scoped(scope, move || keep(plan, streams, &link_sender, end_teller));
            let keeper = match keeper {
                Ok(keeper) => keeper,
                Err(source) => return (None, Err(CommandError::Start { tool: plan.name(), source })),
            };
            let stop = match link_receiver.recv().map(Link::looked_at) {
                Ok(Err(cause)) => Some(Stop::Follow(cause)),
                Ok(Ok(link)) => follow(link, &ended, &mut output, data, capture, self.limits, begun),
                // It was not started; the keeper's result says why.
                Err(_) => None,
            };
            let ending = keeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (stop, ending)
        });
        failpoint!("tool: ended", self.plan.name());
        let ending = ending?;
        let duration = begun.elapsed();
        let (last_lines, stdout) = output.end(ending, duration);
        let tool = self.plan.name();
        match (stop, ending) {
            (Some(Stop::Interrupted(interrupted)), _) => Err(CommandError::Interrupted { tool, interrupted }),
            (Some(Stop::TimedOut(limit)), _) => Err(CommandError::TimedOut { tool, limit, last_lines }),
            (Some(Stop::OutputTooLong(limit)), _) => Err(CommandError::OutputTooLong { tool, limit }),
            (Some(Stop::Follow(source)), _) => Err(CommandError::Follow { tool, source }),
            (None, Ending::Code(code)) if code == 0 || self.accepted.contains(&code) => {
                Ok(Finished { code, stdout, last_lines, duration })
            }
            (None, ending) => Err(CommandError::Failed { tool, ending, last_lines }),
        }
    }
}

/// The thread that the process belongs to.
fn keep(
    plan: &Plan,
    streams: Streams,
    link: &mpsc::SyncSender<Link>,
    end_teller: PipeWriter,
) -> Result<Ending, CommandError> {
    let follow_error = |source| CommandError::Follow { tool: plan.name(), source };
    let mut started = plan.start(streams, Session::Own)?;
    let ours = our_ends(&mut started, plan.is_isolated()?).map_err(follow_error)?;
    // The receiver waits for this in the same function that waits for us.
    let _ = link.send(ours);
    let ending = started.wait().map_err(follow_error);
    drop(end_teller);
    ending
}

fn our_ends(started: &mut Started, isolated: bool) -> io::Result<Link> {
    let process = started.handle()?;
    let group = if isolated { None } else { i32::try_from(started.pid()).ok().map(Pid::from_raw) };
    let child = started.child();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let nonblocking = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
    if let Some(pipe) = &stdin {
        fcntl(pipe, nonblocking)?;
    }
    if let Some(pipe) = &stdout {
        fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    if let Some(pipe) = &stderr {
        fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    Ok(Link { process, group, stdin, stdout, stderr })
}

/// Until the process has ended and what it printed is read; returns why it had to be stopped.
fn follow(
    mut link: Link,
    ended: &impl AsFd,
    output: &mut Output<'_>,
    data: Vec<u8>,
    capture: Option<usize>,
    limits: Limits,
    begun: Instant,
) -> Option<Stop> {
    let limit = limits.time;
    let mut data = data.as_slice();
    let mut stop = None;
    let mut kill_at: Option<Instant> = None;
    let mut killed = false;
    loop {
        if data.is_empty() {
            link.stdin = None;
        }
        let deadline =
            kill_at.filter(|_| !killed).or(limit.filter(|_| stop.is_none()).map(|limit| begun + limit));
        let ready = match wait_for(&link, ended, limits.signals && stop.is_none(), deadline) {
            Ok(ready) => ready,
            Err(error) => {
                link.kill(libc::SIGKILL);
                return stop.or(Some(Stop::Follow(error)));
            }
        };
        let mut wanted = None;
        if ready.stdin {
            feed(&mut link.stdin, &mut data);
        }
        // What is printed before the end counts: read first, look at the end afterwards.
        if ready.ended || ready.stdout {
            wanted = read_stream(&mut link.stdout, OUT, output, capture, ready.ended).or(wanted);
        }
        if ready.ended || ready.stderr {
            wanted = read_stream(&mut link.stderr, ERR, output, None, ready.ended).or(wanted);
        }
        if ready.ended {
            output.finish_stream(OUT);
            output.finish_stream(ERR);
            if stop.is_some() {
                // The tool has obeyed; one of its children may just have been between fork and exec, deaf to the request.
                link.kill(libc::SIGKILL);
            }
            return stop.or(wanted);
        }
        if stop.is_none() {
            let interrupted = interrupt::check().err().filter(|_| limits.signals);
            if let Some(interrupted) = interrupted {
                wanted = Some(Stop::Interrupted(interrupted));
            } else if let Some(limit) = limit.filter(|limit| begun.elapsed() >= *limit) {
                wanted = Some(Stop::TimedOut(limit));
            }
            if wanted.is_some() {
                stop = wanted;
                link.kill(libc::SIGTERM);
                kill_at = Some(Instant::now() + GRACE);
            }
        }
        if !killed && kill_at.is_some_and(|at| Instant::now() >= at) {
            link.kill(libc::SIGKILL);
            killed = true;
        }
    }
}

impl Link {
    /// Looks when the process began, where it is known by its pid alone; here its `/proc` is the server's.
    fn looked_at(self) -> io::Result<Self> {
        Ok(Self { process: self.process.looked_at()?, ..self })
    }

    /// Signals the tool with its descendants: through its namespace's init, or else its process group.
    fn kill(&self, signal: i32) {
        let signal = if signal == libc::SIGTERM { Signal::SIGTERM } else { Signal::SIGKILL };
        if let Some(group) = self.group {
            // A group that is gone is what was wanted.
            let _ = killpg(group, signal);
        }
        let _ = self.process.kill(signal);
    }
}

/// What `poll` found.
#[derive(Default)]
struct Ready {
    ended: bool,
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

fn wait_for(
    link: &Link,
    ended: &impl AsFd,
    watch_interrupts: bool,
    deadline: Option<Instant>,
) -> io::Result<Ready> {
    let mut watched = vec![PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
    let mut places = [None; 3];
    let streams = [
        (link.stdin.as_ref().map(AsFd::as_fd), PollFlags::POLLOUT),
        (link.stdout.as_ref().map(AsFd::as_fd), PollFlags::POLLIN),
        (link.stderr.as_ref().map(AsFd::as_fd), PollFlags::POLLIN),
    ];
    for (place, (stream, flags)) in places.iter_mut().zip(streams) {
        if let Some(stream) = stream {
            *place = Some(watched.len());
            watched.push(PollFd::new(stream, flags));
        }
    }
    let stops = interrupt::StopFds::of_this_thread();
    if watch_interrupts {
        watched.extend(stops.iter().map(|stop| PollFd::new(stop, PollFlags::POLLIN)));
    }
    let timeout = match deadline {
        None => PollTimeout::NONE,
        Some(deadline) => {
            // One more millisecond than is left, so that the deadline has passed when it is over.
            let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        }
    };
    match poll(&mut watched, timeout) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(Ready::default()),
        Err(error) => return Err(error.into()),
    }
    let any = |place: Option<usize>| place.and_then(|place| watched.get(place)?.any()).unwrap_or(false);
    let [stdin, stdout, stderr] = places;
    Ok(Ready { ended: any(Some(0)), stdin: any(stdin), stdout: any(stdout), stderr: any(stderr) })
}

/// Writes what fits. A tool that does not want to read is no error: its exit status tells.
fn feed(stdin: &mut Option<ChildStdin>, data: &mut &[u8]) {
    let Some(pipe) = stdin else { return };
    match pipe.write(data) {
        Ok(count) => *data = data.get(count..).unwrap_or_default(),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
        Err(_) => *data = &[],
    }
}

/// Reads what is there: one bufferful while it runs, all of it after the end (bounded, as a daemon that kept the pipe
/// could go on writing for ever).
fn read_stream<S: Read>(
    stream: &mut Option<S>,
    number: usize,
    output: &mut Output<'_>,
    capture: Option<usize>,
    to_the_end: bool,
) -> Option<Stop> {
    let mut buffer = [0; 16384];
    let rounds = if to_the_end { 1024 } else { 1 };
    for _ in 0..rounds {
        let pipe = stream.as_mut()?;
        match pipe.read(&mut buffer) {
            Ok(0) => *stream = None,
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                match capture {
                    None => output.feed(number, bytes),
                    Some(limit) if !output.capture(bytes, limit) => return Some(Stop::OutputTooLong(limit)),
                    Some(_) => {}
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => return Some(Stop::Follow(error)),
        }
    }
    None
}
