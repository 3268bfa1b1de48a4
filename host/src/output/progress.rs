//! How far long work is: a bar on a terminal, a plain line now and then elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// How often a plain line is worth reading.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// What was done before says little of what is left.
const SURE_AFTER: Duration = Duration::from_secs(3);

/// The progress of one piece of work at a time.
pub(crate) struct Progress {
    terminal: bool,
    current: Option<Current>,
}

struct Current {
    label: String,
    /// Whether it is known how much there is to do.
    measured: bool,
    told: Option<Instant>,
    began: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows bars when standard error is a terminal.
    pub(crate) fn new(terminal: bool) -> Self {
        Self { terminal, current: None }
    }

    /// Takes a report in; gives back a plain line when one is due. A `total` of 0 means unknown.
    pub(crate) fn report(&mut self, label: &str, done: u64, total: u64) -> Option<String> {
        let measured = total > 0;
        let same = |current: &Current| current.label == label && (current.measured || !measured);
        if !self.current.as_ref().is_some_and(same) {
            let told = self.current.take_if(|current| current.label == label).and_then(Current::over);
            self.end();
            let bar = self.terminal.then(|| new_bar(label, total));
            self.current =
                Some(Current { label: label.to_owned(), measured, told, began: Instant::now(), bar });
        }
        let current = self.current.as_mut()?;
        if let Some(bar) = &current.bar {
            if total > 0 {
                bar.set_length(total);
            }
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
            Some(percent) if !begins => {
                let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S");
                format!("{now} {label}: {percent}%{}\n", left(current.began.elapsed(), done, total))
            }
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

impl Current {
    /// Takes the bar away; when a line was told of it for the last time.
    fn over(self) -> Option<Instant> {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        self.told
    }
}

/// How long it takes still, when it goes on as it did: nothing before some of it is done.
fn left(took: Duration, done: u64, total: u64) -> String {
    let seconds = took.as_secs().saturating_mul(total.saturating_sub(done)).checked_div(done);
    let sure = took >= SURE_AFTER && done.saturating_mul(20) >= total;
    match seconds.filter(|_| sure) {
        None => String::new(),
        Some(seconds) if seconds < 100 => format!(", {seconds} s left"),
        Some(seconds) => format!(", {} min left", seconds.div_ceil(60)),
    }
}

fn new_bar(label: &str, total: u64) -> ProgressBar {
    let (bar, template) = if total > 0 {
        (ProgressBar::new(total), "{msg} [{bar:30}] {percent:>3}% {elapsed}, {eta} left")
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
        let told = progress.report("packing", 3, 4).unwrap();
        assert!(told.starts_with("20") && told.ends_with(" packing: 75%\n"), "{told}");
        assert_eq!(progress.report("packing", 4, 4), None);
        assert_eq!(progress.report("copying", 0, 0).as_deref(), Some("copying …\n"));
        assert_eq!(progress.report("copying", 1, 9), None, "it was named already");
    }

    #[test]
    fn the_time_that_is_left_is_told_once_enough_is_done() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(10), 10, 100), ", 90 s left");
        assert_eq!(left(seconds(60), 10, 100), ", 9 min left");
        assert_eq!(left(seconds(60), 4, 100), "", "too little is done");
        assert_eq!(left(seconds(2), 50, 100), "", "it has only begun");
        assert_eq!(left(seconds(9), 0, 100), "");
    }
}
