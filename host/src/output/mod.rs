//! Everything that is printed or asked: listings, trees, JSON, YAML, errors, progress, questions. Nothing else prints.
//!
//! Data goes to standard output, everything else to standard error. Text that comes from files, tools and modules is
//! escaped on its way to a terminal.

mod addressed;
mod asking;
mod escape;
mod failure;
mod input;
mod keys;
mod observing;
mod progress;
mod stream;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod tree;

pub(crate) use addressed::Address;
pub(crate) use asking::unanswered;
pub(crate) use input::{Input, NoAnswer};
pub(crate) use keys::Typed;
pub(crate) use table::{CellStyle, Field};

use crate::failure as kinds;
use crate::system::exit_guard;
use disklessset_plugin_api::{Error, Level, Result};
use progress::Progress;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For both.
    Yaml,
}

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Yes,
    No,
}

/// How confirmations are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Answers {
    /// By the person at the terminal; where there is none, a question is refused.
    #[default]
    Terminal,
    /// With yes: `--yes` was given.
    Yes,
    /// By whoever is at the other end of standard input: the menu.
    Anyone,
}

/// What the user chose about output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    /// The least important lines that are shown.
    pub(crate) detail: Level,
    pub(crate) answers: Answers,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: Format::Table, detail: Level::Warning, answers: Answers::Terminal }
    }
}

/// The one door to the terminal.
pub(crate) struct Output {
    inner: Mutex<Inner>,
    input: Input,
}

struct Inner {
    settings: Settings,
    address: Address,
    stdout: Stream,
    stderr: Stream,
    progress: Progress,
    /// The first thing that could not be written, a closed pipe excepted: whoever closed it has seen enough.
    unwritten: Option<io::Error>,
}

/// Where lines go, and what it can show.
struct Stream {
    writer: Box<dyn Write + Send>,
    terminal: bool,
    colour: Colour,
    closed: bool,
}

/// A standard output that was closed before the program began.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(nix::errno::Errno::EBADF.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    fn new(writer: Box<dyn Write + Send>, terminal: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = if terminal && !plain { Colour::Yes } else { Colour::No };
        Self { writer, terminal, colour, closed: false }
    }
}

impl Output {
    /// The terminal this program was started in.
    pub(crate) fn of_process() -> Self {
        let stdout: Box<dyn Write + Send> =
            if exit_guard::stdout_was_closed() { Box::new(Closed) } else { Box::new(io::stdout()) };
        let stdout = Stream::new(stdout, io::stdout().is_terminal());
        let stderr = Stream::new(Box::new(io::stderr()), io::stderr().is_terminal());
        Self::new(stdout, stderr, Input::of_process())
    }

    /// An output whose words a test can read, and whose questions it answers.
    #[cfg(test)]
    pub(crate) fn of_test(
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
        input: Input,
    ) -> Self {
        Self::new(Stream::new(stdout, false), Stream::new(stderr, false), input)
    }

    fn new(stdout: Stream, stderr: Stream, input: Input) -> Self {
        let progress = Progress::new(stderr.terminal);
        let settings = Settings::default();
        let address = Address::default();
        Self {
            inner: Mutex::new(Inner { settings, address, stdout, stderr, progress, unwritten: None }),
            input,
        }
    }

    /// A panic in one thread must not silence the error that tells of it.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the user chose.
    pub(crate) fn configure(&self, settings: Settings) {
        self.lock().settings = settings;
    }

    /// Has commands in messages carry these options from now on.
    pub(crate) fn address(&self, address: Address) {
        self.lock().address = address;
    }

    /// A text with its commands as they work here.
    pub(crate) fn addressed(&self, text: &str) -> String {
        self.lock().address.put_into(text).into_owned()
    }

    /// How data is printed.
    pub(crate) fn format(&self) -> Format {
        self.lock().settings.format
    }

    /// Decides who answers from now on.
    pub(crate) fn answers_from(&self, answers: Answers) {
        self.lock().settings.answers = answers;
    }

    /// How confirmations are answered.
    pub(crate) fn answers(&self) -> Answers {
        self.lock().settings.answers
    }

    /// Prints data that a module or this program made: a text that is complete with its line ends.
    pub(crate) fn data(&self, text: &str) {
        self.lock().put_out(text);
    }

    /// Prints foreign text, such as a line of a log: as it is into a file, escaped to a terminal.
    pub(crate) fn foreign(&self, text: &str) {
        let mut inner = self.lock();
        if inner.stdout.terminal {
            inner.put_out(&escape::lines(text));
        } else {
            inner.put_out(text);
        }
    }

