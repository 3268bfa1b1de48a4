//! The DHCP server of a proof under UEFI: dnsmasq in the proof's network, without files.
//!
//! QEMU's own network answers DHCP, too, but cannot say that it is one to boot from over HTTP (option 60).

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::boot_file::LOADER_PATH;
use super::child::{LastWords, dies_with_this_thread};
use super::error::ProveError;
use super::subnet::{Subnet, dotted};
use camino::Utf8Path;
use disklessset_plugin_api::node_set::NodeName;

/// It answers after some hundredths of a second; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Its word for having begun.
const STARTED: &str = "started, version";

/// A running server; dropping it ends it. It dies with the thread that started it.
#[derive(Debug)]
pub(super) struct DhcpServer {
    child: Child,
    words: Option<LastWords>,
}

impl DhcpServer {
    /// Starts it in the calling thread's network and comes back when it answers.
    ///
    /// # Errors
    /// When it does not start, with its words.
    pub(super) fn start(dnsmasq: &Utf8Path, machines: &[(&NodeName, Subnet)]) -> Result<Self, ProveError> {
        #[allow(clippy::disallowed_methods, reason = "this room owns the server's process")]
        let mut command = Command::new(dnsmasq);
        command
            .args(arguments(machines))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        dies_with_this_thread(&mut command);
        let mut child = command.spawn().map_err(ProveError::io(format!("start {dnsmasq}")))?;
        let words = child.stderr.take().map(LastWords::of);
        Self { child, words }.once_it_answers()
    }

    fn once_it_answers(mut self) -> Result<Self, ProveError> {
        let started = Instant::now();
        loop {
            let words = self.words.as_ref().map(LastWords::so_far).unwrap_or_default();
            if words.contains(STARTED) {
                return Ok(self);
            }
            let has_ended = !matches!(self.child.try_wait(), Ok(None));
            if has_ended || started.elapsed() > PATIENCE {
                return Err(ProveError::DhcpServer { words: self.last_word() });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it and gives its last line.
    fn last_word(&mut self) -> String {
        self.kill();
        let words = self.words.take().map(LastWords::whole).unwrap_or_default();
        let last = words.lines().rfind(|line| !line.trim().is_empty());
        last.map_or_else(|| "it said nothing".to_owned(), |line| line.trim().to_owned())
    }

    fn kill(&mut self) {
        // Both fail only when it has ended and is waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for DhcpServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One address for each machine, whatever its firmware, its initramfs and its system call themselves (`id:*`): an NFS root
/// is lost with the address it was mounted from.
fn arguments(machines: &[(&NodeName, Subnet)]) -> Vec<String> {
    // In the foreground under our own user: who changes it does not die with us.
    let mut all: Vec<String> =
        ["--no-daemon", "--conf-file=/dev/null", "--port=0", "--no-resolv", "--no-hosts", "--no-ping"]
            .map(str::to_owned)
            .to_vec();
    all.extend(["--leasefile-ro", "--dhcp-authoritative", "--bind-interfaces"].map(str::to_owned));
    all.push("--dhcp-vendorclass=set:http,HTTPClient".to_owned());
    all.push("--dhcp-userclass=set:ipxe,iPXE".to_owned());
    // Without this answer UEFI takes no address of a file to boot.
    all.push("--dhcp-option-force=tag:http,60,HTTPClient".to_owned());
    for (node, subnet) in machines {
        let (name, mac) = (subnet.interface(), subnet.mac());
        all.extend([
            format!("--interface={name}"),
            format!("--dhcp-range={},static,255.255.255.0", dotted(subnet.network())),
            format!("--dhcp-host={mac},id:*,set:{name},{}", dotted(subnet.machine())),
            // By its number: it is dnsmasq's own by name, and of a host it would cut the name at its first dot.
            format!("--dhcp-option-force=tag:{name},12,{node}"),
            format!("--dhcp-boot=tag:{name},tag:http,tag:!ipxe,{}", subnet.url(LOADER_PATH)),
            format!("--dhcp-boot=tag:{name},tag:ipxe,{}", subnet.entry()),
        ]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_core::needs;

    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn dnsmasq_takes_the_arguments_of_as_many_machines_as_there_may_be() {
        let Some(dnsmasq) = needs::found(&needs::DNSMASQ) else {
            return eprintln!("SKIPPED dnsmasq_takes_the_arguments: dnsmasq is not installed");
        };
        let node = "login-1.site".parse::<NodeName>().unwrap();
        let machines: Vec<_> =
            (0..Subnet::MOST).map(|machine| (&node, Subnet::of(machine).unwrap())).collect();
        #[allow(clippy::disallowed_methods, reason = "this room owns the server's process")]
        let judged = Command::new(dnsmasq).arg("--test").args(arguments(&machines)).output().unwrap();
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    }

    #[test]
    fn a_server_that_does_not_start_says_why() {
        let node = crate::node::made_up().unwrap();
        let subnet = Subnet::of(0).unwrap();
        // It knows none of the options.
        let error = DhcpServer::start("/bin/sleep".into(), &[(&node, subnet)]).unwrap_err().to_string();
        assert!(error.contains("dnsmasq") && error.contains("sleep"), "{error}");
    }
}
