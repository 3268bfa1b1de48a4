//! A console for tests: its words are kept, its answers are given beforehand.

use super::{Input, Output};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// A console without terminal.
pub(crate) struct Console {
    pub(crate) output: Arc<Output>,
    stdout: CapturedOutput,
    stderr: CapturedOutput,
}

#[derive(Clone, Default)]
struct CapturedOutput(Arc<Mutex<Vec<u8>>>);

impl Write for CapturedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl CapturedOutput {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A console at which this was typed, and nothing will be any more.
pub(crate) fn console(typed: &str) -> Console {
    open_console(typed).0
}

/// A console at which this was typed; more may come until the second part is dropped.
pub(crate) fn open_console(typed: &str) -> (Console, io::PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(typed.as_bytes()).unwrap();
    let (stdout, stderr) = (CapturedOutput::default(), CapturedOutput::default());
    let output =
        Output::of_test(Box::new(stdout.clone()), Box::new(stderr.clone()), Input::of(reader.into()));
    (Console { output: Arc::new(output), stdout, stderr }, writer)
}

impl Console {
    /// What was printed as data.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What is printed as data, for another thread that watches it.
    pub(crate) fn reader(&self) -> impl Fn() -> String + Send + 'static {
        let stdout = self.stdout.clone();
        move || stdout.text()
    }

    /// What was said beside it.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }
}
