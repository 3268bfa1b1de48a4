//! TFTP, read-only, for boot loaders: firmware that knows no HTTP gets iPXE by it, and all else goes over HTTP.

mod loaders;
#[cfg(test)]
mod tests;
mod transfer;

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use async_tftp::server::{TftpServer, TftpServerBuilder};

use crate::report::Observer;
use crate::tree::ServedTree;
use loaders::Loaders;

/// The largest block: with its headers it fits a packet of Ethernet, as firmware puts none together again.
const BLOCK: u16 = 1468;
/// Blocks that are sent before the client says it has them.
const WINDOW: u16 = 16;
/// How long to wait for that. Clients do not choose: each transfer has a place.
const WAIT: Duration = Duration::from_secs(2);
/// How often the same is sent. A client whose address is made up gets little.
const TRIES: u32 = 5;

/// A server for each of the sockets, once they can be waited for.
///
/// # Errors
/// When a socket cannot be used.
pub(crate) async fn servers(
    sockets: Vec<UdpSocket>,
    tree: &ServedTree,
    observer: &Arc<dyn Observer>,
) -> io::Result<Vec<TftpServer<Loaders>>> {
    let mut servers = Vec::new();
    let loaders = Loaders::new(tree.clone(), Arc::clone(observer));
    for socket in sockets {
        let server = TftpServerBuilder::with_handler(loaders.clone())
            .std_socket(socket)
            .map_err(io::Error::other)?
            .block_size_limit(BLOCK)
            .window_size_limit(WINDOW)
            .timeout(WAIT)
            .ignore_client_timeout()
            .max_send_retries(TRIES);
        servers.push(server.build().await.map_err(io::Error::other)?);
    }
    Ok(servers)
}
