//! What is fuzzed: every parser of something that somebody else may have written.
//!
//! A target takes bytes and panics when a parser does not keep what it promises. `engine/` hands them those a fuzzer makes up;
//! the test `corpus` those in `corpus/TARGET/`, so that nothing once found comes back.

mod file;
mod targets;

use peak_alloc::PeakAlloc;
use std::time::{Duration, Instant};

pub use targets::TARGETS;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Something that is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its file and of its folder in the corpus.
    pub name: &'static str,
    /// Longest input in bytes that is made up for it.
    pub longest: usize,
    /// Memory in MiB that one input may take.
    pub memory: usize,
    /// Takes one input.
    pub run: fn(&[u8]),
}

impl Target {
    /// The target of this name.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.iter().copied().find(|target| target.name == name)
    }

    /// Runs one input; how long it took. Only one may run at a time, as memory is measured.
    ///
    /// # Panics
    /// When a promise is broken, or more memory taken than may be.
    pub fn measured(&self, data: &[u8]) -> Duration {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let started = Instant::now();
        (self.run)(data);
        let taken = MEMORY.peak_usage().saturating_sub(before) >> 20;
        assert!(taken <= self.memory, "{}: {taken} MiB for {} bytes", self.name, data.len());
        started.elapsed()
    }
}

/// The input as text, for parsers of text.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// What every message of an error promises.
#[track_caller]
fn one_line(message: &str) {
    assert!(!message.is_empty() && !message.contains('\n'), "not one line: {message:?}");
}
