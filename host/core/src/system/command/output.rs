//! Where a tool's lines go: the log, the live sink and the memory of the last ones.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use super::lines::{LastLines, LineCutter};
use super::{Ending, logged};

/// What one run may add to a log; a tool gone mad must not fill the disk.
const LOG_LIMIT: usize = 16 << 20;

/// Takes what a tool prints.
pub(super) struct Output<'a> {
    log: Option<&'a File>,
    logged: usize,
    on_line: Option<&'a mut dyn FnMut(&str)>,
    on_display: Option<&'a mut dyn FnMut(&str)>,
    last: LastLines,
    cutters: [LineCutter; 2],
    captured: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) fn new(
        log: Option<&'a File>,
        on_line: Option<&'a mut dyn FnMut(&str)>,
        on_display: Option<&'a mut dyn FnMut(&str)>,
    ) -> Self {
        Output {
            log,
            logged: 0,
            on_line,
            on_display,
            last: LastLines::default(),
            cutters: <[LineCutter; 2]>::default(),
            captured: Vec::new(),
        }
    }

    /// Says in the log what is run.
    pub(super) fn begin(&mut self, command_line: &str) {
        self.log_line(&format!("{}{command_line}", logged::RUNS));
    }

    /// Takes bytes of one of the two streams. The log is written once for all lines in them.
    pub(super) fn feed(&mut self, stream: usize, bytes: &[u8]) {
        self.pass(stream, |cutter, sink| cutter.feed(bytes, sink));
        let shown = self.cutters.get(stream).and_then(LineCutter::shown);
        if let (Some(sink), Some(shown)) = (&mut self.on_display, shown) {
            sink(&shown);
        }
    }

    /// A stream has ended.
    pub(super) fn finish_stream(&mut self, stream: usize) {
        self.pass(stream, |cutter, sink| cutter.finish(sink));
    }

    fn pass(&mut self, stream: usize, act: impl FnOnce(&mut LineCutter, &mut dyn FnMut(&str))) {
        let mut text = String::new();
        let Some(cutter) = self.cutters.get_mut(stream) else { return };
        let (last, on_line) = (&mut self.last, &mut self.on_line);
        act(cutter, &mut |line: &str| {
            last.push(line);
            text.push_str(logged::PRINTED);
            text.push_str(line);
            text.push('\n');
            if let Some(sink) = on_line {
                sink(line);
            }
        });
        self.log_text(&text);
    }

    /// Keeps bytes instead of logging them; `false` when they are more than `max_bytes` in all.
    pub(super) fn capture(&mut self, bytes: &[u8], max_bytes: usize) -> bool {
        let fits = self.captured.len() + bytes.len() <= max_bytes;
        if fits {
            self.captured.extend_from_slice(bytes);
        }
        fits
    }

    /// Says in the log how it ended; returns the last lines and the captured bytes.
    pub(super) fn end(mut self, ending: Ending, duration: Duration) -> (Vec<String>, Vec<u8>) {
        let cut = self.logged > LOG_LIMIT;
        let last = std::mem::take(&mut self.last).into_vec();
        self.logged = 0;
        if cut {
            self.log_line(&format!("[log cut here: more than {} MiB; the last lines were]", LOG_LIMIT >> 20));
            for line in &last {
                self.log_line(&format!("{}{line}", logged::PRINTED));
            }
        }
        self.log_line(&format!("{}{ending}, {:.1} s", logged::ENDED, duration.as_secs_f64()));
        (last, self.captured)
    }

    fn log_line(&mut self, line: &str) {
        self.log_text(&format!("{line}\n"));
    }

    /// A log that cannot be written (a full disk) is no reason to stop: the tool itself will meet the same, and say so.
    fn log_text(&mut self, text: &str) {
        if self.logged > LOG_LIMIT || text.is_empty() {
            return;
        }
        self.logged += text.len();
        if let Some(mut log) = self.log {
            let _ = log.write_all(text.as_bytes());
        }
    }
}
