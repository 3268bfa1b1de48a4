//! The observer of the command line: what the domain rooms tell, printed.

use super::{Output, asking::unanswered, escape, paint};
use crate::observer::Observer;
use disklessset_plugin_api::{Error, Level, Result};

impl Observer for Output {
    fn line(&self, level: Level, text: &str) {
        let mut inner = self.lock();
        // Levels are ordered from important to detail.
        if level > inner.settings.detail {
            return;
        }
        let colour = inner.stderr.colour;
        let text = &*inner.address.put_into(text).into_owned();
        let text = match level {
            Level::Warning => format!("{} {}\n", paint("warning:", "1;33", colour), escape::line(text)),
            Level::Info => format!("{}\n", escape::line(text)),
            Level::Debug => format!("{}\n", paint(&escape::line(text), "2", colour)),
        };
        inner.put_err(&text);
    }

    fn progress(&self, label: &str, done: u64, total: u64) {
        let mut inner = self.lock();
        if let Some(plain) = inner.progress.report(&escape::line(label), done, total) {
            inner.put_err(&plain);
        }
    }

    fn tool_line(&self, tool: &str, line: &str) {
        let mut inner = self.lock();
        if inner.settings.detail < Level::Debug {
            return;
        }
        let colour = inner.stderr.colour;
        let text =
            format!("{} {}\n", paint(&format!("{}:", escape::line(tool)), "2", colour), escape::line(line));
        inner.put_err(&text);
    }

    fn output(&self, line: &str) {
        self.foreign(&format!("{line}\n"));
    }

    fn error_output(&self, line: &str) {
        self.lock().put_err(&format!("{}\n", escape::line(line)));
    }

    fn ask(&self, question: &str) -> Result<String> {
        match self.answers() {
            super::Answers::Anyone => {}
            _ if self.has_terminal() => {}
            _ => {
                return Err(Error::refused(format!(
                    "this asks a question, and there is no terminal: {question}"
                )));
            }
        }
        self.ask_line(&format!("{question}: ")).map_err(unanswered)
    }

    fn confirm(&self, question: &str) -> Result<bool> {
        self.confirmation(question)
    }
}
