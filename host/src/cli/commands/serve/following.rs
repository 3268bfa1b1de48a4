//! What nodes do while the server runs: it hears of each request, takes their reports, and has the pages.

use crate::{
    failure,
    nodes::REPORT,
    serve::{AccessLog, Desk, Observer, RequestReport, Said, Transfer},
    status::{Answered, Follower, SiteFiles},
    system::layout::Layout,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Result;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How often the site's files are looked at, and what was seen is written.
const EVERY: Duration = Duration::from_secs(2);
/// The file that is written.
const FILE: &str = "nodes.json";
/// systemd names the directory of the service in it.
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";

/// Where the server keeps what it saw, by the site's files alone: what reads it is not the server.
pub(crate) fn kept_file(layout: &Layout) -> Utf8PathBuf {
    layout.boot_server_state_dir().join(FILE)
}

/// Where this process writes it.
pub(super) fn own_file(layout: &Layout) -> Utf8PathBuf {
    match std::env::var(STATE_DIRECTORY) {
        Ok(directory) => Utf8PathBuf::from(directory).join(FILE),
        Err(_) => kept_file(layout),
    }
}

/// Follows the nodes, and writes the access log.
pub(super) struct Following {
    follower: Arc<Follower>,
    log: AccessLog,
    /// The directory that boot files are relative to, below the one that is served.
    base: String,
}

impl Following {
    /// Of the site with this layout.
    ///
    /// # Errors
    /// When the site's files cannot be read.
    pub(super) fn new(
        layout: &Layout,
        root: &Utf8Path,
        log: AccessLog,
        kept: Option<Utf8PathBuf>,
    ) -> Result<Self> {
        let base = layout.served_base();
        let base = base.strip_prefix(root).map(ToString::to_string).unwrap_or_default();
        let follower = Follower::new(SiteFiles::of(layout.clone()), kept)?;
        Ok(Self { follower: Arc::new(follower), log, base })
    }

    /// The path below the directory that boot files are relative to.
    fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.trim_start_matches('/').strip_prefix(&self.base)?.strip_prefix('/')
    }

    /// Has the site's files looked at, and what was seen written, until the end.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn keep_up(&self, warn: impl Fn(&str) + Send + 'static) -> Result<KeepingUp> {
        let (stop, stopped) = channel();
        let follower = Arc::clone(&self.follower);
        let thread = std::thread::Builder::new()
            .name("nodes".to_owned())
            .spawn(move || keep_up(&follower, &stopped, &warn))
            .map_err(failure::of)?;
        Ok(KeepingUp { stop, thread })
    }
}

/// The thread that does so.
pub(super) struct KeepingUp {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl KeepingUp {
    /// Writes what is left to write.
    pub(super) fn end(self) {
        drop(self.stop);
        // One that panicked has said so.
        let _ = self.thread.join();
    }
}

fn keep_up(follower: &Follower, stopped: &Receiver<()>, warn: &dyn Fn(&str)) {
    // What goes on being wrong is said once.
    let mut said = String::new();
    loop {
        let ends = stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout);
        let read = follower.refresh().map_err(|error| format!("nodes are not read anew: {error}"));
        let kept = follower.keep().map_err(|error| format!("what nodes do is not kept: {error}"));
        match read.and(kept) {
            Ok(()) => said.clear(),
            Err(line) if line != said => {
                warn(&line);
                said = line;
            }
            Err(_) => {}
        }
        if ends {
            return;
        }
    }
}

impl Observer for Following {
    fn finished(&self, report: RequestReport) {
        if let Some(path) = self.below(&report.file).filter(|_| report.method == "GET") {
            self.follower.answered(&Answered {
                peer: report.peer.ip(),
                path,
                status: report.status,
                whole: report.transfer == Transfer::Complete,
                bytes: report.bytes,
            });
        }
        self.log.finished(report);
    }

    fn full(&self, connections: usize) {
        self.log.full(connections);
    }
}

impl Desk for Following {
    fn takes(&self, path: &str) -> bool {
        self.below(path) == Some(REPORT)
    }

    fn take(&self, peer: SocketAddr, _path: &str, body: &[u8]) -> Said {
        let content_type = "text/plain; charset=utf-8";
        match self.follower.report(peer.ip(), body) {
            Ok(()) => Said { status: 200, content_type, text: String::new(), problem: None },
            Err(error) => {
                let text = format!("{error}\n");
                Said { status: error.status(), content_type, text, problem: Some(error.to_string()) }
            }
        }
    }

    fn page(&self, path: &str, query: &str) -> Option<Said> {
        let query = form_urlencoded::parse(query.as_bytes()).into_owned();
        let page = self.follower.page(path, query)?;
        Some(Said { status: 200, content_type: page.content_type, text: page.text, problem: None })
    }
}
