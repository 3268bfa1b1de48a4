//! The access log: a line for each request, written by a thread of its own so that a slow terminal or pipe holds nobody up.

mod line;

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::report::{Observer, RequestReport};

/// Lines that may wait. Further ones are counted, and not written.
const WAITING: usize = 8192;
/// That there is no room for connections is said once in so long a time.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// Writes a line for each request.
pub struct AccessLog {
    sender: SyncSender<Event>,
    lost: Arc<AtomicU64>,
    said_full: Mutex<Option<Instant>>,
}

/// The thread that writes.
pub struct Writing(JoinHandle<()>);

enum Event {
    Request(Box<RequestReport>),
    Full(usize),
}

impl AccessLog {
    /// One that writes to `to`, with the time in each line unless `to` has its own. `name_of` tells which image or version a file belongs to,
    /// by its path below the directory that is served; it is asked by the thread that writes.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(
        to: impl Write + Send + 'static,
        with_time: bool,
        name_of: impl FnMut(&str) -> Option<String> + Send + 'static,
    ) -> std::io::Result<(Self, Writing)> {
        let (sender, receiver) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { to, with_time, name_of, lost: Arc::clone(&lost) };
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writer.write_all_of(&receiver))?;
        Ok((Self { sender, lost, said_full: Mutex::new(None) }, Writing(thread)))
    }

    fn tell(&self, event: Event) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(event) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writing {
    /// Waits until all is written, once the log itself is gone.
    pub fn end(self) {
        // One that panicked has said so.
        let _ = self.0.join();
    }
}

impl Observer for AccessLog {
    fn finished(&self, report: RequestReport) {
        self.tell(Event::Request(Box::new(report)));
    }

    fn full(&self, connections: usize) {
        let mut said = self.said_full.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|at| at.elapsed() >= SAID_AGAIN) {
            *said = Some(Instant::now());
            self.tell(Event::Full(connections));
        }
    }
}

struct Writer<W, N> {
    to: W,
    with_time: bool,
    name_of: N,
    lost: Arc<AtomicU64>,
}

impl<W: Write, N: FnMut(&str) -> Option<String>> Writer<W, N> {
    /// Until the log is gone. What cannot be written is lost: nodes boot all the same.
    fn write_all_of(mut self, events: &Receiver<Event>) {
        let mut text = String::new();
        while let Ok(first) = events.recv() {
            text.clear();
            for event in std::iter::once(first).chain(events.try_iter().take(WAITING)) {
                self.add(&mut text, &event);
            }
            match self.lost.swap(0, Ordering::Relaxed) {
                0 => {}
                lost => self.add_line(&mut text, &format!("warning=\"{lost} lines are lost\"")),
            }
            let _ = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        }
    }

    fn add(&mut self, text: &mut String, event: &Event) {
        let line = match event {
            Event::Request(report) => line::of(report, (self.name_of)(&report.file)),
            Event::Full(connections) => {
                format!("warning=\"there are {connections} connections: further ones wait\"")
            }
        };
        self.add_line(text, &line);
    }

    fn add_line(&self, text: &mut String, line: &str) {
        if self.with_time {
            text.push_str(&format!("time={:.3} ", jiff::Timestamp::now()));
        }
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Transfer;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    pub(super) fn report(file: &str) -> RequestReport {
        RequestReport {
            peer: ([10, 0, 0, 5], 1024).into(),
            via: None,
            method: "GET".into(),
            path: file.into(),
            file: file.into(),
            agent: "iPXE/1.0".into(),
            host: String::new(),
            status: 200,
            bytes: 10,
            transfer: Transfer::Complete,
            took: Duration::from_millis(12),
            problem: None,
        }
    }

    #[test]
    fn all_that_was_told_is_written_at_the_end() {
        let kept = Kept::default();
        let name_of = |file: &str| (file == "7").then(|| "web@1".to_owned());
        let (log, writing) = AccessLog::start(kept.clone(), false, name_of).unwrap();
        for number in 0..100 {
            log.finished(report(&number.to_string()));
        }
        log.full(7);
        log.full(7);
        drop(log);
        writing.end();
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 101, "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("web@1")).count(), 1, "{text}");
        assert!(text.ends_with("warning=\"there are 7 connections: further ones wait\"\n"), "{text}");
    }
}
