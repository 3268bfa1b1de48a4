//! How far long work is: a bar on a terminal, a plain line now and then elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// How often a plain line is worth reading.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The progress of one piece of work at a time.
pub(crate) struct Progress {
    terminal: bool,
    current: Option<Current>,
}

struct Current {
    label: String,
    told: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows bars when standard error is a terminal.
    pub(crate) fn new(terminal: bool) -> Self {
        Self { terminal, current: None }
    }

    /// Takes a report in; gives back a plain line when one is due. A `total` of 0 means unknown.
    pub(crate) fn report(&mut self, label: &str, done: u64, total: u64) -> Option<String> {
        if self.current.as_ref().is_none_or(|current| current.label != label) {
            self.end();
            let bar = self.terminal.then(|| new_bar(label, total));
            self.current = Some(Current { label: label.to_owned(), told: None, bar });
        }
        let current = self.current.as_mut()?;
        if let Some(bar) = &current.bar {
            bar.set_position(done);
            if total > 0 && done >= total {
                self.end();
            }
            return None;
        }
        let begins = current.told.is_none();
        if current.told.is_some_and(|told| told.elapsed() < PLAIN_EVERY) {
            return None;
        }
        current.told = Some(Instant::now());
        Some(match done.saturating_mul(100).checked_div(total) {
            Some(percent) if !begins => format!("{label}: {percent}%\n"),
            _ => format!("{label} …\n"),
        })
    }

    /// Does `write` while no bar is on the terminal.
    pub(crate) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        match self.current.as_ref().and_then(|current| current.bar.as_ref()) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.current.take().and_then(|current| current.bar) {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(label: &str, total: u64) -> ProgressBar {
    let (bar, template) = if total > 0 {
        (ProgressBar::new(total), "{msg} [{bar:30}] {percent:>3}% {elapsed}")
    } else {
        (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}")
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(label.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_of_work_is_named_once_and_its_progress_told_now_and_then() {
        let mut progress = Progress::new(false);
        assert_eq!(progress.report("packing", 1, 4).as_deref(), Some("packing …\n"));
        assert_eq!(progress.report("packing", 2, 4), None);
        progress.current.as_mut().unwrap().told = Instant::now().checked_sub(PLAIN_EVERY);
        assert_eq!(progress.report("packing", 3, 4).as_deref(), Some("packing: 75%\n"));
        assert_eq!(progress.report("packing", 4, 4), None);
        assert_eq!(progress.report("copying", 0, 0).as_deref(), Some("copying …\n"));
    }
}
