//! How a command ended, and what tests expect of it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// A command that has ended.
#[derive(Debug)]
#[must_use]
pub struct Outcome {
    /// What was run, as a line to read.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// How long it took.
    pub took: Duration,
    /// Its data.
    pub stdout: String,
    /// Everything else it said, the commands in it without the options that say which site they are about.
    pub stderr: String,
    /// The same as it was said.
    pub said: String,
}

impl Outcome {
    /// Asserts how it ended and that it neither crashed nor showed an inner view of itself.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        let ended = self.status.code();
        assert_eq!(ended, Some(code), "exit code (signal {:?}) of {self}", self.status.signal());
        for sign in ["panicked at", "stack backtrace", "RUST_BACKTRACE"] {
            assert!(!self.stderr.contains(sign), "a panic reached the user: {self}");
        }
        self
    }

    /// Asserts that it ended well.
    #[track_caller]
    pub fn expect_done(self) -> Self {
        self.expect_code(0)
    }

    /// Asserts that it failed as described by the exit codes of the program, and that its first line says why.
    #[track_caller]
    pub fn expect_refusal(self, codes: &[i32]) -> Self {
        let code = self.status.code().unwrap_or_default();
        assert!(codes.contains(&code), "exit code {code} is none of {codes:?}: {self}");
        assert!(!self.stderr.trim().is_empty(), "refused without a word: {self}");
        self.expect_code(code)
    }

    /// Asserts that its error output contains a text.
    #[track_caller]
    pub fn expect_said(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "did not say {text:?}: {self}");
        self
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|cause| panic!("not JSON ({cause}): {self}"))
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, status, stdout, stderr, .. } = self;
        write!(f, "`{line}` ({status})\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}
