//! The virtual machine: QEMU's arguments, its life and its end.
//!
//! It is started here and not through the room that runs tools: its output is a console that is
//! read while it runs, and it must die with us.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::Signal;

use super::child::{LastWords, dies_with_this_thread};
use super::report::UsedAccelerator;
use super::request::Mebibytes;
use super::subnet::{Subnet, dotted};
use super::tools::{FirmwareTools, UefiTools};
use disklessset_plugin_api::node_set::NodeName;

/// The machine to start.
#[derive(Debug, Clone)]
pub(super) struct MachineSpec {
    pub(super) program: Utf8PathBuf,
    pub(super) accelerator: UsedAccelerator,
    pub(super) memory: Mebibytes,
    pub(super) cpus: u32,
    pub(super) processor: Processor,
}

/// Without `tb-size` QEMU takes a gigabyte more.
const EMULATION: &str = "tcg,thread=multi,tb-size=256";

/// The emulated processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Processor {
    /// Nothing beyond the first x86-64: boots in two thirds of the time of the newest.
    Plain,
    /// All QEMU knows, for images built for x86-64-v2 and later (Enterprise Linux 9).
    Newest,
}

/// What the machine starts with.
#[derive(Debug, Clone)]
pub(super) enum Boot {
    /// Its network card, as a node, on a network of its own.
    Network { node: NodeName, subnet: Subnet, firmware: FirmwareTools },
    /// A kernel alone, which can only panic: for probing.
    Kernel(Utf8PathBuf),
}

impl MachineSpec {
    /// QEMU's arguments.
    fn arguments(&self, boot: &Boot) -> Vec<String> {
        let (accelerator, cpu) = match (self.accelerator, self.processor) {
            (UsedAccelerator::Kvm, _) => ("kvm", "host"),
            (UsedAccelerator::Emulation, Processor::Plain) => (EMULATION, "qemu64"),
            (UsedAccelerator::Emulation, Processor::Newest) => (EMULATION, "max"),
        };
        let mut arguments: Vec<String> = [
            "-accel",
            accelerator,
            "-cpu",
            cpu,
            "-no-user-config",
            "-nodefaults",
            "-no-reboot",
            "-nographic",
            "-serial",
            "stdio",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.extend(["-smp".into(), self.cpus.to_string()]);
        arguments.extend(["-m".into(), self.memory.0.to_string()]);
        match boot {
            Boot::Network { node, subnet, firmware } => {
                arguments.extend(match firmware {
                    FirmwareTools::Bios => on_user_network(node, *subnet),
                    FirmwareTools::Uefi(tools) => under_uefi(tools, *subnet),
                });
                arguments.extend(["-device".to_owned(), "virtio-rng-pci".to_owned()]);
            }
            Boot::Kernel(kernel) => arguments.extend([
                "-nic".to_owned(),
                "none".to_owned(),
                "-kernel".to_owned(),
                kernel.to_string(),
                "-append".to_owned(),
                "console=ttyS0,115200 panic=-1".to_owned(),
            ]),
        }
        arguments
    }

    /// Starts a machine with `boot`. It is killed when the calling *thread* ends, however that comes.
    pub(super) fn start(&self, boot: &Boot) -> io::Result<Machine> {
        #[allow(clippy::disallowed_methods, reason = "this room owns QEMU's process")]
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments(boot))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        dies_with_this_thread(&mut command);
        let mut child = command.spawn()?;
        let errors = child.stderr.take().map(LastWords::of);
        Ok(Machine { child, errors })
    }
}

/// QEMU's own network, which leads the iPXE of its network card to the boot file.
fn on_user_network(node: &NodeName, subnet: Subnet) -> Vec<String> {
    let (network, server, entry) = (dotted(subnet.network()), dotted(subnet.server()), subnet.entry());
    let prefix = Subnet::PREFIX;
    vec![
        "-netdev".to_owned(),
        format!("user,id=n0,net={network}/{prefix},host={server},hostname={node},bootfile={entry}"),
        "-device".to_owned(),
        "virtio-net-pci,netdev=n0,bootindex=0".to_owned(),
    ]
}

