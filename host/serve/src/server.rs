//! The server itself: listeners somebody else bound, until told to stop.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{Content, Shared, talk, told_to_stop};
use crate::desk::Desk;
use crate::limits::Limits;
use crate::proxies::TrustedProxies;
use crate::report::Observer;
use crate::tree::ServedTree;

/// How long accepting rests when the system has no room for a connection.
const REST: Duration = Duration::from_millis(50);

/// What serves a tree to whoever connects.
pub struct Server {
    shared: Shared,
    room: Arc<Semaphore>,
}

impl Server {
    /// Serves `tree`, and tells `observer` of it.
    #[must_use]
    pub fn new(tree: ServedTree, observer: Arc<dyn Observer>, limits: Limits) -> Self {
        Self::of(Content::Files(tree, None), observer, limits)
    }

    /// The same, and gives what nodes report to `desk`.
    #[must_use]
    pub fn with_desk(
        tree: ServedTree,
        desk: Arc<dyn Desk>,
        observer: Arc<dyn Observer>,
        limits: Limits,
    ) -> Self {
        Self::of(Content::Files(tree, Some(desk)), observer, limits)
    }

    /// Serves the pages of `desk`, and no file.
    #[must_use]
    pub fn of_pages(desk: Arc<dyn Desk>, observer: Arc<dyn Observer>, limits: Limits) -> Self {
        Self::of(Content::Pages(desk), observer, limits)
    }

    fn of(content: Content, observer: Arc<dyn Observer>, limits: Limits) -> Self {
        let room = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        let proxies = TrustedProxies::default();
        Self { shared: Shared { content, observer, limits, proxies }, room }
    }

    /// Believes these proxies about whom they ask for.
    #[must_use]
    pub fn trusting(mut self, proxies: TrustedProxies) -> Self {
        self.shared.proxies = proxies;
        self
    }

    /// Serves on `listeners` until `stop` resolves; answers that are under way then have the grace of the limits.
    ///
    /// Must run inside a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    /// When a listener cannot be used or fails for good. A fault of one connection ends that connection only.
    pub async fn run(
        self,
        listeners: Vec<std::net::TcpListener>,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let (tell, stopped) = watch::channel(false);
        let shared = Arc::new(self.shared);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let (shared, room) = (Arc::clone(&shared), Arc::clone(&self.room));
            accepting.spawn(accept(listener, shared, room, stopped.clone()));
        }
        tokio::pin!(stop);
        let failed = tokio::select! {
            () = &mut stop => None,
            Some(ended) = accepting.join_next() => Some(ended),
        };
        let _ = tell.send(true);
        let mut outcome = failed.map_or(Ok(()), |ended| ended.map_err(io::Error::other)?);
        while let Some(ended) = accepting.join_next().await {
            outcome = outcome.and(ended.map_err(io::Error::other)?);
        }
        outcome
    }
}

/// Serves `tree` on one listener until `stop` resolves; connections still open then are dropped.
///
/// # Errors
/// As [`Server::run`].
pub async fn serve(
    listener: std::net::TcpListener,
    tree: ServedTree,
    observer: Arc<dyn Observer>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let limits = Limits { grace: Duration::ZERO, ..Limits::default() };
    Server::new(tree, observer, limits).run(vec![listener], stop).await
}

/// Takes connections until the server stops.
async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let stopped = stop.clone();
    let mut connections = JoinSet::new();
    let outcome = loop {
        tokio::select! {
            () = told_to_stop(&mut stop) => break Ok(()),
            next = next(&listener, &shared, &room) => match next {
                Ok((stream, peer, place)) => {
                    let talking = talk(stream, peer, Arc::clone(&shared), stopped.clone());
                    connections.spawn(async move {
                        talking.await;
                        drop(place);
                    });
                }
                Err(error) if is_passing(&error) => tokio::time::sleep(REST).await,
                Err(error) => break Err(error),
            },
            Some(_) = connections.join_next() => {}
        }
    };
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(shared.limits.grace, drained).await;
    connections.shutdown().await;
    outcome
}

/// The next connection, once there is room for one: until then clients wait in the system's queue.
async fn next(
    listener: &TcpListener,
    shared: &Shared,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, std::net::SocketAddr, OwnedSemaphorePermit)> {
    let place = match Arc::clone(room).try_acquire_owned() {
        Ok(place) => place,
        Err(_) => {
            shared.observer.full(shared.limits.connections);
            Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?
        }
    };
    let (stream, peer) = listener.accept().await?;
    // A socket for both families names clients of IPv4 in IPv6's way.
    Ok((stream, std::net::SocketAddr::new(peer.ip().to_canonical(), peer.port()), place))
}

/// Faults of accept that concern one client, or pass when others close.
fn is_passing(error: &io::Error) -> bool {
    use nix::libc;
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EINTR
                | libc::EPROTO
        )
    )
}

#[cfg(test)]
mod tests;
