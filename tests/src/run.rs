//! Runs the real program: nothing of the caller's environment, a time limit, and all it printed for the assertion.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

pub use crate::outcome::Outcome;

/// The search path of everything that is run.
pub const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The environment variable that marks every process started from a test root, with the root's own mark.
pub const MARK: &str = "DISKLESSSET_TEST_MARK";
/// How long a command may take unless told otherwise.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The directory with the built program and the built modules: that of the running test's own profile.
pub fn build_dir() -> Utf8PathBuf {
    let test = std::env::current_exe().expect("a running program knows its file");
    let test = Utf8PathBuf::from_path_buf(test).expect("cargo's target directory is UTF-8");
    // target/debug/deps/suite-0123 -> target/debug
    test.ancestors().nth(2).expect("tests lie two directories deep").to_owned()
}

/// The program under test; panics when it is not built.
pub fn disklessset() -> Utf8PathBuf {
    let program = build_dir().join("disklessset");
    assert!(
        program.is_file(),
        "{program} is not there: run `cargo build --workspace` (cargo xtask test does)"
    );
    for_all(program)
}

/// The program under test with failpoints compiled in; panics when it is not built.
pub fn disklessset_with_failpoints() -> Utf8PathBuf {
    let program = build_dir().join("disklessset-failpoints");
    assert!(
        program.is_file(),
        "{program} is not there: run `cargo build --workspace --features disklessset/failpoints --bin \
         disklessset-failpoints` (cargo xtask test does)"
    );
    for_all(program)
}

/// The built file of a module, by its short name (`demo` for `libdemo_module.so`); panics when it is not built.
pub fn built_module(name: &str) -> Utf8PathBuf {
    let file = build_dir().join(format!("lib{name}_module.so"));
    assert!(file.is_file(), "{file} is not there: run `cargo build --workspace` (cargo xtask test does)");
    for_all(file)
}

fn for_all(file: Utf8PathBuf) -> Utf8PathBuf {
    let name = file.clone();
    crate::root::built_for_all(file).unwrap_or_else(|cause| panic!("cannot copy {name}: {cause}"))
}

/// A command about to be run.
#[derive(Debug)]
#[must_use]
pub struct Program {
    file: Utf8PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    dir: Utf8PathBuf,
    stdin: Vec<u8>,
    limit: Duration,
    mark: String,
}

impl Program {
    /// A command with an empty environment but for a search path, a locale, the mark, a home in `dir` and temporary
    /// files in `dir/tmp`.
    pub fn new(file: impl Into<Utf8PathBuf>, dir: &Utf8Path, mark: &str) -> Self {
        let env = [("PATH", SYSTEM_PATH), ("LANG", "C.UTF-8"), ("HOME", dir.as_str())];
        let mut env: Vec<(String, OsString)> =
            env.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
        env.push((MARK.to_owned(), mark.into()));
        env.push(("TMPDIR".to_owned(), dir.join("tmp").into_string().into()));
        Self {
            file: file.into(),
            args: Vec::new(),
            env,
            dir: dir.to_owned(),
            stdin: Vec::new(),
            limit: LIMIT,
            mark: mark.to_owned(),
        }
    }

    /// Adds arguments (any bytes: hostile names are not always UTF-8).
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the directory it is run in.
    pub fn dir(mut self, dir: &Utf8Path) -> Self {
        self.dir = dir.to_owned();
        self
    }

    /// Gives it something to read; without it standard input is empty.
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.as_bytes().to_vec();
        self
    }

    /// The same done by another file: another build of the same program.
    pub fn by(mut self, file: impl Into<Utf8PathBuf>) -> Self {
        self.file = file.into();
        self
    }

    /// What is run.
    pub fn file(&self) -> &Utf8Path {
        &self.file
    }

    /// The same run by another program, which gets it as its last arguments (`setsid`, `unshare`, `strace`).
    pub fn behind<A: AsRef<OsStr>>(mut self, file: &str, args: &[A]) -> Self {
        let inner = std::mem::replace(&mut self.file, file.into());
        let all = args.iter().map(|arg| arg.as_ref().to_owned()).chain([inner.into_string().into()]);
        self.args = all.chain(self.args).collect();
        self
    }

    /// Another program in the same surroundings.
    pub fn clone_for<A: AsRef<OsStr>>(&self, file: &str, args: &[A]) -> Self {
        let env = self.env.clone();
        Self { env, limit: self.limit, ..Self::new(file, &self.dir, &self.mark) }.args(args)
    }

    /// Sets how long it may take.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The command ready for `std` (the terminal starts it itself).
    #[allow(clippy::disallowed_methods, reason = "the one place where the harness makes commands")]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.args(&self.args).current_dir(&self.dir).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it and comes back at once.
    #[track_caller]
    pub fn start(self) -> Running {
        let line = self.line();
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|cause| panic!("cannot run {line}: {cause}"));
        let stdout = collect(child.stdout.take().expect("stdout is piped"));
        let stderr = collect(child.stderr.take().expect("stderr is piped"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A program that does not read its input closes the pipe: no matter.
        let address = self.address();
        std::thread::spawn(move || stdin.write_all(&self.stdin));
        Running {
            child,
            line,
            address,
            mark: self.mark,
            limit: self.limit,
            started: Instant::now(),
            stdout,
            stderr,
        }
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.start().wait()
    }

    /// The options that say which site it is about, as commands in messages repeat them.
    fn address(&self) -> Vec<String> {
        let pairs = self.args.windows(2).map(|pair| (pair[0].to_string_lossy(), pair[1].to_string_lossy()));
        let pairs =
            pairs.filter(|(name, _)| ["--root", "--modules-dir", "--config"].contains(&name.as_ref()));
        pairs.map(|(name, value)| format!(" {name} {value}")).collect()
    }

    fn line(&self) -> String {
        let args = self.args.iter().map(|arg| format!(" {}", arg.to_string_lossy()));
        format!("{}{}", self.file, args.collect::<String>())
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes); // what came until the pipe broke is what there is
        bytes
    })
}

