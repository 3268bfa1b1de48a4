//! A network namespace of the calling thread's own, with nothing in it but a loopback that is up.
//!
//! Fixed ports are free there, nothing of the server is reachable from the machine, and nothing of
//! the machine gets out. The namespace goes with the last thread and process in it.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// Moves the calling thread into a fresh network namespace and brings its loopback up.
///
/// # Errors
/// When the kernel or the container this runs in does not allow it.
pub(super) fn enter_private() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    loopback_up()
}

/// The boot server's listener: the port boot files mean when they name none.
pub(super) fn listen() -> io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:80")
}

/// Message types and flags of rtnetlink(7), and of netlink(7).
const RTM_NEWLINK: u16 = 16;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST_AND_ACK: u16 = 1 | 4;
const IFF_UP: u32 = 1;
/// The loopback is the first interface of every namespace.
const LOOPBACK: u32 = 1;

/// Asks the kernel in its own language, so that no tool needs to be installed.
fn loopback_up() -> io::Result<()> {
    let mut message = Vec::with_capacity(32);
    // struct nlmsghdr: length, type, flags, sequence, port
    message.extend_from_slice(&32u32.to_ne_bytes());
    message.extend_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message.extend_from_slice(&NLM_F_REQUEST_AND_ACK.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    // struct ifinfomsg: family and padding, type, index, flags, changed flags
    message.extend_from_slice(&[0; 4]);
    for word in [LOOPBACK, IFF_UP, IFF_UP] {
        message.extend_from_slice(&word.to_ne_bytes());
    }
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
}
