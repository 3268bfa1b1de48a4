//! Where the server listens: addresses it binds itself, or sockets that systemd hands over.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use listenfd::ListenFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// The port of HTTP.
const HTTP: u16 = 80;
/// The port of TFTP.
const TFTP: u16 = 69;
/// Connections that wait to be accepted. The system has a limit of its own (`net.core.somaxconn`).
const WAITING: i32 = 4096;

/// The sockets of the server.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For HTTP.
    pub http: Vec<TcpListener>,
    /// For TFTP.
    pub tftp: Vec<UdpSocket>,
    /// For the pages of the status.
    pub status: Vec<TcpListener>,
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl Sockets {
    /// Those that systemd handed over; none when it did not start this process.
    ///
    /// # Errors
    /// When one of them is no listening TCP socket and no UDP socket.
    pub fn handed_over() -> io::Result<Self> {
        let mut given = ListenFd::from_env();
        let mut sockets = Self::default();
        for at in 0..given.len() {
            match given.take_tcp_listener(at) {
                Ok(listener) => sockets.http.extend(listener),
                Err(_) => sockets.tftp.extend(given.take_udp_socket(at)?),
            }
        }
        Ok(sockets)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.http.is_empty() && self.tftp.is_empty()
    }

    /// Listens on these addresses; on port 80 of all when none is named.
    ///
    /// # Errors
    /// The first address that cannot be had.
    pub fn listen(&mut self, addresses: &[SocketAddr]) -> Result<(), ListenError> {
        if addresses.is_empty() {
            return self.listen_everywhere();
        }
        for address in addresses {
            self.http.push(http_listener(*address)?);
        }
        Ok(())
    }

    fn listen_everywhere(&mut self) -> Result<(), ListenError> {
        self.http.push(http_listener((Ipv4Addr::UNSPECIFIED, HTTP).into())?);
        match http_listener((Ipv6Addr::UNSPECIFIED, HTTP).into()) {
            Ok(listener) => self.http.push(listener),
            Err(error) if has_no_ipv6(&error.source) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Listens for who looks at the status.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn listen_for_status(&mut self, address: SocketAddr) -> Result<(), ListenError> {
        self.status.push(http_listener(address)?);
        Ok(())
    }

    /// Listens for TFTP, at its port of the addresses that HTTP is answered on.
    ///
    /// # Errors
    /// The first address that cannot be had.
    pub fn listen_for_tftp(&mut self) -> Result<(), ListenError> {
        let mut addresses: Vec<IpAddr> = self.http_addresses().iter().map(SocketAddr::ip).collect();
        addresses.sort_unstable();
        addresses.dedup();
        for address in addresses {
            self.tftp.push(tftp_socket((address, TFTP).into())?);
        }
        Ok(())
    }

    /// The addresses that HTTP is answered on.
    #[must_use]
    pub fn http_addresses(&self) -> Vec<SocketAddr> {
        self.http.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    use nix::libc::{EADDRNOTAVAIL, EAFNOSUPPORT};
    matches!(error.raw_os_error(), Some(EAFNOSUPPORT | EADDRNOTAVAIL))
}

fn http_listener(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listening = || -> rustix::io::Result<TcpListener> {
        let socket = bound(address, SocketType::STREAM)?;
        rustix::net::listen(&socket, WAITING)?;
        Ok(socket.into())
    };
    listening().map_err(|error| ListenError { address, source: error.into() })
}

fn tftp_socket(address: SocketAddr) -> Result<UdpSocket, ListenError> {
    let socket = bound(address, SocketType::DGRAM);
    socket.map(UdpSocket::from).map_err(|error| ListenError { address, source: error.into() })
}

fn bound(address: SocketAddr, kind: SocketType) -> rustix::io::Result<OwnedFd> {
    let family = match address.ip() {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if kind == SocketType::STREAM {
        // A server that was ended a moment ago does not keep the next one out.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    if address.is_ipv6() {
        // IPv4 has sockets of its own.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}
