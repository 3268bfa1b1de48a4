//! Runs other programs: argument vectors, a time limit, live output, and nothing of theirs left running.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::run::{MARK, end_marked};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::failure::Failure;
use crate::say;

/// How many of a program's last lines its error repeats, when they were not shown.
const LAST_LINES: usize = 12;
/// How long a program that is told to end may take to clean up before it is killed.
const GRACE: Duration = Duration::from_secs(20);

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Turns CTRL+C, SIGTERM and SIGHUP into an orderly end: the program under way is ended, then the task cleans up.
pub(crate) fn listen_for_interrupts() {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag)).expect("these signals can be caught");
    }
}

/// Says whether the user wants to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// What the mark of every process that this task starts begins with.
pub(crate) fn mark() -> String {
    format!("xtask-{}/", std::process::id())
}

/// The mark of one program and all it starts.
fn new_mark() -> String {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    format!("{}{}/", mark(), STARTED.fetch_add(1, Ordering::Relaxed))
}

/// What the user sees of a program's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// All of it, as it comes.
    Shown,
    /// What it says, not the data on its standard output.
    Messages,
    /// Nothing; its last lines when it fails.
    Kept,
}

/// A program to run.
#[derive(Debug, Clone)]
#[must_use]
pub(crate) struct Tool {
    program: String,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    dir: Option<Utf8PathBuf>,
    limit: Duration,
    output: Output,
}

/// What a program that ended printed on its standard output.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    last: VecDeque<String>,
}

impl Done {
    /// The last lines of all that it printed.
    pub(crate) fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }
}

enum Line {
    Out(String),
    Err(String),
}

impl Tool {
    /// A program whose output is shown and that may take ten minutes.
    pub(crate) fn new(program: &str) -> Self {
        let limit = Duration::from_secs(600);
        let (args, env) = (Vec::new(), Vec::new());
        Self { program: program.to_owned(), args, env, dir: None, limit, output: Output::Shown }
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<I: IntoIterator<Item: Into<String>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    pub(crate) fn dir(mut self, dir: &Utf8Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    pub(crate) fn minutes(mut self, minutes: u64) -> Self {
        self.limit = Duration::from_secs(60 * minutes);
        self
    }

    pub(crate) fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// The command as a user could type it.
    pub(crate) fn line(&self) -> String {
        let words = [&self.program].into_iter().chain(&self.args).map(|word| quoted(word));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Runs it and fails when it fails.
    pub(crate) fn run(&self) -> Result<Done, Failure> {
        self.run_watched(|_| {})
    }

    /// The same, with a look at every line of its standard output as it comes.
    pub(crate) fn run_watched(&self, watch: impl FnMut(&str)) -> Result<Done, Failure> {
        let done = self.run_to_end(watch)?;
        if done.status.success() {
            return Ok(done);
        }
        let last = if self.output == Output::Kept { done.last.into() } else { Vec::new() };
        Err(Failure::Ended { line: self.line(), status: done.status, last })
    }

    /// Runs it, whatever its exit status is.
    pub(crate) fn run_to_end(&self, mut watch: impl FnMut(&str)) -> Result<Done, Failure> {
        let mark = new_mark();
        let mut child = self.spawn(&mark)?;
        let lines = lines_of(&mut child);
        let started = Instant::now();
        let mut stdout = String::new();
        let mut last = VecDeque::new();
        let stopped = loop {
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    let (Line::Out(text) | Line::Err(text)) = &line;
                    match (self.output, &line) {
                        (Output::Shown, _) | (Output::Messages, Line::Err(_)) => say::line(text),
                        _ => {}
                    }
                    if let Line::Out(text) = &line {
                        watch(text);
                        stdout.extend([text.as_str(), "\n"]);
                    }
                    last.push_back(text.clone());
                    if last.len() > LAST_LINES {
                        last.pop_front();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break None,
                // Ended, but something it started holds the pipe: what was printed has been read.
                Err(RecvTimeoutError::Timeout) if has_ended(&mut child) => break None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if interrupted() {
                break Some(Failure::Interrupted);
            }
            if started.elapsed() > self.limit {
                let (line, limit) = (self.line(), self.limit);
                break Some(Failure::TooLong { line, limit, last: last.iter().cloned().collect() });
            }
        };
        if let Some(failure) = stopped {
            end(&mut child, &mark);
            return Err(failure);
        }
        let status = child.wait().map_err(|cause| Failure::Start { line: self.line(), cause })?;
        Ok(Done { status, stdout, last })
    }

    #[allow(clippy::disallowed_methods, reason = "the one place of the tasks that makes commands")]
    fn spawn(&self, mark: &str) -> Result<Child, Failure> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value))).env(MARK, mark);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.spawn().map_err(|cause| Failure::Start { line: self.line(), cause })
    }
}

/// A word as a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn has_ended(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(Some(_)))
}

fn lines_of(child: &mut Child) -> Receiver<Line> {
    let (to, lines) = channel();
    read_lines(child.stdout.take().expect("stdout is piped"), to.clone(), Line::Out);
    read_lines(child.stderr.take().expect("stderr is piped"), to, Line::Err);
    lines
}

fn read_lines(from: impl Read + Send + 'static, to: Sender<Line>, kind: fn(String) -> Line) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if to.send(kind(String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
    });
}

/// Ends a program with all it started: asked first, so that it can clean up, then killed.
fn end(child: &mut Child, mark: &str) {
    let group = Pid::from_raw(child.id() as i32);
    let _ = killpg(group, Signal::SIGTERM);
    let asked = Instant::now();
    while asked.elapsed() < GRACE && !has_ended(child) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
    end_marked(mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Tool {
        Tool::new("sh").args(["-c", script]).output(Output::Kept)
    }

    #[test]
    fn a_failure_repeats_the_last_lines() {
        let failure = shell("echo one; echo two >&2; exit 3").run().unwrap_err().to_string();
        assert!(failure.contains("exit status: 3"), "{failure}");
        assert!(failure.contains("| one") && failure.contains("| two"), "{failure}");
    }

    #[test]
    fn every_line_of_standard_output_is_seen() {
        let mut seen = Vec::new();
        shell("echo a; echo b >&2; printf c").run_watched(|line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["a", "c"]);
    }

    #[test]
    fn what_takes_too_long_is_ended_in_time_with_its_children() {
        let mut tool = shell("setsid sleep 271 & sleep 271");
        tool.limit = Duration::from_millis(200);
        let started = Instant::now();
        assert!(matches!(tool.run(), Err(Failure::TooLong { .. })));
        assert!(started.elapsed() < Duration::from_secs(10));
        let left = disklessset_tests::facts::processes_with(MARK, &mark()).unwrap();
        let left: Vec<_> = left.values().filter(|line| line.contains("sleep 271")).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn a_program_that_leaves_a_child_with_its_pipe_is_not_waited_for_forever() {
        let started = Instant::now();
        shell("sleep 3 & echo done").run().unwrap();
        assert!(started.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn a_line_can_be_typed() {
        assert_eq!(Tool::new("a").args(["b c", "", "it's", "--x=/y"]).line(), r"a 'b c' '' 'it'\''s' --x=/y");
    }
}