/// The network of an interface that QEMU makes, and that goes with it; the firmware has its own driver for the card, as on real nodes, and
/// does not try PXE, which takes it minutes. What it changes of its settings goes with the machine.
fn under_uefi(tools: &UefiTools, subnet: Subnet) -> Vec<String> {
    let (code, settings) = (&tools.code, &tools.settings);
    let mut arguments = vec![
        "-machine".to_owned(),
        "q35".to_owned(),
        "-drive".to_owned(),
        format!("if=pflash,unit=0,format=raw,readonly=on,file={code}"),
        "-drive".to_owned(),
        format!("if=pflash,unit=1,format=raw,snapshot=on,file={settings}"),
        "-netdev".to_owned(),
        format!("tap,id=n0,ifname={},script=no,downscript=no", subnet.interface()),
        "-device".to_owned(),
        format!("virtio-net-pci,netdev=n0,bootindex=0,romfile=,mac={}", subnet.mac()),
    ];
    for protocol in ["IPv4PXESupport", "IPv6PXESupport"] {
        arguments.extend(["-fw_cfg".to_owned(), format!("name=opt/org.tianocore/{protocol},string=n")]);
    }
    arguments
}

/// A running machine; dropping it kills it and waits.
#[derive(Debug)]
pub(super) struct Machine {
    child: Child,
    errors: Option<LastWords>,
}

impl Machine {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The console's two ends; can be taken once.
    pub(super) fn console(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take())
    }

    /// How it ended, if it has.
    pub(super) fn ended_early(&mut self) -> Option<MachineEnd> {
        match self.child.try_wait() {
            Ok(None) => None,
            _ => Some(self.reap()),
        }
    }

    /// Kills the machine if it still runs, and tells how it ended.
    pub(super) fn end(mut self) -> MachineEnd {
        // Its console may close a moment before it exits by itself.
        for _ in 0..20 {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(std::time::Duration::from_millis(5)),
                _ => break,
            }
        }
        self.reap()
    }

    /// Kills the machine at once.
    pub(super) fn kill(mut self) -> MachineEnd {
        self.reap()
    }

    fn reap(&mut self) -> MachineEnd {
        let _ = self.child.kill();
        let status = match self.child.wait() {
            Ok(status) => match (status.signal().map(Signal::try_from), status.code()) {
                (Some(Ok(signal)), _) => format!("QEMU was ended by {signal}"),
                (_, Some(code)) => format!("QEMU ended with exit code {code}"),
                _ => format!("QEMU ended: {status}"),
            },
            Err(error) => format!("cannot wait for QEMU: {error}"),
        };
        let errors = self.errors.take().map(LastWords::whole).unwrap_or_default();
        MachineEnd { status, errors }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.reap();
    }
}

/// How a machine ended.
#[derive(Debug, Clone)]
pub(super) struct MachineEnd {
    status: String,
    errors: String,
}

impl MachineEnd {
    /// One line for people.
    pub(super) fn describe(&self) -> String {
        match self.errors.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("{}: {}", self.status, line.trim()),
            None => self.status.clone(),
        }
    }

    /// Whether QEMU did not find the network card's iPXE.
    pub(super) fn lacks_rom(&self) -> bool {
        self.errors.contains("romfile") || self.errors.contains(".rom\"")
    }
}

/// The most memory a process took so far.
pub(super) fn peak_memory(pid: u32) -> Option<Mebibytes> {
    let status = std::fs::read_to_string(Utf8Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u32 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(Mebibytes(kib.div_ceil(1024)))
}

/// How many processors each of so many emulated machines gets: more than the server has idle make them slower or
/// lock them up.
pub(super) fn sensible_cpus(machines: usize) -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let load: f64 = std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0);
    match cores >= 2 * machines && load < cores as f64 - 0.5 {
        true => 2,
        false => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_can_be_read() {
        let peak = peak_memory(std::process::id()).unwrap();
        assert!(peak.0 >= 1 && peak.0 < 10_000, "{peak}");
    }

    #[test]
    fn a_missing_rom_is_told_from_other_ends() {
        let end =
            |errors: &str| MachineEnd { status: "QEMU ended with exit code 1".into(), errors: errors.into() };
        let rom =
            end("qemu-system-x86_64: -device virtio-net-pci: failed to find romfile \"efi-virtio.rom\"\n");
        assert!(rom.lacks_rom());
        let memory =
            end("qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n\n");
        assert!(!memory.lacks_rom());
        assert!(memory.describe().contains("exit code 1: qemu-system-x86_64: cannot set up guest"));
    }
}