    /// Prints one document: `{"format": 1, KEY: VALUE}`, or for people what `table` makes of it.
    pub(crate) fn document<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        table: impl FnOnce(&Self) -> String,
    ) {
        let document = Document { key, value };
        let text = match self.format() {
            Format::Table => return self.data(&table(self)),
            Format::Json => {
                serde_json::to_string_pretty(&document).expect("keys are text and values are plain data")
                    + "\n"
            }
            Format::Yaml => {
                let text = serde_yaml::to_string(&document).expect("keys are text and values are plain data");
                disklessset_core::yaml::for_older_readers(&text)
            }
        };
        // JSON escapes only some of what a terminal would act on.
        self.foreign(&text);
    }

    /// A listing, as wide as the terminal where there is one.
    pub(crate) fn table(&self, heading: &[&str], rows: Vec<Vec<Field>>) -> String {
        let (terminal, colour) = {
            let inner = self.lock();
            (inner.stdout.terminal, inner.stdout.colour)
        };
        let width = if terminal { Some(terminal_width()) } else { None };
        table::render(heading, rows, width, colour)
    }

    /// One thing with its facts.
    pub(crate) fn tree(&self, title: &str, value: &Value) -> String {
        tree::render(title, value)
    }

    /// Prints what an action gave back, if anything.
    pub(crate) fn result(&self, value: &Value) {
        if value.is_null() {
            return;
        }
        self.document("result", value, |output| match value {
            Value::Array(items) if items.iter().all(Value::is_string) => items
                .iter()
                .filter_map(Value::as_str)
                .map(|item| format!("{}\n", escape::line(item)))
                .collect(),
            Value::Object(_) | Value::Array(_) => output.tree("result", value),
            Value::String(text) => format!("{}\n", escape::lines(text.trim_end())),
            other => format!("{other}\n"),
        });
    }

    /// Says on standard error what was done or found.
    pub(crate) fn say(&self, text: &str) {
        let mut inner = self.lock();
        let text = inner.address.put_into(text).into_owned();
        inner.put_err(&format!("{}\n", escape::line(&text)));
    }

    /// Says a line as it was composed here, colours and all.
    pub(crate) fn composed_for_stderr(&self, text: &str) {
        self.lock().put_err(text);
    }

    /// Whether standard error, or standard output, shows colours.
    pub(crate) fn colours(&self) -> (Colour, Colour) {
        let inner = self.lock();
        (inner.stdout.colour, inner.stderr.colour)
    }

    /// Warns, always.
    pub(crate) fn warn(&self, text: &str) {
        crate::observer::Observer::line(self, Level::Warning, text);
    }

    /// Shows an error.
    pub(crate) fn error(&self, error: &Error) {
        let mut inner = self.lock();
        let text = failure::render(error, inner.stderr.colour);
        let text = inner.address.put_into(&text).into_owned();
        inner.put_err(&text);
    }

    /// Takes the progress bar away: what it told of is over.
    pub(crate) fn end_progress(&self) {
        self.lock().progress.end();
    }

    /// Where answers come from.
    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    /// Whether somebody can be asked at a terminal.
    pub(crate) fn has_terminal(&self) -> bool {
        self.input.is_terminal() && self.lock().stderr.terminal
    }

    /// Whether everything got out.
    ///
    /// # Errors
    /// When data could not be written (a full disk); a closed pipe is no error.
    pub(crate) fn finish(&self) -> Result<()> {
        let mut inner = self.lock();
        inner.progress.end();
        let flushed = inner.stdout.writer.flush();
        inner.keep(flushed);
        match inner.unwritten.take() {
            Some(error) => Err(kinds::of(error).context("cannot write to standard output")),
            None => Ok(()),
        }
    }
}

impl Inner {
    fn put_out(&mut self, text: &str) {
        if self.stdout.closed {
            return;
        }
        let writer = &mut self.stdout.writer;
        let written =
            self.progress.beside(|| writer.write_all(text.as_bytes()).and_then(|()| writer.flush()));
        self.keep(written);
    }

    fn keep(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.stdout.closed = true;
            if error.kind() != io::ErrorKind::BrokenPipe && self.unwritten.is_none() {
                self.unwritten = Some(error);
            }
        }
    }

    fn put_err(&mut self, text: &str) {
        let writer = &mut self.stderr.writer;
        // Nobody is left to be told that nobody can be told.
        let _ = self.progress.beside(|| writer.write_all(text.as_bytes()).and_then(|()| writer.flush()));
    }
}

/// The columns of the terminal, 80 when it does not say.
fn terminal_width() -> u16 {
    comfy_table::Table::new().width().filter(|width| *width >= 20).unwrap_or(80)
}

/// One line of foreign text as it may be shown.
pub(crate) fn plain(text: &str) -> String {
    escape::line(text).into_owned()
}

/// Text in a style (an SGR parameter), or as it is.
pub(crate) fn paint(text: &str, style: &str, colour: Colour) -> String {
    match colour {
        Colour::Yes => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
        Colour::No => text.to_owned(),
    }
}

struct Document<'a, T: ?Sized> {
    key: &'a str,
    value: &'a T,
}

impl<T: Serialize + ?Sized> Serialize for Document<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("format", &1)?;
        map.serialize_entry(self.key, self.value)?;
        map.end()
    }
}
