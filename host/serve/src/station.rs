//! The server as a process of its own: a runtime, until a signal comes.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::net::unix::pipe;

use crate::desk::Desk;
use crate::limits::Limits;
use crate::proxies::TrustedProxies;
use crate::report::{Observer, RequestReport};
use crate::server::Server;
use crate::sockets::Sockets;
use crate::tftp;
use crate::tree::ServedTree;

/// Serves `tree` on `sockets` until `stop`, a pipe, is readable. systemd is told when it begins and ends, if it wants to know. `desk` takes
/// what nodes report, and has the pages; `proxies` are believed about whom they ask for.
///
/// # Errors
/// When there can be no threads, or a socket fails for good.
pub fn run(
    sockets: Sockets,
    tree: ServedTree,
    observer: Arc<dyn Observer>,
    desk: Arc<dyn Desk>,
    proxies: TrustedProxies,
    stop: BorrowedFd<'_>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        let stop = pipe::Receiver::from_owned_fd(stop.try_clone_to_owned()?)?;
        let stopped = async {
            // One that cannot be watched ends the server rather than making it immortal.
            let _ = stop.readable().await;
            tell_systemd(&[NotifyState::Stopping]);
        };
        for server in tftp::servers(sockets.tftp, &tree, &observer).await? {
            // It ends with the runtime: loaders are small, and nodes ask again.
            tokio::spawn(server.serve());
        }
        let pages = Server::of_pages(Arc::clone(&desk), Arc::new(Nobody), Limits::default());
        // They end with the runtime.
        tokio::spawn(pages.run(sockets.status, std::future::pending()));
        let server = Server::with_desk(tree, desk, observer, Limits::of_this_process()).trusting(proxies);
        tell_systemd(&[NotifyState::Ready]);
        server.run(sockets.http, stopped).await
    })
}

/// Who looks at pages is not written into the log of what nodes fetch.
struct Nobody;

impl Observer for Nobody {
    fn finished(&self, _report: RequestReport) {}
}

/// Nothing depends on it where systemd did not start this process.
fn tell_systemd(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
