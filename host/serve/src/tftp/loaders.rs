//! What TFTP gives: files of the directory of loaders.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_tftp::packet::Error as Refusal;
use async_tftp::server::Handler;
use camino::Utf8PathBuf;
use futures_io::AsyncWrite;
use tokio::sync::Semaphore;

use super::transfer::Transfer;
use crate::report::{Observer, RequestReport, Transfer as Outcome, Underway};
use crate::request::path_below;
use crate::tree::{OpenError, ServedTree};

/// Transfers at once. Nodes that find no place ask again.
const TRANSFERS: usize = 512;
/// What the log has as method.
const READ: &str = "TFTP";
const WRITE: &str = "TFTP-WRITE";

/// Opens loaders for whoever asks.
#[derive(Clone)]
pub(crate) struct Loaders {
    tree: ServedTree,
    observer: Arc<dyn Observer>,
    room: Arc<Semaphore>,
}

/// Nothing is ever written.
pub(crate) enum NoWriter {}

impl Loaders {
    pub(super) fn new(tree: ServedTree, observer: Arc<dyn Observer>) -> Self {
        Self { tree, observer, room: Arc::new(Semaphore::new(TRANSFERS)) }
    }

    fn open(&self, asked: &Path) -> Result<(std::fs::File, u64, Utf8PathBuf), (u16, String)> {
        let directory = self.tree.places().loaders().ok_or((404, "there are no loaders".to_owned()))?;
        let below = asked.to_str().and_then(path_below).ok_or((403, "this is no path".to_owned()))?;
        let path = directory.join(below);
        match self.tree.open(&path) {
            Ok((file, metadata)) => Ok((file, metadata.len(), path)),
            Err(error @ OpenError::Missing { .. }) => Err((404, error.to_string())),
            Err(error) => Err((403, error.to_string())),
        }
    }

    fn refused(&self, peer: SocketAddr, method: &str, path: &Path, status: u16, problem: String) -> Refusal {
        let report = report(peer, method, path.to_string_lossy().into_owned(), status, Some(problem));
        self.observer.finished(report);
        match status {
            404 => Refusal::FileNotFound,
            503 => Refusal::Msg("too many transfers".to_owned()),
            _ => Refusal::PermissionDenied,
        }
    }
}

impl Handler for Loaders {
    type Reader = Transfer;
    type Writer = NoWriter;

    async fn read_req_open(
        &mut self,
        client: &SocketAddr,
        path: &Path,
    ) -> Result<(Transfer, Option<u64>), Refusal> {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            let problem = format!("there are {TRANSFERS} transfers");
            return Err(self.refused(*client, READ, path, 503, problem));
        };
        match self.open(path) {
            Ok((file, length, path)) => {
                let report = report(*client, READ, path.into_string(), 200, None);
                let underway = Underway::new(Arc::clone(&self.observer), report, length);
                Ok((Transfer::new(file, underway, place), Some(length)))
            }
            Err((status, problem)) => Err(self.refused(*client, READ, path, status, problem)),
        }
    }

    async fn write_req_open(
        &mut self,
        client: &SocketAddr,
        path: &Path,
        _size: Option<u64>,
    ) -> Result<NoWriter, Refusal> {
        Err(self.refused(*client, WRITE, path, 405, "nothing is written here".to_owned()))
    }
}

fn report(
    peer: SocketAddr,
    method: &str,
    path: String,
    status: u16,
    problem: Option<String>,
) -> RequestReport {
    RequestReport {
        peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
        via: None,
        method: method.to_owned(),
        file: path.clone(),
        path,
        agent: String::new(),
        host: String::new(),
        status,
        bytes: 0,
        transfer: Outcome::Complete,
        took: Duration::ZERO,
        problem,
    }
}

impl AsyncWrite for NoWriter {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<std::io::Result<usize>> {
        match *self {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match *self {}
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match *self {}
    }
}
