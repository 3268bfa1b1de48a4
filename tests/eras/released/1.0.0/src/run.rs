//! Programs that a module has the host run: an argument vector, never a shell line.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A program to run, in the server's own system or inside an OS tree.
///
/// The host runs it in mount and process namespaces of its own, so that nothing of it outlives the host, shows its output
/// live with `-d`, keeps it in the image's log, and puts its last lines into the error when it fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Command {
    pub(crate) program: String,
    #[serde(default)]
    pub(crate) args: Vec<String>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) current_dir: Option<String>,
    #[serde(default)]
    pub(crate) tree: Option<String>,
    #[serde(default)]
    pub(crate) network: bool,
    #[serde(default)]
    pub(crate) stdin: Option<String>,
    #[serde(default)]
    pub(crate) interactive: bool,
    #[serde(default)]
    pub(crate) show: bool,
    #[serde(default)]
    pub(crate) capture: bool,
    #[serde(default)]
    pub(crate) accept: Vec<i32>,
    #[serde(default)]
    pub(crate) installs_into: Option<String>,
    #[serde(default)]
    pub(crate) writes: Vec<String>,
    #[serde(default)]
    pub(crate) links_dev: bool,
    #[serde(default)]
    pub(crate) looks_for: Vec<String>,
    #[serde(default)]
    pub(crate) labels: bool,
}

impl Command {
    /// A program by name (looked up in the usual system directories) or absolute path.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            current_dir: None,
            tree: None,
            network: false,
            stdin: None,
            interactive: false,
            show: false,
            capture: false,
            accept: Vec::new(),
            installs_into: None,
            links_dev: false,
            writes: Vec::new(),
            looks_for: Vec::new(),
            labels: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable (the environment is otherwise the host's own clean one).
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn current_dir(mut self, dir: impl Into<String>) -> Self {
        self.current_dir = Some(dir.into());
        self
    }

    /// Runs inside this OS tree, with `/proc`, `/sys` and `/dev` mounted there privately.
    #[must_use]
    pub fn inside(mut self, tree: impl Into<String>) -> Self {
        self.tree = Some(tree.into());
        self
    }

    /// Gives a program inside a tree the network with the server's name resolution, for package managers. Without it a program inside
    /// a tree has no network at all, and cannot make device nodes.
    #[must_use]
    pub fn with_network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Runs a program of the server that runs programs of this OS tree, as a package manager does. It sees the server's
    /// files and writes to none but those of the tree and of what [`Self::may_write`] names. `/proc`, `/sys` and `/dev` are there
    /// in the tree, made for it, and neither the program nor those of the tree can mount or reach devices of the server.
    #[must_use]
    pub fn installing_into(mut self, tree: impl Into<String>) -> Self {
        self.installs_into = Some(tree.into());
        self
    }

    /// A directory beside the tree that a program may write to, for [`Self::installing_into`].
    #[must_use]
    pub fn may_write(mut self, directory: impl Into<String>) -> Self {
        self.writes.push(directory.into());
        self
    }

    /// Leaves `fd`, `stdin`, `stdout` and `stderr` in `/dev` to the program, for [`Self::installing_into`]: mmdebstrap makes them and
    /// fails where they are.
    #[must_use]
    pub fn makes_links_of_dev(mut self) -> Self {
        self.links_dev = true;
        self
    }

    /// What the program reads on standard input (nothing otherwise). It is not logged.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Hands the user's terminal to the program.
    #[must_use]
    pub fn interactive(mut self) -> Self {
        self.interactive = true;
        self
    }

    /// Passes the program's output to the user's standard output, as for `exec`.
    #[must_use]
    pub fn show_output(mut self) -> Self {
        self.show = true;
        self
    }

    /// Keeps standard output for the caller, at most 4 MiB, instead of logging it.
    #[must_use]
    pub fn capture(mut self) -> Self {
        self.capture = true;
        self
    }

    /// A program inside a tree that sets labels of SELinux, for which others have no right.
    #[must_use]
    pub fn sets_labels(mut self) -> Self {
        self.labels = true;
        self
    }

    /// Gives back the lines with this text in them, the first hundred, in [`Finished::found`]: for what a program says and does not call
    /// a failure. They are logged and shown all the same.
    #[must_use]
    pub fn look_for(mut self, text: impl Into<String>) -> Self {
        self.looks_for.push(text.into());
        self
    }

    /// Exit codes other than 0 that are no failure.
    #[must_use]
    pub fn accept(mut self, codes: &[i32]) -> Self {
        self.accept = codes.to_vec();
        self
    }
}

impl Command {
    /// The program.
    pub fn program(&self) -> &str {
        &self.program
    }
    /// Its arguments.
    pub fn arguments(&self) -> &[String] {
        &self.args
    }
    /// Variables beside the host's clean environment.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.env
    }
    /// The working directory.
    pub fn directory(&self) -> Option<&str> {
        self.current_dir.as_deref()
    }
    /// The OS tree it runs inside.
    pub fn tree(&self) -> Option<&str> {
        self.tree.as_deref()
    }
    /// The OS tree that it installs into.
    pub fn installs_into(&self) -> Option<&str> {
        self.installs_into.as_deref()
    }
    /// The directories beside that tree that it may write to.
    pub fn writable(&self) -> &[String] {
        &self.writes
    }
    /// Whether it makes the links in `/dev` itself.
    pub fn links_dev(&self) -> bool {
        self.links_dev
    }
    /// Whether it sets labels of SELinux.
    pub fn is_labelling(&self) -> bool {
        self.labels
    }
    /// What is looked for in the lines it prints.
    pub fn looked_for(&self) -> &[String] {
        &self.looks_for
    }
    /// Whether it gets name resolution inside a tree.
    pub fn wants_network(&self) -> bool {
        self.network
    }
    /// What it reads.
    pub fn input(&self) -> Option<&str> {
        self.stdin.as_deref()
    }
    /// Whether it gets the terminal.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }
    /// Whether its output is the user's.
    pub fn is_shown(&self) -> bool {
        self.show
    }
    /// Whether its standard output is kept for the caller.
    pub fn is_captured(&self) -> bool {
        self.capture
    }
    /// Exit codes beside 0 that are no failure.
    pub fn accepted(&self) -> &[i32] {
        &self.accept
    }
}

/// A program that ended as it should.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finished {
    /// The exit code: 0 or one of those accepted.
    pub code: i32,
    /// What it printed on standard output, when the command asked to [`Command::capture`] it.
    #[serde(default)]
    pub stdout: String,
    /// The lines it printed that the command asked to [`Command::look_for`].
    #[serde(default)]
    pub found: Vec<String>,
}

impl Finished {
    /// A program's end.
    pub fn new(code: i32, stdout: String) -> Self {
        Self { code, stdout, found: Vec::new() }
    }

    /// The same with lines that were looked for.
    #[must_use]
    pub fn with_found(mut self, lines: Vec<String>) -> Self {
        self.found = lines;
        self
    }
}
