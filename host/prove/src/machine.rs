//! The virtual machine: QEMU's arguments, its life and its end.
//!
//! It is started here and not through the room that runs tools: its output is a console that is
//! read while it runs, and it must die with us.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::Signal;

use super::boot_file::ENTRY_PATH;
use super::child::{LastWords, dies_with_this_thread};
use super::node::NodeName;
use super::report::UsedAccelerator;
use super::request::Mebibytes;
use disklessset_core::needs;

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
    /// iPXE on its network card, as a node, on a network of its own.
    Network { node: NodeName, subnet: Subnet },
    /// A kernel alone, which can only panic: for probing.
    Kernel(Utf8PathBuf),
}

/// The user network of one machine: 10.0.N.0/24, in which this server is 10.0.N.2. By the address a request names the
/// server with, the machine that asks is known; all of them come from the same loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subnet(u8);

impl Subnet {
    /// QEMU's own choice.
    const FIRST: u8 = 2;
    /// How many machines can have one.
    pub(super) const MOST: usize = 64;

    /// The network of the machine with that place in the order; none beyond [`Subnet::MOST`].
    pub(super) fn of(machine: usize) -> Option<Self> {
        let offset = u8::try_from(machine).ok().filter(|_| machine < Self::MOST)?;
        Some(Self(Self::FIRST + offset))
    }

    /// The place in the order of the machine that calls this server `host` (with or without a port).
    pub(super) fn machine_calling(host: &str) -> Option<usize> {
        let third = host.split(':').next()?.strip_prefix("10.0.")?.strip_suffix(".2")?;
        usize::from(third.parse::<u8>().ok()?).checked_sub(usize::from(Self::FIRST))
    }
}

/// QEMU's path, if it is installed.
pub(super) fn find_qemu() -> Option<Utf8PathBuf> {
    needs::found(&needs::QEMU)
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
            Boot::Network { node, subnet: Subnet(n) } => arguments.extend([
                "-netdev".to_owned(),
                format!(
                    "user,id=n0,net=10.0.{n}.0/24,host=10.0.{n}.2,hostname={node},\
                     bootfile=http://10.0.{n}.2/{ENTRY_PATH}"
                ),
                "-device".to_owned(),
                "virtio-net-pci,netdev=n0,bootindex=0".to_owned(),
                "-device".to_owned(),
                "virtio-rng-pci".to_owned(),
            ]),
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
    fn a_machine_is_known_by_what_it_calls_the_server() {
        for machine in [0, 1, Subnet::MOST - 1] {
            let Subnet(third) = Subnet::of(machine).unwrap();
            assert_eq!(Subnet::machine_calling(&format!("10.0.{third}.2")), Some(machine));
            assert_eq!(Subnet::machine_calling(&format!("10.0.{third}.2:80")), Some(machine));
        }
        assert_eq!(Subnet::of(Subnet::MOST), None);
        for other in ["", "10.0.1.2", "10.0.2.3", "localhost", "10.0.300.2"] {
            assert_eq!(Subnet::machine_calling(other), None, "{other}");
        }
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