/// A command on its way.
#[derive(Debug)]
pub struct Running {
    child: Child,
    line: String,
    address: Vec<String>,
    mark: String,
    limit: Duration,
    started: Instant,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something is so while it runs, at most as long as it may take; panics with all it printed when it
    /// ends before.
    #[track_caller]
    pub fn wait_until<T>(self, look: impl FnMut() -> Option<T>) -> (Self, T) {
        self.wait_until_or_end(look).unwrap_or_else(|outcome| panic!("it ended too early: {outcome}"))
    }

    /// As [`Self::wait_until`]; how it ended, where it ended before.
    #[track_caller]
    pub fn wait_until_or_end<T>(mut self, mut look: impl FnMut() -> Option<T>) -> Result<(Self, T), Outcome> {
        loop {
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            // Looked at after its end: what it did last counts.
            if let Some(seen) = look() {
                return Ok((self, seen));
            }
            if ended {
                return Err(self.wait());
            }
            assert!(
                self.started.elapsed() < self.limit,
                "waited {:?} in vain during: {}",
                self.limit,
                self.line
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it, and it alone, a signal, as its terminal or an administrator would: a program that is about to answer
    /// such a signal gets it when it can, however late a busy machine lets it start.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        crate::signal::wait_until_answered(pid, signal);
        // It may just have ended by itself.
        let _ = nix::sys::signal::kill(pid, signal);
    }

    /// Ends it as a power failure would, it alone, and waits until it is gone. Programs it had started go on, as they
    /// would; the test root ends them at last.
    pub fn kill_nine(mut self) -> ExitStatus {
        self.signal(nix::sys::signal::Signal::SIGKILL);
        self.child.wait().unwrap_or_else(|cause| panic!("cannot wait for {}: {cause}", self.line))
    }

    /// The same for all that it has started and that stayed in its group, at once.
    pub fn kill_group(mut self) -> ExitStatus {
        let group = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        self.child.wait().unwrap_or_else(|cause| panic!("cannot wait for {}: {cause}", self.line))
    }

    /// Waits for its end; panics when it takes longer than it may.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        let status = loop {
            let ended = self
                .child
                .try_wait()
                .unwrap_or_else(|cause| panic!("cannot wait for {}: {cause}", self.line));
            if let Some(status) = ended {
                break status;
            }
            if self.started.elapsed() > self.limit {
                self.signal(nix::sys::signal::Signal::SIGKILL);
                end_marked(&self.mark);
                let (out, err) = (text(self.stdout), text(self.stderr));
                panic!("took longer than {:?}: {}\nstdout: {out}\nstderr: {err}", self.limit, self.line);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let said = text(self.stderr);
        Outcome {
            line: self.line,
            status,
            took: self.started.elapsed(),
            stdout: text(self.stdout),
            stderr: self.address.iter().fold(said.clone(), |said, option| said.replace(option, "")),
            said,
        }
    }
}

fn text(collected: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&collected.join().unwrap_or_default()).into_owned()
}

/// Kills every process that carries a mark, until there is none.
pub fn end_marked(mark: &str) {
    for _ in 0..100 {
        let left = crate::facts::processes_with(MARK, mark).unwrap_or_default();
        let others = left.keys().filter(|pid| **pid != std::process::id() as i32);
        if others.clone().count() == 0 {
            return;
        }
        for pid in others {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), nix::sys::signal::Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The exit codes with which the program refuses or fails at a command: those of `exec` are the user's command's, so its own is 125.
pub fn refusals_of(command: &[&str]) -> &'static [i32] {
    if command.contains(&"exec") { &[125] } else { &[1, 5] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::TestRoot;

    #[test]
    fn the_caller_s_environment_does_not_leak_and_output_is_kept() {
        let root = TestRoot::bare();
        let outcome = root.tool("env", &[] as &[&str]).run().expect_done();
        let names: Vec<_> = outcome.stdout.lines().filter_map(|line| line.split('=').next()).collect();
        assert_eq!(names, [MARK, "HOME", "LANG", "PATH", "TMPDIR"]);
    }

    #[test]
    fn input_is_given_and_exit_codes_are_seen() {
        let root = TestRoot::bare();
        assert_eq!(root.tool("cat", &[] as &[&str]).stdin("yes\n").run().expect_done().stdout, "yes\n");
        root.tool("ls", &["/no/such"])
            .run()
            .expect_code(2)
            .expect_said("/no/such")
            .expect_refusal(&[1, 2])
            .stdout
            .is_empty()
            .then_some(())
            .unwrap();
    }

    #[test]
    #[should_panic(expected = "exit code")]
    fn a_wrong_exit_code_is_a_failure() {
        let _ = TestRoot::bare().tool("false", &[] as &[&str]).run().expect_done();
    }

    #[test]
    #[should_panic(expected = "it ended too early")]
    fn waiting_for_something_ends_with_the_program() {
        let root = TestRoot::bare();
        let _ = root.tool("echo", &["done"]).start().wait_until(|| None::<()>);
    }

    #[test]
    fn what_takes_too_long_is_ended_with_its_children() {
        let root = TestRoot::bare();
        let slow = root.tool("setsid", &["--wait", "sleep", "300"]).limit(Duration::from_millis(300));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| slow.run()));
        let message = *ended.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("took longer than 300ms"), "{message}");
        assert!(root.processes().is_empty());
    }
}
