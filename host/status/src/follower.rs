//! Follows all nodes while the boot server runs: hears of requests from many threads, reads the site's files anew where they changed, and
//! keeps what it saw.

use crate::{
    asked::Asked,
    keep,
    known::Known,
    metrics::{Traffic, metrics},
    of_site::SiteFiles,
    overview::Overview,
    page::{Filter, page},
    report::{Report, ReportError},
    watch::{Fetched, Refused, Watch},
};
use camino::Utf8PathBuf;
use jiff::Timestamp;
use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Between two readings of the site's files that requests ask for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What was asked of the boot server, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The client.
    pub peer: IpAddr,
    /// The path below the directory that nodes fetch from.
    pub path: &'a str,
    /// The status of HTTP.
    pub status: u16,
    /// Whether all was sent.
    pub whole: bool,
    /// Bytes of body that were sent.
    pub bytes: u64,
}

/// Why a report is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It is none.
    #[error(transparent)]
    Malformed(#[from] ReportError),
    /// It is not believed.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl NotTaken {
    /// The status of HTTP that says it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(ReportError::TooLarge) => 413,
            Self::Malformed(_) => 400,
            Self::Refused(Refused::TooOften(_)) => 429,
            Self::Refused(_) => 403,
        }
    }
}

/// A page of what nodes do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPage {
    /// What it is.
    pub content_type: &'static str,
    /// Its text.
    pub text: String,
}

/// Follows the nodes of a site.
#[derive(Debug)]
pub struct Follower {
    files: Mutex<SiteFiles>,
    known: Mutex<Arc<Known>>,
    watch: Mutex<Watch>,
    /// When a request had the files read for the last time.
    looked: Mutex<Option<Instant>>,
    bytes: AtomicU64,
    requests: AtomicU64,
    kept_in: Option<Utf8PathBuf>,
}

