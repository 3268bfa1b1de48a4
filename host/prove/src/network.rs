//! A network namespace of the calling thread's own, with nothing in it but a loopback that is up.
//!
//! Fixed ports are free there, nothing of the server is reachable from the machine, and nothing of
//! the machine gets out. The namespace goes with the last thread and process in it.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use super::subnet::Subnet;

/// Moves the calling thread into a fresh network namespace and brings its loopback up.
///
/// # Errors
/// When the kernel or the container this runs in does not allow it.
pub(super) fn enter_private() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    link_up(LOOPBACK)
}

/// The boot server's listener: the port boot files mean when they name none, at every address of the private network.
pub(super) fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80))
}

/// Gives the interface that a machine's program makes this server's address, and brings it up. Nothing is there until the
/// machine's program has begun: then `None`.
pub(super) fn open_interface(subnet: Subnet) -> io::Result<Option<()>> {
    let index = match if_nametoindex(subnet.interface().as_str()) {
        Ok(index) => index,
        Err(Errno::ENODEV) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    add_address(index, subnet.server(), Subnet::PREFIX)?;
    link_up(index).map(Some)
}

/// Message types, attributes and flags of rtnetlink(7), and of netlink(7).
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const AF_INET: u8 = 2;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST_AND_ACK: u16 = 1 | 4;
const NLM_F_CREATE_EXCLUSIVE: u16 = 0x200 | 0x400;
const IFF_UP: u32 = 1;
/// The loopback is the first interface of every namespace.
const LOOPBACK: u32 = 1;

fn link_up(interface: u32) -> io::Result<()> {
    // struct ifinfomsg: family and padding, type, index, flags, changed flags
    let mut body = vec![0; 4];
    for word in [interface, IFF_UP, IFF_UP] {
        body.extend_from_slice(&word.to_ne_bytes());
    }
    ask_kernel(RTM_NEWLINK, NLM_F_REQUEST_AND_ACK, &body)
}

fn add_address(interface: u32, address: [u8; 4], prefix: u8) -> io::Result<()> {
    // struct ifaddrmsg: family, prefix, flags, scope, index
    let mut body = vec![AF_INET, prefix, 0, 0];
    body.extend_from_slice(&interface.to_ne_bytes());
    for attribute in [IFA_LOCAL, IFA_ADDRESS] {
        // struct rtattr: length, type
        body.extend_from_slice(&8u16.to_ne_bytes());
        body.extend_from_slice(&attribute.to_ne_bytes());
        body.extend_from_slice(&address);
    }
    ask_kernel(RTM_NEWADDR, NLM_F_REQUEST_AND_ACK | NLM_F_CREATE_EXCLUSIVE, &body)
}

/// Asks the kernel in its own language, so that no tool needs to be installed.
fn ask_kernel(kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(16 + body.len()).map_err(io::Error::other)?;
    // struct nlmsghdr: length, type, flags, sequence, port
    let mut message = Vec::with_capacity(16 + body.len());
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(body);
    let netlink =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    sendto(netlink.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0u8; 256];
    let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    // An acknowledgement is an error message with the code 0 behind the header.
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    let code = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
    match (length >= 20, kind, code) {
        (true, NLMSG_ERROR, 0) => Ok(()),
        (true, NLMSG_ERROR, code) => Err(io::Error::from_raw_os_error(-code)),
        _ => Err(io::Error::other("the kernel's answer makes no sense")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn two_namespaces_have_the_same_port_at_once() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED two_namespaces_have_the_same_port_at_once: needs root");
            return;
        }
        let (ready, wait) = std::sync::mpsc::channel();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let ready = ready.clone();
                std::thread::spawn(move || {
                    enter_private().unwrap();
                    let listener = listen().unwrap();
                    std::net::TcpStream::connect("127.0.0.1:80").unwrap();
                    assert!(std::net::TcpStream::connect("192.0.2.1:80").is_err());
                    ready.send(()).unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(300));
                    drop(listener);
                })
            })
            .collect();
        for _ in 0..2 {
            wait.recv_timeout(std::time::Duration::from_secs(5)).unwrap();
        }
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn an_interface_is_given_its_address_when_it_is_there() {
        if !rustix::process::geteuid().is_root() {
            return eprintln!("SKIPPED an_interface_is_given_its_address_when_it_is_there: needs root");
        }
        let inside = std::thread::spawn(|| {
            enter_private().unwrap();
            let subnet = Subnet::of(0).unwrap();
            assert_eq!(open_interface(subnet).unwrap(), None, "nothing has made it");
            // A second address of the loopback is where it was given.
            add_address(LOOPBACK, subnet.server(), Subnet::PREFIX).unwrap();
            TcpListener::bind((Ipv4Addr::from(subnet.server()), 80)).unwrap();
            let again = add_address(LOOPBACK, subnet.server(), Subnet::PREFIX).unwrap_err();
            assert_eq!(again.kind(), io::ErrorKind::AlreadyExists, "the kernel's answer is heard");
        });
        inside.join().unwrap();
    }
}