/// A thread that panicked has said so; what it guarded is of single steps.
fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Follower {
    /// Goes on from what is kept in a file; without one nothing is kept.
    ///
    /// # Errors
    /// When the site's files cannot be read, or the kept file was not written by a boot server.
    pub fn new(mut files: SiteFiles, kept_in: Option<Utf8PathBuf>) -> disklessset_plugin_api::Result<Self> {
        let kept = match &kept_in {
            Some(path) => keep::read(path).map_err(|error| {
                disklessset_plugin_api::Error::failed(error.to_string())
                    .hint(format!("without the file the boot server begins anew: rm {path}"))
            })?,
            None => keep::Kept::default(),
        };
        let known = Arc::new(files.read()?);
        Ok(Self {
            files: Mutex::new(files),
            known: Mutex::new(known),
            watch: Mutex::new(Watch::new(kept)),
            looked: Mutex::new(None),
            bytes: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            kept_in,
        })
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&locked(&self.known))
    }

    /// Reads the site's files anew where they changed. What is wrong with them is told once more with the next change.
    ///
    /// # Errors
    /// When they cannot be read; what was known stays.
    pub fn refresh(&self) -> disklessset_plugin_api::Result<()> {
        let known = Arc::new(locked(&self.files).read()?);
        locked(&self.watch).tidy(&known);
        *locked(&self.known) = known;
        Ok(())
    }

    /// Whether a request may have the site's files read: what is nobody's can be asked for without end.
    fn may_look_again(&self) -> bool {
        let mut looked = locked(&self.looked);
        let may = looked.is_none_or(|at| at.elapsed() >= BETWEEN_LOOKS);
        if may {
            *looked = Some(Instant::now());
        }
        may
    }

    /// Takes note of a request.
    pub fn answered(&self, answered: &Answered<'_>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(answered.bytes, Ordering::Relaxed);
        let asked = Asked::of(answered.path);
        if asked == Asked::Other {
            return;
        }
        // A part of a file tells nothing of a boot.
        let found = answered.status == 200;
        let mut known = self.known();
        // A boot file that is there is one of a node: the record of it is new.
        let is_new = match &asked {
            Asked::BootFileOfMac(mac) => known.node_of_mac(mac).is_none(),
            Asked::BootFileOfName(name) => known.node_of_name(name).is_none(),
            Asked::Blob(blob) => known.file(blob).is_none(),
            _ => false,
        };
        if found && is_new && self.may_look_again() && self.refresh().is_ok() {
            known = self.known();
        }
        let fetched =
            Fetched { at: Timestamp::now(), peer: answered.peer, asked, found, whole: answered.whole };
        locked(&self.watch).fetched(&fetched, &known);
    }

    /// Takes the report of a node.
    ///
    /// # Errors
    /// When it is none, or is not believed.
    pub fn report(&self, peer: IpAddr, body: &[u8]) -> Result<(), NotTaken> {
        let report = Report::parse(body)?;
        let known = self.known();
        Ok(locked(&self.watch).reported(&report, peer, Timestamp::now(), &known)?)
    }

    /// Nodes as they are to be beside nodes as they were seen.
    pub fn overview(&self) -> Overview {
        let known = self.known();
        Overview::new(&locked(&self.watch), &known, Timestamp::now())
    }

    /// A page of the status: `/`, `/metrics` or `/nodes.json`; none of another path.
    pub fn page(&self, path: &str, query: impl Iterator<Item = (String, String)>) -> Option<StatusPage> {
        match path {
            "" | "/" => Some(StatusPage {
                content_type: "text/html; charset=utf-8",
                text: page(&self.overview(), &Filter::of_query(query)),
            }),
            "/nodes.json" | "nodes.json" => Some(StatusPage {
                content_type: "application/json",
                text: self.overview().to_json().to_string(),
            }),
            "/metrics" | "metrics" => {
                let traffic = Traffic {
                    bytes: self.bytes.load(Ordering::Relaxed),
                    requests: self.requests.load(Ordering::Relaxed),
                };
                let text = metrics(&self.overview(), traffic).ok()?;
                Some(StatusPage { content_type: crate::METRICS_CONTENT_TYPE, text })
            }
            _ => None,
        }
    }

    /// Writes what was seen since it was written last.
    ///
    /// # Errors
    /// When the disk does not allow it; the next time tries again.
    pub fn keep(&self) -> Result<(), keep::KeepError> {
        let Some(path) = &self.kept_in else { return Ok(()) };
        let Some(kept) = locked(&self.watch).changes() else { return Ok(()) };
        keep::write(path, &kept).inspect_err(|_| locked(&self.watch).changed_again())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;
    use disklessset_core::system::layout::Layout;

    fn put(path: &Utf8Path, text: &str) {
        disklessset_system::durable::create_dir_all(path.parent().unwrap(), 0o755).unwrap();
        disklessset_system::durable::replace(path, text.as_bytes(), 0o644).unwrap();
    }

    #[test]
    fn a_node_that_is_new_on_record_is_followed_from_its_first_request() {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        let layout = Layout::builder().root(root).build().unwrap();
        let kept = root.join("kept.json");
        let follower = Follower::new(SiteFiles::of(layout.clone()), Some(kept.clone())).unwrap();
        put(&layout.nodes_file(), "format: 1\nnodes: {c001: {mac: '52:54:00:00:00:01'}}\n");
        let peer = IpAddr::from([10, 0, 0, 1]);
        let path = "boot/mac/52-54-00-00-00-01.ipxe";
        follower.answered(&Answered { peer, path, status: 200, whole: true, bytes: 100 });
        let line = &follower.overview().nodes[0];
        assert_eq!((line.node.as_str(), line.stage_words()), ("c001", "boot file fetched"));
        follower.report(peer, b"node=c001").unwrap();
        assert_eq!(follower.report(peer, b"node=c001").unwrap_err().status(), 429);
        assert_eq!(follower.report(peer, b"").unwrap_err().status(), 400);
        assert_eq!(follower.report([10, 0, 0, 9].into(), b"node=c001").unwrap_err().status(), 403);
        let text = follower.page("/metrics", std::iter::empty()).unwrap().text;
        assert!(text.contains("disklessset_http_bytes_total 100\n"), "{text}");
        assert!(follower.page("/", std::iter::empty()).unwrap().text.contains("<td>running</td>"));
        assert!(follower.page("/x", std::iter::empty()).is_none());
        // Part of a file, and what is no node's, change nothing.
        let partly = Answered { peer, path, status: 206, whole: false, bytes: 1 };
        follower.answered(&partly);
        assert_eq!(follower.overview().nodes[0].stage_words(), "running");
        follower.keep().unwrap();
        let again = Follower::new(SiteFiles::of(layout), Some(kept)).unwrap();
        assert_eq!(again.overview().nodes[0].stage_words(), "running");
    }
}
